"""The dates, days of the week and times of day in a text, English or Chinese."""

import re
from collections.abc import Iterator

from redone.facts.quantity import ONES, Quantity, value_of

_CN = "[零〇一二三四五六七八九十两]"
_HOUR = rf"[1-9]|1[0-2]|{'|'.join(reversed(ONES[1:13]))}"
_MARK = r"(am|pm|a\.m\.?|p\.m\.?)"
_CLOCKS = (
    re.compile(rf"(?<![0-9:.])([01]?[0-9]|2[0-4]):([0-5][0-9])(?::[0-5][0-9])?(?![0-9:])(?:\s?{_MARK}(?![a-z]))?"),
    re.compile(rf"(?<![0-9.:])(1[0-2]|[1-9])()\s?{_MARK}(?![a-z])"),
    re.compile(rf"(?<![a-z0-9])({_HOUR}) ?o'?clock()()"),
    re.compile(rf"(?<![a-z0-9:.])({_HOUR})()()(?= in the (?:morning|afternoon|evening)| at night)"),
)
_PAST = re.compile(rf"(?<![a-z])(half|quarter) (past|to) ({_HOUR})(?![a-z0-9])")
_ENGLISH_PART = re.compile(r" (?:(in the morning)|in the afternoon|in the evening|at night)")
_PARTS = dict.fromkeys("凌晨 清晨 早上 早晨 上午 早".split(), "am")
_PARTS |= dict.fromkeys("中午 下午 傍晚 晚上 夜里 今晚 晚".split(), "pm")
_HAN_PART = re.compile(rf"({'|'.join(_PARTS)})(?=\s?(?:[0-2]?[0-9]:[0-5][0-9]))")
_HAN_CLOCK = re.compile(
    rf"(?:({'|'.join(_PARTS)})\s?)?([0-9]{{1,2}}|{_CN}{{1,3}})点"
    rf"(?:(半)|([0-9]{{1,2}}|{_CN}{{1,3}})分|([0-5][0-9])(?![0-9%])|([一三])刻|(钟|整))?"
)
_HAN_CLOCK_NEXT = re.compile(r"开|关|前|后|起|出发|到|至|[-~—]|之|集合|闭|打烊|营业|的(?:车|飞机|火车|航班|闹钟)|见")
_NOON = re.compile(r"(?<![a-z])(noon|midday|midnight)(?![a-z])|(正午)|(午夜)")

_MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?|July?|Aug(?:ust|\.)?|"
    r"Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)(?![a-z])"
)
_ABBREVIATED = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DATES = tuple(
    (re.compile(pattern, re.IGNORECASE), month, day)  # the groups of the month and of the day, 0 where there is none
    for pattern, month, day in (
        (r"(?<![0-9])((?:19|20)[0-9]{2})([-/.])(1[0-2]|0?[1-9])\2(3[01]|[12][0-9]|0?[1-9])(?![0-9])", 3, 4),
        (rf"(?<![a-z])({_MONTH}) ([0-3]?[0-9])(?:st|nd|rd|th)?(?![0-9:,]|\.[0-9])", 1, 2),
        (rf"(?<![a-z])({_MONTH}) ([0-3]?[0-9])(?=, ?(?:19|20)[0-9]{{2}}|,(?![0-9]))", 1, 2),
        (rf"(?<![0-9.:])([0-3]?[0-9])(?:st|nd|rd|th)? (?:of )?({_MONTH})", 2, 1),
        (rf"(?<![0-9])(1[0-2]|0?[1-9]|{_CN}{{1,2}})月(3[01]|[12][0-9]|0?[1-9]|{_CN}{{1,3}})[日号]", 1, 2),
        (rf"(?<![0-9个])(1[0-2]|0?[1-9]|{_CN}{{1,2}})月(?!饼|亮|光|嫂)", 1, 0),
        (r"(?<![a-z])(January|February|(?<=in )March|April|(?<=[ie]n )May|June|July)(?![a-z])", 1, 0),
        (r"(?<![a-z])((?<=in )August|September|October|November|December)(?![a-z])", 1, 0),
    )
)
_YEAR = re.compile(rf"(?<![0-9])((?:19|20)[0-9]{{2}}|[一二][{_CN[1:-2]}]{{3}})年(?!前|后|来)")
_DAYS = "mon tue wed thu fri sat sun".split()
_WEEKDAY = re.compile(
    r"(?<![a-z])(?:(mon|tues|wednes|thurs|fri|satur|sun)days?|(weekends?)|(weekdays?))(?![a-z])"
    r"|(?:周|星期|礼拜)([一二三四五六日天末1-6])(?!个|[年月周])|(工作日)"
)
_SHORT = r"(?<![A-Za-z])(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"
_SHORT_DAY = re.compile(_SHORT + r"(?=\.?\s?[-–—&/]|,? (?:to|and)? ?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)|$)")
_SHORT_END = re.compile(r"(?<=[-–—&/,o d])" + _SHORT + r"(?![A-Za-z'])")
_DAY_RANGE = re.compile(r"\.?\s?(?:[-–—~至到]|to|through|until)\s?")


