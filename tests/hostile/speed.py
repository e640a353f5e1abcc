"""Whether the service answers as it did, and as fast."""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import time
from typing import Any

from fairlead.records import Modality
from tests.hostile.case import JSON, MULTIPART, form, part
from tests.hostile.files import whole

FILES = ("plain.png", "progressive.jpg", "cmyk.jpg", "animated.gif", "deep.tif", "lossless.webp")
TEXTS = ("the service was good", "bad", "he " * 300, "\u4f60\u597d caf\u00e9", ["good", "bad"])


def known(modality: Modality) -> list[tuple[bytes, str]]:
    """Bodies whose answers must stay as they are, with their content types."""
    if modality is Modality.TEXT:
        return [(json.dumps({"text": text}).encode(), JSON) for text in TEXTS]
    return [(form(part("image", whole(name), "a")), MULTIPART) for name in FILES]


def answers(port: int, modality: Modality = Modality.IMAGE) -> list[Any]:
    """What is answered for known pictures or texts, each asked for by itself."""
    found = []
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for sent in known(modality):
            status, body = _ask(connection, *sent)
            found.append((status, json.loads(body)["predictions"]))
    return found


def rates(port: int, modality: Modality = Modality.IMAGE, *, rounds: int = 5, seconds: float = 1.0) -> list[float]:
    """Requests a second of one client over one connection, by round."""
    found, sent = [], known(modality)[0]
    for _ in range(rounds):
        connection, count, begun = http.client.HTTPConnection("127.0.0.1", port, timeout=30), 0, time.perf_counter()
        while (passed := time.perf_counter() - begun) < seconds:
            status, _body = _ask(connection, *sent)
            count += status == 200
        found.append(count / passed)
        connection.close()
    return found


def shown(values: list[float]) -> str:
    """The median, and the smallest to the largest."""
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def _ask(connection: http.client.HTTPConnection, body: bytes, kind: str) -> tuple[int, bytes]:
    connection.request("POST", "/predict", body, {"Content-Type": kind})
    answer = connection.getresponse()
    return answer.status, answer.read()
