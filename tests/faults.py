"""Faults by name: a folder that is damaged, a command over it, and how that has to end.

e2e/test_faults.py provokes each: the command is `refused` with one sentence, and changes nothing; or the fault is
`survived`, and the command comes to the end that it would have had.
"""

import errno
import gzip
import json
import os
import re
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from redone import files
from redone.files import read_jsonl, write_jsonl
from redone.run.lock import locked
from redone.run.log import Log
from redone.run.store import Store

SMALLER = ("explore.steps=1", "target.records=6", "target.epochs=1", "refine.difficulty_records=2", "eval.records=2")
RUN = "run run.toml --out run " + " ".join(f"--set {one}" for one in SMALLER)
CHECK = "check run.toml"
SCORE = "score --benchmark cups.toml --data . --predictions predictions.jsonl --items new.jsonl"
COMPARE = "compare items.jsonl items.jsonl"
ARMED = "experiment arms.toml --out arms"

Harm = Callable[[], object]


@dataclass(frozen=True)
class Fault:
    command: str
    says: str  # a pattern in what is said
    harms: tuple[Harm, ...] = ()
    goes_on: bool = False  # at once; else the command is refused, with exit status 2


def refused(command: str, says: str, *harms: Harm) -> Fault:
    return Fault(command, says, harms)


def survived(command: str, says: str, *harms: Harm) -> Fault:
    return Fault(command, says, harms, goes_on=True)


# What harms a file.


def put(path: str, data: str | bytes) -> Harm:
    def harm() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))

    return harm


def cut(path: str) -> Harm:
    return lambda: Path(path).write_bytes(Path(path).read_bytes()[:-9])


def zeroed(path: str) -> Harm:
    return lambda: Path(path).write_bytes(bytes(Path(path).stat().st_size))


def padded(path: str) -> Harm:
    return lambda: Path(path).write_bytes(Path(path).read_bytes()[:-40] + bytes(40))


def flipped(path: str) -> Harm:
    def harm() -> None:
        data = bytearray(Path(path).read_bytes())
        data[len(data) // 2] ^= 1
        Path(path).write_bytes(data)

    return harm


def gone(path: str) -> Harm:
    return lambda: shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()


def linked(path: str, target: str) -> Harm:
    """/dev/full is a disk without room."""

    def harm() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).symlink_to(target)

    return harm


def piped(path: str) -> Harm:
    """Into which nobody writes."""

    def harm() -> None:
        Path(path).unlink(missing_ok=True)
        os.mkfifo(path)

    return harm


def replaced(path: str, old: str, new: str) -> Harm:
    def harm() -> None:
        text = Path(path).read_text(encoding="utf-8")
        assert old in text
        Path(path).write_text(text.replace(old, new), encoding="utf-8")

    return harm


def task_gets(line: str) -> Harm:
    return replaced("pack.toml", "[tasks.size]\n", f"[tasks.size]\n{line}\n")


def rows_get(path: str, **fields: Any) -> Harm:
    """Every row of a JSON Lines file gets other fields, and loses those that are None."""

    def harm() -> None:
        rows = ({**row, **fields} for row in list(read_jsonl(Path(path))))
        write_jsonl(Path(path), [{key: value for key, value in row.items() if value is not None} for row in rows])

    return harm


def object_gets(path: str, **fields: Any) -> Harm:
    """Likewise the object of a JSON file."""

    def harm() -> None:
        found = {**json.loads(Path(path).read_text(encoding="utf-8")), **fields}
        Path(path).write_text(json.dumps({key: value for key, value in found.items() if value is not None}))

    return harm


def weights_get(value: float, path: str = "model/model.safetensors") -> Harm:
    def harm() -> None:
        weights = {name: tensor.clone() for name, tensor in load_file(path).items()}
        next(iter(weights.values())).flatten()[0] = value
        save_file(weights, path, metadata={"format": "pt"})

    return harm


def unfinished(stage: str, *and_later: str) -> Harm:
    """As a kill would have it after its answers and its data were made and before a first checkpoint."""

    def harm() -> None:
        for name in ("DONE", "metrics.jsonl", "model"):
            gone(f"run/{stage}/{name}")()
        gone(f"run/eval/{stage}")()
        for later in and_later:
            gone(f"run/{later}")()

    return harm


