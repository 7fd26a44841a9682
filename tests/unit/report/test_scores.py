from dataclasses import replace
from itertools import pairwise
from typing import Any

from run_folders import changes

from redone.report import scores
from redone.report.glossary import of_averages
from redone.report.read import Run
from redone.run.stages import Stage


def task(score: float, half: float, **more: Any) -> dict[str, Any]:
    return {"score": score, "interval": [score - half, score + half], "part": "domain", "family": "dialogue", **more}


def make_run(**models: dict[str, dict[str, Any]]) -> Run:
    """A run of models with these tasks, each stage from the one before; a change of more than 8 points is clear.

    The domain's average is the task "domain", so that a test sets it directly.
    """
    table = {
        name: {
            "averages": {"domain": tasks.get("domain", {}).get("score"), "translation": None, "general": None},
            "average_intervals": {"domain": tasks["domain"]["interval"]} if "domain" in tasks else {},
            "tasks": tasks,
        }
        for name, tasks in models.items()
    }
    names = list(models)
    pairs = [*pairwise(names), (names[0], names[-1])]
    stages = [Stage(name, "reinforce", start, {}) for start, name in pairwise(names)]
    return Run("r", {}, stages, {}, {}, {}, {}, {}, {}, {"models": table, "changes": changes(table, pairs)}, {}, [])


def test_a_fall_is_said_as_plainly_as_a_rise():
    low, high = {"domain": task(40.0, 5.0)}, {"domain": task(60.0, 5.0)}
    assert scores.headline(make_run(base=low, refine=high))[0] == (
        "Domain rose by 20.0 points (+12.0 to +28.0), from 40.0 [35.0, 45.0] to 60.0 [55.0, 65.0]."
    )
    fell = scores.headline(make_run(base=high, refine=low))
    assert fell[0] == "Domain fell by 20.0 points (−28.0 to −12.0), from 60.0 [55.0, 65.0] to 40.0 [35.0, 45.0]."
    assert "The refine stage made Domain worse, by 20.0 points (−28.0 to −12.0)." in fell


def test_the_domain_is_called_by_its_pack_where_one_holds_it():
    run = make_run(base={"domain": task(60.0, 5.0)}, refine={"domain": task(40.0, 5.0)}, last={"domain": task(20, 5.0)})
    assert scores.headline(run)[0].startswith("Domain fell by 40.0 points")
    run.results["domain"] = "support"
    said = scores.headline(run)
    assert said[0].startswith("support fell by 40.0 points")
    assert "The change in support by stage: refine −20.0, last −20.0." in said
    assert "The last stage made support worse, by 20.0 points (−28.0 to −12.0)." in said
    assert [row["label"] for row in scores.averages(run)] == ["support"]


def test_the_glossary_has_every_average_that_is_shown_under_its_name():
    run = make_run(base={"domain": task(60.0, 5.0)}, refine={"domain": task(40.0, 5.0)})
    run.results["domain"] = "support"
    for table in run.results["models"].values():
        table["averages"] |= {"sayings": 10.0}
    terms = {name: meaning for name, _, meaning in of_averages(scores.averages(run))}
    assert list(terms) == ["support", "Sayings"]
    assert terms["support"] == "Plain mean over the domain's tasks."
    assert "`average`" in terms["Sayings"]


def test_answers_that_are_missing_are_said_after_the_scores_and_before_them_where_they_are_many():
    few, all_there = {"answers": 50, "missing": {"empty": 2}}, {"answers": 50, "missing": {}}
    run = make_run(base={"domain": task(40.0, 5.0, **few)}, refine={"domain": task(60.0, 5.0, **all_there)})
    assert scores.headline(run)[-1] == "tasks: no answer: 2 empty (2 of 100). Missing by model: base 2."
    run.results["benchmarks"] = {"cups": {"base": all_there, "refine": {"answers": 9, "missing": {"cut off": 1}}}}
    assert scores.headline(run)[0] == "refine, cups: no answer: 1 cut off (1 of 9)."
    assert not [line for line in scores.headline(run)[1:-1] if "o answer" in line]


