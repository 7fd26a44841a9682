"""The judge, against an endpoint of the tests' own that speaks the OpenAI protocol."""

import json
from dataclasses import replace

import pytest
from fakes import FakeJudge

from redone.checks.agreement import Agreement, agreement
from redone.data.load import Dataset
from redone.records import Record, Task
from redone.rewards import REWARDS
from redone.run.scoring import Asked, Scorer
from redone.served import judge
from redone.served.judge import Court, Endpoint

pytest.importorskip("openai", reason="the judge's client is not installed")

GOOD = '{"why": "it is tea", "grade": 7}'


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """bench(says) -> (endpoint, its requests, what the patience was told), and this process asks it."""
    monkeypatch.setattr(judge.time, "sleep", lambda seconds: None)
    opened = []

    def open_court(says):
        made = FakeJudge(says)
        opened.append(made)
        told = []
        endpoint = Endpoint(made.url, "m", str(tmp_path / "judge"), seconds=5.0)
        monkeypatch.setattr(judge, "_court", Court(endpoint, lambda seconds, note: told.append(note)))
        return endpoint, made.asked, told

    yield open_court
    for made in opened:
        made.close()


RECORD = Record("tea/eval/0", "tea", ({"role": "user", "content": "Name a drink."},), "milk", "eval", "world")


def test_a_grade_is_a_share_of_ten_with_its_reason(bench):
    _, asked, _ = bench(lambda number, text: GOOD)
    found = REWARDS["judge"](RECORD, "tea", rubric="Is it a drink?")
    assert (found.score, found.reason, found.note) == (0.7, "wrong", "it is tea")
    said = asked[0]["messages"][-1]["content"]
    assert all(part in said for part in ("Is it a drink?", "Name a drink.", "tea"))
    assert asked[0]["response_format"]["json_schema"]["schema"]["required"] == ["why", "grade"]


def test_what_was_asked_once_is_read_from_disk(bench):
    _, asked, _ = bench(lambda number, text: GOOD)
    first = REWARDS["judge"](RECORD, "tea", rubric="Is it a drink?")
    assert REWARDS["judge"](RECORD, "tea", rubric="Is it a drink?") == first
    assert len(asked) == 1
    REWARDS["judge"](RECORD, "tea", rubric="Is it hot?")
    assert len(asked) == 2


def test_silence_is_not_worth_asking_about(bench):
    _, asked, _ = bench(lambda number, text: GOOD)
    assert REWARDS["judge"](RECORD, " ", rubric="Is it a drink?").reason == "unparsable"
    assert asked == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_endpoint_that_is_down_or_busy_is_waited_for_and_that_is_said(bench, status):
    _, asked, told = bench(lambda number, text: status if number < 4 else GOOD)
    assert REWARDS["judge"](RECORD, "tea", rubric="Is it a drink?").score == 0.7
    assert len(asked) == 4
    assert sum("does not answer" in note for note in told) == 3


def test_an_endpoint_that_refuses_is_an_error_and_no_score(bench):
    bench(lambda number, text: 401)
    with pytest.raises(ValueError, match="refuses"):
        REWARDS["judge"](RECORD, "tea", rubric="Is it a drink?")


@pytest.mark.parametrize(
    "reply",
    ["7", '{"grade": 7}', '{"why": "x", "grade": 11}', '{"why": "x", "grade": "7"}', '{"why": "x", "grade": true}',
     '{"why": "x", "grade": 7, "also": 1}', "[" * 5000, ""],
)  # fmt: skip
def test_a_reply_of_another_structure_is_asked_for_again_and_then_an_error(bench, reply):
    _, asked, _ = bench(lambda number, text: reply)
    with pytest.raises(ValueError, match="did not reply as asked in 3 tries"):
        REWARDS["judge"](RECORD, "tea", rubric="Is it a drink?")
    assert len(asked) == 3
    bench(lambda number, text: reply if number < 3 else f"Sure.\n```json\n{GOOD}\n```")
    assert REWARDS["judge"](RECORD, "tea", rubric="Is it a drink?").score == 0.7


@pytest.mark.parametrize(
    ("better", "score"),
    [
        (lambda text: "A", 0.5),  # whatever stands first: the swap finds it out
        (lambda text: "neither", 0.5),
        (lambda text: "A" if "Answer A:\ntea" in text else "B", 1.0),
        (lambda text: "B" if "Answer A:\ntea" in text else "A", 0.0),
    ],
)
def test_a_pair_is_judged_in_both_positions(bench, better, score):
    bench(lambda number, text: json.dumps({"why": "so", "better": better(text)}))
    assert REWARDS["judge_pair"](RECORD, "tea", rubric="Is it a drink?").score == score


def test_processes_ask_the_judge_too_and_an_outage_is_said_and_is_no_score(tmp_path, bench):
    endpoint, asked, _ = bench(lambda number, text: 503 if number < 2 else GOOD)
    task = Task("tea", "sns", "dialogue", "?", "milk", "judge", {"rubric": "Is it a drink?"})
    said = []
    with Scorer({"tea": task}, workers=1, seconds=30.0, memory=2048, court=endpoint, say=said.append) as scorer:
        [[verdict]] = scorer([Asked(RECORD, [("tea", True)])])
    assert (verdict.score, verdict.note) == (0.7, "it is tea")
    assert any("does not answer" in note for note in said)


def test_without_a_judge_the_reward_says_what_to_configure(monkeypatch):
    monkeypatch.setattr(judge, "_court", None)
    with pytest.raises(ValueError, match=r"judge\.base_url"):
        REWARDS["judge"](RECORD, "tea", rubric="Is it a drink?")


def test_agreement_with_a_verifiable_reward_counts_right_and_wrong_answers_apart(bench):
    """The judge likes everything: it agrees on all right answers and on no wrong one."""
    task = Task("drink", "sns", "dialogue", "?", "{a}", "exact")
    records = tuple(
        replace(RECORD, id=f"drink/eval/{i}", task="drink", answer=a) for i, a in enumerate(["tea", "milk", "tea"])
    )
    dataset = Dataset({"drink": task}, {"drink": {"train": records, "probe": records, "eval": records}}, {"drink": 0})
    bench(lambda number, text: '{"why": "fine", "grade": 9}')
    assert agreement(dataset, task, 3) == Agreement("drink", right=3, right_agreed=3, wrong=2, wrong_agreed=0)
