"""The report of `redone eval`: report.md and report.html, from the folder's results.json and tasks/examples.json."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.data.chat import template_said
from redone.files import read_json
from redone.measure.missing import many, said
from redone.measure.taskset import TASKS
from redone.report import evaluated, glossary
from redone.report.browse import write_evaluations
from redone.report.drawing import (
    INK,
    WORSE,
    Plots,
    bands,
    beside,
    draw,
    legend,
    mark,
    needs_no_model,
    no_model_mark,
    score_axis,
    sheet,
)
from redone.report.numbers import Score, num, signed
from redone.report.read import of_this_version, undamaged
from redone.report.render import write_pages

OURS, REDONE, CLEAN, OTHERS = "#D55E00", "#0072B2", "#7a4f9a", "#9aa1ab"
AVERAGES = {"sns-bench": "SNS", "sns-transbench": "Trans", "general": "General"}  # benchmark -> the paper's word for it
APART = 2.0  # points between the two readings from which it is said

GLOSSARY = (
    ("score", "0 to 100", "The benchmark's own metric in its first reading, which the table's heading names."),
    ("reading", "", "A way to read an answer and to compare it: what is cut out of it, what counts as right, how it is "
     "summed up. Where a benchmark's authors have code, the first reading gives what that code gives, its mistakes "
     "included."),
    ("clean", "0 to 100", "The same metric without the mistakes of the authors' code."),
    ("interval", "0 to 100", "Holds 95 % of what chance in the choice of items would give. It knows nothing of "
     "chance in sampling the answers, nor of prompts that would have suited the model better."),
    ("no model", "0 to 100", "The best of the answers that need no model, scored on the same items: a constant, "
     "the first candidate, the source. For a column or an average the mean over its subsets."),
    ("n", "items", "Items that were asked."),
    ("no answer", "", "Answers that are missing and score as nothing does: empty; cut off by the budget before any "
     "answer; a refusal or a tool call of the model; stopped by a content filter; refused by the endpoint, or a broken "
     "reply. Cut short are answers that the budget ended and that were read as far as they went."),
    ("column", "0 to 100", "A column of the paper's Table 1: the plain mean of its subsets."),
    ("average", "0 to 100", "The mean over the columns, or where there are none over the subsets. It is missing "
     "while one of them is. Of a suite: the mean over groups of the mean over each group's benchmarks."),
)  # fmt: skip


def write_evaluation_report(folder: Path) -> tuple[Path, ...]:
    """Write report.md, report.html and rollouts.html beside results.json.

    Raises ValueError where that is missing or no such file.
    """
    results = read_results(folder / "results.json")
    with undamaged(folder):
        name = short_name(results["model"])
        found = evaluated.together({name: folder}, {name: results}) if "models" in results else evaluated.Evaluated({})
        return _write(folder, results, found, {name: folder})


def write_reports_together(folders: Sequence[Path], out: Path) -> tuple[Path, ...]:
    """Write report.md, report.html and rollouts.html of evaluations on the same tasks into `out`; of their benchmarks
    `redone compare` tells. Raises ValueError naming a folder that does not belong to the others."""
    read = [read_results(folder / "results.json") for folder in folders]
    names = [short_name(one["model"]) for one in read]
    if len(set(names)) < len(names):
        names = list(map(str, folders))
    if len(set(names)) < len(names):
        raise ValueError(f"{', '.join(names)}: a folder is named twice")
    by_name = dict(zip(names, folders))
    found = evaluated.together(by_name, dict(zip(names, read)))
    made = {name: one["made"] for name, one in zip(names, read)}
    out.mkdir(parents=True, exist_ok=True)
    return _write(out, {"model": " and ".join(names), "made": made, "benchmarks": {}}, found, by_name)


def _write(
    out: Path, results: Mapping[str, Any], found: evaluated.Evaluated, folders: Mapping[str, Path]
) -> tuple[Path, ...]:
    wrong = {name: path for name, folder in folders.items() if (path := folder / TASKS / "examples.json").exists()}
    facts = collect(results)
    facts |= evaluated.collect(found, {name: read_json(path) for name, path in wrong.items()})
    if found.models:
        facts["headline"] = [*evaluated.headline(found), *facts["headline"]]
        facts["glossary"] = (*GLOSSARY, *glossary.of_averages(facts["averages"]), *evaluated.GLOSSARY)
    pages = write_pages(out, "evaluation", facts, draw({**evaluated.PLOTS, **PLOTS}, facts))
    return *pages, write_evaluations(folders, out)


def short_name(model: str) -> str:
    """Of a folder its last part."""
    return Path(model).name or model


def read_results(path: Path) -> dict[str, Any]:
    """{model, made, benchmarks}."""
    try:
        results = read_json(path)
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file; `redone eval` writes it") from None
    if not isinstance(results, dict) or not isinstance(results.get("benchmarks"), dict):
        raise ValueError(f"{path}: not the results of an evaluation: it has no benchmarks")
    with undamaged(path.parent):
        of_this_version(results, path)
    return results


@dataclass(frozen=True)
class Row:
    """A subset, or a group of one."""

    name: str
    n: int
    score: Score
    clean: Score | None  # None where there is no such reading
    trivial: Mapping[str, Any] | None  # what `_best` gives
    parts: Mapping[str, float | None]  # of the first reading, beside its score
    readings: Mapping[str, tuple[Score, Mapping[str, float | None]]]
    groups: tuple["Row", ...] = ()

    @property
    def below(self) -> bool:
        """Whether it is below an answer that needs no model."""
        return self.trivial is not None and self.score.value is not None and self.score.value < self.trivial["score"]

    @property
    def lines(self) -> list[tuple[str, str, Score, str]]:
        """(name, reading, score, what stands beside it) of every reading; of the groups' too where their own table,
        which has the first one and "clean", does not say it all."""
        own = [(self.name, reading, score, _parts(parts)) for reading, (score, parts) in self.readings.items()]
        if set(list(self.readings)[1:]) <= {"clean"}:
            return own
        inner = [line for group in self.groups for line in group.lines]
        return own + [(f"{self.name}: {name}", reading, score, parts) for name, reading, score, parts in inner]


def _parts(parts: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {num(value, 2)}" for name, value in parts.items())


def collect(results: Mapping[str, Any]) -> dict[str, Any]:
    """Every value that the templates and the plots show."""
    benchmarks = results["benchmarks"]
    paper = results.get("paper") or {"places": [], "cautions": []}
    places = paper["places"]
    single = [_benchmark(name, one) for name, one in benchmarks.items() if "benchmarks" not in one]
    suites = [_suite(name, one) for name, one in benchmarks.items() if "benchmarks" in one]
    return {
        "model": str(results.get("model", "model")),
        "made": results.get("made", {}),
        "benchmarks": single,
        "suites": suites,
        "places": [{**one, "shown": Score(one["score"], one["interval"])} for one in places],
        "cautions": paper["cautions"],
        "headline": [*_absent(single, True), *_averages(single, suites, places), *_warnings(single)],
        "glossary": GLOSSARY,
    }


def _benchmark(name: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    entries = scores["subsets"]
    subsets = [_row(subset, entry) for subset, entry in entries.items()]
    return {
        "name": name,
        "title": scores.get("title", name),
        "about": " ".join(scores.get("about", "").split()),
        "prompts": ", ".join(filter(None, [scores.get("prompts", ""), _template(scores)])),
        "reading": scores.get("reading", "score"),
        "subsets": subsets,
        "has_clean": any(row.clean for row in subsets),
        "columns": {
            column: {**mine, "shown": Score(mine["score"], mine["interval"])}
            for column, mine in scores.get("columns", {}).items()
        },
        "average": Score(scores.get("average"), scores.get("average_interval")),
        "clean": scores.get("clean_average"),
        "without": scores.get("average_without", []),
        "rest": scores.get("average_of_the_rest"),
        "absent": said(entries.values()),
        "absent_first": many(entries.values()),
        "absent_by_subset": {name: note for name, entry in entries.items() if (note := said([entry]))},
    }


def _template(scores: Mapping[str, Any]) -> str:
    return template_said(scores["chat_template"]) if "chat_template" in scores else ""


def _row(name: str, entry: Mapping[str, Any]) -> Row:
    readings = {
        reading: (Score(mine["score"], mine.get("interval")), mine.get("parts") or {})
        for reading, mine in (entry.get("readings") or {}).items()
        if mine
    }
    has_clean = "clean" in (entry.get("readings") or {}) or entry.get("clean") is not None
    clean = readings["clean"][0] if "clean" in readings else Score(entry.get("clean")) if has_clean else None
    return Row(
        name=name,
        n=entry["n"],
        score=Score(entry["score"], entry.get("interval")),
        clean=clean,
        trivial=_best(entry.get("trivial") or {}),
        parts=entry.get("parts") or {},
        readings=readings,
        groups=tuple(_row(group, mine) for group, mine in (entry.get("groups") or {}).items()),
    )


def _best(trivial: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The best score and the best clean one of answers that need no model; `which` names both where they differ."""
    first, clean = _top(trivial, "score"), _top(trivial, "clean")
    if first is None:
        return None
    return {
        "name": first,
        "score": trivial[first]["score"],
        "clean": None if clean is None else trivial[clean]["clean"],
        "which": first if clean in (None, first) else f"{first} (clean: {clean})",
    }


