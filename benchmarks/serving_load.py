"""Clients that ask one service over kept-alive connections, and what they saw."""

from __future__ import annotations

import http.client
import io
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageFilter

BOUNDARY = "benchmark"


def photo(side: int, seed: int = 0) -> bytes:
    """A JPEG with as much detail as a photograph has: noise, blurred at three scales."""
    generator = np.random.default_rng(seed)
    parts = []
    for radius, weight in ((24, 6.0), (6, 2.0), (1, 0.5)):
        noise = Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8))
        blurred = np.asarray(noise.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float64) - 127.5
        parts.append(weight * blurred)
    stream = io.BytesIO()
    Image.fromarray(np.clip(127.5 + sum(parts), 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def passage(tokens: int) -> bytes:
    """A text of so many tokens of MiniLM's, special ones included: each of its words is one."""
    words = "the service was good and they came on time but it cost more than we had been told before"
    each = words.split()
    return " ".join(each[place % len(each)] for place in range(tokens - 2)).encode()


@dataclass(frozen=True)
class Target:
    """Where to ask, and with what.

    Attributes:
        port: On loopback.
        name: The field that holds what is asked for: ``image`` of a form, or ``text`` of JSON.
        headers: Sent beside the content type.
    """

    port: int
    name: str = "image"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The content type."""
        return "application/json" if self.name == "text" else f"multipart/form-data; boundary={BOUNDARY}"

    def body(self, content: bytes) -> bytes:
        """A form with a picture, or JSON with a text."""
        if self.name == "text":
            return json.dumps({"text": content.decode()}).encode()
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{self.name}"; filename="a.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


@dataclass
class Seen:
    """Each request's status (0 for a broken connection), seconds, and the time it was sent at."""

    rows: list[tuple[int, float, float]] = field(default_factory=list)
    wall: float = 0.0

    def seconds(self, *statuses: int) -> list[float]:
        """Of the requests that were answered so."""
        return sorted(seconds for status, seconds, _ in self.rows if status in statuses)

    @property
    def rate(self) -> float:
        """Requests answered 200, per second."""
        return len(self.seconds(200)) / self.wall

    def quantile(self, share: float, *statuses: int) -> float:
        """Milliseconds."""
        seconds = self.seconds(*(statuses or (200,)))
        return 1000 * float(np.quantile(seconds, share)) if seconds else float("nan")


def load(target: Target, content: bytes, *, clients: int, seconds: float, rate: float | None = None) -> Seen:
    """Asks from several threads for some seconds.

    Args:
        target: Whom.
        content: The picture, or the text.
        clients: Connections; each asks anew when it has its answer.
        seconds: For how long.
        rate: Requests a second of all clients together, sent by the clock; None for as many as are answered.
    """
    seen, body, begun = Seen(), target.body(content), time.perf_counter()
    threads = [
        threading.Thread(
            target=_client,
            args=(target, body, begun + seconds, seen.rows, (number / rate, clients / rate) if rate else None),
        )
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.wall = time.perf_counter() - begun
    return seen


def _client(
    target: Target, body: bytes, end: float, rows: list[tuple[int, float, float]], clock: Sequence[float] | None
) -> None:
    headers = {"Content-Type": target.kind, **target.headers}
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    due = time.perf_counter() + (clock[0] if clock else 0)
    while time.perf_counter() < end:
        if clock:
            time.sleep(max(0.0, due - time.perf_counter()))
            due = max(due + clock[1], time.perf_counter() - clock[1])  # one that is late does not send a burst
        sent = time.perf_counter()
        try:
            connection.request("POST", "/predict", body, headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
            status = 0
        rows.append((status, time.perf_counter() - sent, sent))
    connection.close()
