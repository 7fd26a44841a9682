"""What a person can get wrong in a file of settings or tasks: the file itself, and the names in it."""

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """The tables of a TOML file. Raises ValueError naming the file; `kind` says what it would be, as in "pack"."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # with or without a byte-order mark
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such {kind} file") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None


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
