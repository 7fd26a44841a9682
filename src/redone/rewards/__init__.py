"""Rewards: pure functions from a record and an answer to a verdict.

A reward that needs the outside, code that is run or a judge, gives a Pending: its requests, as data, and the verdict on
the replies. The run performs the act between them (run/scoring.py).

A task names one of REWARDS, gives it options, and names one of METRICS for its score over many records.
"""

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, get_args, get_origin

from redone.mistakes import nearest
from redone.records import Record, Task, Verdict
from redone.rewards.compose import flaw as composition_flaw
from redone.rewards.compose import gate, product, weighted
from redone.rewards.exact import exact
from redone.rewards.extract import extracted
from redone.rewards.faithful import faithful
from redone.rewards.ifeval import ifeval
from redone.rewards.judged import graded, preferred
from redone.rewards.labels import KINDS, PER_LABEL, counts
from redone.rewards.mathematics import mathematics
from redone.rewards.metrics import anls, bleu, chrf, set_f1, token_f1
from redone.rewards.outside import Found, together
from redone.rewards.pattern import pattern
from redone.rewards.program import asserts, calls, expression, program
from redone.rewards.schema import json_schema, sections, tags
from redone.rewards.similarity import rouge_1, rouge_2, rouge_l
from redone.texts import whole
from redone.thinking import split_thinking

REWARDS: dict[str, Callable[..., Found]] = {
    "exact": exact,
    "set_f1": set_f1,
    "chrf": chrf,
    "bleu": bleu,
    "anls": anls,
    "token_f1": token_f1,
    "expression": expression,
    "program": program,
    "calls": calls,
    "asserts": asserts,
    "pattern": pattern,
    "ifeval": ifeval,
    "faithful": faithful,
    "mathematics": mathematics,
    "rouge_1": rouge_1,
    "rouge_2": rouge_2,
    "rouge_l": rouge_l,
    "json_schema": json_schema,
    "tags": tags,
    "sections": sections,
    "judge": graded,
    "judge_pair": preferred,
}
COMPOSED: Mapping[str, Callable[..., Found]] = {  # of any of REWARDS, themselves included
    "product": product,
    "weighted": weighted,
    "gate": gate,
}
REWARDS |= {name: partial(reward, REWARDS) for name, reward in COMPOSED.items()}
JUDGED = ("judge", "judge_pair")
SANDBOXED = ("expression", "program", "calls", "asserts")
COMPARING = (  # the rewards that compare with the reference answer, and nothing else decides
    "exact", "set_f1", "chrf", "bleu", "anls", "token_f1", "mathematics", "rouge_1", "rouge_2", "rouge_l"
)  # fmt: skip
METRICS = ("mean", "micro_f1", *PER_LABEL)  # what sums up a task's verdicts: keys of benchmark.readings.AGGREGATES
COUNTING = ("set_f1", "token_f1")  # the rewards whose parts micro_f1 can add up
LONGEST = 20_000  # characters of an answer: Unicode normalisation can take time quadratic in them


def score(task: Task, record: Record, text: str, finished: bool = True) -> Found:
    """The verdict on one answer as the model wrote it, or what it waits for; `finished` is False where the budget
    cut it off.

    "right" means that the score reaches task.pass_at. Thinking that never closes, and an answer of more than LONGEST
    characters, score 0 whatever they say, with the counts of an empty answer, so that micro_f1 still sees what was
    wanted.
    """
    _, answer = split_thinking(whole(text))
    if answer is None:
        answer, flaw = "", "no closed thinking"
    elif len(answer) > LONGEST:
        flaw = f"more than {LONGEST} characters"
    else:
        flaw = ""
    found = "" if flaw else extracted(answer.strip(), task.extract)

    def finish(verdicts: Sequence[Verdict]) -> Verdict:
        [verdict] = verdicts
        if flaw:
            verdict = Verdict(0.0, "unparsable", {**verdict.parts, "parsed": 0.0}, flaw)
        if not flaw and verdict.score >= task.pass_at:
            verdict = replace(verdict, reason="right")
        elif not finished:
            verdict = replace(verdict, reason="truncated")
        return counted(task, record, verdict)

    return together([compared(REWARDS[task.reward], record, found, task.options)], finish)


def said(task: Task, record: Record, text: str) -> str:
    """The label that the task's reward reads in an answer, as `Verdict.said` has it; of `record.gold_text` that of the
    record itself."""
    found = score(task, record, text) if task.reward == "exact" else None
    return found.said if isinstance(found, Verdict) else ""


