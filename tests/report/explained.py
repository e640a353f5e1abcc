"""Explained rows for the tests of what is drawn of them."""

import numpy as np

from fairlead.records import Attribution, AttributionCertificate, ExplainedRow

RELIABLE = AttributionCertificate(0.0, 1.0, 0.0, 0.5, (1.0,) * 19, 0.9)
UNRELIABLE = AttributionCertificate(0.0, 1.0, 0.0, error=0.61)
NASTY = "<script>alert(1)</script>\" onload='x' & \ud800 \u202e $x$ 漢字 \x00"


def picture(
    index=0, values=((0.0, 2.0), (-2.0, 0.0)), *, shape=(3, 24, 24), name=None, certificate=RELIABLE, mass=None
):
    """A grey picture with a map."""
    found = Attribution("malignant", np.asarray(values, dtype=float), -1.25, 2.5, certificate, method="planted")
    pixels = np.full(shape, 128, dtype=np.uint8)
    return ExplainedRow(
        index, name or f"picture {index}", found, "malignant", "benign", ("V",), pixels, mass or {"ruler": 0.0825}
    )


def text(
    index=0, words=("good", "bad", "plain"), values=(2.0, -2.0, 0.0), *, name=None, certificate=RELIABLE, spans=()
):
    """A text with a value a word."""
    found = Attribution("praise", np.array([values], dtype=float), 0.0, 1.0, certificate, spans=spans, contrast="blame")
    return ExplainedRow(index, name or f"text {index}", found, "praise", "", (), tuple(words), {})
