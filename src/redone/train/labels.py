"""Which label of a closed task a policy answers with, and which is the right one: what a constant answer shows in.

A policy answers a prompt with the label of the likeliest of its sampled answers, which is nearly always what it would
say greedily. Where it is undecided between two labels it samples both alike and still says the same one to every prompt
when it is asked greedily: the share among its samples hides that.
"""

from collections.abc import Iterable, Mapping

from redone.algo.statistics import wilson
from redone.records import Group
from redone.rewards.labels import Commonest

Counts = dict[str, dict[str, list[float]]]  # task -> label -> [groups that answer it, groups whose reference it is]

_KEPT = 0.8  # of the counts of the steps before, for the alarm: about five steps count
_LEAST = 5.0  # prompts, before answers that are alike are a habit: one wrong answer is none


def answered(group: Group) -> str:
    """The label of the likeliest answer that says one; "" where none does."""
    likely = [sum(rollout.sampler_logprobs) for rollout in group.rollouts]
    says = [(value, verdict.said) for value, verdict in zip(likely, group.verdicts) if verdict.said]
    return max(says)[1] if says else ""


def counted(groups: Iterable[Group], labels: Mapping[str, str]) -> Counts:
    """The counts of a step that generated these groups. labels: of the records of closed tasks, by id."""
    found: Counts = {}
    for group in groups:
        if (right := labels.get(group.record.id)) is not None:
            mine = found.setdefault(group.record.task, {})
            mine.setdefault(right, [0.0, 0.0])[1] += 1.0
            if said := answered(group):
                mine.setdefault(said, [0.0, 0.0])[0] += 1.0
    return found


def remembered(before: Counts, step: Counts) -> Counts:
    """The counts of a step with those of the steps before, which fade."""
    found = {task: {label: [_KEPT * n for n in both] for label, both in of.items()} for task, of in before.items()}
    for task, of in step.items():
        mine = found.setdefault(task, {})
        for label, both in of.items():
            mine[label] = [old + new for old, new in zip(mine.get(label, (0.0, 0.0)), both)]
    return found


def excess(counts: Counts) -> dict[str, dict[str, float]]:
    """Task to label to its share of the groups that answer with any label, minus its share of the references; of what
    is no reference's label nothing."""
    found: dict[str, dict[str, float]] = {}
    for task, mine in counts.items():
        labels = {label: both for label, both in mine.items() if both[1] > 0.0}
        said, right = (sum(both[i] for both in labels.values()) for i in (0, 1))
        if said:
            found[task] = {label: both[0] / said - both[1] / right for label, both in labels.items()}
    return found


def nearly_constant(counts: Counts) -> dict[str, Commonest]:
    """Task to its commonest label, where that is answered with so much more often than it is right that chance in the
    choice of prompts does not explain it: by the lower end of Wilson's interval."""
    found = {}
    for task, mine in counts.items():
        groups = sum(right for _, right in mine.values())
        if groups < _LEAST:  # or they were drawn long ago
            continue
        label = min(mine, key=lambda one: (-mine[one][0], one))
        said, right = (min(n, groups) for n in mine[label])  # more by rounding alone
        low, _ = wilson(said, groups)
        if Commonest(label, low, right / groups).nearly_constant:
            found[task] = Commonest(label, said / groups, right / groups)
    return found