def counted(task: Task, record: Record, verdict: Verdict) -> Verdict:
    """The verdict with the counts of labels, where the task's metric adds them up. Of a record with several right
    answers, its label is the one that was said, where one was."""
    if task.metric not in PER_LABEL:
        return verdict
    label = verdict.said
    if verdict.score < 1.0:
        own = compared(REWARDS[task.reward], record, extracted(record.answer.strip(), task.extract), task.options)
        assert isinstance(own, Verdict)
        label = own.said
    return replace(verdict, parts={**verdict.parts, **counts(label, verdict.said, task.classes)})


def compared(reward: Callable[..., Found], record: Record, answer: str, options: Mapping[str, Any]) -> Found:
    """The best verdict, by score, over the reference answer and the accepted ones; of equals the first."""
    first = reward(record, answer, **options)
    if not record.accepted:
        return first
    found = [first, *(reward(replace(record, answer=one), answer, **options) for one in record.accepted)]
    return together(found, lambda verdicts: max(verdicts, key=lambda v: v.score))


def validate_options(task: Task) -> None:
    """Raise ValueError naming the task where its reward, an option of it, its metric or its pass_at cannot be."""
    for what, name, known in (("reward", task.reward, REWARDS), ("metric", task.metric, METRICS)):
        if name not in known:
            raise ValueError(f"task {task.name}: unknown {what} {name!r}{_near(name, known)}")
    if not isinstance(task.pass_at, (int, float)) or not 0 < task.pass_at <= 1:
        raise ValueError(f"task {task.name}: pass_at is {task.pass_at!r}, not above 0 and at most 1")
    _check_options(f"task {task.name}: reward {task.reward}", task.reward, task.options)
    try:
        extracted("", task.extract)
    except (ValueError, TypeError, AttributeError, re.error) as error:
        raise ValueError(f"task {task.name}: {error}") from None
    if task.accepted and (uses(task, JUDGED) or not uses(task, COMPARING)):
        raise ValueError(
            f"task {task.name}: accepted lists further answers, and its reward {task.reward} does not compare with the "
            f"answer alone; that do {', '.join(COMPARING)}"
        )
    if task.metric == "micro_f1" and task.reward not in COUNTING:
        raise ValueError(f"task {task.name}: metric micro_f1 needs the counts of {' or '.join(COUNTING)}")
    if task.metric in PER_LABEL and (task.reward != "exact" or task.options.get("kind", "text") not in KINDS):
        raise ValueError(
            f"task {task.name}: metric {task.metric} is a mean over labels, which the reward exact alone reads, of "
            f"kind {', '.join(KINDS)}"
        )
    if task.classes and task.metric not in PER_LABEL:
        raise ValueError(
            f"task {task.name}: classes are the labels that {' or '.join(PER_LABEL)} is the mean over; its metric is "
            f"{task.metric}"
        )


def _check_options(where: str, reward: str, options: Mapping[str, Any]) -> None:
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(REWARDS[reward]).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for name, value in options.items():
        if name not in parameters:
            raise ValueError(f"{where} has no option {name!r}{_near(name, parameters)}")
        wanted = parameters[name].annotation
        if get_origin(wanted) is Literal:
            if value not in get_args(wanted):
                raise ValueError(f"{where}: {name} cannot be {value!r}{_near(str(value), get_args(wanted))}")
        elif type(value) is not (get_origin(wanted) or wanted):
            raise ValueError(f"{where}: {name} is {value!r}, not of type {wanted.__name__}")
        elif name == "separator" and not value:
            raise ValueError(f"{where}: the separator is empty")
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in options:
            raise ValueError(f"{where} needs the option {name!r}")
    if reward in COMPOSED:
        if problem := composition_flaw(REWARDS, reward, options):
            raise ValueError(f"{where}: {problem}")
        for part in options["of"]:
            _check_options(f"{where}: its part {part['reward']}", part["reward"], part.get("options", {}))


def uses(task: Task, names: Collection[str]) -> bool:
    """Whether one of these rewards decides, in whole or in part."""

    def within(reward: str, options: Mapping[str, Any]) -> bool:
        parts = options.get("of", ()) if reward in COMPOSED else ()
        return reward in names or any(within(part["reward"], part.get("options", {})) for part in parts)

    return within(task.reward, task.options)


def _near(name: str, known: Iterable[str]) -> str:
    known = list(known)
    return nearest(name, known) or f"; there are {', '.join(known) or 'none'}"
