"""What a stage depends on, and so what arms share and what a run may change when it goes on."""

import json

import pytest
from fakes import small_config

from redone.commands.begun import same_configuration
from redone.experiment.sharing import keys_of, link_shared, ready
from redone.run.stages import depends_on


def with_stages(*stages):
    return small_config().model_copy(update={"stages": stages})


def same(model, *sets):
    return depends_on(small_config(), model) == depends_on(small_config(*sets), model)


@pytest.mark.parametrize(
    ("change", "models"),  # whose models stay the same
    [
        ("explore.steps=9", ["base"]),
        ("explore.start=base", ["base", "explore", "target", "refine"]),
        ("target.records=9", ["base", "explore"]),
        ("target.start=base", ["base", "explore"]),
        ("refine.steps=9", ["base", "explore", "target"]),
        ("name=other", ["base", "explore", "target", "refine"]),
        ("diagnose.records=9", ["base", "explore"]),
        ("target.choose=all", ["base", "explore"]),
        ("refine.overlong_zone=0.5", ["base", "explore", "target"]),
        ("seed=1", []),
        ("data.limit=9", []),
        ("eval.records=3", []),
        ("threads=2", []),
    ],
)
def test_a_model_depends_on_what_all_share_and_on_the_stages_it_comes_from(change, models):
    config = small_config(change)
    assert [m for m in ("base", *config.stages) if same(m, change)] == models


def test_a_model_does_not_depend_on_the_stages_after_it():
    assert depends_on(with_stages("explore"), "explore") == depends_on(small_config(), "explore")


def test_a_stage_that_teaches_without_findings_does_not_depend_on_the_diagnosis():
    one, other = (small_config("target.choose=all", f"diagnose.records={n}") for n in (4, 9))
    assert depends_on(one, "refine") == depends_on(other, "refine")


def test_where_what_is_too_long_is_dropped_every_stage_decides_which_records_there_are():
    one, other = (small_config("data.too_long=drop", f"refine.overlong_zone={zone}") for zone in (0.25, 0.5))
    assert depends_on(one, "base") != depends_on(other, "base")


@pytest.fixture
def begun(tmp_path):
    """The folder of a run whose second stage has begun."""
    for name in ("explore", "target"):
        (tmp_path / name).mkdir()
    (tmp_path / "config.json").write_text(json.dumps(small_config().model_dump(mode="json")), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("change", ["refine.steps=9", "refine.learning_rate=1e-3"])
def test_what_only_stages_depend_on_that_have_not_begun_may_change(begun, change):
    [line] = same_configuration(begun, small_config(change))
    assert line.startswith(f"{change.partition('=')[0]}: ")


def test_a_stage_that_has_not_begun_may_be_left_out_and_one_that_has_may_not(begun):
    assert same_configuration(begun, with_stages("explore", "target")) != []
    with pytest.raises(ValueError, match=r"Differing:\n  stages: target -> None"):
        same_configuration(begun, with_stages("explore"))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("target.records=9", "target.records: 48 -> 9"),
        ("explore.steps=9", "explore.steps: 4 -> 9"),
        ("diagnose.samples=9", "diagnose.samples: 3 -> 9"),
        ("seed=1", "seed: 0 -> 1"),
        ("target.start=base", "target.start: 'explore' -> 'base'"),
    ],
)
def test_what_a_stage_depends_on_that_has_begun_is_refused_with_the_differing_keys(begun, change, line):
    with pytest.raises(ValueError, match="was made with another configuration") as error:
        same_configuration(begun, small_config(change))
    assert f"  {line}" in str(error.value).splitlines()


def test_a_key_that_the_version_before_did_not_have_is_no_difference_at_its_default(begun):
    path = begun / "config.json"
    tree = json.loads(path.read_text(encoding="utf-8"))
    del tree["explore"]["patience"], tree["drift"], tree["data"]["tune"]
    path.write_text(json.dumps(tree), encoding="utf-8")
    assert same_configuration(begun, small_config()) == []
    with pytest.raises(ValueError, match=r"explore\.patience: 8 -> 9"):
        same_configuration(begun, small_config("explore.patience=9"))
    path.write_text(json.dumps({**tree, "gone": 1}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.json: unknown key gone"):
        same_configuration(begun, small_config())


def measured(run, *models):
    for model in models:
        (run / "eval" / model).mkdir(parents=True)
        (run / "eval" / model / "DONE").write_text("{}")
        if model != "base":
            (run / model).mkdir()
            (run / model / "weights").write_text(f"{run.name} {model}")
            (run / model / "DONE").write_text("{}")


def test_the_first_unfinished_run_makes_what_is_shared_and_the_others_wait(tmp_path):
    arms = {
        "a": with_stages("explore"),
        "b": with_stages("explore", "target"),
        "c": small_config("target.start=base").model_copy(update={"stages": ("target",)}),
        "d": small_config("explore.steps=9", "seed=1"),
    }
    keys = {name: keys_of(config) for name, config in arms.items()}

    def waits(*unfinished):
        return [name for name in unfinished if not ready(name, unfinished, keys, tmp_path)]

    assert waits("a", "b", "c", "d") == ["b", "c"]  # the base is shared as well; another seed is not
    measured(tmp_path / "a", "base")
    assert waits("a", "b", "c", "d") == ["b"]
    assert waits("b", "c", "d") == []  # a has failed, so that b makes it itself
    measured(tmp_path / "a" / "later", "base")
    (tmp_path / "a" / "explore").mkdir()
    assert waits("a", "b", "c", "d") == ["b"]  # trained, but not measured
    measured(tmp_path / "c", "base")
    (tmp_path / "a" / "explore" / "DONE").write_text("{}")
    (tmp_path / "a" / "eval" / "explore").mkdir()
    (tmp_path / "a" / "eval" / "explore" / "DONE").write_text("{}")
    assert waits("a", "b", "c", "d") == []


def test_what_is_shared_is_linked_and_nothing_else(tmp_path):
    whole, other = small_config(), small_config("target.records=9")
    one, two = tmp_path / "one", tmp_path / "two"
    measured(one, "base", "explore", "target")
    two.mkdir()
    for run in (one, two):
        (run / "manifest.json").write_text('{"data": {"size": 1}}')
    assert link_shared(two, other, {one: whole}) == ["base", "explore"]
    assert (two / "explore" / "weights").stat().st_ino == (one / "explore" / "weights").stat().st_ino
    assert not (two / "target").exists()
    assert link_shared(two, other, {one: whole}) == []


def test_half_a_stage_gives_way_to_the_whole_one_and_where_no_links_can_be_made_there_are_copies(tmp_path, monkeypatch):
    def no_links(source, target):
        raise OSError("no links here")

    monkeypatch.setattr("os.link", no_links)
    one, two = tmp_path / "one", tmp_path / "two"
    measured(one, "base", "explore")
    (two / "explore" / "checkpoints").mkdir(parents=True)
    for run in (one, two):
        (run / "manifest.json").write_text('{"data": {"size": 1}}')
    assert link_shared(two, small_config(), {one: small_config()}) == ["base", "explore"]
    assert (two / "explore" / "weights").read_text() == "one explore"
    assert sorted(path.name for path in (two / "explore").iterdir()) == ["DONE", "weights"]


def test_runs_that_read_other_data_share_nothing(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    measured(one, "base")
    two.mkdir()
    (one / "manifest.json").write_text('{"data": {"size": 1}}')
    (two / "manifest.json").write_text('{"data": {"size": 2}}')
    with pytest.raises(ValueError, match="read other data, so that they cannot share base"):
        link_shared(two, small_config(), {one: small_config()})
