"""Many requests to an endpoint that speaks the OpenAI protocol, of the tests' own."""

import socket
import threading

import pytest
from fakes import FakeJudge

from redone.records import Prompt, Text
from redone.served import client
from redone.served.client import Down, Service
from redone.served.endpoint import Endpoint

pytest.importorskip("openai", reason="the endpoint's client is not installed")


@pytest.fixture
def served(monkeypatch):
    """served(says) -> (the service, its requests); pauses are counted and take no time."""
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    opened = []

    def open_one(says, **more):
        made = FakeJudge(says)
        opened.append(made)
        return Service(made.url, "m", **{"concurrent": 1, "seconds": 5.0, **more}), made.asked

    yield open_one
    for made in opened:
        made.close()


def prompts(count):
    return [Prompt(f"tea/{i}", ({"role": "user", "content": str(i)},), 10 + i) for i in range(count)]


def ask(service, asked, samples=1, temperature=0.0, say=lambda note: None, there=()):
    return Endpoint(service, samples, temperature, 5, say, there).ask(asked)


def all_of(service, asked, temperature=0.0, said=None):
    say = (lambda note: None) if said is None else said.append
    return {text.key: text for texts in ask(service, asked, temperature=temperature, say=say) for text in texts}


def test_every_prompt_has_its_own_reply_and_budget(served):
    service, asked = served(lambda number, text: f"answer {text}", concurrent=3)
    found = all_of(service, prompts(7), temperature=0.5)
    assert {key: reply.text for key, reply in found.items()} == {f"tea/{i}": f"answer {i}" for i in range(7)}
    assert {body["messages"][0]["content"]: body["max_tokens"] for body in asked} == {str(i): 10 + i for i in range(7)}
    assert {(body["model"], body["temperature"]) for body in asked} == {("m", 0.5)}


CHAT = tuple(
    {"role": r, "content": t} for r, t in [("system", "be kind"), ("user", "1"), ("assistant", "2"), ("user", "3")]
)
WORDS = "Think step by step between <think> and </think>. After </think> write only the answer."


@pytest.mark.parametrize("words", [False, True])
def test_a_conversation_is_sent_as_it_is_and_asks_to_think_where_that_is_wished(served, words):
    service, asked = served(lambda number, text: "so")
    chats = [Prompt("plain", CHAT, 9), Prompt("thinks", CHAT, 9, think=True)]
    assert len(list(Endpoint(service, 1, 0.0, 5, lambda note: None, words=words).ask(chats))) == 2
    [plain, thinks] = [body["messages"] for body in asked]  # one at a time, in their order
    asking = {"role": "user", "content": f"3\n\n{WORDS}"}
    assert plain == list(CHAT)
    assert thinks == [*CHAT[:-1], asking if words else CHAT[-1]]


def test_samples_are_requests_of_their_own_each_with_a_seed_that_a_single_answer_has_not(served):
    service, asked = served(lambda number, text: f"{number}")
    found = [text for texts in ask(service, prompts(2), samples=3, temperature=0.7) for text in texts]
    assert [(text.key, text.sample) for text in found] == [(f"tea/{i}", n) for i in range(2) for n in range(3)]
    seeds = [body["seed"] for body in asked]
    assert len(set(seeds)) == 6
    assert all(0 <= seed < 2**31 for seed in seeds)
    all_of(service, prompts(1))
    assert "seed" not in asked[-1]


def test_a_sample_has_the_same_seed_whatever_else_is_asked_for(served):
    service, asked = served(lambda number, text: "x")
    list(ask(service, prompts(2), samples=3))
    there = {(f"tea/{i}", n) for i in range(2) for n in range(3)} - {("tea/1", 1)}
    [[text]] = ask(service, prompts(2), samples=3, there=there)
    assert (text.key, text.sample) == ("tea/1", 1)
    assert asked[6]["seed"] == asked[4]["seed"]


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ({"content": "x", "finish_reason": "length"}, ("x", "", False)),
        ({"content": "x", "reasoning_content": "because"}, ("x", "because", True)),
        ({"content": "x", "reasoning": "because"}, ("x", "because", True)),
        ({"content": None, "reasoning_content": "on and on", "finish_reason": "length"}, ("", "on and on", False)),
    ],
)
def test_reasoning_and_a_cut_off_are_told_apart(served, says, expected):
    service, _ = served(lambda number, text: says)
    text, thinking, finished = expected
    assert all_of(service, prompts(1))["tea/0"] == Text("tea/0", 0, text, finished, thinking=thinking)


