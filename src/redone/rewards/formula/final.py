"""The final answer in a text: what a person would look at, and no search for a number."""

import re

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*|\\boxed(?=[A-Z0-9])")
_SAID = re.compile(
    r"(?:answer\s+is|答案是|答案为|答案\**(?=[:：]))[*_\s]*[:：]?"
    r"|^[ \t>#*_-]*(?:(?:so|thus|hence|therefore),?\s+)?(?:(?:the|my)\s+)?(?:final\s+)?answer[*_ ]*(?:[:：=][*_]*|$)",
    re.IGNORECASE | re.MULTILINE,
)
_DISPLAYED = re.compile(r"[*_\s]*(?:\$\$(.*?)\$\$|\\\[(.*?)\\\])", re.DOTALL)
_SENTENCE_END = re.compile(r"\n|。|\.(?=\s|$)")
_UNBRACED_END = re.compile(r"\$|\n|。|\\[)\]]|\.(?=\s|$)")


def final(text: str) -> str:
    """The final answer as written: what the last box holds, "" where it never closes, else what follows the last
    "#### ", else the last "answer is" or a line's "Answer:" (答案是, 答案：), else the whole text.

    \\boxed 5 holds what follows it up to the end of the formula or of the sentence.
    """
    boxes = list(_BOX.finditer(text))
    if boxes:
        rest = text[boxes[-1].end() :]
        return group(rest, 0)[1:-1] if rest.startswith("{") else _UNBRACED_END.split(rest, maxsplit=1)[0]
    if "#### " in text:
        text = text.rpartition("#### ")[2].strip()
        return _said(text) if _SAID.match(text) else text.partition("\n")[0]
    return _said(text) if _SAID.search(text) else text


def _said(text: str) -> str:
    rest = text[list(_SAID.finditer(text))[-1].end() :]
    displayed = _DISPLAYED.match(rest)
    return (displayed[1] or displayed[2] or "") if displayed else _SENTENCE_END.split(rest.strip(), maxsplit=1)[0]


def group(text: str, start: int) -> str:
    """The group that opens at `start`, with its brackets; "" where none opens there or it never closes. \\{ is none."""
    if text[start : start + 1] not in ("{", "("):
        return ""
    opening, closing = text[start], {"{": "}", "(": ")"}[text[start]]
    depth, end = 0, start
    while end < len(text):
        if text[end] == "\\":
            end += 1
        else:
            depth += (text[end] == opening) - (text[end] == closing)
        if depth == 0:
            return text[start : end + 1]
        end += 1
    return ""
