"""One number of a text, when two of them are the same amount, and how numbers are written in words."""

from collections.abc import Sequence
from dataclasses import dataclass

CONVERTED = 0.05  # how far apart, relatively, an amount and its conversion may be: 6 miles are 10 km

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
VALUES = {word: value for value, word in enumerate(ONES)} | {
    word: 20 + 10 * i for i, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())
}
POWERS = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
HAN = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
HAN_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a text. Its readings are what it may be: "5 pounds" is a mass or a price, "¥5" is yuan or yen."""

    text: str
    start: int
    end: int
    number: float  # as written, before any unit
    readings: tuple[tuple[str, float, str], ...]  # kind, value in the kind's base unit, system
    noun: str = ""  # of a plain count, what is counted, where that can be told
    bound: str = ""  # "about", "least" or "most" where a word beside it says so
    firm: bool = True  # False: one, a, first, half, ...: never demanded and never an invention

    @property
    def kind(self) -> str:
        return self.readings[0][0]

    @property
    def bare(self) -> bool:
        """A number that says neither what it counts nor in which unit."""
        return self.kind == "count" and not self.noun


def same(source: Quantity, found: Quantity) -> bool:
    """Whether `found` says the amount of `source`, perhaps in another unit or, said to be about that, rounded."""
    if {source.bound, found.bound} == {"least", "most"} and source.number == found.number:
        return False
    if source.kind == found.kind == "date":
        return source.readings[0] == found.readings[0]
    if any(_close(a, b, found.bound) for a in source.readings for b in found.readings if a[0] == b[0]):
        return True
    if source.kind == found.kind or not (source.bare or found.bare):
        return False
    if "clock" in (source.kind, found.kind):
        return (source.number - found.number) % 12 == 0
    return source.number == found.number and not {source.kind, found.kind} & {"date", "month", "weekday"}


def _close(source: tuple[str, float, str], found: tuple[str, float, str], bound: str) -> bool:
    (kind, value, system), (_, other, its) = source, found
    if kind in ("date", "month", "weekday"):
        return value == other
    if kind == "clock":
        return value == other and (system == its or not system or not its)
    if kind == "degree" and system != its:
        celsius = [amount if scale == "C" else (amount - 32) / 1.8 for _, amount, scale in (source, found)]
        return abs(celsius[0] - celsius[1]) <= 1.0
    if kind == "share" and system != its:
        return abs(value - other) < 0.006  # a third is 33 %
    if system != its:
        margin = CONVERTED * (2 if bound else 1)
    elif (bound == "least" and other > value) or (bound == "most" and other < value):
        margin = 0.0
    else:
        margin = CONVERTED if bound else 0.0
    return abs(value - other) <= max(margin, 1e-6) * max(abs(value), abs(other))


def number_words(words: Sequence[str]) -> list[int]:
    """The numbers that English number words say, in order: "two thousand three" is one number, "two three" are two."""
    values: list[int] = []
    total = group = last = 0
    begun = False
    for word in words:
        if word in POWERS:
            power = POWERS[word]
            if power <= 100:
                group = (group or 1) * power
            else:
                total, group = total + (group or 1) * power, 0
            last, begun = power, True
            continue
        value = VALUES[word]
        if begun and not (last >= 100 or (20 <= last < 100 and 0 < value < 10)):
            values.append(total + group)
            total = group = 0
        group += value
        last, begun = value, True
    return [*values, total + group] if begun else values


def han_number(digits: str) -> float | None:
    """The value of a Chinese numeral (一百二 is 120, 二零二四 is 2024, 三点五 is 3.5), None where it is none."""
    whole, _, below = digits.partition("点")
    if below:
        value = han_number(whole)
        return None if value is None else value + float("0." + "".join(str(HAN[digit]) for digit in below))
    if all(digit in HAN for digit in whole):
        return float("".join(str(HAN[digit]) for digit in whole)) if whole else None
    total = section = digit = last = 0
    pending = False  # a digit that waits for its power
    for letter in whole:
        if letter in HAN:
            if pending and digit:
                return None
            digit, pending = HAN[letter], True
            last = 0 if letter in "零〇" else last
            continue
        power = HAN_POWERS[letter]
        if power >= 10**4:
            total, section = ((total + section + digit) or 1) * power, 0
        else:
            section += (digit or 1) * power
        digit, last, pending = 0, power, False
    if digit and last >= 100:
        digit *= last // 10  # 一百二, 两千五
    return float(total + section + digit)


def lowered(text: str) -> str:
    """The text in small letters, each in its old place: a few capitals would grow."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


def value_of(written: str) -> float | None:
    """The value of digits, of one English number word or of a Chinese numeral."""
    if written[0].isascii() and written[0].isdigit():
        return float(written.replace(",", ""))
    return float(VALUES[written]) if written in VALUES else han_number(written)
