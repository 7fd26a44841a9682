"""How a benchmark's score comes from its records' verdicts: a function of the sums of their parts.

That makes an interval cheap: a resample is a row of weights, and its sums are one matrix product.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redone.records import Verdict
from redone.rewards.labels import GOLD, HIT, SAID

Values = NDArray[np.float64]


class Totals:
    """Sums over n records, once for each of D rows of weights [D, n] (how often a draw holds each record); without
    weights those over every record once, [1], exactly rounded.

    totals["hits"] is [D]: the sum of the verdicts' part "hits", 0 where a verdict has none. totals["score"] sums their
    scores, totals["n"] counts records.
    """

    def __init__(self, verdicts: Sequence[Verdict], weights: Values | None = None) -> None:
        assert weights is None or weights.shape == (len(weights), len(verdicts))
        self.verdicts, self.weights = verdicts, weights
        self.known: dict[str, Values] = {"n": np.array([float(len(verdicts))]) if weights is None else weights.sum(1)}

    def __getitem__(self, part: str) -> Values:
        if part not in self.known:
            if part == "score":
                column = [verdict.score for verdict in self.verdicts]
            else:
                column = [verdict.parts.get(part, 0.0) for verdict in self.verdicts]
            exact = self.weights is None
            self.known[part] = np.array([math.fsum(column)]) if exact else self.weights @ np.array(column)
        return self.known[part]

    def by_label(self, kind: str) -> Values:
        """[L, D]: the sums of the parts of that kind, GOLD, SAID or HIT, for each label that a reference has."""
        parts = {part for verdict in self.verdicts for part in verdict.parts if part.startswith(GOLD)}
        found = [self[kind + part.removeprefix(GOLD)] for part in sorted(parts)]
        return np.array(found).reshape(len(found), len(self["n"]))


# Name to value [D]: "score", 0 to 100, is the reading's; the others are shown beside it.
Aggregate = Callable[[Totals], Mapping[str, Values]]


def ratio(above: Values, below: Values, otherwise: float = 0.0) -> Values:
    """above / below, and `otherwise` where below is 0."""
    return np.divide(above, below, out=np.full_like(above, otherwise), where=below != 0)


def mean(totals: Totals) -> Mapping[str, Values]:
    """100 times the mean score."""
    return {"score": 100 * (totals["score"] / totals["n"])}


def micro_f1(totals: Totals) -> Mapping[str, Values]:
    """100 times 2 hits / (predicted + gold), each summed over all records first; 100 where both are 0."""
    hits, predicted, gold = totals["hits"], totals["predicted"], totals["gold"]
    return {
        "score": 100 * ratio(2 * hits, predicted + gold, 1.0),
        "precision": 100 * ratio(hits, predicted, 1.0),
        "recall": 100 * ratio(hits, gold, 1.0),
    }


def macro_f1(totals: Totals) -> Mapping[str, Values]:
    """100 times the mean over labels of a label's F1, 2 hits / (said + gold).

    The labels are those of the references: of a draw its own, so that the mean is over fewer where it holds none of a
    rare one; 0 where it holds no label at all.
    """
    return _over_labels(totals, 2 * totals.by_label(HIT), totals.by_label(SAID) + totals.by_label(GOLD))


def macro_recall(totals: Totals) -> Mapping[str, Values]:
    """100 times the mean over labels of the share of a label's references that were answered by it: balanced accuracy.
    The labels are those of `macro_f1`."""
    return _over_labels(totals, totals.by_label(HIT), totals.by_label(GOLD))


def _over_labels(totals: Totals, above: Values, below: Values) -> Mapping[str, Values]:
    """100 times the mean of above / below, [L, D] each, over the labels that a draw's references have."""
    had = totals.by_label(GOLD) > 0
    shares = np.divide(above, below, out=np.zeros_like(above), where=had)
    return {"score": 100 * ratio(shares.sum(0), had.sum(0).astype(float))}


def instructions(totals: Totals) -> Mapping[str, Values]:
    """IFEval's accuracy over instructions: 100 times those followed, of all that were given."""
    return {"score": 100 * ratio(totals["hits"], totals["rules"])}


def nats(totals: Totals) -> Mapping[str, Values]:
    """Minus 100 times the nats a token of texts: hundredths of a nat, the more likely text the higher."""
    return {"score": -100 * ratio(totals["nats"], totals["tokens"])}


def resamples(n: int, draws: int, seed: int) -> Values:
    """[draws, n]: how often each of n records is in a sample of n drawn with replacement (Efron 1979)."""
    random = np.random.default_rng(seed)
    cells = random.integers(n, size=(draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(cells.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


def best_trivial(entry: Mapping[str, Any]) -> float | None:
    """The best score of an answer that needs no model, of a subset's entry."""
    found = [mine["score"] for mine in (entry.get("trivial") or {}).values() if mine["score"] is not None]
    return max(found, default=None)


def mean_or_none(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return fmean(found) if found and len(found) == len(values) else None
