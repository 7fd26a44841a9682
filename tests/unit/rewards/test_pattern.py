import pytest
from verdicts import settled

from redone import rewards
from redone.records import Record
from redone.rewards.outside import Pending
from redone.rewards.pattern import sentences


def pattern(record, answer, **options):
    return settled(rewards.pattern(record, answer, **options))


def record(*rules):
    return Record(
        "rule/eval/0", "rule", ({"role": "user", "content": "?"},), "x", "eval", "world", fields={"rules": rules}
    )


@pytest.mark.parametrize(
    "rule, follows, breaks",
    [
        (
            {"rule": "words", "min": 2, "max": 3},
            ["two words", "我爱茶", "my re\u0301sume\u0301 here"],
            ["one", "a b c d", "—, !"],
        ),
        ({"rule": "words", "max": 1}, ["tea", "茶"], ["tea tea", "茶茶"]),
        ({"rule": "chars", "min": 3, "max": 4}, ["abc", "  abcd  "], ["ab", "abcde"]),
        (
            {"rule": "sentences", "min": 2, "max": 2},
            ["Hi. Go!", "你好。走！", "So?! Yes..."],
            ["Hi", "Hi. ! ?", "A. B. C."],
        ),
        ({"rule": "contains", "text": "Tea"}, ["green TEA", "ｔｅａ", "steamy"], ["t e a", "tеa", "coffee"]),
        ({"rule": "excludes", "text": "Tea"}, ["coffee"], ["green tea", "ＴＥＡ"]),
        ({"rule": "starts", "text": "dear"}, ["Dear all"], ["oh dear", "dead"]),
        ({"rule": "ends", "text": "bye."}, ["so, BYE."], ["bye", "bye. x"]),
        ({"rule": "upper"}, ["TEA 1!"], ["Tea", "123", "茶"]),
        ({"rule": "lower"}, ["tea 1!"], ["Tea", "123"]),
        (
            {"rule": "json_keys", "keys": ["a", "b"]},
            ['{"b": 1, "a": {}}', '```json\n{"a": 1, "b": 2}\n```'],
            ['{"a": 1}', '{"a": 1, "b": 2, "c": 3}', '["a", "b"]', '{"a": 1, "b": 2} ok', "{a: 1, b: 2}", "[" * 99_999],
        ),
        (
            {"rule": "repeat", "text": "so true", "count": 2},
            ["so true\nso true"],
            ["so true", "so true so", "so true, so true", "So true so true"],
        ),
        ({"rule": "repeat", "text": "a", "count": 10**12}, [], ["a a"]),
        (
            {"rule": "bullets", "count": 2},
            ["- a\n* b", "1. a\nthen\n 2) b", "• a\n• b"],
            ["- a", "- a\n- b\n- c", "-a\n-b", "- \n- "],
        ),
        ({"rule": "regex", "pattern": r"[a-z]+@[a-z]+\.com"}, ["me@tea.com"], ["me@tea.com!", "me@tea.org"]),
        ({"rule": "regex", "pattern": r"\d{4}-\d{2}-\d{2}"}, ["2024-01-31"], ["2024-1-31", "24-01-31"]),
        ({"rule": "regex", "pattern": r"(?:\d{3},)*\d{3}"}, ["123", "123," * 4000 + "123"], ["1,234"]),
    ],
    ids=lambda value: value["rule"] if isinstance(value, dict) else "",
)
def test_a_rule_is_followed_or_broken(rule, follows, breaks):
    for text in follows:
        assert pattern(record(rule), text).score == 1, text
    for text in breaks:
        assert pattern(record(rule), text).score == 0, text


RULES = (
    {"rule": "words", "max": 3},
    {"rule": "lower"},
    {"rule": "contains", "text": "tea"},
    {"rule": "ends", "text": "!"},
)


@pytest.mark.parametrize(
    "text, hits", [("hot tea!", 4), ("Hot tea!", 3), ("Hot coffee!", 2), ("MORE WORDS THAN THREE", 0)]
)
def test_the_score_is_the_share_of_rules_followed_or_all_of_them(text, hits):
    verdict = pattern(record(*RULES), text)
    assert (verdict.score, verdict.parts["hits"], verdict.parts["rules"]) == (hits / 4, hits, 4)
    assert pattern(record(*RULES), text, all=True).score == (hits == 4)


def test_an_empty_answer_follows_no_rule_and_broken_rules_are_named():
    verdict = pattern(record({"rule": "chars", "max": 5}, {"rule": "excludes", "text": "tea"}), " \n ")
    assert (verdict.score, verdict.reason, verdict.parts["hits"]) == (0, "unparsable", 0)
    verdict = pattern(record(*RULES), "Hot coffee!")
    assert (verdict.reason, verdict.note) == ("wrong", "broken: lower, contains")
    assert pattern(record({"rule": "json_keys", "keys": ["a"]}), "a: 1").reason == "unparsable"
    assert pattern(record({"rule": "json_keys", "keys": ["a"]}), "{}").reason == "wrong"


def test_a_long_run_of_full_stops_is_one_sentence_read_in_one_pass():
    assert sentences("tea" + "." * 100_000 + "x") == 1


def test_a_regex_is_a_search_that_does_not_match_where_its_time_runs_out_and_is_named():
    rules = ({"rule": "regex", "pattern": "(a+)+b"}, {"rule": "lower"}, {"rule": "regex", "pattern": "a*"})
    found = rewards.pattern(record(*rules), "aaa")
    assert isinstance(found, Pending)
    verdict = found.verdict([None, True])
    assert (verdict.score, verdict.reason) == (2 / 3, "wrong")
    assert verdict.note == (
        "broken: regex; the regex '(a+)+b' may take too long; have fewer quantifiers, none inside another"
    )
    assert [found.verdict([one, True]).score for one in (True, False)] == [1, 2 / 3]
    assert not isinstance(rewards.pattern(record({"rule": "lower"}), "aaa"), Pending)


@pytest.mark.parametrize(
    "rule",
    [
        None, "words", {}, {"rule": "wrods", "max": 3}, {"rule": ["words"]},
        {"rule": "words"}, {"rule": "words", "max": "3"}, {"rule": "upper", "text": "a"},
        {"rule": "words", "max": True}, {"rule": "words", "most": 3}, {"rule": "contains"},
        {"rule": "contains", "text": " "}, {"rule": "repeat", "text": "a"}, {"rule": "json_keys", "keys": [["a"]]},
        *({"rule": "regex", "pattern": bad} for bad in ("(", "[a", "a{99999999999}", "a" * 201, "*a")),
    ],
    ids=str,
)  # fmt: skip
def test_a_malformed_rule_is_refused_by_name(rule):
    with pytest.raises(ValueError, match="rule/eval/0"):
        pattern(record(rule), "x")


@pytest.mark.parametrize("rules", [None, [], "words", {"rule": "upper"}])
def test_rules_that_are_no_list_are_refused_by_name(rules):
    bare = Record("rule/eval/0", "rule", (), "x", "eval", "world", fields={"rules": rules})
    with pytest.raises(ValueError, match="rule/eval/0"):
        pattern(bare, "x")
