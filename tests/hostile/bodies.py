"""Families of hostile bodies: forms and JSON that hold a good picture, or none."""

from __future__ import annotations

import base64
import json
import random

from tests.hostile.case import BOUNDARY, JSON, MULTIPART, Case, form, part, posted, request, worker
from tests.hostile.files import whole

READ = frozenset({200, 400, 413, 415, 422, 429, 503})
BAD = frozenset({400, 413, 415, 422, 429, 503})
PICTURE = base64.b64encode(whole("plain.png")).decode()

VALUES: tuple[object, ...] = (
    0, -1, 1, 2, 10**30, 1.5, 1e308, True, False, None, "", "1", "-1", "0x10", "1e9", "9" * 9, "9" * 10, "٣", "1_0",
    " 1 ", "\0", "true", "TRUE", "no", [], [1], {}, {"a": 1}, "x" * 100_000, "\ud800", "\U0001f98a", float("inf"),
    float("nan"), [[[]]], {"sex": "f"}, {"\ud800": "\udfff"}, [{"a": None}] * 3, "{}", '{"a": "b"}', '[{"a": 1}]',
    "__proto__", "${jndi:ldap://127.0.0.1:CANARY/a}", "{{7*7}}", "%s%n", "' OR 1=1 --", "malignant",
)  # fmt: skip
TAKEN = {
    "/predict": ("top_k", "features", "sensitive"),
    "/explain": ("label", "mask", "evaluations", "overlay", "sensitive"),
    "/feedback": ("request_id", "item", "label"),
}
FIELDS = (
    "top_k", "features", "sensitive", "label", "mask", "evaluations", "overlay", "image", "images", "unknown",
    "__class__", "\ud800", "", "a" * 5000,
)  # fmt: skip


def values(rng: random.Random) -> Case:
    """Any value in any field, beside a good picture."""
    path = "/explain" if rng.random() < 0.2 else "/predict"
    known = TAKEN[path] if rng.random() < 0.8 else FIELDS
    fields = {rng.choice(known): rng.choice(VALUES) for _ in range(rng.randint(1, 2))}
    name = ", ".join(f"{key[:20]!r}={str(value)[:20]!r}" for key, value in fields.items())
    sent = posted({"image": PICTURE} | fields, path)
    return Case("values in JSON", name, (sent,), allowed=READ)


def labels(rng: random.Random) -> Case:
    """Any value in any field of a label that is told."""
    fields: dict[str, object] = {"request_id": "a1", "label": "malignant"}
    fields |= {rng.choice((*TAKEN["/feedback"], *FIELDS)): rng.choice(VALUES) for _ in range(rng.randint(0, 2))}
    body = rng.choice((fields, {"feedback": [fields] * rng.choice((1, 3, 1001))}, {"feedback": rng.choice(VALUES)}))
    return Case("values in feedback", repr(body)[:60], (posted(body, "/feedback"),), allowed=READ | {202})


def form_values(rng: random.Random) -> Case:
    """Any text in any field of a form."""
    value = rng.choice(VALUES)
    text = value if isinstance(value, str) else json.dumps(value)
    path = worker(rng)
    field = rng.choice(TAKEN[path] if rng.random() < 0.8 else FIELDS).replace('"', "")
    parts = [part("image", whole("plain.png"), "a.png"), part(field, text.encode("utf-8", "surrogatepass"))]
    rng.shuffle(parts)
    body = form(*parts)
    return Case(
        "values in forms", f"{field[:20]!r}={text[:20]!r}", (request(body, MULTIPART, path=path),), allowed=READ
    )


