"""Prompts that the base writes itself, answered by the model that a stage starts from: rehearsal of what no data cover.

A model that has been given the beginning of a user's message, and nothing of it, writes one: something that it knows of
(Magpie, arXiv 2406.08464). Its answers are drawn from what it says at temperature 1, so that the cross entropy on them
estimates, but for a constant, the divergence of the trained model from it. RedOne 2.0 rehearses given prompts alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from redone.data.dedupe import FIELD, normalise, normalised_prompt
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.data.mix import derive_seed
from redone.method.targeted import Teach
from redone.model.policy import Policy
from redone.records import Prompt, Record, Split, Text
from redone.run.lab import Lab
from redone.run.stages import BASE, Stage
from redone.sample.asking import cache_room, scheduled
from redone.sample.local import make_sampler
from redone.sample.protocol import Request, TrainingSampler

TOKENS = 256  # most of a prompt, and of its answer
TASK = "own prompts"  # what they are called where tasks are counted
_WHY = f"{TASK}: against forgetting"
_GROUP = 16  # prompts that are written side by side
_SPARE = 1.3  # prompts for one that is needed: some answers do not end
_WAVES = 4  # of as many prompts as are needed; what is not found then is not to be found
_FIXED = 12  # characters of a template that tell a task's prompts


def own_targets(lab: Lab, stage: Stage, count: int) -> tuple[list[Teach], dict[str, Any]]:
    """At most `count` prompts with answers, and what became of all that were written."""
    wanted, rows = round(_SPARE * count), lab.config.eval.rows
    policy = lab.load(BASE)
    writing = make_sampler(policy, lab.encoder, group=_GROUP, temperature=1.0, seeds=partial(_seed, lab, stage))
    left: Counter[str] = Counter()
    found: list[str] = []
    with lab.log.bar(TASK, wanted) as bar:
        written = _written(writing, policy, lab.encoder, wanted, rows)
        for text in islice(fresh(written, refusal(lab.dataset), left), wanted):
            found.append(text)
            bar.advance(1)
    asked = [
        Prompt(f"{TASK}/train/{number}", ({"role": "user", "content": text},), TOKENS)
        for number, text in enumerate(found)
    ]
    del policy, writing, written  # never two models
    start, seeds = lab.load(stage.start), partial(_seed, lab, stage, "answers")
    answering = make_sampler(start, lab.encoder, group=1, temperature=1.0, seeds=seeds, rows=rows)
    answers: dict[str, Text] = {}
    with lab.log.bar(f"answers to {TASK}", len(asked)) as bar:
        for some in answering.ask(asked):
            answers |= {text.key: text for text in some}
            bar.advance(len(some))
    labels = "distribution" if stage.settings.soft_labels == "distribution" else "own answer"
    taught = []
    for prompt in asked:
        answer = answers[prompt.key]
        if answer.finished and answer.text.strip():
            record = Record(prompt.key, TASK, tuple(prompt.messages), answer.text, "train", "own")
            taught.append(Teach(record, lab.encoder.rewritten(answer.text, False), labels, _WHY))
    left["answer does not end"] = len(asked) - len(taught)
    return taught[:count], {"own_prompts": len(taught[:count]), "own_prompts_left_out": dict(left)}


def _seed(lab: Lab, stage: Stage, *of: str | int) -> int:
    return derive_seed(lab.config.seed, stage.name, TASK, *of)


def _written(sampler: TrainingSampler, policy: Policy, encoder: Encoder, wanted: int, rows: int) -> Iterator[str]:
    """What the model writes as a user's message, one wave after another; "" for what is none."""
    before, end = encoder.turn()
    budget = TOKENS if policy.context is None else min(TOKENS, policy.context // 2 - len(before))
    copies, room = 1 if policy.packed else _GROUP, cache_room(policy)
    for wave in range(_WAVES):
        sampler.load(policy, wave)
        requests = [Request(i, before, budget, lambda tokens: end in tokens) for i in range(-(-wanted // _GROUP))]
        for completed in scheduled(
            sampler, requests, group=_GROUP, at_once=max(1, rows // _GROUP), room=room, copies=copies
        ):
            for answer in (answer for _, answers in completed for answer in answers):
                place = answer.tokens.index(end) if end in answer.tokens else 0
                yield encoder.message(answer.tokens[:place])


def fresh(texts: Iterable[str], refuse: Callable[[str], str], left: Counter[str]) -> Iterator[str]:
    """The texts that are messages, each once, without those refused; `left` counts the others by reason."""
    seen = set()
    for text in texts:
        why = ("no message" if not text else "twice" if normalise(text) in seen else "") or refuse(text)
        if why:
            left[why] += 1
        else:
            seen.add(normalise(text))
            yield text


def refusal(dataset: Dataset) -> Callable[[str], str]:
    """Why a text is not to be rehearsed, "" if it is: it is a prompt that is measured, or it has the wording of one of
    the domain's tasks, whose records say what is to be answered."""
    measured: tuple[Split, ...] = ("probe", "tune", "eval")
    apart = {normalised_prompt(record) for split in measured for record in dataset.split(split)}
    fixed = {
        name: max(map(normalise, pieces), key=len, default="")
        for name, task in dataset.tasks.items()
        if task.part == "domain" and (pieces := FIELD.split(task.prompt))
    }

    def why(text: str) -> str:
        text = normalise(text)
        if text in apart:
            return "measured"
        return "a domain task's" if any(len(x) >= _FIXED and x in text for x in fixed.values()) else ""

    return why
