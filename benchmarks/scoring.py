"""How long `redone score` takes for every benchmark whose data are at hand, on noisy reference answers.

    python benchmarks/scoring.py --data DATA [--only sns-bench,mmlu] [--repeats 3]

A third of the answers are those of other items. Wall-clock seconds of the whole command, start included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from redone.measure.definitions import SUITES, definition, names, read_records


def answers(name: str, data: Path) -> list[dict[str, str]]:
    lines = []
    for records in read_records(definition(name), data).values():
        for i, record in enumerate(records):
            other = records[(7 * i + 3) % len(records)].answer
            own = record.fields.get("canonical_solution") or record.answer
            lines.append({"id": record.id, "output": other if i % 3 == 0 else own})
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--only", type=lambda text: text.split(","), default=[])
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    for name in given.only or [name for name in names() if name not in SUITES]:
        if not (given.data / definition(name).folder).is_dir():
            continue
        lines = answers(name, given.data)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "predictions.jsonl"
            path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
            command = [sys.executable, "-m", "redone.cli", "score", "--benchmark", name, "--data", str(given.data)]
            seconds = []
            for _ in range(given.repeats):
                began = time.perf_counter()
                subprocess.run([*command, "--predictions", str(path)], check=True, capture_output=True)
                seconds.append(time.perf_counter() - began)
        print(f"{name:<16} {len(lines):>7} items  {' '.join(f'{one:.1f}' for one in seconds)} s", flush=True)


if __name__ == "__main__":
    main()
