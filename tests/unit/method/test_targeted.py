import math
from collections import Counter
from dataclasses import replace

import pytest
import torch

from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.measure.judged import Judged
from redone.method.targeted import (
    Teach,
    best_of_n,
    choose,
    choose_general,
    earlier_targets,
    gold_targets,
    load_distributions,
    refuse_eval,
    rows,
    save_distributions,
    spread,
)
from redone.records import Record, TargetPlan, Task, Text, Verdict

TOPIC = Task("topic", "domain", "dialogue", "note : {note} , so what is its topic ?", "{a}", "exact")
SUM = Task("sum", "general", "mathematics", "{q}", "{a}", "exact", think=True, rationale="{why}")
FACT = Task("fact", "general", "knowledge", "{q}", "{a}", "exact")
TASKS = {task.name: task for task in (TOPIC, SUM, FACT)}


def record(task, number, prompt=None, split="train", answer="yes", rationale=None):
    prompt = f"{task} {number} ?" if prompt is None else prompt
    message = {"role": "user", "content": prompt}
    return Record(f"{task}/{split}/{number}", task, (message,), answer, split, f"{task}.jsonl:{number + 1}", rationale)


def dataset(**train):
    """A dataset of {task: train prompts}; each task is evaluated on one question of its own."""
    records = {
        name: {
            "train": tuple(record(name, i, prompt) for i, prompt in enumerate(train.get(name, [f"{name} ?"]))),
            "probe": (record(name, 0, f"probe of {name}", "probe"),),
            "tune": (record(name, 0, f"tune of {name}", "tune"),),
            "eval": (record(name, 0, f"eval of {name}", "eval"),),
        }
        for name in TASKS
    }
    return Dataset(TASKS, records, dict.fromkeys(TASKS, 0))


def plan(general=None, **quotas):
    return TargetPlan(quotas, general or {}, {"topic": "unknown: only teaching can bring it"}, "")


@pytest.fixture(scope="module")
def encoder(make_tokenizer):
    return Encoder(make_tokenizer())


# Records of weak tasks


def test_as_many_records_are_chosen_as_the_plan_says_from_train_alone():
    given = dataset(topic=[f"{i} is a number that i have seen today" for i in range(50)])
    chosen, removed = choose(plan(topic=20), given, threshold=0.9, seed=1)
    assert len({r.id for r in chosen}) == 20
    assert {r.split for r in chosen} == {"train"}
    assert removed == {"topic": 0}


def test_the_seed_decides_which_records_are_chosen():
    given = dataset(topic=[f"{i} is a number that i have seen today" for i in range(50)])

    def ids(seed):
        return [r.id for r in choose(plan(topic=20), given, threshold=0.9, seed=seed)[0]]

    assert ids(1) == ids(1)
    assert set(ids(1)) != set(ids(2))


def test_near_duplicates_make_room_for_others_and_are_counted():
    same = ["note : so good tea in rome at the market topic ?"] * 100
    others = [f"note : {i} {i + 1} {i + 2} {i + 3} topic ?" for i in range(0, 50, 10)]
    chosen, removed = choose(plan(topic=6), dataset(topic=[*same, *others]), threshold=0.9, seed=1)
    assert sorted(r.prompt_text for r in chosen) == sorted({*same, *others})
    assert 0 < removed["topic"] <= 99


def test_a_quota_stays_unfilled_where_only_near_duplicates_are_left():
    given = dataset(topic=["note : so good tea in rome topic ?"] * 9)
    chosen, removed = choose(plan(topic=5), given, threshold=0.9, seed=1)
    assert (len(chosen), removed) == (1, {"topic": 8})


def test_the_words_of_the_template_do_not_make_records_alike():
    prompts = [TOPIC.prompt.replace("{note}", note) for note in ("tea", "dog", "hat", "car")]
    assert len(choose(plan(topic=4), dataset(topic=prompts), threshold=0.2, seed=1)[0]) == 4


