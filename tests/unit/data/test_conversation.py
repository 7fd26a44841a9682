"""Rows that hold conversations, in OpenAI's and ShareGPT's form, and what is wrong with some, by file and line."""

import json
from dataclasses import replace

import pytest

from redone.data.load import build, make_record, make_task, read_pack
from redone.records import Task

CHAT = Task("chat", "domain", "dialogue", "", "", "exact", messages="turns")
ASKED = Task("chat", "domain", "dialogue", "", "{label}", "exact", messages="turns")
THINKING = replace(CHAT, think=True)


def turns(*said, system=None):
    """User and assistant in turn, in OpenAI's form."""
    first = [] if system is None else [{"role": "system", "content": system}]
    return [*first, *({"role": role, "content": text} for role, text in zip(("user", "assistant") * 9, said))]


def shared(*said, system=None, names=("human", "gpt")):
    """The same in ShareGPT's."""
    first = [] if system is None else [{"from": "system", "value": system}]
    return [*first, *({"from": name, "value": text} for name, text in zip(names * 9, said))]


def parts(role, *texts):
    return {"role": role, "content": [{"type": "text", "text": text} for text in texts]}


def record(listed, task=CHAT, **fields):
    return make_record(task, "train", 6, "chats.jsonl:7", {"turns": listed, **fields})


