"""The numbers of a text with what they measure: lengths, masses, times, prices, shares, plain counts."""

import re
from collections.abc import Iterator
from dataclasses import replace

from redone.facts.lexicon import HOLLOW, STARTERS
from redone.facts.moments import moments
from redone.facts.quantity import (
    HAN,
    HAN_POWERS,
    POWERS,
    VALUES,
    Quantity,
    han_number,
    lowered,
    number_words,
    value_of,
)

# Kind and system, then for some spellings their factor to the kind's base unit. A spelling may stand in several kinds.
_TABLE = """
length metric: km kms kilometer kilometers kilometre kilometres 公里 千米=1000; m meter meters metre metres 米 公尺=1
length metric: cm centimeter centimeters centimetre centimetres 厘米 公分=0.01; mm millimeter millimeters 毫米=0.001
length metric: 里=500
length imperial: mile miles mi 英里=1609.344; ft foot feet 英尺=0.3048; inch inches 英寸=0.0254
length imperial: yard yards yd 码=0.9144
mass metric: kg kgs kilo kilos kilogram kilograms 公斤 千克=1; g gram grams 克=0.001; mg 毫克=0.000001; 斤=0.5
mass metric: 吨 ton tons tonne tonnes=1000
mass imperial: lb lbs pound pounds 磅=0.45359237; oz ounce ounces 盎司=0.028349523
volume metric: l litre litres liter liters 升=1; ml 毫升=0.001
volume imperial: gallon gallons 加仑=3.785411784
area metric: m2 sqm 平米 平方米=1
area imperial: sqft 平方英尺=0.09290304
time clock: second seconds sec secs 秒 秒钟=1; minute minutes min mins 分钟=60
time clock: hour hours hr hrs h 小时 个小时 钟头 个钟头 个钟=3600
time clock: 刻钟=900; day days 天 日=86400; week weeks 周 星期 个星期 礼拜 个礼拜=604800; fortnight fortnights=1209600
months calendar: month months 个月=1; year years yr yrs 年 岁 周岁=12; decade decades=120
nights calendar: night nights 晚 夜=1
share percent: % percent pct=0.01; 成=0.1
USD money: dollar dollars buck bucks usd 美元 美金 刀=1; cent cents=0.01
HKD money: dollar dollars hkd 港币 港元=1
TWD money: twd ntd 台币 新台币=1
EUR money: euro euros eur 欧元 欧=1
GBP money: pound pounds quid gbp 英镑=1
CNY money: yuan rmb cny 元 块 块钱 元钱 人民币 yen-or-yuan=1; 毛 毛钱=0.1
JPY money: yen jpy 円 日元 日币 yen-or-yuan=1
KRW money: won krw 韩元 韩币=1
THB money: baht thb 泰铢=1
bytes data: gb g=1; mb=0.001; tb=1000
charge data: mah 毫安 毫安时=1
degree C: °c degrees_celsius degree_celsius degrees_c celsius 摄氏度 ° degrees degree 度=1
degree F: °f degrees_fahrenheit degree_fahrenheit degrees_f fahrenheit 华氏度 ° degrees degree 度=1
"""
_SIGNS = {"$": "dollar", "us$": "usd", "hk$": "hkd", "nt$": "twd", "€": "eur", "£": "gbp", "₩": "won", "฿": "baht"}
_SIGNS["¥"] = "yen-or-yuan"
_COUNTERS = (
    "个次人家款件张本条只杯碗套道位种站楼层号期集步倍顿间瓶盒包袋片颗枚双场座支部台辆轮名页章篇首幅匹头门级环路口遍趟代"
    "星份集串根盘项类点分字栋支后宫岁折"
)


def _table() -> dict[str, tuple[tuple[str, float, str], ...]]:
    units: dict[str, tuple[tuple[str, float, str], ...]] = {}
    for line in _TABLE.strip().splitlines():
        head, groups = line.split(": ")
        kind, system = head.split()
        for group in groups.split("; "):
            names, factor = group.split("=")
            for name in names.replace("_", "\0").split():
                name = name.replace("\0", " ")
                units[name] = (*units.get(name, ()), (kind, float(factor), system))
    return units


