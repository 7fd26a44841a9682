"""The names in a text, English or Chinese, found by capitals, shape, quotation marks, place suffixes and a lexicon."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from redone.facts.amounts import UNITS
from redone.facts.lexicon import COMMON, HOLLOW, NO_NAME, STARTERS

HAN = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[^\W\d_{HAN}]+(?:'[^\W\d_{HAN}]+)?|[0-9]+|(?=\w)[{HAN}]")
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3|[\u2460-\u24ff\u2776-\u2793]")
_VULGAR = re.compile("[\u00bc-\u00be\u2150-\u215e]")
_MARKER = re.compile(r"^[ \t]*(?:[0-9]{1,2}[.)、](?![0-9])|\([0-9]{1,2}\))", re.MULTILINE)
_LINK = re.compile(r"https?://[^\s，。]{1,200}|(?<![\w.])www\.[\w./-]{1,200}|[\w.+-]{1,40}@[\w-]{1,40}\.[\w.]{2,20}")
_HANDLE = re.compile(r"(?<![\w.@])@[\w.]{1,39}\w")
_TAG = re.compile(r"#([^\s#，。,.!！?？:：]{1,40})")
_TITLE = re.compile(r"《([^《》\n]{1,40})》|[「『]([^「」『』\n]{1,12})[」』]|“([^“”\n，。！？,.!?]{2,10})”")
_BREAK = re.compile(r"[.!?。！？\n:;…|•·\"“”(\[【】~]")
_ABBREVIATIONS = frozenset("mr mrs ms dr st mt vs no jr sr prof".split())
_CALENDAR = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december mon tue tues wed thu thur thurs fri sat sun jan feb mar apr jun jul aug sep "
    "sept oct nov dec am pm".split()
)
_ORDINARY_ENDS = re.compile(r".{2,}(?:s|ing|ly|ed|tion|ness|ment|able|ible|ful|ous|est|ive|ish)")
_BEFORE_PLACE = frozenset("in at near from around to".split())
# Suffixes of Chinese places, with the last letters before them that make an ordinary word: 超市, 夜市, 网站.
_SUFFIXES = {
    "公园": "题林乐心地家的",
    "机场": "际的去接送",
    "大学": "上的考名",
    "博物馆": "家的",
    "古镇": "的国",
    "市": "城超夜都菜集股门上开楼闹全本早花",
    "区": "景地小社园商校山城郊市住厂片专战时雷禁盲误街牧老新",
    "省": "节反全外各本",
    "县": "全各",
    "路": "一走迷思绕问带赶马公铁道上半顺线套网出退手来去在过有开心小",
    "街": "逛大老行吃食业红物条上扫",
    "巷": "小",
    "寺": "古的",
    "站": "车网铁高总终前出到进一每打驿地空",
    "山": "爬登上下火江大雪高深名小看",
    "湖": "大小江",
    "岛": "小海半荒",
    "桥": "大天小立",
}
_SURE = ("市", "省", "县", "寺", "机场", "大学")  # an answer may also invent these
_NEXT_WORD = tuple("市区 市民 市场 市中心 市集 路线 路口 街道 街区 站台 省钱 县城 山顶 湖边 岛上 区别 区域".split())
_SUFFIX = re.compile("|".join(sorted(_SUFFIXES, key=len, reverse=True)))
_EDGE = frozenset(
    "进出的了在去到从和与是有我你他她们这那个来往至离过住逛爬坐看吃玩于由经及或就都也还很最把被给让叫对向沿着条家想约带为走登"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a run of digits, or one Chinese or Japanese character."""

    key: str  # folded: no case, no accents, no possessive
    raw: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name:
    """A name survives where all its words and lexicon names are there, or its text is."""

    text: str
    start: int
    end: int
    words: tuple[str, ...] = ()  # keys of tokens
    groups: tuple[str, ...] = ()  # first spellings of lexicon names
    literal: str = ""  # folded text without spaces
    sure: bool = True  # False: perhaps no name, so it can be lost but not invented

    @property
    def identity(self) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        return self.words, self.groups, self.literal


Lexicon = Mapping[str, Sequence[tuple[tuple[str, ...], str]]]  # first key -> (all keys, group), the longest first


