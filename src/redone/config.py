"""RunConfig: one frozen, strict tree. TOML files are laid over one another left to right, then `--set a.b=v`.

Validators reject, they never rewrite. The stages are data: `stages` names tables, of which each has a `kind`, the stage
it starts from, and that kind's settings; METHOD has those of the paper. Two stages of one kind share one class, so that
what differs between them is a diff of two tables.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from redone.mistakes import address_flaw, nearest, read_toml
from redone.settings import Reinforce, Table, Teach


class Model(Table):
    path: str = Field("base", description='Hugging Face folder, hub id or GGUF file; "base" is the embedded base model')
    dtype: Literal["auto", "float32", "mixed", "bfloat16", "4bit"] = Field(
        "auto",
        description="`mixed`: float32 weights, products in bfloat16; `auto`: `mixed` on CUDA, `float32` on a CPU; "
        "frozen weights under [lora] may be `bfloat16`, or `4bit` (NF4; CUDA and bitsandbytes; untested)",
    )
    max_context: int = Field(1024, ge=16, description="longest prompt and answer together, tokens")
    trust_remote_code: bool = Field(
        False, description="run the Python code that the model's folder or hub repository brings; read it first"
    )


class Lora(Table):
    """An adapter of low rank is trained beside frozen weights (Hu et al. 2022); every stage leaves it, and a model that
    it is merged into."""

    rank: int = Field(32, ge=1, description="of the adapter; those that vLLM serves are 8, 16, 32, 64, 128, 256")
    alpha: float = Field(32.0, gt=0, description="what the adapter adds is multiplied by alpha / rank")
    targets: tuple[str, ...] = Field(
        ("all-linear",),
        min_length=1,
        strict=False,
        description='names of the linear layers that it stands beside; "all-linear": all but the head',
    )
    times: float = Field(10.0, gt=0, description="the stages' learning rates are multiplied by this")
    each_stage: bool = Field(
        False, description="every stage merges the adapter before it and begins another, rather than going on with it"
    )


class Data(Table):
    packs: tuple[str, ...] = Field(
        ("social", "general"),
        min_length=1,
        strict=False,  # TOML has arrays, not tuples
        description='pack files (.toml), or names of packs that come with redone: "social", "general" and "support", '
        'which are generated ("social@2" is another period), "real_posts", "social_posts" and "english_posts"',
    )
    tasks: tuple[str, ...] = Field((), strict=False, description="the packs' tasks that are read; all if none is named")
    root: str | None = Field(None, description="folder that relative data files lie in (--data)")
    limit: int | None = Field(None, ge=1, description="at most so many records per task and split, by a stable hash")
    benchmarks: tuple[str, ...] = Field(
        (),
        strict=False,
        description="benchmarks of which train and probe may hold no text; those whose data are not below `root` are "
        "passed over, with a note",
    )
    too_long: Literal["refuse", "drop"] = Field(
        "refuse",
        description="records whose prompt does not fit the context, or whose reference answer its budget: stop and "
        "count them, or leave them out of every split and count them",
    )
    held_out: tuple[str, ...] = Field(
        (),
        strict=False,
        description="tasks that are measured and never trained: neither drawn in reinforcement nor taught",
    )
    probe: float = Field(0.1, gt=0, lt=0.5, description="share hashed out of train where a task has no probe split")
    eval: float = Field(0.1, gt=0, lt=0.5, description="share hashed out of train where a task has no eval split")
    tune: int = Field(
        0,
        ge=0,
        description="records of each task, a fifth of its train records at most, that are hashed out of train for the "
        "split tune, on which settings are chosen, where a task has no such split of its own; 0: none",
    )


class Diagnose(Table):
    samples: int = Field(8, ge=2, description="answers per probe prompt (k of pass@k)")
    records: int = Field(64, ge=1, description="probe prompts per task at most")
    unknown_below: float = Field(0.1, ge=0, le=1, description="pass@k below this: unknown")
    solved_above: float = Field(0.85, ge=0, le=1, description="pass@1 above this: solved")
    format_share: float = Field(
        0.3, ge=0, le=1, description="share of unparsable (or cut off) answers: a format (or length) problem"
    )


class Judge(Table):
    """For tasks with the rewards `judge` and `judge_pair`; their replies are kept in the run's folder judge/."""

    base_url: str | None = Field(None, description="OpenAI-compatible endpoint, such as http://localhost:8000/v1")
    model: str = Field("", description="the model's name there")
    key: str = Field(
        "OPENAI_API_KEY", pattern=r"^[A-Z_][A-Z0-9_]*$", description="environment variable that holds the API key"
    )
    seconds: float = Field(60.0, gt=0, description="longest that one reply may take")


