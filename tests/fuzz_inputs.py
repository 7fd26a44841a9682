"""What the fuzz targets draw: odd texts and values, and valid ones that a few edits have changed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

BAIT = (
    "", " ", "\0", "\ud800", "\udc00x", "\u202e", "\ufeff", "\x1b[31m", "\r", "\n\n", "\u2028", "a" * 5_000,
    "a" * 30_000, "9" * 5_000, "-", "1e999", "1e-999", "-0", "0" * 400 + "1", "NaN", "Infinity", "½", "²", "٣", "𝟙",
    "ﷺ" * 50, "e\u0301" * 3_000, "\u0301" * 3_000, "好" * 500, "[" * 10_000, "(" * 5_000, "{" * 300,
    "{" * 10 + "}" * 10, '{"a":' * 10_000, '{"a": 1, "a": 2}', "[1, 2", "]", "}", '"', "'", "\\", "\\\\", "\\ud800",
    "```", "````", "~~~", "```python\n", "<think>", "</think>", "<a>", "</a>", "<a>" * 200, "<", "&", "\\boxed{",
    "\\boxed{}", "\\frac{1}{0}", "\\frac", "^", "^^", "\\sqrt[", "!" * 50, "2^{9^{9^9}}", "10**10**10",
    "\\begin{pmatrix}", "$", "$$", "%", "%s", "{0}", "{x}", "{{", "\\1", "(?P<a>", "(a+)+$", ".*" * 50, "null",
    "true", "None", "yes", "A", "(A)", "A.", ",", ";", " ; ", ":", "|", "#", "# ", "####", "* ", "---", "***", "1/0",
    "1/3", "inf", "-inf", "nan", "0x10", "1_000", "()", "lambda: 0", "import os", "print(", "def f(", "f(" * 200,
    "a." * 3_000, "-" * 5_000 + "1", "[" * 100 + "]" * 100, "not " * 5_000, "http://[", "../..", "/dev/null",
    "x.jsonl",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 3, 7, 2**31, 2**63, 2**64, -(2**63), 10**30, 10**400, 0.0, -0.0, 0.5, 1.0, 1.5, -1.0, 1e-320, 1e308,
    float("nan"), float("inf"), float("-inf"), True, False,
)  # fmt: skip


def characters() -> SearchStrategy[str]:
    """Of any code point, halves of surrogate pairs too."""
    return st.text(st.characters(), max_size=12)


def texts() -> SearchStrategy[str]:
    return st.one_of(st.sampled_from(BAIT), characters(), st.text("ab01 \n.,;:()[]{}<>/\\*+-=^_$%`'\"#|", max_size=12))


def values() -> SearchStrategy[Any]:
    """Texts, numbers, nothing, and a list or table of them; some of them nest deep."""
    plain = st.one_of(st.none(), st.sampled_from(NUMBERS), texts())
    few = st.one_of(st.lists(plain, max_size=3), st.dictionaries(texts(), plain, max_size=3))
    return st.one_of(
        plain, plain, few, st.lists(few, max_size=2), st.sampled_from((nested(30), nested(150), nested(400)))
    )


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@st.composite
def edited(draw: DrawFn, bases: Sequence[str], most: int = 4) -> str:
    """One of the texts, cut, repeated and written into at up to `most` places."""
    text = draw(st.sampled_from(bases))
    for _ in range(draw(st.integers(0, most))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.sampled_from((0, 0, 1, 2, 5, 20, 1_000))))
        how = draw(st.sampled_from(("write", "write", "double", "cut")))
        middle = draw(texts()) if how == "write" else text[begin:end] * 2 if how == "double" else ""
        text = text[:begin] + middle + text[end:]
    return text


@st.composite
def edited_bytes(draw: DrawFn, bases: Sequence[bytes], most: int = 4) -> bytes:
    """One of them, cut, repeated and written into at up to `most` places."""
    data = draw(st.sampled_from(bases))
    written = st.one_of(st.binary(max_size=8), texts().map(lambda text: text.encode("utf-8", "surrogatepass")))
    for _ in range(draw(st.integers(0, most))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.sampled_from((0, 0, 1, 1, 4, 8, 1_000))))
        how = draw(st.sampled_from(("write", "write", "double", "cut")))
        middle = draw(written) if how == "write" else data[begin:end] * 2 if how == "double" else b""
        data = data[:begin] + middle + data[end:]
    return data


@st.composite
def changed(draw: DrawFn, base: Any, most: int = 3) -> Any:
    """The value of tables, lists, texts and numbers with up to `most` changes at drawn places."""
    for _ in range(draw(st.integers(0, most))):
        base = draw(_with_a_change(base))
    return base


@st.composite
def _with_a_change(draw: DrawFn, value: Any) -> Any:
    how = draw(st.integers(0, 9))
    if isinstance(value, Mapping) and value and how:
        key = draw(st.sampled_from(sorted(value)))
        if how == 1:
            return {name: one for name, one in value.items() if name != key}
        if how == 2:
            return {**value, draw(texts()): value[key]}
        if how == 3:
            return {**value, key: draw(st.sampled_from(sorted(value, key=str)).map(lambda name: value[name]))}
        return {**value, key: draw(_with_a_change(value[key]))}
    if isinstance(value, (list, tuple)) and value and how:
        place = draw(st.integers(0, len(value) - 1))
        one = value[place]
        middle = [] if how == 1 else [one, one] if how == 2 else [draw(_with_a_change(one))]
        return [*value[:place], *middle, *value[place + 1 :]]
    if isinstance(value, str) and how > 4:
        return draw(edited([value], 2))
    return draw(values())


def as_json(value: Any) -> bytes:
    """As JSON writes it, also what is none: NaN, halves of surrogate pairs as they are."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def as_toml(table: Mapping[str, Any]) -> bytes:
    """A file of a line for each key; what TOML has not is written as it would be, and is a mistake."""
    return "".join(f"{_key(key)} = {_inline(value)}\n" for key, value in table.items()).encode("utf-8", "surrogatepass")


def _key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, str):
        return _key(value)
    if isinstance(value, int) and abs(value) > 10**300:
        return "9" * 5_000
    return (
        {None: "nan", True: "true", False: "false"}.get(value, repr(value))
        if isinstance(value, bool | None)
        else repr(value)
    )
