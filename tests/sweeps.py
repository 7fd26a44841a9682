"""Tests that go through a whole data set: `make test` takes a part of it, `make test-all` all (the marker slow)."""

import pytest

in_part = pytest.mark.parametrize(
    "every", [pytest.param(10, id="one in 10"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
