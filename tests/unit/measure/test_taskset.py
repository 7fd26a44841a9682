"""A configuration's tasks: averages, intervals, answers that need no model, and what a folder keeps."""

import json
from dataclasses import replace
from statistics import fmean

import pytest

from redone.cli.run import print_results
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.files import read_jsonl
from redone.measure.ask import Answerer, Unit
from redone.measure.compare import changes, compare, differences
from redone.measure.gate import standing
from redone.measure.items import Item
from redone.measure.judged import Judged, judged
from redone.measure.ngrams import unaided
from redone.measure.taskset import KINDS, averages, is_general, measure_tasks, read_tasks, summarise, wrong_answers
from redone.measure.trivial import best, chance, trivial_verdicts
from redone.records import GENERAL_GROUPS, Record, Task, Text, Verdict
from redone.run.log import Log
from redone.run.scoring import in_process
from redone.sample.scripted import ScriptedSampler

WORD = Task("word", "domain", "dialogue", "{q}", "{a}", "exact")


def domain(name, family="information extraction", **changes):
    return replace(WORD, name=name, family=family, **changes)


def general(name, group):
    return replace(WORD, name=name, part="general", family=group)


def records(task, answers, split="eval", **fields):
    """One record per answer; `fields` are lists of as many values."""
    return tuple(
        Record(
            f"{task.name}/{split}/{i}",
            task.name,
            ({"role": "user", "content": f"{split} {i} ?"},),
            answer,
            split,
            "x",
            fields={name: values[i] for name, values in fields.items()},
        )
        for i, answer in enumerate(answers)
    )


def dataset(*tasks, **eval_answers):
    made = {
        task.name: {
            "train": records(task, ["yes"], "train"),
            "probe": records(task, ["yes"], "probe"),
            "eval": records(task, eval_answers.get(task.name, ["yes"] * 4)),
        }
        for task in tasks
    }
    return Dataset({task.name: task for task in tasks}, made, dict.fromkeys(made, 0))


def verdicts(*scores):
    return [Verdict(float(score), "right" if score == 1 else "wrong") for score in scores]


def items_of(given, found):
    """{task: verdicts on its first eval records} as items."""
    return {
        name: [
            Item(name, record.id, "", {"score": (verdict,)})
            for record, verdict in zip(given.records[name]["eval"], mine)
        ]
        for name, mine in found.items()
    }


def summary_of(given, found):
    asked = [record for name, mine in found.items() for record in given.records[name]["eval"][: len(mine)]]
    trivial = trivial_verdicts(given, asked, in_process(given.tasks))
    return summarise(given.tasks, items_of(given, found), trivial)


def summary(given, scores):
    """The summary of {task: scores of its eval records}."""
    return summary_of(given, {name: verdicts(*mine) for name, mine in scores.items()})


def test_a_task_without_train_records_has_no_majority_to_be_measured_by():
    given = dataset(domain("only", train=False), only=["a", "a", "b"])
    bare = replace(given, records={"only": {**given.records["only"], "train": ()}})
    asked = bare.records["only"]["eval"]
    found = trivial_verdicts(bare, asked, in_process(bare.tasks))
    assert list(found["only"]) == ["empty"]
    assert "majority" in trivial_verdicts(given, asked, in_process(given.tasks))["only"]


def test_the_f1_of_a_class_stands_beside_what_always_saying_it_has():
    """Two of five are "yes": always saying so has hits 2, said 5, references 2."""
    task = domain("only", metric="macro_f1", classes=["yes"])
    given = dataset(task, only=["yes", "no", "no", "no", "yes"])
    given = replace(given, records={"only": {**given.records["only"], "train": records(task, ["no"], "train")}})
    found = summary(given, {"only": [0] * 5})["tasks"]["only"]
    assert (found["baseline"], found["baseline_answer"]) == (pytest.approx(100 * 4 / 7), "always yes")


# The averages


TASKS = {
    task.name: task
    for task in (
        domain("ner", "information extraction"),
        domain("tags", "information extraction"),
        domain("reply", "dialogue"),
        domain("zh_en", "translation"),
        domain("en_zh", "translation"),
        general("sum", "mathematics"),
        general("times", "mathematics"),
        general("country", "knowledge"),
        general("general_zh_en", "translation"),
    )
}
SCORES = {
    "ner": 10.0,
    "tags": 20.0,
    "reply": 60.0,
    "zh_en": 40.0,
    "en_zh": 44.0,
    "sum": 100.0,
    "times": 50.0,
    "country": 30.0,
    "general_zh_en": 0.0,
}


