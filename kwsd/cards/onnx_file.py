"""Reads an ONNX file's metadata, inputs and outputs before anything runs it, and without the onnx library.

ONNX is protobuf: numbered fields, whose meanings are those of onnx.proto. Weights are skipped. Above all, this finds
whether any tensor, however deep, lies outside the file: ONNX Runtime would open whatever path it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Shape = tuple[int | None, ...]
"""The shape of a tensor; None for a size that the graph leaves open."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_TAGS = 1 << 32  # readers keep 32 bits of what precedes a field: one above would be another field to them
_DEEPEST = 64  # graphs within nodes within graphs; ONNX Runtime's own reader stops at a hundred messages

_INSIDE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""By kind of message, the fields that hold messages that may contain a tensor, and the kinds of these."""

_GRAPH = 7  # of a model
_WEIGHT = 5  # of a graph
_TENSOR_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14  # of a tensor


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A file's metadata, its inputs and outputs by name, and the weights that lie in other files.

    `outside` has the names of the graph's own weights, and "" for any other tensor, such as a constant or one in a
    branch."""

    metadata: Mapping[str, str]
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    outside: frozenset[str]


def parse_onnx(data: bytes) -> OnnxFile:
    """Parse the bytes of an ONNX model.

    Raises:
        ValueError: it is no ONNX model, or a truncated one.
    """
    whole = memoryview(data)
    metadata: dict[str, str] = {}
    inputs: dict[str, Shape] = {}
    outputs: dict[str, Shape] = {}
    graphs = 0
    for number, value in _fields(whole):
        if number == 14:
            entry = {key: _text(text) for key, text in _fields(_message(value))}
            metadata[entry.get(1, "")] = entry.get(2, "")
        elif number == _GRAPH:
            graphs += 1
            for inner, described in _fields(_message(value)):
                if inner in (11, 12):
                    name, shape = _described(_message(described))
                    (inputs if inner == 11 else outputs)[name] = shape
    if graphs != 1:
        raise ValueError("it holds no graph" if not graphs else "it holds more than one graph")
    return OnnxFile(metadata, inputs, outputs, frozenset(_outside(whole)))


def _outside(model: memoryview) -> Iterator[str]:
    """The names of the graph's weights that lie in other files, and "" for any other tensor that does.

    "" also stands for a second weight of the same name: which of the two a reader takes is not defined.
    """
    seen: set[str] = set()
    for number, value in _fields(model):
        if number != _GRAPH:
            if number in _INSIDE["model"] and _external(_message(value), _INSIDE["model"][number], 1):
                yield ""
            continue
        for inner, found in _fields(_message(value)):
            if inner not in _INSIDE["graph"] or not _external(_message(found), _INSIDE["graph"][inner], 2):
                continue
            name = _name(_message(found)) if inner == _WEIGHT else ""
            yield "" if name in seen else name
            seen.add(name)


def _name(tensor: memoryview) -> str:
    """The name of a TensorProto; "" if it has none."""
    names = [_text(value) for number, value in _fields(tensor) if number == _TENSOR_NAME]
    return names[-1] if names else ""


def _external(message: memoryview, kind: str, depth: int) -> bool:
    """Whether a tensor in a message has its values in another file."""
    if depth > _DEEPEST:
        raise ValueError("its graphs are nested too deeply")
    if kind == "tensor":
        return any(
            number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0) for number, value in _fields(message)
        )
    inside = _INSIDE[kind]
    return any(
        _external(_message(value), inside[number], depth + 1) for number, value in _fields(message) if number in inside
    )


def _described(message: memoryview) -> tuple[str, Shape]:
    """The name and the shape of a ValueInfoProto; () if it has no shape."""
    name = ""
    shape: Shape = ()
    for number, value in _fields(message):
        if number == 1:
            name = _text(value)
        elif number == 2:  # of ValueInfoProto the type, of it tensor_type, of it shape, of it dim
            dims = [dim for kind in _sub(value, 1) for drawn in _sub(kind, 2) for dim in _sub(drawn, 1)]
            shape = tuple(_size(dim) for dim in dims)
    return name, shape


def _size(dim: memoryview) -> int | None:
    for number, value in _fields(dim):
        if number == 1 and isinstance(value, int):
            return value
    return None


def _sub(value: int | memoryview, wanted: int) -> list[memoryview]:
    return [_message(inner) for number, inner in _fields(_message(value)) if number == wanted]


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: their numbers and values; fixed-width numbers are given as 0."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        value: int | memoryview = 0
        if kind == _VARINT:
            value, place = _varint(message, place)
        elif kind == _BYTES:
            length, place = _varint(message, place)
            value = message[place : place + length]
            place += length
        elif kind in (_EIGHT, _FOUR):
            place += 8 if kind == _EIGHT else 4
        else:
            raise ValueError("it is not in protobuf format")
        if not number or tag >= _TAGS or place > len(message):
            raise ValueError("it is truncated, or not in protobuf format")
        yield number, value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
    raise ValueError("it is truncated, or not in protobuf format")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, memoryview):
        return value
    raise ValueError("a number where protobuf needs a message")


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode("utf-8")
