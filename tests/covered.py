"""`make coverage`: of each package below src/redone that is named, how many statements and branches the measured tests
execute, from what `coverage json` wrote. Ends with 1 where less than 95 % of a package's branches are."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

WANTED = 0.95
NAMES = ("covered_lines", "num_statements", "covered_branches", "num_branches")


def main(report: Path, packages: Sequence[str]) -> int:
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    low = []
    for package in packages:
        found = [file["summary"] for path, file in files.items() if f"src/redone/{package}/" in path]
        sums = {name: sum(file[name] for file in found) for name in NAMES}
        share = sums["covered_branches"] / max(1, sums["num_branches"])
        print(
            f"{package}: {sums['covered_lines']} of {sums['num_statements']} statements, "
            f"{sums['covered_branches']} of {sums['num_branches']} branches ({share:.1%})"
        )
        low += [package] if share < WANTED or not found else []
    if low:
        print(f"Less than {WANTED:.0%} of the branches of {', '.join(low)} are executed by the tests.")
    return int(bool(low))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
