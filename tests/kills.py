"""A small run of the whole method, killed again and again, ends as one that was left alone.

    python tests/kills.py --kills 200 [--jobs 2] [--seed 0]

A process runs until just before a file operation that is drawn by seed, or one time in four for a drawn while, and dies
of SIGKILL; the next one goes on in its folder. After some kills a last one comes to the end.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from redone.files import read_jsonl

CHAIN = 8  # kills of one run
OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree", "shutil.move"}
TESTS = Path(__file__).parent


def differences(one: Path, other: Path) -> list[str]:
    """What of two runs' folders is not the same: weights, metrics without times, rollouts, answers, results."""
    found = []
    for stage in ("explore", "target", "refine"):
        models = [(run / stage / "model" / "model.safetensors").read_bytes() for run in (one, other)]
        found += [f"{stage}/model"] if models[0] != models[1] else []
        metrics = [[{**row, "seconds": 0} for row in read_jsonl(run / stage / "metrics.jsonl")] for run in (one, other)]
        found += [f"{stage}/metrics.jsonl"] if metrics[0] != metrics[1] else []
        found += [f"{stage}/checkpoints"] if (other / stage / "checkpoints").exists() else []
    names = ["explore/rollouts.jsonl.gz", "refine/rollouts.jsonl.gz", "target/data.jsonl.gz", "target/plan.json"]
    names += sorted(str(p.relative_to(one)) for p in one.glob("eval/*/tasks/*.jsonl"))
    found += [name for name in names if (one / name).read_bytes() != (other / name).read_bytes()]
    models_ = [json.loads((run / "results.json").read_text(encoding="utf-8"))["models"] for run in (one, other)]
    found += ["results.json"] if models_[0] != models_[1] else []
    return found + [str(left.relative_to(other)) for left in (*other.rglob("*.part"), *other.rglob(".lock"))]


def go_on(out: Path, operation: int = 0, seconds: float = 0.0) -> int:
    """The run in a process of its own, killed before that file operation in its folder, or after so many seconds of
    work; neither where both are 0. How it ended; -9 is the kill."""
    command = [sys.executable, __file__, "--child", str(out), str(operation), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if done.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.returncode


def child(out: Path, operation: int, seconds: float) -> None:
    from fakes import small_config

    from redone.commands.prepare import prepare
    from redone.method import pipeline
    from redone.run.lock import locked
    from redone.run.log import Log

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    left = operation

    def hook(event: str, given: tuple[Any, ...]) -> None:
        nonlocal left
        if event in OPERATIONS and _writes(event, given) and str(out) in str(given[0]):
            left -= 1
            if left == 0:
                die()

    log = Log()
    sys.addaudithook(hook)
    with locked(out, log.line), prepare(small_config(), out, log) as lab:
        if seconds:
            threading.Timer(seconds, die).start()
        pipeline.run(lab)
    os._exit(0)  # not waiting for a timer


def _writes(event: str, given: tuple[Any, ...]) -> bool:
    return event != "open" or bool(given[2] & (os.O_WRONLY | os.O_RDWR))


def killed(out: Path, kills: int, random: Random) -> list[str]:
    """A run that is killed so often and then ends: where, for people."""
    places = []
    for _ in range(kills):
        by_time = random.random() < 0.25
        operation = 0 if by_time else round(2 ** random.uniform(0, 7))
        seconds = random.uniform(0.0, 6.0) if by_time else 0.0
        code = go_on(out, operation, seconds)
        places.append(f"{f'{seconds:.1f} s' if by_time else f'operation {operation}'}{'' if code else ' (at its end)'}")
    assert go_on(out) == 0
    return places


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    began, failed, dead = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.jobs) as pool:
        whole = Path(name) / "whole"
        go_on(whole)

        def chain(number: int) -> tuple[int, list[str], list[str]]:
            out, count = Path(name) / f"run-{number}", min(CHAIN, options.kills - number * CHAIN)
            places = killed(out, count, Random(f"{options.seed}/{number}"))
            return number, places, differences(whole, out)

        for number, places, wrong in pool.map(chain, range(-(-options.kills // CHAIN))):
            dead += sum("at its end" not in place for place in places)
            failed += bool(wrong)
            print(f"run {number}: killed at {', '.join(places)}: {', '.join(wrong) or 'the same'}", flush=True)
    print(f"{dead} kills, {failed} runs that ended otherwise, {time.monotonic() - began:.0f} s")
    return bool(failed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        sys.path.insert(0, str(TESTS))
        child(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    sys.exit(main())
