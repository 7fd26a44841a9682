"""Whether prompts and reference answers reach a model whole, in its own tokens. Every byte is a token, and so are
<|user|>, <|assistant|>, <think>, </think> and the end."""

from dataclasses import replace

import pytest

from redone.checks.texts import check_prompts, check_texts
from redone.data.encode import Encoder
from redone.data.load import SPLITS, Dataset
from redone.records import Prompt, Record, Task
from redone.run.scoring import in_process

WORD = Task("word", "sns", "dialogue", "", "", "exact", budget=8)


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
    records = {split: (record(task, 0, "ok", split),) for split in SPLITS}
    records["train"] = tuple(a if isinstance(a, Record) else record(task, i, a) for i, a in enumerate(train))
    return Dataset({task.name: task}, {task.name: records}, {task.name: 0})


def check(given, encoder, context=100):
    return check_texts(given, encoder, context, in_process(given.tasks))


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
    message = refusal(given, encoder, 2 + 40 + 8 - 1)
    assert message.splitlines()[0] == "1 records do not fit:"
    assert "word.train.jsonl:1 (word/train/0): the prompt's 42 tokens and the answer's budget of 8 " in message
    assert "context of 49" in message


def test_an_answer_fits_where_its_budget_holds_its_end_too(encoder):
    check(dataset(WORD, ["x" * 7]), encoder, 100)
    message = refusal(dataset(WORD, ["x" * 8]), encoder, 100)
    assert "has 9 tokens with its end" in message
    assert "raise its budget of 8" in message


def test_an_answer_may_not_lie_where_the_overlong_penalty_begins(encoder):
    task = replace(WORD, budget=40)  # the last quarter is penalised
    check(dataset(task, ["x" * 29]), encoder, 100)
    message = refusal(dataset(task, ["x" * 30]), encoder, 100)
    assert "rewards at most 30 in full" in message


def test_the_rationale_counts_towards_the_answer(encoder):
    task = replace(WORD, think=True, rationale="{why}")

    def thinking(why):
        records = {split: (record(task, 0, "ok", split, rationale=why),) for split in SPLITS}
        return Dataset({"word": task}, {"word": records}, {"word": 0})

    check(thinking("abcd"), encoder, 100)  # 4, the closing tag, 2 and the end
    assert "has 9 tokens" in refusal(thinking("abcde"), encoder, 100)


def test_everything_that_does_not_fit_is_listed(encoder):
    given = dataset(WORD, [record(WORD, i, "x" * 9, prompt="x" * 60) for i in range(12)])
    lines = refusal(given, encoder, 50).splitlines()
    assert lines[0] == "24 records do not fit:"
    assert len(lines) == 1 + 20 + 1
    assert lines[-1] == "  and 4 more"


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