UNITS = _table()
_UNIT = re.compile(
    r"[ \u00a0-]?(?:(sq(?:uare)?\.? ?(?:(m)(?:et(?:re|er)s?)?|f(?:ee|oo)?t))(?![a-z])|("
    + "|".join(
        re.escape(unit) + ("(?![a-z])" if unit[-1].isascii() and unit[-1].isalpha() else "")
        for unit in sorted(UNITS, key=len, reverse=True)
    )
    + "))"
)
_WORD = "|".join(sorted([*VALUES, *POWERS], key=len, reverse=True))
_CN = f"[{''.join(HAN)}{''.join(HAN_POWERS)}]"
_NUMBER = re.compile(
    r"(?P<mixed>(?<![0-9.,])[0-9]{1,4} [0-9]{1,2}/[0-9]{1,2}(?![0-9/]))"
    r"|(?P<digits>[0-9]{1,3}(?:,[0-9]{3}){1,4}(?![0-9])(?:\.[0-9]{1,9})?|[0-9]{1,15}(?:\.[0-9]{1,9})?)"
    rf"|(?P<words>(?<![a-z])(?:half a dozen|twice|(?:an? (?=hundred|thousand|million|dozen))?"
    rf"(?:{_WORD})(?:[ -](?:and )?(?:{_WORD})){{0,12}})(?![a-z]))"
    rf"|(?P<soft>(?<![a-z])(?:half an?|half|an?|couple of|pair of|both)(?= (?!hundred|thousand|million|dozen)|-)"
    r"|一?半|双(?=[人份倍]))"
    rf"|(?P<han>{_CN}{{1,12}}(?:点[零〇一二三四五六七八九]{{1,6}})?)"
)
_SOFT = {"双": 2.0, "一半": 0.5, "couple of": 2.0, "pair of": 2.0, "both": 2.0, "a": 1.0, "an": 1.0}
_WORDS = {"half a dozen": 6.0, "twice": 2.0}
# One of these may be a way of speaking: one day, half a day, 一块.
_VAGUE = frozenset("day night week year second minute 天 年 日 晚 夜 周 里 块 成".split())
_MAGNITUDE = re.compile(
    r"(k|w)(?![a-z0-9])|[ -]?(hundred|thousand|million|billion|bn)(?![a-z])|([百千万亿]{1,2})(?!达)"
)
_MAGNITUDES = {"k": 1e3, "w": 1e4, "bn": 1e9}
_PREFIX = re.compile(r"((?:us|hk|nt)?\$|[€£¥₩฿]|(?<![a-z])(?:rmb|cny|usd|eur|gbp|jpy|hkd)) ?$")
_BEFORE = {  # before a number, in this order: "no more than" ends like "more than"
    "most": r"(?:(?<![a-z])(?:under|less than|fewer than|below|at most|within|(?:no|not) more than"
    r"|(?<!went )(?<!rose )(?<!go )(?<!goes )up to)"
    r"|(?:不[要能可得]?|别|勿)超过|不到|最多|不高于|少于|低于) ?$",
    "least": r"(?:(?<![a-z])(?:over|more than|at least|above|(?:no|not) less than|no fewer than)"
    r"|至少|超过?|不少于|不低于|最少) ?$",
    "about": r"(?:(?<![a-z])(?:about|around|roughly|approximately|approx\.?|nearly|almost|some|circa|close to)"
    r"|[~≈约近]|大概|差不多|将近) ?$",
}
_AFTER = {
    "least": r" ?(?:\+|以上|or more|and up)|起(?!来|床)|多[元块人家个天]?(?!少)",
    "most": r" ?(?:以内|以下|之内|or less|or fewer)",
    "about": r" ?(?:左右|上下|or so(?![a-z]))|-?ish(?![a-z])|[来余]",
}
_BOUND_BEFORE = {bound: re.compile(pattern) for bound, pattern in _BEFORE.items()}
_BOUND_AFTER = {bound: re.compile(pattern) for bound, pattern in _AFTER.items()}
_DENIED = re.compile(
    r"(?:(?<![a-z])(?:nothing|never|none|nobody|not)|n't|没有?|从不|不会)(?! (?:more|less))[^,.;!?]{1,30}$"
)
_ODD = re.compile(r"[多来余]")  # between a numeral and its measure: 两百多块
_TENTHS = re.compile(r"(?:[0-9]{1,2}|[一二三四五六七八九]{1,2})(?![0-9.]|(?![的左起毛钱])[\u4e00-\u9fff])")
_HALF_MORE = re.compile(r" and a half(?![a-z])")
_OFF = re.compile(r" ?(?:off|discount|cheaper|less)(?![a-z])|的?(?:优惠|折扣)")
_CUT = re.compile(r"(?:优惠|降价|减价|立减|便宜|discount of|save|saves) ?$")
_MINUS = re.compile(r"(?:(?<![0-9a-z°])[-\u2212]|零下|minus )$")
_RANGE = re.compile(r" ?(?:[-–—~至到]|to|or|and|或) ?")
_NOUN = re.compile(r"[ -]([a-z]{2,20})")
_HAN_NOUN = re.compile(r"[\u4e00-\u9fff]{1,2}")
_ORDINAL = re.compile(
    r"(?<![0-9.])([0-9]{1,4})(?:st|nd|rd|th)(?![a-z])|(?<![a-z])(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)"
    rf"(?![a-z])|第([0-9]{{1,4}}|[{''.join(HAN)}十百]{{1,5}})"
)
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_SURE_SECOND = re.compile(r" (?:floor|day|night|year|edition|generation|place|stop|week|month|prize|largest|biggest)")
_FRACTION = re.compile(r"(?<![0-9/.])(?<![0-9] )([0-9]{1,4}(?:\.[0-9])?) ?(?:/|out of) ?([0-9]{1,4})(?![0-9/]|\.[0-9])")
_IN = re.compile(r"(?<![a-z0-9.])(one|two|three|four|nine|[1-9]) in (three|four|five|ten|[3-6]|10|100)(?![a-z0-9.,:])")
_HAN_FRACTION = re.compile(
    rf"({_CN}{{1,4}}|[0-9]{{1,4}})分之({_CN}{{1,6}}(?:点[零一二三四五六七八九]{{1,4}})?|[0-9]{{1,4}}(?:\.[0-9]{{1,4}})?)"
)
_WORD_FRACTION = re.compile(
    r"(?<![a-z])(a|one|two|three|four|five|seven|nine)[ -](third|quarter|fifth|sixth|eighth|tenth)s?(?![a-z])"
)
_DISCOUNT = re.compile(rf"([0-9](?:\.[0-9])?|[0-9]{{2}}|{_CN}{{1,2}})折(?!叠|腾|返|磨)|(half[ -]price|半价)")
_IDIOM = re.compile(
    r"千万(?=别|不|要|记|勿|注意|小心|得)|万一|十分(?!钟|之)|一一|百分百|三三两两|七七八八|五花八门|乱七八糟|四面八方|千万不|"
    r"(?<=[a-z])[0-9]{1,6}(?![0-9])|百度|百货|百年|千层|万圣|十字|一百分|两口子|三文鱼|五花肉|四合院|三明治|八爪鱼"
)


