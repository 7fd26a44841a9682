"""Pools for the tests of the sandbox. They skip where the kernel refuses isolation, with what it said."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from redone.sandbox.isolate import Limits, Unavailable
from redone.sandbox.pool import Pool

LIMITS = Limits(wall=5.0, cpu=5, memory=256 * 2**20)


@pytest.fixture(scope="session")
def pool_without() -> Iterator[Callable[..., Pool]]:
    """A function that gives the pool of one worker that lacks these protections, the same pool for the same ones."""
    pools: dict[frozenset[str], Pool] = {}

    def give(*without: str) -> Pool:
        key = frozenset(without)
        if key not in pools:
            try:
                pools[key] = Pool(1, replace(LIMITS), without=key)
            except Unavailable as error:
                pytest.skip(str(error))
        return pools[key]

    yield give
    for pool in pools.values():
        pool.close()


@pytest.fixture
def pool(pool_without: Callable[..., Pool]) -> Pool:
    return pool_without()
