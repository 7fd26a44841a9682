"""Scores, intervals, groups, columns and averages, on made-up benchmarks worked by hand."""

import json
from dataclasses import replace

import pytest

from redone.measure.definitions import definition, read_benchmark, read_records
from redone.measure.items import item_line, read_items
from redone.measure.outputs import here, items_on, score_outputs
from redone.measure.predictions import LONGEST, Output, read_predictions
from redone.measure.suite import combined

LABELS = """
title = "Labels"
[readings.parity]
reward = "exact_match"
[readings.clean]
reward = "exact_match"
options = {ignore_case = true}
[subsets.labels]
file = "labels.jsonl"
prompt = "Which? {text}"
answer = "{label}"
group = "subject"
trivial = {"always a" = "a", "majority" = "{majority}", "text echoed" = "{text}"}
"""
ROWS = [
    {"text": "one", "label": "a", "subject": "x"},
    {"text": "b", "label": "b", "subject": "x"},
    {"text": "three", "label": "a", "subject": "x"},
    {"text": "four", "label": "b", "subject": "y"},
]


def made(tmp_path, text, **files):
    (tmp_path / "made.toml").write_text(text, encoding="utf-8")
    for name, rows in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    benchmark = read_benchmark(tmp_path / "made.toml")
    return benchmark, read_records(benchmark, tmp_path)


def scored(benchmark, records, outputs):
    tables = {name: here(subset) for name, subset in benchmark.subsets.items()}
    ids = [record.id for mine in records.values() for record in mine]
    given = {
        name: list(map(Output, texts if isinstance(texts, list) else [texts]))
        for name, texts in zip(ids, outputs)
        if texts is not None
    }

    def score_all(asked):
        return tables[asked[0].record.task.split(":")[0]](asked) if asked else []

    return score_outputs(benchmark, records, given, score_all)


def test_both_readings_groups_and_trivial_answers_stand_beside_the_score(tmp_path):
    scores, _ = scored(*made(tmp_path, LABELS, labels=ROWS), ["a", "B", "b", "b"])
    entry = scores["subsets"]["labels"]
    assert (entry["score"], entry["clean"], entry["n"]) == (50.0, 75.0, 4)
    assert entry["groups"]["x"]["score"] == pytest.approx(100 / 3)
    assert entry["groups"]["x"]["clean"] == pytest.approx(200 / 3)
    assert (entry["groups"]["y"]["score"], entry["groups"]["y"]["n"]) == (100.0, 1)
    assert entry["trivial"] == {
        "always a": {"score": 50.0, "clean": 50.0},
        "majority": {"score": 50.0, "clean": 50.0},  # "a", which comes as often as "b"
        "text echoed": {"score": 25.0, "clean": 25.0},
    }
    assert scores["average"] == 50.0
    assert "columns" not in scores


def test_the_interval_of_a_share_is_wilsons(tmp_path):
    entry = scored(*made(tmp_path, LABELS, labels=ROWS), ["a", "B", "b", "b"])[0]["subsets"]["labels"]
    assert entry["interval"] == pytest.approx([15.0036, 84.9964], abs=1e-3)  # Wilson's for 2 of 4, by hand


def test_a_score_over_groups_is_the_mean_of_their_scores(tmp_path):
    text = LABELS.replace('group = "subject"', 'group = "subject"\nover = "groups"')
    entry = scored(*made(tmp_path, text, labels=ROWS), ["a", "B", "b", "b"])[0]["subsets"]["labels"]
    assert entry["score"] == pytest.approx((100 / 3 + 100) / 2)
    assert entry["trivial"]["always a"]["score"] == pytest.approx((200 / 3 + 0) / 2)
    low, high = entry["interval"]
    assert low < entry["score"] < high


def test_samples_are_averaged(tmp_path):
    outputs = [["a", "b"], ["b", "b"], ["a", "b"], ["a", "a"]]  # the first samples score 75, the second 25
    scores, items = scored(*made(tmp_path, LABELS, labels=ROWS), outputs)
    assert scores["subsets"]["labels"]["score"] == 50.0
    assert [item["score"] for item in items] == [0.5, 1.0, 0.5, 0.0]
    assert [len(item["readings"]["parity"]) for item in items] == [2, 2, 2, 2]


TWO = """
[readings.parity]
reward = "set_f1"
aggregate = "micro_f1"
[columns]
First = ["one", "two"]
Second = ["three"]
[subsets.one]
file = "one.jsonl"
prompt = "{text}"
answer = "{label}"
[subsets.two]
file = "two.jsonl"
prompt = "{text}"
answer = "{label}"
[subsets.three]
file = "one.jsonl"
prompt = "{text}"
answer = "{label}"
"""


