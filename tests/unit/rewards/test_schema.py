import re
import time

import pytest
from verdicts import settled

from redone.records import Record
from redone.rewards import schema as rewards
from redone.rewards.extract import json_of
from redone.rewards.outside import Pending
from redone.rewards.schema import sections, tags


def json_schema(record, answer, **options):
    return settled(rewards.json_schema(record, answer, **options))


def record(**fields):
    return Record("tea/eval/0", "tea", ({"role": "user", "content": "?"},), "gold", "eval", "world", fields=fields)


CAFE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "pattern": "^[A-Z]"},
        "stars": {"type": "integer", "minimum": 1, "maximum": 5},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "uniqueItems": True, "maxItems": 3},
        "pattern": {"const": {"pattern": "("}},  # a property and a value of that name are no regexes
    },
    "required": ["name", "stars"],
    "additionalProperties": False,
    "$defs": {"tag": {"enum": ["quiet", "cheap", "new", 1, True]}},
}


@pytest.mark.parametrize(
    "answer",
    [
        '{"name": "Lu", "stars": 5}',
        '```json\n{"name": "Lu", "stars": 5, "tags": []}\n```',
        ' {"stars": 1.0, "name": "A茶"}',
        '{"name": "Lu", "stars": 5, "tags": [1, true, "new"]}',  # to JSON true is not 1
        '{"name": "Lu", "stars": 5, "pattern": {"pattern": "("}}',
    ],
)
def test_json_that_fits_its_schema_scores_one(answer):
    verdict = json_schema(record(schema=CAFE), answer)
    assert (verdict.score, verdict.reason, verdict.parts) == (1, "right", {"parsed": 1, "valid": 1})
    assert json_schema(record(), answer, schema=CAFE).score == 1


@pytest.mark.parametrize(
    "answer, where",
    [
        ('{"name": "Lu"}', "$: 'stars' is a required property"),
        ('{"name": "Lu", "stars": 6}', "$.stars: 6 is greater"),
        ('{"name": "Lu", "stars": "5"}', "$.stars"),
        ('{"name": "Lu", "stars": true}', "$.stars"),
        ('{"name": "", "stars": 5}', "$.name"),
        ('{"name": "lu", "stars": 5}', "$.name: 'lu' does not match"),
        ('{"name": "Lu", "stars": 5, "note": ""}', "$: Additional properties"),
        ('{"name": "Lu", "stars": 5, "tags": ["new", "new"]}', "$.tags: has an item twice"),
        ('{"name": "Lu", "stars": 5, "tags": [1, 1.0]}', "$.tags: has an item twice"),
        ('{"name": "Lu", "stars": 5, "tags": ["new", "loud"]}', "$.tags[1]: 'loud' is not one of"),
        ('[{"name": "Lu", "stars": 5}]', "$: "),
    ],
)
def test_json_that_does_not_fit_scores_nothing_and_says_where(answer, where):
    verdict = json_schema(record(schema=CAFE), answer)
    assert (verdict.score, verdict.reason, verdict.parts) == (0, "wrong", {"parsed": 1, "valid": 0})
    assert where in verdict.note


@pytest.mark.parametrize(
    "answer",
    [
        "", "Here it is: {}", "{'a': 1}", '{"a": 1,}', '{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}',
        '{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 1}}', "[" * 51 + "]" * 51, "[" * 10_000, '{"a":' * 3_000,
        "9" * 20_000, "{} {}", "{}\n```", '"' + "\\u0000" * 3_000,
    ],
)  # fmt: skip
def test_what_is_not_strictly_json_is_unparsable(answer):
    verdict = json_schema(record(schema={"type": ["object", "array", "number", "string"]}), answer)
    assert (verdict.score, verdict.reason, verdict.parts["parsed"]) == (0, "unparsable", 0)


