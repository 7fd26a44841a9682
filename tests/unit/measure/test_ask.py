"""What is asked of a model, and the file its answers stream to: local models, likelihoods, endpoints, going on."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from fakes import FakeJudge, StoppingLog
from tiny import tiny
from transformers import AutoModelForCausalLM

from redone.data.encode import Encoder
from redone.files import read_jsonl
from redone.measure.ask import Choosing, Local, Question, Remote, answered, ask, parted
from redone.model.policy import Policy
from redone.records import Record, Task
from redone.run.log import Interrupted, Log
from redone.served import client
from redone.served.client import Service

TASK = Task("tea", "general", "knowledge", "{q}", "", "exact", budget=12)


def question(i, text=None, stop=(), choices=(), **changes):
    content = f"what is {i} ?" if text is None else text
    record = Record(f"tea/{i}", "tea", ({"role": "user", "content": content},), "", "eval", "made")
    return Question(record, replace(TASK, **changes), stop, choices)


def some(count, **changes):
    """Questions of several lengths and budgets."""
    return [question(i, f"what is {i} {'very ' * (i % 4)}?", **{"budget": 5 + i % 7, **changes}) for i in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_tokenizer):
    """A model of random weights, large enough that its answers differ, with a context of 256 tokens."""
    path = tmp_path_factory.mktemp("models") / "sharp"
    tokenizer = make_tokenizer()
    model = tiny("Qwen3", seed=2, vocab_size=len(tokenizer), max_position_embeddings=256)
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def loaded(folder):
    """(policy, encoder) of that model."""
    return Policy.load(folder), Encoder.load(folder)


def lines(path):
    return {(row["id"], row.get("sample", 0)): row for row in read_jsonl(path)}


def alone(policy, encoder, question):
    """The greedy answer's tokens, by the plainest loop: one prompt, a whole forward pass for each token."""
    [prompt] = encoder.prompts([question.record], {"tea": question.task})
    tokens = []
    with torch.no_grad():
        while len(tokens) < question.task.budget and not set(tokens) & encoder.eos_ids:
            logits = policy.model(torch.tensor([[*prompt, *tokens]])).logits[0, -1]
            tokens.append(int(logits.argmax()))
    return tokens


def test_greedy_answers_are_the_models_own_and_know_whether_they_ended(loaded, tmp_path):
    policy, encoder = loaded
    mine = some(9)
    texts = [alone(policy, encoder, q) for q in mine]
    end = min({t for text in texts for t in text}, key=lambda t: abs(sum(t in text for text in texts) - len(mine) / 2))
    ending = Encoder.load(policy.model.name_or_path)
    ending.eos_ids = frozenset([end])  # a token at which some end and some do not
    ask(Local(policy, ending, rows=4), mine, tmp_path / "p.jsonl", seed=0, log=Log(), label="tea")
    found = lines(tmp_path / "p.jsonl")
    assert len(found) == 9
    for q in mine:
        tokens = alone(policy, ending, q)
        row = found[q.record.id, 0]
        assert row["finished"] == (tokens[-1] == end)
        assert row["output"] == parted(ending.decode(tokens, q.task.think), ())[1]
        assert set(row) <= {"id", "output", "finished", "thinking"}
    assert len({row["finished"] for row in found.values()}) == 2


SCRIPT = """
import sys
from pathlib import Path
import test_ask
from redone.measure.ask import Local, ask
from redone.data.encode import Encoder
from redone.run.log import Log
from redone.model.policy import Policy
source = Local(Policy.load(sys.argv[1]), Encoder.load(sys.argv[1]), rows=4)
ask(source, test_ask.long(), Path(sys.argv[2]), seed=0, log=Log(), label="tea")
"""


def long():
    """Their greedy answers never choose between two tokens whose logits are closer than 1e-4, so batches may differ."""
    return [question(i, f"tell me about {i}", budget=60) for i in range(80)]


