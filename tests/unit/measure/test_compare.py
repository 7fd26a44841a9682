"""Paired differences of two results, on made-up benchmarks worked by hand."""

import gzip
import json
import math

import pytest

from redone.cli.compare import lines
from redone.measure.compare import compare

MADE = """
title = "Made"
[columns]
One = ["one"]
Rest = ["two", "three"]
[readings.parity]
reward = "exact_match"
[readings.clean]
reward = "exact_match"
[subsets.one]
file = "one.jsonl"
prompt = "?"
[subsets.two]
file = "two.jsonl"
prompt = "?"
[subsets.two.readings.sets]
reward = "set_f1"
aggregate = "micro_f1"
[subsets.two.readings.clean]
[subsets.three]
file = "three.jsonl"
prompt = "?"
group = "subject"
over = "groups"
"""
SUITED = """
suite = "general"
kind = "{kind}"
[readings.right]
reward = "exact_match"
[subsets.{name}]
file = "x.jsonl"
prompt = "?"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where definitions are."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "made.toml").write_text(MADE, encoding="utf-8")
    for name, kind in (("sums", "mathematics"), ("facts", "knowledge"), ("dates", "knowledge")):
        (folder / f"{name}.toml").write_text(SUITED.format(name=name, kind=kind), encoding="utf-8")
    monkeypatch.setattr("redone.measure.definitions.FOLDER", folder)
    return folder


def verdict(score, parts=None):
    return {"score": score, "reason": "right" if score == 1 else "wrong", "note": "", "parts": parts or {}}


def item(id, *samples, benchmark="made", readings=("parity", "clean"), **more):
    """A line whose readings all have the same verdicts; a sample is a score or (score, parts)."""
    verdicts = [verdict(*one) if isinstance(one, tuple) else verdict(one) for one in samples]
    return {"benchmark": benchmark, "id": id, **more, "readings": dict.fromkeys(readings, verdicts)}


def ones(scores, subset="one", **more):
    """A subset's lines from its scores, None for a record that is not there."""
    return [item(f"{subset}/{i}", score, **more) for i, score in enumerate(scores) if score is not None]


@pytest.fixture
def files(tmp_path):
    def write(*sides):
        paths = [tmp_path / f"{name}.jsonl" for name in "ab"]
        for path, rows in zip(paths, sides):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return paths

    return write


def binomial_quantile(n, p, q):
    """The least k with P(X <= k) of q or more."""
    total = 0.0
    for k in range(n + 1):
        total += math.comb(n, k) * p**k * (1 - p) ** (n - k)
        if total >= q:
            return k
    raise AssertionError


def test_the_difference_is_of_the_records_that_both_have_and_flips_are_named(files):
    found = compare(*files(ones([1, 0, 0, 1, 1]), ones([1, 1, 1, 0, None, 0])))
    entry = found["benchmarks"]["made"]
    assert (entry["n"], entry["only_a"], entry["only_b"]) == (4, 1, 1)
    one = entry["subsets"]["one"]
    parity = one["readings"]["parity"]
    assert (parity["a"], parity["b"], parity["difference"], parity["changed"]) == (50.0, 75.0, 25.0, 3)
    assert (one["n"], one["gained"], one["lost"], one["graded"]) == (4, ["one/1", "one/2"], ["one/3"], False)


def test_the_interval_is_that_of_the_paired_bootstrap(files):
    """20 of 100 records become right and none wrong, so that the difference in a draw is binomial."""
    a = [1] * 40 + [0] * 60
    b = [1] * 60 + [0] * 40
    low, high = compare(*files(ones(a), ones(b)))["benchmarks"]["made"]["subsets"]["one"]["readings"]["parity"][
        "interval"
    ]
    assert low == pytest.approx(binomial_quantile(100, 0.2, 0.025), abs=1.01)
    assert high == pytest.approx(binomial_quantile(100, 0.2, 0.975), abs=1.01)


def test_what_is_hard_for_both_does_not_widen_the_interval(files):
    """Half of 100 records are right in both: unpaired, the interval would reach about 14 points to both sides. That
    none of 100 changed leaves open that one in 27 would."""
    same = [i % 2 for i in range(100)]
    entry = compare(*files(ones(same), ones(same)))["benchmarks"]["made"]
    assert entry["subsets"]["one"]["readings"]["parity"]["interval"] == pytest.approx([-3.7, 3.7], abs=0.01)
    assert not entry["subsets"]["one"]["readings"]["parity"]["clear"]


