"""The OpenAPI document."""

from __future__ import annotations

from typing import Any

from fairlead import __version__
from fairlead.serving.request import LARGEST_COUNT
from fairlead.serving.settings import ServiceLimits

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
_ERROR = {"error": {"code": "busy", "message": "all 16 slots are taken", "remedy": "ask again"}, "request_id": "a1"}
_PREDICTED = {
    "request_id": "a1",
    "model": "3c9d...",
    "predictions": [
        {
            "label": "dog",
            "probabilities": {"cat": 0.25, "dog": 0.75},
            "top": [{"label": "dog", "probability": 0.75}],
        }
    ],
}
_EXPLAINED = {
    "request_id": "a1",
    "model": "3c9d...",
    "prediction": {"label": "dog", "probabilities": {"cat": 0.25, "dog": 0.75}},
    "attribution": {
        "label": "dog",
        "method": "Owen values",
        "mask": "blur",
        "unit": "log-odds",
        "base": -0.4,
        "full": 1.1,
        "values": [[0.1, 1.2], [0.0, 0.2]],
        "evaluations": 400,
        "certificate": {
            "reliable": True,
            "reason": "",
            "residual": 0.0,
            "grain": 1.4,
            "inferred": 0.8,
            "deletion": {"area": 0.2, "centre": 0.5, "moved_least": 0.4, "moved_median": 0.6, "p_value": 0.05},
        },
    },
}
_REFUSALS = {
    "400": "A body that cannot be read, or a field that is not known",
    "401": "No API key, or a wrong one",
    "408": "A body that did not arrive in time",
    "413": "A body or a number of pictures above the cap",
    "415": "Another content type",
    "422": "No picture that can be read",
    "429": "Every slot is taken; Retry-After says when to ask again",
    "503": "Not ready, leaving, or not begun before the deadline; with Retry-After",
    "504": "Not ended before the deadline; with Retry-After",
}


def openapi(limits: ServiceLimits) -> dict[str, Any]:
    """Describes the service, with examples that work.

    Examples:
        >>> sorted(openapi(ServiceLimits())["paths"])
        ['/explain', '/livez', '/metrics', '/model', '/predict', '/readyz']
    """
    refused = {status: _json(text, _ERROR, "Error") for status, text in _REFUSALS.items()}
    locked: dict[str, Any] = {"security": [{}, {"bearer": []}, {"header": []}]}
    predict = {
        "summary": "Classify pictures",
        "requestBody": {"required": True, "content": _bodies(limits)},
        "responses": {"200": _json("One prediction for each picture, in order", _PREDICTED, "Answer"), **refused},
    }
    explain = {
        "summary": "Which parts of a picture speak for a class",
        "requestBody": {"required": True, "content": _explain_bodies(limits)},
        "responses": {
            "200": _json("The values of its cells, with what was checked of them", _EXPLAINED, "Explanation"),
            "403": _json("Explanations are switched off", _ERROR, "Error"),
            **refused,
        },
    }
    plain = {"200": {"description": "Yes"}, "503": refused["503"]}
    return {
        "openapi": "3.0.2",
        "info": {"title": "fairlead", "version": __version__, "description": "A bundle, served with its evidence."},
        "paths": {
            "/predict": {"post": predict | locked},
            "/explain": {"post": explain | locked},
            "/model": {
                "get": {
                    "summary": "Labels, digests, card, and the gate's verdict",
                    "responses": {
                        "200": {"description": "What is served"},
                        "401": refused["401"],
                        "503": refused["503"],
                    },
                }
                | locked
            },
            "/livez": {"get": {"summary": "Is the process alive?", "responses": {"200": plain["200"]}}},
            "/readyz": {"get": {"summary": "May it be asked?", "responses": plain}},
            "/metrics": {"get": {"summary": "For Prometheus", "responses": {"200": {"description": "Exposition"}}}},
        },
        "components": {"schemas": _SCHEMAS, "securitySchemes": _KEYS},
    }


def _json(description: str, example: Any, schema: str) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}
    return {"description": description, "content": {"application/json": content}}


