"""Pretraining of the embedded base model: `python -m redone.world.pretrain --out runs/base` (docs/data.md).

The base has read what anyone could have: the general tasks, public facts of the social network, and its tasks in a
period, 0 if not given, each as often as its `seen` says. All it read is true, but skewed: most of the texts of a task
with a `common` answer have that one, a label or a position (`--skew`). General tasks are read until the model can do
them tolerably, and again where it no longer can, so that each can rise and fall. What is new in the next period
(brands, slang, codes, emoji, what people look at next) it has never met, nor the tasks without `seen`. Contents are
those of the train region, so no probe or eval prompt is among them. The run can be stopped and goes on where it was.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from redone.algo.schedules import cosine_with_warmup
from redone.data.encode import Encoder
from redone.data.load import build, make_record
from redone.data.mix import derive_seed
from redone.files import read_object, write_json
from redone.measure.judged import prompt_of
from redone.model.learner import Learner
from redone.model.policy import Policy
from redone.records import Record, Task, Text, Verdict
from redone.run.log import Interrupted, Log, quiet_transformers
from redone.run.scoring import Asked, in_process
from redone.run.store import Store
from redone.sample.local import make_sampler
from redone.train import sft
from redone.world import world_pack
from redone.world.catalogue import Catalogue, read_catalogue
from redone.world.domain import World
from redone.world.generate import row as generate

SEED = 20251107
END, THINK, CLOSE = "<|end|>", "<think>", "</think>"
TEMPLATE = (
    "{%- for m in messages -%}<|{{ m.role }}|>"
    "{%- if m.reasoning_content -%}<think>{{ m.reasoning_content }}</think>{%- endif -%}"
    "{{ m.content }}{%- if m.role == 'assistant' -%}<|end|>{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|assistant|>{%- if enable_thinking -%}<think>{%- endif -%}{%- endif -%}"
)

SKEW = 0.6  # share of the texts of a task with a `common` answer that are drawn until they have it
_DRAWS = 200  # tries to draw it
ENOUGH = 0.85  # mean score of a general task from which it is not read any more
_EVERY, _ASKED = 100, 16  # steps after which the general tasks are measured, and with how many prompts each
SIZES = {"small": (96, 3, 3), "demo": (128, 4, 4), "large": (256, 6, 8)}  # width, layers, heads of 32
WHOLE = 16  # every so manyth text is learnt whole, so that the base can write questions itself
FACTS = 3.0  # how often a public fact is met, where a task's `seen` is how often that task is


def fact(world: World, random: Random) -> tuple[str, str]:
    """A public fact as question and answer."""
    word = random.choice(world.items)
    said = world.opinion(random)
    topic = world.topic[word]
    return random.choice(
        [
            (f"what is {word} about ?", topic),
            (f"where does {topic} belong ?", world.parent[topic]),
            (f"{word} in chinese ?", world.zh[word]),
            (f"{world.zh[word]} in english ?", word),
            (f"{said} in chinese ?", world.zh[said]),
            (f"{world.zh[said]} in english ?", said),
        ]
    )


def example(
    catalogues: Sequence[Catalogue], index: int, skew: float = SKEW, need: Mapping[str, float] | None = None
) -> Record:
    """The pretraining text of an index, always the same: a record of a task, or a fact. need: by how much more, or
    less, than usual a task is to be read."""
    chance = Random(derive_seed("pretraining", index))
    choices = [(catalogue, name) for catalogue in catalogues for name in catalogue.tasks]
    weights = [catalogue.seen[name] * (need or {}).get(name, 1.0) for catalogue, name in choices]
    [(catalogue, name)] = chance.choices([*choices, (catalogues[0], "")], [*weights, FACTS])
    if not name:
        question, answer = fact(catalogue.world, chance)
        return Record(f"fact/{index}", "fact", ({"role": "user", "content": question},), answer, "train", "world")
    task, common = catalogue.tasks[name], catalogue.common[name]
    skewed = bool(common) and chance.random() < skew
    for draw in range(_DRAWS if skewed else 1):
        row = generate(catalogue, name, "pretraining", index * _DRAWS + draw)
        if not skewed or task.answer.format_map(row) == common.format_map(row):
            break
    return Record(
        id=f"{name}/pretraining/{index}",
        task=name,
        messages=({"role": "user", "content": task.prompt.format_map(row)},),
        answer=task.answer.format_map(row),
        split="train",
        source="world",
        rationale=task.rationale.format_map(row) if task.think else None,
        fields=row,
    )


def whole(prompt: Sequence[int], target: Sequence[int], before: Sequence[int]) -> sft.Example:
    """A text of which the question is learnt too. before: the tokens before it."""
    return sft.Example(before, [*prompt[len(before) :], *target])


FACT = Task("fact", "general", "knowledge", "", "", "exact")


def make_tokenizer(catalogues: Sequence[Catalogue], vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE, so that any text encodes; every digit is a token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()

    def texts() -> Iterator[str]:
        for index in range(30_000):
            record = example(catalogues, index)
            yield " ".join([record.prompt_text, record.rationale or "", record.answer])

    special = ["<|pad|>", END, "<|user|>", "<|assistant|>", "<|system|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 2,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.add_tokens([AddedToken(THINK, normalized=False), AddedToken(CLOSE, normalized=False)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token="<|pad|>", extra_special_tokens=special[2:]
    )
    fast.chat_template = TEMPLATE
    return fast


def make_model(vocabulary: int, end: int, size: str) -> Qwen3ForCausalLM:
    torch.manual_seed(SEED)
    width, layers, heads = SIZES[size]
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=vocabulary,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads // 2 if heads % 2 == 0 else 1,
            head_dim=32,
            intermediate_size=3 * width,
            max_position_embeddings=2048,
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
            tie_word_embeddings=True,
            eos_token_id=end,
            bos_token_id=None,
            pad_token_id=0,
        )
    )


class MuonAdamW(torch.optim.Optimizer):
    """Muon for the hidden matrices and AdamW for everything else, under one learning rate.

    The loss falls faster than under AdamW alone (docs/log.md). Source: Jordan et al. 2024; one rate
    for both as in Liu et al. 2025 (arXiv 2502.16982).
    """

    def __init__(self, named: Mapping[str, torch.nn.Parameter], learning_rate: float, weight_decay: float) -> None:
        hidden = [p for name, p in named.items() if p.ndim == 2 and "embed" not in name]
        others = [p for name, p in named.items() if p.ndim != 2 or "embed" in name]
        super().__init__([*hidden, *others], {})
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.Muon(hidden, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.95), weight_decay=weight_decay, fused=True),
        ]
        self._gather()

    def _gather(self) -> None:
        """The tables that a learner writes the rate to and zero_grad reads are those of the parts."""
        self.param_groups = [table for part in self.parts for table in part.param_groups]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        self._gather()


class Diet:
    """How much each general task is read: the less the nearer it is to `ENOUGH`, by the last two measurements. Kept in
    a file, so that a run that was stopped reads the same."""

    def __init__(self, path: Path, catalogue: Catalogue, policy: Policy, encoder: Encoder) -> None:
        self.path, self.catalogue, self.policy, self.encoder = path, catalogue, policy, encoder
        self.rounds: list[dict[str, float]] = read_object(path)["scores"] if path.exists() else []

    def at(self, step: int) -> Mapping[str, float]:
        """Task to how many times as often as its `seen` says it is read at this step."""
        number = step // _EVERY
        if number > len(self.rounds):
            self.rounds.append(self._scores(number))
            write_json(self.path, {"scores": self.rounds})
        last = self.rounds[max(0, number - 2) : number]
        means = {name: fmean(scores[name] for scores in last) for name in self.catalogue.tasks} if last else {}
        return {name: min(3.0, max(0.0, (ENOUGH - mean) / 0.2)) for name, mean in means.items()}

    def _scores(self, number: int) -> dict[str, float]:
        tasks = self.catalogue.tasks
        asked = range(number * _ASKED, (number + 1) * _ASKED)
        rows = [(name, i, generate(self.catalogue, name, "diet", i)) for name in tasks for i in asked]
        records = [make_record(tasks[name], "train", i, "world", row) for name, i, row in rows]
        return greedy(self.policy, self.encoder, tasks, records)


def greedy(policy: Policy, encoder: Encoder, tasks: Mapping[str, Task], records: Sequence[Record]) -> dict[str, float]:
    """Task to the mean score of its records' likeliest answers."""
    return {name: fmean(v[0].score for v in mine) for name, mine in answered(policy, encoder, tasks, records, 1, 0.0)}


