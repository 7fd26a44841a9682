"""A run is shown from its files alone, as far as they go, whatever they hold; and nothing of it changes by that."""

import gzip
import io
import shutil

import pytest
from rich.cells import cell_len
from watched import NASTY, answers, begun, explored, finished, held, line, measured, member, stepped, taught

from redone import cli
from redone.cli.watch import pause
from redone.files import write_json
from redone.texts import visible
from redone.watch import Looking
from redone.watch.follow import Follower
from redone.watch.terminal import lines
from redone.watch.view import MOST_POINTS, thin, view


def look(run):
    return view(Follower(run).look())


def parts(one):
    return {model.name: [f"{state} {said}" for state, said in model.parts] for model in one.models}


def shown(one, width=80, height=1000):
    return [text.plain for text in lines(one, one.written or 0.0, width, height)]


def test_a_run_that_trains_stands_at_its_step_with_the_time_that_its_last_steps_tell(tmp_path):
    one = look(explored(tmp_path))
    assert one.state == "running"
    assert parts(one)["base"] == ["done measured 0:45"]
    assert parts(one)["explore"] == ["now step 3 of 6, 0:30 left", "next measuring about 0:45"]
    assert parts(one)["refine"] == [
        "next trying prompts",
        "next 4 steps about 0:20",  # half as many answers a step as explore has
        "next measuring about 0:45",
        "next summing up",
    ]
    assert one.at == "explore: step 3 of 6, 0:30 left; at least 3:05 until the end"  # 30 + 45 + 45 + 20 + 45


def test_every_part_on_the_way_says_how_many_answers_it_has_of_how_many(tmp_path):
    clock = iter(range(0, 1000, 10))
    follower = Follower(begun(tmp_path), lambda: float(next(clock)))
    answers(tmp_path / "eval/base/tasks/predictions.jsonl", 20)
    assert parts(view(follower.look()))["base"] == ["now measuring 20 of 60 answers"]  # three tasks of 20
    answers(tmp_path / "eval/base/tasks/predictions.jsonl", 20)
    assert parts(view(follower.look()))["base"] == ["now measuring 40 of 60 answers, 0:10 left"]  # 20 in 10 seconds
    shutil.rmtree(tmp_path / "eval")
    explored(tmp_path)
    write_json(tmp_path / "explore" / "DONE", {"seconds": 61.0})
    measured(tmp_path, "explore")
    answers(tmp_path / "target/probe/base.jsonl.gz", 30)
    answers(tmp_path / "target/probe/explore.jsonl", 7)
    assert parts(look(tmp_path))["target"][0] == "now diagnosis 37 of 60 answers"  # 2 models, 3 tasks of 5, 2 answers
    write_json(tmp_path / "target/plan.json", {"quotas": {}, "general": {"sums": 4}})
    answers(tmp_path / "target/candidates.jsonl", 5)
    assert parts(look(tmp_path))["target"][:2] == ["done diagnosed", "now making what is taught 5 of 12 answers"]
    write_json(tmp_path / "target/DONE", {"seconds": 1.0})
    measured(tmp_path, "target")
    answers(tmp_path / "refine/difficulty.jsonl", 1)
    assert parts(look(tmp_path))["refine"][0] == "now trying prompts 1 of 12 answers"  # two trained tasks of 3, twice


def test_a_stage_that_teaches_knows_its_steps_from_what_it_is_taught(tmp_path):
    one = look(taught(tmp_path))
    assert parts(one)["target"][:3] == ["done diagnosed", "done data made", "now step 2 of 6, 0:04 left"]
    assert parts(one)["explore"][0] == "done 6 steps 1:01"
    assert [curve.name for curve in one.stages[1].curves] == ["loss"]
    assert one.found[:2] == ("explore on the probe split:", "  unknown           1  dead")


def test_who_works_in_the_folder_is_told_without_taking_its_lock(tmp_path):
    run = explored(tmp_path)
    held(run, 2**22 + 1)  # beyond any process number
    one = look(run)
    assert one.state == "stopped"
    assert "is gone: it was killed). It stands at explore: step 3 of 6." in one.at
    held(run, 1, "elsewhere")
    assert look(run).state == "running"
    assert "process 1 of elsewhere" in look(run).about
    (run / ".lock").unlink()
    assert look(run).at.startswith("No process works in its folder. It stands at")
    assert not (run / ".lock").exists()


def test_a_finished_run_ends_with_its_verdict_and_scores(tmp_path):
    one = look(finished(tmp_path))
    assert one.state == "finished"
    assert one.at.startswith("refine against base: clearly better at the domain; ")
    assert "notes 40.0 → 50.0 → 60.0 → 60.0; General 90.0 → 90.0 → 90.0 → 90.0" in shown(one)
    (tmp_path / "report.html").unlink()
    assert look(tmp_path).state == "stopped"


