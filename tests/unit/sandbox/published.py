"""How problems of the published benchmarks become jobs."""

from collections.abc import Iterable

from redone.sandbox.jobs import Asserts, called


def humaneval(code: str, prompt: str, test: str, entry_point: str) -> Asserts:
    """One case: HumanEval's check(candidate). Helpers that the prompt defines are the prompt's on the test's side.

    `code` is the whole function with its imports, as prompt + completion.
    """
    return Asserts(code, (f"check({entry_point})",), (entry_point,), f"{prompt}\n{test}")


def mbpp(code: str, tests: Iterable[str], imports: Iterable[str] = ()) -> Asserts:
    """A case for each of MBPP's asserts."""
    tests, setup = tuple(tests), "\n".join(imports)
    return Asserts(code, tests, called(tests, setup), setup)
