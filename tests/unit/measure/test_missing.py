"""Answers that are missing: their verdicts, their counts and how they are said."""

import json
from dataclasses import replace

import pytest

from redone.cli.run import print_results
from redone.cli.tables import print_table
from redone.measure.ask import Answerer
from redone.measure.definitions import read_benchmark, read_records
from redone.measure.items import Item, item_line, read_items
from redone.measure.judged import judged
from redone.measure.missing import KINDS, many, marked, said, told
from redone.measure.outputs import here, score_outputs
from redone.measure.predictions import Output, output_of, read_predictions
from redone.measure.taskset import summarise, task_items
from redone.records import Record, Task, Text, Verdict
from redone.report.evaluation import collect
from redone.run.log import Log

RECORD = Record("tea/eval/0", "tea", ({"role": "user", "content": "?"},), "tea", "eval", "world")
NOTHING = replace(RECORD, answer=" ")  # whose reference is that there is nothing
RIGHT, PART, WRONG = Verdict(1.0, "right"), Verdict(0.5, "wrong"), Verdict(0.0, "unparsable")
ERROR = Verdict(0.0, "error", {}, "broken")


@pytest.mark.parametrize(
    ("verdict", "record", "missing", "expected"),
    [
        (RIGHT, RECORD, "", (1.0, "right", "")),
        (WRONG, RECORD, "", (0.0, "unparsable", "")),
        (WRONG, RECORD, "empty", (0.0, "unparsable", "empty")),
        (PART, RECORD, "empty", (0.5, "wrong", "empty")),  # a rule that silence keeps
        (RIGHT, RECORD, "empty", (1.0, "right", "empty")),
        (RIGHT, NOTHING, "empty", (1.0, "right", "")),
        (WRONG, NOTHING, "empty", (0.0, "unparsable", "empty")),
        (RIGHT, NOTHING, "refusal", (0.0, "unparsable", "refusal")),
        (PART, RECORD, "refusal", (0.0, "unparsable", "refusal")),
        (PART, RECORD, "content filter", (0.0, "unparsable", "content filter")),
        (PART, RECORD, "tool call", (0.0, "unparsable", "tool call")),
        (PART, RECORD, "refused by the endpoint", (0.0, "unparsable", "refused by the endpoint")),
        (PART, RECORD, "broken reply", (0.0, "unparsable", "broken reply")),
        (RIGHT, NOTHING, "cut off", (0.0, "truncated", "cut off")),
        (ERROR, RECORD, "refusal", (0.0, "error", "refusal")),
    ],
)
def test_nothing_scores_nothing_unless_nothing_was_asked_for(verdict, record, missing, expected):
    found = marked(verdict, record, missing)
    assert (found.score, found.reason, found.missing) == expected


def test_the_counts_of_an_empty_answer_stay_for_metrics_that_sum_them():
    assert marked(Verdict(0.0, "wrong", {"gold": 2.0}), RECORD, "refusal").parts == {"gold": 2.0}


def items(*verdicts):
    return [Item("tea", f"tea/{i}", "", {"score": (verdict,)}) for i, verdict in enumerate(verdicts)]


def test_answers_are_counted_by_kind_in_one_order():
    mine = [replace(WRONG, missing=kind) for kind in ("refusal", "empty", "refusal", "refused by the endpoint")]
    cut = [Verdict(0.0, "truncated", missing="cut off"), Verdict(0.0, "truncated"), Verdict(0.5, "truncated")]
    found = told(items(RIGHT, *mine, *cut), "score")
    missing = {"empty": 1, "cut off": 1, "refusal": 2, "refused by the endpoint": 1}
    assert found == {"answers": 8, "missing": missing, "cut_short": 2}
    assert list(found["missing"]) == [kind for kind in KINDS if kind in missing]
    assert said([found, found]) == (
        "no answer: 2 empty, 2 cut off, 4 refusal, 2 refused by the endpoint (10 of 16); 4 more were cut short"
    )


def test_what_is_not_missing_is_not_said():
    assert said([told(items(RIGHT, WRONG), "score"), {"n": 3}]) == ""
    assert said([told(items(RIGHT, Verdict(0.0, "truncated")), "score")]) == "1 of 2 answers were cut short"


