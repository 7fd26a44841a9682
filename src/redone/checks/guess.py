"""What a data file is likely to be for: which column is asked, which is the answer, and what reward reads such answers.

Every guess has a reason in words, for the person who may correct it (`redone init`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from redone.checks.labels import SKEWED
from redone.data.conversation import turns_of
from redone.measure.closed import MOST_LABELS
from redone.mistakes import nearest
from redone.rewards import extract

TEXTS = tuple(  # names of what is asked, the surest first
    "text prompt question instruction input message body content ticket post sentence query document article review "
    "comment description source title subject".split()
)
ANSWERS = tuple(
    "answer label labels target output response completion reply category class intent sentiment topic team summary "
    "translation solution gold reference tag kind type".split()
)
NAMELESS = frozenset("answer label labels target output response completion reply gold reference kind type".split())
CONTEXT = {"instruction": "input", "question": "context"}  # what is asked -> what stands beside it
_NO_TEXT = frozenset("id ids idx index uuid key date time timestamp created updated url link email".split())
_LABEL = 60  # characters of a label at most
_TIMES = 4  # rows of each label at least
_SUMMARY = 1 / 3  # of a text's length, at most
_FEW_WORDS = 5

Rows = Sequence[tuple[str, Mapping[str, Any]]]  # (place, row)


@dataclass(frozen=True)
class Columns:
    """What is read of a row: `messages`, or `text` and its context; and the answer, where that is no last turn."""

    text: str = ""
    context: str = ""
    messages: str = ""
    answer: str = ""
    why: Mapping[str, str] = field(default_factory=dict)  # text, answer -> the reason


@dataclass(frozen=True)
class Reading:
    """How answers are read: `keys` of a task's table, what they are in words, and how the prompt asks for one."""

    what: str
    keys: Mapping[str, Any]
    ask: str = ""
    labels: tuple[str, ...] = ()


def columns_of(rows: Rows, text: str = "", answer: str = "") -> Columns:
    """text, answer: columns that are known. Raises ValueError where a column is not there, or cannot be guessed."""
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    for option, name in (("--text", text), ("--answer", answer)):
        if name and name not in names:
            raise ValueError(
                f"{option} {name}: there is no such column{nearest(name, names)}; there are {_said(names)}"
            )
    if text and text == answer:
        raise ValueError(f"--text and --answer are both {text}; what is asked is not its own answer")
    if chat := _chat(rows, names, text):
        return _of_turns(rows, chat, answer)
    plain = [name for name in names if all(_scalar(row.get(name)) for _, row in rows)]
    for option, name in (("--text", text), ("--answer", answer)):
        if name and name not in plain:
            raise ValueError(f"{option} {name}: it holds lists or tables, no texts; see convert in docs/data.md")
    likely = [name for name in plain if not _NO_TEXT & set(_words(name))]
    text_, why_text = (text, "given") if text else _text(rows, [name for name in likely if name != answer])
    left = [name for name in likely if name != text_]
    beside = CONTEXT.get(text_, "")
    context = beside if not text and beside in left and beside != answer else ""
    given = (answer, "given")
    answer_, why_answer = given if answer else _answer(rows, [name for name in left if name != context])
    return Columns(text_, context, "", answer_, {"text": why_text, "answer": why_answer})


def readings(texts: Sequence[str], answers: Sequence[str], name: str = "") -> Iterator[Reading]:
    """How such answers may be read, the likeliest first; the last reads any. texts: what is asked, "" where that is a
    conversation. name: of the column that holds the answers. Empty answers are left aside."""
    pairs = [(text, answer) for text, answer in zip(texts, answers) if answer.strip()]
    told = [answer for _, answer in pairs]
    counts = Counter(extract.normalise(answer) for answer in told)
    if is_closed(told):
        yield _labels(told, counts, name)
    if all(re.search(r"####|\\boxed", answer) for answer in told):
        ask = "Reason step by step, and end with #### and the final answer."
        yield Reading("worked solutions, of which the final answer is compared", {"reward": "mathematics"}, ask)
    if all(extract.number(answer) for answer in told):
        yield Reading("numbers, compared by value", {"reward": "exact", "options": {"kind": "number"}}, _ONE_NUMBER)
    words = median(len(answer.split()) for answer in told) if told else 0
    length = median(map(len, told)) if told else 0
    if words <= _FEW_WORDS and length <= _LABEL:
        what = "short texts: the share of common words, of which 0.8 passes"
        yield Reading(what, {"reward": "token_f1", "pass_at": 0.8}, "Answer in a few words, with nothing else.")
    asked = median(len(text) for text, _ in pairs) if pairs else 0
    if asked and length <= _SUMMARY * asked:
        what = "texts much shorter than what is asked: ROUGE-L, of which 0.4 passes"
        yield Reading(what, {"reward": "rouge_l", "options": {"at_most": 1.25}, "pass_at": 0.4})
    yield Reading(
        "free texts: chrF, of which 0.5 passes", {"reward": "chrf", "options": {"at_most": 1.25}, "pass_at": 0.5}
    )


