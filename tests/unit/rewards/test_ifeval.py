"""The instructions by hand, and on thousands of made answers against lm-evaluation-harness's own checks."""

import importlib
import importlib.util
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from redone.files import read_jsonl
from redone.records import Record
from redone.rewards.ifeval import INSTRUCTIONS, LONGEST, NEEDS, ifeval

module = sys.modules["redone.rewards.ifeval"]  # the package gives the function of the same name
DATA = os.environ.get("REDONE_DATA")
SHARE = (0.35, 0.65)  # of the answers aimed at an instruction, those that follow it


def record(names, kwargs):
    fields = {"instruction_id_list": names, "kwargs": kwargs}
    return Record("rules/eval/0", "rules", ({"role": "user", "content": "?"},), "x", "eval", "world", fields=fields)


def installed(name):
    return importlib.util.find_spec(name) is not None


pytestmark = pytest.mark.usefixtures("punkt")  # which lets NLTK find its data


@pytest.fixture
def needs(punkt):
    """Skips where what an instruction needs is not installed."""

    def check(name):
        load, package = NEEDS.get(name, (None, ""))
        if load is not None and not (punkt if "nltk" in package else installed("langdetect")):
            pytest.skip(f"{name} needs {package}")

    return check


HINDI = "मुझे सुबह चाय पीना बहुत पसंद है और मैं हर दिन बाज़ार जाता हूँ।"
BY_HAND = [  # instruction, its arguments, answers that follow it, answers that break it
    (
        "keywords:existence",
        {"keywords": ["tea", "green cup"]},
        ["A Green Cup of TEA.", "steamy green cups"],
        ["tea", "green  cup of tea", "tеa in a green cup"],  # the third with a Cyrillic е
    ),
    (
        "keywords:frequency",
        {"keyword": "tea", "relation": "at least", "frequency": 2},
        ["Tea, tea", "steam: teatea", "tea tea tea"],
        ["tea", "t e a tea"],
    ),
    (
        "keywords:frequency",
        {"keyword": "tea", "relation": "less than", "frequency": 2},
        ["coffee", "Tea"],
        ["tea TEA", "teatea"],
    ),
    ("keywords:frequency", {"keyword": "a.c", "relation": "at least", "frequency": 1}, ["a.c"], ["abc"]),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["tea", "ice cream"]},
        ["steamy teas", "tea_pot", "ice-cream"],
        ["Tea?", "no TEA here", "an ice cream", "tea-pot"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "E", "let_relation": "at least", "let_frequency": 3},
        ["eEe", "three e"],
        ["ee", "é è ê e"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_relation": "less than", "let_frequency": 2},
        ["# one", "none"],
        ["##", "#a #b"],
    ),
    (
        "language:response_language",
        {"language": "hi"},
        [HINDI, f"Chai. {HINDI}", "123 !"],  # where no letter tells, every language is right
        ["I would like to drink a cup of tea in the morning.", "Ich trinke am Morgen gern eine Tasse Tee."],
    ),
    (
        "length_constraints:number_sentences",
        {"relation": "at least", "num_sentences": 3},
        ["One. Two! Three?", "He left. She stayed. We slept"],
        ["One. Two.", "Dr. Smith met Mr. Jones. They talked.", "一。二。三。", "a. b. c. d."],
    ),
    (
        "length_constraints:number_sentences",
        {"relation": "less than", "num_sentences": 2},
        ["One", "Mr. Jones slept."],
        ["One. Two.", "Why? Because."],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["a\n***\nb", "*** a *** b ***", "a***b", "a\n\nb\n****c"],
        ["a", "a\n\nb", "a *** *** b", "a\n***\nb\n***\nc", "***"],
    ),
    (
        "length_constraints:number_words",
        {"relation": "at least", "num_words": 4},
        ["one two three four", "don't can't", "a-b-c-d", "一 二 三 四"],
        ["one two three", "一二三四", "- - - -", "मुझे पसंद है", "cafe\u0301s here e\u0301"],
    ),
    (
        "length_constraints:number_words",
        {"relation": "less than", "num_words": 3},
        ["one two", "一二三"],
        ["one two three", "it's it"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Tea"},
        ["Hi.\n\nTea is hot.", "Hi.\n\n'\"tea', he said", "Hi.\n\nTEA!\n\n", "Hi.\n\ntea"],
        ["Hi.\nTea", "Tea\n\nHi.", "Hi.\n\nTeas", "Hi.\n\n*Tea*", "Hi.\n\n\"'tea'", "a\n\ntea\n\nb", "Hi.\n\n\n\nTea"],
    ),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[name], [address]", "[][]", "[a] [b] [c]", "[[a]\n[b]"],
        ["[name]", "[a\n] [b]", "[[a]]", "(a) (b)", "]a[ ]b["],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        ["Bye.\nP.S. Tea.", "p. s. tea", "so p.s."],
        ["PS tea", "P.S tea", "P.P.S tea", "P. P. S"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["Bye.\nP.P.S tea", "p. p. s", "P.P.S."],
        ["P.S. tea", "PPS", "P.P. tea"],
    ),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* a\n* b", "- a\n  * b", "-a\n*b", "\n\n - a\n\n\n- b", "*\n* not one\n- c", "*a*\n- b"],
        ["* a", "* a\n* b\n* c", "1. a\n2. b", "** a\n** b", "• a\n• b", "a * b\nc - d"],
    ),
    (
        "detectable_format:constrained_response",
        {},
        ["My answer is yes.", "Well. My answer is maybe.", "**My answer is no.**"],
        ["My answer is yes", "my answer is no.", "yes", "My answer is Maybe."],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*a* and *b*", "*a* *b* *c*", "**a** b **c**", "***a***"],
        ["*a*", "**a**", "* * *a*", "*a\nb* *c*", "__a__ __b__", "****"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        ["Section 1\na\nSection 2\nb", "Section1 Section2", "Section 7 Section 7 Section 7"],
        ["Section 1", "SECTION 1 SECTION 2", "Section I Section II", "Section: 1 Section: 2"],
    ),
    (
        "detectable_format:json_format",
        {},
        ['{"a": [1, 2]}', '```json\n{"a": 1}\n```', "```\n[]\n```", "```Json[]```", "```JSON\n1```", "NaN"],
        ["{a: 1}", 'Here: {"a": 1}', '~~~\n{"a": 1}\n~~~', "{'a': 1}", "```json\n```", "[" * 9_999],
    ),
    (
        "detectable_format:title",
        {},
        ["<<Tea>>\nIt is hot.", "a <<<b>>> c", "<< a >> <<"],
        ["<Tea>", "<<>>", "<< >>", "<<a\nb>>", "<<<>>>", ">>a<<", "<<Tea", "«Tea»"],
    ),
    (
        "combination:two_responses",
        {},
        ["a\n******\nb", "******a******b", "a*******b"],
        ["a", "a\n***\nb", "a ****** a", "a ****** ****** b", "a ****** b ****** c"],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Tell me of tea. "},
        ["Tell me of tea. It is hot.", "  TELL ME OF TEA.", "tell me of tea.x"],
        ["It is hot.", 'Tell me "of tea. ', "Sure: Tell me of tea.", "Tell me  of tea."],
    ),
    (
        "startend:end_checker",
        {"end_phrase": "Is it tea?"},
        ["So. is it TEA?", 'He said "is it tea?"\n', "This is it tea?"],
        ["Is it tea? Yes.", "Is it tea", "Is it tea?*", "So, is it 'tea?'"],
    ),
    ("startend:quotation", {}, ['"tea"', ' "a" or "b"\n', '""'], ["tea", '"tea', '"', "“tea”", "'tea'"]),
    (
        "change_case:capital_word_frequency",
        {"capital_relation": "at least", "capital_frequency": 3},
        ["A B C", "I DRINK TEA", "NASA's U.S. 3D", "HELLO-WORLD A I"],
        ["I DRINK tea", "HELLO-WORLD", "1 2 3", "Aa Bb Cc"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_relation": "less than", "capital_frequency": 2},
        ["I drink tea", "tea"],
        ["I drink TEA", "A B C"],
    ),
    (
        "change_case:english_capital",
        {},
        ["I WOULD LIKE TO DRINK A CUP OF TEA IN THE MORNING.", "THIS IS THE HOUSE THAT WE HAVE BUILT, 123!"],
        ["I WOULD LIKE a cup of tea.", "123", HINDI],
    ),
    (
        "change_case:english_lowercase",
        {},
        ["i would like to drink a cup of tea in the morning.", "this is the house that we have built, 123!"],
        ["I would like a cup of tea.", "123", "ich trinke am morgen gern eine tasse tee und dann noch eine", HINDI],
    ),
    ("punctuation:no_comma", {}, ["tea and milk; water", "茶，水"], ["tea, milk", ",", "1,000"]),
]
LOOSE = [  # instruction, its arguments, answers that follow it loosely alone, answers that break it even so
    ("startend:quotation", {}, ['Sure:\n"tea"', '"tea"\nBye', 'Sure:\n"tea"\nBye', '**"tea"**'], ['a\nb\n"tea"']),
    ("detectable_format:json_format", {}, ["Here:\n{}", "Here:\n```\n{}\n```\nBye"], ["Here: {}", "a\nb\n{}"]),
    ("punctuation:no_comma", {}, ["Sure, here:\ntea", "tea\nSo, bye"], ["Sure, here", "tea, milk\nb, c"]),
    ("detectable_format:number_bullet_lists", {"num_bullets": 1}, ["* a\n- b"], ["- a\n- b\n- c\n- d"]),
    ("combination:two_responses", {}, ["Sure: ******\na ****** b"], ["a\nb", "a\n***\nb"]),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 3}, ["a\n***\nb\n***\nc\n***\nd"], ["a\n***\nb"]),
]


