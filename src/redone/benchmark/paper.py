"""The published tables of RedOne 2.0 (paper.toml), and the place of another model among their 30 rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from redone.benchmark.aggregate import best_trivial, mean_or_none
from redone.mistakes import read_toml

BENCHMARKS = {"SNS": "sns-bench", "Trans": "sns-transbench", "General": "general"}  # average -> whose it is
# Trans's columns -> group and reading of sns-transbench. The paper's chrF++ is most likely chrF2: its values for
# Chinese are near the BLEU beside them, where chrF++ of unsegmented text is clearly lower.
TRANSLATED = {
    "ZE-BLEU": ("zh-en", "nltk_bleu"),
    "ZE-chrF++": ("zh-en", "chrf"),
    "EZ-BLEU": ("en-zh", "nltk_bleu"),
    "EZ-chrF++": ("en-zh", "chrf"),
}
UNKNOWN = "The paper does not say how its models were asked: decoding, thinking and the exact checkpoints are unknown."
CAUTIONS = {
    "SNS": "SNS: the paper does not say how columns of two subsets are combined; here by their plain mean.",
    "Trans": "Trans: the paper publishes no prompt and does not say which BLEU and chrF it takes, nor how they are "
    "averaged; here the mean over sentences of NLTK's BLEU over jieba's words, and of chrF2.",
    "General": "General: the paper gives no sets' scores, versions, shots or prompts, nor how they are averaged; here "
    "the mean over groups of the mean over each group's sets.",
}


@dataclass(frozen=True)
class PaperRow:
    """A model of Table 1, 0 to 100. sns and trans are means of their columns also where the paper misprints one."""

    name: str
    general: float
    columns: Mapping[str, float]  # of the averages SNS and Trans: "Taxon" to "EZ-chrF++"
    sns: float
    trans: float
    printed: Mapping[str, float]  # average -> what the paper prints instead

    def score(self, name: str) -> float:
        """Of an average or a column."""
        return {"General": self.general, "SNS": self.sns, "Trans": self.trans, **self.columns}[name]


@dataclass(frozen=True)
class Place:
    """Where a model's score stands among the published ones of the same average or column."""

    name: str  # "SNS", "Taxon", ...
    without: tuple[str, ...]  # columns that the model has no score for, and that are left out of the published rows too
    score: float  # in the first reading
    clean: float | None
    interval: tuple[float, float] | None  # of the score
    trivial: float | None  # of the best answers that need no model
    published: tuple[tuple[str, float], ...]  # model and score, the best first
    n: int  # items

    def rank(self, score: float) -> int:
        """1 is better than all published ones; equals, at the two digits that the paper prints, share the better."""
        return 1 + sum(round(other, 2) > round(score, 2) for _, other in self.published)

    def to_json(self) -> dict[str, Any]:
        """Its fields, with its rank, the ranks at the ends of its interval, and the published rows next to it."""
        return {
            **asdict(self),
            "rank": self.rank(self.score),
            "ranks": None if self.interval is None else [self.rank(end) for end in reversed(self.interval)],
            "above": next((row for row in reversed(self.published) if round(row[1], 2) > round(self.score, 2)), None),
            "below": next((row for row in self.published if round(row[1], 2) < round(self.score, 2)), None),
        }


FEWEST = 100  # items of what has a place


@cache
def tables() -> dict[str, Any]:
    """All of paper.toml: `models` is Table 1, `sizes` what Table 2 adds, `stages` Table 3, `per_task` Table 4."""
    return read_toml(Path(__file__).with_name("paper.toml"), "paper")


@cache
def rows() -> tuple[PaperRow, ...]:
    """The 30 models of Table 1, in the paper's order."""
    table = tables()
    wrong = {(one["model"], one["column"]): one["printed"] for one in table["misprints"]}
    made = []
    for name, values in table["models"].items():
        row = dict(zip(table["columns"], values, strict=True))
        printed = {average: row[average] for average in table["averages"] if (name, average) in wrong}
        right = {a: round(fmean(row[column] for column in table["averages"][a]), 2) for a in printed}
        columns = {column: row[column] for names in table["averages"].values() for column in names}
        averages = {**{a: row[a] for a in table["averages"]}, **right}
        made.append(PaperRow(name, row["General"], columns, averages["SNS"], averages["Trans"], printed))
    return tuple(made)


