"""Which record of a task comes next."""

import json
from collections import Counter

import pytest

from redone.data.turns import Difficulty, Turns, difficulty_of
from redone.records import Record


def pool(task, size):
    asked = ({"role": "user", "content": "?"},)
    return {task: [Record(f"{task}/train/{i}", task, asked, "!", "train", "test") for i in range(size)]}


def numbers(turns, count, task="ner"):
    return [int(turns.next(task).id.rsplit("/", 1)[1]) for _ in range(count)]


def weighing(*rates, floor=0.02, luck=()):
    """Records of `ner` with these pass rates."""
    known = {f"ner/train/{i}": rate for i, rate in enumerate(rates)}
    return Difficulty(known, {"ner": 0.1}, frozenset(luck), floor)


def test_in_a_pass_every_record_comes_once_and_every_pass_and_seed_has_an_order_of_its_own():
    turns, other = (Turns(pool("ner", 20), seed) for seed in (0, 1))
    passes = [numbers(turns, 20) for _ in range(4)]
    assert all(sorted(one) == list(range(20)) for one in passes)
    assert len({tuple(one) for one in [*passes, numbers(other, 20), range(20)]}) == 6


def test_tasks_have_passes_of_their_own():
    turns = Turns({**pool("ner", 4), **pool("title", 9)}, 0)
    mixed = [turns.next(task).id for task in ("ner", "title", "title") * 12]
    for task, size in (("ner", 4), ("title", 9)):
        mine = [name for name in mixed if name.startswith(task)]
        for start in range(0, len(mine) - size + 1, size):
            assert len(set(mine[start : start + size])) == size


def test_a_record_comes_as_often_as_its_weight_says_from_the_first_pass_on():
    """Half of 100 records weigh 13.5 times as much as the others: 93.1 % of all draws, in the first hundred too."""
    turns = Turns(pool("ner", 100), 3, difficulty=weighing(*[0.5] * 50, *[1.0] * 50))
    for size in (100, 300, 3000):
        drawn = numbers(turns, size)
        assert sum(number < 50 for number in drawn) / size == pytest.approx(13.5 / 14.5, abs=4 / size**0.5 / 4)


def test_one_that_weighs_alike_comes_at_even_distances():
    """Of two records one weighs thrice: of any four in a row it is two at least, and of forty thirty."""
    turns = Turns(pool("ner", 2), 0, difficulty=weighing(0.5, 1.0, floor=0.125))
    drawn = numbers(turns, 400)
    assert Counter(drawn) == pytest.approx({0: 300, 1: 100}, abs=1)
    assert all(drawn[i : i + 4].count(0) >= 2 for i in range(396))


def test_a_record_whose_groups_all_pass_is_seldom_drawn_again_and_returns_when_they_do_not():
    """Of ten that weigh alike the first is right in every answer from some time on: its rate goes to 1."""
    turns = Turns(pool("ner", 10), 0, difficulty=weighing(*[0.5] * 10))
    for _ in range(10):
        turns.tell("ner/train/0", 1.0)
    assert turns.rates["ner/train/0"] == pytest.approx(1.0, abs=1e-3)
    assert numbers(turns, 1000).count(0) == pytest.approx(1000 * 0.02 / (0.02 + 9 * 0.27), abs=4)
    for _ in range(10):
        turns.tell("ner/train/0", 0.5)
    assert numbers(turns, 1000).count(0) == pytest.approx(100, abs=2)


def test_a_rate_is_the_mean_of_what_it_was_and_of_the_new_group():
    turns = Turns(pool("ner", 2), 0, difficulty=weighing(0.5))
    turns.tell("ner/train/0", 1.0)
    turns.tell("ner/train/1", 0.25)  # was not tried
    assert turns.rates == {"ner/train/0": 0.75, "ner/train/1": 0.25}


def test_where_all_weigh_alike_rates_change_nothing():
    turns, other = (Turns(pool("ner", 9), 0) for _ in range(2))
    turns.tell("ner/train/3", 1.0)
    assert numbers(turns, 50) == numbers(other, 50)


def test_the_labels_of_a_task_are_drawn_equally_often_each_in_passes_of_its_own():
    """Two records of one label and twenty of another: either is every second draw."""
    labels = {f"ner/train/{i}": "yes" if i < 2 else "no" for i in range(22)}
    turns = Turns(pool("ner", 22), 0, labels)
    drawn = numbers(turns, 80)
    for i in range(0, 80, 2):
        assert sum(number < 2 for number in drawn[i : i + 2]) == 1
    rare, common = [n for n in drawn if n < 2], [n for n in drawn if n >= 2]
    assert all(set(rare[i : i + 2]) == {0, 1} for i in range(0, 40, 2))
    assert sorted(common[:20]) == sorted(common[20:]) == list(range(2, 22))


def test_what_has_no_label_is_drawn_as_before():
    assert numbers(Turns(pool("ner", 9), 0, {}), 30) == numbers(Turns(pool("ner", 9), 0), 30)


def test_restored_turns_go_on_as_the_uninterrupted_ones():
    labels = {f"ner/train/{i}": str(i % 3) for i in range(14)}

    def made():
        return Turns(pool("ner", 14), 5, labels, weighing(0.1, 0.5, 0.9, 0.5))

    def go(turns, times):
        drawn = []
        for _ in range(times):
            [number] = numbers(turns, 1)
            drawn.append(number)
            turns.tell(f"ner/train/{number}", (7 * number % 11) / 10)
        return drawn

    whole = made()
    expected = go(whole, 150)
    for stop in (0, 1, 40, 97):
        begun, resumed = made(), made()
        assert go(begun, stop) == expected[:stop]
        state = json.loads(json.dumps(begun.state()))
        go(begun, 3)  # a saved state is not moved by later draws
        resumed.restore(state)
        assert go(resumed, 150 - stop) == expected[stop:]


def test_prompts_that_pass_half_of_the_time_weigh_most_and_a_task_weighs_as_they_do_on_average():
    rates = {"never": 0.0, "half": 0.5, "mostly": 0.75, "always": 1.0}
    hard = difficulty_of({"ner": rates}, {"ner": 0.2}, floor=0.02)
    weights = {key: hard.weight("ner", hard.rates[key]) for key in rates}
    assert weights == pytest.approx({"never": 0.02, "half": 0.27, "mostly": 0.2075, "always": 0.02})
    assert hard.weight("ner", None) == hard.usual["ner"] == pytest.approx(sum(weights.values()) / 4)


def test_where_passes_are_luck_no_prompt_is_taken_for_an_instructive_one():
    hard = difficulty_of(
        {"ner": {"a": 0.5, "b": 0.25, "c": 0.75}, "title": {"a": 0.5, "b": 0.25, "c": 1.0}},
        {"ner": 0.5, "title": 0.5},
        floor=0.02,
    )
    assert hard.luck == {"ner"}
    assert (hard.weight("ner", 0.5), hard.usual["ner"]) == (0.02, pytest.approx(0.02))
    assert hard.weight("title", 0.5) == pytest.approx(0.27)
