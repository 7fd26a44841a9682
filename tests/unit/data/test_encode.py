from pathlib import Path

import pytest

import redone
from redone.data.encode import Encoder
from redone.records import Prompt, Record, Task
from redone.rewards import score
from redone.thinking import split_thinking

# What Qwen3 writes: an empty thinking part where thinking is off, line breaks around the tags.
QWEN3 = (
    "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' }}"
    "{%- if m.role == 'assistant' -%}"
    "{{ '<think>\n' + m.reasoning_content.strip('\n') + '\n</think>\n\n' + m.content.lstrip('\n') }}"
    "{%- else -%}{{ m.content }}{%- endif -%}{{ '<|im_end|>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false -%}{{ '<think>\n\n</think>\n\n' }}{%- endif -%}"
    "{%- endif -%}"
)
# Qwen3-Thinking: cannot but think.
ALWAYS = QWEN3.replace(
    "{%- if enable_thinking is defined and enable_thinking is false -%}{{ '<think>\n\n</think>\n\n' }}{%- endif -%}",
    "{{ '<think>\n' }}",
)
# DeepSeek-R1: opens the thinking and drops that of earlier replies.
FORGETFUL = (
    "{%- for m in messages -%}{%- if m.role == 'user' -%}{{ '<|User|>' + m.content }}"
    "{%- else -%}{{ '<|Assistant|>' + m.content.split('</think>')[-1] + '<|im_end|>' }}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|Assistant|><think>\n' }}{%- endif -%}"
)
# Other tags than the ones that rewards read.
FOREIGN = (
    "{%- for m in messages -%}[{{ m.role }}]{%- if m.reasoning_content -%}[THINK]{{ m.reasoning_content }}[/THINK]"
    "{%- endif -%}{{ m.content }}{%- endfor -%}{%- if add_generation_prompt -%}[assistant]{%- endif -%}"
)
EMBEDDED = Path(redone.__file__).parent / "world" / "base"
WORDS = "Think step by step between <think> and </think>. After </think> write only the answer."
KINDS = ("world", "qwen3", "always", "forgetful", "foreign", "none")

TASK = Task("ask", "domain", "dialogue", "", "", "exact")
THINKING = Task("ask", "domain", "dialogue", "", "", "exact", think=True, rationale="{why}")


def record(answer="yes", rationale="it is so", prompt="is it ?"):
    return Record("ask/train/0", "ask", ({"role": "user", "content": prompt},), answer, "train", "x", rationale)


@pytest.fixture(scope="module")
def encoders(make_tokenizer):
    templates = {"qwen3": QWEN3, "always": ALWAYS, "forgetful": FORGETFUL, "foreign": FOREIGN, "none": None}
    made = {kind: Encoder(make_tokenizer(template, "<|im_end|>")) for kind, template in templates.items()}
    return {"world": Encoder(make_tokenizer()), **made}


@pytest.fixture(params=KINDS)
def encoder(request, encoders):
    return encoders[request.param]


# "end" and "im_end" lie within the end tokens, "think" within the tags, "question" and "answer" are words of our own
ANSWERS = ("yes", "end", "im_end", "think", "question", "answer", "rationale", "a , b ; c", "好的 🙂", "x\ny", "<|end|")


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_decoded_target_is_the_rationale_and_the_answer_that_rewards_read(encoder, answer):
    asked = record(answer, "so it is, I think")
    text = encoder.decode(encoder.target(asked, THINKING), think=True)
    assert split_thinking(text) == ("so it is, I think", answer)
    assert score(THINKING, asked, text).score == 1.0


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_decoded_target_without_thinking_scores_1(encoder, answer):
    asked = record(answer, None)
    assert score(TASK, asked, encoder.decode(encoder.target(asked, TASK), think=False)).score == 1.0


@pytest.mark.parametrize("task", [TASK, THINKING])
def test_an_answer_that_was_sampled_is_taught_as_the_same_tokens(encoder, task):
    asked = record()
    sampled = encoder.target(asked, task)
    assert encoder.ended(encoder.rewritten(encoder.decode(sampled, task.think), task.think)) == sampled


@pytest.mark.parametrize("task", [TASK, THINKING])
def test_a_target_that_was_stored_as_text_is_taught_as_the_same_tokens(encoder, task):
    asked = record()
    assert encoder.ended(encoder.rewritten(encoder.target_text(asked, task), task.think)) == encoder.target(asked, task)