@pytest.mark.parametrize(("gained", "clear"), [(5, False), (6, True)])
def test_a_difference_of_fewer_than_six_records_is_never_clear(files, gained, clear):
    entry = compare(*files(ones([0] * 60), ones([1] * gained + [0] * (60 - gained))))["benchmarks"]["made"]
    found = entry["subsets"]["one"]["readings"]["parity"]
    assert found["interval"][0] > 0
    assert found["clear"] is clear


def test_a_fall_is_clear_too(files):
    found = compare(*files(ones([1] * 30), ones([0] * 20 + [1] * 10)))["benchmarks"]["made"]["averages"]["average"][
        "score"
    ]
    assert found["interval"][1] < 0
    assert found["clear"]


def counts(hits, predicted, gold):
    return (0.0, {"hits": hits, "predicted": predicted, "gold": gold})


def test_a_metric_of_the_corpus_is_made_of_sums(files):
    """A: 2 * 1 / (4 + 4) is 25 %; B: 2 * 3 / (4 + 4) is 75 %; means of the records' own F1 would be 50 and 75."""
    a = [item("two/0", counts(1, 1, 1), readings=["sets", "clean"]), item("two/1", counts(0, 3, 3), readings=["sets"])]
    b = [item("two/0", counts(1, 1, 1), readings=["sets"]), item("two/1", counts(2, 3, 3), readings=["sets", "clean"])]
    found = compare(*files(a, b))["benchmarks"]["made"]["subsets"]["two"]["readings"]
    assert set(found) == {"sets"}  # not all records have the other
    assert (found["sets"]["a"], found["sets"]["b"], found["sets"]["changed"]) == (25.0, 75.0, 1)


def test_groups_columns_and_averages_are_means_of_means(files):
    def side(one, two, three):
        rows = ones(one) + [item(f"two/{i}", sets, readings=["sets", "clean"]) for i, sets in enumerate(two)]
        return rows + [item(f"three/{i}", score, group=group) for i, (group, score) in enumerate(three)]

    three_a, three_b = [("x", 0), ("x", 1), ("x", 0), ("y", 0)], [("x", 1), ("x", 1), ("x", 1), ("y", 0)]
    a = side([0, 0], [counts(1, 2, 2)], three_a)
    b = side([0, 1], [counts(2, 2, 2)], three_b)
    entry = compare(*files(a, b))["benchmarks"]["made"]
    three = entry["subsets"]["three"]
    assert three["groups"]["x"]["readings"]["parity"]["difference"] == pytest.approx(200 / 3)
    assert three["groups"]["y"]["readings"]["parity"]["difference"] == 0.0
    assert three["readings"]["parity"]["difference"] == pytest.approx(100 / 3)  # over records it would be 50
    assert entry["columns"]["One"]["score"]["difference"] == 50.0
    assert entry["columns"]["Rest"]["score"]["difference"] == pytest.approx((50 + 100 / 3) / 2)
    assert entry["averages"]["average"]["score"]["difference"] == pytest.approx((50 + (50 + 100 / 3) / 2) / 2)
    assert entry["averages_without"]["average"] == []
    assert entry["averages"]["average"]["score"]["changed"] == 1 + 1 + 2
    low, high = entry["averages"]["average"]["score"]["interval"]
    assert low < entry["averages"]["average"]["score"]["difference"] < high


def test_a_column_without_a_score_is_left_out_of_the_average_by_name(files):
    unknown = [item("two/0", (0.0, {"hits": None, "predicted": 1, "gold": 1}), readings=["sets", "clean"])]
    three = [item("three/0", 1, group="x")]
    entry = compare(*files(ones([0]) + unknown + three, ones([1]) + unknown + three))["benchmarks"]["made"]
    sets = entry["subsets"]["two"]["readings"]["sets"]
    assert (sets["a"], sets["difference"], sets["interval"], sets["clear"]) == (None, None, None, False)
    assert sets["changed"] == 0
    assert entry["columns"]["Rest"]["score"]["b"] is None
    assert entry["averages_without"]["average"] == ["Rest"]
    assert entry["averages"]["average"]["score"]["difference"] == 100.0
    json.dumps(entry, allow_nan=False)


def test_samples_are_averaged(files):
    one = compare(*files([item("one/0", 0, 1)], [item("one/0", 1, 1, 1)]))["benchmarks"]["made"]["subsets"]["one"]
    assert (one["readings"]["parity"]["a"], one["readings"]["parity"]["b"]) == (50.0, 100.0)
    assert one["gained"] == ["one/0"]


def test_graded_scores_are_listed_by_the_size_of_their_change(files):
    one = compare(*files(ones([0.2, 0.9, 0.5]), ones([0.3, 0.1, 0.5])))["benchmarks"]["made"]["subsets"]["one"]
    assert one["graded"]
    assert one["changes"] == [{"id": "one/1", "a": 0.9, "b": 0.1}, {"id": "one/0", "a": 0.2, "b": 0.3}]
    assert one["gained"] == one["lost"] == []


