"""Translations: sentence and corpus scores against sacrebleu and NLTK called directly, and the sets that use them."""

import json
import math
import sys
from dataclasses import replace

import jieba
import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sacrebleu.metrics import BLEU, CHRF

from redone.benchmark import translation as translations
from redone.benchmark.aggregate import Totals
from redone.benchmark.readings import AGGREGATES, read
from redone.benchmark.translation import translation
from redone.measure.definitions import definition, read_records
from redone.records import Record

EN = "The wind is strong today, so let's meet at Nan's (the café) at 3.30 - bring a hat!!"
ZH = "今天风很大，我们3点半在南姐的咖啡馆见吧😂 记得戴帽子！！"
JA = "今日は風が強いので、カフェで会いましょう。"
TEXTS = {
    "en": [
        EN,
        EN.lower(),
        EN[:-20],
        f"Sure! Here it is:\n\n{EN}",
        "Today the wind is very strong.",
        "hat hat hat hat hat",
        "(hat)",
        "a",
        "",
        " \n",
        ZH,
        EN * 40,
        "&quot;So&quot; <skipped> well-\nknown\u00a0x",
        "Bring (a hat",
        "bring a hat-\n",
    ],
    "zh": [
        ZH,
        ZH[:-1],
        ZH[3:20],
        "今天风大，咖啡馆见。",
        "帽子" * 30,
        "风",
        "",
        EN,
        f"```\n{ZH}\n```",
        ZH * 40,
        "２０２５年！",
    ],
    "ja": [JA, JA[:10], "風が強い", "", EN],
}
GOLDS = {"en": EN, "zh": ZH, "ja": JA}
TOKENIZERS = {"en": "13a", "zh": "zh", "ja": "char"}
CASES = [(language, text) for language, texts in TEXTS.items() for text in texts]


def record(answer, **fields):
    return Record("x/0", "x", ({"role": "user", "content": ""},), answer, "eval", "test", fields=fields)


def parts(gold, output, language, **options):
    return translation(record(gold), output, language=language, **options).parts


def totals(verdicts, weights=None):
    return Totals(verdicts, np.ones((1, len(verdicts))) if weights is None else np.array(weights, dtype=float))


@pytest.mark.parametrize(("language", "output"), CASES)
def test_sentence_bleu_and_chrf_equal_sacrebleus(language, output):
    found = parts(GOLDS[language], output, language)
    bleu = BLEU(tokenize=TOKENIZERS[language], effective_order=True)
    assert 100 * found["bleu"] == pytest.approx(bleu.sentence_score(output, [GOLDS[language]]).score, abs=1e-9)
    for name, words in (("chrf", 0), ("chrf++", 2)):
        wanted = CHRF(word_order=words).sentence_score(output, [GOLDS[language]]).score
        assert 100 * found[name] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("language", "gold", "output"),
    [
        ("ja", JA, JA[:10]),
        ("ja", JA, "風が強い"),
        ("ko", "새로 생긴 카페에 갔어요.", "새 카페에 갔다."),
        ("zh", ZH, ZH[:8]),
    ],
)
def test_a_reading_may_ask_for_the_words_of_japanese_and_korean(language, gold, output):
    tokens = {"ja": "ja-mecab", "ko": "ko-mecab", "zh": "zh"}[language]
    wanted = BLEU(tokenize=tokens, effective_order=True).sentence_score(output, [gold]).score
    found = parts(gold, output, language, mecab=True)["bleu"]
    assert 100 * found == pytest.approx(wanted, abs=1e-9)
    assert (found == parts(gold, output, language)["bleu"]) == (language == "zh")


@pytest.mark.parametrize(("language", "output"), CASES)
def test_the_published_bleu_equals_nltks_over_jiebas_words_in_every_language(language, output):
    words, gold = list(jieba.cut(output)), list(jieba.cut(GOLDS[language]))
    wanted = sentence_bleu([gold], words, smoothing_function=SmoothingFunction().method1)
    assert parts(GOLDS[language], output, language, score=["nltk_bleu"])["nltk_bleu"] == pytest.approx(
        wanted, abs=1e-12
    )


