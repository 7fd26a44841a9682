"""A run's numbers reach every tracker once, whatever the trackers do; and the run is as it was."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from types import SimpleNamespace

import pytest
from watched import begun, explored, finished, held, line, measured, stepped, taught

from redone import cli
from redone.files import write_json
from redone.run.log import Log
from redone.track import beside, check, follow, to_mlflow, to_tensorboard, to_trackio, to_wandb
from redone.track.news import news
from redone.watch.follow import Follower


class Fake:
    """A tracker that keeps what it is sent, by what it is called. troubles: raised, one a try, before it works."""

    def __init__(self, *troubles):
        self.troubles = list(troubles)
        self.values, self.texts, self.closed, self.tries = {}, {}, 0, 0

    def open_run(self, folder, key, name, config):
        self.key, self.name, self.config = key, name, config
        return self

    def send(self, entries):
        self.tries += 1
        if self.troubles:
            raise self.troubles.pop(0)
        for entry in entries:
            for what, value in entry.values.items():
                self.values.setdefault(f"{entry.group}/{what}", []).append((entry.step, value))
            for what, text in entry.texts.items():
                self.texts.setdefault(f"{entry.group}/{what}", []).append((entry.step, text))

    def close(self):
        self.closed += 1


def no_wait(seconds):
    pass


def sent(run, once=True, wait=no_wait, **trackers):
    """What was said, and the trackers that did not get everything."""
    said = []
    left = follow.follow(run, {name: fake.open_run for name, fake in trackers.items()}, said.append, once, wait)
    return said, left


def files(run):
    """All that lies in the run's folder but what trackers keep."""
    there = (path for path in run.rglob("*") if path.is_file() and path.relative_to(run).parts[0] != "track")
    return {path.relative_to(run): path.read_bytes() for path in there}


def test_steps_tasks_scores_and_alarms_arrive_under_their_names(tmp_path):
    fake, run = Fake(), explored(tmp_path / "notes")
    scores = {
        "averages": {"domain": 40.0, "general": None},
        "tasks": {"rises": {"score": 12.5}, "dead": {"score": None}},
    }
    write_json(run / "eval/base/tasks/scores.json", scores)
    assert sent(run, one=fake) == ([], [])
    assert fake.name == "notes"
    assert fake.config["explore"]["steps"] == 6
    assert fake.values["explore/reward"] == [(1, 0.05), (2, 0.1), (3, 0.15)]
    assert fake.values["explore/tasks/rises/reward"] == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert fake.values["explore/tasks/dead/pass_rate"] == [(1, 0.0), (2, 0.0), (3, 0.0)]
    assert {name for name in fake.values if name.startswith("eval/")} == {"eval/domain", "eval/tasks/rises"}
    assert fake.values["eval/domain"] == [(0, 40.0)]
    assert fake.values["eval/tasks/rises"] == [(0, 12.5)]
    [(step, alarm)] = fake.texts["explore/alarms"]
    assert step == 3
    assert alarm.startswith("never right: dead: ")
    assert "\x1b" not in alarm  # what rewrites a terminal is spelled out


def test_averages_stand_at_the_place_of_their_model_and_a_refused_step_says_why(tmp_path):
    fake, run = Fake(), taught(tmp_path)
    write_json(run / "target/stopped-000003.json", {"stage": "target", "step": 3, "why": "loss is nan", "batch": []})
    sent(run, one=fake)
    assert fake.values["eval/domain"] == [(0, 40.0), (1, 50.0)]
    assert fake.values["target/loss"] == [(1, 2.0), (2, 1.0)]
    assert fake.texts["target/stopped"] == [(3, "loss is nan")]


def test_nothing_is_sent_twice_by_a_later_follower_not_even_steps_that_are_done_again(tmp_path):
    first, later, run = Fake(), Fake(), explored(tmp_path)
    sent(run, one=first)
    (run / "explore/metrics.jsonl").write_text(line(1))  # cut back to the checkpoint, as when a run goes on
    sent(run, one=later)
    assert later.tries == 0
    stepped(run / "explore", 2, 5)
    sent(run, one=later)
    assert later.values["explore/reward"] == [(4, 0.2), (5, 0.25)]
    assert "eval/domain" not in later.values
    assert later.key == first.key
    elsewhere = Fake()
    sent(run, two=elsewhere)
    assert [step for step, _ in elsewhere.values["explore/reward"]] == [1, 2, 3, 4, 5]


