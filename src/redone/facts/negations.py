"""What a text denies: the negations, English or Chinese, with the words that each speaks of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from redone.facts.lexicon import HOLLOW, OPPOSITES
from redone.facts.names import HAN_LETTER, Token, common
from redone.facts.quantity import lowered

SCOPE = 4  # words, or Chinese characters, that a negation reaches

_STRONG = frozenset(
    "not no never without none nothing nobody nowhere neither nor cannot cant dont doesnt isnt didnt wasnt wont aint "
    "arent".split()
)
_WEAK = frozenset(
    "avoid avoids avoiding skip skips skipping refuse refuses refused lack lacks lacking forbidden banned prohibited "
    "prohibits hardly barely rarely unable stop fails failed instead rather zero".split()
)
_BANNED = frozenset("forbidden banned prohibited".split())
# Participles that look back: of "laptops are not allowed in the cafe" the head is laptops.
_BACK = frozenset(
    "allowed needed required accepted available permitted possible included provided "
    "necessary served recommended suitable advised covered".split()
)
# Words that mean "not open".
_CLOSED = frozenset("closed shut".split())
_HAN_CLOSED = re.compile("休息(?=[,。;!\\n]|$)|闭馆|歇业|停业")
# Words that deny without a negation, so that a negation may turn into them.
_DENYING = frozenset(
    "only solely closed shut free missing absent sold fully otherwise unless except far zero pitfall pitfalls "
    "mistake wrong bad worst regret beware careful unavailable unnecessary impossible "
    "extra separate separately surcharge".split()
)
_HAN_STRONG = re.compile("[不没無无别未勿莫甭]|[并绝而]非")
_HAN_WEAK = re.compile("禁止|严禁|谢绝|拒绝|避免|避开|杜绝|跳过|免(?!费|税|疫|得|单)|缺(?!点)|少(?=[吃买去喝]|于)")
_HAN_DENYING = re.compile(
    "[只仅]|避坑|避雷|踩坑|踩雷|小心|谨慎|当心|关闭|闭馆|歇业|停业|售罄|劝退|难以|除非|否则|[零0](?=[糖卡脂添])|"
    "最多|以内|"
    r"(?<![a-z])(?:at most|under|up to|within|below|less than)(?![a-z])"
)
# Ways of speaking that hold a negation and deny nothing, and Chinese words that only look like one.
_ENGLISH_IDIOMS = (
    r"(?<![a-z])(?:not only|not just|not to mention|not to be missed|not to miss|not bad|not least|not surprisingly|"
    r"no doubt|no wonder|no matter|no worries|no problem|no joke|no better|no\. ?(?=[0-9])|none other than|or not|"
    r"if not|why not|nothing (?:beats|better|like|but)|never better|never fails to|more often than not|"
    r"without (?:a )?doubt|(?:no|not) (?:more|less|fewer) than|(?:don't|do not|never|can't) (?:miss|worry|forget|"
    r"hesitate)(?: out)?|(?:can't|cannot|can not|couldn't) (?:stand|bear|wait|help|stop|beat|go wrong|agree more|"
    r"be better|get enough|recommend [a-z]+ enough)|you won't regret(?: it)?|won't be disappointed|"
    r"won't disappoint)(?![a-z])"
)
_CHINESE_IDIOMS = (
    "不错 不得不 忍不住 不愧 不过 不断 不知不觉 差不多 了不起 不一样 不同 不得了 不好意思 舍不得 不锈钢 对不起 不用说 "
    "不可思议 不要太 不然 要不 不料 不免 不止 不禁 不由 不胜 想不到 来不及 怪不得 特别 别超过 "
    "没问题 没关系 没话说 没得说 没毛病 "
    "毫无疑问 无微不至 无印良品 无人机 无花果 非常 绝不 绝 (?P<verb>[\u4e00-\u9fff])[不没](?P=verb) "
    "不[仅但只光单] 不[管论妨已] 不[虚枉]此行 不[二愁亏负妙] 不少(?!于) 不知道?为什么 数不[清胜] 说不[定上] "
    "无[论数比敌语限线奈聊穷] 无[锡缝名] 莫[斯名兰大奈] 未[来免] 没[错事想] 别[人墅致具的称名样扭] "
    "[区分级性类个告识辨派离道]别 贵[州阳宾妇姓族] [珍宝名]贵 没有?比(?=[^，。,.!]{1,8}更) "
    "(?:千万)?(?:不要|别|不能|不可|不容|不会|不)(?:错过|忘了?|忘记|踩雷|出错|后悔|翻车) "
    "不(?:[要能可得]?超过|少于|低于|高于|到(?=[0-9一二三四五六七八九十两百]))"
)
_IDIOM = re.compile("|".join([_ENGLISH_IDIOMS, *_CHINESE_IDIOMS.split()]))
_CLAUSE = re.compile(
    r"[,.!?;:，。！？；：、\n…()（）|~]| but | although | though | yet | because | so |但|却|因为|所以|不过"
)
_HAN_HOLLOW = frozenset("人谁敢要能会用必须可以得该想是太很再有让给被把收接受提供需支持怎么那这什")
_HAN_ENDS = frozenset("的了啊吧呢吗哦过着呀啦哈喔也都就")


@dataclass(frozen=True, slots=True)
class Negation:
    """One denial. Its head is the word that it denies first; its scope the words near by."""

    text: str
    start: int
    end: int  # of the scope
    head: str
    scope: frozenset[str] = field(default_factory=frozenset)
    strong: bool = True  # False: avoid, skip, closed, 禁止, which may stand for a negation and need not
    back: bool = False  # it speaks of words before it
    implied: bool = False  # closed for not open: an exception (open but on Mondays) says the same


@dataclass(frozen=True, slots=True)
class Claims:
    """What a text denies, and every word it says without denying it."""

    denied: tuple[Negation, ...]
    said: frozenset[str]  # stems of English words, pairs of Chinese characters, outside every negation's scope
    words: frozenset[str]  # the same, everywhere
    hints: int  # words such as only, closed, 只, 避坑 that may say what a negation said


def stem(word: str) -> str:
    """A crude stem, enough to find one word again: visiting, visited and visits are visit."""
    for suffix in ("ing", "ed", "es", "s", "e"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(suffix)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def claims(text: str, tokens: Sequence[Token]) -> Claims:
    """The claims of a plain text."""
    lower = lowered(text)
    idle = bytearray(len(lower) + 1)  # 1 inside an idiom
    for match in _IDIOM.finditer(lower):
        idle[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    breaks = bytearray(len(lower) + 1)
    for match in _CLAUSE.finditer(lower):
        breaks[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    found = [*_english(lower, tokens, idle, breaks), *_han(lower, idle, breaks)]
    found = _without_double(lower, sorted(found, key=lambda item: item.start))
    found += _closed(lower, tokens, found)
    denied = bytearray(len(lower) + 1)
    for negation in found:
        denied[negation.start : negation.end] = b"\1" * (negation.end - negation.start)
    said: set[str] = set()
    words: set[str] = set()
    for one, two in zip(tokens, [*tokens[1:], None]):
        if idle[one.start]:
            continue
        keys = {stem(one.key)}
        if HAN_LETTER.match(one.raw):
            keys = {one.key}
            if two is not None and two.start == one.end and HAN_LETTER.match(two.raw):
                keys |= {one.key + two.key, _SAME_HAN.get(one.key + two.key, one.key)}
        words |= keys
        if not denied[one.start]:
            said |= keys
    hints = sum(token.key in _DENYING for token in tokens) + len(_HAN_DENYING.findall(lower))
    return Claims(tuple(found), frozenset(said), frozenset(words), hints)


def _english(lower: str, tokens: Sequence[Token], idle: bytearray, breaks: bytearray) -> list[Negation]:
    found = []
    for index, token in enumerate(tokens):
        strong = token.key in _STRONG or token.key.endswith("n't")
        if not (strong or token.key in _WEAK or token.key == "free") or idle[token.start]:
            continue
        suffix_free = token.key == "free"
        if suffix_free and lower[token.start - 1 : token.start] != "-":
            continue
        if token.key == "no" and token.raw != "no" and lower[token.end : token.end + 1] in (",", "."):
            continue  # No, ... answers what nobody asked here
        after: list[Token] = []
        for place in range(index + 1, min(index + 1 + 3 * SCOPE, len(tokens))):
            word = tokens[place]
            if any(breaks[token.end : word.start]) or len(after) == SCOPE:
                break
            if word.key not in HOLLOW and word.key != "nor" and not HAN_LETTER.match(word.raw):
                after.append(word)
        before = [
            word
            for word in tokens[max(0, index - 5) : index]
            if not any(breaks[word.end : token.start]) and word.key not in HOLLOW
        ]
        follows = tokens[index + 1].key if index + 1 < len(tokens) else ""
        passive = token.key in _BANNED and index > 0 and tokens[index - 1].key in ("is", "are", "was", "were")
        back = suffix_free or not after or follows in _BACK or passive
        if back and before:
            scope = before[-1:] if suffix_free else before[-2:]
            start, end, head = scope[0].start, token.end, before[-1:]
            if follows in _BACK:  # "included" is denied, of breakfast
                head, end = [tokens[index + 1]], tokens[index + 1].end
        else:
            head, scope, start, end = after[:1], after, token.start, after[-1].end if after else token.end
        if token.key == "neither":
            head = after[-1:]  # neither the gym nor the pool is *open*
        if token.key in ("instead", "rather"):
            head = []  # may say what a negation says, but turns nothing round
        if head and head[0].key.startswith("un") and common(head[0].key[2:]):
            continue  # not uncommon
        stems = frozenset(stem(word.key) for word in scope if not word.raw.isdigit() or word in head)
        text = lower[token.start : head[0].end] if head and head[0].start > token.start else lower[start : token.end]
        found.append(
            Negation(
                text,
                start,
                end,
                stem(head[0].key) if head else "",
                stems,
                strong,
                back=bool(back) and follows not in _BACK,
            )
        )
    return found


def _han(lower: str, idle: bytearray, breaks: bytearray) -> list[Negation]:
    found = []
    cues = [(match, True) for match in _HAN_STRONG.finditer(lower)]
    cues += [(match, False) for match in _HAN_WEAK.finditer(lower)]
    for match, strong in cues:
        if idle[match.start()]:
            continue
        place = match.end()
        while place < len(lower) and lower[place] in _HAN_HOLLOW and not breaks[place]:
            place += 1
        end = place
        while end < len(lower) and end - place < SCOPE + 1 and HAN_LETTER.match(lower[end]) and not breaks[end]:
            if end > place and lower[end] in _HAN_STOP:
                break
            end += 1
        scope = lower[place:end].rstrip("".join(_HAN_ENDS))
        start = match.start()
        skipped = lower[match.end() : place]
        if not scope:  # 现金不收
            while (
                start > 0 and match.start() - start < 2 and HAN_LETTER.match(lower[start - 1]) and not breaks[start - 1]
            ):
                start -= 1
            scope = lower[start : match.start()]
        keys = {scope[i : i + 2] for i in range(len(scope) - 1)} or {scope}
        keys |= {_SAME_HAN[key] for key in keys if key in _SAME_HAN}
        head = _SAME_HAN.get(scope[:2], scope[:2])
        if scope and scope[0] in _SINGLE:
            keys.add(scope[0])
            head = head if head in _OPPOSITE else scope[0]
        if start < match.start() and skipped:
            head = skipped[-1]
            keys.add(head)
        found.append(Negation(lower[start:end], start, end, head, frozenset(keys - {""}), strong))
    return found


def _closed(lower: str, tokens: Sequence[Token], found: Sequence[Negation]) -> list[Negation]:
    spans = [(token.start, token.end, "open") for token in tokens if token.key in _CLOSED]
    spans += [(match.start(), match.end(), "开门") for match in _HAN_CLOSED.finditer(lower)]
    return [
        Negation(lower[start:end], start, end, head, frozenset([head]), strong=False, implied=True)
        for start, end, head in spans
        if not any(other.start < start < other.end for other in found)
    ]


def _without_double(lower: str, found: Sequence[Negation]) -> list[Negation]:
    """Without the pairs that undo each other: never without, 没有人不喜欢. "nor" after "neither" is nothing new."""
    kept: list[Negation] = []
    for negation in found:
        before = kept[-1] if kept else None
        if before is not None and before.strong and before.start < negation.start < before.end:
            if negation.text.startswith("nor"):
                continue
            between = lower[before.start : negation.start].split()
            if negation.strong and all(word in HOLLOW for word in between[1:]):  # Chinese has no spaces
                kept.pop()
                continue
        kept.append(negation)
    return kept


_HAN_STOP = frozenset("也又且并和跟而不没无别")
_SAME_HAN = {"营业": "开门", "开放": "开门"}
_SINGLE = frozenset("贵辣甜远近累难咸腻冷热吵挤快慢大小多少好酸苦厚薄脏甩")
_OPPOSITE: dict[str, frozenset[str]] = {}
for _one, _other, _ in OPPOSITES:
    for _side, _facing in ((_one, _other), (_other, _one)):
        for _word in _side:
            _keys = {_stem for _item in _facing for _stem in ([stem(_item)] if _item.isascii() else [_item[:2]])}
            _key = stem(_word) if _word.isascii() else _word[:2]
            _OPPOSITE[_key] = _OPPOSITE.get(_key, frozenset()) | _keys


def opposites(word: str) -> frozenset[str]:
    """The opposites of a stem or of a pair of characters, un- and in- words among them."""
    if word and word.isascii():
        return _OPPOSITE.get(word, frozenset()) | {prefix + word for prefix in ("un", "in", "im", "dis")}
    return _OPPOSITE.get(word, frozenset())


def compare(source: Claims, answer: Claims) -> tuple[list[Negation], list[Negation], list[Negation]]:
    """The strong negations of the source that the answer keeps, those that it loses, and those that it makes up.

    Two negations meet where they share a word. One that meets none is lost, or made up, where the other text says its
    head plainly. Otherwise the other text may have put it another way: with the opposite word, with a negation or a
    word such as "only" that is left over. What is left is lost, or made up.
    """
    free = list(answer.denied)
    unmet: list[Negation] = []
    kept: list[Negation] = []
    for negation in source.denied:
        meets = [other for other in free if _meet(negation, other)]
        meets = [other for other in meets if other.head == negation.head] or meets
        if meets:
            free.remove(meets[0])
            kept.append(negation)
        elif any(_meet(negation, other) for other in answer.denied):
            kept.append(negation)  # said twice, once is enough
        else:
            unmet.append(negation)
    free = [other for other in free if not any(_meet(negation, other) for negation in source.denied)]
    lost, made, open_source, open_answer = [], [], [], []
    for negation in unmet:
        if _plainly(negation, answer):
            lost.append(negation)
        elif opposites(negation.head) & answer.said:
            kept.append(negation)
        else:
            open_source.append(negation)
    for other in free:
        if _plainly(other, source):
            made.append(other)
        elif not opposites(other.head) & source.said:
            open_answer.append(other)
    spare_answer, spare_source = len(open_answer) + answer.hints, len(open_source) + source.hints
    for negation in open_source:
        if negation.strong:
            (kept if spare_answer > 0 else lost).append(negation)
            spare_answer -= 1
    for other in open_answer:
        if other.strong:
            if spare_source <= 0:
                made.append(other)
            spare_source -= 1
    return [negation for negation in kept if negation.strong], lost, made


def _meet(one: Negation, other: Negation) -> bool:
    """Whether two negations deny the same."""
    if one.head.isdigit() and other.head.isdigit():
        return one.head == other.head
    short, long = sorted((one.head, other.head), key=len)
    han = bool(short) and not short.isascii() and short in long
    return bool(one.scope & other.scope) or (bool(short) and short == long) or han


def _plainly(negation: Negation, other: Claims) -> bool:
    """Whether the other text says what the negation denies."""
    if negation.implied and other.hints:
        return False
    return bool(negation.head) and negation.head in other.said and (not negation.back or negation.scope <= other.said)


def contradictions(source: Claims, answer: Claims) -> list[tuple[str, str]]:
    """(word of the source, opposite in the answer) where the answer says the opposite and never the word."""
    found = []
    for one, other, sharp in OPPOSITES:
        for left, right in ((one, other), (other, one)) if sharp else ():
            sides = [
                {(stem(word) if word.isascii() else word[:2]): word for word in side if len(word) > 1 or word == "贵"}
                for side in (left, right)
            ]
            said = [
                [word for key, word in side.items() if key in claims.said]
                for side, claims in zip(sides, (source, answer))
            ]
            if said[0] and said[1] and not (sides[0].keys() & answer.words or sides[1].keys() & source.words):
                found.append((sorted(said[0])[0], sorted(said[1])[0]))
    return found
