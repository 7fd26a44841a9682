"""Reference answers of real training sets score 1 under a reward of each kind that covers them."""

import os
from pathlib import Path

import pytest
from sweeps import in_part

from redone.data.convert import CONVERT
from redone.files import read_jsonl
from redone.records import Record, Task
from redone.rewards import score

DATA = os.environ.get("REDONE_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="REDONE_DATA does not name a folder with the real data sets")

LABEL = {"exact": {}}
NAMES = {"set_f1": {"separator": ";"}}
TEXT = {"chrf": {}, "bleu": {}, "anls": {}, "rouge_l": {}, "token_f1": {}}
CHINESE = {**TEXT, "bleu": {"tokenize": "zh"}}


def entities(row):
    return CONVERT["bio"](row, "entities", ["tokens", "tags"])


SETS = {  # file -> (a row's reference answer, the rewards that cover it)
    "clickbait/train.jsonl.gz": (lambda row: row["label_name"], LABEL),
    "goemotions/train.jsonl.gz": (lambda row: ";".join(row["labels"]), NAMES),
    "isarcasm/train.en.jsonl.gz": (lambda row: "yes" if row["sarcastic"] else "no", {"exact": {"kind": "yes or no"}}),
    "isarcasm/train.ar.jsonl.gz": (lambda row: str(row["sarcastic"]), {"exact": {"kind": "number"}}),
    "lexnorm2015/train.jsonl.gz": (lambda row: " ".join(row["output"]), TEXT),
    "soda_smalltalk/val.jsonl.gz": (lambda row: row["turns"][-1] if "turns" in row else row["text"], TEXT),
    "stackexchange_keyphrase/train.jsonl.gz": (lambda row: ";".join(row["keyphrases"]), NAMES),
    "thucnews_titles/train.jsonl.gz": (lambda row: row["label_name"], LABEL),
    "weibo_hashtag/train.jsonl.gz": (lambda row: ";".join(row["tags"]), NAMES),
    "weibo_ner/train.jsonl.gz": (entities, NAMES),
    "wnut17_ner/train.jsonl.gz": (entities, NAMES),
    "zh_correction/grammar.train.jsonl.gz": (lambda row: row["target"], CHINESE),
    "zh_correction/sighan2015.train.jsonl.gz": (lambda row: row["target"], CHINESE),
    "general_instruct/alpaca_en.jsonl.gz": (lambda row: row["output"], TEXT),
    "general_instruct/alpaca_zh.jsonl.gz": (lambda row: row["output"], CHINESE),
    "csm_mtbench/zh_es_1000.jsonl": (lambda row: row["translation"], TEXT),
    "csm_mtbench/zh_fr_1000.jsonl": (lambda row: row["translation"], TEXT),
    "csm_mtbench/zh_ja_1000.jsonl": (lambda row: row["translation"], CHINESE),
    **{
        f"tweeteval/{name}.train.jsonl": (lambda row: row["label_name"], LABEL)  # packed or not
        for name in ("emoji", "emotion", "hate", "irony", "offensive", "stance_climate", "stance_hillary")
    },
}


@in_part
@pytest.mark.parametrize("name", SETS)
def test_the_reference_answers_of_a_training_set_score_1(name, every):
    answer_of, rewards = SETS[name]
    found, low = 0, []
    path = Path(DATA) / name
    path = path if path.exists() else path.with_name(f"{path.name}.gz")
    for i, row in enumerate(read_jsonl(path)):
        if i % every:
            continue
        answer = answer_of(row)
        record = Record(f"{name}/{i}", "t", ({"role": "user", "content": "?"},), answer, "train", name)
        for reward, options in rewards.items():
            verdict = score(Task("t", "domain", "dialogue", "?", "{a}", reward, options), record, answer)
            found += 1
            low += [] if verdict.score == 1.0 else [(record.id, reward, answer, verdict)]
    assert found * every >= 100
    assert low == []
