import json
from functools import reduce
from operator import getitem

import pytest

from redone.config import Reinforce, RunConfig, Teach, differing, known_keys, load_config


def written(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(paths=(), sets=()):
    with pytest.raises(ValueError) as error:
        load_config(paths, sets)
    return str(error.value)


def test_later_files_and_then_options_lie_on_top(tmp_path):
    first = written(tmp_path, "a.toml", "seed = 1\n[explore]\nsteps = 10\ngroup = 4\n[eval]\nrows = 7\n")
    second = written(tmp_path, "b.toml", "[explore]\nsteps = 20\nprompts = 8\n")
    config = load_config([first, second], ["explore.prompts=12", "name=mine"])
    assert (config.seed, config.name, config.eval.rows) == (1, "mine", 7)
    assert (config.explore.steps, config.explore.group, config.explore.prompts) == (20, 4, 12)


def test_a_stage_that_a_file_names_keeps_the_other_stage_as_it_was(tmp_path):
    config = load_config([written(tmp_path, "a.toml", "[explore]\nsteps = 3\n")])
    assert config.explore.steps == 3
    assert config.refine == load_config([]).refine


def test_a_stage_of_which_a_file_sets_one_key_keeps_its_other_defaults():
    config = load_config([], ["refine.steps=3"])
    assert (config.refine.steps, config.refine.rationale_share, config.refine.difficulty) == (3, 0.5718, True)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-6", 1e-6), ("2", 2.0), ("0.5", 0.5)],
)
def test_a_number_is_read_as_toml_reads_it(text, value):
    assert load_config([], [f"explore.learning_rate={text}"]).explore.learning_rate == value


@pytest.mark.parametrize("text", ["runs/my model", '"runs/my model"', "'runs/my model'"])
def test_a_text_needs_no_quotes_on_the_command_line(text):
    assert load_config([], [f"model.path={text}"]).model.path == "runs/my model"


def test_a_value_may_hold_an_equals_sign():
    assert load_config([], ["model.path=a=b"]).model.path == "a=b"


def test_pack_files_are_relative_to_the_file_that_names_them(tmp_path):
    path = written(tmp_path, "configs/a.toml", '[data]\npacks = ["social", "packs/mine.toml"]\n')
    assert load_config([path]).data.packs == ("social", str(tmp_path / "configs" / "packs" / "mine.toml"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[explore]\nstesp = 3\n", ["explore.stesp", "did you mean explore.steps?"]),
        ("[explor]\nsteps = 3\n", ["unknown key explor", "did you mean explore?"]),
        ("learning_rate = 1e-5\n", ["unknown key learning_rate", ".learning_rate?"]),
        ("zzz = 1\n", ["unknown key zzz"]),
        ("[explore]\nsteps = -1\n", ["explore.steps = -1"]),
        ('[explore]\nsteps = "20"\n', ["explore.steps = '20'", "integer"]),
        ("[explore]\nsteps = 20.0\n", ["explore.steps = 20.0", "integer"]),
        ("[explore]\ngroup = true\n", ["explore.group = True", "integer"]),
        ('[explore]\nlearning_rate = "1e-6"\n', ["explore.learning_rate", "number"]),
        ("[explore]\nlearning_rate = inf\n", ["explore.learning_rate", "finite"]),
        ("[explore]\nlearning_rate = nan\n", ["explore.learning_rate"]),
        ("explore = 3\n", ["explore = 3"]),
        ('[target]\nsoft_labels = "best"\n', ["target.soft_labels = 'best'", "best_of_n"]),
        ("[data]\npacks = []\n", ["data.packs"]),
        ("[data]\npacks = 3\n", ["data.packs"]),
        ("[data]\npacks = [3]\n", ["data.packs.0"]),
        ('data = "social"\n', ["data = 'social'"]),
        ('name = "a/b"\n', ["name = 'a/b'"]),
        ("[explore]\nprompts = 10\nupdates = 4\n", ["explore.updates = 4", "explore.prompts = 10"]),
        ("[refine]\nprompts = 10\nupdates = 4\n", ["refine.updates = 4", "refine.prompts = 10"]),
        ("[explore\n", ["not a TOML file"]),
    ],
)
def test_a_mistake_in_a_file_is_one_sentence_that_names_file_and_key(tmp_path, text, parts):
    message = refusal([written(tmp_path, "good.toml", "seed = 2\n"), written(tmp_path, "bad.toml", text)])
    assert str(tmp_path / "bad.toml") in message
    assert "good.toml" not in message
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_nothing_is_suggested_where_nothing_is_near():
    assert "did you mean" not in refusal(sets=["zzz=1"])