def test_the_published_bleu_of_a_reference_of_one_word_is_far_below_one():
    verdict = translation(record("风"), "风", language="zh", score=["nltk_bleu"])
    assert verdict.score == pytest.approx((1 * 0.1 * 0.1 * 0.1) ** (1 / 4))  # three orders of which there is nothing
    assert verdict.reason == "right"


def test_chrf_of_two_letters_by_hand():
    # 1-grams: found 1, gold 2, matched 1; there is no pair in "a", so no other order counts: P = 1, R = 1/2
    assert parts("ab", "a", "en")["chrf"] == pytest.approx(5 * 0.5 / (4 + 0.5))


@pytest.mark.parametrize(("language", "tokenizer"), TOKENIZERS.items())
def test_corpus_scores_and_those_of_resamples_equal_sacrebleus(language, tokenizer):
    outputs = TEXTS[language]
    golds = [GOLDS[language], *(text or "x" for text in outputs[:-1])]  # some pairs agree in part, some not at all
    verdicts = [translation(record(gold), output, language=language) for gold, output in zip(golds, outputs)]
    draws = np.random.default_rng(0).integers(0, 3, (3, len(outputs)))
    metrics = {
        "corpus_bleu": BLEU(tokenize=tokenizer),
        "corpus_chrf": CHRF(),
        "corpus_chrf++": CHRF(word_order=2),
    }
    for name, metric in metrics.items():
        found = AGGREGATES[name](totals(verdicts, draws))["score"]
        for weights, score in zip(draws, found):
            drawn = np.repeat(np.arange(len(outputs)), weights)
            wanted = metric.corpus_score([outputs[i] for i in drawn], [[golds[i] for i in drawn]]).score
            assert score == pytest.approx(wanted, abs=1e-9), name


def test_several_references_are_used_as_sacrebleu_does():
    outputs = [
        "a cat sat on the mat",
        "the mat has a cat",
        "It's raining cats, dogs!",
        "!",
        "",
        "the the the the",
        "a b c d",
        "a b c d e f",  # shorter than the nearest reference, longer than the other
    ]
    golds = [
        ["the cat sat on a mat", "a cat was sitting on the mat today"],
        ["there is a cat on the mat", "the mat has cats"],
        ["It's raining cats and dogs!", "It pours."],
        ["what?!", "!"],
        ["nothing", "no"],
        ["the hat", "on the mat"],
        ["a b c d e", "a b c"],
        ["a b c d e f g", "a b"],
    ]
    verdicts = [
        translation(record(g[0], all=g), o, language="en", references="all")
        for o, g in zip(outputs, golds, strict=True)
    ]
    columns = [list(column) for column in zip(*golds)]
    metrics = {"bleu": BLEU(effective_order=True), "chrf": CHRF(), "chrf++": CHRF(word_order=2)}
    for name, metric in metrics.items():
        for verdict, output, gold in zip(verdicts, outputs, golds):
            assert 100 * verdict.parts[name] == pytest.approx(metric.sentence_score(output, gold).score, abs=1e-9)
    corpus = {"corpus_bleu": BLEU(), "corpus_chrf": CHRF(), "corpus_chrf++": CHRF(word_order=2)}
    for name, metric in corpus.items():
        wanted = metric.corpus_score(outputs, columns).score
        assert AGGREGATES[name](totals(verdicts))["score"][0] == pytest.approx(wanted, abs=1e-9)


def test_a_sentence_mean_is_no_corpus_score():
    outputs, golds = ["a b c d", "x", "y"], ["a b c d", "a b c d e f g h", "z"]
    verdicts = [translation(record(gold), output, language="en") for gold, output in zip(golds, outputs)]
    assert AGGREGATES["sentence_bleu"](totals(verdicts))["score"][0] == pytest.approx(100 / 3)
    # 4 of 6 words, 3 of 3 pairs, 2 of 2, 1 of 1; 6 words against 13
    wanted = 100 * math.exp(1 - 13 / 6) * (4 / 6) ** (1 / 4)
    assert AGGREGATES["corpus_bleu"](totals(verdicts))["score"][0] == pytest.approx(wanted)