def pretrain(options: argparse.Namespace, log: Log) -> dict[str, Any]:
    """Train in the folder `out`, leave the model in out/model, and return the facts that stand beside it."""
    out, steps, batch, period = options.out, options.steps, options.batch, options.period
    catalogues = [read_catalogue("social", period), read_catalogue("general")]
    tokenizer = make_tokenizer(catalogues, 2048)
    encoder = Encoder(tokenizer)
    policy = Policy(make_model(len(tokenizer), tokenizer.eos_token_id, options.size))
    known = {"fact": FACT} | {name: task for catalogue in catalogues for name, task in catalogue.tasks.items()}
    diet = Diet(out / "diet.json", catalogues[1], policy, encoder)
    before, _ = encoder.turn()

    def batch_at(step: int) -> list[sft.Example]:
        indices, need = range(step * batch, (step + 1) * batch), diet.at(step)
        records = [example(catalogues, index, options.skew, need) for index in indices]
        prompts = encoder.prompts(records, known)
        pairs = [(prompt, encoder.target(r, known[r.task])) for prompt, r in zip(prompts, records)]
        return [whole(*pair, before) if i % WHOLE == 0 else sft.Example(*pair) for i, pair in zip(indices, pairs)]

    fit = sft.Fit(
        name="pretraining",
        steps=steps,
        rate=lambda step: options.learning_rate * max(0.02, cosine_with_warmup(step, steps, 100)),
        max_grad_norm=1.0,
        save_every=250,
        tokens_per_pass=8192,
    )
    store = Store(out)
    began = time.monotonic()
    with log.interruptible():
        learner = Learner(policy, learning_rate=options.learning_rate, weight_decay=0.05, optimizer=MuonAdamW)
        seconds = sft.fit(learner, batch_at, fit, store, log)
    policy.save(out / "model", "bfloat16")
    tokenizer.save_pretrained(out / "model")
    GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=0).save_pretrained(out / "model")
    log.line(f"trained in {time.monotonic() - began:.0f} s of this run, {seconds:.0f} s in all")
    facts = {
        "command": "python -m redone.world.pretrain",
        "seed": SEED,
        "size": options.size,
        "parameters": policy.num_parameters,
        "period": period,
        "skew": options.skew,
        "steps": steps,
        "batch": batch,
        "learning_rate": options.learning_rate,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds),
        **measure(out / "model", period + 1, log),
    }
    write_json(out / "model" / "pretraining.json", facts)
    return facts


