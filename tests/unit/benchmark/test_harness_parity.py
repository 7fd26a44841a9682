"""GSM8K, MMLU, BBH and IFEval on 500 made outputs each: every verdict, score and prompt against lm-evaluation-harness,
whose own task files are pointed at the local data."""

import importlib
import importlib.util
import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from redone.benchmark.aggregate import Totals
from redone.benchmark.readings import AGGREGATES, read
from redone.files import read_jsonl
from redone.measure.definitions import definition, read_records
from redone.rewards.ifeval import SEED

DATA = os.environ.get("REDONE_DATA")
MADE = 500
RANDOM = (1122, 1129)  # keys of IFEval's prompts in which the harness counts a letter that it draws anew each time

pytestmark = pytest.mark.skipif(not DATA, reason="REDONE_DATA does not name a folder with the real data sets")


@pytest.fixture(scope="module")
def harness(punkt):
    """A function that makes the harness's task of a file of its own, over the given documents by split."""
    for name in ("lm_eval", "datasets", "dill", "immutabledict", "langdetect", "nltk"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}, which the harness imports")
    if not punkt:
        pytest.skip("needs NLTK's data punkt_tab")
    before = set(sys.modules)
    if importlib.util.find_spec("requests") is None:
        sys.modules["requests"] = ModuleType("requests")  # it is for the harness's models behind a URL alone
    datasets = importlib.import_module("datasets")
    task = importlib.import_module("lm_eval.api.task")
    loader = importlib.import_module("lm_eval.tasks._yaml_loader")
    folder = Path(loader.__file__).parent

    def make(file: str, documents: Mapping[str, list]):
        tables = {split: datasets.Dataset.from_list(rows) for split, rows in documents.items()}
        return task.ConfigurableTask(config={**loader.load_yaml(folder / file), "custom_dataset": lambda **_: tables})

    yield make
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("lm_eval", "requests"):
            del sys.modules[name]


def theirs(task, documents, outputs):
    """The harness's own results: for each of its filters, each output's metrics, and each metric over all."""
    instance = importlib.import_module("lm_eval.api.instance").Instance
    task._instances = [
        instance("generate_until", document, ("", {}), 0, (task.config.task, i, 1), [output])
        for i, (document, output) in enumerate(zip(documents, outputs))
    ]
    task.apply_filters()
    found = {}
    for name in task._instances[0].filtered_resps:
        each = [task.process_results(one.doc, [one.filtered_resps[name]]) for one in task._instances]
        over = {metric: task.aggregation()[metric]([one[metric] for one in each]) for metric in each[0]}
        found[name] = each, over
    return found


def ours(subset, reading, records, outputs):
    """Each output's verdict and the score over all."""
    [mine] = [one for one in subset.readings if one.name == reading]
    verdicts = [read(mine.task, record, output, True) for record, output in zip(records, outputs)]
    totals = Totals(verdicts, np.ones((1, len(verdicts))))
    return verdicts, AGGREGATES[mine.aggregate](totals)["score"][0]


def noisy(gold: str, other: str, prompt: str, rng: random.Random) -> str:
    """An output that is nearly the reference: cut, wrapped, recased, repeated, or another item's."""
    last = gold.split()[-1]
    return rng.choice(
        [
            gold,
            other,
            "",
            " \n",
            last,
            f" {last}.",
            f"{last}\n\n{other}",
            f"{gold}\0",
            f"\n{gold}",
            f"{gold}\n\n{prompt[:200]}",
            f"{gold} {other}",
            f"{other}\n{gold}",
            gold[: rng.randrange(len(gold) + 1)],
            gold.removesuffix("."),
            f"{gold}.",
            gold.lower(),
            gold.upper(),
            gold.replace(" ", "  "),
            gold.replace("answer is", "Answer is"),
            gold.replace("#### ", rng.choice(["####", "#### $", "#### -", "####  ", "## "])),
            f"{gold} dollars",
            gold.replace(last, f"{int(last):,}") if last.isdigit() else f"{gold},",
            f"{gold}.00",
            f"**{last}**",
            f"```\n{gold}\n```",
            f"({last})",
            f"{last}) because of that",
            f"So the answer is {last}",
            f"the answer is {last}. No, the answer is {other}",
            f"The answer is: {last}",
            "".join(rng.choice("#0123456789.,$- \n(ABCD)") for _ in range(20)),
            "\ud800" + gold,
        ]
    )


