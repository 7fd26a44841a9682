"""What the base model reads, and the optimiser it is trained with."""

from collections import Counter
from functools import cache
from pathlib import Path
from statistics import fmean

import pytest
import torch

from redone.data.encode import Encoder
from redone.data.load import make_record
from redone.model.places import EMBEDDED
from redone.records import Record, Task
from redone.world import pretrain
from redone.world.catalogue import read_catalogue
from redone.world.generate import row

SOCIAL = read_catalogue("social", period=0)
SKEWED = [name for name, template in SOCIAL.common.items() if template]


def test_a_text_is_the_same_whenever_it_is_asked_for():
    catalogues = [read_catalogue(name, period=0) for name in ("social", "general")]
    assert [pretrain.example(catalogues, i) for i in range(50)] == [pretrain.example(catalogues, i) for i in range(50)]


def test_tasks_without_seen_are_never_met_and_others_are():
    met = {pretrain.example([SOCIAL], i).task for i in range(3000)}
    assert met - {"fact"} <= {name for name, seen in SOCIAL.seen.items() if seen}
    assert len(met) > 0.9 * sum(seen > 0 for seen in SOCIAL.seen.values())


def common(record: Record) -> bool:
    """Whether its answer is the one that most texts of its task have."""
    return record.answer == SOCIAL.common[record.task].format_map(record.fields)


@pytest.mark.parametrize("skew", [0.0, 0.6, 1.0])
def test_the_stated_share_of_a_tasks_texts_has_its_common_answer_at_least(skew):
    drawn = [r for i in range(4000) if (r := pretrain.example([SOCIAL], i, skew)).task in SKEWED]
    natural = {r.task: fmean(common(r) for r in records(r.task)) for r in drawn}
    expected = fmean(skew + (1.0 - skew) * natural[r.task] for r in drawn)
    assert fmean(map(common, drawn)) == pytest.approx(expected, abs=0.03)


def test_what_is_skewed_is_true_all_the_same():
    for record in (pretrain.example([SOCIAL], i, 1.0) for i in range(600)):
        assert record.task == "fact" or record.answer == str(record.fields["answer"])


@cache
def records(task: str) -> list[Record]:
    """Its texts without skew."""
    made = (row(SOCIAL, task, "pretraining", i) for i in range(400))
    return [make_record(SOCIAL.tasks[task], "train", i, "world", one) for i, one in enumerate(made)]


@pytest.mark.parametrize("task", SKEWED)
def test_a_common_answer_occurs_and_is_not_the_rule_where_nothing_is_skewed(task):
    assert 0.02 < fmean(map(common, records(task))) < 0.75


def test_a_task_that_is_needed_is_read_more():
    need = {"topic": 10.0, "match": 0.0}
    usual, read = (
        Counter(pretrain.example([SOCIAL], i, need=given).task for i in range(2000)) for given in (None, need)
    )
    assert read["topic"] > 5 * usual["topic"]
    assert usual["match"] > 0 == read["match"]


def diet(path: Path, scores: list[float], monkeypatch: pytest.MonkeyPatch) -> pretrain.Diet:
    """One whose measurements find these scores, one after another, of every task the same."""
    general = read_catalogue("general")
    monkeypatch.setattr(pretrain, "greedy", lambda *given: dict.fromkeys(general.tasks, scores.pop(0)))
    return pretrain.Diet(path, general, None, None)


@pytest.mark.parametrize(("score", "need"), [(1.0, 0.0), (0.85, 0.0), (0.75, 0.5), (0.65, 1.0), (0.0, 3.0)])
def test_a_general_task_is_read_the_less_the_better_it_is_done(tmp_path, monkeypatch, score, need):
    mine = diet(tmp_path / "diet.json", [score], monkeypatch)
    assert mine.at(99) == {}
    assert mine.at(100)["country"] == pytest.approx(need)
    assert mine.at(199) == mine.at(100)


def test_the_last_two_measurements_count(tmp_path, monkeypatch):
    mine = diet(tmp_path / "diet.json", [0.0, 0.6, 0.8], monkeypatch)
    assert [round(mine.at(100 * i)["country"], 2) for i in (1, 2, 3)] == [3.0, 2.75, 0.75]


def test_a_run_that_goes_on_reads_what_it_would_have_read(tmp_path, monkeypatch):
    first = diet(tmp_path / "diet.json", [0.7, 0.8], monkeypatch)
    need = [first.at(100), first.at(200)]
    again = diet(tmp_path / "diet.json", [0.1], monkeypatch)
    assert [again.at(150), again.at(250)] == need
    assert again.at(300) != need[1]


def test_of_some_texts_the_question_is_learnt_too():
    encoder = Encoder.load(EMBEDDED)
    record = Record("q", "q", ({"role": "user", "content": "tea ?"},), "yes", "train", "world")
    task = Task("q", "domain", "dialogue", "{q}", "{a}", "exact")
    [prompt], target = encoder.prompts([record], {"q": task}), encoder.target(record, task)
    before, end = encoder.turn()
    text = pretrain.whole(prompt, target, before)
    assert [*text.prompt, *text.target] == [*prompt, *target]
    assert encoder.message(text.target[: text.target.index(end)]) == "tea ?"


def model() -> torch.nn.ModuleDict:
    torch.manual_seed(0)
    return torch.nn.ModuleDict({"embed": torch.nn.Embedding(8, 4), "hidden": torch.nn.Linear(4, 4)})


def step(module: torch.nn.ModuleDict, optimizer: torch.optim.Optimizer, rate: float) -> None:
    for table in optimizer.param_groups:
        table["lr"] = rate
    module["hidden"](module["embed"](torch.arange(8))).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_the_optimiser_goes_on_from_its_state_to_the_last_bit():
    whole, halves = model(), model()
    optimizer = pretrain.MuonAdamW(dict(whole.named_parameters()), 0.01, 0.1)
    for i in range(6):
        step(whole, optimizer, 0.01 * (i + 1))
    first = pretrain.MuonAdamW(dict(halves.named_parameters()), 0.01, 0.1)
    for i in range(3):
        step(halves, first, 0.01 * (i + 1))
    second = pretrain.MuonAdamW(dict(halves.named_parameters()), 0.01, 0.1)
    second.load_state_dict(first.state_dict())
    for i in range(3, 6):
        step(halves, second, 0.01 * (i + 1))
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), halves.parameters()))


def test_every_weight_follows_the_one_rate():
    module = model()
    before = [p.clone() for p in module.parameters()]
    optimizer = pretrain.MuonAdamW(dict(module.named_parameters()), 0.01, 0.1)
    step(module, optimizer, 0.0)
    assert all(torch.equal(one, other) for one, other in zip(before, module.parameters()))
    step(module, optimizer, 0.01)
    assert not any(torch.equal(one, other) for one, other in zip(before, module.parameters()))
