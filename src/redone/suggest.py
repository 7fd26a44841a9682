"""What a person may have meant who wrote a name that is not known."""

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """'; did you mean X?' or nothing. Names may be dotted; then the last part alone may also be near."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if not close:  # the same last part in another table
        last = difflib.get_close_matches(name.split(".")[-1], [n.split(".")[-1] for n in names], n=1, cutoff=0.7)
        close = [n for n in names if last and n.split(".")[-1] == last[0]][:1]
    return f"; did you mean {close[0]}?" if close else ""
