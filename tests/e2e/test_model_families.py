"""Model families through check, run and eval, each a model of random weights with the family's template and tokens."""

import json
import re

import pytest
from families import FAMILIES, generation_of, tokenizer_of

from redone import cli

SOME = ("qwen2_vl", "glm_4")  # parts, the end that is the next question
ONE_STEP = (
    'stages=["explore"]',
    "explore.steps=1",
    "explore.prompts=2",
    "explore.group=2",
    "explore.updates=1",
    "eval.records=2",
)


@pytest.fixture
def folder(tmp_path, make_tokenizer):
    """A function that leaves a tiny model of a family as a Hugging Face folder."""
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    def make(name):
        family = FAMILIES[name]
        tokenizer = tokenizer_of(family, make_tokenizer)
        size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
        more = {"num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 512, "tie_word_embeddings": True}
        with torch.random.fork_rng():
            torch.manual_seed(1)
            ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
            model = Qwen3ForCausalLM(Qwen3Config(vocab_size=len(tokenizer), **size, **more, **ends))
        path = tmp_path / "families" / name
        model.save_pretrained(path)
        tokenizer.save_pretrained(path)
        named = generation_of(family, tokenizer) or tokenizer.eos_token_id
        GenerationConfig(eos_token_id=named, pad_token_id=tokenizer.pad_token_id).save_pretrained(path)
        return path, tokenizer

    return make


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in SOME else pytest.mark.slow) for n in FAMILIES])
def test_a_family_is_checked_trained_and_measured(tmp_path, tiny_run, folder, capsys, name):
    family = FAMILIES[name]
    base, tokenizer = folder(name)
    pack = tmp_path / "pack.toml"  # room for headers and tags, a byte a token
    pack.write_text(re.sub("budget = [0-9]+", "budget = 80", pack.read_text(encoding="utf-8")), encoding="utf-8")
    sets = [part for one in (*ONE_STEP, f"model.path={json.dumps(str(base))}") for part in ("--set", one)]
    assert cli.main(["check", str(tiny_run), *sets]) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "everything fits" in said.out
    assert family.get("note", "") in said.out
    out = tmp_path / "out"
    assert cli.main(["run", str(tiny_run), "--out", str(out), *sets]) == 0, capsys.readouterr().err
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["end"] == family["end"]
    assert "note" not in family or any(family["note"] in note for note in manifest["data_notes"])
    left = json.loads((out / "explore" / "model" / "generation_config.json").read_text(encoding="utf-8"))
    ends = left["eos_token_id"] if isinstance(left["eos_token_id"], list) else [left["eos_token_id"]]
    assert tokenizer.convert_tokens_to_ids(family["end"]) in ends
    where = ["--config", str(tiny_run), "--out", str(tmp_path / "scores")]
    assert cli.main(["eval", str(out / "explore"), *where, *sets]) == 0, capsys.readouterr().err
    lines = (tmp_path / "scores" / "tasks" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    written = [json.loads(line) for line in lines]
    assert len(written) == 6
    control = [*family["special"], family["end"]]
    assert not any(token in line.get("text", line["output"]) for line in written for token in control)


def test_a_template_that_drops_the_question_is_a_sentence_in_every_command(tmp_path, tiny_run, folder, capsys):
    base, tokenizer = folder("qwen2_5")
    tokenizer.chat_template = "{% for m in messages %}<|im_start|>{{ m.text }}{% endfor %}"
    tokenizer.save_pretrained(base)
    sets = ["--set", f"model.path={json.dumps(str(base))}"]
    (tmp_path / "cups.toml").write_text(
        'title = "Cups"\nabout = "Made up."\n[readings.plain]\nreward = "exact"\n'
        '[subsets.cups]\nfile = "cups.jsonl"\nprompt = "{q}"\nanswer = "{a}"\nbudget = 4\n',
        encoding="utf-8",
    )
    (tmp_path / "cups.jsonl").write_text('{"q": "2 cups ?", "a": "2"}\n', encoding="utf-8")
    cups = ["--benchmark", str(tmp_path / "cups.toml"), "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    for command in (
        ["check", str(tiny_run), *sets],
        ["run", str(tiny_run), "--out", str(tmp_path / "out"), *sets],
        ["eval", str(base), "--config", str(tiny_run), "--out", str(tmp_path / "scores")],
        ["eval", str(base), *cups],
    ):
        assert cli.main(command) == 2
        said = capsys.readouterr().err
        assert f"{base}: its chat template leaves the question out of the prompt" in said
        assert "mend chat_template.jinja" in said
        assert "Traceback" not in said


def test_a_benchmarks_system_message_that_a_model_does_not_take_is_said_before_anything_is_asked(
    tmp_path, folder, capsys, monkeypatch
):
    from redone.records import Prompt

    base, _ = folder("gemma_2")
    (tmp_path / "cups.toml").write_text(
        'title = "Cups"\nabout = "Made up."\n[readings.plain]\nreward = "exact"\n'
        '[subsets.cups]\nfile = "cups.jsonl"\nprompt = "{q}"\nanswer = "{a}"\nbudget = 4\n',
        encoding="utf-8",
    )
    (tmp_path / "cups.jsonl").write_text('{"q": "2 cups ?", "a": "2"}\n', encoding="utf-8")
    said = ({"role": "system", "content": "be short"}, {"role": "user", "content": "2 cups ?"})
    monkeypatch.setattr("redone.measure.benchmarks.question", lambda s, r, *_: Prompt(r.id, said, 4))
    monkeypatch.setattr("redone.model.places.load", lambda *_: pytest.fail("the model was loaded"))
    cups = ["--benchmark", str(tmp_path / "cups.toml"), "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert cli.main(["eval", str(base), *cups]) == 2
    assert "cups: 1 prompts cannot be asked" in (told := capsys.readouterr().err)
    assert "cups/0: cannot write system and user messages: TemplateError: System role not supported" in told
