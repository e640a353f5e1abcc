"""What may be sent, by modality, in the words of OpenAPI."""

from __future__ import annotations

from typing import Any

from fairlead.bundle.parts import Cells, WordParts
from fairlead.records import Modality
from fairlead.serving.feedback import LARGEST_ITEM, MOST
from fairlead.serving.request import LARGEST_COUNT
from fairlead.serving.settings import ServiceLimits

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
_TEXT = "I apply for the post of a gardener, and can start in May."
_COUNT = {"type": "integer", "minimum": 1, "maximum": LARGEST_COUNT}
_GROUPS = {
    "type": "object",
    "additionalProperties": {"type": "string", "nullable": True},
    "description": "Group by feature, null where it is not known, for a model with a threshold for each group",
}
_STRING = {"type": "string"}
_ONE = {
    Modality.IMAGE: {"type": "string", "format": "byte"},
    Modality.TEXT: {
        "oneOf": [_STRING, {"type": "array", "items": _STRING, "minItems": 1, "maxItems": 2}],
        "description": "A text, or two that are read together",
    },
}
_MASKS = {Modality.IMAGE: Cells.MASKS, Modality.TEXT: WordParts.MASKS}


def predict_bodies(limits: ServiceLimits, modality: Modality) -> dict[str, Any]:
    """Describes the bodies of ``/predict``: JSON, and of pictures a form besides.

    Examples:
        >>> list(predict_bodies(ServiceLimits(), Modality.TEXT))
        ['application/json']
    """
    options = {"top_k": _COUNT, "features": {"type": "boolean", "default": False}, "sensitive": _GROUPS}
    each = {"type": "array", "items": _GROUPS, "description": "One for each item, in order"}
    listed = options | {"sensitive": {"oneOf": [_GROUPS, each]}}
    many = {"type": "array", "items": _ONE[modality], "minItems": 1, "maxItems": limits.pictures}
    given = {modality.value: _ONE[modality], f"{modality}s": many}
    example = {"image": _PIXEL, "top_k": 1} if modality is Modality.IMAGE else {"texts": [_TEXT], "top_k": 1}
    json = {
        "schema": {"oneOf": [_object(name, {name: kind} | listed) for name, kind in given.items()]},
        "example": example,
    }
    if modality is Modality.TEXT:
        return {"application/json": json}
    file = {"type": "string", "format": "binary"}
    files = {"type": "array", "items": file, "minItems": 1, "maxItems": limits.pictures}
    return {"multipart/form-data": {"schema": _object("image", {"image": files} | options)}, "application/json": json}


def explain_bodies(limits: ServiceLimits, modality: Modality) -> dict[str, Any]:
    """Describes the bodies of ``/explain``.

    Examples:
        >>> explain_bodies(ServiceLimits(), Modality.TEXT)["application/json"]["schema"]["required"]
        ['text']
    """
    options = {
        "label": {"type": "string", "description": "The class to explain; the one decided for, if left out"},
        "mask": {"type": "string", "enum": list(_MASKS[modality]), "default": _MASKS[modality][0]},
        "evaluations": _COUNT | {"description": f"At most {limits.evaluations} are made"},
        "sensitive": _GROUPS,
    }
    if modality is Modality.TEXT:
        schema = _object("text", {"text": _ONE[modality]} | options)
        return {"application/json": {"schema": schema, "example": {"text": _TEXT}}}
    options["overlay"] = {"type": "boolean", "default": False, "description": "Whether a PNG in base64 is wanted too"}
    file, written = {"type": "string", "format": "binary"}, _ONE[modality]
    return {
        "multipart/form-data": {"schema": _object("image", {"image": file} | options)},
        "application/json": {
            "schema": _object("image", {"image": written} | options),
            "example": {"image": _PIXEL, "mask": "mean"},
        },
    }


def feedback_bodies() -> dict[str, Any]:
    """Describes the bodies of ``/feedback``: one label, or a list of them.

    Examples:
        >>> feedback_bodies()["application/json"]["example"]
        {'request_id': 'a1', 'label': 'dog'}
    """
    one = {
        "type": "object",
        "additionalProperties": False,
        "required": ["request_id", "label"],
        "properties": {
            "request_id": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
            "label": {"type": "string", "description": "The true class, one of /model's labels"},
            "item": {
                "type": "integer",
                "minimum": 0,
                "maximum": LARGEST_ITEM,
                "nullable": True,
                "description": "Its place in a request of several, from 0; left out for the only one",
            },
        },
    }
    many = _object("feedback", {"feedback": {"type": "array", "items": one, "minItems": 1, "maxItems": MOST}})
    return {"application/json": {"schema": {"oneOf": [one, many]}, "example": {"request_id": "a1", "label": "dog"}}}


def _object(required: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [required], "properties": properties}