def named(value):
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize("name, kwargs, follows, breaks", BY_HAND, ids=named)
def test_an_instruction_is_followed_or_broken(name, kwargs, follows, breaks, needs):
    needs(name)
    for text, wanted in [*((text, 1) for text in follows), *((text, 0) for text in breaks), ("", 0), (" \n", 0)]:
        verdict = ifeval(record([name], [{**kwargs, "another": None}]), text)
        assert (verdict.score, verdict.parts[f"0:{name}"]) == (wanted, wanted), text


def test_each_of_the_25_instructions_has_cases_by_hand():
    assert {name for name, *_ in BY_HAND} == set(INSTRUCTIONS)
    assert len(INSTRUCTIONS) == 25


@pytest.mark.parametrize("name, kwargs, follows, breaks", LOOSE, ids=named)
def test_loose_forgives_a_first_line_a_last_line_and_asterisks(name, kwargs, follows, breaks):
    for text, wanted in [*((text, 1) for text in follows), *((text, 0) for text in breaks)]:
        assert ifeval(record([name], [kwargs]), text).score == 0, text
        assert ifeval(record([name], [kwargs]), text, loose=True).score == wanted, text


def test_without_all_the_score_is_the_share_and_parts_say_which():
    kwargs = [{}, {"num_bullets": 1}, {}]
    subject = record(
        ["punctuation:no_comma", "detectable_format:number_bullet_lists", "detectable_format:title"], kwargs
    )
    verdict = ifeval(subject, "* a; b", all=False)
    assert (verdict.score, verdict.reason) == (pytest.approx(2 / 3), "wrong")
    assert verdict.parts == {
        "parsed": 1,
        "hits": 2,
        "rules": 3,
        "0:punctuation:no_comma": 1,
        "1:detectable_format:number_bullet_lists": 1,
        "2:detectable_format:title": 0,
    }
    assert "2:detectable_format:title" in verdict.note
    assert ifeval(subject, "* a; b").score == 0
    assert (ifeval(subject, "* <<a>>").score, ifeval(subject, "* <<a>>").reason) == (1, "right")
    assert (ifeval(subject, "", all=False).score, ifeval(subject, "").reason) == (0, "unparsable")