class Scoring(Table):
    workers: int = Field(2, ge=1, le=1024, description="processes that score answers")
    seconds: float = Field(
        10.0, gt=0, description="most CPU time that an answer may take to be scored; on the clock ten times that"
    )
    memory: int = Field(4096, ge=512, description="MiB that a scoring process may allocate")
    sandbox_missing: Literal["refuse", "leave_out"] = Field(
        "refuse", description="where code cannot be isolated: refuse to start, or leave out the tasks that run it"
    )
    most_errors: float = Field(
        0.1, ge=0, le=1, description="share of a step's answers without a verdict above which the run stops"
    )


class Eval(Table):
    split: Literal["eval", "tune"] = Field(
        "eval",
        description="what the models of the run are measured on; tune, to choose among settings: eval is then not "
        "looked at, and the report says that its scores are no results",
    )
    records: int | None = Field(None, ge=1, description="records per task at most that models are measured on")
    rows: int = Field(256, ge=1, description="answers decoded at once, in probes and soft labels too")
    benchmarks: tuple[str, ...] = Field(
        (),
        strict=False,
        description="published benchmarks that the base and every stage are measured on besides; their data lie below "
        "`data.root`, or on the hub without it",
    )
    benchmark_items: int | None = Field(None, ge=1, description="items of each benchmark's subset at most")
    benchmark_tokens: int | None = Field(
        None,
        ge=1,
        description="tokens of an answer to a benchmark at most; with fewer than it gives, scores compare within the "
        "run alone",
    )
    likelihood: bool = Field(
        False,
        description="where the items of a benchmark have choices, the likeliest is the answer, and none is written",
    )


class Held(Table):
    """Where held-out texts or prompts are; templates are filled with a row's fields."""

    file: str = Field(description="a data file")
    text: str = Field("", description="template of a text")
    prompt: str = Field("", description="template of what is asked")
    answer: str = Field("", description="template of the answer that is measured")


class Drift(Table):
    """What a model forgets, measured on texts rather than in scores: of the base and after every stage."""

    texts: Mapping[str, Held] = Field(
        {},
        description="sets of held-out texts, whose mean negative log-likelihood in nats a token is measured: "
        '[drift.texts.NAME] with `file` (a data file, below `data.root`) and `text = "{field}"`, or `prompt` and '
        "`answer`, of which the answer's tokens count",
    )
    prompts: Held | None = Field(
        None,
        description="`file` and `prompt`: the divergence KL(base || model) is measured along the base's own greedy "
        "answers to them; the prompts of the general tasks that models are measured on, if not set",
    )
    most: int = Field(200, ge=1, description="texts of each set, and prompts, at most; a fixed draw")
    tokens: int = Field(64, ge=1, description="longest answer of the base")


class Gate(Table):
    """Whether ability that no stage trains is still there after each, by probe records of the general tasks that are
    held out of training and by texts that results do not read, against the base; and what is done where it is not."""

    records: int = Field(48, ge=1, description="probe records of each task, at most")
    points: float = Field(-2.0, le=0, description="it says no where the paired interval lies wholly below this")
    texts: Mapping[str, Held] = Field({}, description="[gate.texts.NAME], as of [drift]; of one file others are drawn")
    most: int = Field(200, ge=1, description="texts of each set, at most")
    nats: float = Field(0.03, ge=0, description="it says no where the interval of the rise a token lies wholly above")
    actions: tuple[Literal["warn", "stop", "earlier", "interpolate", "repeat"], ...] = Field(
        ("warn",),
        min_length=1,
        strict=False,
        description="in this order, until one passes: earlier (the checkpoint before the last), interpolate (a "
        "quarter, half, three quarters of the way back to the stage's start; not with [lora]), repeat (of a stage that "
        "teaches, with twice the general records); warn and stop end them",
    )


class Track(Table):
    """Where the numbers of a run are sent while it goes; a run goes on with another one."""

    to: tuple[Literal["tensorboard", "wandb", "mlflow", "trackio"], ...] = Field(
        (),
        strict=False,
        description="trackers that a process beside the run sends its numbers to; changes nothing of the run",
    )


MOST_TABLES = 20  # one within the other
KINDS: Mapping[str, type[Reinforce] | type[Teach]] = {"reinforce": Reinforce, "teach": Teach}
METHOD: Mapping[str, Any] = {  # RedOne 2.0, figure 2: what a configuration has that says nothing else
    "stages": ["explore", "target", "refine"],
    "explore": {"kind": "reinforce"},
    "target": {"kind": "teach"},
    "refine": {"kind": "reinforce", "rationale_share": 0.5718, "difficulty": True},
}


