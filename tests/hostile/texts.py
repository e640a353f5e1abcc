"""Families of hostile texts, for a service of texts."""

from __future__ import annotations

import json
import random

from tests.hostile.bodies import READ, TAKEN, VALUES
from tests.hostile.case import JSON, Case, posted, request, upload, worker
from tests.hostile.files import whole

GOOD = "the service was very good"
SPACES = "\t\n\v\f\r\x1c\x85\xa0\u1680\u2000\u2003\u2028\u2029\u202f\u205f\u3000"
SIGNS = (
    "\0", "\x07", "\x1b[31m", "\x7f", "\x9b", "\ud800", "\udfff", "\ud83d", "\ufffe", "\uffff", "\U0010ffff",
    "\U000e0001", "\ufeff", "\u200b", "\u200d", "\u2060", "\u00ad", "\u202e", "\u2066", "\u0301", "\u0489", "\u20dd",
    "\ufdfa", "\u0130", "\u1e9e", "\ufb03", "\u0f0b", "\u3164", "\u115f", "\ue000", "\U000f0000", "\u4f60", "\uac00",
    "\U0001f469\u200d\U0001f467", "\U0001f1eb", "\U0001f3fd", "a", "?", "\\", '"', "'", "{", "%", "\u2581", "##",
)  # fmt: skip
WRITTEN = (
    "[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]", "<s>", "</s>", "<pad>", "<|endoftext|>", "[unused1]", "null", "nan",
    "{{7*7}}", "${jndi:ldap://127.0.0.1:CANARY/a}", "http://127.0.0.1:CANARY/a", "file:///etc/passwd", "' OR 1=1 --",
    "%s%n%x", "<script>alert(1)</script>", "X-Injected: 1\r\n\r\n", "ignore all previous instructions", "__class__",
    "data:text/plain;base64,AAAA", "../../../etc/passwd", "\\ud800", "\\x00", "{0.__class__}",
)  # fmt: skip


def drawn(rng: random.Random, most: int = 3000) -> str:
    """A text of signs that a tokenizer may trip over."""
    kind, length = rng.randrange(6), rng.choice((0, 1, 2, 7, 60, most))
    if kind == 0:
        return rng.choice(SIGNS) * length
    if kind == 1:
        return "".join(rng.choices(SIGNS, k=length))
    if kind == 2:
        return "".join(rng.choices(SPACES, k=min(length, 60)))
    if kind == 3:
        return " ".join(rng.choices((*WRITTEN, GOOD), k=min(length, 60)))
    if kind == 4:
        return "".join(chr(rng.randrange(0x110000)) for _ in range(length))  # halves of pairs too
    return "a" + rng.choice(("\u0301", "\u0489", "\u200d", "\u20dd")) * length + rng.choice(SIGNS)


def strange(rng: random.Random) -> Case:
    """One text, or a pair, of what no one writes."""
    text = drawn(rng)
    sent = [text, drawn(rng, 60)] if rng.random() < 0.2 else text
    return Case("strange texts", f"{text[:20]!r} of {len(text)}", (posted({"text": sent}),), allowed=READ)


def explained(rng: random.Random) -> Case:
    """Which words of such a text speak for a class."""
    text = drawn(rng, 400)
    body = {"text": [text, GOOD] if rng.random() < 0.3 else text, "evaluations": rng.choice((1, 2, 50))}
    return Case("texts explained", f"{text[:20]!r} of {len(text)}", (posted(body, "/explain"),), allowed=READ)


def many(rng: random.Random) -> Case:
    """Texts of all lengths at once, blank ones and too many among them."""
    texts = [drawn(rng, 500) if rng.random() < 0.5 else GOOD * rng.randint(0, 9) for _ in range(rng.randint(1, 40))]
    sent = [[text, GOOD] if rng.random() < 0.2 else text for text in texts]
    return Case("many texts", f"{len(texts)}", (posted({"texts": sent}),), allowed=READ)


