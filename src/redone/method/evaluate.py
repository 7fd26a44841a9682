"""Measuring the models of a run: greedy answers to the eval split, which nothing but results reads."""

from redone.data.mix import derive_seed
from redone.files import write_jsonl
from redone.measure import tasks as measured
from redone.records import Record
from redone.run.lab import Lab
from redone.run.scoring import refuse_errors


def evaluate(lab: Lab, model: str) -> None:
    """Greedy answers to the eval split, one sample each."""
    path = lab.out / "eval" / f"{model}.jsonl.gz"
    if path.exists():
        return
    with lab.timed(f"eval {model}"):
        records = measured.first_of_each_task(lab.dataset, "eval", lab.config.eval.records)
        write_jsonl(path, measured.output_rows(sample(lab, model, records, 1, 0.0, f"eval {model}")))


def sample(
    lab: Lab, model: str, records: list[Record], samples: int, temperature: float, label: str
) -> list[measured.Judged]:
    """`samples` judged answers of a model to each record. The label names the purpose, from which the seed derives."""
    judged = measured.sample(
        lab.load(model),
        lab.encoder,
        lab.dataset.tasks,
        lab.score_all,
        records,
        samples=samples,
        temperature=temperature,
        seed=derive_seed(lab.config.seed, label),
        rows=lab.config.eval.rows,
        log=lab.log,
        label=label,
    )
    refuse_errors(((item.record.task, item.verdicts) for item in judged), lab.config.scoring.most_errors)
    return judged
