"""A question that the chat template does not write whole is refused; what ends an answer is what the template says."""

import json
import sys

import pytest

from redone.data.chat import QUESTION
from redone.data.encode import Encoder, read_tokenizer
from redone.records import Prompt

TURNS = "{%- for m in messages %}<|{{ m.role }}|>SAID{% if m.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
ASKED = "{%- if add_generation_prompt %}<|assistant|>{% endif %}"


def template(said="{{ m.content }}"):
    return TURNS.replace("SAID", said) + ASKED


def test_a_template_is_known_by_the_first_digits_of_its_sha256(make_tokenizer):
    assert Encoder(make_tokenizer("{{ messages[0].content }}!")).chat.mark == "032384d7"  # sha256sum
    assert Encoder(make_tokenizer(None)).chat.mark == "none"


@pytest.mark.parametrize("now", ["strftime_now('%d %b %Y')", 'strftime_now( "%d %b %Y" )'])
def test_a_prompt_says_the_same_day_on_every_day_and_that_is_told(make_tokenizer, now):
    printed = f"{{% macro day() %}}{{{{ {now} }}}}{{% endmacro %}}{{{{ day() }}}}:"
    encoder = Encoder(make_tokenizer(printed + template()))
    assert encoder.asked(user("tea ?"), False).text == "01 Jan 2026:<|user|>tea ?<|assistant|>"
    assert [note for note in encoder.notes(False) if "prompts say 2026-01-01, whatever the day" in note]
    assert encoder.tokenizer.chat_template.startswith("{% macro")  # what is saved prints the day it is
    assert not any("whatever the day" in note for note in Encoder(make_tokenizer(template())).notes(True))


LOOP = "{% for i in range(100000) %}"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{LOOP}{LOOP}{{% endfor %}}{{% endfor %}}{{{{ m.content }}}}", "Endless: more than 1,000,000 steps"),
        (f"{{{{ m.content }}}}{LOOP}{{{{ range(100000) | map('int') | join }}}}{{% endfor %}}", "more than 1,000,000"),
        ("{{ m.content }}{{ 10 ** 10 ** 10 }}", "a template computes no powers"),
        ("{{ m.content }}{{ '\\ud800' }}", "half of a surrogate pair"),
        ("{{ m.content }}\ud800", "half of a surrogate pair"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}{{ m.content }}", "RecursionError"),
    ],
)
def test_a_template_that_runs_away_is_refused_and_named(make_tokenizer, said, told):
    before = sys.gettrace()
    assert told in refusal(Encoder, make_tokenizer(template(said)))
    assert sys.gettrace() is before


def test_a_template_that_runs_away_on_a_record_alone_is_refused_then(make_tokenizer):
    endless = f"{{% if 'loop' in m.content %}}{LOOP}{LOOP}{{% endfor %}}{{% endfor %}}{{% endif %}}{{{{ m.content }}}}"
    encoder = Encoder(make_tokenizer(template(endless)))
    assert encoder.asked(user("tea **"), False).text == "<|user|>tea **<|assistant|>"
    assert "more than 1,000,000 steps" in refusal(encoder.asked, user("loop"), False)
    assert encoder.asked(user("tea") * 2_000, False).text.count("<|user|>") == 2_000


def user(text):
    return [{"role": "user", "content": text}]


