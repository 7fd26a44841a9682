"""The judge, against an endpoint of the tests' own that speaks the OpenAI protocol."""

import json
import threading
from dataclasses import replace

import pytest
from fakes import FakeJudge

from redone.checks.agreement import Agreement, agreement
from redone.data.load import Dataset
from redone.records import Record, Task
from redone.run.scoring import Asked, Scorer, in_process
from redone.served import client
from redone.served.client import Service
from redone.served.judge import Judge

pytest.importorskip("openai", reason="the judge's client is not installed")

GOOD = '{"why": "it is tea", "grade": 7}'
RECORD = Record("tea/eval/0", "tea", ({"role": "user", "content": "Name a drink."},), "milk", "eval", "world")
TASK = Task("tea", "domain", "dialogue", "?", "milk", "judge", {"rubric": "Is it a drink?"})


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """bench(says) -> (the judge, its requests, what was said of outages)."""
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    opened = []

    def open_court(says):
        made = FakeJudge(says)
        opened.append(made)
        told = []
        service = Service(made.url, "m", concurrent=4, seconds=5.0)
        return Judge(service, tmp_path / "judge", told.append), made.asked, told

    yield open_court
    for made in opened:
        made.close()


def verdict(judge, answer="tea", task=TASK):
    [[found]] = in_process({task.name: task}, judge=judge)([Asked(RECORD, [(answer, True)])])
    return found


def test_a_grade_is_a_share_of_ten_with_its_reason(bench):
    judge, asked, _ = bench(lambda number, text: GOOD)
    found = verdict(judge)
    assert (found.score, found.reason, found.note) == (0.7, "wrong", "it is tea")
    said = asked[0]["messages"][-1]["content"]
    assert all(part in said for part in ("Is it a drink?", "Name a drink.", "tea"))
    assert asked[0]["response_format"]["json_schema"]["schema"]["required"] == ["why", "grade"]


def test_what_was_asked_once_is_read_from_disk(bench):
    judge, asked, _ = bench(lambda number, text: GOOD)
    first = verdict(judge)
    assert verdict(judge) == first
    assert len(asked) == 1
    verdict(judge, task=replace(TASK, options={"rubric": "Is it hot?"}))
    assert len(asked) == 2


def test_silence_is_not_worth_asking_about(bench):
    judge, asked, _ = bench(lambda number, text: GOOD)
    assert verdict(judge, " ").reason == "unparsable"
    assert asked == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_endpoint_that_is_down_or_busy_is_waited_for_and_that_is_said(bench, status):
    judge, asked, told = bench(lambda number, text: status if number < 24 else GOOD)
    assert verdict(judge).score == 0.7
    assert len(asked) == 24
    [note] = told
    assert "the judge at http://127.0.0.1" in note
    assert "does not answer" in note
    assert "waiting" in note


def test_an_endpoint_that_refuses_is_an_error_and_no_score(bench):
    judge, _, _ = bench(lambda number, text: 401)
    found = verdict(judge)
    assert found.reason == "error"
    assert "refuses" in found.note


@pytest.mark.parametrize(
    "reply",
    ["7", '{"grade": 7}', '{"why": "x", "grade": 11}', '{"why": "x", "grade": "7"}', '{"why": "x", "grade": true}',
     '{"why": "x", "grade": 7, "also": 1}', "[" * 5000, ""],
)  # fmt: skip
def test_a_reply_of_another_structure_is_asked_for_again_and_then_an_error(bench, reply):
    judge, asked, _ = bench(lambda number, text: reply)
    found = verdict(judge)
    assert found.reason == "error"
    assert "did not reply as asked in 3 tries" in found.note
    assert len(asked) == 3
    judge, _, _ = bench(lambda number, text: reply if number < 3 else f"Sure.\n```json\n{GOOD}\n```")
    assert verdict(judge).score == 0.7


def test_a_grade_in_parts_is_read_and_a_reply_that_is_none_is_named(bench):
    judge, _, _ = bench(lambda number, text: {"content": [{"type": "text", "text": GOOD}]})
    assert verdict(judge).score == 0.7
    judge, asked, _ = bench(lambda number, text: {"content": None, "refusal": "No."} if number < 3 else GOOD)
    assert verdict(judge, "milk").score == 0.7
    judge, asked, _ = bench(lambda number, text: {"content": None, "refusal": "No."})
    found = verdict(judge, "water")
    assert (found.reason, len(asked)) == ("error", 3)
    assert "last: 'refusal No.'" in found.note


