"""What every answer holds to, whatever was asked."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from tests.hostile.case import Case
from tests.hostile.exchange import Answer

DEADLINE, GRACE = 10.0, 3.0
INNARDS = (
    b"Traceback",
    b'File "',
    b"site-packages",
    b"/fairlead/",
    b"ONNXRuntimeError",
    b"starlette",
    b"bentoml",
    b" at 0x",
)
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SERVER_REFUSES = (b"Invalid HTTP request received.",)


def broken(case: Case, answer: Answer, *, deadline: float = DEADLINE) -> list[str]:
    """Says which laws an answer breaks; none for a good one.

    Args:
        case: What was asked.
        answer: What came back.
        deadline: Seconds the service promises to answer within.
    """
    if answer.seconds > deadline + GRACE:
        return [f"it took {answer.seconds:.1f} s, and the deadline is {deadline:g} s"]
    if not answer.status:
        return [f"no answer ({answer.trouble})"] if case.owed and not case.lawless else []
    return [*_of_status(case, answer), *_of_headers(case, answer), *_of_body(case, answer)]


def _of_status(case: Case, answer: Answer) -> list[str]:
    if answer.status >= 500 and not (answer.status in {503, 504} and answer.headers.get("retry-after")):
        return [f"status {answer.status}"]
    if answer.status == 429 and not answer.headers.get("retry-after"):
        return ["429 without Retry-After"]
    return [] if answer.status in case.allowed else [f"status {answer.status}, not one of {sorted(case.allowed)}"]


def _from_the_server(case: Case, answer: Answer) -> bool:
    """Whether it was refused before there was a request: by the HTTP server, in its words."""
    if not case.lawless:
        return False
    bare = answer.status in {400, 431} and answer.body in SERVER_REFUSES
    return bare or (case.family == "websockets" and answer.status in {400, 403, 426})


def _of_headers(case: Case, answer: Answer) -> list[str]:
    if _from_the_server(case, answer):
        return []
    told = answer.headers.get("x-request-id", "")
    found = [] if REQUEST_ID.fullmatch(told) else [f"request id {told!r}"]
    return [*found, *(f"header {name}" for name in answer.headers if "injected" in name)]


def _of_body(case: Case, answer: Answer) -> list[str]:
    sent = b"".join(case.segments)  # what a client said may be repeated to it
    found = [f"the body shows {word.decode()!r}" for word in INNARDS if word in answer.body and word not in sent]
    if case.method.upper() == "HEAD":
        return found + (["a HEAD was answered with a body"] if answer.body else [])
    if answer.headers.get("content-type", "") != "application/json":
        page = answer.headers.get("content-type", "").startswith("text/html")
        plain = answer.status == 200 and (not page or "content-security-policy" in answer.headers)
        return found if plain or _from_the_server(case, answer) else [*found, "the answer is no JSON by its type"]
    try:
        content = json.loads(answer.body.decode("utf-8"), parse_constant=lambda name: math.nan)
    except ValueError:
        return [*found, "the answer is no JSON in UTF-8"]
    if answer.status >= 400:
        return [*found, *_of_error(content, answer)]
    return [*found, *(_of_predictions(content["predictions"]) if "predictions" in content else [])]


def _of_error(content: Any, answer: Answer) -> list[str]:
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict) or set(error) != {"code", "message", "remedy"}:
        return ["an error without code, message and remedy"]
    if not all(isinstance(text, str) and text for text in error.values()):
        return ["an empty code, message or remedy"]
    found = [] if content.get("request_id") == answer.headers.get("x-request-id") else ["two request ids"]
    return found + ([f"the message has {len(error['message'])} letters"] if len(error["message"]) > 1000 else [])


def _of_predictions(predictions: list[Any]) -> list[str]:
    for one in predictions:
        if "error" in one:
            if set(one["error"]) != {"code", "message", "remedy"}:
                return ["a picture's error without code, message and remedy"]
            continue
        shares = one["probabilities"]
        if not math.isclose(sum(shares.values()), 1, abs_tol=1e-4) or one["label"] not in shares:
            return [f"a prediction that is none: {one['label']!r} of {shares}"]
    return []