def test_a_gold_target_says_why_it_is_taught_and_where_it_comes_from(encoder):
    asked = record("topic", 4, answer="tea")
    [line] = rows(gold_targets([asked], encoder, TASKS, plan().why))
    assert line == {
        "id": "topic/train/4",
        "task": "topic",
        "split": "train",
        "source": "topic.jsonl:5",
        "labels": "gold",
        "why": "unknown: only teaching can bring it",
        "messages": [{"role": "user", "content": "topic 4 ?"}],
        "think": False,
        "target": "tea",
    }


def test_a_gold_target_of_a_task_that_thinks_brings_the_rationale(encoder):
    [taught] = gold_targets([record("sum", 0, answer="7", rationale="3+4")], encoder, TASKS, {})
    assert taught.target == "3+4</think>7"  # the prompt has opened the thinking


def test_no_answer_fills_more_than_a_quarter_of_what_is_taught():
    answers = ["none"] * 70 + [f"name {i}" for i in range(30)]
    pool = [record("topic", i, answer=answer) for i, answer in enumerate(answers)]
    taught = Counter(r.answer for r in spread(pool, 1000))
    assert taught == Counter({"none": 10, **{f"name {i}": 1 for i in range(30)}})
    assert Counter(r.answer for r in spread(pool, 20))["none"] == 5


def test_where_there_are_few_answers_each_has_its_even_share():
    pool = [record("topic", i, answer="yes" if i % 5 else "no") for i in range(100)]
    assert Counter(r.answer for r in spread(pool, 1000)) == {"yes": 20, "no": 20}
    assert Counter(r.answer for r in spread(pool, 30)) == {"yes": 15, "no": 15}
    assert spread(pool[:1], 9) == pool[:1]  # one answer alone is not held back


def test_open_answers_are_left_as_they_are():
    pool = [record("topic", i, answer=f"note {i}") for i in range(50)]
    assert spread(pool, 20) == pool


# General records


def test_general_records_are_drawn_by_the_plan():
    given = dataset(sum=[f"sum {i}" for i in range(30)], fact=[f"fact {i}" for i in range(3)])
    chosen = choose_general(plan(general={"sum": 9, "fact": 4}), given, seed=1)
    assert [r.task for r in chosen] == ["sum"] * 9 + ["fact"] * 3  # of facts there are no more
    assert len({r.id for r in chosen}) == 12
    assert {r.split for r in chosen} == {"train"}


def test_no_general_record_is_drawn_where_the_plan_asks_for_none():
    assert choose_general(plan(), dataset(), seed=1) == []


def judged(asked, *candidates):
    """A record's candidates: (text, score, mean log-probability) and, if it is cut off, True."""
    texts, verdicts = [], []
    for number, (text, score, logprob, *cut_off) in enumerate(candidates):
        texts.append(Text(asked.id, number, text, not cut_off, (logprob,) * max(1, len(text))))
        verdicts.append(Verdict(score, "right" if score >= TASKS[asked.task].pass_at else "wrong"))
    return Judged(asked, tuple(texts), tuple(verdicts))


def best(encoder, *candidates, task=FACT):
    [taught], _ = best_of_n([judged(record(task.name, 0), *candidates)], encoder, {task.name: task})
    return taught.target


def test_the_judge_ranks_by_the_verifiable_reward_first(encoder):
    graded = replace(FACT, pass_at=0.5)
    assert best(encoder, ("likely", 0.6, -0.1), ("better", 0.9, -5.0), ("bad", 0.2, 0.0), task=graded) == "better"


def test_the_judge_then_ranks_by_the_models_own_mean_logprobability(encoder):
    assert best(encoder, ("a", 1.0, -2.0), ("rather long", 1.0, -0.5), ("b", 1.0, -1.0)) == "rather long"


def test_the_mean_is_over_the_tokens_so_that_a_long_answer_is_not_at_a_loss(encoder):
    short = Text("fact", 0, "short", True, (-1.0,))
    long = Text("fact", 1, "long", True, (-0.5,) * 10)  # -5 in all
    item = Judged(record("fact", 0), (short, long), (Verdict(1.0, "right"),) * 2)
    [taught], _ = best_of_n([item], encoder, TASKS)
    assert taught.target == "long"
    assert math.isclose(sum(long.logprobs), -5.0)


