"""What a stage that teaches hands to fine-tuning: weights, records, targets, batches. Nothing is trained."""

import json
import shutil
from dataclasses import replace
from math import isclose

import pytest
import torch
from fakes import stage_of

from redone.data.mix import derive_seed
from redone.files import read_jsonl, write_jsonl
from redone.method import teach as module
from redone.method.teach import schedule, teach
from redone.records import TargetPlan
from redone.train.sft import Example

PLAN = TargetPlan({"tone": 4, "think": 2}, {"sums": 3}, {"tone": "weak", "think": "weak too"}, "")


@pytest.fixture
def fitted(monkeypatch, learners):
    """What fine-tuning is given: (learner, batches of the first epoch, fit, store)."""
    found = []

    def fit(learner, batch_at, settings, store, log):
        found.append((learner, [batch_at(step) for step in range(settings.steps)], settings, store))
        return 1.5

    monkeypatch.setattr(module.sft, "fit", fit)
    return found


def rows_of(lab):
    return list(read_jsonl(lab.out / "target" / "data.jsonl.gz"))


def right(prompt, number):
    """Right in every second sample, and in a form that a reference answer has not."""
    answer = "Yes" if int(prompt.split(" ?")[0].split()[-1]) % 2 else "No"
    return answer if number % 2 else "neither"


def test_the_stages_start_is_trained_and_left_as_the_stages_model(make_lab, samplers, fitted):
    samplers.says = lambda model, prompt, number: right(prompt, number)
    lab = make_lab("target.learning_rate=2e-4", "target.weight_decay=0.3")
    teach(lab, stage_of(lab, "target"), PLAN)
    [(learner, _, _, store)] = fitted
    assert learner.policy.name == "explore"
    assert learner.settings == {"learning_rate": 2e-4, "weight_decay": 0.3}
    assert (store.folder / "model" / "weights").read_text() == "explore"
    assert store.seconds == 1.5


def test_the_plans_quotas_are_taught_with_reference_answers_from_the_train_split(make_lab, samplers, fitted):
    lab = make_lab()
    samplers.says = lambda model, prompt, number: right(prompt, number)
    teach(lab, stage_of(lab, "target"), PLAN)
    taught = [row for row in rows_of(lab) if row["labels"] == "gold"]
    assert sorted(row["task"] for row in taught) == ["think"] * 2 + ["tone"] * 4
    assert {row["split"] for row in rows_of(lab)} == {"train"}
    for row in taught:
        record = lab.dataset.records[row["task"]]["train"][int(row["id"].split("/")[-1])]
        assert row["target"].endswith(record.answer)
        assert ("so</think>" in row["target"]) == (row["task"] == "think")
        assert row["why"] == PLAN.why[row["task"]]


def test_soft_labels_are_the_stages_starts_own_right_answers_to_general_train_prompts(make_lab, samplers, fitted):
    lab = make_lab("target.candidates=4", "target.temperature=0.8")
    samplers.says = lambda model, prompt, number: right(prompt, number)
    teach(lab, stage_of(lab, "target"), PLAN)
    [made] = samplers.made
    assert (made.model, made.group, made.temperature) == ("explore", 4, 0.8)
    assert made.seed == derive_seed(7, "soft labels")
    assert {name.rsplit("/", 1)[0] for name in made.asked} == {"sums/train"}
    assert len(made.asked) == 3
    soft = [row for row in rows_of(lab) if row["task"] == "sums"]
    assert len(soft) == 3
    assert {row["labels"] for row in soft} == {"best of n"}
    assert {row["target"] for row in soft} <= {"Yes", "No"}  # as the model wrote it, and never the wrong one
    made = json.loads((lab.out / "target" / "made.json").read_text())
    assert (made["records"], made["soft_labels"], made["passing"], made["kind"]) == (6, 3, 3, "best_of_n")


def test_reference_answers_take_the_place_of_soft_labels_where_the_settings_say_so(make_lab, samplers, fitted):
    lab = make_lab("target.soft_labels=gold")
    teach(lab, stage_of(lab, "target"), PLAN)
    assert samplers.made == []
    soft = [row for row in rows_of(lab) if row["task"] == "sums"]
    assert len(soft) == 3
    assert {row["labels"] for row in soft} == {"gold"}
    assert {row["target"] for row in soft} <= {"yes", "no"}


