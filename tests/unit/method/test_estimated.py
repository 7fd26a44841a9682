"""Bytes by phase from a model's config alone, and seconds by stage from one step of it, of a model of two layers."""

from dataclasses import replace

import pytest
from fakes import stage_of

from redone.data.encode import Encoder
from redone.method import estimate
from redone.model.policy import Policy
from redone.records import Verdict
from redone.run.lab import Lab
from redone.sample.local import make_sampler

LENGTHS = [(5, 2), (20, 6), (10, 4)]  # tokens of a prompt, of an answer
TOKEN = 2 * 4 * 2 * 2 * 8  # bytes of keys and values of a token: two layers of two heads of eight float32
ROOM = 16  # tokens that an answer has at least
EXPLORE = ("explore.prompts=4", "explore.updates=2", "explore.group=2")
TARGET = "stages=['target']"


@pytest.fixture
def phases(make_lab, tiny_model):
    """phases(*settings) -> (stage, phase) to its bytes by what they are of."""

    def found(*sets, lengths=LENGTHS):
        config = make_lab(*sets).config
        made = estimate.phases(config, tiny_model, "float32", False, 256, lengths)
        return {(one.stage, one.name): one for one in made}

    return found


def test_every_stage_has_its_phases_and_what_lies_in_each(phases, tiny_model):
    numbers = sum(p.numel() for p in Policy.load(tiny_model).trainable().values())
    found = phases(*EXPLORE, "explore.in_flight=2", "refine.steps=0", "target.batch=2")
    assert list(found) == [
        ("explore", "sampling"),
        ("explore", "update"),
        ("target", "fine-tuning"),
        ("every model", "measuring"),
    ]  # a stage that trains nothing has none
    for name, phase in found.items():
        assert phase.bytes["weights"] == 4 * numbers
        assert phase.bytes.get("moments", 0) == (0 if name[1] == "measuring" else 8 * numbers)
        assert phase.bytes.get("gradients", 0) == (4 * numbers if name[1] in ("update", "fine-tuning") else 0)
        assert phase.peak == sum(phase.bytes.values())
    sampling, update = found["explore", "sampling"].bytes, found["explore", "update"].bytes
    assert sampling["keys and values"] == 2 * (20 + 2 * ROOM) * TOKEN  # of the two longest, each as the longest
    assert found["every model", "measuring"].bytes["keys and values"] == 3 * (20 + ROOM) * TOKEN
    assert update["copies"] == sampling["copies"]  # which the sampler keeps


def test_the_largest_pass_decides_whatever_the_order_of_the_records(phases):
    found = phases(TARGET)
    assert phases(TARGET, lengths=LENGTHS[::-1]) == found
    more = phases(TARGET, lengths=[*LENGTHS, (40, 6)])
    for name in found:
        assert more[name].bytes["activations"] > found[name].bytes["activations"], name


def test_an_adapter_has_moments_of_its_own_numbers_alone(phases):
    whole, adapted = phases(TARGET), phases(TARGET, "lora.rank=2")
    few, all_of_it = (one["target", "fine-tuning"].bytes for one in (adapted, whole))
    assert few["moments"] < all_of_it["moments"] / 2
    assert few["gradients"] == few["moments"] / 2
    assert few["weights"] == all_of_it["weights"] + few["gradients"]


@pytest.fixture
def make(make_lab, tiny_model, make_tokenizer, monkeypatch):
    """A function to a lab of the tiny model, of which each act takes three seconds."""
    monkeypatch.setattr(Lab, "_whole", lambda lab, model: Policy.load(tiny_model))
    monkeypatch.setattr("redone.method.reinforce.make_sampler", make_sampler)
    monkeypatch.setattr("redone.sample.local.make_sampler", make_sampler)
    monkeypatch.setattr(estimate, "_clocked", lambda act: (3.0, act()))
    return lambda *sets: replace(make_lab(*sets), encoder=Encoder(make_tokenizer()))


