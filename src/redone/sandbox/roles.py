"""What an isolated process does with its payload: run a program, serve calls of its code, or test such code.

This is the one place where text is run as code, and nothing here runs outside the isolation (see `inside`). The test's
side never sees the code: it sends names and plain values over a channel and gets plain values back.
"""

import _sitebuiltins
import atexit
import builtins
import json
import math
import os
import struct
import sys
import threading
import traceback
import types
from collections.abc import Callable, Mapping
from typing import Any

from redone.sandbox import probe, values

OUT_OF_MEMORY = 251  # exit code
LONGEST_MESSAGE = 4 * 2**20  # bytes between the two sides
LONGEST_NOTE = 300  # characters
_SIZE = struct.Struct("<I")


class Gone(BaseException):
    """The code's side ended or broke the protocol; no `except Exception` of a test holds it up."""


class Raised(Exception):
    """An exception of the code under test that is no built-in one."""


class Channel:
    """Length-prefixed plain values over one end of a socket pair."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def send(self, value: Any) -> None:
        """Raises values.NotPlain before anything is sent."""
        body = values.encode(value, LONGEST_MESSAGE)
        data = memoryview(_SIZE.pack(len(body)) + body)
        while data:
            data = data[os.write(self.descriptor, data) :]

    def receive(self) -> Any:
        """Raises EOFError where the other side has ended, values.NotPlain where it sent something else."""
        size = _SIZE.unpack(self._exactly(_SIZE.size))[0]
        if size > LONGEST_MESSAGE:
            raise values.NotPlain(f"a message of more than {LONGEST_MESSAGE} bytes")
        return values.decode(self._exactly(size))

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = os.read(self.descriptor, size - len(data))
            if not part:
                raise EOFError
            data += part
        return data


def open_streams() -> None:
    """Make descriptors 0, 1 and 2 the standard streams, in UTF-8 whatever bytes come; and the names that Python's site,
    which is not there, would have built in."""
    text: Mapping[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "closefd": False}
    sys.stdin = sys.__stdin__ = open(0, **text)  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", **text)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", buffering=1, **text)  # type: ignore[misc]  # noqa: SIM115
    sys.argv = ["program"]
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "the end of input"))


def program(source: str) -> int:
    """Run a whole program as Python itself would; returns its exit code."""
    code = 0
    try:
        exec(compile(source, "<program>", "exec", dont_inherit=True), _module("__main__"))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        code = code if -(2**63) <= code < 2**63 else -1  # as for Python itself
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except MemoryError:
        code = OUT_OF_MEMORY
    except BaseException as error:
        traceback.print_exception(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next))
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # as at the end of any program: threads, then exit functions
    atexit._run_exitfuncs()
    sys.stdout.flush()
    return code & 0xFF


def functions(source: str, channel: int) -> int:
    """Run the source, then answer ("call", name, arguments, keywords) with what that function of it does."""
    space: dict[str, Any] = {}

    def run() -> None:
        nonlocal space
        space = _module("solution")
        exec(compile(source, "<solution>", "exec", dont_inherit=True), space)

    def call(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if name not in space:
            raise NameError(f"name {name!r} is not defined")
        return space[name](*arguments, **keywords)

    return _answer(Channel(channel), run, call)


def expression(source: str, channel: int) -> int:
    """Answer ("call", "", (variables,), {}) with the value of the expression."""
    parsed: Any = None

    def run() -> None:
        nonlocal parsed
        parsed = compile(source.strip(), "<expression>", "eval", dont_inherit=True)

    return _answer(Channel(channel), run, lambda _, arguments, __: eval(parsed, dict(arguments[0])))


def _answer(channel: Channel, run: Callable[[], None], call: Callable[..., Any]) -> int:
    """("ready",), or ("raised", type, message) where `run` raises; then an answer a request until the other side ends.

    A request ("call", name, arguments, keywords) is answered with ("value", value, arguments after the call),
    ("raised", type, message), or ("cannot", why) where the value is not plain.
    """
    try:
        run()
    except BaseException as error:
        channel.send(_raised(error))
        return OUT_OF_MEMORY if isinstance(error, MemoryError) else 1
    channel.send(("ready",))
    while True:
        try:
            _, name, arguments, keywords = channel.receive()
        except EOFError:
            return 0
        before = values.encode(arguments, LONGEST_MESSAGE)
        try:
            value = call(name, arguments, keywords)
        except BaseException as error:
            reply: tuple[Any, ...] = _raised(error)
        else:
            reply = ("value", value, _changed(arguments, before))
        try:
            channel.send(reply)
        except values.NotPlain as error:
            channel.send(("cannot", str(error)))


def _changed(arguments: tuple[Any, ...], before: bytes) -> tuple[Any, ...] | None:
    try:
        return None if values.encode(arguments, LONGEST_MESSAGE) == before else arguments
    except values.NotPlain:
        return None  # something else was put into one of them: the caller keeps its own


def _raised(error: BaseException) -> tuple[str, str, str]:
    return "raised", type(error).__name__, _note(error)


def _note(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST_NOTE]
    except Exception:
        return ""


class Verdicts:
    """Where the test's side writes its findings, one plain value after the other: what came before its end counts."""

    def __init__(self, descriptor: int):
        self.channel = Channel(descriptor)

    def case(self, passed: bool, kind: str = "", note: str = "") -> None:
        self.channel.send(("case", passed, kind, note[:LONGEST_NOTE]))

    def called(self) -> None:
        """From here on the test has to do with what the code gives."""
        self.channel.send(("called",))

    def broken(self, side: str, kind: str, note: str) -> None:
        """Nothing can be tested, because of the "code" (it does not load) or of the "test"."""
        self.channel.send(("broken", side, kind, note[:LONGEST_NOTE]))


