"""What held-out texts are, and what is made of their nats."""

import gzip
import json
import math
from dataclasses import replace

import pytest

from redone.data.encode import Encoder
from redone.data.load import drawn
from redone.measure.drift import (
    HeldOut,
    Line,
    Templates,
    answers_of,
    held_prompts,
    held_texts,
    mean,
    record_prompts,
    said,
    summed,
    trained_keys,
)
from redone.records import Record, Task

TASK = Task("ask", "general", "knowledge", "", "", "exact")


@pytest.fixture(scope="module")
def encoder(make_tokenizer):
    return Encoder(make_tokenizer())


def record(number, prompt, answer="yes", **fields):
    message = {"role": "user", "content": prompt}
    return Record(f"ask/train/{number}", "ask", (message,), answer, "train", f"a.jsonl:{number}", fields=fields)


def file(folder, *rows, name="texts.jsonl.gz"):
    path = folder / name
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def texts(encoder, at, context=64, most=200, trained=()):
    return held_texts("drift.texts.news", at, encoder, context, most, trained)


def decoded(encoder, ids):
    return encoder.tokenizer.decode(list(ids))


# What is read


def test_of_a_text_every_token_but_the_first_counts_and_what_it_spells_stays_text(tmp_path, encoder):
    at = Templates(file(tmp_path, {"en": "good <|end|>"}), "{en} day", "", "")
    [[passage], notes] = texts(encoder, at)
    assert (decoded(encoder, passage.before), decoded(encoder, passage.tokens)) == ("g", "ood <|end|> day")
    assert encoder.end not in passage.tokens
    assert (passage.key, notes) == ("texts.jsonl.gz:1", [])


def test_of_an_answer_its_own_tokens_count_after_the_prompt_as_the_model_is_asked_it(tmp_path, encoder):
    at = Templates(file(tmp_path, {"q": "tea ?", "a": "yes"}), "", "{q}", "{a}")
    [[passage], _] = texts(encoder, at)
    assert decoded(encoder, passage.before) == "<|user|>tea ?<|assistant|>"
    assert decoded(encoder, passage.tokens) == "yes"  # without its end


def test_what_a_train_record_holds_in_any_field_is_left_out_and_counted(tmp_path, encoder):
    trained = trained_keys([record(0, "Is TEA good?"), record(1, "b", "milk"), record(2, "c", note=["rain, again"])])
    at = Templates(file(tmp_path, *({"t": t} for t in ("is tea good", "Milk!", "rain again", "film"))), "{t}", "", "")
    found, notes = texts(encoder, at, trained=trained)
    assert [passage.key for passage in found] == ["texts.jsonl.gz:4"]
    assert notes == ["drift.texts.news: 3 rows left out, which train records hold"]


def test_texts_and_prompts_are_drawn_as_records_are(tmp_path, encoder):
    rows = [Record(f"texts.jsonl.gz:{i}", "ask", (), "", "eval", "") for i in range(1, 51)]
    wanted = [row.id for row in drawn(rows, 10)]
    at = Templates(file(tmp_path, *({"t": f"text {i}"} for i in range(50))), "{t}", "", "")
    assert [passage.key for passage in texts(encoder, at, most=10)[0]] == wanted
    assert [key for key, _ in held_prompts(at._replace(text="", prompt="{t}"), encoder, 64, 10, 8, ())[0]] == wanted
    asked = [record(i, f"text {i}") for i in range(50)]
    found, _ = record_prompts(asked, encoder, {"ask": TASK}, 64, 10, 8)
    assert [key for key, _ in found] == [one.id for one in drawn(asked, 10)]


def test_what_goes_beyond_the_context_is_cut_and_counted_and_one_token_is_no_text(tmp_path, encoder):
    at = Templates(file(tmp_path, {"t": "x" * 20}, {"t": "y"}), "{t}", "", "")
    [[passage], notes] = texts(encoder, at, context=8)
    assert len(passage.before + passage.tokens) == 8
    assert notes == ["drift.texts.news: 1 texts are cut off where the context of 8 ends"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("{t}", "{t}", "{t}"), "give `text"),
        (("", "{t}", ""), "give `text"),
        (("", "", ""), "give `text"),
        (("{none}", "", ""), "texts.jsonl.gz:1: no field none"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, encoder, keys, said):
    with pytest.raises(ValueError, match=said):
        texts(encoder, Templates(file(tmp_path, {"t": "tea"}), *keys))


