"""The embedded world: domains with their tasks, general tasks, a base model that has read last year's, and the demo."""

from collections.abc import Iterator, Mapping
from typing import Any

from redone.data.load import NEEDED, Pack
from redone.records import Split
from redone.world.catalogue import DOMAINS, GENERAL, read_catalogue

PACKS = (*DOMAINS, GENERAL)


def world_pack(name: str) -> Pack:
    """A domain's tasks, or the general ones, with generated rows. "social@2" is the domain in period 2, not 1."""
    home, at, period = name.partition("@")
    if at and not period.isdecimal():
        raise ValueError(f"data.packs: {name}: a period is a whole number, as in {home}@2")
    catalogue = read_catalogue(home, int(period or 1))
    tasks = catalogue.tasks

    def rows(task: str, split: Split) -> Iterator[tuple[str, Mapping[str, Any]]]:
        from redone.world.generate import rows as generate

        rare = tasks[task].rare if split == "train" else 1.0
        return (("world", row) for row in generate(catalogue, task, split, round(catalogue.sizes[split] * rare)))

    return Pack(name, tasks, rows, dict.fromkeys(tasks, NEEDED))
