"""Scores and differences of arms against a slow bootstrap in plain Python, and the answers to questions."""

from statistics import fmean

import numpy as np
import pytest

from redone.algo.statistics import cluster_weights, seed_weights
from redone.data.mix import derive_seed
from redone.experiment.analysis import DRAWS, Bench, Value, answer, measures
from redone.experiment.definition import Question
from redone.experiment.records import Kept, Subset
from redone.measure.shape import Shape, SubsetShape
from redone.records import Verdict

SHAPE = Shape(
    "tasks",
    "Tasks",
    {"one": SubsetShape("one", {"score": "mean"}), "two": SubsetShape("two", {"score": "macro_f1"})},
    {"domain": {"one": ["one"], "two": ["two"]}},
)
CLUSTERS = ["x", "y", "x", "z", "z", "y"]
LABELS = ["a", "b", "a", "a", "b", "b"]
ONE, TWO = ("tasks", "one"), ("tasks", "two")


def labelled(gold, said):
    hit = {f"hit {gold}": 1.0} if gold == said else {}
    return Verdict(float(gold == said), "right", {f"gold {gold}": 1.0, f"said {said}": 1.0, **hit})


def run(scores, said, ids="abcdef", clusters=CLUSTERS):
    one = Subset([*ids], clusters, [""] * len(ids), {"m": [[Verdict(s, "right") for s in scores]]})
    two = Subset([*ids], [*ids], [""] * len(ids), {"m": [[labelled(g, s) for g, s in zip(LABELS, said)]]})
    return Kept({}, ["m"], {}, {"tasks": SHAPE}, {ONE: one, TWO: two})


@pytest.fixture
def bench():
    return Bench(
        {
            ("a", 0): run([1, 0, 1, 1, 0, 0], "abaabb"),
            ("a", 1): run([1, 1, 1, 0, 0, 1], "aaaabb"),
            ("b", 0): run([1, 0, 0, 1, 0, 0], "bbaaab"),
            ("b", 1): run([0, 0, 1, 0, 0, 1], "abbabb"),
        }
    )


def slow_f1(rows):
    """The mean over labels of 2 hits / (said + gold), of (gold, said) pairs."""
    each = []
    for label in sorted({gold for gold, _ in rows}):
        hits = sum(g == s == label for g, s in rows)
        each.append(2 * hits / (sum(g == label for g, _ in rows) + sum(s == label for _, s in rows)))
    return 100 * fmean(each)


def test_a_difference_is_the_slow_bootstraps_draw_by_draw(bench):
    a, b = ({seed: bench.kept[arm, seed].subsets for seed in (0, 1)} for arm in "ab")
    said = {"a": ("abaabb", "aaaabb"), "b": ("bbaaab", "abbabb")}
    seeds = seed_weights(2, seed=derive_seed(0, "seeds", 2), resamples=DRAWS)
    one = cluster_weights(CLUSTERS, seed=derive_seed(0, "records", "tasks", "one", ""), resamples=DRAWS)
    two = cluster_weights([*"abcdef"], seed=derive_seed(0, "records", "tasks", "two", ""), resamples=DRAWS)
    found = bench.difference(measures(bench.shapes)["domain"], ("a", "m"), ("b", "m"))
    for draw in range(0, DRAWS, 97):

        def score(runs, arm, seed, d=draw):
            times = [int(count) for count in one[d]]
            scores = [v.score for v, n in zip(runs[seed][ONE].verdicts["m"][0], times) for _ in range(n)]
            pairs = [pair for pair, n in zip(zip(LABELS, said[arm][seed], strict=True), two[d]) for _ in range(int(n))]
            return (100 * fmean(scores) + slow_f1(pairs)) / 2

        expected = sum(seeds[draw][s] * (score(a, "a", s) - score(b, "b", s)) for s in (0, 1))
        assert found.draws[draw] == pytest.approx(expected, abs=1e-9)
    exact = [(100 * fmean(v.score for v in a[s][ONE].verdicts["m"][0]), said["a"][s]) for s in (0, 1)]
    whole = fmean((one + slow_f1([*zip(LABELS, mine)])) / 2 for one, mine in exact)
    assert bench.score(measures(bench.shapes)["domain"], "a", "m", [0, 1]).value == pytest.approx(whole)


