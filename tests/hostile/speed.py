"""Whether the service answers as it did, and as fast."""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import time
from typing import Any

from tests.hostile.case import MULTIPART, form, part
from tests.hostile.files import whole

KNOWN = ("plain.png", "progressive.jpg", "cmyk.jpg", "animated.gif", "deep.tif", "lossless.webp")


def answers(port: int) -> list[Any]:
    """What is answered for known pictures, each asked for by itself."""
    found = []
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for name in KNOWN:
            status, body = _ask(connection, name)
            found.append((status, json.loads(body)["predictions"]))
    return found


def rates(port: int, rounds: int = 5, seconds: float = 1.0) -> list[float]:
    """Requests a second of one client over one connection, by round."""
    found = []
    for _ in range(rounds):
        connection, count, begun = http.client.HTTPConnection("127.0.0.1", port, timeout=30), 0, time.perf_counter()
        while (passed := time.perf_counter() - begun) < seconds:
            status, _body = _ask(connection, KNOWN[0])
            count += status == 200
        found.append(count / passed)
        connection.close()
    return found


def shown(values: list[float]) -> str:
    """The median, and the smallest to the largest."""
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def _ask(connection: http.client.HTTPConnection, name: str) -> tuple[int, bytes]:
    connection.request("POST", "/predict", form(part("image", whole(name), "a")), {"Content-Type": MULTIPART})
    answer = connection.getresponse()
    return answer.status, answer.read()
