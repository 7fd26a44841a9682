from dataclasses import replace

import pytest
from fakes import small_config

from redone.checks import check
from redone.checks.check import check_judge, check_options, check_sandbox, check_tune
from redone.commands import prepare
from redone.data.load import NEEDED, Dataset
from redone.records import Record, Task
from redone.run.scoring import Scorer, in_process

NUMBER = Task("price", "domain", "dialogue", "", "", "exact", {"kind": "number"})
WORD = Task("word", "domain", "dialogue", "", "", "exact", budget=8)


def record(task, number, answer, split="train", prompt=None, **changes):
    prompt = prompt or f"what is {number} ?"
    made = Record(
        f"{task.name}/{split}/{number}",
        task.name,
        ({"role": "user", "content": prompt},),
        answer,
        split,
        f"{task.name}.{split}.jsonl:{number + 1}",
    )
    return replace(made, **changes)


def check_rewards(given):
    return check.check_rewards(given, in_process(given.tasks))


def dataset(*tasks_and_answers, **extra):
    """A dataset of (task, train answers), with one good record in each other split."""
    records = {}
    for task, train in tasks_and_answers:
        good = "7" if task.options.get("kind") == "number" else "ok"
        mine = {split: (record(task, 0, good, split),) for split in NEEDED}
        mine["train"] = tuple(a if isinstance(a, Record) else record(task, i, a) for i, a in enumerate(train))
        records[task.name] = mine
    return Dataset({t.name: t for t, _ in tasks_and_answers}, records, {t.name: 0 for t, _ in tasks_and_answers})


def refusal(action, *arguments):
    with pytest.raises(ValueError) as error:
        action(*arguments)
    return str(error.value)


# Tune


def tuned(**sizes):
    """A dataset of tasks with so many records in tune."""
    tasks = {name: replace(WORD, name=name) for name in sizes}
    records = {n: {"tune": tuple(record(tasks[n], i, "ok", "tune") for i in range(k))} for n, k in sizes.items()}
    return Dataset(tasks, records, dict.fromkeys(tasks, 0))


def test_a_tune_split_too_small_to_choose_on_is_said_with_the_interval_that_it_gives():
    [note] = check_tune(tuned(mood=150, irony=25, stance=96), "eval", None)
    assert "irony ±20 (25), stance ±10 (96):" in note  # 1.96 * sqrt(0.25 / 25) = 0.196
    assert "mood" not in note
    assert "over all 3 has ±7.8;" in note  # 98 * sqrt(1/150 + 1/25 + 1/96) / 3
    assert check_tune(tuned(mood=97), "eval", None) == []
    assert "mood ±31 (10)" in check_tune(tuned(mood=150), "tune", 10)[0]  # as many as are measured


def test_a_run_that_is_to_be_measured_on_tune_needs_one_and_names_the_tasks_without():
    assert check_tune(tuned(mood=0), "eval", None) == []
    assert "set data.tune" in refusal(check_tune, tuned(mood=0), "tune", None)
    assert check_tune(tuned(mood=200, irony=0), "tune", None) == [
        "not measured, because they have no split tune: irony"
    ]


# Rewards


def test_every_accepted_answer_is_checked_and_named_with_its_file_and_line():
    task = replace(NUMBER, accepted="also")
    given = dataset((task, [record(task, 0, "7", accepted=("8", "nine")), record(task, 1, "7", accepted=("8",))]))
    message = refusal(check_rewards, given)
    assert message.startswith("1 reference answers do not score 1")
    assert "price.train.jsonl:1: price/train/0: the reference answer 'nine' is not one number" in message


def test_an_accepted_answer_that_its_extraction_does_not_find_is_named_with_its_text():
    task = replace(WORD, accepted="also", extract=({"first": "[a-z]+"},))
    given = dataset((task, [record(task, 0, "tea", accepted=("cha", "green tea"))]))
    assert "word.train.jsonl:1 (word/train/0): 'green tea' scores 0" in refusal(check_rewards, given)


def test_a_task_that_is_only_evaluated_may_lose_all_but_eval():
    task = replace(NUMBER, train=False, on_bad_gold="drop")
    mine = {"train": (), "probe": (record(task, 0, "x", "probe"),), "eval": (record(task, 0, "7", "eval"),)}
    kept, notes = check_rewards(Dataset({"price": task}, {"price": mine}, {"price": 0}))
    assert [len(kept.records["price"][split]) for split in NEEDED] == [0, 0, 1]
    assert notes == ["price: 1 records left out, whose reference answer their reward does not score 1"]


