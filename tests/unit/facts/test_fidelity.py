"""The border of the room of facts: texts in, what became of their facts out."""

from redone.facts import Fidelity, fidelity

NOTE = "Mika paid 20 euros at Cafe Lumiere."


def test_facts_are_kept_lost_or_invented_each_in_the_words_of_its_own_text():
    found = fidelity(NOTE, "At Cafe Lumiere it was 30 euros.")
    assert found == Fidelity(("Cafe Lumiere",), ("Mika", "20 euros"), ("30 euros",), True)


def test_given_facts_alone_must_survive_where_the_source_need_not():
    found = fidelity(NOTE, "Sunny terrace for 20 euros.", given=["a sunny terrace|sunny terrace"], whole=False)
    assert (found.kept, found.lost, found.invented) == (("a sunny terrace",), (), ())


def test_a_name_that_nothing_betrays_is_given():
    assert fidelity("we met at the hive", "we met").lost == ()
    assert fidelity("we met at the hive", "we met", names=("the hive",)).lost == ("the hive",)


def test_silence_says_nothing():
    found = fidelity(NOTE, " ")
    assert (found.kept, found.said) == ((), False)
