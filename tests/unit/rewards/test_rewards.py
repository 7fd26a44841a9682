import json
import time
from dataclasses import replace

import pytest
from verdicts import settled

from redone.records import Record, Task
from redone.rewards import JUDGED, LONGEST, REWARDS, SANDBOXED, said, score, uses, validate_options
from redone.sandbox.isolate import unavailable


def subject(reward, gold, prompt, candidates=(), fields=None, **options):
    """A task, its one record, and the options that its prompt lists."""
    task = Task("tea", "domain", "dialogue", prompt, gold, reward, options)
    fields = {"candidates": list(candidates), **(fields or {})}
    return task, Record(
        "tea/eval/0", "tea", ({"role": "user", "content": prompt},), gold, "eval", "world", fields=fields
    )


DRINKS = ("coffee", "green tea", "water", "milk", "juice", "cocoa")
LISTED = "Which of these does the note speak of: " + ", ".join(DRINKS) + "?"
CASES = [{"vars": {"x": x, "y": y}, "value": max(x, y)} for x, y in ((1, 2), (5, 3), (-4, 9))]
RULES = [{"rule": "words", "min": 3, "max": 6}, {"rule": "contains", "text": "cafe"}, {"rule": "ends", "text": "cafe"}]
SUBJECTS = {
    "text": subject("exact", "cocoa", LISTED, DRINKS),
    "choice": subject("exact", "B", LISTED, DRINKS, kind="choice"),
    "number": subject("exact", "42", "How much is 40 + 2?", ("41", "42", "43"), kind="number"),
    "set": subject("exact", "cocoa, milk", LISTED, DRINKS, kind="set"),
    "list": subject("exact", "cocoa, milk", LISTED, DRINKS, kind="list"),
    "expression": subject(
        "expression", "max(x, y)", "The larger of x and y", ("x", "y", "min(x, y)"), {"cases": CASES}
    ),
    "pattern": subject(
        "pattern", "meet at the cafe", "At least 3 words about a cafe", DRINKS, {"rules": RULES}, all=True
    ),
    "set_f1": subject("set_f1", "cocoa, milk", LISTED, DRINKS),
    "token_f1": subject("token_f1", "a cup of cocoa", "What does she order, after all, in the end?", DRINKS),
    "chrf": subject("chrf", "I love this cafe so much", "译成英文：我太爱这家咖啡馆了", DRINKS),
    "bleu": subject("bleu", "I love this cafe so much", "译成英文：我太爱这家咖啡馆了", DRINKS),
    "anls": subject(
        "anls", "cocoa in paris", "Write a search query for: today I drank a hot cocoa while in Paris", DRINKS
    ),
}
NEAR, RULED = {"reward": "anls"}, {"reward": "pattern", "options": {"all": True}}
CLOSE = [{"rule": "words", "min": 3, "max": 3}]
for _name, _options in {
    "product": {"of": [NEAR, RULED]},
    "weighted": {"of": [NEAR, RULED], "weights": [1, 1]},
    "gate": {"of": [RULED, NEAR]},
}.items():
    SUBJECTS[_name] = subject(
        _name, "cocoa in paris", "A search query for: today I drank a hot cocoa", DRINKS, {"rules": CLOSE}, **_options
    )
SUBJECTS["ifeval"] = subject(
    "ifeval",
    '{"drink": "cocoa"}',
    LISTED,
    DRINKS,
    {
        "instruction_id_list": ["detectable_format:json_format", "keywords:existence"],
        "kwargs": [{}, {"keywords": ["cocoa"]}],
    },
)
CARD = "Don't buy the wrong transport card for Osaka and Kyoto! It cost me 2,000 yen."
SUBJECTS["faithful"] = subject(
    "faithful",
    "Osaka and Kyoto: don't buy the wrong transport card, it cost me 2,000 yen",
    "Write this more simply: " + CARD,
    DRINKS,
    {"text": CARD},
    all=True,
)
SUBJECTS["asserts"] = subject(
    "asserts", "def f(x):\n    return x + 1", "One more than x", ("x", "y"), {"tests": ["assert f(1) == 2"]}
)
SUBJECTS["calls"] = subject(
    "calls",
    "def f(x):\n    return x + 1",
    "One more",
    ("x", "y"),
    {"function": "f", "cases": [{"args": [1], "value": 2}]},
)
SUBJECTS["program"] = subject("program", "print(1)", "Print 1", ("1", "2"), {"cases": [{"input": "", "output": "1"}]})
SUBJECTS["mathematics"] = subject("mathematics", "42", "How much is 40 + 2?", ("41", "42", "43"))
for _name in ("rouge_1", "rouge_2", "rouge_l"):
    SUBJECTS[_name] = subject(_name, "a small cafe near the river", "What is it, after all, in the end?", DRINKS)
