"""JSON Schemas of the files that a person writes, for editors: made of the types that the files are read into, so that
what they offer and underline is what redone takes and refuses."""

import inspect
import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import TypeAdapter

from redone.benchmark.readings import AGGREGATES, READINGS
from redone.config import METHOD, RunConfig
from redone.data.source import Source
from redone.experiment.definition import Experiment
from redone.measure.definitions import ASKED, READ, Benchmark, Shots, Subset
from redone.records import Task
from redone.rewards import METRICS, REWARDS

Schema = dict[str, Any]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_OF_A_KIND: Schema = {"type": "object", "required": ["kind"]}
_TEACHES: Schema = {"properties": {"kind": {"const": "teach"}}, "required": ["kind"]}


def schema(kind: str) -> Schema:
    """Of a configuration ("run"), a pack, an experiment or a benchmark, each one of KINDS."""
    return {"$schema": _DIALECT, "title": f"redone {kind}", **KINDS[kind]()}


def _run(alone: bool = True) -> Schema:
    """alone: whether a file that lists its stages has all of them, so that one of its own has to name its kind; of what
    is laid over another file that one may name it."""
    made = RunConfig.model_json_schema()
    for table in (made, made["$defs"]["Reinforce"], made["$defs"]["Teach"]):
        table.pop("required")  # a file says what departs from the defaults
    for table in ("Reinforce", "Teach"):
        made["$defs"][table]["properties"]["start"].pop("default", None)
    teach, reinforce = {"$ref": "#/$defs/Teach"}, {"$ref": "#/$defs/Reinforce"}
    for name in METHOD["stages"]:  # of the kind that the table names, or else of the method's own
        own, other = (teach, reinforce) if METHOD[name]["kind"] == "teach" else (reinforce, teach)
        named = {"properties": {"kind": {"const": METHOD[name]["kind"]}}}  # or none
        made["properties"][name] = {"if": named, "then": own, "else": other}
    stage: Schema = {"if": _TEACHES, "then": teach, "else": reinforce}
    made["additionalProperties"] = {"if": _OF_A_KIND, "then": stage, "else": {"anyOf": [reinforce, teach]}}
    if alone:
        listed = {"properties": dict.fromkeys(made["properties"], True), "additionalProperties": _OF_A_KIND}
        made |= {"if": {"required": ["stages"]}, "then": listed}
    return made


def _pack() -> Schema:
    task = _table(Task, without=("name",), also=_properties(Source))
    task["properties"] |= {
        "reward": {"enum": list(REWARDS), "description": "how an answer is scored (docs/rewards.md)"},
        "metric": {"enum": list(METRICS), "description": "how verdicts become the task's score"},
    }
    task["required"] = ["part", "family", "reward", "files"]
    task["anyOf"] = [{"required": ["prompt", "answer"]}, {"required": ["messages"]}]
    return _object({"name": {"type": "string"}, "tasks": _tables(task)}, required=["tasks"])


def _benchmark() -> Schema:
    reading = _object(
        {
            **{key: one for key, one in _properties(Task).items() if key in READ},
            "reward": {"enum": list(READINGS), "description": "how an answer is read and compared"},
            "aggregate": {"enum": list(AGGREGATES), "description": "how verdicts become a score"},
        }
    )
    asked = {key: one for key, one in _properties(Task).items() if key in ASKED}
    shots = {**_table(Shots), "required": ["file"]}
    own = {**asked, "readings": _tables(reading), "shots": shots}
    subset = _table(Subset, without=("name", "task"), also=own)
    whole = {"every": subset, "readings": _tables(reading), "subsets": _tables(subset)}
    return {**_table(Benchmark, without=("name", "origin"), also=whole), "required": ["subsets"]}


def _experiment() -> Schema:
    made, run = Experiment.model_json_schema(by_alias=True), _run(alone=False)
    shared = run.pop("$defs")
    arm = {**run, "properties": {"about": {"type": "string"}, **run["properties"]}}
    made["$defs"] |= {**shared, "Arm": arm}
    made["properties"]["set"] = {**run, "description": "laid over the configuration, under every arm"}
    return made


KINDS = {"run": _run, "pack": _pack, "experiment": _experiment, "benchmark": _benchmark}


def _table(kind: type, without: Collection[str] = (), also: Mapping[str, Any] | None = None) -> Schema:
    """The table that is read into a dataclass, and keys beside its fields or in place of them."""
    own = {key: one for key, one in _properties(kind).items() if key not in without}
    return _object({**own, **(also or {})})


def _properties(kind: type) -> Schema:
    """A dataclass's fields, each with the comment that stands beside it. Tables within are taken as they are."""
    found = TypeAdapter(kind).json_schema()
    beside = dict(re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(kind), re.MULTILINE))
    made = {name: {k: v for k, v in one.items() if k != "title"} for name, one in found["properties"].items()}
    return {name: {**one, **({"description": beside[name]} if name in beside else {})} for name, one in made.items()}


def _object(properties: Mapping[str, Any], required: Collection[str] = ()) -> Schema:
    made = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def _tables(one: Schema) -> Schema:
    return {"type": "object", "minProperties": 1, "additionalProperties": one}
