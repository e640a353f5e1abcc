"""The OpenAPI document."""

from __future__ import annotations

from typing import Any

from fairlead import __version__
from fairlead.records import Modality
from fairlead.serving.openapi_bodies import explain_bodies, feedback_bodies, predict_bodies
from fairlead.serving.settings import ServiceLimits

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
            "deletion": {"area": 0.2, "prior": 0.5, "moved_least": 0.4, "moved_median": 0.6, "p_value": 0.05},
        },
    },
}
_OUTCOMES = {"request_id": "b2", "outcomes": ["joined"]}
_QUEUED = {"request_id": "b2", "outcomes": ["queued"]}
_REFUSALS = {
    "400": "A body that cannot be read, or a field that is not known",
    "401": "No API key, or a wrong one",
    "408": "A body that did not arrive in time",
    "413": "A body or a number of items above the cap",
    "415": "Another content type",
    "422": "No item that can be read",
    "429": "Every slot is taken; Retry-After says when to ask again",
    "503": "Not ready, leaving, or not begun before the deadline; with Retry-After",
    "504": "Not ended before the deadline; with Retry-After",
}


def openapi(limits: ServiceLimits, modality: Modality = Modality.IMAGE) -> dict[str, Any]:
    """Describes the service, with examples that work.

    Args:
        limits: What a request may take.
        modality: Of what is served.

    Examples:
        >>> sorted(openapi(ServiceLimits())["paths"])
        ['/explain', '/feedback', '/livez', '/metrics', '/model', '/predict', '/readyz', '/status', '/status.json']
    """
    refused = {status: _json(text, _ERROR, "Error") for status, text in _REFUSALS.items()}
    locked: dict[str, Any] = {"security": [{}, {"bearer": []}, {"header": []}]}
    things, parts = ("pictures", "cells") if modality is Modality.IMAGE else ("texts", "words")
    predict = {
        "summary": f"Classify {things}",
        "requestBody": {"required": True, "content": predict_bodies(limits, modality)},
        "responses": {"200": _json("One prediction for each, in order", _PREDICTED, "Answer"), **refused},
    }
    explain = {
        "summary": f"Which {parts} speak for a class",
        "requestBody": {"required": True, "content": explain_bodies(limits, modality)},
        "responses": {
            "200": _json("The values of its parts, with what was checked of them", _EXPLAINED, "Explanation"),
            "403": _json("Explanations are switched off", _ERROR, "Error"),
            **refused,
        },
    }
    feedback = {
        "summary": "Tell what was true of what was answered",
        "requestBody": {"required": True, "content": feedback_bodies()},
        "responses": {
            "200": _json("What became of each label, in order", _OUTCOMES, "Outcomes"),
            "202": _json("Taken; what becomes of them is not known yet", _QUEUED, "Outcomes"),
            "403": _json("Monitoring is switched off", _ERROR, "Error"),
            **refused,
        },
    }
    posts = {"/predict": predict, "/explain": explain, "/feedback": feedback}
    return {
        "openapi": "3.0.2",
        "info": {"title": "fairlead", "version": __version__, "description": "A bundle, served with its evidence."},
        "paths": {path: {"post": said | locked} for path, said in posts.items()} | _plain_paths(refused, locked),
        "components": {"schemas": _SCHEMAS, "securitySchemes": _KEYS},
    }


def _plain_paths(refused: dict[str, Any], locked: dict[str, Any]) -> dict[str, Any]:
    """Describes what takes no body."""
    plain = {"200": {"description": "Yes"}, "503": refused["503"]}
    told = {"200": {"description": "What is served"}, "401": refused["401"], "503": refused["503"]}
    model = {"summary": "Labels, digests, card, and the gate's verdict", "responses": told}
    off = {"403": _json("Monitoring is switched off", _ERROR, "Error")}
    page = {"summary": "What monitoring says, as a page", "responses": told | off}
    report = {"summary": "What monitoring says", "responses": told | off}
    return {
        "/model": {"get": model | locked},
        "/status": {"get": page | locked},
        "/status.json": {"get": report | locked},
        "/livez": {"get": {"summary": "Is the process alive?", "responses": {"200": plain["200"]}}},
        "/readyz": {"get": {"summary": "May it be asked?", "responses": plain}},
        "/metrics": {"get": {"summary": "For Prometheus", "responses": {"200": {"description": "Exposition"}}}},
    }


def _json(description: str, example: Any, schema: str) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}
    return {"description": description, "content": {"application/json": content}}


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
    "Outcomes": {
        "type": "object",
        "required": ["request_id", "outcomes"],
        "properties": {
            "request_id": {"type": "string"},
            "outcomes": {"type": "array", "minItems": 1, "items": {"type": "string"}},
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
            "truncated": {"type": "boolean", "description": "Whether a text has more than was read of it"},
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
                    "spans": {
                        "type": "array",
                        "description": "Of a text: where each word stands, and in which part of a pair",
                        "items": {"type": "object", "required": ["part", "start", "end"]},
                    },
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
