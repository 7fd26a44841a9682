"""One RL step (generate, score, update) of RedOne against TRL's GRPOTrainer: same model, prompts, shapes and machine.

    python benchmarks/step.py [--repeats 3] [--shapes social balanced] [--trl defaults lean] [--threads N]

Needs the development dependencies (TRL 1.16) and a machine that does nothing else; about half an hour on two slow
cores, of which TRL takes nine tenths (`--trl` without a name leaves it out).

The model is a random one of the Qwen3 architecture in float32. Both sides sample every answer to its full length (the
end token lies outside of the model's vocabulary), get random rewards, so that every group is informative, and make one
update per step, with clip bounds 0.2 and 0.28, no KL term and no reference model. TRL "defaults" is as its defaults
have it but for logging and saving, which are off; "lean" has gradient checkpointing off besides, which TRL turns on
by default and which trades time for memory. The two sides take turns, step by step, after a warm-up step each.

"floor" is the time that the step's useful work would take at the rate of a float32 matrix product of size 2048, taken
between the steps: 2 x (parameters of the layers) for each prompt and answer token once in generation and three times in
the update, 2 x (parameters of the head) for each token sampled and three times for each one trained, and attention.
"""

import argparse
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM, TrainerCallback
from transformers.utils import logging

from redone.config import Reinforce
from redone.data.encode import Encoder
from redone.data.mix import Mix, Stratum
from redone.model.learner import Learner
from redone.model.policy import Policy
from redone.records import Record, Task, Verdict
from redone.rewards import REWARDS
from redone.run.scoring import in_process
from redone.sample.local import make_sampler
from redone.train.passes import Passes
from redone.train.rl import Trainer, rl_step

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from trl import GRPOConfig, GRPOTrainer

WORDS = 4096
RATE = 1e-6  # learning rate


@dataclass(frozen=True)
class Shape:
    prompts: int  # prompts per step
    group: int  # answers per prompt
    prompt: int  # tokens
    answer: int  # tokens


SHAPES = {"social": Shape(8, 16, 384, 16), "balanced": Shape(8, 8, 95, 64)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="timed steps of each side, after one warm-up step")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--trl", nargs="*", choices=("defaults", "lean"), default=["defaults", "lean"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    body, head = sizes(make_model())
    print(
        f"Qwen3 architecture, random, float32: {(body + head) / 1e6:.2f} M parameters, of which {head / 1e6:.2f} M are"
    )
    print(f"the embedding, which is the head too; torch {torch.__version__}, {torch.get_num_threads()} threads")
    for name in arguments.shapes:
        report(name, SHAPES[name], arguments.repeats, arguments.trl)


def report(name: str, shape: Shape, repeats: int, variants: list[str]) -> None:
    print(f"\n{name}: {shape.prompts} x {shape.group}, {shape.prompt} prompt tokens, {shape.answer} answer tokens")
    step = make_ours(shape)
    rates: list[float] = []
    ours: list[float] = []
    theirs: dict[str, list[float]] = {}

    def turn() -> None:
        rates.append(matmul_rate())
        ours.append(timed(step))

    turn()
    for variant in variants:
        theirs[variant] = trl_steps(shape, repeats + 1, turn, checkpointing=variant == "defaults")[1:]
    if not variants:
        for _ in range(repeats):
            turn()
    print(f"  {'':14}{'min':>8}{'median':>8}{'max':>8}{'ratio':>8}   seconds; ratio of the medians")
    median = statistics.median(ours[1:])
    for side, seconds in {"redone": ours[1:], **{f"TRL {variant}": theirs[variant] for variant in variants}}.items():
        middle = statistics.median(seconds)
        print(
            f"  {side:14}{min(seconds):8.2f}{middle:8.2f}{max(seconds):8.2f}{middle / median:8.1f}   n = {len(seconds)}"
        )
    rate = statistics.median(rates)
    floor = useful_flop(make_model(), shape) / rate
    print(f"  matrix product: {rate / 1e9:.0f} GFLOP/s ({min(rates) / 1e9:.0f} to {max(rates) / 1e9:.0f})")
    print(
        f"  floor: {floor:.2f} s ({floor * rate / 1e9:.0f} GFLOP); redone works at {100 * floor / median:.0f} % of it"
    )


