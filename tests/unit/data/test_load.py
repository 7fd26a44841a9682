import gzip
import hashlib
import json
from dataclasses import replace

import pytest

from redone.data.dedupe import normalised_prompt
from redone.data.load import NEEDED, Pack, build, drawn, make_task, read_pack
from redone.records import Task

TABLE = """
[tasks.topic]
part = "domain"
family = "content understanding"
prompt = "note : {note}\\ntopic ?"
answer = "{topic}"
reward = "exact"
"""
TASK = Task("ask", "domain", "dialogue", "{q}", "{a}", "exact")


def jsonl(path, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def notes(*words):
    return [{"note": word, "topic": f"about {word}"} for word in words]


def pack_file(folder, extra="", **splits):
    """A pack of one task over the rows of the given splits; `extra` are more keys of the task."""
    for split, rows in splits.items():
        jsonl(folder / f"{split}.jsonl", rows)
    files = ", ".join(f'{split} = "{split}.jsonl"' for split in splits)
    path = folder / "pack.toml"
    path.write_text(f"{TABLE}files = {{{files}}}\n{extra}", encoding="utf-8")
    return path


def topic_pack(folder, extra="", **splits):
    return read_pack(pack_file(folder, extra, **{"probe": notes("cake"), "eval": notes("film"), **splits}))


def memory_pack(rows, *tasks):
    """A pack without files: {task: {split: [prompt, ...]}}."""
    tasks = tasks or [replace(TASK, name=name) for name in rows]
    return Pack(
        "made",
        {task.name: task for task in tasks},
        lambda task, split: [(f"{task}:{i}", {"q": q, "a": "yes"}) for i, q in enumerate(rows[task][split], 1)],
        {name: tuple(splits) for name, splits in rows.items()},
    )


def built(*packs, limit=None, probe=0.1, evaluation=0.1, tune=0):
    return build(packs, limit=limit, probe=probe, evaluation=evaluation, tune=tune)


def prompts(dataset, task, split):
    return [record.prompt_text for record in dataset.records[task][split]]


def refusal(action, *arguments):
    with pytest.raises(ValueError) as error:
        action(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


# From a row to a record


def test_a_row_becomes_a_record_that_knows_where_it_came_from(tmp_path):
    first, second = built(topic_pack(tmp_path, train=notes("tea", "coffee"))).split("train")
    assert second.messages == ({"role": "user", "content": "note : coffee\ntopic ?"},)
    assert (second.answer, second.split, second.task, second.rationale) == ("about coffee", "train", "topic", None)
    assert (first.source, second.source) == ("train.jsonl:1", "train.jsonl:2")
    assert second.fields == {"note": "coffee", "topic": "about coffee"}


def test_a_value_that_looks_like_a_template_is_left_as_it_is(tmp_path):
    [record] = built(topic_pack(tmp_path, train=[{"note": "{topic} {none}", "topic": "tea"}])).split("train")
    assert record.prompt_text == "note : {topic} {none}\ntopic ?"


def test_the_data_may_lie_in_another_folder_and_be_packed(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    path = tmp_path / "pack.toml"
    path.write_text(TABLE + 'files = {train = "t.jsonl.gz", probe = "p.jsonl", eval = "e.jsonl"}\n')
    for name, word in (("t.jsonl.gz", "tea"), ("p.jsonl", "cake"), ("e.jsonl", "film")):
        jsonl(data / name, notes(word))
    assert [record.answer for record in built(read_pack(path, data)).split("train")] == ["about tea"]


def test_a_task_that_thinks_brings_its_rationale(tmp_path):
    extra = 'think = true\nrationale = "{note} is {topic}"'
    [record] = built(topic_pack(tmp_path, extra, train=notes("tea"))).split("train")
    assert record.rationale == "tea is about tea"


@pytest.mark.parametrize("row", [{"topic": "tea"}, {"note": None, "topic": "tea"}])
def test_a_row_without_a_field_is_named_with_file_line_and_field(tmp_path, row):
    message = refusal(built, topic_pack(tmp_path, train=[*notes("tea"), row]))
    assert message == "train.jsonl:2: no field note, which the prompt of task topic needs"


def test_a_line_that_is_not_json_is_named(tmp_path):
    path = pack_file(tmp_path, train=notes("tea"), probe=notes("cake"), eval=notes("film"))
    (tmp_path / "train.jsonl").write_text('{"note": "tea", "topic": "x"}\n{"note": \n')
    assert f"{tmp_path / 'train.jsonl'}:2: not JSON" in refusal(lambda: built(read_pack(path)))


def test_a_list_is_not_written_into_a_prompt_as_python_would_write_it(tmp_path):
    message = refusal(built, topic_pack(tmp_path, train=[{"note": ["so", "good"], "topic": "tea"}]))
    assert message.startswith("train.jsonl:1: task topic: field note is ")


@pytest.mark.parametrize("value", [None, [], "tea, cake"])
def test_candidates_are_a_list_with_something_in_it(tmp_path, value):
    given = {s: [{"note": s, "topic": "tea", "choices": ["tea"]}] for s in NEEDED}
    given["probe"] = [{"note": "x", "topic": "tea", "choices": value}]
    message = refusal(built, topic_pack(tmp_path, 'candidates = "choices"', **given))
    assert message.startswith("probe.jsonl:1: ")
    assert "choices" in message


# Conversions

CONVERT = (
    'convert = {note = {join = "tokens"}, label = {map = {0 = "no", 1 = "yes"}}, topic = {bio = ["tokens", "tags"]}}'
)


def converted(folder, *rows):
    """The train records made of rows of tokens, tags and a label."""
    others = {s: [{"tokens": [s], "tags": ["O"], "label": 0}] for s in ("probe", "eval")}
    return built(topic_pack(folder, CONVERT, train=list(rows), **others)).split("train")


def test_tokens_are_joined_and_labels_mapped(tmp_path):
    [record] = converted(tmp_path, {"tokens": ["so", "good"], "tags": ["O", "O"], "label": 1})
    assert record.prompt_text == "note : so good\ntopic ?"
    assert record.fields["label"] == "yes"


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("O O O O", "none"),
        ("B-person I-person O B-place", "person: a b ; place: d"),
        ("B-person B-person O O", "person: a ; person: b"),
        ("O I-place I-place O", "place: b c"),  # some corpora open an entity with I
        ("B-person I-place I-place O", "person: a ; place: b c"),
        ("B-place O I-place O", "place: a ; place: c"),
    ],
)
def test_entities_are_read_from_their_tags(tmp_path, tags, entities):
    [record] = converted(tmp_path, {"tokens": ["a", "b", "c", "d"], "tags": tags.split(), "label": 0})
    assert record.answer == entities


def test_an_entity_that_is_named_twice_is_listed_once(tmp_path):
    [record] = converted(tmp_path, {"tokens": ["a", "x", "a"], "tags": ["B-thing", "O", "B-thing"], "label": 0})
    assert record.answer == "thing: a"


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"tokens": None}, "tokens is None, not a list"),
        ({"tokens": "so good"}, "tokens is 'so good', not a list"),
        ({"tags": ["O"]}, "task topic: cannot make field topic"),
        ({"tags": [1, 2]}, "task topic: cannot make field topic"),
        ({"label": 7}, "7 is not among 0, 1"),
        ({"label": ...}, "no field 'label'"),
    ],
)
def test_a_row_that_cannot_be_converted_is_named_with_its_line(tmp_path, change, part):
    good = {"tokens": ["so", "good"], "tags": ["O", "O"], "label": 1}
    bad = {key: value for key, value in {**good, **change}.items() if value is not ...}
    message = refusal(converted, tmp_path, good, bad)
    assert message.startswith("train.jsonl:2: ")
    assert part in message


