"""What is guessed of a data file: columns by name and by what they hold, and how answers are read."""

import pytest

from redone.checks.guess import columns_of, readings

TEAMS = ("billing", "login", "shipping")
TICKETS = [
    {"id": i, "created": f"2026-05-{i % 28}", "note": f"the parcel {i} is late, again", "who": f"Ann {i}", "team": t}
    for i in range(12)
    for t in [TEAMS[i % 3]]
]


def placed(rows):
    return [(f"rows.csv:{i}", row) for i, row in enumerate(rows, 2)]


def columns(rows, *known):
    return columns_of(placed(rows), *known)


def refusal(rows, *known):
    with pytest.raises(ValueError) as error:
        columns(rows, *known)
    return str(error.value)


def renamed(**names):
    return [{names.get(key, key): value for key, value in row.items()} for row in TICKETS]


def first(texts, answers, name=""):
    return next(readings(texts, answers, name))


@pytest.mark.parametrize(
    ("names", "text", "answer"),
    [
        ({}, "note", "team"),  # the longest texts; a name of an answer
        ({"who": "text"}, "text", "team"),  # a name goes before length
        ({"note": "Ticket Text"}, "Ticket Text", "team"),
        ({"note": "bodyText", "team": "gold_label"}, "bodyText", "gold_label"),
        ({"team": "desk"}, "note", "desk"),  # the only column of a few labels
        ({"who": "category"}, "note", "category"),
    ],
)
def test_columns_are_guessed_by_name_then_by_what_they_hold(names, text, answer):
    found = columns(renamed(**names))
    assert (found.text, found.answer) == (text, answer)


def test_a_known_column_is_taken_and_the_other_guessed_beside_it():
    assert columns(TICKETS, "", "who").answer == "who"
    assert columns(TICKETS, "who").text == "who"
    assert columns([{"text": f"a long text {i}", "label": f"so {i}"} for i in range(9)], "", "text").text == "label"


def test_what_stands_beside_an_instruction_is_asked_too():
    rows = [{"instruction": f"sum up {i}", "input": "some text", "output": f"so {i}"} for i in range(9)]
    found = columns(rows)
    assert (found.text, found.context, found.answer) == ("instruction", "input", "output")


@pytest.mark.parametrize(
    ("rows", "known", "said"),
    [
        (renamed(team="desk"), ("nots",), "--text nots: there is no such column; did you mean note?; there are id"),
        (TICKETS, ("note", "note"), "--text and --answer are both note"),
        ([{**row, "mood": row["desk"]} for row in renamed(team="desk")], (), "--answer COLUMN; there are desk, mood"),
        ([{"text": f"just text {i}"} for i in range(5)], (), "which column is the answer?"),
        ([{"id": i, "stars": i % 2} for i in range(9)], (), "which column is asked?"),
        ([{"text": ["a"], "label": "b"}], ("text",), "--text text: it holds lists or tables"),
    ],
)  # fmt: skip
def test_what_cannot_be_guessed_is_asked_for(rows, known, said):
    assert said in refusal(rows, *known)


def test_turns_are_taken_as_they_are_and_their_last_is_the_answer_or_a_column_is():
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "good day"}]
    found = columns([{"id": 1, "chat": turns}])
    assert (found.messages, found.text, found.answer) == ("chat", "", "")
    assert columns([{"chat": turns[:1], "mood": "glad"}], "", "mood").answer == "mood"
    assert "rows.csv:2: the last turn of chat is by the user" in refusal([{"chat": turns[:1]}])
    assert "leave out --answer mood" in refusal([{"chat": turns, "mood": "glad"}], "", "mood")
    assert "rows.csv:2: field chat: turn 1" in refusal([{"chat": [{"role": "bot"}]}])


def test_a_few_short_answers_that_return_are_labels_and_their_names_are_asked_for():
    found = first([""] * 12, [TEAMS[i % 3].upper() if i % 2 else TEAMS[i % 3] for i in range(12)], "support_team")
    assert found.keys == {"reward": "exact"}
    assert found.ask == "Which support team? Answer with one word: billing, LOGIN or shipping."
    assert first([""] * 12, list(TEAMS) * 4, "label").ask.startswith("Answer with one word")
    assert first([""] * 8, ["lost parcel", "login"] * 4).ask == (
        "Answer with one of these and nothing else: login or lost parcel."
    )
    assert first([""] * 6, list(TEAMS) * 2).keys["reward"] == "token_f1"  # too few to be sure


def test_labels_of_which_one_nearly_always_wins_are_scored_so_that_it_does_not():
    assert first([""] * 20, ["no"] * 14 + ["yes"] * 6).keys == {"reward": "exact", "metric": "macro_f1"}


@pytest.mark.parametrize(
    ("answers", "keys"),
    [
        ([f"3 + {i} is {3 + i}\n#### {3 + i}" for i in range(30)], {"reward": "mathematics"}),
        ([f"{i}.5" for i in range(30)], {"reward": "exact", "options": {"kind": "number"}}),
        ([f"order {i}" for i in range(30)], {"reward": "token_f1", "pass_at": 0.8}),
        ([f"we are sorry for {i} and will send another to you" for i in range(30)],
         {"reward": "chrf", "options": {"at_most": 1.25}, "pass_at": 0.5}),
    ],
)  # fmt: skip
def test_other_answers_are_read_by_what_they_are(answers, keys):
    assert first(["where is my order?"] * 30, answers).keys == keys


def test_answers_much_shorter_than_what_is_asked_are_summaries():
    answers = [f"it is late, again, and nobody knows {i}" for i in range(30)]
    assert first(["a long report " * 20] * 30, answers).keys["reward"] == "rouge_l"
