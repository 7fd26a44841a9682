"""Every fault of faults.py ends cleanly: in one sentence that says what to do, with nothing lost; or it is survived.

What a refused command found it leaves byte by byte, so that once the fault is put right the same command goes on.
"""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import write_tiny_run
from fakes import CUPS, FakeJudge
from faults import CODE, FAULTS, OF_RUNS, REPLIES, RUN, STOPPED, STREAMS, Fault, signalled
from kills import differences

from redone.cli import main
from redone.commands import prepare
from redone.files import write_jsonl
from redone.method import pipeline
from redone.records import Record, Task
from redone.run import scoring
from redone.run.log import Log
from redone.sandbox.isolate import unavailable
from redone.served.client import Line

ARMS = """name = "small"
config = "run.toml"
seeds = 1
reference = "one"
[arms.one]
stages = ["explore"]
"""
_HANGS = 600  # seconds
SERVED = "eval some-model --benchmark cups.toml --data . --out served --base-url URL"


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A configuration, its pack and model, a benchmark with predictions, items, and an experiment."""
    folder = tmp_path_factory.mktemp("plain")
    write_tiny_run(folder, "model")
    shutil.copytree(tiny_model, folder / "model")
    (folder / "cups.toml").write_text(CUPS, encoding="utf-8")
    (folder / "arms.toml").write_text(ARMS, encoding="utf-8")
    cups = [{"question": f"{n} cups and {n} cups ?", "answer": str(2 * n)} for n in range(2, 5)]
    write_jsonl(folder / "cups.jsonl", cups)
    write_jsonl(folder / "predictions.jsonl", [{"id": f"cups/{n}", "output": "It is 4."} for n in range(3)])
    verdict = {"score": 1.0, "reason": "right", "note": "", "parts": {}}
    write_jsonl(
        folder / "items.jsonl",
        [
            {"benchmark": "gsm8k", "id": f"gsm8k/{n}", "readings": {"strict": [verdict], "flexible": "strict"}}
            for n in range(7)
        ],
    )
    return folder


@pytest.fixture
def checked_once(monkeypatch: pytest.MonkeyPatch, made: dict[Any, Any]) -> None:
    """What a run finds good before it begins is found once for the same files; reports of runs are left out."""
    check = prepare.check

    def once(config: Any, log: Log, **more: bool) -> Any:
        read = [Path("run.toml"), Path("pack.toml"), *Path().glob("*.jsonl"), *Path("model").glob("*.j*")]
        key = (config.model_dump_json(), *more, *(path.read_bytes() for path in sorted(read)))
        if key not in made:
            made[key] = check(config, log, **more)
        return made[key]

    monkeypatch.setattr(prepare, "check", once)
    monkeypatch.setattr(pipeline, "write_report", lambda *given: None)


@pytest.fixture(scope="session")
def made() -> dict[Any, Any]:
    return {}


@pytest.fixture(scope="session")
def begun(plain: Path, tmp_path_factory: pytest.TempPathFactory, made: dict[Any, Any]) -> Path:
    """And a run that was stopped after the second of three steps of its last stage, beside one that came to its end."""
    folder = tmp_path_factory.mktemp("begun") / "w"
    shutil.copytree(plain, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        checked_once.__wrapped__(patch, made)  # type: ignore[attr-defined]
        with signalled(signal.SIGINT, "refine    2/"):
            assert main(shlex.split(RUN)) == 130
        shutil.copytree("run", "whole")
        assert main(shlex.split(RUN.replace("--out run", "--out whole"))) == 0
    return folder


@pytest.fixture
def redone(capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str]]:
    """redone(command) -> its exit status, and all that it said."""

    def too_long(number: int, frame: object) -> None:
        pytest.fail("it does not end")

    def run(command: str) -> tuple[int, str]:
        before = signal.signal(signal.SIGALRM, too_long)
        signal.alarm(_HANGS)
        try:
            code = main(shlex.split(command))
        except SystemExit as ended:  # argparse's
            code = int(str(ended.code))
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        shown = capsys.readouterr()
        return code, shown.err + shown.out

    return run


def contents() -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(Path().rglob("*"))}


def is_a_sentence(said: str) -> None:
    [sentence] = re.findall(r"^redone: (.*)", said, re.MULTILINE | re.DOTALL)
    assert "Traceback" not in said
    assert 20 < len(sentence) < 11_000
    assert not re.search(r"\b(Key|Type|Attribute|Index|Runtime|Recursion)Error\b|<\w+ object at", sentence), sentence


def kept(before: dict[str, bytes | None]) -> None:
    """Every file is as it was, but for how long things took; and what a run got on with it has at its end too."""
    after = contents()
    before = {name: data for name, data in before.items() if not name.endswith("timings.json")}
    assert [name for name, data in before.items() if after.get(name, b"gone") != data] == []
    new = [Path(name) for name in after if name not in before and Path(name).is_file() and name.startswith("run/")]
    ends = [Path("whole") / path.relative_to("run") for path in new if path.name != "timings.json"]
    assert [path for path in ends if not path.is_file()] == []


def put_back(world: Path, whole: dict[str, bytes | None], harmed: dict[str, bytes | None]) -> None:
    for name in (name for name in harmed if name not in whole and harmed[name] is not None):
        Path(name).unlink(missing_ok=True)
    for name in (name for name, data in whole.items() if harmed.get(name, b"gone") != data and data is not None):
        place = Path(name)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(world / name, place)


def carried_out(fault: Fault, world: Path, redone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused command leaves the folder as it was, so that it goes on from there once the fault is put right: what
    was under way is whole again then. A survived fault is gone on from to the same end."""
    shutil.copytree(world, tmp_path / "w", symlinks=True)
    monkeypatch.chdir(tmp_path / "w")
    whole = contents()
    for harm in fault.harms:
        harm()
    harmed = contents()
    code, said = redone(fault.command)
    assert re.search(fault.says, said, re.DOTALL), said
    if not fault.goes_on:
        assert code == 2, said
        is_a_sentence(said)
        kept(harmed)
        put_back(world, whole, harmed)
        kept(whole)
    else:
        assert code == 0, said
        if fault.command == RUN:
            put_back(world, {n: d for n, d in whole.items() if n not in harmed and "checkpoints" not in n}, {})
            assert differences(Path("whole"), Path("run")) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_said(name: str, plain: Path, redone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried_out(FAULTS[name], plain, redone, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("checked_once")
@pytest.mark.parametrize("name", OF_RUNS)
def test_a_fault_of_a_run(name: str, begun: Path, redone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried_out(OF_RUNS[name], begun, redone, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("checked_once")
@pytest.mark.parametrize("name", STOPPED)
def test_a_run_that_is_stopped_goes_on_to_the_same_end(
    name: str, begun: Path, redone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(begun, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    monkeypatch.setattr("sys.argv", ["redone", *shlex.split(RUN)])
    wanted, says, during = STOPPED[name]
    with during():
        code, said = redone(RUN)
    assert (code, "Traceback" in said) == (wanted, False), said
    assert re.search(says, " ".join(said.split())), said
    code, said = redone(RUN)
    assert code == 0, said
    assert differences(Path("whole"), Path("run")) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", REPLIES)
def test_what_an_endpoint_replies_is_said_without_the_key(
    name: str, plain: Path, redone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="the endpoint's client is not installed")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-secret")
    monkeypatch.setattr(Line, "_pauses", lambda line: iter([0.0, 0.0]))
    shutil.copytree(plain, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    reply, says = REPLIES[name]
    mended = False
    served = FakeJudge(lambda number, text: "It is 4." if mended else reply)
    command = SERVED.replace("URL", served.url)
    try:
        code, said = redone(command)
        assert re.search(says, said, re.DOTALL), said
        assert "secret" not in said
        assert not [name for name, data in contents().items() if data and b"secret" in data]
        if code:
            is_a_sentence(said)
            mended = True
            code, said = redone(command)
        assert code == 0, said
    finally:
        served.close()


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "stdin closed" else pytest.mark.slow) for n in STREAMS]
)
def test_a_command_without_one_of_its_streams_does_its_work(name: str, plain: Path, tmp_path: Path) -> None:
    redirected, wanted = STREAMS[name]
    command = f"{sys.executable} -m redone.cli compare items.jsonl items.jsonl --json {tmp_path / 'found.json'}"
    shell = ["bash", "-c", f"{command} {redirected}"]
    done = subprocess.run(shell, cwd=plain, capture_output=True, text=True, timeout=_HANGS)
    assert (done.returncode, "Traceback" in done.stderr) == (wanted, False), done.stderr
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["benchmarks"]
    if wanted == 2:
        is_a_sentence(done.stderr)


@pytest.mark.slow
@pytest.mark.skipif(bool(why := unavailable()), reason=why)
@pytest.mark.parametrize("name", CODE)
def test_code_that_misbehaves_is_wrong_and_no_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "CODE", replace(scoring.CODE, wall=3.0))
    task = Task("f", "general", "code", "{q}", "", "asserts")
    messages = ({"role": "user", "content": "?"},)
    record = Record("f/eval/0", "f", messages, "", "eval", "f.jsonl:1", fields={"tests": ["assert f(1) == 1"]})
    [[found]] = scoring.in_process({"f": task})([scoring.Asked(record, [(CODE[name], True)])])
    assert (found.score, found.reason) == (0.0, "wrong"), found