def test_a_targeted_set_with_an_eval_record_stops_the_run(make_lab, samplers, fitted, monkeypatch):
    lab = make_lab("target.soft_labels=gold")
    record = lab.dataset.records["tone"]["eval"][0]
    monkeypatch.setattr(module.targeted, "choose", lambda plan, dataset, **more: ([record], {}))
    with pytest.raises(ValueError, match="not for training: tone/eval/0"):
        teach(lab, stage_of(lab, "target"), PLAN)
    assert not fitted
    assert not (lab.out / "target" / "data.jsonl.gz").exists()


def test_near_duplicates_are_looked_for_as_the_settings_say(make_lab, samplers, fitted, monkeypatch):
    seen = []
    monkeypatch.setattr(module.targeted, "choose", lambda plan, dataset, **more: seen.append(more) or ([], {"tone": 2}))
    lab = make_lab("target.soft_labels=gold", "target.near_duplicate=0.4")
    teach(lab, stage_of(lab, "target"), PLAN)
    assert seen == [{"threshold": 0.4, "seed": 7}]
    assert json.loads((lab.out / "target" / "made.json").read_text())["near_duplicates_removed"] == {"tone": 2}


def test_a_targeted_set_that_is_there_is_not_made_again(make_lab, samplers, fitted):
    lab = make_lab()
    samplers.says = lambda model, prompt, number: right(prompt, number)
    teach(lab, stage_of(lab, "target"), PLAN)
    before = rows_of(lab)
    (lab.out / "target" / "DONE").unlink()
    for file in (lab.out / "target" / "model").iterdir():
        file.unlink()
    (lab.out / "target" / "model").rmdir()
    teach(lab, stage_of(lab, "target"), TargetPlan({"topic": 4}, {}, {}, ""))
    assert rows_of(lab) == before
    assert len(samplers.made) == 1


def test_what_is_trained_is_the_lines_of_the_set_prompt_and_target(make_lab, samplers, fitted):
    lab = make_lab("target.soft_labels=gold", "target.epochs=1", "target.batch=4")
    teach(lab, stage_of(lab, "target"), PLAN)
    [(_, batches, _, _)] = fitted
    decode = lab.encoder.tokenizer.decode
    found = sorted((decode(e.prompt), decode(e.target)) for batch in batches for e in batch)
    opening = {False: "", True: "<think>"}
    expected = []
    for row in rows_of(lab):
        think = row["task"] == "think"
        expected.append(
            (f"<|user|>{row['messages'][0]['content']}<|assistant|>{opening[think]}", row["target"] + "<|end|>")
        )
    assert found == sorted(expected)


@pytest.mark.parametrize(("which", "split"), [("last", "probe"), ("all", "probe"), ("all", "tune"), ("all", "eval")])
def test_of_a_conversation_the_last_turn_is_taught_or_every_one(make_lab, samplers, fitted, monkeypatch, which, split):
    said = [
        ("user", "one ?"),
        ("assistant", "<think>hm</think>1"),
        ("user", "two ?"),
        ("assistant", "2"),
        ("user", "?"),
    ]
    lab = make_lab("target.soft_labels=gold", "target.epochs=1", f"target.turns={which}")
    messages = tuple({"role": role, "content": text} for role, text in said)
    [first, second, *_] = lab.dataset.records["think"]["train"]
    asked = replace(first, messages=messages, answer="3", rationale="so")
    held_out = lab.dataset.records["tone"][split][0].messages
    leaks = replace(second, messages=(*held_out, *messages[1:3]), answer="4")
    monkeypatch.setattr(module.targeted, "choose", lambda plan, dataset, **more: ([asked, leaks], {}))
    teach(lab, stage_of(lab, "target"), replace(PLAN, general={}))
    [(_, batches, _, _)] = fitted
    decode = lab.encoder.tokenizer.decode
    found = sorted((decode(e.prompt), decode(e.target)) for batch in batches for e in batch)
    whole = (
        "<|user|>one ?<|assistant|><think>hm</think>1<|end|><|user|>two ?<|assistant|>"  # this template drops nothing
    )
    probe = f"<|user|>{held_out[0]['content']}<|assistant|><think>hm</think>1<|end|><|user|>two ?<|assistant|>"
    last = [(f"{whole}2<|end|><|user|>?<|assistant|><think>", "so</think>3<|end|>"),
            (f"{probe}<think>", "so</think>4<|end|>")]  # fmt: skip
    earlier = [("<|user|>one ?<|assistant|><think>", "hm</think>1<|end|>"), (whole, "2<|end|>")]
    assert found == sorted(last + (earlier if which == "all" else []))
    made = json.loads((lab.out / "target" / "made.json").read_text())
    counted = (2, 1) if which == "all" else (0, 0)
    assert (made["records"], made["earlier_turns"], made["earlier_turns_held_out"]) == (2, *counted)


