"""Fuzz targets that models, judges and endpoints feed: every reward and reading, replies, templates, the sandbox."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from math import isfinite
from types import SimpleNamespace
from typing import Any, get_args

from fuzz import TENTH, Hang, Target, sentence, within
from fuzz_inputs import changed, edited, edited_bytes, texts, values
from hypothesis import strategies as st
from verdicts import punkt, settled

from redone.benchmark.readings import READINGS
from redone.files import dumps, loads
from redone.measure.items import parts_line
from redone.records import Missing, Reason, Record, Task, Verdict
from redone.rewards import REWARDS, SANDBOXED, score, validate_options
from redone.rewards.ifeval import NEEDS
from redone.rewards.named import first_named, names_of
from redone.rewards.outside import Found, Search
from redone.sandbox import values as plain
from redone.sandbox.pool import Outcome
from redone.served.judge import _PROPERTIES, Question, _fits, _structured
from redone.served.message import read_message
from redone.texts import cut, visible, whole
from redone.thinking import split_thinking

NAME = "t/eval/0"
SEARCH = 0.2  # seconds of CPU time that a regex gets here


@dataclass(frozen=True)
class Case:
    """A record of a reward or reading, by its reference answer and fields, and answers that are nearly right."""

    answer: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    others: Sequence[str] = ()


CANDIDATES = {"candidates": ["tea", "a cup of milk", "B. water", "juice"]}
RULES = [
    {"rule": "words", "min": 1, "max": 9},
    {"rule": "chars", "max": 200},
    {"rule": "sentences", "min": 1},
    {"rule": "contains", "text": "tea"},
    {"rule": "excludes", "text": "milk"},
    {"rule": "starts", "text": "T"},
    {"rule": "ends", "text": "."},
    {"rule": "bullets", "count": 2},
    {"rule": "json_keys", "keys": ["a"]},
    {"rule": "repeat", "text": "tea", "count": 3},
    {"rule": "upper"},
    {"rule": "regex", "pattern": r"(\w+\s?)+\."},
]
SCHEMA = {
    "type": "object",
    "required": ["a"],
    "additionalProperties": False,
    "properties": {
        "a": {"type": "integer"},
        "b": {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
        "c": {"multipleOf": 0.1},
        "d": {"enum": [1, "x", None]},
    },
}
INSTRUCTIONS = {
    "keywords:existence": {"keywords": ["tea"]},
    "keywords:frequency": {"keyword": "tea", "relation": "at least", "frequency": 2},
    "keywords:forbidden_words": {"forbidden_words": ["milk"]},
    "keywords:letter_frequency": {"letter": "e", "let_relation": "at least", "let_frequency": 3},
    "language:response_language": {"language": "en"},
    "length_constraints:number_sentences": {"relation": "less than", "num_sentences": 4},
    "length_constraints:number_paragraphs": {"num_paragraphs": 2},
    "length_constraints:number_words": {"relation": "at least", "num_words": 3},
    "length_constraints:nth_paragraph_first_word": {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "tea"},
    "detectable_content:number_placeholders": {"num_placeholders": 1},
    "detectable_content:postscript": {"postscript_marker": "P.S."},
    "detectable_format:number_bullet_lists": {"num_bullets": 2},
    "detectable_format:constrained_response": {},
    "detectable_format:number_highlighted_sections": {"num_highlights": 1},
    "detectable_format:multiple_sections": {"section_spliter": "Part", "num_sections": 2},
    "detectable_format:json_format": {},
    "detectable_format:title": {},
    "combination:two_responses": {},
    "combination:repeat_prompt": {"prompt_to_repeat": "Say tea"},
    "startend:end_checker": {"end_phrase": "tea."},
    "startend:quotation": {},
    "change_case:capital_word_frequency": {"capital_relation": "at least", "capital_frequency": 1},
    "change_case:english_capital": {},
    "change_case:english_lowercase": {},
    "punctuation:no_comma": {},
}
FUNCTION = "def f(x):\n    return x + 1"
CALLS = {"function": "f", "cases": [{"args": [1], "value": 2}, {"args": [-1], "value": 0}]}
PRINTS = {"cases": [{"input": "1\n", "output": "2\n"}, {"input": "5", "output": "6"}]}
TESTS = {"tests": ["assert f(1) == 2", "assert f(0) == 1"], "functions": ["f"]}
PROGRAM = "n = int(input())\nprint(n + 1)"
VALUES = {"cases": [{"vars": {"x": 1}, "value": 2}, {"vars": {"x": "a"}, "value": "aa"}]}
BLOCKS = (
    "```python\n{}\n```",
    "Here:\n\n```\n{}\n```\nIt adds.",
    "> ```py\n> {}\n> ```",
    "1. ~~~\n   {}\n   ~~~",
    ">>> {}",
)
POST = {
    "text": "Ben and Chloe paid 1,200 yuan (20% off) for 3 nights at the Grand Hotel on May 3, not May 4. 九份: 15°C.",
    "facts": ["3 nights|three nights"],
    "names": ["Ben"],
}
KEPT = "For three nights at the Grand Hotel on 3 May, not 4 May, Ben and Chloe paid 1200 yuan, 20 % off; 九份 15 °C."
LATEX = (
    r"\frac{3}{4}",
    "0.75",
    "(1, 2]",
    r"\{1, 2, \sqrt{3}\}",
    r"x^2 + 2x + 1",
    r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
    "x = 5",
    r"50\%",
    r"3 + 4i",
    r"10 \text{ million}",
    r"x \le 3",
    r"\pi/2",
    "word",
    r"\binom{5}{2}",
    "12 metres",
    "5!",
)
BOXED = (r"So \boxed{{{}}}.", "#### {}", "The answer is {}.", "**Answer:** ${}$", "答案是{}", r"\[ {} \]")
RESULT = '<Result>[{"Option": "tea = hot", "Reason": "r"}, {"Option": "牛奶", "Reason": "s"}]</Result>'
CONTEST = {"public_test_cases": json.dumps([{"input": "1", "output": "2", "testtype": "stdin"}]), "metadata": "{}"}
METHOD = {"public_test_cases": json.dumps([{"input": "1", "output": "2"}]), "metadata": '{"func_name": "f"}'}
OF = [{"reward": "exact"}, {"reward": "chrf", "options": {"word_order": 2}}]


def same(answer: str) -> Case:
    """Of a benchmark whose reference is a field too."""
    return Case(answer, {"answer": answer})


CASES: Mapping[str, Sequence[Case]] = {  # reward or reading -> its records
    "exact": [
        Case("tea"),
        Case("Milk.", options={"case": True, "width": True, "punctuation": False}),
        Case("yes", options={"kind": "yes or no"}),
        Case("2级", options={"kind": "level"}),
        Case("B. a cup of milk", CANDIDATES, {"kind": "choice"}),
        Case("$1,234.50", options={"kind": "number"}, others=("1 1/2", "50 %", "-3/4", "5 million", "10²")),
        Case("a, b, c", options={"kind": "set"}, others=("a、b，c",)),
        Case("a;b", options={"kind": "list", "separator": ";"}),
    ],
    "set_f1": [Case("a, b, c"), Case("none"), Case("x: 1 ; y: 2", options={"separator": " ; "})],
    "chrf": [Case("Der Tee ist heiß."), Case("热茶", options={"word_order": 2, "at_most": 3.0})],
    "bleu": [
        Case("Der Tee ist heiß."),
        *(Case("お茶は 뜨거운 热茶 hot", options={"tokenize": t}) for t in ("zh", "char", "ja-mecab", "ko-mecab")),
    ],
    "anls": [Case("1999"), Case("Tea", options={"case": True, "at_most": 2.0})],
    "token_f1": [Case("the hot tea 热茶")],
    "rouge_1": [Case("the hot tea 热茶")],
    "rouge_2": [Case("the hot tea 热茶", options={"at_most": 4.0})],
    "rouge_l": [Case("the hot tea 热茶")],
    "expression": [Case("x * 2 if x != 'a' else 'aa'", VALUES, others=("[x for x in ()]", "x +", "lambda: (yield)"))],
    "program": [
        Case(PROGRAM, PRINTS),
        Case(PROGRAM, PRINTS, {"fraction": True}, ("import sys\nprint(sys.stdin.read())",)),
    ],
    "calls": [
        Case(FUNCTION, CALLS),
        Case(FUNCTION, CALLS, {"fraction": True}, ("f = lambda x: x", "class f:\n    pass")),
    ],
    "asserts": [Case(FUNCTION, TESTS), Case(FUNCTION, {**TESTS, "setup": "import math"}, {"fraction": True})],
    "pattern": [Case("Tea. Tea!\n- hot\n- tea.", {"rules": RULES[i : i + 4]}) for i in (0, 4, 8)]
    + [Case("tea", {"rules": RULES}, {"all": True}, ("TEA", '{"a": 1}', "tea tea tea"))],
    "ifeval": [
        Case(
            "Tea, tea.\n\n***\n\n* hot *tea*\n* [milk]\nPart 1\nPart 2\n<<T>>\nP.S. TEA tea.",
            {"instruction_id_list": [n], "kwargs": [k]},
            {"loose": i % 2 == 0, "all": i % 3 == 0},
            ('"Say tea"', "My answer is yes.", "```json\n{}\n```", "a******b"),
        )
        for i, (n, k) in enumerate(INSTRUCTIONS.items())
        if punkt() or "nltk" not in NEEDS.get(n, (None, ""))[1]
    ],
    "faithful": [Case(KEPT, POST), Case(KEPT, POST, {"require": "given", "names": "Grand Hotel", "all": True})],
    "mathematics": [Case(text, others=tuple(box.format(text) for box in BOXED)) for text in LATEX],
    "json_schema": [
        Case('{"a": 1, "b": ["x", "y"], "c": 0.3}', {"schema": SCHEMA}),
        Case('"aab"', {"schema": {"type": "string", "pattern": "^(a|b)+$"}}, others=('"' + "a" * 40 + 'c"',)),
    ],
    "tags": [
        Case(
            "<title>Tea</title><body><point>hot</point></body>", {"tags": "<title></title><body><point></point></body>"}
        )
    ],
    "sections": [Case("# Tea\nhot\n## Milk\ncold", {"sections": ["# Tea", "## Milk"]})],
    "judge": [Case("tea", options={"rubric": "Is it tea?"})],
    "judge_pair": [Case("tea", options={"rubric": "Is it tea?"})],
    "product": [Case("tea", CANDIDATES, {"of": OF})],
    "weighted": [Case("tea", CANDIDATES, {"of": OF, "weights": [1, 3]})],
    "gate": [
        Case('{"a": 1}', {"schema": SCHEMA}, {"of": [{"reward": "json_schema"}, {"reward": "token_f1"}], "at": 0.5})
    ],
    "exact_match": [
        Case("12", options={"ignore": [",", r"\$", r"\.$"], "ignore_case": True, "ignore_punctuation": True})
    ],
    "completed": [Case("    return x + 1", {**TESTS, "prompt": "def f(x):\n"}, others=(FUNCTION,))],
    "translation": [
        Case("Der Tee ist heiß.", options={"language": "de", "score": ["nltk_bleu", "bleu", "chrf", "chrf++"]}),
        Case("热茶 tea", {"refs": ["热茶", "茶"], "to": "zh"}, {"language": "{to}", "references": "refs"}),
    ],
    "slang": [Case("x", {"slang_trans": "hot tea", "slang_candidates": ["tea!", "?!"]}, others=("so hot tea",))],
    "choice": [Case("C", others=("The answer is (C).", "答案：Ｃ", r"\boxed{\text{C}}", "选C"))],
    "contest": [Case(PROGRAM, CONTEST), Case("class Solution:\n    def f(self, x):\n        return x + 1", METHOD)],
    "sns_label": [same("女"), Case("end", {"answer": "end"}, {"bare_end": True})],
    "sns_path": [same("Food-Tea-The Hot")],
    "sns_tags": [same("tea, hot milk, 茶")],
    "sns_highlights": [same("['tea', '茶']")],
    "sns_relevance": [same("-1")],
    "sns_passages": [Case("['tea is hot', '茶']", {"answer": ["tea is hot", "茶"]})],
    "sns_options": [same(RESULT)],
    "sns_query": [same("hot tea")],
    "sns_clean_label": [same("女")],
    "sns_clean_path": [same("Food-Tea-The Hot")],
    "sns_clean_tags": [same("tea, hot milk, 茶")],
    "sns_clean_highlights": [same("['tea', '茶']")],
    "sns_clean_relevance": [same("-1")],
    "sns_clean_passages": [Case("['tea is hot', '茶']", {"answer": ["tea is hot", "茶"]})],
    "sns_clean_options": [same(RESULT)],
    "sns_clean_query": [same("hot tea")],
}
assert CASES.keys() == READINGS.keys()


def answers(case: Case) -> st.SearchStrategy[str]:
    """What a model might say to it: nearly right ones, in a block or after thinking, and anything."""
    own = [case.answer, *case.others]
    if any(mark in case.answer for mark in "=+") and "\\" not in case.answer:
        own += [block.replace("{}", case.answer) for block in BLOCKS]
    framed = [f"<think>{case.answer}</think>{own[-1]}", f"```\n{own[0]}\n```", f"`{own[0]}`", own[-1] * 50]
    return st.one_of(edited([*own, *own, *framed]), texts())


def is_verdict(verdict: Verdict, nan: bool = False) -> str:
    """Its line, as files keep it. nan: of a reading, a part may be no number."""
    assert isinstance(verdict, Verdict)
    assert 0.0 <= verdict.score <= 1.0
    assert verdict.reason in get_args(Reason)
    assert all(type(value) in (int, float) and (nan or isfinite(value)) for value in verdict.parts.values()), (
        verdict.parts
    )
    line = dumps({**asdict(verdict), "parts": parts_line(verdict)})
    assert isinstance(loads(line), dict)
    return line


def reply(request: Any, replies: Mapping[str, Any]) -> Any:
    """What the outside might say to a request, without asking it."""
    if isinstance(request, Question):
        return replies[request.decides]
    if isinstance(request, Search):
        try:
            with within(SEARCH):
                return request.function(*request.arguments)
        except Hang:
            return None
    cases = next(len(value) for name in ("cases", "tests", "pairs") if (value := getattr(request, name, None)))
    return Outcome(tuple(replies["passed"][i % 3] for i in range(cases)), replies["error"], replies["note"])


REPLIES = st.builds(
    lambda grade, better, error, note: {
        "grade": {"why": note, "grade": grade},
        "better": {"why": note, "better": better},
        "passed": (grade > 2, grade > 4, grade % 2 == 0),
        "error": error,
        "note": note,
    },
    st.integers(0, 10),
    st.sampled_from(("A", "B", "neither")),
    st.sampled_from((None, "test", "crash", "timeout", "memory", "protocol")),
    texts(),
)


def verdict_of(found: Found, replies: Mapping[str, Any]) -> Verdict:
    if isinstance(found, Verdict):
        return found
    assert found.requests
    return found.verdict([reply(request, replies) for request in found.requests])


def found_for(name: str, case: Case, text: str, finished: bool = True) -> Found:
    """The reward's answer to a text as training asks for it, or the reading's."""
    record = Record(
        NAME, "t", ({"role": "user", "content": "tea?"},), case.answer, "eval", "rows.jsonl:1", fields=case.fields
    )
    if name not in REWARDS:
        return READINGS[name](record, text, **case.options)
    task = Task("t", "domain", "dialogue", "tea?", "{a}", name, options=case.options)
    validate_options(task)
    return score(task, record, text, finished)


def check_reward(name: str, drawn: tuple[Case, str, bool, Mapping[str, Any]]) -> None:
    case, text, finished, replies = drawn
    lines = [
        is_verdict(verdict_of(found_for(name, case, text, finished), replies), name not in REWARDS) for _ in range(2)
    ]
    if not any(mark in case.options.get("pattern", "") for mark in "+*"):
        assert lines[0] == lines[1], "two verdicts on one answer"


def rewarded(name: str) -> Target:
    """A good record, any answer: never an exception."""
    asks = name in (*SANDBOXED, "judge", "judge_pair", "completed", "contest")
    replies = REPLIES if asks else st.just({})
    each = [st.tuples(st.just(case), answers(case), st.booleans(), replies) for case in CASES[name]]
    return Target(st.one_of(each), partial(check_reward, name))


def check_record(name: str, drawn: tuple[Case, Any, Any, Any, str, Mapping[str, Any]]) -> None:
    case, answer, fields, options, text, replies = drawn
    if not (isinstance(answer, str) and isinstance(fields, dict) and isinstance(options, dict)):
        return
    mine = replace(case, answer=whole(answer), fields=fields, options=options)
    with sentence(NAME, "task t"):
        is_verdict(verdict_of(found_for(name, mine, text), replies))


def recorded(name: str) -> Target:
    """Edited references, fields and options: a verdict, or a sentence with the record or the task."""
    each = [
        st.tuples(
            st.just(c), changed(c.answer, 1), changed(dict(c.fields)), changed(dict(c.options), 1), answers(c), REPLIES
        )
        for c in CASES[name]
    ]
    return Target(st.one_of(each), partial(check_record, name))


def check_sandbox(name: str, drawn: tuple[Case, str]) -> None:
    case, text = drawn
    verdict = settled(found_for(name, case, text))
    is_verdict(verdict)
    assert verdict.reason != "error", verdict.note


def sandboxed(name: str) -> Target:
    return Target(
        st.one_of([st.tuples(st.just(case), answers(case)) for case in CASES[name]]),
        partial(check_sandbox, name),
        share=TENTH,
    )


def check_reply(drawn: tuple[str, str]) -> None:
    text, decides = drawn
    found = _structured(text, _PROPERTIES[decides])
    if found is not None:
        assert _fits(found, _PROPERTIES[decides])
        assert loads(dumps(found)) == json.loads(dumps(found))


def as_object(value: Any) -> Any:
    """As the client of an endpoint gives a reply: its tables are objects."""
    if isinstance(value, dict):
        return SimpleNamespace(**{name: as_object(one) for name, one in value.items()})
    return [as_object(one) for one in value] if isinstance(value, list) else value


MESSAGE = {
    "content": [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "output_text", "output_text": "tea"},
        "x",
    ],
    "reasoning_content": "hm",
    "refusal": "no",
    "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
    "reasoning": None,
}


def check_message(drawn: tuple[Any, Any]) -> None:
    from redone.served.client import _choice

    message, ending = drawn
    if not isinstance(message, dict):
        return
    content = message.pop("content", None)
    told = SimpleNamespace(
        content=content, **{name: as_object(one) for name, one in message.items() if name.isidentifier()}
    )
    choice = _choice(SimpleNamespace(choices=[SimpleNamespace(message=told, finish_reason=ending)]))
    if choice is not None:
        found = read_message(choice)
        assert all(isinstance(text, str) for text in (found.text, found.thinking, found.said))
        assert type(found.finished) is bool
        assert found.missing in get_args(Missing)


def check_text(text: str) -> None:
    thinking, answer = split_thinking(text)
    assert isinstance(thinking, str)
    assert answer is None or split_thinking(answer) == ("", answer)
    for made in (whole(text), visible(text)):
        made.encode()
    assert visible(visible(text)) == visible(text)
    assert cut(text, 10).startswith(text[:10])
    assert loads(dumps([text])) == [whole(text)]


def check_named(drawn: tuple[list[str], bool, str]) -> None:
    labels, lettered, text = drawn
    names = names_of(labels, lettered)
    named = first_named(text, names) if names else None
    assert named is None or named in {*names.words.values(), *names.letters.values()}


CROSSED = [
    [1, -(2**70), 1.5, 2j, "tea\ud800", b"x", None, True],
    {"a": (1, {2}), 3: frozenset((4,))},
    [[[[]]]],
    10**4000,
]


def check_crossed(data: bytes) -> None:
    try:
        value = plain.decode(data)
    except plain.NotPlain:
        return
    again = plain.encode(value, 1 << 20)
    assert plain.encode(plain.decode(again), 1 << 20) == again


@cache
def tokenizer() -> Any:
    """Of bytes, with the signs of the embedded base model's template."""
    from tiny import bytes_tokenizer

    return bytes_tokenizer(None)


