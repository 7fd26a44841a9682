"""How often each label of a closed task is said, and how often it is the right one: what a constant answer shows in."""

from collections.abc import Iterable, Mapping

from redone.records import Group

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
