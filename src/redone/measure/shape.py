"""What scores are made of: subsets that are each read in one or more ways, and averages over subsets.

A benchmark has such a shape, and so have a configuration's tasks (measure/taskset.py), each a subset with one reading
or two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from redone.benchmark.readings import AGGREGATES


@dataclass(frozen=True)
class SubsetShape:
    """How the verdicts on some records become scores."""

    name: str
    readings: Mapping[str, str]  # reading -> key of AGGREGATES; the first gives the subset's score
    group: str = ""  # field whose values are reported apart
    over: Literal["items", "groups"] = "items"  # the score is over all items, or the mean of the groups' scores
    classes: Sequence[str] = ()  # the labels that the first reading's metric is the mean over, where not over all

    @property
    def first(self) -> str:
        return next(iter(self.readings))

    def agrees(self, other: "SubsetShape") -> bool:
        """Whether the scores compare: one may have a further reading, which the other was not read in."""
        common = self.readings.keys() & other.readings.keys()
        alike = all(self.readings[name] == other.readings[name] for name in common)
        over = sorted(self.classes) == sorted(other.classes)
        return alike and over and (self.first, self.group, self.over) == (other.first, other.group, other.over)


@dataclass(frozen=True)
class Shape:
    """averages: name -> column -> subsets: the mean over an average's columns of the mean over a column's subsets."""

    name: str  # of the folder that its scores lie in
    title: str
    subsets: Mapping[str, SubsetShape]
    averages: Mapping[str, Mapping[str, Sequence[str]]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def shape_from_json(table: Any, where: str) -> Shape:
    """Raises ValueError naming `where` it stood if it is none."""
    try:
        subsets = {name: SubsetShape(**one) for name, one in table["subsets"].items()}
        shape = Shape(table["name"], table["title"], subsets, table["averages"])
        unknown = [key for one in subsets.values() for key in one.readings.values() if key not in AGGREGATES]
        old = "sns" in shape.averages
        members = [name for columns in shape.averages.values() for mine in columns.values() for name in mine]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{where}: its shape is damaged ({error}); measure again") from None
    if old:
        raise ValueError(f'{where}: of a version of redone that called the domain "sns"; measure again')
    missing = [name for name in members if name not in subsets]
    if unknown or missing:
        raise ValueError(f"{where}: its shape names {[*unknown, *missing][0]}, which there is not; measure again")
    return shape
