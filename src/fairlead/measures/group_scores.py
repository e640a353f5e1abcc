"""Ranking and calibration by group, from histograms of the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import ConfigurationError
from fairlead.evidence import Estimate
from fairlead.measures.bounded_means import BoundedMeans
from fairlead.measures.group_rates import GroupRates
from fairlead.measures.group_tally import GroupTally
from fairlead.measures.intervals import FloatArray, binomial_interval


def group_auc(tally: GroupTally) -> BoundedMeans:
    """The chance in each group that a positive row scores higher than a negative one, a shared bin half.

    It is as sure as the smaller side's rows: pairs are averages of so many independent ones (Hoeffding 1963).

    Raises:
        ConfigurationError: a tally without scores.

    Examples:
        >>> from fairlead.measures.feature_groups import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
        >>> targets, scores = np.array([0, 1, 0, 1]), np.array([0.2, 0.9, 0.7, 0.4])
        >>> groups = np.array([0, 0, 0, 0])
        >>> tally = GroupTally.count(by, labels, groups, targets, targets, scores=scores)
        >>> group_auc(tally).values.tolist(), group_auc(tally).rows.tolist()
        ([0.75, nan], [2, 0])
    """
    scores = _scores(tally)
    negative, positive = scores[:-1, 0].astype(np.float64), scores[:-1, 1].astype(np.float64)
    sides = np.stack([negative.sum(axis=1), positive.sum(axis=1)])
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = sides.prod(axis=0)
    values = np.divide((positive * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    rows = np.asarray(sides.min(axis=0), dtype=np.int64)
    effective = rows.astype(np.float64)
    if tally.clusters is not None:
        # How alike the scores of a cluster are is not in the tally: those of any rate of the side bound it.
        parts = [GroupRates.of(tally, name).effective[0] for name in ("true_positive_rate", "false_positive_rate")]
        effective = np.minimum(*parts)
    return BoundedMeans("auc", "positives and negatives", tally.by.groups, values, rows, effective)


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """Observed against predicted rates of one group, in bins of the score.

    Attributes:
        group: The group.
        score: (B,) mean score of each bin, to half a bin of the tally.
        positives: (B,) int64.
        rows: (B,) int64, rows with a known truth.
    """

    group: str
    score: FloatArray
    positives: NDArray[np.int64]
    rows: NDArray[np.int64]

    @property
    def error(self) -> float | None:
        """The expected calibration error: mean distance of rate from score, by rows; None without any."""
        if not self.rows.sum():
            return None
        return float(np.abs(self.positives - self.score * self.rows).sum() / self.rows.sum())

    def observed(self, level: float = 0.95) -> tuple[Estimate | None, ...]:
        """Estimates the rate of positives in each bin, each with its own exact interval; None for an empty bin."""
        low, high = binomial_interval(self.positives, np.maximum(self.rows, 1), level)
        return tuple(
            Estimate(
                float(count / size), float(start), float(end), level, int(size), "exact binomial (Clopper-Pearson)"
            )
            if size
            else None
            for count, size, start, end in zip(self.positives, self.rows, low, high, strict=True)
        )


def group_calibration(tally: GroupTally, bins: int = 10) -> tuple[CalibrationCurve, ...]:
    """How well the score is calibrated in each declared group.

    Args:
        tally: A tally with scores.
        bins: Equal bins to show, a divisor of the tally's own.

    Raises:
        ConfigurationError: a tally without scores, or bins that do not divide its own.

    Examples:
        >>> from fairlead.measures.feature_groups import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels, ones = FeatureGroups("sex", ("f",)), Labels(("no", "yes")), np.ones(4, dtype=np.int64)
        >>> scores, targets = np.full(4, 0.7505), np.array([1, 1, 1, 0])
        >>> curve = group_calibration(GroupTally.count(by, labels, ones * 0, targets, ones, scores=scores))[0]
        >>> round(curve.error, 4), str(curve.observed()[7])
        (0.0005, '0.750 [0.194, 0.994]')
    """
    scores = _scores(tally)
    fine = scores.shape[-1]
    if bins < 1 or fine % bins:
        raise ConfigurationError(f"{bins} bins do not divide the {fine} of the tally; 10 do")
    middle = (np.arange(fine) + 0.5) / fine
    curves = []
    for group, counted in zip(tally.by.groups, scores[:-1, :2], strict=True):
        rows = counted.sum(axis=0)
        coarse = rows.reshape(bins, -1).sum(axis=1)
        mean = (rows * middle).reshape(bins, -1).sum(axis=1) / np.maximum(coarse, 1)
        curves.append(CalibrationCurve(group, mean, counted[1].reshape(bins, -1).sum(axis=1), coarse))
    return tuple(curves)


def _scores(tally: GroupTally) -> NDArray[np.int64]:
    if tally.scores is None:
        raise ConfigurationError(
            f"the tally of {tally.by.feature!r} holds no scores; count it with the positive class's probability"
        )
    return tally.scores