def quantities(text: str) -> list[Quantity]:
    """The numbers of a text in the order of their places. The text is as facts.plain leaves it."""
    lower = lowered(text)
    taken = bytearray(len(text))

    def free(start: int, end: int) -> bool:
        return not any(taken[start:end])

    def take(start: int, end: int) -> None:
        taken[start:end] = b"\1" * (end - start)

    found: list[Quantity] = []
    spans: set[tuple[int, int]] = set()
    for quantity in (*_fractions(lower), *moments(text, lower)):
        span = quantity.start, quantity.end
        if span in spans or free(*span):  # the two days of a weekend share a place
            found.append(replace(quantity, text=text[slice(*span)]))
            spans.add(span)
            take(*span)
    for match in _IDIOM.finditer(lower):
        if free(*match.span()):
            take(*match.span())
    for quantity in _ordinals(lower):
        if free(quantity.start, quantity.end):
            found.append(replace(quantity, text=text[quantity.start : quantity.end]))
            take(quantity.start, quantity.end)
    place = 0
    while numeral := _NUMBER.search(lower, place):
        place = numeral.end()
        if free(*numeral.span()) and (read := _number(text, lower, numeral)):
            found += read
            place = max(place, read[-1].end)
        elif not free(*numeral.span()) and free(numeral.start(), numeral.start() + 1):
            place = numeral.start() + 1  # the 2 of "2 1/2" where 1/2 is taken
    found.sort(key=lambda quantity: (quantity.start, quantity.end))
    return _joined(lower, found)


