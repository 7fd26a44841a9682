"""The labels of answers beside those of the references: the counts that a metric of labels adds up, and the commonest
answer, by which a model is told that says nearly the same whatever it is asked.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

PER_LABEL = ("macro_f1", "macro_recall")  # the metrics that are a mean over labels
KINDS = ("text", "choice", "yes or no", "level")  # of `exact`: those whose answer is one label
GOLD, SAID, HIT = "gold ", "said ", "hit "  # parts of a verdict: each of these before a label
NEARLY_CONSTANT = 0.15  # how far the commonest answer's share may lie above its share among the references


def counts(gold: str, said: str, classes: Collection[str] = ()) -> dict[str, float]:
    """The parts of one answer: its record's label, the label that it says ("" where it says none, which is wrong), and
    whether they are one. classes: the labels that are counted; all where there are none."""
    pairs = [(GOLD, gold), (SAID, said), *([(HIT, gold)] if said == gold else [])]
    return {kind + label: 1.0 for kind, label in pairs if label and (not classes or label in classes)}


@dataclass(frozen=True)
class Commonest:
    """The label that the most answers say, its share of all answers, and its share of the references, 0 to 1."""

    label: str
    share: float
    references: float

    @property
    def nearly_constant(self) -> bool:
        return self.share > self.references + NEARLY_CONSTANT

    def __str__(self) -> str:
        return f'{percent(self.share)} of the answers are "{self.label}", {percent(self.references)} of the references'


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def commonest(pairs: Iterable[tuple[str, str]]) -> Commonest | None:
    """Of the labels of record and answer, for each answer; of equals the first by name. None where no answer says a
    label."""
    pairs = list(pairs)
    said = Counter(said for _, said in pairs if said)
    if not said:
        return None
    label = min(said, key=lambda one: (-said[one], one))
    return Commonest(label, said[label] / len(pairs), sum(gold == label for gold, _ in pairs) / len(pairs))
