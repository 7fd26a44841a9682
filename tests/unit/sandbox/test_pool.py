import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from published import humaneval, mbpp

from redone.sandbox import values
from redone.sandbox.isolate import Limits
from redone.sandbox.jobs import Asserts, Expression, Pairs, Programs, called
from redone.sandbox.pool import Pool


def _message(value):
    body = values.encode(value, 10_000)
    return len(body).to_bytes(4, "little") + body


ADD = "def add(a, b):\n    return a + b\n"


def test_a_program_passes_the_cases_whose_output_it_prints(pool):
    outcome = pool.run(Programs("print(int(input()) % 3)", (("4", "1\n"), ("5", "1"), ("9\n", "0"))))
    assert (outcome.passed, outcome.error) == ((True, False, True), None)
    assert "'2\\n' where '1' is wanted" in outcome.note
    assert outcome.stdout == "2\n"
    assert not outcome.all_passed


@pytest.mark.parametrize(
    "code, wanted, passes",
    [
        ("print('a  \\n\\nb\\n\\n')", "a\n\nb", True),  # white space at the end of lines and of the whole
        ("print(' a')", "a", False),
        ("print('a')\nprint('b')", "a b", False),
        ("print('a'); raise SystemExit(1)", "a", False),  # the right output and then a failure
        ("print('a'); raise SystemExit", "a", True),
        ("print('a'); exit", "a", True),  # a name that site builds in
        ("print('a'); exit(); print('b')", "a", True),
        ("print('a'); quit(3)", "a", False),
        ("import atexit; atexit.register(print, 'b'); print('a')", "a\nb", True),
        ("import threading; threading.Thread(target=print, args=('b',)).start()", "b", True),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "\ufffd", True),
        ("if __name__ == '__main__': print(__name__)", "__main__", True),
        ("import sys; print(repr(sys.stdin.read()))", "'a\\nb'", True),
        ("def f(:", "", False),
        ("x = '\ud800'", "", False),
        ("print('a')\0", "a", False),
        ("print({'a', 'b', 'c', 'd', 'e'} == set('abcde'))", "True", True),
    ],
)
def test_a_program_runs_as_python_would_run_it(code, wanted, passes, pool):
    assert pool.run(Programs(code, (("a\nb", wanted),))).all_passed is passes


def test_equal_programs_print_equal_sets():
    job = Programs("print({'a', 'b', 'c', 'd', 'e', 'f', 'g'})", (("", ""),))
    with Pool(1) as one, Pool(1) as other:
        assert one.run(job).stdout == other.run(job).stdout


def test_runs_share_nothing(pool):
    leave = "import builtins, math, os\nbuiltins.print = None\nmath.pi = 3\nos.environ['x'] = open('x', 'w').name"
    assert pool.run(Programs(leave, (("", ""),))).all_passed
    look = "import math, os\nprint(round(math.pi, 2), os.listdir('.'), dict(os.environ))"
    assert pool.run(Programs(look, (("", "3.14 [] {}"),))).all_passed


def test_asserts_are_cases_and_the_first_failure_is_told(pool):
    tests = ("assert add(1, 2) == 3", "assert add('a', 'b') == 'ba'", "assert add([1], [2]) == [1, 2]", "add(1, None)")
    outcome = pool.run(Asserts(ADD, tests, ("add",)))
    assert (outcome.passed, outcome.error) == ((True, False, True, False), None)
    assert outcome.note == "AssertionError: an assertion failed"


def test_an_exception_of_the_code_reaches_the_test_as_itself(pool):
    code = """
class Own(Exception): pass
def f(x):
    if x == 3: raise UnicodeDecodeError('why', b'', 0, 1, '')  # it takes five arguments to make
    raise (ValueError, KeyError, Own)[x]('why')
"""
    test = "try:\n f({})\nexcept {} as error:\n assert 'why' in str(error)\nelse:\n assert False"
    cases = tuple(
        test.format(*pair) for pair in ((0, "ValueError"), (1, "KeyError"), (2, "Exception"), (3, "Exception"))
    )
    assert pool.run(Asserts(code, cases, ("f",))).passed == (True,) * 4
    assert pool.run(Asserts(code, (test.format(0, "KeyError"), test.format(2, "ValueError")), ("f",))).passed == (
        False,
        False,
    )


