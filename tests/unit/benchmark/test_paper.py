"""The paper's tables, and where a model's scores stand among them."""

import json
from statistics import fmean

import pytest

from redone.benchmark.paper import TRANSLATED, place, rows, tables
from redone.measure.definitions import definition

AVERAGES = {"SNS": ("Taxon", "Hash", "QCorr", "MRC", "NER", "Gender", "CHLW", "QGen"),
            "Trans": ("ZE-BLEU", "ZE-chrF++", "EZ-BLEU", "EZ-chrF++")}  # fmt: skip


def test_every_printed_average_is_the_mean_of_its_columns_but_for_one():
    """A mean of columns that are rounded to 0.01, rounded itself, is within 0.01; two rows are 0.0025 further off."""
    wrong = []
    for model, values in tables()["models"].items():
        row = dict(zip(tables()["columns"], values, strict=True))
        for average, columns in AVERAGES.items():
            mean = fmean(row[column] for column in columns)
            if abs(row[average] - mean) > 0.0126:
                wrong.append((model, average, row[average], round(mean, 2)))
    assert wrong == [("Qwen3-30B-A3B", "Trans", 37.05, 43.41)]


def test_the_misprint_is_kept_as_printed_and_its_mean_is_used():
    assert len(rows()) == 30
    [row] = [row for row in rows() if row.printed]
    assert (row.name, dict(row.printed), row.trans) == ("Qwen3-30B-A3B", {"Trans": 37.05}, 43.41)
    assert (row.score("Trans"), row.score("General"), row.score("NER")) == (43.41, 74.46, 45.75)


def test_the_headline_gains_of_the_paper_follow_from_its_tables():
    """ "+8.74 over Qwen3-4B and +2.41 over RedOne-7B": of the mean of the three averages."""
    mean = {row.name: fmean((row.general, row.sns, row.trans)) for row in rows()}
    assert mean["RedOne 2.0 4B"] - mean["Qwen3-4B"] == pytest.approx(8.74, abs=0.01)
    assert mean["RedOne 2.0 4B"] - mean["RedOne-7B"] == pytest.approx(2.41, abs=0.01)


def test_the_tables_agree_where_they_show_the_same_model():
    by_name = {row.name: row for row in rows()}
    stages = tables()["stages"]
    for model, of_stages in (("Qwen3-4B", stages[0]), ("RedOne 2.0 4B", stages[-1])):
        row = by_name[model]
        assert [of_stages[key] for key in ("General", "SNS", "Trans")] == [row.general, row.sns, row.trans]
        [single] = [one for one in tables()["per_task"] if one["model"] == model]
        assert all(row.score(column) == value for column, value in single.items() if column != "model")
    assert [size["base"] in by_name for size in tables()["sizes"]] == [True, True]
    assert [(one["explore"], one["target"], one["refine"]) for one in stages] == [
        (False, False, False), (False, True, False), (False, True, True),
        (True, False, False), (True, True, False), (True, True, True),
    ]  # fmt: skip


def test_the_columns_are_those_of_the_benchmarks():
    assert tuple(definition("sns-bench").columns) == AVERAGES["SNS"]
    assert {reading.name for reading in definition("sns-transbench").subsets["sns-transbench"].readings} >= {
        reading for _, reading in TRANSLATED.values()
    }


SUBSETS = {name: column for column, names in definition("sns-bench").columns.items() for name in names}


def sns(without=(), **scores):
    """An evaluation of SNS-Bench: `scores` by column, 50 otherwise; every column has n 100 and trivial answers."""
    of = {column: None if column in without else scores.get(column, 50.0) for column in AVERAGES["SNS"]}
    trivial = {"one": {"score": 5.0}, "two": {"score": 7.0}, "three": {"score": None}}
    subsets = {
        name: {"score": of[column], "n": 50, "interval": [40.0, 60.0], "trivial": trivial}
        for name, column in SUBSETS.items()
    }
    about = {"interval": [40.0, 60.0], "n": 100, "trivial": 7.0}
    columns = {column: {"score": score, "clean": score and score + 1, **about} for column, score in of.items()}
    average = None if without else fmean(of.values())
    more = {"average_without": list(without)} if without else {"average_interval": [average - 10, average + 10]}
    clean = None if without else average + 1
    about = {"prompts": "the authors'", "reading": "parity"}
    return {"subsets": subsets, "columns": columns, "average": average, "clean_average": clean, **about, **more}


def by_name(found):
    return {one["name"]: one for one in found["places"]}


def test_a_published_model_lands_on_its_own_row():
    model = next(row for row in rows() if row.name == "Qwen3-8B")
    found = by_name(place({"sns-bench": sns(**{column: model.columns[column] for column in AVERAGES["SNS"]})}))
    better = sorted((row.sns for row in rows() if row.sns > 55.46), reverse=True)
    assert found["SNS"]["rank"] == 1 + len(better)
    assert found["SNS"]["above"] == ("Phi-4-14B", 55.62)
    assert found["SNS"]["below"] == ("Qwen2.5-7B", 52.86)  # its own row, 55.46, is its equal: the mean is 55.45875
    assert found["MRC"]["score"] == 48.45
    assert len(found["MRC"]["published"]) == 30


