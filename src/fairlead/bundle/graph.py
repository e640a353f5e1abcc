"""An ONNX file looked at without ONNX: it may not point to another file."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead.errors import BundleError

# Where messages that can hold a tensor stand in onnx.proto3: message -> field number -> message.
_NESTED: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # fields of a tensor
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # wire types of protobuf
_DEEPEST = 64


def check_graph(name: str, content: bytes) -> None:
    """Refuses a model that is no ONNX, or of which any tensor lies in another file.

    A path in a model is a path on the machine that opens it. The service has no ONNX package, so the protobuf is
    walked here, through subgraphs and functions too, by the field numbers of ``onnx.proto3``.

    Raises:
        BundleError: external data, or bytes that are no ONNX model.

    Examples:
        >>> check_graph("model.onnx", b"not a model")
        Traceback (most recent call last):
        fairlead.errors.BundleError: model.onnx is no ONNX model; export the bundle anew
    """
    view = memoryview(content)
    try:
        graphs = sum(1 for number, kind, _ in _fields(view) if (number, kind) == (7, _BYTES))
        external = _points_outside(view, "Model", 0)
    except ValueError as error:
        raise BundleError(f"{name} is no ONNX model; export the bundle anew") from error
    if external:
        raise BundleError(
            f"{name} keeps tensors in another file (ONNX external data), and a path in a model may lead anywhere; "
            "export it as a single file"
        )
    if graphs != 1:
        raise BundleError(f"{name} is no ONNX model; export the bundle anew")


def _points_outside(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    nested = _NESTED[kind]
    for number, wire, value in _fields(message):
        if kind == "Tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            return True
        if number in nested:
            if wire != _BYTES or not isinstance(value, memoryview):
                raise ValueError("a message is expected")
            if _points_outside(value, nested[number], depth + 1):
                return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yields (field number, wire type, value) of a protobuf message; the value of fixed-size fields is left out."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        value: int | memoryview = 0
        if wire == _VARINT:
            value, place = _varint(message, place)
        elif wire == _BYTES:
            length, place = _varint(message, place)
            value = message[place : place + length]
            place += length
        elif wire in {_EIGHT_BYTES, _FOUR_BYTES}:
            place += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError("groups are not used in ONNX")
        if number < 1 or place > len(message):
            raise ValueError("cut short")
        yield number, wire, value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("no number")