class RunConfig(Table):
    """A configuration: `stages` in order; their tables stand beside the fields, under the stages' names (`stage`)."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Reinforce | Teach]

    name: str = Field("run", pattern=r"^\w[\w.-]{0,99}$", description="runs/<name> is the default output directory")
    seed: int = Field(0, ge=0, description="the run's seed; world and base model are fixed")
    threads: int | None = Field(None, ge=1, le=4096, description="CPU threads; OMP_NUM_THREADS or all cores if not set")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: cuda where there is one")
    tokens_per_pass: int = Field(8192, ge=16, description="tokens forwarded at once in an update")
    recompute: bool = Field(False, description="layers run again in the backward pass: less memory, more time")
    stages: tuple[str, ...] = Field(
        min_length=1, strict=False, description="the stages in order, each the name of a table of its own"
    )
    model: Model = Model()
    lora: Lora | None = Field(None, description="train an adapter rather than the model's own weights")
    data: Data = Data()
    diagnose: Diagnose = Diagnose()
    scoring: Scoring = Scoring()
    judge: Judge = Judge()
    eval: Eval = Eval()
    drift: Drift | None = Field(None, description="measure how far the models drift from the base")
    gate: Gate | None = Field(None, description="act where a stage loses what no stage trains")
    track: Track = Track()

    def stage(self, name: str) -> Reinforce | Teach:
        """A stage's settings, its learning rate that of the adapter where there is one."""
        settings = self.__pydantic_extra__[name]
        if self.lora is None:
            return settings
        return settings.model_copy(update={"learning_rate": settings.learning_rate * self.lora.times})

    @property
    def overlong_zone(self) -> float:
        """The largest share of a budget in which a stage punishes an answer: no reference answer may lie there."""
        kinds = [self.stage(name) for name in self.stages]
        return max((one.overlong_zone for one in kinds if isinstance(one, Reinforce)), default=0.0)


def load_config(
    paths: Iterable[Path], sets: Iterable[str] = (), tables: Iterable[tuple[Path, str, Mapping[str, Any]]] = ()
) -> RunConfig:
    """The configuration that the files, left to right, the tables of another file (its path, their name there, they
    themselves), and then the `a.b=v` assignments make.

    Pack files are relative to the file that names them. Raises ValueError with one sentence that names file or option,
    key, and the nearest known key.
    """
    tree: dict[str, Any] = deepcopy(dict(METHOD))  # what a file says of a stage is laid over it
    origin: dict[str, str] = {}
    read = ((path, "", read_toml(path, "configuration")) for path in paths)
    for path, name, table in (*read, *tables):
        data = table.get("data")
        if isinstance(data, dict) and isinstance(packs := data.get("packs"), list):
            mine = [str(path.parent / p) if isinstance(p, str) and p.endswith(".toml") else p for p in packs]
            table = {**table, "data": {**data, "packs": mine}}
        _overlay(tree, table, f"{path}: {name}" if name else str(path), origin)
    for assignment in sets:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(f"--set {assignment}: expected KEY=VALUE, as in explore.steps=20")
        try:
            told = tomllib.loads(f"v = {text}")
        except (ValueError, RecursionError):
            told = {}
        value: Any = told["v"] if len(told) == 1 else text
        for part in reversed(key.split(".")):
            value = {part: value}
        _overlay(tree, value, f"--set {key}", origin)
    for name in METHOD["stages"]:  # of a stage that is made another kind the paper's settings do not hold
        if isinstance(table := tree[name], dict) and table.get("kind") != METHOD[name]["kind"]:
            tree[name] = {key: value for key, value in table.items() if f"{name}.{key}" in origin}
    return _validate(tree, origin)


def resolved(tree: Mapping[str, Any], where: str) -> RunConfig:
    """The configuration of a config.json, keys that it lacks at their defaults. Raises ValueError naming `where`."""
    return _validate(tree, {"": where})


def _overlay(
    tree: dict[str, Any], table: Mapping[str, Any], where: str, origin: dict[str, str], prefix: str = ""
) -> None:
    if prefix.count(".") > MOST_TABLES:
        raise ValueError(f"{where}: {prefix:.100}... is a table within more than {MOST_TABLES} others")
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            child = tree.setdefault(key, {})
            if not isinstance(child, dict):
                raise ValueError(f"{where}: {name} is a value, not a table")
            _overlay(child, value, where, origin, f"{name}.")
        else:
            tree[key] = value
        origin[name] = where


