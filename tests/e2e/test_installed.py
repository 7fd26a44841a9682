"""`redone demo` from an installed wheel, outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from fakes import SMALL

ROOT = Path(__file__).parents[2]


def test_the_demo_runs_from_a_wheel(tmp_path: Path) -> None:
    options = ["-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True, timeout=300)
    [wheel] = tmp_path.glob("redone-*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    started = (
        "import sys; from redone import cli; assert cli.__file__.startswith(sys.argv[1]); "
        "sys.exit(cli.main(sys.argv[2:]))"
    )
    least = ('data.packs=["support"]', "explore.steps=1", "target.records=16", "refine.steps=1", "eval.records=1")
    sets = [part for value in (*SMALL, *least) for part in ("--set", value)]
    done = subprocess.run(
        [sys.executable, "-P", "-c", started, str(site), "demo", "--seed", "3", "--out", "mine", *sets],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "Report:   mine/report.html" in done.stdout
    assert (tmp_path / "mine" / "report.html").exists()
