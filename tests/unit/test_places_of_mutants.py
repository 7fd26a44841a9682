"""Which small changes `tests/mutations` can make to a source: those that are listed here, and no others."""

from mutations.places import changed, places


def variants(source: str) -> set[str]:
    return {changed(source, change) for place in places(source) for change in place.changes}


def test_a_comparison_a_number_a_condition_and_what_is_returned_can_be_changed():
    source = "def f(x):\n    if x < 2:\n        return x\n"
    assert variants(source) == {
        "def f(x):\n    if (x <= 2):\n        return x\n",
        "def f(x):\n    if (not (x < 2)):\n        return x\n",
        "def f(x):\n    if x < (3):\n        return x\n",
        "def f(x):\n    if x < (1):\n        return x\n",
        "def f(x):\n    if x < 2:\n        return None\n",
    }


def test_what_negates_a_condition_twice_is_one_place():
    assert variants("while not x:\n    break\n") == {"while (x):\n    break\n", "while not x:\n    continue\n"}
    assert variants("y = 'é' if x == z else w\n") == {"y = 'é' if (x != z) else w\n"}


def test_a_call_can_be_left_out_or_be_of_the_opposite():
    assert variants("go(a and b)\n") == {"pass\n", "go((a or b))\n"}
    assert variants("y = max(a, b)\n") == {"y = min(a, b)\n"}


def test_nothing_is_changed_in_assertions_annotations_decorators_and_texts():
    assert variants("@kept(frozen=True)\nclass A:\n    x: Literal[1] = f'{1 + 1}'\n") == set()
    assert variants("def f(x: T[1]) -> T[2]:\n    assert 1 < 2\n") == set()


def test_a_place_knows_whether_it_runs_at_import_and_which_lines_are_its_own():
    source = "A = 1\n\ndef f(x=2):\n    for y in (\n        3,\n    ):\n        g(y)\n"
    assert [(place.inside, place.lines) for place in places(source)] == [
        (False, (1, 1)),
        (False, (3, 3)),
        (True, (4, 6)),
        (True, (7, 7)),
    ]
