"""Which row belongs to which split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import ConfigurationError, DataError
from fairlead.records import SPLITS, Split

# What people call the four splits.
SPLIT_NAMES = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "val": Split.VAL,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "dev": Split.VAL,
    "calibration": Split.CALIBRATION,
    "calib": Split.CALIBRATION,
    "test": Split.TEST,
    "testing": Split.TEST,
}


@dataclass(frozen=True)
class SplitPlan:
    """How rows are divided where the data does not say.

    Attributes:
        val: Share of the rows for validation.
        calibration: Share for calibration.
        test: Share for testing; what remains trains.
        seed: Of the draw.
        most: Use at most so many rows, drawn with the classes' shares kept; None uses all.

    Raises:
        ConfigurationError: shares outside (0, 1), or nothing left to train on.

    Examples:
        >>> round(SplitPlan().train, 3)
        0.55
    """

    val: float = 0.15
    calibration: float = 0.10
    test: float = 0.20
    seed: int = 0
    most: int | None = None

    def __post_init__(self) -> None:
        shares = (self.val, self.calibration, self.test)
        if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
            raise ConfigurationError(
                f"the shares of val, calibration and test must each lie in (0, 1) and sum below 1, got {shares}"
            )
        if self.most is not None and self.most < 20:
            raise ConfigurationError(f"a run needs at least 20 rows, got most={self.most}")

    @property
    def train(self) -> float:
        """What remains for training."""
        return 1 - self.val - self.calibration - self.test

    def share(self, split: Split) -> float:
        """Returns the share of one split."""
        return {Split.VAL: self.val, Split.CALIBRATION: self.calibration, Split.TEST: self.test}.get(split, self.train)


def divide(
    targets: Sequence[str],
    given: Sequence[Split] | None,
    plan: SplitPlan,
    together: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    """Gives every row a split, stratified by class; splits that the data has are kept.

    Rows for a split that is not there are taken from train, and the note says so.

    Args:
        targets: N class names.
        given: N splits as the data has them, or None.
        plan: Shares and seed for what is missing.
        together: (N,) equal for rows that go to one split; the first of them decides the class they count for.

    Returns:
        (N,) names of splits, and notes for the person who runs it.

    Raises:
        DataError: no training rows, or too few rows for every split to have one.

    Examples:
        >>> splits, notes = divide(["a", "b"] * 50, None, SplitPlan())
        >>> [int((splits == split.value).sum()) for split in Split]
        [55, 15, 10, 20]
    """
    assigned = np.array([split.value for split in given or [Split.TRAIN] * len(targets)], dtype="<U11")
    pool = np.flatnonzero(assigned == Split.TRAIN.value)
    if not len(pool):
        raise DataError("no row belongs to the training split; give some rows split 'train'")
    wanted = [split for split in SPLITS[1:] if not (assigned == split.value).any()]
    if not wanted:
        return assigned, ()
    heads, head_of = _heads(together, pool)
    if len(heads) < 4 * len(wanted):
        raise DataError(
            f"{len(heads)} training rows are too few to take {_and(wanted)} from; add rows, or give those splits"
        )
    names = np.asarray(targets, dtype=object)[heads]
    shares = {Split.TRAIN: 1 - sum(plan.share(split) for split in wanted)}
    shares |= {split: plan.share(split) for split in wanted}
    assigned[heads] = _stratified(names, shares, plan.seed)
    assigned[pool] = assigned[head_of]
    empty = [split for split in shares if not (assigned == split.value).any()]
    if empty:
        raise DataError(
            f"{len(heads)} rows of {len(set(names))} classes leave none for {_and(empty)}; "
            "add rows, raise its share, or give that split"
        )
    if given is None:
        return assigned, ()
    counts = ", ".join(f"{split.value} {int((assigned == split.value).sum())}" for split in wanted)
    return assigned, (f"the data has no {_and(wanted)} split: taken from its training rows by class ({counts})",)


def _heads(together: NDArray[np.int64] | None, pool: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the first row of each cluster within the pool, ascending, and for each row of the pool its first."""
    if together is None:
        return pool, pool
    _, first, cluster = np.unique(together[pool], return_index=True, return_inverse=True)
    return pool[np.sort(first)], pool[first[cluster]]


def thin(targets: Sequence[str], most: int, seed: int) -> NDArray[np.int64]:
    """Returns the positions of at most so many rows, classes in their shares, in the old order.

    Raises:
        ConfigurationError: there are more classes than that, and each keeps a row.
    """
    if len(targets) <= most:
        return np.arange(len(targets))
    kinds, codes, sizes = np.unique(np.asarray(targets, dtype=np.str_), return_inverse=True, return_counts=True)
    if len(kinds) > most:
        raise ConfigurationError(
            f"{most} rows are too few to keep one of each of {len(kinds)} classes and splits; "
            f"use at least {2 * len(kinds)}"
        )
    due = most * sizes / len(targets)
    counts = np.maximum(1, np.floor(due).astype(np.int64))
    while counts.sum() != most:  # one row more for whom most is due, or one less where most is taken
        step = 1 if counts.sum() < most else -1
        counts[np.argmax(np.where((step == 1) | (counts > 1), step * (due - counts), -np.inf))] += step
    generator = np.random.default_rng([seed, 0x7417])
    kept = [generator.permutation(np.flatnonzero(codes == code))[:count] for code, count in enumerate(counts)]
    return np.sort(np.concatenate(kept))


def _stratified(names: NDArray[np.object_], shares: dict[Split, float], seed: int) -> NDArray[np.str_]:
    """Divides class by class: whole rows by share, and those left over to the splits that lag most.

    No split gets more than one of a class's leftover rows, so every class is divided to within a row of its
    shares; the lag is carried over from class to class, so totals keep close to theirs, also where each class is
    smaller than one over the smallest share. A class is learned from at least one row.
    """
    generator = np.random.default_rng([seed, 0x5B17])
    splits = np.array([split.value for split in shares], dtype="<U11")  # train is the first
    goal = np.array(list(shares.values()))
    lag = np.zeros(len(splits))
    assigned = np.empty(len(names), dtype="<U11")
    for name in sorted(set(names)):
        rows = generator.permutation(np.flatnonzero(names == name))
        due = goal * len(rows)
        counts = np.floor(due + 1e-9).astype(np.int64)  # a product such as 0.55 * 20 may end just below its value
        lag += due - counts
        claim = np.where(due - counts > 1e-9, lag, -np.inf)
        claim[0] = np.inf if counts[0] == 0 else claim[0]
        chosen = np.argsort(-claim, kind="stable")[: len(rows) - counts.sum()]
        counts[chosen] += 1
        lag[chosen] -= 1
        assigned[rows] = np.repeat(splits, counts)
    return assigned


def singletons(targets: Sequence[str]) -> list[str]:
    """Returns the classes with a single row, which cannot be both learned and tested."""
    return sorted(name for name, count in Counter(targets).items() if count == 1)


def _and(splits: Sequence[Split]) -> str:
    names = [split.value for split in splits]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
