"""What each part of an input adds to what a model says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.records.attribution_certificate import AttributionCertificate

_HIDDEN = ("blur", "mean", "absent")


@dataclass(frozen=True, eq=False)
class Attribution:
    """The values of the cells of a picture, or of the words of a text, for one class, with what was checked of them.

    Attributes:
        label: The class.
        values: (rows, columns) of each cell, or (1, words); their sum is ``full - base`` by a method that shares a
            worth, and of no meaning by one that does not (the certificate's ``residual`` is None then).
        base: What the model says where every part is masked.
        full: Of the whole item.
        unit: Of them all.
        method: By which the values were found.
        mask: What stands where a part is masked (``blur``, ``mean``, ``absent``), or what it is compared with.
        evaluations: Of the model.
        certificate: What was checked.
        spans: For each word the part of a pair of texts that it is in (0 or 1), its first character and the one after
            its last; empty for a picture.
        contrast: The class that ``label`` is compared with; empty for all others.

    Examples:
        >>> checked = AttributionCertificate(0.0, 1.0, 0.0)
        >>> found = Attribution("dog", np.array([[1.0, 2.0]]), 0.5, 3.5, certificate=checked)
        >>> found.worth, found.to_dict()["values"]
        ('+0.50 masked, +3.50 whole (log-odds)', [[1.0, 2.0]])
    """

    label: str
    values: NDArray[np.float64]
    base: float
    full: float
    certificate: AttributionCertificate
    unit: str = "log-odds"
    method: str = "Owen values"
    mask: str = "blur"
    evaluations: int = 0
    spans: tuple[tuple[int, int, int], ...] = ()
    contrast: str = ""

    @property
    def worth(self) -> str:
        """What the values lead from and to, in words."""
        start = "masked" if self.mask in _HIDDEN else f"over {self.mask}"
        return f"{self.base:+.2f} {start}, {self.full:+.2f} whole ({self.unit})"

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        content: dict[str, Any] = {
            "label": self.label,
            "method": self.method,
            "mask": self.mask,
            "unit": self.unit,
            "base": self.base,
            "full": self.full,
            "values": self.values.tolist(),
            "evaluations": self.evaluations,
            "certificate": self.certificate.to_dict(),
        }
        if self.contrast:
            content["contrast"] = self.contrast
        if self.spans:
            content["spans"] = [{"part": part, "start": start, "end": end} for part, start, end in self.spans]
        return content
