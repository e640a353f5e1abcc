"""Which parts of a picture speak for a class, asked of the model alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fairlead.bundle.predictor import Predictor
from fairlead.bundle.runtime import Pixels
from fairlead.errors import UnknownNameError
from fairlead.measures import PartitionTree, deletion_areas, owen_values
from fairlead.records import Attribution, AttributionCertificate

MASKS = ("blur", "mean")
EVALUATIONS = 400
_BATCH = 8
_CELLS, _SMALLEST = 14, 4  # cells a side at most, and pixels a cell at least
_MOVED = 19
_LEAST = 1e-6  # of a probability: float32 knows no smaller difference from 1


class Explainer:
    """Explains what a predictor says of a picture, by Owen values of its cells, within a time.

    It needs nothing but answers for the picture with some of its cells masked, so that what is explained is the very
    graph that answers. The values share the difference in log-odds between the picture and the masked picture among
    the cells of a grid; see ``owen_values`` for what they are, and ``AttributionCertificate`` for how they are checked.

    Args:
        predictor: Whose answers.

    Examples:
        >>> Explainer.grid(224, 224), Explainer.grid(8, 30)
        ((14, 14), (2, 7))
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    @staticmethod
    def grid(height: int, width: int) -> tuple[int, int]:
        """Returns rows and columns of cells for a crop of that size in pixels."""
        rows, columns = (max(1, min(_CELLS, side // _SMALLEST)) for side in (height, width))
        return rows, columns

    def explain(
        self,
        pixels: Pixels,
        label: str,
        *,
        mask: str = "blur",
        evaluations: int = EVALUATIONS,
        until: float | None = None,
    ) -> Attribution:
        """Returns what each cell adds to the log-odds of a class.

        Args:
            pixels: (3, H, W) of the picture, as ``Predictor.pixels`` gives them.
            label: The class.
            mask: What stands where a cell is masked: the picture out of focus, or the mean colour of the backbone's
                training.
            evaluations: Of the model at most, the check of the map aside.
            until: By ``time.monotonic``; the values are then those of fewer evaluations, and the check may be left
                out, which the certificate says. None for as long as it takes.

        Raises:
            UnknownNameError: no such class, or no such mask.
        """
        if mask not in MASKS:
            raise UnknownNameError("mask", mask, MASKS)
        score = self.score(pixels, self._predictor.labels.code(label), mask)
        rows, columns = self.grid(*pixels.shape[1:])
        asked, begun = 0, time.monotonic()

        def game(plays: NDArray[np.bool_]) -> NDArray[np.float64]:
            nonlocal asked
            asked += len(plays)
            return score(plays.reshape(-1, rows, columns))

        def time_for(number: int) -> bool:
            now = time.monotonic()
            return until is None or now + 1.2 * number * (now - begun) / max(asked, 1) < until

        checks = (_MOVED + 2) * 4  # what the deletion test takes
        shared = owen_values(
            game, PartitionTree.of_grid(rows, columns), evaluations=evaluations, batch=_BATCH,
            go_on=lambda: time_for(_BATCH + checks),
        )  # fmt: skip
        values = shared.values.reshape(rows, columns)
        checked = _deletion(game, values, shared.base, shared.full) if time_for(checks) else {}
        residual = float(values.sum() - (shared.full - shared.base))
        certificate = AttributionCertificate(residual, shared.grain, shared.inferred, **checked)
        return Attribution(
            label, values, shared.base, shared.full, certificate, mask=mask, evaluations=shared.evaluations
        )

    def score(self, pixels: Pixels, code: int, mask: str) -> Callable[[NDArray[np.bool_]], NDArray[np.float64]]:
        """Returns the function from (N, rows, columns) cells shown to (N,) log-odds of a class.

        Args:
            pixels: (3, H, W) of the picture.
            code: Of the class.
            mask: What stands where a cell is not shown.
        """
        hidden = self._hidden(pixels, mask)

        def score(shown: NDArray[np.bool_]) -> NDArray[np.float64]:
            down, across = (_lines(side, cells) for side, cells in zip(pixels.shape[1:], shown.shape[1:], strict=True))
            where = shown.repeat(down, axis=1).repeat(across, axis=2)[:, None]
            probabilities = self._predictor.run(np.where(where, pixels, hidden))[0].astype(np.float64)
            others = np.delete(probabilities, code, axis=1).sum(axis=1)  # exact where 1 - p would round to nothing
            both = np.maximum(np.stack([probabilities[:, code], others]), _LEAST)
            return np.asarray(np.log(both[0]) - np.log(both[1]), dtype=np.float64)

        return score

    def _hidden(self, pixels: Pixels, mask: str) -> Pixels:
        if mask == "mean":
            colour = np.round(255 * np.array(self._predictor.preprocessing.mean)).astype(np.uint8)
            return np.broadcast_to(colour[:, None, None], pixels.shape)
        picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        blurred = picture.filter(ImageFilter.GaussianBlur(max(pixels.shape[1:]) / 10))
        return np.asarray(blurred).transpose(2, 0, 1)


def _lines(side: int, cells: int) -> NDArray[np.int64]:
    """Returns the pixels of each cell along a side; they differ by one at most."""
    ends = np.linspace(0, side, cells + 1).round().astype(np.int64)
    return np.asarray(ends[1:] - ends[:-1], dtype=np.int64)


def _deletion(game: Any, values: NDArray[np.float64], base: float, full: float) -> dict[str, Any]:
    """Measures the map, the map moved elsewhere, and the order from the centre outwards."""
    rows, columns = values.shape
    line, column = np.indices(values.shape)
    centre = -((line - (rows - 1) / 2) ** 2 + (column - (columns - 1) / 2) ** 2)
    maps = [values, *_moved(values), centre]
    orders = np.stack([np.argsort(-one, axis=None, kind="stable") for one in maps])
    area, *moved, middle = map(float, deletion_areas(game, orders, base=base, full=full, batch=_BATCH))
    return {"area": area, "moved": tuple(moved), "centre": middle}


def _moved(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Returns the map shifted around its edges and mirrored, by lot but always the same; never where it was."""
    rows, columns = values.shape
    places = 4 * rows * columns
    if places < 2:
        return []
    chosen = np.random.default_rng(0).permutation(np.arange(1, places))[:_MOVED]
    moved = []
    for place in chosen:
        mirrored, shift = divmod(int(place), rows * columns)
        turned = values[:: -1 if mirrored & 1 else 1, :: -1 if mirrored & 2 else 1]
        moved.append(np.roll(turned, divmod(shift, columns), axis=(0, 1)))
    return moved
