"""A few training rows of each class, where few are to be learned from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairlead.data.rows import Rows
from fairlead.errors import ConfigurationError
from fairlead.records import Split


def draw_fewshot(rows: Rows, each: int, seed: int) -> Rows:
    """Keeps so many training rows of each class, drawn by seed, no two of the same text; other splits stay whole.

    Draws are nested: the rows of a smaller draw are among those of a larger one with the same seed.

    Raises:
        ConfigurationError: not a positive number, or a class with fewer distinct training rows.
    """
    if each < 1:
        raise ConfigurationError(f"fewshot is the training rows of each class, at least 1, got {each}")
    train = rows.of(Split.TRAIN)
    drawn = [
        _distinct(rows, generator.permutation(train[rows.targets[train] == code]), each)
        for code, generator in enumerate(np.random.default_rng([seed, 0xFE35]).spawn(len(rows.labels)))
    ]
    lacking = [f"{name!r} has {len(some)}" for name, some in zip(rows.labels, drawn, strict=True) if len(some) < each]
    if lacking:
        raise ConfigurationError(
            f"fewshot={each} wants {each} distinct training rows of each class, but {', '.join(lacking[:5])}; "
            "lower it, or add rows"
        )
    kept = np.sort(np.concatenate([*drawn, np.setdiff1d(np.arange(len(rows)), train)]))
    used = each * len(rows.labels)
    return rows.choose(
        kept, f"fewshot: {each} training rows of each class are used, {used} of {len(train)}; the others by no one"
    )


def _distinct(rows: Rows, candidates: NDArray[np.int64], each: int) -> NDArray[np.int64]:
    """Takes the first rows that differ from those taken before."""
    seen: set[bytes] = set()
    taken: list[int] = []
    for row in candidates.tolist():
        if len(taken) == each:
            break
        digest = rows.items.digest(row)
        if digest not in seen:
            seen.add(digest)
            taken.append(row)
    return np.array(taken, dtype=np.int64)