def _fractions(lower: str) -> Iterator[Quantity]:
    def share(match: re.Match[str], value: float, kind: str = "share", firm: bool = True) -> Quantity:
        system = "percent" if kind == "off" else "fraction"
        return Quantity(match[0], match.start(), match.end(), value, ((kind, value, system),), firm=firm)

    for match in _DISCOUNT.finditer(lower):
        kept = 0.5 if match[2] else (value_of(match[1]) or 0) / 10
        kept = kept / 10 if kept > 1 else kept  # 85折
        yield share(match, 1 - kept, "off")
    for match in _FRACTION.finditer(lower):
        above, below = float(match[1]), float(match[2])
        if 0 < above <= below:
            yield replace(
                share(match, above / below), readings=(("share", above / below, "fraction"), ("count", above, ""))
            )
    for match in _IN.finditer(lower):
        above, below = value_of(match[1]) or 0, value_of(match[2]) or 1
        if above < below and not _UNIT.match(lower, match.end()):
            yield share(match, above / below)
    for match in _HAN_FRACTION.finditer(lower):
        below, above = value_of(match[1]) or 0, value_of(match[2]) or 0
        if match[1] == "百":
            yield replace(share(match, above), readings=(("share", above / 100, "percent"),))
        elif below:
            yield share(match, above / below)
    for match in _WORD_FRACTION.finditer(lower):
        if lower.startswith((" of an hour", " hour"), match.end()):
            continue
        above = 1 if match[1] == "a" else VALUES[match[1]]
        below = {"third": 3, "quarter": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}[match[2]]
        yield share(match, above / below, firm=match[1] != "a")


def _ordinals(lower: str) -> Iterator[Quantity]:
    for match in _ORDINAL.finditer(lower):
        digits, word, han = match.groups()
        value = float(_ORDINALS.index(word) + 1) if word else value_of(digits or han)
        if value is None or (word == "second" and not _SURE_SECOND.match(lower, match.end())):
            continue
        if word and lower.startswith("every ", max(0, match.start() - 6)):
            continue  # every second day
        counts = lower[match.end() : match.end() + 1] in (",", ":", "、")  # First, ... Second, ...
        firm = not (word == "first" or han == "一" or counts)
        yield Quantity(match[0], match.start(), match.end(), value, (("count", value, ""),), "which", firm=firm)


def _values(match: re.Match[str]) -> list[float]:
    """What a numeral says: none where it is no number after all, several for "two three"."""
    written = match[0]
    if match["mixed"]:
        whole, above, below = (int(part) for part in written.replace("/", " ").split())
        return [whole + above / below] if below else []
    if match["digits"]:
        return [float(written.replace(",", ""))]
    if match["words"]:
        if written in _WORDS:
            return [_WORDS[written]]
        words = written.replace("-", " ").split()
        return [float(value) for value in number_words([word for word in words if word not in ("a", "an", "and")])]
    if match["han"]:
        value = han_number(written)
        return [] if value is None else [value]
    return [_SOFT.get(written, 0.5)]


