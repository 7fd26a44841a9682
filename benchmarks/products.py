"""Seconds of a step's two halves with either library for float32 products, in turn, in one run.

    python benchmarks/products.py MODEL [--prompts 8] [--group 8] [--repeats 3] [--threads 2]

MODEL is a Hugging Face folder, or "base". The update is one pass, forwards and back, over groups of 64-token answers
to prompts of 192 tokens; sampling answers them with 64 tokens each. Prints the median seconds and the ratio.
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

    for name, half in (("update", update), ("sampling", sampling)):
        seconds: dict[str, list[float]] = {"highest": [], "medium": []}
        for repeat in range(options.repeats + 1):
            for precision in seconds if repeat % 2 else reversed(seconds):
                torch.set_float32_matmul_precision(precision)
                seconds[precision] += [timed(half)] if repeat else []  # the first round warms up
        own, other = (median(mine) for mine in seconds.values())
        spread = "; ".join(f"{min(mine):.2f} to {max(mine):.2f}" for mine in seconds.values())
        print(f"{name:<9} torch's own {own:6.2f} s, oneDNN {other:6.2f} s ({spread}): {own / other:.2f} times as fast")
    torch.set_float32_matmul_precision("medium")
    print(f"the largest error of oneDNN's products: {products.error():.1e}; processor {products.vendor() or 'unknown'}")


def timed(half: Callable[[], None]) -> float:
    began = time.perf_counter()
    half()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
