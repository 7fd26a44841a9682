"""A reward for the 25 verifiable instructions of IFEval (Zhou et al. 2023, arXiv:2311.07911), strict and loose.

What follows an instruction is what the benchmark's published checks let pass, their oddities included, so that scores
can be compared: each is named where it stands.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Any, Literal, get_args

from redone.mistakes import nearest
from redone.records import Record, Verdict

LONGEST = 20_000  # characters of an answer: sentence splitting takes up to 10 microseconds for each, in each reading
SEED = 0  # of the language detection, which samples
Relation = Literal["at least", "less than"]


def ifeval(record: Record, answer: str, *, loose: bool = False, all: bool = True) -> Verdict:
    """1 where the answer follows each of record.fields["instruction_id_list"], else 0; without `all` the share.

    record.fields["kwargs"] has one mapping of arguments for each instruction; null values do not count. With `loose`
    an instruction is followed where one of eight readings follows it: the answer with or without its asterisks, each
    whole, without its first line, without its last, and without both. parts has 0 or 1 for each "<index>:<id>", and
    hits and rules, from which the benchmark's accuracy over instructions is made.
    An empty answer follows nothing, and neither does one of more than LONGEST characters.
    Blind to everything else: an answer can follow each instruction and say nothing.

    Raises ValueError naming the record where an instruction is unknown, its arguments do not fit, or the package that
    its check needs (nltk with its data punkt_tab, or langdetect) is not installed.
    """
    instructions = list(_instructions(record))
    flaw = "empty" if not answer.strip() else f"more than {LONGEST} characters" if len(answer) > LONGEST else ""
    readings = [] if flaw else _readings(answer) if loose else [answer]
    parts = {
        f"{index}:{name}": float(any(INSTRUCTIONS[name](reading, **arguments) for reading in readings))
        for index, (name, arguments) in enumerate(instructions)
    }
    hits, rules = sum(parts.values()), float(len(parts))
    broken = ", ".join(name for name, followed in parts.items() if not followed)
    return Verdict(
        float(hits == rules) if all else hits / rules,
        "unparsable" if flaw else "wrong" if broken else "right",
        {"parsed": float(not flaw), "hits": hits, "rules": rules, **parts},
        flaw or (f"broken: {broken}" if broken else ""),
    )


def _readings(answer: str) -> list[str]:
    """The different readings, in the order of the benchmark, without blank ones."""
    lines = answer.split("\n")
    whole = [answer, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [text for text in dict.fromkeys([*whole, *(text.replace("*", "") for text in whole)]) if text.strip()]


# Counting


def _compare(found: Iterable[Any], relation: Relation, wanted: int) -> bool:
    """Whether there are "at least" or "less than" so many; no more than that are looked at."""
    reached = sum(1 for _ in islice(found, wanted)) == wanted
    return reached == (relation == "at least")


def _number_words(text: str, relation: Relation, num_words: int) -> bool:
    """Words as NLTK has them since 3.10: to `regex`, but not to `re`, the vowel signs of Hindi are parts of a word."""
    import regex

    return _compare(regex.finditer(r"\w+", text), relation, num_words)


def _number_sentences(text: str, relation: Relation, num_sentences: int) -> bool:
    return _compare(_sentences(text), relation, num_sentences)


def _capital_word_frequency(text: str, capital_relation: Relation, capital_frequency: int) -> bool:
    """Words as NLTK's word_tokenize has them: "I", "A", "U.S." and "3D" count."""
    enough = sum(map(str.isupper, text)) >= capital_frequency  # letters; splitting is slow
    capitals = (word for sentence in _sentences(text) for word in _capitals(sentence)) if enough else ()
    return _compare(capitals, capital_relation, capital_frequency)


def _frequency(text: str, keyword: str, relation: Relation, frequency: int) -> bool:
    """Inside other words too."""
    return _compare(_found(keyword.strip(), text), relation, frequency)


def _letter_frequency(text: str, letter: str, let_relation: Relation, let_frequency: int) -> bool:
    reached = text.lower().count(letter.strip().lower()) >= let_frequency
    return reached == (let_relation == "at least")


def _number_placeholders(text: str, num_placeholders: int) -> bool:
    """Each line ends at its last "]", so that no "[" is searched to the end in vain."""
    closed = "\n".join(line[: line.rfind("]") + 1] for line in text.split("\n"))
    return _compare(re.finditer(r"\[.*?\]", closed), "at least", num_placeholders)


def _number_bullet_lists(text: str, num_bullets: int) -> bool:
    """A line that is one asterisk alone takes the next line with it, as the published pattern does."""
    stars, dashes = (re.findall(rf"^[^\S\n]*{mark}", text, re.MULTILINE) for mark in (r"\*[^*].*$", "-"))
    return len(stars) + len(dashes) == num_bullets


