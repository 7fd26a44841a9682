"""Prompts to answers on disk: units, going on after a stop or a kill, what a line holds, endpoints."""

import gzip
import json
from statistics import fmean

import pytest
from fakes import FakeJudge, StoppingLog
from tiny import tiny

from redone.data.encode import Encoder
from redone.files import read_jsonl, write_jsonl
from redone.measure.answerers import local
from redone.measure.answerers import served as served_by
from redone.measure.ask import Answerer, Unit, ask, cut, text_of
from redone.model.policy import Policy
from redone.records import Prompt, Text
from redone.run.log import Interrupted, Log
from redone.sample.local import make_sampler
from redone.served import client
from redone.served.client import Service


def prompt(i, text=None, budget=12, **more):
    content = f"what is {i} ?" if text is None else text
    return Prompt(f"tea/{i}", ({"role": "user", "content": content},), budget, **more)


def some(count, **more):
    """Prompts of several lengths and budgets."""
    return [prompt(i, f"what is {i} {'very ' * (i % 4)}?", **{"budget": 5 + i % 7, **more}) for i in range(count)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, make_tokenizer):
    """(policy, encoder) of random weights, large enough that answers differ, with a context of 256 tokens."""
    path = tmp_path_factory.mktemp("models") / "sharp"
    tokenizer = make_tokenizer()
    tiny("Qwen3", seed=2, vocab_size=len(tokenizer), max_position_embeddings=256).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return Policy.load(path), Encoder.load(path)


def answers(answerer, prompts, path, log=None):
    return ask(answerer, prompts, path, log=log or Log(), label="tea")


def lines(path):
    return {(row["id"], row["sample"]): row for row in read_jsonl(path)}


