"""Runs a second of the sandbox: the reference solutions of HumanEval and MBPP, in one pool.

    python benchmarks/sandbox.py --data DATA [--workers 2] [--repeats 3]

DATA holds humaneval/HumanEval.jsonl.gz and mbpp/sanitized_test.jsonl.gz. Prints how many pass, and the rate of each
repeat with a new pool, its start included.
"""

import argparse
import time
from pathlib import Path

from redone.measure.definitions import definition, read_records
from redone.sandbox.isolate import Limits
from redone.sandbox.jobs import Asserts, called
from redone.sandbox.pool import Pool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    records = [r for name in ("humaneval", "mbpp") for r in read_records(definition(name), options.data)[name]]
    jobs = [
        Asserts(
            r.answer, tests, tuple(r.fields.get("functions") or called(tests, r.fields["setup"])), r.fields["setup"]
        )
        for r in records
        for tests in [tuple(r.fields["tests"])]
    ]
    for _ in range(options.repeats):
        began = time.monotonic()
        with Pool(options.workers, Limits(wall=60, cpu=60)) as pool:
            outcomes = list(pool.map(jobs))
        seconds = time.monotonic() - began
        passed = sum(outcome.all_passed for outcome in outcomes)
        slowest = max(outcome.seconds for outcome in outcomes)
        print(
            f"{passed} of {len(jobs)} pass, {len(jobs) / seconds:.1f} runs a second; the slowest took {slowest:.1f} s"
        )


if __name__ == "__main__":
    main()
