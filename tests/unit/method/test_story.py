"""What a run tells a person between its steps."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import small_config

from redone.data.load import Dataset
from redone.method.story import diagnosed, ending, heading, unsolved, what_is_read
from redone.records import Task
from redone.report.story import verdict
from redone.run.stages import Stage

TASK = Task("size", "domain", "content understanding", "{n} ?", "{size}", "exact")
TASKS = {
    "size": TASK,
    "route": replace(TASK, name="route"),
    "aside": replace(TASK, name="aside", part="general", train=False),
}


def stages(*names):
    config = small_config()
    return [Stage(n, config.stage(n).kind, config.stage(n).start, config.stage(n)) for n in names]


def test_a_run_begins_with_what_it_reads_and_how_much_of_it_every_model_is_measured_by():
    records = {
        "size": {"train": [None] * 1000, "probe": [None] * 20, "eval": [None] * 50},
        "route": {"train": [None] * 200, "probe": [None] * 20, "eval": [None] * 7},
        "aside": {"train": [], "probe": [None] * 4, "eval": [None] * 5},
    }
    dataset: Dataset = SimpleNamespace(tasks=TASKS, records=records)  # type: ignore[assignment]
    assert what_is_read(dataset, 22) == (
        "2 tasks of the domain and 1 general ones, 1 of all only evaluated: 1,200 records to train on, 44 to diagnose "
        "by, 22 to measure every model by."
    )


def test_a_stage_says_where_it_stands_in_the_method_and_what_it_does():
    explore, target = stages("explore", "target")
    assert heading(explore, 1, 3).startswith("explore (stage 1 of 3), from base: reinforcement, 4 steps of ")
    assert heading(target, 2, 3) == (
        "target (stage 2 of 3), from explore: fine-tuning on what a diagnosis finds weak, at most 48 records."
    )


def test_tasks_that_the_base_never_solves_are_named_with_what_can_help_there():
    table = {"tasks": {"size": {"score": 0.0, "n": 7}, "route": {"score": 0.1, "n": 60}, "aside": {"score": 0, "n": 9}}}
    [line] = unsolved(table, TASKS, stages("explore", "target", "refine"))
    assert line == (
        "The base solves none of size (0 of 7): reinforcement cannot help there by itself; target can teach them."
    )
    [line] = unsolved(table, TASKS, stages("explore"))
    assert "no stage here teaches" in line
    assert unsolved({"tasks": {"route": table["tasks"]["route"]}}, TASKS, stages("explore")) == []
    many = {f"t{i}": replace(TASK, name=f"t{i}") for i in range(8)}
    [line] = unsolved({"tasks": {name: {"score": 0.0, "n": 3} for name in many}}, many, stages("target"))
    assert "t4 (0 of 3), and 3 more: " in line
    assert "t5" not in line


def test_a_diagnosis_says_how_many_tasks_are_of_which_kind_and_what_is_taught_of_it():
    findings = [
        {"task": "size", "kind": "unknown"},
        {"task": "route", "kind": "unknown"},
        {"task": "aside", "kind": "solved"},
    ]
    plan = {"quotas": {"size": 30, "route": 1200}, "general": {"aside": 100}}
    assert [" ".join(line.split()) for line in diagnosed(findings, plan, "target")] == [
        "unknown 2 size, route",
        "solved 1 aside",
        "target is taught 1,230 records (route 1,200, size 30); beside them 100 general ones, so that general ability "
        "stays.",
    ]
    *_, last = diagnosed(findings, {"quotas": {"size": 0}, "general": {}}, "target")
    assert last == "Nothing is weak, so that target has nothing to teach and leaves the model as it is."


def results(**changes):
    """Those of two models; changes: average to (difference, whether it is clear)."""
    averages = {
        kind: {"difference": value, "interval": [value - 1, value + 1], "clear": clear}
        for kind, (value, clear) in changes.items()
    }
    models = {name: {"averages": dict.fromkeys(averages, 50.0)} for name in ("base", "last")}
    return {"models": models, "changes": [{"before": "base", "after": "last", "averages": averages}]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"domain": (9.0, True), "general": (-0.5, False)},
            "clearly better at the domain; nothing general fell clearly.",
        ),
        ({"domain": (9.0, True)}, "clearly better at the domain; what it lost in general was not measured."),
        ({"domain": (0.9, False), "general": (0.5, True)}, "not clearly better at the domain; nothing general fell"),
        ({"domain": (-9.0, True), "general": (-5.0, True)}, "clearly worse at the domain; clearly worse at General."),
        ({"domain": (9.0, True), "translation": (-2.0, True)}, "better at the domain in part, and worse in part; "),
        (
            {"domain": (-9.0, True), "general": (-9.0, False)},
            "clearly worse at the domain; nothing general fell clearly.",
        ),
        ({"domain": (9.0, True), "unrehearsed": (-9.0, True)}, "domain; clearly worse at General, never rehearsed."),
        ({"domain": (9.0, True), "general, new": (-9.0, True)}, "domain; clearly worse at General, new. "),
        (
            {"domain": (0.1, False), "rumours": (9.0, True)},
            "not clearly better at the domain; what it lost in general was not measured. Domain +0.1",
        ),
    ],
)
def test_a_run_ends_with_a_sentence_that_only_clear_changes_decide(changes, said):
    line = verdict(results(**changes), "base", "last")
    assert line.startswith("last against base: ")
    assert said in line
    assert all(f"{abs(value):.1f} [" in line for value, _ in changes.values())


def test_a_run_ends_with_its_packs_own_name():
    found = results(domain=(9.0, True), general=(-5.0, True))
    assert verdict(found, "base", "last").endswith(". Domain +9.0 [+8.0, +10.0], General −5.0 [−6.0, −4.0].")
    assert ". support +9.0 [" in verdict({**found, "domain": "support"}, "base", "last")


def test_a_run_ends_with_its_model_and_how_to_use_it_where_there_is_one(tmp_path: Path):
    found = results(domain=(9.0, True))
    assert ending(found, tmp_path)[1:] == [f"Report:   {tmp_path / 'report.html'}"]
    (tmp_path / "last" / "model").mkdir(parents=True)
    assert f"Serve it: vllm serve {tmp_path / 'last' / 'model'}" in ending(found, tmp_path)
