"""Families of hostile pictures: what is uploaded."""

from __future__ import annotations

import random

from tests.hostile.bombs import BOMBS, bomb, promising, thin
from tests.hostile.case import MULTIPART, Case, form, part, posted, request, upload, worker
from tests.hostile.files import MAKERS, SIGNATURE, chunk, whole

LOOKED_AT = frozenset({200, 422, 429})
CHEAP = tuple(sorted(set(BOMBS) - {"one_great_tile.tif", "scans.jpg", "one_tile.tif", "zeros16.png"}))
KINDS = ("image/png", "image/jpeg", "text/html", "image/svg+xml", "application/x-msdownload", "*/*", None, "", "\x7f")
NAMES = (
    "a.png", "../../etc/passwd", "C:\\\\autoexec.bat", "a\\\"b.png", "", "n" * 3000, "\u202egnp.exe", "CON", "%00.png",
    "; rm -rf /", "a.png\\r\\nX-Injected: 1",
)  # fmt: skip
STRANGERS: dict[str, bytes] = {
    "nothing": b"",
    "one byte": b"\xff",
    "nulls": bytes(100_000),
    "SVG that reads a file": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "SVG of entities": b'<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;">]><svg>&c;</svg>',
    "page": b"<!doctype html><script>alert(1)</script>",
    "PDF": b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>endobj",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    "EPS in binary": b"\xc5\xd0\xd3\xc6" + bytes(26),
    "pickle": b"\x80\x04\x95\x1e\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(60),
    "ZIP": b"PK\x03\x04" + bytes(60),
    "gzip": b"\x1f\x8b\x08" + bytes(60),
    "ICO": b"\0\0\1\0\1\0\xff\xff" + bytes(60),
    "PSD": b"8BPS\0\1" + bytes(60),
    "HEIC": b"\0\0\0\x18ftypheic" + bytes(60),
    "FITS": b"SIMPLE  =                    T" + b" " * 2850,
    "MP4": b"\0\0\0\x18ftypmp42" + bytes(60),
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\n",
    "path": b"/etc/passwd",
    "unicode": "\ud800\uffff\u202e".encode("utf-8", "surrogatepass"),
}
TAILS: dict[str, bytes] = {
    "ZIP": b"PK\x03\x04" + bytes(30) + b"PK\x05\x06" + bytes(18),
    "page": b"<script>alert(1)</script>",
    "PHP": b"<?php system($_GET[0]); ?>",
    "JAR": b"PK\x03\x04META-INF/MANIFEST.MF",
    "nulls": bytes(200_000),
    "a second picture": b"",
}


def bombs(rng: random.Random) -> Case:
    """Small files that ask for much; the dear ones are rare."""
    name = rng.choice(sorted(BOMBS) if rng.random() < 0.1 else CHEAP)
    return Case("bombs", name, (upload(bomb(name), file=name),), allowed=LOOKED_AT | {413, 503, 504})


def promises(rng: random.Random) -> Case:
    """Headers of sizes that are not there."""
    name, content = promising(rng)
    return Case("headers that promise", name, (upload(content),), allowed=LOOKED_AT)


def thin_ones(rng: random.Random) -> Case:
    """One pixel wide."""
    name, content = thin(rng)
    return Case("thin pictures", name, (upload(content),), allowed=frozenset({200, 429}))


def truncated(rng: random.Random) -> Case:
    """A picture cut short anywhere, as often at a marker or a chunk."""
    name = rng.choice(sorted(MAKERS))
    content = whole(name)
    marks = [at for at in range(1, len(content) - 1) if content[at] == 0xFF or content[at : at + 4].isalpha()]
    cut = rng.choice(marks) if marks and rng.random() < 0.5 else rng.randrange(len(content))
    return Case("cut short", f"{name} at {cut}", (upload(content[:cut]),), allowed=LOOKED_AT)


def flipped(rng: random.Random) -> Case:
    """A picture with changed bytes, more of them near its start, where the numbers are."""
    name = rng.choice(sorted(MAKERS))
    content = bytearray(whole(name))
    for _ in range(rng.randint(1, 6)):
        most = len(content) if rng.random() < 0.5 else min(len(content), 80)
        content[rng.randrange(most)] = rng.choice((0, 255, 0x7F, 0x80, rng.randrange(256)))
    return Case("changed bytes", name, (upload(bytes(content)),), allowed=LOOKED_AT)


