"""Colours that tell right from wrong without telling red from green."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

RIGHT = "#0072b2"
WRONG = "#d55e00"

# From nearly white to nearly black through the blue and the vermilion of a palette that people with any
# kind of colour vision tell apart; lightness falls evenly, so that a grey print reads the same.
# Reference: Okabe and Ito, Color Universal Design (2008).
_STOPS = {
    "right": ("#f1f6fa", "#a9d0e8", "#4c9fd0", RIGHT, "#00375a"),
    "wrong": ("#fdf5f0", "#fbc8a6", "#f08f4c", WRONG, "#6e2f00"),
}

# Confusions are mostly a few percent of a class: under a straight scale they would all look white.
_BEND = 0.6


def shades(shares: NDArray[np.float64], kind: Literal["right", "wrong"]) -> NDArray[np.uint8]:
    """Returns (..., 3) colours for shares from 0 to 1, darker for more.

    Examples:
        >>> shades(np.array([0.0, 1.0]), "right").tolist()
        [[241, 246, 250], [0, 55, 90]]
    """
    stops = np.array([_rgb(stop) for stop in _STOPS[kind]])
    place = np.clip(shares, 0, 1) ** _BEND
    channels = [np.interp(place, np.linspace(0, 1, len(stops)), stops[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def ink_on(colour: NDArray[np.uint8]) -> str:
    """Returns black or white, whichever is read better on a colour; the contrast is at least 4.5 : 1.

    Reference: Web Content Accessibility Guidelines 2.2, relative luminance and contrast ratio.

    Examples:
        >>> ink_on(np.array([241, 246, 250], dtype=np.uint8)), ink_on(np.array([0, 55, 90], dtype=np.uint8))
        ('#000000', '#ffffff')
    """
    light = luminance(colour)
    return "#000000" if (light + 0.05) ** 2 >= 1.05 * 0.05 else "#ffffff"


def luminance(colour: NDArray[np.uint8]) -> float:
    """Returns the relative luminance of an (3,) sRGB colour, 0 for black and 1 for white.

    Reference: Web Content Accessibility Guidelines 2.2, relative luminance.

    Examples:
        >>> round(luminance(np.array([255, 255, 255], dtype=np.uint8)), 6)
        1.0
    """
    part = np.asarray(colour, dtype=np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def _rgb(code: str) -> tuple[int, int, int]:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)
