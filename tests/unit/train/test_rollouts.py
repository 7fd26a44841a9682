"""Dynamic sampling with a scripted sampler and scores: no model is run."""

from dataclasses import replace
from itertools import count
from random import Random

import pytest
import torch

from redone.records import Record, Rollout, Task, Verdict
from redone.sample.protocol import Request
from redone.sample.scripted import ScriptedSampler
from redone.train.rl import shaped_rewards
from redone.train.rollouts import by_task, collect, rollout_rows

ALIVE, DEAD, BROKEN = (0.0, 1.0), (1.0, 1.0), (1.0, None)  # the scores of a group's two answers; None: no verdict


def make_sampler():
    """Two answers a request, of one token each: 0 and 1."""
    return ScriptedSampler(lambda prompt, n: (n,), group=2)


class Script:
    """Records 0, 1, 2, ... with scores given by number; collects like a training step would. It is the mix too: of one
    task whose groups are informative as often as `hope` says."""

    def __init__(self, scores, hope=1.0):
        self.scores, self.hope = scores, hope
        self.numbers = count()
        self.drawn, self.told, self.trained = [], {}, []

    def begin(self, prompts, carried):
        self.prompts, self.ready, self.flying = prompts, len(carried), 0

    def missing(self):
        return self.prompts - self.ready - self.hope * self.flying

    def draw(self):
        number = next(self.numbers)
        self.drawn.append(number)
        self.flying += 1
        return record(number)

    def tell(self, record, informative, rate):
        self.told[int(record.id)] = (informative, rate)
        self.flying -= 1
        self.ready += informative or 0

    def settle(self, trained):
        self.trained = list(trained)

    def score(self, completed):
        return [[self.scored(record, answer) for answer in answers] for record, answers in completed]

    def scored(self, record, answer):
        value = self.scores(int(record.id))[answer.tokens[0]]
        verdict = Verdict(0.0, "error") if value is None else Verdict(value, "right" if value == 1 else "wrong")
        return Rollout(record.id, answer.tokens, answer.logprobs, "", True, 0), verdict

    def collect(self, sampler, prompts, most=1000, **options):
        def request(ticket, record):
            return Request(ticket, (1,), 4)

        return collect(sampler, self, request, self.score, tasks=TASKS, prompts=prompts, most=most, **options)


TASKS = {"t": Task("t", "domain", "dialogue", "", "", "exact")}


def record(number, task="t"):
    return Record(str(number), task, ({"role": "user", "content": "?"},), "a", "train", "test")


def every_other_is_dead(number):
    return DEAD if number % 2 else ALIVE


def numbers(groups):
    return [int(group.record.id) for group in groups]


def test_half_dead_every_step_is_full_and_one_group_is_generated_for_each_dead_one():
    script = Script(every_other_is_dead)
    for _ in range(5):
        sampler = make_sampler()
        found = script.collect(sampler, prompts=8)
        assert len(found.groups) == 8
        assert all(number % 2 == 0 for number in numbers(found.groups))
        assert sampler.admitted == 8 + len(found.dropped)
        assert not found.surplus
        assert not found.starved


def test_surplus_is_used_in_the_next_step_before_anything_new_is_drawn():
    """Half of all are dead, and twice as many are generated as are missing, so that now and then one is left over."""
    lots = Random(1).choices([ALIVE, DEAD], k=200)
    script = Script(lambda number: lots[number], hope=0.5)
    carried, left_over = [], 0
    for _ in range(6):
        before, sampler = len(script.drawn), make_sampler()
        found = script.collect(sampler, prompts=8, carried=carried)
        left_over += len(carried)
        assert found.groups[: len(carried)] == carried
        assert found.carried == len(carried)
        assert len(found.groups) == 8
        fresh = numbers(found.fresh)
        assert sorted(fresh) == script.drawn[before:]
        assert sampler.admitted == len(fresh)
        carried = found.surplus
    assert left_over > 0, "or nothing was tested"