@pytest.mark.parametrize(("missing", "expected"), [(0, False), (2, False), (3, True)])
def test_more_than_a_tenth_is_many(missing, expected):
    assert many([{"answers": 20, "missing": {"empty": missing}}]) == expected


def test_an_item_keeps_what_is_missing(tmp_path):
    item = items(replace(WRONG, missing="tool call"))[0]
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps(item_line("cups", item)) + "\n", encoding="utf-8")
    assert read_items(path)["cups"]["tea/0"].readings == item.readings
    assert "missing" not in json.dumps(item_line("cups", items(WRONG)[0]))


# Benchmarks

CUPS = """
title = "Cups"
[readings.strict]
reward = "exact_match"
[readings.clean]
reward = "exact_match"
options = {ignore_case = true}
[subsets.cups]
file = "cups.jsonl"
prompt = "{q}"
answer = "{a}"
"""
REPLIES = [
    Output("4"),
    Output("", missing="empty"),
    Output("", missing="refusal"),
    Output("1 2", finished=False),
    Output("4", finished=False),
    Output("", finished=False, missing="cut off"),
    Output("", missing="refused by the endpoint"),
    *[Output("4")] * 33,
]


@pytest.fixture
def cups(tmp_path):
    """(benchmark, its records, their ids): every answer is 4."""
    (tmp_path / "cups.toml").write_text(CUPS, encoding="utf-8")
    rows = "".join(json.dumps({"q": f"{i}?", "a": "4"}) + "\n" for i in range(len(REPLIES)))
    (tmp_path / "cups.jsonl").write_text(rows, encoding="utf-8")
    benchmark = read_benchmark(tmp_path / "cups.toml")
    records = read_records(benchmark, tmp_path)
    return benchmark, records, [record.id for record in records["cups"]]


def scored(cups, replies):
    benchmark, records, ids = cups
    outputs = {id: [one] for id, one in zip(ids, replies)}
    return score_outputs(benchmark, records, outputs, here(benchmark.subsets["cups"]))


def test_a_benchmarks_missing_answers_are_named_beside_its_score(cups, capsys):
    scores, lines = scored(cups, REPLIES)
    entry = scores["subsets"]["cups"]
    assert entry["score"] == pytest.approx(100 * 35 / 40)
    missing = {"empty": 1, "cut off": 1, "refusal": 1, "refused by the endpoint": 1}
    assert (entry["answers"], entry["missing"], entry["cut_short"]) == (40, missing, 1)
    verdicts = [line["readings"]["strict"][0] for line in lines[:7]]
    assert [v.get("missing", "") for v in verdicts] == [one.missing for one in REPLIES[:7]]
    assert [v["reason"] for v in verdicts] == [
        "right", "unparsable", "unparsable", "truncated", "right", "truncated", "unparsable"
    ]  # fmt: skip
    print_table({**scores, "title": "Cups", "reading": "strict"})
    shown = capsys.readouterr().out
    last = shown.splitlines()[-2]
    assert last == (
        "Cups: no answer: 1 empty, 1 cut off, 1 refusal, 1 refused by the endpoint (4 of 40); 1 more were cut short"
    )
    assert next(line for line in shown.splitlines() if line.split()[:1] == ["cups"]).split()[-1] == "4"


def test_many_missing_answers_stand_before_any_score(cups, capsys):
    scores, _ = scored(cups, [Output("", missing="content filter")] * 5 + [Output("4")] * 35)
    made = {**scores, "title": "Cups", "reading": "strict"}
    print_table(made)
    note = "Cups: no answer: 5 content filter (5 of 40)"
    assert capsys.readouterr().out.splitlines()[0] == note
    assert collect({"benchmarks": {"cups": made}})["headline"][0] == f"{note}."
    fewer, _ = scored(cups, [Output("", missing="content filter")] * 4 + [Output("4")] * 36)
    headline = collect({"benchmarks": {"cups": {**made, **fewer}}})["headline"]
    assert headline.index("Cups: no answer: 4 content filter (4 of 40).") > 0