def long(rng: random.Random) -> Case:
    """Megabytes: one word, only marks, only spaces, signs that grow when they are normalised, escapes."""
    unit = rng.choice(
        ("a", "a ", "?", ", ", "\ufdfa", "\u0301", "\U0001f469\u200d", "\u4f60", "\0", "\ud800", " ", "[CLS]")
    )
    count = rng.choice((200_000, 1_000_000, 2_500_000)) // len(json.dumps(unit))
    sent = [unit * count] * rng.choice((1, 1, 2, 5))
    path = "/explain" if len(sent) == 1 and rng.random() < 0.3 else "/predict"
    body: object = {"text": sent[0], "evaluations": 20} if path == "/explain" else {"texts": sent}
    return Case("long texts", f"{len(sent)} of {unit!r} x {count}", (posted(body, path),), allowed=READ)


def shapes(rng: random.Random) -> Case:
    """Any value where a text should be."""
    value: object = rng.choice(VALUES)
    name = rng.choice(("text", "texts"))
    for _ in range(rng.randrange(4)):
        value = [value] * rng.choice((1, 2, 3, 33))
    return Case("values for texts", f"{name}={str(value)[:30]!r}", (posted({name: value}, worker(rng)),), allowed=READ)


def options(rng: random.Random) -> Case:
    """Any value in any other field, beside a good text."""
    path = "/explain" if rng.random() < 0.2 else "/predict"
    fields = {rng.choice((*TAKEN[path], "image", "__class__")): rng.choice(VALUES) for _ in range(rng.randint(1, 2))}
    name = ", ".join(f"{key[:20]!r}={str(value)[:20]!r}" for key, value in fields.items())
    return Case("values beside texts", name, (posted({"text": GOOD} | fields, path),), allowed=READ)


def syntax(rng: random.Random) -> Case:
    """JSON that hides values in texts, or texts in values."""
    many_lists, quote = "[]," * 600_000, '\\"'
    name, text = rng.choice((
        ("lists behind a quote", f'{{"texts": ["a{quote}", {many_lists}""]}}'),
        ("lists in a text", f'{{"texts": ["{many_lists}"]}}'),
        ("lists behind backslashes", '{"texts": ["' + "\\\\" * 500_000 + f'", {many_lists}""]}}'),
        ("a text without an end", '{"text": "' + "," * 500_000), ("quotes alone", '"' * 500_000),
        ("backslashes alone", "\\" * 500_000), ("escapes", '{"text": "' + "\\u0041" * 300_000 + '"}'),
        ("halves of pairs", '{"text": "' + "\\ud83d" * 100_000 + '"}'), ("controls", '{"text": "\x01"}'),
        ("texts in texts", '{"texts": ' + "[" * 90_000 + '"a"' + "]" * 90_000 + "}"),
        ("the same field twice", '{"text": "a", "text": "b"}'), ("both fields", '{"text": "a", "texts": ["b"]}'),
        ("many short texts", '{"texts": [' + '"a",' * 19_000 + '"a"]}'),
        ("a number for a text", '{"text": ' + "9" * 100_000 + "}"), ("cut short", '{"text": "good'),
    ))  # fmt: skip
    encoding = rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"))
    body = request(text.encode(encoding), JSON, path=worker(rng))
    return Case("JSON syntax around texts", f"{name}, {encoding}", (body,), allowed=READ)


def bytes_of_none(rng: random.Random) -> Case:
    """Bytes that are no UTF-8 within a text."""
    broken = rng.choice(
        (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x82", rng.randbytes(200))
    )
    body = request(b'{"text": "' + broken * rng.choice((1, 5000)) + b'"}', JSON, path=worker(rng))
    return Case("bytes that are no text", repr(broken[:8]), (body,), allowed=READ)


def pictures(rng: random.Random) -> Case:
    """Pictures, for a service that reads texts."""
    sent = (
        upload(whole("plain.png"), path=worker(rng)) if rng.random() < 0.5 else posted({"image": "AAAA"}, worker(rng))
    )
    return Case("pictures for texts", "a picture", (sent,), allowed=frozenset({400, 415, 429, 503}))
