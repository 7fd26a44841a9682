"""Prompts to answers on disk: a line each, written as it comes, and the same call goes on where it was stopped.

A line is {"id", "sample", "output", "finished"}; "missing", why there is no answer and the output is empty, and "said",
what an endpoint or its model said instead; "text", all that the model wrote, where that is more than the output, which
is what follows its thinking; "thinking" that an endpoint gives apart; "logprob", the mean of the tokens'; "cut", where
the model did not see the first that many tokens of a prompt; "likelihoods" of choices.

A model in this process is asked unit by unit: prompts in their order, always the same ones together, from a seed of
the unit's own. What an unfinished unit has is asked for again, so that a call that was stopped or killed ends with the
bytes of one that was not. Of an endpoint every answer stands by itself and is kept.
"""

import gzip
import re
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from redone.files import dumps, numbered_jsonl, write_bytes
from redone.measure.missing import missing_of
from redone.records import Prompt, Text
from redone.run.log import Interrupted, Log
from redone.sample.protocol import Asks
from redone.texts import whole
from redone.thinking import CLOSE, OPEN, split_thinking

Line = dict[str, Any]
Key = tuple[str, int]  # id, sample
_HAS = {"id": str, "output": str, "finished": bool}  # what every line has


class Unit(NamedTuple):
    """A unit ends when it has so many answers, and so many tokens of answers and characters of prompts."""

    answers: int
    tokens: int


@dataclass(frozen=True)
class Answerer:
    """Who is asked, for `samples` answers to each prompt.

    make: what answers the unit of that number, given what is there already; called when something is missing, so that
    no model is loaded before. unit: None where every answer stands by itself.
    """

    samples: int
    make: Callable[[int, Collection[Key]], Asks]
    unit: Callable[[], Unit] | None = None


def ask(answerer: Answerer, prompts: Sequence[Prompt], path: Path, *, log: Log, label: str) -> list[list[Line]]:
    """The lines of each prompt's answers, in order, after the file has them all; one that ends in .gz is compressed
    then.

    Raises Interrupted after ctrl-C, and ValueError where an endpoint gives up, with what is there kept and counted.
    """
    growing = path.with_suffix("") if path.suffix == ".gz" else path
    if growing == path or not path.exists():
        _complete(answerer, list(map(_clean, prompts)), growing, log, label)
        if growing != path:
            _compress(growing, path)
    found: dict[Key, Line] = {(row["id"], row.get("sample", -1)): row for _, row in _lines(path)}
    missing = [p.key for p in prompts if any((p.key, n) not in found for n in range(answerer.samples))]
    if missing:
        raise ValueError(f"{path}: it lacks answers to {len(missing)} prompts, first {missing[0]}; remove it")
    return [[found[prompt.key, n] for n in range(answerer.samples)] for prompt in prompts]


def _complete(answerer: Answerer, prompts: Sequence[Prompt], path: Path, log: Log, label: str) -> None:
    wanted = [(prompt.key, n) for prompt in prompts for n in range(answerer.samples)]
    there = _there(path, set(wanted), answerer.samples)
    if len(there) == len(wanted):
        return
    units = [list(prompts)] if answerer.unit is None else cut(prompts, answerer.unit(), answerer.samples)
    first = 0
    if answerer.unit is not None:
        first, kept, size = _whole_units(units, there, answerer.samples)
        there = there[:kept]
        with path.open("ab") as file:
            file.truncate(size)
    done, long = len(there), 0
    if done:
        log.line(f"{label}: {done} of {len(wanted)} answers are in {path} already")
    with log.bar(label, len(wanted) - done) as bar, path.open("a", encoding="utf-8") as file:
        for number in range(first, len(units)):
            mine = 0
            try:
                asks = answerer.make(number, [key for key, _ in there])
                with closing(_each(asks, units[number])) as some:
                    for lines in some:
                        file.writelines(dumps(line) + "\n" for line in lines)
                        file.flush()
                        mine += len(lines)
                        long += sum("cut" in line for line in lines)
                        bar.advance(len(lines))
            except (Interrupted, ValueError) as error:
                kept_lines = f"{done + (0 if answerer.unit else mine)} of {len(wanted)} answers are in {path}"
                if isinstance(error, Interrupted):
                    raise Interrupted(f"during {label}; {kept_lines}") from None
                raise ValueError(f"{error}; {kept_lines}; go on with the same command") from None
            done += mine
    if long:
        log.line(f"{label}: {long} prompts were longer than the model's context; it did not see their beginnings")