class Script:
    """Answers the prompts of a unit, two of them, the last first; counts what it was asked for."""

    def __init__(self, samples=1):
        self.samples, self.asked = samples, []
        self.answerer = Answerer(samples, self.make, lambda: Unit(2 * samples, 0))

    def make(self, number, there):
        script = self

        class Asks:
            def ask(self, prompts):
                script.asked.append((number, [p.key for p in prompts]))
                yield []
                for p in reversed(prompts):
                    texts = [Text(p.key, n, f"{p.key} {n} in {number}", True) for n in range(script.samples)]
                    yield texts[: script.samples // 2]
                    yield texts[script.samples // 2 :]

        return Asks()


# Units


def test_a_unit_is_full_when_it_has_enough_answers_and_enough_tokens():
    mine = [prompt(i, "x" * 10, budget=5) for i in range(7)]  # 10 characters and 2 x 5 tokens each

    def sizes(answers, tokens):
        return [len(unit) for unit in cut(mine, Unit(answers, tokens), 2)]

    assert sizes(4, 0) == [2, 2, 2, 1]
    assert sizes(0, 60) == [3, 3, 1]
    assert sizes(4, 60) == [3, 3, 1]
    assert sizes(8, 60) == [4, 3]
    assert [p.key for unit in cut(mine, Unit(4, 0), 2) for p in unit] == [p.key for p in mine]


def test_units_are_asked_one_after_another(tmp_path):
    script = Script()
    found = answers(script.answerer, some(5), tmp_path / "p.jsonl")
    assert script.asked == [(0, ["tea/0", "tea/1"]), (1, ["tea/2", "tea/3"]), (2, ["tea/4"])]
    assert [line["output"] for [line] in found] == [f"tea/{i} 0 in {i // 2}" for i in range(5)]


@pytest.mark.parametrize("samples", [1, 3])
def test_a_file_that_was_cut_off_anywhere_ends_with_the_bytes_of_one_that_was_not(tmp_path, samples):
    whole = tmp_path / "whole.jsonl"
    answers(Script(samples).answerer, some(5), whole)
    data = whole.read_bytes()
    ends = [0, *(i + 1 for i, byte in enumerate(data) if byte == ord("\n"))]
    assert len(ends) == 5 * samples + 1
    for size in sorted({*ends, *(end + 7 for end in ends[:-1]), *(end - 1 for end in ends[1:])}):
        path = tmp_path / f"{size}.jsonl"
        path.write_bytes(data[:size])
        script = Script(samples)
        answers(script.answerer, some(5), path)
        assert path.read_bytes() == data
        kept = sum(size >= ends[lines] for lines in (2 * samples, 4 * samples, 5 * samples))
        assert [number for number, _ in script.asked] == list(range(kept, 3))  # whole units are not asked for again


def test_a_model_killed_between_any_two_answers_ends_as_if_it_had_not_been(loaded, tmp_path):
    def answerer():
        def make(unit, there):
            return make_sampler(*loaded, group=2, temperature=1.0, seeds=lambda version: 5 + unit, rows=4)

        return Answerer(2, make, lambda: Unit(8, 0))

    whole = tmp_path / "whole.jsonl"
    answers(answerer(), some(10), whole)
    data = whole.read_bytes()
    assert len({row["output"] for row in lines(whole).values()}) > 10
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    for end in ends[:: len(ends) // 5]:
        path = tmp_path / f"{end}.jsonl"
        path.write_bytes(data[: end + 3])
        answers(answerer(), some(10), path)
        assert path.read_bytes() == data


def test_nothing_is_made_where_everything_is_there(tmp_path):
    path = tmp_path / "p.jsonl"
    first = answers(Script().answerer, some(3), path)
    before = path.read_bytes()

    def never(*given):
        raise AssertionError("nothing is missing")

    assert answers(Answerer(1, never, never), some(3), path) == first
    assert answers(Answerer(1, never), some(3), path) == first
    assert path.read_bytes() == before


def test_a_path_that_ends_in_gz_is_compressed_once_it_is_whole(tmp_path):
    path = tmp_path / "p.jsonl.gz"
    with pytest.raises(Interrupted, match="2 of 5 answers are in"):
        answers(Script().answerer, some(5), path, Now(7))
    assert not path.exists()
    assert len(lines(tmp_path / "p.jsonl")) > 2
    found = answers(Script().answerer, some(5), path)
    assert [p.name for p in tmp_path.iterdir()] == ["p.jsonl.gz"]
    assert [line["id"] for [line] in found] == [f"tea/{i}" for i in range(5)]
    answers(Script().answerer, some(5), tmp_path / "plain.jsonl")
    assert gzip.decompress(path.read_bytes()) == (tmp_path / "plain.jsonl").read_bytes()
    assert answers(Answerer(1, lambda *given: 1 / 0), some(5), path) == found


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


def test_an_orderly_stop_says_how_much_is_kept(tmp_path):
    with pytest.raises(Interrupted, match=r"during tea; 4 of 9 answers are in .*p\.jsonl"):
        answers(Script().answerer, some(9), tmp_path / "p.jsonl", Now(12))
    log = StoppingLog()
    answers(Script().answerer, some(9), tmp_path / "p.jsonl", log)
    assert log.lines == [f"tea: 4 of 9 answers are in {tmp_path / 'p.jsonl'} already"]


def test_several_samples_follow_the_seed(loaded, tmp_path):
    def drawn(name, seed, temperature=1.0):
        made = local(lambda: loaded, samples=3, temperature=temperature, seed=seed, rows=64)
        return [line["output"] for mine in answers(made, some(4), tmp_path / name) for line in mine]

    first = drawn("a", 1)
    assert len(set(first)) > 6
    assert drawn("b", 1) == first
    assert drawn("c", 2) != first
    assert len(set(drawn("d", 1, temperature=1e-4))) <= 4  # as good as greedy


def test_the_first_unit_has_the_seed_itself_and_the_others_seeds_of_their_own(loaded, tmp_path, monkeypatch):
    monkeypatch.setattr("redone.measure.answerers._WORK", 1)
    same = [prompt(i, "tell me", budget=8) for i in range(12)]
    made = local(lambda: loaded, samples=1, temperature=1.0, seed=3, rows=1)  # units of 4 answers
    found = [line["text"] if "text" in line else line["output"] for [line] in answers(made, same, tmp_path / "p")]
    sampler = make_sampler(*loaded, group=1, temperature=1.0, seeds=lambda version: 3, rows=1)
    [alone] = [[t.text for texts in sampler.ask(same[:4]) for t in texts]]
    assert found[:4] == alone
    assert found[4:8] != alone
    assert found[8:] not in (alone, found[4:8])


@pytest.mark.parametrize(
    ("row", "samples"),
    [({"id": "tea/0"}, 2), ({"id": "tea/0", "sample": 2}, 2), ({"sample": 0}, 1), ({"id": "a", "sample": 0}, 1)],
)
def test_a_file_of_another_kind_is_refused_by_its_line(tmp_path, row, samples):
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"p\.jsonl:1: .*give another --out"):
        answers(Script(samples).answerer, some(2), tmp_path / "p.jsonl")


# Lines


def test_a_line_holds_the_whole_text_where_it_is_more_than_the_output_and_gives_it_back(tmp_path):
    class Asks:
        def ask(self, prompts):
            yield [
                Text("tea/0", 0, "<think>hm</think> tea", False, (-1.0, -2.5), cut=3),
                Text("tea/1", 0, "tea", True, thinking="well"),
                Text("tea/2", 0, "half a \ud83d pair", True, likelihoods={"yes": -0.12345678}),
            ]

    found = [line for [line] in answers(Answerer(1, lambda *given: Asks()), some(3), tmp_path / "p.jsonl")]
    assert found == [
        {"id": "tea/0", "sample": 0, "output": "tea", "finished": False, "text": "<think>hm</think> tea",
         "logprob": -1.75, "cut": 3},
        {"id": "tea/1", "sample": 0, "output": "tea", "finished": True, "thinking": "well"},
        {"id": "tea/2", "sample": 0, "output": "half a \ufffd pair", "finished": True,
         "likelihoods": {"yes": -0.123457}},
    ]  # fmt: skip
    assert text_of(found[0]) == Text("tea/0", 0, "<think>hm</think> tea", False, (-1.75,))
    assert text_of(found[1]).text == "<think>well</think>tea"


def test_the_mean_log_probability_of_a_model_is_kept_to_the_last_digit(loaded, tmp_path):
    def sampler():
        return make_sampler(*loaded, group=2, temperature=1.0, seeds=lambda version: 1, rows=64)

    path = tmp_path / "p.jsonl"
    answers(Answerer(2, lambda *given: sampler(), lambda: Unit(100, 0)), some(5), path)
    found = lines(path)
    for texts in sampler().ask(some(5)):
        for text in texts:
            assert text_of(found[text.key, text.sample]).text == text.text
            assert found[text.key, text.sample]["logprob"] == fmean(text.logprobs)


def test_a_prompt_longer_than_the_context_is_counted_and_told_of(loaded, tmp_path):
    log = StoppingLog()
    made = local(lambda: loaded, samples=1, temperature=0.0, seed=0, rows=64)
    [[long], [short]] = answers(made, [prompt(0, "x" * 400), prompt(1)], tmp_path / "p.jsonl", log)
    assert long["cut"] > 100
    assert "cut" not in short
    assert any(line.startswith("tea: 1 prompts were longer") for line in log.lines)


def test_prompts_with_choices_are_not_generated(loaded, tmp_path):
    made = local(lambda: loaded, samples=1, temperature=0.0, seed=0, rows=64)
    mine = [prompt(0, choices=("yes", "never")), prompt(1), prompt(2, choices=("A", "B"))]
    [[first], [second], [third]] = answers(made, mine, tmp_path / "p.jsonl")
    assert set(first["likelihoods"]) == {"yes", "never"}
    assert first["output"] == max(first["likelihoods"], key=first["likelihoods"].get)
    assert "likelihoods" not in second
    assert set(third["likelihoods"]) == {"A", "B"}


# Endpoints


@pytest.fixture
def served(monkeypatch):
    """served(says) -> (the answerer, its requests)."""
    pytest.importorskip("openai", reason="the endpoint's client is not installed")
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    opened = []

    def open_one(says, concurrent=1, samples=1, temperature=0.0):
        opened.append(FakeJudge(says))
        service = Service(opened[-1].url, "m", concurrent, seconds=5.0)
        made = served_by(service, samples=samples, temperature=temperature, seed=0, say=lambda note: None)
        return made, opened[-1].asked

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
    mine = [prompt(i, stop=["\nQuestion:"]) for i in range(6)]
    answers(source, mine, tmp_path / "p.jsonl")
    found = lines(tmp_path / "p.jsonl")
    assert [found[f"tea/{i}", 0] for i in range(6)] == [
        {"id": "tea/0", "sample": 0, "output": "tea\nQuestion: more", "finished": False},
        {"id": "tea/1", "sample": 0, "output": "tea", "finished": True, "thinking": "well"},
        {"id": "tea/2", "sample": 0, "output": "tea", "finished": True, "text": "<think>hm</think>tea"},
        {"id": "tea/3", "sample": 0, "output": "", "finished": False, "missing": "cut off", "text": "<think>hm"},
        {"id": "tea/4", "sample": 0, "output": "half a \ufffd pair", "finished": True},
        {"id": "tea/5", "sample": 0, "output": "", "finished": True, "missing": "empty"},
    ]
    assert {(body["max_tokens"], body["temperature"], body.get("seed")) for body in asked} == {(12, 0.0, None)}


def test_half_a_surrogate_pair_in_a_prompt_is_asked_as_a_replacement_character(served, loaded, tmp_path):
    source, asked = served(lambda number, text: "x")
    broken = prompt(0, "half \udc00")
    answers(source, [broken], tmp_path / "p.jsonl")
    assert asked[0]["messages"][-1]["content"] == "half \ufffd"
    answers(local(lambda: loaded, samples=1, temperature=0.0, seed=0, rows=64), [broken], tmp_path / "q.jsonl")


def test_samples_of_an_endpoint_are_drawn_apart_each_with_its_seed(served, tmp_path):
    source, asked = served(lambda number, text: f"{number}", samples=2, temperature=0.7)
    answers(source, some(2), tmp_path / "p.jsonl")
    assert set(lines(tmp_path / "p.jsonl")) == {("tea/0", 0), ("tea/0", 1), ("tea/1", 0), ("tea/1", 1)}
    assert len({body["seed"] for body in asked}) == 4
    assert {body["temperature"] for body in asked} == {0.7}
    (tmp_path / "q.jsonl").write_text(
        '{"id": "tea/0", "sample": 1, "output": "", "finished": true}\n', encoding="utf-8"
    )
    before = {(b["messages"][-1]["content"], b["seed"]) for b in asked}
    asked.clear()
    answers(source, some(2), tmp_path / "q.jsonl")
    assert len(asked) == 3
    assert {(b["messages"][-1]["content"], b["seed"]) for b in asked} < before


def test_an_endpoint_that_fails_half_way_keeps_its_answers_and_goes_on(served, tmp_path):
    up = [True]
    source, asked = served(lambda number, text: "tea" if up[0] and number <= 4 else 503)
    path = tmp_path / "p.jsonl"
    with pytest.raises(ValueError) as given_up:
        answers(source, some(7), path)
    said = str(given_up.value)
    assert "the endpoint at http://127.0.0.1" in said
    assert "does not answer" in said
    assert said.endswith(f"; 4 of 7 answers are in {path}; go on with the same command")
    first = path.read_bytes()
    assert first.count(b"\n") == 4
    source, asked = served(lambda number, text: "milk")
    answers(source, some(7), path)
    assert path.read_bytes().startswith(first)
    assert [row["output"] for row in lines(path).values()] == ["tea"] * 4 + ["milk"] * 3
    assert len(asked) == 3


@pytest.mark.parametrize(("status", "said"), [(503, "does not answer"), (404, "refuses")])
def test_an_endpoint_that_never_answers_is_said_with_nothing_done(served, tmp_path, status, said):
    source, _ = served(lambda number, text: status)
    with pytest.raises(ValueError, match=rf"{said}.*; 0 of 2 answers are in .*p\.jsonl"):
        answers(source, some(2), tmp_path / "p.jsonl")


def test_ctrl_c_does_not_wait_for_an_endpoint(served, tmp_path):
    """The endpoint answers one prompt and then no more, until the test is over."""
    import threading

    over = threading.Event()
    source, _ = served(lambda number, text: "tea" if number == 1 else over.wait(30) and "late", concurrent=2)
    try:
        with pytest.raises(Interrupted, match="1 of 5 answers"):
            answers(source, some(5), tmp_path / "p.jsonl", Now(2))
    finally:
        over.set()


@pytest.mark.parametrize("other", [{"output": None}, {"finished": "yes"}, {"id": 3}, {"text": 3}])
@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz"])
def test_a_line_that_is_no_answer_is_named(other, name, tmp_path):
    write_jsonl(tmp_path / name, [{"id": "tea/0", "sample": 0, "output": "tea", "finished": True, **other}])
    with pytest.raises(ValueError, match=rf"{name}:1: no answer, .*; remove the file"):
        answers(Answerer(1, lambda number, there: pytest.fail("it is asked")), some(1), tmp_path / name)
