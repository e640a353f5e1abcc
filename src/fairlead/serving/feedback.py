"""Labels over HTTP: what was true of what was answered."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fairlead.records import Feedback, Labels
from fairlead.serving.failing import refused
from fairlead.serving.readiness import Readiness
from fairlead.serving.recording import Recorder
from fairlead.serving.refusal import Refusal

MOST, MOST_BYTES = 1000, 1_000_000
LARGEST_ITEM = 999_999
FIELDS = ("request_id", "item", "label")
_PATIENCE = 1.0  # seconds for what became of them
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_REMEDY = "send request_id, label and, of a request with several items, item; /docs.json has examples"


class FeedbackEndpoint:
    """``/feedback``: takes the true classes of answered items, and tells what became of each.

    Args:
        readiness: Holds the model.
        recorder: Takes the labels.
    """

    def __init__(self, *, readiness: Readiness, recorder: Recorder) -> None:
        self._readiness = readiness
        self._recorder = recorder

    async def feedback(self, request: Request) -> Response:
        """Answers 200 with the outcomes; 202 where they are not known within a second."""
        request_id = request.state.request_id
        try:
            model = self._readiness.require()
            if not self._recorder.settings.on:
                raise Refusal(403, "off", "monitoring is switched off", "set FAIRLEAD_MONITOR to true")
            told = parse_feedback(request.headers, await request.body(), model.bundle.labels, time.time())
            waiting = self._recorder.tell(told)
            if waiting is None:
                raise Refusal(503, "monitor_busy", "monitoring takes no labels now", "send them again later")
            status, outcomes = 200, ["queued"] * len(told)
            try:
                outcomes = await asyncio.wait_for(asyncio.wrap_future(waiting), _PATIENCE)
            except TimeoutError:
                status = 202
        except Exception as error:  # here, for the frameworks outside would answer it in words of their own
            return refused(error, request_id, self._readiness.modality)
        return JSONResponse({"request_id": request_id, "outcomes": outcomes}, status_code=status)


def parse_feedback(headers: Headers, body: bytes, labels: Labels, now: float) -> list[Feedback]:
    """Reads the body of ``/feedback``.

    Args:
        headers: Of the request.
        body: Whole.
        labels: The classes that may be told.
        now: Seconds since 1970, UTC.

    Raises:
        Refusal: 415 for another content type, 413 for too much, 400 for what cannot be read or a class that is none.

    Examples:
        >>> body = b'{"request_id": "r1", "item": 3, "label": "cat"}'
        >>> parse_feedback(Headers({"content-type": "application/json"}), body, Labels(("cat", "dog")), 5.0)
        [Feedback(id='r1/3', time=5.0, label='cat')]
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "unsupported_type", f"the content type is {kind[:80] or 'none'}", "send JSON")
    if len(body) > MOST_BYTES:
        raise Refusal(
            413, "body_too_large", f"the body is larger than {MOST_BYTES} bytes", "send fewer labels at a time"
        )
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _bad("the body is no JSON") from error
    many = isinstance(content, dict) and "feedback" in content
    if many and set(content) != {"feedback"}:
        raise _bad("beside feedback there is no other field")
    rows = content["feedback"] if many else [content]
    if not isinstance(rows, list) or not rows:
        raise _bad("feedback is a list with at least one label")
    if len(rows) > MOST:
        raise Refusal(413, "too_many_labels", f"{len(rows)} labels, and {MOST} are allowed", "send fewer at a time")
    return [_one(row, labels, now) for row in rows]


def _one(row: Any, labels: Labels, now: float) -> Feedback:
    if not isinstance(row, Mapping):
        raise _bad("feedback is an object, or a list of them under feedback")
    for name in row:
        if name not in FIELDS:
            raise _bad(f"there is no field {name[:80]!r}; there are {', '.join(FIELDS)}")
    name, item, label = (row.get(field) for field in FIELDS)
    if not isinstance(name, str) or not _REQUEST_ID.fullmatch(name):
        raise _bad("request_id is that of an answer: 1 to 64 letters, digits, dots, dashes and underscores")
    if not isinstance(label, str) or label not in labels:
        shown = ", ".join(labels)
        raise _bad(f"label is one of the classes: {shown[:500]}{' ...' if len(shown) > 500 else ''}")
    if item is None:
        return Feedback(name, now, label)
    if not isinstance(item, int) or isinstance(item, bool) or not 0 <= item <= LARGEST_ITEM:
        raise _bad("item is the place of an item in its request, from 0")
    return Feedback(f"{name}/{item}", now, label)


def _bad(message: str) -> Refusal:
    return Refusal(400, "bad_request", message.encode("ascii", "backslashreplace").decode(), _REMEDY)
