"""Fuzz targets that files feed: settings, packs, rows, conversations, predictions, what runs and evaluations left."""

import atexit
import gzip
import json
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from fuzz import TENTH, Refused, Target, sentence
from fuzz_inputs import as_json, as_toml, changed, edited, edited_bytes, texts
from hypothesis import strategies as st

from redone.commands.begun import begun_with, same_configuration
from redone.config import known_keys, load_config, resolved
from redone.data.conversation import earlier_turns, told_in
from redone.data.convert import check_rules, converted
from redone.data.load import build, make_record, make_task, read_pack
from redone.experiment.definition import read_plan
from redone.files import dumps, loads, read_json, read_jsonl
from redone.measure.compare import compare
from redone.measure.definitions import definition, read_benchmark, read_records
from redone.measure.items import read_items
from redone.measure.predictions import read_predictions
from redone.records import Record
from redone.report.read import read_run, undamaged
from redone.rewards import validate_options
from redone.run.marks import gone
from redone.run.stages import model_place, stages_in

ROOT = Path(__file__).parents[1]
HOME = ROOT / "src" / "redone"


@cache
def folder(name: str) -> Path:
    """A folder of a target's own, which ends with the process."""
    made = Path(tempfile.mkdtemp(prefix="fuzz-")) / name
    made.mkdir()
    atexit.register(shutil.rmtree, made.parent, ignore_errors=True)
    return made


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def in_toml(bases: Sequence[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """Files of tables with changed keys and values, and of text that was edited besides."""
    tables = st.one_of([changed(base) for base in bases])
    made = tables.map(lambda table: as_toml(table if isinstance(table, Mapping) else {"x": table}))
    return st.one_of(made, made, made, edited_bytes([as_toml(base) for base in bases]))


# Settings

GATE = {
    "gate": {"records": 8, "texts": {"a": {"file": "a.jsonl", "text": "{a}"}}, "actions": ["earlier", "repeat"]},
    "drift": {"texts": {"b": {"file": "b.jsonl", "prompt": "{a}", "answer": "{b}"}}, "most": 5},
}
OTHERS = {
    "lora": {"rank": 8, "targets": ["q_proj"]},
    "judge": {"base_url": "http://localhost:1/v1", "model": "m"},
    "stages": ["one", "two"],
    "one": {"kind": "teach", "choose": "all"},
    "two": {"kind": "reinforce", "start": "one"},
}
SETTINGS = [
    *(toml(path) for path in sorted((ROOT / "configs").glob("*.toml"))),
    toml(HOME / "world" / "demo.toml"),
    GATE,
    OTHERS,
]


def same_again(config: Any) -> None:
    """What a run keeps of its settings reads as the same settings."""
    kept = loads(dumps(config.model_dump(mode="json")))
    assert resolved(kept, "config.json") == config


def check_settings(data: bytes) -> None:
    path = written(folder("settings") / "run.toml", data)
    with sentence(str(path)):
        config = load_config([path])
    same_again(config)


def check_set(drawn: tuple[str, str]) -> None:
    key, text = drawn
    with sentence("--set"):
        config = load_config([], [f"{key}={text}"])
    same_again(config)


EXPERIMENTS = [{**toml(path), "config": "demo"} for path in sorted((ROOT / "configs" / "experiments").glob("*.toml"))]


def check_experiment(data: bytes) -> None:
    path = written(folder("experiment") / "experiment.toml", data)
    with sentence(str(path.parent), "configuration"):  # it names further files
        plan = read_plan(path, HOME / "world" / "demo.toml", seeds=1)
    assert all(job.config.seed == job.seed for job in plan.jobs)


# Packs and rows

ROW = {
    "q": "Is tea hot?",
    "a": "yes",
    "n": 3,
    "x": 1.5,
    "no": None,
    "list": ["tea", "milk"],
    "tags": ["B-x", "I-x", "O"],
    "tokens": ["hot", "tea", "."],
    "candidates": ["yes", "no"],
    "place": 1,
    "in": {"side": [{"text": "deep"}]},
    "which": "q",
    "facts": ["3"],
    "more": ["yes!", 2],
    "group": "g",
    "yes": True,
    "chat": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Tea?"},
        {"role": "assistant", "content": "<think>hm</think>Yes.", "tool_calls": None},
        {"role": "user", "content": [{"type": "text", "text": "Milk?"}]},
        {"role": "assistant", "content": "No.", "reasoning_content": "hm"},
    ],
    "shared": [{"from": "human", "value": "Tea?"}, {"from": "gpt", "value": "Yes."}],
}
RULES: dict[str, Any] = {
    "c1": {"join": "list"},
    "c2": {"lines": "list"},
    "a": [{"map": {"yes": "Yes"}}, {"same": "a"}],
    "c4": {"bio": ["tokens", "tags"]},
    "c5": {"fill": "{q} {n}"},
    "c6": {"fills": ["{q}", "{a}"]},
    "c7": {"options": "list"},
    "c8": {"letter": "place"},
    "c9": {"split": ["q", " "]},
    "c10": {"at": ["in", "side", 0, "text"]},
    "c11": {"pick": "which"},
    "c12": {"text": "no"},
    "c13": {"named": {"of": "n", "names": {"3": "three"}}},
    "c14": {"sub": ["q", "t(e)a", "\\1"]},
    "c15": {"cut": ["q", 4]},
    "c16": {"shuffled": ["q", "a"]},
    "c17": {"place": ["list", "which2"]},
    "which2": {"same": "c10"},
    "c18": {"equal": ["q", "a"]},
    "c19": {"json": "in"},
}
FILES = {
    "train": "rows.jsonl",
    "probe": {"file": "rows.jsonl", "only": {"a": ["yes", "no"]}},
    "eval": [{"file": "rows.jsonl", "convert": {"d": {"json": "in"}}}],
}
COMMON = {"part": "domain", "family": "dialogue", "files": FILES}
PACK: dict[str, Any] = {
    "name": "mine",
    "tasks": {
        "closed": {
            **COMMON,
            "prompt": "{q}",
            "answer": "{a}",
            "reward": "exact",
            "options": {"kind": "choice"},
            "metric": "macro_f1",
            "classes": ["yes"],
            "candidates": "candidates",
            "accepted": "more",
            "cluster": "group",
            "source": "q",
        },
        "made": {
            **COMMON,
            "prompt": "{c5} {c1}",
            "answer": "{c9}",
            "convert": {**RULES, "c9": [{"split": ["q", " "]}, {"join": "c9"}]},
            "reward": "set_f1",
            "extract": [{"first": "a(b)?", "missing": "?"}, {"before": ["x", "y"]}, {"after": ":"}],
            "only": {"q": {"most": 90}, "n": 3},
            "texts": ["q"],
            "metric": "micro_f1",
            "pass_at": 0.5,
            "system": "Say {n}",
        },
        "sums": {
            **COMMON,
            "part": "general",
            "family": "mathematics",
            "prompt": "{n}",
            "answer": "{n}",
            "reward": "mathematics",
            "think": True,
            "rationale": "{x}",
            "budget": 40,
            "train": False,
            "on_bad_gold": "drop",
        },
        "talk": {**COMMON, "messages": "chat", "reward": "judge", "options": {"rubric": "Good?"}},
        "both": {
            **COMMON,
            "messages": "shared",
            "reward": "weighted",
            "options": {"of": [{"reward": "chrf"}, {"reward": "pattern"}], "weights": [1, 2.5]},
        },
        "hub": {
            **COMMON,
            "prompt": "{q}",
            "answer": "{a}",
            "reward": "program",
            "hub": {"path": "o/n", "splits": {"train": "train"}, "convert": {"a": {"same": "q"}}, "named": ["n"]},
        },
    },
}
ROWS = [
    {
        **ROW,
        "q": f"Is tea {i}?",
        "n": 3,
        "chat": [{"role": "user", "content": f"Tea {i}?"}, ROW["chat"][-1]],
        "shared": [{"from": "human", "value": f"{i}"}, ROW["shared"][-1]],
    }
    for i in range(4)
]


def jsonl(rows: Sequence[Any]) -> bytes:
    return b"".join(as_json(row) + b"\n" for row in rows)


def check_pack(drawn: tuple[bytes, bool]) -> None:
    data, here = drawn
    home = folder("pack")
    if not (home / "rows.jsonl").exists():
        written(home / "rows.jsonl", jsonl(ROWS))
    path = written(home / "pack.toml", data)
    with sentence(str(path), "task ", "pack ", "rows.jsonl:"):
        pack = read_pack(path, home if here else None)
        for task in pack.tasks.values():
            validate_options(task)
        if here:
            dataset = build([pack], limit=None, probe=0.2, evaluation=0.2, tune=1)
            assert loads(dumps(dataset.fingerprint())) == dataset.fingerprint()
            assert dataset.definitions().keys() == pack.tasks.keys()


TASKS = {
    name: make_task(
        name, {k: v for k, v in table.items() if k not in ("files", "hub", "convert", "only", "texts")}, "pack.toml"
    )
    for name, table in PACK["tasks"].items()
}


def check_row(drawn: tuple[str, Any]) -> None:
    name, row = drawn
    try:
        row = loads(json.dumps(row))
    except ValueError:
        return
    if not isinstance(row, dict):
        return
    with sentence("rows.jsonl:7"):
        made = converted(row, RULES, "rows.jsonl:7: task t") if name == "made" else row
        record = make_record(TASKS[name], "train", 0, "rows.jsonl:7", made)
    assert all(
        isinstance(text, str) for text in (record.answer, record.prompt_text, record.gold_text, *record.accepted)
    )


def check_rule(drawn: tuple[Any, Any]) -> None:
    rules, row = drawn
    if not isinstance(row, dict):
        return
    with sentence("rows.jsonl:7"):
        check_rules(rules, "rows.jsonl:7")
        made = converted(row, rules, "rows.jsonl:7: task t")
    assert made.keys() >= row.keys()


def check_turns(drawn: tuple[Any, bool]) -> None:
    turns, answered = drawn
    with sentence("rows.jsonl:7"):
        told = told_in(turns, "rows.jsonl:7", system="", answered=answered)
    record = Record("t/train/0", "t", tuple(told.prompt), told.answer, "train", "rows.jsonl:7")
    assert all(isinstance(one.answer, str) and one.answer.strip() for one in earlier_turns(record, True))


LINES = jsonl([ROW, ROW])
TABLES = (
    LINES,
    gzip.compress(LINES, mtime=0),
    b"\xef\xbb\xbf" + LINES,
    LINES.replace(b"\n", b"\r\n"),
    b"q,a\r\n1,2\r\n",
    b"q\ta\n1\t2\n",
    as_json([ROW]),
    LINES.decode().encode("utf-16"),
    b"PK\x03\x04",
    b"<html>",
    b'{"a":1}\r{"b":2}',
)


def check_bytes(data: bytes) -> None:
    path = written(folder("bytes") / "rows.jsonl", data)
    for read in (lambda: list(read_jsonl(path)), lambda: read_json(path)):
        try:
            with sentence(str(path)):
                value = read()
        except Refused:
            continue
        assert loads(dumps(value)) == value


# Benchmarks and what was measured

BENCHMARKS = [
    toml(HOME / "packs" / "benchmarks" / f"{name}.toml") for name in ("sns-transbench", "gsm8k", "mmlu", "wmt22", "bbh")
]
ITEMS = [{"question": f"What is {i}?", "answer": f"so\n#### {i}", "text": "tea"} for i in range(3)]


def check_benchmark(data: bytes) -> None:
    path = written(folder("benchmark") / "mine.toml", data)
    with sentence(str(path)):
        benchmark = read_benchmark(path)
        dumps(benchmark.shape.to_json())


def check_items_of_benchmark(data: bytes) -> None:
    home = folder("gsm8k")
    written(home / "test.jsonl", data)
    with sentence(str(home)):
        found = read_records(definition("gsm8k"), home.parent, ask=False)
    assert all(isinstance(record.answer, str) for record in found["gsm8k"])


IDS = [f"gsm8k/{i}" for i in range(3)]
PREDICTIONS = [{"id": name, "output": "#### 1", "sample": 0, "finished": True, "missing": None} for name in IDS]


def check_predictions(drawn: tuple[bytes, bool]) -> None:
    data, partial_ = drawn
    path = written(folder("predictions") / "predictions.jsonl", data)
    with sentence(str(path)):
        found = read_predictions(path, IDS, partial_, lambda said: None)
    assert found.keys() <= set(IDS)
    assert all(isinstance(one.text, str) and type(one.finished) is bool for mine in found.values() for one in mine)


def verdict(score: float) -> dict[str, Any]:
    return {
        "score": score,
        "reason": "right" if score else "wrong",
        "note": "n",
        "parts": {"hits": score, "none": None},
    }


MEASURED = [
    {
        "benchmark": "tasks",
        "subset": "tea",
        "id": f"tea/eval/{i}",
        "group": "g",
        "score": i % 2,
        "reason": "wrong",
        "readings": {"reward": [verdict(i % 2)], "lenient": "reward"},
    }
    for i in range(3)
]
SHAPE = {
    "chat_template": "none",
    "shape": {
        "name": "tasks",
        "title": "Tasks",
        "averages": {"domain": {"tea": ["tea"]}},
        "subsets": {
            "tea": {"name": "tea", "readings": {"reward": "mean"}, "group": "group", "over": "items", "classes": []}
        },
    },
}
ABOUT = {"model": "m", "made": {"samples": 1}}


def check_compared(drawn: tuple[bytes, bytes, bytes]) -> None:
    from redone.cli.compare import lines

    home = folder("compared")
    for name, data in zip(("a/tasks/items.jsonl", "a/tasks/scores.json", "a/results.json"), drawn):
        for side in ("a", "b"):
            (home / side / "tasks").mkdir(parents=True, exist_ok=True)
            whole = {"items": jsonl(MEASURED), "scores": as_json(SHAPE), "results": as_json(ABOUT)}
            written(home / side / name[2:], data if side == "a" else whole[Path(name).stem])
    with sentence(str(home)):
        found = compare(home / "a", home / "b")
    assert loads(dumps(found)) == found
    assert all(isinstance(line, str) for line in lines(found))


def check_items(data: bytes) -> None:
    path = written(folder("items") / "items.jsonl", data)
    with sentence(str(path)):
        found = read_items(path)
    for mine in found.values():
        assert all(0 <= item.score(reading) <= 1 for item in mine.values() for reading in item.readings)


# What runs and evaluations left


def in_json(value: Any) -> st.SearchStrategy[bytes]:
    """Of a file: a changed value, or edited bytes; of a list the lines of JSON Lines."""
    whole = as_json(value) if isinstance(value, dict) else jsonl(value)
    return st.one_of(
        changed(value).map(
            lambda one: jsonl(one) if isinstance(value, list) and isinstance(one, list) else as_json(one)
        ),
        edited_bytes([whole]),
    )


@cache
def run_files() -> Mapping[str, Any]:
    """A finished run's files, by their names below its folder."""
    import sys

    sys.path.append(str(ROOT / "tests" / "unit" / "report"))
    from run_folders import write_run

    run = write_run(folder("run"))
    names = [str(path.relative_to(run)) for path in sorted(run.rglob("*")) if path.is_file()]
    return {name: list(read_jsonl(run / name)) if ".jsonl" in name else read_json(run / name) for name in names}


def in_a_run(names: Callable[[str], bool] = lambda name: True) -> st.SearchStrategy[tuple[str, bytes]]:
    return st.deferred(
        lambda: st.one_of(
            [st.tuples(st.just(name), in_json(value)) for name, value in run_files().items() if names(name)]
        )
    )


def check_run(read: Callable[[Path], None], drawn: tuple[str, bytes]) -> None:
    """One file of the run is another; `read` reads them all."""
    name, data = drawn
    path = folder("run") / name
    whole = path.read_bytes()
    try:
        written(path, gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        with sentence(str(folder("run"))):
            read(folder("run"))
    finally:
        path.write_bytes(whole)


def report_of_run(run: Path) -> None:
    """Without its plots, which take seconds."""
    from redone.report.facts import collect
    from redone.report.render import render

    with undamaged(run):
        facts = collect(read_run(run))
        pages = [render(f"report.{kind}.jinja", {**facts, "plots": {}, "script": ""}) for kind in ("md", "html")]
    assert all(page.strip() for page in pages)


RESUMED = ("config.json", "manifest.json", "explore/DONE", "target/DONE")


def resume(run: Path) -> None:
    """What is read of a folder before anything goes on in it."""
    stages_in(run)
    model_place(str(run))
    begun_with(run)
    for name in ("explore", "target"):
        gone(run / name)
    same_configuration(run, load_config([]))


TARGETS: Mapping[str, Target] = {
    "settings": Target(in_toml(SETTINGS), check_settings),
    "--set": Target(
        st.tuples(
            st.one_of(st.sampled_from(known_keys()), texts()), st.one_of(texts(), edited(("0.5", "[1]", "nan", "'a'")))
        ),
        check_set,
    ),
    "experiment": Target(in_toml(EXPERIMENTS), check_experiment),
    "pack": Target(
        st.tuples(in_toml([PACK, {"tasks": {"closed": PACK["tasks"]["closed"]}}]), st.booleans()), check_pack
    ),
    "row": Target(st.one_of([st.tuples(st.just(name), changed(ROW)) for name in TASKS]), check_row),
    "rule of convert": Target(
        st.one_of([st.tuples(changed({name: RULES[name]}), changed(ROW, 1)) for name in RULES]), check_rule
    ),
    "conversation": Target(
        st.tuples(st.one_of(changed(ROW["chat"]), changed(ROW["shared"])), st.booleans()), check_turns
    ),
    "JSON Lines and JSON": Target(edited_bytes(TABLES), check_bytes),
    "benchmark": Target(in_toml(BENCHMARKS), check_benchmark),
    "items of a benchmark": Target(in_json(ITEMS), check_items_of_benchmark),
    "predictions": Target(st.tuples(in_json(PREDICTIONS), st.booleans()), check_predictions),
    "items": Target(in_json(MEASURED), check_items),
    "two evaluations": Target(
        st.one_of(
            st.tuples(in_json(MEASURED), st.just(as_json(SHAPE)), st.just(as_json(ABOUT))),
            st.tuples(st.just(jsonl(MEASURED)), in_json(SHAPE), st.just(as_json(ABOUT))),
            st.tuples(st.just(jsonl(MEASURED)), st.just(as_json(SHAPE)), in_json(ABOUT)),
        ),
        check_compared,
    ),
    "report of a run": Target(in_a_run(), partial(check_run, report_of_run), share=TENTH),
    "run to go on with": Target(in_a_run(lambda name: name in RESUMED), partial(check_run, resume)),
}
