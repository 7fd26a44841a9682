"""Shares of what is trained. Every share that is expected here was calculated by hand."""

import hashlib
import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from redone.data.mix import Mix, Stratum, derive_seed, uniform
from redone.data.turns import Difficulty
from redone.records import Record


def pool(**sizes: int) -> dict[str, list[Record]]:
    """Records of each task: pool(taxonomy=3) holds taxonomy/train/0 to 2."""

    def record(task: str, number: int) -> Record:
        return Record(f"{task}/train/{number}", task, ({"role": "user", "content": "?"},), "!", "train", "test")

    return {task: [record(task, number) for number in range(size)] for task, size in sizes.items()}


def one_each(*tasks: str) -> dict[str, list[Record]]:
    return {task: [Record(f"{task}/0", task, ({},), "", "train", "test")] for task in tasks}


class Step(NamedTuple):
    drawn: list[Record]
    trained: list[Record]
    surplus: list[Record]


class Lots:
    """Which groups are informative: of each task every n-th, all where n is not given. lots(ner=3, title=0): a third of
    ner's and none of title's."""

    def __init__(self, **every: int) -> None:
        self.every, self.seen = every, Counter[str]()

    def __call__(self, record: Record) -> bool:
        self.seen[record.task] += 1
        every = self.every.get(record.task, 1)
        return every > 0 and self.seen[record.task] % every == 0


def step(
    mix: Mix, prompts: int, live: Callable[[Record], bool], carried: Sequence[Record] = (), most: int = 50
) -> Step:
    """A training step in which all groups of a wave come back before the next one is sent."""
    ready = list(carried)
    drawn: list[Record] = []
    mix.begin(prompts, [record.task for record in ready])
    while True:
        wave = []
        while mix.missing() >= 0.5 and len(drawn) + len(wave) < most * prompts:
            wave.append(mix.draw())
        if not wave:
            break
        for record in wave:
            informative = live(record)
            mix.tell(record, informative, 0.5)
            ready += [record] * informative
        drawn += wave
    mix.settle(record.task for record in ready[:prompts])
    return Step(drawn, ready[:prompts], ready[prompts : 2 * prompts])


def steps(mix: Mix, count: int, prompts: int, live: Callable[[Record], bool]) -> list[Step]:
    found: list[Step] = []
    for _ in range(count):
        found.append(step(mix, prompts, live, found[-1].surplus if found else ()))
    return found


def tasks_of(records: Sequence[Record]) -> Counter[str]:
    return Counter(record.task for record in records)


def trained(found: Sequence[Step]) -> dict[str, float]:
    """Shares of the tasks in what was trained."""
    records = [record for one in found for record in one.trained]
    return {task: count / len(records) for task, count in tasks_of(records).items()}


STRATA = [
    Stratum("domain", 0.75, {"ner": 1.0, "title": 2.0}),
    Stratum("general", 0.25, {"maths": 4.0, "code": 1.0}),
]
SHARES = {"ner": 0.25, "title": 0.5, "maths": 0.2, "code": 0.05}  # of STRATA
POOL = pool(ner=50, title=7, maths=300, code=20)


def close_to(share: float, draws: int) -> Any:
    """Four standard deviations of a binomial share: missed by chance once in about 16,000 seeds."""
    return pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / draws))


def test_strata_get_their_shares_and_tasks_their_weights_of_what_is_trained():
    """To one group in all, whatever the number of steps."""
    for count in (1, 7, 50):
        found = steps(Mix(STRATA, POOL, seed=1), count, 8, Lots())
        assert all(len(one.drawn) == len(one.trained) == 8 for one in found)
        for task, share in SHARES.items():
            assert trained(found).get(task, 0.0) == pytest.approx(share, abs=1.01 / (8 * count))


def test_shares_are_of_what_is_trained_though_most_of_a_task_is_dropped():
    """Of general groups one in five is informative, of title's two: of what is drawn alike general would be 6 %."""
    found = steps(Mix(STRATA, POOL, seed=1), 60, 8, Lots(maths=5, code=5, title=2))
    assert trained(found) == pytest.approx(SHARES, abs=0.01)
    drawn = [record for one in found for record in one.drawn]
    wanted = {task: SHARES[task] * dear for task, dear in (("ner", 1), ("title", 2), ("maths", 5), ("code", 5))}
    shares = {task: count / len(drawn) for task, count in tasks_of(drawn).items()}
    assert shares == pytest.approx({task: one / sum(wanted.values()) for task, one in wanted.items()}, abs=0.05)