def test_one_instruction_twice_is_two_rules():
    subject = record(["keywords:existence"] * 2, [{"keywords": ["tea"]}, {"keywords": ["milk"]}])
    verdict = ifeval(subject, "milk", all=False)
    assert (verdict.parts["0:keywords:existence"], verdict.parts["1:keywords:existence"]) == (0, 1)


@pytest.mark.parametrize(
    "names, kwargs, message",
    [
        (None, [{}], "not two lists"),
        ([], [], "not two lists"),
        (["detectable_format:title"], None, "not two lists"),
        (["detectable_format:title"], [], "one mapping for each of 1"),
        (["detectable_format:title"], [None], "one mapping for each of 1"),
        (["detectable_format:titel"], [{}], "unknown instruction 'detectable_format:titel'; did you mean detectable"),
        ([7], [{}], "unknown instruction 7"),
        (["detectable_format:title"], [{"num_words": 3}], "has the arguments num_words, not none"),
        (["keywords:existence"], [{"keywords": None}], "has the arguments none, not keywords"),
        (["keywords:existence"], [{"keywords": "tea"}], "keywords = 'tea', not a list"),
        (["keywords:existence"], [{"keywords": []}], "keywords = [], not a list"),
        (["keywords:forbidden_words"], [{"forbidden_words": ["tea", " "]}], "not a list of texts that are not blank"),
        (["startend:end_checker"], [{"end_phrase": ""}], "end_phrase = '', not a text"),
        (["length_constraints:number_paragraphs"], [{"num_paragraphs": 0}], "num_paragraphs = 0, not a whole number"),
        (["length_constraints:number_paragraphs"], [{"num_paragraphs": 2.0}], "num_paragraphs = 2.0, not a whole"),
        (["detectable_format:number_bullet_lists"], [{"num_bullets": True}], "num_bullets = True, not a whole"),
        (["detectable_format:number_bullet_lists"], [{"num_bullets": 10**30}], "0, not a whole number from 1 to 20000"),
        (
            ["length_constraints:number_words"],
            [{"relation": "at most", "num_words": 3}],
            "relation = 'at most', not 'at least' or 'less than'",
        ),
        (
            ["keywords:letter_frequency"],
            [{"letter": "ab", "let_relation": "at least", "let_frequency": 1}],
            "letter = 'ab', not one character",
        ),
        (
            ["length_constraints:nth_paragraph_first_word"],
            [{"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "tea"}],
            "nth_paragraph = 3, more than num_paragraphs",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_record_whatever_the_answer(names, kwargs, message):
    for answer in ("", "tea", "x" * (LONGEST + 1)):
        with pytest.raises(ValueError) as refused:
            ifeval(record(names, kwargs), answer)
        assert str(refused.value).startswith("rules/eval/0: ")
        assert message in str(refused.value)


def test_a_language_that_cannot_be_told_is_refused(needs):
    needs("language:response_language")
    with pytest.raises(ValueError, match="language = 'xx', which langdetect does not know"):
        ifeval(record(["language:response_language"], [{"language": "xx"}]), "")


@pytest.mark.parametrize("name", NEEDS)
def test_a_missing_package_is_refused_by_name_whatever_the_answer(name, monkeypatch):
    def missing():
        raise ModuleNotFoundError

    package = NEEDS[name][1]
    monkeypatch.setattr(module, "NEEDS", {name: (missing, package)})
    kwargs = next(kwargs for other, kwargs, *_ in BY_HAND if other == name)
    with pytest.raises(ValueError, match=f"^rules/eval/0: {name} needs {package.split()[0]}"):
        ifeval(record([name], [kwargs]), "")


def test_the_language_is_told_alike_each_time_and_the_seed_of_langdetect_is_left_alone(needs):
    needs("language:response_language")
    from langdetect import DetectorFactory

    unclear = "tea no la de in"  # unseeded, langdetect says one thing or another
    seed = DetectorFactory.seed
    assert len({module._language(unclear) for _ in range(20)}) == 1
    assert DetectorFactory.seed == seed


HOSTILE = {
    "spaces": " ",
    "newlines": "\n",
    "full stops": ". ",
    "initials": "A. ",
    "names": "Aa. ",
    "asterisks": "*",
    "asterisk lines": "*\n",
    "brackets": "[",
    "angles": "<<",
    "angles and a title": "<<>",
    "quotes": '"',
    "braces": '{"a":',
    "open lists": "[[1],",
    "digits": "9",
    "postscripts": "p. p.  ",
    "half mails": "a@",
    "one word": "a",
    "a lone surrogate": "\ud800 ",
    "combining marks": "a\u0300\u0301",
    "Chinese": "我爱喝茶。",
    "nulls": "\0",
    "separators": "****** *** ",
    "sections": "section 1",
}


@pytest.mark.parametrize("size", [LONGEST, 10**7])
@pytest.mark.parametrize("cheat", HOSTILE)
def test_no_answer_raises_or_takes_long(cheat, size, punkt):
    line = (HOSTILE[cheat] * size)[: size - 10]
    for rules, seconds in (
        ([rule for rule in BY_HAND if rule[0] not in NEEDS], 1),
        ([rule for rule in BY_HAND if rule[0] in NEEDS and punkt and installed("langdetect")], 6),
    ):
        if rules:
            subject = record([rule[0] for rule in rules], [rule[1] for rule in rules])
            ifeval(subject, "tea", loose=True)  # loads what is loaded once
            for answer in (line, f"*a\n{line}\n"):  # the second has eight readings
                start = time.process_time()
                assert ifeval(subject, answer, loose=True).score == 0
                assert time.process_time() - start < seconds  # several times what it takes


def test_an_answer_of_more_characters_than_the_longest_follows_nothing():
    subject = record(["punctuation:no_comma"], [{}])
    assert ifeval(subject, "x" * LONGEST).score == 1
    verdict = ifeval(subject, "x" * (LONGEST + 1))
    assert (verdict.score, verdict.reason, verdict.parts["rules"]) == (0, "unparsable", 1)


# Against lm-evaluation-harness: answers that follow, nearly follow or break one instruction of a prompt of IFEval's

IN = {
    "hi": HINDI,
    "kn": "ನಾನು ಪ್ರತಿದಿನ ಬೆಳಿಗ್ಗೆ ಚಹಾ ಕುಡಿಯಲು ಇಷ್ಟಪಡುತ್ತೇನೆ.",
    "mr": "मला रोज सकाळी चहा प्यायला खूप आवडतो आणि मी बाजारात जात आहे.",
    "vi": "Tôi rất thích uống trà vào buổi sáng, và mỗi ngày tôi đều đi chợ.",
    "ko": "나는 매일 아침에 차를 마시는 것을 아주 좋아합니다.",
    "sw": "Ninapenda sana kunywa chai kila siku asubuhi na rafiki yangu wa karibu.",
    "de": "Ich trinke jeden Morgen sehr gern eine Tasse Tee, und dann gehe ich auf den Markt.",
    "pa": "ਮੈਨੂੰ ਹਰ ਰੋਜ਼ ਸਵੇਰੇ ਚਾਹ ਪੀਣਾ ਬਹੁਤ ਪਸੰਦ ਹੈ।",
    "fa": "من هر روز صبح چای می‌نوشم و به بازار می‌روم.",
    "ru": "Я очень люблю пить чай по утрам, и каждый день хожу на рынок.",
    "bg": "Аз много обичам да пия чай сутрин и всеки ден ходя на пазара.",
    "pt": "Eu gosto muito de beber chá de manhã, e não vou ao mercado todos os dias.",
    "gu": "મને દરરોજ સવારે ચા પીવી ખૂબ ગમે છે.",
    "te": "నాకు ప్రతి రోజు ఉదయం టీ తాగడం చాలా ఇష్టం.",
    "it": "Mi piace molto bere il tè la mattina, e ogni giorno vado al mercato.",
    "ar": "أحب أن أشرب الشاي كل صباح ثم أذهب إلى السوق.",
    "ta": "எனக்கு தினமும் காலையில் தேநீர் குடிப்பது மிகவும் பிடிக்கும்.",
    "fi": "Juon mielelläni teetä joka aamu, ja sitten menen torille ystäväni kanssa.",
    "ur": "مجھے ہر روز صبح چائے پینا بہت پسند ہے اور میں بازار جاتا ہوں۔",
    "th": "ฉันชอบดื่มชาทุกเช้าและไปตลาดทุกวัน",
    "ne": "मलाई हरेक बिहान चिया पिउन मन पर्छ र म बजार जान्छु।",
    "bn": "আমি প্রতিদিন সকালে চা খেতে খুব পছন্দ করি।",
    "en": "I like to drink a cup of tea in the morning, and then I walk to the market.",
    "zh": "我每天早上都喜欢喝一杯茶，然后去市场。",
}
SENTENCES = (
    "The tea is hot and the old kettle sings.",
    "Dr. Smith paid $3.50 for it at 5 p.m. on Jan. 3rd!",
    "Is it so, e.g. in the U.S. or at St. John's?",
    'He said: "We won\'t go." Then he left...',
    "MAKE TEA, NOT WAR (J. R. R. Tolkien et al.).",
    "see https://tea.example/a?b=c or write to me@tea.example",
    "NASA's IBM-made 3D U.S.-wide plan cannot wait; I'm sure!!",
    "我爱喝茶。你呢？",
    "मुझे चाय पसंद है। Une te\u0301ie\u0300re.",
    "Well, 'twas a gonna-be thing?! [Or not.]",
    "Nothing else was said that day.",
)
WRAPS = [lambda text: text] * 8 + [
    lambda text: f"Sure, here it is:\n{text}",
    lambda text: f"{text}\nI hope that this helps, my friend.",
    lambda text: f"Sure:\n{text}\nBye",
    lambda text: f"Sure:\n\n{text}",
    lambda text: f"**{text}**",
    lambda text: f"* {text}",
    lambda text: f"```\n{text}\n```",
    lambda text: f" \n{text}\t\n",
    lambda text: f"{text}\n******\n{text}",
    lambda text: f'"{text}"',
    lambda text: text.replace(" ", "\r\n", 3),
    str.upper,
    str.title,
]


def prose(rng, sentences):
    return " ".join(rng.choices(SENTENCES, k=sentences))


def near(rng, number):
    return max(0, number + rng.choice((-1, -1, 0, 0, 0, 1)))


def joined(rng, pieces, separators):
    return "".join(piece + rng.choice(separators) for piece in pieces[:-1]) + "".join(pieces[-1:])


def with_words(rng, words, forms=("{}", "{}", "{}", "un{}ly", "{}'s", "-{}-", "*{}*")):
    """Prose with the words in it, now and then within others, and sometimes in capitals."""
    words = [rng.choice(forms).format(word) for word in words]
    text = prose(rng, 2).split(" ") + [rng.choice((str, str.upper, str.title))(word) for word in words]
    rng.shuffle(text)
    return " ".join(text)


def existence(rng, keywords):
    return with_words(rng, keywords[: len(keywords) - rng.choice((0, 0, 1))])


def forbidden(rng, forbidden_words):
    return with_words(rng, rng.sample(forbidden_words, 1), ("un{}ly", "{}ing", "_{}", "{}", "({})"))


def letters(rng, letter, let_frequency, **_):
    other = "".join(c for c in "the quick brown fox jumps" if c != letter.lower())
    return other + "".join(rng.choice((letter, letter.upper())) for _ in range(near(rng, let_frequency)))


def language(rng, language):
    return " ".join(IN[code] for code in rng.choice([[language], [language, "en"], [rng.choice(list(IN))], []])) + " 7"


def nth_paragraph(rng, num_paragraphs, nth_paragraph, first_word):
    texts = [rng.choice(SENTENCES) for _ in range(max(nth_paragraph, num_paragraphs + rng.choice((0, 0, 0, 0, 1))))]
    form = rng.choice(("{}", "{}, so", "'{}'", '"{}" it', "{}s", "*{}*", "The {}", "{}-like", "{}!?"))
    texts[nth_paragraph - 1] = rng.choice((str, str.title, str.upper))(form.format(first_word))
    return joined(rng, texts, ["\n\n"] * 12 + ["\n", "\n\n\n", "\n\n\n\n", "\n \n"])


def bullets(rng, num_bullets):
    marks = ["* ", "- ", "  * ", "*", "-", " - "] if rng.random() < 0.7 else ["* ", "** ", "1. ", "• ", "*\n", "* *"]
    lines = [rng.choice(marks) + rng.choice(SENTENCES) for _ in range(near(rng, num_bullets))]
    return joined(rng, [rng.choice(SENTENCES), *lines][rng.choice((0, 1)) :], ["\n"] * 4 + ["\n\n", "\n \t\n", "\n*\n"])


def highlights(rng, num_highlights):
    forms = ("*{}*", "*{}*", "**{}**", "***{}***", "* {} *", "__{}__", "*{}", "**", "*\n*")
    return joined(
        rng, [rng.choice(forms).format("tea") for _ in range(near(rng, num_highlights))], [" and ", " ", "\n"]
    )


def sections(rng, section_spliter, num_sections):
    form = rng.choice(("{} {}", "{} {}", "{} {}:", "{}{}.", "{}  {}", "**{} {}**", "{}: {}"))
    name = rng.choice((str, str, str, str.upper, str.lower))(section_spliter)
    return "\n".join(form.format(name, 1 + i) + "\nTea." for i in range(near(rng, num_sections)))


def paragraphs(rng, num_paragraphs):
    texts = [rng.choice(SENTENCES) for _ in range(near(rng, num_paragraphs))]
    return joined(rng, texts, ["\n***\n", "***", "\n\n***\n\n"] * 4 + ["\n\n", "****", "\n***\n***\n"])


def postscript(rng, postscript_marker):
    markers = (postscript_marker, *"P.S.|P.P.S|P. S.|p.s. |PS:|P.S|P.P.S.|p. p. s|P.  S.|".split("|"))
    return prose(rng, 1) + rng.choice(("\n", " ", "\n\n")) + rng.choice(markers) + " Tea."


def capitals(rng, capital_frequency, **_):
    others = [" I ", "-", "'s ", "/", "e ", " U.S. ", " 'TIS ", " CANNOT ", "…"]
    return joined(rng, ["Tea", *["TEA"] * near(rng, capital_frequency)], [" ", " of the ", ". ", ", "] * 8 + others)


def repeated(rng, text):
    """The wanted text at the start, at the end, or not quite so."""
    forms = (f"{text}\n\nTea.", f"  {text.upper()}", f"{text.strip()} Tea.", f"Tea. {text}", f'"Tea {text.title()}"\n')
    return rng.choice((*forms, f"Tea.\n**{text}**", text[:-1], text.replace(" ", "  ", 1), f"{text}\n{text}"))


def one_of(texts):
    return lambda rng, **_: rng.choice(texts.split("|"))


MAKERS = {
    "keywords:existence": existence,
    "keywords:frequency": lambda rng, keyword, frequency, **_: with_words(rng, [keyword] * near(rng, frequency)),
    "keywords:forbidden_words": forbidden,
    "keywords:letter_frequency": letters,
    "language:response_language": language,
    "length_constraints:number_sentences": lambda rng, num_sentences, **_: prose(
        rng, max(0, num_sentences - rng.randint(-2, num_sentences // 2))
    ),
    "length_constraints:number_paragraphs": paragraphs,
    "length_constraints:number_words": lambda rng, num_words, **_: joined(
        rng, ["tea"] * near(rng, num_words), [" "] * 60 + ["-", "_", "'", ".\n", "，", "茶"]
    ),
    "length_constraints:nth_paragraph_first_word": nth_paragraph,
    "detectable_content:number_placeholders": lambda rng, num_placeholders: joined(
        rng, ["[tea]"] * near(rng, num_placeholders), [" "] * 30 + [" ] [", "\n", "[", " [a\nb] ", "[] "]
    ),
    "detectable_content:postscript": postscript,
    "detectable_format:number_bullet_lists": bullets,
    "detectable_format:constrained_response": one_of(
        "My answer is yes.|Well: My answer is no.|**My answer is maybe.** So.|*My answer is no*.|My answer is  yes."
        "|My answer is Yes.|my answer is no.|My answer is maybe|yes"
    ),
    "detectable_format:number_highlighted_sections": highlights,
    "detectable_format:multiple_sections": sections,
    "detectable_format:json_format": one_of(
        '{"tea": [1, 2.5, null]}|```json\n{"tea": "hot"}\n```|```JSON\n["茶"]```|```{}```|"tea"|{\'tea\': 1}'
        '|{"tea": 1,}|```javascript\n{"tea": 1}\n```|Here: {"tea": 1}|tea'
    ),
    "detectable_format:title": one_of(
        "<<Tea>>\nIt is hot.|<< a >> b <<>>|# <<<Tea>>>|<<*>>|a <<b\nc>> d|<Tea>|<<>>|<< >>|<<<>>>|>>tea<<"
    ),
    "combination:two_responses": one_of(
        "tea ****** milk|******\ntea\n******\nmilk\n******|a\n\n*******\n\nb|tea ****** milk ******  |tea ******  tea"
        "|tea\n***\nmilk|a ****** b ****** c|a ****** ****** b|tea"
    ),
    "combination:repeat_prompt": lambda rng, prompt_to_repeat: repeated(rng, prompt_to_repeat),
    "startend:end_checker": lambda rng, end_phrase: repeated(rng, end_phrase),
    "startend:quotation": one_of('"Tea."| "a", he said, "b"\n|*"tea"*|"tea|“tea”|\'tea\'|"|""'),
    "change_case:capital_word_frequency": capitals,
    "change_case:english_capital": one_of(
        "I LIKE TEA AND MILK! 7|TEA FOR the TWO|Tea|茶|I|7|"
        + "|".join([*[IN["en"].upper()] * 2, IN["fi"].upper(), IN["en"]])
    ),
    "change_case:english_lowercase": one_of(
        "tea for two and two for tea|Tea for two|茶 7|x|7|"
        + "|".join([*[IN["en"].lower()] * 2, IN["fi"].lower(), IN["de"].lower(), IN["en"]])
    ),
    "punctuation:no_comma": one_of("Tea and milk|Tea; milk|茶，水、奶|tea, milk|1,000|,|a\nb, c\nd|e, f\ng"),
}
RANDOM = (1122, 1129)  # keys of prompts that want "#" or "!" counted: the harness counts a letter drawn anew each time


def answers(prompts, strict, each):
    """(prompt, index of the instruction aimed at, answer): `each` for an instruction, every other one follows it."""
    rng = random.Random("ifeval")
    for name, make in MAKERS.items():
        places = [(row, i) for row in prompts for i, other in enumerate(row["instruction_id_list"]) if other == name]
        for number in range(each):
            row, index = places[number % len(places)]
            kwargs = {key: value for key, value in row["kwargs"][index].items() if value is not None}
            for _ in range(20):
                text = rng.choice(WRAPS)(make(rng, **kwargs))
                if strict(row, text).follow_instruction_list[index] == number % 2:
                    break
            yield row, index, text
        for text in ("", " \n ", prose(rng, 40), places[0][0]["prompt"], "\ud800*\n\udc00"):
            yield *rng.choice(places), text


@pytest.fixture
def harness(punkt, monkeypatch, caplog):
    """The harness's own (strict, loose) functions, loaded without the rest of it, which brings many packages."""
    found = importlib.util.find_spec("lm_eval")
    if found is None or not punkt or not installed("langdetect") or not installed("immutabledict"):
        pytest.skip("needs lm-eval, immutabledict, langdetect, and nltk with its data punkt_tab")
    import langdetect

    folder = Path(found.submodule_search_locations[0])
    for name in ("lm_eval", "lm_eval.tasks", "lm_eval.tasks.ifeval"):
        package = ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
        monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.setattr(langdetect.DetectorFactory, "seed", module.SEED)
    caplog.set_level("CRITICAL", "lm_eval")  # it logs each text whose language cannot be told
    utils = importlib.import_module("lm_eval.tasks.ifeval.utils")

    def of(check):
        def reading(row, text):
            row = utils.InputExample(**{key: row[key] for key in ("key", "instruction_id_list", "prompt", "kwargs")})
            return check(row, text)

        return reading

    yield of(utils.test_instruction_following_strict), of(utils.test_instruction_following_loose)
    for name in [name for name in sys.modules if name.startswith("lm_eval.tasks.ifeval.")]:
        del sys.modules[name]


@pytest.mark.skipif(DATA is None, reason="REDONE_DATA does not name a folder with the real data sets")
@pytest.mark.parametrize(("each", "least"), [(24, 500), pytest.param(90, 2000, marks=pytest.mark.slow)])
def test_verdicts_are_those_of_the_harness(harness, each, least):
    """each: answers for each instruction; least: those compared in all."""
    prompts = [row for row in read_jsonl(Path(DATA, "ifeval", "input_data.jsonl.gz")) if row["key"] not in RANDOM]
    aimed, compared, equal, unequal, different = Counter(), Counter(), Counter(), [], set()
    for row, target, text in answers(prompts, harness[0], each):
        different.add((row["key"], text))
        aimed[row["instruction_id_list"][target]] += 1
        for reading, reference in zip(("strict", "loose"), harness):
            wanted = reference(row, text)
            verdict = ifeval(record(row["instruction_id_list"], row["kwargs"]), text, loose=reading == "loose")
            if verdict.score != wanted.follow_all_instructions:
                unequal.append((row["key"], reading, "all", text))
            for index, (name, followed) in enumerate(zip(row["instruction_id_list"], wanted.follow_instruction_list)):
                same = verdict.parts[f"{index}:{name}"] == followed
                compared[name, reading] += 1
                equal[name, reading] += same
                aimed[name, reading] += followed and index == target
                if not same:
                    unequal.append((row["key"], reading, name, text))
    print(
        f"\n{len(different)} different answers\n{'instruction':46}aimed at it: strict  loose  compared: strict  loose"
    )
    for name in INSTRUCTIONS:
        passed = "".join(f"{aimed[name, reading] / aimed[name]:7.0%}" for reading in ("strict", "loose"))
        of = "".join(f"{equal[name, r]:7}/{compared[name, r]}" for r in ("strict", "loose"))
        print(f"{name:46}{aimed[name]:11} {passed} {of:>24}")
    assert not unequal
    assert len(different) >= least
    for name in INSTRUCTIONS:
        assert aimed[name] >= each
        assert SHARE[0] <= aimed[name, "strict"] / aimed[name] <= SHARE[1], name
