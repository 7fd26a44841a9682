"""A benchmark's file, and what becomes of the data it names."""

import gzip
import json

import pytest

from redone.measure.definitions import SUITES, definition, members, names, read_benchmark, read_records
from redone.measure.outputs import here, items_on

GOOD = """
title = "Made up"
prompts = "prompts.json"
[readings.parity]
reward = "exact_match"
[subsets.one]
file = "one.jsonl"
prompt = "Q: {text}\\nA:"
answer = "{label}"
"""
ROWS = [{"text": "first", "label": "a", "kind": "x"}, {"text": "second", "label": "b", "kind": "y"}]


def write(tmp_path, text, **files):
    (tmp_path / "made.toml").write_text(text, encoding="utf-8")
    for name, rows in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_benchmark(tmp_path / "made.toml")


def asked(benchmark, data):
    return [record.messages[0]["content"] for record in read_records(benchmark, data)["one"]]


@pytest.mark.parametrize("name", [name for name in names() if name not in SUITES])
def test_every_definition_can_be_read_and_says_how_it_is_done(name):
    benchmark = definition(name)
    assert benchmark.name == name
    assert len(benchmark.about.split()) > 10
    for subset in benchmark.subsets.values():
        assert subset.file or subset.hub, f"{subset.name} names no data"


def test_no_two_benchmarks_of_a_suite_share_a_subset():
    everything = map(definition, [name for name in names() if name not in SUITES])
    mine = [subset for b in everything if b.suite == "general" for subset in b.subsets]
    assert len(mine) == len(set(mine))


def test_without_data_a_suite_is_what_the_hub_has():
    here, missing = members("general", None)
    assert {"gsm8k", "mmlu", "gpqa-diamond"} <= {benchmark.name for benchmark in here}
    assert {"ceval", "wmt22", "newsbench"} <= set(missing)


def test_records_are_numbered_in_file_order_and_asked_by_the_template(tmp_path):
    records = read_records(write(tmp_path, GOOD, one=ROWS), tmp_path)["one"]
    assert [record.id for record in records] == ["one/0", "one/1"]
    assert [record.answer for record in records] == ["a", "b"]
    assert records[1].messages == ({"role": "user", "content": "Q: second\nA:"},)


def test_the_authors_prompts_are_used_where_they_lie_beside_the_data(tmp_path):
    benchmark = write(tmp_path, GOOD, one=ROWS)
    (tmp_path / "prompts.json").write_text(json.dumps({"one": {"system": "Say.", "user": "{text}?"}}), encoding="utf-8")
    assert asked(benchmark, tmp_path) == ["Say.\nfirst?", "Say.\nsecond?"]
    for text, said in (("{}]", "not JSON"), ("[]", "not a file of prompts"), ('{"one": 1}', "not a file of prompts")):
        (tmp_path / "prompts.json").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=rf"prompts\.json: {said}"):
            read_records(benchmark, tmp_path)


def test_examples_come_before_the_question_those_of_its_group_first_ones_first(tmp_path):
    text = GOOD + 'description = "About {kind}.\\n\\n"\nshots = {file = "dev.jsonl", count = 1, by = "kind"}\n'
    dev = [{"text": t, "label": "c", "kind": k} for t, k in (("p", "x"), ("q", "x"), ("r", "y"))]
    benchmark = write(tmp_path, text, one=ROWS, dev=dev)
    assert asked(benchmark, tmp_path)[0] == "About x.\n\nQ: p\nA: c\n\nQ: first\nA:"
    assert asked(benchmark, tmp_path)[1] == "About y.\n\nQ: r\nA: c\n\nQ: second\nA:"


def test_examples_are_not_needed_where_outputs_are_only_scored(tmp_path):
    benchmark = write(tmp_path, GOOD + 'shots = {file = "dev.jsonl", count = 1}\n', one=ROWS)
    with pytest.raises(ValueError, match=r"dev\.jsonl"):
        read_records(benchmark, tmp_path)
    assert len(read_records(benchmark, tmp_path, ask=False)["one"]) == 2


