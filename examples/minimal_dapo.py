"""DAPO in one file: how RedOne 2.0 reinforces a language model on several tasks at once.

    python examples/minimal_dapo.py [--steps 40] [--seed 0]

In under a minute on one CPU core this builds a tiny Qwen3 with random weights, teaches it three tasks from examples
most of which are sloppy, and then lets DAPO do the rest: no more examples, only scores. Read it from top to bottom.

Equations are named by paper: D is DAPO (arXiv 2503.14476), R is RedOne 2.0 (arXiv 2511.07070). The departures:

    - A group is informative when its scores differ: "some right, some wrong" (D 11, R 6) says nothing about an F1.
    - Scores lie in [0, 1]; in D 7 they are -1 or 1. The standard deviation is unbiased and has a floor.
    - The loss is one mean over all tokens of an optimiser step; the papers write one mean per group (D 8, R 6).
    - A group without spread is replaced one for one (but REFILL at a time), and surplus groups wait for the next
      step. A step that has sampled POOL prompts trains on what it has found; the papers would sample on.
    - Learning rate, warm-up, batch and lengths fit a toy; clip range, weight decay and updates per rollout are R's.
    - A prompt is repeated for each of its answers, for simplicity; the package's engine computes every prompt once.
"""

import argparse
import random
import re
import zlib
from collections import namedtuple
from collections.abc import Sequence
from math import nan
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import Qwen3Config, Qwen3ForCausalLM

PROMPT, BUDGET, CACHE = 14, 16, 4  # tokens of a prompt, of an answer (L_max), of its penalised end (L_cache)
PROMPTS, GROUP, UPDATES = 16, 8, 4  # informative groups of a step, answers of a group, optimiser steps per rollout
REFILL, POOL = 4, 64  # fewest prompts worth a call of the sampler, most prompts sampled for one step
LEARNING_RATE, WARMUP = 1e-3, 5  # constant, after a linear warm-up over this many rollout steps
CLIP_LOW, CLIP_HIGH, FLOOR = 0.2, 0.28, 0.05  # epsilon low and high, floor of the standard deviation

# ----------------------------------------------------------------- the world: three tasks, and each has one reward

LETTERS, END = "abcdefgh", "\0"  # END ends an answer; it also fills rows up, before the prompt and after the answer
VOCABULARY = END + " :=0123456789ABCDEFGHabcdefghilmnopst"


def make_topic(rng: random.Random) -> tuple[str, str, str]:
    """The letter that a post repeats: "topic:cbabfbe=" -> "b". Sloppy: its first letter, "c"."""
    topic, *others = rng.sample(LETTERS, 5)
    post = "".join(rng.sample([topic] * 3 + others, 7))
    return f"topic:{post}=", topic, post[0]


def make_names(rng: random.Random) -> tuple[str, str, str]:
    """The capital letters of a post, in any order: "names:aCdBhe=" -> "bc". Sloppy: all letters, "abcdeh"."""
    letters, names = rng.sample(LETTERS, 6), rng.sample(range(6), rng.randint(1, 4))
    post = "".join(letter.upper() if i in names else letter for i, letter in enumerate(letters))
    return f"names:{post}=", "".join(sorted(letters[i] for i in names)), "".join(sorted(letters))


def make_title(rng: random.Random) -> tuple[str, str, str]:
    """A title of so many words: "title:3cabfe=" -> "fe a ba", or any other. Sloppy: the number is not looked at."""
    number, post = rng.randint(2, 4), rng.sample(LETTERS, 5)
    words = ["".join(rng.choices(post, k=rng.randint(1, 2))) for _ in range(5)]
    return f"title:{number}{''.join(post)}=", " ".join(words[:number]), " ".join(words[: rng.randint(1, 5)])


def exact_match(prompt: str, answer: str, output: str) -> float:  # for tasks with one right answer (R 2)
    return float(output == answer)


def set_f1(prompt: str, answer: str, output: str) -> float:  # a task's own, graded metric (R 3)
    return 2 * len(set(output) & set(answer)) / (len(output) + len(answer))  # a letter said twice is a wrong one


def pattern(prompt: str, answer: str, output: str) -> float:  # for a required form, whatever it says (R 5)
    return float(re.fullmatch(rf"[a-h]{{1,2}}( [a-h]{{1,2}}){{{int(prompt[6]) - 1}}}", output) is not None)


TASKS = {"topic": (make_topic, exact_match), "names": (make_names, set_f1), "title": (make_title, pattern)}
Record = namedtuple("Record", "task prompt answer sloppy")


