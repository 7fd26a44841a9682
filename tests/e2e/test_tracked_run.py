"""A run whose numbers are sent is the run that it would have been, whatever becomes of the process that sends them."""

import pytest
from fakes import small_config
from kills import differences
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from redone import cli
from redone.commands.begin import carried_out
from redone.commands.prepare import prepare
from redone.files import read_json
from redone.run.lock import locked
from redone.run.log import Log
from redone.track import beside

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("killed", [False, True])
def test_the_run_is_the_same_and_its_numbers_arrive(killed, finished_run, tmp_path, monkeypatch):
    out, started, log = tmp_path / "run", [], Log()
    begin = beside.start

    def start(*given):
        started.append(begin(*given))
        if killed:
            started[0].kill()
        return started[0]

    monkeypatch.setattr(beside, "start", start)
    with locked(out, log.line), prepare(small_config('track.to=["tensorboard"]'), out, log) as lab:
        assert carried_out(lab, "") is not None
    [process] = started
    assert (process.wait(120) == 0) is not killed
    if killed:
        assert cli.main(["track", str(out)]) == 0
    assert differences(finished_run, out) == []
    read = EventAccumulator(str(out / "track/tensorboard"))
    read.Reload()
    steps = {stage: [one.step for one in read.Tensors(f"{stage}/loss")] for stage in ("target", "refine")}
    assert steps["target"] == list(range(1, len(steps["target"]) + 1))
    assert [one.step for one in read.Tensors("explore/reward")] == [1, 2, 3, 4]
    models = read_json(out / "results.json")["models"]
    assert [one.step for one in read.Tensors("eval/domain")] == list(range(len(models)))
    assert read.Tensors("eval/domain")[3].tensor_proto.float_val[0] == pytest.approx(
        models["refine"]["averages"]["domain"]
    )
    assert cli.main(["report", str(out)]) == 0
