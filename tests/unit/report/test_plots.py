import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pages import clashes
from run_folders import METHOD, write_run

from redone.report import write_report
from redone.report.drawing import NARROW, WIDE, draw, fitting, sheet, smooth, styled, thinned, to_svg
from redone.report.facts import collect
from redone.report.numbers import Score
from redone.report.plots import (
    PLOTS,
    diagnosis_plots,
    look,
    plot_averages,
    plot_diagnosis,
    plot_forgotten,
    plot_health,
    plot_rewards,
    plot_tasks,
)
from redone.report.read import read_run

EVERY = [*PLOTS, "diagnosis-2"]


@pytest.fixture(scope="module")
def facts(finished: Path) -> dict[str, Any]:
    return collect(read_run(finished))


@pytest.fixture(scope="module")
def plots(finished: Path) -> dict[str, str]:
    """name -> SVG, out of the finished run's page."""
    drawn = re.findall(r"<svg.*?</svg>", (finished / "report.html").read_text(encoding="utf-8"), re.DOTALL)
    every = every_plot(collect(read_run(finished)))
    return {name: svg for name, (_, about) in every.items() for svg in drawn if f'aria-label="{about}"' in svg}


def every_plot(facts: dict[str, Any]) -> dict[str, Any]:
    return {**PLOTS, **diagnosis_plots(facts)}


def many(facts: dict[str, Any], number: int = 36) -> dict[str, Any]:
    """The same facts for a world of many tasks with longish names."""
    names = [f"a_longer_task_{i:02}" for i in range(number)]
    [reply] = [row for row in facts["tasks"] if row["name"] == "reply"]
    [taught] = facts["teaching"]
    [group] = taught["findings"]
    [reward] = facts["rewards"]
    return {
        **facts,
        "tasks": [{**reply, "name": name, "label": f"family {i // 3}"} for i, name in enumerate(names)],
        "teaching": [
            {**taught, "findings": [{**group, "findings": [{**group["findings"][0], "task": name} for name in names]}]}
        ],
        "rewards": [{**reward, "task": name} for name in names],
    }


def test_a_finished_run_has_every_plot(plots: dict[str, str]):
    assert set(plots) == set(EVERY)


def test_a_plot_without_data_is_left_out(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"model": {"path": "base"}, "stages": list(METHOD), **METHOD}))
    assert draw(PLOTS, collect(read_run(tmp_path))) == {}


def test_nothing_forgotten_needs_no_plot(folder: Path):
    results = json.loads((folder / "results.json").read_text())
    for entry in results["changes"]:
        entry["tasks"] = {name: {**one, "clear": False} for name, one in entry["tasks"].items()}
    (folder / "results.json").write_text(json.dumps(results))
    with styled():
        assert plot_forgotten(collect(read_run(folder))) is None


def test_36_tasks_are_readable(facts: dict[str, Any]):
    crowd = many(facts)
    with styled():
        for figure in (plot_tasks(crowd), plot_diagnosis(crowd["teaching"][0]), plot_rewards(crowd)):
            assert clashes(figure) == []


@pytest.mark.parametrize("inches", [WIDE, NARROW])
@pytest.mark.parametrize("name", EVERY)
def test_no_text_hides_another(facts: dict[str, Any], name: str, inches: float):
    with styled(inches):
        assert clashes(every_plot(facts)[name][0](facts)) == []


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of a run of nine stages, RL and SFT in turn."""
    names = ["base", *(f"stage_{i}" for i in range(1, 10))]
    method = {
        name: {"kind": "teach" if i % 2 else "reinforce", "start": start, "choose": "findings"}
        for i, (start, name) in enumerate(pairwise(names))
    }
    scores = {name: (30.0 + 5 * i, 50.0, 95.0 - 5 * i) for i, name in enumerate(names)}
    return collect(read_run(write_run(tmp_path_factory.mktemp("long") / "run", method, scores)))


def test_ten_models_are_readable(long: dict[str, Any]):
    with styled():
        for plot, _ in every_plot(long).values():
            assert clashes(plot(long)) == []


def test_every_model_has_a_look_of_its_own(long: dict[str, Any]):
    looks = [look(long, model) for model in long["order"]]
    assert len({(one["color"], one["marker"]) for one in looks}) == 10
    assert len({one["color"] for one in looks[:8]}) == len({one["marker"] for one in looks[:8]}) == 8
    assert [one["color"] for one in looks[8:]] == [one["color"] for one in looks[:2]]
    assert [one["markerfacecolor"] == "white" for one in looks] == [True] + [False] * 9


def test_a_stage_is_drawn_from_the_model_that_it_started_from(folder: Path, facts: dict[str, Any]):
    def ends(shown: dict[str, Any]) -> list[list[int]]:
        with styled():
            axis = plot_averages(shown).axes[0]
        return [list(line.get_xdata()) for line in axis.lines if line.get_color() == "#c3c8cf"]

    assert ends(facts) == [[0, 1], [1, 2], [2, 3]]
    method = {**METHOD, "refine": {**METHOD["refine"], "start": "explore"}}
    assert ends(collect(read_run(write_run(folder, method)))) == [[0, 1], [1, 2], [1, 3]]


def test_every_stage_that_teaches_by_findings_has_its_own_plot(long: dict[str, Any]):
    assert list(draw(diagnosis_plots(long), long)) == ["diagnosis-2", "diagnosis-4", "diagnosis-6", "diagnosis-8"]


def test_health_shows_the_loss_of_every_stage_that_teaches_and_only_of_those(long: dict[str, Any]):
    with styled():
        panels = {axis.get_title(loc="left"): axis for axis in plot_health(long).axes}
    drawn = {title: [line.get_label() for line in axis.lines[1::2]] for title, axis in panels.items()}
    assert drawn.pop("SFT loss, nats per target token") == ["stage_2", "stage_4", "stage_6", "stage_8"]
    assert len(drawn) == 5
    assert all(names == ["stage_1", "stage_3", "stage_5", "stage_7", "stage_9"] for names in drawn.values())


def test_what_a_plot_shows_is_text_and_not_markup():
    with styled():
        assert 'aria-label="fed to &quot;a&quot; &lt;b&gt;"' in to_svg(sheet(1.0)[0], "name", 'fed to "a" <b>')


def test_a_bar_is_told_of_every_plot(folder: Path):
    told: list[int] = []
    write_report(folder, told.append)
    assert sum(told) == len(PLOTS)


def test_columns_are_as_many_as_fit():
    assert fitting([10, 10, 10], room=48) == 3
    assert fitting([10, 10, 10], room=47) == 2
    assert fitting([40, 1, 1, 1], room=53) == 2  # 40 and 1 in the first column, 1 and 1 in the second: 46 + 7
    assert fitting([90], room=10) == 1


@pytest.mark.parametrize("score", [98.0, 100.0])
def test_an_average_near_100_is_shown_clear_of_the_title(facts: dict[str, Any], score: float):
    cells = [Score(score, (score - 0.5, score))] * len(facts["models"])
    rows = [{**facts["averages"][0], "label": "Translation", "cells": cells}] * 3
    with styled():
        figure = plot_averages({**facts, "averages": rows})
        assert clashes(figure) == []
        assert to_svg(figure, "averages", "about").count(f">{score}<") == 3 * len(cells)


def test_a_packs_long_name_stands_clear_of_the_next_average(facts: dict[str, Any]):
    rows = [{**facts["averages"][0], "label": "a pack whose name is longer than its panel"}] * 4
    with styled():
        assert clashes(plot_averages({**facts, "averages": rows})) == []


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
