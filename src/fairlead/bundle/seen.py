"""What is known of an answered item beside its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.runtime import Floats
from fairlead.measures import EmbeddingSketch


@dataclass(frozen=True, eq=False)
class Seen:
    """The raw material of one answer, as the predictor had it at hand: nothing of it is computed twice.

    Attributes:
        place: Of the item among those that were answered together.
        code: The class that was decided for.
        probabilities: (C,) calibrated.
        features: (D,) what the backbone made of it.
        properties: Simple numbers of the input by name, such as ``"input.brightness"``.

    Examples:
        >>> seen = Seen(0, 1, np.array([0.25, 0.75]), np.zeros(8), {"input.brightness": 0.5})
        >>> scores_of([seen], None)
        {'input.brightness': array([0.5])}
    """

    place: int
    code: int
    probabilities: Floats
    features: Floats
    properties: Mapping[str, float]


Observe = Callable[[Seen], None]


def scores_of(seen: Sequence[Seen], sketch: EmbeddingSketch | None) -> dict[str, NDArray[np.float64]]:
    """Returns (N,) values by name of what drift is watched by in N items, beside their confidence.

    The names are those of ``Observation.scores``; a value is not a number where it could not be measured.

    Args:
        seen: The items; of none, nothing is told.
        sketch: Of the bundle's reference; without one, embeddings have no scores.

    Raises:
        DataError: features of another width than the sketch's.

    Examples:
        >>> first = Seen(0, 1, np.array([0.25, 0.75]), np.zeros(8), {"input.brightness": 0.5})
        >>> scores_of([first, Seen(1, 0, np.array([0.9, 0.1]), np.zeros(8), {})], None)["input.brightness"].tolist()
        [0.5, nan]
    """
    names = sorted({name for one in seen for name in one.properties})
    scores = {name: np.array([one.properties.get(name, np.nan) for one in seen]) for name in names}
    if sketch is not None and seen:
        found = sketch.scores(np.stack([one.features for one in seen]))
        scores |= dict(zip(sketch.names, found.T, strict=True))
    return scores
