"""Families of hostile requests: lines, headers, lengths, chunks, and clients that dawdle or leave."""

from __future__ import annotations

import random

from tests.hostile.case import ANY, JSON, MULTIPART, REFUSED, Case, form, part, posted, request, upload
from tests.hostile.files import whole

KNOWN = ("/predict", "/explain", "/model", "/livez", "/healthz", "/readyz", "/metrics", "/docs.json")
ODD_PATHS = (
    "/", "//", "/predict/", "//predict", "/PREDICT", "/predict%00", "/predict%2f..", "/../predict", "/./predict",
    "/predict;a=b", "/%2e%2e/%2e%2e/etc/passwd", "/docs", "/schema.json", "/static_content/index.css", "/favicon.ico",
    "/predict\\", "/%ff%fe", "/%", "/%zz", "/" + "a" * 8000, "/predict?" + "a=b&" * 1000, "/metrics?x[]=1",
    "http://127.0.0.1/predict", "http://evil.example/predict", "*", "/model?../../x", "/.git/config", "/.env",
    "/predict#x", "/%F0%9F%A6%8A", "/readyz%0d%0aX-Injected:%201", "/is_ready", "/api/v1", "/__metrics__",
)  # fmt: skip
METHODS = (
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "G" * 300,
    "M-SEARCH", "PURGE", "QUERY",
)  # fmt: skip
HEADERS: tuple[tuple[str, str], ...] = (
    ("X-Request-ID", "a\tb"), ("X-Request-ID", "x" * 65), ("X-Request-ID", "ok-1"), ("X-Request-ID", "é"),
    ("X-Request-ID", "a%0d%0aX-Injected: 1"), ("X-Request-ID", "<script>"), ("X-Request-ID", ""),
    ("Authorization", "Bearer"), ("Authorization", "Bearer " + "k" * 9000), ("Authorization", "Basic \xff\xfe"),
    ("X-API-Key", "\xff"), ("Content-Encoding", "gzip"), ("Content-Encoding", "br"), ("Accept", "image/png"),
    ("Accept-Encoding", "x" * 5000), ("Host", "evil.example"), ("X-Forwarded-For", "127.0.0.1"),
    ("X-Forwarded-Host", "evil.example"), ("Forwarded", "for=127.0.0.1"), ("Cookie", "a=" + "b" * 9000),
    ("Range", "bytes=0-1"), ("If-None-Match", "*"), ("Origin", "http://evil.example"), ("Referer", "javascript:1"),
    ("Upgrade", "h2c"), ("Bentoml-Name", "x"), ("Runner-Name", "x"), ("Args-Number", "99"), ("Connection", "close"),
    ("X-HTTP-Method-Override", "DELETE"), ("Traceparent", "00-" + "f" * 32 + "-" + "f" * 16 + "-01"),
    ("Baggage", "=;,"),
    ("Expect", "100-continue"), ("Expect", "nothing"), ("Max-Forwards", "0"), ("Via", "1.1 x"), ("TE", "trailers"),
)  # fmt: skip


def paths(rng: random.Random) -> Case:
    """Any method at any path."""
    method, path = rng.choice(METHODS), rng.choice((*KNOWN, *ODD_PATHS))
    sent = request(b"", method=method, path=path)
    return Case("methods and paths", f"{method[:9]} {path[:40]}", (sent,), method=method, allowed=ANY, lawless=True)


def headers(rng: random.Random) -> Case:
    """Headers that say wrong, odd or contradictory things, on a request that is well otherwise."""
    added = tuple(rng.sample(HEADERS, rng.randint(1, 3)))
    if rng.random() < 0.5:
        path = rng.choice(KNOWN[2:])
        sent, method = request(b"", method="GET", path=path, headers=added), "GET"
    else:
        body = form(part("image", whole("plain.png"), "a.png"))
        sent, method = request(body, MULTIPART, headers=added), "POST"
    name = ", ".join(f"{key}: {value[:20]!r}" for key, value in added)
    return Case("headers", name, (sent,), method=method, lawless=True)


def large_headers(rng: random.Random) -> Case:
    """Headers of 20 KiB to 400 KiB."""
    count, size = rng.choice(((1, 20_000), (1, 70_000), (500, 100), (4000, 100), (1, 400_000)))
    added = tuple((f"X-{number}", "a" * size) for number in range(count))
    sent = request(b"", method="GET", path="/livez", headers=added)
    return Case("large headers", f"{count} of {size}", (sent,), method="GET", allowed=ANY | {431}, lawless=True)


def lengths(rng: random.Random) -> Case:
    """Content-Length that is none, too large, negative, twice, or beside chunks."""
    given = rng.choice((
        ("-1",), ("abc",), ("1e3",), ("0x10",), ("9" * 30,), ("99999999999",), ("20000001",), ("+5",), ("5", "6"),
        ("5, 6",), ("\xb2",), ("",), (" 5 ",),
    ))  # fmt: skip
    added = tuple(("Content-Length", value) for value in given)
    if rng.random() < 0.2:
        added += (("Transfer-Encoding", rng.choice(("chunked", "gzip, chunked", "identity", "xchunked"))),)
    sent = request(b"{}", JSON, headers=added, length=False)
    # What is declared and not sent is waited for until the deadline: the client leaves before.
    return Case("lengths", repr(added)[:80], (sent, b""), pause=0.3, owed=False, lawless=True)