def test_as_many_are_generated_at_once_as_are_to_be_expected_to_hold_those_that_are_missing():
    """One in four is informative: two that are missing are looked for among seven, and one among three or more."""
    together = []

    class Watched(ScriptedSampler):
        def step(self):
            together.append(self.in_flight)
            return super().step()

    sampler = Watched(lambda prompt, n: (n,), group=2)
    script = Script(lambda number: ALIVE if number in (6, 30) else DEAD, hope=0.25)
    found = script.collect(sampler, prompts=2)
    assert numbers(found.groups) == [6, 30]
    assert together[0] == 7
    [last] = [i for i, told in enumerate(script.told) if told == 30]
    assert all(3 <= many <= 7 for many in together[: last + 1])


def test_what_is_carried_is_a_steps_groups_at_most():
    """All seven of those looked through for two are informative: three are not kept, so that nothing is older than a
    step."""
    script = Script(lambda number: ALIVE, hope=0.25)
    found = script.collect(make_sampler(), prompts=2)
    assert (len(found.groups), len(found.surplus)) == (2, 2)
    assert len(found.fresh) > 4
    assert script.trained == ["t"] * 2


def test_the_mix_hears_of_every_group_and_of_those_that_are_trained_on():
    """Record 1 is dead, 2 could not be scored; half of the answers to the others pass."""
    script = Script(lambda number: {1: DEAD, 2: BROKEN}.get(number, ALIVE))
    script.collect(make_sampler(), prompts=3)
    assert script.told == {0: (True, 0.5), 1: (False, 1.0), 2: (None, 0.5), 3: (True, 0.5), 4: (True, 0.5)}
    assert script.trained == ["t"] * 3


def test_a_step_that_earlier_ones_have_filled_generates_nothing():
    first = Script(lambda number: ALIVE).collect(make_sampler(), prompts=6).groups
    sampler = make_sampler()
    found = Script(lambda number: ALIVE).collect(sampler, prompts=4, carried=first)
    assert sampler.admitted == 0
    assert found.groups == first[:4]
    assert found.surplus == first[4:]
    assert found.fresh == []


def test_no_more_prompts_are_in_flight_than_allowed():
    sampler = make_sampler()
    found = Script(every_other_is_dead).collect(sampler, prompts=8, in_flight=3)
    assert sampler.most == 3
    assert len(found.groups) == 8


@pytest.mark.parametrize(("fitting", "most"), [(3, 3), (0, 1)])
def test_what_does_not_fit_beside_what_is_answered_waits_in_its_order(fitting, most):
    """One prompt is always answered; nothing is drawn that the step would not have drawn otherwise."""
    sampler, free = make_sampler(), make_sampler()
    script, other = Script(every_other_is_dead), Script(every_other_is_dead)
    found = script.collect(sampler, prompts=8, fits=lambda requests: len(requests) <= fitting)
    assert sampler.most == most
    assert len(found.groups) == 8
    tickets = [ticket for ticket, _ in sampler.answered]
    assert all(tickets[i] <= i + most - 1 for i in range(len(tickets)))
    other.collect(free, prompts=8)
    assert script.drawn == other.drawn


def test_errors_are_kept_apart_and_replaced_like_dead_groups():
    """Record 1 could not be scored: it is neither informative nor constant, whatever its other answer got."""
    found = Script(lambda number: BROKEN if number == 1 else ALIVE).collect(make_sampler(), prompts=4)
    assert numbers(found.errors) == [1]
    assert sorted(numbers(found.groups)) == [0, 2, 3, 4]
    assert found.dropped == []


def test_a_step_of_dead_groups_ends_after_the_most_that_may_be_drawn():
    sampler = make_sampler()
    found = Script(lambda number: DEAD).collect(sampler, prompts=4, most=10)
    assert found.starved
    assert found.groups == []
    assert sampler.admitted == len(found.dropped) == 10


def test_a_nearly_dead_pool_trains_on_the_groups_there_are():
    found = Script(lambda number: ALIVE if number in (2, 7) else DEAD).collect(make_sampler(), prompts=4, most=10)
    assert found.starved
    assert sorted(numbers(found.groups)) == [2, 7]