def test_records_that_not_every_run_has_are_left_out_everywhere_and_the_order_does_not_matter():
    whole = run([1, 0, 1, 1, 0, 0], "abaabb")
    less = run([0, 1, 1, 0, 1], "baaba", ids="fedcb", clusters=["y", "z", "z", "x", "y"])
    bench = Bench({("a", 0): whole, ("b", 0): less})
    assert bench.parts[ONE] == [*"bcdef"]
    assert bench.left_out == {ONE: 1, TWO: 1}
    assert bench.score(ONE, "a", "m", [0]).value == 40.0
    assert bench.score(ONE, "b", "m", [0]).value == 60.0
    assert bench.difference(ONE, ("b", "m"), ("a", "m")).value == pytest.approx(20.0)


def test_only_seeds_that_both_arms_have_are_compared(bench):
    fewer = Bench({key: kept for key, kept in bench.kept.items() if key != ("b", 1)})
    assert fewer.seeds("a", "b") == [0]
    assert fewer.difference(ONE, ("a", "m"), ("b", "m")).value == pytest.approx(50 - 100 / 3)
    assert fewer.score(ONE, "a", "m", fewer.seeds("a")).value == pytest.approx(100 * (3 / 6 + 4 / 6) / 2)


def test_nothing_but_right_answers_still_have_an_interval_with_a_width():
    right = run([1] * 6, "abaabb", clusters=[*"abcdef"])
    bench = Bench({("a", 0): right, ("b", 0): right})
    low, high = bench.score(ONE, "a", "m", [0]).interval
    assert high == 100.0
    assert low == pytest.approx(100 - 39.03, abs=0.01)  # Wilson's of 0 of 6: 3.8415 / (6 + 3.8415)
    assert bench.difference(ONE, ("a", "m"), ("b", "m")).interval == pytest.approx((-39.03, 39.03), abs=0.01)


@pytest.mark.parametrize(
    ("draws", "adjusted", "above", "unclear", "said"),
    [
        ((1, 3), 0.01, 0.0, "fails", "holds"),
        ((-3, -1), 0.01, 0.0, "undecided", "fails"),
        ((-1, 3), 0.4, 0.0, "fails", "fails"),
        ((-1, 3), 0.4, 0.0, "undecided", "undecided"),
        ((1, 3), 0.06, 0.0, "undecided", "undecided"),  # clear by itself, not among as many
        ((-1, 3), 0.01, -2.0, "undecided", "holds"),
        ((-5, -3), 0.01, -2.0, "undecided", "fails"),
        ((-3, 1), 0.6, -2.0, "undecided", "undecided"),
    ],
)
def test_a_question_holds_or_fails_where_its_interval_lies_on_one_side(draws, adjusted, above, unclear, said):
    value = Value(sum(draws) / 2, np.linspace(*draws, 100), 1.0, -100.0)
    question = Question(name="q", arm="a", measure="domain", fails="x", above=above, unclear=unclear)
    assert answer(value, question, adjusted) == said


def test_measures_are_averages_groups_tasks_and_benchmarks():
    bench = Shape("quiz", "Quiz", {"s": SubsetShape("s", {"r": "mean"})}, {"average": {"s": ["s"]}})
    other = Shape("other", "Other", {"t": SubsetShape("t", {"r": "mean"})}, {"average": {"t": ["t"]}})
    found = measures({"tasks": SHAPE, "quiz": bench, "other": other})
    assert found["domain"] == [[ONE], [TWO]]
    assert found["two"] == [TWO]
    assert found["quiz"] == [[("quiz", "s")]]
    assert found["benchmarks"] == [[[("quiz", "s")]], [[("other", "t")]]]
    assert sorted(found) == ["benchmarks", "domain", "one", "other", "quiz", "s", "t", "two"]


def test_a_group_of_the_name_of_an_average_does_not_take_its_place():
    """Among the general groups of the embedded world is one that is called translation."""
    averages = {"translation": {"zh_en": ["zh_en"], "slang": ["slang"]}, "general": {"translation": ["general_en_zh"]}}
    subsets = {name: SubsetShape(name, {"score": "mean"}) for name in ("zh_en", "slang", "general_en_zh")}
    for order in (averages, dict(reversed(averages.items()))):
        found = measures({"tasks": Shape("tasks", "Tasks", subsets, order)})
        assert found["translation"] == [[("tasks", "zh_en")], [("tasks", "slang")]]
        assert found["general"] == [[("tasks", "general_en_zh")]]