def test_a_judge_whose_replies_are_broken_is_asked_again_and_then_an_error_and_no_wait_for_ever(bench):
    judge, asked, _ = bench(lambda number, text: b"<html>" if number < 5 else GOOD)
    assert verdict(judge).score == 0.7
    judge, asked, _ = bench(lambda number, text: b"<html>")
    found = verdict(judge, "milk")
    assert (found.reason, len(asked)) == ("error", 5)
    assert "no chat completion" in found.note


def test_a_judge_without_temperature_is_asked_without_it_from_then_on(bench):
    error = {"message": "Unsupported value: 'temperature' does not support 0 with this model."}
    judge, asked, told = bench(lambda number, text: (400, error) if "temperature" in asked[-1] else GOOD)
    assert verdict(judge).score == 0.7
    assert verdict(judge, "milk").score == 0.7
    assert ["temperature" in body for body in asked] == [True, False, False]
    assert len(told) == 1
    assert json.loads((judge.cache / "settings.json").read_text()) == {"request": {"temperature": None}}


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
    judge, _, _ = bench(lambda number, text: json.dumps({"why": "so", "better": better(text)}))
    assert verdict(judge, task=replace(TASK, reward="judge_pair")).score == score


def test_a_judge_is_asked_about_as_many_answers_at_once_as_the_service_allows(bench):
    """Every reply waits until four questions are open: two processes that asked one at a time would wait for ever."""
    together = threading.Barrier(4, timeout=20.0)

    def says(number, text):
        together.wait()
        return GOOD

    judge, asked, _ = bench(says)
    with Scorer({"tea": TASK}, workers=2, seconds=30.0, memory=2048, judge=judge) as scorer:
        [found] = scorer([Asked(RECORD, [(f"tea {i}", True) for i in range(8)])])
    assert [(one.score, one.note) for one in found] == [(0.7, "it is tea")] * 8
    assert len(asked) == 8


def test_a_question_that_several_answers_share_is_asked_once(bench):
    judge, asked, _ = bench(lambda number, text: GOOD)
    [found] = in_process({"tea": TASK}, judge=judge)([Asked(RECORD, [("tea", True)] * 5)])
    assert [one.score for one in found] == [0.7] * 5
    assert len(asked) == 1


def test_an_outage_is_said_and_waited_for_and_no_process_runs_out_of_time_by_it(bench):
    judge, _, told = bench(lambda number, text: 503 if number < 40 else GOOD)
    with Scorer({"tea": TASK}, workers=1, seconds=0.2, memory=2048, judge=judge) as scorer:
        [[found]] = scorer([Asked(RECORD, [("tea", True)])])
    assert (found.score, found.note) == (0.7, "it is tea")
    assert len(told) == 1


def test_a_judge_may_be_part_of_a_composed_reward_and_its_silence_leaves_the_whole_without_a_verdict(bench):
    graded = {"reward": "judge", "options": {"rubric": "Is it a drink?"}}
    options = {"of": [{"reward": "anls"}, graded, {"reward": "product", "options": {"of": [graded]}}]}
    task = replace(TASK, reward="product", options=options)
    judge, _, _ = bench(lambda number, text: GOOD if "milk" in text else "no")
    found = verdict(judge, "milk", task)
    assert found.score == pytest.approx(0.7 * 0.7)
    assert found.parts["2 judge"] == 0.7
    assert found.parts["3 product.1 judge"] == 0.7
    assert "2 judge: it is tea" in found.note
    assert verdict(judge, "silk", task).reason == "error"


def test_without_a_judge_the_reward_says_what_to_configure():
    with pytest.raises(ValueError, match=r"judge\.base_url"):
        verdict(None)


def test_agreement_with_a_verifiable_reward_counts_right_and_wrong_answers_apart(bench):
    """The judge likes everything: it agrees on all right answers and on no wrong one."""
    task = Task("drink", "domain", "dialogue", "?", "{a}", "exact")
    records = tuple(
        replace(RECORD, id=f"drink/eval/{i}", task="drink", answer=a) for i, a in enumerate(["tea", "milk", "tea"])
    )
    dataset = Dataset({"drink": task}, {"drink": {"train": records, "probe": records, "eval": records}}, {"drink": 0})
    judge, _, _ = bench(lambda number, text: '{"why": "fine", "grade": 9}')
    found = agreement(dataset, task, 3, in_process(dataset.tasks), judge)
    assert found == Agreement("drink", right=3, right_agreed=3, wrong=2, wrong_agreed=0)