def test_what_a_stage_makes_after_the_gate_rejected_it_is_named_apart(tmp_path):
    fake, run = Fake(), taught(tmp_path)
    sent(run, one=fake)
    (run / "target/rejected-1").mkdir()
    shutil.move(run / "target/metrics.jsonl", run / "target/rejected-1/metrics.jsonl")
    (run / "target/metrics.jsonl").write_text(json.dumps({"step": 1, "loss": 9.0, "seconds": 1.0}) + "\n")
    sent(run, one=fake)
    assert fake.values["target/loss"] == [(1, 2.0), (2, 1.0)]
    assert fake.values["target.2/loss"] == [(1, 9.0)]


def test_a_tracker_that_fails_is_tried_again_and_keeps_nothing_from_the_others(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "a secret of one's own")
    trouble = ConnectionError("no route for a secret of one's own\n\x1b[31m")
    bad, good, run = Fake(trouble, trouble, trouble), Fake(), explored(tmp_path)
    looks, tries = [], []

    def wait(seconds):
        tries.append(bad.tries)
        looks.append(good.values["explore/reward"][-1][0])
        if len(looks) == 2:
            stepped(run / "explore", 4, 4)
        if len(looks) == 20:
            (run / ".lock").unlink()

    said, left = sent(run, once=False, wait=wait, bad=bad, good=good)
    assert looks[:3] == [3, 3, 4]  # the other one has a step as soon as it is there
    assert left == []
    assert [step for step, _ in bad.values["explore/reward"]] == [1, 2, 3, 4]
    assert said == [
        "bad: cannot be sent to now, ConnectionError: no route for *** \\x1b[31m",  # once, not three times
        "bad: everything is sent again",
    ]
    assert tries[:9] == [1, 1, 2, 2, 2, 3, 3, 3, 3]  # one look, two and four are let pass
    assert bad.tries == 4


def test_a_tracker_that_never_answers_costs_the_others_nothing_and_is_named_at_the_end(tmp_path):
    silent, good = Fake(), Fake()

    def wait_for_ever(entries):
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= follow.PATIENCE
        signal.setitimer(signal.ITIMER_REAL, 0.001)  # two minutes later
        threading.Event().wait()

    silent.send = wait_for_ever
    said, left = sent(finished(tmp_path), once=False, silent=silent, good=good)
    assert left == ["silent"]
    assert good.values["eval/domain"] == [(0, 40.0), (1, 50.0), (2, 60.0), (3, 60.0)]
    assert said == ["silent: cannot be sent to now, TimeoutError: no answer within 120 seconds"]
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_it_ends_when_the_run_has_finished_or_stopped_and_everything_is_closed(tmp_path):
    fake, run = Fake(), explored(tmp_path)
    looks = []

    def wait(seconds):
        looks.append(seconds)
        assert fake.closed == 0
        shutil.rmtree(run)
        finished(run)

    assert sent(run, once=False, wait=wait, one=fake) == ([], [])
    assert len(looks) == 1
    assert fake.values["refine/reward"][-1] == (4, 0.2)
    assert fake.closed == 1


def test_of_a_run_on_another_machine_it_ends_when_every_part_is_done(tmp_path):
    fake, run = Fake(), taught(tmp_path)
    held(run, 1, "elsewhere")

    def wait(seconds):
        finished(run)
        held(run, 1, "elsewhere")  # was not removed, as a process there cannot be asked whether it is there

    assert sent(run, once=False, wait=wait, one=fake) == ([], [])
    assert fake.values["refine/reward"][-1] == (4, 0.2)


