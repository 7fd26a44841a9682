"""Dynamic sampling: fill a step with informative groups (DAPO, equation 11).

As many groups are generated at once as are to be expected to hold those that are missing, by what became of each
task's groups lately (`data/mix.py`), so that replacements seldom decode alone. What is informative and not needed is
kept for the next step and used there first, a step's groups at most, so that none is older than a step. After `most`
prompts the step makes do with what it has; it never raises.

No group is stopped before its answers end. What is certain before is too little: at any token an answer may end, and be
right, what is cut off at the budget may score too, and other answers that score alike say nothing of it.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

from redone.algo.dapo import is_informative
from redone.data.mix import Mix
from redone.records import Group, Record, Rollout, Task, Verdict
from redone.rewards.labels import commonest
from redone.sample.asking import admit
from redone.sample.protocol import Answer, Request, Sampler


@dataclass(frozen=True)
class Collected:
    """The groups of one step and what it cost to get them."""

    groups: list[Group]  # informative, at most the prompts of a step
    surplus: list[Group]  # informative, for the next step; at most as many
    dropped: list[Group]  # without spread
    errors: list[Group]  # with a verdict that could not be reached
    fresh: list[Group]  # every group generated in this step
    carried: int  # of `groups`, those left over from earlier steps
    starved: bool  # `most` prompts were drawn before the step was full


def collect(
    sampler: Sampler,
    mix: Mix,
    request: Callable[[int, Record], Request],  # of a ticket and a record
    score: Callable[[Sequence[tuple[Record, Sequence[Answer]]]], Sequence[Sequence[tuple[Rollout, Verdict]]]],
    *,
    tasks: Mapping[str, Task],
    prompts: int,
    most: int,  # prompts drawn in this step
    in_flight: int = 1 << 30,
    fits: Callable[[Sequence[Request]], bool] = lambda requests: True,  # whether all of these may be answered at once
    min_spread: float = 1e-3,
    carried: Sequence[Group] = (),
) -> Collected:
    """Groups for one step: the carried ones first, then new ones until `prompts` are informative.

    The mix hears what became of every group, and which the step trains on. What is drawn and does not fit beside what
    is being answered waits, in its order; one prompt is always answered.
    """
    ready = list(carried)
    dropped: list[Group] = []
    errors: list[Group] = []
    drawn: list[Record] = []  # by ticket
    waiting: deque[Request] = deque()
    flying: dict[int, Request] = {}  # by ticket
    mix.begin(prompts, [group.record.task for group in ready])
    while True:
        while len(drawn) < most and len(waiting) + len(flying) < in_flight and mix.missing() >= 0.5:
            drawn.append(mix.draw())
            waiting.append(request(len(drawn) - 1, drawn[-1]))
        wave: list[Request] = []
        while waiting and (not (flying or wave) or fits([*flying.values(), *wave, waiting[0]])):
            wave.append(waiting.popleft())
        admit(sampler, wave)
        flying |= {one.key: one for one in wave}
        if not flying:
            break
        answered = sampler.step()
        for asked, _ in answered:
            del flying[asked.key]
        completed = [(drawn[asked.key], asked.prompt, answers) for asked, answers in answered]
        scored = score([(record, answers) for record, _, answers in completed])
        for (record, prompt, _), judged in zip(completed, scored):
            group = Group(record, prompt, tuple(r for r, _ in judged), tuple(v for _, v in judged))
            informative = None if len(reached([group])) < len(judged) else is_informative(group.scores, min_spread)
            {None: errors, True: ready, False: dropped}[informative].append(group)
            mix.tell(record, informative, fmean(v.score >= tasks[record.task].pass_at for v in group.verdicts))
    mix.settle(group.record.task for group in ready[:prompts])
    return Collected(
        groups=ready[:prompts],
        surplus=ready[prompts : 2 * prompts],
        dropped=dropped,
        errors=errors,
        fresh=[*ready[len(carried) :], *dropped, *errors],
        carried=min(len(carried), prompts),
        starved=len(ready) < prompts,
    )


def reached(groups: Sequence[Group]) -> list[Verdict]:
    """The verdicts of all answers, without those that could not be reached: these are counted apart."""
    return [verdict for group in groups for verdict in group.verdicts if verdict.reason != "error"]


def by_task(
    groups: Sequence[Group], tasks: Mapping[str, Task], min_spread: float, labels: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Of each task: reward and pass rate of the answers that were scored (None without any), share of groups filtered
    out, answer length in tokens, share of answers that could not be scored, number of groups, answers by reason; and of
    a closed one the label that is said the most. labels: of the records of closed tasks, by id."""
    table: dict[str, dict[str, Any]] = {}
    for name in sorted({group.record.task for group in groups}):
        mine = [group for group in groups if group.record.task == name]
        verdicts = reached(mine)
        answers = sum(len(group.verdicts) for group in mine)
        whole = [group for group in mine if len(reached([group])) == len(group.verdicts)]
        table[name] = {
            "reward": fmean(v.score for v in verdicts) if verdicts else None,
            "pass_rate": fmean(v.score >= tasks[name].pass_at for v in verdicts) if verdicts else None,
            "filtered": sum(not is_informative(group.scores, min_spread) for group in whole) / len(mine),
            "length": fmean(len(rollout.tokens) for group in mine for rollout in group.rollouts),
            "errors": 1 - len(verdicts) / answers,
            "groups": len(mine),
            "reasons": dict(sorted(Counter(v.reason for group in mine for v in group.verdicts).items())),
        }
        gold = [(labels[g.record.id], verdict.said) for g in mine if g.record.id in labels for verdict in g.verdicts]
        if said := commonest(gold):
            table[name]["commonest"] = asdict(said)
    return table


def with_old_logprobs(group: Group, values: Sequence[Sequence[float]]) -> Group:
    return replace(group, old_logprobs=tuple(tuple(row) for row in values))


def rollout_rows(step: int, group: Group, advantages: Sequence[float] | None) -> list[dict[str, Any]]:
    """The lines of rollouts.jsonl.gz: advantages are None for groups that were not trained on in this step."""
    return [
        {
            "step": step,
            "id": group.record.id,
            "task": group.record.task,
            "prompt": group.record.prompt_text,
            "text": rollout.text,
            "score": round(verdict.score, 6),
            "reason": verdict.reason,
            "parts": dict(verdict.parts),
            "note": verdict.note,
            "said": verdict.said,
            "advantage": None if advantages is None else round(advantages[i], 6),
            "length": len(rollout.tokens),
            "version": rollout.version,
        }
        for i, (rollout, verdict) in enumerate(zip(group.rollouts, group.verdicts))
    ]