class Code:
    """The other side, as the test sees it."""

    def __init__(self, descriptor: int, found: Verdicts):
        self.channel, self.found, self.called = Channel(descriptor), found, False

    def load(self) -> tuple[str, str] | None:
        """(type, message) of what the code raised when it was loaded."""
        reply = self._received()
        if reply[0] == "raised":
            return reply[1], reply[2]
        return None if reply == ("ready",) else ("an answer before any call", "")

    def call(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """What the function gives. Raises what it raised, Uncrossable for a value not plain, Gone when the code is."""
        if not self.called:
            self.called = True
            self.found.called()
        try:
            self.channel.send(("call", name, arguments, dict(keywords)))
        except OSError:
            raise Gone("crash") from None
        reply = self._received()
        if reply[0] == "raised":
            raise _exception(reply[1], reply[2])
        if reply[0] == "cannot":
            raise Uncrossable(reply[1])
        if reply[2] is not None:
            _overwrite(arguments, reply[2])
        return reply[1]

    def _received(self) -> tuple[Any, ...]:
        try:
            reply = self.channel.receive()
        except (EOFError, OSError):
            raise Gone("crash") from None
        except values.NotPlain as error:
            raise Gone("protocol", str(error)) from None
        shape = {"ready": 1, "value": 3, "raised": 3, "cannot": 2}
        if not (type(reply) is tuple and reply and type(reply[0]) is str and shape.get(reply[0]) == len(reply)):
            raise Gone("protocol", "an answer that is none")
        if reply[0] != "value" and not all(type(part) is str for part in reply):
            raise Gone("protocol", "a reason that is no text")
        return reply


class Uncrossable(TypeError):
    """The code gave a value that is not plain."""


def _exception(name: str, message: str) -> Exception:
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(message)
        except TypeError:  # such as UnicodeDecodeError, of five arguments
            pass
    return Raised(f"{name}: {message}")


def _overwrite(old: Any, new: Any) -> None:
    """Give the containers of `old` the contents of `new`, as the function would have done to its caller's."""
    if type(old) is not type(new):
        return
    if isinstance(old, (tuple, list)):
        for one, other in zip(old, new):
            _overwrite(one, other)
    if isinstance(old, list):
        kept = [o if type(o) is type(n) and isinstance(o, (list, dict, set)) else n for o, n in zip(old, new)]
        old[:] = kept + new[len(kept) :]
    elif isinstance(old, (dict, set)):
        old.clear()
        old.update(new)


def asserts(payload: Mapping[str, Any], channel: int, verdicts: int) -> int:
    """Run setup and tests, a case each, with the named functions as stand-ins for those of the code."""
    found = Verdicts(verdicts)
    code = Code(channel, found)
    space = _module("tests")
    stand_ins = {name: _stand_in(code, name) for name in payload["functions"]}
    try:
        tests = [compile(test, "<test>", "exec", dont_inherit=True) for test in payload["tests"]]
        setup = compile(payload["setup"], "<setup>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        found.broken("test", type(error).__name__, _note(error))
        return 1

    def cases() -> None:
        space.update(stand_ins)
        try:
            exec(setup, space)
        except Exception as error:
            if code.called:  # it may be what the code gave that the setup does not bear
                for _ in tests:
                    found.case(False, type(error).__name__, _note(error))
            else:
                found.broken("test", type(error).__name__, _note(error))
            return
        space.update(stand_ins)  # over a prompt's own stub
        for test in tests:
            try:
                exec(test, space)
            except Exception as error:
                found.case(False, type(error).__name__, _note(error) or "an assertion failed")
            else:
                found.case(True)

    return _tested(code, found, cases)


def pairs(payload: Mapping[str, Any], channel: int, verdicts: int) -> int:
    """Call `function` with each pair's arguments and compare with its value."""
    found = Verdicts(verdicts)
    code = Code(channel, found)

    def cases() -> None:
        for arguments, wanted in payload["pairs"]:
            try:
                value = code.call(payload["function"], tuple(arguments), {})
            except Exception as error:
                found.case(False, type(error).__name__, _note(error))
                continue
            passed = same(value, wanted)
            found.case(passed, "", "" if passed else f"{_written(value)} where {_written(wanted)} is wanted")

    return _tested(code, found, cases)


def _tested(code: Code, found: Verdicts, cases: Callable[[], None]) -> int:
    try:
        failed = code.load()
        if failed:
            found.broken("code", *failed)
        else:
            cases()
    except Gone as gone:
        found.broken("code", str(gone.args[0]), " ".join(map(str, gone.args[1:])))
    return 0


def _written(value: Any) -> str:
    try:
        return f"{value!r:.140}"
    except ValueError as error:  # a number of more digits than Python writes
        return f"a value that cannot be written ({error})"


def same(value: Any, wanted: Any) -> bool:
    """Whether two plain values are equal; a tuple equals a list, nan equals nan, True is not 1."""
    if isinstance(value, (list, tuple)) and isinstance(wanted, (list, tuple)):
        return len(value) == len(wanted) and all(same(one, other) for one, other in zip(value, wanted, strict=True))
    if isinstance(value, dict) and isinstance(wanted, dict):
        return value.keys() == wanted.keys() and all(same(value[key], wanted[key]) for key in wanted)
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, float) and isinstance(wanted, float) and math.isnan(value):
        return math.isnan(wanted)
    return bool(value == wanted)


def _stand_in(code: Code, name: str) -> Callable[..., Any]:
    def stand_in(*arguments: Any, **keywords: Any) -> Any:
        return code.call(name, arguments, keywords)

    stand_in.__name__ = stand_in.__qualname__ = name
    return stand_in


def _module(name: str) -> dict[str, Any]:
    """The names of a new, empty module that others find by this name."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    return module.__dict__


ROLES: Mapping[str, Callable[..., int]] = {
    "program": program,
    "functions": functions,
    "expression": expression,
    "asserts": asserts,
    "pairs": pairs,
    "probe": lambda payload: print(json.dumps(probe.found(payload))) or 0,
}
