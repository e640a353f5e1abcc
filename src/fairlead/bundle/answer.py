"""What a model says of one input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.records import Labels


@dataclass(frozen=True)
class Answer:
    """The class of one input with its probabilities, or why there is none.

    Attributes:
        label: The class; None where the input could not be read.
        probabilities: Of each class by its name, calibrated; None where the input could not be read.
        features: (D,) what the backbone made of the input, where they were asked for.
        error: Why the input could not be read; empty where it could.
        truncated: Whether a text has more than was read of it.

    Examples:
        >>> answer = Answer.of(np.array([0.25, 0.75]), Labels(("cat", "dog")))
        >>> answer.label, answer.to_dict()["probabilities"]
        ('dog', {'cat': 0.25, 'dog': 0.75})
        >>> Answer(error="cat.jpg is empty").label is None
        True
    """

    label: str | None = None
    probabilities: dict[str, float] | None = None
    features: tuple[float, ...] | None = None
    error: str = ""
    truncated: bool = False

    @classmethod
    def of(
        cls,
        probabilities: NDArray[np.floating[Any]],
        labels: Labels,
        features: NDArray[np.floating[Any]] | None = None,
        *,
        code: int | None = None,
    ) -> Answer:
        """Makes the answer of (C,) probabilities.

        Args:
            probabilities: Of the C classes.
            labels: Their names.
            features: (D,) of the input, where they are wanted.
            code: The class that was decided for; None for the most probable one, the first of equals.
        """
        return cls(
            labels[int(probabilities.argmax()) if code is None else code],
            {label: float(value) for label, value in zip(labels, probabilities, strict=True)},
            None if features is None else tuple(features.tolist()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values; what there is none of is left out."""
        if self.error:
            return {"error": self.error}
        content: dict[str, Any] = {"label": self.label, "probabilities": self.probabilities}
        if self.truncated:
            content["truncated"] = True
        return content if self.features is None else content | {"features": list(self.features)}