def test_ranks_at_the_ends_of_the_interval_by_hand():
    """Of 30 models only the two RedOne of 32B and 30B-A3B are above 69; those above 64 are four more."""
    ninety = dict.fromkeys(AVERAGES["SNS"], 66.5)
    one = by_name(place({"sns-bench": {**sns(**ninety), "average_interval": [64.0, 69.0]}}))["SNS"]
    assert (one["rank"], one["ranks"]) == (5, [3, 6])
    assert (one["above"], one["below"]) == (("RedOne-7B", 66.88), ("GLM-4.5", 64.45))


def test_the_best_has_none_above_and_the_worst_none_below():
    top = by_name(place({"sns-bench": sns(**dict.fromkeys(AVERAGES["SNS"], 99.0))}))["SNS"]
    bottom = by_name(place({"sns-bench": sns(**dict.fromkeys(AVERAGES["SNS"], 1.0))}))["SNS"]
    assert (top["rank"], top["above"], top["below"][0]) == (1, None, "RedOne 2.0 30B-A3B")
    assert (bottom["rank"], bottom["below"], bottom["above"][0]) == (31, None, "Llama-3.1-8B")


def test_without_a_column_the_published_rows_are_averaged_without_it_too():
    found = place({"sns-bench": sns(without=["QGen"])})
    one = by_name(found)["SNS"]
    assert (one["without"], one["score"], one["clean"], one["interval"]) == (("QGen",), 50.0, 51.0, None)
    assert dict(one["published"])["Qwen3-4B"] == pytest.approx(
        (60.88 + 81.90 + 38.31 + 34.69 + 44.50 + 79.27 + 28.17) / 7
    )
    assert "QGen" not in by_name(found)
    assert any("no score for QGen" in line for line in found["cautions"])


def test_the_best_answer_without_a_model_is_meant_over_columns():
    found = by_name(place({"sns-bench": sns()}))
    assert (found["Taxon"]["trivial"], found["NER"]["trivial"], found["SNS"]["trivial"]) == (7.0, 7.0, 7.0)
    scores = sns()
    scores["columns"]["Taxon"]["trivial"] = 8.0
    found = by_name(place({"sns-bench": scores}))
    assert (found["Taxon"]["trivial"], found["SNS"]["trivial"]) == (8.0, 57.0 / 8)
    scores["columns"]["NER"]["trivial"] = None
    found = by_name(place({"sns-bench": scores}))
    assert (found["Taxon"]["trivial"], found["NER"]["trivial"], found["SNS"]["trivial"]) == (8.0, None, None)


def trans(n=1429):
    readings = {
        "nltk_bleu": {"score": 30.0, "interval": [29.0, 31.0]},
        "chrf": {"score": 50.0},
        "chrf++": {"score": 1.0},
    }
    groups = {"zh-en": {"n": n, "readings": readings}, "en-zh": {"n": n, "readings": readings}}
    subset = {"score": 40.0, "n": 2 * n, "groups": groups, "trivial": {"copied": {"score": 3.0}}}
    return {"subsets": {"sns-transbench": subset}, "average": 40.0, "average_interval": [39.0, 41.0]}


def test_trans_is_placed_with_its_four_columns():
    found = by_name(place({"sns-transbench": trans()}))
    assert list(found) == ["Trans", *AVERAGES["Trans"]]
    assert [found[name]["score"] for name in found] == [40.0, 30.0, 50.0, 30.0, 50.0]
    assert found["ZE-BLEU"]["interval"] == (29.0, 31.0)
    assert found["Trans"]["trivial"] == 3.0
    assert ("Qwen3-30B-A3B", 43.41) in found["Trans"]["published"]


def test_a_suite_is_placed_by_its_average_alone():
    found = place(
        {"general": {"subsets": {"one": {"n": 100}}, "average": 70.0, "groups": {}, "average_without": ["mbpp"]}}
    )
    assert [one["name"] for one in found["places"]] == ["General"]
    assert any("no score for mbpp" in line for line in found["cautions"])


def test_fewer_than_a_hundred_items_have_no_place_and_that_is_said():
    found = place({"sns-transbench": trans(n=60)})
    assert list(by_name(found)) == ["Trans"]  # of 120 items; each of its columns is of 60
    assert found["cautions"][-1] == (
        "Fewer than 100 items, and so no place: ZE-BLEU (60), ZE-chrF++ (60), EZ-BLEU (60), EZ-chrF++ (60)."
    )
    assert place({"sns-transbench": trans(n=49)})["places"] == []


def test_what_differs_from_the_published_evaluation_is_said():
    alike = " ".join(place({"sns-transbench": trans()})["cautions"])
    assert "questions were asked" not in alike
    assert "which BLEU and chrF" in alike
    assert "decoding" in alike
    other = {**sns(), "prompts": "ours", "reading": "clean"}
    said = " ".join(place({"sns-bench": other, "sns-transbench": trans(n=5)})["cautions"])
    assert "SNS: 600 of the 6,658 questions were asked." in said
    assert "Trans: 10 of the 2,858 questions were asked." in said
    assert "prompts are ours" in said
    assert "reading clean" in said


def test_an_evaluation_of_none_of_the_papers_benchmarks_has_no_place():
    assert place({"gsm8k": {"subsets": {}, "average": 3.0}}) == {"places": [], "cautions": []}


def test_a_place_is_json():
    found = place({"sns-bench": sns(without=["QGen"]), "sns-transbench": trans()})
    again = json.loads(json.dumps(found, allow_nan=False))
    assert [one["name"] for one in again["places"]] == [one["name"] for one in found["places"]]
    assert again["cautions"] == found["cautions"]