@pytest.mark.parametrize("kind", ["world", "qwen3", "always"])
def test_prompt_and_thinking_target_are_what_the_template_makes_of_the_whole_dialogue(encoders, kind):
    encoder, asked = encoders[kind], record()
    reply = {"role": "assistant", "content": asked.answer, "reasoning_content": asked.rationale}
    whole = encoder.tokenizer.apply_chat_template([*asked.messages, reply], tokenize=False, enable_thinking=True)
    written = encoder.prompt_text(asked, THINKING) + encoder.target_text(asked, THINKING)
    assert whole.startswith(written + encoder.tokenizer.eos_token)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("world", "it is so</think>yes"),
        ("qwen3", "<think>\nit is so\n</think>\n\nyes"),
        ("always", "it is so\n</think>\n\nyes"),
        ("forgetful", "it is so</think>yes"),
        ("foreign", "<think>it is so</think>yes"),
        ("none", "<think>it is so</think>yes"),
    ],
)
def test_a_thinking_target_is_written_as_the_model_is_used_to_where_rewards_can_read_that(encoders, kind, text):
    assert encoders[kind].target_text(record(), THINKING) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("world", "yes"),
        ("qwen3", "yes"),  # the prompt holds an empty thinking part
        ("always", "\n</think>\n\nyes"),
        ("forgetful", "</think>yes"),
        ("foreign", "yes"),
        ("none", "yes"),
    ],
)
def test_a_target_without_thinking_closes_what_the_prompt_has_opened(encoders, kind, text):
    assert encoders[kind].target_text(record(), TASK) == text


@pytest.mark.parametrize(
    ("kind", "task", "text"),
    [
        ("world", TASK, "<|user|>is it ?<|assistant|>"),
        ("world", THINKING, "<|user|>is it ?<|assistant|><think>"),
        ("qwen3", TASK, "<|im_start|>user\nis it ?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"),
        ("qwen3", THINKING, "<|im_start|>user\nis it ?<|im_end|>\n<|im_start|>assistant\n"),
        ("none", TASK, "is it ?\n"),
        ("none", THINKING, f"is it ?\n\n{WORDS}\n"),
        ("foreign", THINKING, f"[user]is it ?\n\n{WORDS}[assistant]"),
        ("always", THINKING, "<|im_start|>user\nis it ?<|im_end|>\n<|im_start|>assistant\n<think>\n"),
        ("forgetful", THINKING, "<|User|>is it ?<|Assistant|><think>\n"),
    ],
)
def test_the_template_is_told_whether_the_task_thinks(encoders, kind, task, text):
    encoder = encoders[kind]
    assert encoder.prompt_text(record(), task) == text
    [ids] = encoder.prompts([record()], {"ask": task})
    assert encoder.tokenizer.decode(ids) == text


def test_every_record_gets_the_prompt_of_its_own_task(encoders):
    encoder = encoders["world"]
    other = Record("x/train/0", "x", ({"role": "user", "content": "and ?"},), "no", "train", "x")
    tasks = {"ask": THINKING, "x": TASK}
    together = encoder.prompts([other, record()], tasks)
    assert together == [*encoder.prompts([other], tasks), *encoder.prompts([record()], tasks)]
    assert encoder.prompts([], tasks) == []


def test_the_tag_that_the_prompt_opened_is_put_back_also_where_the_answer_never_closes_it(encoders):
    encoder = encoders["world"]
    tokens = encoder.tokenizer("still thinking", add_special_tokens=False)["input_ids"]
    assert encoder.decode(tokens, think=True) == "<think>still thinking"
    assert encoder.decode(tokens, think=False) == "still thinking"


def test_thinking_of_a_model_that_always_thinks_is_not_read_as_the_answer(encoders):
    encoder = encoders["always"]
    tokens = encoder.tokenizer("hm, no ...\n</think>\n\nyes", add_special_tokens=False)["input_ids"]
    assert score(TASK, record(), encoder.decode(tokens, think=False)).score == 1.0


def test_special_tokens_are_not_part_of_an_answer_but_thinking_tags_are(make_tokenizer):
    encoder = Encoder(make_tokenizer(None, special=("<|image|>", "<think>", "</think>")))
    assert encoder.tokenizer.decode(encoder.tokenizer("</think>")["input_ids"], skip_special_tokens=True) == ""
    ids = encoder.tokenizer("<think>so</think>y<|image|>es<|end|>")["input_ids"]
    assert encoder.decode(ids, think=False) == "<think>so</think>yes"


def test_spaces_before_punctuation_are_kept(make_tokenizer):
    tokenizer = make_tokenizer()
    tokenizer.clean_up_tokenization_spaces = True
    tokenizer.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output = True
    encoder = Encoder(tokenizer)
    asked = record("tea , cake ? no , i 'm fine .", None)
    assert encoder.decode(encoder.target(asked, TASK), think=False) == asked.answer


