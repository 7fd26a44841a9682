"""Whether prompts and reference answers reach a model whole, in its own tokens. Every byte is a token, and so are
<|user|>, <|assistant|>, <think>, </think> and the end."""

from dataclasses import replace

import pytest

from redone.algo.dapo import overlong_cache, overlong_penalty
from redone.checks.lengths import Lengths, budget_for
from redone.checks.texts import check_prompts, check_texts
from redone.data.encode import Encoder
from redone.data.load import NEEDED, Dataset
from redone.records import Prompt, Record, Task
from redone.run.scoring import in_process

WORD = Task("word", "domain", "dialogue", "", "", "exact", budget=8)


def record(task, number, answer, split="train", prompt=None, system=None, **changes):
    said = [{"role": "system", "content": system}] if system else []
    made = Record(
        f"{task.name}/{split}/{number}",
        task.name,
        (*said, {"role": "user", "content": prompt or f"what is {number} ?"}),
        answer,
        split,
        f"{task.name}.{split}.jsonl:{number + 1}",
    )
    return replace(made, **changes)


def dataset(task, train):
    """The task with train answers or records, and one good record in each other split."""
    records = {split: (record(task, 0, "ok", split),) for split in NEEDED}
    records["train"] = tuple(a if isinstance(a, Record) else record(task, i, a) for i, a in enumerate(train))
    return Dataset({task.name: task}, {task.name: records}, {task.name: 0})


def check(given, encoder, context=100):
    return texts(given, encoder, context).notes


def texts(given, encoder, context=100, own=200, zone=0.25, too_long="refuse"):
    return check_texts(given, encoder, context, own, in_process(given.tasks), zone, too_long)


def refusal(given, encoder, context=100):
    with pytest.raises(ValueError) as error:
        check(given, encoder, context)
    return str(error.value)


@pytest.fixture(scope="module")
def encoder(make_tokenizer):
    return Encoder(make_tokenizer())


def test_a_prompt_fits_where_it_leaves_room_for_the_answers_budget(encoder):
    given = dataset(WORD, [record(WORD, 0, "tea", prompt="x" * 40)])
    check(given, encoder, 2 + 40 + 8)
    assert refusal(given, encoder, 2 + 40 + 8 - 1).splitlines() == [
        'records are too long; make room for them, or set data.too_long = "drop", which leaves them out:',
        "  word: 1 of 3 prompts leave no room for an answer of 8 tokens in the context of 49; the longest has 42 "
        "tokens (word.train.jsonl:1, word/train/0). model.max_context = 50 would hold all",
    ]


def test_a_context_that_would_hold_all_is_said_to_be_beyond_the_model(encoder):
    given = dataset(WORD, [record(WORD, 0, "tea", prompt="x" * 191)])  # 2 + 191 + 8 = 201
    assert refusal(given, encoder, 200).endswith(
        "model.max_context = 201 would hold all; the model itself goes as far as 200"
    )


def test_tasks_with_long_texts_are_one_sentence_with_the_longest_first(encoder):
    some, more = replace(WORD, name="some"), replace(WORD, name="more")
    given = [dataset(some, ["x" * 8]), dataset(more, ["x" * 9, "x" * 12])]
    both = Dataset({t.name: t for t in (some, more)}, {**given[0].records, **given[1].records}, {"some": 0, "more": 0})
    _, line = refusal(both, encoder).splitlines()
    assert line.startswith("  more: 2 of 4 reference answers are longer than ")
    assert line.endswith("budget = 13 would hold all; likewise some (1 of 3; budget = 9)")


def test_an_answer_fits_where_its_budget_holds_its_end_too(encoder):
    check(dataset(WORD, ["x" * 7]), encoder, 100)
    assert refusal(dataset(WORD, ["x" * 8]), encoder, 100).splitlines()[1:] == [
        "  word: 1 of 3 reference answers are longer than the 8 tokens that its budget of 8 rewards in full; the "
        "longest has 9 tokens with its end (word.train.jsonl:1, word/train/0). budget = 9 would hold all"
    ]


def test_an_answer_may_not_lie_where_the_overlong_penalty_begins(encoder):
    task = replace(WORD, budget=40)  # the last quarter is penalised
    check(dataset(task, ["x" * 29]), encoder, 100)
    message = refusal(dataset(task, ["x" * 30]), encoder, 100)
    assert "longer than the 30 tokens that its budget of 40 rewards in full" in message
    assert message.endswith("budget = 41 would hold all")  # 41 - 10 = 31, its end included
    check(dataset(replace(WORD, budget=41), ["x" * 30]), encoder, 100)