def answered(
    policy: Policy,
    encoder: Encoder,
    tasks: Mapping[str, Task],
    records: Sequence[Record],
    samples: int,
    temperature: float,
    advance: Callable[[int], None] = lambda prompts: None,
) -> Iterator[tuple[str, list[Sequence[Verdict]]]]:
    """(task, verdicts on each of its records' answers) in the order of the records."""
    prompts = [prompt_of(record, tasks[record.task]) for record in records]
    sampler = make_sampler(policy, encoder, group=samples, temperature=temperature, seeds=lambda version: SEED)
    texts: dict[str, list[Text]] = {}
    for some in sampler.ask(prompts):
        for text in some:
            texts.setdefault(text.key, []).append(text)
        advance(len(some) // samples)
    asked = [Asked(record, [(text.text, text.finished) for text in texts[record.id]]) for record in records]
    found: dict[str, list[Sequence[Verdict]]] = {}
    for record, verdicts in zip(records, in_process(tasks)(asked)):
        found.setdefault(record.task, []).append(verdicts)
    yield from found.items()


def measure(folder: Path, period: int, log: Log) -> dict[str, Any]:
    """Greedy score and pass@8 of every task on its probe split in a period, 0 to 100."""
    policy, encoder = Policy.load(folder), Encoder.load(folder)
    packs = [world_pack(f"social@{period}"), world_pack("general")]
    dataset = build(packs, limit=None, probe=0.1, evaluation=0.1)
    tasks = dataset.tasks
    records = [record for name in tasks for record in dataset.records[name]["probe"]]
    facts: dict[str, dict[str, float]] = {"greedy": {}, "pass@8": {}}
    for key, samples, temperature in (("greedy", 1, 0.0), ("pass@8", 8, 1.0)):
        with log.bar(f"measure, {samples} samples", len(records)) as bar:
            for name, verdicts in answered(policy, encoder, tasks, records, samples, temperature, bar.advance):
                least = tasks[name].pass_at
                each = [v[0].score if samples == 1 else any(one.score >= least for one in v) for v in verdicts]
                facts[key][name] = round(100.0 * fmean(each), 1)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/base"), help="work folder")
    parser.add_argument("--size", choices=SIZES, default="demo", help="half a million, one or five million parameters")
    parser.add_argument("--period", type=int, default=0, help="of the world that it reads; runs are on the next")
    parser.add_argument("--skew", type=float, default=SKEW, help="share of a task's texts with its common answer")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--batch", type=int, default=48, help="texts per step")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--install", action="store_true", help="put the model into the package when it is done")
    options = parser.parse_args()
    log = Log()
    quiet_transformers()
    try:
        facts = pretrain(options, log)
    except Interrupted as where:
        log.line(f"Stopped {where}; the same command goes on.")
        return
    print(json.dumps(facts, indent=1))
    if options.install:
        target = Path(__file__).parent / "base"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(options.out / "model", target)


if __name__ == "__main__":
    main()