def test_a_dataset_whose_gold_answers_score_1_is_left_as_it_is():
    given = dataset((NUMBER, ["7", "8 $"]), (WORD, ["tea"]))
    assert check_rewards(given) == (given, [])


def test_every_gold_answer_that_does_not_score_1_is_listed_with_file_line_and_record():
    title = Task("title", "domain", "dialogue", "", "", "pattern")
    rules = [{"rule": "words", "min": 2}, {"rule": "contains", "text": "tea"}]
    good = record(title, 0, "good tea", fields={"rules": rules})
    bad = record(title, 1, "good cake", fields={"rules": rules})
    given = dataset((NUMBER, ["7", "seven"]), (title, [good, bad]))
    given = replace(
        given, records={**given.records, "title": {**given.records["title"], "probe": (good,), "eval": (good,)}}
    )
    lines = refusal(check_rewards, given).splitlines()
    assert lines[0].startswith("2 reference answers do not score 1")
    assert 'on_bad_gold = "drop"' in lines[0]
    assert lines[1].startswith("  price.train.jsonl:2: price/train/1: ")
    assert lines[2] == "  title.train.jsonl:2 (title/train/1): 'good cake' scores 0.5: broken: contains"
    assert len(lines) == 3


def test_gold_answers_of_every_split_are_looked_at():
    for split in NEEDED:
        given = dataset((NUMBER, ["7"]))
        records = {"price": {**given.records["price"], split: (record(NUMBER, 3, "x", split),)}}
        assert f"price.{split}.jsonl:4" in refusal(check_rewards, replace(given, records=records))


def test_a_task_is_a_line_with_the_places_of_its_bad_answers_of_many_the_first():
    lines = refusal(check_rewards, dataset((NUMBER, ["x"] * 25))).splitlines()
    assert lines[0].startswith("25 reference answers")
    assert len(lines) == 2
    assert " (and 24 more of price: price.train.jsonl:2, price.train.jsonl:3, " in lines[1]
    assert lines[1].endswith(", price.train.jsonl:21, ...)")


def test_a_task_may_say_that_bad_gold_is_dropped_and_the_notes_say_so():
    given = dataset((replace(NUMBER, on_bad_gold="drop"), ["7", "x", "y", "8"]), (WORD, ["tea"]))
    kept, notes = check_rewards(given)
    assert [r.answer for r in kept.records["price"]["train"]] == ["7", "8"]
    assert kept.records["word"] == given.records["word"]
    assert notes == ["price: 2 records left out, whose reference answer their reward does not score 1"]


def test_one_task_that_drops_does_not_excuse_another():
    given = dataset((replace(NUMBER, on_bad_gold="drop"), ["7", "x"]), (replace(NUMBER, name="cost"), ["8", "y"]))
    lines = refusal(check_rewards, given).splitlines()
    assert lines[0].startswith("1 reference answers")
    assert "cost.train.jsonl:2" in lines[1]


def test_a_task_that_dropping_leaves_without_data_is_refused():
    message = refusal(check_rewards, dataset((replace(NUMBER, on_bad_gold="drop"), ["x", "y"])))
    assert "price: 2 records left out" in message
    assert "no data in train" in message


def test_the_rationale_belongs_to_the_gold_answer_of_a_task_that_thinks():
    task = replace(NUMBER, think=True, rationale="{why}")
    gold = [record(task, i, answer, rationale="so") for i, answer in enumerate(("7", "7 <think>"))]
    others = {split: (record(task, 0, "7", split, rationale="so"),) for split in ("probe", "eval")}
    given = Dataset({"price": task}, {"price": {"train": tuple(gold), **others}}, {"price": 0})
    lines = refusal(check_rewards, given).splitlines()
    assert len(lines) == 2  # an answer that opens thinking again is none
    assert "price/train/1" in lines[1]


@pytest.mark.parametrize(
    ("change", "part"),
    [({"reward": "exakt"}, "exact"), ({"metric": "maen"}, "mean"), ({"options": {"knd": "text"}}, "kind")],
)
def test_a_task_with_an_unknown_reward_metric_or_option_is_refused(change, part):
    message = refusal(check_options, {"word": replace(WORD, **change)})
    assert "task word" in message
    assert part in message


