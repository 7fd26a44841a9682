"""A run without a model: a lab whose models are names, and samplers that answer from a script and are taken down."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from redone.checks.check import held_out
from redone.config import load_config
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.records import Record, Task
from redone.run.lab import Lab
from redone.run.log import Log
from redone.run.scoring import in_process
from redone.sample.scripted import ScriptedSampler

TASKS = {
    "tone": Task("tone", "domain", "content understanding", "{q}", "{a}", "exact", budget=8),
    "topic": Task("topic", "domain", "content understanding", "{q}", "{a}", "exact", budget=8),
    "think": Task("think", "domain", "dialogue", "{q}", "{a}", "exact", budget=24, think=True, rationale="{why}"),
    "sums": Task("sums", "general", "mathematics", "{q}", "{a}", "exact", budget=8),
}
SIZES = {"train": 8, "probe": 4, "tune": 2, "eval": 5}


@dataclass
class Model:
    """The weights of a model, as far as these tests go: its name."""

    name: str
    packed: bool = True
    num_parameters: int = 1000
    context: int | None = None
    own_context: int | None = None
    saved: list[Path] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        assert not (folder.parent / "DONE").exists()  # a stage is done when its model is there, not before
        folder.mkdir(parents=True)
        (folder / "weights").write_text(self.name, encoding="utf-8")


@dataclass(frozen=True)
class Made:
    """A sampler that was made, and what it was asked."""

    model: str
    group: int
    temperature: float
    seed: int  # of version 0
    asked: list[str]


class Samplers:
    """Stands in for `make_sampler`. says: the model's name, the prompt's text and the answer's number to the answer."""

    def __init__(self) -> None:
        self.made: list[Made] = []
        self.says = lambda model, prompt, number: "yes"

    def __call__(self, policy: Any, encoder: Any, *, group: int, temperature: float, seeds: Any, **more: Any) -> Any:
        made = Made(policy.name, group, temperature, seeds(0), [])
        self.made.append(made)

        class Sampler(ScriptedSampler):
            def ask(self, prompts):
                made.asked.extend(prompt.key for prompt in prompts)
                return super().ask(prompts)

        return Sampler(lambda prompt, number: self.says(policy.name, prompt, number), encoder, group=group)


def record(task: str, split: Any, number: int) -> Record:
    asked = ({"role": "user", "content": f"{task} {split} {number} ?"},)
    why = "so" if TASKS[task].think else None
    return Record(f"{task}/{split}/{number}", task, asked, "yes" if number % 2 else "no", split, "test", why)


@pytest.fixture
def dataset() -> Dataset:
    records = {
        task: {split: tuple(record(task, split, i) for i in range(size)) for split, size in SIZES.items()}
        for task in TASKS
    }
    return Dataset(TASKS, records, dict.fromkeys(TASKS, 0))


@pytest.fixture
def samplers(monkeypatch: pytest.MonkeyPatch) -> Samplers:
    found = Samplers()
    monkeypatch.setattr("redone.sample.local.make_sampler", found)
    monkeypatch.setattr("redone.method.reinforce.make_sampler", found)
    monkeypatch.setattr("redone.method.own.make_sampler", found)
    monkeypatch.setattr("redone.method.own.cache_room", lambda policy: 1 << 40)
    return found


@pytest.fixture
def make_lab(tmp_path, dataset, make_tokenizer, samplers, monkeypatch):
    """A function from settings to a lab of these tasks, whose models are their names."""
    monkeypatch.setattr(Lab, "_whole", lambda lab, model: Model(model))

    def make(*sets: str) -> Lab:
        config = load_config([], ["seed=7", *sets])
        return Lab(
            config=config,
            dataset=replace(dataset, tasks=held_out(dataset.tasks, config.data.held_out)),
            encoder=Encoder(make_tokenizer()),
            base=tmp_path / "base",
            out=tmp_path / "run",
            log=Log(),
            device="cpu",
            dtype="float32",
            max_context=256,
            score_all=in_process(dataset.tasks),
        )

    return make


class Learner:
    """The weights that would be trained, and the settings they would be trained with."""

    def __init__(self, policy: Model, **settings: float) -> None:
        self.policy, self.settings = policy, settings

    def save(self, folder: Path) -> None:
        self.policy.save(folder)


@pytest.fixture
def learners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learners that learn nothing."""
    for stage in ("reinforce", "teach"):
        monkeypatch.setattr(f"redone.method.{stage}.Learner", Learner)
