"""A table with a JSON object on each line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from fairlead.errors import DataError


def read_json_lines(path: Path) -> dict[str, list[str | None]]:
    """Reads the values of every key as text, in the order in which keys first occur.

    A key that a line lacks is None there; one that holds a list or an object in any line is no column.

    Raises:
        DataError: a line that is no JSON object; the line is named.
        UnicodeDecodeError: bytes that are no UTF-8.
    """
    columns: dict[str, list[str | None]] = {}
    nested: set[str] = set()
    rows = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            for name, value in _object(line.decode("utf-8-sig"), path, number).items():
                if isinstance(value, list | dict):
                    nested.add(name)
                    continue
                column = columns.setdefault(name, [])
                column.extend([None] * (rows - len(column)))
                column.append(_as_text(value))
            rows += 1
    for column in columns.values():
        column.extend([None] * (rows - len(column)))
    return {name: column for name, column in columns.items() if name not in nested}


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}, line {number}: no JSON ({error}); a JSON Lines file has one object on each line"
        ) from error
    if not isinstance(found, dict):
        raise DataError(f"{path}, line {number}: a {type(found).__name__}, no JSON object; write {{...}} on each line")
    return found


def _as_text(value: Any) -> str | None:  # a number, a word or nothing, as JSON has them
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)