def judging(spreads):
    """Verdicts on groups whose scores differ, or not, as `spreads` says of one after another."""
    turns = iter(spreads)

    def score_all(asked):
        return [
            [Verdict(float(i % 2 if spread else 0), "right") for i in range(len(one.answers))]
            for one, spread in zip(asked, turns)
        ]

    return score_all


@pytest.mark.parametrize(
    ("spreads", "waves", "said"),
    [
        ([True] * 4, 1, "0 % of the base's groups have no spread and are replaced"),
        ([True, False] * 2, 2, "50 % of the base's groups have no spread and are replaced"),
        ([False] * 4, 1, "all of the base's groups have no spread: replacing them is not counted, and takes longest"),
    ],
)
def test_a_stage_that_reinforces_takes_waves_updates_and_their_log_probabilities(make, spreads, waves, said):
    lab = make("explore.steps=10", "explore.prompts=4", "explore.updates=2", "explore.group=2")
    lab = replace(lab, score_all=judging(spreads))
    found = estimate.timed(lab, stage_of(lab, "explore"))
    each = waves * 3.0 + 2 * 3.0 + 1 * 3.0
    assert found.stage == "explore"
    assert found.seconds == pytest.approx(10 * each)
    assert found.said.startswith(f"10 steps of {each:.1f} s: {waves:.1f} waves of 3.0 s, 2 updates of 3.0 s")
    assert said in found.said


def test_a_stage_that_teaches_takes_all_its_batches_and_is_timed_from_the_base(make, monkeypatch):
    lab = make("target.records=20", "target.batch=8", "target.epochs=3", "target.general_share=0", "target.own_share=0")
    began = []
    load = Lab.policy
    monkeypatch.setattr(Lab, "policy", lambda lab, stage: began.append(stage.start) or load(lab, stage))
    found = estimate.timed(lab, stage_of(lab, "target"))
    assert began == ["base"]
    assert found.seconds == pytest.approx(3 * 3 * 3.0)  # three epochs of ceil(20 / 8) batches
    assert found.said == "9 steps of 3.0 s, by reference answers"


def test_what_is_answered_beside_training_is_counted_by_hand(make):
    lab = make(
        "eval.records=3",
        "diagnose.records=3",
        "diagnose.samples=5",
        "refine.difficulty_samples=2",
        "refine.difficulty_records=5",
        "target.records=10",
        "target.general_share=0.2",
        "target.candidates=2",
        "target.own_share=0.5",
    )
    measured = 4 * 4 * 3  # models, tasks, records
    difficulty = 2 * 4 * 5  # answers to some of each task's eight records
    probed = 2 * 5 * 4 * 3  # of the base and of what the stage starts from
    soft, own = 2 * 2, 2 * 10  # candidates of two general records; ten prompts written, and answered
    assert estimate._answers(lab) == measured + difficulty + probed + soft + own
    found = estimate.answering(lab, most=4)
    assert found.seconds == pytest.approx(estimate._answers(lab) * 3.0 / 4)
    assert found.said.startswith(f"{estimate._answers(lab)} of 0.75 s: ")


def test_what_no_stage_asks_is_not_counted(make):
    plain = ("target.choose='all'", "target.soft_labels='gold'", "refine.difficulty=false", "eval.records=3")
    assert estimate._answers(make(*plain)) == 4 * 4 * 3
    assert estimate._answers(make(*plain, "target.epochs=0", "target.choose='findings'")) == 4 * 4 * 3
    own = make(*plain, "target.answers='own'", "target.records=10", "target.candidates=2", "target.general_share=0.2")
    assert estimate._answers(own) == 4 * 4 * 3 + 2 * 8  # candidates of the domain's own records
    everything = make(*plain[:3])  # all of the five eval records
    assert estimate._answers(everything) == 4 * 4 * 5


def test_the_first_stage_diagnoses_the_base_alone(make):
    lab = make(TARGET, "eval.records=1", "diagnose.records=1", "diagnose.samples=2", "target.soft_labels='gold'")
    assert estimate._answers(lab) == 2 * 4 + 2 * 4