def test_the_file_that_set_a_key_is_blamed_though_a_later_one_sets_others(tmp_path):
    bad = written(tmp_path, "bad.toml", "[explore]\nsteps = -1\n")
    good = written(tmp_path, "good.toml", "[explore]\ngroup = 4\n")
    assert refusal([bad, good]).startswith(f"{bad}: explore.steps = -1")


def test_a_mistaken_option_is_named_as_the_option_it_is():
    assert refusal(sets=["explore.stesp=3"]).startswith("--set explore.stesp: unknown key explore.stesp")
    assert refusal(sets=["seed=-1"]).startswith("--set seed: seed = -1")


def test_an_option_without_a_value_says_what_is_expected():
    assert "KEY=VALUE" in refusal(sets=["explore.steps"])


def test_a_value_under_which_a_key_is_set_is_refused(tmp_path):
    assert "seed is a value, not a table" in refusal([written(tmp_path, "a.toml", "seed = 1\n")], ["seed.x=1"])


def test_a_file_that_is_not_there_and_one_that_is_a_folder_are_named(tmp_path):
    assert refusal([tmp_path / "none.toml"]) == f"{tmp_path / 'none.toml'}: there is no such configuration file"
    assert refusal([tmp_path]).startswith(f"{tmp_path}: it is a folder")


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    assert refusal([tmp_path / "a.toml"]).startswith(f"{tmp_path / 'a.toml'}: not a TOML file")


def test_a_resolved_configuration_comes_back_from_json_without_difference():
    config = load_config([], ["explore.steps=7", 'data.packs=["social", "x.toml"]', "eval.records=5"])
    assert differing(config.model_dump(mode="json"), config.model_dump(mode="json")) == []
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_differences_show_key_and_both_values():
    old = load_config([]).model_dump(mode="json")
    new = load_config([], ["explore.steps=7", "seed=3"]).model_dump(mode="json")
    assert differing(old, new) == ["explore.steps: 100 -> 7", "seed: 0 -> 3"]


def test_a_key_that_only_one_configuration_has_differs_too():
    assert differing({"a": {"b": 1}}, {"a": {}}) == ["a.b: 1 -> None"]


def test_every_known_key_is_accepted_with_its_own_default():
    tree = load_config([]).model_dump(mode="json")
    for key in known_keys():
        value = reduce(getitem, key.split("."), tree)
        if value is not None and not isinstance(value, dict):
            assert load_config([], [f"{key}={json.dumps(value)}"]) == load_config([])


def test_every_field_says_what_it_means():
    def missing(model, prefix=""):
        for name, info in model.model_fields.items():
            if isinstance(info.annotation, type) and hasattr(info.annotation, "model_fields"):
                yield from missing(info.annotation, f"{prefix}{name}.")
            elif not info.description:
                yield f"{prefix}{name}"

    assert [key for model in (RunConfig, Reinforce, Teach) for key in missing(model)] == []


def test_a_configuration_cannot_be_changed():
    with pytest.raises(ValueError):
        load_config([]).seed = 3


def starts(config):
    return {name: config.stage(name).start for name in config.stages}


