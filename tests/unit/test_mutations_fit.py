"""Every mistake of tests/mutations/mutations.toml can still be made: its old text is there exactly once."""

from mutations.run import flaw, read


def test_every_mutation_fits_the_source():
    mutations = read()
    assert len(mutations) > 500
    assert {one.what: why for one in mutations if (why := flaw(one))} == {}
