"""The families of drift monitors: what each watches, under which code, and its share of the chance of a false alarm."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.errors import UnknownNameError

LIVE_SHARE = 0.15
"""Share of alpha that the live findings of the policy's limits are judged with."""


@dataclass(frozen=True)
class DriftFamily:
    """Monitors that watch one kind of thing.

    Attributes:
        name: As in ``DriftMonitor.family``.
        code: Its stable code.
        share: Of alpha, spent in equal parts on its monitors. A family that has none gives its share to nobody, so
            that the threshold of one family does not depend on what else a bundle lets be watched.
        title: What it watches, above its monitors.
        says: What an alarm says: it means that ...
        remedy: What to do then.

    Examples:
        >>> DriftFamily.named("input").code, DriftFamily.named("input").anchor
        ('DRIFT-004', 'docs/monitoring.md#drift-004')
    """

    name: str
    code: str
    share: float
    title: str
    says: str
    remedy: str

    @property
    def anchor(self) -> str:
        """Where the documentation explains it."""
        return f"docs/monitoring.md#{self.code.lower()}"

    @classmethod
    def named(cls, name: str) -> DriftFamily:
        """Returns a family by its name.

        Raises:
            UnknownNameError: no such family.
        """
        for family in DRIFT_FAMILIES:
            if family.name == name:
                return family
        raise UnknownNameError("family of monitors", name, [family.name for family in DRIFT_FAMILIES])


DRIFT_FAMILIES: tuple[DriftFamily, ...] = (
    DriftFamily(
        "embedding",
        "DRIFT-001",
        0.20,
        "What the model sees in the inputs",
        "what the model sees in its inputs is distributed otherwise than on the reference rows",
        "look at recent inputs beside those of training; where they are of another kind, label some and fine-tune anew",
    ),
    DriftFamily(
        "prediction",
        "DRIFT-002",
        0.20,
        "Classes answered",
        "classes are decided for at other rates than on the reference rows",
        "see whether the classes became more or less frequent, or the inputs changed; a prior shift alone asks for new "
        "thresholds, anything else for labels",
    ),
    DriftFamily(
        "confidence",
        "DRIFT-003",
        0.10,
        "Confidence",
        "the model is more or less sure of its answers than it was on the reference rows",
        "label a sample of recent items, the least sure first, and see whether the accuracy holds",
    ),
    DriftFamily(
        "input",
        "DRIFT-004",
        0.20,
        "Properties of the inputs",
        "a property of the inputs is distributed otherwise than on the reference rows",
        "look at where the inputs come from: another device, compression or source; mend that or fine-tune on its rows",
    ),
    DriftFamily(
        "error",
        "DRIFT-005",
        0.15,
        "Errors, where the truth was told",
        "answers whose truth was told are wrong at another rate than on the reference rows",
        "compare the errors with the confusion of the export, and fine-tune on the labels that came back",
    ),
)
"""The five, in the order of their codes; their shares and ``LIVE_SHARE`` make 1."""