def test_the_filter_looks_at_the_outcome_and_not_at_the_penalised_reward():
    """Both answers are right, one is overlong: penalised they differ, and yet there is nothing to learn from."""
    script = Script(lambda number: DEAD)
    found = script.collect(make_sampler(), prompts=1, most=1)
    task = Task("t", "domain", "dialogue", "", "", "exact", budget=40)
    [group] = found.dropped
    long = Rollout("0", (0,) * 40, (-1.0,) * 40, "", True, 0)
    shaped = shaped_rewards([replace(group, rollouts=(group.rollouts[0], long))], {"t": task}, 1.0, 0.25)
    assert shaped.tolist() == [[1.0, 0.0]]


def test_a_spread_that_the_penalty_evens_out_is_informative_all_the_same():
    """Scores 0 and 1, the right one overlong by the whole zone: shaped both are 0, and the group stays in."""
    found = Script(lambda number: ALIVE).collect(make_sampler(), prompts=1)
    [group] = found.groups
    long = Rollout("0", (0,) * 40, (-1.0,) * 40, "", True, 0)
    task = Task("t", "domain", "dialogue", "", "", "exact", budget=40)
    shaped = shaped_rewards([replace(group, rollouts=(group.rollouts[0], long))], {"t": task}, 1.0, 0.25)
    assert torch.equal(shaped, torch.zeros(1, 2))
    assert group.scores == (0.0, 1.0)


def test_the_table_by_task_counts_groups_answers_and_errors():
    """One alive, one dead, one broken group: of six answers five were scored, four of them 1."""
    script = Script(lambda number: (ALIVE, DEAD, BROKEN)[number])
    found = script.collect(make_sampler(), prompts=2, most=3)
    task = Task("t", "domain", "dialogue", "", "", "exact")
    table = by_task(found.fresh, {"t": task}, 1e-3, {})
    reasons = table["t"].pop("reasons")
    assert (reasons.pop("error"), sum(reasons.values())) == (1, 5)
    assert table["t"] == pytest.approx(
        {"reward": 4 / 5, "pass_rate": 4 / 5, "filtered": 1 / 3, "length": 1.0, "errors": 1 / 6, "groups": 3}
    )


def test_the_table_by_task_says_which_label_closed_tasks_are_answered_by():
    groups = Script(lambda number: ALIVE).collect(make_sampler(), prompts=2).fresh
    said = [("no", "no", "", "hm"), ("no", "yes", "no", "no")]
    groups = [
        replace(group, verdicts=tuple(Verdict(0.0, "wrong", said=one) for one in mine))
        for group, mine in zip(groups, said)
    ]
    task = Task("t", "domain", "dialogue", "", "", "exact")
    labels = {groups[0].record.id: "no", groups[1].record.id: "yes"}
    found = by_task(groups, {"t": task}, 1e-3, labels)["t"]["commonest"]
    assert found == {"label": "no", "share": 5 / 8, "references": 0.5}
    assert "commonest" not in by_task(groups, {"t": task}, 1e-3, {})["t"]  # an open task


def test_a_pass_is_a_score_that_the_task_itself_calls_one():
    """Of 0.3 and 0.6 one passes at 0.5, and both at 0.3."""
    groups = Script(lambda number: (0.3, 0.6)).collect(make_sampler(), prompts=1).fresh
    tasks = {at: Task("t", "domain", "dialogue", "", "", "chrf", pass_at=at) for at in (0.3, 0.5, 0.7)}
    assert [by_task(groups, {"t": task}, 1e-3, {})["t"]["pass_rate"] for task in tasks.values()] == [1.0, 0.5, 0.0]


def test_rollout_lines_hold_the_unpenalised_score_and_the_advantage_where_there_was_one():
    [group] = Script(lambda number: ALIVE).collect(make_sampler(), prompts=1).groups
    trained = rollout_rows(3, group, [-0.7, 0.7])
    assert [(row["step"], row["id"], row["score"], row["advantage"]) for row in trained] == [
        (3, "0", 0.0, -0.7),
        (3, "0", 1.0, 0.7),
    ]
    assert [row["advantage"] for row in rollout_rows(3, group, None)] == [None, None]