def place(benchmarks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Where a model stands among the published ones, for each average and column that it has, as JSON can hold it:
    {places: of Place.to_json, cautions: sentences on what cannot be compared}. Both are empty where there is none.
    Fewer than FEWEST items have no place: their score may be ten points off, and among the 30 that is half the table.

    benchmarks: name to scores, as in an evaluation's results.json.
    """
    found = {average: benchmarks[name] for average, name in BENCHMARKS.items() if name in benchmarks}
    places: list[Place] = []
    for average, scores in found.items():
        columns = {"SNS": _sns_columns, "Trans": _trans_columns}.get(average, lambda scores: [])(scores)
        places += [*_average(average, scores, columns), *columns]
    cautions = [UNKNOWN] if places else []
    for average, scores in found.items() if places else ():
        cautions += [CAUTIONS[average], *_differences(average, scores)]
    if few := [f"{one.name} ({one.n})" for one in places if one.n < FEWEST]:
        cautions.append(f"Fewer than {FEWEST} items, and so no place: {', '.join(few)}.")
    return {"places": [one.to_json() for one in places if one.n >= FEWEST], "cautions": cautions}


def _items(scores: Mapping[str, Any]) -> int:
    return sum(one["n"] for one in scores["subsets"].values())


def _average(average: str, scores: Mapping[str, Any], columns: Sequence[Place]) -> list[Place]:
    """The average's place; over the columns that the model has, where it lacks one."""
    value, clean = scores.get("average"), scores.get("clean_average")
    if value is not None:
        parts = [column.trivial for column in columns]
        if average == "Trans":
            parts = [best_trivial(one) for one in scores["subsets"].values()]
        return [_place(average, value, clean, scores.get("average_interval"), mean_or_none(parts), _items(scores))]
    have = [column.name for column in columns]
    if average == "General" or not have:
        return []
    without = tuple(column for column in tables()["averages"][average] if column not in have)
    published = tuple((row.name, fmean(row.columns[column] for column in have)) for row in rows())
    mean, trivial = fmean(c.score for c in columns), mean_or_none([c.trivial for c in columns])
    n = sum(c.n for c in columns)
    return [
        Place(average, without, mean, mean_or_none([c.clean for c in columns]), None, trivial, _sorted(published), n)
    ]


def _place(name: str, score: float, clean: float | None, interval: Any, trivial: float | None, n: int) -> Place:
    published = _sorted((row.name, row.score(name)) for row in rows())
    return Place(
        name, (), score, clean, None if interval is None else (interval[0], interval[1]), trivial, published, n
    )


def _sorted(published: Any) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(published, key=lambda row: -row[1]))


def _sns_columns(scores: Mapping[str, Any]) -> list[Place]:
    found = {column: scores.get("columns", {}).get(column, {}) for column in tables()["averages"]["SNS"]}
    return [
        _place(column, mine["score"], mine.get("clean"), mine.get("interval"), mine.get("trivial"), mine["n"])
        for column, mine in found.items()
        if mine.get("score") is not None
    ]


def _trans_columns(scores: Mapping[str, Any]) -> list[Place]:
    groups = scores.get("subsets", {}).get(BENCHMARKS["Trans"], {}).get("groups", {})
    made = []
    for column, (group, reading) in TRANSLATED.items():
        mine = (groups.get(group, {}).get("readings") or {}).get(reading) or {}
        if mine.get("score") is not None:
            made.append(_place(column, mine["score"], None, mine.get("interval"), None, groups[group]["n"]))
    return made


def _differences(average: str, scores: Mapping[str, Any]) -> list[str]:
    """What in this evaluation differs from the published one."""
    said = []
    n, whole = sum(one["n"] for one in scores.get("subsets", {}).values()), tables()["questions"].get(average)
    if whole and n != whole:
        said.append(f"{average}: {n:,} of the {whole:,} questions were asked.")
    if average == "SNS" and scores.get("prompts") == "ours":
        said.append("SNS: the prompts are ours, not the authors'.")
    if average == "SNS" and scores.get("reading", "parity") != "parity":
        said.append(f"SNS: the scores are of the reading {scores['reading']}, not of the authors' own scorers.")
    if missing := scores.get("average_without"):
        said.append(f"{average}: no score for {', '.join(missing)}" + _of_the_rest(average))
    return said


def _of_the_rest(average: str) -> str:
    if average == "General":
        return "; the average is over the others, and so no longer that of the same sets."
    return "; the model's place is by the mean of the other columns, in the published rows too."
