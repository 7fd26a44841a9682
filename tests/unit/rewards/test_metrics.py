import random
import tomllib
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import sacrebleu

from redone.records import Record
from redone.rewards.distance import edit_distance
from redone.rewards.exact import exact
from redone.rewards.metrics import Tokens, anls, bleu, chrf, set_f1, token_f1, words_of

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "data.toml").read_text(encoding="utf-8"))


def record(answer):
    return Record("tea/eval/0", "tea", ({"role": "user", "content": "?"},), answer, "eval", "world")


@pytest.mark.parametrize(
    "gold, answer, score, hits, predicted, wanted",
    [
        ("a, b", "B，a", 1, 2, 2, 2),
        ("a, b, c", "a, d", 2 / 5, 1, 2, 3),
        ("a", "a, b, c, d, e", 2 / 6, 1, 5, 1),
        ("a, b", "a, a, a", 2 / 3, 1, 1, 2),  # repetition neither helps nor harms
        ("a, b", "a b", 0, 0, 1, 2),
        ("a, b", "none", 0, 0, 0, 2),
        ("none", "None.", 1, 0, 0, 0),
        ("none", "a", 0, 0, 1, 0),
        ("none", "none, a", 0, 0, 2, 0),
        ("", "", 1, 0, 0, 0),
        ("a", "", 0, 0, 0, 1),
    ],
)
def test_set_f1_by_hand(gold, answer, score, hits, predicted, wanted):
    verdict = set_f1(record(gold), answer)
    assert verdict.score == pytest.approx(score)
    assert [verdict.parts[name] for name in ("hits", "predicted", "gold")] == [hits, predicted, wanted]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["what"]) for case in CASES["lists"]])
def test_lists_are_split_at_the_signs_of_every_script(case):
    separator, counts = case.get("separator", ","), case["counts"]
    parts = set_f1(record(case["gold"]), case["answer"], separator=separator).parts
    assert [parts[name] for name in ("hits", "predicted", "gold")] == counts
    right = len(set(counts)) == 1
    assert exact(record(case["gold"]), case["answer"], kind="set", separator=separator).score == right
    assert exact(record(case["gold"]), case["answer"], kind="set", separator=separator, width=True).score == right
    assert set_f1(record(case["gold"]), case["gold"], separator=separator).score == 1


def test_set_f1_takes_its_separator_and_its_word_for_nothing():
    assert set_f1(record("a, b ; c"), "c;a, b", separator=";").score == 1
    assert set_f1(record("-"), "", none="-").score == 1
    assert set_f1(record("none"), "", none="-").score == 0


@pytest.mark.parametrize(
    "gold, answer, score, hits, predicted, wanted",
    [
        ("the cat sat", "The cat, sat!", 1, 3, 3, 3),
        ("the cat sat", "sat the cat", 1, 3, 3, 3),
        ("the cat sat", "a cat", 2 / 5, 1, 2, 3),
        ("the cat", "the the the", 2 / 5, 1, 3, 2),  # each word counts as often as the reference has it
        ("我爱茶", "我喝茶", 2 / 3, 2, 3, 3),
        ("the cat", "dog", 0, 0, 1, 2),
        ("the cat", "!?", 0, 0, 0, 2),
    ],
)
def test_token_f1_by_hand(gold, answer, score, hits, predicted, wanted):
    verdict = token_f1(record(gold), answer)
    assert verdict.score == pytest.approx(score)
    assert [verdict.parts[name] for name in ("hits", "predicted", "gold")] == [hits, predicted, wanted]


@pytest.mark.parametrize(
    "gold, answer, score",
    [
        ("kitten", "sitting", 4 / 7),  # three edits
        ("Tea.", "tea", 1),
        ("abc", "xyz", 0),
        ("1999", "1998", 3 / 4),
        ("coffee", "соffee", 4 / 6),  # two Cyrillic letters
        ("a" * 1001, "a" * 1001, 1),
        ("a" * 20_000, "a" * 19_999, 19_999 / 20_000),
    ],
)
def test_anls_by_hand(gold, answer, score):
    assert anls(record(gold), answer).score == pytest.approx(score)


@pytest.mark.parametrize(("one", "other"), [("", ""), ("", "abc"), ("abc", "")])
def test_to_an_empty_text_it_is_as_far_as_there_are_characters(one, other):
    assert edit_distance(one, other) == len(one + other)


def test_the_edit_distance_is_that_of_the_plain_recursion():
    @cache
    def slow(one, other):
        if not one or not other:
            return len(one) + len(other)
        replaced = slow(one[1:], other[1:]) + (one[0] != other[0])
        return min(replaced, slow(one[1:], other) + 1, slow(one, other[1:]) + 1)

    draw = random.Random(0)
    for _ in range(100):
        one, other = ("".join(draw.choices("ab茶", k=draw.randrange(8))) for _ in range(2))
        assert edit_distance(one, other) == slow(one, other)


