import json
import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from redone.report.facts import collect
from redone.report.plots import (
    PLOTS,
    draw,
    plot_averages,
    plot_diagnosis,
    plot_forgotten,
    plot_rewards,
    plot_tasks,
    smooth,
    styled,
    thinned,
    to_svg,
)
from redone.report.read import read_run


@pytest.fixture(scope="module")
def facts(finished: Path) -> dict[str, Any]:
    return collect(read_run(finished))


@pytest.fixture(scope="module")
def plots(finished: Path) -> dict[str, str]:
    """name -> SVG, out of the finished run's page."""
    drawn = re.findall(r"<svg.*?</svg>", (finished / "report.html").read_text(encoding="utf-8"), re.DOTALL)
    return {name: svg for name, (_, about) in PLOTS.items() for svg in drawn if f'aria-label="{about}"' in svg}


def clashes(figure: Any) -> list[tuple[str, str]]:
    """Pairs of texts that overlap when the figure is drawn, and texts that reach out of it."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts: list[Any] = []
    renderer.draw_text = lambda *place, mtext, **more: texts.append(mtext)
    figure.draw(renderer)
    assert texts
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    room = figure.bbox.padded(1)
    out = [(a, "the edge") for a, box in boxes if (Bbox.union([box, room]).size > room.size).any()]
    return out + [(a, b) for i, (a, one) in enumerate(boxes) for b, two in boxes[i + 1 :] if one.overlaps(two)]


def many(facts: dict[str, Any], number: int = 36) -> dict[str, Any]:
    """The same facts for a world of many tasks with longish names."""
    names = [f"a_longer_task_{i:02}" for i in range(number)]
    [reply] = [row for row in facts["tasks"] if row["name"] == "reply"]
    [group] = facts["findings"]
    [reward] = facts["rewards"]
    return {
        **facts,
        "tasks": [{**reply, "name": name, "label": f"family {i // 3}"} for i, name in enumerate(names)],
        "findings": [{**group, "findings": [{**group["findings"][0], "task": name} for name in names]}],
        "rewards": [{**reward, "task": name} for name in names],
    }


def test_a_finished_run_has_every_plot(plots: dict[str, str]):
    assert set(plots) == set(PLOTS)


def test_a_plot_without_data_is_left_out(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    assert draw(collect(read_run(tmp_path))) == {}


def test_nothing_forgotten_needs_no_plot(folder: Path):
    results = json.loads((folder / "results.json").read_text())
    results["models"] = dict.fromkeys(results["models"], results["models"]["base"])
    (folder / "results.json").write_text(json.dumps(results))
    with styled():
        assert plot_forgotten(collect(read_run(folder))) is None


@pytest.mark.parametrize("plot", [plot_tasks, plot_diagnosis, plot_rewards])
def test_36_tasks_are_readable(facts: dict[str, Any], plot: Any):
    with styled():
        assert clashes(plot(many(facts))) == []


@pytest.mark.parametrize("name", list(PLOTS))
def test_no_text_hides_another(facts: dict[str, Any], name: str):
    with styled():
        assert clashes(PLOTS[name][0](facts)) == []


@pytest.mark.parametrize("score", [98.0, 100.0])
def test_an_average_near_100_is_shown_clear_of_the_title(facts: dict[str, Any], score: float):
    cells = [{"score": score, "low": score - 0.5, "high": score}] * len(facts["models"])
    rows = [{**facts["averages"][0], "label": "Translation", "cells": cells}] * 3
    with styled():
        figure = plot_averages({**facts, "averages": rows})
        assert clashes(figure) == []
        assert to_svg(figure, "averages", "about").count(f">{score}<") == 3 * len(cells)


def test_a_tasks_name_is_text_and_not_markup(facts: dict[str, Any]):
    row = {**facts["rewards"][0], "task": "<b>$x$</b>"}
    with styled():
        svg = to_svg(plot_rewards({**facts, "rewards": [row]}), "rewards", "about")
    assert "&lt;b&gt;$x$&lt;/b&gt;" in svg
    assert "<b>" not in svg


def test_what_a_plot_refers_to_is_in_it_and_in_no_other(plots: dict[str, str]):
    ids = {name: set(re.findall(r' id="([^"]+)"', svg)) for name, svg in plots.items()}
    for name, svg in plots.items():
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= ids[name]
    assert sum(len(mine) for mine in ids.values()) == len(set().union(*ids.values()))


def test_smoothing_is_a_centred_mean_that_narrows_at_the_ends():
    assert smooth([0.0, 3.0, 6.0, 0.0]) == [1.5, 3.0, 3.0, 3.0]


def test_thinned_points_are_means_of_neighbours():
    points = [(1, 0.0), (2, 1.0), (3, 4.0), (4, 6.0), (5, 9.0)]
    assert thinned(points, most=3) == ([1.5, 3.5, 5.0], [0.5, 5.0, 9.0])
    assert thinned(points) == ([1, 2, 3, 4, 5], [0.0, 1.0, 4.0, 6.0, 9.0])
    assert thinned([]) == ([], [])
