"""One answered item, as monitoring reads it and as the request log keeps it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead.errors import DataError


@dataclass(frozen=True)
class Observation:
    """What is kept of one answered item; never the item itself.

    Attributes:
        id: The request's id; ``"ID/3"`` for the item at place 3, from 0, of a request with several.
        time: Seconds since 1970, UTC, when it was answered.
        model: Digest of the bundle that answered.
        predicted: The class decided for.
        probabilities: Of the C classes, calibrated, in the order of the labels.
        scores: Numbers that drift is watched by, by name: properties of the input (``"input.brightness"``) and where
            its embedding lies (``"embedding.distance"``). What could not be measured is left out.
        groups: Values of allow-listed sensitive features, by name; None where not known.
        leads: Whether it stands for its request: items of one request may be alike, so sequential tests read one.

    Raises:
        DataError: no id, a time or a score that is not finite, or probabilities that are none.

    Examples:
        >>> seen = Observation("r1", 1.5, "ab12", "cat", (0.75, 0.25), {"input.brightness": 0.5}, {"sex": None})
        >>> Observation.from_dict(seen.to_dict()) == seen
        True
    """

    id: str
    time: float
    model: str
    predicted: str
    probabilities: tuple[float, ...]
    scores: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, str | None] = field(default_factory=dict)
    leads: bool = True

    def __post_init__(self) -> None:
        if not self.id:
            raise DataError("an observation has the id of its request; give one")
        if not math.isfinite(self.time) or not all(map(math.isfinite, self.scores.values())):
            raise DataError(f"observation {self.id}: the time and every score are finite; leave out what is not known")
        if not all(0 <= value <= 1 for value in self.probabilities):
            raise DataError(f"observation {self.id}: probabilities lie from 0 to 1, got {self.probabilities}")

    @property
    def confidence(self) -> float:
        """The largest probability."""
        return max(self.probabilities)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "id": self.id,
            "time": self.time,
            "model": self.model,
            "predicted": self.predicted,
            "probabilities": list(self.probabilities),
            "scores": dict(self.scores),
            "groups": dict(self.groups),
            "leads": self.leads,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Observation:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: an entry that is missing or of another kind.
        """
        try:
            return cls(
                str(content["id"]),
                float(content["time"]),
                str(content["model"]),
                str(content["predicted"]),
                tuple(float(value) for value in content["probabilities"]),
                {str(name): float(value) for name, value in content["scores"].items()},
                {str(name): None if value is None else str(value) for name, value in content["groups"].items()},
                bool(content["leads"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"not an observation ({type(error).__name__}: {error}); leave the record out") from error


@dataclass(frozen=True)
class Feedback:
    """The true class of an answered item, told later.

    Attributes:
        id: That of the observation.
        time: Seconds since 1970, UTC, when it was told.
        label: The true class.

    Examples:
        >>> Feedback.from_dict(Feedback("r1", 2.0, "cat").to_dict())
        Feedback(id='r1', time=2.0, label='cat')
    """

    id: str
    time: float
    label: str

    def __post_init__(self) -> None:
        if not self.id or not math.isfinite(self.time):
            raise DataError("feedback has the id of its request and a finite time; give both")

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {"id": self.id, "time": self.time, "label": self.label}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Feedback:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: an entry that is missing or of another kind.
        """
        try:
            return cls(str(content["id"]), float(content["time"]), str(content["label"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not feedback ({type(error).__name__}: {error}); leave the record out") from error
