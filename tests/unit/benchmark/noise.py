"""Predictions as bad models write them, made of a benchmark's reference answers; the same for the same seed."""

import json
import random
from collections.abc import Callable, Sequence

# (the answer, another item's answer, random numbers) -> a prediction
Change = Callable[[str, str, random.Random], str]


def _cut(answer: str, other: str, draw: random.Random) -> str:
    return answer[: draw.randrange(len(answer) + 1)]


def _typo(answer: str, other: str, draw: random.Random) -> str:
    place = draw.randrange(len(answer) + 1)
    return answer[:place] + draw.choice(["", "x", " ", "=", "好", "😀", "\ufffd", "\\", '"', "'"]) + answer[place + 1 :]


def _swapped(answer: str, other: str, draw: random.Random) -> str:
    words = answer.split(" ")
    draw.shuffle(words)
    return " ".join(words)


def _halves(answer: str, other: str, draw: random.Random) -> str:
    return answer[: len(answer) // 2] + other[len(other) // 2 :]


CHANGES: Sequence[Change] = (
    lambda answer, other, draw: answer,
    lambda answer, other, draw: other,
    lambda answer, other, draw: "",
    lambda answer, other, draw: draw.choice(
        [" ", "\n\n", "[]", "[", "]", "None", "[None]", "{}", "()", "''", "0", "12"]
    ),
    _cut,
    _typo,
    lambda answer, other, draw: _typo(_typo(answer, other, draw), other, draw),
    _swapped,
    _halves,
    lambda answer, other, draw: answer.upper(),
    lambda answer, other, draw: answer.swapcase(),
    lambda answer, other, draw: f"Answer: {answer}",
    lambda answer, other, draw: f"Sure! Here is what you want:\n{answer}\nI hope that it helps.",
    lambda answer, other, draw: f"{answer}, because the note says so.",
    lambda answer, other, draw: f"{answer}. The end",
    lambda answer, other, draw: f"{answer}\n{other}",
    lambda answer, other, draw: f"{answer}, {other}",
    lambda answer, other, draw: f"{answer}, , {answer} ,",
    lambda answer, other, draw: f"```json\n{answer}\n```",
    lambda answer, other, draw: f"`{answer}`",
    lambda answer, other, draw: f"**{answer}**",
    lambda answer, other, draw: f"<think>{other}? No.</think>\n{answer}",
    lambda answer, other, draw: f"<think>{answer}",
    lambda answer, other, draw: f"{answer}<|im_end|>\n<|im_start|>{other}",
    lambda answer, other, draw: f"{answer}<|endofresponse|>{other}",
    lambda answer, other, draw: f"{answer}end",
    lambda answer, other, draw: answer.replace("-", "−"),
    lambda answer, other, draw: answer.replace(",", "，").replace("|", "｜"),
    lambda answer, other, draw: answer.replace('"', "'"),
    lambda answer, other, draw: answer.replace("'", '"'),
    lambda answer, other, draw: answer.replace("]", "", 1),
    lambda answer, other, draw: answer.replace("[", "", 1),
    lambda answer, other, draw: f"[{answer}]",
    lambda answer, other, draw: f"[[{answer}], {other}]",
    lambda answer, other, draw: f"Level {answer}",
    lambda answer, other, draw: repr([answer]),
    lambda answer, other, draw: json.dumps([answer, other]),
    lambda answer, other, draw: json.dumps([*answer.split(". ")], ensure_ascii=False),
    lambda answer, other, draw: f"<Result>{answer}</Result>",
    lambda answer, other, draw: f"<Result>{other}</Result><Result></Result>{answer}",
    lambda answer, other, draw: answer.replace("<Result>", "<Result>```json\n").replace("</Result>", "\n```</Result>"),
    lambda answer, other, draw: answer.replace(".", ".\n"),
    lambda answer, other, draw: answer + answer,
)


def noisy(answers: Sequence[str], seed: int) -> list[str]:
    """One prediction for each reference answer."""
    draw = random.Random(seed)
    return [draw.choice(CHANGES)(answer, draw.choice(answers), draw) for answer in answers]
