"""A conversation with a model: what it is asked each time, and whose model it is."""

import io
import json
from pathlib import Path

import pytest

from redone import cli
from redone.cli.chat import stage_of, talk
from redone.data.encode import Encoder
from redone.sample.scripted import ScriptedSampler


class Noted:
    """Answers by a script, and keeps what it was asked."""

    def __init__(self, make_tokenizer, says):
        self.asked = []
        self.sampler = ScriptedSampler(says, Encoder(make_tokenizer()), group=1)

    def ask(self, prompts):
        self.asked += [[(turn["role"], turn["content"]) for turn in prompt.messages] for prompt in prompts]
        return self.sampler.ask(prompts)


def test_every_message_is_asked_with_all_that_was_said_before_until_the_person_quits(make_tokenizer):
    model = Noted(make_tokenizer, lambda prompt, number: f"answer {prompt.count('answer') + 1}")
    said = list(talk(model, ["hello\n", "\n", " again \n", "/quit\n", "never\n"], "Be short.", 99))
    assert said == ["answer 1", "answer 2"]
    first = [("system", "Be short."), ("user", "hello")]
    assert model.asked == [first, [*first, ("assistant", "answer 1"), ("user", "again")]]


def test_what_it_thinks_is_shown_and_not_told_again(make_tokenizer):
    model = Noted(make_tokenizer, lambda prompt, number: "hm</think>yes")  # its prompt opens the tag
    said = list(talk(model, ["one", "two"], "", 99, think=True))
    assert said[0] == "<think>hm</think>yes"
    assert model.asked[1] == [("user", "one"), ("assistant", "yes"), ("user", "two")]


def test_an_answer_that_is_cut_off_or_empty_is_said_to_be(make_tokenizer):
    assert list(talk(Noted(make_tokenizer, lambda *_: "a long answer"), ["x"], "", 6)) == [
        "a long",
        "[cut off after 6 tokens; --tokens gives more]",
    ]
    silent = Noted(make_tokenizer, lambda *_: "")
    assert list(talk(silent, ["x", "y"], "", 6)) == ["", "[it said nothing; this message is forgotten]"] * 2
    assert silent.asked[1] == [("user", "y")]


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path) -> Path:
    """A run's folder whose first stage is done."""
    folder = tmp_path / "mine"
    (folder / "explore").mkdir(parents=True)
    (folder / "explore" / "DONE").write_text("{}", encoding="utf-8")
    (folder / "explore" / "model").symlink_to(tiny_model)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    stages = {"explore": {"kind": "reinforce", "start": "base"}, "target": {"kind": "teach", "start": "explore"}}
    config = {"model": {"path": str(tiny_model)}, "stages": list(stages), **stages}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_messages_of_a_pipe_are_answered_by_the_model_of_a_stage(run, tiny_model, monkeypatch, capsys):
    said = []
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for options in ([str(run), "--stage", "explore"], [str(tiny_model)]):
        monkeypatch.setattr("sys.stdin", io.StringIO("hello\nand again\n"))
        assert cli.main(["chat", *options, "--tokens", "4"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0].count("[cut off after 4 tokens; --tokens gives more]") == 2
    assert said[0] == said[1]


def test_sampling_repeats_with_its_seed_and_changes_with_another(tiny_model, monkeypatch, capsys):
    said = []
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for seed in ("1", "1", "2"):
        monkeypatch.setattr("sys.stdin", io.StringIO("hello\n"))
        assert cli.main(["chat", str(tiny_model), "--tokens", "8", "--temperature", "1.5", "--seed", seed]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != said[2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["RUN", "--stage", "exploer"], "--stage exploer: the run has no such stage; did you mean explore?"),
        (["RUN", "--stage", "target"], "this stage has no model and no checkpoint yet"),
        (["base", "--stage", "target"], "--stage target: base is no run's folder"),
        (["nowhere"], "nowhere: there is no such model folder"),
        (["RUN", "--temperature", "-1"], "--temperature -1: it is 0, for the likeliest tokens, or more"),
    ],
)
def test_what_cannot_be_talked_with_is_said(run, capsys, options, said):
    assert cli.main(["chat", *(str(run) if one == "RUN" else one for one in options)]) == 2
    assert said in capsys.readouterr().err


def test_the_base_of_a_run_is_what_it_began_with(run, tiny_model):
    assert stage_of(str(run), "base") == str(tiny_model)
