"""What `import redone` gives: each name does what its command does, and mistakes are its sentences."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import small_config

import redone
from redone import cli
from redone.files import read_json, read_jsonl

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "tokenizers", "numpy", "pydantic", "rich"}


def loaded_by(code: str) -> set[str]:
    """The packages that Python has loaded after the code, in a fresh process."""
    made = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return {name.split(".")[0] for name in json.loads(made.stdout)}


def test_importing_redone_loads_nothing_heavy() -> None:
    assert not loaded_by("import redone; dir(redone)") & HEAVY
    assert not loaded_by("import redone; redone.score, redone.Run") & {"torch", "transformers"}


def test_every_name_is_there_and_documented() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in redone.__all__:
        assert getattr(redone, name).__doc__, name
        assert f"### {name}\n" in page, name
    assert set(redone.__all__) <= set(dir(redone))
    with pytest.raises(AttributeError, match="no attribute 'lead_pack'"):
        _ = redone.lead_pack


def test_a_type_checker_sees_every_name_and_no_other() -> None:
    tree = ast.parse((ROOT / "src" / "redone" / "__init__.py").read_text(encoding="utf-8"))
    for_types, for_others = (node for node in tree.body if isinstance(node, ast.If))
    assert [ast.unparse(node.test) for node in (for_types, for_others)] == ["TYPE_CHECKING", "not TYPE_CHECKING"]
    [imported] = for_types.body
    assert isinstance(imported, ast.ImportFrom)
    assert sorted(alias.name for alias in imported.names) == sorted(redone.__all__)
    assert {node.name for node in for_others.body if isinstance(node, ast.FunctionDef)} == {"__getattr__", "__dir__"}


def test_no_name_is_that_of_a_module_which_would_take_its_place() -> None:
    modules = {path.stem for path in (ROOT / "src" / "redone").iterdir()}
    assert modules.isdisjoint(redone.__all__)


def test_a_configuration_is_laid_from_files_tables_and_overrides(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('seed = 3\n[data]\npacks = ["mine.toml"]\n')
    config = redone.load_config(
        tmp_path / "run.toml", {"explore": {"steps": 7}, "explore.group": 4}, overrides={"explore.steps": 9}
    )
    assert config.data.packs == (str(tmp_path / "mine.toml"),)
    assert [config.seed, config.stage("explore").steps, config.stage("explore").group] == [3, 9, 4]
    assert redone.load_config(config) == config
    assert redone.load_config(config, overrides={"seed": 4}).seed == 4
    with pytest.raises(ValueError, match=r"overrides: unknown key explore\.stesp; did you mean explore\.steps"):
        redone.load_config(config, overrides={"explore.stesp": 9})
    with pytest.raises(ValueError, match="configuration: seed is a value, not a table"):
        redone.load_config({"seed": 1, "seed.x": 2})


def test_a_pack_is_its_tasks_and_records(tiny_run: Path) -> None:
    pack = redone.load_pack(tiny_run.parent / "pack.toml")
    assert list(pack.tasks) == ["size", "german", "next"]
    assert [len(pack.split(split)) for split in ("train", "probe", "eval")] == [36, 12, 12]
    assert pack.records["size"]["eval"][0].prompt_text == "300 big ?"
    assert len(redone.load_pack("support", limit=2).split("train")) == 2 * 15
    with pytest.raises(ValueError, match="there is no pack suport; did you mean support"):
        redone.load_pack("suport")


def test_an_answer_is_scored_as_its_task_says(tiny_run: Path) -> None:
    pack = redone.load_pack(tiny_run.parent / "pack.toml")
    record = pack.records["next"]["eval"][0]
    verdicts = [redone.score(pack.tasks["next"], record, text) for text in ("<think>300+1</think>301", "302", "")]
    assert [(one.score, one.reason) for one in verdicts] == [(1.0, "right"), (0.0, "wrong"), (0.0, "unparsable")]
    cut = redone.score(pack.tasks["next"], record, "<think>3</think>3", finished=False)
    assert (cut.score, cut.reason) == (0.0, "truncated")
    with pytest.raises(ValueError, match="next/eval/0 is a record of task next, not of size"):
        redone.score(pack.tasks["size"], record, "yes")


def test_check_lists_what_a_person_should_know(tiny_run: Path) -> None:
    found = redone.check(tiny_run)
    assert {one.kind for one in found} == {"note"}
    assert any(one.text.startswith("few records to measure by in eval") for one in found)
    assert found[-1].text.startswith("Memory: about")


def test_check_lists_mistakes_rather_than_raise(tiny_run: Path) -> None:
    found = redone.check(tiny_run, overrides={"model.path": "nowhere", "data.packs": ["socal"]})
    mistakes = [one.text for one in found if one.kind == "mistake"]
    assert len(mistakes) == 2
    assert any("there is no pack socal; did you mean social" in text for text in mistakes)
    [mistake] = redone.check({"explore.stesp": 3})
    assert mistake == redone.Remark("mistake", "configuration: unknown key explore.stesp; did you mean explore.steps?")


def test_a_run_that_is_stopped_is_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def begin(*arguments: Any) -> tuple[None, int]:
        given.append(arguments)
        return None, 130

    monkeypatch.setattr("redone.commands.begin.begin", begin)
    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        redone.adapt({"name": "mine"}, from_stage="runs/a/target", overrides={"seed": 5})
    config, out, from_stage, _ = given[0]
    assert [config.name, config.seed, out, from_stage] == ["mine", 5, Path("runs/mine"), Path("runs/a/target")]


def test_what_is_evaluated_is_given_as_the_command_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr("redone.commands.evaluate.evaluated", lambda options, log: given.append(options))
    found = redone.evaluate("m", benchmarks=["gsm8k", "mmlu"], out=tmp_path, data="d", limit=3, samples=2, seed=4)
    assert found == redone.Evaluation(tmp_path)
    redone.evaluate("m", {"data.packs": ["social"]}, out=tmp_path, data="d", seed=4, samples=2, split="tune")
    on, of = given
    assert [on.benchmark, on.data, on.limit, on.samples, on.seed, on.of_tasks] == ["gsm8k,mmlu", "d", 3, 2, 4, False]
    config = of.resolve()
    assert [of.of_tasks, of.split, config.data.root, config.seed] == [True, "tune", "d", 4]
    for config, options in ((None, {}), ({}, {"benchmarks": "gsm8k"})):
        with pytest.raises(ValueError, match="Give a configuration or benchmarks, and not both"):
            redone.evaluate("m", config, out=tmp_path, **options)


@pytest.mark.slow
def test_a_run_is_begun_gone_on_with_and_measured(tiny_run: Path, tmp_path: Path) -> None:
    laid = {"stages": ["explore"], "explore.steps": 1}
    run = redone.adapt(tiny_run, out=tmp_path / "out", overrides=laid)
    assert [run.done, run.stages, run.results["split"]] == [True, ["explore"], "eval"]
    written = (tmp_path / "out" / "explore" / "metrics.jsonl").read_bytes()
    assert redone.adapt(tiny_run, out=tmp_path / "out", overrides=laid) == run
    assert (tmp_path / "out" / "explore" / "metrics.jsonl").read_bytes() == written
    with pytest.raises(ValueError, match=r"made with another configuration(.|\n)*seed: 0 -> 1"):
        redone.adapt(tiny_run, out=tmp_path / "out", overrides={**laid, "seed": 1})
    before = redone.evaluate(run.folder, tiny_run, out=tmp_path / "probe", split="probe", limit=2)
    assert {name: task["n"] for name, task in before.tasks.items()} == {"size": 2, "german": 2, "next": 2}
    told = redone.scores(before)
    first = [name for name, reading in zip(told["id"], told["reading"]) if reading == "score"]
    assert first == [row["id"] for row in read_jsonl(tmp_path / "probe" / "tasks" / "items.jsonl")]
    with pytest.raises(ValueError, match="one answer is greedy"):
        redone.evaluate(run.folder, tiny_run, out=tmp_path / "none", temperature=0.5)


def test_a_run_is_read_as_columns(finished_run: Path) -> None:
    run = redone.Run(finished_run)
    steps = redone.metrics(run)
    assert len({len(column) for column in steps.values()}) == 1
    rows = list(read_jsonl(finished_run / "explore" / "metrics.jsonl"))
    wanted = [value for row in rows for value in (row["reward"], *(one["reward"] for one in row["tasks"].values()))]
    assert [v for v, stage in zip(steps["reward"], steps["stage"]) if stage == "explore"] == wanted
    assert set(steps["stage"]) == set(run.stages)
    assert steps["task"][: 1 + len(rows[0]["tasks"])] == ["", *rows[0]["tasks"]]
    answers = redone.rollouts(finished_run)
    sampled = [row for s in ("explore", "refine") for row in read_jsonl(finished_run / s / "rollouts.jsonl.gz")]
    assert answers["text"] == [row["text"] for row in sampled]
    assert len(answers["advantage"]) == len(sampled)
    with pytest.raises(ValueError, match=r"config\.json"):
        redone.metrics(finished_run / "explore")


def test_a_run_names_its_models_and_how_they_were_measured(finished_run: Path, tmp_path: Path) -> None:
    run = redone.Run(finished_run)
    assert (run.model("target") / "config.json").is_file()
    base, last = run.evaluation("base"), run.evaluation("refine")
    assert last.averages == run.results["models"]["refine"]["averages"]
    assert [list(base.tasks), base.benchmarks] == [list(run.results["models"]["base"]["tasks"]), {}]
    found = redone.compare(base, last)
    assert cli.main(["compare", str(base.folder), str(last.folder), "--json", str(tmp_path / "found.json")]) == 0
    assert read_json(tmp_path / "found.json") == found
    for what in (run.model, run.evaluation):
        with pytest.raises(ValueError, match="explor"):
            what("explor")
    shutil.copytree(finished_run / "eval" / "base", tmp_path / "moved")
    assert redone.scores(tmp_path / "moved") == redone.scores(base)
    assert small_config() == redone.load_config(read_json(finished_run / "config.json"))
