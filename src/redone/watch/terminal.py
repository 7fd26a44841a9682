"""The picture of runs as lines of a terminal, as wide and as high as it is."""

from collections.abc import Iterator, Sequence
from itertools import islice
from textwrap import wrap

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from redone.report.numbers import count
from redone.report.render import spark
from redone.run.log import clock
from redone.watch.view import Curve, ModelView, StageView, TaskView, View

NARROW = 76  # columns that a run wants at least, to stand beside another
SIGNS = {"done": ("✓", "green"), "now": ("▶", "bold cyan"), "next": ("·", "dim")}
COLOURS = {"finished": "green", "running": "cyan", "stopped": "red", "begun": "yellow"}
_UNLIMITED = 1000  # rows, where nobody's screen ends
_LISTED = 16  # of a list there


def picture(views: Sequence[View], now: float, width: int, height: int | None = None) -> RenderableType:
    """The runs, beside one another where there is room, else below; cut to the height, where there is one. now: seconds
    since 1970."""
    beside = len(views) if width // len(views) >= NARROW else 1
    wide = (width - 3 * (beside - 1)) // beside
    high = _UNLIMITED if height is None else height * beside // len(views)
    made = [Text("\n").join(lines(one, now, wide, high)) for one in views]
    if beside == 1:
        return Text("\n").join(made)
    grid = Table.grid(*([""] * beside), padding=(0, 3, 0, 0), pad_edge=False)
    for column in grid.columns:
        column.width, column.no_wrap = wide, True
    grid.add_row(*made)
    return grid


