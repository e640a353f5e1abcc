"""How long an audit may take."""

from __future__ import annotations

import time

from fairlead.errors import ConfigurationError

_LEAST = 10.0  # seconds: a share of a run that has only begun would be no time at all


class TimeBudget:
    """Seconds, or a share of the run so far.

    Args:
        budget: Seconds for each audit; or such as ``"10%"``: of the time since the run began, 10 s at least, for all of
            its audits together.

    Raises:
        ConfigurationError: neither, or not above 0.

    Examples:
        >>> TimeBudget(30).seconds(), TimeBudget("10%").seconds()
        (30.0, 10.0)
    """

    def __init__(self, budget: float | str) -> None:
        self._share = self._seconds = 0.0
        text = str(budget).strip()
        try:
            if text.endswith("%"):
                self._share = float(text[:-1]) / 100
            else:
                self._seconds = float(text)
        except ValueError:
            pass
        if not 0 < self._share + self._seconds < float("inf") or self._share > 1:
            raise ConfigurationError(
                f'a budget is a number of seconds, or a share of the run such as "10%"; got {budget!r}'
            )
        self._begun: float | None = None
        self._spent = 0.0

    def begin(self) -> None:
        """The run begins; only the first time counts."""
        if self._begun is None:
            self._begun = time.monotonic()

    def seconds(self) -> float:
        """Returns what one audit may take from now; 0 where others have spent it all."""
        if self._seconds:
            return self._seconds
        run = 0.0 if self._begun is None else time.monotonic() - self._begun - self._spent
        return max(0.0, max(_LEAST, self._share * run) - self._spent)

    def spend(self, seconds: float) -> None:
        """Remembers what an audit took."""
        self._spent += seconds