def test_every_step_has_the_strata_in_their_shares_and_not_only_the_whole():
    """Six of eight for a dozen tasks, two for ten: a task of the one lacks more than one of the other."""
    domain, general = ({f"{name} {i}": 1.0 for i in range(size)} for name, size in (("domain", 12), ("general", 10)))
    mix = Mix([Stratum("a", 0.75, domain), Stratum("b", 0.25, general)], one_each(*domain, *general), seed=1)
    assert all(sum(record.task in general for record in one.trained) == 2 for one in steps(mix, 20, 8, Lots()))


def test_with_more_tasks_than_prompts_each_has_its_turn():
    """Of eleven tasks three are trained in a step: in eleven steps each thrice."""
    tasks = {f"task {i}": 1.0 for i in range(11)}
    found = steps(Mix([Stratum("domain", 1.0, tasks)], one_each(*tasks), seed=0), 11, 3, Lots())
    assert set(tasks_of([record for one in found for record in one.trained]).values()) == {3}
    first = [record.task for record in found[0].trained]
    assert first != sorted(tasks, key=list(tasks).index)[:3], "the order is the seed's"


def test_shares_need_not_add_up_to_one():
    strata = [Stratum("domain", 3.0, {"ner": 0.1}), Stratum("general", 1.0, {"maths": 0.7})]
    assert trained(steps(Mix(strata, pool(ner=9, maths=9), seed=2), 10, 8, Lots())) == {"ner": 0.75, "maths": 0.25}


def test_what_has_no_share_or_no_weight_is_never_drawn():
    strata = [
        Stratum("domain", 1.0, {"title": 0.0, "ner": 1.0, "hashtag": 0.0}),
        Stratum("general", 0.0, {"maths": 1.0}),
    ]
    mix = Mix(strata, pool(title=3, ner=3, hashtag=3, maths=3), seed=0)
    assert trained(steps(mix, 10, 8, Lots())) == {"ner": 1.0}


def test_a_mix_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no task has a share"):
        Mix([Stratum("domain", 1.0, {"ner": 0.0}), Stratum("general", 0.0, {"maths": 1.0})], pool(ner=1, maths=1), 0)


# Tasks that seldom teach


def even(*tasks: str, patience: int = 8) -> Mix:
    return Mix([Stratum("all", 1.0, dict.fromkeys(tasks, 1.0))], pool(**dict.fromkeys(tasks, 30)), 0, patience=patience)


def test_what_is_to_be_expected_is_the_share_of_the_last_groups_that_was_informative_and_at_first_one():
    mix = even("ner")
    assert mix.hope("ner") == 1.0
    mix.begin(4)
    for informative in (True, False, False, None):  # of the last there was no verdict
        mix.tell(mix.draw(), informative, 0.5)
    assert mix.hope("ner") == 2 / 4
    for _ in range(400):
        mix.tell(mix.draw(), True, 0.5)
    assert mix.hope("ner") == pytest.approx(1.0, abs=1e-4), "what was long ago is forgotten"


def test_pass_rates_move_the_weights_of_the_records_that_were_asked():
    mix = Mix(
        [Stratum("all", 1.0, {"ner": 1.0})],
        POOL,
        0,
        difficulty=Difficulty({"ner/train/3": 0.5}, {"ner": 0.1}, frozenset(), 0.02),
    )
    mix.begin(60)
    for record in [mix.draw() for _ in range(60)]:
        mix.tell(record, False, 1.0)
    assert mix.turns.rates["ner/train/3"] > 0.5
    assert len(mix.turns.rates) > 10


def test_a_draw_is_of_the_task_whose_group_was_dropped():
    mix = even("ner", "title")
    mix.begin(2)
    first, second = mix.draw(), mix.draw()
    assert {first.task, second.task} == {"ner", "title"}
    mix.tell(first, False, 0.0)
    mix.tell(second, True, 0.5)
    assert mix.draw().task == first.task


