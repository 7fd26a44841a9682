"""What a stage of reinforcement hands to training: weights, sampler, prompts. Nothing is trained."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from fakes import stage_of

from redone.data.mix import derive_seed
from redone.method import reinforce as module
from redone.method.reinforce import check_shares, difficulty, drawn, reinforce, strata, trainer_of


@pytest.fixture
def trained(monkeypatch, learners):
    """The trainers that training is given, each with what its learner was made with."""
    found = []

    monkeypatch.setattr(module.rl, "train", lambda trainer, store, log: found.append((trainer, store)) or 2.5)
    return found


def shares(found):
    return {stratum.name: (round(stratum.share, 9), dict(stratum.tasks)) for stratum in found}


def test_training_starts_from_the_stages_start_with_its_own_settings(make_lab, samplers, trained):
    lab = make_lab("refine.difficulty=false", "refine.group=5", "refine.temperature=0.7", "refine.learning_rate=3e-4")
    reinforce(lab, stage_of(lab, "refine"))
    [(trainer, store)] = trained
    assert trainer.learner.policy.name == "target"
    assert trainer.learner.settings == {"learning_rate": 3e-4, "weight_decay": lab.config.refine.weight_decay}
    assert trainer.settings is lab.config.refine
    assert (trainer.stage, trainer.seed) == ("refine", 7)
    assert trainer.passes.tokens == lab.config.tokens_per_pass
    assert trainer.most_errors == lab.config.scoring.most_errors
    [made] = samplers.made
    assert (made.model, made.group, made.temperature) == ("target", 5, 0.7)
    assert made.seed == derive_seed(7, "refine", "rollouts", 0)
    assert (store.folder / "model" / "weights").read_text() == "target"
    assert store.seconds == 2.5


def test_prompts_are_train_records_of_all_tasks_alike_in_an_order_of_the_stages_own(make_lab, samplers, trained):
    lab = make_lab("explore.general_share=0.25")
    reinforce(lab, stage_of(lab, "explore"))
    [(trainer, _)] = trained
    assert trainer.mix.seed == derive_seed(7, "explore", "mix")
    assert shares(trainer.mix.strata) == {
        "domain, reasoning None": (0.75, {"tone": 1.0, "topic": 1.0, "think": 1.0}),
        "general, reasoning None": (0.25, {"sums": 1.0}),
    }
    trainer.mix.begin(200)
    records = [trainer.mix.draw() for _ in range(200)]
    assert {record.split for record in records} == {"train"}
    assert Counter(record.task for record in records) == dict.fromkeys(("tone", "topic", "think", "sums"), 50)


def test_a_stage_whose_shares_leave_no_trained_task_is_refused_with_the_tasks_there_are(make_lab):
    lab = make_lab("explore.general_share=1")
    tasks, settings = lab.dataset.tasks, lab.config.explore
    check_shares("explore", tasks, settings)
    domain = {name: task for name, task in tasks.items() if task.part == "domain"}
    with pytest.raises(
        ValueError, match=r"^explore\.general_share = 1 and .* there are 2 domain, not reasoning; 1 domain"
    ):
        check_shares("explore", domain, settings)


def test_what_is_held_out_is_never_drawn(make_lab, samplers, trained):
    lab = make_lab('data.held_out=["topic", "sums"]', "explore.general_share=0.5")
    reinforce(lab, stage_of(lab, "explore"))
    [(trainer, _)] = trained
    assert shares(trainer.mix.strata) == {"domain, reasoning None": (1.0, {"tone": 1.0, "think": 1.0})}


def test_the_rationale_share_is_that_of_tasks_that_reason_and_a_cell_without_tasks_leaves_its_own(make_lab):
    lab = make_lab("refine.general_share=0.2", "refine.rationale_share=0.6")
    weights = dict.fromkeys(lab.dataset.tasks, 2.0)
    assert shares(strata(lab.dataset.tasks, lab.config.refine, weights)) == {
        "domain, reasoning True": (0.6, {"think": 2.0}),
        "domain, reasoning False": (round(0.4 * 0.8, 9), {"tone": 2.0, "topic": 2.0}),
        "general, reasoning False": (round(0.4 * 0.2, 9), {"sums": 2.0}),
    }


def test_difficulty_is_the_pass_rate_of_the_stages_start_on_a_draw_of_train_records(make_lab, samplers):
    lab = make_lab("refine.difficulty_samples=4", "refine.difficulty_records=3")
    samplers.says = lambda model, prompt, number: "yes" if number == 0 else "no"
    difficulty(lab, stage_of(lab, "refine"))
    [made] = samplers.made
    assert (made.model, made.group, made.temperature, made.seed) == ("target", 4, 1.0, derive_seed(7, "difficulty"))
    tried = drawn(lab.train_records(), 3, seed=7)
    assert sorted(made.asked) == sorted(record.id for record in tried)
    assert {record.split for record in tried} == {"train"}
    rates = json.loads((lab.out / "refine" / "difficulty.json").read_text())
    assert rates == {r.id: 0.0 if r.task == "think" else 0.25 if r.answer == "yes" else 0.75 for r in tried}


def test_prompts_of_middling_difficulty_weigh_most_and_those_not_tried_as_their_tasks_mean(make_lab, samplers, trained):
    """One prompt of tone always passes, the others in half of the samples, which is more than a fixed answer."""
    lab = make_lab("refine.difficulty_samples=4", "refine.difficulty_records=4", "refine.difficulty_floor=0.03")
    first = drawn(lab.train_records(), 4, seed=7)
    always = next(record for record in first if record.task == "tone")

    def says(model, prompt, number):
        task, _, place = prompt.removeprefix("<|user|>").split(" ?")[0].split()
        right = "yes" if int(place) % 2 else "no"
        wrong = "no" if right == "yes" else "yes"
        return right if task == "tone" and (f"tone/train/{place}" == always.id or number < 3) else wrong

    samplers.says = says
    hard = difficulty(lab, stage_of(lab, "refine"))
    tried = [record for record in first if record.task == "tone"]
    assert hard.rates[always.id] == 1.0
    assert all(hard.rates[r.id] == 0.75 for r in tried if r is not always)
    assert {hard.weight("tone", hard.rates[r.id]) for r in tried} == {0.03, 0.03 + 3 / 16}
    mean = (0.03 * 4 + 3 * 3 / 16) / 4
    left = [r for r in lab.dataset.records["tone"]["train"] if r not in tried]
    assert len(left) == 4
    assert not any(r.id in hard.rates for r in left)
    assert hard.weight("tone", None) == pytest.approx(mean)
    reinforce(lab, stage_of(lab, "refine"))
    [(trainer, _)] = trained
    assert trainer.mix.turns.difficulty == hard
    tasks = {task: weight for stratum in trainer.mix.strata for task, weight in stratum.tasks.items()}
    assert tasks["tone"] == pytest.approx(mean)
    assert tasks["topic"] == pytest.approx(0.03)


def test_difficulty_is_asked_once_and_not_of_what_is_held_out(make_lab, samplers):
    lab = make_lab('data.held_out=["topic"]', "refine.difficulty_records=2")
    first = difficulty(lab, stage_of(lab, "refine"))
    assert difficulty(lab, stage_of(lab, "refine")) == first
    [made] = samplers.made
    assert {name.split("/")[0] for name in made.asked} == {"tone", "think", "sums"}


def test_a_stage_that_does_not_draw_by_difficulty_asks_nothing(make_lab, samplers, trained):
    lab = make_lab()
    reinforce(lab, stage_of(lab, "explore"))
    [(trainer, _)] = trained
    assert trainer.mix.turns.difficulty is None
    assert all(not made.asked for made in samplers.made)


@pytest.mark.parametrize(("balanced", "counts"), [("true", {"yes": 8, "no": 8}), ("false", {"yes": 4, "no": 12})])
def test_the_labels_of_closed_tasks_are_drawn_alike_unless_the_settings_say_otherwise(
    make_lab, learners, balanced, counts
):
    """Of the eight records of tone two are "yes"."""
    lab = make_lab(f"explore.balanced={balanced}")
    mine = [replace(r, answer="yes" if i < 2 else "no") for i, r in enumerate(lab.dataset.records["tone"]["train"])]
    lab.dataset.records["tone"]["train"] = tuple(mine)
    turns = trainer_of(lab, stage_of(lab, "explore"), None).mix.turns
    assert Counter(turns.next("tone").answer for _ in range(16)) == counts


def test_a_stage_has_the_patience_of_its_settings(make_lab, samplers, trained):
    lab = make_lab("explore.patience=5")
    reinforce(lab, stage_of(lab, "explore"))
    assert trained[0][0].mix.patience == 5