def refusal(action, *arguments):
    with pytest.raises(ValueError) as error:
        action(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


PARTS = "{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}"


# Read


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("{{ m.content }}", False),
        ("{{ m.content | trim }}", False),
        ("{{ m['content'] }}", False),
        (PARTS, True),  # finds no parts in a text: an empty question
        ("{{ m.content[0].text }}", True),  # raises on a text
        ("{{ m.content[0]['text'] | trim }}", True),
        ("{% for p in m.content %}{{ p['text'] + ' ' }}{% endfor %}", True),
        ("{% if m.content is string %}{{ m.content }}{% else %}" + PARTS + "{% endif %}", False),
        ("{{ m.content if m.content is string else m.content | map(attribute='text') | join }}", False),
    ],
)
def test_a_message_is_given_as_text_or_as_parts_whichever_arrives(make_tokenizer, said, parts):
    encoder = Encoder(make_tokenizer(template(said)))
    assert encoder.chat.parts == parts
    text = encoder.asked(user("how many <cups> & why ?"), False).text
    assert text.startswith("<|user|>how many <cups> & why ?")
    assert text.rstrip().endswith("<|assistant|>")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (template(""), "leaves the question out of the prompt"),
        ("<|user|>hello<|assistant|>", "leaves the question out of the prompt"),
        ("{{ messages[1].content }}", "UndefinedError: list object has no element 1"),
        (template("{{ m.text }}"), "leaves the question out of the prompt"),
        (template("{{ m.content | e }}"), "or changes it"),
        (template("{{ m.content | upper }}"), "or changes it"),
        (template("{{ m.content[:20] }}"), "or changes it"),
        (template("{{ m.content | replace('?', '') }}"), "or changes it"),
        (template("{{ m.content | striptags }}"), "or changes it"),
        (template("{% for p in m.content %}{{ p.value }}{% endfor %}"), "leaves the question out of the prompt"),
        (template("{{ m.content.missing.text }}{{ m.content[3] }}"), "; given as a list of parts, it cannot"),
        ("{% if enable_thinking %}" + template() + "{% endif %}", "leaves the question out"),
        (template("{{ raise_exception('No users here') }}"), "TemplateError: No users here"),
        (template("{{ m.content + 1 }}"), "TypeError"),
        (template("{{ 1 // 0 }}"), "ZeroDivisionError"),
        (template("{{ m.content.nothing.more }}"), "UndefinedError"),
        (template("{{ m.content | no_such_filter }}"), "TemplateAssertionError: No filter named 'no_such_filter'"),
        ("{% for m in messages %}", "TemplateSyntaxError"),
        ("{{ messages.nothing() }}", "UndefinedError"),
        ({"tool_use": template(), "rag": template()}, "ValueError"),  # none of them is the default
    ],
)
def test_a_template_that_does_not_write_the_question_is_refused_with_what_to_do(make_tokenizer, broken, said):
    message = refusal(Encoder, make_tokenizer(broken))
    assert said in message
    assert "its chat template" in message
    assert "mend chat_template.jinja" in message


@pytest.mark.parametrize(
    ("said", "messages"),
    [
        ("{{ m.content[:40] }}", user("x" * 41)),
        ("{{ m.content[-40:] }}", user("x" * 41 + "y")),
        ("{{ m.content | truncate(60) }}", user("many words " * 20)),
        ("{{ m.content | replace('\n', ' ') }}", user("two\nlines")),
        ("{{ m.content.split('</think>')[-1] }}", user("is </think> a tag ?")),
        ("{% if m.role == 'user' %}{{ m.content }}{% endif %}", [{"role": "system", "content": "hush"}, *user("?")]),
        ("{% if m.role != 'assistant' %}{{ m.content }}{% endif %}",
         [*user("1 ?"), {"role": "assistant", "content": "one"}, *user("2 ?")]),
        ("{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}{{ m.content }}",
         [{"role": "tool", "content": "12"}, *user("?")]),
    ],
)  # fmt: skip
def test_a_message_that_a_good_template_does_not_write_whole_is_refused_by_its_prompt(make_tokenizer, said, messages):
    encoder = Encoder(make_tokenizer(template(said)))
    message = refusal(encoder.encode, [Prompt("cups/7", messages, 8)])
    assert message.startswith("cups/7: ")
    assert messages[0]["role"] in message or "assistant" in message


def test_space_around_a_message_and_the_thinking_of_an_earlier_answer_may_go(make_tokenizer):
    encoder = Encoder(make_tokenizer(template("{{ m.content.split('</think>')[-1] | trim }}")))
    turns = [*user(" 1 ?\n"), {"role": "assistant", "content": "<think>hm</think> one "}, *user("2 ?")]
    assert encoder.asked(turns, False).text == "<|user|>1 ?<|assistant|>one<|end|><|user|>2 ?<|assistant|>"


def test_without_a_template_every_message_is_written(make_tokenizer):
    encoder = Encoder(make_tokenizer(None))
    assert encoder.asked([{"role": "system", "content": "be short"}, *user("?")], False).text == "be short\n?\n"


def test_no_template_writes_the_question_it_is_tried_with():
    assert "[question]" in QUESTION


