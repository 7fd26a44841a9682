"""The method on one page: measure the base; then every stage, from an earlier model, and measure what it made.

    base --DAPO--> explore --probe--> findings, plan --SFT--> target --DAPO on hard prompts--> refine

That is RedOne 2.0's list of stages (`config.METHOD`). Others are configurations: a stage reinforces or teaches, starts
from any model before it, and what it teaches is chosen by a diagnosis of that model, at random, or not at all.

Each step leaves its files in the run's folder and is skipped where they are whole, so that the same command goes on
after an interruption. The files are an interface: docs/data.md lists them.
"""

from typing import Any

from redone.method.diagnose import diagnose
from redone.method.evaluate import earned_without_a_model, eval_records, evaluate
from redone.method.gate import Repeat, as_repeated, reject
from redone.method.plan import even_plan
from redone.method.reinforce import reinforce
from redone.method.story import heading, what_is_read
from redone.method.summary import summarise
from redone.method.teach import teach
from redone.records import TargetPlan
from redone.report import write_report
from redone.report.plots import PLOTS
from redone.run.lab import Lab
from redone.run.stages import BASE, Stage
from redone.run.store import Store


def run(lab: Lab) -> dict[str, Any]:
    """The whole method; the contents of results.json."""
    lab.look_back()
    lab.log.line(what_is_read(lab.dataset, len(eval_records(lab))))
    earned = earned_without_a_model(lab)
    evaluate(lab, BASE, earned)
    for number, stage in enumerate(lab.stages, 1):
        if not Store(lab.out / stage.name).done:
            lab.log.line(heading(stage, number, len(lab.stages)))
            make(lab, stage)
        evaluate(lab, stage.name, earned)
    results = summarise(lab)
    with lab.log.bar("report", len(PLOTS)) as bar:
        write_report(lab.out, bar.advance)
    return results


def make(lab: Lab, stage: Stage) -> None:
    """Train the stage, and again where the gate says so."""
    while True:
        now = as_repeated(lab, stage)
        try:
            return reinforce(lab, now) if now.kind == "reinforce" else teach(lab, now, plan_of(lab, now))
        except Repeat:
            reject(lab, stage)


def plan_of(lab: Lab, stage: Stage) -> TargetPlan:
    """What a stage teaches: by the findings of a diagnosis of the model that it starts from, or by no findings."""
    if stage.settings.choose == "findings":
        return diagnose(lab, stage)
    sizes = {name: len(records) for name, records in lab.train_records().items()}
    settings = stage.settings
    return even_plan(
        lab.trained,
        sizes,
        seed=lab.config.seed if settings.choose == "random" else None,
        records=settings.records,
        general_share=settings.general_share,
    )