def average(tasks, scores, kind):
    """Of tasks with one record each that has this score."""
    items = {
        name: [Item(name, name, "", {"score": (Verdict(value / 100, "wrong"),)})] for name, value in scores.items()
    }
    found = averages(tasks, items)
    return found[kind].score if kind in found else None


def test_the_domains_is_the_plain_mean_over_tasks_outside_the_translation_family():
    assert average(TASKS, SCORES, "domain") == pytest.approx(30.0)  # of 10, 20, 60: by task, not by family


def test_translation_is_the_plain_mean_over_that_family_of_the_domains_tasks():
    assert average(TASKS, SCORES, "translation") == pytest.approx(42.0)


def test_general_is_the_mean_over_groups_of_the_mean_over_each_groups_tasks():
    assert average(TASKS, SCORES, "general") == pytest.approx((75.0 + 30.0 + 0.0) / 3)


def test_general_tasks_that_are_never_trained_have_an_average_of_their_own():
    apart = {**TASKS, **{name: replace(TASKS[name], train=False) for name in ("times", "country")}}
    assert average(apart, SCORES, "general") == pytest.approx((100.0 + 0.0) / 2)
    assert average(apart, SCORES, "unrehearsed") == pytest.approx((50.0 + 30.0) / 2)
    assert average({**TASKS, "ner": replace(TASKS["ner"], train=False)}, SCORES, "domain") == pytest.approx(30.0)


def test_tasks_that_name_an_average_are_in_that_alone():
    apart = {**TASKS, **{name: replace(TASKS[name], average="new") for name in ("ner", "times", "country")}}
    assert average(apart, SCORES, "new") == SCORES["ner"]
    assert average(apart, SCORES, "general, new") == pytest.approx((50.0 + 30.0) / 2)
    assert average(apart, SCORES, "general") == pytest.approx((100.0 + 0.0) / 2)
    assert average(apart, SCORES, "domain") == pytest.approx(40.0)
    assert average({**apart, "ner": replace(apart["ner"], train=False)}, SCORES, "new") == SCORES["ner"]


def test_a_summary_has_the_averages_that_tasks_name():
    given = dataset(TASKS["tags"], replace(TASKS["ner"], average="new"))
    found = summary(given, {"ner": [1, 0, 0, 0], "tags": [1, 1, 1, 1]})
    assert (found["averages"]["new"], found["averages"]["domain"]) == (25.0, 100.0)
    assert found["baselines"]["new"] is not None
    assert found["average_intervals"]["new"]


@pytest.mark.parametrize(("kind", "general"), [("general", 1), ("general, new", 1), ("unrehearsed", 1), ("new", 0)])
def test_which_averages_are_over_general_tasks(kind, general):
    assert is_general(kind) == bool(general)


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_no_average_over_no_task(kind):
    assert average(TASKS, {}, kind) is None


def test_every_family_and_group_counts_in_exactly_one_average():
    tasks = {family: domain(family, family) for family in ("dialogue", "translation", "one of their own")}
    tasks |= {f"general {group}": general(f"general {group}", group) for group in GENERAL_GROUPS}
    for name in tasks:
        kinds = [kind for kind in KINDS if average(tasks, {name: 7.0}, kind) is not None]
        assert len(kinds) == 1


def test_a_summary_holds_the_averages_of_its_own_task_scores():
    given = dataset(*TASKS.values())
    found = summary(given, {name: [1, 0, 0, i % 2] for i, name in enumerate(TASKS)})
    scores = {name: row["score"] for name, row in found["tasks"].items()}
    assert scores["ner"] == 25.0
    assert scores["tags"] == 50.0
    wanted = {kind: average(TASKS, scores, kind) for kind in KINDS}
    assert found["averages"] == pytest.approx(wanted)


def test_tasks_that_were_not_measured_are_left_out():
    found = summary(dataset(*TASKS.values()), {"ner": [1, 1, 0, 0], "reply": [1, 1, 1, 1]})
    assert list(found["tasks"]) == ["ner", "reply"]
    assert found["averages"] == {"domain": 75.0, "translation": None, "general": None, "unrehearsed": None}
    assert list(found["average_intervals"]) == ["domain"]


# Scores and intervals