def test_tasks_stand_by_how_far_they_moved_and_dead_ones_are_named(tmp_path):
    one = look(explored(tmp_path))
    rises, dead = one.tasks
    assert (rises.name, rises.first, rises.last, rises.state) == ("rises", 0.1, 0.3, "")
    assert (rises.groups, rises.dead, rises.trained) == (9, 3, 6)
    assert (dead.name, dead.state, dead.dead, dead.trained) == ("dead", "none right", 6, 0)
    assert "dead, none right (1): dead" in shown(one)
    assert 'dead: 100 % of the answers are "no", 50 % of the references' in shown(one)
    said = "15 groups sampled: 6 trained on, 9 dead (60 %: all their answers score alike); "
    assert one.stages[0].groups == said + "1 step found too few to train on; 1 task rests."


def test_one_group_that_is_dead_makes_no_dead_task(tmp_path):
    begun(tmp_path)
    cell = {"reward": 1.0, "pass_rate": 1.0, "groups": 1, "filtered": 1.0}
    stepped(tmp_path / "explore", 1, 3, tasks={"rare": cell})
    assert look(tmp_path).tasks[0].state == ""
    stepped(tmp_path / "explore", 4, 4, tasks={"rare": cell})
    assert look(tmp_path).tasks[0].state == "all right"


def test_a_line_that_is_being_written_waits_until_it_is_whole(tmp_path):
    follower = Follower(explored(tmp_path))
    assert len(follower.look().stages[0].steps) == 3
    path, row = tmp_path / "explore" / "metrics.jsonl", line(4)
    with path.open("a") as file:
        file.write(row[:50])
    assert len(follower.look().stages[0].steps) == 3
    assert follower.look().flaws == ()
    with path.open("a") as file:
        file.write(row[50:] + line(5))
    assert [step.number for step in follower.look().stages[0].steps] == [1, 2, 3, 4, 5]


def test_lines_are_read_once_and_read_again_where_the_file_was_cut_back_or_made_anew(tmp_path, monkeypatch):
    import redone.watch.follow as module

    read, step_of = [], module.step_of
    monkeypatch.setattr(module, "step_of", lambda row: read.append(row["step"]) or step_of(row))
    follower, path = Follower(explored(tmp_path)), tmp_path / "explore" / "metrics.jsonl"
    follower.look()
    stepped(tmp_path / "explore", 4, 4)
    follower.look()
    assert read == [1, 2, 3, 4]
    path.write_text(line(1) + line(2))  # as a run that goes on from a checkpoint has it
    assert [step.number for step in follower.look().stages[0].steps] == [1, 2]
    path.write_text(line(1) + line(2, seconds=99.0) + line(3) + line(4))  # longer, and another before
    assert [step.seconds for step in follower.look().stages[0].steps] == [10.0, 99.0, 10.0, 10.0]
    path.unlink()
    assert follower.look().stages[0].steps == ()


def test_what_vanishes_between_two_looks_is_no_longer_shown(tmp_path):
    follower = Follower(explored(tmp_path / "run"))
    assert view(follower.look()).stages
    shutil.rmtree(tmp_path / "run")
    one = view(follower.look())
    assert (one.state, one.stages, one.rollouts, one.flaws) == ("stopped", (), (), ())
    assert shown(one)


def test_damaged_lines_are_counted_and_the_others_shown(tmp_path):
    with (explored(tmp_path) / "explore" / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": \xff\n[1]\n{"reward": 1}\n' + line(4).encode())
    one = look(tmp_path)
    assert one.stages[0].step == 4
    assert one.flaws == (f"{tmp_path}/explore/metrics.jsonl: 3 lines are damaged and left out.",)


def test_the_last_rollouts_are_those_of_the_last_step_that_is_whole(tmp_path):
    path = explored(tmp_path) / "explore" / "rollouts.jsonl.gz"
    follower = Follower(tmp_path)
    assert {row.step for row in follower.look().stages[0].rollouts} == {3}
    with path.open("ab") as file:
        file.write(member(4)[:-5])
    assert {row.step for row in follower.look().stages[0].rollouts} == {3}
    with path.open("ab") as file:
        file.write(member(4)[-5:])
    rows = view(follower.look()).rollouts
    assert [row.id for row in rows] == ["rises/0", "rises/1", "rises/0", "rises/1"]  # of both prompts first
    assert {row.step for row in rows} == {4}


def test_texts_that_a_terminal_would_obey_are_spelled_out_and_cut(tmp_path):
    run = explored(tmp_path)
    (run / "explore" / "rollouts.jsonl.gz").write_bytes(member(3, NASTY + "x" * 5000))
    stepped(run / "explore", 4, 4, tasks={NASTY: {"reward": 0.5, "groups": 1}}, alarms=[NASTY])
    one = look(run)
    assert visible("\x1b[31m\u202eevil\u200b [bold] 漢字 end") in one.rollouts[0].text
    assert one.rollouts[0].text.endswith("characters in all]")
    for text in shown(one, 200):
        assert visible(text) == text
        assert "\n" not in text


@pytest.mark.parametrize("make", [begun, explored, taught, finished])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (20, 5), (200, 1000)])
def test_the_picture_is_no_wider_and_no_higher_than_the_terminal(make, width, height, tmp_path):
    made = shown(look(make(tmp_path)), width, height)
    assert len(made) <= height
    assert max(map(cell_len, made)) <= width


