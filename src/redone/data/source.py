"""Where a task's rows come from: files or the hub, which rows, and what is made of them (docs/data.md)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from redone.data.convert import check_rules, converted
from redone.data.hub import hub_rows
from redone.data.hub_files import HUB, hub_file_rows, hub_name
from redone.data.overlap import others
from redone.data.rows import numbered_rows
from redone.mistakes import refuse_no_file
from redone.records import Split

SPLITS: tuple[Split, ...] = get_args(Split)
_KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Mapping: "a table",
    Sequence: "a list",
}


@dataclass(frozen=True)
class Source:
    """Where a task's rows come from, as its table in a pack file says."""

    files: Mapping[str, Any] = field(default_factory=dict)  # split -> [{file, only, convert}], which come first
    hub: Mapping[str, Any] = field(default_factory=dict)  # the same rows on the hub; `splits` names its splits
    only: Mapping[str, Any] = field(default_factory=dict)  # field -> the value, one of the values, or {most = length}
    other: str = ""  # field that differs between a row and the other row beside it
    convert: Mapping[str, Any] = field(default_factory=dict)
    texts: Sequence[str] = ()

    @property
    def splits(self) -> tuple[Split, ...]:
        named = self.files or self.hub["splits"]
        return tuple(split for split in SPLITS if split in named)


def make_source(mine: Mapping[str, Any], base: Path, from_hub: bool, where: str) -> Source:
    """A task's source from its table. Raises ValueError naming what is wrong with it."""
    hints = get_type_hints(Source)
    for key, value in mine.items():
        if key not in ("convert", "files") and (wanted := unlike(value, hints[key])):
            raise ValueError(f"{where}: {key} = {value!r}; it is {wanted}")
    source = Source(**mine)
    check_rules(source.convert, where)
    if not isinstance(source.files, dict) or not source.files.keys() & {"train", "eval"}:
        raise ValueError(f'{where} names no data; add files = {{train = "...", eval = "..."}}')
    hub = source.hub
    if hub and (not isinstance(hub.get("path"), str) or not isinstance(hub.get("splits"), dict)):
        raise ValueError(f'{where}: hub needs path = "OWNER/NAME" and splits = {{train = "train", ...}}')
    for split in [*source.files, *hub.get("splits", ())]:
        if split not in SPLITS:
            raise ValueError(f"{where}: unknown split {split}; there are {', '.join(SPLITS)}")
    check_rules(hub.get("convert", {}), f"{where}: hub")
    _check_only(source.only, where)
    if from_hub and hub:
        return replace(source, files={})
    return replace(
        source, files={split: _files(told, base, f"{where}: files.{split}") for split, told in source.files.items()}
    )


def _files(told: Any, base: Path, where: str) -> list[Mapping[str, Any]]:
    """A split's files, each {file, only, convert}, of a file's name, such a table, or a list of them."""
    files = [{"file": one} if isinstance(one, str) else one for one in (told if isinstance(told, list) else [told])]
    if not files:
        raise ValueError(f"{where} names no file")
    for file in files:
        if not isinstance(file, dict) or "file" not in file or file.keys() - {"file", "only", "convert"}:
            raise ValueError(f"{where} is a file, a table of file, only and convert, or a list of these")
        check_rules(file.get("convert", {}), where)
        _check_only(file.get("only", {}), where)
        if str(file["file"]).startswith(HUB):
            try:
                hub_name(file["file"])
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
            continue
        refuse_no_file(base / file["file"])
        if not (base / file["file"]).is_file():
            raise ValueError(f"{where}: there is no {base / file['file']}; say where the data lie with --data")
    return files


def _check_only(only: Any, where: str) -> None:
    if not isinstance(only, dict):
        raise ValueError(f'{where}: only is a table of fields, as in only = {{kind = "post"}}')
    for name, wanted in only.items():
        if isinstance(wanted, dict) and (list(wanted) != ["most"] or not isinstance(wanted["most"], int)):
            raise ValueError(f"{where}: only.{name} is a value, a list of values, or {{most = LENGTH}}")


def rows_of(source: Source, split: Split, base: Path, task: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place, row) pairs: the rows that `only` keeps, another one's fields beside each, converted."""
    found = _file_rows(source.files[split], base, task) if source.files else _hub_rows(source.hub, split)
    own = {name: wanted for name, wanted in source.only.items() if name not in source.convert}
    made = {name: wanted for name, wanted in source.only.items() if name in source.convert}
    kept: Iterable[tuple[str, Mapping[str, Any]]] = (pair for pair in found if _meets(pair[1], own, pair[0], task))
    if source.other:
        pairs = list(kept)
        try:
            beside = others([row for _, row in pairs], source.other)
        except KeyError as error:
            raise ValueError(f"task {task}: other = {source.other}: no field {error}") from None
        except ValueError as error:
            raise ValueError(f"task {task}: other = {source.other}: {error}") from None
        kept = zip([where for where, _ in pairs], beside)
    for where, row in kept:
        row = converted(row, source.convert, f"{where}: task {task}")
        if _meets(row, made, where, task):
            yield where, row


def _file_rows(files: Sequence[Mapping[str, Any]], base: Path, task: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in files:
        for where, row in _placed_rows(file["file"], base):
            if _meets(row, file.get("only", {}), where, task):
                yield where, converted(row, file.get("convert", {}), f"{where}: task {task}")


def _placed_rows(file: str, base: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if file.startswith(HUB):
        return hub_file_rows(file)
    return ((f"{file}:{number}", row) for number, row in numbered_rows(base / file))


def _hub_rows(hub: Mapping[str, Any], split: Split) -> Iterator[tuple[str, Mapping[str, Any]]]:
    told = {key: value for key, value in hub.items() if key != "splits"}
    where, rows = hub_rows(told, hub["splits"][split])
    return ((f"{where}:{i}", row) for i, row in enumerate(rows))


def _meets(row: Mapping[str, Any], only: Mapping[str, Any], where: str, task: str) -> bool:
    """Whether every named field has the value, one of a list of values, or at most `most` characters or items."""
    for name, wanted in only.items():
        if name not in row:
            raise ValueError(f"{where}: no field {name}, which `only` of task {task} needs")
        value = row[name]
        if isinstance(wanted, dict):
            if value is None or len(value) > wanted["most"]:
                return False
        elif not any(value == one or value == _cell(one) for one in (wanted if isinstance(wanted, list) else [wanted])):
            return False
    return True


def _cell(value: Any) -> Any:
    """What a table that knows texts alone, as CSV, has for a number."""
    return str(value) if type(value) in (int, float) else value


def unlike(value: Any, hint: Any) -> str:
    """What a value of this type would be, or "" where it is one. A whole number is a number, true is none."""
    kind = get_origin(hint) or hint
    if kind is UnionType:
        flaws = [unlike(value, one) for one in get_args(hint)]
        return " or ".join(flaws) if all(flaws) else ""
    if kind is Literal:
        return "" if value in get_args(hint) else " or ".join(json.dumps(option) for option in get_args(hint))
    fits = type(value) in (int, float) if kind is float else isinstance(value, kind)
    fits = fits and not (kind is Sequence and isinstance(value, str))
    return "" if fits and (kind is bool or not isinstance(value, bool)) else _KINDS[kind]