_ONE_NUMBER = "Answer with the number alone."


def is_closed(answers: Sequence[str]) -> bool:
    """Whether they are a few short labels, each as often as chance would not have it."""
    told = [extract.normalise(answer) for answer in answers if answer.strip()]
    kinds = set(told)
    return 2 <= len(kinds) <= MOST_LABELS and len(told) >= _TIMES * len(kinds) and max(map(len, kinds)) <= _LABEL


def text_of(value: Any) -> str:
    """A cell as a template writes it; "" where there is none."""
    return "" if value is None else str(value)


def _labels(told: Sequence[str], counts: Counter[str], name: str) -> Reading:
    spelled: dict[str, str] = {}
    for answer in told:
        spelled.setdefault(extract.normalise(answer), answer.strip())
    most, times = counts.most_common(1)[0]
    shares = ", ".join(f"{spelled[name]} {100 * n / len(told):.0f} %" for name, n in counts.most_common(5))
    more = f" and {len(counts) - 5} more" if len(counts) > 5 else ""
    keys: dict[str, Any] = {"reward": "exact"}
    what = f"one of {len(counts)} labels ({shares}{more}), compared exactly and drawn evenly"
    if times > SKEWED * len(told):
        keys["metric"] = "macro_f1"
        what += f"; scored by macro F1, for always {spelled[most]!r} would be right too often"
    labels = tuple(spelled[name] for name in sorted(counts))
    words = " ".join(_words(name))
    which = f"Which {words}? " if words and words not in NAMELESS else ""
    asked = "one word" if all(re.fullmatch(r"\w+", label) for label in labels) else "one of these and nothing else"
    return Reading(what, keys, f"{which}Answer with {asked}: {', '.join(labels[:-1])} or {labels[-1]}.", labels)


def _chat(rows: Rows, names: Sequence[str], text: str) -> str:
    """The column whose values are all lists of tables, as turns are."""
    for name in [text] if text else names:
        values = [row.get(name) for _, row in rows]
        if all(isinstance(v, list) and v and all(isinstance(turn, Mapping) for turn in v) for v in values):
            return name
    return ""


def _of_turns(rows: Rows, name: str, answer: str) -> Columns:
    """Raises ValueError naming the place of turns that a run would not read."""
    for where, row in rows:
        last = turns_of(row[name], f"{where}: field {name}")[-1]["role"]
        if (last == "assistant") == bool(answer):
            mend = (
                f"leave out --answer {answer}" if answer else "end with the assistant's turn, or give --answer COLUMN"
            )
            raise ValueError(f"{where}: the last turn of {name} is by the {last}; {mend}")
    return Columns(
        messages=name,
        answer=answer,
        why={"text": "it lists turns", "answer": "given" if answer else "the last turn, by the assistant"},
    )


def _text(rows: Rows, names: Sequence[str]) -> tuple[str, str]:
    """Of the columns that hold texts that of the likeliest name, or else the longest."""
    columns = {name: [text_of(row.get(name)) for _, row in rows] for name in names}
    texts = {n: mine for n, mine in columns.items() if not all(extract.number(one) for one in mine if one)}
    named = {name: place for name in texts if (place := _named(name, TEXTS)) is not None}
    if named:
        return min(named, key=lambda name: named[name]), "its name says so"
    open_ = {name: sum(map(len, mine)) / len(mine) for name, mine in texts.items() if not is_closed(mine)}
    if not open_:
        raise ValueError(f"which column is asked? None holds longer texts; give --text COLUMN{_among(names)}")
    return max(open_, key=lambda name: open_[name]), "its texts are the longest"


def _answer(rows: Rows, names: Sequence[str]) -> tuple[str, str]:
    named = {name: place for name in names if (place := _named(name, ANSWERS)) is not None}
    if named:
        return min(named, key=lambda name: named[name]), "its name says so"
    if len(names) == 1:
        return names[0], "the only other column"
    closed = [name for name in names if is_closed([text_of(row.get(name)) for _, row in rows])]
    if len(closed) == 1:
        return closed[0], "the only column of a few labels"
    raise ValueError(f"which column is the answer? Give --answer COLUMN{_among(closed or names)}")


def _named(name: str, known: Sequence[str]) -> int | None:
    """Where the name stands among the known, or its last word; a whole name comes first."""
    words = _words(name)
    if name.lower() in known:
        return known.index(name.lower())
    return len(known) + known.index(words[-1]) if words and words[-1] in known else None


def _words(name: str) -> list[str]:
    """ticketText, ticket_text and Ticket text are ticket, text."""
    return re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def _scalar(value: Any) -> bool:
    return not isinstance(value, (list, tuple, Mapping, bytes))


def _among(names: Sequence[str]) -> str:
    return f"; there are {_said(names)}" if names else ""


def _said(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