def test_a_corpus_without_four_words_in_a_row_has_no_bleu_though_its_sentences_have():
    verdicts = [translation(record("a b"), "a b", language="en")] * 2
    assert AGGREGATES["corpus_bleu"](totals(verdicts))["score"][0] == 0
    assert AGGREGATES["sentence_bleu"](totals(verdicts))["score"][0] == pytest.approx(100)


def test_a_copy_of_the_reference_scores_100_and_no_more():
    verdicts = [translation(record(EN), EN, language="en", score=["bleu", "chrf", "chrf++"])]
    assert verdicts[0].score == 1
    for name in ("sentence_bleu", "corpus_bleu", "corpus_chrf", "corpus_chrf++"):
        assert AGGREGATES[name](totals(verdicts))["score"][0] == 100


def test_the_score_is_the_mean_of_the_sentence_scores_that_are_named():
    verdict = translation(record(ZH), ZH[:-1], language="zh", score=["nltk_bleu", "chrf"])
    assert verdict.score == pytest.approx((verdict.parts["nltk_bleu"] + verdict.parts["chrf"]) / 2)
    assert verdict.reason == "wrong"
    assert "nltk_bleu" not in parts(ZH, ZH, "zh")


def test_the_language_may_stand_in_the_row():
    one = translation(record(ZH, to="zh"), ZH[:-1], language="{to}")
    assert one.parts == parts(ZH, ZH[:-1], "zh") != parts(ZH, ZH[:-1], "en")


@pytest.mark.parametrize(
    ("output", "score"), [("", ["nltk_bleu", "bleu", "chrf"]), ("  \n ", ["bleu", "chrf", "chrf++"])]
)
def test_an_empty_output_scores_nothing(output, score):
    verdict = translation(record(EN), output, language="en", score=score)
    assert (verdict.score, verdict.reason) == (0.0, "unparsable")


def test_a_record_without_references_is_refused():
    with pytest.raises(ValueError, match="x/0: it has no reference"):
        translation(record("", all=[]), "a", language="en", references="all")


def test_a_runaway_output_is_scored_and_what_stands_after_100_000_characters_is_no_part_of_the_published_bleu():
    runaway = ZH + "ab, " * 30_000
    options = {"language": "zh", "score": ["nltk_bleu"]}
    one, other = (translation(record(ZH), text, **options) for text in (runaway[:100_000], runaway))
    assert 0 < one.parts["nltk_bleu"] == other.parts["nltk_bleu"] < 0.01
    assert other.parts["bleu_length"] > 60_000


def test_jieba_that_is_missing_is_said(monkeypatch):
    translations._jieba.cache_clear()
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(ValueError, match="need jieba: pip install"):
        translation(record(EN), EN, language="en", score=["nltk_bleu"])


# ---- the sets


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def scores(benchmark, records, outputs):
    """Reading to the score of the only subset that has records."""
    [(name, mine)] = records.items()
    verdicts = {
        reading.name: [read(reading.task, r, output, True) for r, output in zip(mine, outputs)]
        for reading in benchmark.subsets[name].readings
    }
    aggregates = {reading.name: AGGREGATES[reading.aggregate] for reading in benchmark.subsets[name].readings}
    return {name: float(aggregates[name](totals(found))["score"][0]) for name, found in verdicts.items()}


def only(benchmark, subset, **changes):
    return replace(benchmark, subsets={subset: replace(benchmark.subsets[subset], **changes)})


