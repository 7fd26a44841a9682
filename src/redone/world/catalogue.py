"""What the package brings as packs: the task tables of a domain, and the domain in a period."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.data.load import make_task, read_tasks
from redone.records import Task
from redone.world.domain import World, read_domain

HOME = Path(__file__).parent
DOMAINS = ("social", "support")
GENERAL = "general"  # its makers bring their own words; it needs no domain


@dataclass(frozen=True)
class Catalogue:
    name: str
    period: int
    world: World
    tasks: Mapping[str, Task]
    makes: Mapping[str, Mapping[str, Any]]  # task -> {"by": maker, ...what it is given}
    seen: Mapping[str, float]  # how often the base model met a task in its pretraining
    common: Mapping[str, str]  # template of the answer that most texts of the task in the pretraining had
    sizes: Mapping[str, int]  # split -> rows


def read_catalogue(name: str, period: int = 1) -> Catalogue:
    """The tasks of social, support or general, in a period."""
    path = HOME / name / "tasks.toml"
    table = read_tasks(path)
    tasks, makes, seen, common = {}, {}, {}, {}
    for task, definition in table["tasks"].items():
        definition = {**table["defaults"], **definition}
        makes[task] = definition.pop("make")
        seen[task] = definition.pop("seen", 0.0)
        common[task] = definition.pop("common", "")
        tasks[task] = make_task(task, definition, f"{name}/{path.name}")
    home = "social" if name == GENERAL else name
    world = read_domain(HOME / home / "domain.toml", period)
    return Catalogue(name, period, world, tasks, makes, seen, common, table["sizes"])
