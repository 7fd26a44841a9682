"""What endpoints reply (tests/cases/replies.toml): answers, answers that are missing, broken replies, refusals, and
what a model does not take of a request."""

import json
import tomllib
from pathlib import Path

import pytest
from fakes import FakeJudge

from redone.measure.ask import line_of
from redone.records import Prompt
from redone.served import client
from redone.served.client import Line, Service
from redone.served.endpoint import Endpoint

pytest.importorskip("openai", reason="the endpoint's client is not installed")

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "replies.toml").read_text(encoding="utf-8"))


def cases(kind):
    return [pytest.param(case, id=str(case.get("name", case.get("status")))) for case in CASES[kind]]


@pytest.fixture
def served(monkeypatch):
    """served(says) -> (ask: prompts and options to their texts by number, the requests); pauses take no time."""
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    opened = []

    def open_one(says, samples=1, **more):
        opened.append(FakeJudge(says))
        service = Service(opened[-1].url, "m", concurrent=1, seconds=5.0)

        def ask(count, say=lambda note: None, **rest):
            prompts = [Prompt(f"tea/{i}", ({"role": "user", "content": str(i)},), 12) for i in range(count)]
            endpoint = Endpoint(service, samples, 0.0, 5, say, **more, **rest)
            return {text.key: text for texts in endpoint.ask(prompts) for text in texts}

        return ask, opened[-1].asked

    yield open_one
    for made in opened:
        made.close()


def nulled(value):
    """TOML has no null."""
    return {key: None if one == "NULL" else one for key, one in value.items()}


@pytest.mark.parametrize("case", cases("message"))
def test_a_message_is_an_answer_or_says_why_there_is_none(served, case):
    ask, asked = served(lambda number, text: nulled(case["message"]))
    text = ask(1)["tea/0"]
    wanted = {name: case.get(name, "") for name in ("text", "thinking", "missing", "said")}
    assert {name: getattr(text, name) for name in wanted} == wanted
    assert text.finished == case.get("finished", True)
    assert line_of(text).get("missing", "") == case.get("line", case.get("missing", ""))
    assert len(asked) == 1


def test_a_line_says_what_is_missing_and_holds_no_part_of_an_answer(served):
    ask, _ = served(lambda number, text: {"content": "green t", "finish_reason": "content_filter"})
    assert line_of(ask(1)["tea/0"]) == {
        "id": "tea/0", "sample": 0, "output": "", "finished": True, "missing": "content filter", "text": "green t"
    }  # fmt: skip


@pytest.mark.parametrize("case", cases("broken"))
def test_a_broken_reply_is_asked_for_again(served, case):
    ask, asked = served(lambda number, text: case["body"].encode() if number in (2, 3) else f"cup {text}")
    said = []
    assert [text.text for text in ask(2, said.append).values()] == ["cup 0", "cup 1"]
    assert len(asked) == 4
    [note] = said
    assert "asked for tea/1, replies with what is no chat completion" in note


@pytest.mark.parametrize("case", cases("broken"))
def test_a_server_that_speaks_no_chat_completions_is_an_error_after_five_tries(served, case):
    ask, asked = served(lambda number, text: case["body"].encode())
    with pytest.raises(ValueError, match="tea/0, replies with what is no chat completion"):
        ask(2)
    assert len(asked) == 10


def test_one_prompt_whose_replies_stay_broken_does_not_block_the_others(served):
    ask, asked = served(lambda number, text: b"{}" if text in "15" else f"cup {text}")
    found = ask(6)
    assert [text.text for text in found.values()] == ["cup 0", "", "cup 2", "cup 3", "cup 4", ""]
    assert [text.missing for text in found.values()] == ["", "broken reply", "", "", "", "broken reply"]
    assert "no chat completion" in found["tea/1"].said
    assert len(asked) == 4 + 2 * 5


def test_broken_replies_between_good_ones_are_said_once_and_an_outage_besides(served):
    ask, _ = served(lambda number, text: b"{}" if number % 3 == 0 else 503 if number == 7 else f"cup {text}")
    said = []
    assert len(ask(12, said.append)) == 12
    assert ["no chat completion" in note for note in said] == [True, False]


def test_replies_that_break_from_some_prompt_on_stop_the_asking_with_what_came_before(served):
    ask, asked = served(lambda number, text: b"<html>We are moving</html>" if int(text) > 2 else f"cup {text}")
    with pytest.raises(ValueError, match="tea/3, replies with what is no chat completion"):
        ask(60)
    assert len(asked) == 3 + 20 * 5