def test_sns_transbench_asks_in_the_direction_that_the_row_says(tmp_path):
    pair = {"en": "the hat", "zh": "帽子", "source": "comment"}
    rows = [{**pair, "src_lang": "zh", "dst_lang": "en"}, {**pair, "src_lang": "en", "dst_lang": "zh"}]
    (tmp_path / "RedTrans-Bench.json").write_text(json.dumps(rows), encoding="utf-8")
    first, second = read_records(definition("sns-transbench"), tmp_path)["sns-transbench"]
    assert first.prompt_text.endswith("\n\n帽子")
    assert "from Chinese into English" in first.prompt_text
    assert second.prompt_text.endswith("\n\nthe hat")
    assert "from English into Chinese" in second.prompt_text
    assert (first.answer, second.answer) == ("the hat", "帽子")
    assert [record.fields["direction"] for record in (first, second)] == ["zh-en", "en-zh"]
    assert [record.fields["language"] for record in (first, second)] == ["en", "zh"]


def test_wmt22_scores_against_all_references(tmp_path):
    rows = [{"source": "帽子在垫子上。", "references": ["The hat is on the mat.", "A hat lies on the mat."]}]
    write(tmp_path / "zh-en.jsonl", rows)
    benchmark = only(definition("wmt22"), "zh-en")
    records = read_records(benchmark, tmp_path)
    assert records["zh-en"][0].answer == rows[0]["references"][0]
    found = scores(benchmark, records, [rows[0]["references"][1]])
    assert found == {"bleu": pytest.approx(100), "chrf": pytest.approx(100), "chrf++": pytest.approx(100)}


HUB = {  # benchmark, subset -> config, rows as the hub has them, the outputs, the metric's tokens
    ("wmt23", "wmt23-en-zh"): ("en-zh", [{"en-zh": {"en": EN, "zh": ZH}}], [ZH[:-3]], "zh"),
    ("wmt23", "wmt23-de-en"): ("de-en", [{"de-en": {"de": "Wind.", "en": EN}}], [EN[:-3]], "13a"),
    ("wmt24", "wmt24-en-ja"): (
        "en-ja_JP",
        [
            {"source": "canary", "target": "x", "domain": "canary", "is_bad_source": True, "original_target": ""},
            {"source": EN, "target": JA, "domain": "news", "is_bad_source": False, "original_target": "風"},
        ],
        [JA[:-3]],
        "char",
    ),
    ("flores", "flores-zho-eng"): ("zh-en", [{"zh-en": {"zh": ZH, "en": EN}}], [EN[5:]], "13a"),
}


@pytest.mark.parametrize(("names", "case"), HUB.items(), ids=[name for _, name in HUB])
@pytest.mark.parametrize("kind", ["local", "jsonl", "parquet"])
def test_a_set_of_the_hub_is_read_from_files_of_its_format(tmp_path, monkeypatch, names, case, kind):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (name, subset), (config, rows, outputs, tokens) = names, case
    benchmark = definition(name)
    hub = benchmark.subsets[subset].hub
    assert hub["name"] == config
    data = tmp_path / "data"
    data.mkdir()
    write(data / benchmark.subsets[subset].file, rows)
    if kind != "local":
        file = f"{config}.{kind}"
        if kind == "parquet":
            datasets.Dataset.from_list(rows).to_parquet(data / file)
        told = f"configs:\n- config_name: {config}\n  data_files:\n  - split: {hub['split']}\n    path: {file}\n"
        (data / "README.md").write_text(f"---\n{told}---\n", encoding="utf-8")
    benchmark = only(benchmark, subset, hub={**hub, "path": str(data)})
    records = read_records(benchmark, data if kind == "local" else None)
    good = rows[-1].get(config, rows[-1])
    source, target = config[:2], config[3:]
    assert [r.id for r in records[subset]] == [f"{subset}/{len(rows) - 1}"]  # a bad source keeps its number
    assert records[subset][0].prompt_text.endswith(good.get(source) or good["source"])
    assert records[subset][0].answer == (good.get(target) or good["target"])
    wanted = BLEU(tokenize=tokens).corpus_score(outputs, [[records[subset][0].answer]]).score
    assert scores(benchmark, records, outputs)["bleu"] == pytest.approx(wanted, abs=1e-9)
