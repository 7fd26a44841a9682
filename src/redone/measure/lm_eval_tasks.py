"""Tasks of lm-evaluation-harness: theirs are data, prompts, filters and metrics; ours is the model that answers.

OUT/lm-eval/lm_eval.json           the harness's own results
OUT/lm-eval/samples_<task>.jsonl   and its own records
and beside them what every set has: predictions.jsonl, items.jsonl, prompts.jsonl.gz, scores.json.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.files import dumps, read_object, write_bytes, write_json, write_jsonl
from redone.measure.items import Item, item_line, write_prompts
from redone.measure.score import DRAWS, scores
from redone.measure.shape import Shape, SubsetShape
from redone.mistakes import nearest
from redone.records import Record, Verdict

if TYPE_CHECKING:
    from redone.sample.lm_eval_model import HarnessModel

SET = "lm-eval"
TITLE = "lm-evaluation-harness"
INSTALL = "pip install 'redone[lm-eval]'"
_FIRST = "each task's first metric"
_ABOUT = "The harness's own tasks, prompts and metrics; where there is a limit, the first documents of each task."
_SMALLEST = 1e-9  # difference that is rounding

Sample = Mapping[str, Any]  # a record of the harness: what one filter made of the answers to one document


@dataclass(frozen=True)
class Tasks:
    """What the harness found under the names."""

    names: Sequence[str]
    manager: Any
    top: Sequence[Any]  # its tasks and groups, without those that lie in another group
    version: str


def found(names: Sequence[str], include: Path | None) -> Tasks:
    """The tasks, their data read. include: a folder of further task files.

    Raises ValueError where the harness is not installed, does not know a name, or cannot read a task or its data, and
    where a task would run code that a model wrote.
    """
    try:
        lm_eval, _ = map(import_module, ("lm_eval", "sqlitedict"))  # the second keeps what was answered
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise ValueError(f"--lm-eval needs {TITLE}: {INSTALL} ({error})") from None
    if include is not None and not include.is_dir():
        raise ValueError(f"--lm-eval-include: there is no folder {include}")
    try:
        manager = TaskManager(include_path=include)
        unknown = [name for name in names if name not in manager.task_index]
        loaded = {} if unknown else manager.load(list(names))
    except Exception as error:  # of whatever kind: what the harness, its tasks and the sources of their data raise
        said = " ".join(str(error).split())
        raise ValueError(f"--lm-eval: {', '.join(names)}: {type(error).__name__}: {said:.300}") from None
    if unknown:
        raise ValueError(f"--lm-eval: {TITLE} has no task {unknown[0]}{nearest(unknown[0], manager.all_tasks)}")
    if code := [name for name, task in loaded["tasks"].items() if getattr(task, "UNSAFE_CODE", False)]:
        raise ValueError(
            f"--lm-eval: {', '.join(code)} would run code that a model wrote as it is; --benchmark humaneval,mbpp run "
            "it in the sandbox"
        )
    inside = {child for children in loaded["group_map"].values() for child in children}
    each = {**loaded["groups"], **loaded["tasks"]}
    top = [one for name, one in each.items() if name not in inside]
    return Tasks(names, manager, top, getattr(lm_eval, "__version__", ""))


def fingerprint(tasks: Tasks, include: Path | None, limit: int | None, chat: bool) -> str:
    """Of what is asked, as far as names and files say it."""
    own = sorted(path for path in include.rglob("*") if path.suffix in (".yaml", ".yml", ".py")) if include else []
    files = {str(path.relative_to(include)): path.read_text(encoding="utf-8") for path in own if include}
    told = json.dumps([list(tasks.names), tasks.version, limit, chat, files])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def measure(
    tasks: Tasks, model: "Callable[[], HarnessModel]", folder: Path, *, limit: int | None, chat: bool, template: str
) -> dict[str, Any]:
    """The contents of the folder's scores.json; read where it is there already, and gone on with where it was stopped:
    what was answered is kept until the scores are there.

    limit: the first so many documents of each task. chat: whether prompts stand in the model's chat template, examples
    as turns of their own; template: its mark.
    """
    from lm_eval import simple_evaluate

    path, answered = folder / "scores.json", folder / "answered"
    if path.exists():
        return read_object(path)
    folder.mkdir(parents=True, exist_ok=True)
    asked = model()
    try:
        results: Any = simple_evaluate(
            model=asked,
            tasks=list(tasks.top),
            limit=limit,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat,
            task_manager=tasks.manager,
            use_cache=str(answered),
            bootstrap_iters=DRAWS,
        )
    finally:
        if (kept := asked.cache_hook.dbdict) is not None:
            kept.close()
    samples = results.pop("samples")
    _write_theirs(folder, results, samples)
    made = {**summarised(results, samples, folder), "chat_template": template}
    write_json(path, made)
    for file in folder.glob(f"{answered.name}_rank*"):
        file.unlink()
    return made


def summarised(results: Mapping[str, Any], samples: Mapping[str, Sequence[Sample]], folder: Path) -> dict[str, Any]:
    """Our own scores of the harness's results, and predictions, items and prompts in the folder.

    A metric has a score here where it is the mean over documents of numbers from 0 to 1, as most are; the others stand
    in `about` as the harness gives them, and so do the scores of groups.
    """
    readings = {task: _readings(results["results"][task], mine) for task, mine in samples.items()}
    items = {task: _items(task, mine) for task, mine in readings.items() if mine}
    subsets = {task: SubsetShape(task, dict.fromkeys(readings[task], "mean")) for task in items}
    shape = Shape(SET, TITLE, subsets, {"average": {task: [task] for task in items}})
    write_jsonl(folder / "predictions.jsonl", (_answer(*one) for one in _documents(samples)))
    write_jsonl(folder / "items.jsonl", (item_line(SET, item) for mine in items.values() for item in mine))
    write_prompts(folder, [_record(*one) for one in _documents(samples)])
    own = scores(shape, items, {}) if items else {"benchmark": SET, "subsets": {}, "average": None}
    beside = list(_beside(results, readings))
    return {
        **own,
        "title": TITLE,
        "about": " ".join([_ABOUT, *beside]),
        "beside": beside,
        "reading": _FIRST,
        "prompts": "the harness's",
        "shape": shape.to_json(),
    }


def _readings(entry: Mapping[str, Any], samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """Metric to document to its value, of the metrics that are such a mean, in the task's order."""
    made = {}
    for key, value in entry.items():
        metric, _, kind = key.partition(",")
        mine = {_id(one): one[metric] for one in samples if one["filter"] == kind and metric in one}
        if mine and all(_is_share(one) for one in mine.values()):
            shares = {id: float(one) for id, one in mine.items()}
            if abs(math.fsum(shares.values()) / len(shares) - value) < _SMALLEST:
                made[_name(key)] = shares
    return made


