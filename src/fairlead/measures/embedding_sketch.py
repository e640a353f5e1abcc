"""A few numbers that say where an embedding lies among those of known rows."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError

_DIRECTIONS, _NEAREST = 4, 3
_TOGETHER = 10  # rows of a landmark at least
_MOST_LANDMARKS = 40
_PLACES = 16  # directions along which the sample is halved
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class EmbeddingSketch:
    """Scores of an embedding against a compressed sample of others.

    ``embedding.distance`` is the mean distance to its nearest landmarks, and ``embedding.direction_1`` and on are its
    places along the sample's principal directions. A landmark is the mean of at least ten rows that lie together, found
    by halving the sample at the median of the direction it spreads along most, so that no one's row is kept. The rows
    are counted nowhere: one is nearer to what it helped to make than a later one is.

    Attributes:
        mean: (D,) of the sample.
        directions: (R, D) principal directions, each divided by the sample's spread along it.
        landmarks: (K, D) means of rows of the sample, 40 at most.

    Raises:
        DataError: shapes that do not fit, or numbers that are not finite.

    Examples:
        >>> sample = np.random.default_rng(0).normal(size=(60, 8))
        >>> sketch = EmbeddingSketch.of(sample)
        >>> sketch.names[:2], sketch.scores(sample[:5]).shape
        (('embedding.distance', 'embedding.direction_1'), (5, 5))
    """

    mean: Floats
    directions: Floats
    landmarks: Floats

    def __post_init__(self) -> None:
        arrays = (self.mean, self.directions, self.landmarks)
        if [array.ndim for array in arrays] != [1, 2, 2] or len({array.shape[-1] for array in arrays}) != 1:
            raise DataError("the mean, directions and landmarks of a sketch are of one width; export the bundle anew")
        if not len(self.landmarks) or not all(np.isfinite(array).all() for array in arrays):
            raise DataError("a sketch holds at least one landmark, and finite numbers alone; export the bundle anew")

    @classmethod
    def of(cls, sample: NDArray[np.floating[Any]]) -> EmbeddingSketch:
        """Makes the sketch of (N, D) embeddings.

        Raises:
            DataError: fewer than 20 embeddings, or one that is not finite.
        """
        if sample.ndim != 2 or len(sample) < 2 * _TOGETHER or not np.isfinite(sample).all():
            raise DataError(
                f"a sketch is made of finite embeddings (N, D) of at least {2 * _TOGETHER} rows; got {sample.shape}; "
                "give more rows"
            )
        rows = sample.astype(np.float64)
        mean = rows.mean(axis=0)
        _, spread, directions = np.linalg.svd(rows - mean, full_matrices=False)
        kept = spread[:_DIRECTIONS] > 1e-6 * max(float(spread[0]), 1e-12)
        scaled = directions[:_DIRECTIONS][kept] / (spread[:_DIRECTIONS][kept, None] / np.sqrt(len(rows)))
        places = (rows - mean) @ directions[:_PLACES].T
        parts = _halves(places, np.arange(len(rows)), min(_MOST_LANDMARKS, len(rows) // _TOGETHER))
        means = np.stack([rows[part].mean(axis=0) for part in parts]).astype(np.float16)
        return cls(mean.astype(np.float32), scaled.astype(np.float32), means.astype(np.float32))

    @property
    def names(self) -> tuple[str, ...]:
        """What the S scores are called, in their order."""
        return ("embedding.distance", *(f"embedding.direction_{n + 1}" for n in range(len(self.directions))))

    def scores(self, embeddings: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Returns (N, S) scores of (N, D) embeddings.

        Raises:
            DataError: embeddings of another width.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != len(self.mean):
            raise DataError(f"embeddings are (N, {len(self.mean)}), got {embeddings.shape}; is it another model?")
        rows, landmarks = embeddings.astype(np.float64), self.landmarks.astype(np.float64)
        squares = (rows**2).sum(axis=1)[:, None] + (landmarks**2).sum(axis=1) - 2 * rows @ landmarks.T
        nearest = np.sort(np.sqrt(np.maximum(squares, 0)), axis=1)[:, :_NEAREST].mean(axis=1)
        places = (rows - self.mean) @ self.directions.T.astype(np.float64)
        return np.column_stack([nearest, places])

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values: numbers as base64, the landmarks in half precision."""
        return {
            "width": len(self.mean),
            "mean": _written(self.mean),
            "directions": _written(self.directions),
            "landmarks": _written(self.landmarks.astype(np.float16)),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> EmbeddingSketch:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: content that is no sketch.
        """
        try:
            width = int(content["width"])
            mean, directions = (_read(content[name], "<f4", width) for name in ("mean", "directions"))
            return cls(mean.reshape(-1), directions, _read(content["landmarks"], "<f2", width))
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise DataError(f"not a sketch of embeddings ({error}); export the bundle anew") from error


def _halves(places: NDArray[np.float64], rows: NDArray[np.int64], parts: int) -> list[NDArray[np.int64]]:
    """Divides rows into so many parts, each of a like number of rows that lie together."""
    if parts < 2:
        return [rows]
    order = rows[np.argsort(places[rows, places[rows].var(axis=0).argmax()], kind="stable")]
    less = parts // 2
    middle = len(rows) * less // parts
    return _halves(places, order[:middle], less) + _halves(places, order[middle:], parts - less)


def _written(array: NDArray[np.floating[Any]]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()).decode("ascii")


def _read(text: str, kind: str, width: int) -> Floats:
    numbers = np.frombuffer(base64.b64decode(text, validate=True), dtype=kind)
    return numbers.astype(np.float32).reshape(-1, width)
