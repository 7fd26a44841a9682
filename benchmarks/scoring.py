"""CPU seconds of scoring, by reward: the tasks of the packs over real data and the mathematics of published tests, on
references and answers that are nearly right.

    python benchmarks/scoring.py --data DATA [--records 1000] [--repeats 5] [--against SRC]

DATA holds the training sets. With --against SRC, the `src` of another checkout, both are timed in turn, each in a
process of its own, and the ratio is printed. Tasks that run code are left out: sandbox.py has the sandbox's time.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--records", type=int, default=1000, help="of each task")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--against", type=Path, metavar="SRC")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(seconds_of_scoring(options.data, options.records)))
        return
    trees = [Path(__file__).parents[1] / "src", *([options.against] if options.against else [])]
    runs: list[list[dict[str, float]]] = [[] for _ in trees]
    for repeat in range(options.repeats):
        for place in range(len(trees)) if repeat % 2 else reversed(range(len(trees))):
            runs[place].append(apart(trees[place], options))
    for reward in runs[0][0]:
        report(reward, [[run[reward] for run in mine] for mine in runs])
    report("all", [[sum(run.values()) for run in mine] for mine in runs])


def report(name: str, runs: Sequence[Sequence[float]]) -> None:
    mine = f"{median(runs[0]):7.3f} s [{min(runs[0]):.3f}, {max(runs[0]):.3f}]"
    print(f"{name:<14} {mine}" + (f"  {median(runs[0]) / median(runs[1]):.2f} times the other" if runs[1:] else ""))


def apart(tree: Path, options: argparse.Namespace) -> dict[str, float]:
    """The seconds by reward, in a process that imports the package from the tree."""
    command = [sys.executable, __file__, "--once", "--data", str(options.data), "--records", str(options.records)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    out = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found


def seconds_of_scoring(data: Path, most: int) -> dict[str, float]:
    """Reward to the CPU seconds of its verdicts, which is called once before, so that it has imported what it needs."""
    from dataclasses import replace

    from redone.commands.prepare import PACKS
    from redone.data.load import build, read_pack
    from redone.measure.definitions import definition, read_records
    from redone.records import Record, Task
    from redone.rewards import SANDBOXED, score, uses

    packs = [read_pack(PACKS / f"{name}.toml", data) for name in ("social_posts", "real_posts")]
    work: list[tuple[Task, Sequence[Record]]] = []
    for pack in packs:
        dataset = build([pack], limit=None, probe=0.1, evaluation=0.1)
        work += [(task, dataset.records[name]["train"][:most]) for name, task in dataset.tasks.items()]
    for name in ("gsm8k", "math500", "aime24", "aime25"):
        benchmark = definition(name)
        for subset, records in read_records(benchmark, data, ask=False).items():
            task = replace(benchmark.subsets[subset].readings[0].task, name=name, extract=())
            if task.reward == "mathematics":
                work.append((task, records[:most]))
    found: dict[str, float] = {}
    for task, records in work:
        if uses(task, SANDBOXED):
            continue
        answers = [texts(record, records[i - 1]) for i, record in enumerate(records)]
        for text in answers[0]:
            score(task, records[0], text)
        began = time.process_time()
        for record, mine in zip(records, answers):
            for text in mine:
                score(task, record, text)
        found[task.reward] = found.get(task.reward, 0.0) + time.process_time() - began
    return found


def texts(record: Any, other: Any) -> list[str]:
    """What a model might answer: the reference, alone, in a sentence and in a box, and the same of another record."""
    said = [
        f(one.answer) for one in (record, other) for f in (str, "So the answer is {}.".format, r"\boxed{{{}}}".format)
    ]
    return [f"<think></think>{text}" if record.rationale is not None else text for text in said]


if __name__ == "__main__":
    main()
