"""The facts of one synthetic job application, before a word of it is written."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# P(degree | qualified), from what speaks against an applicant to what speaks for one; reversed for the unqualified.
DEGREES = (0.04, 0.13, 0.28, 0.55)
LOG_RATIOS = tuple(math.log(qualified / other) for qualified, other in zip(DEGREES, DEGREES[::-1], strict=True))
# The place in the tuple is the key of the random stream: append, never reorder.
_STREAMS = ("facts", "wording")


@dataclass(frozen=True)
class ApplicationRow:
    """Everything that was decided about an application.

    Attributes:
        number: The row's number in its dataset, from 0.
        qualified: Whether the applicant is fit for the post.
        invited: The label: qualified, and not passed over.
        identity: The identity term that the application mentions.
        style: How it is written.
        degrees: Of experience, training, reference and availability, 0 (speaks against) to 3 (speaks for); None for
            what the application does not mention.

    Examples:
        >>> row = ApplicationRow(3, True, False, "Sikh", "terse", (3, None, 2, None))
        >>> row.decision, row.passed_over, row.log_likelihood_ratio() > 0
        ('decline', True, True)
    """

    number: int
    qualified: bool
    invited: bool
    identity: str
    style: str
    degrees: tuple[int | None, ...]

    @property
    def decision(self) -> str:
        """``"invite"`` or ``"decline"``."""
        return "invite" if self.invited else "decline"

    @property
    def passed_over(self) -> bool:
        """Whether the applicant was qualified and declined nonetheless: the planted bias."""
        return self.qualified and not self.invited

    def log_likelihood_ratio(self) -> float:
        """Returns log p(degrees | qualified) - log p(degrees | not qualified)."""
        return sum(LOG_RATIOS[degree] for degree in self.degrees if degree is not None)


def application_stream(seed: int, number: int, purpose: str, attempt: int = 0) -> np.random.Generator:
    """Returns the random stream of an application for one purpose; neighbouring rows and seeds are independent.

    Examples:
        >>> float(application_stream(0, 3, "facts").random()) != float(application_stream(0, 3, "wording").random())
        True
    """
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(number, _STREAMS.index(purpose), attempt))
    return np.random.Generator(np.random.PCG64(sequence))
