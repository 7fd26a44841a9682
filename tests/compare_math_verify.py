"""Verdicts on other people's mathematics cases: `python tests/compare_math_verify.py FOLDER` prints each disagreement.

FOLDER holds test files with `parametrize` lists of (gold, prediction, expected), such as math-verify's own `tests`,
which are read as data and not run. Of a gold or a prediction without a box the last formula between dollars or
brackets is taken, or else the whole, since that is what these cases mean. docs/log.md has who is right.
"""

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

from redone.records import Record
from redone.rewards.formula.final import final
from redone.rewards.mathematics import mathematics

FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\[(.+?)\\\]|\\\((.+?)\\\)", re.DOTALL)


def cases(path: Path) -> Iterator[tuple[int, str, str, bool]]:
    """(line, gold, prediction, expected) of every literal case."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(call, ast.Call) and ast.unparse(call.func).endswith("parametrize") and len(call.args) > 1):
            continue
        try:
            names = [name.strip() for name in ast.literal_eval(call.args[0]).split(",")]
        except (ValueError, AttributeError):
            continue
        if not {"gold", "pred"} <= set(names) or not isinstance(call.args[1], (ast.List, ast.Tuple)):
            continue
        for row in call.args[1].elts:
            try:
                case = dict(zip(names, ast.literal_eval(row)))
            except ValueError:
                continue  # it is computed
            yield row.lineno, case["gold"], case["pred"], bool(case.get("expected", case.get("result")))


def meant(text: str) -> str:
    """The answer that the case means, as our reward reads texts."""
    text = text if "matrix" in text or "array" in text else re.sub(r"\\\\(?=[a-z])", r"\\", text)
    if "boxed" in text or final(text) != text:
        return text
    formulas = [next(part for part in found.groups() if part) for found in FORMULA.finditer(text)]
    return formulas[-1] if formulas and len(formulas) == 1 else text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    total = differ = refused = 0
    for path in sorted(folder.rglob("test_*.py")):
        for line, gold, prediction, expected in cases(path):
            total += 1
            answer = meant(prediction)
            record = Record(
                f"{path.name}:{line}", "case", ({"role": "user", "content": "?"},), meant(gold), "eval", "case"
            )
            try:
                verdict = mathematics(record, answer)
            except ValueError as error:
                refused += 1
                print(f"{path.name}:{line} REFUSED {str(error)[:200]}")
                continue
            if (verdict.score == 1) != expected:
                differ += 1
                note = f"{verdict.reason}: {verdict.note[:160]}"
                print(f"{path.name}:{line} theirs {int(expected)}, ours {verdict.score:.0f} | {gold[-80:]!r} | {note}")
    print(f"{total} cases, {differ} disagreements, {refused} references refused")


if __name__ == "__main__":
    main()