def test_a_tracker_that_cannot_close_says_what_may_be_missing(tmp_path):
    fake = Fake()
    fake.close = lambda: 1 // 0
    said, left = sent(explored(tmp_path), one=fake)
    assert left == []
    assert said == [
        "one: not everything may have arrived, ZeroDivisionError: integer division or modulo by zero; "
        f"what it kept lies in {tmp_path / 'track/one'}"
    ]


def test_many_entries_are_noted_down_in_parts(tmp_path):
    """What a kill may let be sent once more is one part at most."""
    run = explored(tmp_path)
    stepped(run / "explore", 4, 150)
    fake = Fake()
    keep = fake.send

    def send(entries):
        if fake.tries == 1:
            raise KeyboardInterrupt
        keep(entries)

    fake.send = send
    with pytest.raises(KeyboardInterrupt):
        sent(run, one=fake)
    fake.send = keep
    sent(run, one=fake)
    assert [step for step, _ in fake.values["explore/reward"]] == list(range(1, 151))


def test_a_damaged_note_of_what_was_sent_is_refused_with_what_to_do(tmp_path):
    run = explored(tmp_path)
    sent(run, one=Fake())
    (run / "track/one/sent.json").write_text('{"key": "a", "sent": {"steps/explore": "x"}}')
    with pytest.raises(ValueError, match=r"sent\.json.*remove it, and everything is sent anew"):
        sent(run, one=Fake())


def test_nothing_of_the_run_changes_and_a_look_at_it_is_as_before(tmp_path):
    run = explored(tmp_path)
    before, seen = files(run), list(news(Follower(run).look(), {}))
    sent(run, one=Fake())
    assert files(run) == before
    assert list(news(Follower(run).look(), {})) == seen


# --- the trackers themselves