# Three splits


def test_official_splits_are_kept_as_they_are():
    rows = {"ask": {"train": ["a", "b"], "probe": ["c"], "eval": ["d", "e"]}}
    dataset = built(memory_pack(rows), probe=0.4, evaluation=0.4)
    assert {split: prompts(dataset, "ask", split) for split in NEEDED} == rows["ask"]


MANY = [f"question {i}" for i in range(2000)]


def test_missing_splits_are_hashed_out_of_train_in_their_shares():
    dataset = built(memory_pack({"ask": {"train": MANY}}), probe=0.2, evaluation=0.1)
    found = {split: prompts(dataset, "ask", split) for split in NEEDED}
    assert sorted(text for texts in found.values() for text in texts) == sorted(MANY)
    # of 2,000 draws, six standard deviations are 107 and 80
    assert abs(len(found["probe"]) - 400) < 107
    assert abs(len(found["eval"]) - 200) < 80
    assert all(record.split == "eval" and "/eval/" in record.id for record in dataset.split("eval"))


def test_only_the_split_that_is_missing_is_hashed_out():
    dataset = built(memory_pack({"ask": {"train": MANY, "eval": ["the test"]}}), probe=0.2, evaluation=0.4)
    assert prompts(dataset, "ask", "eval") == ["the test"]
    assert abs(len(prompts(dataset, "ask", "probe")) - 400) < 107