def test_a_regex_that_runs_away_on_its_own_reference_answer_is_refused():
    task = Task("title", "domain", "dialogue", "", "", "pattern")
    rules = [{"rule": "regex", "pattern": "(a+)+b"}]
    given = dataset((task, [record(task, 0, "a" * 60, fields={"rules": rules})]))
    good = (record(task, 0, "aab", fields={"rules": rules}),)
    given = replace(given, records={"title": {**given.records["title"], "probe": good, "eval": good}})
    with Scorer(given.tasks, workers=1, seconds=0.3, memory=2048) as score_all:
        lines = refusal(check.check_rewards, given, score_all).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("  title.train.jsonl:1 (title/train/0): 'aaa")
    assert lines[1].endswith("the regex '(a+)+b' may take too long; have fewer quantifiers, none inside another")


def test_a_regex_that_is_malformed_is_refused_by_name():
    task = Task("title", "domain", "dialogue", "", "", "pattern")
    rules = [{"rule": "regex", "pattern": "(a+"}]
    given = dataset((task, [record(task, 0, "a", fields={"rules": rules})]))
    assert "  title.train.jsonl:1: title/train/0: the regex '(a+' is malformed: " in refusal(check_rewards, given)


# The sandbox

CODE = Task("code", "general", "code", "", "", "product", {"of": [{"reward": "expression"}]})


def test_without_a_sandbox_a_run_refuses_to_start_or_leaves_out_what_runs_code(monkeypatch):
    monkeypatch.setattr(check, "unavailable", lambda: "user namespaces are off: set this")
    given = dataset((WORD, ["tea"]), (CODE, ["x"]))
    message = refusal(check_sandbox, given, "refuse")
    assert "code runs code that a model wrote: user namespaces are off: set this" in message
    kept, notes = check_sandbox(given, "leave_out")
    assert list(kept.tasks) == ["word"]
    assert len(notes) == 1
    assert "user namespaces are off" in notes[0]


def test_a_run_without_code_needs_no_sandbox(monkeypatch):
    monkeypatch.setattr(check, "unavailable", lambda: pytest.fail("it was tried"))
    given = dataset((WORD, ["tea"]))
    assert check_sandbox(given, "refuse") == (given, [])


def test_a_task_that_asks_a_judge_needs_one_and_its_reference_answers_are_not_checked():
    asks = replace(WORD, reward="judge", options={"rubric": "Is it a drink?"})
    given = dataset((asks, ["tea"]))
    assert "task word asks a judge" in refusal(check_judge, given.tasks, None, "")
    assert "tasks a, b ask a judge" in refusal(check_judge, {"a": asks, "b": asks}, None, "")
    assert "task word asks a judge" in refusal(check_judge, given.tasks, "http://localhost:1/v1", "")
    kept, notes = check_rewards(given)
    assert kept == given
    assert "a judge decides" in notes[0]
    assert check_judge({"word": WORD}, None, "") is None


def test_of_a_pack_the_tasks_that_are_named_are_read():
    packs = prepare.read_packs(small_config('data.packs=["general", "support"]'))
    names = [name for pack in packs for name in pack.tasks]
    chosen = [names[0], names[-1]]
    found = prepare.read_packs(small_config('data.packs=["general", "support"]', f"data.tasks={chosen}"))
    assert [list(pack.tasks) for pack in found] == [[name] for name in chosen]
    with pytest.raises(ValueError, match=f"data.tasks: there is no task {names[0]}x; did you mean {names[0]}"):
        prepare.read_packs(small_config('data.packs=["general", "support"]', f'data.tasks=["{names[0]}x"]'))


def test_a_task_to_be_held_out_has_to_exist_and_is_not_trained():
    tasks = {"irony": WORD, "topic": WORD}
    apart = check.held_out(tasks, ["topic"])
    assert list(Dataset(apart, {}, {}).trained) == ["irony"]
    assert list(apart) == ["irony", "topic"]
    assert tasks["topic"].train
    with pytest.raises(ValueError, match=r"data\.held_out: there is no task irnoy; did you mean irony\?"):
        check.held_out(tasks, ["irnoy"])


@pytest.mark.parametrize(("trained", "good"), [("ab", True), ("a", True), ("", False)])
def test_a_run_needs_a_task_that_is_trained(trained, good):
    given = Dataset({name: replace(WORD, name=name, train=name in trained) for name in "ab"}, {}, {})
    if good:
        check.check_trained(given)
    else:
        with pytest.raises(ValueError, match="nothing is trained: every task is held out"):
            check.check_trained(given)