def test_a_column_is_the_mean_of_its_subsets_and_the_average_that_of_the_columns(tmp_path):
    rows = [{"text": "", "label": "a, b"}, {"text": "", "label": "c"}]
    benchmark, records = made(tmp_path, TWO, one=rows, two=rows)
    scores, _ = scored(benchmark, records, ["a, b", "c", "a", "d", "", ""])
    # two: 1 hit of 2 predicted and 3 wanted: F1 = 2 / 5; three: no hit of none predicted: 0
    assert {name: entry["score"] for name, entry in scores["subsets"].items()} == {
        "one": 100.0,
        "two": 40.0,
        "three": 0.0,
    }
    assert scores["subsets"]["two"]["parts"] == {"precision": 50.0, "recall": pytest.approx(100 / 3)}
    first, second = scores["columns"]["First"], scores["columns"]["Second"]
    assert (first["score"], first["clean"], first["n"], first["trivial"]) == (70.0, None, 4, None)
    assert first["interval"][0] < 70.0 < first["interval"][1]
    assert (second["score"], second["interval"]) == (0.0, scores["subsets"]["three"]["interval"])
    assert scores["average"] == 35.0
    assert scores["average_interval"][0] < 35.0 < scores["average_interval"][1]


def test_a_column_of_which_nothing_is_right_has_an_interval_with_a_width(tmp_path):
    rows = [{"text": "", "label": "a"}, {"text": "", "label": "b"}]
    benchmark, records = made(tmp_path, TWO, one=rows, two=rows)
    scores, _ = scored(benchmark, records, ["x"] * 6)
    ends = pytest.approx([0.0, 65.7620], abs=1e-3)  # Wilson's for 0 of 2, by hand, of every subset
    assert [scores["columns"][name]["interval"] for name in ("First", "Second")] == [ends, ends]
    assert scores["average_interval"] == ends


def test_a_column_has_the_mean_of_the_best_answers_that_need_no_model(tmp_path):
    text = TWO.replace("[subsets.one]\n", '[subsets.one]\ntrivial = {"c" = "c", "a, b" = "a, b", "x" = "x"}\n').replace(
        "[subsets.two]\n", '[subsets.two]\ntrivial = {"x" = "x"}\n'
    )
    rows = [{"text": "", "label": "a, b"}, {"text": "", "label": "c"}]
    benchmark, records = made(tmp_path, text, one=rows, two=rows)
    scores, _ = scored(benchmark, records, [""] * 6)
    # "a, b" everywhere: 2 hits of 4 predicted and 3 wanted: 4 / 7, more than "c": 2 / 5; "x" has nothing
    assert scores["columns"]["First"]["trivial"] == pytest.approx((400 / 7 + 0) / 2)
    assert scores["columns"]["Second"]["trivial"] is None


def test_a_column_without_a_score_leaves_the_average_open_and_is_named(tmp_path):
    rows = [{"text": "", "label": "a"}]
    benchmark, records = made(tmp_path, TWO, one=rows, two=rows)
    scores, _ = scored(benchmark, records, ["a", "a", None])
    assert scores["subsets"]["three"] | {"trivial": {}} == {
        "score": None,
        "clean": None,
        "n": 0,
        "interval": None,
        "groups": {},
        "readings": {"parity": None},
        "trivial": {},
        "answers": 0,
        "missing": {},
        "cut_short": 0,
    }
    assert scores["average"] is None
    assert scores["average_without"] == ["Second"]
    assert scores["average_of_the_rest"] == 100.0


def test_the_bootstrap_is_the_same_every_time(tmp_path):
    rows = [{"text": "", "label": label} for label in ("a, b", "c", "d", "e, f, g")]
    benchmark, records = made(tmp_path, TWO, one=rows, two=rows)
    outputs = ["a", "c", "x", "e, f"] * 3
    assert scored(benchmark, records, outputs) == scored(benchmark, records, outputs)


def test_readings_that_compare_alike_share_their_verdicts(tmp_path):
    text = LABELS.replace("options = {ignore_case = true}\n", "")
    benchmark, records = made(tmp_path, text, labels=ROWS)
    subset, mine, calls = benchmark.subsets["labels"], records["labels"], []

    def counted(asked):
        calls.append(len(asked))
        return here(subset)(asked)

    items = items_on(subset, mine, [["a"]] * 4, counted, lambda *_: None)
    assert calls == [4]
    lines = [item_line("made", item) for item in items]
    assert [line["readings"]["clean"] for line in lines] == ["parity"] * 4
    assert [line["readings"]["parity"][0]["score"] for line in lines] == [1.0, 0.0, 1.0, 0.0]
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert list(read_items(path)["made"].values()) == items


def test_an_answer_without_a_verdict_is_an_error_that_names_it(tmp_path):
    text = LABELS.replace(
        'reward = "exact_match"\n[readings.clean]', 'reward = "exact"\noptions = {kind = "number"}\n[readings.clean]'
    )
    with pytest.raises(ValueError, match="labels/0"):
        scored(*made(tmp_path, text, labels=ROWS), ["a", "b", "c", "d"])


