"""Folders of runs as far as they are watched, each with a task that rises, one that is dead, and hostile texts."""

import gzip
import json
import os
import socket
from pathlib import Path
from typing import Any

from redone.files import dumps, write_json

NASTY = "<script>alert(1)</script> \x1b[31m\u202eevil\u200b [bold] 漢字\n\tend"
RL = {"kind": "reinforce", "prompts": 4, "group": 8}
CONFIG = {
    "stages": ["explore", "target", "refine"],
    "model": {"path": "base"},
    "data": {"held_out": ["apart"]},
    "eval": {"split": "eval", "records": None},
    "diagnose": {"samples": 2, "records": 5},
    "explore": {**RL, "start": "base", "steps": 6},
    "target": {"kind": "teach", "start": "explore", "choose": "findings", "candidates": 3, "epochs": 2, "batch": 4},
    "refine": {
        **RL,
        "start": "target",
        "steps": 4,
        "group": 4,
        "difficulty": True,
        "difficulty_samples": 2,
        "difficulty_records": 3,
    },
}
SIZES = {"train": 10, "probe": 8, "eval": 20}
MANIFEST = {"model": "Tiny", "device": "cpu", "data": {"rises": SIZES, "dead": SIZES, "apart": SIZES}}
PLAN = {"quotas": {"dead": 6}, "general": {"sums": 4}, "why": {}, "prose": ""}
FINDINGS = [{"task": "dead", "kind": "unknown"}, {"task": "rises", "kind": "solved"}]


def begun(run: Path, **changes: Any) -> Path:
    """A run that has begun and measures its base."""
    write_json(run / "config.json", {**CONFIG, **changes})
    write_json(run / "manifest.json", MANIFEST)
    held(run, os.getpid())
    return run


def held(run: Path, process: int, host: str = "") -> None:
    write_json(run / ".lock", {"host": host or socket.gethostname(), "process": process})


def answers(path: Path, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(dumps({"id": str(n), "output": "a"}) + "\n" for n in range(count))


def measured(run: Path, model: str, domain: float = 40.0) -> None:
    answers(run / "eval" / model / "tasks" / "predictions.jsonl", 60)
    write_json(run / "eval" / model / "tasks" / "scores.json", {"averages": {"domain": domain, "general": 90.0}})
    write_json(run / "eval" / model / "DONE", {"files": {}})


def line(number: int, **more: Any) -> str:
    """Of metrics.jsonl: one task rises by a tenth a step, of the other no answer is right."""
    rises = {"reward": number / 10, "pass_rate": number / 10, "groups": 3, "filtered": 1 / 3, "length": 4.0}
    dead = {"reward": 0.0, "pass_rate": 0.0, "groups": 2, "filtered": 1.0, "length": 9.0}
    row = {"step": number, "reward": number / 20, "pass_rate": 0.5, "loss": -0.01, "entropy": 1.0 / number}
    row |= {"groups": 2, "generated": 5, "dropped": 3, "errors": 0, "starved": number == 1, "alarms": []}
    row |= {"tasks": {"rises": rises, "dead": dead}, "trained": {"rises": 2}, "resting": {"dead": 0.1}, "seconds": 10.0}
    return json.dumps({**row, **more}) + "\n"


def stepped(stage: Path, first: int, last: int, **more: Any) -> None:
    stage.mkdir(parents=True, exist_ok=True)
    with (stage / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(line(number, **more) for number in range(first, last + 1))


def member(number: int, text: str = NASTY) -> bytes:
    """What a step appends to rollouts.jsonl.gz."""
    rows = [
        {
            "step": number,
            "id": f"rises/{n // 2}",
            "task": "rises",
            "prompt": NASTY,
            "text": f"{number} {text}",
            "score": n % 2,
        }
        for n in range(4)
    ]
    lines = "".join(dumps({**row, "reason": "right", "note": "", "advantage": 0.5}) + "\n" for row in rows)
    return gzip.compress(lines.encode(), 6, mtime=0)


def explored(run: Path) -> Path:
    """A run that begun to explore: three of six steps, with an alarm."""
    begun(run)
    measured(run, "base")
    write_json(run / "timings.json", {"eval base": 45.0})
    stepped(run / "explore", 1, 2)
    stepped(
        run / "explore",
        3,
        3,
        alarms=[f"never right: dead: {NASTY}"],
        nearly_constant={"dead": {"label": "no", "share": 1.0, "references": 0.5}},
    )
    (run / "explore" / "rollouts.jsonl.gz").write_bytes(member(2) + member(3))
    return run


def taught(run: Path) -> Path:
    """A run whose second stage is under way."""
    explored(run)
    stepped(run / "explore", 4, 6)
    write_json(run / "explore" / "DONE", {"seconds": 61.0, "files": {}})
    measured(run, "explore", 50.0)
    write_json(run / "target" / "findings.json", FINDINGS)
    write_json(run / "target" / "plan.json", PLAN)
    write_json(run / "target" / "made.json", {"records": 6, "soft_labels": 4})
    (run / "target" / "data.jsonl.gz").write_bytes(gzip.compress(b"{}\n"))
    with (run / "target" / "metrics.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"step": n, "loss": 2.0 / n, "seconds": 1.0, "alarms": []}) + "\n" for n in (1, 2))
    return run


def finished(run: Path) -> Path:
    taught(run)
    for stage in ("target", "refine"):
        write_json(run / stage / "DONE", {"seconds": 6.0})
        measured(run, stage, 60.0)
    stepped(run / "refine", 1, 4)
    models = {model: {"averages": {"domain": 40.0}, "tasks": {}} for model in ("base", "explore", "target", "refine")}
    rose = {"difference": 20.0, "interval": [10.0, 30.0], "clear": True}
    changes = [{"before": "base", "after": "refine", "averages": {"domain": rose}}]
    write_json(run / "results.json", {"models": models, "changes": changes, "domain": "notes"})
    (run / "report.html").write_text("made", encoding="utf-8")
    (run / ".lock").unlink()
    return run
