"""How often each label of a closed task is said, and how often it is the right one: what a constant answer shows in."""

from collections.abc import Iterable, Mapping

from redone.algo.statistics import wilson
from redone.records import Group
from redone.rewards.labels import Commonest

Counts = dict[str, dict[str, list[float]]]  # task -> label -> [answers that say it, answers whose reference it is]

_KEPT = 0.8  # of the counts of the steps before: about five steps count


def counted(counts: Counts, groups: Iterable[Group], labels: Mapping[str, str]) -> Counts:
    """The counts after a step that generated these groups. labels: of the records of closed tasks, by id."""
    found = {task: {label: [_KEPT * n for n in mine] for label, mine in of.items()} for task, of in counts.items()}
    for group in groups:
        if (right := labels.get(group.record.id)) is not None:
            mine = found.setdefault(group.record.task, {})
            mine.setdefault(right, [0.0, 0.0])[1] += len(group.verdicts)
            for verdict in group.verdicts:
                if verdict.said:
                    mine.setdefault(verdict.said, [0.0, 0.0])[0] += 1.0
    return found


def excess(counts: Counts) -> dict[str, dict[str, float]]:
    """Task to label to its share of the answers that say any label, minus its share of the references; of what is no
    reference's label nothing."""
    found: dict[str, dict[str, float]] = {}
    for task, mine in counts.items():
        labels = {label: both for label, both in mine.items() if both[1] > 0.0}
        said, right = (sum(both[i] for both in labels.values()) for i in (0, 1))
        if said:
            found[task] = {label: both[0] / said - both[1] / right for label, both in labels.items()}
    return found


def nearly_constant(counts: Counts, group: int) -> dict[str, Commonest]:
    """Task to its commonest label, where that is said so much more often than it is right that chance in the choice of
    prompts does not explain it: by the lower end of Wilson's interval, of as many answers as there are groups, for the
    answers of a group are alike. group: answers to a prompt."""
    found = {}
    for task, mine in counts.items():
        answers = sum(right for _, right in mine.values())
        if answers < group:  # it was drawn long ago
            continue
        label = min(mine, key=lambda one: (-mine[one][0], one))
        said, right = (min(n, answers) for n in mine[label])  # more by rounding alone
        low, _ = wilson(said / group, answers / group)
        if Commonest(label, low, right / answers).nearly_constant:
            found[task] = Commonest(label, said / answers, right / answers)
    return found
