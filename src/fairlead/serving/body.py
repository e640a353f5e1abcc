"""The body of a request, taken apart."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import AsyncGenerator, Coroutine, Mapping
from typing import Any, TypeVar, cast

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from fairlead.preprocessing import Text
from fairlead.records import Modality
from fairlead.serving.refusal import Refusal
from fairlead.serving.settings import ServiceLimits

T = TypeVar("T")
_MARKS = (b"{", b"[", b",", b":")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)  # possessive: no memory for ways back
_VALUES = 20_000  # as objects they take many times the bytes that were sent, up to 400 MB of one body
_NOUNS = {Modality.IMAGE: "picture", Modality.TEXT: "text"}
_REMEDIES = {
    Modality.IMAGE: "send images as multipart files, or as base64 in JSON; /docs.json has examples",
    Modality.TEXT: "send texts in JSON; /docs.json has examples",
}


def parse_body(
    headers: Headers, body: bytes, limits: ServiceLimits, known: tuple[str, ...], modality: Modality
) -> tuple[list[bytes | Text], dict[str, Any]]:
    """Returns the pictures or texts of a body, and its other fields.

    Args:
        headers: Of the request.
        body: Whole.
        limits: How many items are allowed.
        known: The fields there are.
        modality: Of the items.

    Raises:
        Refusal: 415 for another content type, 400 for what cannot be read, 413 for too many items.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    items: list[bytes | Text]
    if kind == "multipart/form-data" and modality is Modality.IMAGE:
        items, fields = _at_once(_multipart(headers, body, limits, known))
    elif kind == "application/json":
        fields = _json(body, known, modality)
        items = _pictures(fields) if modality is Modality.IMAGE else _texts(fields)
    else:
        shown = kind[:80] or "none"
        raise Refusal(415, "unsupported_type", f"the content type is {shown}", _REMEDIES[modality])
    if not items:
        raise bad(f"there is no {_NOUNS[modality]}: the field is named {modality}", modality)
    if len(items) > limits.pictures:
        raise _too_many(modality, f"{len(items)}", limits.pictures)
    return items, fields


def bad(message: str, modality: Modality) -> Refusal:
    """Returns the refusal of a body that cannot be read."""
    return Refusal(400, "bad_request", message.encode("ascii", "backslashreplace").decode(), _REMEDIES[modality])


def _too_many(modality: Modality, number: str, most: int) -> Refusal:
    nouns = f"{_NOUNS[modality]}s"
    return Refusal(413, f"too_many_{nouns}", f"{number} {nouns}, and {most} are allowed", "send fewer at a time")


async def _multipart(
    headers: Headers, body: bytes, limits: ServiceLimits, known: tuple[str, ...]
) -> tuple[list[bytes | Text], dict[str, Any]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, stream(), max_files=limits.pictures + 1, max_fields=8, max_part_size=1000)
    parser.spool_max_size = limits.body_bytes + 1  # what was sent stays in memory, never on a disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        if "Too many files" in str(error):
            raise _too_many(Modality.IMAGE, f"more than {limits.pictures}", limits.pictures) from None
        raise bad("the multipart body cannot be read", Modality.IMAGE) from error
    try:
        return await _taken_apart(form, known)
    finally:
        await form.close()


async def _taken_apart(form: FormData, known: tuple[str, ...]) -> tuple[list[bytes | Text], dict[str, Any]]:
    pictures: list[bytes | Text] = []
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        _known(name, known, Modality.IMAGE)
        if isinstance(value, UploadFile) != (name in {"image", "images"}):
            kind = "a file" if isinstance(value, UploadFile) else "no file"
            raise bad(f"the field {name} is {kind}", Modality.IMAGE)
        if isinstance(value, UploadFile):
            pictures.append(await value.read())
        elif name in fields:
            raise bad(f"the field {name} is there twice", Modality.IMAGE)
        else:
            fields[name] = value
    return pictures, fields


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """Runs what never waits, outside of an event loop: the body is whole, and its parts stay in memory."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    finally:
        work.close()
    raise RuntimeError("reading a form waited for something")


def _json(body: bytes, known: tuple[str, ...], modality: Modality) -> dict[str, Any]:
    if _values(body) > _VALUES:
        raise bad(f"the body holds more than {_VALUES} values", modality)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad("the body is no JSON", modality) from error
    if not isinstance(content, dict):
        raise bad("the body is no JSON object", modality)
    for name in content:
        _known(name, known, modality)
    if modality in content and f"{modality}s" in content:
        raise bad(f"both {modality} and {modality}s are there", modality)
    return content


def _values(body: bytes) -> int:
    """Returns an upper bound on the values in a JSON body: its marks, those within texts left out where it matters."""
    marks = sum(map(body.count, _MARKS))
    if marks <= _VALUES or b"\0" in body:  # of UTF-16, it is not known here where a text begins and ends
        return marks
    return sum(map(_STRING.sub(b"", body).count, _MARKS))


def _pictures(fields: Mapping[str, Any]) -> list[bytes | Text]:
    texts = fields.get("images", [fields["image"]] if "image" in fields else [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise bad("image is a text in base64, and images a list of them", Modality.IMAGE)
    try:
        return [base64.b64decode(text, validate=True) for text in texts]
    except (binascii.Error, ValueError) as error:
        raise bad("an image is not in base64", Modality.IMAGE) from error


def _texts(fields: Mapping[str, Any]) -> list[bytes | Text]:
    given = fields.get("texts", [fields["text"]] if "text" in fields else [])
    if not isinstance(given, list):
        raise bad("texts is a list", Modality.TEXT)
    texts: list[bytes | Text] = []
    for one in given:
        parts = [one] if isinstance(one, str) else one
        if not isinstance(parts, list) or not 1 <= len(parts) <= 2 or not all(isinstance(part, str) for part in parts):
            raise bad("a text is a string, or a list of two that are read together", Modality.TEXT)
        texts.append(parts[0] if len(parts) == 1 else (parts[0], parts[1]))
    return texts


def _known(name: str, known: tuple[str, ...], modality: Modality) -> None:
    if name not in known:
        raise bad(f"there is no field {name[:80]!r}; there are {', '.join(known)}", modality)
