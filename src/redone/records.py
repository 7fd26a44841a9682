"""The frozen types that cross file boundaries, one per step of the flow, and their JSON Lines form.

A new step makes a new type; no field changes its meaning on the way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Literal

Split = Literal["train", "probe", "tune", "eval"]
Reason = Literal["right", "wrong", "unparsable", "truncated", "error"]
Missing = Literal[
    "", "empty", "cut off", "refusal", "content filter", "tool call", "refused by the endpoint", "broken reply"
]  # why there is no answer; "" where there is one

GENERAL_GROUPS = (
    "knowledge",
    "mathematics",
    "code",
    "translation",
    "instruction following",
    "hallucination",
    "mixed",
)

UNREHEARSED = "unrehearsed"
KINDS = ("domain", "translation", "general", UNREHEARSED)  # what tasks are averaged under that name nothing themselves


@dataclass(frozen=True, slots=True)
class Task:
    """A task is data: one table of a pack's TOML file (see docs/data.md)."""

    name: str
    part: Literal["domain", "general"]
    family: str  # any name for "domain", one of the general groups for "general"
    prompt: str  # template; {field} is replaced by that field of the row; "" where `messages` holds the prompt
    answer: str  # template of the reference answer, which is also what is taught; "" where `messages` holds it
    reward: str  # a key of redone.rewards.REWARDS
    options: Mapping[str, Any] = field(default_factory=dict)  # keyword arguments of the reward
    extract: Sequence[Mapping[str, Any]] = ()  # steps that find the answer in what the model wrote (rewards.extract)
    metric: str = "mean"  # one of redone.rewards.METRICS: how verdicts become the task's score
    classes: Sequence[str] = ()  # the labels that a metric over labels is the mean over; all if not given
    pass_at: float = 1.0  # a rollout passes when its score reaches this
    budget: int = 16  # longest answer in tokens, the rationale included
    think: bool = False  # the model reasons between <think> and </think> before it answers
    rationale: str = ""  # template of the reference rationale, for tasks that think
    candidates: str = ""  # name of the field that lists the candidates, for the trivial baseline
    source: str = ""  # name of the field that "source echoed" repeats, for the trivial baseline
    accepted: str = ""  # name of the field that lists further answers that are right
    cluster: str = ""  # name of the field whose value tells which records hang together, as those about one fact
    train: bool = True  # False: it is only evaluated
    average: str = ""  # what it is averaged under, with others that say the same and apart from its part
    on_bad_gold: Literal["refuse", "drop"] = "refuse"
    rare: float = 1.0  # share of the usual number of train rows the generator makes
    system: str = ""  # template of the system prompt
    messages: str = ""  # name of the field that lists a conversation's turns


@dataclass(frozen=True, slots=True)
class Record:
    """One prompt with its reference answer."""

    id: str  # "<task>/<split>/<number>"
    task: str
    messages: tuple[Mapping[str, str], ...]  # {"role": ..., "content": ...}
    answer: str  # reference answer; scores 1 under the task's reward
    split: Split
    source: str  # where it came from: "world" or "<file>:<line>"
    rationale: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)  # the row: what rewards and baselines need besides
    accepted: tuple[str, ...] = ()  # further answers that are right

    @property
    def prompt_text(self) -> str:
        """For people, and to compare prompts by: of several messages each with its role before it."""
        if len(self.messages) == 1:
            return self.messages[0]["content"]
        return "\n".join(f"{message['role']}: {message['content']}" for message in self.messages)

    @property
    def gold_text(self) -> str:
        """The reference answer as a model would write it, after its rationale where there is one."""
        return self.answer if self.rationale is None else f"<think>{self.rationale}</think>{self.answer}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked, whoever it is and wherever it runs."""

    key: str  # the caller's name for it, given back with every answer
    messages: Sequence[Mapping[str, str]]
    budget: int  # most tokens of an answer, its reasoning included
    think: bool = False  # the model reasons before it answers, where it can be told so
    stop: Sequence[str] = ()  # an answer of a model without a chat template ends before the first of these texts
    choices: Sequence[str] = ()  # the answers among which log-likelihood chooses
    go_on: bool = False  # a model without a chat template goes on in the last line, rather than in a new one


