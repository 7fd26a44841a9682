"""Makers of rows: pure functions of a world and a generator of chance, called with what a task's `make` table gives.

They know topics, items, opinions, people and names of some kind, and nothing of what a domain calls them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from redone.world.makers import behaviour, dialogue, extraction, general, matching, translation, understanding

Maker = Callable[..., dict[str, Any]]
MAKERS: Mapping[str, Maker] = {
    maker.__name__: maker
    for module in (extraction, matching, understanding, behaviour, dialogue, translation, general)
    for maker in module.MAKERS
}
