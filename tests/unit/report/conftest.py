"""A finished run's folder, as small as can be, for tests to change and to read."""

from pathlib import Path
from typing import Any

import pytest

from redone.files import write_json, write_jsonl
from redone.report import write_report

SCRIPT = "<script>alert(1)</script>"  # what a model might write
NASTY = f"{SCRIPT} a|b\nc ``` [x](y) *d* \\"


def model(reply: float, slang: float, sums: float) -> dict[str, Any]:
    """An entry of results.json with one task of each part; every interval reaches 10 to both sides."""
    about = {
        "reply": {"score": reply, "part": "sns", "family": "dialogue", "baseline_answer": "first candidate"},
        "slang": {"score": slang, "part": "sns", "family": "translation", "baseline_answer": "source echoed"},
        "sums": {"score": sums, "part": "general", "group": "mathematics", "baseline_answer": "majority"},
    }
    common = {"n": 48, "baseline": 20.0, "metric": "mean"}
    averages = {"sns": reply, "translation": slang, "general": sums}
    return {
        "averages": averages,
        "average_intervals": {kind: [value - 10, value + 10] for kind, value in averages.items()},
        "baselines": dict.fromkeys(averages, 20.0),
        "tasks": {n: {**row, **common, "interval": [row["score"] - 10, row["score"] + 10]} for n, row in about.items()},
    }


def step(number: int, reward: float) -> dict[str, Any]:
    """A line of an RL stage's metrics.jsonl."""
    cell = {"reward": reward, "pass_rate": reward, "filtered": 0.5, "length": 3.0, "errors": 0.0, "groups": 2}
    health = {"loss": 0.1, "entropy": 0.9, "clip_fraction": 0.0, "grad_norm": 1.5, "sampler_gap": 1e-6}
    counts = {"generated": 4, "dropped": 2, "groups": 2, "errors": 0, "starved": False}
    return {"step": number, "reward": reward, "seconds": 30.0, "tasks": {"reply": cell}, **health, **counts}


def rollouts(number: int, scores: list[float]) -> list[dict[str, Any]]:
    """The lines of one group in rollouts.jsonl.gz."""
    common = {"step": number, "id": f"reply/train/{number}", "task": "reply", "prompt": NASTY, "reason": "wrong"}
    common |= {"parts": {"parsed": 1.0, "hits": 2.0}, "note": NASTY, "advantage": 0.5, "length": 3}
    return [{**common, "text": f"{NASTY} {i}", "score": score} for i, score in enumerate(scores)]


FINDING = {
    "task": "reply",
    "kind": "unstable",
    "pass1": 0.4,
    "pass1_interval": [0.3, 0.5],
    "passk": 0.8,
    "passk_interval": [0.7, 0.9],
    "k": 8,
    "n": 32,
    "reasons": {"right": 0.4, "wrong": 0.6},
    "why": NASTY,
    "examples": [
        {"id": "reply/probe/1", "prompt": NASTY, "answer": NASTY, "output": NASTY, "score": 0.0, "reason": "wrong"}
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run that a test may change."""
    return write_run(tmp_path / "small")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with its reports, for tests that only read."""
    run = write_run(tmp_path_factory.mktemp("report") / "small")
    write_report(run)
    return run


def write_run(run: Path) -> Path:
    """reply rises from 30 to 60, slang stays, sums falls from 90 to 60 in stage 2; all with the text NASTY in it."""
    models = {
        "base": model(30.0, 50.0, 90.0),
        "explore": model(40.0, 50.0, 90.0),
        "target": model(60.0, 50.0, 60.0),
        "refine": model(60.0, 50.0, 60.0),
    }
    write_json(run / "config.json", {"name": NASTY})
    write_json(run / "manifest.json", {"seed": 3, "device": "cpu", "model": "Tiny", "note": NASTY})
    write_json(run / "results.json", {"models": models, "seconds": {"explore": 60.0, "eval": 30.0}, "notes": [NASTY]})
    write_json(run / "target" / "findings.json", [FINDING])
    plan = {
        "quotas": {"reply": 5},
        "general": {"sums": 2},
        "why": {"reply": "unstable: taught once"},
        "prose": f"One.\n\n{NASTY}",
    }
    write_json(run / "target" / "plan.json", plan)
    write_jsonl(run / "target" / "data.jsonl.gz", [{"task": "reply"}] * 5 + [{"task": "sums"}] * 2)
    write_jsonl(run / "target" / "metrics.jsonl", [{"step": i, "loss": 2.0 / i, "seconds": 6.0} for i in (1, 2, 3)])
    for stage in ("explore", "refine"):
        write_jsonl(run / stage / "metrics.jsonl", [step(1, 0.2), step(2, 0.4), step(3, 0.9)])
        write_jsonl(run / stage / "rollouts.jsonl.gz", [*rollouts(1, [0.0, 1.0]), *rollouts(3, [1.0, 1.0])])
    for stage in ("explore", "target", "refine"):
        write_json(run / stage / "DONE", {"seconds": 90.0})
    return run
