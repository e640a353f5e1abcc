"""Answered items whose true class may still be told."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError

JOINED, DUPLICATE, CONFLICT, UNKNOWN, AMBIGUOUS = "joined", "duplicate", "conflict", "unknown", "ambiguous"
_NOT_TOLD, _TWICE = -1, -2
_KEY_BYTES = 16


@dataclass(frozen=True)
class Answered:
    """What is still known of an answered item when its label comes.

    Attributes:
        bucket: Number of the clock's bucket it was answered in.
        decided: Code of the class decided for.
        leads: Whether it stands for its request.
        groups: Its slot of each watched feature.
    """

    bucket: int
    decided: int
    leads: bool
    groups: tuple[int, ...]


class PendingLabels:
    """A bounded pool of answered items, the oldest giving way.

    Of an id its 16-byte digest is kept, so that an entry takes the same memory whatever a client calls its requests.
    The rest lies in columns, one place for each entry.

    Args:
        capacity: The most entries.
        features: S sensitive features, of which each entry has a slot.

    Examples:
        >>> pool = PendingLabels(2, 1)
        >>> [pool.add(name, Answered(5, 0, True, (1,))) for name in ("r1", "r2", "r3", "r2")]
        [True, True, True, False]
        >>> [pool.tell(name, 0)[0] for name in ("r1", "r3", "r3")], pool.tell("r3", 1)[0], len(pool)
        (['unknown', 'joined', 'duplicate'], 'conflict', 2)
    """

    def __init__(self, capacity: int, features: int) -> None:
        self.capacity, self.features = capacity, features
        self.evicted = 0
        self._next = 0
        self._places: dict[bytes, int] = {}
        self._keys: list[bytes | None] = [None] * capacity
        self._bucket = np.zeros(capacity, dtype=np.int64)
        self._decided = np.zeros(capacity, dtype=np.int32)
        self._told = np.full(capacity, _NOT_TOLD, dtype=np.int32)
        self._leads = np.zeros(capacity, dtype=np.bool_)
        self._groups = np.zeros((capacity, features), dtype=np.int16)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, name: str, item: Answered) -> bool:
        """Keeps an item; returns False where its id is there already, which makes the id ambiguous."""
        key = _key(name)
        place = self._places.get(key)
        if place is not None:
            self._told[place] = _TWICE
            return False
        place = self._next
        self._next = (place + 1) % self.capacity
        old = self._keys[place]
        if old is not None:
            del self._places[old]
            self.evicted += 1
        self._keys[place] = key
        self._places[key] = place
        self._bucket[place], self._decided[place] = item.bucket, item.decided
        self._leads[place], self._told[place] = item.leads, _NOT_TOLD
        if self.features:
            self._groups[place] = item.groups
        return True

    def tell(self, name: str, label: int) -> tuple[str, Answered | None]:
        """Takes a label; returns what became of it, and the item where it joined.

        The first label told of an item is kept, whatever comes after.
        """
        place = self._places.get(_key(name))
        if place is None:
            return UNKNOWN, None
        told = int(self._told[place])
        if told == _TWICE:
            return AMBIGUOUS, None
        if told != _NOT_TOLD:
            return (DUPLICATE if told == label else CONFLICT), None
        self._told[place] = label
        return JOINED, Answered(
            int(self._bucket[place]),
            int(self._decided[place]),
            bool(self._leads[place]),
            tuple(int(code) for code in self._groups[place]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values: ids as digests, the columns as base64."""
        columns = {name: _written(array) for name, array in self._columns().items()}
        keys = b"".join(key or bytes(_KEY_BYTES) for key in self._keys[: self._filled])
        return {
            "capacity": self.capacity,
            "features": self.features,
            "next": self._next,
            "evicted": self.evicted,
            "keys": base64.b64encode(keys).decode("ascii"),
            **columns,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> PendingLabels:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: content that is none.
        """
        try:
            pool = cls(int(content["capacity"]), int(content["features"]))
            raw = base64.b64decode(content["keys"], validate=True)
            keys = [raw[start : start + _KEY_BYTES] for start in range(0, len(raw), _KEY_BYTES)]
            pool._next, pool.evicted = int(content["next"]), int(content["evicted"])
            pool._keys[: len(keys)] = keys
            pool._places = {key: place for place, key in enumerate(keys)}
            for name, array in pool._columns(len(keys)).items():
                read = np.frombuffer(base64.b64decode(content[name], validate=True), dtype=array.dtype)
                array[:] = read.reshape(array.shape)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"no pool of pending labels ({type(error).__name__}: {error}); start anew") from error
        if len(keys) != len(pool._places) or not 0 <= pool._next < pool.capacity or len(keys) > pool.capacity:
            raise DataError("the pool of pending labels contradicts itself; start anew")
        return pool

    @property
    def _filled(self) -> int:
        # Places are filled in order, so that those in use are the first ones until all are.
        return len(self._places)

    def _columns(self, filled: int | None = None) -> dict[str, NDArray[Any]]:
        rows = self._filled if filled is None else filled
        named: dict[str, NDArray[Any]] = {
            "bucket": self._bucket, "decided": self._decided, "told": self._told, "leads": self._leads,
            "groups": self._groups,
        }  # fmt: skip
        return {name: array[:rows] for name, array in named.items()}


def status_counts(statuses: Sequence[str]) -> dict[str, int]:
    """Returns how often each came, named as in ``WatchReport.counts``.

    Examples:
        >>> status_counts(["joined", "unknown", "joined"])
        {'feedback_joined': 2, 'feedback_unknown': 1}
    """
    return {f"feedback_{status}": statuses.count(status) for status in dict.fromkeys(statuses)}


def _key(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()


def _written(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