def test_what_a_model_knows_and_does_not_say_as_asked_is_said_where_it_is_much_and_sure():
    def entry(above: float, low: float) -> dict[str, Any]:
        lenient = {"score": 20 + above, "interval": None, "above": above, "above_interval": [low, above + 5]}
        return task(20.0, 5.0, lenient=lenient)

    base = {"mood": entry(40.0, 30.0), "tone": entry(60.0, 30.0), "luck": entry(12.0, 0.0), "near": entry(9.0, 8.0)}
    run = make_run(base=base, refine={"mood": entry(0.0, 0.0), "tone": task(50.0, 5.0)})
    assert [line for line in scores.headline(run) if "form asked" in line] == [
        "base knows more than it says in the form asked for: tone (20.0, 80.0 by the first label named), "
        "mood (20.0, 60.0 by the first label named)."
    ]
    assert scores.form(run) == {}  # of a version that did not sum it up
    for model, strict in (("base", 20.0), ("refine", 30.0)):
        both = {"tasks": 3, "strict": strict, "strict_interval": None, "score": 50.0, "interval": [40.0, 60.0]}
        run.results["models"][model]["lenient"] = {**both, "above": 50.0 - strict, "above_interval": [10.0, 40.0]}
    shown = {row["label"]: list(map(str, row["cells"])) for row in scores.form(run)["rows"]}
    assert shown == {
        "in the form asked for": ["20.0", "30.0"],
        "by the first label named": ["50.0 [40.0, 60.0]"] * 2,
        "above": ["30.0 [10.0, 40.0]", "20.0 [10.0, 40.0]"],
    }


def test_a_change_that_is_not_clear_is_not_claimed():
    first = scores.headline(make_run(base={"domain": task(60.0, 9.0)}, refine={"domain": task(58.0, 9.0)}))
    assert first[0].startswith("Domain may have fallen by 2.0 points (−10.0 to +6.0), ")
    assert "that is not clear, so perhaps not at all" in first[0]
    assert not any("worse" in line for line in first)
    still = scores.headline(make_run(base={"domain": task(60.0, 9.0)}, refine={"domain": task(60.0, 9.0)}))
    assert still[0] == "Domain did not move: from 60.0 [51.0, 69.0] to 60.0 [51.0, 69.0]."


def test_an_average_without_tasks_is_said_and_has_no_row():
    run = make_run(base={"domain": task(40.0, 5.0)}, refine={"domain": task(60.0, 5.0)})
    said = scores.headline(run)
    assert said[1] == "General: there are no such tasks."
    assert not any("Translation" in line for line in said)
    assert [row["kind"] for row in scores.averages(run)] == ["domain"]


def test_the_headline_counts_the_tasks_and_names_what_fell_and_what_needs_no_model():
    base = {"up": task(20.0, 5.0), "down": task(60.0, 5.0), "same": task(50.0, 5.0)}
    refine = {
        "up": task(60.0, 5.0, baseline=70.0),  # its interval ends at 65, below the baseline
        "down": task(20.0, 5.0, baseline=24.0),  # 24 lies within 15 to 25
        "same": task(51.0, 5.0, baseline=10.0),
    }
    said = scores.headline(make_run(base=base, refine=refine))
    assert said[-2:] == [
        "Of 3 tasks, 1 rose clearly and 1 fell clearly (down); 1 did not change clearly.",
        "Clearly below the best answer that needs no model: up.",
    ]


def test_one_model_alone_has_no_headline():
    assert scores.headline(make_run(base={"domain": task(40.0, 5.0)})) == []


def test_what_was_forgotten_is_listed_over_all_and_by_stage_the_largest_fall_first():
    run = make_run(
        base={"a": task(80.0, 5.0), "b": task(80.0, 5.0), "c": task(50.0, 5.0)},
        target={"a": task(40.0, 5.0), "b": task(30.0, 5.0), "c": task(48.0, 5.0)},
        refine={"a": task(80.0, 5.0), "b": task(50.0, 5.0), "c": task(50.0, 5.0)},
    )
    assert [block["said"] for block in scores.forgotten(run)] == [
        "From base to refine, 1 task fell clearly: b (by 30.0, to 50.0).",
        "From base to target, 2 tasks fell clearly: b (by 50.0, to 30.0), a (by 40.0, to 40.0).",
        "From target to refine, no task fell clearly.",
    ]


def test_two_models_are_compared_once():
    run = make_run(base={"a": task(80.0, 5.0)}, refine={"a": task(40.0, 5.0)})
    assert [(block["before"], block["after"]) for block in scores.forgotten(run)] == [("base", "refine")]
    assert scores.forgotten(make_run(base={"a": task(80.0, 5.0)})) == []