def test_json_may_nest_as_deep_as_the_bound():
    assert json_schema(record(schema={"type": "array"}), "[" * 50 + "]" * 50).score == 1
    assert json_of('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    "schema, message",
    [
        (None, "not a JSON Schema"),
        ("{}", "not a JSON Schema"),
        ({"type": "objekt"}, "is invalid at $.type"),
        ({"minimum": "1"}, "is invalid at $.minimum"),
        ({"properties": {"a": {"pattern": "("}}}, "is invalid at $.properties.a.pattern"),
        ({"pattern": "a" * 201}, "more than 200 characters"),
        ({"properties": {"const": {"pattern": "a" * 201}}}, "more than 200"),  # a property of that name is a schema
        ({"patternProperties": {"a" * 201: {}}}, "more than 200 characters"),
        ({"patternProperties": {"(": {}}}, "is invalid at $.patternProperties"),
        ({"$schema": "https://example.com/mine"}, "unknown draft"),
        ({"$ref": "https://example.com/cafe.json"}, "refers to"),
        ({"$ref": "file:///etc/hostname"}, "refers to"),
        ({"$ref": "#/$defs/none"}, "refers to"),
        ({"$ref": "#"}, "refers to itself without end"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_by_name(schema, message):
    with pytest.raises(ValueError, match=r"^tea/eval/0: .*" + re.escape(message)):
        json_schema(record(schema=schema), "{}")


@pytest.mark.filterwarnings("ignore")  # without them jsonschema itself would only warn
def test_nothing_is_fetched(monkeypatch):
    fetched = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *given, **_: fetched.append(given))
    with pytest.raises(ValueError, match="which is not in it"):
        json_schema(record(schema={"properties": {"a": {"$ref": "http://127.0.0.1:9/a.json"}}}), '{"a": 1}')
    assert not fetched
    drafts = {"allOf": [{"$ref": "https://json-schema.org/draft/2020-12/schema"}]}  # those are part of the library
    assert json_schema(record(schema=drafts), '{"type": "object"}').score == 1
    assert json_schema(record(schema=drafts), '{"type": "objekt"}').score == 0


@pytest.mark.parametrize(
    "draft", ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"]
)
def test_the_draft_is_the_one_that_the_schema_names(draft):
    pair = {"$schema": draft, "items": [{"type": "integer"}, {"type": "string"}], "additionalItems": False}
    if "2020" in draft:
        with pytest.raises(ValueError, match=r"is invalid at \$\.items"):  # a list there is of the older drafts
            json_schema(record(schema=pair), '[1, "a"]')
    else:
        assert json_schema(record(schema=pair), '[1, "a"]').score == 1
        assert json_schema(record(schema=pair), '["a", 1]').score == 0


def many(item):
    return "[" + ",".join(item(place) for place in range(20_000 // (len(item(9999)) + 1))) + "]"


@pytest.mark.parametrize(
    "schema, answer",
    [
        ({"items": {"pattern": "[a-z]+@[a-z]+[.]x"}}, '["' + "a" * 19_990 + '"]'),
        ({"items": {"pattern": "[a-z]+@[a-z]+[.]x"}}, many(lambda place: '"' + "a" * 60 + '"')),
        ({"uniqueItems": True}, many(lambda place: f'{{"a":{place}}}')),
        ({"uniqueItems": True}, many(lambda place: f"[{place}]")),
        ({"patternProperties": {"^a[a-z]*b": {"type": "null"}}}, '{"' + "a" * 19_980 + '": 1}'),
        ({"patternProperties": {"^a[a-z]*b": {}}}, "{" + ",".join(f'"a{"c" * 60}{n}":1' for n in range(270)) + "}"),
        ({"items": {"anyOf": [{"type": "string"}, {"minimum": 10**6}]}}, many(str)),
        ({"enum": [[1] * 9_999]}, "[" + "1," * 9_990 + "1]"),
    ],
)
def test_no_answer_of_the_longest_length_takes_long(schema, answer):
    assert len(answer) <= 20_000
    json_schema(record(schema=schema), "[]")
    start = time.process_time()
    json_schema(record(schema=schema), answer)
    assert time.process_time() - start < 2


def test_a_schema_with_a_regex_is_a_search_that_fits_nothing_where_its_time_runs_out():
    mail = record(schema={"anyOf": [{"items": {"pattern": "[a-z]+@[a-z]+[.]com"}}]})
    assert json_schema(mail, '["tea@cafe.com"]').score == 1
    assert json_schema(mail, '["tea"]').score == 0
    found = rewards.json_schema(mail, '["tea@cafe.com"]')
    assert isinstance(found, Pending)
    verdict = found.verdict([None])
    assert (verdict.score, verdict.reason) == (0, "wrong")
    assert "may take too long" in verdict.note
    assert not isinstance(rewards.json_schema(record(schema={"type": "array"}), "[]"), Pending)


POST = "<title></title><body><point></point><point></point></body>"


@pytest.mark.parametrize(
    "structure, answer",
    [
        (POST, "<title>Tea</title><body><point>hot</point><point>1 < 2 > 0 <3</point></body>"),
        (POST, " <title>\nTea\n</title>\n\n<body>\n <point>a</point>\n <point>b</point>\n</body>\n"),
        ("<t-1></t-1>", "<t-1>茶</t-1>"),
    ],
)
def test_exactly_the_wanted_tags_score_one(structure, answer):
    verdict = tags(record(tags=structure), answer)
    assert (verdict.score, verdict.reason, verdict.parts) == (1, "right", {"parsed": 1, "valid": 1})
    assert tags(record(), answer, structure=structure).score == 1


@pytest.mark.parametrize(
    "answer, reason",
    [
        ("", "wrong"),
        ("Tea: hot", "wrong"),
        ("<title>Tea</title>", "wrong"),
        ("<body><point>a</point><point>b</point></body><title>Tea</title>", "wrong"),
        ("<title>Tea</title><body><point>a</point></body>", "wrong"),
        ("<title>Tea</title><body><point>a</point><point>b</point><point>c</point></body>", "wrong"),
        ("<title>Tea</title><body>and<point>a</point><point>b</point></body>", "wrong"),
        ("Here:<title>Tea</title><body><point>a</point><point>b</point></body>", "wrong"),
        ("<title>Tea</title><body><point>a</point><point>b</point></body>!", "wrong"),
        ("<title></title><body><point>a</point><point>b</point></body>", "wrong"),
        ("<title>Tea</title><body><point> </point><point>b</point></body>", "wrong"),
        ("<title><b>Tea</b></title><body><point>a</point><point>b</point></body>", "wrong"),
        ("<Title>Tea</Title><body><point>a</point><point>b</point></body>", "wrong"),
        ('<title id="1">Tea</title><body><point>a</point><point>b</point></body>', "unparsable"),
        ("<title>Tea</title><body><point>a</point><point>b</body></point>", "unparsable"),
        ("<title>Tea</title><body><point>a</point><point>b</point>", "unparsable"),
        ("</title>Tea<title>", "unparsable"),
        ("```\n<title>Tea</title><body><point>a</point><point>b</point></body>\n```", "wrong"),
        ("<a>" * 6_000, "unparsable"),
        ("<a" * 10_000, "wrong"),
        ("</a>" * 5_000, "unparsable"),
        ("<" * 20_000, "wrong"),
        ("<a" + "b" * 19_000, "wrong"),
    ],
)
def test_any_other_tags_score_nothing(answer, reason):
    start = time.process_time()
    verdict = tags(record(tags=POST), answer)
    assert (verdict.score, verdict.reason) == (0, reason)
    assert verdict.note
    assert time.process_time() - start < 1


@pytest.mark.parametrize("structure", [None, "", "title", "<a></b>", "<a>", "<a>text</a>", "<a></a>!", ["a"]])
def test_a_structure_that_is_no_tags_is_refused_by_name(structure):
    with pytest.raises(ValueError, match="tea/eval/0"):
        tags(record(tags=structure), "<a>x</a>")


PLAN = ["Where to go", "费用", "Tips"]
GOOD = "# where to go\nKyoto\n\n## 费用 ##\n100\n### Ｔｉｐｓ\n```\n# no heading\n```\n"


def test_the_wanted_headings_in_order_with_text_score_one():
    verdict = sections(record(sections=PLAN), GOOD)
    assert (verdict.score, verdict.reason) == (1, "right")
    assert verdict.parts == {"parsed": 1, "valid": 1, "hits": 3, "sections": 3}
    assert sections(record(), GOOD, headings=PLAN).score == 1


@pytest.mark.parametrize(
    "answer, reason, hits",
    [
        ("", "unparsable", 0),
        ("Where to go\nKyoto\n费用\n100\nTips\nnone", "unparsable", 0),
        ("#Where to go\nKyoto", "unparsable", 0),  # Markdown wants a space
        ("Sure!\n" + GOOD, "wrong", 3),
        (GOOD + "# More\nx", "wrong", 3),
        (GOOD + GOOD, "wrong", 3),
        ("# 费用\n100\n# Where to go\nKyoto\n# Tips\nx", "wrong", 3),
        ("# Where to go\n# 费用\n100\n# Tips\nx", "wrong", 3),
        ("# Where to go\nKyoto\n# 费用\n100", "wrong", 2),
        ("```\n" + GOOD.replace("```", "") + "```", "unparsable", 0),
        ("# " * 10_000, "wrong", 0),
        ("#" * 20_000, "unparsable", 0),
    ],
)
def test_any_other_headings_score_nothing(answer, reason, hits):
    verdict = sections(record(sections=PLAN), answer)
    assert (verdict.score, verdict.reason, verdict.parts["hits"]) == (0, reason, hits)


@pytest.mark.parametrize("wanted", [None, [], "Tips", ["Tips", ""], ["Tips", 3]])
def test_headings_that_are_none_are_refused_by_name(wanted):
    with pytest.raises(ValueError, match="tea/eval/0"):
        sections(record(sections=wanted), "# Tips\nx")