ROLES = "{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
PARTS = (
    "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}"
)
LAST = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
TEMPLATES = (
    "{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}" + LAST,
    "{% for m in messages %}" + ROLES + "[INST] {{ m['content'] | trim }} [/INST]{{ strftime_now('%d') }}{% endfor %}",
    "{% for m in messages %}" + PARTS + "{{ m.reasoning_content }}</think>{% endfor %}",
    "{% macro a(x) %}{{ x }}{% endmacro %}{%- set ns = namespace(n=0) %}{% for m in messages %}{{ a(m.content) }}"
    "{% set ns.n = ns.n + 1 %}{% endfor %}{{ range(3) | list | tojson }}",
)
HOSTILE = (
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 'a' * 10**10 }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ self }}",
    "{{ messages | pprint }}",
    "{% include 'x' %}",
    "{% import 'os' as o %}",
    "{{ x.y.z }}",
    "{{ lipsum(n=500) }}",
    "{{ cycler }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ 'x' | center(10**9) }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ range(10**9) | list }}",
    "{% raw %}",
    "{{",
    "{#",
    "{% generation %}",
    "{{ strftime_now('%') }}",
    "{{ strftime_now(1) }}",
    "{{ 1/0 }}",
    "{{ [1] | groupby(0) }}",
    "{{ messages.append(1) }}",
    "{{ ((((1)))) }}",
    "{{ '\\ud800' }}",
)