def test_a_long_curve_has_few_points_which_are_means():
    points = [(n, float(n)) for n in range(1, 4 * MOST_POINTS - 1)]
    assert len(thin(points)) == MOST_POINTS
    assert thin(points)[0] == (4, 2.5)
    assert thin(points)[-1] == (points[-1][0], points[-1][1] - 0.5)  # of the two that were left
    assert thin(points[:MOST_POINTS]) == tuple(points[:MOST_POINTS])


JUNK = ['{"models": {"base": {"averages": 3}}, "stages": ["x"], "x": 3, "general": 5}']
MORE = [
    "{",
    '[{"task": 3}]',
    "",
    "[]",
    "{}",
    "3",
    "null",
    '"x"',
    "true",
    '{"models": 3}',
    "[[[]]]",
    '{"step": "x", "tasks": [], "host": 1}',
]


@pytest.mark.parametrize("junk", [*JUNK, *(pytest.param(junk, marks=pytest.mark.slow) for junk in MORE)])
def test_whatever_a_file_holds_the_rest_is_shown(junk, tmp_path):
    finished(tmp_path)
    whole = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    for path in whole:
        before = path.read_bytes()
        path.write_bytes(gzip.compress(junk.encode()) if path.suffix == ".gz" else junk.encode())
        assert len(shown(look(tmp_path))) > 3 or path.name == "config.json"
        path.write_bytes(before)


def test_a_run_of_another_version_is_shown_as_far_as_it_is_understood(tmp_path):
    run = finished(tmp_path)
    write_json(run / "results.json", {"models": {"base": {"averages": {"sns": 3.0}}}})
    assert "results.json: of another version of redone" in " ".join(look(run).flaws)
    assert look(run).stages
    write_json(run / "config.json", {"rl": {"steps": 3}})
    [flaw] = [flaw for flaw in look(run).flaws if "config.json" in flaw]
    assert "its stages are not as this version of redone has them" in flaw


def test_a_stage_whose_name_is_a_path_is_not_followed(tmp_path):
    explored(tmp_path / "other")
    run = begun(
        tmp_path / "run", stages=["../other/explore"], **{"../other/explore": {"kind": "reinforce", "start": "base"}}
    )
    one = look(run)
    assert one.stages == ()
    assert "a name has no slash" in one.flaws[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("exploer", "there is no such folder; did you mean explore-1?"),
        ("explore-1/explore", "no run lies here (config.json is missing); it is a part of {}/explore-1"),
        (".", "no run lies here (config.json is missing); the runs in {} are explore-1"),
        ("scores", "an evaluation lies here, no run; `redone report {}/scores` shows it"),
    ],
)
def test_a_folder_that_is_no_run_is_told_what_is_near(given, said, tmp_path, capsys):
    explored(tmp_path / "explore-1")
    write_json(tmp_path / "scores" / "settings.json", {})
    assert cli.main(["watch", str(tmp_path / given)]) == 2
    assert said.format(tmp_path) in capsys.readouterr().err


def test_where_there_is_no_terminal_one_picture_is_printed_and_nothing_of_the_run_changes(tmp_path, capsys):
    runs = [explored(tmp_path / "one"), finished(tmp_path / "two")]
    before = {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))}
    assert cli.main(["watch", *map(str, runs)]) == 0
    said = capsys.readouterr().out
    assert "── one running · 1 alarm " in said
    assert "── two finished " in said
    assert "\x1b" not in said
    assert {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))} == before


def test_it_ends_quietly_when_it_is_asked_to(tmp_path, monkeypatch):
    out = io.StringIO()
    out.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("redone.cli.watch.time.sleep", lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt))
    assert cli.main(["watch", str(explored(tmp_path))]) == 130
    assert "step 3 of 6" in out.getvalue()


def test_two_runs_stand_beside_each_other_where_there_is_room(tmp_path):
    from rich.console import Console

    from redone.watch.terminal import picture

    views = [look(explored(tmp_path / "one")), look(explored(tmp_path / "two"))]
    for width, beside in ((160, True), (120, False)):
        console = Console(file=io.StringIO(), width=width)
        console.print(picture(views, 0.0, width))
        first = console.file.getvalue().splitlines()[0]
        assert ("two" in first) == beside


def test_a_look_that_costs_much_is_taken_less_often():
    assert pause(3.0, 0.001) == 3.0
    assert pause(3.0, 0.1) == 10.0


def test_what_has_not_changed_is_not_thought_over_again(tmp_path):
    looking = Looking([explored(tmp_path)])
    [first] = looking.views()
    assert looking.views()[0] is first
    stepped(tmp_path / "explore", 4, 4)
    assert looking.views()[0].stages[0].step == 4
