"""How a model in service is watched."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fairlead.errors import ConfigurationError
from fairlead.judgement import FEWEST_SHOWN

_MOST = 10_000_000


@dataclass(frozen=True)
class WatchSettings:
    """How a model in service is watched.

    Attributes:
        alpha: Chance of any false alarm, over all monitors and for ever, at most.
        bucket_seconds: Length of a bucket of the clock, of which windows are made.
        buckets: The most buckets that are kept; a day, by default.
        window_items: Items from which the newest buckets make a window.
        pending: Answered items whose label is waited for, at most; the oldest gives way.
        seed: Of the lots that break ties.
        features: Sensitive features that are watched; None for all that the bundle has tallies of.
        fewest_shown: Items from which a group is shown.

    Raises:
        ConfigurationError: a number out of range.

    Examples:
        >>> WatchSettings(alpha=0.01).window_items, WatchSettings.from_dict(WatchSettings().to_dict()).features
        (500, None)
    """

    alpha: float = 0.05
    bucket_seconds: float = 300.0
    buckets: int = 288
    window_items: int = 500
    pending: int = 50_000
    seed: int = 0
    features: tuple[str, ...] | None = None
    fewest_shown: int = FEWEST_SHOWN

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ConfigurationError(f"alpha lies between 0 and 1, got {self.alpha}; 0.05 is usual")
        if not (math.isfinite(self.bucket_seconds) and self.bucket_seconds >= 1):
            raise ConfigurationError(f"a bucket lasts at least 1 second, got {self.bucket_seconds}; 300 is usual")
        for name in ("buckets", "window_items", "pending", "fewest_shown"):
            if not 1 <= getattr(self, name) <= _MOST:
                raise ConfigurationError(f"{name} lies from 1 to {_MOST}, got {getattr(self, name)}; mend it")
        if self.seed < 0:
            raise ConfigurationError(f"a seed is at least 0, got {self.seed}")

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return asdict(self) | {"features": None if self.features is None else list(self.features)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> WatchSettings:
        """Reads what ``to_dict`` wrote.

        Raises:
            ConfigurationError: an entry that is missing, not known, or out of range.
        """
        names = {entry.name for entry in fields(cls)}
        if set(content) != names:
            raise ConfigurationError(f"settings are {', '.join(sorted(names))}; got {', '.join(sorted(content))}")
        features = content["features"]
        return cls(**dict(content) | {"features": None if features is None else tuple(map(str, features))})