def syntax(rng: random.Random) -> Case:
    """JSON that is none, too deep, twice, too much, or in another encoding."""
    good = json.dumps({"image": PICTURE})
    name, text = rng.choice((
        ("lists in lists", "[" * 100_000),
        ("closed lists in lists", "[" * 100_000 + "]" * 100_000),
        ("objects in objects", '{"image":' * 50_000),
        ("depth in a known field", '{"image":"","sensitive":' + "[" * 90_000 + "]" * 90_000 + "}"),
        ("the same key twice", f'{{"image": "AAAA", "image": "{PICTURE}"}}'),
        ("two keys for pictures", f'{{"image": "{PICTURE}", "images": ["{PICTURE}"]}}'),
        ("a number of many digits", '{"top_k": ' + "9" * 100_000 + "}"),
        ("an exponent", '{"top_k": 1e999999999}'),
        ("many empty lists", '{"images": [' + "[]," * 600_000 + "[]]}"),
        ("many empty objects", '{"sensitive": [' + "{}," * 400_000 + "{}]}"),
        ("many keys", "{" + ",".join(f'"{number}":0' for number in range(100_000)) + "}"),
        ("many numbers", "[" + "12345," * 300_000 + "1]"),
        ("escapes", '{"image": "' + "\\u0041" * 100_000 + '"}'),
        ("lone surrogates", '{"label": "\\ud800", "image": "\\udfff"}'),
        ("a text", '"image"'), ("null", "null"), ("a list", "[]"), ("NaN", "NaN"), ("nothing", ""),
        ("spaces", " " * 99),
        ("a comment", "/* */" + good), ("a comma too many", good[:-1] + ",}"), ("cut short", good[: len(good) // 2]),
        ("more behind", good + good), ("single quotes", good.replace('"', "'")), ("controls", '{"image": "\x01"}'),
    ))  # fmt: skip
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32-be", "utf-16-le"))
    sent = request(text.encode(encoding), JSON, path=worker(rng))
    return Case("JSON syntax", f"{name}, {encoding}", (sent,), allowed=READ)


def base64s(rng: random.Random) -> Case:
    """What stands where base64 should."""
    text = rng.choice((
        "AAAA=", "=", "====", "A", PICTURE[:-1], PICTURE + "=", PICTURE + "\n", " " + PICTURE, "é" * 9, "\0" * 8,
        PICTURE.replace("/", "_").replace("+", "-"), "data:image/png;base64," + PICTURE, "%2B" * 9, "A" * 400_000, "",
        "\ud800", PICTURE[: rng.randrange(len(PICTURE))],
    ))  # fmt: skip
    body: dict[str, object] = {"image": text} if rng.random() < 0.5 else {"images": [PICTURE, text]}
    return Case("base64", f"{text[:20]!r} of {len(text)}", (posted(body),), allowed=READ)


def garbage(rng: random.Random) -> Case:
    """Random bytes under any content type."""
    kind = rng.choice((
        JSON, MULTIPART, "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=a\"b",
        "multipart/form-data; boundary=" + "b" * 5000, "multipart/form-data; boundary*=utf-8''x", "multipart/mixed",
        f"multipart/form-data; charset=utf-16; boundary={BOUNDARY}",
        f"multipart/form-data; charset=\0; boundary={BOUNDARY}",
        f"multipart/form-data; charset=base64; boundary={BOUNDARY}", f"MULTIPART/FORM-DATA;boundary={BOUNDARY}",
        "application/x-www-form-urlencoded", "text/plain", "application/xml", "image/png",
        "application/json;charset=utf-16",
        "application/json, text/html", ";", "/", "é", "a" * 9000, "application/vnd.bentoml+pickle",
    )).replace("\0", "\x01")  # fmt: skip
    body = rng.choice((rng.randbytes(rng.choice((0, 5, 4000))), form(part("image", whole("plain.png"), "a")), b"{}"))
    return Case("wrong content types", kind[:60], (request(body, kind),), allowed=READ)


def forms(rng: random.Random) -> Case:
    """Forms that are not as they say."""
    picture = whole("plain.png")
    good = part("image", picture, "a.png")
    edge = f"--{BOUNDARY}".encode()
    name, body = rng.choice((
        ("no end", good), ("no start", form(good)[2:]), ("the end alone", edge + b"--"), ("edges alone", edge * 10_000),
        ("no name", edge + b"\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + edge + b"--\r\n"),
        ("no disposition", edge + b"\r\n\r\nx\r\n" + edge + b"--\r\n"),
        ("many headers", edge + b"\r\n" + b"A: b\r\n" * 200_000 + b"\r\nx\r\n" + edge + b"--"),
        ("a header without end", edge + b"\r\nContent-Disposition: " + b"x" * 500_000),
        ("many fields", form(*(part("top_k", b"1") for _ in range(3000)))),
        ("many files", form(*(part("image", b"", "a") for _ in range(3000)))),
        ("the same field twice", form(good, part("top_k", b"1"), part("top_k", b"2"))),
        ("a field as a file", form(good, part("top_k", b"1", "a.txt"))),
        ("a picture as a field", form(part("image", b"x"))),
        ("a large field", form(good, part("sensitive", b"x" * 500_000))),
        ("bare line feeds", form(good).replace(b"\r\n", b"\n")),
        ("a preamble", b"x" * 200_000 + form(good)), ("an epilogue", form(good) + b"\r\n" * 100_000),
        ("a form in a form", form(part("image", form(good), "a"))),
        ("transfer encoding", edge + b'\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n'
         b"Content-Transfer-Encoding: base64\r\n\r\n" + picture + b"\r\n" + edge + b"--"),
        ("two names", edge + b'\r\nContent-Disposition: form-data; name="image"; name="x"; filename="a"\r\n\r\n'
         + picture + b"\r\n" + edge + b"--"),
        ("a name in another encoding", edge + b"\r\nContent-Disposition: form-data; name*=utf-16''%ff%fe; "
         b'filename="\xff\xfe\x00"\r\n\r\n' + picture + b"\r\n" + edge + b"--"),
        ("nulls in a name", form(part("im\0age", picture, "a"))), ("nothing", b""),
        ("cut in an edge", form(good)[: -rng.randint(1, 14)]),
    ))  # fmt: skip
    return Case("forms", name, (request(body, MULTIPART, path=worker(rng)),), allowed=READ)
