"""CSM-MTBench: which translation of a post has its slang, and the posts that count."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from redone.benchmark.aggregate import Totals
from redone.benchmark.readings import AGGREGATES, read
from redone.benchmark.translation import slang
from redone.measure.definitions import definition, read_records
from redone.records import Record

DATA = os.environ.get("REDONE_DATA")
LANGUAGES = ("es", "fr", "ja", "ko", "ru")


def record(wanted, candidates):
    fields = {"slang_trans": wanted, "slang_candidates": candidates}
    return Record("zh-es/0", "zh-es:slang", ({"role": "user", "content": ""},), "", "eval", "test", fields=fields)


@pytest.mark.parametrize(
    ("wanted", "candidates", "output", "right"),
    [
        ("Dato curioso:", ["¿Sabías que...?"], "Dato curioso: los gatos duermen", True),
        ("Dato curioso:", ["¿Sabías que...?"], "DATO CURIOSO — los gatos duermen", True),  # case, punctuation
        ("Dato curioso:", ["¿Sabías que...?"], "sabías que los gatos duermen", True),  # a candidate
        ("Dato curioso:", ["¿Sabías que...?"], "Dato muy curioso: los gatos duermen", False),
        ("豆知識", [], "【豆 知識】猫は眠る", True),  # no blank counts beside a character
        ("ＴＭＩ", [], "재밌는 tmi 하나", True),  # width
        ("idole", [], "ses idoles dorment", True),  # an inflected form that holds it
        ("…", ["!"], "Je dors...", True),  # punctuation alone is compared as it is, in NFKC
        ("…", ["!"], "Je dors", False),
        ("🤔", [], "음 🤔", True),
        (None, ["Insta", "IG"], "del insta", True),  # as some rows have it
        (["сосед", "соседи"], "", "мой СОСЕД спит", True),
        ("lol", [], "", False),
        ("lol", [], "lo l", False),
    ],
)
def test_an_output_succeeds_where_it_holds_a_known_translation(wanted, candidates, output, right):
    verdict = slang(record(wanted, candidates), output)
    assert verdict.score == float(right)
    assert verdict.reason == ("right" if right else "wrong" if output else "unparsable")


@pytest.mark.parametrize(("wanted", "candidates"), [("", ""), (None, []), (" ", [""])])
def test_the_rate_is_over_the_posts_that_have_slang(wanted, candidates):
    verdicts = [
        slang(record("lol", []), "lol"),
        slang(record("lol", []), "no"),
        slang(record(wanted, candidates), "no"),
    ]
    [rate] = AGGREGATES["slang_rate"](Totals(verdicts, np.ones((1, 3))))["score"]
    assert rate == 50


def test_a_row_of_the_file_is_asked_and_read(tmp_path):
    row = {
        "source": "笑死",
        "slang": "笑死",
        "slang_trans": "me parto",
        "slang_candidates": ["jaja"],
        "translation": "¡Jaja!",
    }
    (tmp_path / "zh_es_fun_posts.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    for language in LANGUAGES[1:]:
        (tmp_path / f"zh_{language}_fun_posts.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    benchmark = definition("csm-mtbench")
    [first] = read_records(benchmark, tmp_path)["zh-es"]
    assert "into Spanish" in first.prompt_text
    assert first.prompt_text.endswith("\n\n笑死")
    scores = {r.name: read(r.task, first, "JAJA", True).score for r in benchmark.subsets["zh-es"].readings}
    assert next(iter(scores)) == "slang"
    assert scores["slang"] == 1.0 > scores["chrf"]


def test_the_snippets_that_are_for_training_are_not_evaluated():
    files = [subset.file for subset in definition("csm-mtbench").subsets.values()]
    assert files == [f"zh_{language}_fun_posts.jsonl" for language in LANGUAGES]


@pytest.mark.skipif(not DATA, reason="REDONE_DATA names no folder of real data")
def test_of_the_real_posts_619_have_slang_and_the_gold_translations_nearly_always_hold_it():
    benchmark = definition("csm-mtbench")
    records = read_records(benchmark, Path(DATA))
    for name, subset in benchmark.subsets.items():
        task = subset.readings[0].task
        assert len(records[name]) == 1183
        gold, copied = (
            Totals([read(task, r, text(r), True) for r in records[name]], np.ones((1, 1183)))
            for text in (lambda r: r.answer, lambda r: r.fields["source"])
        )
        assert gold["asked"][0] == 619
        assert 98 <= AGGREGATES["slang_rate"](gold)["score"][0] < 99.3
        assert 17 <= AGGREGATES["slang_rate"](copied)["score"][0] <= 22
