import pytest

from redone.checks.lengths import Lengths
from redone.checks.texts import Texts
from redone.checks.turns import check_turns
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.records import Record, Task

TALK = Task("talk", "domain", "dialogue", "", "", "exact", messages="turns", think=True)
FORGETS = (  # what earlier turns thought
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content.split('</think>')[-1] }}"
    "{% if m.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% if enable_thinking %}<think>{% endif %}{% endif %}"
)


def record(number, thought, split="train"):
    said = [("user", "1 ?"), ("assistant", f"<think>{thought}</think>one"), ("user", "2 ?")]
    messages = tuple({"role": role, "content": text} for role, text in said)
    return Record(f"talk/{split}/{number}", "talk", messages, "two", split, f"talk.jsonl:{number + 1}", "hm")


def texts(*thought):
    """Train records that think this in their first turn, and one in each other split that thinks long."""
    records = {split: (record(0, "x" * 90, split),) for split in ("probe", "eval")}
    records["train"] = tuple(record(i, one) for i, one in enumerate(thought))
    dataset = Dataset({"talk": TALK}, {"talk": records}, {"talk": 0}, too_long={"talk": 1})
    sizes = range(len(thought) + 2)  # of train's prompts, then probe's and eval's
    return Texts(dataset, ["before"], {"talk": Lengths([10 + i for i in sizes], [20 + i for i in sizes])})


def test_an_earlier_turn_has_to_fit_with_all_that_it_thinks(make_tokenizer):
    encoder = Encoder(make_tokenizer(FORGETS))
    # <|user|>, 1 ?, <|assistant|>, the tag; 20 and the tag, one, the end
    given = texts("x" * 20)
    assert check_turns(given, encoder, 6 + 25, "refuse") == given
    with pytest.raises(ValueError) as error:
        check_turns(given, encoder, 6 + 25 - 1, "refuse")
    first, second = str(error.value).splitlines()
    assert "1 earlier turns exceed the context of 30; shorten them, raise model.max_context, or set data.too" in first
    assert second == "  talk.jsonl:1 (talk/train/0:1): 31 tokens with what stands before it"


def test_records_with_a_turn_that_does_not_fit_are_left_out_where_that_is_wished_and_counted(make_tokenizer):
    encoder = Encoder(make_tokenizer(FORGETS))
    found = check_turns(texts("x" * 20, "x" * 21, "x"), encoder, 6 + 25, "drop")
    assert [one.id for one in found.dataset.records["talk"]["train"]] == ["talk/train/0", "talk/train/2"]
    assert len(found.dataset.records["talk"]["eval"]) == 1  # nobody is taught those
    assert found.dataset.too_long == {"talk": 2}
    assert found.notes == ["before", "talk: 1 records left out, too long: an earlier turn exceeds the context of 31"]
    assert found.lengths["talk"] == Lengths([10, 12, 13, 14], [20, 22, 23, 24])
    with pytest.raises(ValueError, match=r"that leaves no data in train: raise model\.max_context"):
        check_turns(texts("x" * 21), encoder, 6 + 25, "drop")
