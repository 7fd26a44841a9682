import hashlib
import json
import math
import os
import subprocess
import sys
from collections import Counter
from statistics import fmean
from typing import Any

import pytest

from redone.data.mix import Mix, Stratum, by_difficulty, derive_seed, uniform
from redone.records import Record


def pool(**sizes: int) -> dict[str, list[Record]]:
    """Records of each task: pool(taxonomy=3) holds taxonomy/train/0 to 2."""

    def record(task: str, number: int) -> Record:
        return Record(f"{task}/train/{number}", task, ({"role": "user", "content": "?"},), "!", "train", "test")

    return {task: [record(task, number) for number in range(size)] for task, size in sizes.items()}


def one_task(size: int, seed: int = 0, weights: dict[str, float] | None = None) -> Mix:
    return Mix([Stratum("all", 1.0, {"ner": 1.0})], pool(ner=size), seed, weights)


def numbers(mix: Mix, count: int) -> list[int]:
    return [int(mix.draw().id.rsplit("/", 1)[1]) for _ in range(count)]


def close_to(share: float, draws: int) -> Any:
    """Four standard deviations of a binomial share: missed by chance once in about 16,000 seeds."""
    return pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / draws))


def test_strata_get_their_shares_and_tasks_their_weights():
    strata = [
        Stratum("sns", 0.75, {"ner": 1.0, "title": 2.0}),
        Stratum("general", 0.25, {"maths": 4.0, "code": 1.0}),
    ]
    mix = Mix(strata, pool(ner=50, title=7, maths=300, code=20), seed=1)
    draws = 4000
    counts = Counter(mix.draw().task for _ in range(draws))
    assert counts["ner"] / draws == close_to(0.25, draws)
    assert counts["title"] / draws == close_to(0.5, draws)
    assert counts["maths"] / draws == close_to(0.2, draws)
    assert counts["code"] / draws == close_to(0.05, draws)


def test_shares_need_not_add_up_to_one():
    strata = [Stratum("sns", 3.0, {"ner": 0.1}), Stratum("general", 1.0, {"maths": 0.7})]
    mix = Mix(strata, pool(ner=9, maths=9), seed=2)
    draws = 2000
    assert Counter(mix.draw().task for _ in range(draws))["ner"] / draws == close_to(0.75, draws)


def test_what_has_no_share_or_no_weight_is_never_drawn():
    strata = [Stratum("sns", 1.0, {"title": 0.0, "ner": 1.0, "hashtag": 0.0}), Stratum("general", 0.0, {"maths": 1.0})]
    mix = Mix(strata, pool(title=3, ner=3, hashtag=3, maths=3), seed=0)
    assert {mix.draw().task for _ in range(300)} == {"ner"}


def test_a_mix_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no task has a share"):
        Mix([Stratum("sns", 1.0, {"ner": 0.0}), Stratum("general", 0.0, {"maths": 1.0})], pool(ner=1, maths=1), 0)


def test_within_a_pass_every_record_comes_once():
    mix = one_task(20)
    for _ in range(3):
        assert sorted(numbers(mix, 20)) == list(range(20))


def test_each_task_has_passes_of_its_own():
    mix = Mix([Stratum("sns", 1.0, {"ner": 1.0, "title": 1.0})], pool(ner=4, title=9), seed=3)
    drawn = [mix.draw() for _ in range(200)]
    for task, size in (("ner", 4), ("title", 9)):
        ids = [record.id for record in drawn if record.task == task]
        for start in range(0, len(ids) - size, size):
            assert len(set(ids[start : start + size])) == size


def test_every_pass_and_every_seed_has_another_order():
    mix = one_task(20)
    first, second, other = numbers(mix, 20), numbers(mix, 20), numbers(one_task(20, seed=1), 20)
    assert first != second
    assert first != other
    assert first != list(range(20))


def test_of_two_records_the_heavier_comes_first_as_often_as_its_share_of_the_weight():
    weights = {"ner/train/0": 1.0, "ner/train/1": 3.0}
    seeds = 2000
    first = [numbers(one_task(2, seed, weights), 1)[0] for seed in range(seeds)]
    assert fmean(number == 1 for number in first) == close_to(0.75, seeds)