def test_format_goes_before_likelihood_where_the_reward_is_the_same(encoder):
    odd, neat = Verdict(1.0, "right", {"parsed": 0.0}), Verdict(1.0, "right", {"parsed": 1.0})
    texts = (Text("fact", 0, "odd", True, (-0.1,)), Text("fact", 1, "neat", True, (-3.0,)))
    [taught], _ = best_of_n([Judged(record("fact", 0), texts, (odd, neat))], encoder, TASKS)
    assert taught.target == "neat"


def test_of_equal_candidates_the_first_is_taken(encoder):
    assert best(encoder, ("one", 1.0, -1.0), ("two", 1.0, -1.0)) == "one"


def test_an_answer_that_was_cut_off_is_not_taken_though_it_is_the_likeliest(encoder):
    assert best(encoder, ("cut off", 1.0, -0.1, True), ("whole", 1.0, -2.0)) == "whole"
    assert best(encoder, ("cut off", 1.0, -0.1, True), ("whole", 0.0, -2.0)) == "whole"


def test_no_hard_record_is_lost_and_each_kind_of_label_is_counted(encoder):
    """Where nothing passes the model's own best is rehearsed, and where all was cut off the reference answer."""
    items = [
        judged(record("fact", 0), ("no", 0.0, -0.1), ("nearly", 0.99, -0.1)),
        judged(record("fact", 1), ("no", 0.0, -0.1), ("yes", 1.0, -9.0)),
        judged(record("fact", 2, answer="tea"), ("on and on", 0.0, -0.1, True)),
        judged(record("sum", 3), ("<think>5 ?</think>no", 0.0, -0.1)),
    ]
    taught, counts = best_of_n(items, encoder, TASKS)
    assert [(t.target, t.labels) for t in taught] == [
        ("nearly", "best of n"),
        ("yes", "best of n"),
        ("tea", "gold"),
        ("5 ?</think>no", "best of n"),
    ]
    assert counts == {"passing": 1, "not_passing": 2, "by_reference": 1}


def test_an_empty_answer_is_not_rehearsed(encoder):
    [empty] = [judged(record("fact", 0, answer="tea"), ("", 0.0, -0.1))]
    empty = replace(empty, verdicts=(Verdict(0.0, "unparsable", missing="empty"),))
    [taught], counts = best_of_n([empty], encoder, TASKS)
    assert (taught.target, counts["by_reference"]) == ("tea", 1)


def test_a_soft_label_keeps_the_candidates_own_thinking(encoder):
    item = judged(record("sum", 0), ("<think>it is 7</think>7", 1.0, -1.0))
    [taught], _ = best_of_n([item], encoder, TASKS)
    assert taught.target == "it is 7</think>7"  # the prompt has opened the thinking
    [line] = rows([taught])
    assert (line["source"], line["labels"]) == ("sum.jsonl:1", "best of n")
    assert line["why"] == "general, mathematics: against forgetting"


# Leakage


def teach(asked):
    return Teach(asked, "yes", "gold", "")


def test_a_set_of_train_records_is_accepted_until_an_eval_record_joins_it():
    given = dataset(topic=["a", "b"])
    taught = [teach(r) for r in given.records["topic"]["train"]]
    assert refuse_eval(taught, given) is None
    with pytest.raises(ValueError, match=r"holds 1 records .*topic/eval/0"):
        refuse_eval([*taught, teach(given.records["topic"]["eval"][0])], given)


@pytest.mark.parametrize("split", ["eval", "probe", "tune"])
def test_a_record_of_another_split_is_refused_and_named(split):
    given = dataset()
    with pytest.raises(ValueError, match=f"holds 1 records .*topic/{split}/0"):
        refuse_eval([teach(record("topic", 1)), teach(given.records["topic"][split][0])], given)


@pytest.mark.parametrize("prompt", ["eval of topic", " EVAL  of\ntopic", "eval of fact", "tune of fact"])
def test_a_train_record_with_the_prompt_of_an_eval_or_tune_record_of_any_task_is_refused_and_both_are_named(prompt):
    with pytest.raises(ValueError, match=r"topic/train/5 \((topic|fact)/(eval|tune)/0\)"):
        refuse_eval([teach(record("topic", 1)), teach(record("topic", 5, prompt))], dataset())