def checkpoint_of_another() -> None:
    store = Store(Path("run/refine"))
    state = torch.load("run/refine/checkpoints/step-000002.pt", weights_only=True)
    shutil.rmtree("run/refine/checkpoints")
    for name in ("metrics.jsonl", "rollouts.jsonl.gz"):
        shutil.copy(f"run/explore/{name}", f"run/refine/{name}")
    store.save(2, {**state, "model": {"other": torch.zeros(1)}})


UNTAUGHT = unfinished("target", "refine")
NESTED = "[" * 300 + "]" * 300
FIRST = '{"n": 100, "size": "no"}'

FAULTS: dict[str, Fault] = {
    # settings
    "an unknown key": refused(
        CHECK, r"run\.toml: unknown key .*did you mean", replaced("run.toml", "warmup", "warmpu")
    ),
    "a value of another kind": refused(CHECK + " --set explore.steps='\"x\"'", r"--set explore\.steps"),
    "a learning rate that is no number": refused(CHECK + " --set explore.learning_rate=nan", "explore.learning_rate"),
    "a learning rate without end": refused(CHECK + " --set explore.learning_rate=inf", "explore.learning_rate"),
    "a negative number of steps": refused(CHECK + " --set explore.steps=-1", "explore.steps"),
    'a name = ".."': refused(CHECK + " --set name='\"..\"'", "name"),
    "a setting of a thousand digits": refused(CHECK + f" --set seed={'9' * 5000}", "seed"),
    "more threads than a machine can have": refused(CHECK + " --set threads=9999999999", "threads"),
    "more scoring processes than a machine can have": refused(
        CHECK + " --set scoring.workers=9999999", "scoring.workers"
    ),
    "a setting that nests 300 levels": refused(CHECK, r"run\.toml: ", put("run.toml", f"a = {NESTED}")),
    "a configuration that is not UTF-8": refused(
        CHECK, r"run\.toml: .*line 1 is not UTF-8", put("run.toml", b"a = '\xff'")
    ),
    "a configuration cut in the middle of a line": refused(
        CHECK, r"run\.toml: not a TOML", put("run.toml", "[explore\nst")
    ),
    "a configuration that is a folder": refused("check model", "model: "),
    "a configuration that is a pipe": refused(CHECK, r"run\.toml: it is a pipe", piped("run.toml")),
    "a configuration that is a device": refused("check /dev/zero", "/dev/zero: it is a device"),
    "a stage that starts from none there is": refused(CHECK + " --set refine.start='\"other\"'", "refine.start"),
    "a path with a NUL": refused(CHECK + " --set model.path='\"a\\u0000b\"'", "model"),
    "a pack whose path has a NUL": refused(CHECK + " --set data.packs='[\"a\\u0000.toml\"]'", "a.*toml"),
    "a path of 10,000 characters": refused(CHECK + f" --data {'x' * 10000}", "File name too long"),
    "a name of a hundred thousand characters": refused(
        CHECK + f" --set name='\"{'x' * 100_000}\"'", "--set name: name = 'x{150,250}: "
    ),
    # packs
    "a pack of 300 levels of nesting": refused(CHECK, r"pack\.toml", task_gets(f"x = {NESTED}")),
    "a pack that is a pipe": refused(CHECK, r"pack\.toml: it is a pipe", piped("pack.toml")),
    "a configuration for a pack": refused("data show run.toml", r"run\.toml: a run's configuration.*pack\.toml"),
    "a pack without tasks": refused(CHECK, r"pack\.toml", put("pack.toml", "")),
    "a pack that is cut": refused(CHECK, r"pack\.toml: not a TOML", put("pack.toml", '[tasks.size]\npart = "sn')),
    "a prompt's template with a number for a field": refused(
        CHECK, "no field 0", replaced("pack.toml", "{n} big ?", "{0} big ?")
    ),
    "a budget below 1": refused(
        CHECK, r"pack\.toml: task size.*budget", replaced("pack.toml", "budget = 4\n", "budget = 0\n")
    ),
    "a budget that is a text": refused(
        CHECK, r"task size.*budget", replaced("pack.toml", "budget = 4\n", 'budget = "4"\n')
    ),
    "a reward that there is not": refused(
        CHECK,
        r"task size.*reward",
        replaced("pack.toml", '"chrf"', '"chrff"'),
        replaced("pack.toml", 'reward = "exact"\nbudget = 4', 'reward = "exakt"\nbudget = 4'),
    ),
    "a pattern that is no regular expression": refused(
        CHECK,
        r"size",
        replaced(
            "pack.toml", 'reward = "exact"\nbudget = 4', 'reward = "regex"\noptions = {pattern = "("}\nbudget = 4'
        ),
    ),
    "a task called ..": refused(
        CHECK, r"pack\.toml: a task cannot be called", replaced("pack.toml", "[tasks.size]", '[tasks.".."]')
    ),
    # rows
    "a row of 300 levels": refused(
        CHECK, r"size\.train\.jsonl:1: .*levels", put("size.train.jsonl", f'{{"n": {NESTED}}}\n')
    ),
    "a row with NaN": refused(
        CHECK, r"size\.train\.jsonl:2: .*NaN|nan", put("size.train.jsonl", f'{FIRST}\n{{"n": NaN, "size": "no"}}\n')
    ),
    "a row with a number of 5,000 digits": refused(
        CHECK, r"size\.train\.jsonl:1: .*digits", put("size.train.jsonl", f'{{"n": {"9" * 5000}}}\n')
    ),
    "a row that is not UTF-8": refused(
        CHECK, r"size\.train\.jsonl:1: not UTF-8", put("size.train.jsonl", b'{"n": "\xff"}\n')
    ),
    "a row with half of a surrogate pair": refused(
        CHECK, r"size\.train\.jsonl:1: .*surrogate", put("size.train.jsonl", '{"n": "\\ud800"}\n')
    ),
    "a row with a key twice": refused(
        CHECK, r"size\.train\.jsonl:1: .*twice", put("size.train.jsonl", '{"n": 1, "n": 2}\n')
    ),
    "a row that is cut": refused(CHECK, r"size\.train\.jsonl:12: not JSON", cut("size.train.jsonl")),
    "rows in UTF-16": refused(
        CHECK, r"size\.train\.jsonl: it is UTF-16", put("size.train.jsonl", FIRST.encode("utf-16"))
    ),
    "a spreadsheet for rows": refused(
        CHECK, r"size\.train\.jsonl: .*spreadsheet", put("size.train.jsonl", b"PK\x03\x04" + bytes(99))
    ),
    "a web page for rows": refused(CHECK, r"size\.train\.jsonl:1: .*web page", put("size.train.jsonl", "<html>\n")),
    "a gzip file that is cut": refused(
        CHECK, r"size\.train\.jsonl:.*gzip", put("size.train.jsonl", gzip.compress(FIRST.encode() * 99)[:-20])
    ),
    "a gzip file that unpacks to 100 MB on a line": refused(
        CHECK,
        r"size\.train\.jsonl:1: a line of more than",
        put("size.train.jsonl", gzip.compress(bytes(100_000_000), 1)),
    ),
    "a folder for rows": refused(
        CHECK, r"size\.train\.jsonl", gone("size.train.jsonl"), lambda: Path("size.train.jsonl").mkdir()
    ),
    "a pipe for rows": refused(CHECK, r"size\.train\.jsonl: it is a pipe", piped("size.train.jsonl")),
    "a device for rows": refused(
        CHECK, r"size\.train\.jsonl: it is a device", gone("size.train.jsonl"), linked("size.train.jsonl", "/dev/zero")
    ),
    "a table under the name of lines": refused(
        CHECK, r"size\.train\.jsonl:1: .*looks like a table.*\.csv", put("size.train.jsonl", "n,size\n1,no\n")
    ),
    "rows behind a link that goes in circles": refused(
        CHECK, r"size\.train\.jsonl", gone("size.train.jsonl"), linked("size.train.jsonl", "size.train.jsonl")
    ),
    "an answer that is no text": refused(
        CHECK, r"size\.train\.jsonl:1: .*size", put("size.train.jsonl", '{"n": 1, "size": {"a": 1}}\n')
    ),
    # model folders
    "a model's config.json cut": refused(CHECK, "model: no model could be loaded", cut("model/config.json")),
    "a model's config.json of another kind": refused(
        CHECK, "model: no model could be loaded", put("model/config.json", "[]")
    ),
    "a model that transformers does not know": refused(
        CHECK, "model: .*", object_gets("model/config.json", model_type="other")
    ),
    "a model's tokenizer cut": refused(CHECK, "model: no model could be loaded", cut("model/tokenizer.json")),
    "a model's chat template that is not closed": refused(
        CHECK, "template", put("model/chat_template.jinja", "{% for a in b %}")
    ),
    "a model's chat template that never ends": refused(
        CHECK,
        "template",
        put(
            "model/chat_template.jinja",
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        ),
    ),
    "a model folder that asks for its own code": refused(
        CHECK,
        "Python code",
        object_gets("model/config.json", model_type="mine", auto_map={"AutoConfig": "mine.Mine"}),
        put("model/mine.py", "raise SystemExit(9)"),
    ),
    "a GGUF file of zeros": refused(CHECK + " --model a.gguf", r"a\.gguf: ", put("a.gguf", bytes(4000))),
    "a GGUF file that counts 2**60 tensors": refused(
        CHECK + " --model a.gguf",
        r"a\.gguf: ",
        put("a.gguf", b"GGUF\x03\x00\x00\x00" + (2**60).to_bytes(8, "little") * 2 + bytes(64)),
    ),
    "an adapter for a model": refused(CHECK, "adapter", gone("model"), put("model/adapter_config.json", "{}")),
    # predictions, comparisons, reports, experiments
    "predictions that are not there": refused(SCORE, r"predictions\.jsonl", gone("predictions.jsonl")),
    "a prediction that is cut": refused(SCORE, r"predictions\.jsonl:3: not JSON", cut("predictions.jsonl")),
    "a prediction twice": refused(
        SCORE, r"predictions\.jsonl: doubled", put("predictions.jsonl", '{"id": "cups/0", "output": "4"}\n' * 2)
    ),
    "a prediction that is a number": refused(
        SCORE, r"predictions\.jsonl:1: not", put("predictions.jsonl", '{"id": "cups/0", "output": 4}\n')
    ),
    "a prediction of 2,000,000 characters": refused(
        SCORE,
        r"predictions\.jsonl:1: .*characters",
        put("predictions.jsonl", json.dumps({"id": "cups/0", "output": "x" * 2_000_000}) + "\n"),
    ),
    "a prediction with sample 10**12": refused(
        SCORE,
        r"predictions\.jsonl: .*missing",
        put("predictions.jsonl", '{"id": "cups/0", "output": "4", "sample": 1000000000000}\n'),
    ),
    "a benchmark without its data": refused(SCORE, r"cups\.jsonl", gone("cups.jsonl")),
    "items of another kind": refused(
        COMPARE, r"items\.jsonl:1: not a line of an items file", put("items.jsonl", '{"readings": {"a": [1]}}\n')
    ),
    "items with a score that is no number": refused(
        COMPARE, r"items\.jsonl:1: ", rows_get("items.jsonl", readings={"a": [{"score": "x"}]})
    ),
    "an items file that is empty": refused(COMPARE, r"items\.jsonl: there are no records", put("items.jsonl", "")),
    "two evaluations of nothing in common": refused(
        "compare items.jsonl b.jsonl",
        "in common",
        lambda: shutil.copy("items.jsonl", "b.jsonl"),
        rows_get("b.jsonl", benchmark="other"),
    ),
    "a folder without an evaluation": refused("compare model model", "no evaluation lies here"),
    "an experiment without arms": refused(
        ARMED, r"arms\.toml: arms", replaced("arms.toml", '[arms.one]\nstages = ["explore"]\n', "")
    ),
    "an arm called ..": refused(
        ARMED, r"arms\.toml: an arm cannot be called", replaced("arms.toml", "[arms.one]", '[arms.".."]')
    ),
    "an experiment's records that are empty": refused(
        ARMED, r"one-0\.jsonl\.gz", put("arms/records/one-0.jsonl.gz", b"")
    ),
    "an experiment's records of another kind": refused(
        ARMED, r"one-0\.jsonl\.gz", put("arms/records/one-0.jsonl.gz", b"{}\n")
    ),
    "an experiment's records that are cut": refused(
        ARMED, r"one-0\.jsonl\.gz", put("arms/records/one-0.jsonl.gz", gzip.compress(b"{}\n")[:-5])
    ),
    "a report of a folder without a run": refused("report .", "no run lies here"),
}