def test_as_many_are_drawn_as_are_to_be_expected_to_hold_those_that_are_missing():
    mix = even("ner")
    mix.history["ner"] = (3.0, 15.0)  # hope is a quarter
    mix.begin(3)
    drawn = 0
    while mix.missing() >= 0.5:
        mix.draw()
        drawn += 1
    assert drawn == 11  # 11/4 is the first that leaves less than half a group


def test_a_task_without_an_informative_group_rests_after_one_fewer_than_patience_and_the_others_have_its_share():
    mix = even("ner", "title", "dead", patience=5)
    first, *rest = steps(mix, 40, 6, Lots(dead=0))
    assert mix.resting() == ["dead"]
    assert 4 <= tasks_of(first.drawn)["dead"] <= 14
    later = tasks_of([record for one in rest for record in one.drawn])
    # Of its quota of two groups a resting task has the square of 5 times its hope, which falls to a 21st: to 0.11.
    assert 39 * 0.11 <= later["dead"] <= 25
    assert all(len(one.trained) == 6 for one in rest)
    assert trained(rest) == pytest.approx({"ner": 0.5, "title": 0.5}, abs=0.01)


def test_a_stratum_that_rests_leaves_its_share_to_the_others():
    found = steps(Mix(STRATA, POOL, seed=1), 40, 8, Lots(maths=0, code=0))
    assert trained(found) == pytest.approx({"ner": 1 / 3, "title": 2 / 3}, abs=0.02)


def test_a_task_that_rests_wakes_when_its_groups_teach_again_and_is_owed_nothing():
    mix = even("ner", "late", patience=3)
    live = Lots(late=0)
    steps(mix, 10, 8, live)
    assert mix.resting() == ["late"]
    assert mix.owed["late"] == 0.0
    live.every = {}
    found = steps(mix, 120, 8, live)
    assert mix.resting() == []
    assert trained(found[-20:]) == pytest.approx({"ner": 0.5, "late": 0.5}, abs=0.01)


def test_where_all_tasks_would_rest_none_does():
    """Of a task's groups one in forty teaches: alone it is drawn on, and finds what there is to find."""
    mix = even("ner")
    found = steps(mix, 30, 4, Lots(ner=40))
    assert mix.hope("ner") < 1 / 8
    assert mix.resting() == []
    assert all(len(one.trained) == 4 for one in found)


def test_what_a_task_lacks_is_a_steps_groups_at_most():
    """Twenty steps in which nothing of `late` came back are not made up for in one."""
    mix = even("ner", "late")
    for _ in range(20):
        mix.begin(8)
        mix.settle(["ner"] * 4)
    assert mix.owed["late"] == 8.0


# States


def test_a_restored_mix_draws_what_the_uninterrupted_one_draws():
    live = Lots(ner=3, title=2, maths=0)

    def made() -> Mix:
        return Mix(STRATA, POOL, 7, labels={f"ner/train/{i}": str(i % 3) for i in range(50)})

    whole = made()
    expected: list[Step] = []
    states, seen = [], []
    for _ in range(12):
        states.append(json.loads(json.dumps(whole.state())))
        seen.append(Counter(live.seen))
        expected += [step(whole, 7, live, expected[-1].surplus if expected else ())]
    for stop in (0, 1, 5, 11):
        resumed, live.seen = made(), seen[stop]
        resumed.restore(states[stop])
        carried: Sequence[Record] = expected[stop - 1].surplus if stop else ()
        for one in expected[stop:]:
            found = step(resumed, 7, live, carried)
            assert found == one
            carried = found.surplus


def test_a_state_is_a_copy():
    mix = even("ner", "title")
    steps(mix, 2, 3, Lots())
    state = mix.state()
    before = json.dumps(state)
    steps(mix, 2, 3, Lots(ner=0))
    assert json.dumps(state) == before


def test_its_length_is_one_pass_over_the_pool():
    strata = [Stratum("domain", 1.0, {"ner": 1.0, "title": 2.0}), Stratum("general", 0.0, {"maths": 1.0})]
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