def test_a_tasks_score_is_its_metric_over_all_records_and_not_the_mean_of_scores():
    task = domain("tags", reward="set_f1", metric="micro_f1")
    counts = [
        Verdict(1.0, "right", {"hits": 1.0, "predicted": 1.0, "gold": 1.0}),
        Verdict(0.0, "wrong", {"hits": 0.0, "predicted": 4.0, "gold": 4.0}),
    ]
    found = summary_of(dataset(task), {"tags": counts})["tasks"]["tags"]
    assert found["score"] == pytest.approx(20.0)  # 2 hits of 5 and 5, where the mean would say 50


def test_a_share_of_right_answers_has_wilsons_interval():
    row = summary(dataset(WORD), {"word": [1, 0, 0, 0]})["tasks"]["word"]
    # 1 of 4: centre (1 + 1.9207) / (4 + 3.8415), half 1.95996 / 7.8415 * sqrt(0.75 + 0.9604)
    assert row["interval"] == pytest.approx([100 * (0.37247 - 0.32689), 100 * (0.37247 + 0.32689)], abs=0.01)


def test_graded_scores_have_a_bootstrap_interval_around_their_mean():
    given = dataset(WORD, word=["yes"] * 64)
    scores = [i / 63 for i in range(64)]
    low, high = summary(given, {"word": scores})["tasks"]["word"]["interval"]
    error = 100 * (fmean((s - 0.5) ** 2 for s in scores) / 64) ** 0.5
    assert low == pytest.approx(50 - 1.96 * error, abs=1.0)
    assert high == pytest.approx(50 + 1.96 * error, abs=1.0)


def test_an_average_of_many_tasks_is_surer_than_each_of_them():
    tasks = [domain(f"task{i}") for i in range(16)]
    found = summary(dataset(*tasks), {task.name: [0.2, 0.9, 0.4, 0.7] for task in tasks})
    low, high = found["average_intervals"]["domain"]
    widths = [row["interval"][1] - row["interval"][0] for row in found["tasks"].values()]
    assert low < found["averages"]["domain"] < high
    # 16 independent tasks: a quarter of one task's width
    assert high - low == pytest.approx(fmean(widths) / 4, rel=0.25)


@pytest.mark.parametrize("scores", [[0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], [0.01, 1, 1, 1]])
def test_scores_lie_in_their_intervals_and_all_between_0_and_100(scores):
    found = summary(dataset(*TASKS.values()), dict.fromkeys(TASKS, scores))
    for row in found["tasks"].values():
        assert 0 <= row["interval"][0] <= row["score"] <= row["interval"][1] <= 100
        assert 0 <= row["baseline"] <= 100
    for low, high in found["average_intervals"].values():
        assert 0 <= low <= high <= 100


def test_an_interval_of_a_metric_that_is_no_mean_is_that_metrics_own():
    task = domain("tags", reward="set_f1", metric="micro_f1")
    given = dataset(task, tags=["a"] * 40)
    # each score is 0 or 1, and the rare long lists decide the metric: near 1 although half of the scores are 0
    counts = [Verdict(0.0, "wrong", {"hits": 0.0, "predicted": 1.0, "gold": 1.0})] * 20
    counts += [Verdict(1.0, "right", {"hits": 99.0, "predicted": 99.0, "gold": 99.0})] * 20
    found = summary_of(given, {"tags": counts})
    low, high = found["tasks"]["tags"]["interval"]
    assert 97 < low < found["tasks"]["tags"]["score"] < high < 100
    low, high = found["average_intervals"]["domain"]
    assert 97 < low < found["averages"]["domain"] < high < 100


def test_the_intervals_are_the_same_every_time():
    given, scores = dataset(WORD), {"word": [0.2, 0.9, 0.4, 0.7]}
    assert summary(given, scores) == summary(given, scores)


def test_answers_that_could_not_be_scored_are_counted_apart():
    given = dataset(WORD)
    said = [Verdict(1.0, "right"), Verdict(0.0, "error", note="broken"), *verdicts(1, 0)]
    row = summary_of(given, {"word": said})["tasks"]["word"]
    assert row["errors"] == 1
    assert row["reasons"] == {"right": 2, "error": 1, "wrong": 1}
    assert row["n"] == 4


def test_a_row_says_family_or_group_metric_and_reward():
    given = dataset(WORD, general("sum", "mathematics"))
    rows = summary(given, {"word": [1] * 4, "sum": [1] * 4})["tasks"]
    assert (rows["word"]["family"], rows["word"]["metric"], rows["word"]["reward"]) == ("dialogue", "mean", "exact")
    assert rows["sum"]["group"] == "mathematics"
    assert "family" not in rows["sum"]


# Baselines