def _top(trivial: Mapping[str, Mapping[str, Any]], key: str) -> str | None:
    known = {name: one[key] for name, one in trivial.items() if one.get(key) is not None}
    return max(known, key=lambda name: known[name], default=None)


def _suite(name: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "average": scores.get("average"),
        "groups": scores.get("groups", {}),
        "without": scores.get("average_without", []),
    }


def _averages(
    single: Sequence[Mapping[str, Any]], suites: Sequence[Mapping[str, Any]], places: Sequence[Mapping[str, Any]]
) -> list[str]:
    """A sentence for each benchmark and suite that has a score."""
    by_average = {one["name"]: one for one in places if one["name"] in AVERAGES.values()}
    said = []
    for one in single:
        where = by_average.get(AVERAGES.get(one["name"], ""))
        if one["average"].value is not None:
            clean = f" ({one['reading']}), {num(one['clean'])} clean" if one["clean"] is not None else ""
            said.append(f"{one['title']}: {one['average']}{clean}{_among(where)}.")
        elif one["rest"] is not None:
            rest = f"no average, for {', '.join(one['without'])} has no score; {num(one['rest'])} over the rest"
            said.append(f"{one['title']}: {rest}{_among(where)}.")
    for one in suites:
        if one["average"] is not None:
            where = by_average.get(AVERAGES.get(one["name"], ""))
            said.append(f"The suite {one['name']}: {num(one['average'])}{_among(where)}.")
    return said


