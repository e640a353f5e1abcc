"""What monitoring watches, in words."""

from __future__ import annotations

from fairlead.report.quantity import shortened

_INPUT = {
    "pixels": "number of pixels",
    "aspect": "width against height",
    "tokens": "number of tokens",
    "characters_per_token": "characters a token",
    "unknown": "share of unknown tokens",
}


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
