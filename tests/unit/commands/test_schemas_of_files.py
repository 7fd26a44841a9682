"""The schemas of the files that a person writes hold what comes with redone, and not what it would refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from redone import cli
from redone.commands.schema import KINDS, schema
from redone.mistakes import read_toml

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "redone"
SHIPPED = [
    *(("run", path) for path in (PACKAGE / "world" / "demo.toml", *sorted((ROOT / "configs").glob("*.toml")))),
    *(("pack", path) for path in sorted((PACKAGE / "packs").glob("*.toml"))),
    *(("experiment", path) for path in sorted((ROOT / "configs" / "experiments").glob("*.toml"))),
    *(("benchmark", path) for path in sorted((PACKAGE / "packs" / "benchmarks").glob("*.toml"))),
]
ASKED = {"part": "domain", "family": "f", "prompt": "{q}", "answer": "{a}"}
TASK: dict[str, Any] = {**ASKED, "reward": "exact", "files": {}}


def flaws(kind: str, table: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schema(kind)).iter_errors(table)]


@pytest.mark.parametrize(("kind", "path"), SHIPPED, ids=lambda one: getattr(one, "name", one))
def test_what_comes_with_redone_is_as_its_schema_says(kind: str, path: Path) -> None:
    assert flaws(kind, read_toml(path, kind)) == []


def test_every_kind_of_file_is_among_those() -> None:
    assert {kind for kind, _ in SHIPPED} == set(KINDS)
    for kind in KINDS:
        Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("run", {"seed": 1}, {"sede": 1}),
        ("run", {"seed": 1}, {"seed": -1}),
        ("run", {"explore": {"steps": 1}}, {"explore": {"stesp": 1}}),
        ("run", {"explore": {"steps": 1}}, {"explore": {"epochs": 1}}),
        ("run", {"explore": {"kind": "teach", "epochs": 1}}, {"explore": {"kind": "teach", "steps": 1}}),
        ("run", {"target": {"epochs": 1}}, {"target": {"steps": 1}}),
        (
            "run",
            {"stages": ["more"], "more": {"kind": "reinforce", "steps": 1}},
            {"stages": ["more"], "more": {"steps": 1}},
        ),
        ("run", {"more": {"steps": 1}}, {"more": {"steps": 1, "epochs": 1}}),  # laid over a file that names its kind
        ("run", {"more": {"epochs": 1}}, {"more": 1}),
        ("run", {"more": {"kind": "teach", "batch": 1}}, {"more": {"kind": "teach", "steps": 1}}),
        ("run", {"data": {"packs": ["a.toml"]}}, {"data": {"pakcs": ["a.toml"]}}),
        ("run", {"drift": {"texts": {"news": {"file": "a"}}}}, {"drift": {"texts": {"news": {"text": "a"}}}}),
        ("pack", {"tasks": {"t": TASK}}, {"tasks": {"t": {**TASK, "rewrad": "exact"}}}),
        ("pack", {"tasks": {"t": TASK}}, {"tasks": {"t": {**TASK, "reward": "exakt"}}}),
        ("pack", {"tasks": {"t": TASK}}, {"tasks": {"t": {**TASK, "budget": "16"}}}),
        ("pack", {"tasks": {"t": TASK}}, {"tasks": {"t": {key: v for key, v in TASK.items() if key != "answer"}}}),
        ("pack", {"tasks": {"t": TASK}}, {"task": {"t": TASK}}),
        (
            "experiment",
            {"name": "e", "config": "demo", "seeds": 1, "reference": "a", "arms": {"a": {"seed": 1}}},
            {"name": "e", "config": "demo", "seeds": 1, "reference": "a", "arms": {"a": {"sede": 1}}},
        ),
        ("benchmark", {"subsets": {"s": {"file": "a"}}}, {"subsets": {"s": {"flie": "a"}}}),
        (
            "benchmark",
            {"readings": {"r": {"reward": "exact_match"}}, "subsets": {"s": {}}},
            {"readings": {"r": {"reward": "exact_match", "agregate": "mean"}}, "subsets": {"s": {}}},
        ),
    ],
)  # fmt: skip
def test_what_is_misspelt_or_out_of_range_is_underlined(kind: str, right: Any, wrong: Any) -> None:
    assert flaws(kind, right) == []
    assert flaws(kind, wrong)


def test_a_key_says_what_it_means() -> None:
    assert schema("run")["properties"]["seed"]["description"].startswith("the run's seed")
    task = schema("pack")["properties"]["tasks"]["additionalProperties"]["properties"]
    assert task["budget"]["description"] == "longest answer in tokens, the rationale included"


def test_a_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "pack"]) == 0
    assert json.loads(capsys.readouterr().out) == schema("pack")
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema("run")