def examples(count):
    return [Example((i,), (i,)) for i in range(count)]


def test_every_epoch_is_a_pass_over_all_examples_in_an_order_of_its_own(make_lab):
    lab = make_lab("target.batch=4", "target.epochs=3")
    fit, batch_at = schedule(lab, stage_of(lab, "target"), examples(10))
    assert fit.steps == 3 * 3
    epochs = [[e.prompt[0] for step in range(3) for e in batch_at(3 * epoch + step)] for epoch in range(3)]
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert len({tuple(order) for order in epochs}) == 3
    assert [len(batch_at(step)) for step in range(3)] == [4, 4, 2]
    other, at = schedule(make_lab("target.batch=4", "seed=8"), stage_of(lab, "target"), examples(10))
    assert [e.prompt[0] for e in at(0)] != [e.prompt[0] for e in batch_at(0)]


def test_the_rate_rises_for_a_share_of_the_steps_and_falls_to_nothing(make_lab):
    lab = make_lab("target.batch=1", "target.epochs=2", "target.learning_rate=1e-2", "target.warmup_ratio=0.25")
    fit, _ = schedule(lab, stage_of(lab, "target"), examples(10))
    rates = [fit.rate(step) for step in range(20)]
    assert isclose(max(rates), 1e-2)
    assert rates[:5] == sorted(rates[:5])
    assert rates[0] == pytest.approx(1e-2 / 5)
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] < 1e-3


def test_the_fit_has_the_stages_name_and_bounds(make_lab):
    lab = make_lab("target.max_grad_norm=0.5", "target.save_every=3", "tokens_per_pass=99")
    fit, _ = schedule(lab, stage_of(lab, "target"), examples(3))
    assert (fit.name, fit.max_grad_norm, fit.save_every, fit.tokens_per_pass) == ("target", 0.5, 3, 99)


def test_distributions_are_the_stages_starts_along_its_own_answers_alone(make_lab, samplers, fitted, monkeypatch):
    given = []

    def made(policy, examples, k, tokens_per_pass, advance):
        given.append((policy.name, len(examples), k, tokens_per_pass))
        return [(torch.zeros(len(e.target), k), torch.full((len(e.target), k), float(len(e.target)))) for e in examples]

    monkeypatch.setattr(module.sft, "distributions", made)
    samplers.says = lambda model, prompt, number: right(prompt, number)
    lab = make_lab("target.soft_labels=distribution", "target.top_k=4", "tokens_per_pass=99", "target.epochs=1")
    teach(lab, stage_of(lab, "target"), PLAN)
    assert given == [("explore", 3, 4, 99)]
    [(_, batches, _, _)] = fitted
    soft = [e for batch in batches for e in batch if e.soft is not None]
    general = [row for row in rows_of(lab) if row["task"] == "sums"]
    assert sorted(tuple(e.target) for e in soft) == sorted(lab.encoder.ended(row["target"]) for row in general)
    assert all(e.soft[1].unique().tolist() == [len(e.target)] for e in soft)


def test_which_general_records_are_taught_is_the_runs_seed(make_lab, samplers, fitted, tmp_path):
    def chosen(seed):
        lab = replace(make_lab(f"seed={seed}", "target.soft_labels=best_of_n"), out=tmp_path / str(seed))
        lab.out.mkdir()
        teach(lab, stage_of(lab, "target"), PLAN)
        return set(samplers.made[-1].asked)

    assert len({frozenset(chosen(seed)) for seed in range(5)}) > 1


