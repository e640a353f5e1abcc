"""A request that gets no answer, and why."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

_LONGEST = 1000


class Refusal(Exception):
    """What a client is told in place of an answer: a code to act on, what is wrong, and the remedy.

    Args:
        status: Of HTTP.
        code: A stable word, such as ``"body_too_large"``.
        message: What is wrong; it may repeat what the client said, of which no more than a thousand letters are told.
        remedy: What to do about it.
        headers: To send along; 429, 503 and 504 say ``Retry-After`` in any case.

    Examples:
        >>> refusal = Refusal(429, "busy", "every slot is taken", "try again", {"Retry-After": "2"})
        >>> refusal.content("r1")["error"]["code"], refusal.headers
        ('busy', {'Retry-After': '2'})
    """

    def __init__(
        self, status: int, code: str, message: str, remedy: str, headers: dict[str, str] | None = None
    ) -> None:
        message = message.encode("utf-8", "backslashreplace").decode()  # a lone surrogate can be in JSON, not in UTF-8
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST // 2]} [...] {message[-_LONGEST // 4 :]}"
        super().__init__(message)
        self.status = HTTPStatus(status)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.headers = dict(headers or {})
        if status in {429, 503, 504}:
            self.headers.setdefault("Retry-After", "1")

    def error(self) -> dict[str, str]:
        """Returns what stands under ``error`` in the answer."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}

    def content(self, request_id: str) -> dict[str, Any]:
        """Returns the body of the answer."""
        return {"error": self.error(), "request_id": request_id}
