"""What every task of the embedded packs promises, and what the packs hold together."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from fakes import FAMILIES
from verdicts import settled

import redone.world
from redone.checks.stress import stress
from redone.checks.texts import check_texts
from redone.data.encode import Encoder
from redone.data.load import Dataset, build
from redone.measure.trivial import best, trivial_verdicts
from redone.records import GENERAL_GROUPS
from redone.rewards import score
from redone.run.scoring import in_process
from redone.world import PACKS, world_pack
from redone.world.catalogue import HOME, read_catalogue
from redone.world.generate import row
from redone.world.makers import MAKERS

LARGE = ("social", "social@2")
TASKS = [(pack, task) for pack in PACKS for task in read_catalogue(pack).tasks]
REWARDS = {"exact": "exact", "set_f1": "metric", "chrf": "metric", "anls": "metric", "expression": "sandbox",
           "pattern": "pattern"}  # fmt: skip


@lru_cache
def dataset(pack: str) -> Dataset:
    return build([world_pack(pack)], limit=None, probe=0.1, evaluation=0.1)


@lru_cache
def trivial(pack: str):
    given = dataset(pack)
    found = trivial_verdicts(given, given.split("eval"), in_process(given.tasks))
    return {name: best(given.tasks[name], mine) for name, mine in found.items()}


def test_there_are_75_domain_tasks_over_the_six_families():
    social = read_catalogue("social")
    assert len(social.tasks) >= 75
    families = Counter(task.family for task in social.tasks.values())
    assert set(families) == FAMILIES
    assert min(families.values()) >= 8
    assert {"taxonomy", "hashtag_single", "match", "mrc", "ner", "audience", "highlight", "query_gen"} <= set(
        social.tasks
    )
    assert {"zh_en", "en_zh"} <= set(social.tasks)
    assert sum(task.rare < 1.0 for task in social.tasks.values()) >= 10


def test_40_of_them_have_a_maker_of_their_own():
    assert len({make["by"] for make in read_catalogue("social").makes.values()}) >= 40


def test_general_tasks_are_of_three_kinds_over_the_seven_groups():
    general = read_catalogue("general")
    assert {task.family for task in general.tasks.values()} == set(GENERAL_GROUPS)
    assert {task.part for task in general.tasks.values()} == {"general"}
    rehearsed = [name for name, task in general.tasks.items() if task.train]
    reworded = [name for name, task in general.tasks.items() if task.average == "reworded"]
    never = [name for name, task in general.tasks.items() if not (task.train or task.average)]
    assert (len(rehearsed), len(reworded), len(never)) == (8, 8, 8)


def test_a_reworded_task_asks_for_the_same_in_other_words():
    general = read_catalogue("general")
    for name in (name for name, task in general.tasks.items() if task.average == "reworded"):
        first = name.removesuffix("_reworded")
        assert general.makes[name] == general.makes[first]
        assert general.tasks[name].prompt != general.tasks[first].prompt
        assert (
            replace(general.tasks[name], name=first, prompt=general.tasks[first].prompt, train=True, average="")
            == (general.tasks[first])
        )


def test_names_that_no_training_has_are_asked_what_those_of_training_are_asked():
    social = read_catalogue("social")
    unseen = {name: task for name, task in social.tasks.items() if task.average == "unseen names"}
    assert len(unseen) >= 4
    assert not any(task.train for task in unseen.values())
    for name, task in unseen.items():
        first = name.removesuffix("_unseen")
        assert task.prompt == social.tasks[first].prompt
        given = social.makes[name]
        assert given == social.makes[first] | {"of": f"{social.makes[first]['of']}_unseen"}
        assert not set(social.world.names[given["of"]]) & set(social.world.names[social.makes[first]["of"]])


def test_all_mathematics_and_30_domain_tasks_have_rationales():
    assert all(t.think for t in read_catalogue("general").tasks.values() if t.family == "mathematics")
    assert sum(task.think for task in read_catalogue("social").tasks.values()) >= 30


def test_all_four_kinds_of_reward_occur():
    kinds = {REWARDS[read_catalogue(pack).tasks[task].reward] for pack, task in TASKS}
    assert kinds == {"exact", "metric", "sandbox", "pattern"}


def test_a_second_domain_has_12_tasks_from_the_same_makers():
    support, social = read_catalogue("support"), read_catalogue("social")
    assert len(support.tasks) >= 12
    assert {make["by"] for make in support.makes.values()} <= {make["by"] for make in social.makes.values()}
    assert not set(support.world.topics) & set(social.world.topics)


def test_no_code_knows_what_a_note_is():
    makers = Path(redone.world.__file__).parent / "makers"
    assert [path.name for path in makers.glob("*.py") if "note" in path.read_text(encoding="utf-8").lower()] == []


def test_every_maker_is_used():
    used = {make["by"] for pack in PACKS for make in read_catalogue(pack).makes.values()}
    assert used == set(MAKERS)


@pytest.mark.parametrize(("pack", "task"), TASKS)
def test_every_reference_answer_scores_1(pack, task):
    data = dataset(pack)
    records = [record for mine in data.records[task].values() for record in mine[:50]]
    low = [r.id for r in records if settled(score(data.tasks[task], r, r.gold_text)).score < 1.0]
    assert (len(records) > 70, low) == (True, [])


@pytest.mark.parametrize(("pack", "task"), TASKS)
def test_no_answer_that_needs_no_model_solves_a_task(pack, task):
    assert trivial(pack)[task][0] < 75.0


CHEATS = (  # a wrapped answer (markdown, look-alikes) is nearly the answer, and so for a metric
    "empty", "every option", "prompt echoed", "prompt, answer", "answer twice", "answer in lines", "answer in a list",
    "answer in a sentence", "all labels thought", "100,000 characters",
)  # fmt: skip


@pytest.mark.parametrize(("pack", "task"), TASKS)
def test_no_cheat_earns_more_than_the_baseline(pack, task):
    found = stress(dataset(pack), dataset(pack).tasks[task], in_process(dataset(pack).tasks))
    assert {cheat: value for cheat, value in found.holes.items() if cheat in CHEATS} == {}
    assert set(CHEATS) <= set(found.earned)


@pytest.mark.parametrize(("pack", "task"), TASKS)
def test_every_record_of_a_task_that_thinks_has_a_rationale(pack, task):
    definition = dataset(pack).tasks[task]
    for record in dataset(pack).records[task]["eval"]:
        assert bool(record.rationale) == definition.think


@pytest.mark.parametrize("pack", ["support", "general", *(pytest.param(p, marks=pytest.mark.slow) for p in LARGE)])
def test_every_answer_with_its_rationale_fits_the_budget_under_the_bases_tokenizer(pack):
    given = dataset(pack)
    assert check_texts(given, Encoder.load(HOME / "base"), 1024, 2048, in_process(given.tasks), 0.25).notes == []


@pytest.mark.parametrize("pack", PACKS)
def test_hardly_a_record_is_lost_to_prompts_that_repeat(pack):
    data = dataset(pack)
    drawn = read_catalogue(pack).sizes
    for task in data.tasks:
        sizes = {split: len(mine) for split, mine in data.records[task].items() if mine}
        assert data.removed[task] < 0.05 * sum(sizes.values())
        assert sizes["eval"] >= 0.95 * drawn["eval"]


@pytest.mark.slow
def test_a_later_period_asks_the_same_with_other_answers():
    now, later = dataset("social"), dataset("social@2")
    assert list(now.tasks) == list(later.tasks)
    codes = [{r.answer for r in data.records["category_code"]["train"]} for data in (now, later)]
    assert not codes[0] & codes[1]


def test_a_period_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="social@2"):
        world_pack("social@new")


@pytest.mark.parametrize(
    ("pack", "sha256"),
    [
        ("social", "a8f602bb38ff833cb8bf6112a139c5b58917f02c83ea96a688962d59d572285e"),
        ("support", "84bc829a5381209134d2b2552b38aba9bb4f1c3c6c6f410e582ac939d4c538d5"),
        ("general", "a7a44110778d504e455affb46419c23d929aebb7a1b2b9d068735f75c905e82c"),
    ],
)
def test_the_rows_are_the_same_on_every_machine(pack, sha256):
    catalogue = read_catalogue(pack)
    made = [
        row(catalogue, task, split, i) for task in catalogue.tasks for split in ("train", "eval") for i in range(20)
    ]
    assert hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest() == sha256
