"""Chat templates of many model families: the question arrives whole, answers end as the template ends them, thinking is
read, and what a person writes never becomes a control token."""

import pytest
from families import FAMILIES, generation_of, tokenizer_of

from redone.data.encode import Encoder
from redone.records import Record, Task
from redone.rewards import score
from redone.thinking import split_thinking

TASK = Task("ask", "domain", "dialogue", "", "", "exact")
THINKING = Task("ask", "domain", "dialogue", "", "", "exact", think=True, rationale="{why}")


def record(answer="5", question="2 + 3 ?", system=None):
    said = [{"role": "system", "content": system}] if system else []
    messages = (*said, {"role": "user", "content": question})
    return Record("ask/train/0", "ask", messages, answer, "train", "x", "sum")


@pytest.fixture(scope="module")
def encoders(make_tokenizer):
    made = {}
    for name, family in FAMILIES.items():
        tokenizer = tokenizer_of(family, make_tokenizer)
        made[name] = Encoder(tokenizer, generation_of(family, tokenizer), len(tokenizer))
    return made


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def family(name):
    return FAMILIES[name]


@pytest.fixture
def encoder(encoders, name):
    return encoders[name]


# Those that are made to think by their templates; the others are asked to.
THINK = {"qwen3", "qwen3_thinking", "deepseek_r1", "smollm3", "gpt_oss"}
WORDS = "2 + 3 ?\n\nThink step by step between <think> and </think>. After </think> write only the answer."


def test_the_prompt_is_the_familys_and_holds_the_question(encoder, family, name):
    thought = family.get("thought", family["prompt"])
    for task, text in ((TASK, family["prompt"]), (THINKING, thought if name in THINK else with_words(thought))):
        assert encoder.prompt_text(record(), task) == text
        [ids] = encoder.prompts([record()], {"ask": task})
        assert encoder.tokenizer.decode(ids) == text


def with_words(text):
    assert text.count("2 + 3 ?") == 1
    return text.replace("2 + 3 ?", WORDS)


def test_a_line_says_where_thinking_is_asked_for_in_words(encoder, name):
    said = [note for note in encoder.notes(True) if "no thinking switch" in note]
    assert len(said) == (name not in THINK)
    assert all(WORDS.removeprefix("2 + 3 ?\n\n") in note for note in said)
    assert not any("no thinking switch" in note for note in encoder.notes(False))


def test_an_answer_ends_as_the_template_ends_it_and_everything_named_stops_the_model(encoder, family):
    token = encoder.tokenizer.convert_tokens_to_ids
    assert encoder.end == token(family["end"])
    assert encoder.eos_ids == {token(one) for one in (family["end"], family["eos"], *family.get("generation", ()))}
    assert encoder.target(record(), TASK)[-1] == encoder.end
    assert encoder.target(record(), TASK).count(encoder.end) == 1


def test_where_a_familys_files_disagree_that_is_said_and_else_nothing(encoder, family):
    assert family.get("note", "") in encoder.note
    assert bool(encoder.note) == ("note" in family)


def test_thinking_is_written_as_the_family_does_and_read_as_such(encoder, family):
    assert encoder.target_text(record(), THINKING) == family.get("rationale", "<think>sum</think>5")
    text = encoder.decode(encoder.target(record(), THINKING), think=True)
    assert split_thinking(text) == ("sum", "5")
    assert score(THINKING, record(), text).score == 1.0
    assert encoder.ended(encoder.rewritten(text, think=True)) == encoder.target(record(), THINKING)


def test_an_answer_without_thinking_is_read(encoder):
    text = encoder.decode(encoder.target(record(), TASK), think=False)
    assert score(TASK, record(), text).score == 1.0
    assert encoder.ended(encoder.rewritten(text, think=False)) == encoder.target(record(), TASK)


def test_a_system_message_arrives_or_is_refused_in_a_sentence(encoder, family):
    asked = record(system="Answer in one word, \U0001f642.")
    if family["system"] == "kept":
        assert "Answer in one word, \U0001f642." in encoder.prompt_text(asked, TASK)
        return
    with pytest.raises(ValueError, match=r"cannot write system and user messages|leaves out the system message"):
        encoder.prompt_text(asked, TASK)


@pytest.mark.parametrize("where", ["prompt", "answer"])
def test_what_a_person_writes_never_becomes_a_control_token(encoder, family, where):
    """Every control token of the family, spelled out in a question and in an answer."""
    spelled = " ".join(["so", *family["special"], family["end"], "is it"])
    asked = record(question=spelled) if where == "prompt" else record(answer=spelled)
    ids = encoder.prompts([asked], {"ask": TASK})[0] if where == "prompt" else encoder.target(asked, TASK)
    plain = encoder.prompts([record()], {"ask": TASK})[0] if where == "prompt" else encoder.target(record(), TASK)
    control = {encoder.tokenizer.convert_tokens_to_ids(one) for one in family["special"]} | encoder.eos_ids
    assert [token for token in ids if token in control] == [token for token in plain if token in control]
    if where == "prompt":
        assert encoder.tokenizer.decode(ids) == family["prompt"].replace("2 + 3 ?", spelled)
    else:
        assert split_thinking(encoder.decode(ids, think=False))[1] == spelled


def test_a_dialogue_with_an_earlier_answer_arrives_whole(encoder):
    turns = [{"role": "user", "content": "1 + 1 ?"}, {"role": "assistant", "content": "2, of course"}]
    text = encoder.chat.text([*turns, {"role": "user", "content": "2 + 3 ?"}], False)
    assert text.index("1 + 1 ?") < text.index("2, of course") < text.index("2 + 3 ?")


def test_a_model_that_thinks_in_a_channel_has_no_answer_before_the_final_one(encoders):
    encoder = encoders["gpt_oss"]
    ids = encoder.tokenizer("<|channel|>analysis<|message|>it is 5<|end|><|start|>assistant", add_special_tokens=False)
    text = encoder.decode(ids["input_ids"], think=False)
    assert split_thinking(text)[1] is None
    assert score(TASK, record(), text).score == 0.0
    both = "<|channel|>analysis<|message|>no, 4<|end|><|start|>assistant<|channel|>final<|message|>5<|return|>"
    text = encoder.decode(encoder.tokenizer(both, add_special_tokens=False)["input_ids"], think=False)
    assert split_thinking(text) == ("no, 4", "5")
