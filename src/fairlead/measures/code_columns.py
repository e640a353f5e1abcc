"""Columns of integer codes, as tallies count them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError


def check_codes(name: str, codes: NDArray[np.int64], least: int, end: int, rows: int) -> None:
    """Refuses a column that is not (``rows``,) integers from ``least`` to below ``end``.

    Raises:
        DataError: it is not; the row and its code are named.

    Examples:
        >>> check_codes("group", np.array([0, 2]), 0, 3, rows=2)
    """
    if codes.shape != (rows,) or codes.dtype.kind not in "iu":
        raise DataError(f"{name} codes are ({rows},) integers, got {codes.dtype} of shape {codes.shape}")
    if rows and (codes.min() < least or codes.max() >= end):
        bad = int(np.flatnonzero((codes < least) | (codes >= end))[0])
        raise DataError(
            f"row {bad}: {name} {codes[bad]} is not from {least} to {end - 1}; encode it with the declared names"
        )
