"""Plain values as bytes and back: all that ever crosses between the code under test and its test.

A value of another type cannot cross, and one of a subclass crosses as its plain base, so no method of the sender's runs
at the receiver. What is decoded takes memory in proportion to the bytes received.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

DEEPEST = 100  # how far containers nest
_COUNT = struct.Struct("<I")
_FLOAT = struct.Struct("<d")


class NotPlain(ValueError):
    """The value, or the bytes, are none of this protocol."""


def encode(value: Any, most: int) -> bytes:
    """The value as bytes. Raises NotPlain where a type is not plain, it nests too deep, or takes over `most` bytes.

    Plain are None, bool, int, float, complex, str, bytes, list, tuple, dict, set and frozenset, and those inside them.
    """
    parts: list[bytes] = []
    size = 0
    for part in _encoded(value, DEEPEST):
        size += len(part)
        if size > most:
            raise NotPlain(f"a value of more than {most} bytes")
        parts.append(part)
    return b"".join(parts)


def decode(data: bytes) -> Any:
    """The value of bytes that `encode` made. Raises NotPlain on any others."""
    value, end = _decoded(data, 0, DEEPEST)
    if end != len(data):
        raise NotPlain("more bytes than one value")
    return value


def _encoded(value: Any, depth: int) -> Iterator[bytes]:
    kind = type(value)
    if value is None or kind is bool:
        yield b"N" if value is None else b"T" if value else b"F"
    elif issubclass(kind, (int, float, complex, str, bytes)):
        tag, body = _scalar(value)
        yield tag + _COUNT.pack(len(body))
        yield body
    elif issubclass(kind, (list, tuple, dict, set, frozenset)):
        if not depth:
            raise NotPlain(f"a value that nests more than {DEEPEST} deep")
        base = next(base for base in _CONTAINERS if issubclass(kind, base))
        items = list(dict.items(value)) if base is dict else list(base.__iter__(value))
        yield _CONTAINERS[base] + _COUNT.pack(len(items))
        for item in items:
            for element in item if base is dict else (item,):
                yield from _encoded(element, depth - 1)
    else:
        raise NotPlain(f"a value of type {kind.__name__}")


def _scalar(value: Any) -> tuple[bytes, bytes]:
    if isinstance(value, int):
        return b"i", int.to_bytes(value, int.bit_length(value) // 8 + 1, "little", signed=True)
    if isinstance(value, float):
        return b"d", _FLOAT.pack(value)
    if isinstance(value, complex):
        return b"c", _FLOAT.pack(value.real) + _FLOAT.pack(value.imag)
    if isinstance(value, str):
        return b"s", str.encode(value, "utf-8", "surrogatepass")
    return b"b", bytes(value)


def _decoded(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    tag = data[at : at + 1]
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at + 1
    if len(data) < at + 5:
        raise NotPlain("cut off")
    count, at = _COUNT.unpack_from(data, at + 1)[0], at + 5
    if count > len(data) - at:  # an element takes a byte at least
        raise NotPlain("cut off")
    if tag in _SCALARS:
        try:
            return _SCALARS[tag](data[at : at + count]), at + count
        except (ValueError, struct.error) as error:
            raise NotPlain(str(error)) from None
    if tag not in _MAKERS or not depth:
        raise NotPlain("an unknown tag" if depth else f"nested more than {DEEPEST} deep")
    elements = []
    for _ in range(2 * count if tag == b"m" else count):
        element, at = _decoded(data, at, depth - 1)
        elements.append(element)
    try:
        return _MAKERS[tag](elements), at
    except TypeError as error:  # a list as a key
        raise NotPlain(str(error)) from None


_CONSTANTS: Mapping[bytes, Any] = {b"N": None, b"T": True, b"F": False}
_CONTAINERS: Mapping[Any, bytes] = {list: b"l", tuple: b"t", dict: b"m", set: b"S", frozenset: b"Z"}
_SCALARS: Mapping[bytes, Callable[[bytes], Any]] = {
    b"i": lambda body: int.from_bytes(body, "little", signed=True),
    b"d": lambda body: _FLOAT.unpack(body)[0],
    b"c": lambda body: complex(*struct.unpack("<dd", body)),
    b"s": lambda body: body.decode("utf-8", "surrogatepass"),
    b"b": bytes,
}
_MAKERS: Mapping[bytes, Callable[[list[Any]], Any]] = {
    b"l": list,
    b"t": tuple,
    b"m": lambda elements: dict(zip(elements[::2], elements[1::2], strict=True)),
    b"S": set,
    b"Z": frozenset,
}
