"""Where the bins of a score begin, by rows that are counted nowhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BINS = 50
_ROWS_A_BIN = 5  # fewer tell a bin's place badly, and more bins of the same rows see no more
_TAILS = (0.002, 0.005, 0.01)  # rare values are seen among rare ones: bins of their own at both ends


def score_edges(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Returns edges at the quantiles of (N,) values, with a bin of its own below the least and above the greatest.

    A value that many rows share, such as 0 or the one value of a constant, has a bin of its own too.

    Args:
        values: Those that are not finite are passed over.

    Returns:
        (B - 1,) rising, about 50 or a fifth of the rows, and more in the tails; none where no value is finite.

    Examples:
        >>> edges = score_edges(np.array([3.0, 3.0, 3.0]))
        >>> np.searchsorted(edges, [2.9, 3.0, 3.1], side="right").tolist()
        [0, 1, 2]
    """
    known = np.sort(values[np.isfinite(values)].astype(np.float64))
    if not len(known):
        return np.zeros(0)
    bins = int(min(_BINS, max(2, len(known) // _ROWS_A_BIN)))
    rare = np.array([share for share in _TAILS if share * len(known) >= 1])
    places = np.concatenate([rare * len(known), (1 - rare) * len(known)]).astype(np.int64)
    cuts = known[np.unique(np.concatenate([np.arange(bins) * len(known) // bins, places]))]
    shared = cuts[1:][cuts[1:] == cuts[:-1]]
    with np.errstate(over="ignore"):  # of the greatest number there is
        ends = np.nextafter(np.append(shared, known[-1]), np.inf)
    edges: NDArray[np.float64] = np.unique(np.concatenate([cuts, ends]))
    return np.asarray(edges[np.isfinite(edges)], dtype=np.float64)
