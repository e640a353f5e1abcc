"""The raw material of one answered request, as it waits to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead.bundle import Seen

_OVERHEAD = 1000  # bytes of Python's own for an item, about


@dataclass(frozen=True, eq=False)
class AnsweredRequest:
    """What monitoring is handed of a request: at hand when it was answered, so that nothing is computed for it.

    Attributes:
        id: Of the request.
        time: Seconds since 1970, UTC, when it was answered.
        items: How many it had, those that could not be read included.
        seen: Those that have an answer; each knows its place.
        sensitive: Values of sensitive features that the request carried, by place.
        inputs: Contents of the items by place, where they are to be kept.

    Examples:
        >>> AnsweredRequest("r1", 1.5, 1, ()).name(0), AnsweredRequest("r1", 1.5, 3, ()).name(2)
        ('r1', 'r1/2')
    """

    id: str
    time: float
    items: int
    seen: tuple[Seen, ...]
    sensitive: tuple[Mapping[str, str | None], ...] = ()
    inputs: Mapping[int, bytes] = field(default_factory=dict)

    def name(self, place: int) -> str:
        """Returns the id of an item."""
        return self.id if self.items == 1 else f"{self.id}/{place}"

    @property
    def size(self) -> int:
        """Bytes it takes, about."""
        arrays = sum(one.probabilities.nbytes + one.features.nbytes + _OVERHEAD for one in self.seen)
        texts = sum(len(value or "") for values in self.sensitive for value in values.values())
        return _OVERHEAD + arrays + texts + sum(map(len, self.inputs.values()))
