"""What `redone estimate` says a phase takes beside what it takes: `python benchmarks/memory.py MODEL`.

Each phase is a run of its own, small enough for minutes on two cores, in which that phase is the largest; an update the
second, for the first finds no moments. Measured is
the process's high-water mark (VmHWM), estimated the peak with what the process has before it begins.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from redone.cli import estimate, prepare
from redone.config import load_config
from redone.run.log import Log

COMMON = (
    "threads=1",
    'data.packs=["support"]',
    "data.limit=1",
    "model.max_context=512",
    "tokens_per_pass=1024",
    "eval.records=1",
    "eval.rows=8",
    "explore.group=8",
    "explore.in_flight=8",
)
PHASES = {
    "update": ('stages=["explore"]', "explore.steps=2", "explore.prompts=8", "explore.updates=1"),
    "update, recomputed": (
        'stages=["explore"]',
        "explore.steps=2",
        "explore.prompts=8",
        "explore.updates=1",
        "recompute=true",
    ),
    "sampling": (
        'stages=["explore"]',
        "explore.steps=1",
        "explore.prompts=32",
        "explore.updates=16",
        "explore.in_flight=32",
        "tokens_per_pass=16",
    ),
    "fine-tuning": (
        'stages=["target"]',
        "target.epochs=1",
        "target.records=40",
        "target.batch=16",
        "target.choose=all",
        "target.soft_labels=gold",
    ),
}
KINDS = {"full": (), "LoRA": ("lora.rank=16",)}
PEAK = """
import sys
from redone.cli import main
code = main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""


def main() -> None:
    model, *only = sys.argv[1:]
    before = own()
    print(f"{'':<28}{'estimated GiB':>14}{'measured GiB':>14}{'ratio':>8}")
    for phase in only or PHASES:
        for kind, lora in KINDS.items():
            expected, measured = before + estimated(model, phase, lora), peak(settings(model, phase, lora))
            cells = f"{expected / 2**30:>14.2f}{measured / 2**30:>14.2f}{expected / measured:>8.2f}"
            print(f"{f'{phase}, {kind}':<28}{cells}", flush=True)


def settings(model: str, phase: str, lora: Sequence[str]) -> list[str]:
    return [*COMMON, *PHASES[phase], *lora, f'model.path="{model}"']


def estimated(model: str, phase: str, lora: Sequence[str]) -> int:
    """Bytes of the largest phase of the run, beside what the process has."""
    config = load_config([], settings(model, phase, lora))
    return max(one.peak for one in estimate.memory(config, prepare.check(config, Log())))


def peak(sets: list[str]) -> int:
    """Bytes of a run's high-water mark."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "empty.toml"
        config.write_text("", encoding="utf-8")
        arguments = [str(config), "--out", f"{folder}/out", *(part for one in sets for part in ("--set", one))]
        done = subprocess.run([sys.executable, "-c", PEAK, "run", *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return int(done.stdout.split()[-1]) * 1024


def own() -> int:
    """Bytes of a process that has loaded what a run needs, and no model."""
    imported = "import transformers, redone.method.pipeline; from redone.cli import estimate"
    code = f"{imported}; print(estimate._memory('cpu')[0])"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