def make_model() -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=WORDS,
            hidden_size=256,
            intermediate_size=768,
            num_hidden_layers=6,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=64,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            eos_token_id=WORDS,
            bos_token_id=None,
            pad_token_id=0,
        )
    )


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word, w0 to w4095; the end token comes after the model's vocabulary, so it is never sampled."""
    tokenizer = Tokenizer(models.WordLevel({f"w{i}": i for i in range(WORDS)} | {"<end>": WORDS}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="w0")


def make_prompts(shape: Shape, count: int) -> list[str]:
    dice = random.Random(0)
    return [" ".join(f"w{dice.randrange(WORDS)}" for _ in range(shape.prompt)) for _ in range(count)]


def make_ours(shape: Shape) -> Callable[[], None]:
    """A function that makes one more step."""
    dice = random.Random(1)
    REWARDS["noise"] = lambda record, answer: Verdict(dice.random(), "wrong")
    task = Task("noise", "domain", "semantic matching", "{text}", "-", "noise", pass_at=2.0, budget=shape.answer)
    records = [
        Record(f"noise/train/{i}", task.name, ({"role": "user", "content": text},), "-", "train", "random")
        for i, text in enumerate(make_prompts(shape, 64))
    ]
    policy = Policy(make_model())
    assert policy.packed, policy.note
    encoder = Encoder(make_tokenizer())
    trainer = Trainer(
        stage="explore",
        learner=Learner(policy, learning_rate=RATE, weight_decay=0.1),
        sampler=make_sampler(policy, encoder, group=shape.group, temperature=1.0, seeds=lambda step: step),
        encoder=encoder,
        tasks={task.name: task},
        score_all=in_process({task.name: task}),  # as TRL's reward is
        most_errors=0.0,
        mix=Mix([Stratum("domain", 1.0, {task.name: 1.0})], {task.name: records}, seed=0),
        settings=Reinforce(
            kind="reinforce",
            start="base",
            prompts=shape.prompts,
            group=shape.group,
            updates=1,
            learning_rate=RATE,
        ),
        seed=0,
        passes=Passes(8192, print),
    )
    steps = iter(range(1 << 30))

    def step() -> None:
        metrics, _, surplus = rl_step(trainer, next(steps), [])
        assert metrics["groups"] == metrics["generated"] == shape.prompts
        assert not surplus
        assert metrics["answer_tokens"] == shape.prompts * shape.group * shape.answer

    return step


def trl_steps(shape: Shape, count: int, between: Callable[[], None], checkpointing: bool) -> list[float]:
    """Seconds of `count` steps of TRL; `between` is called before each of them."""
    dice = random.Random(1)
    seconds: list[float] = []

    def reward(completion_ids: list[list[int]], **_: object) -> list[float]:
        assert all(len(ids) == shape.answer for ids in completion_ids)
        return [dice.random() for _ in completion_ids]

    class Watch(TrainerCallback):
        began = 0.0

        def on_step_begin(self, *_: object, **__: object) -> None:
            between()
            self.began = time.perf_counter()

        def on_step_end(self, *_: object, **__: object) -> None:
            seconds.append(time.perf_counter() - self.began)

    micro = 8  # answers per forward, TRL's default
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = GRPOTrainer(
            model=make_model(),
            reward_funcs=reward,
            train_dataset=Dataset.from_list([{"prompt": text} for text in make_prompts(shape, 64)]),
            processing_class=make_tokenizer(),
            callbacks=[Watch()],
            args=GRPOConfig(
                output_dir=folder,
                loss_type="dapo",
                epsilon=0.2,
                epsilon_high=0.28,
                learning_rate=RATE,
                weight_decay=0.1,
                num_generations=shape.group,
                max_completion_length=shape.answer,
                per_device_train_batch_size=micro,
                gradient_accumulation_steps=shape.prompts * shape.group // micro,
                max_steps=count,
                gradient_checkpointing=checkpointing,
                bf16=False,
                use_cpu=True,
                logging_strategy="no",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
        )
        trainer.train()
    return seconds


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def matmul_rate(size: int = 2048) -> float:
    """Floating-point operations per second of a float32 matrix product, the best of five."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / min(timed(partial(torch.matmul, a, b)) for _ in range(5))


def sizes(model: Qwen3ForCausalLM) -> tuple[int, int]:
    """Parameters of the layers, and of the head."""
    head = model.get_output_embeddings().weight.numel()
    return sum(p.numel() for p in model.parameters()) - head, head


def useful_flop(model: Qwen3ForCausalLM, shape: Shape) -> float:
    """Floating-point operations that a step needs: one forward in generation, three times that in the update."""
    body, head = sizes(model)
    answers = shape.prompts * shape.group
    tokens = shape.prompts * shape.prompt + answers * (shape.answer - 1)  # the last token predicts nothing
    pairs = shape.prompts * shape.prompt**2 / 2 + answers * shape.answer * (shape.prompt + shape.answer / 2)
    config = model.config
    attention = 4 * pairs * config.num_hidden_layers * config.num_attention_heads * config.head_dim
    return 4 * (2 * body * tokens + 2 * head * answers * shape.answer + attention)


if __name__ == "__main__":
    main()
