"""Rewards made of rewards. Each part is {reward = NAME, options = {...}}, and each part's verdict is logged."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from redone.records import Record, Verdict

Rewards = Mapping[str, Callable[..., Verdict]]


def product(rewards: Rewards, record: Record, answer: str, *, of: list[Any]) -> Verdict:
    """The product of the parts' scores: every part is a factor, and one 0 makes it 0."""
    parts = _parts(rewards, record, answer, of)
    return _composed(prod(verdict.score for verdict in parts.values()), parts)


def weighted(rewards: Rewards, record: Record, answer: str, *, of: list[Any], weights: list[Any]) -> Verdict:
    """The sum of the parts' scores by weights, which are brought to a sum of 1."""
    parts = _parts(rewards, record, answer, of)
    share = sum(weights)
    return _composed(sum(w * verdict.score for w, verdict in zip(weights, parts.values())) / share, parts)


def gate(rewards: Rewards, record: Record, answer: str, *, of: list[Any], at: float = 1.0) -> Verdict:
    """The last part's score where all parts before it reach `at`, else 0."""
    parts = _parts(rewards, record, answer, of)
    *gates, last = (verdict.score for verdict in parts.values())
    return _composed(last if all(score >= at for score in gates) else 0.0, parts)


def _parts(rewards: Rewards, record: Record, answer: str, of: Sequence[Mapping[str, Any]]) -> dict[str, Verdict]:
    return {
        f"{i} {part['reward']}": rewards[part["reward"]](record, answer, **part.get("options", {}))
        for i, part in enumerate(of, 1)
    }


def _composed(score: float, parts: Mapping[str, Verdict]) -> Verdict:
    """parts: "1 chrf" -> its score, "1 chrf.hits" -> its own part `hits`, ..."""
    reasons = {verdict.reason for verdict in parts.values()}
    score = round(score, 9)
    logged: dict[str, float] = {}
    for name, verdict in parts.items():
        logged[name] = verdict.score
        logged |= {f"{name}.{key}": value for key, value in verdict.parts.items()}
    note = "; ".join(f"{name}: {verdict.note}" for name, verdict in parts.items() if verdict.note)
    if "error" in reasons:
        return Verdict(0.0, "error", logged, note)
    if score == 1.0:
        return Verdict(score, "right", logged, note)
    return Verdict(score, "unparsable" if score == 0.0 and "unparsable" in reasons else "wrong", logged, note)


def flaw(rewards: Rewards, name: str, options: Mapping[str, Any]) -> str:
    """What is wrong with how a composed reward names its parts, or nothing."""
    of = options["of"]
    least = 2 if name == "gate" else 1
    if len(of) < least:
        return f"`of` has {len(of)} parts, fewer than {least}"
    for part in of:
        if (
            not isinstance(part, Mapping)
            or not part.keys() <= {"reward", "options"}
            or part.get("reward") not in rewards
        ):
            return (
                f"the part {part!r:.100} is not {{reward = NAME, options = {{...}}}} with one of {', '.join(rewards)}"
            )
    weights = options.get("weights", [])
    if name == "weighted" and (
        len(weights) != len(of) or not all(type(w) in (int, float) and w >= 0 for w in weights) or not sum(weights)
    ):
        return "`weights` is not a list of numbers, one for each part, that are not all 0"
    return ""