@pytest.mark.parametrize("case", cases("refused"))
def test_one_prompt_that_is_refused_does_not_block_the_others(served, case):
    ask, asked = served(lambda number, text: (case["status"], case["error"]) if text == "1" else f"cup {text}")
    found = ask(3)
    assert [text.text for text in found.values()] == ["cup 0", "", "cup 2"]
    assert [text.missing for text in found.values()] == ["", case["missing"], ""]
    assert found["tea/1"].said == case["error"]["message"]
    line = line_of(found["tea/1"])
    assert (line["missing"], line["said"], line["output"]) == (case["missing"], case["error"]["message"], "")
    assert len(asked) == 3


@pytest.mark.parametrize("case", cases("refused"))
def test_an_endpoint_that_refuses_everything_is_an_error(served, case):
    ask, asked = served(lambda number, text: (case["status"], case["error"]))
    with pytest.raises(ValueError, match=r"the endpoint at .*, asked for tea/0, refuses: "):
        ask(3)
    assert len(asked) == 3


def test_what_is_refused_first_is_recorded_once_another_is_answered_and_not_before(served):
    ask, _ = served(lambda number, text: 400 if int(text) < 19 else "cup")
    assert list(ask(20)) == [f"tea/{i}" for i in range(20)]
    ask, asked = served(lambda number, text: 400 if int(text) < 20 else "cup")
    with pytest.raises(ValueError, match="tea/0, refuses"):
        ask(21)
    assert len(asked) == 20


def test_refused_prompts_alone_are_recorded_where_others_were_answered_before(served):
    ask, _ = served(lambda number, text: 400)
    found = ask(2, there={("tea/0", 0)})
    assert [text.missing for text in found.values()] == ["refused by the endpoint"]


@pytest.mark.parametrize("case", cases("wrong"))
@pytest.mark.parametrize("good", [0, 1])
def test_what_is_no_prompts_fault_is_an_error_at_once(served, case, good):
    ask, asked = served(lambda number, text: "cup" if number <= good else (case["status"], case["error"]))
    with pytest.raises(ValueError, match=rf"tea/{good}, refuses: .*{case['error']['message'][:20]}"):
        ask(3)
    assert len(asked) == good + 1


@pytest.mark.parametrize("case", cases("taken"))
def test_what_a_model_does_not_take_is_left_out_from_then_on_said_once_and_kept(served, case, tmp_path):
    kept, name = tmp_path / "settings.json", case["without"]
    kept.write_text('{"model": "m"}', encoding="utf-8")

    def says(number, text):
        return (case["status"], case["error"]) if name in asked[-1] else "cup"

    ask, asked = served(says, samples=2, kept=kept)
    said = []
    assert len(ask(3, said.append)) == 3
    assert [name in body for body in asked] == [True] + [False] * 6
    other = {"max_tokens": "max_completion_tokens"}.get(name)
    assert [body.get(other) for body in asked[1:]] == [asked[0][name] if other else None] * 6
    [note] = said
    assert f"m takes no {name}" in note
    assert json.loads(kept.read_text(encoding="utf-8")) == {"model": "m", "request": {name: other}}
    asked.clear()
    ask(1, said.append)  # another line, as of the next benchmark: it knows already
    assert [name in body for body in asked] == [False, False]
    assert len(said) == 1


def test_several_things_that_a_model_does_not_take_are_left_out_one_after_another(served):
    refusals = {case["without"]: (case["status"], case["error"]) for case in CASES["taken"]}

    def says(number, text):
        return next((refusal for name, refusal in refusals.items() if name in asked[-1]), "cup")

    ask, asked = served(says, samples=2)
    ask(2)
    assert len(asked) == 3 + 4
    assert [sorted(body) for body in asked[3:]] == [["max_completion_tokens", "messages", "model"]] * 4


def test_a_model_that_takes_neither_is_refused_and_not_asked_for_ever(served):
    error = {"message": "Unsupported parameter: 'temperature', 'max_tokens' and 'max_completion_tokens'."}
    ask, asked = served(lambda number, text: (400, error))
    with pytest.raises(ValueError, match="refuses"):
        ask(1)
    assert len(asked) == 3


def test_threads_that_are_refused_alike_agree_on_what_is_left_out():
    line = Line(Service("http://127.0.0.1:9/v1", "m"), "the endpoint", said := [].append)
    told = {"temperature": 0.0, "messages": []}
    assert line._gives_way(told, "'temperature' is not supported")
    assert line._gives_way(told, "'temperature' is not supported")  # sent before the other was refused
    assert not line._gives_way(line._told(told), "'temperature' is not supported")
    assert len(said.__self__) == 1