def test_the_budget_for_an_answer_is_the_least_that_rewards_it_in_full():
    assert [budget_for(length, 0.25) for length in (1, 24, 25, 31, 32)] == [1, 24, 25, 31, 42]  # 42 - 10
    assert budget_for(31, 0.25, 32) == 41  # 41 - 10: a longer one than there is, though 31 has no zone
    for length in range(1, 200):
        budget = budget_for(length, 0.25)
        assert overlong_penalty(length, budget, overlong_cache(budget, 0.25)) == 0
        assert all(
            length > smaller or overlong_penalty(length, smaller, overlong_cache(smaller, 0.25)) < 0
            for smaller in range(1, budget)
        )


def test_the_rationale_counts_towards_the_answer(encoder):
    task = replace(WORD, think=True, rationale="{why}")

    def thinking(why):
        records = {split: (record(task, 0, "ok", split, rationale=why),) for split in NEEDED}
        return Dataset({"word": task}, {"word": records}, {"word": 0})

    check(thinking("abcd"), encoder, 100)  # 4, the closing tag, 2 and the end
    assert "has 9 tokens" in refusal(thinking("abcde"), encoder, 100)


def test_records_that_are_too_long_are_counted_by_task_with_the_room_for_all_and_for_nearly_all(encoder):
    sizes = [20] * 196 + [61, 62, 63, 90]  # with the other two splits 202 records, of which 2 are the last hundredth
    given = dataset(WORD, [record(WORD, i, "tea", prompt="x" * size) for i, size in enumerate(sizes)])
    cup = replace(WORD, name="cup")
    both = Dataset(
        {"word": WORD, "cup": cup},
        {**given.records, "cup": {split: (record(cup, 0, "x" * 9, split),) for split in NEEDED}},
        {"word": 0, "cup": 0},
    )
    assert refusal(both, encoder, 70).splitlines()[1:] == [
        "  word: 4 of 202 prompts leave no room for an answer of 8 tokens in the context of 70; the longest has 92 "
        "tokens (word.train.jsonl:200, word/train/199). model.max_context = 100 would hold all, and 72 would hold 99 %",
        "  cup: 3 of 3 reference answers are longer than the 8 tokens that its budget of 8 rewards in full; the "
        "longest has 10 tokens with its end (cup.train.jsonl:1, cup/train/0). budget = 10 would hold all",
    ]


def test_records_that_are_too_long_are_dropped_where_that_is_wished_and_counted(encoder):
    long = record(WORD, 1, "tea", prompt="x" * 60)
    given = dataset(WORD, ["tea", long, "x" * 8, record(WORD, 3, "x" * 9, prompt="x" * 60)])
    found = texts(given, encoder, 50, too_long="drop")
    kept = found.dataset.records["word"]
    assert [r.id for split in NEEDED for r in kept[split]] == ["word/train/0", "word/probe/0", "word/eval/0"]
    assert found.notes == [
        "word: 3 of 6 records left out, too long: 2 prompts for the context of 50, 2 reference answers for the budget "
        "of 8"
    ]
    assert found.dataset.fingerprint()["word"]["too_long"] == 3
    assert given.fingerprint()["word"]["too_long"] == 0
    assert found.lengths["word"].answers == [4, 3, 3]
    assert texts(found.dataset, encoder, 50, too_long="drop").dataset == found.dataset  # once is enough


def test_a_task_that_loses_a_whole_split_is_refused(encoder):
    given = dataset(WORD, [record(WORD, 0, "tea", prompt="x" * 60)])
    with pytest.raises(ValueError, match=r"that leaves no data in train: raise model\.max_context, or its budget"):
        texts(given, encoder, 50, too_long="drop")


def test_a_context_without_room_for_a_prompt_is_refused_in_one_sentence(encoder):
    message = refusal(dataset(WORD, ["tea"]), encoder, 8)
    assert message == (
        "model.max_context = 8 has no room for a prompt beside the answers of task word, whose budget is 8 tokens; "
        "raise the one or lower the other"
    )


def test_lengths_are_those_of_the_prompt_and_of_the_answer_with_its_end(encoder):
    [mine] = texts(dataset(WORD, ["tea", "x" * 7]), encoder).lengths.values()
    assert mine == Lengths([2 + 11] * 4, [4, 8, 3, 3])  # what is N ? between the two tags


# Questions