def test_the_template_of_a_model_that_sees_may_lie_beside_its_processor(make_tokenizer, tmp_path):
    make_tokenizer(None).save_pretrained(tmp_path)
    assert read_tokenizer(tmp_path)[0].chat_template is None
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": template(PARTS)}), encoding="utf-8")
    encoder = Encoder.load(tmp_path)
    assert encoder.chat.parts
    encoder.save(tmp_path / "left")
    assert Encoder.load(tmp_path / "left").asked(user("?"), False).text == "<|user|>?<|assistant|>"


# Tokenizers that write a space before every text, as SentencePiece does


def pieces(kind, chat):
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    single = [f"<0x{i:02X}>" for i in range(256)]
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyzINST0123456789<>/|[]?"]
    if kind == "bpe":
        known = ["<unk>", "<s>", "</s>", *single, *letters]
        made = Tokenizer(models.BPE({t: i for i, t in enumerate(known)}, [], unk_token="<unk>", byte_fallback=True))
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    else:  # whose vocabulary holds its control tokens as ordinary pieces
        control = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0)]
        rest = [*((t, -20.0) for t in single), *((t, -5.0) for t in letters)]
        made = Tokenizer(models.Unigram([*control, *rest], unk_id=0, byte_fallback=True))
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        parts = [decoders.ByteFallback(), decoders.Metaspace()]
    made.decoder = decoders.Sequence(parts)
    made.add_special_tokens(["<s>", "</s>", "<unk>"])
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, **named)
    tokenizer.chat_template = chat
    return tokenizer


LLAMA_2 = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"
)


@pytest.mark.parametrize("chat", [LLAMA_2, None])
@pytest.mark.parametrize("said", ["is it a tag ?", "is <s> a tag ?", "</s>", "a</s></s>b"])
def test_control_tokens_stay_text_where_a_tokenizer_writes_a_space_before_every_text(chat, said):
    encoder = Encoder(pieces("bpe", chat))
    ids = encoder.prompt(user(said), False)
    text = encoder.tokenizer.decode(ids)
    assert text == (f"<s> [INST] {said} [/INST]" if chat else f"{said}\n")
    assert [i for i in ids if i in (1, 2)] == ([1] if chat else [])
    taught = encoder.ended(said)
    assert taught.count(2) == 1
    assert encoder.decode(taught, think=False) == said


@pytest.mark.parametrize("chat", [LLAMA_2, None])
def test_a_tokenizer_that_makes_control_tokens_of_plain_text_is_said(chat):
    encoder = Encoder(pieces("unigram", chat))
    assert encoder.encode([Prompt("cups/0", user("is it a tag ?"), 8)])
    assert "plain text" in refusal(encoder.prompt, user("is <s> a tag ?"), False)
    assert encoder.decode(encoder.ended("is <s> a tag"), think=False) != "is <s> a tag"  # which `check` lists


# Ends


def named(tokenizer, tokens):
    return [tokenizer.convert_tokens_to_ids(token) for token in tokens]


