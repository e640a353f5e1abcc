"""What stands before every endpoint."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import re
import secrets
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairlead.serving.admission import Admission
from fairlead.serving.figures import ServiceFigures
from fairlead.serving.readiness import Readiness
from fairlead.serving.refusal import Refusal
from fairlead.serving.settings import ServiceLimits, ServiceSettings

logger = logging.getLogger("bentoml.fairlead")

# BentoML's own page at / is not among them: it loads Google's tag manager.
PATHS: dict[str, tuple[str, ...]] = {
    "/predict": ("POST",), "/explain": ("POST",), "/feedback": ("POST",), "/model": ("GET", "HEAD"),
    "/status": ("GET", "HEAD"), "/status.json": ("GET", "HEAD"), "/livez": ("GET", "HEAD"),
    "/healthz": ("GET", "HEAD"), "/readyz": ("GET", "HEAD"), "/metrics": ("GET", "HEAD"), "/docs.json": ("GET", "HEAD"),
}  # fmt: skip
_WORK = ("/predict", "/explain", "/feedback")
_LOCKED = (*_WORK, "/model", "/status", "/status.json")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Doorkeeper:
    """ASGI middleware: request ids, known paths, API key, body cap, admission, deadline, and errors as JSON.

    The body is read here, up to the cap and until the deadline, and handed on whole; the endpoint finds the deadline
    in ``scope["state"]["until"]`` (by ``time.monotonic``).

    Args:
        app: What is behind it.
        settings: Who may ask for how much.
        readiness: Whether to answer.
        admission: Whether there is a free slot.
        figures: What is counted.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: ServiceSettings,
        readiness: Readiness,
        admission: Admission,
        figures: ServiceFigures,
    ) -> None:
        self._app = app
        self._settings = settings
        self._readiness = readiness
        self._admission = admission
        self._figures = figures
        self._key = None if settings.api_key is None else _digest(settings.api_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on a request, or answers it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            else:  # a websocket: the server holds the connection until it is told what to do with it
                await send({"type": "websocket.close"})
                self._figures.requests.labels("other", "4xx").inc()
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        answer = _Answer(send, request_id, leaving=self._readiness.draining)
        endpoint = _endpoint(scope["path"])
        try:
            await self._pass(scope, headers, receive, answer)
        except Refusal as refusal:
            await answer.refuse(refusal, scope, receive)
        except Exception:
            logger.exception("request %s failed", request_id)
            if not answer.started:
                await answer.refuse(defect(request_id), scope, receive)
        if answer.code:
            self._figures.rejected.labels(answer.code).inc()
        self._figures.requests.labels(endpoint, f"{answer.status // 100}xx").inc()

    async def _pass(self, scope: Scope, headers: Headers, receive: Receive, answer: _Answer) -> None:
        path = scope["path"]
        _check_path(path, scope["method"])
        if path == "/readyz" and (refusal := self._readiness.refusal()) is not None:
            raise refusal
        if path in _LOCKED:
            self._check_key(headers, scope)
        scope.setdefault("state", {})["request_id"] = answer.request_id
        if path not in _WORK:
            await self._app(scope, receive, answer.send)
            return
        self._readiness.require()
        limits = self._settings.limits
        scope["state"]["until"] = time.monotonic() + limits.deadline
        begun = time.perf_counter()
        with self._admission.reading():
            body = await _read(headers, receive, limits)
        self._figures.stages.labels("read").observe(time.perf_counter() - begun)
        await self._app(scope, _replayed(body, receive), answer.send)

    def _check_key(self, headers: Headers, scope: Scope) -> None:
        if self._settings.open_to_all:
            return
        if self._key is None:
            # By the address the request came in at: BentoML's worker is handed a socket, not an address.
            if _is_loopback(scope.get("server")):
                return
            raise Refusal(
                401, "no_api_key_set", "the service has no API key, and answers on loopback alone",
                "start it with FAIRLEAD_API_KEY_FILE, or with FAIRLEAD_NO_API_KEY=true to answer anyone",
            )  # fmt: skip
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        sent = bearer.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "")
        if not hmac.compare_digest(_digest(sent), self._key):  # of digests: the time tells not even the length
            raise Refusal(
                401, "unauthorized", "the API key is missing or wrong", "send it as 'Authorization: Bearer KEY'",
                {"WWW-Authenticate": "Bearer"},
            )  # fmt: skip


class _Answer:
    """Remembers what was sent, and gives it the request's id."""

    def __init__(self, send: Send, request_id: str, *, leaving: bool) -> None:
        self._send = send
        self._leaving = leaving
        self.request_id = request_id
        self.status = 500
        self.started = False
        self.code = ""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            self.code = self.code or headers.get("x-error-code", "")
            if self._leaving:
                headers["Connection"] = "close"
        await self._send(message)

    async def refuse(self, refusal: Refusal, scope: Scope, receive: Receive) -> None:
        await refusal_response(refusal, self.request_id)(scope, receive, self.send)


def refusal_response(refusal: Refusal, request_id: str) -> JSONResponse:
    """Returns a refusal as an answer of HTTP; its code stands in a header too.

    Examples:
        >>> refusal_response(Refusal(404, "unknown_path", "no such path", "see /docs.json"), "r1").status_code
        404
    """
    headers = {**refusal.headers, "X-Error-Code": refusal.code, "Cache-Control": "no-store"}
    return JSONResponse(refusal.content(request_id), status_code=refusal.status.value, headers=headers)


async def _read(headers: Headers, receive: Receive, limits: ServiceLimits) -> bytes:
    """Returns the body, of which no more than the cap is ever held."""
    too_large = Refusal(
        413, "body_too_large", f"the body is larger than {limits.body_bytes} bytes", "send smaller or fewer pictures"
    )
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.deadline):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "disconnected", "the client left", "send the whole body")
                body += message.get("body", b"")
                if len(body) > limits.body_bytes:
                    raise too_large
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise Refusal(
            408, "slow_body", f"the body did not arrive within {limits.deadline:g} s", "send it faster, or smaller"
        ) from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay


def _endpoint(path: str) -> str:
    return path if path in PATHS else "other"


def _check_path(path: str, method: str) -> None:
    allowed = PATHS.get(path)
    if allowed is None:
        raise Refusal(404, "unknown_path", "there is no such path", f"there are {', '.join(PATHS)}")
    if method not in allowed:
        names = ", ".join(allowed)
        raise Refusal(405, "wrong_method", "the path has no such method", f"use {names}", {"Allow": names})


def _is_loopback(server: Any) -> bool:
    """Returns whether a server's (address, port) is of this machine alone."""
    try:
        return ipaddress.ip_address(server[0]).is_loopback
    except (TypeError, ValueError, IndexError):
        return False


def defect(request_id: str) -> Refusal:
    """Returns what a client is told of a mistake of ours: no traceback, and where to ask."""
    return Refusal(500, "internal", "the service failed", f"tell who runs it the request id {request_id}")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