def test_a_prompt_stays_in_its_split_whatever_stands_beside_it():
    whole = built(memory_pack({"ask": {"train": MANY}}))
    part = built(memory_pack({"ask": {"train": MANY[::-1][:1000]}}))
    for split in NEEDED:
        assert set(prompts(part, "ask", split)) <= set(prompts(whole, "ask", split))


def test_equal_prompts_are_hashed_into_the_same_split():
    twice = [text for question in MANY[:300] for text in (question, f"  {question.upper()} ")]
    dataset = built(memory_pack({"ask": {"train": twice}}), probe=0.3, evaluation=0.3)
    assert dataset.removed == {"ask": 0}
    for one, other in (("train", "probe"), ("train", "eval"), ("probe", "eval")):
        mine = [{normalised_prompt(record) for record in dataset.split(split)} for split in (one, other)]
        assert not mine[0] & mine[1]


def test_ids_are_unique_over_all_splits():
    dataset = built(memory_pack({"ask": {"train": MANY, "probe": MANY[:3]}}))
    ids = [record.id for split in NEEDED for record in dataset.split(split)]
    assert len(set(ids)) == len(ids)


def test_train_records_that_repeat_a_later_split_are_removed_and_counted():
    rows = {"train": ["A  b", "c", "d", "ｅ"], "probe": ["a B", "e", "f"], "eval": ["C", "f"]}
    dataset = built(memory_pack({"ask": rows}))
    assert prompts(dataset, "ask", "train") == ["d"]
    assert prompts(dataset, "ask", "probe") == ["a B", "e"]
    assert prompts(dataset, "ask", "eval") == ["C", "f"]
    assert dataset.removed == {"ask": 4}


def test_a_prompt_that_another_task_is_evaluated_on_is_not_trained_on():
    rows = {
        "one": {"train": ["a", "b"], "probe": ["c"], "eval": ["d"]},
        "two": {"train": ["e", "d", "c"], "probe": ["f"], "eval": ["b"]},
    }
    dataset = built(memory_pack(rows))
    assert prompts(dataset, "one", "train") == ["a"]
    assert prompts(dataset, "two", "train") == ["e"]
    assert dataset.removed == {"one": 1, "two": 2}


def test_two_tasks_may_ask_the_same_question_in_the_same_split():
    rows = {
        "one": {"train": ["a", "a"], "probe": ["c"], "eval": ["d"]},
        "two": {"train": ["a"], "probe": ["c"], "eval": ["d"]},
    }
    assert built(memory_pack(rows)).removed == {"one": 0, "two": 0}


