"""What a benchmark asks of a model, and the file that its answers stream to.

A line of the file is an answer: {"id", "output", "finished"}; "sample" where there are several, "thinking" where there
was some, "cut" where the model did not see the first that many tokens of a prompt, "likelihoods" of choices. Answers
that are in the file are not asked for again, so that the same call goes on where it was stopped, or killed: all that is
lost is what was in flight. Greedy answers are then those of a call that was never stopped, up to how the device rounds
in batches of other sizes; samples are other draws from the same model.
"""

import json
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from redone.data.encode import OPEN, Encoder
from redone.data.mix import derive_seed
from redone.files import numbered_jsonl
from redone.model.policy import Policy
from redone.records import Prompt, Record, Task
from redone.rewards.extract import split_thinking
from redone.run.log import Interrupted, Log
from redone.sample.choosing import Chooser
from redone.sample.local import make_sampler
from redone.served.client import Service
from redone.served.endpoint import Endpoint

_SURROGATE = re.compile("[\ud800-\udfff]")

Line = dict[str, Any]
Made = Generator[Sequence[Line], None, None]


class Question(NamedTuple):
    record: Record
    task: Task  # of the record's subset: prompt, budget, thinking
    stop: Sequence[str] = ()  # the answer ends before the first of these
    choices: Sequence[str] = ()  # the answers among which `Choosing` chooses


class Wanted(NamedTuple):
    question: Question
    samples: Sequence[int]  # the numbers of those that are not there yet


class Source(Protocol):
    chats: bool  # it ends its answers itself: stop texts, which are for a model that completes a text, do not apply

    def answers(self, wanted: Sequence[Wanted], *, samples: int, temperature: float, seed: int) -> Made:
        """Lines of the file as they come, in any order; none now and then, so that the caller can stop."""


def ask(
    source: Source,
    questions: Sequence[Question],
    path: Path,
    *,
    samples: int = 1,
    temperature: float = 1.0,
    seed: int,
    log: Log,
    label: str,
) -> None:
    """Add to the file `path` the answers to the questions that are not in it yet, as soon as each is there.

    temperature: of several samples; a single answer is greedy. Raises Interrupted after ctrl-C, and ValueError where an
    endpoint gives up, with what is there kept and counted.
    """
    there = answered(path, samples)
    wanted = []
    for question in questions:
        question = question._replace(stop=()) if source.chats else question
        if left := [n for n in range(samples) if (question.record.id, n) not in there]:
            wanted.append(Wanted(_clean(question), left))
    total, missing = len(questions) * samples, sum(len(one.samples) for one in wanted)
    if not wanted:
        return
    if there:
        log.line(f"{label}: {total - missing} of {total} answers are in {path} already")
    cut = 0
    made = source.answers(wanted, samples=samples, temperature=temperature if samples > 1 else 0.0, seed=seed)
    with closing(made), path.open("a", encoding="utf-8") as file:
        try:
            with log.bar(label, missing) as bar:
                for lines in made:
                    file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
                    file.flush()
                    missing -= len(lines)
                    cut += sum("cut" in line for line in lines)
                    bar.advance(len(lines))
        except Interrupted:
            raise Interrupted(f"during {label}; {total - missing} of {total} answers are in {path}") from None
        except ValueError as error:
            kept = f"{total - missing} of {total} answers are in {path}"
            raise ValueError(f"{error}; {kept}; go on with the same command") from None
    if cut:
        log.line(f"{label}: {cut} prompts were longer than the model's context; it did not see their beginnings")


