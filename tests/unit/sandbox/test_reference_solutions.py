"""The reference solutions of HumanEval and MBPP, and the same with a fault, on the real files."""

import gzip
import json
import os
from pathlib import Path

import pytest
from published import humaneval, mbpp
from sweeps import in_part

from redone.sandbox.isolate import Limits
from redone.sandbox.pool import Pool

DATA = os.environ.get("REDONE_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="REDONE_DATA does not name a folder with the real data sets")
LIMITS = Limits(wall=120, cpu=60)  # one solution of MBPP takes seconds


def rows(name):
    with gzip.open(Path(DATA) / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def jobs(code_of=lambda code: code):
    human = rows("humaneval/HumanEval.jsonl.gz")
    python = rows("mbpp/sanitized_test.jsonl.gz")
    return [
        humaneval(code_of(row["prompt"] + row["canonical_solution"]), row["prompt"], row["test"], row["entry_point"])
        for row in human
    ] + [mbpp(code_of(row["code"]), row["test_list"], row["test_imports"]) for row in python]


@in_part
def test_every_reference_solution_passes(every):
    with Pool(2, LIMITS) as two:
        outcomes = list(two.map(jobs()[::every]))
    assert len(outcomes) == -(-(164 + 257) // every)
    assert [(n, outcome) for n, outcome in enumerate(outcomes) if not outcome.all_passed or outcome.error] == []


@in_part
def test_no_solution_passes_whose_functions_return_nothing(every):
    def emptied(code):
        names = [line.split("(")[0].removeprefix("def ") for line in code.splitlines() if line.startswith("def ")]
        return code + "\n" + "\n".join(f"def {name.strip()}(*a, **k): return None" for name in names)

    with Pool(2, LIMITS) as two:
        outcomes = list(two.map(jobs(emptied)[::every]))
    assert [n for n, outcome in enumerate(outcomes) if outcome.all_passed] == []
