"""What stands in the place of a masked region of a picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

from fairlead.errors import DataError, UnknownNameError

Pixels = NDArray[np.uint8]
Region = NDArray[np.bool_]
Fill = Callable[[Pixels, Region], Pixels]
"""From (3, H, W) uint8 pixels and the (H, W) region to pixels that are the same outside it."""

_BLUR = 0.1  # of the longer side, in standard deviations: what is left is light and colour, no form


def masked(pixels: Pixels, region: Region, fill: str) -> Pixels:
    """Fills a region of a picture by one of ``FILLS``; every pixel outside it stays as it is.

    Args:
        pixels: (3, H, W) uint8.
        region: (H, W).
        fill: ``inpaint``, ``blur`` or ``mean``.

    Raises:
        UnknownNameError: no such fill.
        DataError: a picture and a region of different size.

    Examples:
        >>> ramp = np.tile(np.arange(0, 50, 10, dtype=np.uint8), (3, 4, 1))
        >>> region = np.zeros((4, 5), dtype=bool)
        >>> region[:, 2] = True
        >>> masked(np.where(region, 255, ramp).astype(np.uint8), region, "inpaint")[0, 0].tolist()
        [0, 10, 20, 30, 40]
    """
    if fill not in FILLS:
        raise UnknownNameError("fill", fill, list(FILLS))
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or pixels.shape[1:] != region.shape:
        raise DataError(
            f"a picture of {pixels.dtype} {pixels.shape} and a region of {region.shape} do not belong together; give "
            "(3, height, width) uint8 pixels and a (height, width) region of the same crop"
        )
    if not region.any():
        return pixels.copy()
    return np.where(region, FILLS[fill](pixels, region), pixels)


def blurred(pixels: Pixels, region: Region) -> Pixels:
    """Puts the whole picture out of focus, the region's own colours included.

    Examples:
        >>> blurred(np.full((3, 2, 2), 7, dtype=np.uint8), np.eye(2, dtype=bool))[0].tolist()
        [[7, 7], [7, 7]]
    """
    del region
    reach = _BLUR * max(pixels.shape[1:])
    return _levels(ndimage.gaussian_filter(pixels.astype(np.float32), (0, reach, reach), mode="reflect"))


def mean_filled(pixels: Pixels, region: Region) -> Pixels:
    """Gives every pixel the mean colour of what lies outside the region; of all, where nothing does.

    Examples:
        >>> picture = np.array([[[1, 3, 200]]] * 3, dtype=np.uint8)
        >>> mean_filled(picture, np.array([[False, False, True]]))[0].tolist()
        [[2, 2, 2]]
    """
    chosen = np.ones_like(region) if region.all() else ~region
    return np.broadcast_to(_levels(pixels[:, chosen].mean(axis=1))[:, None, None], pixels.shape)


def inpainted(pixels: Pixels, region: Region) -> Pixels:
    """Goes on with the colours of the surroundings, as smoothly as can be: the solution of Laplace's equation.

    Each masked pixel becomes the mean of its neighbours, those beyond the picture's edges left out. Nothing of what
    was masked enters, and a linear shade is continued exactly; there is no texture in it. A region that is all of the
    picture has no surroundings, and becomes its mean colour.

    References:
        Chan and Shen (2001), Mathematical models for local nontexture inpaintings, SIAM Journal on Applied
        Mathematics 62.

    Examples:
        >>> picture = np.array([[[10, 99, 30]]] * 3, dtype=np.uint8)
        >>> inpainted(picture, np.array([[False, True, False]]))[0].tolist()
        [[10, 20, 30]]
    """
    if region.all():
        return mean_filled(pixels, region)
    solver, around = _equations(np.packbits(region).tobytes(), region.shape)
    filled = pixels.copy()
    filled[:, region] = _levels(solver.solve(around @ pixels.reshape(len(pixels), -1).T.astype(np.float64)).T)
    return filled


FILLS: dict[str, Fill] = {"inpaint": inpainted, "blur": blurred, "mean": mean_filled}
"""By the name that an intervention gives."""


@lru_cache(maxsize=4)  # a border is the same region in every picture, and preparing is most of the work
def _equations(content: bytes, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Returns what solves for the masked pixels, and which pixels around them it is to be given."""
    size = shape[0] * shape[1]
    region = np.unpackbits(np.frombuffer(content, dtype=np.uint8), count=size).astype(np.bool_)
    number = np.arange(size).reshape(shape)
    pairs = [(number[:, :-1].ravel(), number[:, 1:].ravel()), (number[:-1].ravel(), number[1:].ravel())]
    here, there = (np.concatenate(ends) for ends in zip(*pairs, *(pair[::-1] for pair in pairs), strict=True))
    links = sparse.csr_matrix((np.ones(len(here)), (here, there)), shape=(size, size))[region]
    neighbours = sparse.diags(np.asarray(links.sum(axis=1)).ravel(), format="csc")
    inside, outside = sparse.diags(region.astype(np.float64)), sparse.diags((~region).astype(np.float64))
    return splu((neighbours - (links @ inside)[:, region]).tocsc(), permc_spec="MMD_AT_PLUS_A"), links @ outside


def _levels(values: NDArray[Any]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
