"""How a service watches what it answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from fairlead.errors import ConfigurationError

_PREFIX = "FAIRLEAD_MONITOR_"


@dataclass(frozen=True, kw_only=True)
class MonitorSettings:
    """How a service watches what it answers.

    Attributes:
        on: Whether it does.
        folder: Where the request log and the state go; None keeps the state in memory, and no log.
        policy: Limits that groups are held against; None for the bundle's own.
        groups: Sensitive features whose values are kept, where a request carries them; none unless named.
        inputs: Whether the inputs themselves are kept beside the log; only for ``keep_days``.
        keep_days: Records older than that are deleted; None keeps them as long as there is room.
        alpha: Chance of any false alarm, over all monitors and for ever, at most.
        seed: Of the lots that break ties, and that choose which item stands for its request.
        queue: Requests that may wait to be read; more are dropped, and counted.
        queue_bytes: What they may take together.

    Raises:
        ConfigurationError: a number out of range, or inputs that would be kept for ever.

    Examples:
        >>> MonitorSettings(groups=("sex",)).queue
        4096
    """

    on: bool = True
    folder: Path | None = None
    policy: Path | None = None
    groups: tuple[str, ...] = ()
    inputs: bool = False
    keep_days: float | None = None
    alpha: float = 0.05
    seed: int = 0
    queue: int = 4096
    queue_bytes: int = 64_000_000

    def __post_init__(self) -> None:
        for name in ("queue", "queue_bytes"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{_PREFIX}{name.upper()} is above 0, got {getattr(self, name)}")
        if not 0 < self.alpha < 1:
            raise ConfigurationError(f"{_PREFIX}ALPHA lies between 0 and 1, got {self.alpha}; 0.05 is usual")
        if self.seed < 0:
            raise ConfigurationError(f"{_PREFIX}SEED is at least 0, got {self.seed}")
        if self.keep_days is not None and not (self.keep_days > 0 and math.isfinite(self.keep_days)):
            raise ConfigurationError(f"{_PREFIX}KEEP_DAYS is above 0, got {self.keep_days}; or unset it")
        if self.inputs and (self.keep_days is None or self.folder is None):
            raise ConfigurationError(
                f"{_PREFIX}INPUTS keeps inputs in a folder and for a stated time only; set {_PREFIX}FOLDER and "
                f"{_PREFIX}KEEP_DAYS as well"
            )
