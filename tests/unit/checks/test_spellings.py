"""References that are right as they stand and wrong in another spelling."""

import pytest

from redone.checks import spellings
from redone.checks.spellings import misread
from redone.data.load import NEEDED, Dataset
from redone.records import Record, Task, Verdict
from redone.run.scoring import in_process


def found(reward, answers, options=None, fields=None, **changes):
    """(reference, spelling) of every reference that is misread."""
    task = Task("tag", "domain", "dialogue", "", "", reward, options or {}, **changes)
    message = {"role": "user", "content": "which tag ?"}
    splits = {
        split: tuple(
            Record(f"tag/{split}/{i}", "tag", (message,), answer, split, f"{split}.jsonl:{i + 1}", fields=fields or {})
            for i, answer in enumerate(answers)
        )
        for split in NEEDED
    }
    dataset = Dataset({"tag": task}, {"tag": splits}, {"tag": 0})
    return [(one.record.answer, one.spelling) for one in misread(dataset, task, in_process({"tag": task}))]


@pytest.mark.parametrize(
    ("reward", "answers", "options", "fields"),
    [
        ("exact", ["tea", "Green  tea.", "早上好。", "Çay"], {}, {}),
        ("exact", ["İstanbul ıssız"], {}, {}),
        ("exact", ["Tea"], {"case": True}, {}),
        ("exact", ["milk", "B"], {"kind": "choice"}, {"candidates": ["tea", "milk"]}),
        ("exact", ["A"], {"kind": "choice"}, {"candidates": ["B", "A"]}),
        ("exact", ["B", "well, yes…"], {"kind": "choice"}, {"candidates": ["well, yes…", "so it is.."]}),
        ("exact", ["yes", "否"], {"kind": "yes or no"}, {}),
        ("exact", ["level 2", "3"], {"kind": "level"}, {}),
        ("exact", ["12 cm", "1,250", "-3/4", "50%", "1/3", "0.125"], {"kind": "number"}, {}),
        ("exact", ["tea, milk"], {"kind": "list"}, {}),
        ("exact", ["tea;milk"], {"kind": "set", "separator": ";"}, {}),
        ("set_f1", ["tea, milk", "none"], {}, {}),
        ("json_schema", ['{"a": 1}', '```json\n{"a": 2}\n```'], {"schema": {"type": "object"}}, {}),
        ("mathematics", ["12", "12 apples", r"\frac{3}{4}", "1,234", r"x^2+1", r"[0,\infty)", "(1,2)"], {}, {}),
        ("chrf", ["tea"], {}, {}),
    ],
)
def test_references_that_their_reward_reads_rightly_are_not_named(reward, answers, options, fields):
    assert found(reward, answers, options, fields) == []


def test_a_reference_that_is_wrong_in_another_spelling_is_named_once_with_its_first(monkeypatch):
    monkeypatch.setitem(spellings.SPELLINGS, "exact", lambda task, record: [record.answer, "TEA", "milk", "cocoa"])
    assert found("exact", ["tea", "tea", "milk"]) == [("tea", "milk"), ("milk", "TEA")]


def test_it_is_named_where_it_stands_first_and_in_its_rationale_too(monkeypatch):
    monkeypatch.setitem(spellings.SPELLINGS, "exact", lambda task, record: ["milk"])
    asked = []

    def score_all(all_asked):
        asked.extend(one.answers for one in all_asked)
        return [[Verdict(0.0, "wrong", note="milk is no tea")] for _ in all_asked]

    task = Task("tag", "domain", "dialogue", "", "", "exact", think=True, rationale="{why}")
    one = Record("tag/eval/0", "tag", (), "tea", "eval", "eval.jsonl:7", rationale="so it is")
    splits = {"train": (), "probe": (), "eval": (one,)}
    [named] = misread(Dataset({"tag": task}, {"tag": splits}, {"tag": 0}), task, score_all)
    assert (named.record.source, named.spelling, named.note) == ("eval.jsonl:7", "milk", "milk is no tea")
    assert asked == [[("<think>so it is</think>milk", True)]]


def test_a_task_with_steps_of_its_own_is_left_alone():
    assert found("exact", ["tea"], extract=({"first": "^tea$"},)) == []