def test_a_suite_is_the_mean_over_its_groups_of_their_benchmarks(tmp_path):
    benchmark, records = made(tmp_path, LABELS, labels=ROWS)
    scores, _ = scored(benchmark, records, ["a", "B", "b", "b"])
    members = [
        replace(benchmark, name=name, kind=kind)
        for name, kind in (("a", "knowledge"), ("b", "knowledge"), ("c", "code"))
    ]
    each = [{**scores, "average": value} for value in (10.0, 30.0, 50.0)]
    result = combined("general", members, each, ["d"])
    assert result["groups"] == {"knowledge": 20.0, "code": 50.0}
    assert (result["average"], result["average_over_benchmarks"]) == (35.0, 30.0)
    assert result["average_without"] == ["d"]


# Predictions


def predictions(tmp_path, data):
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"id": "labels/0", "output": "\\ud83d"}', "the field output holds half of a surrogate pair, \\ud83d"),
        (b'{"id": "labels/0", "output": "\xff"}', "not UTF-8"),
        (b'{"id": "labels/0", "output": "' + b"x" * (LONGEST + 1) + b'"}', "has 1,000,001 characters"),
        (b'{"id": "labels/0", "output": "a", "sample": -1}', "sample is -1"),
    ],
)
def test_an_output_that_is_no_text_or_far_too_long_is_refused_with_its_line(tmp_path, line, said):
    with pytest.raises(ValueError, match=r"predictions\.jsonl:1: ") as refusal:
        read_predictions(predictions(tmp_path, line), ["labels/0"], False, print)
    assert said in str(refusal.value)


def test_what_partial_leaves_out_is_said(tmp_path):
    lines = [("b", "1"), ("z", "?"), ("a", "2"), ("b", "3")]
    data = "".join(json.dumps({"id": name, "output": text}) + "\n" for name, text in lines).encode()
    said = []
    found = read_predictions(predictions(tmp_path, data), ["a", "b", "c"], True, said.append)
    assert found == {"a": [Output("2")], "b": [Output("1")]}
    assert list(found) == ["a", "b"]
    [line] = said
    for part in ("unknown ids: 1, first z (line 2)", "doubled ids: 1, first b (line 4)", "missing ids: 1, first c"):
        assert part in line


def test_an_id_that_lacks_a_sample_is_missing(tmp_path):
    rows = [{"id": "a", "output": "1", "sample": 1}, {"id": "a", "output": None}, {"id": "b", "output": "2"}]
    path = predictions(tmp_path, "".join(json.dumps(row) + "\n" for row in rows).encode())
    with pytest.raises(ValueError, match="missing ids: 1, first b"):
        read_predictions(path, ["a", "b"], False, print)
    assert read_predictions(path, ["a", "b"], True, lambda line: None) == {
        "a": [Output("", missing="empty"), Output("1")]
    }


# The half of SNS-Bench's query generation that a model embeds


def querygen(tmp_path, cosines):
    benchmark = definition("sns-bench")
    rows = [{"content": "A note on flutes.", "answer": "learn xiao"}, {"content": "Tea.", "answer": "green tea"}]
    (tmp_path / "Note-QueryGen.json").write_text(json.dumps(rows), encoding="utf-8")
    mine = replace(
        benchmark, subsets={"note_querygen": benchmark.subsets["note_querygen"]}, columns={"QGen": ["note_querygen"]}
    )
    embedded = []

    def embed(model, texts, references):
        embedded.append((model, list(texts), list(references)))
        return cosines

    records = read_records(mine, tmp_path)
    given = {"note_querygen/0": [Output("learn xiao\nor flute")], "note_querygen/1": [Output("green")]}
    scores, _ = score_outputs(mine, records, given, here(mine.subsets["note_querygen"]), embed=embed)
    return scores, embedded


def test_without_its_model_the_score_is_open_and_the_other_half_is_given(tmp_path):
    scores, _ = querygen(tmp_path, None)
    entry = scores["subsets"]["note_querygen"]
    # edit distances 9 of 19 and 4 of 9 characters
    assert entry["score"] is None
    assert entry["interval"] is None
    assert entry["parts"] == {"anls": pytest.approx((100 * 10 / 19 + 100 * 5 / 9) / 2)}
    assert (scores["average"], scores["average_without"]) == (None, ["QGen"])
    assert scores["columns"]["QGen"]["interval"] is None


def test_with_its_model_the_score_is_the_mean_of_both_halves_and_the_text_is_cut_for_it(tmp_path):
    scores, embedded = querygen(tmp_path, [0.5, 1.0])
    assert embedded[0] == ("BAAI/bge-large-en-v1.5", ["learn xiao", "green"], ["learn xiao", "green tea"])
    anls = (100 * 10 / 19 + 100 * 5 / 9) / 2
    assert scores["subsets"]["note_querygen"]["score"] == pytest.approx((75.0 + anls) / 2)
    assert scores["average"] == scores["subsets"]["note_querygen"]["score"]
