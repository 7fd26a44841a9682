"""SNS-TransBench and WMT22 on their real data: values that NLTK, jieba and sacrebleu give when called by themselves."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from redone.benchmark.aggregate import Totals
from redone.benchmark.readings import AGGREGATES, read
from redone.measure.definitions import definition, read_records

DATA = os.environ.get("REDONE_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="REDONE_DATA names no folder of real data")

READINGS = ("nltk_bleu", "sacre_bleu", "chrf", "chrf++", "corpus_bleu", "corpus_chrf", "corpus_chrf++")
# hypothesis, direction -> the readings' values, by NLTK 3.10.4, jieba 0.42.1 and sacrebleu 2.6.0 called by themselves
GOLDEN = {
    ("reference", "zh-en"): (98.4419, 100, 100, 100, 100, 100, 100),
    ("reference", "en-zh"): (96.0638, 100, 100, 100, 100, 100, 100),
    ("source", "zh-en"): (3.2548, 2.2991, 3.5671, 3.3839, 0.0678, 3.3389, 3.1844),
    ("source", "en-zh"): (2.8512, 2.6497, 3.4473, 3.5566, 1.4009, 3.0381, 3.6990),
    ("cut", "zh-en"): (82.1126, 84.6029, 87.2154, 87.5070, 96.3215, 97.1955, 97.2649),
    ("cut", "en-zh"): (83.1704, 92.2482, 92.3859, 81.3818, 98.4444, 98.7851, 94.0038),
}
HYPOTHESES = {
    "reference": lambda record: record.answer,
    "source": lambda record: record.fields["text"],
    "cut": lambda record: (
        record.answer.rsplit(" ", 1)[0] if record.fields["direction"] == "zh-en" else record.answer[:-1]
    ),
}


@pytest.fixture(scope="module")
def bench():
    benchmark = definition("sns-transbench")
    return benchmark.subsets["sns-transbench"], read_records(benchmark, Path(DATA))["sns-transbench"]


@pytest.mark.parametrize(
    ("hypothesis", "direction"),  # what is nearly right is the hardest to score as published; the rest is slow
    [pytest.param(*key, marks=() if key[0] == "cut" else pytest.mark.slow) for key in GOLDEN],
)
def test_every_value_of_the_table_is_reached(bench, hypothesis, direction):
    subset, records = bench
    mine = [record for record in records if record.fields["direction"] == direction]
    verdicts = [read(subset.readings[0].task, record, HYPOTHESES[hypothesis](record), True) for record in mine]
    totals = Totals(verdicts, np.ones((1, len(mine))))
    found = {r.name: float(AGGREGATES[r.aggregate](totals)["score"][0]) for r in subset.readings}
    for name, wanted in zip(READINGS, GOLDEN[hypothesis, direction]):
        assert found[name] == pytest.approx(wanted, abs=1e-3), name
    assert found["published"] == pytest.approx((found["nltk_bleu"] + found["chrf"]) / 2)


def test_the_readings_share_one_verdict_of_an_output(bench):
    tasks = [reading.task for reading in bench[0].readings]
    assert all((task.reward, task.options) == (tasks[0].reward, tasks[0].options) for task in tasks)


def test_the_items_and_the_pairs_that_come_twice_are_as_many_as_is_said(bench):
    _, records = bench
    assert Counter(r.fields["direction"] for r in records) == {"zh-en": 1428, "en-zh": 1430}
    pairs = {}
    for record in records:
        pairs.setdefault((record.fields["en"], record.fields["zh"]), []).append(record.fields["direction"])
    assert len(pairs) == 2319
    assert Counter(tuple(sorted(found)) for found in pairs.values() if len(found) > 1) == {("en-zh", "zh-en"): 539}
    assert "539 of the 2,319 pairs" in definition("sns-transbench").about


WMT22 = {"zh-en": "13a", "en-zh": "zh", "ja-en": "13a", "en-ja": "char", "de-en": "13a", "en-de": "13a"}


def test_wmt22_equals_sacrebleu_against_all_references():
    benchmark = definition("wmt22")
    found = read_records(benchmark, Path(DATA))
    assert {name: len(records) for name, records in found.items()} == {
        **{"zh-en": 1875, "en-zh": 2037, "ja-en": 2008},
        **{"en-ja": 2037, "de-en": 1984, "en-de": 2037},
    }
    for name, tokens in WMT22.items():
        records, readings = found[name][:150], benchmark.subsets[name].readings
        columns = list(zip(*(record.fields["references"] for record in records)))
        # another's, a cut and a copied translation, in turns
        outputs = [(columns[-1][i - 1], gold[:-9], gold)[i % 3] for i, gold in enumerate(columns[-1])]
        verdicts = [read(readings[0].task, record, output, True) for record, output in zip(records, outputs)]
        totals = Totals(verdicts, np.ones((1, len(records))))
        for reading, metric in zip(readings, (BLEU(tokenize=tokens), CHRF(), CHRF(word_order=2)), strict=True):
            wanted = metric.corpus_score(outputs, [list(column) for column in columns]).score
            assert AGGREGATES[reading.aggregate](totals)["score"][0] == pytest.approx(wanted, abs=1e-9)