def _each(asks: Asks, prompts: Sequence[Prompt]) -> Generator[list[Line], None, None]:
    for texts in asks.ask(prompts):
        yield [line_of(text) for text in texts]


def _there(path: Path, wanted: Collection[Key], samples: int) -> list[tuple[Key, int]]:
    """(id, sample) of every line and the byte it ends at, in order; the file loses a last line that was cut off.

    Raises ValueError naming a line that does not belong to these prompts.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return []
    with path.open("r+b") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
    ends = [match.end() for match in re.finditer(b"\n", data)]
    there: list[tuple[Key, int]] = []
    for number, row in _lines(path):
        sample = row.get("sample")
        if type(sample) is not int or sample not in range(samples):
            raise ValueError(f"{path}:{number}: made with another number of samples than {samples}; give another --out")
        key = (row["id"], sample)
        if key not in wanted:
            raise ValueError(f"{path}:{number}: {key[0]} is none of the prompts; give another --out")
        there.append((key, ends[number - 1]))
    if len({key for key, _ in there}) < len(there):
        raise ValueError(f"{path}: an answer stands there twice; give another --out")
    return there


def _lines(path: Path) -> Iterator[tuple[int, Line]]:
    """The file's lines and their numbers. Raises ValueError naming one that is no answer."""
    for number, row in numbered_jsonl(path):
        lacks = [key for key, kind in _HAS.items() if type(row.get(key)) is not kind]
        if lacks or type(row.get("text", "")) is not str:
            what = f"it has no {lacks[0]}" if lacks else "its text is none"
            raise ValueError(f"{path}:{number}: no answer, {what}; remove the file, or give another --out")
        yield number, row


def cut(prompts: Sequence[Prompt], unit: Unit, samples: int) -> list[list[Prompt]]:
    """The prompts in units, in their order."""
    units: list[list[Prompt]] = []
    answers = tokens = 0
    for prompt in prompts:
        if not units or (answers >= unit.answers and tokens >= unit.tokens):
            units.append([])
            answers = tokens = 0
        units[-1].append(prompt)
        answers += samples
        tokens += samples * prompt.budget + sum(len(message["content"]) for message in prompt.messages)
    return units


def _whole_units(
    units: Sequence[Sequence[Prompt]], there: Sequence[tuple[Key, int]], samples: int
) -> tuple[int, int, int]:
    """How many units the file begins with that are whole; their lines; their bytes."""
    lines = size = 0
    for number, unit in enumerate(units):
        end = lines + len(unit) * samples
        if {key for key, _ in there[lines:end]} != {(prompt.key, n) for prompt in unit for n in range(samples)}:
            return number, lines, size
        lines, size = end, there[end - 1][1]
    return len(units), lines, size


def _compress(growing: Path, path: Path) -> None:
    """The lines, gzipped; the file appears whole or not at all."""
    write_bytes(path, gzip.compress(growing.read_bytes(), mtime=0))
    growing.unlink()


def line_of(text: Text) -> Line:
    output = "" if text.missing else split_thinking(text.text)[1] or ""
    line: Line = {"id": text.key, "sample": text.sample, "output": output, "finished": text.finished}
    if missing := text.missing or missing_of(output, text.finished):
        line["missing"] = missing
    if text.said:
        line["said"] = text.said
    if output != text.text:
        line["text"] = text.text
    if text.thinking:
        line["thinking"] = text.thinking
    if text.logprobs:
        line["logprob"] = fmean(text.logprobs)
    if text.cut:
        line["cut"] = text.cut
    if text.likelihoods:
        line["likelihoods"] = {choice: round(value, 6) for choice, value in text.likelihoods.items()}
    return line


def text_of(line: Line) -> Text:
    """The text of a line, as a model writes it, with what an endpoint gave apart before its own thinking; of its
    log-probabilities there is the mean alone."""
    text: str = line["text"] if "text" in line else line["output"]
    own, answer = split_thinking(text)
    if "thinking" in line and answer is not None:
        text = f"{OPEN}{line['thinking'].replace(CLOSE, '')}{own}{CLOSE}{answer}"
    logprobs = (line["logprob"],) if "logprob" in line else ()
    return Text(line["id"], line["sample"], text, line["finished"], logprobs, missing=line.get("missing", ""))


def _clean(prompt: Prompt) -> Prompt:
    messages = tuple({**message, "content": whole(message["content"])} for message in prompt.messages)
    return replace(prompt, messages=messages)
