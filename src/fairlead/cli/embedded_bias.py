"""What is said of the embedded data, which are biased on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.evidence import Finding, Verdict
from fairlead.records import Modality


@dataclass(frozen=True)
class EmbeddedBias:
    """Embedded data, and the bias that is planted in them.

    Attributes:
        data: What they are, in words.
        feature: The sensitive feature that the bias hangs on.
        planted: What was done, and what comes of it.

    Examples:
        >>> EMBEDDED[Modality.TEXT].feature
        'identity'
    """

    data: str
    feature: str
    planted: str

    def why(self, findings: Sequence[Finding]) -> str:
        """Says why the gate is expected to stay shut, and what these findings showed of it."""
        about = [finding for finding in findings if finding.feature == self.feature or finding.subject is not None]
        if any(finding.verdict is Verdict.FLAGGED for finding in about):
            told = "The audit found what one accuracy for all hides: it is there to be found."
        elif about:
            told = "Of this model, these rows do not settle it, and what is not settled is not called clear."
        else:
            told = f"It is looked for with --sensitive {self.feature}."
        return f"the embedded data are biased on purpose: {self.planted}. {told}"


EMBEDDED = {
    Modality.IMAGE: EmbeddedBias(
        "synthetic skin lesions: generated pictures with planted biases, no one's skin",
        "tone",
        "many malignant lesions on the tones V and VI are drawn without a sign of it, so that a model misses more of "
        "them there, or raises more false alarms; and a ruler lies beside malignant ones more often, so that it is "
        "taken for a sign",
    ),
    Modality.TEXT: EmbeddedBias(
        "synthetic job applications: generated texts with a planted bias, no one's life",
        "identity",
        "qualified applicants whose text says that they are Muslim or Sikh were often declined, and a model that "
        "learns from such decisions passes them over as well",
    ),
}
