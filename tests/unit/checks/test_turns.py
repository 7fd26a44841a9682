import pytest

from redone.checks.turns import check_turns
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.records import Record, Task

TALK = Task("talk", "sns", "dialogue", "", "", "exact", messages="turns", think=True)
FORGETS = (  # what earlier turns thought
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content.split('</think>')[-1] }}"
    "{% if m.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% if enable_thinking %}<think>{% endif %}{% endif %}"
)


def dataset(thought):
    said = [("user", "1 ?"), ("assistant", f"<think>{thought}</think>one"), ("user", "2 ?")]
    messages = tuple({"role": role, "content": text} for role, text in said)
    record = Record("talk/train/0", "talk", messages, "two", "train", "talk.jsonl:1", "hm")
    return Dataset({"talk": TALK}, {"talk": {"train": (record,), "probe": (), "eval": ()}}, {"talk": 0})


def test_an_earlier_turn_has_to_fit_with_all_that_it_thinks(make_tokenizer):
    encoder = Encoder(make_tokenizer(FORGETS))
    # <|user|>, 1 ?, <|assistant|>, the tag; 20 and the tag, one, the end
    check_turns(dataset("x" * 20), encoder, 6 + 25)
    with pytest.raises(ValueError) as error:
        check_turns(dataset("x" * 20), encoder, 6 + 25 - 1)
    first, second = str(error.value).splitlines()
    assert "1 earlier turns exceed the context of 30; shorten them, or raise model.max_context" in first
    assert second == "  talk.jsonl:1 (talk/train/0:1): 31 tokens with what stands before it"