OF_RUNS: dict[str, Fault] = {
    "a seed beyond 64 bits": survived(CHECK + " --set seed=99999999999999999999999", "everything fits"),
    "a prompt's template that reaches into objects": survived(
        CHECK, "everything fits", replaced("pack.toml", "{n} big ?", "{n} {n.__class__} big ?")
    ),
    # rollouts, metrics and checkpoints of the stage under way
    "rollouts cut in the middle of a line": survived(
        RUN, "going on from the checkpoint before", cut("run/refine/rollouts.jsonl.gz")
    ),
    "rollouts padded with NULs": survived(
        RUN, "going on from the checkpoint before", padded("run/refine/rollouts.jsonl.gz")
    ),
    "rollouts that are gone": refused(
        RUN, r"rollouts\.jsonl\.gz: .*bytes are missing", gone("run/refine/rollouts.jsonl.gz")
    ),
    "metrics that are gone": refused(RUN, r"metrics\.jsonl: .*bytes are missing", gone("run/refine/metrics.jsonl")),
    "metrics of another run": refused(
        RUN, r"metrics\.jsonl: ", lambda: shutil.copy("run/explore/metrics.jsonl", "run/refine/metrics.jsonl")
    ),
    "the newest checkpoint cut": survived(
        RUN, "000002.pt: damaged.*before it", cut("run/refine/checkpoints/step-000002.pt")
    ),
    "the newest checkpoint of zeros": survived(
        RUN, "000002.pt: damaged.*before it", zeroed("run/refine/checkpoints/step-000002.pt")
    ),
    "the newest checkpoint empty": survived(
        RUN, "000002.pt: damaged.*before it", put("run/refine/checkpoints/step-000002.pt", b"")
    ),
    "a bit of a checkpoint flipped": survived(
        RUN, "000002.pt: damaged.*before it", flipped("run/refine/checkpoints/step-000002.pt")
    ),
    "a checkpoint's checksum gone": survived(
        RUN, "without its.*before it", gone("run/refine/checkpoints/step-000002.sha256")
    ),
    "a checksum that is not UTF-8": survived(
        RUN, "without its.*before it", put("run/refine/checkpoints/step-000002.sha256", b"\xff")
    ),
    "both checkpoints cut": refused(
        RUN,
        "000002.pt: damaged.*000001.pt: damaged.*begins again",
        *(cut(f"run/refine/checkpoints/step-00000{n}.pt") for n in (1, 2)),
    ),
    "the checkpoint of another model": refused(RUN, r"refine", checkpoint_of_another),
    "checkpoints and partial files that a kill left": survived(
        RUN,
        "",
        put("run/explore/checkpoints/step-000001.pt", b"x"),
        put("run/results.json.part", "{"),
        put("run/refine/checkpoints/step-000003.part", b"x"),
    ),
    # what is finished
    "a finished model with a bit flipped": refused(
        RUN, "explore: model/model.safetensors changed", flipped("run/explore/model/model.safetensors")
    ),
    "a finished model that is gone": survived(RUN, "explore: no longer there", gone("run/explore/model")),
    "a finished model that is gone and needed": refused(
        RUN, "target/model: no model lies there any more", gone("run/target/model")
    ),
    "a finished stage's metrics gone": survived(
        RUN, "explore: no longer there: metrics.jsonl", gone("run/explore/metrics.jsonl")
    ),
    "finished answers that are empty": refused(
        RUN, "eval/base: tasks/predictions.jsonl changed", put("run/eval/base/tasks/predictions.jsonl", "")
    ),
    "a finished evaluation without its items": refused(
        RUN, r"base/tasks/items\.jsonl", gone("run/eval/base/tasks/items.jsonl")
    ),
    "a DONE that is empty": refused(RUN, r"explore/DONE: ", put("run/explore/DONE", "")),
    "a DONE that is a list": refused(RUN, r"explore/DONE: ", put("run/explore/DONE", "[]")),
    "a DONE that is a number": refused(RUN, r"explore/DONE: ", put("run/explore/DONE", "3")),
    "a DONE without its seconds": refused(RUN, r"explore/DONE: ", object_gets("run/explore/DONE", seconds=None)),
    "a DONE whose files are a number": refused(RUN, r"explore/DONE: ", object_gets("run/explore/DONE", files=3)),
    # what a run was begun with
    "a manifest that is cut": refused(RUN, r"manifest\.json: not JSON.*another --out", cut("run/manifest.json")),
    "a manifest that is an empty object": refused(RUN, r"manifest\.json: ", put("run/manifest.json", "{}")),
    "a manifest without its data": refused(RUN, r"manifest\.json: ", object_gets("run/manifest.json", data=None)),
    "a manifest whose versions are a number": refused(
        RUN, r"manifest\.json: ", object_gets("run/manifest.json", versions=3)
    ),
    "a config.json that is cut": refused(RUN, r"config\.json: not JSON.*another --out", cut("run/config.json")),
    "a config.json that is an empty object": refused(
        RUN, r"config\.json: .*another --out", put("run/config.json", "{}")
    ),
    "a config.json with a stage of a kind that there is not": refused(
        RUN, r"config\.json", object_gets("run/config.json", refine={"kind": "x"})
    ),
    "a folder that holds something else": refused(
        RUN.replace("--out run", "--out other"), "not a run's folder", put("other/letter", "dear Ann")
    ),
    "a folder below a file": refused(RUN.replace("--out run", "--out run.toml/x"), r"run\.toml"),
    "a record that changed": refused(
        RUN, "the records of size have changed", replaced("size.train.jsonl", '"n": 101', '"n": 999')
    ),
    "a budget that changed": refused(RUN, "size changed since", replaced("pack.toml", "budget = 4\n", "budget = 5\n")),
    "a rationale that changed": refused(RUN, "next", replaced("pack.toml", "{n}+1", "1+{n}")),
    "a chat template that changed": refused(
        RUN, "chat template", replaced("model/chat_template.jinja", "{{ m.content }}", " {{ m.content }}")
    ),
    "base weights that changed": refused(RUN, "other weights", weights_get(0.5)),
    "a base tokenizer that changed": refused(
        RUN, "tokenizer", replaced("model/tokenizer.json", '"add_prefix_space":', '"add_prefix_space" :')
    ),
    "a setting that changed under what was made": refused(
        RUN + " --set explore.temperature=0.5", "explore.temperature: 1.0 -> 0.5"
    ),
    "an older version's run": survived(
        RUN,
        "other versions",
        lambda: replaced(
            "run/manifest.json", json.loads(Path("run/manifest.json").read_text())["versions"]["code"], "abc"
        )(),
    ),
    # what a stage makes before its first step
    "a plan that is an empty object": refused(RUN, r"target/plan\.json: ", UNTAUGHT, put("run/target/plan.json", "{}")),
    "a plan that is cut": refused(
        RUN, r"target/plan\.json: ", UNTAUGHT, cut("run/target/plan.json"), gone("run/target/data.jsonl.gz")
    ),
    "a plan for a task that there is not": refused(
        RUN,
        r"target/plan\.json: ",
        UNTAUGHT,
        object_gets("run/target/plan.json", quotas={"other": 3}),
        gone("run/target/data.jsonl.gz"),
    ),
    "a targeted set that is cut": refused(RUN, r"target/data\.jsonl\.gz", UNTAUGHT, cut("run/target/data.jsonl.gz")),
    "a targeted set that is empty": refused(
        RUN, r"target/data\.jsonl\.gz", UNTAUGHT, put("run/target/data.jsonl.gz", gzip.compress(b""))
    ),
    "a targeted set with another target": refused(
        RUN,
        r"target/data\.jsonl\.gz: .*it was changed since it was made",
        UNTAUGHT,
        rows_get("run/target/data.jsonl.gz", target="other"),
    ),
    "a targeted set without its targets": refused(
        RUN, r"target/data\.jsonl\.gz", UNTAUGHT, rows_get("run/target/data.jsonl.gz", target=None)
    ),
    "probe answers that are cut": refused(
        RUN, r"probe/base\.jsonl\.gz", UNTAUGHT, cut("run/target/probe/base.jsonl.gz"), gone("run/target/plan.json")
    ),
    "probe answers that are empty": refused(
        RUN,
        r"probe/base\.jsonl\.gz: it lacks answers",
        UNTAUGHT,
        put("run/target/probe/base.jsonl.gz", gzip.compress(b"")),
        gone("run/target/plan.json"),
    ),
    "probe answers without their texts": refused(
        RUN,
        r"probe/base\.jsonl\.gz",
        UNTAUGHT,
        rows_get("run/target/probe/base.jsonl.gz", output=None, text=None),
        gone("run/target/plan.json"),
    ),
    "answers to training prompts without their record": refused(
        RUN,
        r"difficulty\.jsonl\.gz:1: no answer, it has no id",
        gone("run/refine/difficulty.json"),
        rows_get("run/refine/difficulty.jsonl.gz", id=None),
    ),
    "what was made that is an empty object": refused(
        RUN,
        r"target/data\.jsonl\.gz: .*made\.json",
        unfinished("target"),
        gone("run/refine"),
        put("run/target/made.json", "{}"),
    ),
    "a difficulty that is a text": refused(
        RUN,
        r"refine/difficulty\.json: ",
        lambda: Path("run/refine/difficulty.json").write_text(
            re.sub(r": [\d.]+", ': "x"', Path("run/refine/difficulty.json").read_text())
        ),
    ),
    "timings that are cut": refused(RUN, r"timings\.json: ", cut("run/timings.json")),
    "timings that are texts": refused(
        RUN,
        r"timings\.json: ",
        lambda: Path("run/timings.json").write_text(re.sub(r": [\d.]+", ': "x"', Path("run/timings.json").read_text())),
    ),
    "scores of an evaluation that are an empty object": refused(
        RUN,
        r"eval/explore/tasks/scores\.json",
        gone("run/eval/explore/DONE"),
        put("run/eval/explore/tasks/scores.json", "{}"),
    ),
    "answers of an evaluation of other records": refused(
        RUN,
        r"predictions\.jsonl:1: .*none of the prompts",
        *(gone(f"run/eval/explore/{name}") for name in ("DONE", "tasks/scores.json")),
        rows_get("run/eval/explore/tasks/predictions.jsonl", id="other/eval/0"),
    ),
    "answers of an evaluation cut in the middle of a line": survived(
        RUN,
        "",
        *(gone(f"run/eval/explore/{name}") for name in ("DONE", "tasks/scores.json")),
        cut("run/eval/explore/tasks/predictions.jsonl"),
    ),
    # weights
    "base weights that hold a NaN, looked at beforehand": refused(
        CHECK, "model: 1 weights hold NaN", weights_get(float("nan"))
    ),
    "base weights that hold a NaN": refused(RUN.replace("--out run", "--out new"), "model", weights_get(float("nan"))),
    "base weights that hold an infinity": refused(
        RUN.replace("--out run", "--out new"), "model", weights_get(float("inf"))
    ),
    "base weights that are cut": refused(
        RUN.replace("--out run", "--out new"), "model: no model could be loaded", cut("model/model.safetensors")
    ),
    "no base weights": refused(
        RUN.replace("--out run", "--out new"), "model: no model could be loaded", gone("model/model.safetensors")
    ),
    "a learning rate that ruins the weights": refused(
        RUN.replace("--out run", "--out new") + " --set explore.learning_rate=1e30 --set explore.steps=4",
        "explore stopped at step.*stopped-0.*json",
    ),
    # reports
    "results that are an empty object": survived("report whole", "report", put("whole/results.json", "{}")),
    "results whose models are a number": refused(
        "report whole", "whole: its files are not as redone leaves them", put("whole/results.json", '{"models": 3}')
    ),
    "results of a model without scores": refused(
        "report whole", r"whole", put("whole/results.json", '{"models": {"base": {}}}')
    ),
    "metrics with a number for a step": refused(
        "report whole", r"metrics\.jsonl:1", put("whole/explore/metrics.jsonl", "3\n")
    ),
    "metrics of other columns": refused("report whole", r"whole", put("whole/explore/metrics.jsonl", '{"a": 1}\n')),
    "findings of another kind": refused("report whole", r"whole", put("whole/target/findings.json", '[{"a": 1}]')),
    "rollouts without their prompts": refused(
        "report whole", r"whole", rows_get("whole/explore/rollouts.jsonl.gz", prompt=None)
    ),
    "a report over a folder of that name": refused(
        "report whole", r"report\.md", lambda: Path("whole/report.md").mkdir()
    ),
}


