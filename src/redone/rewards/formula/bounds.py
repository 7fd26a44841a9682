"""What must not be read: a formula that could take for ever, or that math-verify reads wrongly."""

import re
from itertools import accumulate
from math import prod

from redone.rewards.formula.final import group

LONGEST_ANSWER = 300  # characters of a final answer
MOST_DIGITS = 50  # of one number
MOST_NESTED = 8  # brackets, braces and parentheses inside one another
MOST_MEMBERS = 64  # of a list, a set or a matrix
LARGEST_EXPONENT = 3_000  # also the product of those of groups: ((x^a)^b)^c has abc
LARGEST_FACTORIAL = 3_000  # the argument

_COMMANDS = frozenset(
    """
    frac sqrt cdot times div pm mp infty cup cap setminus emptyset varnothing left right text mathbb circ degree
    angle sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp le leq leqslant ge geq
    geqslant lt gt ne neq in approx begin end ldots dots cdots quad qquad hat bar vec dot ddot overline
    overrightarrow prime lfloor rfloor lceil rceil binom max min hbar ell odot alpha beta delta epsilon varepsilon
    zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi varphi chi psi omega Delta Theta Lambda
    Xi Pi Sigma Upsilon Phi Psi Omega mathit
    """.split()
)
_SMALL = r"\s*(?:\d{1,3}|\d{0,2}\s*[A-Za-z](?:\s*[+-]\s*\d{1,2})?)\s*"
_BEYOND = (
    (re.compile(rf"\d{{{MOST_DIGITS + 1}}}"), f"a number of more than {MOST_DIGITS} digits"),
    (re.compile(r"\d[eE][-+]?\d"), "a power of ten that is too large"),
    (re.compile(r"(?<!_)\d\s+\d|(?<![_\d.])[\d.]+\s*[({]+\s*[\d.]+\s*[)}]"), "numbers side by side"),  # 2(3) reads 5
    (re.compile(r"\|\s*[_^]|\\\|"), "a norm or a substitution"),
    (re.compile(r"\\(?:begin|end)\s*(?!\{(?:[pb]|small)?matrix\})"), "an unknown environment"),
    (re.compile(r"\\end\{\w+\}\s*\^\s*(?!\{?T)"), "a power of a matrix"),
    (re.compile(rf"\\binom\s*(?!\{{{_SMALL}\}}\s*\{{{_SMALL}\}})"), "a large binomial"),
    (re.compile(r"\\sqrt\s*\[(?!\s*(?:\d{1,2}|[a-z])\s*\])"), "a large root"),
    (re.compile(r"!\s*[!^]"), "a factorial of a factorial"),
)  # fmt: skip


def risk(text: str) -> str:
    """Why the LaTeX must not be read, "" where it may: what could take for ever, or is read wrongly."""
    if len(text) > LONGEST_ANSWER:
        return f"more than {LONGEST_ANSWER} characters"
    for pattern, flaw in _BEYOND:
        if pattern.search(text):
            return flaw
    unknown = [command for command in re.findall(r"\\([A-Za-z]+)", text) if command not in _COMMANDS]
    if unknown:
        return f"\\{unknown[0]}"
    depths = accumulate((letter in "([{") - (letter in ")]}") for letter in text)
    if max(depths, default=0) > MOST_NESTED or text.count("|") > MOST_NESTED:
        return f"more than {MOST_NESTED} brackets inside one another"
    if sum(text.count(separator) for separator in (",", ";", "&", r"\\", "cup")) >= MOST_MEMBERS:
        return f"more than {MOST_MEMBERS} members"
    if "matrix" in text and re.search(r"[)\]}|]\s*\^|[/{]\s*\\begin|\\end\{\w+\}\s*/", text):
        return "a matrix inside an expression"
    return _growth(text)


def _growth(text: str) -> str:
    """Why the powers or factorials of the LaTeX may be too large, "" where they are not."""
    groups, largest, after = 1, 1, -1
    for found in re.finditer(r"\s*\^\s*", text):
        exponent = group(text, found.end()) or re.findall(r"^(?:-?\d+|\\[A-Za-z]+|.?)", text[found.end() :])[0]
        if found.start() == after or re.search(r"[\d)}\]|]\s*\^|\^.*\^|!|binom", exponent):
            return "a tower of powers"
        after = found.end() + len(exponent)
        if text[found.start() - 1] in ")}]|!":
            groups *= _product(exponent)
        else:
            largest = max(largest, _product(exponent))
    if groups * largest > LARGEST_EXPONENT:
        return f"an exponent of more than {LARGEST_EXPONENT}"
    for found in re.finditer("!", text):
        before = re.search(r"(\d+|[A-Za-z]|\([\w\s+-]*\)|\{[\w\s+-]*\})\s*$", text[: found.start()])
        if groups > 1 or not before or _product(before[1]) > LARGEST_FACTORIAL:
            return f"a factorial of more than {LARGEST_FACTORIAL}"
    return ""


def _product(text: str) -> int:
    return max(1, prod(int(digits) for digits in re.findall(r"\d+", text)))