def _number(text: str, lower: str, match: re.Match[str]) -> list[Quantity]:
    """The quantities that begin with this numeral: none where it is part of a word, several for "two three"."""
    start, end, written = match.start(), match.end(), match[0]
    values = _values(match)
    if len(values) != 1:
        return [Quantity(written, start, end, value, (("count", value, ""),), firm=value != 1) for value in values]
    value, end, odd = _magnified(lower, end, values[0], bool(match["digits"]))
    unit, end, value = _unit(lower, start, end, value)
    if match["soft"] and not unit and written != "双":
        half = written in ("half", "一半") or lower.startswith("半数", start)
        return [Quantity(written, start, end, 0.5, (("share", 0.5, "fraction"),), firm=False)] if half else []
    quantity = Quantity(written, start, end, value, _readings(unit, value, lower, start, end))
    if unit is None:
        counted = _counted(lower, quantity, match)
        if counted is None:
            return []
        quantity = replace(counted, firm=written not in ("one", "zero", "一", "双"))
    elif written in ("one", "一"):
        quantity = replace(quantity, firm=unit not in _VAGUE)
    elif match["soft"]:
        quantity = replace(quantity, firm=written.startswith(("half", "半")) and unit not in _VAGUE)
    if prefix := _PREFIX.search(lower, max(0, start - 5), start):
        quantity = replace(quantity, start=prefix.start())
    bound = "about" if odd else _bound(lower, quantity)
    return [replace(quantity, bound=bound, text=text[quantity.start : quantity.end].strip())]


def _magnified(lower: str, end: int, value: float, digits: bool) -> tuple[float, int, bool]:
    """The value with 万, k or million after it, where that ends, and whether 多 or the like follows."""
    if digits and (more := _MAGNITUDE.match(lower, end)):
        if more[3]:
            for power in more[3]:
                value *= HAN_POWERS[power]
        else:
            name = more[1] or more[2]
            value *= _MAGNITUDES.get(name) or POWERS[name]
        end = more.end()
    if half := _HALF_MORE.match(lower, end):
        value, end = value + 0.5, half.end()
    if odd := _ODD.match(lower, end):
        return value, odd.end(), True
    return value, end, False


def _unit(lower: str, start: int, end: int, value: float) -> tuple[str | None, int, float]:
    """The unit of a numeral, before or after it, where the whole ends, and the value with a half that follows."""
    if prefix := _PREFIX.search(lower, max(0, start - 5), start):
        return _SIGNS.get(prefix[1], prefix[1]), end, value
    if lower.startswith("个半", end):
        end, value = end + 2, value + 0.5
    match = _UNIT.match(lower, end)
    if match is None:
        return None, end, value
    unit = ("m2" if match[2] else "sqft") if match[1] else match[3]
    if unit in ("年", "日", "天", "成") and lower.startswith(
        ("级", "轻", "纪", "生", "功", "为", "人", "长"), match.end()
    ):
        return None, end, value
    end = match.end()
    if unit in ("米", "块", "元") and (more := _TENTHS.match(lower, end)):  # 一米八, 3块5
        tenths = "".join(str(HAN.get(digit, digit)) for digit in more[0])
        return unit, more.end(), value + float("0." + tenths)
    if (unit in ("年", "斤", "公里", "里", "米", "吨") and lower.startswith("半", end)) and value >= 1:
        return unit, end + 1, value + 0.5
    if more := _HALF_MORE.match(lower, end):
        return unit, more.end(), value + 0.5
    return unit, end, value


