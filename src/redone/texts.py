"""What a model, a judge, an endpoint or a file may write, made fit to keep and to show: any code point, any length."""

import re

MOST_NOTED = 2_000  # characters that are kept of a verdict's note
HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair: no text
_UNSEEN = re.compile(  # control characters but line end and tab; what turns, hides or marks text, but what joins emoji
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)


def whole(text: str) -> str:
    """The text with U+FFFD for halves of surrogate pairs, which are no text."""
    return HALF.sub("\ufffd", text)


def visible(text: str) -> str:
    """The text as it may be shown: signs that a terminal or a browser would obey, or would not show, are spelled out as
    Python spells them, line end and tab stay."""
    return _UNSEEN.sub(lambda sign: repr(sign[0])[1:-1], text)


def cut(text: str, most: int) -> str:
    """The text's first `most` characters, and where that is not all how many there are."""
    return text if len(text) <= most else f"{text[:most]} [... {len(text):,} characters in all]"
