"""A run over conversations: both forms of turns, system prompts, thinking that stands in turns, every reply taught."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeJudge

from redone import cli
from redone.files import read_jsonl

PACK = """
[tasks.reply]
part = "domain"
family = "dialogue"
messages = "messages"
reward = "exact"
budget = 8
files = {train = "reply.train.jsonl", probe = "reply.probe.jsonl", eval = "reply.eval.jsonl"}

[tasks.mood]
part = "domain"
family = "dialogue"
system = "{who} ."
messages = "turns"
answer = "{mood}"
reward = "exact"
budget = 8
convert = {turns = {same = "conversations"}}
files = {train = "mood.train.jsonl", probe = "mood.probe.jsonl", eval = "mood.eval.jsonl"}

[tasks.next]
part = "general"
family = "mathematics"
messages = "messages"
reward = "exact"
options = {kind = "number"}
think = true
budget = 31
files = {train = "next.train.jsonl", probe = "next.probe.jsonl", eval = "next.eval.jsonl"}
"""
COUNTS = {"train": 12, "probe": 4, "eval": 4}


def openai(*said: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in said]


def row(task: str, n: int) -> dict[str, Any]:
    if task == "reply":
        said = [("system", "be kind"), ("user", f"{n} ?"), ("assistant", "so"), ("user", "so ?"), ("assistant", "yes")]
        return {"messages": openai(*said)}
    if task == "mood":
        turns = [{"from": "human", "value": f"hi {n}"}, {"from": "gpt", "value": "hm"}, {"from": "human", "value": "?"}]
        return {"who": "Ann" if n % 2 else "Bo", "conversations": turns, "mood": "good" if n % 3 else "bad"}
    thought = openai(("user", f"after {n} ?"), ("assistant", f"<think>{n}+1</think>{n + 1}"))
    return {"messages": [*thought, *openai(("user", f"{n} +2 ?"), ("assistant", f"<think>{n}+2</think>{n + 2}"))]}


@pytest.fixture
def talks(tmp_path: Path, tiny_run: Path) -> Path:
    """A configuration over conversations, whose files lie beside it."""
    for task in ("reply", "mood", "next"):
        for place, (split, count) in enumerate(COUNTS.items()):
            rows = [row(task, 100 * (place + 1) + i) for i in range(count)]
            (tmp_path / f"{task}.{split}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    (tmp_path / "pack.toml").write_text(PACK)
    tiny_run.write_text(tiny_run.read_text().replace("epochs", 'turns = "all"\nepochs'))
    return tiny_run


def test_conversations_go_through_every_stage(talks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli.main(["run", str(talks), "--out", str(out)]) == 0
    results = json.loads((out / "results.json").read_text())
    assert list(results["models"]) == ["base", "explore", "target", "refine"]
    assert all(model["tasks"].keys() == {"reply", "mood", "next"} for model in results["models"].values())
    taught = list(read_jsonl(out / "target" / "data.jsonl.gz"))
    replies = [line for line in taught if line["task"] == "reply"]
    earlier = [line for line in replies if line["id"].endswith(":1")]
    assert len(earlier) == len(replies) / 2 > 0
    for line in earlier:
        [n] = [int(word) for word in line["messages"][1]["content"].split() if word.isdecimal()]
        assert line["messages"] == row("reply", n)["messages"][:2]
        assert (line["target"], line["think"]) == ("so", False)
    first = next(read_jsonl(out / "explore" / "rollouts.jsonl.gz"))
    assert first["prompt"].splitlines()[0].startswith(("system: ", "user: "))
    assert "system: be kind" in (out / "report.md").read_text()
    asked = {line["id"] for line in read_jsonl(out / "eval" / "base" / "tasks" / "predictions.jsonl")}
    assert asked == {f"{task}/eval/{i}" for task in ("reply", "mood", "next") for i in range(4)}


def change(folder: Path, **fields: Any) -> None:
    """Give the second row of reply.probe.jsonl other fields."""
    path = folder / "reply.probe.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[1] |= fields
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))


TWO = openai(("system", "be kind"), ("system", "be short"), ("user", "1 ?"), ("assistant", "yes"))
EMPTY = openai(("user", "1 ?"), ("assistant", " "), ("user", "so ?"), ("assistant", "yes"))


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("turns", "said"),
    [
        (TWO, "turns 1 and 2 are both system prompts; join them"),
        (EMPTY, "turn 2, by the assistant, is empty; leave it out"),
    ],
)
def test_what_is_no_conversation_stops_before_anything_trains(
    talks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, turns: Any, said: str
) -> None:
    change(tmp_path, messages=turns)
    out = ["--out", str(tmp_path / "out")] if command == "run" else []
    assert cli.main([command, str(talks), *out]) == 2
    assert f"redone: reply.probe.jsonl:2: field messages of task reply: {said}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_template_that_refuses_a_system_prompt_stops_before_anything_trains(
    talks: Path, tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    model = shutil.copytree(tiny_model, tmp_path / "model")
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    template = model / "chat_template.jinja"
    template.write_text(refusing + template.read_text())
    out = ["--out", str(tmp_path / "out")] if command == "run" else []
    assert cli.main([command, str(talks), "--model", str(model), *out]) == 2
    lines = capsys.readouterr().err.partition("redone: ")[2].splitlines()
    assert lines[0] == "40 records cannot be asked or taught as they are:"  # of reply and mood
    assert lines[1] == (
        "  reply.train.jsonl:1 (reply/train/0) and 19 more of reply: cannot write system and user and assistant "
        "messages: TemplateError: System role not supported; say it in the user's message"
    )
    assert not (tmp_path / "out").exists()


def test_an_endpoint_is_sent_the_turns_as_they_are(talks: Path, tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="the endpoint's client is not installed")
    served = FakeJudge(lambda number, text: "yes")
    try:
        assert (
            cli.main(["eval", "m", "--config", str(talks), "--base-url", served.url, "--out", str(tmp_path / "out")])
            == 0
        )
    finally:
        served.close()
    asked = [body["messages"] for body in served.asked]
    assert all(row("reply", 300 + i)["messages"][:-1] in asked for i in range(4))
    mood = [("system", "Bo ."), ("user", "hi 300"), ("assistant", "hm"), ("user", "?")]
    assert openai(*mood) in asked
    scores = json.loads((tmp_path / "out" / "results.json").read_text())["models"]["model"]["tasks"]
    assert (scores["reply"]["score"], scores["mood"]["score"]) == (100.0, 0.0)
