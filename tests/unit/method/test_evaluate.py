import json
from dataclasses import replace

from fakes import StoppingLog

from redone.data.load import drawn
from redone.data.mix import derive_seed
from redone.files import read_jsonl
from redone.method import evaluate as module
from redone.method.evaluate import earned_without_a_model, evaluate


def test_a_model_answers_the_eval_split_itself_greedily_once(make_lab, samplers):
    """Its own weights, one answer at temperature 0, of a draw of every task's records; the same call asks no more."""
    lab = make_lab("eval.records=3")
    samplers.says = lambda model, prompt, number: "yes" if model == "explore" else "other"
    for _ in range(2):
        evaluate(lab, "explore", earned_without_a_model(lab))
    [made] = samplers.made
    assert (made.model, made.group, made.temperature) == ("explore", 1, 0.0)
    assert made.seed == derive_seed(7, "eval explore")
    assert made.asked == [r.id for mine in lab.dataset.records.values() for r in drawn(mine["eval"], 3)]
    folder = lab.out / "eval" / "explore" / "tasks"
    assert {row["output"] for row in read_jsonl(folder / "predictions.jsonl")} == {"yes", ""}  # "": never thought
    table = json.loads((folder / "scores.json").read_text())
    assert round(table["tasks"]["tone"]["score"], 6) == round(100 / 3, 6)  # of no, yes, no


def test_the_log_names_the_tasks_that_a_model_answers_nearly_alike_when_it_has_been_measured(make_lab, samplers):
    log = StoppingLog()
    lab = replace(make_lab(), log=log)
    for _ in range(2):
        evaluate(lab, "explore", earned_without_a_model(lab))
    said = '100 % of the answers are "yes", 40 % of the references: nearly a constant'
    assert [line for line in log.lines if "nearly a constant" in line] == [
        f"eval explore, {task}: {said}" for task in ("tone", "topic", "sums")
    ]


def test_where_settings_are_chosen_tune_is_asked_in_the_place_of_eval_and_its_scores_say_so(make_lab, samplers):
    lab = make_lab("eval.split=tune", "eval.records=1")
    evaluate(lab, "base", earned_without_a_model(lab))
    assert samplers.made[0].asked == [r.id for mine in lab.dataset.records.values() for r in drawn(mine["tune"], 1)]
    assert json.loads((lab.out / "eval" / "base" / "tasks" / "scores.json").read_text())["split"] == "tune"


def test_every_model_is_measured_on_the_benchmarks_of_the_run_with_its_own_weights(make_lab, samplers, monkeypatch):
    asked = []

    class Prepared:
        class benchmark:
            name = "mine"

    def measured(one, answerer, folder, *, template, log, likelihood, most):
        asked.append((one, folder, likelihood, most))
        answerer.make(0, [])  # as the first prompt that is missing does

    monkeypatch.setattr(module, "measure_benchmark", measured)
    lab = make_lab("eval.records=1", "eval.likelihood=true", "eval.benchmark_tokens=7")
    object.__setattr__(lab, "benchmarks", [Prepared])
    evaluate(lab, "target", earned_without_a_model(lab))
    assert asked == [(Prepared, lab.out / "eval" / "target" / "mine", True, 7)]
    assert [made.model for made in samplers.made] == ["target", "target"]
    assert samplers.made[1].seed == derive_seed(7, "mine target")
