"""Whether every question reaches the model whole, and every reference answer comes back from it, in its own tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from redone.checks.check import every, listed, without
from redone.checks.lengths import Lengths, TooLong, long_answers, long_prompts, together
from redone.data.encode import Encoder, Written
from redone.data.load import Dataset
from redone.mistakes import gathered, refuse
from redone.records import Prompt, Record, Task
from redone.rewards import JUDGED, uses
from redone.run.scoring import Asked, ScoreAll
from redone.thinking import split_thinking


class Texts(NamedTuple):
    """The dataset without what is too long, what a person should know of it, and how long the rest is, by task."""

    dataset: Dataset
    notes: list[str]
    lengths: Mapping[str, Lengths]


def check_texts(
    dataset: Dataset,
    encoder: Encoder,
    max_context: int,
    own_context: int,
    score_all: ScoreAll,
    zone: float,
    too_long: Literal["refuse", "drop"] = "refuse",
    advance: Callable[[int], None] = lambda tasks: None,
) -> Texts:
    """With a note for each task that lost records which are too long, or has prompts or answers that spell control
    tokens, which stay text.

    own_context: the longest that the model has. zone: share of a budget that the overlong penalty punishes. Raises
    ValueError naming records whose prompt the chat template does not write whole, or whose reference answer does not
    come back from the model's tokens; the tasks that have prompts which do not fit the context, or reference answers
    that do not fit the budget or lie in that zone, unless `too_long` drops them; and a task whose budget alone takes
    the context, or that is left without data.
    """
    if crowded := [task for task in dataset.tasks.values() if task.budget >= max_context]:
        raise ValueError(
            f"model.max_context = {max_context:,} has no room for a prompt beside the answers of task "
            f"{crowded[0].name}, whose budget is {crowded[0].budget:,} tokens; raise the one or lower the other"
        )
    flaws: list[Flaw] = []
    long: list[tuple[TooLong, TooLong]] = []
    notes: list[str] = []
    lengths = {}
    records, dropped = dict(dataset.records), dict(dataset.too_long)
    for name, task in dataset.tasks.items():
        mine, prompts, unasked = _asked(every(dataset, name), task, encoder)
        answers = encoder.answers([encoder.target_text(record, task) for record in mine])
        taught = [len(ids) for ids in answers]
        found = (long_prompts(mine, task, prompts, max_context, own_context), long_answers(mine, task, taught, zone))
        bad = found[0].places | found[1].places
        if bad and too_long == "drop":
            dropped[name] = len(bad)
            note = (
                f"{name}: {len(bad):,} of {len(mine):,} records left out, too long: {len(found[0].places):,} prompts "
                f"for the context of {max_context:,}, {len(found[1].places):,} reference answers for the budget of "
                f"{task.budget:,}"
            )
            mend = "raise model.max_context, or its budget"
            records[name] = without(dataset, name, {mine[i].id for i in bad}, note, mend)
            notes.append(note)
        else:
            long.append(found)
        kept = [i for i in range(len(mine)) if i not in bad or too_long == "refuse"]
        flaws += unasked + _changed([mine[i] for i in kept], [answers[i] for i in kept], task, encoder, score_all)
        lengths[name] = Lengths([prompts[i] for i in kept], [taught[i] for i in kept])
        notes += _spelled(name, [mine[i] for i in kept], encoder)
        advance(1)
    causes: list[str] = []
    with gathered(causes):
        _refuse_flawed(flaws)
    with gathered(causes):
        _refuse_long(long)
    refuse(causes)
    return Texts(replace(dataset, records=records, too_long=dropped), notes, lengths)


class Flaw(NamedTuple):
    """What is wrong with a record's texts."""

    record: Record
    why: str


def _refuse_flawed(flaws: Sequence[Flaw]) -> None:
    """With a line for each task and reason, with the first of its records and how many more there are."""
    alike: dict[tuple[str, str], list[Record]] = {}
    for record, why in flaws:
        alike.setdefault((record.task, why), []).append(record)
    lines = [
        f"{mine[0].source} ({mine[0].id}){f' and {len(mine) - 1:,} more of {task}' if len(mine) > 1 else ''}: {why}"
        for (task, why), mine in alike.items()
    ]
    if flaws:
        raise ValueError(f"{len(flaws):,} records cannot be asked or taught as they are:\n{listed(lines)}")


def _refuse_long(long: Sequence[tuple[TooLong, TooLong]]) -> None:
    """long: of tasks, their prompts and their reference answers."""
    kinds = [[one for one in kind if one.places] for kind in zip(*long)]
    if lines := [f"  {together(kind)}" for kind in kinds if kind]:
        said = 'records are too long; make room for them, or set data.too_long = "drop", which leaves them out:'
        raise ValueError("\n".join([said, *lines]))


def check_prompts(prompts: Sequence[Prompt], encoder: Encoder, name: str) -> list[str]:
    """A note where prompts of the benchmark spell control tokens. Raises ValueError naming those that the chat template
    does not write whole, before anything is asked."""
    problems = []
    spelled = 0
    for prompt in prompts:
        try:
            question = encoder.asked(prompt.messages, prompt.think)
            if encoder.spells(prompt.messages):
                spelled += 1
                encoder.ids([question])
        except ValueError as error:
            problems.append(f"{prompt.key}: {error}")
    if problems:
        raise ValueError(f"{name}: {len(problems)} prompts cannot be asked:\n{listed(problems)}")
    return [f"{name}: {spelled} prompts spell control tokens, which stay text in them"] if spelled else []


def _asked(records: Sequence[Record], task: Task, encoder: Encoder) -> tuple[list[Record], list[int], list[Flaw]]:
    """The records that can be asked, the tokens of their prompts, and what is wrong with the others."""
    flaws = []
    questions: list[tuple[Record, Written]] = []
    for record in records:
        try:
            questions.append((record, encoder.asked(record.messages, task.think)))
        except ValueError as error:
            flaws.append(Flaw(record, str(error)))
    lengths = [len(ids) for ids in encoder.ids([question for _, question in questions])]
    return [record for record, _ in questions], lengths, flaws


def _changed(
    records: Sequence[Record], answers: Sequence[Sequence[int]], task: Task, encoder: Encoder, score_all: ScoreAll
) -> list[Flaw]:
    """The reference answers that do not come back from their tokens."""
    changed: list[tuple[Record, str]] = []
    for record, ids in zip(records, answers):
        read = encoder.decode(ids, task.think)
        if (split_thinking(read)[1] or "").strip() != record.answer.strip():
            changed.append((record, read))
    if changed and not uses(task, JUDGED):  # a reward may read the other spelling all the same
        verdicts = score_all([Asked(record, [(read, True)]) for record, read in changed])
        changed = [one for one, [verdict] in zip(changed, verdicts) if verdict.score != 1.0]
    return [
        Flaw(
            record,
            f"the reference answer {record.answer!r:.200} comes back from the model's tokens as "
            f"{split_thinking(read)[1] or ''!r:.200}, so no model can give it; write it otherwise",
        )
        for record, read in changed
    ]


def _spelled(name: str, records: Sequence[Record], encoder: Encoder) -> list[str]:
    prompts = sum(encoder.spells(record.messages) for record in records)
    answers = sum(bool(encoder.control.search(record.answer)) for record in records)
    if not prompts and not answers:
        return []
    return [f"{name}: {prompts} prompts and {answers} answers spell control tokens, which stay text in them"]