def spliced(rng: random.Random) -> Case:
    """The head of one picture before the tail of another."""
    first, second = (whole(rng.choice(sorted(MAKERS))) for _ in range(2))
    content = first[: rng.randrange(len(first))] + second[rng.randrange(len(second)) :]
    return Case("spliced", f"{len(content)} bytes", (upload(content),), allowed=LOOKED_AT)


def polyglots(rng: random.Random) -> Case:
    """A whole picture that is something else besides."""
    name, tail = rng.choice(sorted(MAKERS)), rng.choice(sorted(TAILS))
    content = whole(name) + (TAILS[tail] or whole(rng.choice(sorted(MAKERS))))
    if rng.random() < 0.2:
        name, content = "GIF that is a script", b"GIF89a/*" + bytes(9) + b"*/=1;alert(1)"
    return Case("polyglots", f"{name} and {tail}", (upload(content, file="a.html"),), allowed=LOOKED_AT)


def strangers(rng: random.Random) -> Case:
    """What is no picture."""
    name = rng.choice(sorted(STRANGERS))
    return Case("no pictures", name, (upload(STRANGERS[name], kind=rng.choice(KINDS)),), allowed=frozenset({422, 429}))


def noise(rng: random.Random) -> Case:
    """Random bytes, some after a signature that is known."""
    start = rng.choice((b"", SIGNATURE, b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"P6 ", b"RIFF"))
    content = start + rng.randbytes(rng.choice((1, 30, 3000)))
    return Case("noise", f"{len(content)} bytes", (upload(content),), allowed=LOOKED_AT)


def chunks(rng: random.Random) -> Case:
    """PNG chunks of wrong lengths, in a wrong order, twice."""
    content = whole("animated.png")
    kind = rng.choice((b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"eXIf", b"IEND", b"pHYs"))
    at = rng.choice((8, 33, len(content) - 12))
    alien = chunk(kind, rng.randbytes(rng.choice((0, 1, 13, 26, 4000))))
    if rng.random() < 0.3:
        alien = rng.randbytes(4) + alien[4:]
    return Case("chunks", f"{kind.decode()} at {at}", (upload(content[:at] + alien + content[at:]),), allowed=LOOKED_AT)


def labelled(rng: random.Random) -> Case:
    """A whole picture under a wrong name and a wrong content type."""
    name = rng.choice(sorted(MAKERS))
    sent = upload(whole(name), file=rng.choice(NAMES) or "x", kind=rng.choice(KINDS), path=worker(rng))
    return Case("wrong names and types", name, (sent,), allowed=frozenset({200, 400, 422, 429, 503}))


def many(rng: random.Random) -> Case:
    """As many pictures as are allowed, and more; good ones beside bad."""
    count = rng.choice((2, 8, 32, 33, 200))
    parts = [part("image", whole(rng.choice(sorted(MAKERS))) if rng.random() < 0.7 else b"", "a") for _ in range(count)]
    allowed = frozenset({413, 429}) if count > 32 else LOOKED_AT
    return Case("many pictures", f"{count} of them", (request(form(*parts), MULTIPART),), allowed=allowed)


def addresses(rng: random.Random) -> Case:
    """Addresses in place of pictures, which must not be fetched; CANARY is a listener of the judge's own."""
    address = rng.choice((
        "http://127.0.0.1:CANARY/a.png", "http://[::1]:CANARY/a.png", "//127.0.0.1:CANARY/a.png",
        "file:///etc/passwd", "/etc/passwd", "data:image/png;base64,AAAA", "http://169.254.169.254/latest/meta-data/",
        "gopher://127.0.0.1:CANARY/_", "ftp://127.0.0.1:CANARY/a.png", "\\\\127.0.0.1\\share\\a.png",
    ))  # fmt: skip
    where = rng.choice(("file", "json", "list", "name"))
    sent = {
        "file": lambda: upload(address.encode()),
        "json": lambda: posted({"image": address}, worker(rng)),
        "list": lambda: posted({"images": [address]}),
        "name": lambda: request(form(part("image", b"", address)), MULTIPART),
    }[where]()
    return Case("addresses", f"{address} as {where}", (sent,), allowed=frozenset({400, 422, 429, 503}))
