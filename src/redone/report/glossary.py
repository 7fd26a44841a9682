"""Every number of the report in one line: name, unit, what it is divided by."""

from collections.abc import Mapping, Sequence
from typing import Any

from redone.measure.compare import FEWEST
from redone.rewards.labels import NEARLY_CONSTANT

GLOSSARY = (
    ("score", "0 to 100", "The task's metric over its eval records, one greedy answer each."),
    ("interval", "0 to 100", "Holds 95 % of what chance in the choice of records would give. Of a task: Wilson where "
     "every answer scores 0 or 1 and the metric is their mean, otherwise bootstrap over the task's records. Of an "
     "average: bootstrap over the records within each task."),
    ("first label named", "0 to 100", "The lenient reading of a closed task, whose answer is one of a few labels: an "
     "answer is taken for the label that it names first, in whatever form, and summed up by the task's metric as for "
     "the score. It counts in no average."),
    ("commonest", "share", "The label that the model's answers to a closed task name the most (where a table has "
     "several models, the last one's), its share of all answers, and in parentheses its share of the references. A "
     f"model answers nearly alike where the first lies more than {100 * NEARLY_CONSTANT:.0f} points above the second."),
    ("change", "points of 100", "The later score less the earlier one. Both models answer the same records, so its "
     "interval is made of differences record by record, and is narrower than those of the two scores suggest."),
    ("clear, ?", "", f"A change is clear when its 95 % interval leaves out 0 and the verdicts of {FEWEST} records or "
     "more differ; “?” marks one that is not, and may be no change at all. Of tasks that did not change in truth, "
     "about one in forty at most would still seem to fall clearly."),
    ("baseline", "0 to 100", "The best answer that needs no model: the majority label, a class of the metric, the "
     "first candidate or all of them, the empty answer, or the source echoed. Scored on the same records."),
    ("n-grams", "0 to 100", "Naive Bayes on words and pairs of neighbours, learnt from the closed task's own train "
     "records: an answer that needs no language model. Scored on the same records."),
    ("n", "records", "Eval records of the task, or items of the benchmark."),
    ("reward", "0 to 1", "Mean verifiable score, before any length penalty, over every answer sampled in a step, "
     "those of dropped groups included."),
    ("pass@1", "share", "Sampled answers that pass, over all sampled answers; mean over the probe records."),
    ("pass@k", "share", "Probability that at least one of k sampled answers passes; mean over the probe records."),
    ("advantage", "none", "Reward minus the mean of its group, over the group's standard deviation plus a floor; "
     "empty for groups that were not trained on."),
    ("generated", "groups", "Groups sampled in a step."),
    ("dropped", "groups", "Groups of a step whose answers all score alike: they teach nothing."),
    ("used", "groups", "Groups of a step that were trained on, those carried over from earlier steps included."),
    ("starved", "steps", "Steps that found fewer informative groups than were asked for, as far as they had patience."),
    ("entropy", "nats", "Of the policy's next-token distribution at its sampling temperature; mean over the answer "
     "tokens of the step."),
    ("clip fraction", "share", "Answer tokens whose probability ratio was clipped, over the step's answer tokens."),
    ("gradient norm", "none", "Euclidean norm over all weights before clipping; mean over the step's updates."),
    ("sampler gap", "nats", "Largest difference of a token's log-probability between the engine that sampled it and "
     "the trainer under the same weights, of all answer tokens of the step. Far above 0.01 the two disagree."),
    ("SFT loss", "nats", "Negative log-probability of the target; mean over all target tokens of a step."),
    ("reason", "", "Why an answer scored what it did: right, wrong, unparsable, truncated (out of tokens), or error "
     "(the verifier failed)."),
    ("parts", "counts", "The counts that the task's metric is made of."),
    ("minutes", "", "Wall-clock time, interruptions left out."),
)  # fmt: skip
_MEANS = {
    "domain": "Plain mean over the domain's tasks.",
    "translation": "Plain mean over the domain's tasks of the family translation, which count here alone.",
    "general": "Mean over the general groups of the mean over each group's trained tasks.",
    "unrehearsed": "The same mean over general tasks that are measured and never trained.",
}
_NAMED = "Mean over the tasks that name this `average`, apart from all others; of general ones by group first."


def of_averages(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """The averages that a report shows (`scores.averages`), under the names that it shows them by."""
    return [(row["label"], "0 to 100", _MEANS.get(row["kind"], _NAMED)) for row in rows]