def events(folder):
    """What TensorBoard itself reads: name to (step, value), and name to (step, text)."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    read = EventAccumulator(str(folder))
    read.Reload()
    values, texts = {}, {}
    for tag in read.Tags()["tensors"]:
        plugin = read.SummaryMetadata(tag).plugin_data.plugin_name
        for one in read.Tensors(tag):
            found = make_ndarray(one.tensor_proto).item()
            kind = values if plugin == "scalars" else texts
            kind.setdefault(tag, []).append((one.step, found if plugin == "scalars" else found.decode()))
    return values, texts


def test_tensorboard_reads_what_was_written_for_it_by_one_process_after_another(tmp_path):
    run = explored(tmp_path / "notes")
    for last in (4, 5):
        assert cli.main(["track", str(run), "--to", "tensorboard", "--once"]) == 0
        stepped(run / "explore", last, last)
    values, texts = events(run / "track/tensorboard")
    assert values["explore/reward"] == [(n, pytest.approx(n / 20)) for n in (1, 2, 3, 4)]
    assert values["eval/domain"] == [(0, 40.0)]
    [(step, alarm)] = texts["explore/alarms"]
    assert step == 3
    assert alarm.startswith("never right: dead")
    [(_, shown)] = texts["run/configuration"]
    assert json.loads(shown.strip("`\n"))["explore"]["steps"] == 6


class Wandb:
    """What of wandb is used."""

    Settings = staticmethod(lambda **given: given)

    def __init__(self):
        self.rows, self.axes, self.alerts, self.given, self.ended = [], {}, [], {}, False

    def init(self, **given):
        self.given = given
        return SimpleNamespace(log=self.rows.append, define_metric=self.define, alert=self.alert, finish=self.finish)

    def define(self, name, step_metric=None, hidden=False):
        self.axes[name] = step_metric

    def alert(self, title, text, level):
        self.alerts.append((title, text, level))

    def finish(self):
        self.ended = True


def test_wandb_has_a_row_a_step_with_an_axis_for_each_stage_and_an_alert_for_each_alarm(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", fake := Wandb())
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    run = explored(tmp_path / "notes")
    follow.follow(run, {"wandb": to_wandb.open_run}, print, once=True)
    assert fake.rows[0] == {"eval/step": 0, "eval/domain": 40.0, "eval/general": 90.0}
    assert [row["explore/step"] for row in fake.rows[1:]] == [1, 2, 3]
    assert fake.rows[1]["explore/tasks/rises/reward"] == 0.1
    assert fake.axes["explore/*"] == "explore/step"
    [(title, text, level)] = fake.alerts
    assert (title, level) == ("explore, step 3: alarms", "WARN")
    assert text == fake.rows[3]["explore/alarms"]
    assert (fake.given["project"], fake.given["name"]) == ("redone", "notes")
    assert fake.given["config"]["explore"]["steps"] == 6
    assert fake.ended


@pytest.mark.slow
def test_wandb_itself_writes_offline_what_can_be_sent_later_and_no_key(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", key := "0123456789abcdef" * 2 + "01234567")
    run = explored(tmp_path / "notes")
    for last in (4, 5):  # two processes after each other are one run there
        assert cli.main(["track", str(run), "--to", "wandb", "--once"]) == 0
        stepped(run / "explore", last, last)
    [*written] = sorted((run / "track/wandb").rglob("*.wandb"))
    assert len({path.name for path in written}) == 1
    assert b"explore/tasks/rises/reward" in written[0].read_bytes()
    assert not [path for path in run.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
    wandb.teardown()


@pytest.mark.slow
def test_mlflow_itself_has_every_step_and_one_run_whichever_process_sends(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="not installed: pip install 'redone[mlflow]'")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.tracking import MlflowClient

    run = explored(tmp_path / "notes")
    for last in (4, 5):
        assert cli.main(["track", str(run), "--to", "mlflow", "--once"]) == 0
        stepped(run / "explore", last, last)
    client = MlflowClient(tracking_uri=(run / "track/mlflow/store").as_uri())
    [there] = client.search_runs([client.get_experiment_by_name("redone").experiment_id])
    rewards = client.get_metric_history(there.info.run_id, "explore/reward")
    assert sorted((one.step, one.value) for one in rewards) == [(n, pytest.approx(n / 20)) for n in (1, 2, 3, 4)]
    assert there.data.metrics["eval/domain"] == 40.0
    assert there.data.tags["explore/alarms/3"].startswith("never right: dead")
    assert there.data.params["explore.steps"] == "6"
    assert (there.info.run_name, there.info.status) == ("notes", "FINISHED")


def test_trackio_has_a_row_a_step_and_an_alert_for_each_alarm_and_each_part_is_finished(tmp_path, monkeypatch):
    rows, alerts, ended = [], [], []
    given = {}

    def init(**told):
        given.update(told)
        return SimpleNamespace(log=lambda row, step: rows.append((step, row)))

    fake = SimpleNamespace(init=init, alert=lambda **told: alerts.append(told), finish=lambda: ended.append(len(rows)))
    monkeypatch.setitem(sys.modules, "trackio", fake)
    monkeypatch.delenv("TRACKIO_PROJECT", raising=False)
    follow.follow(explored(tmp_path / "notes"), {"trackio": to_trackio.open_run}, print, once=True)
    assert rows[0] == (0, {"eval/domain": 40.0, "eval/general": 90.0})
    assert [(step, row["explore/reward"]) for step, row in rows[1:]] == [(n, pytest.approx(n / 20)) for n in (1, 2, 3)]
    assert [one["title"] for one in alerts] == ["explore, step 3: alarms"]
    assert ended == [len(rows)]
    assert (given["project"], given["resume"]) == ("redone", "allow")
    assert given["name"].startswith("notes-")


def test_names_that_mlflow_does_not_take_are_written_otherwise():
    assert to_mlflow._name("explore/tasks/a, b (c) ä/reward") == "explore/tasks/a_ b _c_ ä/reward"
    assert dict(to_mlflow._flat({"a": {"b": [1], "c": {}}, "d": "x"})) == {"a.b": "[1]", "a.c": "{}", "d": "x"}


@pytest.mark.slow
def test_trackio_itself_has_every_step_and_one_run_whichever_process_sends(tmp_path):
    """In a process of its own: it reads where its runs lie when it is imported."""
    pytest.importorskip("trackio", reason="not installed: pip install 'redone[trackio]'")
    run = explored(tmp_path / "notes")
    own = {**os.environ, "TRACKIO_DIR": str(tmp_path / "kept"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "redone.cli", "track", str(run), "--to", "trackio", "--once"]
    for last in (4, 5):
        sent = subprocess.run(command, env=own, capture_output=True, text=True, check=True)
        assert "Trackio" not in sent.stdout
        stepped(run / "explore", last, last)
    [kept] = (tmp_path / "kept").glob("redone*.db")
    with closing(sqlite3.connect(kept)) as database:
        rows = database.execute("SELECT run_name, step, metrics FROM metrics ORDER BY id").fetchall()
        [(title, text)] = database.execute("SELECT title, text FROM alerts").fetchall()
    assert len({name for name, _, _ in rows}) == 1
    told = [(step, json.loads(metrics)) for _, step, metrics in rows]
    rewards = [(step, one["explore/reward"]) for step, one in told if "explore/reward" in one]
    assert rewards == [(n, pytest.approx(n / 20)) for n in (1, 2, 3, 4)]
    assert [(step, one["eval/domain"]) for step, one in told if "eval/domain" in one] == [(0, 40.0)]
    assert title == "explore, step 3: alarms"
    assert text.startswith("never right: dead")


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow", "trackio"])
def test_a_package_that_is_not_there_is_a_sentence_before_anything_begins(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("redone.track.find_spec", lambda package: None)
    with pytest.raises(ValueError, match=rf"{name} is not installed: pip install 'redone\[{name}\]'"):
        check([name])
    assert cli.main(["demo", "--out", str(tmp_path / "run"), "--set", f'track.to=["{name}"]']) == 2
    assert f"pip install 'redone[{name}]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


# --- the command, and the process that a run starts


def test_trackers_that_are_not_known_or_not_named_are_refused_in_a_sentence(tmp_path, capsys):
    run = explored(tmp_path)
    assert cli.main(["track", str(run), "--to", "tensorbord"]) == 2
    assert "there is no tracker tensorbord; did you mean tensorboard" in capsys.readouterr().err
    assert cli.main(["track", str(run)]) == 2
    assert "its configuration names no tracker; give --to NAME" in capsys.readouterr().err
    assert cli.main(["track", str(tmp_path / "none"), "--to", "wandb"]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_what_did_not_arrive_is_said_with_the_command_that_sends_it(tmp_path, monkeypatch, capsys):
    def refuse(*given):
        raise OSError("down")

    monkeypatch.setattr(to_tensorboard, "open_run", refuse)
    run = explored(tmp_path)
    assert cli.main(["track", str(run), "--to", "tensorboard", "--once"]) == 2
    error = capsys.readouterr().err
    assert "tensorboard: cannot be sent to now, OSError: down" in error
    assert f"Send the rest with: redone track {run} --to tensorboard" in error


def test_the_process_beside_a_run_sends_to_the_trackers_that_it_names_and_ends_with_it(tmp_path):
    run = begun(tmp_path / "notes", track={"to": ["tensorboard"]})
    measured(run, "base")
    (run / ".lock").unlink()  # the run has stopped
    process = beside.start(run, ["tensorboard"], Log())
    assert process.wait(60) == 0
    assert os.getsid(0) != process.pid
    values, _ = events(run / "track/tensorboard")
    assert values["eval/domain"] == [(0, 40.0)]
    assert (run / "track/log.txt").read_text() == f"Sent to tensorboard; what was sent is noted in {run / 'track'}.\n"


def test_killing_that_process_leaves_the_run_as_it_is(tmp_path):
    run = explored(tmp_path)
    before = files(run)
    process = beside.start(run, ["tensorboard"], Log())
    assert os.getsid(process.pid) == process.pid  # no signal of the terminal or to the run's group reaches it
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == beside.NICE
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert files(run) == before


def test_a_process_that_cannot_be_started_is_a_line_and_no_more(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(beside.sys, "executable", str(tmp_path / "gone"))
    assert beside.start(explored(tmp_path), ["tensorboard"], SimpleNamespace(line=said.append)) is None
    assert said[0].startswith("Nothing is sent to tensorboard: ")
    assert beside.start(tmp_path, [], SimpleNamespace(line=said.append)) is None
    assert len(said) == 1
