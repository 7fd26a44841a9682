"""Whether every question reaches the model whole, and every reference answer comes back from it, in its own tokens."""

from collections.abc import Callable, Sequence

from redone.algo.dapo import overlong_cache
from redone.checks.check import every, listed
from redone.data.encode import Asked as Question
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.records import Prompt, Record, Task
from redone.rewards import JUDGED, uses
from redone.run.scoring import Asked, ScoreAll
from redone.thinking import split_thinking


def check_texts(
    dataset: Dataset,
    encoder: Encoder,
    max_context: int,
    score_all: ScoreAll,
    advance: Callable[[int], None] = lambda tasks: None,
) -> list[str]:
    """A note for each task with prompts or answers that spell control tokens, which stay text.

    Raises ValueError naming records whose prompt the chat template does not write whole or that does not fit the
    context, or whose reference answer does not come back from the model's tokens, does not fit the budget, or lies in
    the zone that the overlong penalty punishes.
    """
    problems: list[str] = []
    notes = []
    for name, task in dataset.tasks.items():
        records = every(dataset, name)
        problems += _prompts(records, task, encoder, max_context)
        problems += _targets(records, task, encoder, score_all)
        spelled = sum(encoder.spells(r.messages) for r in records)
        answers = sum(bool(encoder.control.search(r.answer)) for r in records)
        if spelled or answers:
            notes.append(
                f"{name}: {spelled} prompts and {answers} answers spell control tokens, which stay text in them"
            )
        advance(1)
    if problems:
        raise ValueError(f"{len(problems)} records do not fit:\n{listed(problems)}")
    return notes


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


def _prompts(records: Sequence[Record], task: Task, encoder: Encoder, max_context: int) -> list[str]:
    problems = []
    questions: list[tuple[Record, Question]] = []
    for record in records:
        try:
            questions.append((record, encoder.asked(record.messages, task.think)))
        except ValueError as error:
            problems.append(f"{record.source} ({record.id}): {error}")
    for (record, _), ids in zip(questions, encoder.ids([question for _, question in questions])):
        if len(ids) > max_context - task.budget:
            problems.append(
                f"{record.source} ({record.id}): the prompt's {len(ids)} tokens and the answer's budget of "
                f"{task.budget} exceed the context of {max_context}; shorten the record, or raise "
                "model.max_context as far as the model goes"
            )
    return problems


def _targets(records: Sequence[Record], task: Task, encoder: Encoder, score_all: ScoreAll) -> list[str]:
    most = task.budget - overlong_cache(task.budget)
    problems = []
    changed: list[tuple[Record, str]] = []
    for record, ids in zip(records, encoder.answers([encoder.target_text(record, task) for record in records])):
        if len(ids) > most:
            problems.append(
                f"{record.source} ({record.id}): the reference answer has {len(ids)} tokens with its end, but task "
                f"{task.name} rewards at most {most} in full; raise its budget of {task.budget}"
            )
        read = encoder.decode(ids, task.think)
        if (split_thinking(read)[1] or "").strip() != record.answer.strip():
            changed.append((record, read))
    if changed and not uses(task, JUDGED):  # a reward may read the other spelling all the same
        verdicts = score_all([Asked(record, [(read, True)]) for record, read in changed])
        changed = [one for one, [verdict] in zip(changed, verdicts) if verdict.score != 1.0]
    return problems + [
        f"{record.source} ({record.id}): the reference answer {record.answer!r:.200} comes back from the model's "
        f"tokens as {split_thinking(read)[1] or ''!r:.200}, so no model can give it; write it otherwise"
        for record, read in changed
    ]
