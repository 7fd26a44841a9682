"""A reward for mathematics: the final answer has the value of the reference, however it is written.

math-verify reads LaTeX and compares sets, intervals, matrices and relations, with its own time limits off, because they
work in the main thread only. So nothing reaches it that could run for long, and values of plain expressions are
compared here, at points: simplifying may never end, and rounding to six places takes 1e-8 for 2e-8.
"""

import re
from functools import lru_cache

from redone.records import Record, Verdict
from redone.rewards.formula.bounds import LONGEST_ANSWER, risk
from redone.rewards.formula.final import final
from redone.rewards.formula.latex import latex, word
from redone.rewards.formula.units import without_letter
from redone.rewards.formula.value import equal, read


def mathematics(record: Record, answer: str) -> Verdict:
    """1 where the answer's final value equals the reference's, else 0.

    The final answer of either is what the last \\boxed{} holds, else what follows the last "#### ", else the last
    "answer is" or a line's "Answer:" (答案是, 答案：), else the whole text. It may be LaTeX or plain: numbers,
    fractions, percentages, 10 million, roots and functions, tuples, sets, intervals, matrices, equations and
    inequalities. Decimals are right to six places. "x = 5" is 5 where the reference names no x, a set has no order,
    words are compared as texts, i is the imaginary unit.
    What the reference has written out (12, 3/4, 2.5e3, 3+4i), the answer must write out too, in every place of a tuple
    or matrix: 3*4 or 24/2 does not answer 12, or else every question would answer itself.
    Blind to units, to a missing % and a missing base (50% is 0.5, and also 50), and, where the reference is an
    expression, to form: (x+1)^2 answers "expand (x+1)^2". A final answer of more than 300 characters, with an operator
    that could take for ever (sums, integrals, towers of powers) or with two numbers side by side is unparsable.

    Raises ValueError naming the record where the reference cannot be read or does not equal itself.
    """
    gold, flaw = _reference(record.answer)
    if flaw:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r:.200} {flaw}")
    written = final(answer)
    found = latex(written) if len(written) <= 10 * LONGEST_ANSWER else written
    note = f"{found[:100]} for {gold[:100]}"
    if not found:
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, "no final answer")
    if found == gold or word(gold):
        right = found == gold or word(gold) in (word(found), found.strip("() ").casefold())
    else:
        named = re.search(r"(?<!\\)\b[A-Za-z]\b|\d[A-Za-z]", gold)  # then 12m is no twelve metres
        spelt = dict.fromkeys((found, found if named else without_letter(found)))
        readings = [text for text in spelt if read(text) is not None]
        if not readings:
            return Verdict(0.0, "unparsable", {"parsed": 0.0}, risk(found) or f"cannot read {found[:100]}")
        right = any(equal(gold, text) for text in readings)
    return Verdict(float(right), "right" if right else "wrong", {"parsed": 1.0}, note)


@lru_cache(maxsize=4096)
def _reference(answer: str) -> tuple[str, str]:
    """(the reference as LaTeX, what is wrong with it or "")."""
    gold = latex(final(answer))
    if word(gold):
        return gold, ""
    if flaw := risk(gold):
        return gold, f"cannot be compared: {flaw}"
    if read(gold) is None:
        return gold, "cannot be read as mathematics"
    return gold, "" if equal(gold, gold) else "does not equal itself"


def spellings(answer: str) -> list[str]:
    """Other ways to write a reference, all of which answer it: each must score 1.

    In a box, between dollars, in a last line, with its unit in words, in \\text{} and without; plain numbers in other
    fonts and with separators, fractions and percentages in LaTeX and plain.
    """
    written = final(answer).strip()
    if not written or "\n" in written:
        return [answer]
    value = latex(written)
    found = [written, value]
    if unit := re.fullmatch(r"(-?[\d.,]+) ([A-Za-z]{3,}(?: [A-Za-z]+)*)", written):
        found += [rf"{unit[1]}\text{{ {unit[2]}}}", rf"{unit[1]}\ \mathrm{{{unit[2]}}}"] if value != written else []
    if number := re.fullmatch(r"(-?)(\d+)(\.\d+)?", value):
        sign, whole, places = (part or "" for part in number.groups())
        found += [f"x = {value}", f"**{value}**", rf"\text{{{value}}}", rf"\mathbf{{{value}}}"]
        grouped = f"{int(whole):,}"
        between = (",", "{,}", r"\,", r",\!", r"\;", "~", "\u2009", "\u202f", "\u00a0") if "," in grouped else ()
        found += [f"{sign}{grouped.replace(',', separator)}{places}" for separator in between]
    if ratio := re.fullmatch(r"(-?)(\d+)/(\d+)|(-?)\\frac\{(\d+)\}\{(\d+)\}", value):
        sign, above, below = (part for part in ratio.groups() if part is not None)
        found += [
            f"{sign}{above}/{below}",
            rf"{sign}\frac{{{above}}}{{{below}}}",
            rf"{sign}\dfrac{{{above}}}{{{below}}}",
        ]
    if share := re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*\\?%", value):
        found += [f"{share[1]}%", rf"{share[1]}\%", f"{share[1]} percent", rf"{share[1]}\text{{ percent}}"]
    lines = [rf"So it is \boxed{{{text}}}." for text in found]
    for text in (written, value):
        lines += [] if "$" in text else [f"${text}$", rf"\({text}\)", rf"\boxed{{${text}$}}"]
        if final(f"The answer is {text}.") == text:
            lines += [f"The answer is {text}.", f"Answer: {text}", f"**Final Answer:** {text}", f"#### {text}"]
    return list(dict.fromkeys([*found, *lines]))
