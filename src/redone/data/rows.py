"""From a data file to its rows: JSON Lines, a JSON array, CSV or Parquet, as its name says (docs/data.md)."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from redone.files import DAMAGED, MOST_LINE, numbered_jsonl, opened, read_json
from redone.mistakes import refuse_no_file
from redone.texts import HALF

Numbered = Iterator[tuple[int, dict[str, Any]]]
_ENDINGS = (".csv", ".tsv", ".json", ".parquet")  # of names of what is not JSON Lines, or need not be
INSTALL = "pip install 'redone[benchmarks]', or pyarrow alone"


def numbered_rows(path: Path) -> Numbered:
    """(number, row) pairs of a data file: the line that a row begins in; of a JSON array and of Parquet which of the
    rows it is, from 1.

    .csv and .tsv are tables with a header, .parquet is Parquet, .json may hold an array; all else is JSON Lines. All
    but Parquet may be gzip, with .gz behind the name. Raises ValueError naming file and place.
    """
    kind = (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()
    if kind in (".csv", ".tsv"):
        return _table(path, "\t" if kind == ".tsv" else "")
    if kind == ".parquet":
        return _parquet(path)
    return _array(path) if kind == ".json" and _begins_as_array(path) else numbered_jsonl(path, _ENDINGS)


def _begins_as_array(path: Path) -> bool:
    with opened(path) as file:
        try:
            return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
        except DAMAGED:  # as whoever reads all of it will say
            return False


def _array(path: Path) -> Numbered:
    for number, row in enumerate(read_json(path), 1):
        if not isinstance(row, dict):
            raise ValueError(f"{path}: item {number}: expected a JSON object, found {type(row).__name__}")
        yield number, row


def _table(path: Path, separator: str) -> Numbered:
    """Rows by the header's names, every value a text; empty ones are passed over. separator: if not given a comma, or a
    semicolon where the header has one and no comma, as spreadsheets of many countries write it."""
    names: list[str] = []
    told: Any = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
    with opened(path) as file, io.TextIOWrapper(file, **told) as texts:
        lines = _lines(path, texts)
        first = next(lines, "")
        separator = separator or (";" if ";" in first and "," not in first else ",")
        reader = csv.reader(chain([first], lines), delimiter=separator, strict=True)
        line = 1
        try:
            for cells in reader:
                where = f"{path}:{line}"
                if any(cells) and not names:
                    names = _names(cells, where)
                elif any(cells):
                    if len(cells) != len(names):
                        raise ValueError(_ragged(cells, names, where))
                    yield line, dict(zip(names, cells))
                line = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(
                f"{path}:{line}: the row that begins here is no CSV ({error}); a value that holds the separator, a "
                'quote or the end of a line stands in quotes, and a quote within is written twice: "so ""it"" is"'
            ) from None
        except DAMAGED as error:
            raise ValueError(f"{path}:{line}: the gzip file is damaged or cut off ({error})") from None
    if not names:
        raise ValueError(f"{path}: it is empty; a table begins with a row of column names")


def _lines(path: Path, file: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while text := file.readline(MOST_LINE + 1):
        number += 1
        if len(text) > MOST_LINE:
            raise ValueError(f"{path}:{number}: a line of more than {MOST_LINE >> 20} MiB")
        if "\0" in text:
            raise ValueError(f"{path}:{number}: a NUL byte; it is UTF-16 without a mark, or no text")
        if not text.isascii() and HALF.search(text):
            raise ValueError(f"{path}:{number}: not UTF-8; save the table as UTF-8 (in a spreadsheet: CSV UTF-8)")
        yield text


def _names(cells: Sequence[str], where: str) -> list[str]:
    """The columns' names, without space around them."""
    names = [cell.strip() for cell in cells]
    if "" in names:
        raise ValueError(
            f"{where}: column {names.index('') + 1} has no name; name it in this first row, or take the column out "
            "(of pandas: to_csv(..., index=False))"
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{where}: two columns are called {twice[0]!r:.80}; rename one")
    return names


def _ragged(cells: Sequence[str], names: Sequence[str], where: str) -> str:
    return (
        f"{where}: the row that begins here has {len(cells)} values, and the header {len(names)} columns; a value that "
        "holds the separator stands in quotes"
    )


def _parquet(path: Path) -> Numbered:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ValueError(f"{path}: Parquet needs its reader: {INSTALL}; or write the rows as JSON Lines") from None
    refuse_no_file(path)
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            if twice := [name for name, count in Counter(file.schema_arrow.names).items() if count > 1]:
                raise ValueError(f"{path}: two columns are called {twice[0]!r:.80}; rename one")
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not Parquet, or damaged ({' '.join(str(error).split()):.200})") from None
