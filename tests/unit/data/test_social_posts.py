"""The pack over real posts: what it makes of rows of each source. The rows here are made up; the data are elsewhere."""

import gzip
import json
import os
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FAMILIES

from redone.commands import prepare
from redone.data.load import NEEDED, Source, build, make_record, make_task, read_pack
from redone.data.overlap import keys_of
from redone.rewards import score

PACK = prepare.PACKS / "social_posts.toml"
TABLES = tomllib.loads(PACK.read_text(encoding="utf-8"))["tasks"]
TASKS = {
    name: make_task(name, {k: v for k, v in table.items() if k not in Source.__dataclass_fields__}, str(PACK))
    for name, table in TABLES.items()
}
DATA = os.environ.get("REDONE_DATA")

STANCES = ("abortion", "atheism", "climate", "feminist", "hillary")
LANGUAGES = ("es", "fr", "ja", "ko", "ru")


def tweet(label, text="so good"):
    return {"text": text, "label": 0, "label_name": label}


def question(title, *tags):
    return {"title": title, "body": f"about {title} " * 20, "keyphrases": list(tags)}


def weibo(post, tag):
    return {"post": post, "replies": f"{post} 好 的", "tags": [tag]}


def sarcastic(tweet, rephrase, **kinds):
    return {"tweet": tweet, "sarcastic": 1, "rephrase": rephrase, "sarcasm": 0, "irony": 0, **kinds}


