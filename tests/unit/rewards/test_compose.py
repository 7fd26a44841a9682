"""Rewards made of rewards."""

from dataclasses import replace

import pytest

from redone.records import Record, Task
from redone.rewards import JUDGED, REWARDS, uses, validate_options

RECORD = Record(
    "title/eval/0", "title", ({"role": "user", "content": "?"},), "green tea", "eval", "world",
    fields={"rules": [{"rule": "words", "max": 2}, {"rule": "lower"}]},
)  # fmt: skip
NEAR, SHORT = {"reward": "anls"}, {"reward": "pattern", "options": {"all": True}}


def verdict(reward, answer, **options):
    return REWARDS[reward](RECORD, answer, **options)


@pytest.mark.parametrize(
    ("reward", "options", "answer", "score"),
    [
        ("product", {"of": [NEAR, SHORT]}, "green tea", 1.0),
        ("product", {"of": [NEAR, SHORT]}, "green te", 1 - 1 / 9),
        ("product", {"of": [NEAR, SHORT]}, "green tea now", 0.0),
        ("weighted", {"of": [NEAR, SHORT], "weights": [3, 1]}, "green tea now", 0.75 * (1 - 4 / 13)),
        ("weighted", {"of": [NEAR, SHORT], "weights": [1.0, 0.0]}, "green tea", 1.0),
        ("gate", {"of": [SHORT, NEAR]}, "green te", 1 - 1 / 9),
        ("gate", {"of": [SHORT, NEAR]}, "GREEN TEA", 0.0),
        ("gate", {"of": [{"reward": "pattern"}, NEAR], "at": 0.5}, "GREEN TEA", 1.0),
        ("product", {"of": [{"reward": "gate", "options": {"of": [SHORT, NEAR]}}, NEAR]}, "green te", (1 - 1 / 9) ** 2),
    ],
)
def test_scores_by_hand(reward, options, answer, score):
    assert verdict(reward, answer, **options).score == pytest.approx(score)
    validate_options(Task("title", "domain", "dialogue", "", "", reward, options))


def test_every_part_is_logged_with_its_own_parts_and_note():
    found = verdict("product", "green tea now", of=[NEAR, SHORT])
    assert found.parts["1 anls"] == pytest.approx(1 - 4 / 13)
    assert found.parts["2 pattern"] == 0.0
    assert found.parts["2 pattern.rules"] == 2.0
    assert found.note == "2 pattern: broken: words"


def test_a_part_without_a_verdict_leaves_the_whole_without_one(monkeypatch):
    from redone.records import Verdict

    monkeypatch.setitem(REWARDS, "anls", lambda record, answer: Verdict(0.0, "error", {}, "down"))
    found = verdict("weighted", "green tea", of=[NEAR, SHORT], weights=[1, 1])
    assert (found.score, found.reason, found.note) == (0.0, "error", "1 anls: down")


@pytest.mark.parametrize(
    ("reward", "options", "said"),
    [
        ("product", {}, "needs the option 'of'"),
        ("product", {"of": []}, "fewer than 1"),
        ("gate", {"of": [NEAR]}, "fewer than 2"),
        ("product", {"of": ["anls"]}, "is not {reward = NAME"),
        ("product", {"of": [{"reward": "anlz"}]}, "is not {reward = NAME"),
        ("product", {"of": [{"reward": "anls", "options": {"most": 1}}]}, "its part anls has no option 'most'"),
        ("weighted", {"of": [NEAR, SHORT], "weights": [1]}, "one for each part"),
        ("weighted", {"of": [NEAR], "weights": [0]}, "not all 0"),
        ("weighted", {"of": [NEAR], "weights": ["1"]}, "numbers"),
    ],
)
def test_a_composition_that_cannot_be_is_refused(reward, options, said):
    with pytest.raises(ValueError, match=f"task title: reward {reward}.*{said}"):
        validate_options(Task("title", "domain", "dialogue", "", "", reward, options))


def test_a_judge_in_any_part_is_found():
    inner = {"of": [NEAR, {"reward": "judge", "options": {"rubric": "short"}}]}
    task = Task("title", "domain", "dialogue", "", "", "product", {"of": [{"reward": "gate", "options": inner}]})
    assert uses(task, JUDGED)
    assert not uses(replace(task, options={"of": [NEAR]}), JUDGED)