def test_a_killed_evaluation_goes_on_and_ends_like_one_that_was_not(loaded, folder, tmp_path):
    path = tmp_path / "killed.jsonl"
    paths = os.pathsep.join(filter(None, [os.path.dirname(__file__), *sys.path]))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), str(path)],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 400
    while not path.exists() or path.read_bytes().count(b"\n") < 8:
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = path.read_bytes()
    kept = kept[: kept.rfind(b"\n") + 1]
    path.write_bytes(kept + b'{"id": "tea/79", "outp')
    assert 8 <= kept.count(b"\n") < 80
    policy, encoder = loaded
    ask(Local(policy, encoder, rows=64), long(), path, seed=0, log=Log(), label="tea")
    assert path.read_bytes().startswith(kept)
    ask(Local(policy, encoder, rows=64), long(), tmp_path / "whole.jsonl", seed=0, log=Log(), label="tea")
    assert path.read_bytes().count(b"\n") == 80
    assert len({row["output"] for row in lines(path).values()}) > 50
    assert lines(path) == lines(tmp_path / "whole.jsonl")


def test_nothing_is_asked_where_everything_is_there(loaded, tmp_path):
    ask(Local(*loaded), some(3), tmp_path / "p.jsonl", seed=0, log=Log(), label="tea")
    before = (tmp_path / "p.jsonl").read_bytes()
    ask(Local(*loaded), some(3), tmp_path / "p.jsonl", seed=0, log=Log(), label="tea")
    assert (tmp_path / "p.jsonl").read_bytes() == before


