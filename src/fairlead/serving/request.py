"""From the body of a request to what is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.datastructures import Headers

from fairlead.preprocessing import Text
from fairlead.records import Modality
from fairlead.serving.body import bad, parse_body
from fairlead.serving.settings import ServiceLimits

FIELDS = {Modality.IMAGE: ("image", "images"), Modality.TEXT: ("text", "texts")}
PREDICT_FIELDS = ("top_k", "features", "sensitive")
EXPLAIN_FIELDS = {
    Modality.IMAGE: ("label", "mask", "evaluations", "overlay", "sensitive"),
    Modality.TEXT: ("label", "mask", "evaluations", "sensitive"),
}
LARGEST_COUNT = 999_999_999


@dataclass(frozen=True)
class PredictRequest:
    """What is asked of ``/predict``.

    Attributes:
        items: Contents of image files; or texts, or pairs of them.
        top_k: How many of the most probable classes to list; None for none.
        features: Whether the features are wanted too.
        sensitive: Values of sensitive features of each item, by name, where the model decides by them.
    """

    items: tuple[bytes | Text, ...]
    top_k: int | None = None
    features: bool = False
    sensitive: tuple[Mapping[str, str | None], ...] = ()


@dataclass(frozen=True)
class ExplainRequest:
    """What is asked of ``/explain``.

    Attributes:
        item: Content of an image file; or a text, or a pair of texts.
        label: The class to explain; None for the one decided for.
        mask: What stands where a part is masked; None for what is usual.
        evaluations: Of the model at most; None for as many as the service allows.
        overlay: Whether a picture is wanted too.
        sensitive: Values of sensitive features, by name, where the model decides by them.
    """

    item: bytes | Text
    label: str | None = None
    mask: str | None = None
    evaluations: int | None = None
    overlay: bool = False
    sensitive: Mapping[str, str | None] = field(default_factory=dict)


def parse_predict(headers: Headers, body: bytes, limits: ServiceLimits, modality: Modality) -> PredictRequest:
    """Reads the body of ``/predict`` by its content type. It may take seconds: call it in a thread.

    Raises:
        Refusal: 415 for another type, 400 for what cannot be read, 413 for too many items.
    """
    known = (*FIELDS[modality], *PREDICT_FIELDS)
    items, fields = parse_body(headers, body, limits, known, modality)
    sensitive = _sensitive(fields.get("sensitive"), len(items), modality)
    top_k, features = (
        _count("top_k", fields.get("top_k"), modality),
        _truth("features", fields.get("features"), modality),
    )
    return PredictRequest(tuple(items), top_k, features, sensitive)


def parse_explain(headers: Headers, body: bytes, limits: ServiceLimits, modality: Modality) -> ExplainRequest:
    """Reads the body of ``/explain`` by its content type. It may take seconds: call it in a thread.

    Raises:
        Refusal: 415 for another type, 400 for what cannot be read, 413 for more than one item.
    """
    known = (FIELDS[modality][0], *EXPLAIN_FIELDS[modality])
    items, fields = parse_body(headers, body, replace(limits, pictures=1), known, modality)
    texts = {name: fields.get(name) for name in ("label", "mask")}
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise bad(f"{name} is a text", modality)
    return ExplainRequest(
        items[0],
        texts["label"],
        texts["mask"],
        _count("evaluations", fields.get("evaluations"), modality),
        _truth("overlay", fields.get("overlay"), modality),
        _sensitive(fields.get("sensitive"), 1, modality)[0],
    )


def _count(name: str, given: Any, modality: Modality) -> int | None:
    if given is None:
        return None
    is_written = isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10
    number = int(given) if is_written else given
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= LARGEST_COUNT:
        raise bad(f"{name} is a whole number from 1 to {LARGEST_COUNT}", modality)
    return number


def _truth(name: str, given: Any, modality: Modality) -> bool:
    named = {"true": True, "false": False}
    value = named.get(given.lower()) if isinstance(given, str) else given
    if value is None:
        if given is None:
            return False
        raise bad(f"{name} is true or false", modality)
    if not isinstance(value, bool):
        raise bad(f"{name} is true or false", modality)
    return value


def _sensitive(given: Any, items: int, modality: Modality) -> tuple[Mapping[str, str | None], ...]:
    """Returns a mapping for each item; a single one is of all of them."""
    if isinstance(given, str):  # a field of a form
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = 0
    rows = [{}] * items if given is None else [given] * items if isinstance(given, dict) else given
    if not isinstance(rows, list) or len(rows) != items or not all(map(_is_named, rows)):
        raise bad("sensitive is an object of texts or null by feature, or a list with one for each item", modality)
    return tuple(rows)


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and all(value is None or isinstance(value, str) for value in row.values())
