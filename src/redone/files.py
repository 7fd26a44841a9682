"""Files that appear whole or not at all; JSON read strictly, and JSON Lines with the line in every complaint."""

import errno
import gzip
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import IO, Any

from redone.mistakes import refuse_no_file
from redone.texts import HALF, visible, whole

MAKE_ROOM = "make room, and give the same command again: what was saved before stays"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, a quota, or what the shell lets a file grow to
MOST_NESTED = 200  # levels of lists and objects
MOST_LINE = 64 << 20  # bytes of a line of JSON Lines, unpacked
MOST_FILE = 256 << 20  # bytes of a JSON file, unpacked
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)  # what reading a gzip file raises that is not whole
_END = 1 << 20  # bytes
_MARK = b"\xef\xbb\xbf"  # of UTF-8, which some editors write before all else
_OTHERS = {  # how a file begins -> what it is
    b"\xff\xfe": "UTF-16; save it as UTF-8",
    b"\xfe\xff": "UTF-16; save it as UTF-8",
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save it as JSON Lines",
    b"PAR1": "a Parquet file; write its rows as JSON Lines, or have its name end in .parquet where a pack reads it",
    b"ARROW1": "an Arrow file; write its rows as JSON Lines, one object a line",
    b"BZh": "compressed by bzip2; unpack it, or use gzip",
    b"\xfd7zXZ\0": "compressed by xz; unpack it, or use gzip",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it, or use gzip",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; fetch that with git lfs pull",
}
_WANTED = "where JSON Lines are wanted: one object a line"
_FIRST_LINES = (  # what a first line that is no object looks like -> what the file is, and how names of its kind end
    (re.compile(r"\s*\["), f"a JSON array, {_WANTED}, as jq -c '.[]' writes them", ".json"),
    (
        re.compile(r"\s*\{\s*$"),
        "an object over several lines, where JSON Lines has one a line, as jq -c . writes them",
        "",
    ),
    (re.compile(r"\s*<"), "a web page, perhaps of a download that failed", ""),
    (re.compile(r"[^{]*\t"), f"a table with tabs, {_WANTED}, its keys the columns", ".tsv"),
    (re.compile(r"[^{]*[,;]"), f"a table, {_WANTED}, its keys the columns", ".csv"),
)
_MANY_DIGITS = re.compile(r"\d{4301,}")  # of a whole number: Python reads no more