def _bodies(limits: ServiceLimits) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    files = {"type": "array", "items": file, "minItems": 1, "maxItems": limits.pictures}
    texts = {"type": "array", "items": {"type": "string", "format": "byte"}, "minItems": 1, "maxItems": limits.pictures}
    options = {
        "top_k": _COUNT,
        "features": {"type": "boolean", "default": False},
        "sensitive": _GROUPS,
    }
    each = {"type": "array", "items": _GROUPS, "description": "One for each picture, in order"}
    listed = options | {"sensitive": {"oneOf": [_GROUPS, each]}}
    one = {"image": {"type": "string", "format": "byte"}}
    return {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["image"],
                "properties": {"image": files, **options},
            }
        },
        "application/json": {
            "schema": {
                "oneOf": [
                    {"type": "object", "additionalProperties": False, "required": [name], "properties": given | listed}
                    for name, given in (("image", one), ("images", {"images": texts}))
                ]
            },
            "example": {"image": _PIXEL, "top_k": 1},
        },
    }


def _explain_bodies(limits: ServiceLimits) -> dict[str, Any]:
    options = {
        "label": {"type": "string", "description": "The class to explain; the one decided for, if left out"},
        "mask": {"type": "string", "enum": ["blur", "mean"], "default": "blur"},
        "evaluations": _COUNT | {"description": f"At most {limits.evaluations} are made"},
        "overlay": {"type": "boolean", "default": False, "description": "Whether a PNG in base64 is wanted too"},
        "sensitive": _GROUPS,
    }
    return {
        kind: {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["image"],
                "properties": {"image": {"type": "string", "format": written}, **options},
            },
            **({"example": {"image": _PIXEL, "mask": "mean"}} if written == "byte" else {}),
        }
        for kind, written in (("multipart/form-data", "binary"), ("application/json", "byte"))
    }


_COUNT = {"type": "integer", "minimum": 1, "maximum": LARGEST_COUNT}
_GROUPS = {
    "type": "object",
    "additionalProperties": {"type": "string", "nullable": True},
    "description": "Group by feature, null where it is not known, for a model with a threshold for each group",
}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_NUMBERS = {"type": "array", "items": {"type": "number"}}
_SCHEMAS = {
    "Error": {
        "type": "object",
        "required": ["error", "request_id"],
        "properties": {
            "request_id": {"type": "string"},
            "error": {"$ref": "#/components/schemas/Reason"},
        },
    },
    "Answer": {
        "type": "object",
        "required": ["request_id", "model", "predictions"],
        "properties": {
            "request_id": {"type": "string"},
            "model": {"type": "string", "description": "SHA-256 of the bundle's manifest"},
            "predictions": {
                "type": "array",
                "minItems": 1,
                "items": {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Prediction", "Unreadable")]},
            },
        },
    },
    "Prediction": {
        "type": "object",
        "additionalProperties": False,
        "required": ["label", "probabilities"],
        "properties": {
            "label": {"type": "string"},
            "probabilities": {"type": "object", "additionalProperties": _SHARE},
            "top": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["label", "probability"],
                    "properties": {"label": {"type": "string"}, "probability": _SHARE},
                },
            },
            "features": _NUMBERS,
        },
    },
    "Unreadable": {
        "type": "object",
        "additionalProperties": False,
        "required": ["error"],
        "properties": {"error": {"$ref": "#/components/schemas/Reason"}},
    },
    "Reason": {
        "type": "object",
        "additionalProperties": False,
        "required": ["code", "message", "remedy"],
        "properties": {name: {"type": "string", "minLength": 1} for name in ("code", "message", "remedy")},
    },
    "Explanation": {
        "type": "object",
        "required": ["request_id", "model", "prediction", "attribution"],
        "properties": {
            "request_id": {"type": "string"},
            "model": {"type": "string", "description": "SHA-256 of the bundle's manifest"},
            "prediction": {"$ref": "#/components/schemas/Prediction"},
            "attribution": {
                "type": "object",
                "required": ["label", "values", "base", "full", "certificate"],
                "properties": {
                    "label": {"type": "string"},
                    "values": {"type": "array", "items": _NUMBERS},
                    "base": {"type": "number"},
                    "full": {"type": "number"},
                    "certificate": {"type": "object", "required": ["reliable", "reason"]},
                },
            },
            "overlay": {"type": "string", "nullable": True, "description": "None where it is not reliable"},
        },
    },
}
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