def test_a_call_takes_every_plain_value_and_gives_it_back(pool):
    value = "[None, True, 10**30, -0.5, float('inf'), 2j, 'é', b'x', [1], (1,), {1: 'a'}, {1}, frozenset({2})]"
    test = f"value = {value}\nassert f(value) == value and [type(v) for v in f(value)] == [type(v) for v in value]"
    assert pool.run(Asserts("def f(x): return x", (test, "x = f(float('nan'))\nassert x != x"), ("f",))).all_passed
    assert pool.run(
        Asserts("def f(*a, **k): return a, k", ("assert f(1, b=2) == ((1,), {'b': 2})",), ("f",))
    ).all_passed


def test_what_a_function_does_to_its_arguments_is_seen_by_the_test(pool):
    code = """
def sort(x): x.sort()
def fill(d, s): d['b'] = [1]; del d['a']; s.add(3)
def deep(x): x[0].append(5); x[1]['k'].clear()
def shrink(x): del x[1:]
def keep(x): x = sorted(x); return x
"""
    tests = (
        "x = [3, 1, 2]\nassert sort(x) is None and x == [1, 2, 3]",
        "d, s = {'a': 0}, {1}\nfill(d, s)\nassert d == {'b': [1]} and s == {1, 3}",
        "inner = [4]\nx = [inner, {'k': [1]}]\ndeep(x)\nassert inner == [4, 5] and x == [[4, 5], {'k': []}]",
        "x = [1, 2, 3]\nshrink(x)\nassert x == [1]",
        "x = [2, 1]\nassert keep(x) == [1, 2] and x == [2, 1]",
    )
    assert pool.run(Asserts(code, tests, ("sort", "fill", "deep", "shrink", "keep"))).passed == (True,) * 5


def test_helpers_of_a_prompt_run_on_the_side_of_the_test(pool):
    prompt = 'def twice(x):\n    return 2 * x\n\ndef half(x):\n    """ Half of x. """\n'
    test = "def check(candidate):\n    for x in range(9):\n        assert candidate(twice(x)) == x\n"
    assert pool.run(humaneval(prompt + "    return x // 2\n", prompt, test, "half")).passed == (True,)
    assert pool.run(humaneval(prompt + "    return x\n", prompt, test, "half")).passed == (False,)
    cheat = "def twice(x):\n    return x\ndef half(x):\n    return x\n"  # a helper of its own changes no test
    assert pool.run(humaneval(cheat, prompt, test, "half")).passed == (False,)
    assert pool.run(humaneval(prompt, prompt, test, "half")).passed == (False,)  # the stub alone


def test_asserts_know_which_functions_they_want():
    assert called(["assert f(g(1)) == len([2])", "assert math.isclose(f(2), 2)"], "import math") == ("f", "g")
    assert called(["assert helper(f(1))"], "def helper(x): return x") == ("f",)
    assert called(["assert sum(1, 2) == 3"]) == ("sum",)
    assert called(["assert f(1) == "]) == ()


def test_a_function_may_have_the_name_of_a_built_in(pool):
    assert pool.run(mbpp("def sum(a, b): return a - b", ["assert sum(5, 2) == 3"])).all_passed
    job = mbpp("def f(x): return x", ["assert math.isclose(f(0.1) + f(0.2), 0.3)"], ["import math"])
    assert pool.run(job).all_passed