def made(records, seed):
    """(records, outputs): MADE of each, the records in turn."""
    rng = random.Random(seed)
    chosen = rng.sample(records, min(MADE, len(records)))
    others = rng.sample(records, len(chosen))
    return chosen, [noisy(r.answer, o.answer, r.prompt_text, rng) for r, o in zip(chosen, others)]


def agree(their, our, metric):
    """Asserts that each and all are equal, and that there was something to compare."""
    (each, over), (verdicts, score) = their, our
    assert [verdict.score for verdict in verdicts] == [float(one[metric]) for one in each]
    assert score == pytest.approx(100 * over[metric], abs=1e-9)
    assert 5 < score < 95


def test_gsm8k_is_scored_as_by_the_harness_strict_and_flexible(harness):
    subset = definition("gsm8k").subsets["gsm8k"]
    records, outputs = made(read_records(definition("gsm8k"), Path(DATA))["gsm8k"], 1)
    documents = [dict(record.fields) for record in records]
    task = harness("gsm8k/gsm8k.yaml", {"train": documents, "test": documents})
    found = theirs(task, documents, outputs)
    agree(found["strict-match"], ours(subset, "strict", records, outputs), "exact_match")
    agree(found["flexible-extract"], ours(subset, "flexible", records, outputs), "exact_match")
    assert all(record.prompt_text.endswith("\n\n" + task.doc_to_text(record.fields)) for record in records)


def test_mmlu_is_asked_and_scored_as_by_the_harness(harness):
    """By subject, because each has a file; the harness weights subjects by size."""
    benchmark = definition("mmlu")
    records, outputs = made(read_records(benchmark, Path(DATA))["mmlu"], 2)
    each, sizes, scores = [], [], []
    subjects = sorted({record.fields["subject"] for record in records})
    for subject in subjects:
        places = [i for i, record in enumerate(records) if record.fields["subject"] == subject]
        documents = [placed(records[i].fields) for i in places]
        shots = [placed(row) for row in dev() if row["subject"] == subject]
        task = harness(f"mmlu/generative/mmlu_{subject}.yaml", {"test": documents, "dev": shots})
        assert records[places[0]].prompt_text == task.fewshot_context(documents[0], num_fewshot=5)
        own, over = theirs(task, documents, [outputs[i] for i in places])["get_response"]
        each += zip(places, own)
        sizes.append(len(places))
        scores.append(over["exact_match"])
    their = overall(each, sizes, scores)
    agree(their, ours(benchmark.subsets["mmlu"], "generative", records, outputs), "exact_match")
    assert len(subjects) == 57


def overall(each, sizes, scores):
    """The harness's verdicts on all items, given with their places, and its score over all of a group's tasks."""
    metrics = importlib.import_module("lm_eval.api.metrics")
    total = metrics.aggregate_subtask_metrics(scores, sizes, weight_by_size=True)
    return [one for _, one in sorted(each, key=lambda pair: pair[0])], {"exact_match": total}


def placed(row):
    """A row with its answer as the harness's data have it: a place, from 0."""
    return {"question": row["question"], "choices": row["choices"], "answer": "ABCD".index(row["answer"])}


def dev():
    return read_jsonl(Path(DATA) / "mmlu" / "dev.jsonl")