def trivial(task, train, answers, **fields):
    """Score and name of the best answer that needs no model."""
    made = {"train": records(task, train, "train"), "eval": records(task, answers, **fields)}
    given = Dataset({task.name: task}, {task.name: made}, {})
    return best(task, trivial_verdicts(given, given.split("eval"), in_process(given.tasks))[task.name])


def test_the_majority_label_is_that_of_train():
    train = ["no", "yes", "yes"]
    assert trivial(WORD, train, ["no", "no", "yes", "no"]) == (25.0, "majority")
    assert trivial(WORD, ["no", "yes"], ["no", "yes", "yes"])[0] == pytest.approx(100 / 3)  # a tie: the first by name


def test_the_first_candidate_is_a_baseline():
    task = domain("tag", options={"kind": "choice"}, candidates="candidates")
    listed = [["a", "b"], ["c", "d"], ["e", "f"]]
    assert trivial(task, ["z"], ["a", "c", "f"], candidates=listed)[1] == "first candidate"


def test_all_candidates_are_a_baseline_of_a_list():
    task = domain("tags", reward="set_f1", metric="micro_f1", candidates="candidates", options={"separator": ";"})
    found = trivial(task, ["z"], ["b; a", "c"], candidates=[["a", "b"], ["c", "d"]])
    assert found == (pytest.approx(100 * 2 * 3 / (4 + 3)), "all candidates")


def test_an_empty_answer_is_a_baseline():
    task = domain("ner", reward="set_f1", metric="mean")
    assert trivial(task, ["rome"], ["none", "none", "paris"]) == (pytest.approx(200 / 3), "empty")


def test_the_echoed_source_is_a_baseline():
    task = domain("zh_en", "translation", reward="anls", source="text")
    score, name = trivial(task, ["zzzz"], ["tea", "good tea"], text=["tea", "good te"])
    assert (score, name) == (pytest.approx(100 * (1 + 7 / 8) / 2), "source echoed")


def test_a_baseline_of_a_task_that_thinks_closes_its_thinking():
    task = domain("sum", think=True, rationale="{why}")
    assert trivial(task, ["7"], ["7", "7"]) == (100.0, "majority")


def test_a_baseline_is_measured_on_the_records_that_the_model_was():
    given = dataset(WORD, word=["yes", "yes", "no", "no"])
    row = summary(given, {"word": [0, 0]})["tasks"]["word"]
    assert (row["baseline"], row["baseline_answer"], row["n"]) == (100.0, "majority", 2)


def test_averages_of_baselines_stand_beside_those_of_scores():
    given = dataset(domain("a"), domain("b"), a=["yes"] * 4, b=["yes", "no", "no", "no"])
    found = summary(given, {"a": [0] * 4, "b": [0] * 4})
    assert found["baselines"] == {"domain": 62.5, "translation": None, "general": None, "unrehearsed": None}


def test_chance_is_a_pass_rate_and_not_a_score():
    # all candidates score 0.67 on each record, yet pass none of them
    task = domain("tags", reward="set_f1", metric="micro_f1", candidates="candidates")
    listed = [["a", "b"], ["c", "d"]]
    made = {"train": records(task, ["z"], "train"), "probe": records(task, ["b", "d"], "probe", candidates=listed)}
    given = Dataset({"tags": task}, {"tags": made}, {})
    found = trivial_verdicts(given, given.split("probe"), in_process(given.tasks))["tags"]
    assert best(task, found)[0] == pytest.approx(200 / 3)
    assert chance(task, found) == 0.0
    assert chance(replace(task, pass_at=0.6), found) == 1.0


# Asking


@pytest.fixture
def encoder(make_tokenizer):
    return Encoder(make_tokenizer())


def answerer(encoder, says, samples=1):
    """One that says `says(prompt, number)`, the last prompt of a unit first."""

    def make(unit, there):
        return ScriptedSampler(says, encoder, group=samples, rows=4)

    return Answerer(samples, make, lambda: Unit(4, 0))


def measured(encoder, given, says, folder, samples=1, template="1a2b3c4d"):
    asked = given.split("eval")
    score_all = in_process(given.tasks)
    return measure_tasks(
        answerer(encoder, says, samples), given.tasks, score_all, asked, unaided(given, asked, score_all),
        folder, template=template, most_errors=0.0, log=Log(), label="eval",
    )  # fmt: skip