GEMMA = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<|user|>{{ m.content }}{% if m.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
DROPS = "{% for m in messages if m.role != 'system' %}<|user|>{{ m.content[:30] }}{% endfor %}<|assistant|>"


def test_a_system_message_that_the_template_refuses_is_named_by_its_record(make_tokenizer):
    encoder = Encoder(make_tokenizer(GEMMA))
    assert check(dataset(WORD, ["tea"]), encoder) == []  # nobody asks for one
    lines = refusal(dataset(WORD, ["tea", record(WORD, 1, "tea", system="be short")]), encoder).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("  word.train.jsonl:2 (word/train/1): ")
    assert "cannot write system and user messages: TemplateError: System role not supported" in lines[1]
    assert lines[1].endswith("; say it in the user's message")


def test_what_the_template_drops_or_cuts_is_named_by_its_record(make_tokenizer):
    encoder = Encoder(make_tokenizer(DROPS.replace("[:30]", "[:40]")))
    given = [record(WORD, 0, "tea", system="be short"), record(WORD, 1, "tea", prompt="x" * 41), record(WORD, 2, "tea")]
    lines = refusal(dataset(WORD, given), encoder).splitlines()
    assert [line.split(": ")[0] for line in lines[1:]] == [
        "  word.train.jsonl:1 (word/train/0)",
        "  word.train.jsonl:2 (word/train/1)",
    ]
    assert "leaves out the system message" in lines[1]
    assert "leaves out the user message, or changes it" in lines[2]


def test_records_with_the_same_flaw_are_one_line(make_tokenizer):
    given = [record(WORD, i, "tea", system="be short") for i in range(30)]
    lines = refusal(dataset(WORD, given), Encoder(make_tokenizer(GEMMA))).splitlines()
    assert lines[0] == "30 records cannot be asked or taught as they are:"
    assert lines[1].startswith("  word.train.jsonl:1 (word/train/0) and 29 more of word: cannot write system ")
    assert len(lines) == 2


def test_prompts_of_a_benchmark_are_tried_before_they_are_asked(make_tokenizer, encoder):
    said = {"role": "user", "content": "what is <|end|> ?"}
    assert check_prompts([Prompt("cups/0", [said], 8)], encoder, "Cups") == [
        "Cups: 1 prompts spell control tokens, which stay text in them"
    ]
    assert check_prompts([Prompt("cups/0", [{**said, "content": "what ?"}], 8)], encoder, "Cups") == []
    prompts = [Prompt("cups/0", [said], 8), Prompt("cups/1", [{"role": "system", "content": "?"}, said], 8)]
    other = Encoder(make_tokenizer(GEMMA))
    with pytest.raises(ValueError, match=r"Cups: 1 prompts cannot be asked:\n  cups/1: .*System role not supported"):
        check_prompts(prompts, other, "Cups")


# Reference answers


@pytest.mark.parametrize("label", ["<|user|>", "<|end|>", "<|pad|>", "a <|assistant|> b", "<|user|><|user|>"])
def test_a_label_that_is_a_control_token_can_be_given_and_that_is_said(encoder, label):
    task = replace(WORD, budget=60)
    given = dataset(task, ["tea", record(task, 1, label, prompt="is it <|user|> ?"), label])
    assert check(given, encoder, 200) == ["word: 1 prompts and 2 answers spell control tokens, which stay text in them"]
    ids = encoder.target(given.records["word"]["train"][1], task)
    assert encoder.decode(ids, think=False) == label
    assert not set(ids[:-1]) & encoder.unseen


def words(*known, normalizer=None):
    """A tokenizer of whole words, in which any other is unknown."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["[UNK]", "[END]", *known])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if normalizer:
        made.normalizer = normalizer
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", eos_token="[END]")


def test_an_answer_that_does_not_come_back_from_the_models_tokens_is_listed_with_what_does():
    encoder = Encoder(words("tea", "milk", "ok", "what", "is", "?"))
    lines = refusal(dataset(WORD, ["tea", "cake", "tea , milk", "milk tea"]), encoder).splitlines()
    assert lines[1].startswith("  word.train.jsonl:2 (word/train/1): the reference answer 'cake' comes back ")
    assert "as ''" in lines[1]
    assert "'tea , milk'" in lines[2]
    assert "as 'tea milk'" in lines[2]
    assert len(lines) == 3


def test_an_answer_that_comes_back_otherwise_is_good_where_its_reward_reads_it_all_the_same():
    from tokenizers import normalizers

    encoder = Encoder(words("tea", "ok", "what", "is", "?", normalizer=normalizers.Lowercase()))
    assert check(dataset(WORD, ["Tea", "TEA"]), encoder) == []
    exactly = replace(WORD, options={"case": True})
    assert "the reference answer 'Tea' comes back from the model's tokens as 'tea'" in refusal(
        dataset(exactly, ["tea", "Tea"]), encoder
    )


def test_a_judged_answer_has_to_come_back_as_it_is():
    encoder = Encoder(words("tea", "ok", "what", "is", "?"))
    judged = replace(WORD, reward="judge", options={"rubric": "Is it a drink?"})
    assert check(dataset(judged, ["tea"]), encoder) == []
    assert "'a tea'" in refusal(dataset(judged, ["a tea"]), encoder)


def test_rows_that_the_models_embedding_lacks_are_found_before_anything_trains(make_tokenizer):
    tokenizer = make_tokenizer()
    rows = len(tokenizer)
    tokenizer.add_tokens(["coffee"])
    check(dataset(WORD, ["tea"]), Encoder(tokenizer, [], rows))  # nothing needs it
    for given in ("coffee", record(WORD, 0, "tea", prompt="is it coffee ?")):
        assert "the token 'coffee' has number" in refusal(dataset(WORD, [given]), Encoder(tokenizer, [], rows))