def test_a_limit_cuts_every_split_and_always_to_the_same_records():
    rows = {"ask": {"train": MANY[:900], "probe": MANY[900:930], "eval": MANY[930:935]}}
    dataset = built(memory_pack(rows), limit=20)
    assert [len(prompts(dataset, "ask", split)) for split in NEEDED] == [20, 20, 5]
    assert prompts(built(memory_pack(rows), limit=20), "ask", "train") == prompts(dataset, "ask", "train")
    assert prompts(dataset, "ask", "train") != MANY[:20]
    assert prompts(built(memory_pack(rows), limit=10), "ask", "train") == prompts(dataset, "ask", "train")[:10]
    whole = built(memory_pack(rows)).records["ask"]["train"]
    assert drawn(whole, 10) == drawn(dataset.records["ask"]["train"], 10) == drawn(whole[::-1], 10)


def test_what_a_limit_cuts_off_eval_does_not_come_into_train():
    rows = {"ask": {"train": MANY[:40], "probe": ["x"], "eval": MANY[:30]}}
    dataset = built(memory_pack(rows), limit=5)
    assert not set(prompts(dataset, "ask", "train")) & set(MANY[:30])


@pytest.mark.parametrize("empty", NEEDED)
def test_a_task_without_data_in_a_split_is_named(empty):
    rows = {"ask": {split: [] if split == empty else [split] for split in NEEDED}}
    message = refusal(built, memory_pack(rows))
    assert message.startswith(f"pack made: task ask has no data in {empty}")


def test_a_task_all_of_whose_train_prompts_are_repeated_says_so():
    message = refusal(built, memory_pack({"ask": {"train": ["a", "b"], "probe": ["a"], "eval": ["b"]}}))
    assert message == (
        "pack made: task ask has no data in train: 1 of 2 train records share the prompt with probe of task ask "
        "(first: ask:1 with ask:1) and 1 of 2 train records share the prompt with eval of task ask "
        "(first: ask:2 with ask:1); add rows, or take the task out"
    )


def two_tasks(one, other, texts=("note",)):
    """Two tasks over files of notes, {split: notes}; the first names its texts."""

    def rows(task, split):
        return [(f"{task}.{split}.jsonl:{i}", {"q": f"{task} {n}", "a": "yes", "note": n})
                for i, n in enumerate({"one": one, "other": other}[task][split], 1)]  # fmt: skip

    tasks = {name: replace(TASK, name=name) for name in ("one", "other")}
    return Pack("made", tasks, rows, dict.fromkeys(tasks, NEEDED), {"one": texts, "other": texts})


def test_a_task_all_of_whose_texts_are_evaluated_by_another_is_said_to_be_that():
    rest = {"probe": ["p"], "eval": ["e"]}
    pack = two_tasks({**rest, "train": ["Tea!", "cake"]}, {"train": ["t"], "probe": ["x"], "eval": ["cake", "tea"]})
    assert refusal(built, pack) == (
        "pack made: task one has no data in train: all 2 train records share field `note` with eval of task other "
        "(first: one.train.jsonl:1 with other.eval.jsonl:2); add rows, or take the task out"
    )


def test_a_probe_split_that_another_task_evaluates_is_said_to_be_that():
    pack = two_tasks(
        {"train": ["t"], "probe": ["tea"], "eval": ["e"]}, {"train": ["u"], "probe": ["x"], "eval": ["tea"]}
    )
    assert "no data in probe: the only probe record shares field `note` with eval of task other" in refusal(built, pack)


def test_a_task_that_benchmarks_hold_whole_is_said_to_be_that():
    pack = two_tasks({"train": ["tea"], "probe": ["p"], "eval": ["e"]}, {"train": ["t"], "probe": ["x"], "eval": ["y"]})
    with pytest.raises(ValueError) as error:
        build([pack], limit=None, probe=0.1, evaluation=0.1, evaluated={"cups": ["Tea"]})
    assert (
        "no data in train: the only train record shares a text with benchmark cups (first: one.train.jsonl:1)"
        in str(error.value)
    )


def test_what_a_task_lost_is_named_with_what_it_shares_and_the_most_first():
    train = ["a", "b", "c", "d"]
    pack = two_tasks(
        {"train": train, "probe": ["b"], "eval": ["e"]}, {"train": ["x"], "probe": ["y"], "eval": ["c", "d"]}
    )
    dataset = built(pack)
    assert (dataset.removed, prompts(dataset, "one", "train")) == ({"one": 3, "other": 0}, ["one a"])
    assert dataset.shared == {"one": [
        "2 train records share field `note` with eval of task other (first: one.train.jsonl:3 with other.eval.jsonl:1)",
        "1 train record shares the prompt with probe of task one (first: one.train.jsonl:2 with one.probe.jsonl:1)",
    ]}  # fmt: skip


