"""Seconds of a step's two halves with either library for float32 products, and with products in bfloat16, in turn.

    python benchmarks/products.py MODEL [--prompts 8] [--group 8] [--repeats 3] [--threads 2]

MODEL is a Hugging Face folder, or "base". The update is one pass, forwards and back, over groups of 64-token answers
to prompts of 192 tokens; sampling answers them with 64 tokens each. Prints the median seconds, and how many times as
fast as torch's own it is.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from redone.data.encode import Encoder
from redone.model import products
from redone.model.places import model_path
from redone.model.policy import Policy
from redone.model.trees import pack
from redone.sample.local import make_sampler
from redone.sample.protocol import Request

PROMPT, ANSWER = 192, 64  # tokens
WAYS = {"torch's own": ("highest", "float32"), "oneDNN": ("medium", "float32"), "mixed": ("medium", "mixed")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = model_path(options.model)
    policy, encoder = Policy.load(folder, context=PROMPT + ANSWER), Encoder.load(folder)
    random = torch.Generator().manual_seed(0)

    def tokens(count: int) -> list[int]:
        return torch.randint(10, policy.vocabulary, (count,), generator=random).tolist()

    trees = [(tokens(PROMPT), [tokens(ANSWER) for _ in range(options.group)]) for _ in range(options.prompts)]
    batch = pack(trees, policy.device)

    def update() -> None:
        logprobs, _ = policy.token_logprobs(batch)
        (-logprobs.mean()).backward()
        policy.model.zero_grad(set_to_none=True)

    def sampling() -> None:
        sampler = make_sampler(policy, encoder, group=options.group, temperature=1.0, seeds=lambda version: 0)
        sampler.admit([Request(i, tuple(prompt), ANSWER) for i, (prompt, _) in enumerate(trees)])
        while sampler.in_flight:
            sampler.step()

    policy.compute_in("mixed")  # and float32 again below: the weights are the same
    for name, half in (("update", update), ("sampling", sampling)):
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for repeat in range(options.repeats + 1):
            for way in seconds if repeat % 2 else reversed(seconds):
                precision, policy.dtype = WAYS[way]
                torch.set_float32_matmul_precision(precision)
                seconds[way] += [timed(half)] if repeat else []  # the first round warms up
        own = median(seconds["torch's own"])
        for way, mine in seconds.items():
            took = median(mine)
            spread = f"{min(mine):.2f} to {max(mine):.2f}"
            print(f"{name:<9} {way:<12} {took:6.2f} s ({spread}): {own / took:.2f} times as fast", flush=True)
    torch.set_float32_matmul_precision("medium")
    print(f"the largest error of oneDNN's products: {products.error():.1e}; processor {products.vendor() or 'unknown'}")


def timed(half: Callable[[], None]) -> float:
    began = time.perf_counter()
    half()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
