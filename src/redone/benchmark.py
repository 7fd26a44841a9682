"""Published benchmarks over predictions that were made elsewhere (`redone score`).

A prediction is a JSON line {"id": "<subset>/<index in file order, from 0>", "output": "..."}; a null output is an empty
answer.
"""

import ast
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.algo.statistics import wilson
from redone.engine.scoring import Asked, ScoreAll
from redone.mistakes import nearest
from redone.records import Record, Task, Verdict, numbered_jsonl
from redone.rewards.program import code_of

HUMANEVAL = Task("humaneval", "general", "code", "{prompt}", "{answer}", "asserts")
MBPP = Task("mbpp", "general", "code", "{prompt}", "{answer}", "asserts")


@dataclass(frozen=True)
class Benchmark:
    """Its task, where its rows are below the data folder, and how a row becomes a record and an output an answer."""

    task: Task
    file: str
    record: Callable[[str, Mapping[str, Any]], Record]
    answer: Callable[[Record, str], str]


def read(name: str, data: Path) -> list[Record]:
    """The benchmark's records in file order. Raises ValueError naming what is missing."""
    if name not in BENCHMARKS:
        raise ValueError(f"there is no benchmark {name}{nearest(name, BENCHMARKS) or ''}; there are {list(BENCHMARKS)}")
    benchmark = BENCHMARKS[name]
    path = data / benchmark.file
    if not path.is_file():
        raise ValueError(f"{name} needs {benchmark.file} in --data; {path} is not there")
    try:
        return [benchmark.record(f"{name}/{i}", row) for i, (_, row) in enumerate(numbered_jsonl(path))]
    except KeyError as missing:
        raise ValueError(f"{path}: a row has no {missing}; is it the file of {name}?") from None


def read_predictions(path: Path, ids: Sequence[str], partial: bool) -> dict[str, str]:
    """Id to output. Raises ValueError naming line and id where a line is no prediction, an id is unknown or doubled,
    or, unless `partial`, missing."""
    known, found = set(ids), dict[str, str]()
    for line, row in numbered_jsonl(path):
        name, output = row.get("id"), row.get("output")
        if not isinstance(name, str) or not isinstance(output, (str, type(None))) or "output" not in row:
            raise ValueError(f'{path}:{line}: not {{"id": text, "output": text or null}}')
        if name not in known:
            raise ValueError(f"{path}:{line}: unknown id {name}; ids are {ids[0]} to {ids[-1]}")
        if name in found:
            raise ValueError(f"{path}:{line}: the id {name} comes twice")
        found[name] = output or ""
    missing = [name for name in ids if name not in found]
    if missing and not partial:
        raise ValueError(
            f"{path}: {len(missing)} of {len(ids)} predictions are missing, first {missing[0]} (--partial)"
        )
    if not found:
        raise ValueError(f"{path}: no predictions")
    return found


def score(
    name: str, records: Sequence[Record], outputs: Mapping[str, str], score_all: ScoreAll
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What `--json` and `--items` hold: the scores, 0 to 100, and a line per record with its verdict.

    Raises ValueError where an answer has no verdict: a score without it would be none.
    """
    mine = [record for record in records if record.id in outputs]
    answer = BENCHMARKS[name].answer
    found = score_all([Asked(record, [(answer(record, outputs[record.id]), True)]) for record in mine])
    verdicts = [verdict for [verdict] in found]
    broken = [(r.id, v.note) for r, v in zip(mine, verdicts) if v.reason == "error"]
    if broken:
        raise ValueError(f"{len(broken)} answers could not be scored, first {broken[0][0]}: {broken[0][1]}")
    items = [_item(record, verdict) for record, verdict in zip(mine, verdicts)]
    right = sum(verdict.score for verdict in verdicts)
    share = 100.0 * right / len(mine)
    interval = [100.0 * bound for bound in wilson(right, len(mine))]
    subsets = {name: {"score": share, "n": len(mine), "interval": interval}}
    return {"benchmark": name, "subsets": subsets, "average": share}, items


def _item(record: Record, verdict: Verdict) -> dict[str, Any]:
    return {"id": record.id, "score": verdict.score, "reason": verdict.reason, "note": verdict.note}


def _record(task: Task, name: str, prompt: str, answer: str, fields: Mapping[str, Any]) -> Record:
    return Record(name, task.name, ({"role": "user", "content": prompt},), answer, "eval", name, fields=fields)


def _humaneval(name: str, row: Mapping[str, Any]) -> Record:
    """Helpers that a prompt defines and a test calls are the prompt's, on the test's side."""
    fields = {
        "tests": [f"check({row['entry_point']})"],
        "setup": f"{row['prompt']}\n{row['test']}",
        "functions": [row["entry_point"]],
    }
    return _record(HUMANEVAL, name, row["prompt"], row["prompt"] + row["canonical_solution"], fields)


def _mbpp(name: str, row: Mapping[str, Any]) -> Record:
    fields = {"tests": row["test_list"], "setup": "\n".join(row["test_imports"])}
    return _record(MBPP, name, row["prompt"], row["code"], fields)


def completed(record: Record, output: str) -> str:
    """HumanEval's prompt with the output: a completion, a whole function, or prose with one of them in a fenced block.

    A completion that lost the indentation of its first line, or of all, gets it back.
    """
    code, prompt = code_of(output), record.prompt_text
    if any(f"def {name}(" in code for name in record.fields["functions"]):
        return f"{prompt}\n{code}"
    lines = code.strip("\n").splitlines(keepends=True)
    if not lines or lines[0][0].isspace():
        return prompt + code
    whole = prompt + textwrap.indent("".join(lines), "    ")
    rest_stands = all(line[0].isspace() for line in lines[1:])
    first = f"{prompt}    {''.join(lines)}"
    return first if rest_stands and _parses(first) else whole


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


BENCHMARKS: Mapping[str, Benchmark] = {
    "humaneval": Benchmark(HUMANEVAL, "HumanEval.jsonl.gz", _humaneval, completed),
    "mbpp": Benchmark(MBPP, "sanitized_test.jsonl.gz", _mbpp, lambda record, output: output),
}
