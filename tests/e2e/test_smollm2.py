"""A real language model, where `make smollm2` has left it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from redone.data.encode import Encoder
from redone.model.policy import Policy
from redone.model.trees import pack
from redone.records import Prompt
from redone.sample.local import make_sampler
from redone.sample.protocol import Request

STEPS = (
    "explore.steps=1",
    "explore.save_every=1",
    "target.epochs=1",
    "target.records=4",
    "refine.steps=1",
    "eval.records=2",
)


def test_it_is_packed_and_answers_as_it_was_trained_to(smollm2: Path) -> None:
    policy, encoder = Policy.load(smollm2, context=256), Encoder.load(smollm2)
    assert policy.packed
    sampler = make_sampler(policy, encoder, group=1, temperature=0.0, seeds=lambda version: 0)
    question = {"role": "user", "content": "What is the capital of France?"}
    texts = [text for some in sampler.ask([Prompt("a", (question,), 30)]) for text in some]
    assert [(text.text, text.finished) for text in texts] == [("The capital of France is Paris.", True)]


def test_it_is_asked_to_think_in_words(smollm2: Path) -> None:
    encoder = Encoder.load(smollm2)
    words = "Think step by step between <think> and </think>. After </think> write only the answer."
    system = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    asked = encoder.asked([{"role": "user", "content": "2 + 3 ?"}], True).text
    assert asked == f"{system}<|im_start|>user\n2 + 3 ?\n\n{words}<|im_end|>\n<|im_start|>assistant\n"
    assert encoder.tokenizer.decode(encoder.prompt([{"role": "user", "content": "2 + 3 ?"}], True)) == asked


@pytest.mark.parametrize("by_hand", [True, False])
def test_in_mixed_precision_its_sampler_and_its_update_compute_the_same(smollm2: Path, by_hand: bool) -> None:
    """Measured over some 470 tokens: 5e-7 on average, 2e-6 at most; against float32 0.02 and 0.15."""
    policy, encoder = Policy.load(smollm2, "mixed", context=256), Encoder.load(smollm2)
    policy.by_hand = by_hand
    sampler = make_sampler(policy, encoder, group=2, temperature=1.0, seeds=lambda version: 3)
    questions = ("Tell me about Paris.", "What is 17 times 23?")
    prompts = [Prompt(str(n), ({"role": "user", "content": text},), 24) for n, text in enumerate(questions)]
    sampler.admit([Request(n, tuple(tokens), 24) for n, tokens in enumerate(encoder.encode(prompts))])
    done = []
    while sampler.in_flight:
        done += sampler.step()
    batch = pack([(request.prompt, [answer.tokens for answer in answers]) for request, answers in done])
    sampled = torch.tensor([x for _, answers in done for answer in answers for x in answer.logprobs])
    with torch.no_grad():
        update, _ = policy.token_logprobs(batch)
        policy.dtype, policy.by_hand = "float32", True
        exact, _ = policy.token_logprobs(batch)
    assert (sampled - update).abs().mean() < 2e-3  # other processors may add up in other orders
    assert (sampled - exact).abs().mean() > 6e-3


@pytest.mark.slow
@pytest.mark.parametrize("sets", [("lora.rank=16",), ()], ids=["lora", "full"])
def test_it_goes_through_all_stages_in_8_gigabytes(
    smollm2: Path, tiny_run: Path, tmp_path: Path, sets: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", _PEAK, "run", str(tiny_run), "--model", str(smollm2), "--out", str(out)]
    for assignment in (*STEPS, *sets):
        command += ["--set", assignment]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.splitlines()[-1]) < 8 * 2**20  # KiB
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert list(results["models"]) == ["base", "explore", "target", "refine"]
    assert (out / "refine" / "adapter").exists() == bool(sets)


_PEAK = """
import resource, sys
from redone.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""
