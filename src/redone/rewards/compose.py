"""Rewards made of rewards. Each part is {reward = NAME, options = {...}}, and each part's verdict is logged."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from redone.records import Record, Verdict
from redone.rewards.outside import Found, together

Rewards = Mapping[str, Callable[..., Found]]


def product(rewards: Rewards, record: Record, answer: str, *, of: list[Any]) -> Found:
    """The product of the parts' scores: every part is a factor, and one 0 makes it 0."""
    return _composed(rewards, record, answer, of, prod)


def weighted(rewards: Rewards, record: Record, answer: str, *, of: list[Any], weights: list[Any]) -> Found:
    """The sum of the parts' scores by weights, which are brought to a sum of 1."""
    share = sum(weights)
    return _composed(
        rewards, record, answer, of, lambda scores: sum(w * score for w, score in zip(weights, scores)) / share
    )


def gate(rewards: Rewards, record: Record, answer: str, *, of: list[Any], at: float = 1.0) -> Found:
    """The last part's score where all parts before it reach `at`, else 0."""
    return _composed(
        rewards, record, answer, of, lambda scores: scores[-1] if all(s >= at for s in scores[:-1]) else 0.0
    )


def _composed(
    rewards: Rewards,
    record: Record,
    answer: str,
    of: Sequence[Mapping[str, Any]],
    score: Callable[[Sequence[float]], float],
) -> Found:
    names = [f"{i} {part['reward']}" for i, part in enumerate(of, 1)]
    found = [rewards[part["reward"]](record, answer, **part.get("options", {})) for part in of]
    return together(found, lambda parts: _verdict(score([part.score for part in parts]), dict(zip(names, parts))))


def _verdict(score: float, parts: Mapping[str, Verdict]) -> Verdict:
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