# Tune


def test_tune_takes_as_many_records_as_are_asked_for_out_of_train_and_nothing_else_changes():
    packs = [memory_pack({"ask": {"train": MANY}, "own": {"train": MANY[:50], "probe": ["p"], "eval": ["e"]}})]
    without, dataset = built(*packs), built(*packs, tune=150)
    assert [len(prompts(dataset, name, "tune")) for name in ("ask", "own")] == [150, 10]  # a fifth of 50 at most
    for name in ("ask", "own"):
        for split in ("probe", "eval"):
            assert dataset.records[name][split] == without.records[name][split]
        kept = {*prompts(dataset, name, "train"), *prompts(dataset, name, "tune")}
        assert kept <= set(prompts(without, name, "train"))
    assert all(record.split == "tune" and "/tune/" in record.id for record in dataset.split("tune"))
    assert without.split("tune") == []


def test_what_is_in_tune_does_not_depend_on_the_order_of_the_file():
    one, other = (built(memory_pack({"ask": {"train": rows}}), tune=20) for rows in (MANY[:400], MANY[:400][::-1]))
    assert sorted(prompts(one, "ask", "tune")) == sorted(prompts(other, "ask", "tune")) != sorted(MANY[:20])


def test_equal_prompts_go_to_tune_together_and_no_more_than_asked_for():
    thrice = [text for question in MANY[:200] for text in (question, question.upper(), f" {question}")]
    dataset = built(memory_pack({"ask": {"train": thrice, "probe": ["p"], "eval": ["e"]}}), tune=20)
    mine = [normalised_prompt(record) for record in dataset.split("tune")]
    assert len(mine) == 18
    assert len(set(mine)) == 6
    assert not set(mine) & {normalised_prompt(record) for record in dataset.split("train")}
    assert dataset.removed == {"ask": 0}


def test_no_task_is_trained_on_a_prompt_of_anothers_tune_split_and_tune_gives_way_to_probe_and_eval():
    rows = {
        "one": {"train": ["a", "b"], "probe": ["c"], "tune": ["d", "C", "e"], "eval": ["E", "f"]},
        "two": {"train": ["D", "g"], "probe": ["h"], "eval": ["i"]},
    }
    dataset = built(memory_pack(rows), tune=9)
    assert prompts(dataset, "one", "tune") == ["d"]  # its own, and none out of train
    assert prompts(dataset, "two", "train") == ["g"]
    assert dataset.removed == {"one": 2, "two": 1}
    assert dataset.fingerprint()["one"]["tune"] == 1


def test_a_limit_cuts_tune_too_and_a_pack_may_bring_its_own(tmp_path):
    assert len(prompts(built(memory_pack({"ask": {"train": MANY}}), tune=150, limit=30), "ask", "tune")) == 30
    dataset = built(topic_pack(tmp_path, train=notes("tea", "milk"), tune=notes("rain")))
    assert [record.source for record in dataset.split("tune")] == ["tune.jsonl:1"]