def refusal(*arguments, **fields):
    with pytest.raises(ValueError) as error:
        record(*arguments, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


# Read


@pytest.mark.parametrize(
    "listed",
    [
        turns("tea ?", "yes", "why ?", "so"),
        shared("tea ?", "yes", "why ?", "so"),
        shared("tea ?", "yes", "why ?", "so", names=("User", "Assistant")),
        shared("tea ?", "yes", "why ?", "so", names=("user", "bot")),
        [parts("user", "tea", " ?"), parts("bot", "yes", ""), parts("user", "why ", "?"), parts("model", "", "so")],
    ],
)  # fmt: skip
def test_the_last_turn_is_the_answer_and_those_before_it_the_prompt(listed):
    made = record(listed)
    assert list(made.messages) == turns("tea ?", "yes", "why ?")
    assert (made.answer, made.rationale) == ("so", None)


@pytest.mark.parametrize("listed", [turns("a", "b", system="be kind"), shared("a", "b", system="be kind"),
                                    [{"role": "developer", "content": "be kind"}, *turns("a", "b")]])  # fmt: skip
def test_a_system_prompt_of_the_turns_goes_first(listed):
    assert list(record(listed).messages) == turns("a", system="be kind")


def test_the_system_prompt_of_a_task_is_a_template_before_prompt_or_turns():
    told = replace(CHAT, system="You are {who}.")
    assert list(record(turns("a", "b"), told, who="Ann").messages) == turns("a", system="You are Ann.")
    prompt = Task("ask", "domain", "dialogue", "{q} ?", "{label}", "exact", system="You are {who}.")
    assert list(record(None, prompt, q="tea", label="yes", who="Bo").messages) == turns("tea ?", system="You are Bo.")
    assert refusal(turns("a", "b"), told) == "chats.jsonl:7: no field who, which the system prompt of task chat needs"


def test_a_row_whose_system_prompt_is_empty_has_none():
    told = replace(CHAT, system="{who}")
    assert list(record(turns("a", "b"), told, who=" ").messages) == turns("a")
    assert list(record(turns("a", "b", system="be kind"), told, who="").messages) == turns("a", system="be kind")


def test_with_an_answer_of_its_own_a_task_asks_all_turns():
    made = record(shared("tea ?", "yes", "sure ?"), ASKED, label="no")
    assert list(made.messages) == turns("tea ?", "yes", "sure ?")
    assert made.answer == "no"


@pytest.mark.parametrize(
    "last",
    [
        {"role": "assistant", "content": "<think>\nso it is\n</think>\n\nyes"},
        {"role": "assistant", "content": "so it is</think>yes"},
        {"role": "assistant", "content": "yes", "reasoning_content": "so it is"},
        {"role": "assistant", "content": "yes", "thinking": "so it is", "reasoning_content": None},
        {"from": "gpt", "value": "<think>so it is</think> yes"},
    ],
)
def test_what_the_last_turn_thinks_is_the_rationale_of_a_task_that_thinks_and_no_part_of_any_answer(last):
    made = record([*turns("tea ?"), last], THINKING)
    assert (made.rationale, made.answer) == ("so it is", "yes")
    plain = record([*turns("tea ?"), last])
    assert (plain.rationale, plain.answer) == (None, "yes")
    told = record([*turns("tea ?"), last], replace(THINKING, rationale="{why}"), why="because")
    assert (told.rationale, told.answer) == ("because", "yes")


def test_what_an_earlier_turn_thinks_stays_in_it_for_the_template_to_write_or_drop():
    listed = [*turns("a"), {"role": "assistant", "content": "b", "thinking": "hm"}, *turns("c", "d")]
    assert list(record(listed).messages) == turns("a", "<think>hm</think>b", "c")


# Refused


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("tea ?", "is 'tea ?', not a list of turns"),
        ([], "is [], not a list of turns"),
        ({"role": "user", "content": "a"}, "not a list of turns"),
        (["tea ?", "yes"], "turn 1 is 'tea ?'; a turn is {"),
        ([{"role": "user", "text": "a"}], "turn 1 is {"),
        ([{"role": "narrator", "content": "a"}], "turn 1 is by 'narrator'; there are system, "),
        ([{"from": None, "value": "a"}], "turn 1 is by None"),
        (turns("a", " \n"), "turn 2, by the assistant, is empty"),
        (turns("", "b"), "turn 1, by the user, is empty"),
        (turns("a", "b", system=""), "turn 1, by the system, is empty"),
        (turns("a", "<think>hm</think> "), "turn 2, by the assistant, is empty"),
        (turns("a", None), "turn 2, by the assistant, is empty"),
        (turns("a", []), "turn 2, by the assistant, is empty"),
        (turns("a", 3), "turn 2 is 3, no text"),
        (turns("a", "<think>hm"), "turn 2 has thinking that is not closed"),
        (turns("a", "<think>h</think>m</think>b"), "turn 2 has thinking that is not closed, or closed twice"),
        (turns("a", "<think>hm", "c", "d"), "turn 2 has thinking that is not closed"),
        (turns("a", "b", system="x") + turns("c", "d", system="y"), "turns 1 and 4 are both system prompts; join them"),
        (turns("a", "b") + turns("c", "d", system="x"), "turn 3 is a system prompt; it goes before all others"),
        (turns("a", "b", system="x")[::2], "turn 2, the first, is by the assistant"),
        (turns("a", "b", "c")[1:], "turn 1, the first, is by the assistant; begin with the user's"),
        (turns("a") + turns("b", "c"), "turns 1 and 2 are both by the user; join them"),
        (turns("a", "b") + turns("x", "c")[1:], "turns 2 and 3 are both by the assistant; join them"),
        (turns("a"), "its last turn is by the user, so that there is no answer; "),
        (turns("a", "b", "c"), "its last turn is by the user, so that there is no answer; "),
        (turns(system="x"), "its last turn is by the system"),
        ([*turns("a"), {"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}], "turn 2 calls a tool"),
        ([*turns("a", "b"), {"role": "tool", "content": "12"}], "turn 3 calls a tool or is by one"),
        (shared("a", "b", names=("human", "function_call")), "turn 2 calls a tool or is by one"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "turn 1 holds 'image_url', no text"),
        ([{"role": "user", "content": [{"type": "text", "text": None}]}], "turn 1 holds 'text', no text"),
        ([{"role": "user", "content": ["a"]}], "turn 1 holds 'a', no text"),
    ],
)  # fmt: skip
def test_what_is_no_conversation_is_named_with_file_line_and_turn(listed, said):
    message = refusal(listed)
    assert message.startswith("chats.jsonl:7: field turns of task chat")
    assert said in message


def test_two_system_prompts_are_one_too_many():
    message = refusal(turns("a", "b", system="x"), replace(CHAT, system="You are {who}."), who="Ann")
    assert message == (
        "chats.jsonl:7: field turns of task chat: turn 1 is a system prompt, and the task has one in `system`; "
        "leave out one"
    )


def test_a_row_without_its_turns_is_named():
    assert refusal(None) == "chats.jsonl:7: no field turns, which the messages of task chat needs"


def test_a_task_with_an_answer_of_its_own_asks_no_turn_of_the_assistant():
    message = refusal(turns("a", "b"), ASKED, label="no")
    assert "its last turn is by the assistant, and the task has an `answer` of its own; leave out one" in message


def test_a_task_that_thinks_is_not_taught_a_turn_that_does_not():
    assert "its last turn thinks nothing in <think> and </think>, but the task thinks" in refusal(
        turns("a", "b"), THINKING
    )


DEFINED = {"part": "domain", "family": "dialogue", "reward": "exact", "messages": "turns"}


def test_a_definition_has_a_prompt_or_messages():
    assert make_task("chat", DEFINED, "pack.toml") == CHAT
    with pytest.raises(ValueError, match=r"pack.toml: task chat: its messages hold the prompt; leave out prompt"):
        make_task("chat", {**DEFINED, "prompt": "{q}"}, "pack.toml")
    assert make_task("chat", {**DEFINED, "think": True}, "pack.toml").think
    with pytest.raises(ValueError, match="thinks, but has no rationale template"):
        make_task("chat", {**DEFINED, "think": True, "answer": "{a}"}, "pack.toml")


# In a pack


def test_turns_may_be_made_by_converters_and_those_of_trls_prompt_and_completion_are_read(tmp_path):
    rows = [{"prompt": turns(f"q{i}"), "completion": [{"role": "assistant", "content": f"a{i}"}]} for i in range(9)]
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "pack.toml").write_text(
        '[tasks.chat]\npart = "domain"\nfamily = "dialogue"\nreward = "exact"\nmessages = "asked"\nanswer = "{reply}"\n'
        'convert = {asked = {same = "prompt"}, reply = {at = ["completion", 0, "content"]}}\n'
        'only = {asked = {most = 1}}\nfiles = {train = "chats.jsonl"}\n'
    )
    dataset = build([read_pack(tmp_path / "pack.toml")], limit=None, probe=0.3, evaluation=0.3)
    found = sorted((r.messages[0]["content"], r.answer) for mine in dataset.records["chat"].values() for r in mine)
    assert found == [(f"q{i}", f"a{i}") for i in range(9)]


def test_two_rows_of_one_conversation_are_the_same_prompt_whatever_their_form(tmp_path):
    """Training keeps clear of it; with another system prompt, or another earlier turn, it is another one."""
    long = ("a", "b", "c", "d")
    train = [turns(*long), turns("a", "x", "c", "d"), turns(*long, system="s"), turns("k", "l", "m", "n")]
    for split, rows in (("train", train), ("probe", [turns("p", "q")]), ("eval", [shared(" A", "b", "c", "z")])):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps({"turns": row}) + "\n" for row in rows))
    (tmp_path / "pack.toml").write_text(
        '[tasks.chat]\npart = "domain"\nfamily = "dialogue"\nreward = "exact"\nmessages = "turns"\n'
        'files = {train = "train.jsonl", probe = "probe.jsonl", eval = "eval.jsonl"}\n'
    )
    pack = read_pack(tmp_path / "pack.toml")
    dataset = build([pack], limit=None, probe=0.1, evaluation=0.1)
    assert [r.id for r in dataset.records["chat"]["train"]] == ["chat/train/1", "chat/train/2", "chat/train/3"]
    assert dataset.removed == {"chat": 1}
    apart = build([replace(pack, texts={"chat": ("turns",)})], limit=None, probe=0.1, evaluation=0.1, evaluated={})
    assert [r.id for r in apart.records["chat"]["train"]] == ["chat/train/3"]  # all others say `a`, as the test does