def _readings(unit: str | None, value: float, lower: str, start: int, end: int) -> tuple[tuple[str, float, str], ...]:
    if unit is None:
        return (("count", value, ""),)
    readings = UNITS[unit]
    if readings[0][0] == "degree" and _MINUS.search(lower, max(0, start - 6), start):
        value = -value
    if readings[0][0] == "share" and (_OFF.match(lower, end) or _CUT.search(lower, max(0, start - 12), start)):
        return (("off", value * readings[0][1], "percent"), ("share", value * readings[0][1], "percent"))
    return tuple((kind, value * factor, system) for kind, factor, system in readings)


def _counted(lower: str, quantity: Quantity, match: re.Match[str]) -> Quantity | None:
    """A number without a unit with what it counts; None where a Chinese numeral is only part of a word."""
    after = lower[quantity.end : quantity.end + 1]
    if match["han"]:
        written = match["han"]
        vague = lower[quantity.start - 1 : quantity.start] in ("几", "数", "好") or after == "几"
        counted = after != "" and after in _COUNTERS
        digits_only = all(letter in HAN for letter in written)
        only_powers = all(letter in HAN_POWERS for letter in written)
        if vague or (not counted and (len(written) == 1 or only_powers or (digits_only and len(written) < 4))):
            return None
        if only_powers and written != "十":
            return None
    if match["han"] or (after and after in _COUNTERS):
        noun = _HAN_NOUN.match(lower, quantity.end + (after in _COUNTERS and after != ""))
        named = after if after in "人次楼层号站路期集季步倍岁" else noun[0] if noun else after
        if after and after in _COUNTERS:
            return replace(quantity, end=quantity.end + 1, noun=named or "个")
        return replace(quantity, noun=noun[0] if noun else "")
    word = _NOUN.match(lower, quantity.end)
    if word and word[1] not in HOLLOW and word[1] not in STARTERS:
        return replace(quantity, noun=word[1][:-1] if word[1].endswith("s") else word[1])
    return quantity


def _bound(lower: str, quantity: Quantity) -> str:
    start = quantity.start
    before = (bound for bound, pattern in _BOUND_BEFORE.items() if pattern.search(lower, max(0, start - 16), start))
    after = (bound for bound, pattern in _BOUND_AFTER.items() if pattern.match(lower, quantity.end))
    bound = next(before, "") or next(after, "")
    if bound in ("least", "most") and _DENIED.search(lower, max(0, start - 40), start):
        return "most" if bound == "least" else "least"
    return bound


def _joined(lower: str, found: list[Quantity]) -> list[Quantity]:
    """With the unit of a range at both its ends (3-5 days), and 1 hour 30 minutes as one amount."""
    for index in range(len(found) - 2, -1, -1):
        one, two = found[index], found[index + 1]
        if two.start < one.end or not _RANGE.fullmatch(lower, one.end, two.start):
            continue
        if one.bare and one.firm and two.kind not in ("count", "off", "date", "month", "weekday", "clock"):
            found[index] = _like(one, two)
        elif two.bare and one.readings[0][2] == "money" and lower[one.end : two.start].strip() in "-–—~至到":
            found[index + 1] = _like(two, one)
    joined: list[Quantity] = []
    for quantity in found:
        before = joined[-1] if joined else None
        if (
            before is not None
            and before.kind == quantity.kind in ("time", "length", "mass", "months")
            and before.readings[0][2] == quantity.readings[0][2]
            and lower[before.end : quantity.start] in ("", " ", " and ", "零", "又")
            and before.end <= quantity.start
            and 0 < quantity.readings[0][1] < before.readings[0][1]
        ):
            total = before.readings[0][1] + quantity.readings[0][1]
            readings = ((quantity.kind, total, quantity.readings[0][2]),)
            joined[-1] = replace(
                before, end=quantity.end, readings=readings, number=-1.0, text=lower[before.start : quantity.end]
            )
        else:
            joined.append(quantity)
    return joined


def _like(bare: Quantity, other: Quantity) -> Quantity:
    scale = bare.number / other.number if other.number else 0.0
    return replace(bare, readings=tuple((kind, value * scale, system) for kind, value, system in other.readings))