def plain(text: str) -> str:
    """NFKC, ’ as ', without invisible letters and what is no number (1. at the head of a line, ①, 1️⃣)."""
    text = _KEYCAP.sub(" ", text).replace("，", ", ")  # 第5，256元 is no 5,256
    text = _VULGAR.sub(lambda match: " " + unicodedata.normalize("NFKC", match[0]).replace("\u2044", "/"), text)
    text = unicodedata.normalize("NFKC", text).translate({0x2019: "'", 0x2018: "'", 0x02BC: "'"})
    if not text.isprintable():
        text = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return _MARKER.sub(lambda match: " " * len(match[0]), text)


def fold(word: str) -> str:
    """The word without case, accents and a possessive 's."""
    if len(word) == 1 and HAN_LETTER.match(word):
        return word
    word = word.casefold().removesuffix("'s")
    if word.isascii():
        return word
    letters = (letter for letter in unicodedata.normalize("NFD", word) if unicodedata.category(letter) != "Mn")
    return unicodedata.normalize("NFC", "".join(letters))


def lex(text: str) -> list[Token]:
    return [Token(fold(match[0]), match[0], match.start(), match.end()) for match in _TOKEN.finditer(text)]


HAN_LETTER = re.compile(f"[{HAN}]")


def squash(text: str) -> str:
    """The folded text without spaces and punctuation, to look for a title or a handle in."""
    return "".join(token.key for token in lex(plain(text)))


@lru_cache(maxsize=64)
def lexicon(entries: tuple[str, ...]) -> Lexicon:
    """An index over names whose spellings "|" divides. A text that is no name but looks like one has an empty group."""
    index: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for entry in entries:
        spellings = [spelling.strip() for spelling in entry.split("|") if spelling.strip()]
        for spelling in spellings:
            keys = tuple(token.key for token in lex(plain(spelling)))
            if keys:
                index.setdefault(keys[0], []).append((keys, "" if entry in NO_NAME else spellings[0]))
    return {first: sorted(found, key=lambda item: -len(item[0])) for first, found in index.items()}


def known(tokens: Sequence[Token], lexicons: Sequence[Lexicon]) -> list[tuple[str, int, int]]:
    """(group, first token, end token) of the lexicon names among the tokens, the longest where several begin."""
    found, index = [], 0
    while index < len(tokens):
        here = tokens[index]
        for keys, group in (item for lexicon in lexicons for item in lexicon.get(here.key, ())):
            end = index + len(keys)
            if tuple(token.key for token in tokens[index:end]) != keys:
                continue
            if len(keys) == 1 and here.raw.islower() and here.key in COMMON:
                continue  # china cups, a nice day
            if group:
                found.append((group, index, end))
            index = end - 1
            break
        index += 1
    return found


@lru_cache(maxsize=4096)
def common(word: str) -> bool:
    """Whether the folded word is an everyday one, perhaps inflected."""
    if word in COMMON or word in HOLLOW or "n't" in word:
        return True
    for suffix in ("s", "es", "ed", "d", "ing", "ly", "er", "r", "est", "y", "'ll", "'re", "'ve", "'d"):
        if word.endswith(suffix) and len(word) > len(suffix) + 1:
            stem = word.removesuffix(suffix)
            if {stem, stem + "e", stem[:-1] + "y" if stem.endswith("i") else stem} & COMMON:
                return True
            if len(stem) > 3 and stem[-1] == stem[-2] and stem[:-1] in COMMON:
                return True
    return False


def find_names(text: str, tokens: Sequence[Token], groups: Sequence[tuple[str, int, int]]) -> list[Name]:
    """All names of the plain text, in order, from its tokens and the lexicon names among them."""
    found: list[Name] = []
    covered = {index: group for group, start, end in groups for index in range(start, end)}
    for pattern in (_LINK, _HANDLE):
        for match in pattern.finditer(text):
            found.append(Name(match[0], match.start(), match.end(), literal=squash(match[0])))
    for match in _TITLE.finditer(text):
        title = match[1] or match[2] or match[3]
        found.append(Name(title, match.start(), match.end(), literal=squash(title), sure=not match[3]))
    tags = list(_TAG.finditer(text))
    taken = [(name.start, name.end) for name in found if not name.text.startswith("“")]
    taken += [match.span() for match in tags]
    found += [name for match in tags if (name := _tag(match, groups, tokens))]
    spans = bytearray(len(text) + 1)
    for start, end in taken:
        spans[start:end] = b"\1" * (end - start)
    free = [index for index, token in enumerate(tokens) if not spans[token.start]]
    chinese = sum(bool(HAN_LETTER.match(token.raw)) for token in tokens) > 0.3 * len(tokens)
    runs = _latin_runs(text, tokens, free) if chinese else _capital_runs(text, tokens, free, covered)
    in_runs: set[int] = set()
    for run, sure in runs:
        words = tuple(tokens[index].key for index in run if index not in covered)
        if not words:
            continue
        start, end = tokens[run[0]].start, tokens[run[-1]].end
        inside = tuple(dict.fromkeys(covered[index] for index in run if index in covered))
        found.append(Name(text[start:end], start, end, words, inside, sure=sure))
        in_runs.update(run)
    for group, first, last in groups:
        if first not in in_runs:
            start, end = tokens[first].start, tokens[last - 1].end
            found.append(Name(text[start:end], start, end, groups=(group,)))
    found += _places(text, {tokens[last - 1].end for _, _, last in groups})
    return sorted(found, key=lambda name: name.start)