def lines(one: View, now: float, width: int, height: int) -> list[Text]:
    """The run in lines of at most that width: what is always there, and of lists as much as there is room for."""
    made = [*_head(one, now, width), *_method(one, width), *_training(one, width)]
    for block, share in (  # share: of the room that is left, a block has one part of so many
        (list(_alarms(one, width)), 3),
        (list(_tasks(one, width)), 2),
        (list(_dead(one, width)), 2),
        (list(_rollouts(one, width)), 1),
        (list(_found(one, width)), 1),
    ):
        room = height - len(made)
        made += _fitting(block, _LISTED if height == _UNLIMITED else room // share - 1)
    for line in made:
        line.truncate(width, overflow="ellipsis")
    return made[:height]


def _fitting(block: Sequence[Sequence[Text]], most: int) -> list[Text]:
    """An empty line and the block's first items that have so many lines together; nothing where there is none."""
    made = list[Text]()
    for item in block:
        if len(made) + len(item) > most:
            break
        made += item
    return [Text(""), *made] if made else []


def _wrapped(text: str, width: int, style: str = "", most: int = 3) -> Iterator[Text]:
    for part in islice(wrap(text, width, subsequent_indent="  "), most):
        yield Text(part, style=style)


def _head(one: View, now: float, width: int) -> Iterator[Text]:
    alarms = f"· {count(len(one.alarms), 'alarm')} " if one.alarms else ""
    state = Text.assemble((f" {one.name} ", "bold"), (f"{one.state} ", COLOURS[one.state]), (alarms, "yellow"))
    yield Text.assemble(("──", "dim"), state, ("─" * max(0, width - 2 - state.cell_len), "dim"))
    yield from _wrapped(one.at, width, most=3)
    about = [one.about]
    if one.written is not None and one.state in ("running", "stopped"):
        about.append(f"last written {clock(max(0.0, now - one.written))} ago")
    yield Text("; ".join(filter(None, about)), style="dim")
    for flaw in one.flaws[:3]:
        yield from _wrapped(flaw, width, "yellow", most=2)


def _method(one: View, width: int) -> Iterator[Text]:
    if not one.models:
        return
    yield Text("")
    wide = max(len(model.name) for model in one.models) + 2
    for model in one.models:
        yield _model(model, wide)
    kinds = dict.fromkeys(kind for model in one.models for kind, _ in model.averages)
    found = []
    for kind in kinds:
        values = [f"{value:.1f}" for model in one.models for name, value in model.averages if name == kind]
        found.append(f"{kind} {' → '.join(values)}")
    yield from _wrapped("; ".join(found), width, "green")


def _model(model: ModelView, wide: int) -> Text:
    made = Text(model.name.ljust(wide), style="bold")
    for number, (state, said) in enumerate(model.parts):
        sign, style = SIGNS[state]
        made.append(f"{'  ' if number else ''}{sign} {said}", style=f"not bold {style}" if state != "now" else style)
    return made


def _training(one: View, width: int) -> Iterator[Text]:
    if not one.stages:
        return
    yield Text("")
    wide = max(len(stage.name) for stage in one.stages) + 2
    room = max(8, min(40, (width - wide) // 2 - 24))
    for stage in one.stages:
        made = Text(stage.name.ljust(wide), style="bold")
        for curve in stage.curves:
            made.append(f"  {curve.name}  ", style="not bold dim").append(_curve(curve, room), style="not bold")
        yield made
    yield from _health(one.stages[-1], width)


def _health(stage: StageView, width: int) -> Iterator[Text]:
    """A row of the stage's curves as far as they go, then another."""
    row = Text("")
    for curve in stage.health:
        cell = Text.assemble((f"{curve.name} ", "dim"), _curve(curve, 8), "   ")
        if row.cell_len and row.cell_len + cell.cell_len > width:
            yield row
            row = Text("")
        row.append(cell)
    if row.cell_len:
        yield row
    if stage.groups:
        yield from _wrapped(stage.groups, width)


def _curve(curve: Curve, width: int) -> str:
    values = [value for _, value in curve.points]
    low, high = (0.0, 1.0) if curve.name in ("reward", "pass") else (None, None)
    ends = [_number(value, curve.digits) for value in (values[0], values[-1])]
    return f"{spark(values, width, low, high)} {' → '.join(dict.fromkeys(ends))}"


def _number(value: float, digits: int) -> str:
    return f"{value:.1e}" if value and abs(value) < 10 ** -min(digits, 4) else f"{value:.{min(digits, 4)}f}"


def _tasks(one: View, width: int) -> Iterator[list[Text]]:
    moved = [task for task in one.tasks if len(task.reward) > 1]
    if not moved:
        return
    wide = min(26, max(len(task.name) for task in moved)) + 2
    room = max(8, min(40, width - wide - 46))
    columns = f"{'reward':>16} {'pass':>6} {'groups':>7} {'dead':>5} {'trained':>8}"
    yield [Text(f"moved most in {one.tasks_of}".ljust(wide + room) + columns, style="dim"), _task(moved[0], wide, room)]
    yield from ([_task(task, wide, room)] for task in moved[1:])


def _task(task: TaskView, wide: int, room: int) -> Text:
    assert task.first is not None
    assert task.last is not None
    made = Text(task.name)
    made.truncate(wide - 2, overflow="ellipsis")
    made.pad_right(wide - made.cell_len)
    values = [value for _, value in task.reward]
    made.append(spark(values, room, 0.0, 1.0).ljust(room), style="cyan")
    style = "green" if task.change > 0 else "red" if task.change < 0 else ""
    made.append(f" {task.first:.2f} → {task.last:.2f}".rjust(16), style=style)
    passes = f"{100 * task.pass_rate[-1][1]:.0f} %" if task.pass_rate else "–"
    return made.append(f" {passes:>6} {task.groups:>7,} {task.dead:>5,} {task.trained:>8,}")


def _dead(one: View, width: int) -> Iterator[list[Text]]:
    """The tasks that gave nothing to learn from lately, and those that are answered nearly alike."""
    kinds: dict[str, list[str]] = {}
    for task in one.tasks:
        if task.state:
            kinds.setdefault(task.state, []).append(task.name)
    for state in sorted(kinds):
        names = sorted(kinds[state])
        yield list(_wrapped(f"dead, {state} ({len(names)}): {', '.join(names)}", width, most=2))
    yield from ([Text(said, style="dim")] for said in one.alike[:3])


def _alarms(one: View, width: int) -> Iterator[list[Text]]:
    for where, said in one.alarms:
        yield list(_wrapped(f"! {where}: {said}", width, "yellow", most=5))


def _rollouts(one: View, width: int) -> Iterator[list[Text]]:
    for number, row in enumerate(one.rollouts):
        score = "–" if row.score is None else f"{row.score:.2f}"
        made = Text.assemble(f"{score} ", (f"{row.reason or '–'} ", "dim"), (f"{row.task} ", "cyan"))
        prompt = Text(row.prompt, style="dim")
        prompt.truncate(max(20, width // 3), overflow="ellipsis")
        made.append(prompt).append(" → ", style="dim").append(row.text)
        yield [made] if number else [Text(f"last rollouts ({one.rollouts_of})", style="dim"), made]


def _found(one: View, width: int) -> Iterator[list[Text]]:
    yield from ([Text(line)] for line in one.found)
