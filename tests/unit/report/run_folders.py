"""Run folders as small as can be, with any stages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from redone.files import write_json, write_jsonl
from redone.measure.items import write_prompts
from redone.records import Record

SCRIPT = "<script>alert(1)</script>"  # what a model might write
NASTY = f"{SCRIPT} a|b\nc ``` [x](y) *d* \u202e\x1b[31m\\"


def model(reply: float, slang: float, sums: float) -> dict[str, Any]:
    """An entry of results.json with one task of each part; every interval reaches 10 to both sides."""
    about: dict[str, dict[str, Any]] = {
        "reply": {"score": reply, "part": "domain", "family": "dialogue", "baseline_answer": "first candidate"},
        "slang": {"score": slang, "part": "domain", "family": "translation", "baseline_answer": "source echoed"},
        "sums": {"score": sums, "part": "general", "group": "mathematics", "baseline_answer": "majority"},
    }
    lenient = {"score": reply + 5, "interval": None, "above": 5.0, "above_interval": [1.0, 9.0]}
    about["reply"]["lenient"] = lenient
    about["reply"]["ngrams"] = {"score": 44.4, "above_interval": [-9.0, -1.0]}
    about["reply"]["commonest"] = {"label": NASTY, "share": 0.9, "references": 0.5}
    common = {"n": 48, "baseline": 20.0, "metric": "mean"}
    averages = {"domain": reply, "translation": slang, "general": sums}
    return {
        "averages": averages,
        "average_intervals": {kind: [value - 10, value + 10] for kind, value in averages.items()},
        "baselines": dict.fromkeys(averages, 20.0),
        "lenient": {"tasks": 1, "strict": reply, "strict_interval": None, **lenient},
        "tasks": {n: {**row, **common, "interval": [row["score"] - 10, row["score"] + 10]} for n, row in about.items()},
    }


def difference(before: float | None, after: float | None) -> dict[str, Any] | None:
    """A paired change whose interval reaches 8 to both sides."""
    if before is None or after is None:
        return None
    change = after - before
    return {"difference": change, "interval": [change - 8, change + 8], "changed": 20, "clear": abs(change) > 8}


def changes(models: dict[str, Any], pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """What results.json says of these pairs of models."""
    return [
        {
            "before": before,
            "after": after,
            "averages": {k: difference(models[before]["averages"][k], v) for k, v in models[after]["averages"].items()},
            "tasks": {
                name: difference(models[before]["tasks"][name]["score"], row["score"])
                for name, row in models[after]["tasks"].items()
            },
        }
        for before, after in pairs
    ]


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


PLAN = {
    "quotas": {"reply": 5},
    "general": {"sums": 2},
    "why": {"reply": "unstable: taught once"},
    "prose": f"One.\n\n{NASTY}",
}


SCORES = {  # reply rises from 30 to 60, slang stays, sums falls from 90 to 60 under target
    "base": (30.0, 50.0, 90.0),
    "explore": (40.0, 50.0, 90.0),
    "target": (60.0, 50.0, 60.0),
    "refine": (60.0, 50.0, 60.0),
}
METHOD = {
    "explore": {"kind": "reinforce", "start": "base", "difficulty": False},
    "target": {"kind": "teach", "start": "explore", "choose": "findings"},
    "refine": {"kind": "reinforce", "start": "target", "difficulty": True},
}


def write_run(
    run: Path,
    method: Mapping[str, Mapping[str, Any]] = METHOD,
    scores: Mapping[str, tuple[float, float, float]] = SCORES,
) -> Path:
    """A finished run of these stages, with the text NASTY in it."""
    models = {name: model(*scores[name]) for name in ("base", *method)}
    pairs = dict.fromkeys([*((table["start"], name) for name, table in method.items()), ("base", list(models)[-1])])
    write_json(run / "config.json", {"name": NASTY, "model": {"path": "base"}, "stages": list(method), **method})
    write_json(run / "manifest.json", {"seed": 3, "device": "cpu", "model": "Tiny", "note": NASTY})
    seconds = {**dict.fromkeys(method, 60.0), "eval": 30.0}
    results = {"domain": "support", "models": models, "changes": changes(models, list(pairs))}
    results |= {"seconds": seconds, "notes": [NASTY]}
    write_json(run / "results.json", results)
    for name, table in method.items():
        if table["kind"] == "reinforce":
            write_jsonl(run / name / "metrics.jsonl", [step(1, 0.2), step(2, 0.4), step(3, 0.9)])
            write_jsonl(run / name / "rollouts.jsonl.gz", [*rollouts(1, [0.0, 1.0]), *rollouts(3, [1.0, 1.0])])
        else:
            write_jsonl(run / name / "metrics.jsonl", [{"step": i, "loss": 2.0 / i, "seconds": 6.0} for i in (1, 2, 3)])
            write_jsonl(run / name / "data.jsonl.gz", [{"task": "reply"}] * 5 + [{"task": "sums"}] * 2)
        if table.get("choose") == "findings":
            write_json(run / name / "findings.json", [FINDING])
            write_json(run / name / "plan.json", PLAN)
        write_json(run / name / "DONE", {"seconds": 90.0})
    return run


def evaluated(folder: Path, scores: dict[str, list[float]], set: str = "tasks") -> None:
    """What measuring a model leaves of its answers: id -> the score of each sample."""
    answers = [
        {"id": id, "sample": n, "output": f"answer {n} to {id} {NASTY}", "finished": n == 0, "logprob": -0.25}
        for id, mine in scores.items()
        for n in range(len(mine))
    ]
    items = []
    for id, mine in scores.items():
        verdicts = [
            {"score": score, "reason": "right" if score else "wrong", "note": NASTY, "parts": {"__proto__": score}}
            for score in mine
        ]
        lenient = [{**one, "score": 1.0} for one in verdicts]
        items.append({"benchmark": set, "id": id, "readings": {"score": verdicts, "lenient": lenient}})
    write_jsonl(folder / set / "predictions.jsonl", answers)
    write_jsonl(folder / set / "items.jsonl", items)
    write_json(folder / set / "scores.json", {})
    asked = ({"role": "user", "content": f"prompt of {NASTY}"},)
    write_prompts(folder / set, [Record(id, id.split("/")[0], asked, "yes", "eval", "x:1") for id in scores])
