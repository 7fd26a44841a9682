import random
from dataclasses import replace

import pytest

from redone.data.dedupe import drop_near_duplicates, normalised_prompt, shingles
from redone.records import Record


def record(prompt, number=0):
    return Record(f"ask/train/{number}", "ask", ({"role": "user", "content": prompt},), "", "train", "x")


def kept(prompts, threshold, **options):
    records, dropped = drop_near_duplicates([record(p, i) for i, p in enumerate(prompts)], threshold, **options)
    return [r.prompt_text for r in records], dropped


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("So  good\n tea", "so good tea"),
        ("ＴＥＡ　１", "tea 1"),  # full width
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),  # a ligature
    ],
)
def test_prompts_that_differ_in_case_width_or_spacing_are_the_same_question(one, other):
    assert normalised_prompt(record(one)) == normalised_prompt(record(other))


def test_prompts_that_differ_in_a_word_are_not():
    assert normalised_prompt(record("so good tea")) != normalised_prompt(record("so good tee"))


def test_shingles_are_three_words_or_three_characters_of_a_short_text():
    assert shingles("a b c d e f") == {"a b c", "b c d", "c d e", "d e f"}
    assert shingles("咖啡馆好") == {"咖 啡 馆", "啡 馆 好"}
    assert shingles("ok") == {"ok"}


def test_a_prompt_is_left_out_where_it_is_likelier_than_the_threshold():
    # 8 words have 6 shingles; another last word changes one of them: 5 shared of 7
    one, other = "a b c d e f g h", "a b c d e f g x"
    assert kept([one, other], 5 / 7 - 1e-9) == ([one], 1)
    assert kept([one, other], 5 / 7) == ([one, other], 0)


def test_equal_prompts_are_left_out_at_any_threshold_below_1():
    assert kept(["So good tea", "so  GOOD tea", "ok", "OK"], 0.999) == (["So good tea", "ok"], 2)


def test_a_prompt_is_compared_with_those_that_were_kept_alone():
    # each is like its neighbour (5 of 7), the first and the last are not (4 of 8): a chain does not swallow them all
    chain = ["a b c d e f g h", "x b c d e f g h", "x b c d e f g y"]
    assert kept(chain, 0.7) == ([chain[0], chain[2]], 1)


def test_chinese_prompts_are_compared_by_their_characters():
    one, other = "今天在上海喝了一杯很好喝的咖啡", "今天在上海喝了一杯很好喝的奶茶"
    # 15 characters have 13 runs of three; two other characters at the end change the last two: 11 shared of 15
    assert kept([one, other], 0.73) == ([one], 1)
    assert kept([one, other], 0.74) == ([one, other], 0)


TEMPLATE = "you will read a note by a person who likes to travel and to eat : {note} now say what it is about in a word"


def test_long_instructions_do_not_make_short_posts_alike():
    notes = ["so good tea in rome", "my dog ate a shoe"]
    prompts = [TEMPLATE.replace("{note}", note) for note in notes]
    assert kept(prompts, 0.5)[1] == 1
    assert kept(prompts, 0.5, template=TEMPLATE) == (prompts, 0)


def test_like_posts_are_found_within_long_instructions():
    notes = [
        "so good tea in rome at the old market near my house",
        "so good tea in rome at the old market near her house",
    ]
    prompts = [TEMPLATE.replace("{note}", note) for note in notes]
    assert kept(prompts, 0.5, template=TEMPLATE) == (prompts[:1], 1)


def test_prompts_that_are_nothing_but_their_template_are_the_same_question():
    assert kept(["say a word about tea", "say a word about tea"], 0.9, template="say a word about tea")[1] == 1


def test_it_ends_when_enough_are_kept_and_counts_what_was_left_out_until_then():
    prompts = ["one two three", "one two three", "four five six", "seven eight nine", "seven eight nine"]
    assert kept(prompts, 0.9, most=2) == (["one two three", "four five six"], 1)
    assert kept(prompts, 0.9, most=0) == ([], 0)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_the_result_is_that_of_comparing_every_pair(threshold):
    source = random.Random(3)
    texts = [" ".join(source.choices("abc", k=source.randint(1, 14))) for _ in range(150)]

    def runs(text):
        words = text.split()
        parts = words if len(words) >= 6 else list(text)
        return {tuple(parts[i : i + 3]) for i in range(len(parts) - 2)} or {text}

    expected = []
    for text in texts:
        mine = runs(text)
        if all(len(mine & runs(other)) / len(mine | runs(other)) <= threshold for other in expected):
            expected.append(text)
    assert 10 < len(expected) < 140
    assert kept(texts, threshold) == (expected, len(texts) - len(expected))


def under(system, *turns):
    said = [{"role": role, "content": text} for role, text in zip(("user", "assistant") * 9, turns)]
    return replace(record(""), messages=({"role": "system", "content": system}, *said))


def test_a_long_system_prompt_makes_no_short_questions_alike():
    manners = "be kind to all who ask and say in few words what you know and how sure you are of it"
    asked = [under(manners, "what is tea made of in the morning"), under(manners, "how far is it to the sea from here")]
    assert drop_near_duplicates(asked, 0.5) == (asked, 0)
    assert drop_near_duplicates([*asked, asked[0]], 0.5) == (asked, 1)


def test_one_question_under_two_system_prompts_is_two():
    asked = [under(who, "what is tea made of in the morning") for who in ("You are a pirate.", "You are a nurse.")]
    assert drop_near_duplicates(asked, 0.5) == (asked, 0)
    assert len({normalised_prompt(one) for one in asked}) == 2


def test_conversations_that_end_with_one_question_are_alike_only_in_that():
    one = under("", "where is the old mill", "behind the church on the hill", "and when does it open")
    other = under("", "who wrote that long book", "a man from the far north coast", "and when does it open")
    assert drop_near_duplicates([one, other], 0.5) == ([one, other], 0)
