"""From the body of a request to what is asked."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncGenerator, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from fairlead.serving.refusal import Refusal
from fairlead.serving.settings import ServiceLimits

T = TypeVar("T")
PREDICT_FIELDS = ("image", "images", "top_k", "features", "sensitive")
EXPLAIN_FIELDS = ("image", "label", "mask", "evaluations", "overlay", "sensitive")
LARGEST_COUNT = 999_999_999
_MARKS = (b"{", b"[", b",", b":")
_VALUES = 20_000  # as objects they take many times the bytes that were sent, up to 400 MB of one body
_REMEDY = "send images as multipart files, or as base64 in JSON; /docs.json has examples"


@dataclass(frozen=True)
class PredictRequest:
    """What is asked of ``/predict``.

    Attributes:
        pictures: Contents of image files.
        top_k: How many of the most probable classes to list; None for none.
        features: Whether the features are wanted too.
        sensitive: Values of sensitive features of each picture, by name, where the model decides by them.
    """

    pictures: tuple[bytes, ...]
    top_k: int | None = None
    features: bool = False
    sensitive: tuple[Mapping[str, str | None], ...] = ()


@dataclass(frozen=True)
class ExplainRequest:
    """What is asked of ``/explain``.

    Attributes:
        picture: Content of an image file.
        label: The class to explain; None for the one decided for.
        mask: What stands where a cell is masked.
        evaluations: Of the model at most; None for as many as the service allows.
        overlay: Whether a picture is wanted too.
        sensitive: Values of sensitive features, by name, where the model decides by them.
    """

    picture: bytes
    label: str | None = None
    mask: str = "blur"
    evaluations: int | None = None
    overlay: bool = False
    sensitive: Mapping[str, str | None] = field(default_factory=dict)


def parse_predict(headers: Headers, body: bytes, limits: ServiceLimits) -> PredictRequest:
    """Reads the body of ``/predict`` by its content type. It may take seconds: call it in a thread.

    Raises:
        Refusal: 415 for another type, 400 for what cannot be read, 413 for too many pictures.
    """
    pictures, fields = _parse(headers, body, limits, PREDICT_FIELDS)
    sensitive = _sensitive(fields.get("sensitive"), len(pictures))
    top_k, features = _count("top_k", fields.get("top_k")), _truth("features", fields.get("features"))
    return PredictRequest(tuple(pictures), top_k, features, sensitive)


def parse_explain(headers: Headers, body: bytes, limits: ServiceLimits) -> ExplainRequest:
    """Reads the body of ``/explain`` by its content type. It may take seconds: call it in a thread.

    Raises:
        Refusal: 415 for another type, 400 for what cannot be read, 413 for more than one picture.
    """
    pictures, fields = _parse(headers, body, replace(limits, pictures=1), EXPLAIN_FIELDS)
    texts = {name: fields.get(name) for name in ("label", "mask")}
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise _bad(f"{name} is a text")
    return ExplainRequest(
        pictures[0],
        texts["label"],
        texts["mask"] or "blur",
        _count("evaluations", fields.get("evaluations")),
        _truth("overlay", fields.get("overlay")),
        _sensitive(fields.get("sensitive"), 1)[0],
    )


def _parse(
    headers: Headers, body: bytes, limits: ServiceLimits, known: tuple[str, ...]
) -> tuple[list[bytes], dict[str, Any]]:
    """Returns the pictures of a body, and its other fields."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        pictures, fields = _at_once(_multipart(headers, body, limits, known))
    elif kind == "application/json":
        pictures, fields = _json(body, known)
    else:
        shown = kind[:80] or "none"
        raise Refusal(415, "unsupported_type", f"the content type is {shown}", _REMEDY)
    if not pictures:
        raise _bad("there is no picture: the field is named image")
    if len(pictures) > limits.pictures:
        raise Refusal(
            413, "too_many_pictures", f"{len(pictures)} pictures, and {limits.pictures} are allowed", "send fewer"
        )
    return pictures, fields


async def _multipart(
    headers: Headers, body: bytes, limits: ServiceLimits, known: tuple[str, ...]
) -> tuple[list[bytes], dict[str, Any]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, stream(), max_files=limits.pictures + 1, max_fields=8, max_part_size=1000)
    parser.spool_max_size = limits.body_bytes + 1  # what was sent stays in memory, never on a disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        if "Too many files" in str(error):
            raise Refusal(
                413, "too_many_pictures", f"more than {limits.pictures} pictures", "send fewer at a time"
            ) from None
        raise _bad("the multipart body cannot be read") from error
    try:
        return await _taken_apart(form, known)
    finally:
        await form.close()


async def _taken_apart(form: FormData, known: tuple[str, ...]) -> tuple[list[bytes], dict[str, Any]]:
    pictures: list[bytes] = []
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        _known(name, known)
        if isinstance(value, UploadFile) != (name in {"image", "images"}):
            raise _bad(f"the field {name} is {'a file' if isinstance(value, UploadFile) else 'no file'}")
        if isinstance(value, UploadFile):
            pictures.append(await value.read())
        elif name in fields:
            raise _bad(f"the field {name} is there twice")
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


def _json(body: bytes, known: tuple[str, ...]) -> tuple[list[bytes], dict[str, Any]]:
    if sum(map(body.count, _MARKS)) > _VALUES:
        raise _bad(f"the body holds more than {_VALUES} values")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _bad("the body is no JSON") from error
    if not isinstance(content, dict):
        raise _bad("the body is no JSON object")
    for name in content:
        _known(name, known)
    if "image" in content and "images" in content:
        raise _bad("both image and images are there")
    texts = content.get("images", [content["image"]] if "image" in content else [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _bad("image is a text in base64, and images a list of them")
    try:
        pictures = [base64.b64decode(text, validate=True) for text in texts]
    except (binascii.Error, ValueError) as error:
        raise _bad("an image is not in base64") from error
    return pictures, content


def _known(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise _bad(f"there is no field {name[:80]!r}; there are {', '.join(known)}")


def _count(name: str, given: Any) -> int | None:
    if given is None:
        return None
    is_written = isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10
    number = int(given) if is_written else given
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= LARGEST_COUNT:
        raise _bad(f"{name} is a whole number from 1 to {LARGEST_COUNT}")
    return number


def _truth(name: str, given: Any) -> bool:
    named = {"true": True, "false": False}
    value = named.get(given.lower()) if isinstance(given, str) else given
    if value is None:
        if given is None:
            return False
        raise _bad(f"{name} is true or false")
    if not isinstance(value, bool):
        raise _bad(f"{name} is true or false")
    return value


def _sensitive(given: Any, pictures: int) -> tuple[Mapping[str, str | None], ...]:
    """Returns a mapping for each picture; a single one is of all pictures."""
    if isinstance(given, str):  # a field of a form
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = 0
    rows = [{}] * pictures if given is None else [given] * pictures if isinstance(given, dict) else given
    if not isinstance(rows, list) or len(rows) != pictures or not all(map(_is_named, rows)):
        raise _bad("sensitive is an object of texts or null by feature, or a list with one for each picture")
    return tuple(rows)


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and all(value is None or isinstance(value, str) for value in row.values())


def _bad(message: str) -> Refusal:
    return Refusal(400, "bad_request", message.encode("ascii", "backslashreplace").decode(), _REMEDY)