@pytest.mark.parametrize(
    "value, wanted, passes",
    [
        ("[1, 2]", (1, 2), True),
        ("(1, [2])", [1, (2,)], True),
        ("1.0", 1, True),
        ("True", 1, False),
        ("[1, 0]", [True, False], False),
        ("float('nan')", float("nan"), True),
        ("float('nan')", 1.0, False),
        ("{'a': (1, 2)}", {"a": [1, 2]}, True),
        ("{'a': 1}", {"a": 1, "b": 2}, False),
        ("'1'", 1, False),
        ("None", None, True),
        ("{1, 2}", {2, 1}, True),
        ("[1, 2, 3]", [1, 2], False),
    ],
)
def test_values_of_a_pair_are_compared_as_documented(value, wanted, passes, pool):
    assert pool.run(Pairs(f"def f(x): return {value}", "f", (((0,), wanted),))).all_passed is passes
    assert pool.run(Expression(value, (({}, wanted),))).all_passed is passes


def test_pairs_and_expressions_have_a_verdict_for_each_case(pool):
    outcome = pool.run(Pairs(ADD, "add", (((1, 2), 3), ((2, 2), 5), ((1, "a"), 0), (("a", "b"), "ab"))))
    assert (outcome.passed, outcome.error) == ((True, False, False, True), None)
    assert outcome.note == "4 where 5 is wanted"
    outcome = pool.run(Expression(" max(x, y)\n", (({"x": 1, "y": 2}, 2), ({"x": 3, "y": 3}, 4), ({"x": 1}, 1))))
    assert (outcome.passed, outcome.error) == ((True, False, False), None)
    assert pool.run(Expression("x = 1", (({"x": 1}, 1),))).passed == (False,)
    assert pool.run(Pairs("x = 1", "f", (((1,), 1),))).note == "NameError: name 'f' is not defined"


def test_a_broken_test_is_not_the_fault_of_the_code(pool):
    assert pool.run(Asserts(ADD, ("assert add(1, 2 == 3",), ("add",))).error == "test"
    assert pool.run(Asserts(ADD, ("assert add(1, 2) == 3",), ("add",), "import nowhere")).error == "test"
    assert pool.run(Asserts(ADD, ("raise SystemExit",), ("add",))).error == "test"
    assert pool.run(Asserts(ADD, ("while True: pass",), ("add",)), Limits(wall=0.3)).error == "timeout"


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (Pairs("def f(): return 10**5000", "f", (((), 1),)), None),
        (Expression("10**5000", (({}, 1),)), None),
        (Asserts("def f(): return 10**5000", ("assert f() == 1, f()",), ("f",)), None),
        (Asserts("def f(): raise OSError", ("assert f() == 1",), ("f",), "first = f()"), None),
        (Asserts("def f(): return 0", ("if f() != 1: raise SystemExit",), ("f",)), "protocol"),
        (Asserts("def f(): return 0", ("import os\nif f() != 1: os._exit(1)",), ("f",)), "protocol"),
        (Pairs(f"import os\nos.write(3, {_message(('raised', 10**5000, 'x'))!r})", "f", (((), 1),)), "protocol"),
    ],
)
def test_what_breaks_at_what_the_code_gives_is_the_fault_of_the_code(job, error, pool):
    """And so a wrong answer; with the right value each passes."""
    outcome = pool.run(job)
    assert (outcome.all_passed, outcome.error) == (False, error)


def test_cases_before_a_crash_count(pool):
    code = "import os\ndef f(x):\n    if x == 2: os._exit(7)\n    return x\n"
    outcome = pool.run(Asserts(code, tuple(f"assert f({x}) == {x}" for x in range(4)), ("f",)))
    assert (outcome.passed, outcome.error) == ((True, True, False, False), "crash")
    outcome = pool.run(Programs("if input() == '1': x = bytearray(1 << 40)\nprint(1)", (("0", "1"), ("1", "1"))))
    assert (outcome.passed, outcome.error) == ((True, False), "memory")