def test_the_fingerprint_is_of_all_that_records_hold_and_knows_tune():
    rows = {"train": ["a", "b"], "probe": ["c"], "eval": ["d"]}
    pack = memory_pack({"ask": rows})
    dataset = built(pack)
    digest = hashlib.sha256()
    for split, texts in rows.items():
        for i, (text, (_, row)) in enumerate(zip(texts, pack.rows("ask", split))):
            told = [f"ask/{split}/{i}", [{"role": "user", "content": text}], "yes", [], None, row]
            digest.update(json.dumps(told, sort_keys=True).encode())
    assert dataset.fingerprint()["ask"]["sha256"] == digest.hexdigest()
    tuned = built(memory_pack({"ask": {**rows, "tune": ["e"]}}))
    assert tuned.fingerprint()["ask"]["sha256"] != digest.hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        {"rationale": "for it is"},
        {"accepted": ("aye",)},
        {"answer": "aye"},
        {"messages": ({"role": "user", "content": "b"},)},
        {"fields": {"options": ["a", "b"]}},  # what a reward may read
    ],
)
def test_what_differs_in_a_record_differs_in_the_fingerprint(other):
    dataset = built(memory_pack({"ask": {split: [split] for split in NEEDED}}))
    [first] = dataset.records["ask"]["train"]
    changed = replace(dataset, records={"ask": {**dataset.records["ask"], "train": (replace(first, **other),)}})
    assert changed.fingerprint() != dataset.fingerprint()


def test_what_is_no_text_and_no_number_has_the_same_fingerprint_at_every_reading():
    def seen():
        dataset = built(memory_pack({"ask": {split: [split] for split in NEEDED}}))
        [first] = dataset.records["ask"]["train"]
        picture = {"train": (replace(first, fields={"picture": object()}),)}
        return replace(dataset, records={"ask": {**dataset.records["ask"], **picture}}).fingerprint()

    assert seen() == seen()


# Only evaluated


def only_evaluated(rows):
    return memory_pack({"ask": rows}, replace(TASK, train=False))


def test_a_task_that_is_only_evaluated_needs_eval_alone():
    dataset = built(only_evaluated({"eval": ["a", "b"]}))
    assert {split: prompts(dataset, "ask", split) for split in NEEDED} == {"train": [], "probe": [], "eval": ["a", "b"]}
    assert dataset.fingerprint()["ask"]["eval"] == 2


def test_the_train_rows_of_a_task_that_is_only_evaluated_are_not_read():
    dataset = built(only_evaluated({"train": ["t"], "probe": ["p"], "eval": ["a"]}))
    assert {split: prompts(dataset, "ask", split) for split in NEEDED} == {"train": [], "probe": ["p"], "eval": ["a"]}


def test_a_task_that_is_only_evaluated_and_has_no_eval_is_named():
    message = refusal(built, only_evaluated({"train": ["t"]}))
    assert message == "pack made: task ask is only evaluated, and names no rows for eval"


def test_no_other_task_is_trained_on_what_is_only_evaluated():
    rows = {"ask": {"train": ["a", "b"], "probe": ["c"], "eval": ["d"]}, "only": {"eval": ["a", "c"]}}
    pack = memory_pack(rows, TASK, replace(TASK, name="only", train=False))
    message = refusal(built, pack)
    assert "task ask has no data in probe: the only probe record shares the prompt with eval of task only" in message
    rows["ask"]["probe"] = ["e"]
    dataset = built(memory_pack(rows, TASK, replace(TASK, name="only", train=False)))
    assert prompts(dataset, "ask", "train") == ["b"]


# Accepted answers


ACCEPTED = 'accepted = "also"'


def accepted(tmp_path, also, **more):
    rows = [{"note": "tea", "topic": "drinks"} | ({} if also is ... else {"also": also})]
    good = [{"note": word, "topic": "x", "also": []} for word in ("cake", "film")]
    pack = topic_pack(tmp_path, ACCEPTED, train=rows, probe=good[:1], eval=good[1:])
    [record] = built(pack).split("train")
    return record.accepted


@pytest.mark.parametrize(
    ("also", "expected"),
    [
        ([], ()),
        (["tea time", "about drinks"], ("tea time", "about drinks")),
        (["tea", "about tea", "tea"], ("tea", "about tea")),  # each once
        (["drinks", "tea"], ("tea",)),  # not the answer itself
        ([4, 2.5], ("4", "2.5")),
    ],
)
def test_accepted_answers_are_a_list_of_texts_and_numbers(tmp_path, also, expected):
    assert accepted(tmp_path, also) == expected


