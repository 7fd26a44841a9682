"""Sampling where a prompt joins as soon as another is answered, as in a step of reinforcement, and where prompts go in
by waves: seconds and memory.

    python benchmarks/admission.py MODEL [--prompts 80] [--in-flight 32] [--group 8] [--threads 2]

MODEL is a Hugging Face folder, or "base". Prompts of 60 to 150 tokens; every fifth answer has 100 tokens, the others 2
to 9. Each way in a process of its own, in turn; prints seconds, high-water memory and the ratio.
"""

import argparse
import random
import resource
import subprocess
import sys
import time

WAYS = ("joining", "waves")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--prompts", type=int, default=80)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--way", choices=WAYS)
    options = parser.parse_args()
    if options.way:
        print(*timed(options))
        return
    found = {}
    for way in WAYS:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--way", way], check=True, stdout=subprocess.PIPE, text=True
        )
        seconds, mebibytes = map(float, done.stdout.split()[-2:])
        found[way] = seconds
        print(f"{way}: {seconds:.1f} s, {mebibytes:.0f} MiB")
    print(f"joining takes {found['joining'] / found['waves']:.2f} times as long as waves")


def timed(options: argparse.Namespace) -> tuple[float, float]:
    import torch

    from redone.data.encode import Encoder
    from redone.model.places import model_path
    from redone.model.policy import Policy
    from redone.sample.local import make_sampler
    from redone.sample.protocol import Request

    torch.set_num_threads(options.threads)
    folder = model_path(options.model)
    policy, encoder = Policy.load(folder, context=256), Encoder.load(folder)
    sampler = make_sampler(policy, encoder, group=options.group, temperature=1.0, seeds=lambda version: 0)
    sampler.eos = sampler.eos[:0]  # answers as long as their budgets
    drawn = random.Random(0)
    ids = range(policy.model.config.vocab_size)
    waiting = [
        Request(key, tuple(drawn.choices(ids, k=drawn.randint(60, 150))), 100 if key % 5 == 0 else drawn.randint(2, 9))
        for key in range(options.prompts)
    ]
    start = time.perf_counter()
    while waiting or sampler.in_flight:
        free = options.in_flight - sampler.in_flight
        if options.way == "joining" or not sampler.in_flight:
            sampler.admit(waiting[:free])
            waiting = waiting[free:]
        sampler.step()
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
