"""What was counted of late, by the clock: sums that add up exactly over replicas."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# Probabilities are summed as whole multiples of this: integers add up to the same whatever their order, floats do not.
_UNIT = 2.0**-30
_MOST_BYTES = 64_000_000
_FEWEST_BUCKETS = 2


@dataclass(frozen=True, eq=False)
class Window:
    """What was counted in some buckets together.

    Attributes:
        items: Answered items.
        leading: Those that stand for their request.
        histograms: For each score the (B,) leading items by bin.
        decided: (C,) leading items by class decided for.
        answered: (C,) all items by class decided for.
        expected: (C, C) sum over all items, by class decided for, of the probability of each class.
        squares: (C,) sum over all items, by class decided for, of p (1 - p) of the probability p of that class.
        labelled: (C, C) items whose truth was told, by true class and class decided for.
    """

    items: int
    leading: int
    histograms: tuple[IntArray, ...]
    decided: IntArray
    answered: IntArray
    expected: FloatArray
    squares: FloatArray
    labelled: IntArray


class Windows:
    """The newest buckets of the clock, by their absolute number: the time over the length of a bucket, rounded down.

    An item that comes late goes to its bucket while that is kept. How many buckets are kept is bounded by
    ``buckets``, and by 64 MB where classes are many.

    Args:
        bins: Bins of each score.
        classes: C.
        buckets: The most that are kept.

    Examples:
        >>> windows = Windows([3], 2, buckets=4)
        >>> probabilities = np.array([[0.5, 0.5], [0.25, 0.75]])
        >>> windows.add(7, np.array([[1], [2]]), np.array([0, 1]), probabilities, np.array([1, 0]))
        True
        >>> latest = windows.latest(500)
        >>> latest.items, latest.leading, latest.histograms[0].tolist(), latest.expected.tolist()
        (2, 1, [0, 1, 0], [[0.5, 0.5], [0.25, 0.75]])
        >>> windows.add(3, np.array([[1]]), np.array([0]), np.array([[0.5, 0.5]]), np.array([1]))
        False
    """

    def __init__(self, bins: Sequence[int], classes: int, *, buckets: int) -> None:
        self.bins, self.classes = tuple(int(number) for number in bins), classes
        lengths = [2, *self.bins, classes, classes, classes * classes, classes, classes * classes]
        self._starts = [0, *np.cumsum(lengths).tolist()]
        fitting = _MOST_BYTES // (8 * self._starts[-1])
        self.kept = min(buckets, max(_FEWEST_BUCKETS, fitting))
        self._buckets: dict[int, IntArray] = {}
        self.newest: int | None = None

    def add(
        self, bucket: int, bins: IntArray, decided: IntArray, probabilities: FloatArray, leads: NDArray[Any]
    ) -> bool:
        """Counts items of one bucket; returns False, and counts nothing, where the bucket is kept no more.

        Args:
            bucket: Its number.
            bins: (N, S) of the scores, -1 where not known.
            decided: (N,) codes of the classes decided for.
            probabilities: (N, C).
            leads: (N,) whether an item stands for its request.
        """
        vector = self._bucket(bucket)
        if vector is None:
            return False
        leading = leads.astype(bool)
        vector[0] += len(decided)
        vector[1] += int(leading.sum())
        for place, size in enumerate(self.bins):
            known = bins[leading, place]
            self._part(vector, place + 1)[:] += np.bincount(known[known >= 0], minlength=size)
        after = len(self.bins) + 1
        self._part(vector, after)[:] += np.bincount(decided[leading], minlength=self.classes)
        self._part(vector, after + 1)[:] += np.bincount(decided, minlength=self.classes)
        fixed = np.rint(probabilities / _UNIT).astype(np.int64)
        np.add.at(self._part(vector, after + 2).reshape(self.classes, self.classes), decided, fixed)
        chosen = probabilities[np.arange(len(decided)), decided]
        spread = np.rint(chosen * (1 - chosen) / _UNIT).astype(np.int64)
        np.add.at(self._part(vector, after + 3), decided, spread)
        return True

    def tell(self, bucket: int, truth: IntArray, decided: IntArray) -> bool:
        """Counts (N,) labels of items of one bucket; returns False where it is kept no more."""
        vector = self._bucket(bucket)
        if vector is None:
            return False
        cells = np.bincount(truth * self.classes + decided, minlength=self.classes**2)
        self._part(vector, len(self.bins) + 5)[:] += cells
        return True

    def latest(self, items: int, leading: int = 0) -> Window:
        """Returns the newest buckets that hold enough items together; all there are, where they hold fewer.

        Args:
            items: Of all.
            leading: Of those that stand for their request: where requests hold many items, they are the fewer.
        """
        total = np.zeros(self._starts[-1], dtype=np.int64)
        for bucket in sorted(self._buckets, reverse=True):
            total += self._buckets[bucket]
            if total[0] >= items and total[1] >= leading:
                break
        after, shape = len(self.bins) + 1, (self.classes, self.classes)
        return Window(
            int(total[0]),
            int(total[1]),
            tuple(self._part(total, place + 1) for place in range(len(self.bins))),
            self._part(total, after),
            self._part(total, after + 1),
            (self._part(total, after + 2).reshape(shape) * _UNIT).astype(np.float64),
            (self._part(total, after + 3) * _UNIT).astype(np.float64),
            self._part(total, after + 4).reshape(shape),
        )

    def __add__(self, other: Windows) -> Windows:
        if (self.bins, self.classes, self.kept) != (other.bins, other.classes, other.kept):
            raise DataError("windows of other scores or classes do not add up; they are of different bundles")
        both = Windows(self.bins, self.classes, buckets=self.kept)
        for windows in (self, other):
            for bucket, vector in windows._buckets.items():
                kept = both._bucket(bucket)
                if kept is not None:
                    kept += vector
        return both

    def _bucket(self, bucket: int) -> IntArray | None:
        """Returns a bucket's counts; None where it is too old. A newer one than all pushes the oldest out."""
        if self.newest is None or bucket > self.newest:
            self.newest = bucket
            for old in [number for number in self._buckets if number <= bucket - self.kept]:
                del self._buckets[old]
        if bucket <= self.newest - self.kept:
            return None
        if bucket not in self._buckets:
            self._buckets[bucket] = np.zeros(self._starts[-1], dtype=np.int64)
        return self._buckets[bucket]

    def _part(self, vector: IntArray, place: int) -> IntArray:
        return vector[self._starts[place] : self._starts[place + 1]]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values: each bucket's counts compressed, as base64."""
        packed = {str(bucket): _packed(self._buckets[bucket]) for bucket in sorted(self._buckets)}
        return {"bins": list(self.bins), "classes": self.classes, "kept": self.kept, "buckets": packed}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Windows:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: content that is none.
        """
        try:
            windows = cls(content["bins"], int(content["classes"]), buckets=int(content["kept"]))
            for bucket, text in sorted((int(number), text) for number, text in content["buckets"].items()):
                vector = windows._bucket(bucket)
                if vector is not None:
                    vector[:] = _unpacked(text, len(vector))
        except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
            raise DataError(f"no windows ({type(error).__name__}: {error}); start anew") from error
        return windows


def _packed(vector: IntArray) -> str:
    return base64.b64encode(zlib.compress(vector.astype("<i8").tobytes(), 1)).decode("ascii")


def _unpacked(text: str, length: int) -> IntArray:
    # No more than is expected is unpacked: a small file may hold no end of zeros.
    raw = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), 8 * length + 1)
    numbers = np.frombuffer(raw, dtype="<i8")
    if len(numbers) != length or (numbers < 0).any():
        raise ValueError(f"a bucket holds {length} counts from 0 up, got {len(numbers)}")
    return numbers.astype(np.int64)