def test_the_stages_are_the_papers_where_nothing_else_is_said():
    config = load_config([])
    assert [(name, config.stage(name).kind) for name in config.stages] == [
        ("explore", "reinforce"),
        ("target", "teach"),
        ("refine", "reinforce"),
    ]
    assert starts(config) == {"explore": "base", "target": "explore", "refine": "target"}


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (['stages=["explore"]'], {"explore": "base"}),
        (['stages=["target", "refine"]'], {"target": "base", "refine": "target"}),
        (['stages=["explore", "more"]', "more.kind=reinforce"], {"explore": "base", "more": "explore"}),
        (["refine.start=explore"], {"explore": "base", "target": "explore", "refine": "explore"}),
        (["refine.start=base"], {"explore": "base", "target": "explore", "refine": "base"}),
    ],
)
def test_other_methods_are_configurations_and_a_stage_starts_where_it_says_or_from_the_one_before(sets, expected):
    config = load_config([], sets)
    assert starts(config) == expected
    assert set(config.model_dump()) - set(RunConfig.model_fields) == set(expected)  # and no table of another stage


def test_a_file_may_have_tables_of_stages_that_another_file_leaves_out(tmp_path):
    first = written(tmp_path, "a.toml", "[refine]\nsteps = 3\n[target]\nbatch = 8\n")
    second = written(tmp_path, "b.toml", 'stages = ["target"]\n')
    config = load_config([first, second])
    assert (config.stages, config.target.batch) == (("target",), 8)


def test_a_stage_that_is_made_another_kind_keeps_nothing_of_the_papers():
    config = load_config([], ["refine.kind=teach", "refine.batch=4"])
    assert isinstance(config.stage("refine"), Teach)
    assert config.refine.batch == 4


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (['stages=["explore", "mroe"]'], "--set stages: stages names mroe, but there is no table [mroe]"),
        (['stages=["explore", "explore"]'], "--set stages: stages names explore twice"),
        (['stages=["base"]'], "--set stages: stages: a stage cannot be called 'base'"),
        (['stages=["eval"]'], "--set stages: stages: a stage cannot be called 'eval'"),
        (['stages=[".."]'], "--set stages: stages: a stage cannot be called '..'"),
        (["stages=[]"], "stages = []"),
        (['stages=["a"]', "a.steps=3"], "--set a.steps: a.kind is not set; it is one of reinforce, teach"),
        (["explore.kind=rl"], "--set explore.kind: explore.kind is 'rl'; it is one of reinforce, teach"),
        (
            ["explore.start=refine"],
            "--set explore.start: explore.start = 'refine' is neither \"base\" nor a stage before",
        ),
        (["explore.start=explore"], "--set explore.start: explore.start = 'explore' is neither"),
        (['stages=["explore"]', "refine.steps=3"], "--set refine.steps: refine is not among the stages explore"),
        (["target.choose=some"], "--set target.choose: target.choose = 'some'"),
    ],
)
def test_a_mistake_in_the_stages_is_one_sentence(sets, message):
    assert message in refusal(sets=sets)


def test_what_the_paper_says_is_what_is_done_where_nothing_else_is_said():
    config = load_config([])
    explore, target, refine = (config.stage(name) for name in config.stages)
    assert (explore.temperature, explore.clip_low, explore.clip_high) == (1.0, 0.2, 0.28)
    assert (explore.general_share, explore.learning_rate, explore.averaging) == (0.0625, 5e-6, "group")
    assert (explore.rationale_share, explore.difficulty) == (None, False)
    assert (target.general_share, target.learning_rate, target.epochs, target.batch) == (0.056, 5e-6, 2, 64)
    assert (target.choose, target.soft_labels, target.candidates) == ("findings", "best_of_n", 8)
    assert (refine.rationale_share, refine.difficulty) == (0.5718, True)
    assert (config.diagnose.samples, config.diagnose.unknown_below, config.diagnose.solved_above) == (8, 0.1, 0.85)


def test_no_reference_answer_may_lie_in_the_largest_overlong_zone_of_a_stage():
    assert load_config([], ["refine.overlong_zone=0.5"]).overlong_zone == 0.5
    assert load_config([], ["explore.overlong_zone=0.0", "refine.overlong_zone=0.0"]).overlong_zone == 0.0
    assert load_config([], ['stages=["target"]']).overlong_zone == 0.0  # nothing is punished
