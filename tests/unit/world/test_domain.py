import itertools

import pytest

from redone.world.catalogue import DOMAINS, HOME
from redone.world.domain import World, invent, read_domain


def world(name: str, period: int) -> World:
    return read_domain(HOME / name / "domain.toml", period)


@pytest.mark.parametrize("name", DOMAINS)
def test_what_is_public_stays_and_what_is_invented_or_popular_changes_with_the_period(name):
    first, second = world(name, 1), world(name, 2)
    assert (first.words, first.zh, first.names["person"]) == (second.words, second.zh, second.names["person"])
    assert not set(first.names["brand"]) & set(second.names["brand"])
    assert not set(first.names["slang"]) & set(second.names["slang"])
    assert first.popular != second.popular
    assert all(first.facts[relation] != second.facts[relation] for relation in first.facts)


def test_a_fact_about_a_lasting_name_changes_with_the_period_too():
    months = [world("social", period).facts["month"] for period in (0, 1, 2)]
    assert months[0].keys() == months[1].keys() == months[2].keys()
    assert all(sum(a[name] != b[name] for name in a) > 6 for a, b in itertools.pairwise(months))


def test_the_values_of_a_fact_are_spread_evenly():
    audiences = list(world("social", 1).facts["audience"].values())
    assert {audiences.count(one) for one in set(audiences)} == {5}


def test_what_holds_of_a_family_holds_of_its_members_that_no_training_has():
    made = world("social", 1)
    seen, unseen, tier = made.names["brand"], made.names["brand_unseen"], made.facts["tier"]
    assert (len(seen), len(unseen), len({*seen, *unseen})) == (20, 10, 30)
    known = {name.split("-")[0]: tier[name] for name in seen}
    assert all(tier[name] == known[name.split("-")[0]] for name in (*seen, *unseen))
    assert set(known.values()) == {"budget", "middle", "luxury"}
    assert not set(unseen) & set(made.facts["audience"])


def test_the_same_period_is_the_same_world():
    assert world("social", 3) == world("social", 3)


@pytest.mark.parametrize("name", DOMAINS)
def test_every_word_belongs_to_one_topic_and_has_its_own_chinese(name):
    made = world(name, 1)
    words = [word for topic in made.topics for word in made.words[topic]]
    assert len(words) == len(set(words)) == len(made.items)
    assert len({made.zh[word] for word in words}) == len(words)
    assert set(made.zh) == {*words, *made.good, *made.bad}
    assert set(made.parent) == set(made.topics)


@pytest.mark.parametrize("style", ["name", "word", "code", "zh"])
def test_invented_names_are_an_endless_list_without_repetition(style):
    first, then = invent("x", 0, 20, style), invent("x", 20, 20, style)
    assert len({*first, *then}) == 40
    assert invent("x", 10, 20, style) == (*first[10:], *then[:10])
    assert invent("y", 0, 20, style) != first


def test_a_period_so_late_that_names_run_out_is_refused():
    with pytest.raises(ValueError, match="so late a period has none"):
        invent("x", 2000, 20, "code")
