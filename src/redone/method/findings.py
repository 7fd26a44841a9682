"""What is weak, why, and how sure that is (docs/diagnosis.md).

Everything rests on the probe split: k sampled answers to each prompt, of the base and of the model that is diagnosed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from redone.algo.statistics import pass_at_k, percentile_interval, resampled, wilson
from redone.records import Finding, Task, Verdict

_RESAMPLES = 500


def find(
    task: Task,
    verdicts: Sequence[Sequence[Verdict]],  # of the model, k for each probe record
    *,
    base: Sequence[Sequence[Verdict]],  # the same of the base model
    gold: Sequence[Verdict],  # of the reference answers
    examples: Sequence[Mapping[str, Any]] = (),
    unknown_below: float,
    solved_above: float,
    format_share: float,
    chance: float,  # pass rate of the best answer that needs no model
    seed: int,
) -> Finding:
    """The task's finding: pass@1 and pass@k with 95 % intervals over records, the first kind below that applies.

    reward suspect, truncated, format, regressed, solved, unknown, unstable. A task is unknown where pass@k stays below
    `unknown_below`, or where pass@1 is no better than an answer that needs no model while hardly any prompt is
    mastered: reinforcement has nothing but luck to reinforce there.
    """
    k = len(verdicts[0])
    counts = [sum(v.score >= task.pass_at for v in mine) for mine in verdicts]
    first, first_interval = _mean([c / k for c in counts], seed)
    best, best_interval = _mean([pass_at_k(c, k, k) for c in counts], seed)
    before = [fmean(v.score for v in mine) for mine in base]
    after = [fmean(v.score for v in mine) for mine in verdicts]
    change, change_interval = _mean([b - a for a, b in zip(before, after, strict=True)], seed)
    everything = [v for mine in verdicts for v in mine]
    reasons = {str(reason): n / len(everything) for reason, n in Counter(v.reason for v in everything).most_common()}
    shares = Shares(
        passing=first,
        within_k=best,
        lucky=first_interval[0] <= chance and fmean(c > 0.75 * k for c in counts) < 0.25,
        fall=-change if change_interval[1] < 0 else 0.0,
        reasons=reasons,
    )
    said = f"{100 * first:.0f} % of single samples pass, {100 * best:.0f} % of prompts within {k}"
    faults = []
    if bad_gold := sum(v.score < 1.0 for v in gold):
        faults.append(f"{bad_gold} of {len(gold)} reference answers do not score 1")
    if reasons.get("error", 0) > 0.05:
        faults.append(f"{100 * reasons['error']:.0f} % of the answers could not be scored")
    if faults:
        kind, why = "reward suspect", " and ".join(faults)
    else:
        kind, why = _kind(shares, said, unknown_below, solved_above, format_share, chance)
    return Finding(
        task=task.name,
        kind=kind,  # type: ignore[arg-type]
        pass1=first,
        pass1_interval=first_interval,
        passk=best,
        passk_interval=best_interval,
        k=k,
        n=len(verdicts),
        reasons=reasons,
        why=why[0].upper() + why[1:] + ".",
        examples=tuple(examples),
    )


@dataclass(frozen=True)
class Shares:
    """What a kind is decided by, 0 to 1."""

    passing: float  # pass@1
    within_k: float  # pass@k
    lucky: bool  # no better than an answer that needs no model, and hardly a prompt is mastered
    fall: float  # of the mean score from the base's, where it is certain
    reasons: Mapping[str, float]


def _kind(
    shares: Shares, said: str, unknown_below: float, solved_above: float, format_share: float, chance: float
) -> tuple[str, str]:
    """The first kind that applies, and why."""
    cut, unparsable = (shares.reasons.get(reason, 0) for reason in ("truncated", "unparsable"))
    if cut >= format_share:
        return "truncated", f"{100 * cut:.0f} % of the answers are cut off by the budget; {said}"
    if unparsable >= format_share:
        return "format", f"{100 * unparsable:.0f} % of the answers cannot be parsed; {said}"
    if shares.fall > 0:
        return "regressed", f"the mean score fell by {100 * shares.fall:.0f} points from the base; {said}"
    if shares.passing >= solved_above:
        return "solved", said
    if shares.within_k < unknown_below:
        return "unknown", f"{said}, so reinforcement has nothing to reinforce"
    if shares.lucky and chance > 0:
        return "unknown", f"{said}, no better than a fixed answer ({100 * chance:.0f} %), so passes are luck"
    return "unstable", f"{said}: the model can, but not reliably"


def _mean(values: Sequence[float], seed: int) -> tuple[float, tuple[float, float]]:
    """Mean over records and its 95 % interval: Wilson's where every value is 0 or 1, else bootstrap."""
    if set(values) <= {0.0, 1.0}:
        return fmean(values), wilson(sum(values), len(values))
    means = resampled(lambda chosen: fmean(values[i] for i in chosen), len(values), seed=seed, resamples=_RESAMPLES)
    return fmean(values), percentile_interval(means)
