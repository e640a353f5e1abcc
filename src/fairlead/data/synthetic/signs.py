"""The signs that tell a malignant lesion from a benign one, and how often each degree of them occurs."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import numpy as np

_BENIGN = (2.0, 5.0)
_MALIGNANT = (5.0, 3.0)


@dataclass(frozen=True)
class LesionSigns:
    """Degrees of the four ABCD signs of one drawn lesion, each between 0 (none) and 1 (as much as is drawn).

    The four are independent given the distribution they come from: Beta(2, 5) for a benign lesion and
    Beta(5, 3) for a malignant one, the same two for every sign. The names are those of the ABCD rule
    (Friedman, Rigel and Kopf 1985, "Early detection of malignant melanoma", CA: A Cancer Journal for
    Clinicians 35(3)); the distributions are made up and say nothing of real skin.

    Attributes:
        asymmetry: One-sided bulge and dent of the outline.
        border: Irregularity of the outline at a finer scale.
        colour: Variegation: strength of patches that are darker, redder, bluer or paler.
        diameter: Size; the radius of a circle of the same area is 0.12 + 0.14 diameter picture sides.

    Examples:
        >>> LesionSigns(asymmetry=0.8, border=0.7, colour=0.6, diameter=0.7).log_likelihood_ratio() > 0
        True
        >>> LesionSigns.draw(np.random.default_rng(0), malignant=False).log_likelihood_ratio() < 0
        True
    """

    asymmetry: float
    border: float
    colour: float
    diameter: float

    @classmethod
    def draw(cls, generator: np.random.Generator, malignant: bool) -> LesionSigns:
        """Draws from the benign or the malignant distribution, taking the same numbers from the generator."""
        benign = generator.beta(*_BENIGN, size=4)
        signs = generator.beta(*_MALIGNANT, size=4)
        return cls(*(float(sign) for sign in (signs if malignant else benign)))

    def log_likelihood_ratio(self) -> float:
        """Returns log p(signs | malignant distribution) - log p(signs | benign distribution)."""
        # A draw may round to 0 or 1, where a Beta density is 0; the nearest inner number stands for it.
        inner = [min(max(sign, 1e-12), 1 - 1e-12) for sign in astuple(self)]
        (a, b), (c, d) = _MALIGNANT, _BENIGN
        ratio = sum((a - c) * math.log(sign) + (b - d) * math.log1p(-sign) for sign in inner)
        return ratio - len(inner) * (_log_beta(a, b) - _log_beta(c, d))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
