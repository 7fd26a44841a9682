"""Constraints that hold every dependency at the lowest version that pyproject.toml allows: `python tests/lower.py`."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

_LOWEST = re.compile(r"([\w.-]+)>=([\w.]+)")
_TOOLS = ("dev",)  # what works on the code rather than with it: as in constraints.txt


def lowest(project: dict) -> Iterator[str]:
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(one for name, mine in extras.items() if name not in _TOOLS for one in mine)]
    for one in needed:
        if match := _LOWEST.match(one):
            yield f"{match[1]}=={match[2]}"


if __name__ == "__main__":
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    print("\n".join(lowest(tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"])))
