"""The lab: what every step of a run shares, and where its models are."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.config import RunConfig
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.data.mix import derive_seed
from redone.files import MAKE_ROOM, as_left, read_object, write_json
from redone.model.heap import give_back
from redone.model.learner import Learner
from redone.model.policy import Policy
from redone.records import Record, Task
from redone.run.log import Log
from redone.run.marks import gone
from redone.run.scoring import ScoreAll
from redone.run.stages import BASE, Stage
from redone.run.store import Store


@dataclass(frozen=True)
class Lab:
    config: RunConfig
    dataset: Dataset
    encoder: Encoder
    base: Path  # folder or hub id of the base model
    out: Path
    log: Log
    device: str
    dtype: str  # `model.precision.SAID`
    max_context: int
    score_all: ScoreAll
    benchmarks: Sequence[Any] = ()  # measure.benchmarks.Prepared: those that are part of the run
    drift: Any = None  # measure.drift.HeldOut, where it is measured
    guard: Any = None  # likewise, of the gate, where it reads texts

    @property
    def stages(self) -> list[Stage]:
        made = ((name, self.config.stage(name)) for name in self.config.stages)
        return [Stage(name, settings.kind, settings.start, settings) for name, settings in made]

    @property
    def models(self) -> list[str]:
        """What is measured: the base, and what every stage leaves."""
        return [BASE, *self.config.stages]

    def folder(self, model: str) -> Path:
        """The Hugging Face folder (or hub id) of one of the models."""
        return self.base if model == BASE else self.out / model / "model"

    def load(self, model: str, whole_context: bool = False) -> Policy:
        """One of the models, to be asked; with the context that it has itself, rather than the run's. Where products
        are in bfloat16, what a stage left is loaded as it was trained, the adapter beside the frozen weights: merged,
        most of it would be rounded away in them."""
        if self.config.lora is None or self.dtype == "float32" or model == BASE:
            policy = self._whole(model)
        else:
            stage = next(stage for stage in self.stages if stage.name == model)
            policy = self._adapted(stage, self.out / model / "adapter")
        if whole_context:
            policy.context = policy.own_context
        return policy

    def policy(self, stage: Stage) -> Policy:
        """What the stage trains: the model that it starts from; with `lora` a new adapter beside it, or beside the base
        the adapter of the stage that it goes on from."""
        if self.config.lora is None:
            return self._whole(stage.start)
        goes_on = stage.start != BASE and not self.config.lora.each_stage
        return self._adapted(stage, self.out / stage.start / "adapter" if goes_on else None)

    def _whole(self, model: str) -> Policy:
        gc.collect()  # adapters and the models they stand in refer to each other, and would stay a while
        give_back()
        trust = self.config.model.trust_remote_code
        try:
            policy = Policy.load(self.folder(model), self.dtype, self.device, self.max_context, trust)
        except (OSError, ValueError):
            if model == BASE or (self.folder(model) / "config.json").is_file():
                raise
            raise ValueError(
                f"{self.folder(model)}: no model lies there any more; put it back, or remove {self.out / model}, and "
                "whatever was made of it, to do it again"
            ) from None
        policy.recompute = self.config.recompute
        return policy

    def _adapted(self, stage: Stage, start: Path | None) -> Policy:
        """What lies under the stage's adapter, and beside it an adapter: the one in the folder, or a new one."""
        lora = self.config.lora
        assert lora is not None
        under = stage.start if lora.each_stage else BASE
        policy = self._whole(under)
        policy.attach(
            lora.rank,
            lora.alpha,
            lora.targets,
            derive_seed(self.config.seed, stage.name, "adapter"),
            base=str(self.folder(under)),
            start=start,
        )
        return policy

    @property
    def trained(self) -> dict[str, Task]:
        """The tasks without those that are held out of training, or are only evaluated."""
        return self.dataset.trained

    def train_records(self) -> dict[str, tuple[Record, ...]]:
        """Trained task to its train records."""
        return {name: self.dataset.records[name]["train"] for name in self.trained}

    def finish(self, store: Store, learner: Learner, seconds: float) -> None:
        """Leave the stage's model as a Hugging Face folder, and then mark the stage as done."""
        from safetensors import SafetensorError

        try:
            learner.save(store.folder / "model")
        except SafetensorError as error:
            raise OSError(f"{store.folder / 'model'}: the model could not be written: {error}; {MAKE_ROOM}") from None
        self.encoder.save(store.folder / "model")
        store.finish(seconds)

    @property
    def seconds(self) -> dict[str, float]:
        """Phase to the seconds that it took so far. Raises ValueError where timings.json is damaged."""
        path = self.out / "timings.json"
        with as_left(path, "put it back, or remove it: it holds no more than how long things took"):
            return {name: float(one) for name, one in (read_object(path) if path.exists() else {}).items()}

    def look_back(self) -> None:
        """Put right what a kill left of finished stages, and say what finished folders no longer have. Raises
        ValueError where they hold something else than they did."""
        _ = self.seconds
        for folder in (*(self.out / name for name in self.config.stages), *((self.out / "eval").glob("*"))):
            if not (folder / "DONE").exists():
                continue
            Store(folder).tidy()
            if folder.parent == self.out:
                _ = Store(folder).seconds
            if missing := gone(folder):
                more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
                self.log.line(f"{folder}: no longer there: {', '.join(missing[:3])}{more}")

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the seconds spent to the run's timings.json, also across interruptions."""
        began = time.monotonic()
        try:
            yield
        finally:
            known = self.seconds
            known[phase] = round(known.get(phase, 0.0) + time.monotonic() - began, 3)
            write_json(self.out / "timings.json", known)