@pytest.mark.parametrize(
    ("after", "generation", "end", "note"),
    [
        ("<|end|>", [], "<|end|>", ""),
        ("<|end|>\n", ["<|end|>"], "<|end|>", ""),
        ("<|end|>", ["<|end|>", "<|stop|>"], "<|end|>", ""),
        ("\n<|end|>\n", [], "<|end|>", ""),
        ("<|stop|>", [], "<|stop|>", "the tokenizer '<|end|>'"),
        (" <|stop|>", ["<|stop|>"], "<|stop|>", "the tokenizer '<|end|>'"),
        ("<|end|>", ["<|stop|>"], "<|end|>", "the generation config '<|stop|>'"),
        ("<|stop|><|end|>", [], "<|stop|>", "the tokenizer '<|end|>'"),
        ("<|stop|>more", [], "<|stop|>", "the tokenizer '<|end|>'"),
        ("<|stopped|>", [], "<|stopped|>", "'<|stopped|>', which is taught"),  # the longest that fits
        ("\n### User:", [], "<|end|>", "'### User:', which begins with no token"),
        (
            "\n\n",
            [],
            "<|end|>",
            "begins with no token",
        ),
        ("<|begin|>", [], "<|end|>", "begins with no token"),  # what begins a text ends none
        ("[stop]", [], "[stop]", "'[stop]', which is taught"),  # added, though not as a special token
    ],
)
def test_the_end_is_what_the_template_writes_after_an_answer(make_tokenizer, after, generation, end, note):
    from tokenizers import AddedToken

    turns = "{%- for m in messages %}Q: {{ m.content }}{% if m.role == 'assistant' %}AFTER{% endif %}{% endfor %}"
    tokenizer = make_tokenizer(turns.replace("AFTER", after), special=("<|stop|>", "<|stopped|>", "<|begin|>"))
    tokenizer.add_tokens([AddedToken("[stop]", special=False)])
    tokenizer.bos_token = "<|begin|>"
    encoder = Encoder(tokenizer, named(tokenizer, generation))
    assert encoder.end == tokenizer.convert_tokens_to_ids(end)
    assert encoder.eos_ids == {*named(tokenizer, ["<|end|>", end, *generation])}
    assert (note in encoder.note) if note else not encoder.note
    ids = encoder.ended("tea")
    assert ids[-1] == encoder.end
    assert encoder.decode(ids, think=False) == "tea"


def test_an_end_that_no_file_names_but_the_template_writes_is_enough(make_tokenizer):
    tokenizer = make_tokenizer()
    tokenizer.eos_token = None
    assert Encoder(tokenizer).eos_ids == {tokenizer.convert_tokens_to_ids("<|end|>")}


def test_a_template_and_a_tokenizer_without_an_end_are_refused(make_tokenizer):
    tokenizer = make_tokenizer("{% for m in messages %}{{ m.content }}\n{% endfor %}")
    tokenizer.eos_token = None
    assert "set eos_token in its tokenizer_config.json" in refusal(Encoder, tokenizer)


@pytest.mark.parametrize(
    ("there", "left"),
    [
        (None, 257),
        ({}, 257),
        ({"eos_token_id": None}, 257),
        ({"eos_token_id": 257, "top_k": 20}, 257),
        ({"eos_token_id": [3, 257]}, [3, 257]),
        ({"eos_token_id": 3, "pad_token_id": 0}, [257, 3]),
        ({"eos_token_id": [3, 4]}, [257, 3, 4]),
    ],
)
def test_a_model_folder_names_the_end_that_was_taught(make_tokenizer, tmp_path, there, left):
    tokenizer = make_tokenizer()
    assert tokenizer.eos_token_id == 257
    path = tmp_path / "generation_config.json"
    if there is not None:
        path.write_text(json.dumps(there), encoding="utf-8")
    Encoder(tokenizer).save(tmp_path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found == {**(there or {}), "eos_token_id": left}
    again, ends = read_tokenizer(tmp_path)
    assert 257 in ends
    assert again.chat_template == tokenizer.chat_template


@pytest.mark.parametrize("which", ["eos", "pad", "named", "prompt", "target", "end"])
def test_a_token_beyond_the_models_embedding_is_refused_by_its_name(make_tokenizer, which):
    """Of 300 tokens the model has rows for all but the last, <|far|>, which is needed for one thing at a time."""
    after = "<|far|>" if which == "end" else "<|end|>"
    tokenizer = make_tokenizer(template("{{ m.content }}").replace("<|end|>", after), special=("<|far|>",))
    tokenizer.add_tokens([f"<{i}>" for i in range(300 - len(tokenizer) - 1)])
    tokenizer.add_tokens(["far far away"])
    far, rows = tokenizer.convert_tokens_to_ids("<|far|>"), 299
    if which in ("eos", "pad", "named", "end"):
        if which in ("eos", "pad"):
            setattr(tokenizer, f"{which}_token", "far far away")
        rows = far if which == "end" else 299
        message = refusal(Encoder, tokenizer, [299] if which == "named" else [], rows)
    else:
        encoder = Encoder(tokenizer, [], rows)
        assert encoder.ended("far from it")
        action = encoder.ended if which == "target" else lambda text: encoder.prompt(user(text), False)
        message = refusal(action, "it is far far away")
    assert f"but the model's embedding has {rows} rows" in message
    assert ("<|far|>" if which == "end" else "far far away") in message