@st.composite
def templates(draw: st.DrawFn) -> str:
    text = draw(edited(TEMPLATES, 2))
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(st.sampled_from(("", "", *HOSTILE))) + text[place:]


def check_template(drawn: tuple[str, str]) -> None:
    from redone.data.chat import Chat, frame_of

    template, said = drawn
    mine = tokenizer()
    mine.chat_template = template
    with sentence("chat template", "tokenizer", "messages"):
        chat = Chat(mine)
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": whole(said)}]
        text = chat.text(messages[1:], False)
        control = re.compile(r"<\|\w+\|>")
        assert all(type(one) is int for one in chat.ids(messages[1:], False, text, control))
        assert isinstance(chat.after_answer(), str)
        assert len(frame_of(chat, False, control)) == 3
        chat.text(messages, True)


TARGETS: Mapping[str, Target] = {
    **{f"{'reward' if name in REWARDS else 'reading'} {name}": rewarded(name) for name in CASES},
    **{f"record of {name}": recorded(name) for name in CASES if name in REWARDS},
    **{f"sandbox {name}": sandboxed(name) for name in SANDBOXED},
    "reply of a judge": Target(
        st.tuples(
            edited(('{"why": "hot", "grade": 7}', 'Well: {"why": "hot", "better": "A"}.', "```json\n{}\n```")),
            st.sampled_from(("grade", "better")),
        ),
        check_reply,
    ),
    "reply of an endpoint": Target(
        st.tuples(
            changed(MESSAGE),
            st.one_of(st.sampled_from(("stop", "length", "tool_calls", "content_filter", None)), values()),
        ),
        check_message,
    ),
    "text": Target(edited(("<think>hot</think>tea", "tea\u202e", "a</think>b</think>")), check_text),
    "first label named": Target(
        st.tuples(
            st.lists(st.one_of(texts(), st.sampled_from(("A", "b", "不对", "hot tea", "tea"))), max_size=4),
            st.booleans(),
            edited(("The answer is (B), hot tea.", "不对", "A. tea")),
        ),
        check_named,
    ),
    "what leaves the sandbox": Target(edited_bytes([plain.encode(one, 1 << 20) for one in CROSSED]), check_crossed),
    "chat template": Target(st.tuples(templates(), st.one_of(texts(), st.just("a <|end|> b"))), check_template),
}
