"""Verdicts of rewards that are called by themselves: what they ask of a sandbox, and of a search, is done at once."""

import atexit
import importlib.util
from functools import cache
from pathlib import Path

from redone.records import Verdict
from redone.rewards.outside import Found, Search
from redone.run.scoring import CODE
from redone.sandbox.pool import Pool


def settled(found: Found) -> Verdict:
    """The verdict, whatever it waited for."""
    if isinstance(found, Verdict):
        return found
    return found.verdict(
        [r.function(*r.arguments) if isinstance(r, Search) else _pool().run(r) for r in found.requests]
    )


@cache
def _pool() -> Pool:
    """One for all tests of a process: it takes longer to start than most jobs do."""
    pool = Pool(1, CODE)
    atexit.register(pool.close)
    return pool


@cache
def punkt() -> bool:
    """Whether NLTK finds its data punkt_tab; the package llama-index-core has a copy."""
    if importlib.util.find_spec("nltk") is None:
        return False
    import nltk

    copies = importlib.util.find_spec("llama_index")
    for folder in copies.submodule_search_locations or () if copies else ():
        nltk.data.path.append(str(Path(folder) / "core" / "_static" / "nltk_cache"))
    try:
        nltk.data.find("tokenizers/punkt_tab/english/")
    except LookupError:
        return False
    return True