def test_examples_may_be_one_text_for_each_group(tmp_path):
    text = GOOD + 'shots = {file = "texts.json", by = "kind", text = true}\n'
    benchmark = write(tmp_path, text, one=ROWS)
    (tmp_path / "texts.json").write_text(json.dumps({"x": "Think.", "y": "Ponder."}), encoding="utf-8")
    assert asked(benchmark, tmp_path) == ["Think.\n\nQ: first\nA:", "Ponder.\n\nQ: second\nA:"]
    (tmp_path / "texts.json").write_text(json.dumps({"x": "Think."}), encoding="utf-8")
    with pytest.raises(ValueError, match="no text for 'y'"):
        read_records(benchmark, tmp_path)


def test_the_data_may_lie_in_a_folder_of_benchmarks_and_be_gzipped(tmp_path):
    benchmark = write(tmp_path, GOOD)
    (tmp_path / "made").mkdir()
    with gzip.open(tmp_path / "made" / "one.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in ROWS)
    assert len(asked(benchmark, tmp_path)) == 2
    assert len(asked(benchmark, tmp_path / "made")) == 2


def test_a_file_may_be_one_json_list(tmp_path):
    benchmark = write(tmp_path, GOOD.replace("one.jsonl", "one.json"))
    (tmp_path / "one.json").write_text(json.dumps(ROWS), encoding="utf-8")
    assert len(asked(benchmark, tmp_path)) == 2
    (tmp_path / "one.json").write_text(json.dumps(ROWS)[:-9], encoding="utf-8")
    with pytest.raises(ValueError, match=r"one\.json: not JSON \(Unterminated string starting at column 81\)"):
        read_records(benchmark, tmp_path)


def test_a_missing_a_truncated_and_an_empty_file_are_named(tmp_path):
    benchmark = write(tmp_path, GOOD)
    with pytest.raises(ValueError, match=r"made: one needs one\.jsonl \(or one\.jsonl\.gz\)"):
        read_records(benchmark, tmp_path)
    whole = gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode())
    (tmp_path / "one.jsonl.gz").write_bytes(whole[:-12])
    with pytest.raises(ValueError, match=r"one\.jsonl\.gz:\d+: the gzip file is damaged or cut off"):
        read_records(benchmark, tmp_path)
    (tmp_path / "one.jsonl.gz").unlink()
    (tmp_path / "one.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="there are no items"):
        read_records(benchmark, tmp_path)


def test_a_row_without_a_field_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"one\.jsonl: item 1: no field text"):
        read_records(write(tmp_path, GOOD, one=[ROWS[0], {"label": "b"}]), tmp_path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('group = "subject"', r"one\.jsonl: item 0: no field subject"),
        ('drop = "bad"', r"one\.jsonl: item 0: no field bad"),
        ('description = "About {topic}."', r"one\.jsonl: item 0: no field topic"),
        ('shots = {file = "dev.jsonl", count = 1, by = "kind"}', r"dev\.jsonl: item 0: no field kind"),
        ('shots = {file = "dev.jsonl", count = 1, prompt = "{hint}"}', r"dev\.jsonl: item 0: no field hint"),
    ],
)
def test_a_field_that_is_missing_anywhere_is_named_with_its_place(tmp_path, more, said):
    benchmark = write(tmp_path, f"{GOOD}{more}\n", one=ROWS, dev=[{"text": "p", "label": "c"}])
    with pytest.raises(ValueError, match=said):
        read_records(benchmark, tmp_path)