def test_answers_come_back_in_the_records_order_with_their_verdicts(encoder, tmp_path):
    short, long = domain("short"), domain("long", think=True, rationale="{why}", budget=40)
    given = dataset(short, long, short=["a", "b", "c"], long=["d", "e"])
    asked = given.split("eval")
    made = answerer(encoder, lambda prompt, number: "a", samples=2)
    found = judged(
        made,
        given.tasks,
        in_process(given.tasks),
        asked,
        tmp_path / "p.jsonl.gz",
        most_errors=0.0,
        log=Log(),
        label="x",
    )
    assert [one.record for one in found] == asked
    assert [[text.sample for text in one.texts] for one in found] == [[0, 1]] * len(asked)
    assert [one.verdicts[0].score for one in found] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert found[4].texts[0].text == "<think>a"
    assert found[4].verdicts[1].reason == "unparsable"


def test_what_was_asked_is_kept_with_the_reference_beside_the_answers(encoder, tmp_path):
    given = dataset(domain("word"), word=["yes", "never"])
    measured(encoder, given, lambda prompt, number: "yes", tmp_path)
    assert list(read_jsonl(tmp_path / "prompts.jsonl.gz")) == [
        {"id": one.id, "task": "word", "prompt": one.messages[0]["content"], "answer": answer}
        for one, answer in zip(given.split("eval"), ["yes", "never"])
    ]


def test_an_answer_that_its_budget_cut_off_is_scored_as_such(encoder, tmp_path):
    """Budget 4, one token a byte: "yes" and the end token fit, "never" does not."""
    given = dataset(domain("word", budget=4), word=["yes", "never"])
    made = answerer(encoder, lambda prompt, number: "yes" if " 0 " in prompt else "never")
    score_all, path = in_process(given.tasks), tmp_path / "p.jsonl"
    found = judged(made, given.tasks, score_all, given.split("eval"), path, most_errors=0.0, log=Log(), label="x")
    assert [one.texts[0].text for one in found] == ["yes", "neve"]
    assert [one.verdicts[0].reason for one in found] == ["right", "truncated"]


def test_a_share_of_errors_that_is_too_large_is_refused(encoder, tmp_path):
    given = dataset(WORD, word=["yes"] * 4)

    def broken(asked):
        return [[Verdict(0.0, "error", note="broken")] for _ in asked]

    with pytest.raises(ValueError, match="4 of 4 answers could not be scored"):
        judged(
            answerer(encoder, lambda *given: "yes"), given.tasks, broken, given.split("eval"), tmp_path / "p.jsonl",
            most_errors=0.5, log=Log(), label="x",
        )  # fmt: skip


def test_a_folder_keeps_answers_items_and_scores_and_is_not_made_again(encoder, tmp_path):
    given = dataset(WORD, domain("other"), word=["yes", "no", "yes"], other=["yes"] * 2)
    table = measured(encoder, given, lambda *_: "yes", tmp_path / "tasks", samples=2)
    assert table["tasks"]["word"]["score"] == pytest.approx(200 / 3)
    assert table["tasks"]["word"]["reasons"] == {"right": 4, "wrong": 2}  # of both samples
    assert len(list(read_jsonl(tmp_path / "tasks" / "predictions.jsonl"))) == 2 * 5
    again, items = read_tasks(tmp_path / "tasks")
    assert again == json.loads(json.dumps(table))
    assert {name: [item.id for item in mine] for name, mine in items.items()} == {
        name: [record.id for record in given.records[name]["eval"]] for name in given.tasks
    }
    assert measured(encoder, given, lambda *_: "no", tmp_path / "tasks", samples=2) == again


def test_the_worst_answers_of_each_task_are_kept_without_those_that_are_right():
    def answered(task, number, *values):
        prompt = ({"role": "user", "content": f"{task} {number} ?"},)
        one = Record(f"{task}/eval/{number}", task, prompt, "yes", "eval", "test")
        verdicts = tuple(Verdict(value, "wrong" if value < 1 else "right") for value in values)
        return Judged(one, tuple(Text(one.id, n, f"no {n}", True) for n in range(len(values))), verdicts)

    found = [answered("a", n, value, value) for n, value in enumerate((1.0, 0.5, 0.0, 0.25, 0.75))]
    kept = wrong_answers([*found, answered("b", 0, 1.0), answered("c", 0, 1.0, 0.0)])
    assert {name: [row["id"] for row in rows] for name, rows in kept.items()} == {
        "a": ["a/eval/2", "a/eval/3", "a/eval/1"],
        "c": ["c/eval/0"],
    }
    assert kept["a"][0] == {
        "id": "a/eval/2", "prompt": "a 2 ?", "answer": "yes", "output": "no 0", "score": 0.0, "reason": "wrong",
    }  # fmt: skip


