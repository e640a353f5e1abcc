"""How long each stage of a run took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# A stage that did not happen took no time; these keys are always there. What comes after the figures are written, such
# as the export, has its key once it has happened.
STAGES = ("import", "data", "probe", "finetune", "test", "explain")


class Clock:
    """Sums seconds by stage.

    Args:
        started: ``time.perf_counter()`` when the program started, before its imports.

    Examples:
        >>> clock = Clock(time.perf_counter())
        >>> with clock.stage("data"):
        ...     pass
        >>> list(clock.seconds())
        ['import', 'data', 'probe', 'finetune', 'test', 'explain', 'total']
    """

    def __init__(self, started: float) -> None:
        self.started = started
        self.spent = dict.fromkeys(STAGES, 0.0)
        self.spent["import"] = time.perf_counter() - started

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time of the block to a stage, also where the block raises."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.spent[name] = self.spent.get(name, 0.0) + time.perf_counter() - begun

    def seconds(self) -> dict[str, float]:
        """Returns seconds by stage, and in all since the start."""
        return {name: round(spent, 3) for name, spent in (self.spent | {"total": self._total()}).items()}

    def _total(self) -> float:
        return time.perf_counter() - self.started
