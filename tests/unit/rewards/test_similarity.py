import random
import time
from functools import cache

import pytest
from rouge_score import rouge_scorer

from redone.records import Record
from redone.rewards import extract
from redone.rewards.distance import common_subsequence, edit_distance
from redone.rewards.metrics import anls
from redone.rewards.similarity import rouge_1, rouge_2, rouge_l

GRADED = (rouge_1, rouge_2, rouge_l)


def record(answer):
    return Record("tea/eval/0", "tea", ({"role": "user", "content": "?"},), answer, "eval", "world")


@pytest.mark.parametrize(
    "gold, answer, one, two, long",
    [
        ("the cat sat on the mat", "the cat lay on the mat", 5 / 6, 3 / 5, 5 / 6),
        ("the cat sat", "sat the cat", 1, 1 / 2, 2 / 3),
        ("the cat", "the the the", 2 / 5, 0, 2 / 5),
        ("a b c d", "a c", 4 / 6, 0, 4 / 6),
        ("我爱喝茶", "我喝茶", 6 / 7, 2 / 5, 6 / 7),  # 喝茶 is the one pair shared of three and two
        ("tea", "tea time", 2 / 3, 0, 2 / 3),
        ("tea", "coffee", 0, 0, 0),
        ("Tea, hot!", "tea hot", 1, 1, 1),
    ],
)
def test_rouge_by_hand(gold, answer, one, two, long):
    assert rouge_1(record(gold), answer).score == pytest.approx(one)
    assert rouge_2(record(gold), answer).score == pytest.approx(two)
    assert rouge_l(record(gold), answer).score == pytest.approx(long)


class Cut:
    """rouge-score's tokenizer, which drops Chinese, replaced by ours."""

    def tokenize(self, text):
        return extract.tokens(extract.fold(text))


def test_rouge_is_that_of_rouge_score():
    theirs = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Cut())
    draw = random.Random(0)
    for _ in range(300):
        gold, answer = (" ".join(draw.choices("a b cc 茶 水 茶水".split(), k=draw.randrange(2, 14))) for _ in range(2))
        expected = theirs.score(gold, answer)
        for name, reward in (("rouge1", rouge_1), ("rouge2", rouge_2), ("rougeL", rouge_l)):
            assert reward(record(gold), answer).score == pytest.approx(expected[name].fmeasure, abs=1e-8)


def test_the_common_subsequence_and_the_edit_distance_are_those_of_the_plain_recursion():
    @cache
    def slow(one, other):
        """(longest common subsequence, edit distance)"""
        if not one or not other:
            return 0, len(one) + len(other)
        if one[0] == other[0]:
            kept, edits = slow(one[1:], other[1:])
            return kept + 1, edits
        branches = slow(one[1:], other), slow(one, other[1:]), slow(one[1:], other[1:])
        return max(kept for kept, _ in branches), 1 + min(edits for _, edits in branches)

    draw = random.Random(0)
    for _ in range(300):
        one, other = ("".join(draw.choices("ab茶", k=draw.randrange(9))) for _ in range(2))
        assert (common_subsequence(one, other), edit_distance(one, other)) == slow(one, other)


@pytest.mark.parametrize(
    "gold, answer, score",
    [
        ("kitten", "sitting", 4 / 7),
        ("Tea.", "tea", 1),
        ("1999", "1998", 3 / 4),
        ("我想喝茶", "我想和茶", 3 / 4),
        ("abc", "xyz", 0),
        ("ab" * 2_000, "ab" * 1_999, 3_998 / 4_000),  # beyond the longest that anls aligns
    ],
)
def test_edit_similarity_by_hand(gold, answer, score):
    assert anls(record(gold), answer).score == pytest.approx(score)


def test_case_counts_in_edit_similarity_where_the_task_says_so():
    assert anls(record("TEA"), "tea").score == 1
    assert anls(record("TEA"), "tEA", case=True).score == pytest.approx(2 / 3)


@pytest.mark.parametrize("reward", GRADED)
@pytest.mark.parametrize("gold", ["tea", "茶", "The tea is good.", "我爱很酷的咖啡", "tea, milk, water", "3.50"])
def test_gold_scores_exactly_one_and_nothing_scores_zero(reward, gold):
    verdict = reward(record(gold), gold)
    assert (verdict.score, verdict.reason) == (1.0, "right")
    for nothing in ("", " \n\u3000", "."):
        verdict = reward(record(gold), nothing)
        assert (verdict.score, verdict.reason, verdict.parts["parsed"]) == (0.0, "unparsable", 0.0)


@pytest.mark.parametrize("reward", GRADED)
def test_an_answer_longer_than_at_most_says_scores_nothing(reward):
    gold = record("tea is good")  # 11 characters
    assert reward(gold, "tea is good tea is goo", at_most=2.0).score >= 0.5
    verdict = reward(gold, "tea is good tea is good", at_most=2.0)
    assert (verdict.score, verdict.reason) == (0, "wrong")
    assert reward(gold, "tea is good tea is good").score > 0.4
    assert reward(gold, "tea is good", at_most=1.0).score == 1


@pytest.mark.parametrize("reward", GRADED)
def test_an_empty_reference_is_refused_by_name(reward):
    with pytest.raises(ValueError, match="tea/eval/0"):
        reward(record(" . "), "tea")


@pytest.mark.parametrize("reward", GRADED)
def test_padding_and_repetition_cost_points(reward):
    gold = "a small cafe near the river"
    assert reward(record(gold), f"{gold} {gold}").score < 0.85
    assert reward(record(gold), f"{gold} {gold} {gold} {gold} and so on and on").score < 0.62
    assert reward(record(gold), "cafe river near a the small").score < 1 or reward is rouge_1  # which sees no order


@pytest.mark.parametrize("reward", [rouge_1, rouge_2, rouge_l, anls])
def test_no_answer_of_the_longest_length_takes_long(reward):
    gold, answer = record("茶水" * 10_000), "水茶好" * 6_666
    start = time.process_time()
    assert 0 < reward(gold, answer).score < 1
    assert time.process_time() - start < 5
