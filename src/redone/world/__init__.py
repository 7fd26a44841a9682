"""The embedded world: a small social network with its tasks, a base model that has read it, and the demo over both."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from redone.data.load import SPLITS, Pack, make_task, read_tasks
from redone.records import Split

TASKS = Path(__file__).parent / "tasks.toml"


def world_pack() -> Pack:
    """The world's tasks with their generated rows."""
    from redone.world.generate import rows as generate

    table = read_tasks(TASKS)
    sizes = table["sizes"]
    tasks = {name: make_task(name, definition, TASKS.name) for name, definition in table["tasks"].items()}

    def rows(task: str, split: Split) -> Iterator[tuple[str, Mapping[str, Any]]]:
        rare = tasks[task].rare if split == "train" else 1.0
        count = sizes["eval_" + tasks[task].part] if split == "eval" else round(sizes[split] * rare)
        return (("world", row) for row in generate(task, split, count))

    return Pack("world", tasks, rows, dict.fromkeys(tasks, SPLITS))