class Now(StoppingLog):
    """Is asked to stop after some advances of a bar."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def __getattribute__(self, name):
        if name == "stop":
            self.after -= 1
            return self.after < 0
        return super().__getattribute__(name)


def test_an_orderly_stop_keeps_what_is_there_and_says_how_much(loaded, tmp_path):
    path = tmp_path / "p.jsonl"
    with pytest.raises(Interrupted, match=r"during tea; (\d+) of 40 answers are in .*p\.jsonl") as stopped:
        ask(Local(*loaded, rows=4), some(40, budget=3), path, seed=0, log=Now(12), label="tea")
    kept = lines(path)
    assert 0 < len(kept) < 40
    assert f"; {len(kept)} of 40" in str(stopped.value)
    ask(Local(*loaded, rows=4), some(40, budget=3), path, seed=0, log=Log(), label="tea")
    assert len(lines(path)) == 40 == path.read_bytes().count(b"\n")


def test_several_samples_are_numbered_differ_and_follow_the_seed(loaded, tmp_path):
    def drawn(name, seed, temperature=1.0):
        path = tmp_path / name
        ask(Local(*loaded), some(4), path, samples=3, temperature=temperature, seed=seed, log=Log(), label="tea")
        assert path.read_bytes().count(b"\n") == 12
        return {key: row["output"] for key, row in lines(path).items()}

    first = drawn("a", 1)
    assert set(first) == {(f"tea/{i}", n) for i in range(4) for n in range(3)}
    assert len(set(first.values())) > 6
    assert drawn("b", 1) == first
    assert drawn("c", 2) != first
    cold = drawn("d", 1, temperature=1e-4)  # as good as greedy
    assert len(set(cold.values())) <= 4


def test_samples_that_are_missing_are_added_and_the_others_kept(loaded, tmp_path):
    path = tmp_path / "p.jsonl"
    row = {"id": "tea/1", "output": "kept", "sample": 1, "finished": True}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    ask(Local(*loaded), some(2), path, samples=2, seed=0, log=Log(), label="tea")
    found = list(read_jsonl(path))
    assert found[0] == row
    assert sorted((r["id"], r["sample"]) for r in found) == [("tea/0", 0), ("tea/0", 1), ("tea/1", 0), ("tea/1", 1)]


@pytest.mark.parametrize(
    ("row", "samples"), [({"id": "a"}, 2), ({"id": "a", "sample": 0}, 1), ({"id": "a", "sample": 2}, 2), ({}, 1)]
)
def test_a_file_of_another_kind_is_refused_by_its_line(tmp_path, row, samples):
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"p\.jsonl:1: .*; give another --out"):
        answered(tmp_path / "p.jsonl", samples)


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("tea", ["milk"], ("", "tea", False)),
        ("tea\n\nQuestion: milk", ["Q:", "\n\n", "Question:"], ("", "tea", True)),
        ("<think>why? Question:</think> tea Question: more", ["Question:"], ("why? Question:", "tea ", True)),
        ("so it is</think>tea", [], ("so it is", "tea", False)),
        ("<think></think>tea", [], ("", "tea", False)),
        ("<think>on and on Question:", ["Question:"], ("on and on Question:", "", False)),
        ("    return 1\ndef f", ["\ndef"], ("", "    return 1", True)),
        ("</s>", ["</s>"], ("", "", True)),
    ],
)
def test_the_answer_is_what_follows_the_thinking_up_to_the_first_stop_text(text, stop, expected):
    assert parted(text, stop) == expected


@pytest.mark.parametrize("packed", [True, False])
def test_decoding_ends_soon_after_a_stop_text(loaded, tmp_path, monkeypatch, packed):
    policy, encoder = loaded
    monkeypatch.setattr(policy, "packed", packed)
    monkeypatch.setattr(encoder, "eos_ids", frozenset())  # it runs on
    monkeypatch.setattr(encoder.tokenizer, "chat_template", None)
    mine = question(0, budget=100)
    ask(Local(policy, encoder), [mine], tmp_path / "free", seed=0, log=Log(), label="tea")
    [free] = read_jsonl(tmp_path / "free")
    assert not free["finished"]
    stop = free["output"][20:23]
    decoded = []
    real = Encoder.decode

    def decode(self, tokens, think):
        decoded.append(len(tokens))
        return real(self, tokens, think)

    monkeypatch.setattr(Encoder, "decode", decode)
    ask(Local(policy, encoder), [mine._replace(stop=[stop])], tmp_path / "cut", seed=0, log=Log(), label="tea")
    [cut] = read_jsonl(tmp_path / "cut")
    assert cut["output"] == free["output"].partition(stop)[0]
    assert cut["finished"]
    assert decoded[-1] < 100, "it did not run on to the budget"


def test_a_model_that_chats_ends_its_answers_itself(loaded, tmp_path):
    policy, encoder = loaded
    mine = question(0, budget=40)
    ask(Local(policy, encoder), [mine], tmp_path / "free", seed=0, log=Log(), label="tea")
    [free] = read_jsonl(tmp_path / "free")
    ask(
        Local(policy, encoder),
        [mine._replace(stop=[free["output"][1:3]])],
        tmp_path / "p",
        seed=0,
        log=Log(),
        label="tea",
    )
    assert list(read_jsonl(tmp_path / "p")) == [free]


def test_a_model_without_a_chat_template_goes_on_with_the_text_itself(loaded, tmp_path, monkeypatch):
    policy, encoder = loaded
    monkeypatch.setattr(encoder.tokenizer, "chat_template", None)
    mine = question(0, "Q: is it tea\nA:", budget=8, choices=("yes", "no"))
    text = encoder.tokenizer("Q: is it tea\nA:")["input_ids"]
    tokens: list[int] = []
    expected = {}
    with torch.no_grad():
        while len(tokens) < 8 and not set(tokens) & encoder.eos_ids:
            tokens.append(int(policy.model(torch.tensor([[*text, *tokens]])).logits[0, -1].argmax()))
        for choice in mine.choices:
            ids = encoder.tokenizer(f" {choice}", add_special_tokens=False)["input_ids"]
            rows = policy.model(torch.tensor([[*text, *ids]])).logits[0, len(text) - 1 : -1].double().log_softmax(-1)
            expected[choice] = sum(float(row[token]) for row, token in zip(rows, ids))
    ask(Local(policy, encoder), [mine], tmp_path / "p", seed=0, log=Log(), label="tea")
    ask(Choosing(policy, encoder), [mine], tmp_path / "q", seed=0, log=Log(), label="tea")
    [answer], [chosen] = read_jsonl(tmp_path / "p"), read_jsonl(tmp_path / "q")
    assert answer["output"] == encoder.decode(tokens, mine.task.think)
    assert chosen["likelihoods"] == pytest.approx(expected, abs=1e-4)


def test_a_prompt_longer_than_the_context_is_cut_on_the_left_counted_and_told_of(loaded, tmp_path):
    policy, encoder = loaded
    mine = [question(0, "x" * 400), question(1)]
    [prompt] = encoder.prompts([mine[0].record], {"tea": TASK})
    log = StoppingLog()
    ask(Local(policy, encoder), mine, tmp_path / "p.jsonl", seed=0, log=log, label="tea")
    found = lines(tmp_path / "p.jsonl")
    assert found["tea/0", 0]["cut"] == len(prompt) - (256 - TASK.budget)
    assert "cut" not in found["tea/1", 0]
    assert any(line.startswith("tea: 1 prompts were longer") for line in log.lines)


def test_the_likeliest_choice_is_that_of_plain_forward_passes(loaded, folder, tmp_path, monkeypatch):
    """Each choice after each prompt alone, through transformers."""
    policy, encoder = loaded
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    words = ["A", "B", "no", "never", "C", "1", "2"]
    mine = [question(i, f"{'so ' * i}is it {i} ?", choices=words[i % 4 : i % 4 + 4]) for i in range(12)]
    for packed in (True, False):
        monkeypatch.setattr(policy, "packed", packed)
        path = tmp_path / f"{packed}.jsonl"
        ask(Choosing(policy, encoder), mine, path, seed=0, log=Log(), label="tea")
        found = lines(path)
        for q in mine:
            text = encoder.prompt_text(q.record, q.task)
            prompt = encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
            expected = {}
            for choice in q.choices:
                ids = encoder.tokenizer(choice, add_special_tokens=False)["input_ids"]
                with torch.no_grad():
                    logits = model(torch.tensor([[*prompt, *ids]])).logits[0].double()
                rows = logits.log_softmax(-1)[len(prompt) - 1 : -1]
                expected[choice] = sum(float(row[token]) for row, token in zip(rows, ids))
            row = found[q.record.id, 0]
            assert row["likelihoods"] == pytest.approx(expected, abs=1e-4)
            assert row["output"] == max(expected, key=expected.get)
        assert len({row["output"] for row in found.values()}) > 1


def test_likelihood_chooses_one_answer_of_a_prompt_that_may_be_too_long(loaded, tmp_path):
    mine = [question(0, "x" * 400, choices=("A", "none"))]
    ask(Choosing(*loaded), mine, tmp_path / "p.jsonl", seed=0, log=Log(), label="tea")
    assert lines(tmp_path / "p.jsonl")["tea/0", 0]["cut"] > 100
    with pytest.raises(ValueError, match="one sample"):
        ask(Choosing(*loaded), mine, tmp_path / "q.jsonl", samples=2, seed=0, log=Log(), label="tea")


@pytest.fixture
def served(monkeypatch):
    """served(says) -> (the source, its requests)."""
    pytest.importorskip("openai", reason="the endpoint's client is not installed")
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    opened = []

    def open_one(says, concurrent=1):
        opened.append(FakeJudge(says))
        return Remote(Service(opened[-1].url, "m", concurrent, seconds=5.0), lambda note: None), opened[-1].asked

    yield open_one
    for made in opened:
        made.close()


def test_answers_of_an_endpoint_are_read_like_those_of_a_local_model(served, tmp_path):
    replies = {
        "what is 0 ?": {"content": "tea\nQuestion: more", "finish_reason": "length"},
        "what is 1 ?": {"content": "tea", "reasoning_content": "well"},
        "what is 2 ?": {"content": "<think>hm</think>tea"},
        "what is 3 ?": {"content": "<think>hm", "finish_reason": "length"},
        "what is 4 ?": {"content": "half a \ud83d pair"},
        "what is 5 ?": {"content": None},
    }
    source, asked = served(lambda number, text: replies[text], concurrent=2)
    mine = [question(i, stop=["\nQuestion:"]) for i in range(6)]
    ask(source, mine, tmp_path / "p.jsonl", seed=0, log=Log(), label="tea")
    found = lines(tmp_path / "p.jsonl")
    assert [found[f"tea/{i}", 0] for i in range(6)] == [
        {"id": "tea/0", "output": "tea\nQuestion: more", "finished": False},
        {"id": "tea/1", "output": "tea", "finished": True, "thinking": "well"},
        {"id": "tea/2", "output": "tea", "finished": True, "thinking": "hm"},
        {"id": "tea/3", "output": "", "finished": False, "thinking": "hm"},
        {"id": "tea/4", "output": "half a \ufffd pair", "finished": True},
        {"id": "tea/5", "output": "", "finished": True},
    ]
    assert {(body["max_tokens"], body["temperature"], body.get("seed")) for body in asked} == {(12, 0.0, None)}


def test_half_a_surrogate_pair_in_a_prompt_is_asked_as_a_replacement_character(served, loaded, tmp_path):
    source, asked = served(lambda number, text: "x")
    broken = question(0, "half \udc00")
    ask(source, [broken], tmp_path / "p.jsonl", seed=0, log=Log(), label="tea")
    assert asked[0]["messages"][-1]["content"] == "half \ufffd"
    ask(Local(*loaded), [broken], tmp_path / "q.jsonl", seed=0, log=Log(), label="tea")


def test_samples_of_an_endpoint_are_drawn_apart_each_with_its_seed(served, tmp_path):
    source, asked = served(lambda number, text: f"{number}")
    ask(source, some(2), tmp_path / "p.jsonl", samples=2, temperature=0.7, seed=0, log=Log(), label="tea")
    assert set(lines(tmp_path / "p.jsonl")) == {("tea/0", 0), ("tea/0", 1), ("tea/1", 0), ("tea/1", 1)}
    assert len({body["seed"] for body in asked}) == 4
    assert {body["temperature"] for body in asked} == {0.7}
    (tmp_path / "q.jsonl").write_text('{"id": "tea/0", "sample": 1, "output": ""}\n', encoding="utf-8")
    before = {(b["messages"][-1]["content"], b["seed"]) for b in asked}
    asked.clear()
    ask(source, some(2), tmp_path / "q.jsonl", samples=2, temperature=0.7, seed=0, log=Log(), label="tea")
    assert len(asked) == 3
    assert {(b["messages"][-1]["content"], b["seed"]) for b in asked} < before


def test_an_endpoint_that_fails_half_way_keeps_its_answers_and_goes_on(served, tmp_path):
    up = [True]
    source, asked = served(lambda number, text: "tea" if up[0] and number <= 4 else 503)
    path = tmp_path / "p.jsonl"
    with pytest.raises(ValueError) as given_up:
        ask(source, some(7), path, seed=0, log=Log(), label="tea")
    said = str(given_up.value)
    assert "the endpoint at http://127.0.0.1" in said
    assert "does not answer" in said
    assert said.endswith(f"; 4 of 7 answers are in {path}; go on with the same command")
    first = path.read_bytes()
    assert first.count(b"\n") == 4
    source, asked = served(lambda number, text: "milk")
    ask(source, some(7), path, seed=0, log=Log(), label="tea")
    assert path.read_bytes().startswith(first)
    assert [row["output"] for row in lines(path).values()] == ["tea"] * 4 + ["milk"] * 3
    assert len(asked) == 3


@pytest.mark.parametrize(("status", "said"), [(503, "does not answer"), (404, "refuses")])
def test_an_endpoint_that_never_answers_is_said_with_nothing_done(served, tmp_path, status, said):
    source, _ = served(lambda number, text: status)
    with pytest.raises(ValueError, match=rf"{said}.*; 0 of 2 answers are in .*p\.jsonl"):
        ask(source, some(2), tmp_path / "p.jsonl", seed=0, log=Log(), label="tea")


def test_ctrl_c_does_not_wait_for_an_endpoint(served, tmp_path):
    """The endpoint answers one prompt and then no more, until the test is over."""
    import threading

    over = threading.Event()
    source, _ = served(lambda number, text: "tea" if number == 1 else over.wait(30) and "late", concurrent=2)
    try:
        with pytest.raises(Interrupted, match="1 of 5 answers"):
            ask(source, some(5), tmp_path / "p.jsonl", seed=0, log=Now(2), label="tea")
    finally:
        over.set()