def _number_highlighted_sections(text: str, num_highlights: int) -> bool:
    """*one* and **two** asterisks are counted apart, so that ***three*** count twice."""
    single = (found for found in re.finditer(r"\*([^\n*]*)\*", text) if found[1].strip())
    double = (found for found in re.finditer(r"\*\*([^\n*]*)\*\*", text) if found[1].strip())
    return _compare((found for kind in (single, double) for found in kind), "at least", num_highlights)


def _multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    """The splitter's case counts, and a number must follow it."""
    heading = rf"\s?{re.escape(section_spliter.strip())}\s?\d+\s?"
    return _compare(re.finditer(heading, text), "at least", num_sections)


# Parts of the answer


def _pieces(split: Sequence[str]) -> list[str]:
    """The stripped pieces, none of them where a blank one stands between others."""
    pieces = [piece.strip() for piece in split]
    return [] if "" in pieces[1:-1] else [piece for piece in pieces if piece]


def _number_paragraphs(text: str, num_paragraphs: int) -> bool:
    """Paragraphs with *** between them."""
    return len(_pieces(re.split(r"\s?\*{3}\s?", text))) == num_paragraphs


def _two_responses(text: str) -> bool:
    pieces = _pieces(text.split("******"))
    return len(pieces) == 2 and pieces[0] != pieces[1]


def _nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Blank paragraphs do not count towards the number of paragraphs, but they do towards the n-th."""
    paragraphs = [paragraph.split() for paragraph in text.split("\n\n")]
    if len(list(filter(None, paragraphs))) != num_paragraphs or not paragraphs[nth_paragraph - 1]:
        return False
    word = re.split(r"[.,?!'\"]", paragraphs[nth_paragraph - 1][0].lstrip("'").lstrip('"'), maxsplit=1)[0]
    return "".join(letter.lower() for letter in word) == first_word.lower()


def _postscript(text: str, postscript_marker: str) -> bool:
    marker = postscript_marker.strip()
    usual = {"P.S.": r"p\.\s?s\.", "P.P.S": r"p\.\s?p\.\s?s"}
    return re.search(usual.get(marker, re.escape(marker.lower())), text.lower()) is not None


def _title(text: str) -> bool:
    """<<a title>> on one line."""
    for line in text.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        if 0 <= start < end and line[start:end].lstrip("<").rstrip(">").strip():
            return True
    return False


def _json_format(text: str) -> bool:
    text = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def _constrained_response(text: str) -> bool:
    return any(f"My answer is {option}." in text for option in ("yes", "no", "maybe"))


def _end_checker(text: str, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def _quotation(text: str) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def _repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


# Words and language


def _found(keyword: str, text: str) -> Iterator[re.Match[str]]:
    return re.finditer(re.escape(keyword), text, re.IGNORECASE)


def _existence(text: str, keywords: Sequence[str]) -> bool:
    """Inside other words too."""
    return all(any(_found(keyword, text)) for keyword in keywords)


def _forbidden_words(text: str, forbidden_words: Sequence[str]) -> bool:
    """Whole words."""
    return not any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in forbidden_words)


def _response_language(text: str, language: str) -> bool:
    return _language(text) in (language, None)


def _english_capital(text: str) -> bool:
    return text.isupper() and _response_language(text, "en")


def _english_lowercase(text: str) -> bool:
    return text.islower() and _response_language(text, "en")


@cache
def _punkt() -> Any:
    """NLTK's splitter into sentences; its English parameters are the data punkt_tab."""
    from nltk.tokenize.punkt import PunktTokenizer

    return PunktTokenizer("english")


def _sentences(text: str) -> Iterator[str]:
    return (text[start:end] for start, end in _punkt().span_tokenize(text))


@lru_cache(maxsize=1_000)  # readings share their sentences, and an answer that runs on repeats them
def _capitals(sentence: str) -> list[str]:
    from nltk.tokenize import NLTKWordTokenizer

    return [word for word in NLTKWordTokenizer().tokenize(sentence) if word.isupper()]


@cache
def _languages() -> Any:
    """A detector factory of our own: the seed of langdetect's is shared by the whole process."""
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    factory.set_seed(SEED)
    return factory


def _language(text: str) -> str | None:
    """The code of the likeliest language, None where no letter tells."""
    from langdetect import LangDetectException

    detector = _languages().create()
    try:
        detector.append(text)
        return detector.detect()
    except LangDetectException:
        return None


# What there is, and what it takes

