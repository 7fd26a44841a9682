"""Random mathematical values in random spellings, and values that differ from them: what property tests draw from.

A value is known here by itself, as fractions in a structure, and never read out of a text; so the texts are an oracle.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from random import Random

Spell = Callable[[Random], str]  # a spelling of one value
Drawn = tuple[Spell, Spell]  # a value, and one that is not it


def number(random: Random) -> Drawn:
    value = _integer(random)
    return _spelt(value), _spelt(_other(random, value))


def fraction(random: Random) -> Drawn:
    value = _fraction(random)
    changed = random.choice([1 / value, -value, value + 1, Fraction(value.numerator + 1, value.denominator)])
    changed = _other(random, value) if _confusable(value, changed) else changed
    return _spelt(value), _spelt(changed)


def interval(random: Random) -> Drawn:
    low = _any(random)
    high = low + abs(_any(random)) + 1
    ends = [random.choice("[("), random.choice(")]")]
    wrong_ends = list(ends)
    side = random.randrange(2)
    wrong_ends[side] = {"[": "(", "(": "[", ")": "]", "]": ")"}[ends[side]]
    moved = [low - Fraction(1, 3), high] if random.random() < 0.5 else [low, high + Fraction(1, 3)]
    infinite = random.random()
    if infinite < 0.2:
        return _interval("(", None, high, ends[1]), _interval("(", None, moved[1] + 1, ends[1])
    if infinite < 0.4:
        return _interval(ends[0], low, None, ")"), _interval(ends[0], moved[0] - 1, None, ")")
    if random.random() < 0.5:
        return _interval(ends[0], low, high, ends[1]), _interval(wrong_ends[0], low, high, wrong_ends[1])
    return _interval(ends[0], low, high, ends[1]), _interval(ends[0], *moved, ends[1])


def collection(random: Random) -> Drawn:
    """A set, in any order, and one with a member more, less or changed."""
    members = _distinct(random, random.randint(2, 5))
    return _set(members), _set(_changed_members(random, members))


def tuple_(random: Random) -> Drawn:
    members = _distinct(random, random.randint(2, 4))
    changed = _changed_members(random, members) if random.random() < 0.5 else [*members[1:], members[0]]
    return _tuple(members), _tuple(changed)


def matrix(random: Random) -> Drawn:
    rows, columns = random.randint(1, 3), random.randint(2, 3)
    entries = _distinct(random, rows * columns)
    wrong = list(entries)
    place = random.randrange(len(wrong))
    wrong[place] = _other(random, wrong[place])
    if random.random() < 0.3:
        wrong = [*entries[1:], entries[0]]
    return _matrix(entries, columns), _matrix(wrong, columns)


def unevaluated(random: Random) -> Drawn:
    """A value that is written out, and a question whose answer it is, which does not answer itself."""
    value = random.randint(2, 400)
    question = random.choice(_QUESTIONS)(random, value)
    if random.random() < 0.6:
        return _spelt(Fraction(value)), lambda random: question
    opening, closing = random.choice([("(", ")"), (r"\{", r"\}"), ("[", ")"), ("[", "]")])
    below = value - random.randint(1, 9)
    return tuple(
        lambda random, last=last: f"{opening}{below},{random.choice(['', ' '])}{last}{closing}"
        for last in (str(value), question)
    )  # type: ignore[return-value]


_QUESTIONS: Sequence[Callable[[Random, int], str]] = (
    lambda random, n: f"{n - (k := random.randint(1, 9))} + {k}",
    lambda random, n: f"{n + (k := random.randint(1, 9))} - {k}",
    lambda random, n: rf"{2 * n} \cdot \frac{{1}}{{2}}",
    lambda random, n: rf"{2 * n} \times 0.5",
    lambda random, n: rf"\frac{{{n * (k := random.randint(2, 9))}}}{{{k}}}",
    lambda random, n: f"{n * (k := random.randint(2, 9))}/{k}",
    lambda random, n: rf"{n * (k := random.randint(2, 9))} \div {k}",
    lambda random, n: rf"\sqrt{{{n * n}}}",
    lambda random, n: rf"\sqrt[3]{{{n**3}}}",
    lambda random, n: f"{n}^1" if n not in (10, 100) else f"{n} + 0",  # a power of ten is written out
    lambda random, n: rf"\binom{{{n}}}{{1}}",
    lambda random, n: rf"\binom{{{n}}}{{{n - 1}}}" if n < 60 else rf"{n + 1}^{{1}} - 1",
    lambda random, n: f"|{-n}|",
    lambda random, n: rf"\left|{-n}\right|",
    lambda random, n: rf"{n} e^0",
    lambda random, n: rf"{n} \cos 0",
    lambda random, n: rf"{n}\sin\frac{{\pi}}{{2}}",
    lambda random, n: rf"\log_{{2}} 2^{{{n}}}",
    lambda random, n: rf"\ln e^{{{n}}}",
    lambda random, n: rf"\lfloor {n}.4 \rfloor",
    lambda random, n: rf"\max({n}, 1)",
    lambda random, n: f"({n})(1)",
    lambda random, n: f"{n} + 0!- 1",
    lambda random, n: rf"{n} \cdot 1!",
    lambda random, n: f"-(-{n})",
)  # each of value n

KINDS: dict[str, Callable[[Random], Drawn]] = {
    "number": number,
    "fraction": fraction,
    "interval": interval,
    "set": collection,
    "tuple": tuple_,
    "matrix": matrix,
    "unevaluated": unevaluated,
}

FORMS: Sequence[Callable[[str], str]] = (
    lambda text: text,
    lambda text: rf"\boxed{{{text}}}",
    lambda text: rf"First we look at 7 and \frac{{1}}{{7}}. So it is $\boxed{{{text}}}$.",
    lambda text: f"Adding them up, we have 17.\n#### {text}",
    lambda text: f"The answer is {text}.",
    lambda text: f"We see that 9 fits.\nAnswer: ${text}$",
    lambda text: f"**Final Answer:** {text}",
    lambda text: f"Therefore the final answer is: $${text}$$",
    lambda text: f"答案是{text}。",
    lambda text: f"  {text}\n",
    lambda text: f"${text}$",
    lambda text: rf"\({text}\)",
    lambda text: rf"\[{text}\]",
)


def said(random: Random, spell: Spell) -> str:
    """A spelling of the value as an answer would give it."""
    return random.choice(FORMS)(spell(random))


def _integer(random: Random) -> Fraction:
    size = random.choice([10, 100, 10_000, 10**7, 10**15, 10**30])
    return Fraction(random.randint(-size, size))


def _fraction(random: Random) -> Fraction:
    while True:
        value = Fraction(random.randint(-60, 60), random.randint(2, 40))
        if value.denominator > 1:
            return value


def _any(random: Random) -> Fraction:
    return random.choice([_integer, _fraction])(random)


def _confusable(value: Fraction, other: Fraction) -> bool:
    """Equal, or equal but for a percent sign, to which the reward is blind."""
    return other in (value, 100 * value, value / 100)


def _other(random: Random, value: Fraction) -> Fraction:
    """A value near enough to be a model's mistake."""
    while True:
        step = random.choice([Fraction(1), Fraction(-1), Fraction(10), Fraction(1, 2), -2 * value, 9 * value])
        if not _confusable(value, value + step):
            return value + step


