"""A plugin of pytest for runs under coverage.py: which test executes which line, for `tests/mutations/drawn.py`.

A test's context in coverage's data is its node id; what sets up a fixture that many tests share has the fixture's name.
`SEEN`, beside coverage's data, gets a line for each test that passes: its node id, the seconds it kept the processor,
and its shared fixtures.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

SEEN = "seen.jsonl"
_contexts = [""]


def _switch() -> None:
    if (measured := coverage.Coverage.current()) is not None:
        measured.switch_context(_contexts[-1])


def _within(context: str) -> Iterator[None]:
    _contexts.append(context)
    _switch()
    try:
        return (yield)
    finally:
        _contexts.pop()
        _switch()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    return (yield from _within(item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
    shared = fixturedef.scope != "function"
    return (yield from _within(_name(fixturedef) if shared else _contexts[-1]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    began = time.process_time()
    yield
    seconds = round(time.process_time() - began, 4)
    if (measured := coverage.Coverage.current()) is not None:
        fixtures = item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
        shared = sorted(_name(found[-1]) for found in fixtures if found[-1].scope != "function")
        with Path(measured.config.data_file).with_name(SEEN).open("a", encoding="utf-8") as file:
            file.write(json.dumps([item.nodeid, seconds, shared]) + "\n")


def _name(fixture: pytest.FixtureDef[Any]) -> str:
    return f"fixture {fixture.argname} of {fixture.baseid or 'all'}"
