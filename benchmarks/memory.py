"""What `redone estimate` says a phase takes beside what it takes: `python benchmarks/memory.py MODEL [WAYS]`.

For each way of training a run of its own, minutes on two cores: two steps of reinforcement, for the first finds no
moments, and two of fine-tuning. Measured is the process's high-water mark (VmHWM), which Linux sets back when a phase
begins; estimated the phase's bytes with what a process has that has loaded no model.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from redone.commands import memory as estimate
from redone.commands import prepare
from redone.config import RunConfig, load_config
from redone.files import write_jsonl
from redone.model.heap import give_back, give_large_blocks_back
from redone.run.log import Log

PACK = """
[tasks.echo]
part = "domain"
family = "translation"
prompt = "{text}"
answer = "{last}"
reward = "chrf"
pass_at = 0.5
budget = 8
files = {train = "rows.jsonl"}
"""  # of which chrF tells any two answers apart, so that there is an update
WORDS = "sun rain tea cup road green house bird song night day river stone bread salt window door paper light wind"
RUN = (
    "threads=1",
    "model.max_context=512",
    "tokens_per_pass=1024",
    "eval.records=2",
    "eval.rows=2",
    'stages=["explore", "target"]',
    "explore.steps=2",
    "explore.prompts=5",
    "explore.updates=1",
    "explore.in_flight=5",
    "target.records=14",
    "target.batch=7",
    "target.epochs=1",
    "target.choose=all",
)
WAYS = {
    "full": (),
    "LoRA": ("lora.rank=16",),
    "full, recomputed": ("recompute=true",),
    "LoRA, recomputed": ("lora.rank=16", "recompute=true"),
}
REST = "all else"  # loading and saving


class Found(NamedTuple):
    """Bytes. estimated: None of what the estimate has no phase for."""

    phase: str
    estimated: int | None
    measured: int


def main() -> None:
    model, *only = sys.argv[1:]
    print(f"{'':<32}{'estimated GiB':>14}{'measured GiB':>14}{'ratio':>8}")
    for way, phases in compared(model, only or list(WAYS)):
        for phase, expected, most in phases:
            said = f"{'':>14}" if expected is None else f"{expected / 2**30:>14.2f}"
            ratio = "" if expected is None else f"{expected / most:>8.2f}"
            print(f"{f'{way}: {phase}':<32}{said}{most / 2**30:>14.2f}{ratio}", flush=True)


def compared(model: str | Path, ways: Sequence[str]) -> Iterator[tuple[str, list[Found]]]:
    """Every phase of a run in each of the ways."""
    with tempfile.TemporaryDirectory() as folder:
        write_pack(Path(folder))
        expected = told("estimated", folder, model, *ways)
        for way in ways:
            peaks = told("measured", folder, model, way)
            yield way, [Found(phase, expected[way].get(phase), most) for phase, most in peaks.items()]


def write_pack(folder: Path) -> None:
    """A task of 40 prompts of 96 words, whose answer is the last."""
    (folder / "pack.toml").write_text(PACK, encoding="utf-8")
    draw = Random(0)
    texts = (draw.choices(WORDS.split(), k=96) for _ in range(40))
    write_jsonl(folder / "rows.jsonl", ({"text": " ".join(words), "last": words[-1]} for words in texts))


def told(*given: str | Path) -> Any:
    """What a function of this file says, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--", *given], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def configuration(folder: str, model: str, way: str) -> RunConfig:
    return load_config([], [*RUN, *WAYS[way], f'model.path="{model}"', f'data.packs=["{folder}/pack.toml"]'])


def estimated(folder: str, model: str, *ways: str) -> dict[str, dict[str, int]]:
    """Bytes of the phases in each of the ways, with those of this process, as `redone check` adds them up."""
    found = {}
    for way in ways:
        config = configuration(folder, model, way)
        found[way] = estimate.memory(config, prepare.check(config, Log()))
    own, _ = estimate.own_and_free("cpu")
    return {way: {phase.name: own + phase.peak for phase in phases} for way, phases in found.items()}


def measured(folder: str, model: str, way: str) -> dict[str, int]:
    """High-water marks of the phases of a run."""
    from redone.method import evaluate, pipeline, reinforce, teach
    from redone.run.stages import BASE
    from redone.train import rl, sft

    give_large_blocks_back()  # as the command line does
    peaks: dict[str, int] = {}

    def mark(phase: str) -> None:
        """The most since the mark before was this phase's; the next begins."""
        peaks[phase] = max(peaks.get(phase, 0), estimate.kernel_says("/proc/self/status", "VmHWM"))
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def watched(act: Callable[..., Any], phase: str) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            give_back()  # or else what is free when the phase begins would count as its own
            mark(REST)
            found = act(*given, **named)
            mark(phase)
            return found

        return run

    rl.sample_groups = watched(rl.sample_groups, "sampling")
    rl.add_old_logprobs = watched(rl.add_old_logprobs, "update")
    rl.update = watched(rl.update, "update")
    sft.fit = watched(sft.fit, "fine-tuning")
    measure = watched(evaluate.evaluate, "measuring")
    config = configuration(folder, model, way)
    with prepare.prepare(config, Path(folder) / "run" / way, Log()) as lab:
        measure(lab, BASE, evaluate.earned_without_a_model(lab))
        for stage in lab.stages:
            if stage.kind == "reinforce":
                reinforce.reinforce(lab, stage)
            else:
                teach.teach(lab, stage, pipeline.plan_of(lab, stage))
    mark(REST)
    return peaks


if __name__ == "__main__":
    if sys.argv[1] == "--":
        what, *given = sys.argv[2:]
        print(json.dumps({"estimated": estimated, "measured": measured}[what](*given)))
    else:
        main()