def answered(path: Path, samples: int) -> set[tuple[str, int]]:
    """(id, sample) of every answer in the file, which loses a last line that was cut off.

    Raises ValueError where it holds another number of samples.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        return set()
    with path.open("r+b") as file:
        file.truncate(file.read().rfind(b"\n") + 1)
    there = set()
    for line, row in numbered_jsonl(path):
        if not isinstance(row.get("id"), str):
            raise ValueError(f"{path}:{line}: no answer, it has no id; give another --out")
        if ("sample" in row) != (samples > 1) or row.get("sample", 0) not in range(samples):
            raise ValueError(f"{path}:{line}: made with another number of samples than {samples}; give another --out")
        there.add((row["id"], row.get("sample", 0)))
    return there


class Local:
    """A model in this process. rows: most answers decoded at once."""

    def __init__(self, policy: Policy, encoder: Encoder, rows: int = 64) -> None:
        self.policy, self.encoder, self.rows = policy, encoder, rows
        self.chats = encoder.chats

    def answers(self, wanted: Sequence[Wanted], *, samples: int, temperature: float, seed: int) -> Made:
        """All samples of a question are drawn together, from a seed that counts what is wanted."""
        drawn = derive_seed(seed, "answers", len(wanted), wanted[0].question.record.id)
        sampler = make_sampler(
            self.policy,
            self.encoder,
            group=samples,
            temperature=temperature,
            seeds=lambda version: drawn,
            rows=self.rows,
        )
        by_id = {one.question.record.id: one for one in wanted}
        for texts in sampler.ask([_prompt(one.question) for one in wanted]):
            yield [
                _line(by_id[t.key].question, t.sample, samples, t.text, t.finished, cut=t.cut)
                for t in texts
                if t.sample in by_id[t.key].samples
            ]


class Choosing:
    """A model in this process that chooses by log-likelihood."""

    def __init__(self, policy: Policy, encoder: Encoder) -> None:
        self.chooser = Chooser(policy, encoder)
        self.chats = encoder.chats

    def answers(self, wanted: Sequence[Wanted], *, samples: int, temperature: float, seed: int) -> Made:
        if samples > 1:
            raise ValueError("log-likelihood chooses one answer; ask for one sample")
        by_id = {one.question.record.id: one.question for one in wanted}
        for texts in self.chooser.ask([_prompt(one.question) for one in wanted]):
            yield [
                {
                    **_line(by_id[t.key], 0, 1, t.text, True, cut=t.cut),
                    "likelihoods": {choice: round(value, 6) for choice, value in t.likelihoods.items()},
                }
                for t in texts
            ]


class Remote:
    """A model that is served elsewhere; `say` is told of outages."""

    chats = True

    def __init__(self, service: Service, say: Callable[[str], None]) -> None:
        self.service, self.say = service, say

    def answers(self, wanted: Sequence[Wanted], *, samples: int, temperature: float, seed: int) -> Made:
        """Every sample is a request of its own, with a seed of its own, which an endpoint may ignore."""
        asked = {question.record.id: question for question, _ in wanted}
        missing = {(question.record.id, n) for question, numbers in wanted for n in numbers}
        there = {(key, n) for key in asked for n in range(samples)} - missing
        endpoint = Endpoint(self.service, samples, temperature, seed, self.say, there)
        for texts in endpoint.ask([Prompt(key, q.record.messages, q.task.budget) for key, q in asked.items()]):
            yield [_line(asked[t.key], t.sample, samples, t.text, t.finished, t.thinking) for t in texts]


def parted(text: str, stop: Sequence[str]) -> tuple[str, str, bool]:
    """(thinking, answer, whether a stop text ended it): the answer is what follows a closed thinking part, up to the
    first stop text in it. Thinking that never closes leaves no answer."""
    thinking, answer = split_thinking(text)
    if thinking is None and text.lstrip().startswith(OPEN):
        return text.lstrip().removeprefix(OPEN), "", False
    ends = [place for one in stop if (place := answer.find(one)) >= 0]
    return thinking or "", answer[: min(ends, default=len(answer))], bool(ends)


def _line(
    question: Question, n: int, samples: int, text: str, finished: bool, thinking: str = "", cut: int = 0
) -> Line:
    thought, output, stopped = parted(text, question.stop)
    line: Line = {"id": question.record.id, "output": whole(output)}
    if samples > 1:
        line["sample"] = n
    line["finished"] = finished or stopped
    if thought or thinking:
        line["thinking"] = whole(thinking or thought)
    if cut:
        line["cut"] = cut
    return line


def whole(text: str) -> str:
    """The text with U+FFFD for halves of surrogate pairs, which are no text."""
    return _SURROGATE.sub("\ufffd", text)


def _clean(question: Question) -> Question:
    messages = tuple({**message, "content": whole(message["content"])} for message in question.record.messages)
    return question._replace(record=replace(question.record, messages=messages))


def _prompt(question: Question) -> Prompt:
    record, task = question.record, question.task
    return Prompt(record.id, record.messages, task.budget, task.think, question.stop, question.choices, go_on=True)