def test_a_record_without_a_weight_weighs_one():
    seeds = 2000
    first = [numbers(one_task(2, seed, {"ner/train/1": 0.25}), 1)[0] for seed in range(seeds)]
    assert fmean(number == 1 for number in first) == close_to(0.2, seeds)


def test_only_the_ratio_of_weights_matters():
    weights = {f"ner/train/{number}": 1.0 + number for number in range(30)}
    smaller = {name: weight / 50 for name, weight in weights.items()}
    assert numbers(one_task(30, 5, weights), 30) == numbers(one_task(30, 5, smaller), 30)


def test_a_restored_mix_draws_what_the_uninterrupted_one_draws():
    strata = [Stratum("sns", 0.8, {"ner": 1.0, "title": 1.0}), Stratum("general", 0.2, {"maths": 1.0})]
    records = pool(ner=5, title=11, maths=3)
    weights = {"title/train/4": 9.0}
    whole = Mix(strata, records, 7, weights)
    expected = [whole.draw().id for _ in range(120)]
    for stop in (0, 1, 16, 50):  # before the start, and within passes that differ from task to task
        begun = Mix(strata, records, 7, weights)
        assert [begun.draw().id for _ in range(stop)] == expected[:stop]
        state = json.loads(json.dumps(begun.state()))
        begun.draw()  # a saved state is not moved by later draws
        resumed = Mix(strata, records, 7, weights)
        resumed.restore(state)
        assert [resumed.draw().id for _ in range(120 - stop)] == expected[stop:]


def test_a_state_is_a_copy():
    mix = one_task(5)
    mix.draw()
    state = mix.state()
    numbers(mix, 3)
    assert state == {"draws": 1, "taken": {"ner": 1}}


def test_its_length_is_one_pass_over_the_pool():
    strata = [Stratum("sns", 1.0, {"ner": 1.0, "title": 2.0}), Stratum("general", 0.0, {"maths": 1.0})]
    assert len(Mix(strata, pool(ner=5, title=11, maths=100), seed=0)) == 16


def test_the_hash_is_sha_256_of_the_parts():
    digest = hashlib.sha256(b"(3, 'rollouts', 'ner/train/0')").digest()
    assert derive_seed(3, "rollouts", "ner/train/0") == int.from_bytes(digest[:7], "big")
    assert uniform(3, "rollouts", "ner/train/0") == pytest.approx(int.from_bytes(digest[:6], "big") / 2**48, abs=1e-14)


def test_the_hash_does_not_change_from_process_to_process():
    code = "from redone.data.mix import derive_seed; print(derive_seed(0, 'stratum', 5))"
    for salt in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": salt}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert int(done.stdout) == derive_seed(0, "stratum", 5)


def test_the_hash_keeps_its_parts_apart():
    assert len({uniform("a", "bc"), uniform("ab", "c"), uniform("abc"), uniform("c", "ab")}) == 4
    assert uniform(1) != uniform("1")


def test_hashes_are_spread_evenly_over_the_open_unit_interval():
    count = 5000
    values = [uniform(0, number) for number in range(count)]
    assert min(values) > 0.0
    assert max(values) < 1.0
    tenths = Counter(int(10 * value) for value in values)
    assert all(tenths[tenth] / count == close_to(0.1, count) for tenth in range(10))


def test_a_seed_fits_into_the_64_bits_that_a_generator_takes():
    assert all(0 <= derive_seed(number, "rollouts") < 2**63 for number in range(100))


def test_prompts_that_pass_half_of_the_time_weigh_most():
    weights = by_difficulty({"never": 0.0, "half": 0.5, "mostly": 0.75, "always": 1.0}, chance=0.2, floor=0.02)
    assert weights == pytest.approx({"never": 0.02, "half": 0.27, "mostly": 0.2075, "always": 0.02})


def test_where_passes_are_luck_no_prompt_is_taken_for_an_instructive_one():
    assert by_difficulty({"a": 0.5, "b": 0.25, "c": 0.75}, chance=0.5, floor=0.02) == dict.fromkeys("abc", 0.02)
    assert by_difficulty({"a": 0.5, "b": 0.25, "c": 1.0}, chance=0.5, floor=0.02)["a"] == pytest.approx(0.27)
