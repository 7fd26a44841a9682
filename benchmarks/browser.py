"""What rollouts.html costs to make and to open, of a generated run; and how soon a report is painted.

    python benchmarks/browser.py [--answers 100000] [--characters 400] [--repeats 5] [--out FOLDER]
    python benchmarks/browser.py --report RUN/report.html [--repeats 5]

Four fifths of the answers are of two stages in training, the rest of an evaluation of four models. Prints the seconds
and the memory of making the page, its size, the time from asking for it until the first answers stand there, in
headless Chromium, and the same for a search through all texts. Without a `chromium` on the path only the former.
"""

import argparse
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from multiprocessing import Process
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from redone.files import write_json, write_jsonl
from redone.report.browse import write_browser
from redone.report.read import read_run

MODELS = ("base", "explore", "target", "refine")
WORDS = "the a note of small brown shop asks why its price rose and who wrote that answer before noon today".split()


def write_run(run: Path, answers: int, characters: int) -> None:
    draw = Random(0)

    def text() -> str:
        return " ".join(draw.choices(WORDS, k=characters // 5))

    def sampled(stage: str) -> Iterator[dict[str, Any]]:
        for group in range(answers * 2 // 5 // 8):
            row = {"step": 1 + group // 64, "id": f"task{group % 60}/train/{group}", "task": f"task{group % 60}"}
            row |= {"prompt": text(), "parts": {"parsed": 1.0}, "note": "", "length": characters // 4, "version": 1}
            for _ in range(8):
                score = draw.randint(0, 1)
                yield {**row, "text": text(), "score": score, "reason": ("wrong", "right")[score], "advantage": 0.5}

    kinds = {"explore": "reinforce", "target": "teach", "refine": "reinforce"}
    stages = {after: {"kind": kinds[after], "start": before} for before, after in pairwise(MODELS)}
    write_json(run / "config.json", {"name": "large", "model": {"path": "base"}, "stages": list(stages), **stages})
    for stage in ("explore", "refine"):
        write_jsonl(run / stage / "rollouts.jsonl.gz", sampled(stage))
    for model in MODELS:
        folder, ids = run / "eval" / model / "tasks", [f"task{n % 60}/eval/{n}" for n in range(answers // 20)]
        lines = ({"id": id, "sample": 0, "output": text(), "finished": True} for id in ids)
        write_jsonl(folder / "predictions.jsonl", lines)
        verdicts = [
            {"score": float(s), "reason": "right", "note": "", "parts": {}} for s in draw.choices((0, 1), k=len(ids))
        ]
        items = ({"benchmark": "tasks", "id": id, "readings": {"score": [one]}} for id, one in zip(ids, verdicts))
        write_jsonl(folder / "items.jsonl", items)
        prompts = ({"id": id, "task": id.split("/")[0], "prompt": text(), "answer": "yes"} for id in ids)
        write_jsonl(folder / "prompts.jsonl.gz", prompts)
        write_json(folder / "scores.json", {})


def opened(chromium: str, page: Path, view: str) -> float:
    """Seconds until the page says that it is ready."""
    return seconds_in(chromium, page.resolve().as_uri() + view, "data-ready")


def painted(chromium: str, page: Path) -> float:
    """Seconds until something of the page is painted: of a copy that may run the script which writes them down."""
    notes = (
        "for (const one of seen.getEntries()) document.documentElement.setAttribute('data-' + one.name, one.startTime)"
    )
    script = f"<script>new PerformanceObserver(seen => {{{notes}}}).observe({{type: 'paint', buffered: true}})</script>"
    text = re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", page.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "report.html"
        copy.write_text(text.replace("<head>", "<head>" + script, 1), encoding="utf-8")
        return seconds_in(chromium, copy.as_uri(), "data-first-contentful-paint")


def seconds_in(chromium: str, address: str, attribute: str) -> float:
    """The milliseconds that an attribute of the opened page holds, in seconds."""
    with tempfile.TemporaryDirectory() as profile:
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom"]
        made = subprocess.run([*command, address], capture_output=True, text=True, timeout=300)
    found = re.search(rf'{attribute}="([\d.]+)"', made.stdout)
    assert found, made.stdout[-2000:] + made.stderr[-2000:]
    return float(found[1]) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--characters", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    if options.report:
        times = sorted(painted(shutil.which("chromium") or "chromium", options.report) for _ in range(options.repeats))
        size = options.report.stat().st_size / 1e6
        print(f"{size:.1f} MB, painted in {median(times):.2f} s ({times[0]:.2f} to {times[-1]:.2f})")
        return
    with tempfile.TemporaryDirectory() as scratch:
        run = options.out or Path(scratch) / "large"
        if not (run / "config.json").exists():
            made = Process(target=write_run, args=(run, options.answers, options.characters))
            made.start()
            made.join()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        page = write_browser(read_run(run), run)
        seconds = time.process_time() - began
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        sizes = [path.stat().st_size for path in (run / "rollouts").iterdir()]
        index = (run / "rollouts" / "index.js").stat().st_size
        print(
            f"made in {seconds:.1f} s of one processor and {grown >> 10} MiB; "
            f"{sum(sizes) / 1e6:.1f} MB in {len(sizes)} files, the index {index / 1e6:.2f} MB"
        )
        if chromium := shutil.which("chromium"):
            for name, view in (("opened", ""), ("searched", "#q=zebra")):
                times = sorted(opened(chromium, page, view) for _ in range(options.repeats))
                print(f"{name} in {median(times):.2f} s ({times[0]:.2f} to {times[-1]:.2f})")


if __name__ == "__main__":
    main()
