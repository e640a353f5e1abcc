"""What monitoring watches, in words."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.report.quantity import shortened

_INPUT = {
    "pixels": "number of pixels",
    "aspect": "width against height",
    "tokens": "number of tokens",
    "characters_per_token": "characters a token",
    "unknown": "share of unknown tokens",
}


@dataclass(frozen=True)
class WatchedFamily:
    """A family of drift monitors, for someone who did not build them.

    Attributes:
        name: As in ``DriftMonitor.family``.
        title: What stands above its monitors.
        means: What it means that one of them is raised.
        remedy: Where to look first.

    Examples:
        >>> WatchedFamily.named("input").title, WatchedFamily.named("other").title
        ('Properties of the inputs', 'other')
    """

    name: str
    title: str
    means: str
    remedy: str

    @classmethod
    def named(cls, name: str) -> WatchedFamily:
        """Returns the family; of a name that is not known, one that says no more than the name."""
        return next((family for family in FAMILIES if family.name == name), cls(name, name, "", ""))


FAMILIES = (
    WatchedFamily(
        "input",
        "Properties of the inputs",
        "What is sent differs from the reference rows before the model has looked at it.",
        "Ask what has changed where the inputs come from: a device, a crop, a compression, a client.",
    ),
    WatchedFamily(
        "embedding",
        "What the model sees in the inputs",
        "The features inside the model are not spread as they were on the reference rows: other content than before.",
        "Look at recent inputs beside those of training; label some of them.",
    ),
    WatchedFamily(
        "prediction",
        "Classes answered",
        "A class is answered more or less often than on the reference rows.",
        "See below whether a shift of the classes' shares explains it; if not, look at the inputs.",
    ),
    WatchedFamily(
        "confidence",
        "Confidence",
        "The model is more or less sure of its answers than it was on the reference rows.",
        "Label a sample of recent items, the least sure first.",
    ),
    WatchedFamily(
        "error",
        "Errors, where the truth was told",
        "Answers are wrong more or less often than on the reference rows.",
        "Check a sample of the labels that came back; if they are right, the model needs new rows.",
    ),
)


def in_words(name: str) -> str:
    """Returns what a monitor or a score watches, in words.

    Examples:
        >>> [in_words(name) for name in ("input.brightness", "predicted.cat", "error.sex=f", "confidence")]
        ['brightness of the input', 'share of the answer cat', 'error rate where sex is f', 'confidence']
    """
    kind, _, rest = name.partition(".")
    kind, rest = shortened(kind), shortened(rest)
    if kind == "error":
        feature, equals, group = rest.partition("=")
        return f"error rate where {feature} is {group}" if equals else f"error rate {rest}".rstrip()
    if not rest:
        return kind
    if kind == "input":
        return f"{_INPUT.get(rest, rest.replace('_', ' '))} of the input"
    if kind == "embedding":
        words = rest.replace("_", " ")
        return "distance of the embedding from the reference" if rest == "distance" else f"{words} of the embedding"
    if kind == "predicted":
        return f"share of the answer {rest}"
    return f"{kind}, {rest}"