def _tag(match: re.Match[str], groups: Sequence[tuple[str, int, int]], tokens: Sequence[Token]) -> Name | None:
    """A hashtag in Latin letters that is not made of everyday words and holds no lexicon name."""
    body = match[1]
    inside = any(match.start() <= tokens[first].start < match.end() for _, first, _ in groups)
    word = "".join(token.key for token in lex(body))
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", body)
    split = any(common(word[:cut]) and common(word[cut:]) for cut in range(2, len(word) - 1))
    if inside or HAN_LETTER.search(body) or split or all(common(part.lower()) or part.isdigit() for part in parts):
        return None
    return Name(match[0], match.start(), match.end(), words=(word,))


def _latin_runs(text: str, tokens: Sequence[Token], free: Sequence[int]) -> Iterator[tuple[list[int], bool]]:
    """Latin words and the digits beside them, in a Chinese text: everyday words, units and bare numbers left out."""
    run: list[int] = []
    for index in [*free, -1]:
        latin = index >= 0 and not HAN_LETTER.match(tokens[index].raw)
        if (
            latin
            and run
            and index == run[-1] + 1
            and text[tokens[run[-1]].end : tokens[index].start] in ("", " ", "-", "&")
        ):
            run.append(index)
            continue
        while run and tokens[run[0]].raw.isdigit():  # 500ml, 3 km, but 3CE
            after = tokens[run[1]].raw if len(run) > 1 else ""
            if after.isupper() and after.lower() not in UNITS and text[tokens[run[0]].end : tokens[run[1]].start] == "":
                break
            run = run[2:] if after.lower() in UNITS else run[1:]
        while (
            run
            and tokens[run[-1]].raw.isdigit()
            and text[tokens[run[-1]].end : tokens[run[-1]].end + 1]
            in tuple("元块天个分小米公人次年月日点折万千%:/.斤岁家")
        ):
            run.pop()
        words = [tokens[position] for position in run if not tokens[position].raw.isdigit()]
        named = not all(common(word.key) or word.key in _CALENDAR for word in words)
        if named and (len(run) > 1 or len(words[0].raw) > 1):
            yield run, True
        run = [index] if latin else []


def _capital_runs(
    text: str, tokens: Sequence[Token], free: Sequence[int], covered: Mapping[int, str]
) -> Iterator[tuple[list[int], bool]]:
    """Runs of capitalised words, sentence by sentence, and whether each is surely a name."""
    sentence: list[int] = []
    for index in free:
        if sentence and _breaks(text, tokens[sentence[-1]], tokens[index]):
            yield from _runs_of(text, tokens, sentence, covered)
            sentence = []
        sentence.append(index)
    yield from _runs_of(text, tokens, sentence, covered)


def _breaks(text: str, one: Token, two: Token) -> bool:
    between = text[one.end : two.start]
    if between in (" ", "-", "", ", "):
        return False
    if between.startswith(".") and (one.key in _ABBREVIATIONS or len(one.key) == 1):
        return False
    return bool(_BREAK.search(between)) or any(unicodedata.category(letter) == "So" for letter in between)


def _capital(token: Token) -> bool:
    return any(letter.isupper() for letter in token.raw)


def _runs_of(
    text: str, tokens: Sequence[Token], sentence: Sequence[int], covered: Mapping[int, str]
) -> Iterator[tuple[list[int], bool]]:
    content = [i for i in sentence[1:] if len(tokens[i].key) > 2 and tokens[i].key not in HOLLOW and i not in covered]
    lower = sum(not _capital(tokens[index]) for index in content if not tokens[index].raw.isdigit())
    ordinary = [index for index in content if _capital(tokens[index]) and common(tokens[index].key)]
    headline = bool(ordinary) and lower <= 0.15 * len(content)  # Every Word Has a Capital, or ALL OF IT
    run: list[int] = []
    for index in [*sentence, -1]:
        if index >= 0 and _belongs(text, tokens, run, index, headline, covered):
            run.append(index)
            continue
        if run and (found := _trimmed(tokens, sentence, run, headline, covered)):
            yield found
        run = []
        if index >= 0 and _belongs(text, tokens, run, index, headline, covered):
            run = [index]


