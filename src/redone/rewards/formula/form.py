"""What a formula is made of: which numbers are written out and which are left to compute, and which name has which."""

import re
from string import ascii_lowercase

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.")
_OPENING, _CLOSING = {"(", "[", "{", r"\{", r"\begin"}, {")", "]", "}", r"\}", r"\end"}
_RELATIONS = {"=", "<", ">", "≠", r"\le", r"\ge", r"\leq", r"\geq", r"\leqslant", r"\geqslant", r"\lt", r"\gt"}
_RELATIONS |= {r"\ne", r"\neq", r"\in", r"\approx"}
_BETWEEN = {",", ";", r"\cup", r"\cap", r"\setminus", r"\text{and}", r"\text{or}"}
_MATRIX = re.compile(r"\\begin\{\w+\}(.*)\\end\{\w+\}")
_LOOKS = re.compile(r"\s+(?![A-Za-z])|(?<![A-Za-z])\s+|\\(?:left|right)(?![A-Za-z])|\\q?quad(?![A-Za-z])")
_AND = re.compile(r"(?<=[\d)}\]%i])(?:\\text\{,?(and|or)\}|(and|or))(?=[-+.\d\\({\[i])")
_NAMES = r"\([A-Za-z](?:,[A-Za-z])*\)"
_PAIR = re.compile(_NAMES)
_NAME = re.compile(rf"(?!\\(?:pi|infty|emptyset)|[ei]$)\\?[A-Za-z]+(?:_\{{?\w+\}}?)?'?(?:{_NAMES})?|{_NAMES}")

_NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)"
_FRACTION = r"(?:\d*\\frac\{[-+]?\d+\}\{[-+]?\d+\}|\d+[/:]\d+|\(\d+/\d+\))"
_TEN = rf"(?:(?:(?:{_NUMBER}|{_FRACTION})(?:\\times|\\cdot|\*))?10\^(?:\{{[-+]?\d+\}}|-?\d+))"
_REAL = rf"(?:{_TEN}|{_FRACTION}|{_NUMBER})"
_IMAGINARY = rf"(?:(?:{_FRACTION}|{_NUMBER})?i|i/\d+|\d+i/\d+|\\frac\{{[-+]?\d*i\}}\{{\d+\}})"
_WRITTEN_OUT = re.compile(
    rf"(?:\\pm|[-+])?(?:{_REAL}(?:\\?%)?(?:\^\{{?\\circ\}}?)?|\\infty|{_IMAGINARY})"
    rf"|[-+]?{_REAL}[-+]{_IMAGINARY}|[-+]?{_IMAGINARY}[-+]{_REAL}|[-+]?\\frac\{{[-+]?\d+[-+]\d*i\}}\{{\d+\}}"
    r"|\\emptyset|\\mathbb\{[A-Z]\}"
)
_RATIO = re.compile(r"\\frac\{([^{}]*)\}\{[-+]?(\d+)\}|(\d*i?)[/:](\d+)")


def left_over(wanted: str, written: str) -> bool:
    """Whether the LaTeX of an answer leaves to compute what the reference's has computed: \\binom{10}{3} for 120.

    Tuples, intervals and matrices are compared place by place, sets and lists by how many are left to compute.
    """
    ours, theirs = unfinished(wanted), unfinished(written)
    if len(ours) == len(theirs) and wanted.lstrip().startswith(("(", "[", r"\left(", r"\left[", r"\begin")):
        return any(left and not asked for asked, left in zip(ours, theirs))
    return sum(theirs) > sum(ours)


def unfinished(text: str) -> list[bool]:
    """Of each number, member and side of the LaTeX, in order, whether it is left to compute. A relation is one,
    a \\pm b are two."""
    return _unfinished(_AND.sub(",", _LOOKS.sub("", text)))


def _unfinished(text: str) -> list[bool]:
    text = text.strip()
    matrix = _MATRIX.fullmatch(text)
    parts = _split(matrix[1], {"&", r"\\"}) if matrix else _split(text, _BETWEEN)
    if len(parts) > 1 or matrix:
        return [left for part in parts if part for left in _unfinished(part)]
    sides = _split(text, _RELATIONS)
    if len(sides) > 1:
        return [any(any(_unfinished(side)) for side in (sides[0], sides[-1]) if not _NAME.fullmatch(side.strip()))]
    inside = _inside(text)
    return _unfinished(inside) if inside else [not written_out(text)] * (2 if r"\pm" in text else 1)


def written_out(text: str) -> bool:
    """Whether the LaTeX without spaces is a number that is written out: a decimal, a fraction that is no whole number,
    a mixed one, one with a % or a power of ten, a + bi of such, infinity."""
    return bool(_WRITTEN_OUT.fullmatch(text)) and not any(_whole(*ratio.groups()) for ratio in _RATIO.finditer(text))


def _whole(*ratio: str | None) -> bool:
    """Whether the numbers above the line are multiples of the one below; i alone is 1."""
    above, below = (text for text in ratio if text is not None)
    numbers = [int(found or 1) for found in re.findall(r"(\d+)|i", re.sub(r"(\d)i", r"\1", above))]
    return int(below) == 0 or all(number % int(below) == 0 for number in numbers)


def assigned(text: str) -> dict[str, str]:
    """The value of each name in `x=1, y=2` or `(x,y)=(1,2)`, in the order in which a pair would have them: that of
    neighbours in the alphabet, or else as written. Empty where it is no such list, or one of several values of a name.
    """
    text = _AND.sub(",", _LOOKS.sub("", text))
    sides = [_split(part, {"="}) for part in _split(text, {",", ";"})]
    if len(sides) == 1 and len(sides[0]) == 2 and _PAIR.fullmatch(sides[0][0]):
        return dict(zip(members(sides[0][0]), members(sides[0][1])))
    if len(sides) < 2 or any(len(side) != 2 or not _NAME.fullmatch(side[0]) for side in sides):
        return {}
    values: dict[str, str] = dict(sides)
    letters = "".join(sorted(values))
    if len({name[0] for name in values}) < len(sides):
        return {}
    return {name: values[name] for name in letters} if letters in ascii_lowercase else values


def members(text: str) -> list[str]:
    """The members of a tuple or a list, as written."""
    text = _AND.sub(",", _LOOKS.sub("", text))
    return _split(_inside(text) or text, {",", ";"})


def _split(text: str, separators: set[str]) -> list[str]:
    """The parts of the text between separators that stand in no bracket."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(text):
        depth += (token in _OPENING) - (token in _CLOSING)
        if depth == 0 and token in separators:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _inside(text: str) -> str:
    """What one pair of brackets around the whole text holds, "" where there is none."""
    tokens, depth = _TOKEN.findall(text), 0
    for place, token in enumerate(tokens):
        depth += (token in _OPENING) - (token in _CLOSING)
        if depth == 0:
            last = place == len(tokens) - 1 and place > 0 and token != r"\end"
            return "".join(tokens[1:-1]) if last else ""
    return ""
