import math
import random
import struct
from collections import Counter, OrderedDict, namedtuple
from enum import IntEnum

import pytest

from redone.sandbox.values import DEEPEST, NotPlain, decode, encode

Point = namedtuple("Point", "x y")
Colour = IntEnum("Colour", ["RED", "BLUE"])
PLAIN = [
    None, True, False, 0, 1, -1, 127, 128, -128, -129, 2**64, -(2**64), 10**5000,
    0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324, 1j, complex(-0.0, math.inf),
    "", "é小\U0001f600\0", "\ud800", b"", b"\0\xff", [], (), {}, set(), frozenset(),
    [1, [2, (3, {"a": {4}})]], {(1, 2): [None], None: True, 1.5: b"x"}, {frozenset({1}), (2,)}, [[]] * 3,
]  # fmt: skip


def alike(one, other):
    """Whether two values are equal and of equal types all the way down, the sign of zero included."""
    return type(one) is type(other) and (one == other if type(one) is int else repr(one) == repr(other))


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_a_plain_value_crosses_unchanged(value):
    crossed = decode(encode(value, 10**6))
    if isinstance(value, (set, frozenset)):
        assert (type(crossed), crossed) == (type(value), value)
    else:
        assert alike(crossed, value)


def test_nan_crosses():
    assert math.isnan(decode(encode(math.nan, 100)))
    crossed = decode(encode(complex(math.nan, 2), 100))
    assert math.isnan(crossed.real)
    assert crossed.imag == 2


def test_order_and_the_type_of_keys_are_kept():
    value = {3: "c", True: "a", "1": "b"}
    assert alike(decode(encode(value, 100)), value)


class Liar(dict):
    def items(self):
        return [("lie", 1)]

    def __iter__(self):
        return iter(["lie"])

    def __len__(self):
        return 1


class LyingString(str):
    def encode(self, *_):
        return b"lie"


class LyingInteger(int):
    def to_bytes(self, *_, **__):
        return b"\1"

    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    "value, base",
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (Point(1, 2), (1, 2)),
        (Colour.BLUE, 2),
        (Liar(truth=2), {"truth": 2}),
        (LyingString("truth"), "truth"),
        (LyingInteger(700), 700),
        ([LyingInteger(7)], [7]),
    ],
)
def test_a_subclass_crosses_as_its_base_and_its_methods_stay_behind(value, base):
    assert alike(decode(encode(value, 1000)), base)


@pytest.mark.parametrize("value", [object(), len, range(3), iter([]), [1, {2: object}], bytearray(b"x"), int, ...])
def test_what_is_not_plain_does_not_cross(value):
    with pytest.raises(NotPlain, match="a value of type"):
        encode(value, 1000)


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_depth_and_size_are_bounded():
    assert decode(encode(nested(DEEPEST), 1000)) == nested(DEEPEST)
    with pytest.raises(NotPlain, match="nests more than"):
        encode(nested(DEEPEST + 1), 1000)
    with pytest.raises(NotPlain, match="nested more than"):
        decode((b"l" + struct.pack("<I", 1)) * 5000 + b"N")
    assert encode("x" * 95, 100)
    with pytest.raises(NotPlain, match="more than 100 bytes"):
        encode("x" * 96, 100)
    looped = []
    looped.append(looped)
    with pytest.raises(NotPlain):
        encode(looped, 10**6)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"NN",  # two values
        b"x",  # an unknown tag
        b"X\0\0\0\0",
        b"s\5\0\0\0abc",  # cut off
        b"s\1\0\0\0\xff",  # no UTF-8
        b"d\1\0\0\0x",  # a float of one byte
        b"l\xff\xff\xff\xff",  # a count that no message holds
        b"m\1\0\0\0N",  # a key without a value
        b"S\1\0\0\0l\0\0\0\0",  # a list in a set
        b"m\1\0\0\0l\0\0\0\0N",  # a list as a key
    ],
)
def test_bytes_that_no_value_has_are_refused(data):
    with pytest.raises(NotPlain):
        decode(data)


def test_damaged_bytes_give_a_plain_value_or_are_refused():
    chance = random.Random(1)
    whole = encode([*PLAIN[:-4], {"a": [1, (2.5, {"b": "c"})]}], 10**6)
    for _ in range(2000):
        data = bytearray(whole[: chance.randrange(1, 200)])
        data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            value = decode(bytes(data))
        except NotPlain:
            continue
        assert decode(encode(value, 10**6)) == value or value != value
