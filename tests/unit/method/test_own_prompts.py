"""Prompts that the base writes itself, of a base and a stage's start that are scripts."""

from collections import Counter
from dataclasses import replace

import pytest
from fakes import stage_of

from redone.data.encode import Encoder
from redone.method.own import TASK, fresh, own_targets, refusal
from redone.method.teach import targets
from redone.records import TargetPlan


@pytest.fixture
def writers(samplers, make_tokenizer):
    """The base writes messages that are numbered, every fourth of them none; explore answers all without a 7."""
    tokenizer = make_tokenizer()
    asked = []

    def ids(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    def says(model, prompt, number):
        if prompt == "<|user|>":
            assert model == "base"
            asked.append(prompt)
            text = f" tell me about {len(asked)} of them"
            return ids(text if len(asked) % 4 == 0 else f"{text}<|assistant|>and so on")
        assert model == "explore"
        return ids("it goes on " * 40) if "7" in prompt else f"I know: {prompt.split()[3]}"

    samplers.says = says
    return asked


def test_the_base_writes_prompts_and_the_stages_start_answers_them(make_lab, writers, samplers):
    lab = make_lab()
    taught, made = own_targets(lab, stage_of(lab, "target"), 20)
    made_of = [(one.model, one.group, one.temperature) for one in samplers.made]
    assert made_of == [("base", 16, 1.0), ("explore", 1, 1.0)]
    assert len(taught) == made["own_prompts"] == 20
    for one in taught:
        [message] = one.record.messages
        number = message["content"].split()[3]
        assert message == {"role": "user", "content": f"tell me about {number} of them"}
        assert one.target == f"I know: {number}"
        assert one.record.split == "train"
        assert one.labels == "own answer"
        assert int(number) % 4
        assert "7" not in number
    assert made["own_prompts_left_out"]["no message"] >= 6
    assert made["own_prompts_left_out"]["answer does not end"] >= 2


def test_the_targeted_set_has_their_share_and_says_so(make_lab, writers, monkeypatch):
    lab = make_lab("target.own_share=0.2", "target.soft_labels=gold")
    (lab.out / "target").mkdir(parents=True)
    plan = TargetPlan({"tone": 8}, {"sums": 8}, {"tone": "weak"}, "")
    taught, made = targets(lab, stage_of(lab, "target"), plan)
    others = [one for one in taught if one.record.task != TASK]
    assert len(taught) - len(others) == round(len(others) / 4)
    assert made["own_prompts"] == len(taught) - len(others)
    lab = make_lab("target.soft_labels=gold")
    assert len(targets(lab, stage_of(lab, "target"), plan)[0]) == len(others)


def test_what_is_measured_or_the_domains_is_not_rehearsed_and_nothing_twice(dataset):
    worded = {"tone": replace(dataset.tasks["tone"], prompt="What is the tone of this post? {q}")}
    general = {"sums": replace(dataset.tasks["sums"], prompt="How much are these together? {q}")}
    refuse = refusal(replace(dataset, tasks=dataset.tasks | worded | general))
    left = Counter()
    texts = [
        "sums eval 1 ?",
        "SUMS  probe 1 ?",
        "sums train 1 ?",
        "what is the tone of this post?\nI like it",
        "How much are these together? 1 2",
        "a",
        " A",
        "",
    ]
    assert list(fresh(texts, refuse, left)) == ["sums train 1 ?", "How much are these together? 1 2", "a"]
    assert left == {"measured": 2, "a domain task's": 1, "twice": 1, "no message": 1}


@pytest.mark.parametrize(
    "template",
    [None, "{% for m in messages %}{{ m.content }}\nAnswer: {% endfor %}"],
    ids=["no template", "a template without control tokens"],
)
def test_a_model_that_cannot_write_prompts_is_told_so(make_tokenizer, template):
    with pytest.raises(ValueError, match=r"no token that ends a user's message.*own_share"):
        Encoder(make_tokenizer(template=template)).turn()


def test_a_message_has_no_control_token_and_arrives_whole_in_a_prompt(make_tokenizer):
    tokenizer = make_tokenizer()
    encoder = Encoder(tokenizer)
    ids = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]  # noqa: E731
    assert encoder.turn() == (tuple(ids("<|user|>")), tokenizer.convert_tokens_to_ids("<|assistant|>"))
    assert encoder.message(ids(" so ")) == "so"
    assert encoder.message(ids("so<|user|>so")) == ""
    assert encoder.message(ids(" \n")) == ""
    assert encoder.message([]) == ""
