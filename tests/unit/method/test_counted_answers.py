"""What an estimate counts of measuring is what a run measures: benchmarks and drift, of every model."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from redone.data.encode import Encoder, Passage
from redone.data.load import drawn
from redone.measure.drift import HeldOut
from redone.method import estimate
from redone.model.policy import Policy
from redone.records import Record, Task
from redone.run.lab import Lab
from redone.sample.local import make_sampler

TASK = Task("ask", "general", "knowledge", "{q}", "{a}", "exact", budget=6)


def records(name, count):
    asked = [({"role": "user", "content": f"{name} {i} ?"},) for i in range(count)]
    return [Record(f"{name}/{i}", "ask", one, "a", "eval", "test") for i, one in enumerate(asked)]


@pytest.fixture
def make(make_lab, tiny_model, make_tokenizer, monkeypatch):
    """A function to a lab whose three models are the tiny one, of which each act takes three seconds."""
    monkeypatch.setattr(Lab, "load", lambda lab, model, whole_context=False: Policy.load(tiny_model))
    monkeypatch.setattr("redone.sample.local.make_sampler", make_sampler)
    took = []

    def clocked(act):
        found = act()
        took.append(found)
        return 3.0, found

    monkeypatch.setattr(estimate, "_clocked", clocked)

    def made(*sets, **parts):
        lab = make_lab('stages=["explore", "target"]', *sets)
        return replace(lab, encoder=Encoder(make_tokenizer()), **parts), took

    return made


def test_benchmarks_are_counted_for_every_model_what_is_written_and_what_is_chosen_apart(make):
    subsets = {
        "free": SimpleNamespace(task=TASK, choices=(), stop=()),
        "pick": SimpleNamespace(task=TASK, choices=("a", "b"), stop=()),
    }
    one = SimpleNamespace(
        benchmark=SimpleNamespace(subsets=subsets), records={"free": records("free", 10), "pick": records("pick", 20)}
    )
    lab, took = make("eval.likelihood=true", "eval.benchmark_tokens=2", benchmarks=[one])
    found = estimate.benchmarked(lab, most=4)
    assert found.seconds == pytest.approx(3 * 10 * 3.0 / 4 + 3 * 20 * 3.0 / 4)
    assert found.said == "30 answers of 0.75 s, 60 choices of 0.75 s"
    written, chosen = ([text for some in each for text in some] for each in took)
    assert (len(written), len(chosen)) == (4, 4)
    assert all(len(text.logprobs) <= 2 for text in written)  # answers as short as the run's
    assert {text.text for text in chosen} <= {"a", "b"}
    lab, took = make(benchmarks=[one])
    assert estimate.benchmarked(lab, most=4).seconds == pytest.approx(3 * 30 * 3.0 / 4)  # all are written


def test_drift_counts_texts_of_every_model_answers_of_the_base_and_divergences_of_the_others(make):
    texts = {"news": [Passage(f"n{i}", (1,), (2,) * (3 + i)) for i in range(9)]}
    prompts = [(f"p{i}", (1, 2, 3)) for i in range(8)]
    lab, _ = make(drift=HeldOut(texts, prompts, 4))
    found = estimate.drifting(lab, most=9)
    assert found.seconds == pytest.approx(3 * 3.0 + 3.0 + 2 * 3.0)  # all were timed
    assert found.said == "27 texts, 8 answers, 16 divergences"
    halved = estimate.drifting(replace(lab, drift=HeldOut({}, prompts, 4)), most=4)
    assert halved.seconds == pytest.approx((3.0 + 2 * 3.0) * 8 / 4)
    few = estimate.drifting(replace(lab, drift=HeldOut(texts, [], 4)), most=1)
    [one] = drawn(texts["news"], 1, lambda passage: passage.key)
    assert few.seconds == pytest.approx(3 * 3.0 * sum(4 + i for i in range(9)) / (1 + len(one.tokens)))


def test_what_is_measured_is_timed_beside_the_stages(make):
    names = [act.func.__name__ for act in estimate.timings(make()[0])]
    assert names == ["timed", "timed", "answering"]
    lab, _ = make(benchmarks=[object()], drift=HeldOut({}, [], 4))
    assert [act.func.__name__ for act in estimate.timings(lab)][2:] == ["answering", "benchmarked", "drifting"]