PAIRS = [
    ("the tea is not good today", "the tea is good"),
    ("昨日は友達と新しい喫茶店へ行きました。", "昨日、友達と新しいカフェに行った。"),
    ("어제 친구와 새로 생긴 카페에 갔어요.", "어제 친구랑 새 카페에 갔다."),
    ("the tea is not good today", "today the good tea, it is not"),
    ("this cafe is so cool", "it is a very nice place"),
    ("我爱很酷的咖啡", "我爱咖啡"),
    ("茶和书", "这本书很好"),
]


@pytest.mark.parametrize("gold, answer", PAIRS)
def test_chrf_and_bleu_are_those_of_sacrebleu(gold, answer):
    def theirs(function, **options):
        return pytest.approx(function(answer, [gold], **options).score / 100, abs=1e-8)

    assert chrf(record(gold), answer).score == theirs(sacrebleu.sentence_chrf)
    assert chrf(record(gold), answer, word_order=2).score == theirs(sacrebleu.sentence_chrf, word_order=2)
    for tokenize in get_args(Tokens):
        expected = theirs(sacrebleu.sentence_bleu, tokenize=tokenize, use_effective_order=True)
        assert bleu(record(gold), answer, tokenize=tokenize).score == expected


def test_bleu_over_the_words_of_japanese_and_korean_by_hand():
    # 私|は|猫|が|好き|です|。: of 7, 6, 5, 4 n-grams one, two, three, three hold the animal
    ja = (6 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** (1 / 4)
    assert bleu(record("私は犬が好きです。"), "私は猫が好きです。", tokenize="ja-mecab").score == pytest.approx(ja)
    # 나|는|고양이|를|좋아한다|.: and no 4-gram, which counts half
    ko = (5 / 6 * 3 / 5 * 1 / 4 * 1 / 6) ** (1 / 4)
    assert bleu(
        record("나는 강아지를 좋아한다."), "나는 고양이를 좋아한다.", tokenize="ko-mecab"
    ).score == pytest.approx(ko)
    # nine characters: of 9, 8, 7, 6 n-grams one, two, three, three hold it
    char = (8 / 9 * 6 / 8 * 4 / 7 * 3 / 6) ** (1 / 4)
    assert bleu(record("私は犬が好きです。"), "私は猫が好きです。", tokenize="char").score == pytest.approx(char)


@pytest.mark.parametrize("tokenize", ["ja-mecab", "ko-mecab"])
def test_a_nul_hides_nothing_from_the_words_of_a_language(tokenize):
    gold = "私は犬が好き 나는 강아지를"
    assert bleu(record(gold), gold, tokenize=tokenize).score == 1
    assert bleu(record(gold), f"{gold}\0 {gold} {gold}", tokenize=tokenize).score < 0.6


def test_words_without_their_dictionary_are_refused_with_what_to_install(monkeypatch):
    for name in ("ja", "ko"):
        monkeypatch.setattr(f"sacrebleu.tokenizers.tokenizer_{name}_mecab.MeCab", None)
        with pytest.raises(ValueError, match=rf"the tokens {name}-mecab need MeCab .*: pip install 'redone\[mecab\]'"):
            words_of.__wrapped__(f"{name}-mecab")


def test_chrf_and_bleu_by_hand():
    # one letter of two: precision 1, recall 1/2, and F2 = 5 P R / (4 P + R); orders that one side lacks are left out
    assert chrf(record("ab"), "a").score == pytest.approx(5 / 9)
    # precisions 3/4, 2/3, 1/2 and, of no match in one, 1/2 by exponential smoothing; the lengths are equal
    assert bleu(record("a b c d"), "a b c e").score == pytest.approx((3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** (1 / 4))


@pytest.mark.parametrize("reward", [chrf, bleu, anls])
def test_an_answer_longer_than_the_bound_scores_nothing(reward):
    tea = record("a cup of tea")
    assert reward(tea, "a cup of teas", at_most=1.25).score > 0.5
    assert reward(tea, "a cup of tea a cup of tea", at_most=1.25).score == 0
    assert reward(tea, "a cup of tea a cup of tea").score > 0.2
    assert reward(tea, "a cup of tea", at_most=1.0).score == 1


@pytest.mark.parametrize("reward", [set_f1, token_f1, chrf, bleu, anls])
@pytest.mark.parametrize("gold", ["tea", "茶", "The tea is good.", "我爱很酷的咖啡", "tea, milk, water"])
def test_gold_scores_exactly_one_and_nothing_scores_zero(reward, gold):
    verdict = reward(record(gold), gold)
    assert (verdict.score, verdict.reason) == (1.0, "right")
    verdict = reward(record(gold), " ")
    assert (verdict.score, verdict.reason, verdict.parts["parsed"]) == (0.0, "unparsable", 0.0)


@pytest.mark.parametrize("reward", [token_f1, chrf, bleu, anls])
def test_an_empty_reference_is_refused_by_name(reward):
    with pytest.raises(ValueError, match="tea/eval/0"):
        reward(record(" . "), "tea")