def _validate(tree: Mapping[str, Any], origin: Mapping[str, str]) -> RunConfig:
    def where(key: str) -> str:
        """The file or option that set the key, or the table it is in."""
        while key and key not in origin:
            key = key.rpartition(".")[0]
        return origin.get(key, "configuration")

    def checked(model: type[BaseModel], values: Any, prefix: str = "") -> Any:
        try:
            return model.model_validate(values)
        except ValidationError as failure:
            error = failure.errors()[0]
            key = ".".join([*([prefix] if prefix else []), *map(str, error["loc"])])
            if error["type"] == "extra_forbidden":
                raise ValueError(f"{where(key)}: unknown key {key}{nearest(key, known_keys(tree))}") from None
            if key == "judge.key":  # what stands there may be the key itself
                raise ValueError(f"{where(key)}: {key} is no name of an environment variable, in capitals") from None
            raise ValueError(f"{where(key)}: {key} = {error['input']!r:.200}: {error['msg']}") from None

    plain = {key: value for key, value in tree.items() if key in RunConfig.model_fields}
    config = checked(RunConfig, plain)
    for key, flaw in _flaws(config):
        raise ValueError(f"{where(key)}: {flaw}")
    others = {key: value for key, value in tree.items() if key not in plain}
    stages: dict[str, Any] = {}
    for name in config.stages:
        if flaw := _stage_flaw(name, others, stages):
            raise ValueError(f"{where('stages')}: {flaw}")
        table = others.pop(name)
        if not isinstance(table, Mapping):
            raise ValueError(f"{where(name)}: {name} = {table!r}: it is a table, [{name}]")
        kind = _kind_of(table)
        if kind is None:
            given = repr(table["kind"]) if "kind" in table else "not set"
            raise ValueError(f"{where(name)}: {name}.kind is {given}; it is one of {', '.join(KINDS)}")
        stages[name] = settings = checked(kind, {"start": next(reversed(stages), "base"), **table}, name)
        if settings.start not in ("base", *(earlier for earlier in stages if earlier != name)):
            raise ValueError(
                f'{where(f"{name}.start")}: {name}.start = {settings.start!r} is neither "base" nor a stage before it'
            )
        if isinstance(settings, Teach) and settings.interpolate and config.lora is not None:
            raise ValueError(
                f"{where(f'{name}.interpolate')}: {name}.interpolate is between weights that are all trained; "
                "leave it out, or [lora]"
            )
        if isinstance(settings, Reinforce) and settings.prompts % settings.updates:
            raise ValueError(
                f"{where(name)}: {name}.updates = {settings.updates} does not divide "
                f"{name}.prompts = {settings.prompts}"
            )
    for name, table in others.items():  # of a stage that another file leaves out, or a mistake
        if not isinstance(table, Mapping) or "kind" not in table:
            raise ValueError(f"{where(name)}: unknown key {name}{nearest(name, known_keys(tree))}")
        if option := next(
            (o for key, o in origin.items() if f"{key}.".startswith(f"{name}.") and o[:6] == "--set "), ""
        ):
            raise ValueError(f"{option}: {name} is not among the stages {', '.join(stages)}")
    return RunConfig.model_validate({**plain, **stages})


def _flaws(config: RunConfig) -> Iterator[tuple[str, str]]:
    """What is wrong with settings that are right one by one: each with its key."""
    if config.gate is not None and config.lora is not None and "interpolate" in config.gate.actions:
        yield "gate.actions", "interpolate is between weights that are all trained; leave it out, or [lora]"
    if config.judge.base_url is not None and (flaw := address_flaw(config.judge.base_url)):
        yield "judge.base_url", f"judge.base_url: {flaw}"


def _stage_flaw(name: str, tables: Mapping[str, Any], before: Collection[str]) -> str:
    """What is wrong with a name among the stages, or nothing."""
    if name in before:
        return f"stages names {name} twice"
    if name == "base" or name in RunConfig.model_fields or not re.fullmatch(r"\w[\w-]{0,99}", name):
        return f"stages: a stage cannot be called {name!r}"
    if name not in tables:
        return f"stages names {name}, but there is no table [{name}]{nearest(name, tables)}"
    return ""


def _kind_of(table: Mapping[str, Any]) -> type[Reinforce] | type[Teach] | None:
    named = table.get("kind")
    return KINDS.get(named) if isinstance(named, str) else None


def known_keys(tree: Mapping[str, Any] = METHOD) -> list[str]:
    """Every key of a configuration with the stages of `tree`."""
    keys = _keys(RunConfig)
    for name, table in tree.items():
        if isinstance(table, Mapping) and (kind := _kind_of(table)):
            keys += [name, *_keys(kind, f"{name}.")]
    return keys


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, info in model.model_fields.items():
        keys.append(f"{prefix}{name}")
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            keys += _keys(info.annotation, f"{prefix}{name}.")
    return keys


def differing(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Lines 'key: old -> new' for every key in which two resolved configurations differ."""
    lines = []
    for key in sorted(set(old) | set(new)):
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            lines += differing(a, b, f"{prefix}{key}.")
        elif a != b:
            lines.append(f"{prefix}{key}: {a!r} -> {b!r}")
    return lines
