"""What a text is."""

from __future__ import annotations

Text = str | tuple[str, str]
"""One text, or a pair of texts that are read together."""
