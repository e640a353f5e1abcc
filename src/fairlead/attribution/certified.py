"""From a method's values to attributions that say whether they may be shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.masked import Masked
from fairlead.attribution.masked_game import MaskedGame
from fairlead.attribution.method import Build, Method
from fairlead.attribution.question import Question
from fairlead.attribution.shares import Shares
from fairlead.measures import map_curves
from fairlead.records import Attribution, AttributionCertificate, Labels

_BATCH = 64
_NEW_LAYERS = 3


@dataclass(frozen=True, eq=False)
class Asked:
    """N rows and what is asked of each.

    Attributes:
        inputs: (N, ...) as a batch holds them, on the model's device.
        question: Of each row.
        items: Each row, with parts that can be masked.
        indices: Each row's number in its dataset.
    """

    inputs: Tensor
    question: Question
    items: Sequence[Masked]
    indices: Sequence[int]


@dataclass(frozen=True, eq=False)
class Explained:
    """The attributions of N rows.

    Attributes:
        attributions: One for each row.
        stopped: For each row, why its values are rougher than was asked for; empty where they are not.
        seconds: Spent on values, on models with a new last layer, and on curves.
    """

    attributions: tuple[Attribution, ...]
    stopped: tuple[str, ...]
    seconds: dict[str, float]


def attribute(
    model: ExplainedModel,
    build: Build,
    asked: Asked,
    labels: Labels,
    *,
    until: float | None = None,
    done: Callable[[int], None] | None = None,
) -> Explained:
    """Explains N rows and certifies each explanation.

    A certificate holds what the values miss of what they share, their Monte-Carlo error, their agreement over draws,
    their rank correlation with those of a model whose last layer was drawn anew, and how fast the class loses and gains
    its score by them, beside the same map moved elsewhere and one that knows nothing of the item. What there is no time
    for is left out, and the explanation is not reliable then.

    Args:
        model: Whose answers.
        build: Makes the method.
        asked: The rows.
        labels: The C classes.
        until: By ``time.monotonic``, when to stop; None for as long as it takes.
        done: Told how many rows are done.

    Raises:
        AttributionError: a model that cannot be explained so.
    """
    begun = time.monotonic()
    method = build(model, False)
    # Values have half of the time: without its checks no explanation is shown.
    half = None if until is None else begun + (until - begun) / 2
    found = method.explain(asked.inputs, asked.question, asked.indices, items=asked.items, until=half)
    folded = [item.fold(shares.values) for item, shares in zip(asked.items, found, strict=True)]
    at_values = time.monotonic()
    correlations = _with_new_layers(model, build, asked, folded, until)
    at_layers = time.monotonic()
    made: list[Attribution] = []
    for row, (shares, values) in enumerate(zip(found, folded, strict=True)):
        certificate = _certificate(shares, correlations[row])
        if until is None or time.monotonic() < until:
            certificate = replace(certificate, **_curves(model, values, asked, row))
        made.append(_attribution(method, asked, labels, row, shares, values, certificate))
        if done is not None:
            done(row + 1)
    spent = {"values": at_values - begun, "new_layers": at_layers - at_values, "curves": time.monotonic() - at_layers}
    return Explained(tuple(made), tuple(shares.stopped for shares in found), spent)


def _certificate(shares: Shares, randomised: float | None) -> AttributionCertificate:
    """Returns what is known of the values before they are held against the model."""
    return AttributionCertificate(
        shares.residual,
        shares.grain,
        shares.inferred,
        sum_error=shares.sum_error,
        error=shares.error,
        agreement=shares.agreement,
        randomised=randomised,
    )


def _attribution(
    method: Method,
    asked: Asked,
    labels: Labels,
    row: int,
    shares: Shares,
    values: NDArray[np.float64],
    certificate: AttributionCertificate,
) -> Attribution:
    contrast = -1 if asked.question.contrast is None else int(asked.question.contrast[row])
    return Attribution(
        labels[int(asked.question.codes[row])],
        values,
        shares.base,
        shares.full,
        certificate,
        unit=asked.question.unit,
        method=method.name,
        mask=method.mask,
        evaluations=shares.evaluations,
        spans=asked.items[row].spans,
        contrast=labels[contrast] if contrast >= 0 else "",
    )


def _with_new_layers(
    model: ExplainedModel, build: Build, asked: Asked, values: Sequence[NDArray[np.float64]], until: float | None
) -> list[float | None]:
    """Returns for each row its mean absolute rank correlation with the maps of models with a new last layer."""
    found: list[list[float]] = [[] for _ in values]
    for seed in range(_NEW_LAYERS):
        if until is not None and time.monotonic() >= until:
            break
        other = build(model.with_new_last_layer(seed, asked.inputs[:1]), True)
        again = other.explain(asked.inputs, asked.question, asked.indices, items=asked.items, until=until)
        for row, shares in enumerate(again):
            found[row].append(abs(_rank_correlation(values[row], asked.items[row].fold(shares.values))))
    return [float(np.mean(row)) if row else None for row in found]


def _curves(model: ExplainedModel, values: NDArray[np.float64], asked: Asked, row: int) -> dict[str, Any]:
    """Returns the areas under a row's deletion and insertion curves."""
    item, shape = asked.items[row], (values.shape[0], values.shape[1])
    game = MaskedGame(model, item, asked.question.of(torch.tensor([row])), shape)
    return map_curves(game, values, item.prior(shape), base=game.base, full=game.full, batch=_BATCH, insertion=True)


def _rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Returns Spearman's; 1 where there is nothing to rank: a map that is the same everywhere did not change."""
    ranks = [rankdata(part, axis=None) for part in (one, other)]
    spreads = [float(part.std()) for part in ranks]
    if min(spreads) == 0:
        return 1.0 if max(spreads) == 0 else 0.0
    return float(np.corrcoef(*ranks)[0, 1])