def test_the_refusal_counts_all_and_says_what_to_do():
    leaked = [teach(record("topic", i, "eval of topic")) for i in range(7)]
    with pytest.raises(ValueError, match=r"holds 7 records .* Remove them from the train split"):
        refuse_eval(leaked, dataset())


# Earlier turns


def talk(task, number, *said, answer="yes", rationale=None, system=None):
    """A record of a conversation: the user and the assistant in turn."""
    turns = [{"role": role, "content": text} for role, text in zip(("user", "assistant") * 9, said)]
    first = [] if system is None else [{"role": "system", "content": system}]
    return replace(record(task, number, answer=answer, rationale=rationale), messages=(*first, *turns))


def earlier(encoder, *records, held_out=()):
    """What is taught of the records' earlier turns, (id, the prompt's texts, thinks, target) each, and how many are
    held out."""
    found, left_out = earlier_targets(gold_targets(records, encoder, TASKS, {}), encoder, TASKS, set(held_out))
    lines = [(r["id"], [m["content"] for m in r["messages"]], r["think"], r["target"]) for r in rows(found)]
    return lines, left_out


def test_every_earlier_turn_of_the_assistant_is_taught_after_the_turns_before_it(encoder):
    asked = talk("topic", 3, "tea ?", "yes", "why ?", "so", "really ?", system="be kind")
    assert earlier(encoder, asked, record("topic", 4)) == (
        [
            ("topic/train/3:1", ["be kind", "tea ?"], False, "yes"),
            ("topic/train/3:2", ["be kind", "tea ?", "yes", "why ?"], False, "so"),
        ],
        0,
    )


def test_an_earlier_turn_thinks_where_it_and_its_task_do(encoder):
    said = ("2 + 2 ?", "<think>two and two</think>4", "and 3 + 3 ?", "6", "and 4 + 4 ?")
    [(_, _, thinks, first), (_, second_prompt, does_not, second)], _ = earlier(
        encoder, talk("sum", 0, *said, answer="8", rationale="four and four")
    )
    assert (thinks, first) == (True, "two and two</think>4")  # the prompt opens the tag
    assert (does_not, second) == (False, "6")
    assert second_prompt[1] == said[1]  # for the template to drop or to write
    assert [line[2:] for line in earlier(encoder, talk("topic", 0, *said))[0]] == [(False, "4"), (False, "6")]


def test_a_turn_that_records_share_is_taught_once(encoder):
    one, other = talk("topic", 0, "tea ?", "yes", "why ?"), talk("topic", 1, "tea ?", "yes", "when ?")
    assert [line[0] for line in earlier(encoder, one, other)[0]] == ["topic/train/0:1"]
    another = talk("topic", 2, "tea ?", "no", "why ?")
    assert [line[0] for line in earlier(encoder, one, another)[0]] == ["topic/train/0:1", "topic/train/2:1"]
    itself = record("topic", 3, "tea ?", answer="yes")  # is taught already, by its own last turn
    assert earlier(encoder, one, itself)[0] == []


def test_an_earlier_turn_whose_prompt_is_held_out_is_not_taught(encoder):
    one = talk("topic", 0, "Tea  ?", "yes", "why ?", "so", "really ?")
    other = talk("topic", 1, "Tea  ?", "yes", "when ?")
    lines, left_out = earlier(encoder, one, other, held_out=["tea ?"])
    assert ([line[0] for line in lines], left_out) == (["topic/train/0:2"], 1)


def test_distributions_that_are_damaged_or_of_other_records_are_not_taught(tmp_path):
    path = tmp_path / "soft_labels.npz"
    made = [(torch.tensor([[1, 2], [3, 4]]), torch.full((2, 2), 0.5)), (torch.tensor([[5, 6]]), torch.ones(1, 2))]
    save_distributions(path, made)
    found = load_distributions(path, [2, 1])
    assert [ids.tolist() for ids, _ in found] == [[[1, 2], [3, 4]], [[5, 6]]]
    with pytest.raises(ValueError, match=r"soft_labels\.npz has 3 tokens, its records 4; delete it"):
        load_distributions(path, [2, 2])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"soft_labels\.npz: .*damaged .*; put it back, or remove it"):
        load_distributions(path, [2, 1])
