"""Code that would rather pass a test than be right.

Each piece of code passes where test and code share a process, which a plain interpreter shows; none passes where plain
values are all that crosses.
"""

import subprocess
import sys
import time

import pytest

from redone.sandbox.isolate import Limits
from redone.sandbox.jobs import Asserts, Expression, Pairs

TEST = "assert f(3) == 12345"
CLOSE = "import math\nassert math.isclose(f(3), 12345.0)"
ALWAYS = "class Always:\n def __eq__(self, other): return True\n"
CHEATS = {  # name -> (code, test, kind of the error)
    "a lying equality": (f"{ALWAYS}def f(x): return Always()", TEST, "protocol"),
    "a lying number": ("class N(int):\n def __eq__(self, o): return True\ndef f(x): return N(1)", TEST, None),
    "a lying list": (
        "class L(list):\n def __eq__(self, o): return True\ndef f(x): return L()",
        "assert f(3) == [1, 2]",
        None,
    ),
    "a lying float": (
        "class F(float):\n def __sub__(self, o): return 0.0\ndef f(x): return F(1)",
        "assert abs(f(3) - 12345.0) < 1e-6",
        None,
    ),
    "a lying item": (f"{ALWAYS}def f(x): return [Always()]", "assert f(3) == [12345]", "protocol"),
    "a patched built-in": (
        "import builtins\nbuiltins.abs = lambda x: 0\ndef f(x): return 1",
        "assert abs(f(3) - 12345) < 1",
        None,
    ),
    "a patched all": (
        "import builtins\nbuiltins.all = lambda x: True\ndef f(x): return 1",
        "assert all([f(3) == 12345])",
        None,
    ),
    "a patched module": ("import math\nmath.isclose = lambda *a, **k: True\ndef f(x): return 1", CLOSE, None),
    "a poisoned module": (
        "import sys, types\nm = types.ModuleType('math'); m.isclose = lambda *a: True\n"
        "sys.modules['math'] = m\ndef f(x): return 1",
        CLOSE,
        None,
    ),
    "an exit before the tests": ("import sys\nsys.exit(0)", TEST, None),
    "an end before the tests": ("import os\nos._exit(0)", TEST, "crash"),
    "a built-in exit before the tests": ("exit(0)", TEST, None),
    "a built-in quit in the call": ("def f(x): quit()", TEST, None),
    "an exit in the call": ("import sys\ndef f(x): sys.exit(0)", TEST, None),
    "an end in the call": ("import os\ndef f(x): os._exit(0)", TEST, "crash"),
    "an end in an exit function": ("import atexit, os\natexit.register(os._exit, 0)\ndef f(x): return 1", TEST, None),
    "an exception hook": ("import os, sys\nsys.excepthook = lambda *a: os._exit(0)\ndef f(x): return 1", TEST, None),
    "an end by a thread": (
        "import os, threading, time\nthreading.Timer(0.2, os._exit, (0,)).start()\ndef f(x): time.sleep(9)",
        TEST,
        "crash",
    ),
    "the test's constants": (
        "import sys\ndef f(x): return max(c for c in sys._getframe(1).f_code.co_consts if isinstance(c, int))",
        TEST,
        None,
    ),
    "the test's names": (
        "def f(x):\n import sys; sys._getframe(1).f_globals['wanted'] = 1; return 1",
        "wanted = 12345\nassert f(3) == wanted",
        None,
    ),
    "a trace function": (
        "import sys\ndef t(frame, event, arg):\n if event == 'exception': __import__('os')._exit(0)\n return t\n"
        "sys.settrace(t)\ndef f(x):\n sys._getframe(1).f_trace = t; return 1",
        TEST,
        "crash",
    ),
    "another assertion error": (
        "import builtins, os\ndef f(x):\n try: return 1\n finally: os.register_at_fork; os._exit(0)",
        TEST,
        "crash",
    ),
}
FORGED = {  # what only the sandbox has to fear: (code, kind of the error)
    "forged verdicts": (
        "import os\nfor n in range(3, 64):\n try: os.write(n, b'\\x10\\0\\0\\0' + b't\\2\\0\\0\\0s\\4\\0\\0\\0caseT')\n"
        " except OSError: pass\ndef f(x): return 1",
        "protocol",
    ),
    "noise on the channel": ("import os\nos.write(3, os.urandom(4000))\ndef f(x): return 1", "protocol"),
    "an endless message": ("import os\nos.write(3, b'\\xff\\xff\\xff\\x7f')\ndef f(x): return 1", "protocol"),
    "a closed channel": ("import os\ndef f(x):\n os.close(3)\n return 1", "crash"),
    "answers in advance": (
        "from redone.sandbox import roles\nfor _ in range(9): roles.Channel(3).send(('value', 1, None))\n"
        "def f(x): return 1",
        None,
    ),
    "an answer of a wrong form": (
        "from redone.sandbox import roles\ndef f(x): roles.Channel(3).send(('value',))",
        "protocol",
    ),
    "a value that nests deep": ("def f(x):\n v = []\n for _ in range(5000): v = [v]\n return v", "protocol"),
    "a value that holds itself": ("def f(x):\n v = []\n v.append(v)\n return v", "protocol"),
    "a value too large": ("def f(x): return 'x' * 20_000_000", "protocol"),
    "a generator without end": ("def f(x):\n while True: yield 1", "protocol"),
    "a function": ("def f(x): return lambda: 12345", "protocol"),
    "an exception that is none": (
        "class E(BaseException):\n def __str__(self): raise self\ndef f(x): raise E",
        "crash",
    ),
    "an interrupt": ("def f(x): raise KeyboardInterrupt", None),
    "memory": ("def f(x): return bytearray(1 << 33)", "memory"),
    "time": ("def f(x):\n while True: pass", "timeout"),
    "sleep while loading": ("import time\ntime.sleep(60)", "timeout"),
    "a signal to itself": ("import os\ndef f(x): os.kill(os.getpid(), 9)", "memory"),
    "a null pointer": ("import ctypes\ndef f(x): ctypes.string_at(0)", "crash"),
    "no code at all": ("", None),
    "no Python": ("def f(x)\n return 12345", None),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_passes_in_the_process_of_its_test_and_not_in_its_own(name, pool):
    code, test, error = CHEATS[name]
    together = subprocess.run([sys.executable, "-I", "-c", f"{code}\n{test}"], capture_output=True)
    assert together.returncode == 0, together.stderr
    outcome = pool.run(Asserts(code, (test,), ("f",)), Limits(wall=2))
    assert (outcome.passed, outcome.error) == ((False,), error), outcome


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_answer_fails_and_the_next_test_is_served_at_once(name, pool):
    code, error = FORGED[name]
    outcome = pool.run(Asserts(code, (TEST,), ("f",)), Limits(wall=0.8, memory=256 * 2**20))
    assert (outcome.passed, outcome.error) == ((False,), error), outcome
    began = time.monotonic()
    assert pool.run(Asserts("def f(x): return 12345", (TEST,), ("f",))).all_passed
    assert time.monotonic() - began < 2


def test_an_exit_in_a_call_fails_its_own_case_and_skips_no_other(pool):
    code = "def f(x):\n    if x == 1:\n        exit(0)\n    return x"
    tests = ("assert f(1) == 1", "assert f(2) == 2", "assert f(2) == 3", "f(1)", "assert f(2) == 2")
    assert pool.run(Asserts(code, tests, ("f",))).passed == (False, True, False, False, True)
    assert pool.run(Pairs(code, "f", (((1,), 1), ((2,), 2), ((1,), None)))).passed == (False, True, False)
    assert pool.run(Expression("exit() if x == 1 else x", (({"x": 1}, 1), ({"x": 2}, 2)))).passed == (False, True)


SPY = """
import gc
def f():
    word = "tanger" + "ine"
    return sum(type(o) is dict and any(type(v) is str and v == word for v in o.values()) for o in gc.get_objects())
"""


def test_the_code_finds_nothing_of_the_test_in_its_memory(pool):
    seen = "wanted = 'tangerine'\nassert f() == 1"
    assert pool.run(Asserts("def f(): return 1", (seen,), ("f",))).all_passed
    assert subprocess.run([sys.executable, "-I", "-c", f"{SPY}\n{seen}"]).returncode == 0
    assert pool.run(Asserts(SPY, ("wanted = 'tangerine'\nassert f() == 0",), ("f",))).all_passed


def test_a_pair_and_an_expression_are_not_fooled_by_a_lying_equality(pool):
    assert pool.run(Pairs(f"{ALWAYS}def f(x): return Always()", "f", (((1,), 2),))).passed == (False,)
    assert pool.run(Expression("type('A', (), {'__eq__': lambda a, b: True})()", (({"x": 1}, 2),))).passed == (False,)
