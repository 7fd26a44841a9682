"""The settings of a stage: one table for each kind of stage, with their defaults."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Reinforce(Table):
    """DAPO (Yu et al. 2025; RedOne 2.0 section 3.2.3)."""

    kind: Literal["reinforce"] = Field(description="what the stage does")
    start: str = Field(description='"base" or an earlier stage; the stage before it if not set')
    steps: int = Field(100, ge=0, description="rollout steps")
    prompts: int = Field(32, ge=1, description="informative prompts per step")
    group: int = Field(8, ge=2, description="answers sampled per prompt (G)")
    updates: int = Field(4, ge=1, description="optimiser updates per rollout step; divides prompts")
    patience: int = Field(
        8,
        ge=2,
        description="most groups generated for one that is trained on: in a step, and of a task before it rests, which "
        "leaves its share to the others",
    )
    idle_steps: int = Field(
        5,
        ge=1,
        description="steps in a row without a group to train on after which the stage ends; what it learnt stays",
    )
    balanced: bool = Field(True, description="the labels of a closed task are drawn equally often")
    in_flight: int = Field(64, ge=1, description="most prompts generated at once")
    temperature: float = Field(1.0, gt=0, description="sampling temperature")
    clip_low: float = Field(0.2, gt=0, lt=1, description="epsilon_low")
    clip_high: float = Field(0.28, gt=0, description="epsilon_high")
    advantage_floor: float = Field(0.05, ge=0, description="added to the group's standard deviation")
    min_spread: float = Field(1e-3, ge=0, description="a group whose outcome's max - min exceeds this is informative")
    calibration: float = Field(
        0.5, ge=0, description="closed tasks: advantages are less by this x how much too often their label is answered"
    )
    averaging: Literal["token", "group"] = Field("group", description="mean over a step's tokens, or over each group's")
    length_penalty: float = Field(1.0, ge=0, description="factor of the soft overlong penalty")
    overlong_zone: float = Field(0.25, ge=0, lt=1, description="share of a task's budget, its end, that is punished")
    learning_rate: float = Field(5e-6, gt=0, description="constant between warm-up and cooldown")
    warmup: int = Field(10, ge=0, description="rollout steps of linear warm-up")
    cooldown: float = Field(0.5, ge=0, le=1, description="share of the steps, their end, in which the rate falls to 0")
    weight_decay: float = Field(0.1, ge=0, description="AdamW, on matrices")
    max_grad_norm: float = Field(1.0, gt=0, description="gradient norm is clipped to this")
    general_share: float = Field(0.0625, ge=0, le=1, description="share of prompts from general tasks")
    rationale_share: float | None = Field(None, ge=0, le=1, description="share of prompts from tasks that reason")
    difficulty: bool = Field(False, description="draw prompts by p(1-p), p their pass rate under the starting model")
    difficulty_samples: int = Field(4, ge=2, description="answers per train prompt that estimate p")
    difficulty_records: int = Field(64, ge=1, description="train prompts per task that p is estimated on")
    difficulty_floor: float = Field(0.02, gt=0, description="least weight of a prompt")
    save_every: int = Field(10, ge=1, description="steps between checkpoints; ctrl-C saves at once")

    @property
    def trains(self) -> bool:
        return self.steps > 0


class Teach(Table):
    """Targeted fine-tuning (section 3.3)."""

    kind: Literal["teach"] = Field(description="what the stage does")
    start: str = Field(description='"base" or an earlier stage; the stage before it if not set')
    choose: Literal["findings", "random", "all"] = Field(
        "findings",
        description="tasks of the domain that are taught: those that the diagnosis of the stage's start finds weak; "
        "half of them, drawn at random; or all, and the records spread evenly over them",
    )
    records: int = Field(4000, ge=1, description="most targeted records of the domain")
    rare_factor: float = Field(2.0, ge=1, description="weight of rare tasks")
    rehearsal: float = Field(
        0.0, ge=0, lt=1, description="share of the domain's records drawn from tasks that are not weak"
    )
    turns: Literal["last", "all"] = Field("last", description="of a conversation: its last reply alone, or every one")
    near_duplicate: float = Field(0.9, gt=0, le=1, description="Jaccard similarity of two prompts: one is left out")
    general_share: float = Field(0.056, ge=0, lt=1, description="share of general records with soft labels")
    soft_labels: Literal["best_of_n", "distribution", "gold"] = Field(
        "best_of_n",
        description="target of the general records: the best candidate of the stage's start, its distributions over "
        "tokens along that candidate, or the reference answer",
    )
    answers: Literal["reference", "own"] = Field(
        "reference",
        description="target of the domain's records: the reference answer; or, of a record of which a candidate of the "
        "stage's start passes, the best of these",
    )
    top_k: int = Field(16, ge=1, description="likeliest tokens that a distribution keeps")
    candidates: int = Field(8, ge=1, description="answers per general record that the judge ranks")
    temperature: float = Field(1.0, gt=0, description="sampling temperature of the candidates")
    own_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of records whose prompts the base writes itself and the stage's start answers: against the "
        "forgetting of what no general data cover; needs a chat template",
    )
    interpolate: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (),
        strict=False,
        description="shares, between 0 and 1, of the start's weights that are tried at the end; the largest is kept "
        "with which no average of the domain clearly falls on probe. Not with [lora]",
    )
    interpolate_cost: float = Field(
        0.0, ge=0, description="points that an average of the domain may fall by on probe for the start's weights"
    )
    averaging: Literal["token", "record"] = Field(
        "record",
        description="the loss is the mean over a step's target tokens, of which long answers have most, or over its "
        "records of the mean over each one's, so that shares of records are shares of the loss",
    )
    epochs: int = Field(2, ge=0, description="passes over the set")
    batch: int = Field(64, ge=1, description="records per optimiser step")
    learning_rate: float = Field(5e-6, gt=0, description="peak, after warm-up")
    warmup_ratio: float = Field(0.1, ge=0, lt=1, description="share of the steps that warm up")
    weight_decay: float = Field(0.1, ge=0, description="AdamW, on matrices")
    max_grad_norm: float = Field(1.0, gt=0, description="gradient norm is clipped to this")
    save_every: int = Field(20, ge=1, description="steps between checkpoints; ctrl-C saves at once")

    @property
    def trains(self) -> bool:
        return self.epochs > 0
