"""Predictions: JSON lines {"id": "<subset>/<index in file order, from 0>", "output": "..."}, made here or elsewhere.

A null output is an empty answer. Where there are several samples of an answer, "sample" numbers them from 0. What our
own lines say besides counts too: "finished", and "missing", why there is no answer.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from redone.files import numbered_jsonl
from redone.measure.missing import KINDS, missing_of
from redone.records import Missing
from redone.thinking import split_thinking

LONGEST = 1_000_000  # characters of an output


class Output(NamedTuple):
    text: str
    finished: bool = True  # False: cut off
    missing: Missing = ""  # why there is none


Outputs = dict[str, list[Output]]  # id -> its samples, equally many for all


def output_of(line: Mapping[str, Any]) -> Output:
    """What a line of ours, or of another's that is a prediction, says."""
    text, finished = line["output"] or "", line.get("finished", True)
    return Output(text, finished, line.get("missing") or missing_of(split_thinking(text)[1] or "", finished))


def read_predictions(path: Path, ids: Sequence[str], partial: bool, say: Callable[[str], None]) -> Outputs:
    """The outputs, in the order of `ids`.

    Raises ValueError naming line and id where a line is no prediction, and where ids are unknown, doubled or missing;
    with `partial` those are said and left out, of a doubled one all but the first.
    """
    known = set(ids)
    found: dict[str, dict[int, Output]] = {}
    unknown, doubled = [], []
    for line, row in numbered_jsonl(path):
        where = f"{path}:{line}"
        name, output, sample = row.get("id"), row.get("output"), row.get("sample", 0)
        if not isinstance(name, str) or not isinstance(output, (str, type(None))) or "output" not in row:
            raise ValueError(f'{where}: not {{"id": text, "output": text or null}}')
        if type(sample) is not int or sample < 0:
            raise ValueError(f"{where}: sample is {sample!r}, not a number from 0")
        if type(row.get("finished", True)) is not bool or row.get("missing") not in (None, *KINDS):
            raise ValueError(f"{where}: finished is true or false, and missing one of {', '.join(KINDS)}")
        if name not in known:
            unknown.append(f"{name} (line {line})")
        elif sample in found.setdefault(name, {}):
            doubled.append(f"{name} (line {line})")
        else:
            _check(output or "", f"{where}: the output of {name}")
            found[name][sample] = output_of(row)
    samples = 1 + max((sample for mine in found.values() for sample in mine), default=0)
    missing = [name for name in ids if len(found.get(name, ())) < samples]
    wrong = [
        f"{what} ids: {len(names)}, first {names[0]}"
        for what, names in (("unknown", unknown), ("doubled", doubled), ("missing", missing))
        if names
    ]
    if wrong and not partial:
        raise ValueError(
            f"{path}: {'; '.join(wrong)}. Ids run from {ids[0]} to {ids[-1]}; --partial scores what is there"
        )
    if wrong:
        say(f"{path}: {'; '.join(wrong)}: left out")
    left_out = set(missing)
    whole = {name: [found[name][sample] for sample in range(samples)] for name in ids if name not in left_out}
    if not whole:
        raise ValueError(f"{path}: it holds no prediction of this benchmark; ids run from {ids[0]} to {ids[-1]}")
    return whole


def _check(output: str, what: str) -> None:
    if len(output) > LONGEST:
        raise ValueError(f"{what} has {len(output):,} characters, more than {LONGEST:,}; cut it, or give null")