@dataclass(frozen=True, slots=True)
class Text:
    """One answer to a prompt."""

    key: str
    sample: int  # which of the answers to this prompt, from 0
    text: str  # as the model wrote it, thinking tags and all
    finished: bool  # False: cut off by the budget
    logprobs: tuple[float, ...] = ()  # of its tokens, where the sampler knows them
    thinking: str = ""  # what an endpoint gives apart as reasoning
    cut: int = 0  # tokens of the prompt's beginning that the model's context had no room for
    likelihoods: Mapping[str, float] = field(default_factory=dict)  # of the prompt's choices
    missing: Missing = ""  # why an endpoint gave no answer
    said: str = ""  # what it, or its model, said instead


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled answer."""

    id: str  # of the record
    tokens: tuple[int, ...]  # the answer's token ids, the end-of-sequence token included if sampled
    sampler_logprobs: tuple[float, ...]  # of those tokens, under the policy that sampled, at its temperature
    text: str  # decoded without special tokens other than the thinking tags
    finished: bool  # False: cut off by the budget
    version: int  # of the weights that sampled it: the rollout steps they had taken


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reward says of one answer. A broken verifier is the reason "error", never a silent 0."""

    score: float  # the outcome in [0, 1], before any length penalty
    reason: Reason
    parts: Mapping[str, float] = field(default_factory=dict)  # the counts a metric needs: hits, predicted, gold, ...
    note: str = ""  # what was compared or what failed, for people
    missing: Missing = ""  # why there was no answer to compare
    said: str = ""  # the label that `exact` read in the answer; "" where it read none, or another reward decides

    def __post_init__(self) -> None:
        if not isfinite(self.score):
            raise ValueError(f"a verdict of {self.score}, from which nothing can be learned")


@dataclass(frozen=True, slots=True)
class Group:
    """All rollouts of one prompt with their verdicts."""

    record: Record
    prompt: tuple[int, ...]  # its token ids, as the decoder was given them
    rollouts: tuple[Rollout, ...]
    verdicts: tuple[Verdict, ...]
    old_logprobs: tuple[tuple[float, ...], ...] | None = None  # of the trainer, when the group was carried over

    @property
    def scores(self) -> tuple[float, ...]:
        return tuple(verdict.score for verdict in self.verdicts)


@dataclass(frozen=True, slots=True)
class Finding:
    """What diagnosis says of one task."""

    task: str
    kind: Literal["unknown", "unstable", "format", "truncated", "regressed", "reward suspect", "solved"]
    pass1: float
    pass1_interval: tuple[float, float]
    passk: float
    passk_interval: tuple[float, float]
    k: int
    n: int  # probe records
    reasons: Mapping[str, float]  # share of rollouts by verdict reason
    why: str  # one sentence a person can read
    examples: tuple[Mapping[str, Any], ...] = ()  # id, prompt, answer, output, score, reason


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """What a stage teaches, how much of it, and why."""

    quotas: Mapping[str, int]  # task -> number of train records
    general: Mapping[str, int]  # general task -> number of records with soft labels
    why: Mapping[str, str]  # task -> reason, for every task of the domain, chosen or not
    prose: str


def group_to_json(group: Group) -> dict[str, Any]:
    return asdict(group)


def group_from_json(row: Mapping[str, Any]) -> Group:
    old = row["old_logprobs"]
    return Group(
        record=Record(**{**row["record"], **{key: tuple(row["record"][key]) for key in ("messages", "accepted")}}),
        prompt=tuple(row["prompt"]),
        rollouts=tuple(
            Rollout(**{**r, "tokens": tuple(r["tokens"]), "sampler_logprobs": tuple(r["sampler_logprobs"])})
            for r in row["rollouts"]
        ),
        verdicts=tuple(Verdict(**v) for v in row["verdicts"]),
        old_logprobs=None if old is None else tuple(tuple(values) for values in old),
    )