def chunked(rng: random.Random) -> Case:
    """Chunks: whole, of wrong sizes, without end, with extensions and trailers."""
    body = form(part("image", whole("plain.png"), "a.png"))
    head = request(b"", MULTIPART, headers=(("Transfer-Encoding", "chunked"),), length=False)
    name, chunks, whole_request = rng.choice((
        ("whole", f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n", True),
        ("bytes one by one", b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n", True),
        ("an extension", f"{len(body):x};a=b\r\n".encode() + body + b"\r\n0\r\n\r\n", True),
        ("trailers", f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\nX-Request-ID: later\r\n\r\n", True),
        ("a wrong size", b"5\r\n" + body + b"\r\n0\r\n\r\n", False),
        ("no number", b"zz\r\nabc\r\n0\r\n\r\n", False), ("negative", b"-5\r\nabcde\r\n0\r\n\r\n", False),
        ("a huge size", b"ffffffffffffffff\r\nabc", False),
        ("without end", f"{len(body):x}\r\n".encode() + body, False),
        ("above the cap", (b"10000\r\n" + bytes(65_536) + b"\r\n") * 330 + b"0\r\n\r\n", False),
        ("a second request within", b"0\r\n\r\nGET /model HTTP/1.1\r\nHost: x\r\n\r\n", True),
    ))  # fmt: skip
    return Case(
        "chunks of a body", name, (head + chunks, b""), pause=0.3, owed=whole_request, lawless=not whole_request
    )


def lines(rng: random.Random) -> Case:
    """What is hardly HTTP."""
    name, sent = rng.choice((
        ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + rng.randbytes(80)), ("noise", rng.randbytes(300)),
        ("HTTP/0.9", b"GET /livez\r\n"), ("HTTP/1.0", b"GET /livez HTTP/1.0\r\n\r\n"),
        ("HTTP/9.9", b"GET /livez HTTP/9.9\r\nHost: a\r\n\r\n"), ("no host", b"GET /livez HTTP/1.1\r\n\r\n"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("two hosts", b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("folded header", b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\r\n X-Injected: 1\r\n\r\n"),
        ("space before the colon", b"GET /livez HTTP/1.1\r\nHost : a\r\n\r\n"), ("nulls", bytes(1000)),
        ("null in a header", b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\0b\r\n\r\n"),
        ("return in a header", b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\rX-Injected: 1\r\n\r\n"),
        ("unicode path", "GET /predict\u202e HTTP/1.1\r\nHost: a\r\n\r\n".encode()), ("empty lines", b"\r\n" * 5000),
        ("bytes in a header", b"GET /model HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\xfe\x80\r\n\r\n"),
        ("a long line", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("bare line feeds", b"GET /livez HTTP/1.1\nHost: a\n\n"),
        ("redis", b"*1\r\n$4\r\nINFO\r\n"), ("smtp", b"EHLO a\r\n"), ("proxy", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"),
    ))  # fmt: skip
    return Case("hardly HTTP", name, (sent, b""), pause=0.2, method="GET", owed=False, lawless=True)


def upgrades(rng: random.Random) -> Case:
    """Websockets, which the service has none of."""
    added = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))
    added += (("Sec-WebSocket-Version", rng.choice(("13", "8", "x"))),)
    path = rng.choice((*KNOWN, "/", "/ws"))
    sent = request(b"", method="GET", path=path, headers=added, length=False)
    return Case("websockets", path, (sent,), method="GET", allowed=REFUSED | {200, 403, 426, 503}, lawless=True)


def slow(rng: random.Random) -> Case:
    """Bodies that come in pieces: they are answered when they are whole."""
    sent = upload(whole("plain.png"))
    cuts = sorted(rng.sample(range(1, len(sent)), rng.randint(1, 4)))
    pieces = tuple(sent[start:end] for start, end in zip((0, *cuts), (*cuts, len(sent)), strict=True))
    return Case("slow bodies", f"cut at {cuts}", pieces, pause=0.05, allowed=frozenset({200, 429}))


def leaving(rng: random.Random) -> Case:
    """Clients that leave before they have sent all, or before they are answered."""
    sent = upload(whole("progressive.jpg")) if rng.random() < 0.5 else posted({"image": "A" * 100_000})
    cut = rng.choice((len(sent), rng.randrange(1, len(sent)), 20))
    return Case("leaving", f"after {cut} of {len(sent)} bytes", (sent[:cut],), owed=False, lawless=True)


def pipelined(rng: random.Random) -> Case:
    """Several requests at once over one connection: the first is answered, and the others change nothing of it."""
    sent = upload(whole("plain.png")) + b"".join(rng.sample((
        request(method="GET", path="/model"), request(b"x" * 99, method="PUT", path="/x"), b"\0" * 50, posted({}),
    ), 2))  # fmt: skip
    return Case("pipelined", f"{len(sent)} bytes", (sent,), allowed=frozenset({200, 429}))


def cookies(rng: random.Random) -> Case:
    """An API key that is none, where none is wanted."""
    key = "".join(chr(rng.choice((33, 126, 160, 255, rng.randrange(33, 127)))) for _ in range(rng.randint(0, 40)))
    sent = request(method="GET", path="/model", headers=(("Authorization", f"Bearer {key}"), ("X-API-Key", key)))
    return Case("keys", repr(key), (sent,), method="GET", allowed=frozenset({200, 400, 401}), lawless=True)
