"""A real language model takes a step of every kind in the memory that was said before; where `make smollm2` left it."""

import runpy
from pathlib import Path

import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "memory.py"))
WITHIN = 0.15  # of what was measured


@pytest.mark.slow
@pytest.mark.parametrize("way", list(BENCHMARK["WAYS"]))
def test_steps_of_every_kind_take_what_was_estimated_and_less_than_8_gigabytes(smollm2: Path, way: str) -> None:
    [(_, found)] = BENCHMARK["compared"](smollm2, [way])
    phases = {one.phase: one for one in found if one.estimated is not None}
    assert phases.keys() == {"sampling", "update", "fine-tuning", "measuring"}
    assert max(one.measured for one in found) < 8e9
    ratios = {name: one.estimated / one.measured for name, one in phases.items()}
    assert ratios == pytest.approx(dict.fromkeys(phases, 1.0), abs=WITHIN)