def test_rows_come_from_the_hub_where_there_is_no_folder(tmp_path):
    """A folder is a hub repository to the client."""
    (tmp_path / "hub").mkdir()
    rows = [{"question": "first", "label": "a"}]
    (tmp_path / "hub" / "test.jsonl").write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    hub = f'{{path = "{tmp_path / "hub"}", split = "test", convert = {{text = {{same = "question"}}}}}}'
    text = GOOD + f"hub = {hub}\n"
    assert asked(write(tmp_path, text), None) == ["Q: first\nA:"]
    shots = f'shots = {{file = "none.jsonl", count = 1, hub = {hub}}}\n'
    assert asked(write(tmp_path, text + shots), None) == ["Q: first\nA: a\n\nQ: first\nA:"]
    with pytest.raises(ValueError, match="could not be loaded from the hub"):
        read_records(write(tmp_path, text.replace("/hub", "/none")), None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("title", "titel"), "unknown key titel; did you mean title"),
        (("file =", "fiel ="), "subset one: unknown key fiel; did you mean file"),
        (("reward =", "reword ="), "reading parity: unknown key reword; did you mean reward"),
        (("[subsets.one]", 'aggregate = "macro_f1"\n[subsets.one]'), "reading parity: macro_f1 is over labels, which"),
        (
            ("[subsets.one]", 'aggregate = "micro_f"\n[subsets.one]'),
            "subset one: reading parity: there is no aggregate micro_f; did you mean micro_f1?",
        ),
        (("[subsets.one]", "aggregate = [1]\n[subsets.one]"), "reading parity: there is no aggregate [1]"),
        (
            ("exact_match", "exact_mach"),
            "subset one: reading parity: there is no reward exact_mach; did you mean exact_match?",
        ),
        (("[subsets.one]", "[subset.one]"), "unknown key subset; did you mean subsets"),
        (('prompt = "Q', 'convert = {x = {jion = "y"}}\nprompt = "Q'), "convert.x must be one of"),
        (('title = "Made up"', 'columns = {A = ["two"]}'), "column A names two"),
        (("[readings.parity]\nreward", "[every]\nstop"), "has no readings"),
    ],
)
def test_a_mistake_in_a_definition_is_named(tmp_path, change, said):
    with pytest.raises(ValueError, match=r"made\.toml: ") as refusal:
        write(tmp_path, GOOD.replace(*change))
    assert said in str(refusal.value)


def test_an_unknown_benchmark_and_an_empty_suite_are_said(tmp_path):
    with pytest.raises(ValueError, match="did you mean gsm8k"):
        definition("gsm8")
    with pytest.raises(ValueError, match="no folder of general's benchmarks"):
        members("general", tmp_path)


ACCEPTING = """
title = "Made up"
[readings.strict]
reward = "exact_match"
[readings.f1]
reward = "token_f1"
[subsets.one]
file = "one.jsonl"
prompt = "{q}"
answer = "{first}"
accepted = "answers"
convert = {first = {at = ["answers", 0]}}
"""


def test_an_answer_is_read_against_every_accepted_one_and_the_best_counts(tmp_path):
    """Word F1 against "Denver Broncos" is 2 * 1 / (1 + 2), against "the Broncos" as much, against "Broncos" 1."""
    rows = [{"q": "Who?", "answers": ["Denver Broncos", "Broncos", "the Broncos"]}, {"q": "When?", "answers": ["2016"]}]
    benchmark = write(tmp_path, ACCEPTING, one=rows)
    records = read_records(benchmark, tmp_path)
    assert [record.accepted for record in records["one"]] == [("Broncos", "the Broncos"), ()]
    subset = benchmark.subsets["one"]

    def scores(*outputs):
        found = items_on(subset, records["one"], [[one] for one in outputs], here(subset), lambda *_: None)
        return [(item.score("strict"), round(item.score("f1"), 3)) for item in found]

    assert scores("Broncos", "2016") == [(1.0, 1.0), (1.0, 1.0)]
    assert scores("Denver", "Broncos") == [(0.0, 0.667), (0.0, 0.0)]


@pytest.mark.parametrize(
    "reading", ['reward = "json_schema"', 'reward = "exact_match"\noptions = {reference = "label"}']
)
def test_a_reading_that_does_not_compare_with_the_answer_takes_no_accepted_ones(tmp_path, reading):
    text = ACCEPTING.replace('reward = "token_f1"', reading)
    with pytest.raises(ValueError, match=r"made\.toml: subset one: reading f1: .* reads no accepted answers"):
        write(tmp_path, text)
