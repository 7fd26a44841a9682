"""What a benchmark asks of a model, and the file that its answers stream to.

A line of the file is an answer: {"id", "output", "finished"}; "sample" where there are several, "thinking" where there
was some, "cut" where the model did not see the first that many tokens of a prompt, "likelihoods" of choices. Answers
that are in the file are not asked for again, so that the same call goes on where it was stopped, or killed: all that is
lost is what was in flight. Greedy answers are then those of a call that was never stopped, up to how the device rounds
in batches of other sizes; samples are other draws from the same model.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from redone.data.encode import OPEN, Encoder
from redone.data.mix import derive_seed
from redone.files import numbered_jsonl
from redone.model.policy import Policy
from redone.model.trees import pack, split_by_tokens
from redone.records import Prompt, Record, Task
from redone.rewards.extract import split_thinking
from redone.run.log import Interrupted, Log
from redone.sample.local import Request, make_decoder
from redone.served.client import Service
from redone.served.endpoint import Endpoint

_PREFILL = 8192  # tokens of prompts that are run at once
_CACHE = 2 << 30  # bytes that a decoder's keys and values may take on a CPU
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
        self.chats = encoder.tokenizer.chat_template is not None
        self.context = _context(policy)
        self.room = _room(policy)

    def answers(self, wanted: Sequence[Wanted], *, samples: int, temperature: float, seed: int) -> Made:
        """All samples of a question are drawn together, from a seed that counts what is wanted."""
        questions = [one.question for one in wanted]
        requests, cut = [], []
        for i, (question, prompt) in enumerate(zip(questions, _prompts(self.encoder, questions))):
            seen, budget = fitted(prompt, question.task.budget, self.context)
            requests.append(Request(i, seen, budget))
            cut.append(len(prompt) - len(seen))
        decoder = make_decoder(
            self.policy,
            group=samples,
            temperature=temperature,
            seed=derive_seed(seed, "answers", len(wanted), questions[0].record.id),
            eos_ids=self.encoder.eos_ids,
            may_stop=self._may_stop(questions),
        )
        waiting = deque(sorted(requests, key=lambda r: (-r.budget, len(r.prompt), r.key)))  # similar work together
        flying: dict[int, int] = {}  # key -> tokens whose keys and values are kept
        at_once = max(1, self.rows // samples)
        copies = 1 if self.policy.packed else samples  # of a prompt
        while waiting or flying:
            if 2 * len(flying) <= at_once and 2 * sum(flying.values()) <= self.room:
                wave = []
                while waiting and len(flying) < at_once:
                    size = copies * len(waiting[0].prompt) + samples * waiting[0].budget
                    if flying and sum(flying.values()) + size > self.room:
                        break
                    wave.append(waiting.popleft())
                    flying[wave[-1].key] = size
                for part in split_by_tokens([(request.prompt, ()) for request in wave], _PREFILL):
                    decoder.admit([wave[i] for i in part])
            lines = []
            for request, answers in decoder.step():
                del flying[request.key]
                question, numbers = wanted[request.key]
                for n in numbers:
                    text = self._text(question, answers[n].tokens)
                    lines.append(_line(question, n, samples, text, answers[n].finished, cut=cut[request.key]))
            yield lines

    def _text(self, question: Question, tokens: Sequence[int]) -> str:
        return self.encoder.decode(tokens, question.record, question.task)

    def _may_stop(self, questions: Sequence[Question]) -> Callable[[int, Sequence[int]], bool] | None:
        if not any(question.stop for question in questions):
            return None

        def may_stop(i: int, tokens: Sequence[int]) -> bool:
            return parted(self._text(questions[i], tokens), questions[i].stop)[2]

        return may_stop


class Choosing:
    """The choice to which a model in this process gives the highest probability, summed over its tokens, after the
    prompt; the first of equals. Nothing is generated, so there is no thinking and no end token."""

    def __init__(self, policy: Policy, encoder: Encoder) -> None:
        self.policy, self.encoder = policy, encoder
        self.chats = encoder.tokenizer.chat_template is not None
        self.context = _context(policy)

    def answers(self, wanted: Sequence[Wanted], *, samples: int, temperature: float, seed: int) -> Made:
        import torch

        if samples > 1:
            raise ValueError("log-likelihood chooses one answer; ask for one sample")
        questions = [one.question._replace(task=replace(one.question.task, think=False)) for one in wanted]
        trees, cut = [], []
        for question, prompt in zip(questions, _prompts(self.encoder, questions)):
            targets = tuple(self._target(question, choice) for choice in question.choices)
            longest = max(len(target) for target in targets)
            seen = prompt if self.context is None else prompt[-(self.context - longest) :]
            trees.append((seen, targets))
            cut.append(len(prompt) - len(seen))
        order = sorted(range(len(trees)), key=lambda i: len(trees[i][0]))
        for part in split_by_tokens([trees[i] for i in order], _PREFILL, repeated=not self.policy.packed):
            mine = [order[i] for i in part]
            batch = pack([trees[i] for i in mine], self.policy.device)
            with torch.no_grad():
                logprobs, _ = self.policy.token_logprobs(batch)
            sums = iter([float(one.sum()) for one in logprobs.split(batch.lengths)])
            lines = []
            for i in mine:
                likelihoods = {choice: next(sums) for choice in questions[i].choices}
                best = max(likelihoods, key=lambda choice: likelihoods[choice])
                line = _line(questions[i], 0, 1, best, True, cut=cut[i])
                lines.append({**line, "likelihoods": {c: round(value, 6) for c, value in likelihoods.items()}})
            yield lines

    def _target(self, question: Question, choice: str) -> tuple[int, ...]:
        if not self.chats:  # the prompt's text goes on
            return tuple(self.encoder.tokenizer(f" {choice}", add_special_tokens=False)["input_ids"])
        record = replace(question.record, answer=choice, rationale=None)
        return self.encoder.target(record, question.task)[:-1]  # without the end token


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


def fitted(prompt: tuple[int, ...], budget: int, context: int | None) -> tuple[tuple[int, ...], int]:
    """The prompt's last tokens that a context has room for, and the budget of the answer.

    An answer has what the prompt leaves of the context. The prompt loses its beginning where it would not leave the
    budget, or a quarter of the context if that is less.
    """
    if context is None:
        return prompt, budget
    seen = prompt[-(context - min(budget, context // 4)) :]
    return seen, min(budget, context - len(seen))


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


def _prompts(encoder: Encoder, questions: Sequence[Question]) -> list[tuple[int, ...]]:
    """Through the model's chat template; without one the text as it is, for the model to go on with."""
    if encoder.tokenizer.chat_template is None:
        return [tuple(ids) for ids in encoder.tokenizer([q.record.prompt_text for q in questions])["input_ids"]]
    tasks = {question.record.task: question.task for question in questions}
    return encoder.prompts([question.record for question in questions], tasks)


def _context(policy: Policy) -> int | None:
    return getattr(policy.model.config.get_text_config(), "max_position_embeddings", None)


def _room(policy: Policy) -> int:
    """Tokens whose keys and values a decoder may hold: a quarter of a GPU's free memory, 2 GiB on a CPU."""
    import torch

    config: Any = policy.model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * heads * size * policy.model.dtype.itemsize
    on_gpu = policy.device.type == "cuda"
    return (torch.cuda.mem_get_info(policy.device)[0] // 4 if on_gpu else _CACHE) // token
