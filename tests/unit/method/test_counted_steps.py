"""How many steps an estimate counts is how many a stage takes."""

from dataclasses import replace

import pytest

from redone.method import targeted
from redone.method.estimate import taught
from redone.method.teach import earlier_of


@pytest.mark.parametrize(("which", "more"), [("last", 0), ("all", 7)])
def test_earlier_turns_are_counted_as_the_stage_teaches_them(make_lab, which, more):
    lab = make_lab("target.records=100", "target.general_share=0", f"target.turns={which}")
    records = lab.dataset.records["think"]
    earlier = [
        (*one.messages, {"role": "assistant", "content": "hm"}, {"role": "user", "content": "?"})
        for one in records["train"]
    ]
    earlier[0] = (*records["eval"][0].messages, *earlier[0][1:])  # which is measured
    talks = tuple(replace(one, messages=mine) for one, mine in zip(records["train"], earlier))
    assert len(talks) == 8
    made = {**lab.dataset.records, "think": {**records, "train": talks}}
    lab = replace(lab, dataset=replace(lab.dataset, records=made))
    [stage] = [one for one in lab.stages if one.name == "target"]
    every = sum(len(mine) for mine in lab.train_records().values())
    assert taught(lab, stage.settings) == every + more
    own = targeted.gold_targets(talks, lab.encoder, lab.dataset.tasks, {})
    assert len(earlier_of(lab, own)[0]) == 7