def evaluation(path, model, scores, **made):
    """A folder as `redone eval` leaves it, one benchmark gzipped."""
    for name, values in scores.items():
        (path / name).mkdir(parents=True)
        text = "".join(json.dumps(row) + "\n" for row in ones(values, name, benchmark=name, readings=["right"]))
        if name == "facts":
            (path / name / "items.jsonl.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (path / name / "items.jsonl").write_text(text, encoding="utf-8")
    (path / "results.json").write_text(json.dumps({"model": model, "made": made}), encoding="utf-8")
    return path


def test_two_folders_are_compared_benchmark_by_benchmark_and_as_a_suite(tmp_path):
    a = evaluation(tmp_path / "a", "Old", {"sums": [0, 0], "facts": [0, 1], "dates": [0, 0, 0, 0]}, samples=1, limit=4)
    b = evaluation(tmp_path / "b", "New", {"sums": [0, 1], "facts": [1, 1], "dates": [0, 0, 0, 1]}, samples=2, limit=4)
    found = compare(a, b)
    assert (found["a"]["model"], found["b"]["model"]) == ("Old", "New")
    assert found["settings"] == {"samples": [1, 2]}
    groups = found["suites"]["general"]["groups"]
    assert groups["mathematics"]["difference"] == 50.0
    assert groups["knowledge"]["difference"] == (50 + 25) / 2
    assert found["suites"]["general"]["average"]["difference"] == (50 + 37.5) / 2


def test_a_benchmark_that_only_one_side_has_is_said(tmp_path):
    a = evaluation(tmp_path / "a", "Old", {"sums": [0], "facts": [1]})
    b = evaluation(tmp_path / "b", "New", {"sums": [0], "dates": [1]})
    found = compare(a, b)
    assert (found["only_a"], found["only_b"], list(found["benchmarks"])) == (["facts"], ["dates"], ["sums"])
    assert found["suites"] == {}  # of one benchmark


def test_the_table_shows_both_readings_intervals_counts_and_flips(files):
    text = "\n".join(lines(compare(*files(ones([0] * 20 + [1] * 20), ones([1] * 20 + [1] * 19 + [0]))), flips=2))
    rows = [line.split() for line in text.splitlines()]
    assert "Made: 40 records in both" in text
    assert "one, 20 wrong in A, right in B: one/0, one/1 and 18 more" in text
    assert "one, 1 right in A, wrong in B: one/39" in text
    for reading in ("parity", "clean"):
        [row] = [row for row in rows if row[:2] == ["one", reading]]
        assert row[2:5] == ["50.0", "97.5", "+47.5"]
        assert row[-3:] == ["40", "21", "clear"]
    assert ["average", "without", "Rest"] in [row[:3] for row in rows]


def test_no_flips_are_listed_where_none_are_asked_for(files):
    assert "wrong in" not in "\n".join(lines(compare(*files(ones([0, 1]), ones([1, 0]))), flips=0))


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (ones([1], "sums", benchmark="sums"), ones([1], "facts", benchmark="facts"), "no benchmark in common"),
        (ones([1]), ones([None, 1]), "have no record in common"),
        (ones([1]), [], "b.jsonl: there are no records in it"),
        (ones([1]) * 2, ones([1]), "a.jsonl:2: one/0 of made stands there twice"),
        (ones([1]), [{"id": "one/0"}], "b.jsonl:1: not a line of an items file"),
        (ones([1]), [item("one/0")], "b.jsonl:1: not a line of an items file"),
        (ones([1]), [item("one/0", None)], "b.jsonl:1: not a line of an items file"),
        (ones([1]), ["one/0"], "b.jsonl:1: expected a JSON object"),
        (ones([1], "four"), ones([1], "four"), "made has no subset four"),
        (ones([1], benchmark="mode"), ones([1], benchmark="mode"), "there is no benchmark mode; did you mean made?"),
        (ones([1], readings=["clean"]), ones([1]), "records of one lack the reading parity"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(files, a, b, said):
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        compare(*files(a, b))


def test_a_path_that_holds_no_result_is_refused(tmp_path, files):
    [a, _] = files(ones([1]), [])
    with pytest.raises(ValueError, match="there is no such file or folder"):
        compare(a, tmp_path / "nothing")
    with pytest.raises(ValueError, match="no evaluation lies here"):
        compare(tmp_path / "definitions", a)


def test_a_broken_results_file_is_named(tmp_path):
    a = evaluation(tmp_path / "a", "Old", {"sums": [0]})
    (a / "results.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"results\.json: not JSON"):
        compare(a, a)
