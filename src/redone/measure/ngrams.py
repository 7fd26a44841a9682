"""What a closed task's score is without any language model: naive Bayes on n-grams, learnt from the task's own train
records. Above the constants of trivial.py it says what the words alone tell; a language model has to beat it before it
is worth its cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redone.data.load import Dataset
from redone.measure.closed import MOST_LABELS, closed_tasks
from redone.measure.trivial import Trivial, trivial_verdicts
from redone.records import Record, Task, Verdict
from redone.rewards import extract, said
from redone.run.scoring import Asked, ScoreAll

_EVERYWHERE = 0.95  # of the train prompts: what stands in more of them is the template


@dataclass(frozen=True)
class Unaided:
    """What answers without a language model earn on some records, by task."""

    trivial: Mapping[str, Trivial]
    ngrams: Mapping[str, Sequence[Verdict]]


def unaided(dataset: Dataset, records: Sequence[Record], score_all: ScoreAll) -> Unaided:
    """Raises ValueError where a trivial answer could not be scored."""
    return Unaided(trivial_verdicts(dataset, records, score_all), ngram_verdicts(dataset, records, score_all))


def ngram_verdicts(dataset: Dataset, records: Sequence[Record], score_all: ScoreAll) -> dict[str, Sequence[Verdict]]:
    """Task to the verdicts on what naive Bayes answers to those of the records that are its own, in order; of closed
    tasks whose train records have two to MOST_LABELS labels."""
    asked: list[Asked] = []
    for name in closed_tasks(dataset):
        mine = [record for record in records if record.task == name]
        if mine and (learnt := _learnt(dataset.tasks[name], dataset.records[name]["train"], mine)):
            asked += [Asked(record, [(answer, True)]) for record, answer in zip(mine, learnt)]
    found: dict[str, list[Verdict]] = {}
    for one, [verdict] in zip(asked, score_all(asked)):
        found.setdefault(one.record.task, []).append(verdict)
    return {**found}


def _learnt(task: Task, train: Sequence[Record], records: Sequence[Record]) -> list[str]:
    """An answer to each of the records; none where the train records have no labels to learn, or no words to learn them
    by."""
    labels = [said(task, record, record.gold_text) for record in train]
    if not 2 <= len(set(labels)) <= MOST_LABELS:
        return []
    found = predicted([r.prompt_text for r in train], labels, [r.prompt_text for r in records])
    if task.options.get("kind") == "choice":  # the label is a letter, which is an answer to any options
        return found
    answers = {label: record.answer for label, record in zip(reversed(labels), reversed(train))}
    return [answers[label] for label in found]


def predicted(texts: Sequence[str], labels: Sequence[str], others: Sequence[str]) -> list[str]:
    """The labels of other texts by multinomial naive Bayes with one count added, on single words and pairs of
    neighbours (a Chinese or Japanese character is a word), without those that stand in nearly every text; no labels
    where that leaves none."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    if not any(map(extract.tokens, texts)):
        return []
    words = CountVectorizer(ngram_range=(1, 2), tokenizer=extract.tokens, token_pattern=None)
    counts = words.fit_transform(texts)
    telling = counts.getnnz(axis=0) <= _EVERYWHERE * len(texts)
    if not telling.any():
        return []
    model = MultinomialNB().fit(counts[:, telling], labels)
    return [str(label) for label in model.predict(words.transform(others)[:, telling])]
