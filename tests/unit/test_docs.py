"""What the documents promise: generated ones are current, examples load, names and links exist."""

import re
import runpy
from dataclasses import fields
from pathlib import Path

import pytest

from redone.benchmark.readings import AGGREGATES, READINGS
from redone.config import known_keys, load_config
from redone.data.convert import CONVERT
from redone.data.load import build, make_record, read_pack
from redone.measure.definitions import SUITES, Benchmark, Shots, Subset, names
from redone.records import Finding, TargetPlan, Task
from redone.rewards import METRICS, REWARDS, score, validate_options
from redone.rewards.pattern import RULES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_page_of_settings_is_what_its_script_makes():
    made = runpy.run_path(str(DOCS / "generate_config.py"))["render"]()
    assert made == text_of("config.md"), "run docs/generate_config.py"


def test_the_page_of_python_is_what_its_script_makes():
    made = runpy.run_path(str(DOCS / "generate_api.py"))["render"]()
    assert made == text_of("api.md"), "run docs/generate_api.py"


def test_the_example_task_loads_and_its_answers_score_1(tmp_path: Path):
    pack, rows, config, *_ = re.findall(r"```(?:toml|json)\n(.*?)```", text_of("data.md"), re.DOTALL)
    (tmp_path / "notes.toml").write_text(pack)
    (tmp_path / "run.toml").write_text(config)
    (tmp_path / "data" / "topic").mkdir(parents=True)
    for name, line in zip(("train", "dev", "test"), rows.splitlines(), strict=True):
        (tmp_path / "data" / "topic" / f"{name}.jsonl").write_text(line + "\n")
    [mine, general] = load_config([tmp_path / "run.toml"]).data.packs
    dataset = build([read_pack(Path(mine), tmp_path / "data")], limit=None, probe=0.1, evaluation=0.1)
    task = dataset.tasks["note_topic"]
    validate_options(task)
    records = [record for split in ("train", "probe", "eval") for record in dataset.split(split)]
    assert general == "general"
    assert [score(task, record, record.answer).score for record in records] == [1.0, 1.0, 1.0]
    assert records[0].prompt_text.endswith("Which topic? food style sport")


def test_the_example_of_what_is_forgotten_is_a_configuration(tmp_path: Path):
    *_, table = re.findall(r"```toml\n(.*?)```", text_of("data.md"), re.DOTALL)
    (tmp_path / "run.toml").write_text(table)
    drift = load_config([tmp_path / "run.toml"]).drift
    assert drift is not None
    assert drift.prompts is not None
    assert list(drift.texts) == ["news", "advice"]


def test_the_example_conversations_load_and_their_answers_score_1(tmp_path: Path):
    _, _, _, pack, rows, _ = re.findall(r"```(?:toml|json)\n(.*?)```", text_of("data.md"), re.DOTALL)
    (tmp_path / "chats.toml").write_text(pack)
    for name, line in zip(("replies", "moods"), rows.splitlines(), strict=True):
        (tmp_path / f"{name}.jsonl").write_text(line + "\n")
    chats = read_pack(tmp_path / "chats.toml")
    made = {}
    for name, task in chats.tasks.items():
        validate_options(task)
        [(place, row)] = chats.rows(name, "train")
        made[name] = make_record(task, "train", 0, place, row)
        assert score(task, made[name], made[name].answer).score == 1.0
    assert [message["role"] for message in made["replies"].messages] == ["system", "user", "assistant", "user"]
    assert made["replies"].answer == "Then it is a headband now"
    assert made["moods"].messages[0] == {"role": "system", "content": "You know Ann well."}
    assert made["moods"].answer == "yes"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("data.md", [f.name for f in fields(Task) if f.name != "name"]),
        ("data.md", [f.name for f in [*fields(Finding), *fields(TargetPlan)]]),
        ("rewards.md", [*REWARDS, *METRICS, *RULES]),
        ("benchmarks.md", [f.name for f in [*fields(Subset), *fields(Shots)] if f.name not in ("name", "task")]),
        ("benchmarks.md", [f.name for f in fields(Benchmark) if f.name not in ("name", "subsets", "origin")]),
        ("benchmarks.md", [name for name in READINGS if name not in REWARDS and not name.startswith("sns_clean_")]),
        ("benchmarks.md", [name for name in AGGREGATES if not name.startswith("sns_")]),
        ("benchmarks.md", [name for name in names() if name not in SUITES]),
    ],
)
def test_every_name_of_an_interface_is_documented(page: str, names: list[str]):
    text = text_of(page)
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_converter_is_documented():
    assert [name for name in CONVERT if f"`{{{name} = " not in text_of("data.md")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path):  # the log is history
    tables = "|".join({key.split(".")[0] for key in known_keys() if "." in key})
    named = re.findall(rf"`((?:{tables})\.\w+)(?:`| =)", page.read_text(encoding="utf-8"))
    assert sorted(set(named) - set(known_keys())) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page: Path):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        assert there.is_file(), target
        headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "log.md"], ids=lambda page: page.name)
def test_every_file_of_the_package_that_a_page_names_exists(page: Path):  # the log is history
    places = [ROOT, ROOT / "src" / "redone", DOCS]
    for name in re.findall(r"`([\w/]+/[\w.]+\.(?:py|toml|md))`", page.read_text(encoding="utf-8")):
        assert any((place / name).is_file() for place in places), name


def test_the_map_of_the_house_is_the_tree():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = text[text.index("    src/redone/\n") : text.index("    configs/ ")]
    named = set(re.findall(r"^      ([\w.]+)/? ", block, re.MULTILINE))
    package = ROOT / "src" / "redone"
    there = {path.name for path in package.iterdir() if path.suffix == ".py" or any(path.glob("*.*"))}
    assert named == there - {"__init__.py", "__pycache__", "py.typed"}