POSTS = [weibo("我 很 喜欢 这 天气", "好 天气"), weibo("今天 吃 面", "面"), weibo("看 new york 的 电影", "电影")]
QUESTIONS = [question("how to bake", "cake", "oven"), question("how to run", "sport"), question("why is it so", "why")]
SAID = [
    sarcastic("love waiting", "i hate waiting", sarcasm=1),
    sarcastic("great rain", "the rain is bad", irony=1),
    {**sarcastic("fine day", ""), "sarcastic": 0},
]
SAID_AR = [{"text": "جميل جدا", "sarcastic": 1, "rephrase": "سيء", "dialect": "msa"}]
BIO = {"tokens": ["see", "Ann", "Lee", "in", "Rome"], "tags": ["O", "B-person", "I-person", "O", "B-location"]}
TALKS = [
    {"kind": "dialogue", "turns": ["hi there", "hello you", "bye"]},
    {"kind": "dialogue", "turns": ["is it late", "not yet"]},
    {"kind": "story", "text": "once upon a time"},
]
FILES = {
    "wnut17_ner/train.jsonl": [BIO],
    "weibo_ner/train.jsonl": [{"tokens": list("王明好"), "tags": ["B-PER.NAM", "I-PER.NAM", "O"]}],
    "stackexchange_keyphrase/train.jsonl": QUESTIONS,
    "weibo_hashtag/train.jsonl": POSTS,
    "isarcasm/train.en.jsonl": SAID,
    "isarcasm/test_c_pair.en.jsonl": [{"text_0": "bad", "text_1": "so very good", "sarcastic_id": 1}],
    "isarcasm/test_a_detect.en.jsonl": [{"text": "not at all", "sarcastic": 1}],
    "isarcasm/test_b_category.en.jsonl": [
        {"text": "sure", "sarcasm": 0, "irony": 1},
        {"text": "ok", "sarcasm": 0, "irony": 0},
    ],
    "isarcasm/train.ar.jsonl": SAID_AR,
    "tweeteval/irony.train.jsonl": [tweet("non_irony"), tweet("irony", "x" * 200)],
    "tweeteval/hate.train.jsonl": [tweet("not-hate")],
    "tweeteval/offensive.train.jsonl": [tweet("offensive")],
    "tweeteval/emotion.train.jsonl": [tweet("joy", "a"), tweet("joy", "b"), tweet("anger", "c")],
    "tweeteval/emoji.train.jsonl": [tweet("❤")],
    "tweeteval/sentiment.val.jsonl": [tweet("neutral")],
    **{f"tweeteval/stance_{name}.train.jsonl": [tweet("against")] for name in STANCES},
    "clickbait/train.jsonl": [{"text": "21 things", "label": 1, "label_name": "clickbait"}],
    "goemotions/train.jsonl": [{"text": "oh no", "labels": ["fear", "sadness"], "id": "x"}],
    "thucnews_titles/train.jsonl": [{"text": "球赛", "label": 7, "label_name": "sports"}],
    "lexnorm2015/train.jsonl": [{"id": "1", "input": ["u", "r", "lol"], "output": ["you", "are", "laughing out loud"]}],
    "zh_correction/sighan2015.train.jsonl": [
        {"source": "我朋唷", "target": "我朋友"},
        {"source": "长" * 25, "target": "长"},
    ],
    "zh_correction/grammar.train.jsonl": [
        {"source": "这件我很喜欢事", "target": "这件事我很喜欢"},
        {"source": "好", "target": "好"},
    ],
    "zh_correction/mcsc_query.test.jsonl": [{"source": "缩小鼻頭", "target": "缩小鼻头"}],
    **{f"csm_mtbench/zh_{name}_1000.jsonl": [{"source": "你好", "translation": f"{name} hola"}] for name in LANGUAGES},
    "soda_smalltalk/val.jsonl": TALKS,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(task, split) to its records, of the files above."""
    folder = tmp_path_factory.mktemp("data")
    for definition in TABLES.values():
        for file in definition["files"].values():
            name = file["file"] if isinstance(file, dict) else file
            rows = FILES.get(name.removesuffix(".gz"), [])
            text = "".join(json.dumps(row) + "\n" for row in rows).encode()
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    pack = read_pack(PACK, folder)
    return {
        (name, split): [make_record(task, split, i, *pair) for i, pair in enumerate(pack.rows(name, split))]
        for name, task in pack.tasks.items()
        for split in pack.splits[name]
        if split == "train" or TABLES[name]["files"][split].removesuffix(".gz") in FILES
    }


def asked(made, task, split="train"):
    return [(record.prompt_text, record.answer) for record in made[task, split]]


def test_every_reference_answer_scores_one_and_no_task_is_without_records(made):
    for (name, _), records in made.items():
        assert records, name
        assert all(score(TASKS[name], record, record.answer).score == 1.0 for record in records), name


def test_there_are_tasks_of_all_six_families_and_at_least_three_of_each():
    families = Counter(task["family"] for task in TABLES.values())
    assert set(families) == FAMILIES
    assert min(families.values()) >= 3
    assert families.total() >= 25


def test_every_task_says_which_texts_its_test_has_to_itself():
    assert all(task["texts"] for task in TABLES.values())


def test_script_only_sets_are_named_by_a_revision_that_needs_no_code():
    hubs = [task["hub"] for task in TABLES.values() if "hub" in task]
    scripts = {"leondz/wnut_17", "hltcoe/weibo_ner"}
    assert scripts <= {hub["path"] for hub in hubs}
    assert all((hub["path"] in scripts) == (hub.get("revision") == "refs/convert/parquet") for hub in hubs)


def test_entities_and_tags_are_lists_in_one_strict_form(made):
    assert asked(made, "entities") == [
        (
            "post : see Ann Lee in Rome\nentities ? kind: name, none if there are none",
            "person: Ann Lee ; location: Rome",
        )
    ]
    [(prompt, answer)] = asked(made, "entities_zh")
    assert (prompt.splitlines()[0], answer) == ("post : 王明好", "PER.NAM: 王明")
    assert asked(made, "hashtags")[0] == ("post : 我很喜欢这天气\nhashtags ?", "#好天气")
    assert asked(made, "keyphrases")[0][1] == "#cake ; #oven"
    task, record = TASKS["keyphrases"], made["keyphrases", "train"][0]
    for cheat in ("#cake ; #oven #cake ; #oven", "#cake\n#oven", "**#cake ; #oven**", "cake ; oven", ""):
        assert score(task, record, cheat).score == 0.0, cheat
    assert score(task, record, "#oven ; #cake ; #tin").score == pytest.approx(0.8)


def test_a_post_is_cut_after_160_characters_and_labels_become_yes_and_no(made):
    assert asked(made, "irony") == [
        ("post : so good\nironic ? yes or no", "no"),
        (f"post : {'x' * 160}\nironic ? yes or no", "yes"),
    ]
    assert [asked(made, task)[0][1] for task in ("offensive", "hate", "clickbait")] == ["yes", "no", "yes"]


@pytest.mark.parametrize(
    ("task", "right"),
    [
        ("sarcastic_of_two", ["love waiting", "great rain"]),
        ("title_fits", ["how to bake", "how to run", "why is it so"]),
        ("tags_fit", ["how to bake", "how to run", "why is it so"]),
        ("hashtag_fits", ["好天气", "面", "电影"]),
        ("tags_chosen", ["cake ; oven", "sport", "why"]),
        ("next_turn", ["hello you", "not yet"]),
        ("said_first", ["hi there", "is it late"]),
        ("replies_zh", ["我很喜欢这天气好的", "今天吃面好的", "看 new york 的电影好的"]),
        ("meant", ["i hate waiting", "the rain is bad"]),
        ("grammar_of_two_zh", ["这件事我很喜欢"]),
    ],
)
def test_the_letter_of_a_choice_is_that_of_the_right_text_and_the_other_one_is_wrong(made, task, right):
    records = made[task, "train"]
    assert [record.fields["candidates"]["AB".index(record.answer)] for record in records] == right
    for record in records:
        lines = [line[3:] for line in record.prompt_text.splitlines() if line[:3] in ("A. ", "B. ")]
        assert lines == record.fields["candidates"]
        assert lines[0] != lines[1]


def test_the_official_pairs_keep_their_own_order(made):
    [(prompt, answer)] = asked(made, "sarcastic_of_two", "eval")
    assert prompt.startswith("A. bad\nB. so very good\n")
    assert answer == "B"


def test_posts_have_the_same_emotion_where_their_labels_are_equal(made):
    labels = {"a": "joy", "b": "joy", "c": "anger"}
    for prompt, answer in asked(made, "same_emotion"):
        one, two = [line.removeprefix("post : ") for line in prompt.splitlines()[:2]]
        assert answer == ("yes" if labels[one] == labels[two] else "no")


def test_rows_that_are_not_of_a_task_are_left_out(made):
    assert asked(made, "sarcasm") == [
        ("post : love waiting\nsarcastic ? yes or no", "yes"),
        ("post : great rain\nsarcastic ? yes or no", "yes"),
        ("post : fine day\nsarcastic ? yes or no", "no"),
    ]
    assert [answer for _, answer in asked(made, "sarcasm_kind")] == ["sarcasm", "irony"]
    assert [answer for _, answer in asked(made, "sarcasm_kind", "eval")] == ["irony"]  # not what is neither
    assert [answer for _, answer in asked(made, "spelling_zh")] == ["我朋友"]  # not the long one
    assert len(asked(made, "grammar_of_two_zh")) == 1  # not the sentence without an error


def test_what_is_written_anew_stands_beside_what_was_written(made):
    assert asked(made, "plain_words") == [("post : u r lol\nin standard spelling ?", "you are laughing out loud")]
    assert asked(made, "query_meant_zh") == [("query : 缩小鼻頭\nmeant query ?", "缩小鼻头")]
    assert asked(made, "zh_ko") == [("translate to korean : 你好", "ko hola")]
    assert asked(made, "feelings") == [("comment : oh no\nfeelings ?", "fear ; sadness")]


@pytest.mark.skipif(DATA is None, reason="REDONE_DATA does not name a folder with the real data sets")
def test_no_train_text_of_the_real_pack_is_a_test_text() -> None:
    pack = read_pack(PACK, Path(str(DATA)))
    names = ("hashtags", "replies_zh", "next_turn", "said_first", "sarcasm", "meant", "zh_fr", "zh_ja")
    dataset = build(
        [replace(pack, tasks={name: pack.tasks[name] for name in names})], limit=None, probe=0.1, evaluation=0.1
    )
    keys = {
        split: {key for name in names for r in dataset.records[name][split] for key in keys_of(r, pack.texts[name])}
        for split in NEEDED
    }
    assert keys["train"].isdisjoint(keys["eval"])
    assert keys["train"].isdisjoint(keys["probe"])
    assert keys["probe"].isdisjoint(keys["eval"])
    assert sum(dataset.removed.values()) > 0
