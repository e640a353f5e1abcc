"""Rates by group: successes over the figure's own denominator, for every declared group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import UnknownNameError
from fairlead.evidence import Estimate
from fairlead.measures.group_tally import GroupTally
from fairlead.measures.intervals import FloatArray, binomial_interval
from fairlead.measures.special import stdtrit

# Clusters with a success, or with a failure, at which the measured design effect and the largest possible one weigh
# the same: fewer say little about how alike the rows of a cluster are.
_PRIOR_CLUSTERS = 10.0
_ODDS = 0.975  # where Student's t is compared with the normal, for the number of clusters is small


@dataclass(frozen=True, eq=False)
class GroupRates:
    """A rate of each declared group; of more than two classes, one family of rates for each against the rest.

    Attributes:
        name: E.g. ``"true_positive_rate"``.
        denominator: What its rows are called, e.g. ``"positives"``.
        groups: G group names; rows without a value are not among them, for they are no group.
        families: K names: of the positive class, of every class, or one empty name where classes play no part.
        successes: (K, G) int64.
        rows: (K, G) int64, each group's own denominator.
        effective: (K, G) rows that would know as much, were each its own cluster; ``rows`` where each is.
        distinct: Rows in any of the denominators, each counted once.

    Examples:
        >>> from fairlead.measures.feature_groups import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
        >>> ones = np.ones(4, dtype=np.int64)
        >>> tally = GroupTally.count(by, labels, np.array([0, 0, 1, 1]), ones, np.array([1, 0, 1, 1]))
        >>> GroupRates.of(tally, "true_positive_rate").values.tolist()
        [[0.5, 1.0]]
    """

    name: str
    denominator: str
    groups: tuple[str, ...]
    families: tuple[str, ...]
    successes: NDArray[np.int64]
    rows: NDArray[np.int64]
    effective: FloatArray
    distinct: int

    @classmethod
    def of(cls, tally: GroupTally, name: str) -> GroupRates:
        """Reads one of ``RATES`` off a tally.

        Raises:
            UnknownNameError: no such rate; the known are listed.
        """
        if name not in RATES:
            raise UnknownNameError("rate", name, RATES)
        successes, rows = _masks(name, len(tally.labels))
        known = tally.counts[:-1]
        numerator = np.einsum("ktp,gtp->kg", successes, known)
        denominator = np.einsum("ktp,gtp->kg", rows, known)
        plain = name in _WITHOUT_CLASSES
        effective = denominator.astype(np.float64)
        if tally.clusters is not None:
            effective = _effective(tally, successes, rows)
        return cls(
            name=name,
            denominator=RATES[name],
            groups=tally.by.groups,
            families=("",) if plain else tally.labels.names[1:] if len(tally.labels) == 2 else tally.labels.names,
            successes=numerator,
            rows=denominator,
            effective=effective,
            distinct=int(known[:, rows.any(axis=0)].sum()),
        )

    @property
    def values(self) -> FloatArray:
        """(K, G) successes over rows; NaN where a group has none of the denominator, which is not 0."""
        unknown = np.full(self.rows.shape, np.nan)
        return np.asarray(np.divide(self.successes, self.rows, out=unknown, where=self.rows > 0), dtype=np.float64)

    @property
    def effective_successes(self) -> FloatArray:
        """(K, G) the rate times the effective rows."""
        return np.asarray(np.nan_to_num(self.values) * self.effective, dtype=np.float64)

    @property
    def clustered(self) -> bool:
        """Whether rows of a cluster count for less than one each."""
        return not np.array_equal(self.effective, self.rows)

    def estimate(self, group: str, family: str | None = None, level: float = 0.95) -> Estimate | None:
        """Estimates one group's rate with its own exact interval; None without rows.

        Args:
            group: A declared group.
            family: A class, where there are several.
            level: Coverage of this interval, one rate at a time.

        Raises:
            UnknownNameError: no such group or class.
        """
        if group not in self.groups:
            raise UnknownNameError("group", group, self.groups)
        if family is not None and family not in self.families:
            raise UnknownNameError("class", family, self.families)
        place = (0 if family is None else self.families.index(family), self.groups.index(group))
        if not self.rows[place]:
            return None
        low, high = binomial_interval(self.effective_successes[place], self.effective[place], level)
        method = "exact binomial (Clopper-Pearson)" + (" on effective rows" if self.clustered else "")
        return Estimate(float(self.values[place]), float(low), float(high), level, int(self.rows[place]), method)


RATES: dict[str, str] = {
    "selection_rate": "rows",
    "true_positive_rate": "positives",
    "false_negative_rate": "positives",
    "false_positive_rate": "negatives",
    "true_negative_rate": "negatives",
    "precision": "predicted positives",
    "accuracy": "labelled rows",
    "error_rate": "labelled rows",
}
"""What a rate's denominator is made of, by the rate's name. Rows whose truth is not known count as rows alone."""

_WITHOUT_CLASSES = frozenset({"accuracy", "error_rate"})


@lru_cache(maxsize=64)
def _masks(name: str, classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns which cells (K, C + 1, C) of true and predicted class are successes, and which are rows."""
    truth, predicted = np.arange(classes + 1)[None, :, None], np.arange(classes)[None, None, :]
    known = truth < classes
    chosen = np.array([1] if classes == 2 else range(classes))[:, None, None]
    is_class, called = truth == chosen, predicted == chosen
    cells = {
        "selection_rate": (called, np.ones_like(truth, dtype=bool)),
        "true_positive_rate": (called, is_class),
        "false_negative_rate": (~called, is_class),
        "false_positive_rate": (called, known & ~is_class),
        "true_negative_rate": (~called, known & ~is_class),
        "precision": (is_class, known & called),
        "accuracy": (truth == predicted, known),
        "error_rate": (truth != predicted, known),
    }
    success, row = cells[name]
    families = 1 if name in _WITHOUT_CLASSES else len(chosen)
    shape = (families, classes + 1, classes)
    rows = np.broadcast_to(row, shape)
    masks = (np.broadcast_to(success, shape) & rows).astype(np.int64), rows.astype(np.int64)
    for mask in masks:
        mask.setflags(write=False)  # they are kept for the next tally
    return masks


