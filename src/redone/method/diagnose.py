"""Diagnosis before a stage that teaches: what is weak, why, how sure that is, and what is taught in consequence.

Everything rests on the probe split, which is neither trained on nor reported.
"""

from collections.abc import Sequence
from dataclasses import asdict

from redone.config import Teach
from redone.data.mix import derive_seed
from redone.files import as_left, read_object, write_json
from redone.measure.judged import Judged, examples
from redone.measure.taskset import some_of_each_task
from redone.measure.trivial import Trivial, chance, trivial_verdicts
from redone.method.evaluate import sample
from redone.method.findings import find
from redone.method.plan import make_plan
from redone.method.story import diagnosed
from redone.records import Finding, Record, TargetPlan
from redone.rewards import JUDGED, uses
from redone.run.lab import Lab
from redone.run.scoring import Asked
from redone.run.stages import BASE, Stage


def diagnose(lab: Lab, stage: Stage) -> TargetPlan:
    """The findings of the model that the stage starts from, beside the base, and the plan that follows."""
    folder = lab.out / stage.name
    if (folder / "plan.json").exists():
        with as_left(folder / "plan.json"):
            made = TargetPlan(**read_object(folder / "plan.json"))
            if other := [name for name in (*made.quotas, *made.general) if name not in lab.trained]:
                raise ValueError(f"there is no task {other[0]} that is trained")
            return made
    settings: Teach = stage.settings
    with lab.timed("diagnosis"):
        records = some_of_each_task(lab.dataset, "probe", lab.config.diagnose.records)
        probed = {model: probe(lab, stage, model, records) for model in dict.fromkeys((BASE, stage.start))}
        trivial = trivial_verdicts(lab.dataset, records, lab.score_all)
        findings = [
            examine(lab, name, probed[BASE][name], probed[stage.start][name], trivial[name])
            for name in lab.dataset.tasks
            if lab.dataset.records[name]["probe"]  # a task that is only evaluated may have none
        ]
        plan = make_plan(
            [finding for finding in findings if finding.task in lab.trained],
            lab.dataset.tasks,
            {name: len(records) for name, records in lab.train_records().items()},
            records=settings.records,
            rare_factor=settings.rare_factor,
            rehearsal=settings.rehearsal,
            general_share=settings.general_share,
        )
    found, planned = [asdict(finding) for finding in findings], asdict(plan)
    write_json(folder / "findings.json", found)
    write_json(folder / "plan.json", planned)
    lab.log.line(f"{stage.start} on the probe split:")
    for line in diagnosed(found, planned, stage.name):
        lab.log.line(line)
    return plan


def probe(lab: Lab, stage: Stage, model: str, records: Sequence[Record]) -> dict[str, list[Judged]]:
    """k samples to each probe prompt, by task."""
    path = lab.out / stage.name / "probe" / f"{model}.jsonl.gz"
    judged: dict[str, list[Judged]] = {name: [] for name in lab.dataset.tasks}
    for item in sample(lab, model, records, lab.config.diagnose.samples, 1.0, f"probe {model}", path):
        judged[item.record.task].append(item)
    return judged


def examine(lab: Lab, name: str, before: Sequence[Judged], after: Sequence[Judged], trivial: Trivial) -> Finding:
    """A task's finding, from judged samples of the base and of the model that is examined."""
    task, settings = lab.dataset.tasks[name], lab.config.diagnose
    by_judge = uses(task, JUDGED)  # its reference answers need not be the best there are
    asked = [] if by_judge else [Asked(item.record, [(item.record.gold_text, True)]) for item in after]
    return find(
        task,
        [item.verdicts for item in after],
        gold=[verdict for [verdict] in lab.score_all(asked)],
        base=[item.verdicts for item in before],
        examples=examples(after),
        unknown_below=settings.unknown_below,
        solved_above=settings.solved_above,
        format_share=settings.format_share,
        chance=chance(task, trivial),
        seed=derive_seed(lab.config.seed, "diagnose", name) % 2**32,
    )
