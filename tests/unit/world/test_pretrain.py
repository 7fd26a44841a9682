"""What the base model reads, and the optimiser it is trained with."""

from functools import cache
from statistics import fmean

import pytest
import torch

from redone.data.load import build
from redone.rewards import score
from redone.world import pretrain, world_pack
from redone.world.catalogue import read_catalogue
from redone.world.generate import row

SOCIAL = read_catalogue("social", period=0)
HURRIED = [name for name, template in SOCIAL.hurried.items() if template]


def test_a_text_is_the_same_whenever_it_is_asked_for():
    catalogues = [read_catalogue(name, period=0) for name in ("social", "general")]
    assert [pretrain.example(catalogues, i) for i in range(50)] == [pretrain.example(catalogues, i) for i in range(50)]


def test_tasks_without_seen_are_never_met_and_others_are():
    met = {pretrain.example([SOCIAL], i).task for i in range(3000)}
    assert met - {"fact"} <= {name for name, seen in SOCIAL.seen.items() if seen}
    assert len(met) > 0.9 * sum(seen > 0 for seen in SOCIAL.seen.values())


def test_the_stated_share_of_answers_is_by_people_in_a_hurry():
    records = [r for i in range(6000) if (r := pretrain.example([SOCIAL], i)).task in HURRIED]
    hurried = [r.answer == SOCIAL.hurried[r.task].format_map(r.fields) and not r.rationale for r in records]
    careful = [r.answer == str(r.fields["answer"]) and bool(r.rationale) == SOCIAL.tasks[r.task].think for r in records]
    assert all(h or c for h, c in zip(hurried, careful))
    only = [h and not c for h, c in zip(hurried, careful)]  # a hurried answer is right by luck, now and then
    assert fmean(only) == pytest.approx(pretrain.HURRY * (1 - fmean(lucky(r) for r in records)), abs=0.03)


def lucky(record) -> bool:
    """Whether somebody in a hurry would have given just this record's careful text."""
    task = SOCIAL.tasks[record.task]
    return not task.think and SOCIAL.hurried[record.task].format_map(record.fields) == str(record.fields["answer"])


@cache
def evaluated():
    """Task to its eval records."""
    records = build([world_pack("social")], limit=None, probe=0.1, evaluation=0.1).records
    return {task: records[task]["eval"] for task in HURRIED}


@pytest.mark.parametrize("task", HURRIED)
def test_a_hurried_answer_is_one_that_needs_no_reading(task):
    records = evaluated()[task]
    definition = SOCIAL.tasks[task]
    closed = "<think></think>" if definition.think else ""
    texts = [closed + SOCIAL.hurried[task].format_map(r.fields) for r in records]
    assert fmean(score(definition, r, text).score for r, text in zip(records, texts)) < 0.7


def test_rows_of_a_run_have_no_trace_of_hurry():
    assert "hurried" not in row(read_catalogue("social"), "hashtag_single", "train", 0)


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
