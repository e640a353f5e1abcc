"""Which parts of a picture or a text speak for a class, asked of the model alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.parts import Parts, parts_of
from fairlead.bundle.predictor import Predictor
from fairlead.bundle.reader import Read
from fairlead.measures import MOVED, PartitionTree, map_curves, owen_values
from fairlead.records import Attribution, AttributionCertificate

EVALUATIONS = 400
_BATCH = 8
_LEAST = 1e-6  # of a probability: float32 knows no smaller difference from 1


class Explainer:
    """Explains what a predictor says of an item, by Owen values of its parts, within a time.

    It needs nothing but answers for the item with some of its parts masked, so that what is explained is the very
    graph that answers. The values share the difference in log-odds between the item and the masked item among the
    cells of a grid, or among words; see ``owen_values`` for what they are, and ``AttributionCertificate`` for how they
    are checked.

    Args:
        predictor: Whose answers.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def explain(
        self,
        read: Read,
        label: str,
        *,
        mask: str | None = None,
        evaluations: int | None = None,
        until: float | None = None,
    ) -> Attribution:
        """Returns what each part adds to the log-odds of a class.

        Args:
            read: The item, as the predictor's reader reads it.
            label: The class.
            mask: What stands where a part is masked, as ``Cells`` and ``WordParts`` say; None for the modality's own.
            evaluations: Of the model at most, the check of the map aside; None for four a part, within 100 and 400.
            until: By ``time.monotonic``; the values are then those of fewer evaluations, and the check may be left
                out, which the certificate says. None for as long as it takes.

        Raises:
            UnknownNameError: no such class, or no such mask.
        """
        parts = parts_of(read, self._predictor.preprocessing, mask)
        score = self.score(parts, self._predictor.labels.code(label))
        rows, columns = parts.shape
        most = evaluations or min(EVALUATIONS, max(100, 4 * rows * columns))
        asked, begun = 0, time.monotonic()

        def game(plays: NDArray[np.bool_]) -> NDArray[np.float64]:
            nonlocal asked
            asked += len(plays)
            return score(plays.reshape(-1, rows, columns))

        def time_for(number: int) -> bool:
            now = time.monotonic()
            return until is None or now + 1.2 * number * (now - begun) / max(asked, 1) < until

        checks = (MOVED + 2) * 4  # what the deletion test takes
        shared = owen_values(
            game, PartitionTree.of_grid(rows, columns), evaluations=most, batch=_BATCH,
            go_on=lambda: time_for(_BATCH + checks),
        )  # fmt: skip
        values = shared.values.reshape(rows, columns)
        checked = {}
        if time_for(checks):
            checked = map_curves(game, values, parts.prior(), base=shared.base, full=shared.full, batch=_BATCH)
        residual = float(values.sum() - (shared.full - shared.base))
        certificate = AttributionCertificate(residual, shared.grain, shared.inferred, **checked)
        return Attribution(
            label, values, shared.base, shared.full, certificate, mask=parts.mask, evaluations=shared.evaluations,
            spans=parts.spans,
        )  # fmt: skip

    def score(self, parts: Parts, code: int) -> Callable[[NDArray[np.bool_]], NDArray[np.float64]]:
        """Returns the function from (N, rows, columns) parts shown to (N,) log-odds of a class.

        Args:
            parts: Of the item.
            code: Of the class.
        """

        def score(plays: NDArray[np.bool_]) -> NDArray[np.float64]:
            probabilities = self._predictor.run(parts.shown(plays))[0].astype(np.float64)
            others = np.delete(probabilities, code, axis=1).sum(axis=1)  # exact where 1 - p would round to nothing
            both = np.maximum(np.stack([probabilities[:, code], others]), _LEAST)
            return np.asarray(np.log(both[0]) - np.log(both[1]), dtype=np.float64)

        return score