def moments(text: str, lower: str) -> Iterator[Quantity]:
    """Dates, months, years, weekdays and clock times; they may overlap, and then the first one counts.

    A weekend is two weekdays that share a place; so is every range of days. Values: a date is 100 month + day, a day of
    the week 0 to 6, a time the minutes after midnight or noon, whose system is "am", "pm" or "" where that is open.
    """
    yield from _dates(text)
    yield from _weekdays(text, lower)
    yield from _clocks(lower)


def _moment(match: re.Match[str], kind: str, value: float, system: str = "", number: float = -1.0) -> Quantity:
    return Quantity(match[0], match.start(), match.end(), number if number >= 0 else value, ((kind, value, system),))


def _dates(text: str) -> Iterator[Quantity]:
    for pattern, month_group, day_group in _DATES:
        for match in pattern.finditer(text):
            written = match[month_group]
            short = written[:3].lower()
            month = float(_ABBREVIATED.index(short) + 1) if short in _ABBREVIATED else value_of(written) or 0
            day = (value_of(match[day_group]) or 0) if day_group else 0
            if not 1 <= month <= 12 or (day_group and not 1 <= day <= 31):
                continue
            if not day_group:
                yield _moment(match, "month", month)
                continue
            readings = (("date", 100 * month + day, ""), ("month", month, ""))
            yield Quantity(match[0], match.start(), match.end(), day, readings)
            if month_group == 3:
                yield Quantity(match[1], match.start(), match.end(), float(match[1]), (("count", float(match[1]), ""),))
    for match in _YEAR.finditer(text):
        if year := value_of(match[1]):
            yield _moment(match, "count", year)


def _weekdays(text: str, lower: str) -> Iterator[Quantity]:
    """Each day, one after another; of a range every day between."""
    named: list[tuple[re.Match[str], list[int]]] = []
    for match in _WEEKDAY.finditer(lower):
        english, end, work, han, han_work = match.groups()
        if english:
            days = [_DAYS.index(english[:3])]
        elif end or han == "末":
            days = [5, 6]
        elif work or han_work:
            days = [0, 1, 2, 3, 4]
        else:
            days = [6 if han in "日天" else "一二三四五六".find(han) if han in "一二三四五六" else int(han) - 1]
        named.append((match, days))
    short = {match.start(): match for pattern in (_SHORT_DAY, _SHORT_END) for match in pattern.finditer(text)}
    named += [(match, [_DAYS.index(match[0][:3].lower())]) for match in short.values()]
    named.sort(key=lambda item: item[0].start())
    for index, (match, days) in enumerate(named):
        if index + 1 < len(named) and len(days) == 1:
            after, end_days = named[index + 1]
            if len(end_days) == 1 and _DAY_RANGE.fullmatch(lower, match.end(), after.start()):
                days = [day % 7 for day in range(days[0], end_days[0] + (7 if end_days[0] < days[0] else 0))]
        for day in days:
            yield _moment(match, "weekday", day)


def _clocks(lower: str) -> Iterator[Quantity]:
    for match in _PAST.finditer(lower):
        minutes = 30 if match[1] == "half" else 15
        hour = value_of(match[3]) or 0
        yield _clock(match, hour if match[2] == "past" else hour - 1, minutes if match[2] == "past" else 60 - minutes)
    parts = {match.end(): _PARTS[match[1]] for match in _HAN_PART.finditer(lower)}
    for pattern in _CLOCKS:
        for match in pattern.finditer(lower):
            mark = (match[3] or "").replace(".", "") or parts.get(match.start(), "") or parts.get(match.start() - 1, "")
            part = _ENGLISH_PART.match(lower, match.end())
            if part and not mark:
                mark = "am" if part[1] else "pm"
            yield _clock(match, value_of(match[1]) or 0, int(match[2] or 0), mark)
    for match in _HAN_CLOCK.finditer(lower):
        said, written, half, minute, digits, quarter, whole = match.groups()
        hour = value_of(written) or 0.0
        plain = not (said or half or minute or digits or quarter or whole)
        if hour > 24 or (plain and not _HAN_CLOCK_NEXT.match(lower, match.end())):
            continue  # 三点建议 are three pieces of advice
        past = (
            30.0 if half else 15 * (value_of(quarter) or 0.0) if quarter else value_of(minute or digits or "零") or 0.0
        )
        yield _clock(match, hour, past, _PARTS.get(said or "", ""))
    for match in _NOON.finditer(lower):
        night = match[1] == "midnight" or match[3]
        yield _moment(match, "clock", 0.0, "am" if night else "pm", 12.0)


def _clock(match: re.Match[str], hour: float, minutes: float, mark: str = "") -> Quantity:
    if hour > 12:
        mark = "pm" if hour < 24 else "am"
    return _moment(match, "clock", (60 * hour + minutes) % 720, mark, hour if minutes == 0 else hour + minutes / 60)