def test_a_file_that_is_missing_or_wholly_trained_on_is_named(tmp_path, encoder):
    with pytest.raises(ValueError, match=r"drift.texts.news: there is no .*none.jsonl; say where .* --data"):
        texts(encoder, Templates(tmp_path / "none.jsonl", "{t}", "", ""))
    with pytest.raises(ValueError, match="has no text that is not trained on"):
        texts(encoder, Templates(file(tmp_path, {"t": "tea"}), "{t}", "", ""), trained={"tea"})


def test_prompts_leave_room_for_an_answer(tmp_path, encoder):
    at = Templates(file(tmp_path, {"q": "tea ?"}, {"q": "x" * 40}), "", "{q}", "")
    found, notes = held_prompts(at, encoder, 24, 200, 8, ())
    assert [decoded(encoder, ids) for _, ids in found] == ["<|user|>tea ?<|assistant|>"]
    assert notes == ["drift: 1 prompts left out, which leave no room for an answer"]
    with pytest.raises(ValueError, match=r"none of 2 prompts leaves room for the base's answers; lower drift\.tokens"):
        held_prompts(at, encoder, 9, 200, 8, ())
    with pytest.raises(ValueError, match=r"drift\.prompts: give"):
        held_prompts(at._replace(text="{q}"), encoder, 24, 200, 8, ())


def test_records_are_asked_as_in_training(encoder):
    thinking = {"ask": replace(TASK, think=True, rationale="{a}")}
    [[(key, ids)], _] = record_prompts([record(0, "tea ?")], encoder, thinking, 64, 200, 8)
    assert (key, decoded(encoder, ids)) == ("ask/train/0", "<|user|>tea ?<|assistant|><think>")


def test_the_bases_answers_are_its_greedy_tokens(tiny_model, encoder):
    from redone.model.policy import Policy

    base = Policy.load(tiny_model)
    prompts = [(str(i), encoder.prompt([{"role": "user", "content": "a" * i}], False)) for i in range(1, 5)]
    done = []
    answers = answers_of(base, encoder, HeldOut({}, prompts, 6), 2, done.append)
    assert sum(done) == 4
    assert [(one.key, one.before) for one in answers] == prompts
    import torch

    for one in answers:
        ids = list(one.before)
        for token in one.tokens:
            with torch.no_grad():
                assert int(base.model(torch.tensor([ids])).logits[0, -1].argmax()) == token
            ids.append(token)
        assert len(one.tokens) == 6 or one.tokens[-1] == encoder.end


# What is made of it


def test_a_mean_is_over_all_tokens_and_its_interval_draws_texts():
    lines = [Line("news", "a", 1, 3.0), Line("news", "b", 3, 1.0)]
    found = mean(lines, "news")
    assert (found["nats"], found["n"], found["tokens"]) == (1.0, 2, 4)  # not the mean of 3 and 1/3
    assert found["interval"] == pytest.approx([1 / 3, 3.0])  # a draw of one of them twice
    assert mean([Line("news", str(i), 2, 1.0) for i in range(9)], "")["interval"] == [0.5, 0.5]


def test_the_rise_above_the_base_is_paired_by_text():
    base = [Line("news", str(i), 2, float(i)) for i in range(20)]
    after = [line._replace(nats=line.nats + 0.1) for line in base]
    found = summed([*after, Line("", "p", 4, 2.0)], base)
    news = found["texts"]["news"]
    assert news["nats"] == pytest.approx(sum(range(20)) / 40 + 0.05)
    assert news["interval"][1] - news["interval"][0] > 1.0
    assert news["rise_interval"] == pytest.approx([0.05, 0.05])
    assert (found["kl"]["nats"], found["kl"]["tokens"]) == (0.5, 4)
    assert summed(base, base)["kl"] is None
    assert summed(base, base)["texts"]["news"]["rise"] == 0.0
    assert said("target", found) == (
        "target, in nats a token: news 4.800, +0.050 [+0.050, +0.050]; KL(base || target) 0.500 [0.500, 0.500]"
    )


@pytest.mark.parametrize("other", [Line("news", "b", 2, 1.0), Line("news", "a", 3, 1.0), Line("more", "a", 2, 1.0)])
def test_a_base_that_was_measured_on_other_texts_is_refused(other):
    with pytest.raises(ValueError, match="measured on other texts for the base"):
        summed([Line("news", "a", 2, 1.0)], [other])
    assert math.isfinite(summed([other], [other])["texts"][other.of]["nats"])
