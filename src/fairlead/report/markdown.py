"""Markdown and YAML that hold any text a user may have."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_#|~$]|\](?=[(\[:])|\[(?=\^))")  # an interval keeps its brackets: they open no link
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")  # would turn round the text that follows
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")  # YAML takes them as escapes alone


def plain(text: object) -> str:
    r"""Returns text that Markdown shows as it stands, on one line.

    Examples:
        >>> plain("age_group | <b>")
        'age\\_group \\| &lt;b&gt;'
    """
    line = " ".join(_BIDI.sub("\ufffd", str(text)).split())
    line = "".join(one if unicodedata.category(one)[:2] not in {"Cc", "Cs"} else "\ufffd" for one in line)
    line = _SPECIAL.sub(r"\\\1", line).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return line.replace("://", ":&#47;/").replace("www.", "www&#46;")  # no link that we did not make


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Returns a table.

    Examples:
        >>> print(grid(("a", "b"), [("1", "2|3")]))
        | a | b |
        | --- | --- |
        | 1 | 2\|3 |
    """
    lines = [head, *rows]
    written = ["| " + " | ".join(map(plain, line)) + " |" for line in lines]
    return "\n".join([written[0], "|" + " --- |" * len(head), *written[1:]])


def scalar(value: str | float) -> str:
    r"""Returns a value as YAML: quoted as in JSON, so that nothing in it can be taken for syntax.

    Examples:
        >>> scalar("a: b # \"c\""), scalar(0.5), scalar(1e-7)
        ('"a: b # \\"c\\""', '0.5', '1.0e-07')
    """
    quoted = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, float) and "." not in quoted:  # YAML 1.1 takes 1e-07 for text
        return quoted.replace("e", ".0e")
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