def test_two_folders_and_two_models_are_compared_record_by_record(encoder, tmp_path):
    given = dataset(WORD, general("sum", "mathematics"), word=["yes"] * 12, sum=["yes"] * 12)
    for model, answer in (("base", "no"), ("later", "yes")):
        measured(encoder, given, lambda prompt, n, answer=answer: answer, tmp_path / model / "tasks")
    found = changes(tmp_path / "base", tmp_path / "later")
    for one in (
        found["tasks"]["word"],
        found["tasks"]["sum"],
        found["averages"]["domain"],
        found["averages"]["general"],
    ):
        assert (one["a"], one["b"], one["difference"], one["changed"], one["clear"]) == (0.0, 100.0, 100.0, 12, True)
    assert found["benchmarks"] == {}
    sides = [read_tasks(tmp_path / model / "tasks")[1] for model in ("base", "later")]
    assert differences(given.tasks, *sides) == {key: found[key] for key in ("tasks", "averages")}
    entry = compare(tmp_path / "base", tmp_path / "later")["benchmarks"]["tasks"]
    assert entry["averages"]["domain"]["score"] == found["averages"]["domain"]
    assert entry["columns"]["mathematics"]["score"]["difference"] == 100.0
    now = standing(
        answerer(encoder, lambda *_: "yes"), given.tasks, in_process(given.tasks), given.split("eval"), sides[0],
        tmp_path / "gate.jsonl", most_errors=0.0, log=Log(), label="gate",
    )  # fmt: skip
    assert now.differences == differences(given.tasks, *sides)
    assert {kind: one.score for kind, one in now.averages.items()} == {"domain": 100.0, "general": 100.0}


def test_the_template_stands_beside_the_scores_and_a_comparison_says_where_two_differ(encoder, tmp_path, capsys):
    given = dataset(WORD, word=["yes"] * 3)
    for model, template in (("a", "1a2b3c4d"), ("b", "none"), ("c", "none")):
        table = measured(encoder, given, lambda *_: "yes", tmp_path / model / "tasks", template=template)
        assert table["chat_template"] == template
        assert json.loads((tmp_path / model / "tasks" / "scores.json").read_text())["chat_template"] == template
    assert compare(tmp_path / "a", tmp_path / "b")["settings"] == {"chat_template": ["1a2b3c4d", "none"]}
    assert compare(tmp_path / "b", tmp_path / "c")["settings"] == {}
    print_results({"models": {"base": table}})
    assert capsys.readouterr().out.splitlines()[-1] == "Prompts: no chat template: plain text"


def test_the_table_has_columns_of_what_there_is_under_the_packs_own_name(encoder, tmp_path, capsys):
    table = measured(encoder, dataset(WORD, word=["yes"] * 3), lambda *_: "yes", tmp_path / "tasks")
    long = "a pack whose name is longer than a column"
    for domain_, said in (("support", ["support"]), ("", ["Domain"]), (long, long.split())):
        print_results({"models": {"base": table}, "domain": domain_})
        head, bare, base = [line for line in capsys.readouterr().out.splitlines() if line][:3]
        assert head.split() == said
        assert len(head) == len(bare) == len(base)


def test_tasks_that_are_scored_otherwise_are_not_compared(encoder, tmp_path):
    for model, metric in (("a", "mean"), ("b", "micro_f1")):
        given = dataset(domain("tags", reward="set_f1", metric=metric), tags=["a, b"] * 3)
        measured(encoder, given, lambda *_: "a", tmp_path / model / "tasks")
    with pytest.raises(ValueError, match="tags is scored in another way in one than in the other"):
        compare(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a" / "tasks" / "scores.json").write_text('{"shape": {}}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"a/tasks/scores\.json: its shape is damaged"):
        compare(tmp_path / "a", tmp_path / "b")


def test_scores_of_a_version_with_another_word_for_the_domain_are_not_read(encoder, tmp_path):
    measured(encoder, dataset(WORD, word=["yes"] * 3), lambda *_: "yes", tmp_path / "a" / "tasks")
    path = tmp_path / "a" / "tasks" / "scores.json"
    path.write_text(path.read_text().replace('"domain":', '"sns":'), encoding="utf-8")
    with pytest.raises(ValueError, match=r'a/tasks/scores\.json: of a version of redone that called the domain "sns"'):
        compare(tmp_path / "a", tmp_path / "a")