def test_a_beginning_token_is_added_only_where_no_template_writes_one(make_tokenizer):
    from tokenizers import processors

    for template, beginnings in ((None, 1), ("<|begin|>{{ messages[0].content }}", 1)):
        tokenizer = make_tokenizer(template, special=("<|begin|>",))
        begin = tokenizer.convert_tokens_to_ids("<|begin|>")
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<|begin|> $A", special_tokens=[("<|begin|>", begin)]
        )
        encoder = Encoder(tokenizer)
        [prompt] = encoder.prompts([record()], {"ask": TASK})
        assert prompt.count(begin) == beginnings
        assert prompt[0] == begin
        assert begin not in encoder.target(record(), TASK)


def test_a_target_ends_with_the_end_token_once(encoder):
    end = encoder.tokenizer.eos_token_id
    assert encoder.target(record(), TASK).index(end) == len(encoder.target(record(), TASK)) - 1


def test_a_folder_brings_every_end_token_of_its_generation_config(make_tokenizer, tmp_path):
    from transformers import GenerationConfig

    tokenizer = make_tokenizer(special=("<|stop|>",))
    tokenizer.save_pretrained(tmp_path)
    end, stop = tokenizer.convert_tokens_to_ids(["<|end|>", "<|stop|>"])
    assert Encoder.load(tmp_path).eos_ids == {end}
    GenerationConfig(eos_token_id=[stop]).save_pretrained(tmp_path)
    assert Encoder.load(tmp_path).eos_ids == {end, stop}
    GenerationConfig(eos_token_id=stop).save_pretrained(tmp_path)
    assert Encoder.load(tmp_path).eos_ids == {end, stop}


def test_a_tokenizer_without_an_end_token_is_refused(make_tokenizer):
    tokenizer = make_tokenizer(None)
    tokenizer.eos_token = None
    with pytest.raises(ValueError, match="no end-of-sequence token"):
        Encoder(tokenizer)


def test_a_template_that_is_missing_is_said(encoders):
    assert [kind for kind in KINDS if any("no chat template" in note for note in encoders[kind].notes(False))] == [
        "none"
    ]


# Asked to think in words


def turns(*said, system=None):
    roles = zip(("user", "assistant") * 9, said)
    first = [] if system is None else [{"role": "system", "content": system}]
    return [*first, *({"role": role, "content": text} for role, text in roles)]


def test_the_users_last_message_alone_asks_to_think(encoders):
    text = encoders["foreign"].asked(turns("1 ?", "one", "2 ?", system="be kind"), True).text
    assert text == f"[system]be kind[user]1 ?[assistant]one[user]2 ?\n\n{WORDS}[assistant]"


@pytest.mark.parametrize(
    "asked",
    [
        turns("2 ?", system="Reason in <think> and </think> first."),
        turns("2 ? Reason in <think> and </think> first."),
    ],
)
def test_a_prompt_that_asks_for_the_tags_itself_is_asked_nothing_more(encoders, asked):
    assert WORDS not in encoders["foreign"].asked(asked, True).text


@pytest.mark.parametrize(
    "asked", [turns("1 ?", "<think>hm</think>one", "2 ?"), turns("<think> ?"), turns("</think> ?")]
)
def test_tags_that_ask_for_nothing_do_not_stand_in_for_it(encoders, asked):
    assert WORDS in encoders["foreign"].asked(asked, True).text


@pytest.mark.parametrize("question", ["is it ?", "is it <|user|> ?"])
def test_training_evaluation_and_check_ask_with_the_same_tokens(encoders, question):
    encoder, asked = encoders["none"], record(prompt=question)
    [ids] = encoder.prompts([asked], {"ask": THINKING})
    assert ids == encoder.prompt(asked.messages, True) == encoder.encode([Prompt("a", asked.messages, 9, True)])[0]
    assert encoder.tokenizer.decode(ids) == encoder.prompt_text(asked, THINKING) == f"{question}\n\n{WORDS}\n"


def test_a_model_that_goes_on_in_the_last_line_is_told_nothing_after_it(encoders):
    prompt = Prompt("a", turns("Q: is it ?\nA:"), 9, think=True, go_on=True)
    assert encoders["none"].tokenizer.decode(encoders["none"].encode([prompt])[0]) == "Q: is it ?\nA:"
    assert WORDS in encoders["foreign"].tokenizer.decode(encoders["foreign"].encode([prompt])[0])


def test_the_embedded_base_is_asked_as_it_always_was():
    """One task that thinks: by its template's opened tag, with no word more."""
    encoder = Encoder.load(EMBEDDED)
    assert not encoder.takes_words
    assert encoder.prompt_text(record(), THINKING) == "<|user|>is it ?<|assistant|><think>"
    assert encoder.notes(True) == []