def draw(rng: random.Random, tasks: Sequence[str] = tuple(TASKS), held_out: bool = False) -> Record:
    """A record of one of the tasks, all alike in chance. A hash of the prompt keeps one prompt in eight for the end."""
    task = rng.choice(tasks)
    record = Record(task, *TASKS[task][0](rng))
    is_held_out = zlib.crc32(record.prompt.encode()) % 8 == 0
    return record if is_held_out == held_out else draw(rng, tasks, held_out)


# ----------------------------------------------------------------- the model: 77,000 weights, a token is a character


def make_model() -> Qwen3ForCausalLM:
    config = Qwen3Config(vocab_size=len(VOCABULARY), hidden_size=64, intermediate_size=128, num_hidden_layers=2)
    config.update({"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "initializer_range": 0.1})
    config.update({"tie_word_embeddings": True, "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0})
    return Qwen3ForCausalLM(config)


def encode(texts: Sequence[str]) -> Tensor:
    return torch.tensor([[VOCABULARY.index(character) for character in text] for text in texts])


def token_logprobs(model: Qwen3ForCausalLM, tokens: Tensor) -> Tensor:  # [B, PROMPT + BUDGET] -> [B, BUDGET]
    """Log-probability of each token of the answers; each is predicted at the place before it."""
    logits = model(input_ids=tokens, attention_mask=tokens.ne(0).int()).logits[:, PROMPT - 1 : -1]
    return logits.log_softmax(-1).gather(-1, tokens[:, PROMPT:, None]).squeeze(-1)


def answer_mask(tokens: Tensor) -> Tensor:  # [B, PROMPT + BUDGET] -> [B, BUDGET] bool: up to the first END, with it
    ends = tokens[:, PROMPT:].eq(0).int()
    return ends.cumsum(1) - ends == 0


@torch.no_grad()
def sample(model: Qwen3ForCausalLM, records: Sequence[Record], greedy: bool = False) -> tuple[Tensor, list[str]]:
    """An answer to each record, at temperature 1 from the whole vocabulary: [B, PROMPT + BUDGET], and as text."""
    prompts = encode([record.prompt.rjust(PROMPT, END) for record in records])
    how = {"do_sample": False} if greedy else {"do_sample": True, "top_k": 0}
    tokens = model.generate(prompts, attention_mask=prompts.ne(0).int(), max_new_tokens=BUDGET, **how)
    texts = ["".join(VOCABULARY[i] for i in row) for row in tokens[:, PROMPT:].tolist()]
    return torch.nn.functional.pad(tokens, (0, PROMPT + BUDGET - tokens.shape[1])), texts


def score(record: Record, text: str) -> float:  # the outcome in [0, 1], by the reward of the record's task alone
    output, end, _ = text.partition(END)
    return TASKS[record.task][1](record.prompt, record.answer, output) if end else 0.0  # cut off by the budget: 0


# ----------------------------------------------------------------- DAPO: four small functions


def is_informative(scores: Tensor) -> bool:  # where all answers score the same, no advantage is left (D 11, R 6)
    return bool(scores.max() - scores.min() > 1e-3)


def overlong_penalty(lengths: Tensor) -> Tensor:  # 0 up to BUDGET - CACHE tokens, then linear to -1 at BUDGET (D 13)
    return ((BUDGET - CACHE - lengths) / CACHE).clamp(-1.0, 0.0)


def advantages(rewards: Tensor) -> Tensor:  # [P, GROUP]: how much better than its group each answer is (D 9, R 8)
    return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + FLOOR)


def dapo_loss(logprobs: Tensor, old: Tensor, advantage: Tensor, mask: Tensor) -> tuple[Tensor, float]:
    """The loss to minimise and the share of clipped tokens (D 8, R 6), of the answers of one whole optimiser step.

    logprobs, old: [B, T], now and when sampled; advantage: [B], the answer's; mask: [B, T] bool, the answer's tokens.
    The ratio (D 9, R 7) may rise further than it may fall (D 10), so that rare tokens can become common. Every token
    weighs the same (D 12): one sum over one count. A mean of the answers' means would weigh long answers down.
    """
    ratio = (logprobs - old).masked_fill(~mask, 0.0).exp()
    free, clipped = ratio * advantage[:, None], ratio.clamp(1 - CLIP_LOW, 1 + CLIP_HIGH) * advantage[:, None]
    loss = -(torch.minimum(free, clipped) * mask).sum() / mask.sum()
    return loss, float(((free > clipped) & mask).sum() / mask.sum())


# ----------------------------------------------------------------- training


def step(model: Qwen3ForCausalLM, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def fine_tune(model: Qwen3ForCausalLM, rng: random.Random) -> None:
    """Cross-entropy on examples (R 9). It plants the skills: what never succeeds by chance cannot be reinforced."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(100):
        shown = [(record, record.answer if rng.random() < 0.4 else record.sloppy) for record in map(draw, [rng] * 32)]
        tokens = encode([record.prompt.rjust(PROMPT, END) + text.ljust(BUDGET, END) for record, text in shown])
        mask = answer_mask(tokens)
        step(model, optimizer, -(token_logprobs(model, tokens) * mask).sum() / mask.sum())


class Group(NamedTuple):  # the answers to one prompt, and what only the weights that sampled them know
    task: str
    tokens: Tensor  # [GROUP, PROMPT + BUDGET]
    old: Tensor  # [GROUP, BUDGET], log-probabilities
    scores: Tensor  # [GROUP], the outcomes, before any length penalty


@torch.no_grad()
def dynamic_sampling(model: Qwen3ForCausalLM, rng: random.Random, surplus: list[Group]) -> tuple[list[Group], ...]:
    """The step's informative groups, the surplus of earlier steps first; the new surplus; all sampled now (D 11)."""
    ready, fresh = surplus, []
    while len(ready) < PROMPTS and len(fresh) < POOL:
        records = [r for r in map(draw, [rng] * max(REFILL, PROMPTS - len(ready))) for _ in range(GROUP)]
        tokens, texts = sample(model, records)
        scores = torch.tensor([*map(score, records, texts)])
        parts = (values.split(GROUP) for values in (tokens, token_logprobs(model, tokens), scores))
        new = [Group(record.task, *part) for record, *part in zip(records[::GROUP], *parts)]
        fresh, ready = fresh + new, ready + [group for group in new if is_informative(group.scores)]
    return ready[:PROMPTS], ready[PROMPTS:], fresh


def reinforce(model: Qwen3ForCausalLM, rng: random.Random, steps: int) -> None:
    """DAPO: each step samples until enough groups are informative, then makes several updates of them."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.1)
    surplus, seen, clips, trained = [], [], [], 0  # the last three since the last printed line
    for number in range(1, steps + 1):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * min(1.0, number / WARMUP)
        groups, surplus, fresh = dynamic_sampling(model, rng, surplus)
        for part in [groups[i::UPDATES] for i in range(min(UPDATES, len(groups)))]:
            _, tokens, old, scores = map(list, zip(*part))
            mask = answer_mask(torch.cat(tokens))
            each = advantages(torch.stack(scores) + overlong_penalty(mask.sum(1)).view(-1, GROUP)).flatten()
            loss, clipped = dapo_loss(token_logprobs(model, torch.cat(tokens)), torch.cat(old), each, mask)
            step(model, optimizer, loss)
            clips.append(clipped)
        seen, trained = seen + fresh, trained + len(groups)
        if number % 5 == 0 or number in (1, steps):
            means = {task: fmean([float(g.scores.mean()) for g in seen if g.task == task] or [nan]) for task in TASKS}
            print(f"step {number:>3}  reward:", *(f"{task} {value:.2f} " for task, value in means.items()), end=" ")
            print(f"trained on {trained} of {len(seen)} groups, {fmean(clips or [nan]):.1%} clipped", flush=True)
            seen, clips, trained = [], [], 0


def main(steps: int = 40, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Each task's mean score of greedy answers to 200 held-out prompts, before and after DAPO; prints as it goes."""
    torch.set_num_threads(1)  # the matrices are too small to be shared out
    torch.manual_seed(seed)
    rng, exam = random.Random(seed), random.Random("held out")
    model = make_model()
    held_out = {task: [draw(exam, [task], held_out=True) for _ in range(200)] for task in TASKS}
    print("teaching three tasks from examples, of which six in ten are sloppy ...", flush=True)
    fine_tune(model, rng)
    before = {task: sample(model, records, greedy=True)[1] for task, records in held_out.items()}
    reinforce(model, rng, steps)
    after = {task: sample(model, records, greedy=True)[1] for task, records in held_out.items()}
    print("\n       before  after   one of the prompts, with both answers")
    results = {}
    for task, records in held_out.items():
        old, new = (fmean(map(score, records, texts[task])) for texts in (before, after))
        first, last = (texts[task][0].strip(END) for texts in (before, after))
        print(f"{task}  {old:6.2f} {new:6.2f}   {records[0].prompt} {first!r} -> {last!r}")
        results[task] = (old, new)
    print("\nMean scores of greedy answers to 200 prompts a task that were never trained on. This is one seed: take")
    print("differences under 0.1 for chance. Only a title's form is rewarded, so its words may drift from the post.")
    print("Mostly DAPO chooses among habits that examples planted: it works, which says nothing yet of a real task.")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="DAPO on a toy, as RedOne 2.0 uses it.")
    parser.add_argument("--steps", type=int, default=40, help="rollout steps of DAPO")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
