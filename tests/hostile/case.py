"""One attack: bytes for a connection, and what may come back."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]
BOUNDARY = "hostile"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
JSON = "application/json"
REFUSED = frozenset({400, 401, 404, 405, 408, 413, 415, 422, 429})
ANY = REFUSED | {200, 503, 504}


@dataclass(frozen=True)
class Case:
    """What one client sends.

    Attributes:
        family: The kind of attack, for the table.
        name: What this one is.
        segments: Bytes, sent with a pause between.
        pause: Seconds.
        method: Of HTTP: a HEAD is answered without a body.
        allowed: Statuses that are right; 429, 503 and 504 are right of any work.
        owed: Whether an answer is owed: not to a client that sends no whole request, or leaves.
        lawless: Whether the server may refuse in words of its own, for what was sent is no HTTP.
    """

    family: str
    name: str
    segments: tuple[bytes, ...]
    pause: float = 0.0
    method: str = "POST"
    allowed: frozenset[int] = ANY
    owed: bool = True
    lawless: bool = False


def request(
    body: bytes = b"",
    kind: str | None = None,
    *,
    method: str = "POST",
    path: str = "/predict",
    headers: Headers = (),
    length: bool = True,
) -> bytes:
    """Writes a request of HTTP/1.1; header text is sent as Latin-1."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"Content-Type: {kind}"] if kind is not None else []
    lines += [f"Content-Length: {len(body)}"] if length else []
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def part(name: str, content: bytes, file: str | None = None, kind: str | None = None) -> bytes:
    """Writes a part of a form."""
    disposition = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{file}"' if file else "")
    head = disposition.encode("utf-8", "surrogatepass") + (f"\r\nContent-Type: {kind}".encode() if kind else b"")
    return f"--{BOUNDARY}\r\n".encode() + head + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Writes a form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def upload(content: bytes, *, file: str = "a.png", kind: str | None = "image/png", path: str = "/predict") -> bytes:
    """Writes a request with one picture."""
    return request(form(part("image", content, file, kind)), MULTIPART, path=path)


def posted(value: object, path: str = "/predict") -> bytes:
    """Writes a request of JSON."""
    return request(json.dumps(value).encode(), JSON, path=path)


def worker(rng: random.Random) -> str:
    """Draws an endpoint that works; explanations are dear, and rare."""
    return "/explain" if rng.random() < 0.05 else "/predict"
