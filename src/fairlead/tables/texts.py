"""Values of any column type as the text a person reads."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal

from fairlead.records import natural_order

_WHOLE = re.compile(r"(-?[0-9]+)\.0+")


def text_of(value: object) -> str | None:
    """Returns a value as text: whole numbers without a point; None for null, NaN, and text that is empty or blank.

    Examples:
        >>> [text_of(value) for value in (1.0, 0.5, True, " f ", " ", float("nan"), None)]
        ['1', '0.5', 'true', 'f', None, None, None]
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float | Decimal) and value == value // 1:
        return str(int(value))
    return str(value)


def class_text(value: object) -> str | None:
    """Returns a class as text: one that was saved as the number 1.0 is the same as 1, in a CSV file too.

    Examples:
        >>> class_text("1.0"), class_text(1), class_text("1.5")
        ('1', '1', '1.5')
    """
    text = text_of(value)
    whole = _WHOLE.fullmatch(text) if text else None
    return whole.group(1) if whole else text


def is_number(text: str) -> bool:
    """Returns whether text reads as a number.

    Examples:
        >>> is_number("-1"), is_number("1e3"), is_number("young")
        (True, True, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True


def in_order(texts: Iterable[str]) -> tuple[str, ...]:
    """Returns distinct texts: by size where all are numbers, else in natural order.

    Examples:
        >>> in_order(["1", "-1", "10"]), in_order(["b", "a"])
        (('-1', '1', '10'), ('a', 'b'))
    """
    distinct = set(texts)
    if all(is_number(text) for text in distinct):
        return tuple(sorted(distinct, key=lambda text: (float(text), text)))
    return natural_order(distinct)
