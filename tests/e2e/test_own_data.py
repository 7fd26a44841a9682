"""From a data file to what check and run take unchanged: `redone init`."""

import json
from pathlib import Path

import pytest

from redone import cli
from redone.config import load_config

TEAMS = ("billing", "login", "shipping")
TICKETS = [(f"ticket {i}: the parcel, {'late ' * (i % 4)}from {i * 7}", TEAMS[i % 3]) for i in range(90)]
CHATS = [[{"role": "user", "content": f"hello {i}"}, {"role": "assistant", "content": f"day {i}"}] for i in range(60)]


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tickets.csv"
    path.write_text(
        "id,text,team\n" + "".join(f'{i},"{t}",{a}\n' for i, (t, a) in enumerate(TICKETS)), encoding="utf-8"
    )
    return path


def rows_of(kind: str) -> list[dict[str, object]]:
    texts = [text for text, _ in TICKETS]
    return {
        "chats": [{"chat": turns} for turns in CHATS],
        "holes": [{"Ticket text": t, "Team": None if i == 3 else a} for i, (t, a) in enumerate(TICKETS)],
        "long answers": [{"question": t, "context": "a shop", "reply": f"we are sorry {t} is late"} for t in texts],
        "one long answer": [
            {"question": t, "reply": f"sorry for all of {t} " * (40 if i == 5 else 1)} for i, t in enumerate(texts)
        ],
        "numbers": [{"question": f"what is {i} and {i}?", "answer": 2 * i} for i in range(60)],
        "truth": [{"text": t, "late": "late" in t} for t in texts],
    }[kind]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("chats", ['messages = "chat"', 'reward = "token_f1"']),
        ("holes", ['on_bad_gold = "drop"', 'convert = {Ticket_text = {same = "Ticket text"}, Team = {text = "Team"}}']),
        ("long answers", ["{context}\\n\\n{question}", 'reward = "chrf"', "pass_at = 0.5"]),
        ("one long answer", ['reward = "chrf"']),
        ("numbers", ['options = {kind = "number"}']),
        ("truth", ["Which late? Answer with one word: False or True.", 'reward = "exact"']),
    ],
)
def test_what_is_guessed_of_rows_is_what_a_run_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, wanted: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.json").write_text(json.dumps(rows_of(kind)), encoding="utf-8")
    assert cli.main(["init", "mine.json", "--model", "base", "--out", "made"]) == 0  # having read it as a run does
    pack = Path("made/pack.toml").read_text(encoding="utf-8")
    assert [one for one in wanted if one not in pack] == []
    assert load_config([Path("made/run.toml")]).data.too_long == ("drop" if kind == "one long answer" else "refuse")


def test_files_of_other_splits_that_lie_beside_are_taken(tickets: Path) -> None:
    for name in ("tickets.train.csv", "tickets.test.csv"):
        rows = [(text + name, team) for text, team in TICKETS]
        (tickets.parent / name).write_text("text,team\n" + "".join(f'"{t}",{a}\n' for t, a in rows), encoding="utf-8")
    assert cli.main(["init", "tickets.train.csv", "--model", "base"]) == 0
    pack = Path("tickets/pack.toml").read_text(encoding="utf-8")
    assert 'files = {train = "../tickets.train.csv", eval = "../tickets.test.csv"}' in pack


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "which model is to learn it? Give --model"),
        (["--model", "base", "--answer", "teem"], "--answer teem: there is no such column; did you mean team?"),
        (["--model", "nowhere"], "nowhere: there is no such model folder"),
    ],
)
def test_what_init_cannot_know_it_says_and_leaves_nothing(
    tickets: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert cli.main(["init", "tickets.csv", *options]) == 2
    assert said in capsys.readouterr().err
    assert not Path("tickets").exists()


def test_what_a_run_would_refuse_is_said_and_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("few.csv").write_text("text,team\na,b\nc,d\n", encoding="utf-8")
    assert cli.main(["init", "few.csv", "--model", "base"]) == 2
    assert "has no data in" in capsys.readouterr().err
    assert list(Path("few").iterdir()) == []


def test_a_table_becomes_a_pack_and_a_run_and_nothing_is_written_over(
    tickets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["init", "tickets.csv", "--model", "base"]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert "not read  id" in said
    assert "    redone check tickets/run.toml\n    redone run tickets/run.toml\n    redone watch runs/tickets" in said
    left = {path: path.read_bytes() for path in Path("tickets").iterdir()}
    assert {path.name for path in left} == {"pack.toml", "run.toml"}
    assert cli.main(command) == 2
    assert "tickets/pack.toml is there already" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path("tickets").iterdir()} == left


@pytest.mark.slow  # init itself reads what it wrote as a run does
def test_check_takes_what_init_wrote(tickets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "tickets.csv", "--model", "base"]) == 0
    assert cli.main(["check", "tickets/run.toml"]) == 0
    shown = capsys.readouterr().out
    assert "1 task, all reference answers score 1, everything fits." in shown
    assert "tickets: ../tickets.csv:" in shown