def test_tasks_are_listed_the_domains_first_and_by_family():
    mine = {
        "sums": task(1.0, 1.0, part="general", family=None, group="mathematics"),
        "reply": task(1.0, 1.0),
        "topic": task(1.0, 1.0, family="content understanding"),
        "chat": task(1.0, 1.0),
    }
    rows = scores.tasks(make_run(base=mine))
    assert [(row["name"], row["label"]) for row in rows] == [
        ("reply", "dialogue"),
        ("chat", "dialogue"),
        ("topic", "content understanding"),
        ("sums", "general: mathematics"),
    ]


def test_a_stage_is_compared_with_the_model_that_it_started_from():
    run = make_run(base={"domain": task(40.0, 5.0)}, a={"domain": task(60.0, 5.0)}, b={"domain": task(50.0, 5.0)})
    stages = [run.stages[0], replace(run.stages[1], start="base")]
    branched = replace(run, stages=stages)
    assert [(row["stage"], row["start"], row["changes"]["domain"].difference) for row in scores.gains(branched)] == [
        ("a", "base", 20.0),
        ("b", "base", 10.0),
    ]
    assert [(block["before"], block["after"]) for block in scores.forgotten(branched)] == [("base", "b"), ("base", "a")]


def test_without_a_comparison_nothing_is_claimed():
    run = make_run(base={"domain": task(40.0, 5.0)}, refine={"domain": task(60.0, 5.0)})
    old = replace(run, results={"models": run.results["models"]})
    assert scores.headline(old) == [
        scores.UNPAIRED,
        "Domain went from 40.0 [35.0, 45.0] to 60.0 [55.0, 65.0].",
        "General: there are no such tasks.",
    ]
    assert scores.forgotten(old) == []
    assert scores.gains(old) == []


def test_how_much_each_model_answers_nearly_alike_is_said_with_the_worst_tasks_and_the_last_model_first():
    def entry(share: float) -> dict[str, Any]:
        return task(50.0, 5.0, commonest={"label": "no", "share": share, "references": 0.5})

    base = {**{f"task {i}": entry(0.8 - i / 1000) for i in range(10)}, "open": task(50.0, 5.0)}
    run = make_run(base=base, refine={"task 0": entry(0.6), "task 1": entry(0.93), "open": task(50.0, 5.0)})
    said = [line for line in scores.headline(run) if "nearly alike" in line]
    assert said[0] == (
        'refine answers 1 closed task nearly alike, whatever it is asked: task 1 (93 % of the answers are "no", 50 % '
        "of the references)."
    )
    assert said[1].startswith(
        "base answers 10 closed tasks nearly alike, whatever it is asked; the worst: task 0 (80 % "
    )
    assert [f"task {i}" in said[1] for i in range(10)] == [True] * 3 + [False] * 7
    assert len(said) == 2
    assert [row["commonest"] for row in scores.tasks(run)] == ["no: 60 % (50 %)", "no: 93 % (50 %)", ""]


def test_how_the_last_model_stands_to_naive_bayes_is_said():
    def entry(low: float, high: float) -> dict[str, Any]:
        return task(50.0, 5.0, ngrams={"score": 40.0, "above_interval": [low, high]})

    last = {
        "a": entry(1.0, 9.0),
        "b": entry(-9.0, -1.0),
        "c": entry(-1.0, 1.0),
        "d": entry(0.5, 2.0),
        "e": task(1.0, 1.0),
    }
    run = make_run(base=last, refine=last)
    assert not [line for line in scores.headline(run) if "naive Bayes" in line]
    whole = {"tasks": 4, "score": 40.0, "interval": [35.0, 45.0], "model": 50.0, "model_interval": [45.0, 55.0]}
    run.results["models"]["refine"]["ngrams"] = whole
    assert [line for line in scores.headline(run) if "naive Bayes" in line] == [
        "Beside naive Bayes on n-grams, which needs no language model: refine has 50.0 [45.0, 55.0], it 40.0 "
        "[35.0, 45.0], over 4 closed tasks; refine is clearly above it on 2 and clearly below it on 1 (b)."
    ]
    assert [row["ngrams"] for row in scores.tasks(run)] == [40.0] * 4 + [None]


def test_a_metric_over_some_classes_names_them():
    stance = task(50.0, 5.0, metric="macro_f1", classes=["favor", "against"])
    tasks = {"stance": stance, "mood": task(50.0, 5.0, metric="mean")}
    run = make_run(base=tasks, refine=tasks)
    assert [row["metric"] for row in scores.tasks(run)] == ["macro_f1 (favor, against)", "mean"]