def _is_share(value: Any) -> bool:
    try:
        return not isinstance(value, (str, list, tuple)) and 0 <= float(value) <= 1
    except (TypeError, ValueError):
        return False


def _name(key: str) -> str:
    return key.removesuffix(",none").replace(",", " ")


def _id(sample: Sample) -> str:
    return f"{sample['doc_id']}"


def _items(task: str, readings: Mapping[str, Mapping[str, float]]) -> list[Item]:
    def verdict(score: float) -> Verdict:
        return Verdict(score, "right" if score == 1 else "wrong")

    ids = [id for id in next(iter(readings.values())) if all(id in mine for mine in readings.values())]
    return [
        Item(task, f"{task}/{id}", "", {name: (verdict(mine[id]),) for name, mine in readings.items()}) for id in ids
    ]


def _documents(samples: Mapping[str, Sequence[Sample]]) -> Iterator[tuple[str, Sample]]:
    """Task and record of every document once, whatever the filters."""
    for task, mine in samples.items():
        yield from ((task, one) for one in {_id(one): one for one in reversed(mine)}.values())


def _record(task: str, one: Sample) -> Record:
    prompt, answer = str(one["arguments"][0][0]), _target(one)
    return Record(f"{task}/{_id(one)}", task, ({"role": "user", "content": prompt},), answer, "eval", TITLE)


def _target(one: Sample) -> str:
    """The reference answer; of options that are numbered the option."""
    options = [arguments[1] for arguments in one["arguments"] if len(arguments) > 1]
    target = one["target"]
    if type(target) is int and target < len(options) and isinstance(options[target], str):
        return str(options[target]).strip()
    return str(target)


def _answer(task: str, one: Sample) -> dict[str, Any]:
    """A line of predictions.jsonl: what was written; of options the likeliest, with the log-likelihood of each."""
    line: dict[str, Any] = {"id": f"{task}/{_id(one)}", "sample": 0, "output": "", "finished": True}
    first = one["resps"][0][0]
    if isinstance(first, str):
        return {**line, "output": first}
    if isinstance(first, (tuple, list)):
        context = one["arguments"][0][0]
        asked = zip(one["arguments"], one["resps"])
        likelihoods = {
            str(arguments[1]).strip(): float(mine[0][0]) for arguments, mine in asked if arguments[0] == context
        }
        return {**line, "output": max(likelihoods, key=lambda key: likelihoods[key]), "likelihoods": likelihoods}
    return {**line, "likelihoods": {"the text": float(first)}}


def _beside(results: Mapping[str, Any], readings: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each number of the harness that is no reading here: of groups, and of other metrics."""
    for name, entry in {**results["results"], **results.get("groups", {})}.items():
        for key, value in entry.items():
            metric, _, kind = key.partition(",")
            if not kind or metric.endswith("_stderr") or type(value) not in (int, float):
                continue
            if _name(key) not in readings.get(name, {}):
                error = entry.get(f"{metric}_stderr,{kind}")
                within = f" (standard error {error:.4f})" if isinstance(error, float) and error == error else ""
                yield f"{name}: {_name(key)} {value:.4f}{within}."


def _write_theirs(folder: Path, results: Mapping[str, Any], samples: Mapping[str, Sequence[Sample]]) -> None:
    from lm_eval.utils import handle_non_serializable

    def plain(value: Any) -> Any:
        """As JSON can hold it; its numbers that are none as texts."""
        return json.loads(json.dumps(value, default=handle_non_serializable), parse_constant=str)

    write_json(folder / "lm_eval.json", plain(results))
    for task, mine in samples.items():
        rows = "".join(dumps(plain(one)) + "\n" for one in mine)
        write_bytes(folder / f"samples_{task.replace('/', '_')}.jsonl", rows.encode())