def _effective(tally: GroupTally, successes: NDArray[np.int64], rows: NDArray[np.int64]) -> FloatArray:
    """Returns (K, G) the rows of a plain sample that know a rate as well as rows in clusters do.

    The design effect is that of a ratio of cluster totals, corrected for few clusters as Korn and Graubard do. Where
    few clusters had a success, or few a failure, it is drawn toward the largest there can be, that of clusters
    whose rows are all alike (Kish). One cluster in two groups makes their rates alike, which errs on the safe side.

    References:
        Kish (1965), Survey Sampling. Korn and Graubard (1998), Confidence intervals for proportions with small
        expected number of positive counts estimated from survey data, Survey Methodology 24.
    """
    counted = tally.clusters
    effective = np.zeros((len(rows), len(tally.by.groups)))
    if counted is None or not len(counted.cluster):
        return effective
    slot, truth, predicted = np.unravel_index(counted.cell, tally.counts.shape)
    inside = slot < tally.by.missing
    _, member = np.unique(counted.cluster, return_inverse=True)
    place = (member * len(tally.by.slots) + slot)[inside]
    size = (int(member.max()) + 1) * len(tally.by.slots)
    for family in range(len(rows)):
        totals = [
            np.bincount(place, (counted.count * mask[family, truth, predicted])[inside], minlength=size)
            .astype(np.float64)
            .reshape(-1, len(tally.by.slots))[:, :-1]
            for mask in (successes, rows)
        ]
        effective[family] = _rows_of_clusters(totals[0], totals[1])
    return effective


def _rows_of_clusters(successes: FloatArray, rows: FloatArray) -> FloatArray:
    """Returns (G,) effective rows, from (U, G) totals of each of U clusters."""
    total = rows.sum(axis=0)
    size = np.maximum(total, 1.0)
    clusters = (rows > 0).sum(axis=0).astype(np.float64)
    rate = successes.sum(axis=0) / size
    most = np.maximum(np.square(rows).sum(axis=0) / size, 1.0)
    spread = np.square(successes - rate * rows).sum(axis=0) * clusters / np.maximum(clusters - 1, 1)
    plain = size * rate * (1 - rate)
    measured = np.where(plain > 0, spread / np.maximum(plain, 1e-12), most)
    telling = np.minimum((successes > 0).sum(axis=0), (rows - successes > 0).sum(axis=0))
    weight = _PRIOR_CLUSTERS / (_PRIOR_CLUSTERS + telling)
    design = np.clip((1 - weight) * measured + weight * most, 1.0, most)
    few = np.square(stdtrit(np.maximum(clusters - 1, 1), _ODDS) / stdtrit(1e9, _ODDS))
    design = np.where(most > 1, np.minimum(design * few, np.maximum(most * few, most)), 1.0)
    return np.asarray(np.where(total > 0, size / design, 0.0), dtype=np.float64)
