"""One case over one connection of its own, and what came back."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from dataclasses import dataclass, field

from tests.hostile.case import Case

PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 where the connection was closed, or nothing came that is HTTP.

    Attributes:
        status: Of HTTP.
        headers: Names in small letters.
        body: Whole.
        seconds: From the last byte sent to the last one received.
        trouble: Why there is no answer.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    trouble: str = ""


def exchange(port: int, case: Case, *, canary: int = 9) -> Answer:
    """Sends a case, and waits for the answer where one is owed.

    Args:
        port: On loopback.
        case: What to send.
        canary: Port that stands for CANARY in what is sent; the length of the request does not change.
    """
    begun = time.perf_counter()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _send(sock, case, canary)
            begun = time.perf_counter()
            if not case.owed:
                sock.settimeout(0.3)
            return _received(sock, case, begun)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, seconds=time.perf_counter() - begun, trouble=type(error).__name__)


def _send(sock: socket.socket, case: Case, canary: int) -> None:
    number = f"{canary:06d}".encode()  # as long as the word
    for position, segment in enumerate(case.segments):
        if position:
            time.sleep(case.pause)
        # A server that has refused stops reading: its answer is there all the same.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            sock.sendall(segment.replace(b"CANARY", number))


def _received(sock: socket.socket, case: Case, begun: float) -> Answer:
    answer = http.client.HTTPResponse(sock, method=case.method)
    try:
        answer.begin()
        body = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, body, time.perf_counter() - begun)
    finally:
        answer.close()
