"""What `redone watch` takes of a core: seconds of CPU for a first look, for looks at which nothing has changed, and for
looks after a step each, at a run of `--steps` steps that is as wide as the demo.

    PYTHONPATH=src python benchmarks/watch.py --steps 1000
"""

import argparse
import gzip
import random
import time
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from redone.files import dumps, write_json
from redone.watch import Looking
from redone.watch.terminal import picture

TASKS, PROMPTS, GROUP = 60, 32, 8
SCREEN = Console(file=StringIO(), width=120, height=50, force_terminal=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--steps", type=int, default=1000)
    options.add_argument("--looks", type=int, default=20)
    options.add_argument("--every", type=float, default=3.0)
    given = options.parse_args()
    with TemporaryDirectory() as place:
        run = Path(place)
        settings = {"kind": "reinforce", "start": "base", "steps": 2 * given.steps, "prompts": PROMPTS, "group": GROUP}
        write_json(run / "config.json", {"stages": ["explore"], "explore": settings})
        write_json(run / "manifest.json", {"data": {}})
        for number in range(1, given.steps + 1):
            append(run / "explore", number)
        looking = Looking([run])
        print(f"first look at {given.steps:,} steps: {clocked(looking):.3f} s")
        idle = sum(clocked(looking) for _ in range(given.looks)) / given.looks
        print(f"a look at which nothing changed: {1e3 * idle:.1f} ms, {share(idle, given.every)}")
        busy = 0.0
        for number in range(given.steps + 1, given.steps + given.looks + 1):
            append(run / "explore", number)
            busy += clocked(looking) / given.looks
        print(f"a look after a step: {1e3 * busy:.1f} ms, {share(busy, given.every)}")


def share(seconds: float, every: float) -> str:
    return f"{100 * seconds / every:.2f} % of a core at one in {every:g} s"


def clocked(looking: Looking) -> float:
    began = time.process_time()
    SCREEN.print(picture(looking.views(), time.time(), SCREEN.width, SCREEN.height))
    return time.process_time() - began


def append(stage: Path, number: int) -> None:
    """A step's lines, as the stage's store appends them."""
    draw = random.Random(number)
    stage.mkdir(exist_ok=True)
    tasks = {f"task_{n}": cell(draw) for n in range(TASKS)}
    line = {"step": number, "reward": draw.random(), "pass_rate": draw.random(), "loss": 0.1, "entropy": draw.random()}
    line |= {"clip_fraction": 0.01, "grad_norm": 1.0, "sampler_gap_mean": 1e-6, "groups": 32, "generated": 60}
    line |= {"dropped": 28, "errors": 0, "trained": {"task_1": 3}, "tasks": tasks, "alarms": [], "seconds": 12.0}
    with (stage / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(dumps(line) + "\n")
    common = {"step": number, "task": "task_1", "prompt": "word " * 60, "text": "word " * 40, "score": 1.0}
    rows = [{**common, "id": f"task_1/train/{n // GROUP}", "advantage": 0.1} for n in range(2 * PROMPTS * GROUP)]
    with (stage / "rollouts.jsonl.gz").open("ab") as packed:
        packed.write(gzip.compress("".join(dumps(row) + "\n" for row in rows).encode(), 6, mtime=0))


def cell(draw: random.Random) -> dict[str, object]:
    about = {"filtered": 0.5, "length": 9.0, "errors": 0.0, "groups": 2, "reasons": {"right": 8, "wrong": 8}}
    return {"reward": draw.random(), "pass_rate": draw.random(), **about}


if __name__ == "__main__":
    main()