def test_encoded_records_take_few_bytes_and_are_those_of_one_at_a_time(make_lab, monkeypatch):
    """Python's own numbers take 36 bytes a token."""
    lab = make_lab()
    records = [r for name in list(lab.trained)[:3] for r in lab.dataset.records[name]["train"]]
    tasks, encoder = lab.dataset.tasks, lab.encoder
    rows = [
        {"messages": list(r.messages), "think": tasks[r.task].think, "target": encoder.target_text(r, tasks[r.task])}
        for r in records
    ]
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    found = module.encoded(lab, rows)
    assert [tuple(one.prompt) for one in found] == encoder.prompts(records, tasks)
    assert [tuple(one.target) for one in found] == [encoder.target(r, tasks[r.task]) for r in records]
    assert {one.prompt.itemsize for one in found} == {one.target.itemsize for one in found} == {4}


def test_the_models_own_right_answers_stand_in_for_the_references(make_lab, samplers, fitted):
    """Of a record with an odd number the start says "Yes" in every second sample, of one with an even one "No"; never
    what the reference answer spells."""
    samplers.says = lambda model, prompt, number: right(prompt, number) if "tone" in prompt else "neither"
    lab = make_lab("target.answers=own", "target.candidates=3", "target.soft_labels=gold")
    teach(lab, stage_of(lab, "target"), PLAN)
    taught = {(row["task"], row["labels"], row["target"]) for row in rows_of(lab) if row["task"] != "sums"}
    assert {row for row in taught if row[0] == "tone"} <= {("tone", "own answer", "Yes"), ("tone", "own answer", "No")}
    assert {row[1] for row in taught if row[0] == "think"} == {"gold"}
    [asked] = samplers.made
    assert (asked.model, asked.group) == ("explore", 3)
    assert len(asked.asked) == 6


def test_a_stage_interpolates_only_where_it_is_asked_to(make_lab, samplers, fitted, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "interpolate", lambda lab, stage, policy: asked.append(policy.name))
    for sets in ([], ["target.interpolate=[0.5]"]):
        lab = make_lab("target.soft_labels=gold", *sets)
        (lab.out / "target" / "data.jsonl.gz").unlink(missing_ok=True)
        shutil.rmtree(lab.out / "target", ignore_errors=True)
        teach(lab, stage_of(lab, "target"), PLAN)
    assert asked == ["explore"]


@pytest.mark.parametrize(("set_to", "meant"), [([], "group"), (["target.averaging=token"], "token")])
def test_shares_of_records_are_shares_of_the_loss_unless_it_is_the_tokens(make_lab, set_to, meant):
    lab = make_lab(*set_to)
    assert schedule(lab, stage_of(lab, "target"), examples(3))[0].averaging == meant


def test_a_targeted_set_that_lost_records_is_not_taught(make_lab, samplers, fitted):
    samplers.says = lambda model, prompt, number: right(prompt, number)
    lab = make_lab()
    teach(lab, stage_of(lab, "target"), PLAN)
    path = lab.out / "target" / "data.jsonl.gz"
    write_jsonl(path, list(read_jsonl(path))[:-1])
    with pytest.raises(ValueError, match=r"data\.jsonl\.gz: .* records, and made\.json beside it says .*; put it back"):
        teach(lab, stage_of(lab, "target"), PLAN)


def test_a_targeted_set_that_was_edited_is_not_taught_though_it_has_as_many_records(make_lab, samplers, fitted):
    samplers.says = lambda model, prompt, number: right(prompt, number)
    lab = make_lab()
    teach(lab, stage_of(lab, "target"), PLAN)
    path, whole = lab.out / "target" / "data.jsonl.gz", list(read_jsonl(lab.out / "target" / "data.jsonl.gz"))
    write_jsonl(path, [{**whole[0], "target": "maybe"}, *whole[1:]])
    with pytest.raises(ValueError, match=r"data\.jsonl\.gz: .*it was changed since it was made.*; put it back"):
        teach(lab, stage_of(lab, "target"), PLAN)
    assert len(fitted) == 1
    write_jsonl(path, whole)
    (lab.out / "target" / "DONE").unlink()
    shutil.rmtree(lab.out / "target" / "model")
    teach(lab, stage_of(lab, "target"), PLAN)
    assert len(fitted) == 2
