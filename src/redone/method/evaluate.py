"""Measuring the models of a run, and asking them on the way: everything goes to disk as it comes."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from redone.data.mix import derive_seed
from redone.files import write_json
from redone.measure.answerers import Answerer, local
from redone.measure.benchmarks import measure_benchmark
from redone.measure.closed import alarms, closed_tasks
from redone.measure.compare import changes
from redone.measure.judged import Judged, judged
from redone.measure.ngrams import Unaided, unaided
from redone.measure.taskset import TASKS, is_general, measure_tasks, read_tasks, some_of_each_task
from redone.method.drift import measure_drift, risen
from redone.method.story import unsolved
from redone.model.policy import Policy
from redone.records import Record
from redone.run.lab import Lab
from redone.run.marks import marks
from redone.run.monitors import Alarm, forgets, told
from redone.run.stages import BASE, Stage


def evaluate(lab: Lab, model: str, earned: Callable[[], Unaided]) -> None:
    """Greedy answers to the eval split, which nothing but results reads, or to tune, where settings are chosen; and to
    the benchmarks of the run: an evaluation folder as `redone eval` leaves one. earned: what answers without a
    language model earn on the split."""
    folder = lab.out / "eval" / model
    purpose = f"eval {model}"
    if not (folder / TASKS / "scores.json").exists():
        with lab.timed(purpose):
            table = measure_tasks(
                answerer(lab, model, purpose),
                lab.dataset.tasks,
                lab.score_all,
                eval_records(lab),
                earned(),
                folder / TASKS,
                closed=closed_tasks(lab.dataset),
                template=lab.encoder.chat.mark,
                most_errors=lab.config.scoring.most_errors,
                log=lab.log,
                label=purpose,
            )
        for line in alarms(table["tasks"], purpose):
            lab.log.line(line)
        for line in unsolved(table, lab.dataset.tasks, lab.stages) if model == BASE else ():
            lab.log.line(line)
    asking = lab.config.eval
    for one in lab.benchmarks:
        name = one.benchmark.name
        if not (folder / name / "scores.json").exists():
            with lab.timed(f"{name} {model}"):
                mark = lab.encoder.chat.mark
                asked = answerer(lab, model, f"{name} {model}", whole_context=True)
                bounds: Any = {"likelihood": asking.likelihood, "most": asking.benchmark_tokens}
                measure_benchmark(one, asked, folder / name, template=mark, log=lab.log, **bounds)
    measure_drift(lab, model)
    read_tasks(folder / TASKS)  # or it says at once what of it is damaged
    if not (folder / "DONE").exists():
        for stage in lab.stages:
            start = folder.with_name(stage.start)
            if stage.name == model and start.exists():
                for sentence in told(forgotten(lab, stage, changes(start, folder))):
                    lab.log.line(f"{model}, against {stage.start}: {sentence}")
        write_json(folder / "DONE", {"files": marks(folder)})


def forgotten(lab: Lab, stage: Stage, made: Mapping[str, Any]) -> list[Alarm]:
    """What a stage lost of what it does not train: general tasks, benchmarks, held-out texts. made: `changes` from the
    model that it starts from."""
    averages = {name: one for name, one in made["averages"].items() if is_general(name)}
    return [*forgets(stage.kind, averages | made["benchmarks"], risen(lab, stage.start, stage.name))]


def earned_without_a_model(lab: Lab) -> Callable[[], Unaided]:
    """What answers without a language model earn on what is measured, found out once, when it is first asked."""
    return cache(lambda: unaided(lab.dataset, eval_records(lab), lab.score_all))


def eval_records(lab: Lab) -> list[Record]:
    return some_of_each_task(lab.dataset, lab.config.eval.split, lab.config.eval.records)


def answerer(
    lab: Lab,
    model: str | Policy,
    purpose: str,
    samples: int = 1,
    temperature: float = 0.0,
    whole_context: bool = False,
) -> Answerer:
    """A model that answers: one of the run's, loaded when it is first asked, or one that is there already. The seed
    derives from what it is asked for."""
    return local(
        lambda: (lab.load(model, whole_context) if isinstance(model, str) else model, lab.encoder),
        samples=samples,
        temperature=temperature,
        seed=derive_seed(lab.config.seed, purpose),
        rows=lab.config.eval.rows,
    )


def sample(
    lab: Lab, model: str, records: Sequence[Record], samples: int, temperature: float, purpose: str, path: Path
) -> list[Judged]:
    """`samples` judged answers of a model to each record, kept in the file `path`."""
    return judged(
        answerer(lab, model, purpose, samples, temperature),
        lab.dataset.tasks,
        lab.score_all,
        records,
        path,
        most_errors=lab.config.scoring.most_errors,
        log=lab.log,
        label=purpose,
    )
