"""An API key stays where it is: in the environment, and in the requests."""

import json

import pytest
from fakes import FakeJudge

from redone import cli
from redone.config import load_config
from redone.mistakes import address_flaw
from redone.records import Prompt
from redone.run.scoring import failed
from redone.served import client
from redone.served.client import Line, Service
from redone.served.endpoint import Endpoint
from redone.served.judge import Judge, grading

pytest.importorskip("openai", reason="the endpoint's client is not installed")

KEY = "sk-0123456789abcdef"


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    opened = []

    def open_one(says):
        opened.append(FakeJudge(says))
        return Service(opened[-1].url, "m", concurrent=1, seconds=5.0)

    yield open_one
    for made in opened:
        made.close()


@pytest.mark.parametrize(
    "reply",
    [
        (401, {"message": f"no such key: {KEY}"}),
        (400, {"message": f"{'x' * 440}{KEY}"}),  # across the end of what is kept of it
        (400, {"detail": [KEY]}),
        (503, {"message": f"{'x' * 440}{KEY}"}),
        f'{{"echo": "{KEY}"}}'.encode(),
        f"<html>{KEY}".encode(),
        f"your key is {KEY}",
        {"content": "4", "reasoning_content": KEY},
        {"content": None, "refusal": f"not with {KEY}"},
        {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": KEY}}]},
    ],
)
def test_a_key_that_an_endpoint_repeats_is_neither_kept_nor_said(served, reply):
    service, said = served(lambda number, text: reply), []
    prompts = [Prompt("a", ({"role": "user", "content": "2 + 2"},), 4)]
    try:
        said += [str(text) for texts in Endpoint(service, 1, 0.0, 5, said.append).ask(prompts) for text in texts]
    except ValueError as error:
        said += [str(error), getattr(error, "words", "")]
    assert said
    assert not [one for one in said if KEY[:8] in one]


def test_a_key_that_a_judge_repeats_is_neither_kept_nor_said(served, tmp_path):
    judge = Judge(served(lambda number, text: json.dumps({"why": KEY, "grade": 3})), tmp_path, print)
    assert judge([grading("r", "q", "a")]) == [{"why": "***", "grade": 3}]
    assert not [path for path in tmp_path.iterdir() if KEY in path.read_text()]
    judge = Judge(served(lambda number, text: (401, {"message": KEY})), tmp_path, print)
    [error] = judge([grading("r", "q", "a")])
    assert KEY not in failed(str(error)).note


def test_what_is_no_key_stays_in_answers(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    assert Line(Service("http://localhost:1", "m"), "it", print).hidden("there is none") == "there is none"


@pytest.mark.parametrize(
    "address",
    [f"http://me:{KEY}@host/v1", f"http://{KEY}@host", f"https://host/v1?api_key={KEY}", f"https://host/v1#{KEY}",
     "localhost:8000/v1", "file:///etc", "http://", "http://[::1", "http://host:99999/"],
)  # fmt: skip
def test_an_address_that_holds_a_key_or_is_none_is_refused_and_not_repeated(address, capsys):
    assert cli.main(["eval", "m", "--benchmark", "ifeval", "--out", "o", "--base-url", address]) == 2
    said = capsys.readouterr().err
    with pytest.raises(ValueError, match=r"judge\.base_url: it ") as error:
        load_config([], [f"judge.base_url={address!r}"])
    assert said.startswith("redone: --base-url: it ")
    assert KEY not in said + str(error.value)


def test_an_address_is_taken():
    for address in ("http://localhost:8000/v1", "https://api.example.com/v1/", "http://[::1]:80"):
        assert address_flaw(address) == ""


def test_a_key_in_the_place_of_its_variable_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match=r"judge\.key is no name of an environment variable") as error:
        load_config([], [f"judge.key={KEY!r}"])
    assert KEY not in str(error.value)