INSTRUCTIONS: Mapping[str, Callable[..., bool]] = {
    "keywords:existence": _existence,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden_words,
    "keywords:letter_frequency": _letter_frequency,
    "language:response_language": _response_language,
    "length_constraints:number_sentences": _number_sentences,
    "length_constraints:number_paragraphs": _number_paragraphs,
    "length_constraints:number_words": _number_words,
    "length_constraints:nth_paragraph_first_word": _nth_paragraph_first_word,
    "detectable_content:number_placeholders": _number_placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _number_bullet_lists,
    "detectable_format:constrained_response": _constrained_response,
    "detectable_format:number_highlighted_sections": _number_highlighted_sections,
    "detectable_format:multiple_sections": _multiple_sections,
    "detectable_format:json_format": _json_format,
    "detectable_format:title": _title,
    "combination:two_responses": _two_responses,
    "combination:repeat_prompt": _repeat_prompt,
    "startend:end_checker": _end_checker,
    "startend:quotation": _quotation,
    "change_case:capital_word_frequency": _capital_word_frequency,
    "change_case:english_capital": _english_capital,
    "change_case:english_lowercase": _english_lowercase,
    "punctuation:no_comma": lambda text: "," not in text,
}
_PUNKT: tuple[Callable[[], Any], str] = (_punkt, "nltk with its data punkt_tab (see NLTK_DATA)")
_LANGDETECT: tuple[Callable[[], Any], str] = (_languages, "langdetect")
NEEDS = {
    "length_constraints:number_sentences": _PUNKT,
    "change_case:capital_word_frequency": _PUNKT,
    "language:response_language": _LANGDETECT,
    "change_case:english_capital": _LANGDETECT,
    "change_case:english_lowercase": _LANGDETECT,
}
FITS: Mapping[Any, tuple[Callable[[Any], bool], str]] = {  # annotation of an argument -> what its value must be
    int: (lambda value: type(value) is int and 0 < value <= LONGEST, f"a whole number from 1 to {LONGEST}"),
    str: (lambda value: isinstance(value, str) and bool(value.strip()), "a text that is not blank"),
    Relation: (lambda value: value in get_args(Relation), " or ".join(map(repr, get_args(Relation)))),
    Sequence[str]: (
        lambda value: isinstance(value, (list, tuple)) and bool(value) and all(FITS[str][0](text) for text in value),
        "a list of texts that are not blank",
    ),
}


def _instructions(record: Record) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(id, arguments) of each instruction, checked."""
    names, kwargs = (record.fields.get(name) for name in ("instruction_id_list", "kwargs"))
    if not (isinstance(names, (list, tuple)) and isinstance(kwargs, (list, tuple)) and names):
        raise ValueError(f"{record.id}: fields.instruction_id_list and fields.kwargs are not two lists")
    if len(names) != len(kwargs) or not all(isinstance(given, Mapping) for given in kwargs):
        raise ValueError(f"{record.id}: fields.kwargs does not hold one mapping for each of {len(names)} instructions")
    for name, given in zip(names, kwargs):
        if not isinstance(name, str) or name not in INSTRUCTIONS:
            raise ValueError(f"{record.id}: unknown instruction {name!r}{nearest(str(name), INSTRUCTIONS)}")
        arguments = {key: value for key, value in given.items() if value is not None}
        if flaw := _flaw(name, arguments):
            raise ValueError(f"{record.id}: {name} {flaw}")
        yield name, arguments


def _flaw(name: str, arguments: Mapping[str, Any]) -> str:
    """What is wrong with the arguments of an instruction, or with the installation; "" where nothing is."""
    wanted = _wanted(name)
    if arguments.keys() != wanted.keys():
        return f"has the arguments {', '.join(arguments) or 'none'}, not {', '.join(wanted) or 'none'}"
    for key, value in arguments.items():
        fits, what = FITS[wanted[key]]
        if not fits(value):
            return f"has {key} = {value!r:.200}, not {what}"
    load, package = NEEDS.get(name, (None, ""))
    if load is not None:
        try:
            load()
        except (ImportError, LookupError):
            return f"needs {package}, which cannot be found"
    if "letter" in arguments and len(arguments["letter"].strip().lower()) != 1:
        return f"has letter = {arguments['letter']!r:.200}, not one character"
    if "language" in arguments and arguments["language"] not in _languages().langlist:
        return f"has language = {arguments['language']!r:.200}, which langdetect does not know"
    if "nth_paragraph" in arguments and arguments["nth_paragraph"] > arguments["num_paragraphs"]:
        return f"has nth_paragraph = {arguments['nth_paragraph']}, more than num_paragraphs"
    return ""


@cache
def _wanted(name: str) -> Mapping[str, Any]:
    """The arguments of an instruction and their annotations, those of its check after the text."""
    parameters = inspect.signature(INSTRUCTIONS[name]).parameters
    return {key: parameter.annotation for key, parameter in list(parameters.items())[1:]}