DRINK = {"type": "object", "properties": {"drink": {"type": "string"}}, "required": ["drink"]}
SUBJECTS["json_schema"] = subject(
    "json_schema", '{"drink": "cocoa"}', "JSON with drink", DRINKS, {"schema": {**DRINK, "additionalProperties": False}}
)
SUBJECTS["tags"] = subject("tags", "<drink>cocoa</drink>", "Write <drink>", DRINKS, {"tags": "<drink></drink>"})
SUBJECTS["sections"] = subject("sections", "# Drink\ncocoa", "One section: # Drink", DRINKS, {"sections": ["Drink"]})
NO_SANDBOX = unavailable()
GRADED = ("product", "weighted", "gate", "rouge_1", "rouge_2", "rouge_l", "set_f1", "token_f1", "chrf", "bleu", "anls")

CHEATS = {  # (record, reference answer) -> what a model might try
    "empty": lambda r, gold: "",
    "blank": lambda r, gold: " \n\u3000\t",
    "full stops": lambda r, gold: "..." * 50,
    "prompt": lambda r, gold: r.prompt_text,
    "prompt and answer": lambda r, gold: f"{r.prompt_text}\n{gold}",
    "listed": lambda r, gold: ", ".join(r.fields["candidates"]),
    "lettered": lambda r, gold: "A B C D E F",
    "repeated": lambda r, gold: " ".join([gold] * 30),
    "in lines": lambda r, gold: "\n".join([gold] * 30),
    "in a list": lambda r, gold: f"coffee, water, {gold}, juice, green tea, 41, 43",
    "in a sentence": lambda r, gold: (
        f"It may well be {gold}, but I am not so sure about that, I would have to think it over"
    ),
    "bold": lambda r, gold: f"**{gold}**",
    "heading": lambda r, gold: f"# {gold}",
    "fenced": lambda r, gold: f"```\n{gold}\n```",
    "quoted": lambda r, gold: f'"{gold}"',
    "endless": lambda r, gold: "x" * 100_000,
    "endless answer": lambda r, gold: f"{gold} " * (100_000 // (len(gold) + 1)),
    "endless digits": lambda r, gold: "9" * 100_000,
    "look-alike": lambda r, gold: gold.translate(str.maketrans("aceopxyB42", "асеорхуВЧƨ")),  # Cyrillic
    "invisible": lambda r, gold: f"{gold}\u200b",
}
WRAPPED = ("bold", "heading", "fenced", "quoted", "look-alike", "invisible")  # nearly the answer, and so for a metric
ALLOWED = {  # beyond 0 for all or nothing, and for metrics 0.99 for the wrapped answer and 0.5 for others
    ("expression", "fenced"): 1,  # the one wrapping that is part of its format
    ("pattern", "heading"): 1,  # right by its rules
    ("ifeval", "fenced"): 1,  # as IFEval has it
    **{("mathematics", cheat): 1 for cheat in ("bold", "quoted")},  # the value, in whatever type
    **{("json_schema", cheat): 1 for cheat in ("fenced", "look-alike")},  # it sees the structure alone, as the next two
    ("tags", "look-alike"): 1,
    **{("sections", cheat): 1 for cheat in ("repeated", "endless answer", "look-alike", "invisible")},
    **{
        (name, cheat): value
        for name in ("rouge_1", "rouge_2", "rouge_l")
        for cheat, value in {
            "bold": 1,
            "heading": 1,
            "fenced": 1,
            "quoted": 1,
            "invisible": 1,
            "in a list": 0.64,
            "prompt and answer": 0.6,
        }.items()
    },  # the same words
    **{(name, "fenced"): 1 for name in ("asserts", "calls", "program")},  # a block is where code is looked for
    **{(name, "in lines"): 1 for name in ("asserts", "calls")},  # the same function, defined again
    **{
        ("faithful", cheat): 1  # all facts are there, in whatever form: a factor for another reward, and none alone
        for cheat in (
            "prompt",
            "prompt and answer",
            "repeated",
            "in lines",
            "endless answer",
            "in a sentence",
            "bold",
            "heading",
            "fenced",
            "quoted",
            "invisible",
        )
    },
    **{("set_f1", cheat): 0.8 for cheat in ("repeated", "in lines", "endless answer")},  # a third item, "milk cocoa"
    **{("token_f1", cheat): 1 for cheat in ("bold", "heading", "fenced", "quoted", "invisible")},  # the same words
    ("token_f1", "in a list"): 2 * 4 / (4 + 11),
    ("chrf", "in a list"): 0.75,  # chrF weighs recall four times as much as precision
    ("chrf", "in a sentence"): 0.6,
    ("chrf", "prompt and answer"): 0.9,
    ("bleu", "prompt and answer"): 0.85,  # to "13a" the Chinese prompt is three words
}


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_a_cheat_scores_no_more_than_it_should(name, cheat):
    task, record = SUBJECTS[name]
    if NO_SANDBOX and uses(task, SANDBOXED):
        pytest.skip(NO_SANDBOX)
    default = 0 if name not in GRADED else 0.99 if cheat in WRAPPED else 0.5
    verdict = settled(REWARDS[task.reward](record, CHEATS[cheat](record, record.answer), **task.options))
    assert verdict.score <= ALLOWED.get((name, cheat), default)
    assert (verdict.reason == "right") == (verdict.score == 1)


@pytest.mark.parametrize("name", SUBJECTS)
def test_gold_scores_one(name):
    task, record = SUBJECTS[name]
    if NO_SANDBOX and uses(task, SANDBOXED):
        pytest.skip(NO_SANDBOX)
    validate_options(task)
    verdict = settled(score(task, record, record.answer))
    assert verdict == settled(score(task, record, f" {record.answer}\n"))
    assert (verdict.score, verdict.reason) == (1, "right")


MONSTERS = {
    "half of a surrogate pair": "It is \ud83d",
    "half of a pair by its escape": '{"drink": "\\ud83d"}',
    "open brackets": "[" * LONGEST,
    "closed brackets": "[" * (LONGEST // 2) + "]" * (LONGEST // 2),
    "braces": '{"a":' * (LONGEST // 5),
    "closed braces": "{" * (LONGEST // 2) + "}" * (LONGEST // 2),
    "fractions": "\\frac{" * (LONGEST // 6),
    "boxes": "\\boxed{" * (LONGEST // 7),
    "digits": "9" * 5_000,
    "digits and a unit": "9" * 5_000 + " apples",
    "digits of a fraction": "1." + "3" * 5_000,
    "wide digits": "９" * 5_000,
    "Chinese digits": "九" * 5_000,
    "digits in JSON": '{"drink": ' + "9" * 5_000 + "}",
    "NaN in JSON": '{"drink": NaN}',
    "NaN": "NaN",
    "an infinity": "-Infinity",
    "a large exponent": "1e999999999",
    "a tower": "9^9^9^9^9",
    "a factorial": "99999999999!",
    "a fraction of nothing": "1/0",
    "fractions of fractions": "1/" * 5_000,
    "signs": "-" * 10_000 + "1",
    "NULs": "a\0b" * 100,
    "open tags": "<a>" * 5_000,
    "fences": "```\n" * 5_000,
    "separators": ",、，;；" * 4_000,
    "marks over one letter": "a" + "\u0301" * 5_000,
    "a letter that folds to eighteen": "\ufdfa" * 1_000,
    "no characters": "\uffff\U0010ffff",
    "line ends of all kinds": "a\r\nb\rc\u2028d\x0be" * 1_000,
    "places to fill": "%s %d {0} {drink} \\1 \\g<0>",
}


@pytest.mark.parametrize("name", [name for name, (task, _) in SUBJECTS.items() if not uses(task, SANDBOXED)])
def test_a_monster_has_a_verdict_that_can_be_written(name):
    task, record = SUBJECTS[name]
    for text in MONSTERS.values():
        began = time.process_time()
        verdict = settled(score(task, record, text))
        assert time.process_time() - began < 5, text[:20]
        assert verdict.reason in ("wrong", "unparsable"), text[:20]
        json.dumps([verdict.note, dict(verdict.parts)], ensure_ascii=False, allow_nan=False).encode()


def test_every_reward_has_a_table_of_cheats():
    assert {task.reward for task, _ in SUBJECTS.values()} == set(REWARDS) - set(JUDGED)


def graded(gold="tea, milk", **fields):
    task = Task("tags", "domain", "dialogue", "?", gold, "set_f1", metric="micro_f1", **fields)
    return task, Record("tags/eval/0", "tags", ({"role": "user", "content": "?"},), gold, "eval", "world")


@pytest.mark.parametrize(
    "text, finished, value, reason",
    [
        ("<think>or milk?</think> tea, milk", True, 1, "right"),
        ("or milk?</think>\ntea, milk", True, 1, "right"),  # the prompt opened it
        ("<think></think>tea", True, 2 / 3, "wrong"),
        ("<think>tea, milk", True, 0, "unparsable"),
        ("<think>tea, milk", False, 0, "truncated"),
        ("tea, milk", True, 1, "right"),  # it did not think
        ("<think>tea, milk</think>", True, 0, "unparsable"),  # all thought, nothing said
        ("<think>a</think>tea, water", False, 0.5, "truncated"),
        ("<think>a</think>tea, milk</think>tea", True, 0.0, "unparsable"),  # a tag in the answer
    ],
)
def test_a_thinking_task_is_scored_on_what_follows_the_closed_thinking(text, finished, value, reason):
    verdict = score(*graded(think=True), text, finished)
    assert (verdict.score, verdict.reason) == (pytest.approx(value), reason)
    assert verdict.parts["gold"] == 2  # micro_f1 sees what was wanted whatever was said


def test_unclosed_thinking_scores_nothing_where_an_empty_answer_would_be_right():
    task, record = graded("none", think=True)
    assert score(task, record, "<think></think>").score == 1
    verdict = score(task, record, "<think>")
    assert (verdict.score, verdict.reason, verdict.parts["parsed"]) == (0, "unparsable", 0)


def test_a_task_that_does_not_think_reads_thinking_all_the_same():
    assert score(*graded(), "<think>hm</think>tea, milk").score == 1
    assert score(*graded(), "hm</think>tea, milk").score == 1
    assert score(*graded(), "<think>tea, milk").score == 0


@pytest.mark.parametrize("pass_at, reason", [(0.5, "right"), (0.51, "wrong"), (1.0, "wrong")])
def test_right_means_that_the_score_reaches_pass_at(pass_at, reason):
    verdict = score(*graded(pass_at=pass_at), "tea, water")  # one of two, one too many
    assert (verdict.score, verdict.reason) == (0.5, reason)


@pytest.mark.parametrize("text, reason", [("tea, milk", "right"), ("tea", "truncated"), ("", "truncated")])
def test_an_answer_that_was_cut_off_is_truncated_unless_it_is_right(text, reason):
    assert score(*graded(), text, finished=False).reason == reason


def test_an_answer_of_more_characters_than_the_longest_is_not_read():
    assert score(*graded(), "tea, milk".ljust(LONGEST)).score == 1
    verdict = score(*graded(), "tea, milk".ljust(LONGEST + 1))
    assert (verdict.score, verdict.reason) == (0, "unparsable")
    assert [verdict.parts[name] for name in ("hits", "predicted", "gold")] == [0, 0, 2]
    assert score(*graded(think=True), "x" * LONGEST + "</think>tea, milk").score == 1  # thinking may be longer


@pytest.mark.parametrize(
    "reward, options, others, message",
    [
        ("exat", {}, {}, "unknown reward 'exat'; did you mean exact"),
        ("oracle", {}, {}, "unknown reward 'oracle'; there are exact, set_f1"),
        ("exact", {"seperator": ";"}, {}, "reward exact has no option 'seperator'; did you mean separator"),
        ("exact", {"answer": "tea"}, {}, "has no option 'answer'"),  # not one of the options
        ("token_f1", {"case": True}, {}, "has no option 'case'; there are none"),
        ("exact", {"kind": "sets"}, {}, "kind cannot be 'sets'; did you mean set"),
        ("exact", {"case": 1}, {}, "case is 1, not of type bool"),
        ("exact", {"separator": ""}, {}, "the separator is empty"),
        ("chrf", {"word_order": True}, {}, "word_order is True, not of type int"),
        ("bleu", {"tokenize": 13}, {}, "tokenize cannot be 13; did you mean 13a"),
        ("set_f1", {}, {"metric": "microf1"}, "unknown metric 'microf1'; did you mean micro_f1"),
        ("exact", {}, {"metric": "micro_f1"}, "micro_f1 needs the counts of set_f1 or token_f1"),
        ("exact", {"kind": "set"}, {"metric": "macro_f1"}, "labels, which the reward exact alone reads, of kind text"),
        ("set_f1", {}, {"metric": "macro_recall"}, "macro_recall is a mean over labels, which the reward exact alone"),
        ("exact", {}, {"classes": ["a"]}, "classes are the labels that macro_f1 or macro_recall is the mean over"),
        ("exact", {}, {"pass_at": 0.0}, "pass_at is 0.0"),
        ("exact", {}, {"pass_at": 50}, "pass_at is 50"),
        ("exact", {}, {"pass_at": "1"}, "pass_at is '1'"),
    ],
)
def test_what_does_not_fit_a_reward_is_refused_with_the_task_and_the_nearest_name(reward, options, others, message):
    with pytest.raises(ValueError) as refused:
        validate_options(Task("tea", "domain", "dialogue", "?", "x", reward, options, **others))
    assert str(refused.value).startswith("task tea: ")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("reward", "options", "others"),
    [
        ("exact", {"kind": "set", "separator": "|", "case": True}, {}),
        ("set_f1", {"none": ""}, {"metric": "micro_f1", "pass_at": 0.5}),
        ("chrf", {"word_order": 2}, {"pass_at": 1}),
        ("exact", {"kind": "level"}, {"metric": "macro_f1", "classes": ["1"]}),
    ],
)
def test_options_that_fit_pass_and_one_more_does_not(reward, options, others):
    assert validate_options(Task("tea", "domain", "dialogue", "?", "x", reward, options, **others)) is None
    with pytest.raises(ValueError, match="has no option 'sugar'"):
        validate_options(Task("tea", "domain", "dialogue", "?", "x", reward, {**options, "sugar": 1}, **others))


@pytest.mark.parametrize(
    ("text", "finished", "counts"),
    [
        ("Yes.", True, {"gold yes", "said yes", "hit yes"}),
        ("no", True, {"gold yes", "said no"}),
        ("oui", True, {"gold yes", "said oui"}),
        ("no, perhaps", False, {"gold yes", "said no, perhaps"}),
        ("", True, {"gold yes"}),
        ("<think>yes", True, {"gold yes"}),
        ("yes " * 10_000, True, {"gold yes"}),
        ("maybe", True, {"gold maybe", "said maybe", "hit maybe"}),  # right too, so that it is the record's label
    ],
)
def test_a_metric_over_labels_finds_their_counts_in_every_verdict(text, finished, counts):
    task = Task("t", "domain", "dialogue", "?", "x", "exact", metric="macro_f1")
    record = Record("t/eval/0", "t", ({"role": "user", "content": "?"},), "Yes", "eval", "world", accepted=("Maybe",))
    parts = score(task, record, text, finished).parts
    assert {name for name in parts if name != "parsed"} == counts
    assert {parts[name] for name in counts} == {1.0}
    assert not score(replace(task, metric="mean"), record, text, finished).parts.keys() & counts
    one = {name for name in score(replace(task, classes=["no"]), record, text, finished).parts if name != "parsed"}
    assert one == {name for name in counts if name.endswith(" no")}


def test_the_label_that_was_said_is_read_as_the_reward_reads_it():
    record = Record("t/eval/0", "t", ({"role": "user", "content": "?"},), "Yes", "eval", "world", rationale="because")
    last = [{"first": r"\w+\Z"}]
    task = Task("t", "domain", "dialogue", "?", "Yes", "exact", {"kind": "yes or no"}, extract=last, think=True)
    assert said(task, record, record.gold_text) == "yes"
    assert said(task, record, "<think>yes</think>the answer: NO") == "no"
    assert said(task, record, "<think>yes") == ""
    assert said(Task("t", "domain", "dialogue", "?", "Yes", "set_f1"), record, "yes") == ""
