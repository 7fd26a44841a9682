"""Tasks of lm-evaluation-harness: the numbers against its own model of transformers, and what the command leaves."""

import importlib.util
import json
import shutil

import pytest

from redone import cli
from redone.files import read_jsonl, read_object
from redone.measure import lm_eval_tasks
from redone.run.log import Log

CHOICE = """
task: colours
dataset_path: json
dataset_kwargs: {data_files: {test: FOLDER/colours.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{thing}} is"
doc_to_choice: [green, red, "blue or grey"]
doc_to_target: "{{colour}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""
ANSWER = """
task: echo
dataset_path: json
dataset_kwargs: {data_files: {test: FOLDER/colours.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "Say {{thing}} :"
doc_to_target: "{{thing}}"
generation_kwargs: {until: ["e"], max_gen_toks: 40, do_sample: false}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""
TEXTS = """
task: perplexity
dataset_path: json
dataset_kwargs: {data_files: {test: FOLDER/colours.jsonl}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list:
  - {metric: byte_perplexity}
metadata: {version: 1.0}
"""
CHOICES = ["green", "red", "blue or grey"]
THINGS = [("grass", 0), ("a rose", 1), ("the sea", 2), ("moss", 0), ("a fox", 1), ("a very long grey evening", 2)]


@pytest.fixture(scope="module", autouse=True)
def harness():
    for name in ("lm_eval", "sqlitedict", "accelerate"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install 'redone[lm-eval]'")


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """A folder of task files over local data."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DISABLE_MULTIPROC", "1")  # a pool of processes for six records
    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = [{"thing": thing, "colour": colour, "text": f"{thing} . " * 30} for thing, colour in THINGS]
    (folder / "colours.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for name, text in (("colours", CHOICE), ("echo", ANSWER), ("perplexity", TEXTS)):
        (folder / f"{name}.yaml").write_text(text.replace("FOLDER", str(folder)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ours(tiny_model):
    from redone.data.encode import Encoder
    from redone.model.policy import Policy
    from redone.sample.lm_eval_model import HarnessModel

    return HarnessModel(Policy.load(tiny_model), Encoder.load(tiny_model), Log().bar)


@pytest.fixture(scope="module")
def theirs(tiny_model):
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(tiny_model), device="cpu", dtype="float32", batch_size=3)


def requests(kind, *arguments):
    from lm_eval.api.instance import Instance

    return [Instance(kind, {}, one, i) for i, one in enumerate(arguments)]


PAIRS = [
    ("grass is", " green"),
    ("grass is", " red"),  # the same context, which is run once
    ("grass is", " green"),  # asked twice
    ("a rose is ", "red"),  # the space goes over to what follows
    ("", "anything at all"),
    ("tea <|end|> cake" * 40, " is more than the model has room for"),
]


@pytest.mark.parametrize("packed", [True, False])
def test_log_likelihoods_are_those_of_the_harness_own_model(ours, theirs, monkeypatch, packed):
    monkeypatch.setattr(ours.policy, "packed", packed)
    asked = PAIRS if packed else PAIRS[:-1]  # of a cut context the ordinary path sees one token less
    found = ours.loglikelihood(requests("loglikelihood", *asked))
    expected = theirs.loglikelihood(requests("loglikelihood", *asked), disable_tqdm=True)
    assert [one for one, _ in found] == pytest.approx([one for one, _ in expected], abs=1e-4)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    assert found[0] == found[2] != found[1]


def test_what_greedy_decoding_gives_is_known_as_such(ours, theirs):
    [said] = theirs.generate_until(requests("generate_until", ("grass is", {"until": [], "max_gen_toks": 3})))
    pairs = requests("loglikelihood", ("grass is", said), ("grass is", " green"))
    assert [greedy for _, greedy in ours.loglikelihood(pairs)] == [True, False]


def test_whole_texts_longer_than_the_context_have_the_likelihood_of_the_harness_own_model(ours, theirs):
    texts = requests("loglikelihood_rolling", ("tea",), ("a fox . " * 90,))
    assert len(ours.tok_encode("a fox . " * 90)) > 2 * ours.max_length
    expected = theirs.loglikelihood_rolling(texts, disable_tqdm=True)
    assert ours.loglikelihood_rolling(texts) == pytest.approx(expected, abs=1e-3)


def test_greedy_answers_up_to_a_stop_text_are_those_of_the_harness_own_model(ours, theirs):
    whole = {"until": [], "max_gen_toks": 40}
    [said] = theirs.generate_until(requests("generate_until", ("a fox", whole)), disable_tqdm=True)
    stop = said[20:22]
    asked = requests("generate_until", ("grass", whole), ("a fox", {**whole, "until": [stop]}), ("a fox", whole))
    found = ours.generate_until(asked)
    assert found == theirs.generate_until(asked, disable_tqdm=True)
    assert found[1] == said.split(stop)[0] != said == found[2]


def test_answers_are_drawn_where_a_task_draws_and_what_is_not_there_is_refused(ours):
    drawn = {"until": [], "max_gen_toks": 8, "do_sample": True, "temperature": 1.0}
    one, two, greedy = ours.generate_until(
        requests("generate_until", ("tea", drawn), ("tea", drawn), ("tea", {**drawn, "do_sample": False}))
    )
    assert len({one, two, greedy}) == 3
    with pytest.raises(ValueError, match=r"sets top_p = 0\.9 .* which the sampler here does not have"):
        ours.generate_until(requests("generate_until", ("tea", {**drawn, "top_p": 0.9})))


def test_prompts_in_a_chat_template_are_those_of_the_harness_own_model(ours, theirs):
    turns = [{"role": "user", "content": "tea ?"}, {"role": "assistant", "content": "ye"}]
    assert ours.apply_chat_template(turns[:1]) == theirs.tokenizer.apply_chat_template(
        turns[:1], tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    assert ours.apply_chat_template(turns, add_generation_prompt=False).endswith("ye")


def evaluate(model, tasks, out, *more, names="colours,echo,perplexity"):
    return cli.main(["eval", str(model), "--lm-eval", names, "--lm-eval-include", str(tasks), "--out", str(out), *more])


@pytest.fixture
def own_tasks_alone(monkeypatch):
    """The harness knows the tasks of the folder alone: reading its own hundreds takes seconds."""
    from lm_eval import tasks as module

    manager = module.TaskManager
    monkeypatch.setattr(module, "TaskManager", lambda **told: manager(**told, include_defaults=False))


@pytest.mark.usefixtures("own_tasks_alone")
def test_the_command_leaves_scores_items_answers_and_the_harness_own_records(tiny_model, tasks, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate(tiny_model, tasks, out, "--limit", "5") == 0
    printed = capsys.readouterr().out
    scores = read_object(out / "results.json")["benchmarks"]["lm-eval"]
    theirs = read_object(out / "lm-eval" / "lm_eval.json")
    for task, metric in (("colours", "acc"), ("colours", "acc_norm"), ("echo", "exact_match")):
        mine = scores["subsets"][task]["readings"][metric]
        assert mine["score"] == pytest.approx(100 * theirs["results"][task][f"{metric},none"])
        low, high = mine["interval"]
        assert low <= mine["score"] <= high
    assert scores["subsets"]["colours"]["n"] == 5
    assert "perplexity" not in scores["subsets"]
    perplexity = theirs["results"]["perplexity"]["byte_perplexity,none"]
    assert f"perplexity: byte_perplexity {perplexity:.4f}" in printed
    answers = {row["id"]: row for row in read_jsonl(out / "lm-eval" / "predictions.jsonl")}
    likelihoods = answers["colours/1"]["likelihoods"]
    assert list(likelihoods) == CHOICES
    assert answers["colours/1"]["output"] == max(likelihoods, key=likelihoods.get)
    items = {row["id"]: row for row in read_jsonl(out / "lm-eval" / "items.jsonl")}
    for place, (_, colour) in enumerate(THINGS[:5]):
        right = answers[f"colours/{place}"]["output"] == CHOICES[colour]
        assert items[f"colours/{place}"]["score"] == right
    assert len(list(read_jsonl(out / "lm-eval" / "samples_echo.jsonl"))) == 5
    assert "lm-evaluation-harness" in (out / "report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["compare", str(out), str(out)]) == 0
    assert "lm-evaluation-harness: 10 records in both" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("own_tasks_alone")
def test_two_evaluations_are_compared_record_by_record_and_a_finished_one_is_read_again(
    tiny_model, tasks, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    assert evaluate(tiny_model, tasks, out, names="colours") == 0
    items = out / "lm-eval" / "items.jsonl"
    other = shutil.copytree(out, tmp_path / "other")
    rows = list(read_jsonl(items))
    for row in rows:
        [verdict] = row["readings"]["acc"]
        row["readings"] = {name: [{**verdict, "score": 1 - verdict["score"]}] for name in row["readings"]}
    (other / "lm-eval" / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["compare", str(out), str(other), "--json", str(tmp_path / "found.json")]) == 0
    found = read_object(tmp_path / "found.json")["benchmarks"]["lm-eval"]["subsets"]["colours"]
    assert found["readings"]["acc"]["changed"] == len(THINGS)
    assert len(found["gained"]) + len(found["lost"]) == len(THINGS)
    monkeypatch.setattr(lm_eval_tasks, "summarised", lambda *given: 1 // 0)
    assert evaluate(tiny_model, tasks, out, names="colours") == 0
    assert evaluate(tiny_model, tasks, out, "--limit", "2", names="colours") == 2
    assert "the items of lm-eval" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("own_tasks_alone")
def test_what_was_answered_before_it_was_stopped_is_not_asked_again(tiny_model, tasks, tmp_path, monkeypatch):
    from redone.sample.lm_eval_model import HarnessModel

    out, asked = tmp_path / "out", []
    own = HarnessModel._loglikelihood_tokens

    def counted(self, wanted, **more):
        asked.append(len(wanted))
        return own(self, wanted, **more)

    with monkeypatch.context() as first:
        first.setattr(HarnessModel, "_loglikelihood_tokens", counted)
        first.setattr(HarnessModel, "generate_until", lambda self, wanted: (_ for _ in ()).throw(KeyboardInterrupt))
        assert evaluate(tiny_model, tasks, out, names="colours,echo") == 130
    monkeypatch.setattr(HarnessModel, "_loglikelihood_tokens", lambda *given, **more: 1 // 0)
    assert asked == [3 * len(THINGS)]
    assert evaluate(tiny_model, tasks, out, names="colours,echo") == 0
    assert not list((out / "lm-eval").glob("answered*"))


@pytest.mark.slow
@pytest.mark.usefixtures("own_tasks_alone")
def test_tasks_are_asked_in_a_chat_template_where_that_is_wanted(tiny_model, tasks, tmp_path):
    assert evaluate(tiny_model, tasks, tmp_path / "out", "--lm-eval-chat", "--limit", "1", names="echo") == 0
    [sample] = read_jsonl(tmp_path / "out" / "lm-eval" / "samples_echo.jsonl")
    assert sample["arguments"][0][0].startswith("<|user|>")


@pytest.mark.usefixtures("own_tasks_alone")
def test_a_chat_template_that_the_model_does_not_have_is_a_sentence(tiny_model, tasks, tmp_path, capsys):
    plain = shutil.copytree(tiny_model, tmp_path / "plain")
    (plain / "chat_template.jinja").unlink()
    assert evaluate(plain, tasks, tmp_path / "none", "--lm-eval-chat", names="echo") == 2
    assert "has no chat template" in capsys.readouterr().err


@pytest.mark.usefixtures("own_tasks_alone")
def test_a_task_that_is_not_known_cannot_be_read_or_runs_code_is_a_sentence(tiny_model, tasks, tmp_path, capsys):
    assert evaluate(tiny_model, tasks, tmp_path / "out", names="colour") == 2
    assert "has no task colour; did you mean colours?" in capsys.readouterr().err
    (tasks / "echo.yaml").write_text((tasks / "echo.yaml").read_text() + "unsafe_code: true\n", encoding="utf-8")
    assert evaluate(tiny_model, tasks, tmp_path / "out", names="echo") == 2
    assert "echo would run code that a model wrote" in capsys.readouterr().err
    (tasks / "colours.jsonl").unlink()
    assert evaluate(tiny_model, tasks, tmp_path / "out", names="colours") == 2
    assert "--lm-eval: colours: FileNotFoundError" in capsys.readouterr().err
    assert evaluate(tiny_model, tmp_path / "none", tmp_path / "out") == 2
    assert "--lm-eval-include: there is no folder" in capsys.readouterr().err