# What is not in a file.


@contextmanager
def somebody_else_in_it() -> Iterator[None]:
    with locked(Path("run"), print):
        yield


@contextmanager
def limit(count: int) -> Iterator[None]:
    """No file may grow beyond so many bytes, as a shell's `ulimit -f` has it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def beyond_quota(path: str) -> Iterator[None]:
    """The user's share of the disk is used up when this file, whose name ends in .part, is written."""
    to_disk = files.to_disk

    def refuses(one: Path, whole: bool = False) -> None:
        if one == Path(path):
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), path)
        to_disk(one, whole)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "to_disk", refuses)
        yield


@contextmanager
def full(path: str) -> Iterator[None]:
    """The disk has no room for this file, which is only written: what reads it never comes to its end."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).symlink_to("/dev/full")
    try:
        yield
    finally:
        Path(path).unlink(missing_ok=True)


@contextmanager
def signalled(number: int, at: str, again: bool = False) -> Iterator[None]:
    """The signal comes at a line of the log; again: once more while the checkpoint is written."""
    line, save = Log.line, torch.save

    def heard(log: Log, text: str) -> None:
        line(log, text)
        if text.startswith(at):
            os.kill(os.getpid(), number)

    def half_way(state: Any, file: Any) -> None:
        file.write(b"half of a file")
        os.kill(os.getpid(), number)
        save(state, file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Log, "line", heard)
        if again:
            patch.setattr(torch, "save", half_way)
        yield


NO_ROOM = "No space left.*make room"
STOPPED: dict[str, tuple[int, str, Callable[[], AbstractContextManager[None]]]] = {  # status, what is said, while what
    "a second run in the folder": (2, "process .* works in it now", somebody_else_in_it),
    "a limit on the size of a file": (2, "File too large.*make room", lambda: limit(60_000)),
    "a limit that cuts the rollouts": (
        2,
        "File too large.*make room",
        lambda: limit(Path("run/refine/rollouts.jsonl.gz").stat().st_size + 40),
    ),
    "the disk full while a checkpoint is written": (
        2,
        NO_ROOM,
        lambda: full("run/refine/checkpoints/step-000003.part"),
    ),
    "the disk full while a model is written": (2, NO_ROOM, lambda: full("run/refine/model/config.json")),
    "the disk full while a stage is marked as done": (2, NO_ROOM, lambda: full("run/refine/DONE.part")),
    "the disk full while verdicts are written": (
        2,
        NO_ROOM,
        lambda: full("run/eval/refine/tasks/items.jsonl.part"),
    ),
    "a quota used up while results are written": (
        2,
        "quota exceeded.*make room",
        lambda: beyond_quota("run/results.json.part"),
    ),
    "the disk full while results are written": (2, NO_ROOM, lambda: full("run/results.json.part")),
    "ctrl-C": (130, "Stopped .*Go on with", lambda: signalled(signal.SIGINT, "refine    3/")),
    "SIGTERM": (143, "Stopped .*Go on with", lambda: signalled(signal.SIGTERM, "refine    3/")),
    "SIGHUP": (129, "Stopped .*Go on with", lambda: signalled(signal.SIGHUP, "refine    3/")),
    "ctrl-C twice while saving": (
        130,
        "what was saved before stays",
        lambda: signalled(signal.SIGINT, "refine    3/", again=True),
    ),
}

REPLIES: dict[str, tuple[Any, str]] = {  # what an endpoint replies, and what is said
    "an endpoint that replies with a web page": (b"<html>busy</html>", "no chat completion"),
    "an endpoint that replies with half of a JSON object": (b'{"choices": [', "no chat completion"),
    "an endpoint that replies with no choices": (b'{"choices": []}', "no chat completion"),
    "an endpoint that breaks off": (None, "does not answer.*go on with the same command"),
    "an endpoint that is busy for ever": (503, "does not answer.*go on with the same command"),
    "an endpoint that repeats the key": ((401, {"message": "no such key sk-secret-secret"}), r"refuses: .*\*\*\*"),
}

STREAMS: dict[str, tuple[str, int]] = {  # what a shell does with a command's streams, and its exit status
    "stdin closed": ("<&-", 0),
    "stdout closed": (">&-", 0),
    "stderr closed": ("2>&-", 0),
    "all three streams closed": ("<&- >&- 2>&-", 0),
    "a terminal's disk that is full": (">/dev/full", 2),
    "a reader that goes away": ("| true; exit ${PIPESTATUS[0]}", 141),
}

CODE: dict[str, str] = {  # answers that have to be wrong: neither right nor the test's own fault
    "code that returns 10**5000": "def f(n):\n    return 10**5000",
    "code that asks for an attribute of half a surrogate pair": "def f(n):\n    return getattr(n, '\\ud800')",
    "code that raises half a surrogate pair": "def f(n):\n    raise ValueError('\\ud83d')",
    "code that ends its process": "import os\ndef f(n):\n    os._exit(0)",
    "code that recurses without end": "def f(n):\n    return f(n)",
    "code that prints a gigabyte": "def f(n):\n    print('x' * 2**30)\n    return n",
    "code that eats the memory": "def f(n):\n    return len(bytearray(2**36))",
    "code that never ends": "def f(n):\n    while True: pass",
}