def _among(where: Mapping[str, Any] | None) -> str:
    if where is None:
        return ""
    near = [
        f"{said} {row[0]} ({num(row[1])})"
        for said, row in (("below", where["above"]), ("above", where["below"]))
        if row
    ]
    rank = f"number {where['rank']} of {len(where['published']) + 1} with the paper's models"
    if where["ranks"] and where["ranks"][0] != where["ranks"][1]:
        rank += f" ({where['ranks'][0]} to {where['ranks'][1]} by its interval)"
    return f"; that would be {rank}, {' and '.join(near)}"


def _absent(single: Sequence[Mapping[str, Any]], first: bool) -> list[str]:
    """The answers that are missing, of the benchmarks where they are many, or of the others."""
    return [f"{one['title']}: {one['absent']}." for one in single if one["absent"] and one["absent_first"] == first]


def _warnings(single: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What a reader has to know before any of the numbers."""
    subsets = [row for one in single for row in one["subsets"]]
    if below := [f"{row.name} ({num(row.score.value)}, {_trivial(row)})" for row in subsets if row.below]:
        yield f"Below the best answer that needs no model: {', '.join(below)}."
    apart = [
        f"{row.name} ({signed(row.clean.value - row.score.value)})"
        for row in subsets
        if row.clean and row.clean.value is not None and row.score.value is not None
        and abs(row.clean.value - row.score.value) >= APART
    ]  # fmt: skip
    if apart:
        yield f"The clean reading differs from the score by {APART:.0f} points or more: {', '.join(apart)}."
    if unknown := [row.name for row in subsets if row.n and row.score.value is None]:
        yield f"No score: {', '.join(unknown)}."
    yield from _absent(single, False)


def _trivial(row: Row) -> str:
    return "" if row.trivial is None else f"{row.trivial['name']}: {num(row.trivial['score'])}"


def plot_places(facts: Mapping[str, Any]) -> Any:
    """The model among the published rows, one line for each average and column."""
    places: Sequence[Mapping[str, Any]] = facts["places"]
    if not places:
        return None
    figure, [axis] = sheet(1.3 + 0.32 * len(places))
    for y, one in enumerate(places):
        for name, score in one["published"]:
            redone = name.startswith("RedOne 2.0")
            colour, marker, alpha = (REDONE, "s", 0.9) if redone else (OTHERS, "o", 0.55)
            axis.plot([score], [y], marker, color=colour, alpha=alpha, markersize=5.5, markeredgewidth=0)
        if one["trivial"] is not None:
            needs_no_model(axis, [(one["trivial"], y)])
        _dot(axis, y, one["shown"], one["clean"])
        beside(axis, y, f"{num(one['score'])}, {one['rank']} of {len(one['published']) + 1}")
    names = [one["name"] + (f" without {', '.join(one['without'])}" if one["without"] else "") for one in places]
    _finish(axis, names, [i for i, one in enumerate(places) if one["name"] in AVERAGES.values()])
    legend(figure, [
        mark(_short(facts["model"]), OURS, "D", markersize=8), *_marks(any(one["clean"] is not None for one in places)),
        mark("RedOne 2.0", REDONE, "s"), mark("the paper's others", OTHERS, "o", alpha=0.7),
    ])  # fmt: skip
    return figure


def plot_subsets(facts: Mapping[str, Any]) -> Any:
    """Every subset: both readings, interval, and the best answer that needs no model."""
    lines: list[tuple[str, Row | None]] = []  # a benchmark's title, then its subsets; of a single one the title alone
    for one in facts["benchmarks"]:
        single = len(one["subsets"]) == 1
        lines += [] if single else [(one["title"], None)]
        lines += [(one["title"] if single else row.name, row) for row in one["subsets"]]
    if not lines:
        return None
    figure, [axis] = sheet(1.3 + 0.25 * len(lines))
    for y, (_, row) in enumerate(lines):
        if row is None:
            continue
        if row.trivial is not None:
            needs_no_model(axis, [(row.trivial["score"], y)])
        _dot(axis, y, row.score, row.clean.value if row.clean else None)
        beside(axis, y, f"{num(row.score.value)}, n = {row.n:,}", WORSE if row.below else INK)
    titles = {one["title"] for one in facts["benchmarks"]}
    _finish(axis, [name for name, _ in lines], [i for i, (name, _) in enumerate(lines) if name in titles])
    clean = any(one["has_clean"] for one in facts["benchmarks"])
    legend(figure, [mark("score", OURS, "D", markersize=8), *_marks(clean)])
    return figure


def _dot(axis: Any, y: float, score: Score, clean: float | None) -> None:
    if clean is not None:
        axis.plot([clean], [y], marker="o", color=CLEAN, markerfacecolor="none", markersize=9, zorder=4)
    if score.value is not None:
        if score.interval is not None:
            axis.hlines(y, *score.interval, color=OURS, linewidth=2, alpha=0.7, zorder=3)
        axis.plot([score.value], [y], marker="D", color=OURS, markersize=6, markeredgewidth=0, zorder=5)


def _marks(clean: bool) -> list[Any]:
    hollow = [mark("clean reading", CLEAN, "o", markerfacecolor="none", markersize=8)] if clean else []
    interval = mark("95 % interval", OURS, "_", markersize=14)
    return [interval, *hollow, no_model_mark()]


def _finish(axis: Any, names: Sequence[str], bold: Sequence[int]) -> None:
    score_axis(axis, [_short(name, 34) for name in names])
    for i in bold:
        axis.get_yticklabels()[i].set_fontweight("bold")
    bands(axis, bold)


def _short(text: str, most: int = 28) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


PLOTS: Plots = {
    "places": (plot_places, "The model among the 30 published rows, for each average and column"),
    "subsets": (plot_subsets, "Score of every subset in both readings, with intervals and answers that need no model"),
}