@pytest.mark.parametrize(
    ("also", "said"),
    [
        ("tea", "train.jsonl:1: field also of task topic is 'tea', not a list of accepted answers"),
        (3, "train.jsonl:1: field also of task topic is 3, not a list of accepted answers"),
        ({"text": ["tea"]}, "not a list of accepted answers"),
        (["tea", None], "train.jsonl:1: field also of task topic lists None, which is no text and no number"),
        ([["tea"]], "lists ['tea'], which is no text and no number"),
        ([True], "lists True, which is no text and no number"),
        (None, "train.jsonl:1: no field also, which the accepted answers of task topic needs"),
        (..., "train.jsonl:1: no field also, which the accepted answers of task topic needs"),
    ],
)
def test_what_is_no_list_of_answers_is_named_with_file_and_line(tmp_path, also, said):
    assert said in refusal(accepted, tmp_path, also)


def test_accepted_answers_may_lie_inside_a_field_as_squads_do(tmp_path):
    row = {"note": "tea", "answers": {"text": ["green tea", "tea"], "answer_start": [0, 6]}}
    convert = '[tasks.topic.convert]\ntopic = {at = ["answers", "text", 0]}\nalso = {at = ["answers", "text"]}'
    rows = {split: [row | {"note": split}] for split in NEEDED}
    [record] = built(topic_pack(tmp_path, f"{ACCEPTED}\n{convert}", **rows)).split("train")
    assert (record.answer, record.accepted) == ("green tea", ("tea",))


def test_two_tasks_of_one_name_are_refused():
    pack = memory_pack({"ask": {split: [split] for split in NEEDED}})
    assert "task ask is already defined by pack made" in refusal(built, pack, pack)


def test_the_fingerprint_changes_with_the_contents_alone():
    def fingerprint(answer_to_b):
        rows = {s: [s] for s in NEEDED}
        pack = memory_pack({"ask": {**rows, "train": ["a", "b"]}}, replace(TASK, answer=answer_to_b))
        return built(pack).fingerprint()["ask"]

    assert fingerprint("{a}") == fingerprint("{a}")
    assert fingerprint("{a}")["sha256"] != fingerprint("{a}!")["sha256"]
    assert fingerprint("{a}")["train"] == 2


# Definitions


@pytest.mark.parametrize(
    ("extra", "parts"),
    [
        ('metrc = "mean"', ["unknown key metrc", "did you mean metric?"]),
        ('budget = "16"', ["budget = '16'", "a whole number"]),
        ("budget = 0", ["budget = 0", "at least one token"]),
        ("budget = true", ["budget = True", "a whole number"]),
        ("pass_at = true", ["pass_at = True", "a number"]),
        ('pass_at = "0.5"', ["pass_at = '0.5'", "a number"]),
        ('think = "yes"', ["think = 'yes'", "true or false"]),
        ("think = true", ["thinks, but has no rationale"]),
        ('options = "number"', ["options = 'number'", "a table"]),
        ('on_bad_gold = "dorp"', ["on_bad_gold = 'dorp'", '"refuse" or "drop"']),
        ("candidates = 3", ["candidates = 3", "a text"]),
        ("convert = 3", ["convert is a table"]),
        ('convert = {note = {joyn = "tokens"}}', ["convert.note must be one of"]),
        ('convert = {note = "join"}', ["convert.note must be one of"]),
    ],
)
def test_a_mistaken_definition_is_named_with_file_and_task(tmp_path, extra, parts):
    path = pack_file(tmp_path, extra, train=notes("tea"))
    message = refusal(read_pack, path)
    assert message.startswith(f"{path}: task topic")
    for part in parts:
        assert part in message


@pytest.mark.parametrize("key", ["part", "family", "prompt", "answer", "reward"])
def test_what_a_definition_lacks_is_named(key):
    definition = {"part": "domain", "family": "dialogue", "prompt": "{q}", "answer": "{a}", "reward": "exact"}
    del definition[key]
    assert refusal(make_task, "ask", definition, "pack.toml") == f"pack.toml: task ask lacks {key}"


def test_the_old_word_for_the_domain_is_refused_with_the_new_one():
    definition = {"part": "sns", "family": "dialogue", "prompt": "{q}", "answer": "{a}", "reward": "exact"}
    said = 'pack.toml: task ask: part = "sns" is called part = "domain"; write that'
    assert refusal(make_task, "ask", definition, "pack.toml") == said