def _distinct(random: Random, count: int) -> list[Fraction]:
    members: list[Fraction] = []
    while len(members) < count:
        value = _any(random)
        if not any(_confusable(value, other) for other in members):
            members.append(value)
    return members


def _changed_members(random: Random, members: Sequence[Fraction]) -> list[Fraction]:
    changed = list(members)
    place = random.randrange(len(changed))
    what = random.choice(["change", "more", "less"] if len(changed) > 2 else ["change", "more"])
    if what == "less":
        del changed[place]
        return changed
    new = changed[place]
    while any(_confusable(new, other) for other in members):
        new = _other(random, new)
    changed[place : place + (what == "change")] = [new]
    return changed


def _terminates(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1 and value.denominator <= 10**5


def _decimal(value: Fraction) -> str:
    """All digits of a value that terminates."""
    places = 0
    while (value * 10**places).denominator > 1:
        places += 1
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    whole = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{whole}" if value < 0 else whole


def _grouped(random: Random, digits: str) -> str:
    """A whole number with its thousands apart, as somebody writes them."""
    mark = random.choice([",", "{,}", r"\,", r",\!", r"\;", "~", "\u2009", "\u202f", "\u00a0", r"\ "])
    out = f"{int(digits):,}"
    return out.replace(",", mark)


def _spelt(value: Fraction, alone: bool = True) -> Spell:
    """alone: the number is the whole value and no member, so that it may have commas, a name and a unit."""

    def spell(random: Random) -> str:
        sign = "-" if value < 0 else ""
        whole = str(abs(value.numerator))
        forms = [f"{sign}{whole}"]
        if value.denominator == 1:
            forms += [f"{value}.0", f"{value}.00"]
            if abs(value) >= 10_000 and alone:
                forms += [f"{sign}{_grouped(random, whole)}"] * 4
            if alone:
                forms += [
                    f"{value} \\text{{ apples}}",
                    rf"{value}\text{{ cm}}",
                    f"{value} apples",
                    rf"{value}\,\mathrm{{cm}}",
                ]
            if value > 0 and value % 1000 == 0:
                forms += [rf"{value / 1000}\times 10^3", rf"{value / 1000} \cdot 10^{{3}}"]
        else:
            below = str(value.denominator)
            command = random.choice([r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"])
            k = random.randint(2, 5)
            forms = [
                f"{sign}{whole}/{below}",
                f"{sign}{whole} / {below}",
                rf"{sign}{command}{{{whole}}}{{{below}}}",
                rf"{command}{{{sign}{whole}}}{{{below}}}",
                rf"{sign}{command}{{{int(whole) * k}}}{{{int(below) * k}}}",
            ]
            if len(whole) == len(below) == 1:
                forms += [rf"{sign}{command} {whole}{below}", rf"{sign}{command}{{{whole}}}{below}"]
            if abs(value) > 1:
                over, rest = divmod(abs(value.numerator), value.denominator)
                forms += [rf"{sign}{over}{command}{{{rest}}}{{{below}}}"]
                if alone:
                    forms += [f"{sign}{over} {rest}/{below}"]
            if _terminates(value):
                forms += [_decimal(value), f"{_decimal(value)}0"]
                if alone:
                    forms += [rf"{_decimal(100 * value)}\%", f"{_decimal(100 * value)}%"]
        text = random.choice(forms)
        if value < 0 and random.random() < 0.2:
            text = text.replace("-", "−", 1)
        if alone and random.random() < 0.1:
            text = f"x = {text}"
        return text

    return spell


def _joined(random: Random, members: Sequence[Fraction]) -> str:
    return random.choice([",", ", ", r",\ ", r",\,"]).join(_spelt(member, alone=False)(random) for member in members)


def _brackets(random: Random, opening: str, closing: str) -> tuple[str, str]:
    return random.choice(
        [(opening, closing), (rf"\left{opening}", rf"\right{closing}"), (f"{opening} ", f" {closing}")]
    )


def _interval(opening: str, low: Fraction | None, high: Fraction | None, closing: str) -> Spell:
    def spell(random: Random) -> str:
        first, last = _brackets(random, opening, closing)
        infinity = random.choice([r"\infty", "∞", r"\infty "])
        below = f"-{infinity}" if low is None else _spelt(low, alone=False)(random)
        above = random.choice(["+", ""]) + infinity if high is None else _spelt(high, alone=False)(random)
        return f"{first}{below}, {above}{last}"

    return spell


def _set(members: Sequence[Fraction]) -> Spell:
    def spell(random: Random) -> str:
        first, last = _brackets(random, r"\{", r"\}")
        return f"{first}{_joined(random, random.sample(list(members), len(members)))}{last}"

    return spell


def _tuple(members: Sequence[Fraction]) -> Spell:
    def spell(random: Random) -> str:
        first, last = _brackets(random, "(", ")")
        return f"{first}{_joined(random, members)}{last}"

    return spell


def _matrix(entries: Sequence[Fraction], columns: int) -> Spell:
    def spell(random: Random) -> str:
        kind = random.choice(["pmatrix", "bmatrix"])
        rows = [entries[start : start + columns] for start in range(0, len(entries), columns)]
        ampersand, end = random.choice([(" & ", r" \\ "), ("&", r"\\"), ("& ", r"\\ ")])
        lines = [ampersand.join(_spelt(entry, alone=False)(random) for entry in row) for row in rows]
        return rf"\begin{{{kind}}} {end.join(lines)} \end{{{kind}}}"

    return spell