def test_bbh_is_asked_and_scored_as_by_the_harness(harness):
    benchmark = definition("bbh")
    records, outputs = made(read_records(benchmark, Path(DATA))["bbh"], 3)
    each, sizes, scores, same = [], [], [], 0
    tasks = sorted({record.fields["task"] for record in records})
    for name in tasks:
        places = [i for i, record in enumerate(records) if record.fields["task"] == name]
        documents = [{key: records[i].fields[key] for key in ("input", "target")} for i in places]
        task = harness(f"bbh/cot_fewshot/{name}.yaml", {"test": documents})
        for i, document in zip(places, documents):
            one, other = records[i].prompt_text, task.fewshot_context(document, num_fewshot=3)
            if name == "sports_understanding":  # the official examples have a space where the harness breaks the line
                one, other = one.split(), other.split()
            same += one == other
        own, over = theirs(task, documents, [outputs[i] for i in places])["get-answer"]
        each += zip(places, own)
        sizes.append(len(places))
        scores.append(over["exact_match"])
    their = overall(each, sizes, scores)
    agree(their, ours(benchmark.subsets["bbh"], "harness", records, outputs), "exact_match")
    assert len(tasks) == 27
    assert same == MADE


def shaped(record, other, rng):
    """An answer to a prompt of IFEval that follows some of its instructions."""
    arguments = {k: v for given in record.fields["kwargs"] for k, v in given.items() if v}
    words = [*(arguments.get("keywords") or ()), arguments.get("keyword") or "tea", "the", "sea"]
    text = " ".join(
        rng.choice([*words, "Rain fell.", "It is so", "and we ran home"]) for _ in range(rng.randrange(400))
    )
    if phrase := arguments.get("end_phrase"):
        text = f"{text} {phrase}"
    if repeated := arguments.get("prompt_to_repeat"):
        text = f"{repeated}\n{text}"
    for change in rng.sample(SHAPES, rng.randrange(3)):
        text = change(text)
    return rng.choice([text, text, text, text, record.prompt_text, other.prompt_text, f"*Sure!*\n{text}\nDone.", ""])


SHAPES = [
    str.upper,
    str.lower,
    lambda text: text.replace(",", ""),
    lambda text: f'"{text}"',
    lambda text: f"<<Rain>>\n\n{text}",
    lambda text: f"{text}\n\nP.S. More rain. P.P.S. And more",
    lambda text: "* one\n* two\n* three\n" + text,
    lambda text: f"*a* and *b* and **c**. {text} [name] [place] [time] [day]",
    lambda text: f"{text}\n***\n{text}",
    lambda text: f"{text}******{text} no",
    lambda text: "\n\n".join([text[:50], text[50:99], text[99:]]),
    lambda text: '```json\n{"a": 1}\n```',
    lambda text: "My answer is yes. " + text,
    lambda text: f"SECTION 1 {text} SECTION 2 {text} Section 3",
]


def test_ifeval_is_scored_as_by_the_harness_by_prompt_and_by_instruction(harness, monkeypatch, caplog):
    import langdetect

    monkeypatch.setattr(langdetect.DetectorFactory, "seed", SEED)
    caplog.set_level("CRITICAL", "lm_eval")  # it logs each text whose language cannot be told
    subset = definition("ifeval").subsets["ifeval"]
    rng = random.Random(4)
    every = read_records(definition("ifeval"), Path(DATA))["ifeval"]
    known = [record for record in every if record.fields["key"] not in RANDOM]
    records = rng.sample(known, MADE)
    outputs = [shaped(record, other, rng) for record, other in zip(records, rng.sample(known, MADE))]
    documents = [dict(record.fields) for record in records]
    each, over = theirs(harness("ifeval/ifeval.yaml", {"train": documents}), documents, outputs)["none"]
    for kind in ("strict", "loose"):
        agree((each, over), ours(subset, f"prompt_{kind}", records, outputs), f"prompt_level_{kind}_acc")
        verdicts, score = ours(subset, f"instruction_{kind}", records, outputs)
        for record, verdict, one in zip(records, verdicts, each):
            names = record.fields["instruction_id_list"]
            followed = [verdict.parts[f"{i}:{name}"] for i, name in enumerate(names)]
            assert followed == [float(is_so) for is_so in one[f"inst_level_{kind}_acc"]]
        assert score == pytest.approx(100 * over[f"inst_level_{kind}_acc"], abs=1e-9)
        assert 20 < score < 80
    assert len(every) == 541
    for reading in subset.readings:
        assert not any(read(reading.task, record, "", True).score for record in every)
