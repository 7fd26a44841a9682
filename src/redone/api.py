"""What commands do, from Python: every public name of `import redone`. Mistakes are a ValueError with the sentence that
the command prints; a call that ctrl-C stopped is a KeyboardInterrupt, and what was done before is saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from redone.config import RunConfig
from redone.data.load import Dataset
from redone.records import Record, Task, Verdict

Columns = dict[str, list[Any]]  # name to values, all of one length
Files = str | PathLike[str]  # a path
Config = Files | Mapping[str, Any] | RunConfig


@dataclass(frozen=True)
class Remark:
    """What `check` found. Of kind "mistake" is what a run refuses; a "note" is what a person should know before it."""

    kind: Literal["mistake", "note"]
    text: str  # a sentence: what, where and what to do


@dataclass(frozen=True)
class Evaluation:
    """The folder that an evaluation left: `evaluate`'s, or a model's of a run (`Run.evaluation`)."""

    folder: Path

    @property
    def averages(self) -> dict[str, float | None]:
        """Of a configuration's tasks, 0 to 100: "domain", "translation", "general", "unrehearsed" and those that tasks
        name; None where it has no such tasks. Empty where benchmarks alone were measured."""
        return self._tasks().get("averages", {})

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """Task to its `score` (0 to 100), `interval`, `n`, `baseline` and the rest of results.json (docs/data.md)."""
        return self._tasks().get("tasks", {})

    @property
    def benchmarks(self) -> dict[str, dict[str, Any]]:
        """Benchmark to its scores.json (docs/benchmarks.md)."""
        from redone.files import read_object

        files = sorted(self.folder.glob("*/scores.json"))
        return {path.parent.name: read_object(path) for path in files if path.parent.name not in ("tasks", "drift")}

    def _tasks(self) -> dict[str, Any]:
        from redone.files import read_object

        path = self.folder / "tasks" / "scores.json"
        return read_object(path) if path.is_file() else {}


@dataclass(frozen=True)
class Run:
    """The folder of a run, whether it has ended or not: `redone.Run(Path("runs/mine"))`."""

    folder: Path

    @property
    def stages(self) -> list[str]:
        """In order. Raises ValueError where no run lies here."""
        from redone.run.stages import stages_in

        return [stage.name for stage in stages_in(self.folder)]

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""
        return (self.folder / "results.json").is_file()

    @property
    def results(self) -> dict[str, Any]:
        """results.json (docs/data.md); empty until the run has ended."""
        from redone.files import read_object

        return read_object(self.folder / "results.json") if self.done else {}

    def model(self, stage: str) -> Path:
        """The Hugging Face folder of what a stage left. Raises ValueError where it has not ended."""
        if not (self.folder / stage / "DONE").is_file():
            raise ValueError(f"{self.folder}: the stage {stage} has left no model (yet); its stages are {self.stages}")
        return self.folder / stage / "model"

    def evaluation(self, model: str) -> Evaluation:
        """How "base", or what a stage left, was measured. Raises ValueError where it was not (yet)."""
        folder = self.folder / "eval" / model
        if not (folder / "DONE").is_file():
            raise ValueError(f"{self.folder}: {model} is not measured (yet); its models are {['base', *self.stages]}")
        return Evaluation(folder)


def load_config(*configs: Config, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """A configuration: TOML files, tables and configurations, later ones on top of earlier ones.

    overrides: keys on top of all, dotted or nested: `{"explore.steps": 20, "data.root": "data"}`. Pack files (.toml)
    are relative to the file that names them, those of a table to the working directory. Raises ValueError naming file,
    key and the nearest known key.
    """
    from redone.config import load_config
    from redone.mistakes import read_toml

    tables: list[tuple[Path, str, Mapping[str, Any]]] = []
    for one in configs:
        if isinstance(one, (str, PathLike)):
            tables.append((Path(one), "", read_toml(Path(one), "configuration")))
        else:
            tables += _tables("configuration", one.model_dump(mode="json") if isinstance(one, RunConfig) else one)
    return load_config([], (), [*tables, *_tables("overrides", overrides or {})])


def load_pack(*packs: Files, data: Files | None = None, limit: int | None = None) -> Dataset:
    """The tasks and records of packs: files (.toml), or names of those that come with redone, such as "support".

    `dataset.tasks` is name to Task, `dataset.records[task][split]` and `dataset.split("train")` are Records; splits are
    train, probe, tune and eval. data: folder of the data files; each pack's own if not given. limit: records of each
    task and split, at most. Raises ValueError naming file, task, line or record.
    """
    from redone.commands.prepare import read_packs
    from redone.data.load import build
    from redone.rewards import validate_options

    root = {} if data is None else {"data.root": str(data)}
    config = load_config({"data.packs": [str(pack) for pack in packs], **root})
    dataset = build(read_packs(config), limit=limit, probe=config.data.probe, evaluation=config.data.eval)
    for task in dataset.tasks.values():
        validate_options(task)
    return dataset


def check(config: Config, *, overrides: Mapping[str, Any] | None = None) -> list[Remark]:
    """What is wrong with a configuration and its data, mistakes first; nothing is trained. As `redone check`: a run
    begins where there is no mistake. overrides: as of `load_config`."""
    from redone.commands import prepare
    from redone.commands.examine import examined
    from redone.mistakes import gathered
    from redone.run.log import Log

    mistakes: list[str] = []
    notes: list[str] = []
    with gathered(mistakes):
        made, log = load_config(config, overrides=overrides), Log()
        checked = prepare.check(made, log, whole=True)
        with prepare.scoring(made, checked.dataset.tasks) as score_all:
            found = examined(made, checked, score_all, log)
        notes = [*found.doubts, *found.misread, *([found.memory] if found.memory else [])]
    return [*(Remark("mistake", text) for text in mistakes), *(Remark("note", text) for text in notes)]


def adapt(
    config: Config,
    *,
    out: Files | None = None,
    from_stage: Files | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Run:
    """Begin a run, or go on with the one that lies in `out` (runs/NAME if not given), to its end. As `redone run`.

    from_stage: RUN/STAGE of another run; what it made before that stage is taken over. overrides: as of `load_config`.
    Raises ValueError where the configuration, its data or the folder is refused, and KeyboardInterrupt where the run
    was stopped: the same call goes on with it.
    """
    from redone.commands.begin import begin

    made = load_config(config, overrides=overrides)
    folder = Path("runs") / made.name if out is None else Path(out)
    results, _ = begin(made, folder, None if from_stage is None else Path(from_stage), "the same call")
    if results is None:
        raise KeyboardInterrupt(f"{folder}: stopped; the same call goes on with it")
    return Run(folder)


def evaluate(
    model: Files,
    config: Config | None = None,
    *,
    out: Files,
    benchmarks: Sequence[str] = (),
    data: Files | None = None,
    overrides: Mapping[str, Any] | None = None,
    split: Literal["eval", "probe", "tune"] | None = None,
    limit: int | None = None,
    samples: int = 1,
    temperature: float | None = None,
    seed: int | None = None,
    think: int | None = None,
    likelihood: bool = False,
    base_url: str | None = None,
) -> Evaluation:
    """Measure a model on a configuration's tasks, or on benchmarks; a call that was stopped goes on. As `redone eval`.

    model: Hugging Face folder or hub id, a run or its stage (`runs/mine/target`); with base_url the name of a model
    that is served there. out: the folder of answers and scores. data: folder of the data files. split: of the
    configuration's tasks. limit: items of each task or subset, at most. samples, temperature, seed: answers to each
    item; a single one is greedy. think: tokens of reasoning first, on benchmarks. likelihood: choose among a
    benchmark's options. overrides: of the configuration, as of `load_config`.

    Raises ValueError where what is given does not go together, or `out` is of another evaluation.
    """
    from redone.commands.evaluate import Options, evaluated
    from redone.run.log import Interrupted, Log

    if (config is None) == (not benchmarks):
        raise ValueError("evaluate: on what? Give a configuration or benchmarks, and not both")
    if config is None and overrides:
        raise ValueError("evaluate: overrides are of a configuration; leave them out with benchmarks")
    laid = {**({} if data is None else {"data.root": str(data)}), **({} if seed is None else {"seed": seed})}
    options = Options(
        made=None if config is None else load_config(config, laid, overrides=overrides),
        model_folder=str(model),
        benchmark=",".join([benchmarks] if isinstance(benchmarks, str) else benchmarks) or None,
        data=None if data is None else str(data),
        out=Path(out),
        split=split,
        limit=limit,
        samples=samples,
        temperature=temperature,
        seed=seed,
        think=think,
        likelihood=likelihood,
        base_url=base_url,
    )
    try:
        evaluated(options, Log())
    except Interrupted as where:
        raise KeyboardInterrupt(f"{out}: stopped {where}; the same call goes on with it") from None
    return Evaluation(Path(out))


def score(task: Task, record: Record, answer: str, *, finished: bool = True) -> Verdict:
    """What the task's reward says of an answer: `score` (0 to 1), `reason`, `parts` and `note`.

    answer: as a model writes it, with <think>...</think> before it where it reasons. finished: whether the budget let
    it end. Code runs in the sandbox. Raises ValueError where a judge would have to decide.
    """
    from redone.run.scoring import Asked, in_process

    if record.task != task.name:
        raise ValueError(f"{record.id} is a record of task {record.task}, not of {task.name}")
    [[verdict]] = in_process({task.name: task})([Asked(record, [(answer, finished)])])
    return verdict


def compare(a: Evaluation | Files, b: Evaluation | Files) -> dict[str, Any]:
    """Paired differences of two evaluations, B less A, on the records that both answered; as `redone compare --json`.

    `benchmarks` is set (`tasks`, or a benchmark) to its `subsets` and `averages`, down to `a`, `b`, `difference`
    (points of 100), `interval` (95 %, bootstrap over records), `changed` (records) and `clear`; of a subset also the
    records that were `gained` and `lost`. Raises ValueError where they have no record in common.
    """
    from redone.measure.compare import compare

    return compare(*(one.folder if isinstance(one, Evaluation) else Path(one) for one in (a, b)))


def metrics(run: Run | Files) -> Columns:
    """A run's training as columns: a row for each step, whose `task` is "", and in reinforcement one for each task that
    was sampled in it.

    `stage`, `step` and `task` come first, then every number of metrics.jsonl (docs/data.md); None where a row has
    none. `pandas.DataFrame(columns)` and `polars.DataFrame(columns)` take them as they are.
    """
    return _columns(("stage", "step", "task"), _steps(_folder(run)))


def rollouts(run: Run | Files) -> Columns:
    """Every answer that was sampled in reinforcement, as columns: `stage`, `step`, `task`, `id` (of the record),
    `prompt`, `text`, `score` (0 to 1), `reason`, `advantage` (None: not trained on), `length` (tokens) and whatever
    else rollouts.jsonl.gz holds (docs/data.md)."""
    from redone.report.read import rows_of

    def rows() -> Iterator[dict[str, Any]]:
        for stage in Run(_folder(run)).stages:
            yield from ({"stage": stage, **row} for row in rows_of(_folder(run), stage, "rollouts.jsonl.gz"))

    return _columns(("stage", "step", "task", "id"), rows())


def scores(evaluation: Evaluation | Files) -> Columns:
    """An evaluation's verdicts as columns, a row for each answer in each reading: `set` ("tasks", or a benchmark),
    `subset` (the task), `id` (of the record), `reading`, `sample` (from 0), `score` (0 to 1), `reason`, `note`."""
    from redone.measure.compare import read_result

    found = read_result(evaluation.folder if isinstance(evaluation, Evaluation) else Path(evaluation))
    head = ("set", "subset", "id", "reading", "sample", "score", "reason", "note")
    rows = (
        dict(zip(head, (name, item.subset, item.id, reading, sample, one.score, one.reason, one.note)))
        for name, items in found.items.items()
        for item in items.values()
        for reading, verdicts in item.readings.items()
        for sample, one in enumerate(verdicts)
    )
    return _columns(head, rows)


def _folder(run: Run | Files) -> Path:
    return run.folder if isinstance(run, Run) else Path(run)


def _tables(where: str, table: Mapping[str, Any]) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """The table's keys one by one, a table for each part of a dotted one; as the configuration is laid."""
    for key, value in table.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        yield Path(where), "", value


def _steps(folder: Path) -> Iterator[dict[str, Any]]:
    from redone.report.read import rows_of

    for stage in Run(folder).stages:
        for row in rows_of(folder, stage, "metrics.jsonl"):
            for task, mine in {"": row, **row.get("tasks", {})}.items():
                numbers = {
                    key: value for key, value in mine.items() if value is None or isinstance(value, (int, float))
                }
                yield {"stage": stage, **numbers, "step": row["step"], "task": task}


def _columns(first: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> Columns:
    """The rows as columns: those named first, then whatever else any row has, None where it has not."""
    made: Columns = {name: [] for name in first}
    count = 0
    for count, row in enumerate(rows, 1):
        for name in row:
            made.setdefault(name, [None] * (count - 1))
        for name, column in made.items():
            column.append(row.get(name))
    return made