def _belongs(
    text: str, tokens: Sequence[Token], run: Sequence[int], index: int, headline: bool, covered: Mapping[int, str]
) -> bool:
    """Whether the token begins a run of capitals, or goes on with it."""
    token = tokens[index]
    if run:
        before = tokens[run[-1]]
        gap = text[before.end : token.start]
        if index != run[-1] + 1 or gap not in (" ", "-", "", "&", " & ", ". "):
            return False
        if token.raw.isdigit():  # iPhone 15, PS5, Terminal 2, but not "Kyoto 3 times" or "At 9:30"
            follows = tokens[index + 1] if index + 1 < len(tokens) else None
            bare = (
                text[token.end : token.end + 1] not in (":", ".", ",", "%", "/")
                or text[token.end + 1 : token.end + 2] == " "
            )
            counts = follows is not None and (follows.key in UNITS or not (_capital(follows) or common(follows.key)))
            tight = gap == ""
            starter = before.key in STARTERS or before.key in _CALENDAR
            return tight or (bare and not counts and not starter and run[-1] not in covered and len(token.raw) < 4)
    if token.raw.isdigit():  # 7A, 3CE
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        return bool(
            after and after.start == token.end and after.raw.isupper() and after.key not in UNITS and len(token.raw) < 5
        )
    if not _capital(token) or token.key in _CALENDAR or token.key in ("i", "i'm", "i've", "i'll", "i'd"):
        return False
    if headline:
        return _shaped(token.raw) or not common(token.key)
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    numbered = after is not None and after.raw.isdigit() and after.start == token.end  # PS5
    return numbered or not (token.raw.isupper() and len(token.raw) > 1 and common(token.key))  # SO good


def _shaped(raw: str) -> bool:
    """Letters whose case says "name" wherever they stand: iPhone, YouTube."""
    return bool(re.search(r"[a-z][A-Z]", raw))


def _trimmed(
    tokens: Sequence[Token], sentence: Sequence[int], run: list[int], headline: bool, covered: Mapping[int, str]
) -> tuple[list[int], bool] | None:
    """The run without the words that only open a sentence, and whether it is surely a name; None where none is left."""
    while run and tokens[run[0]].key in STARTERS and run[0] not in covered:
        run = run[1:]
    if not run or all(tokens[index].raw.isdigit() for index in run):
        return None
    words = [tokens[index] for index in run if not tokens[index].raw.isdigit()]
    if any(_shaped(word.raw) for word in words) or any(index in covered for index in run):
        return run, True
    digits = len(words) < len(run)
    ordinary = all(common(word.key) for word in words)
    opens = run[0] == sentence[0]
    if headline:
        before = tokens[run[0] - 1].key if run[0] > sentence[0] else ""
        return (run, True) if digits or before in _BEFORE_PLACE else None
    if opens and not digits:
        if ordinary or (len(run) == 1 and _ORDINARY_ENDS.fullmatch(words[0].key) and not words[0].raw.isupper()):
            return None
        return run, len(run) > 1 and not common(words[0].key)
    return None if ordinary and len(run) == 1 else (run, True)


def _places(text: str, edges: Set[int]) -> Iterator[Name]:
    """Chinese places by their suffix, where it can be told how they begin: 去岚山, 在灵隐寺."""
    for match in _SUFFIX.finditer(text):
        start = match.start()
        while match.start() - start < 4 and not _begins(text, start, edges):
            start -= 1
        begins = _begins(text, start, edges)
        stem, suffix = text[start : match.start()], match[0]
        least = 1 if suffix in "寺山湖" else 2
        if text.startswith(_NEXT_WORD, match.start()):
            continue  # 市区, 路口: the suffix begins a word
        if begins and len(stem) >= least and stem[-1] not in _SUFFIXES[suffix]:
            yield Name(stem + suffix, start, match.end(), literal=stem + suffix, sure=suffix in _SURE)


def _begins(text: str, start: int, edges: Set[int]) -> bool:
    """Whether a Chinese word can be told to begin here; `edges` are the ends of the names before."""
    return start in edges or start == 0 or text[start - 1] in _EDGE or not HAN_LETTER.match(text[start - 1])
