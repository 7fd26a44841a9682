"""General-Bench's definitions: which answer an output is read as, what gold, empty and trivial answers score on the
real data, and the sets that are not at hand on made-up rows of their format."""

import importlib.util
import json
import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from redone import cli
from redone.benchmark.harness import chosen
from redone.benchmark.readings import read
from redone.files import read_jsonl, write_jsonl
from redone.measure.definitions import definition, read_records
from redone.records import Record

DATA = os.environ.get("REDONE_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="REDONE_DATA does not name a folder with the real data sets")

ENGLISH = [
    ("C", "C"),
    ("c", "C"),
    (" C\n", "C"),
    ("C.", "C"),
    ("(C)", "C"),
    ("**C**", "C"),
    ("C. The cell wall", "C"),
    ("(C) The cell wall", "C"),
    ("The answer is C", "C"),
    ("The answer is (C).", "C"),
    ("Answer: C", "C"),
    ("**Answer:** C", "C"),
    ("ANSWER: **C**", "C"),
    ("The answer is: C) 42", "C"),
    ("The correct answer is option C because A is wrong.", "C"),
    ("The correct answer to this question is (C).", "C"),
    ("A is wrong, so the answer would be C.", "C"),
    ("A. tea\nB. rain\nC. sea\nAnswer: C", "C"),
    ("Option C is correct.", "C"),
    ("C is the correct answer, not A", "C"),
    ("A looks right, but I would choose C", "C"),
    ("I think it's C.", "C"),
    ("A good question. It is C.", "C"),
    (r"A and B fail, so \boxed{C}", "C"),
    (r"First \boxed{A}, then, after all, $\boxed{\text{C}}$.", "C"),
    ("the final answer: $\\text{C}$", "C"),
    ("The answer is not A. I choose C.", "C"),
    ("The answer is C. No, the answer is D.", "C"),  # the first
    ("A B C D", "A"),  # a list of all chooses its first
    ("", ""),
    ("Apple", ""),
    ("DNA and RNA are acids", ""),
    ("A cell has a wall", ""),
    ("None of them", ""),
    ("E", ""),
    ("The answer is 42", ""),
]
CHINESE = [
    ("答案是C", "C"),
    ("答案：C", "C"),
    ("答案: C", "C"),
    ("答案：\nC", "C"),
    ("选C", "C"),
    ("故选：C", "C"),
    ("故选C。", "C"),
    ("Ｃ", "C"),
    ("（Ｃ）", "C"),
    ("C。", "C"),
    ("C选项", "C"),
    ("答案为 **C**", "C"),
    ("答案选C", "C"),
    ("答案应该是 C", "C"),
    ("正确选项为Ｃ", "C"),
    ("【答案】C", "C"),
    ("【答案】 C <eoe>", "C"),
    ("正确答案是：C。因为A错误", "C"),
    ("A项错误；C项正确。故选C", "C"),
    ("选项A不正确，选项C正确，因此答案是C", "C"),
    ("我认为应该选择C选项", "C"),
    ("不选A，选C", "C"),
    ("答案不是A，选C", "C"),
    (r"A错，因此 \boxed{C}", "C"),
    ("根据题意，C 正确", "C"),
    ("DNA是遗传物质", ""),
    ("我不知道", ""),
    ("答案是三", ""),
]


@pytest.mark.parametrize(("output", "letter"), ENGLISH + CHINESE)
def test_the_letter_that_an_answer_chooses(output, letter):
    assert chosen(output) == letter


@pytest.mark.parametrize(
    ("output", "letter"), [("I think it is J.", "J"), ("I", "I"), ("The answer is (I).", "I"), ("I am not sure", "")]
)
def test_the_word_i_is_no_letter_where_there_are_ten(output, letter):
    assert chosen(output, "ABCDEFGHIJ") == letter


@pytest.mark.parametrize(
    "text", ["answer ", "answer:", "答案", "选(", "\\boxed{", "A is ", "choose ", "(", " ", "Ａ（"]
)
def test_a_letter_is_found_in_time_that_grows_with_the_length_alone(text):
    start = time.process_time()
    chosen(text * (1_000_000 // len(text)))
    assert time.process_time() - start < 5


def item(answer="x", **fields):
    return Record("x/0", "x", ({"role": "user", "content": "?"},), answer, "eval", "x", fields=fields)


def scored(benchmark, reading, record, output):
    subset = next(iter(definition(benchmark).subsets.values()))
    [mine] = [one for one in subset.readings if one.name == reading]
    return read(mine.task, record, output, True).score


@pytest.mark.parametrize(
    ("target", "output", "harness", "lenient"),
    [
        ("(A)", "So the answer is (A).", 1, 1),
        ("(A)", "So the answer is (A)", 0, 1),  # the harness drops the last character
        ("(A)", "So the answer is A.", 0, 1),
        ("(A)", "**The answer is: (A)**", 0, 1),
        ("(A)", "So the answer is (A) the red one.", 0, 1),
        ("(A)", "(A)", 0, 1),
        ("(A)", "The answer is (B). No: the answer is (A).", 1, 1),  # the capital The hides the first from the harness
        ("(A)", "So the answer is (B). No: the answer is (A).", 0, 1),
        ("(A)", "So the answer is (B).", 0, 0),
        ("(A)", "So the answer is (a).", 0, 1),
        ("(A)", "(B) or (A)", 0, 0),
        ("Yes", "So the answer is Yes.", 1, 1),
        ("Yes", "So the answer is yes.", 0, 1),
        ("Yes", "So the answer is Yes.\n\nQ: Is it?", 1, 1),
        ("Yes", "Yes, it is", 0, 0),
        ("-35", "So the answer is -35.", 1, 1),
        ("-35", "So the answer is 35.", 0, 0),
        ("] ) ]", "So the answer is ] ) ].", 1, 1),
        ("] ) ]", "So the answer is ] ].", 0, 0),
        ("ant bee", "So the answer is ant  bee.", 0, 0),
        ("ant bee", "", 0, 0),
    ],
)
def test_answers_of_bbh_are_read_as_by_the_harness_and_leniently(target, output, harness, lenient):
    record = item(target=target)
    assert scored("bbh", "harness", record, output) == harness
    assert scored("bbh", "lenient", record, output) == lenient


@pytest.mark.parametrize(
    ("output", "authors", "lenient"),
    [
        ("Yes", 1, 1),
        ("Yes.", 1, 1),
        ("yes", 0, 1),
        ("Yes, it says so.\nIt is wrong.", 1, 1),
        ("Yes. No doubt.", 0, 1),  # holds both
        ("Yes, none of it is true: Nothing.", 0, 1),  # "Nothing" begins with No, as the authors look for it
        ("No", 0, 0),
        ("Perhaps", 0, 0),
        ("", 0, 0),
    ],
)
def test_answers_of_halueval_are_read_as_by_its_authors_and_leniently(output, authors, lenient):
    assert scored("halueval", "authors", item("Yes"), output) == authors
    assert scored("halueval", "lenient", item("Yes"), output) == lenient


@pytest.mark.parametrize(
    ("output", "generative", "lenient"),
    [("C", 1, 1), (" c.", 1, 1), ("C\n\nQuestion:", 1, 1), ("\nC", 0, 1), ("C. sea", 0, 1), ("The answer is C", 0, 1)],
)
def test_answers_of_mmlu_are_read_as_by_the_harness_and_leniently(output, generative, lenient):
    assert scored("mmlu", "generative", item("C"), output) == generative
    assert scored("mmlu", "lenient", item("C"), output) == lenient


@pytest.mark.parametrize(
    ("output", "harness", "lenient"),
    [
        ("So the answer is (J).", 1, 1),
        ("the answer is J", 1, 1),
        ("Answer: J", 0, 1),
        ("I think it must be J", 0, 1),
        ("The answer is (I).", 0, 0),
        ("the answer is Just so", 1, 0),  # the harness takes the J of a word
    ],
)
def test_answers_of_mmlu_pro_are_read_as_by_the_harness_and_leniently(output, harness, lenient):
    record = replace(item(), fields={"answer": "J"})
    assert scored("mmlu-pro", "harness", record, output) == harness
    assert scored("mmlu-pro", "lenient", record, output) == lenient


def folder(tmp_path, files):
    for name, rows in files.items():
        write_jsonl(tmp_path / name, rows)
    return tmp_path


def question(subject, number, answer):
    return {
        "subject": subject,
        "question": f" 问题{number} ",
        "choices": ["一", "二", "三", "四"],
        "answer": answer,
        "explanation": "因为",
    }


def test_ceval_is_asked_with_its_subjects_examples_and_averaged_over_subjects(tmp_path):
    rows = [question("law", 1, "A"), *(question("logic", n, "B") for n in (2, 3, 4))]
    shots = [question("logic", 9, "D"), question("law", 8, "C"), question("law", 7, "B")]
    data = folder(tmp_path, {"val.jsonl": rows, "dev.jsonl": shots})
    [first, *_] = read_records(definition("ceval"), data)["ceval"]
    options = "A. 一\nB. 二\nC. 三\nD. 四"
    assert first.prompt_text == (
        "以下是中国关于法学的单项选择题，请选出其中的正确答案。\n\n"
        f"问题8\n{options}\n答案： C\n\n"
        f"问题7\n{options}\n答案： B\n\n"
        f"问题1\n{options}\n答案："
    )
    outputs = [{"id": f"ceval/{i}", "output": text} for i, text in enumerate(["选A", "B", "C", "不知道"])]
    write_jsonl(tmp_path / "predictions.jsonl", outputs)
    told = ["--benchmark", "ceval", "--data", str(data), "--predictions", str(tmp_path / "predictions.jsonl")]
    assert cli.main(["score", *told, "--json", str(tmp_path / "out.json")]) == 0
    subset = json.loads((tmp_path / "out.json").read_text("utf-8"))["subsets"]["ceval"]
    assert subset["score"] == pytest.approx((100 + 100 / 3) / 2)  # of all four items it would be 50
    assert subset["n"] == 4


def test_an_item_of_newsbench_without_a_text_is_asked_without_it(tmp_path):
    row = {"facet": "f", "task": "t", "instruction": "选一项", "choices": "A:一\nB:二", "answer_letter": "B"}
    data = folder(tmp_path, {"objective.jsonl": [{**row, "input": None}, {**row, "input": "新闻"}]})
    without, with_text = read_records(definition("newsbench"), data)["newsbench"]
    assert "选一项\n\n\n\nA:一\nB:二\n" in without.prompt_text
    assert "选一项\n\n新闻\n\nA:一\nB:二\n" in with_text.prompt_text
    assert without.fields["part"] == "f t"


# benchmark -> subset -> items; ifeval has no gold answers
COUNTS = {
    "mmlu": {"mmlu": 14_042},
    "mmlu-cloze": {"mmlu-cloze": 14_042},
    "cmmlu": {"cmmlu": 11_582},
    "ceval": {"ceval": 1_346},
    "bbh": {"bbh": 6_511},
    "newsbench": {"newsbench": 450},
    "gsm8k": {"gsm8k": 1_319},
    "math500": {"math500": 500},
    "aime24": {"aime24": 30},
    "aime25": {"aime25": 30},
    "halueval": {"halueval": 4_507},
    "compassbench": {"compassbench_knowledge": 65, "compassbench_math": 40},
}


@pytest.fixture(scope="module")
def real():
    """The real records of a benchmark by subset, each read once."""
    known = {}

    def of(name):
        if name not in known:
            known[name] = read_records(definition(name), Path(DATA))
        return known[name]

    return of


@needs_data
@pytest.mark.parametrize("name", COUNTS)
def test_gold_answers_score_one_and_empty_answers_none_in_every_reading(real, name):
    assert {subset: len(records) for subset, records in real(name).items()} == COUNTS[name]
    for subset, records in real(name).items():
        for reading in definition(name).subsets[subset].readings:
            assert [r.id for r in records if read(reading.task, r, r.answer, True).score != 1] == [], reading.name
            assert [r.id for r in records if read(reading.task, r, "", True).score] == [], reading.name


@needs_data
@pytest.mark.parametrize(
    ("name", "file", "field", "answers"),
    [
        ("mmlu", "mmlu/test.jsonl.gz", "answer", {f"always {letter}": letter for letter in "ABCD"}),
        ("cmmlu", "cmmlu/test.jsonl.gz", "answer", {f"always {letter}": letter for letter in "ABCD"}),
        ("ceval", "ceval/val.jsonl.gz", "answer", {f"always {letter}": letter for letter in "ABCD"}),
        ("newsbench", "newsbench/objective.jsonl.gz", "answer_letter", {"always D": "D"}),
        ("halueval", "halueval/general_data.jsonl.gz", "hallucination", {"always Yes": "yes", "always No": "no"}),
        ("bbh", "bbh/test.jsonl.gz", "target", {"always (A)": "(A)", "always Yes": "Yes"}),
    ],
)
def test_trivial_answers_are_right_as_often_as_the_files_say(real, name, file, field, answers):
    counted = Counter(row[field] for row in read_jsonl(Path(DATA, file)))
    subset = definition(name).subsets[name]
    for trivial, answer in answers.items():
        scores = [read(subset.readings[0].task, r, subset.trivial[trivial], True).score for r in real(name)[name]]
        assert sum(scores) == counted[answer] > 0


@needs_data
def test_no_canary_is_in_a_prompt_of_bbh(real):
    assert not any("canary" in record.prompt_text for record in real("bbh")["bbh"])


PRO = {
    "question_id": 1,
    "question": "Which is the largest?",
    "options": ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
    "answer": "J",
    "answer_index": 9,
    "cot_content": "",
    "category": "math",
    "src": "made up",
}


def diamond(number):
    return {
        "Question": f"What is {number} twice?\n",
        "Correct Answer": f"{2 * number}\n",
        "Incorrect Answer 1": f"{number}",
        "Incorrect Answer 2": f"{3 * number} ",
        "Incorrect Answer 3": "none",
        "High-level domain": "Physics",
        "Record ID": str(number),
    }


GAOKAO = {
    "year": "2015",
    "category": "（新课标）",
    "question": "1．一加一等于（ ） A．一 B．二 C．三 D．四",
    "answer": ["B"],
    "analysis": "",
    "index": 0,
    "score": 5,
}


@pytest.fixture(params=["folder", "hub"])
def loaded(request, tmp_path):
    """A function that reads rows as a benchmark's subset, from a folder, or by the hub's client from a local file."""

    def load(name, rows):
        benchmark = definition(name)
        subset = next(iter(benchmark.subsets.values()))
        write_jsonl(tmp_path / subset.file, rows)
        if request.param == "folder":
            return subset, read_records(replace(benchmark, subsets={subset.name: subset}), tmp_path)[subset.name]
        if importlib.util.find_spec("datasets") is None:
            pytest.skip("needs datasets, the hub's client")
        local = {"path": "json", "data_files": str(tmp_path / subset.file), "cache_dir": str(tmp_path / "cache")}
        subset = replace(subset, hub={**local, "split": "train"})
        return subset, read_records(replace(benchmark, subsets={subset.name: subset}), None)[subset.name]

    return load


def test_mmlu_pro_is_read_in_its_published_format(loaded):
    subset, [record] = loaded("mmlu-pro", [PRO])
    assert "about math" in record.prompt_text
    assert "\nA. one\nB. two\n" in record.prompt_text
    assert "\nJ. ten\nAnswer: Let's think step by step." in record.prompt_text
    assert [read(r.task, record, record.answer, True).score for r in subset.readings] == [1, 1]
    assert subset.group in record.fields


def test_the_options_of_gpqa_stand_in_an_order_that_the_texts_fix(loaded):
    subset, records = loaded("gpqa-diamond", [diamond(number) for number in range(1, 41)])
    for number, record in enumerate(records, 1):
        letter = record.fields["letter"]
        assert f"\n{letter}. {2 * number}\n" in record.prompt_text
        assert all(f". {text}\n" in record.prompt_text for text in (number, 3 * number, "none"))
        assert read(subset.readings[0].task, record, record.answer, True).score == 1
        others = [other for other in "ABCD" if other != letter]
        assert not any(read(subset.readings[0].task, record, f"Answer: {other}", True).score for other in others)
    assert min(Counter(record.fields["letter"] for record in records)[letter] for letter in "ABCD") >= 3


def test_the_order_of_gpqa_does_not_depend_on_its_neighbours(loaded):
    _, records = loaded("gpqa-diamond", [diamond(3), diamond(4)])
    alone = read_records_of(diamond(4), loaded)
    assert alone.prompt_text == records[1].prompt_text


def read_records_of(row, loaded):
    _, [record] = loaded("gpqa-diamond", [row])
    return record


def test_gaokaobench_is_read_in_its_published_format(loaded):
    subset, [record] = loaded("gaokaobench", [GAOKAO])
    assert record.prompt_text.startswith(GAOKAO["question"])
    assert read(subset.readings[0].task, record, record.answer, True).score == 1
    assert read(subset.readings[0].task, record, "【答案】 B <eoe>", True).score == 1
    assert read(subset.readings[0].task, record, "A错误，故选C", True).score == 0