def test_as_many_requests_are_open_as_allowed_and_no_more(served):
    """Every reply waits until three requests are open at once; a fourth would be seen."""
    together = threading.Barrier(3, timeout=20.0)
    lock, now, most = threading.Lock(), [0], [0]

    def says(number, text):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait()
        with lock:
            now[0] -= 1
        return text

    service, asked = served(says, concurrent=3, seconds=30.0)
    assert len(all_of(service, prompts(9))) == 9
    assert most[0] == 3


@pytest.mark.parametrize("status", [408, 429, 500, 503, None])
def test_what_passes_is_waited_for_and_told_of_once(served, status):
    service, asked = served(lambda number, text: status if number <= 4 else text)
    said = []
    assert all_of(service, prompts(2), said=said)["tea/1"].text == "1"
    assert len(asked) == 4 + 2
    assert len(said) == 1
    assert "does not answer" in said[0]


def test_an_endpoint_that_lets_nothing_through_is_given_up_after_five_tries(served):
    service, asked = served(lambda number, text: 503)
    with pytest.raises(Down, match=r"the endpoint at http://127.0.0.1:\d+/v1, asked for tea/0, does not answer"):
        all_of(service, prompts(2))
    assert len(asked) == 5


def test_where_nobody_listens_that_is_said(served):
    service, _ = served(lambda number, text: text)
    nowhere = Service("http://127.0.0.1:9/v1", "m", seconds=5.0)
    with pytest.raises(Down, match=r"127\.0\.0\.1:9/v1, .* does not answer \(Connection error"):
        all_of(nowhere, prompts(3))


def test_a_busy_endpoint_that_serves_others_is_not_given_up(served):
    """Prompt 0 is put off twelve times, which is more than the tries of one that nobody else overtakes."""
    put_off = []

    def says(number, text):
        if text == "0" and len(put_off) < 12:
            put_off.append(number)
            others.wait(20.0)  # until another reply has gone out since
            others.clear()
            return 429
        others.set()
        return text

    others = threading.Event()
    service, asked = served(says, concurrent=2, seconds=30.0)
    assert len(all_of(service, prompts(60))) == 60
    assert len(put_off) == 12


def test_what_came_before_an_outage_is_given_out(served):
    service, _ = served(lambda number, text: text if number <= 3 else 500)
    found = []
    with pytest.raises(Down):
        found.extend(texts for texts in ask(service, prompts(6)) if texts)
    assert [text.key for [text] in found] == ["tea/0", "tea/1", "tea/2"]


def test_a_caller_that_stops_leaves_the_rest_unasked(served):
    """The second reply is held back until the caller has stopped; the thread that waits for it then ends."""
    stopped = threading.Event()
    service, asked = served(lambda number, text: text if number == 1 else stopped.wait(20.0) and text, seconds=30.0)
    before = set(threading.enumerate())
    found = ask(service, prompts(50))
    next(found)
    mine = {one for one in set(threading.enumerate()) - before if one.ident}  # has begun: it can be joined
    found.close()
    stopped.set()
    for thread in mine:
        thread.join(20.0)
        assert not thread.is_alive()
    assert len(asked) <= 2


def test_nothing_to_ask_opens_nothing():
    assert list(ask(Service("http://127.0.0.1:9/v1", "m"), [])) == []


def test_an_endpoint_is_asked_once_whether_it_answers():
    """The tests' own knows nothing of models, and that is an answer."""
    made = FakeJudge(lambda number, text: "yes")
    assert client.silent(Service(made.url, "m", seconds=5.0)) == ""
    assert made.asked == []
    made.close()
    assert "refused" in client.silent(Service(made.url, "m", seconds=5.0)).lower()


def test_an_endpoint_that_takes_the_connection_and_never_replies_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        said = client.silent(Service(f"http://127.0.0.1:{port}/v1", "m", seconds=0.1))
    assert said == "no reply in 0.1 s"


@pytest.mark.parametrize(("status", "silent"), [(200, False), (401, False), (404, False), (500, False), (503, True)])
def test_whatever_an_endpoint_says_of_its_models_is_an_answer_but_that_nobody_is_there(status, silent, monkeypatch):
    import httpx
    import openai

    transport = httpx.MockTransport(lambda request: httpx.Response(status, json={"data": [], "object": "list"}))
    http = httpx.Client(transport=transport)
    served = openai.OpenAI(base_url="http://a/v1", api_key="none", max_retries=0, http_client=http)
    monkeypatch.setattr(client, "connect", lambda *given: served)
    assert client.silent(Service("http://a/v1", "m")) == ("status 503" if silent else "")