def loads(text: str) -> Any:
    """The JSON value of the text.

    Raises ValueError, which says why and where, for a text that is no JSON by RFC 8259 (NaN and Infinity are none), and
    for what readers understand differently: a key that an object has twice, a number beyond a double or of more than
    4,300 digits, half of a surrogate pair, and more than MOST_NESTED levels.
    """
    doubtful = ["\\u" in text or not _is_text(text)]

    def doubt(written: str) -> float:
        if not isfinite(value := float(written)):
            doubtful.append(True)
        return value

    try:
        value = json.loads(text, parse_float=doubt, parse_constant=doubt, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text.strip() else ""
        raise ValueError(f"{error.msg.removesuffix(' at')} at {line}column {error.colno}") from None
    except ValueError as error:
        if digits := str(error).startswith("Exceeds") and _MANY_DIGITS.search(text):
            raise ValueError(f"a whole number of {len(digits[0]):,} digits; write it as a text") from None
        raise
    except RecursionError:
        raise ValueError(f"more than {MOST_NESTED} levels of lists and objects") from None
    if text.count("[") + text.count("{") > MOST_NESTED and depth(value) > MOST_NESTED:
        raise ValueError(f"more than {MOST_NESTED} levels of lists and objects")
    if any(doubtful) and (flaw := _flaw(value)):
        raise ValueError(flaw)
    return value


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def depth(value: Any) -> int:
    """Levels of lists and objects."""
    levels, level = 0, [value]
    while level := [item for item in level if isinstance(item, (list, dict))]:
        levels += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return levels


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        [twice] = islice((key for key, count in Counter(key for key, _ in pairs).items() if count > 1), 1)
        raise ValueError(f"the key {twice!r:.80} stands twice in an object")
    return value


def _flaw(value: Any) -> str:
    """The first value that is no number or no text, and where it stands; "" where there is none."""
    left = [("", value)]
    while left:
        place, value = left.pop()
        where = f"the field {place.removeprefix('.'):.80}" if place else "the value"
        if isinstance(value, float) and not isfinite(value):
            return f"{where} is {value}, no number of JSON; leave it out or write null"
        if isinstance(value, str) and (half := HALF.search(value)):
            return f"{where} holds half of a surrogate pair, \\u{ord(half[0]):x}, which is no text; write \\ufffd"
        if isinstance(value, dict):
            if half := next((half for key in value if (half := HALF.search(key))), None):
                return f"{where} has a key with half of a surrogate pair, \\u{ord(half[0]):x}, which is no text"
            left += [(f"{place}.{key}", inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            left += [(f"{place}[{i}]", inner) for i, inner in reversed(list(enumerate(value)))]
    return ""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where they are gzip's, whatever its name says. Raises ValueError for another kind, and
    where it is no file."""
    refuse_no_file(path)
    with path.open("rb") as file:
        head = file.peek(32)
        for beginning, kind in _OTHERS.items():
            if head.startswith(beginning):
                raise ValueError(f"{path}: it is {kind}")
        yield gzip.GzipFile(fileobj=file) if head.startswith(b"\x1f\x8b") else file  # type: ignore[misc]


def read_json(path: Path) -> Any:
    """The value of a JSON file, gzip or not, by `loads`. Raises ValueError naming the file."""
    with opened(path) as file:
        try:
            data = file.read(MOST_FILE + 1)
            if len(data) > MOST_FILE:
                raise ValueError(f"more than {MOST_FILE >> 20} MiB")
            return loads(_decoded(data.removeprefix(_MARK)))
        except DAMAGED as error:
            raise ValueError(f"{path}: the gzip file is damaged or cut off ({error})") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
        except ValueError as error:
            raise ValueError(f"{path}: not JSON ({error})") from None


@contextmanager
def as_left(path: Path, mend: str = "put it back, or remove it, and it is made again") -> Iterator[None]:
    """Raises ValueError naming the file, and how to mend it, where the body cannot read it, or finds something else in
    it than a command leaves there."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        where = "" if str(path) in said else f"{path}: not as a command leaves it: "
        raise ValueError(f"{where}{said}; {mend}") from error


def read_object(path: Path) -> dict[str, Any]:
    """The object of a JSON file, by `read_json`. Raises ValueError naming the file."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: not a JSON object, but {type(value).__name__}")
    return value


def ends(path: Path) -> tuple[int, bytes]:
    """The file's size, and its first and last mebibytes: what tells two large files apart without reading them."""
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(_END)
        file.seek(max(0, size - _END))
        return size, first + file.read()


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, as `numbered_jsonl` reads them."""
    return (row for _, row in numbered_jsonl(path))


def numbered_jsonl(path: Path, others: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) pairs of a JSON Lines file, by `loads`; empty lines are passed over.

    It may be gzip, whatever its name, its lines may end in any way, and begin with a byte-order mark. Raises ValueError
    naming file and line where a line is not a JSON object, or longer than MOST_LINE. others: how names end
    of which the caller reads other kinds of file; that is said where the file looks like one.
    """
    number = 0
    with opened(path) as file:
        try:
            while raw := file.readline(MOST_LINE + 1):
                if len(raw) > MOST_LINE:
                    raise ValueError(f"{path}:{number + 1}: a line of more than {MOST_LINE >> 20} MiB")
                for line in raw.rstrip(b"\r\n").split(b"\r"):
                    number += 1
                    if line := line.removeprefix(_MARK).strip():
                        yield number, _object(line, f"{path}:{number}", others if number == 1 else None)
        except DAMAGED as error:
            raise ValueError(f"{path}:{number + 1}: the gzip file is damaged or cut off ({error})") from None


def _object(line: bytes, where: str, others: Sequence[str] | None) -> dict[str, Any]:
    """The object of one line; where the file's first is none, the error says what the file may be. others: as of
    `numbered_jsonl`; None of a line that is not the first."""
    text = ""
    try:
        text = _decoded(line)
        row = loads(text)
        if isinstance(row, dict):
            return row
        flaw = f"expected a JSON object, found {type(row).__name__}"
    except UnicodeDecodeError as error:
        flaw = f"not UTF-8 ({error.reason} at byte {error.start} of the line)"
    except ValueError as error:
        flaw = f"not JSON ({error})"
    if others is not None:
        for looks, kind, ending in _FIRST_LINES:
            if looks.match(text):
                read = f"; as it is it is read where its name ends in {ending} ({', '.join(others)} are read)"
                flaw += f"; it looks like {kind}{read if ending in others else ''}"
                break
    raise ValueError(f"{where}: {flaw}")


def _decoded(data: bytes) -> str:
    if b"\0" in data:
        raise ValueError("a NUL byte; it is UTF-16 without a mark, or no text")
    return data.decode("utf-8")


def dumps(value: Any, indent: int | None = None) -> str:
    """The value as JSON that `loads` reads: halves of surrogate pairs are U+FFFD. Raises ValueError for NaN."""
    return whole(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent))


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON Lines, gzip if the path ends in .gz; equal rows, equal bytes. As `write_bytes`."""
    write_bytes(path, jsonl(path, rows))


def jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """What `write_jsonl` writes there."""
    data = "".join(dumps(row) + "\n" for row in rows).encode()
    return gzip.compress(data, mtime=0) if path.suffix == ".gz" else data


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON. As `write_bytes`."""
    write_bytes(path, (dumps(value, indent=1) + "\n").encode())


def write_page(path: Path, text: str) -> None:
    """Write what people read: the text, made visible. As `write_bytes`."""
    write_bytes(path, visible(text).encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all, also where the machine loses its power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    to_disk(part)
    part.replace(path)
    to_disk(path.parent)


def to_disk(path: Path, whole: bool = False) -> None:
    """Wait until a file, or the names in a folder, are on the disk. whole: and all that lies below the folder."""
    for one in [*(sorted(path.rglob("*")) if whole else ()), path]:
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno != errno.EINVAL:  # as some file systems have it of folders
                raise
        finally:
            os.close(handle)
