"""SNS-Bench's clean reading: tables worked by hand, and the real reference answers, which score 100."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import noise
import numpy as np
import pytest

from redone.benchmark.aggregate import Totals
from redone.benchmark.readings import AGGREGATES, EMBEDDED, read
from redone.benchmark.sns_clean import line_of, listed
from redone.measure.definitions import definition, read_records
from redone.records import Record, Verdict

BENCHMARK = definition("sns-bench")
NEEDS_DATA = pytest.mark.skipif("REDONE_DATA" not in os.environ, reason="REDONE_DATA names no folder of data sets")


@cache
def records() -> Mapping[str, Sequence[Record]]:
    return read_records(BENCHMARK, Path(os.environ["REDONE_DATA"]))


def clean(name: str, mine: Sequence[Record], outputs: Sequence[str]) -> tuple[list[Verdict], dict[str, float]]:
    [how] = [one for one in BENCHMARK.subsets[name].readings if one.name == "clean"]
    verdicts = [read(how.task, record, output, True) for record, output in zip(mine, outputs)]
    found = AGGREGATES[how.aggregate](Totals(verdicts, np.ones((1, len(verdicts)))))
    return verdicts, {key: float(value[0]) for key, value in found.items()}


def table(name: str, *rows: tuple[Any, str, float]) -> dict[str, float]:
    """The scores of hand-made (reference answer, output, score of the item) rows."""
    mine = [
        Record(f"{name}/{i}", name, (), str(gold), "eval", "", fields={"answer": gold})
        for i, (gold, *_) in enumerate(rows)
    ]
    verdicts, found = clean(name, mine, [output for _, output, _ in rows])
    assert [verdict.score for verdict in verdicts] == pytest.approx([score for *_, score in rows], abs=1e-9)
    return found


@NEEDS_DATA
@pytest.mark.parametrize("name", list(BENCHMARK.subsets))
def test_every_gold_answer_is_right(name: str) -> None:
    mine = records()[name]
    verdicts, found = clean(name, mine, [record.answer for record in mine])
    assert [record.id for record, verdict in zip(mine, verdicts) if verdict.reason != "right"] == []
    assert found["anls" if name == "note_querygen" else "score"] == pytest.approx(100)


@NEEDS_DATA
@pytest.mark.parametrize("name", list(BENCHMARK.subsets))
def test_noisy_predictions_have_a_score_below_that_of_gold_and_above_none(name: str) -> None:
    mine = records()[name]
    verdicts, found = clean(name, mine, noise.noisy([record.answer for record in mine], 4))
    assert all(0 <= verdict.score <= 1 for verdict in verdicts)
    assert 20 < found["anls" if name == "note_querygen" else "score"] < 90


def test_a_line_is_what_follows_the_label_and_stands_before_the_end() -> None:
    assert line_of("<think>no\nno</think>\n\n**Answer:** tea<|im_end|>milk") == "tea"
    assert line_of("I thought of milk.\nAnswer: tea\nfor two") == "tea"
    assert line_of("```\ntea\n```") == "tea"
    assert line_of("milk</think>tea") == "tea"
    assert line_of("<think>tea") == ""
    assert line_of("tea" * 10_000) == ""
    assert EMBEDDED["sns_clean_query"] is line_of


def test_a_list_is_the_last_one_of_texts() -> None:
    assert listed("See [1]: ['a [R] b', \"it's\"]") == ["a [R] b", "it's"]
    assert listed('["a\nb", "c\\n"]') == ["a\nb", "c\n"]
    assert listed("of ['a', 'b'] I take []") == []
    assert listed("['it\\'s',]") == ["it's"]
    assert [listed(text) for text in ("", "['a'", "[1]", "[None, 'a']", "['a' 'b']", "['Jie's']")] == [None] * 6


def test_yes_and_no() -> None:
    for name in ("note_gender", "note_querycorr_explain"):
        found = table(
            name,
            ("Yes", "Yes", 1),
            ("Yes", "yes.", 1),
            ("Yes", "**Yes**", 1),
            ("No", "Answer: No, since it is about tea", 1),
            ("Yes", "<think>No, or</think>Yes", 1),
            ("Yes", "<think>Yes", 0),
            ("Yes", "Yesterday", 0),
            ("No", "Not at all", 0),
            ("No", "No<|endofresponse|>Yes", 1),
            ("No", "", 0),
        )
        assert found["score"] == pytest.approx(60)


def test_single_categories() -> None:
    found = table(
        "note_taxonomy_single",
        ("Trends", "Trends", 1),  # not cut at "end"
        ("Trends", "trends, as the note shows", 1),
        ("Trends", "Tr", 0),
        ("Trends", "Trend", 0),
        ("Week", "Weekend", 0),
        ("Food", "The category is Food", 0),
        ("Food", "Food\nTravel", 1),
        ("Food", "Travel\nFood", 0),
    )
    assert found["score"] == pytest.approx(37.5)


def test_single_tags() -> None:
    found = table(
        "note_hashtag_single",
        ("No. 9 Scooter", "No. 9 Scooter", 1),  # not cut at the full stop
        ("No. 9 Scooter", "No 9 scooter.", 1),
        ("No. 9 Scooter", "No", 0),
        ("Weekend <Trip>", "Weekend <Trip>", 1),
        ("Tea", "Tea. It fits best.", 1),
        ("Tea", "Milk, Tea", 0),
    )
    assert found["score"] == pytest.approx(100 * 4 / 6)


def test_paths() -> None:
    gold = "Food & Fun | The Bar | Trendy Tea"
    found = table(
        "note_taxonomy_multiple",
        (gold, gold, 1),
        (gold, "food & fun|the bar|trendy tea", 1),
        (gold, "Answer: Food & Fun ｜ The Bar ｜ Trendy Tea.", 1),
        (gold, f"{gold}, because of the tea", 1),
        (gold, "Food Fun The Bar Trendy Tea", 0),  # the separators count
        (gold, "Food & Fun | Bar | Trendy Tea", 0),  # and so do articles
        (gold, "Food & Fun | The Bar", 0),
        (gold, "The Bar | Food & Fun | Trendy Tea", 0),
    )
    assert found["score"] == pytest.approx(50)


def test_tags_and_entities() -> None:
    for name in ("note_hashtag_multiple", "note_ner"):
        found = table(
            name,
            ("a, b", "B,a", 1),
            ("a, b", "a, , c，d.", 0.4),  # 1 hit, 3 and 2
            ("a", "Answer: a, a", 1),
            ("a < b, c", "a < b, c", 1),  # not cut at <
            ("a", "b\na", 0),  # 0 of 1 and 1
            ("a", "", 0),  # 0 of 0 and 1
        )
        # hits 2 + 1 + 1 + 2 = 6, predicted 2 + 3 + 1 + 2 + 1 + 0 = 9, gold 2 + 2 + 1 + 2 + 1 + 1 = 9
        assert found["score"] == pytest.approx(100 * 12 / 18)


def test_levels() -> None:
    found = table(
        "note_querycorr_topic",
        ("2", "Level 2", 1),
        ("-1", "\u22121", 1),
        ("3", "10", 0),  # no level: a miss of 3
        ("1", "Rating: 1.", 1),
        ("1", "1.5", 0),  # no level: a miss of 1
        ("0", "I counted 10 of them, so 3", 0),  # a miss of 0, and a false 3
        ("2", "<think>3 or 1?</think>2", 1),
        ("0", "Answer: 0", 1),
        ("1", "level-1", 1),  # a hyphen
    )
    # f1 = 2 tp / (2 tp + fp + fn): -1: 1; 0: tp 1, fn 1: 2/3; 1: tp 2, fn 1: 4/5; 2: 1; 3: fn 1, fp 1: 0
    assert found["score"] == pytest.approx(100 * (1 + 2 / 3 + 4 / 5 + 1 + 0) / 5)


def test_levels_that_do_not_occur_are_left_out_of_their_mean() -> None:
    assert table("note_querycorr_topic", ("2", "2", 1), ("3", "3", 1))["score"] == pytest.approx(100)


def test_highlights() -> None:
    found = table(
        "note_chlw",
        ("['a', 'b']", '["B", "c"]', 0.5),  # 1 hit, 2 and 2
        ("[]", "[]", 1),  # the empty word: 1 hit, 1 and 1
        ("[]", "['']", 1),
        ("['a']", "Of ['a', 'b'] I take ['a']", 1),  # the last list: 1 hit, 1 and 1
        ("['a [R]']", "['a [R]']", 1),
        ("['a']", "a", 0),  # no list: 0 and 1
        ("[]", "None", 0),  # no list: 0 and 1
        ("['a']", "[]", 0),  # 0 hits, 1 and 1
    )
    # hits 5, predicted 7, gold 2 + 7 = 9
    assert found["score"] == pytest.approx(100 * 10 / 16)


def test_passages() -> None:
    gold = ["a b c d", "e"]
    # a b c d of a b c d e: every n-gram is right, so BLEU is exp(1 - 5 / 4); ROUGE-1 and L 2 * 4 / 9, ROUGE-2 2 * 3 / 7
    parts = (math.exp(-1 / 4), 8 / 9, 6 / 7, 8 / 9)
    found = table(
        "note_mrc_simple",
        (gold, '["a b c d", "e"]', 1),
        (gold, "['a b c d']", sum(parts) / 4),
        (gold, "[]", 0),  # fn
        ([], "[]", 1),
        ([], "['x']", 0),  # fp
        (["see [R] here"], 'Note [1]: ["see [R] here"]', 1),
        (gold, "I cannot say", 0),  # no list: fn, and a pair of which nothing is right
        ([], "nothing", 0),  # no list: fp
        (["one\ntwo"], "['one\ntwo']", 1),
        (["!"], "['!']", 1),
    )
    # tp 5, fp 2, fn 2; six pairs
    assert found["existence"] == pytest.approx(100 * 10 / 14)
    wanted = [100 * (4 + part) / 6 for part in parts]
    assert [found[name] for name in ("bleu", "rouge_1", "rouge_2", "rouge_l")] == pytest.approx(wanted)
    assert found["score"] == pytest.approx((100 * 10 / 14 + sum(wanted)) / 5)


def test_no_passages_anywhere_is_right_where_there_are_none() -> None:
    assert table("note_mrc_simple", ([], "[]", 1))["score"] == pytest.approx(100)


def result(*options: str) -> str:
    return f"<Result>{json.dumps([{'Option': option, 'Reason': 'so'} for option in options])}</Result>"


def test_options() -> None:
    found = table(
        "note_mrc_complex",
        # red tea: 1 and 1; milk tea: "milk" is 1 of 2 words and 1 of 1, 2/3, and no match
        (result("Red tea", "Milk"), result("red tea!", "Milk tea"), (5 / 6 + 1 / 2) / 2),
        (result(), result(), 1),
        (result(), result("a"), 0),  # fp
        (result("a"), "nothing", 0),  # no list: fn
        (
            result("a b c"),
            f"{result('d')} or {result('a c')}.",
            0.4,
        ),  # the last list: 2 of 2 and 3 words, 4/5, no match
        (result("a"), '<Result>```json\n[{"Option": "A."}]\n```</Result>', 1),
        (result("a"), result("a", "a"), 1),
        (result("a"), result(), 0),  # fn
    )
    # tp 4, fp 1, fn 2
    assert found["existence"] == pytest.approx(100 * 8 / 11)
    assert found["option_f1"] == pytest.approx(100 * (5 / 6 + 1 + 4 / 5 + 1 + 1) / 8)
    assert found["option_em"] == pytest.approx(100 * (1 / 2 + 1 + 0 + 1 + 1) / 8)
    assert found["score"] == pytest.approx((found["existence"] + found["option_f1"] + found["option_em"]) / 3)


def test_queries() -> None:
    found = table(
        "note_querygen",
        ("green tea", "Green tea.", 1),
        ("green tea", "green tea\n\nwhich is what they want", 1),
        ("green tea", "<think>tea?</think>green tea<|im_end|>", 1),
        ("green tea", "green", 5 / 9),  # four letters are missing of nine
        ("green tea", "green tee", 8 / 9),
        ("green tea", "", 0),
    )
    assert found["anls"] == pytest.approx(100 * (3 + 13 / 9) / 6)
    assert math.isnan(found["score"])