def test_nothing_is_said_where_every_answer_is_there(cups, capsys):
    scores, _ = scored(cups, [Output("4")] * 40)
    print_table({**scores, "title": "Cups", "reading": "strict"})
    assert "no answer" not in capsys.readouterr().out


def test_a_prediction_is_empty_or_says_itself_what_it_is(tmp_path):
    rows = [
        {"output": "4"}, {"output": None}, {"output": " "}, {"output": "", "finished": False},
        {"output": "1 2", "finished": False}, {"output": "", "finished": True, "missing": "refusal"},
    ]  # fmt: skip
    expected = [
        Output("4"), Output("", missing="empty"), Output(" ", missing="empty"), Output("", False, "cut off"),
        Output("1 2", False), Output("", missing="refusal"),
    ]  # fmt: skip
    assert list(map(output_of, rows)) == expected
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps({"id": f"cups/{i}", **row}) + "\n" for i, row in enumerate(rows)))
    found = read_predictions(path, [f"cups/{i}" for i in range(6)], False, print)
    assert [one for [one] in found.values()] == expected


@pytest.mark.parametrize("more", [{"missing": "lost"}, {"finished": "no"}, {"missing": 3}])
def test_a_prediction_that_is_missing_in_a_way_nobody_knows_is_refused_with_its_line(tmp_path, more):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"id": "cups/0", "output": "", **more}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"p\.jsonl:1: finished is true or false, and missing one of empty, "):
        read_predictions(path, ["cups/0"], False, print)


# A configuration's tasks

TASK = Task("short", "domain", "dialogue", "?", "tea", "exact")


def measured(tmp_path, texts):
    """The verdicts of a reward that pays one half for whatever comes, and the items."""
    records = [replace(RECORD, id=f"short/eval/{i}", task="short") for i in range(len(texts))]
    asked = []

    class Asks:
        def ask(self, prompts):
            yield [replace(text, key=prompt.key) for prompt, text in zip(prompts, texts)]

    def score_all(some):
        asked.extend(text for one in some for text, _ in one.answers)
        return [[PART] for _ in some]

    made = Answerer(1, lambda *given: Asks())
    path = tmp_path / "p.jsonl"
    found = judged(made, {"short": TASK}, score_all, records, path, most_errors=0.0, log=Log(), label="tea")
    return found, asked


TEXTS = [
    Text("", 0, "tea", True),
    Text("", 0, "", True, missing="refused by the endpoint", said="too long"),
    Text("", 0, "tea and", True, missing="content filter"),
    Text("", 0, "<think>tea", False),
    Text("", 0, "<think>hm</think>", True),
]


def test_an_answer_that_never_came_earns_nothing_whatever_its_reward_pays_for(tmp_path):
    found, asked = measured(tmp_path, TEXTS)
    assert asked == ["tea", "", "", "", "<think>hm</think>"]
    assert [one.verdicts[0].score for one in found] == [0.5, 0.0, 0.0, 0.0, 0.5]
    assert [one.verdicts[0].missing for one in found] == [
        "", "refused by the endpoint", "content filter", "cut off", "empty"
    ]  # fmt: skip


def test_a_tasks_missing_answers_are_named_in_the_results_and_printed(tmp_path, capsys):
    found, _ = measured(tmp_path, TEXTS)
    trivial = {"short": {"empty": [PART] * 5}}
    table = summarise({"short": TASK}, task_items({"short": TASK}, found), trivial)
    missing = {"empty": 1, "cut off": 1, "content filter": 1, "refused by the endpoint": 1}
    row = table["tasks"]["short"]
    assert (row["answers"], row["missing"], row["cut_short"]) == (5, missing, 0)
    note = "model: no answer: 1 empty, 1 cut off, 1 content filter, 1 refused by the endpoint (4 of 5)"
    print_results({"models": {"model": table}})
    assert capsys.readouterr().out.splitlines()[0] == note
    row |= {"answers": 50, "missing": {"empty": 1}}
    print_results({"models": {"model": table}})
    assert capsys.readouterr().out.splitlines()[-1] == "model: no answer: 1 empty (1 of 50)"
