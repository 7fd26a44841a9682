"""What a person can get wrong in a file of settings or tasks: the file itself, and the names in it."""

import difflib
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redone.texts import visible

MOST_TOML = 16 << 20  # bytes of a file of settings or tasks
_NO_FILES = {  # type of what a path names -> what it is
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Several(ValueError):
    """Mistakes of which none follows from another."""

    def __init__(self, causes: Sequence[str]) -> None:
        self.causes = causes
        super().__init__("\n".join([f"{len(causes)} things are wrong:", *(f"- {cause}" for cause in causes)]))


@contextmanager
def gathered(causes: list[str]) -> Iterator[None]:
    """Have a ValueError that is raised in here join the causes, each once."""
    try:
        yield
    except ValueError as error:
        mine = error.causes if isinstance(error, Several) else [str(error)]
        causes += [cause for cause in mine if cause not in causes]


def refuse(causes: Sequence[str]) -> None:
    """Raises ValueError with the cause, or the causes, where there are any."""
    if causes:
        raise Several(causes) if len(causes) > 1 else ValueError(causes[0])


def refuse_no_file(path: Path) -> None:
    """Raises ValueError where something else than a file lies there: of a pipe or a device the end may never come."""
    try:
        kind = _NO_FILES.get(stat.S_IFMT(path.stat().st_mode))
    except (OSError, ValueError):
        return  # whoever opens it says why it cannot be
    if kind:
        raise ValueError(f"{path}: it is {kind}, where a file is wanted")


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """The tables of a TOML file. Raises ValueError naming the file; `kind` says what it would be, as in "pack"."""
    refuse_no_file(path)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_TOML + 1)
        if len(data) > MOST_TOML:
            raise ValueError(f"more than {MOST_TOML >> 20} MiB")
        return tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))  # with or without a byte-order mark
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such {kind} file") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ValueError(f"{path}: not a TOML file: its lists or tables are too deep") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}: not a TOML file: line {line} is not UTF-8 ({error.reason})") from None
    except ValueError as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None


def name_flaw(name: str) -> str:
    """Why this can be no name, which files and folders may bear; "" where it can."""
    if not 0 < len(name) <= 100:
        return "a name has 1 to 100 characters"
    if visible(name) != name or re.search(r"[/\\\n\t]", name) or name[0] in ".-~" or name != name.strip():
        return "a name has no slash, control character or space around it, and does not begin with a dot, ~ or -"
    return ""


def address_flaw(address: str) -> str:
    """What is wrong with an endpoint's address, which files and messages name; "" where nothing is."""
    try:
        parts = urlsplit(address)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        return "it is no address such as http://localhost:8000/v1"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return "it holds a name, a password or a query, which files would keep; the key goes into its own variable"
    return ""


def nearest(name: str, names: Iterable[str]) -> str:
    """'; did you mean X?' or nothing. Names may be dotted; then the last part alone may also be near."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if not close:  # the same last part in another table
        last = difflib.get_close_matches(name.split(".")[-1], [n.split(".")[-1] for n in names], n=1, cutoff=0.7)
        close = [n for n in names if last and n.split(".")[-1] == last[0]][:1]
    return f"; did you mean {close[0]}?" if close else ""