def test_the_output_of_the_code_is_kept_up_to_its_bound(pool):
    code = "import sys\nprint('loading')\ndef f(x):\n    print('called', x, file=sys.stderr)\n    return x\n"
    outcome = pool.run(Asserts(code, ("assert f(1) == 1",), ("f",)))
    assert (outcome.passed, outcome.stdout, outcome.stderr) == ((True,), "loading\n", "called 1\n")
    outcome = pool.run(Programs("print('x' * 5000)", (("", ""),)), Limits(output=100))
    assert (outcome.error, outcome.stdout) == ("output", "x" * 100)


def test_the_wall_time_bounds_all_cases_together(pool):
    began = time.monotonic()
    outcome = pool.run(Programs("import time; time.sleep(0.7); print(1)", (("", "1"),) * 20), Limits(wall=1))
    assert time.monotonic() - began < 2
    assert (outcome.passed, outcome.error) == ((True,) + (False,) * 19, "timeout")


def test_the_cpu_time_bounds_all_cases_together_and_waiting_for_the_machine_costs_none(pool):
    work = "import time\nwhile time.process_time() < 0.8: pass\nprint(1)"
    outcome = pool.run(Programs(work, (("", "1"),) * 6), Limits(cpu=2, wall=60))
    assert outcome.error == "timeout"
    assert 2 <= sum(outcome.passed) <= 3
    assert outcome.cpu < 4
    nap = "import time\ntime.sleep(1.2)\nprint(1)"
    assert pool.run(Programs(nap, (("", "1"),) * 2), Limits(cpu=1, wall=60)).all_passed


@pytest.mark.parametrize(
    "job, note",
    [
        (Programs("print(1)", ()), "there is no case"),
        (Programs("#" * 9_000_000, (("", ""),)), "more than"),
        (Pairs(ADD, "add", (((object(),), 1),)), "a value of type object"),
        (Expression("x", (({"x": len}, 1),)), "a value of type builtin_function_or_method"),
    ],
)
def test_a_job_that_cannot_be_sent_is_refused(job, note, pool):
    outcome = pool.run(job)
    assert (outcome.error, outcome.all_passed) == ("refused", False)
    assert note in outcome.note


def test_workers_run_side_by_side_and_outcomes_keep_their_order():
    job = "import time; time.sleep(0.6); print({})"
    with Pool(3) as pool:
        pool.run(Programs("print(1)", (("", "1"),)))
        began = time.monotonic()
        outcomes = list(pool.map([Programs(job.format(n), (("", str(n)),)) for n in range(3)]))
        assert [outcome.all_passed for outcome in outcomes] == [True] * 3
        assert time.monotonic() - began < 1.6
        assert [outcome.stdout for outcome in outcomes] == ["0\n", "1\n", "2\n"]


def test_more_threads_than_workers_all_get_their_own_outcome(pool):
    jobs = [Pairs(ADD, "add", (((n, n), 2 * n),)) for n in range(12)]
    with ThreadPoolExecutor(6) as threads:
        assert all(outcome.all_passed for outcome in threads.map(pool.run, jobs))
    assert pool.submit(jobs[0]).result().all_passed


def test_a_starter_that_is_killed_is_replaced():
    with Pool(1) as pool:
        job = Programs("import time; time.sleep(0.5); print(1)", (("", "1"),))
        first = pool._free.get()
        pool._free.put(first)
        timer = threading.Timer(0.2, first._launcher.kill)
        timer.start()
        assert pool.run(job).all_passed  # it was run again
        timer.join()
        second = pool._free.get()
        pool._free.put(second)
        assert second.pid != first.pid


def test_a_pool_needs_a_worker():
    with pytest.raises(ValueError, match="0 workers"):
        Pool(0)


@pytest.mark.parametrize("bad", [{"wall": 0}, {"wall": float("nan")}, {"cpu": 0}, {"memory": 1000}, {"output": 0}])
def test_limits_that_nothing_could_run_under_are_refused(bad):
    with pytest.raises(ValueError, match=r"limit .* of the sandbox"):
        Limits(**bad)