def test_the_domain_has_the_name_of_the_pack_that_holds_it_and_none_where_several_do():
    def pack(name, task, part):
        rows = {task: {split: [f"{task} {split}"] for split in NEEDED}}
        return replace(memory_pack(rows, replace(TASK, name=task, part=part)), name=name)

    mine, others = pack("support", "route", "domain"), pack("more", "sum", "general")
    assert built(mine, others).domain == "support"
    assert built(mine, replace(others, tasks={"sum": replace(TASK, name="sum")})).domain == ""
    assert built(others).domain == ""


def test_a_whole_number_is_a_number():
    definition = {"part": "domain", "family": "dialogue", "prompt": "", "answer": "", "reward": "exact", "pass_at": 1}
    assert make_task("ask", definition, "pack.toml").pass_at == 1


@pytest.mark.parametrize("name", ["general", "domain", "general, new"])
def test_a_task_may_not_name_an_average_as_those_of_other_tasks_are_called(name):
    definition = {"part": "domain", "family": "dialogue", "prompt": "", "answer": "", "reward": "exact"}
    assert make_task("ask", {**definition, "average": "new"}, "pack.toml").average == "new"
    message = refusal(make_task, "ask", {**definition, "average": name}, "pack.toml")
    assert message.startswith(f'pack.toml: task ask: average = "{name}", the name of an average of tasks that give no')


def test_a_general_task_belongs_to_one_of_the_groups():
    definition = {"part": "general", "family": "mathematic", "prompt": "", "answer": "", "reward": "exact"}
    message = refusal(make_task, "sum", definition, "pack.toml")
    assert 'pack.toml: task sum: family = "mathematic"; did you mean mathematics?' in message


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ("", "task topic names no data"),
        ('files = {probe = "train.jsonl"}', "task topic names no data"),
        ('files = "train.jsonl"', "task topic names no data"),
        ('files = {train = "none.jsonl"}', "--data"),
        ("files = {train = 3}", "files.train is a file"),
        ("files = {train = []}", "files.train names no file"),
        ('files = {train = ["train.jsonl", "none.jsonl"]}', "none.jsonl; say where the data lie with --data"),
        (
            'files = {train = "train.jsonl", test = "train.jsonl"}',
            "unknown split test; there are train, probe, tune, eval",
        ),
    ],
)
def test_files_that_are_missing_or_misnamed_are_named(tmp_path, files, part):
    path = pack_file(tmp_path, train=notes("tea"))
    path.write_text(f"{TABLE}{files}\n")
    message = refusal(read_pack, path)
    assert message.startswith(f"{path}: task topic")
    assert part in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "[tasks.NAME]"),
        ("[tasks]\n", "[tasks.NAME]"),
        ("tasks = 3\n", "[tasks.NAME]"),
        ("[tasks]\ntopic = 3\n", "[tasks.NAME]"),
        ("[tasks.topic\n", "not a TOML file"),
        (f'nam = "mine"\n{TABLE}', "unknown key nam; did you mean name?"),
        (f'name = ".."\n{TABLE}', "a pack cannot be called '..': "),
        (f"name = 3\n{TABLE}", "a pack cannot be called 3: a name is a text"),
        (TABLE.replace("[tasks.topic", '[tasks."a/b"'), "a task cannot be called 'a/b': "),
    ],
)
def test_a_file_that_is_not_a_pack_is_named(tmp_path, text, part):
    path = tmp_path / "pack.toml"
    path.write_text(text)
    message = refusal(read_pack, path)
    assert message.startswith(f"{path}: ")
    assert part in message


def test_a_pack_that_is_not_there_and_one_that_is_a_folder_are_named(tmp_path):
    assert refusal(read_pack, tmp_path / "none.toml") == f"{tmp_path / 'none.toml'}: there is no such pack file"
    assert refusal(read_pack, tmp_path).startswith(f"{tmp_path}: it is a folder")
