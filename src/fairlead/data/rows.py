"""The rows of a dataset: checked, labelled and divided, before any picture is decoded or text is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fairlead.data.items import ChosenItems, Items
from fairlead.data.nuisances import Nuisances
from fairlead.data.splitting import SplitPlan, divide, singletons, thin
from fairlead.errors import DataError, LabelError
from fairlead.measures.feature_groups import MOST_GROUPS
from fairlead.records import Labels, SensitiveFeature, Split

MOST_NUMBERS = 20  # distinct numbers that may still be the names of groups


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows; a row's number is its index everywhere: in batches, predictions and files.

    Attributes:
        items: The N pictures, or texts.
        labels: The C classes of the training split.
        targets: (N,) class codes, int64; -1 where the truth is not known.
        splits: (N,) names of splits.
        sensitive: The S declared sensitive features.
        groups: (N, S) group codes, int64.
        notes: What was decided for the user and must be said.
        nuisances: What in the items was declared not to matter.
    """

    items: Items
    labels: Labels
    targets: NDArray[np.int64]
    splits: NDArray[np.str_]
    sensitive: tuple[SensitiveFeature, ...]
    groups: NDArray[np.int64]
    notes: tuple[str, ...] = ()
    nuisances: Nuisances = field(default_factory=Nuisances)

    def __len__(self) -> int:
        return len(self.targets)

    def of(self, split: Split) -> NDArray[np.int64]:
        """Returns the indices of one split's rows, ascending."""
        return np.flatnonzero(self.splits == split.value)

    def counts(self) -> dict[str, int]:
        """Returns the number of rows by split."""
        return {split.value: len(self.of(split)) for split in Split}

    def choose(self, rows: NDArray[np.int64], note: str) -> Rows:
        """Returns some of the rows under new numbers, and a note that says so; classes and groups stay."""
        return replace(
            self,
            items=ChosenItems(self.items, rows),
            targets=self.targets[rows],
            splits=self.splits[rows],
            groups=self.groups[rows],
            notes=(*self.notes, note),
            nuisances=self.nuisances.choose(rows),
        )

    def class_counts(self) -> NDArray[np.int64]:
        """Returns (C,) the training rows of each class."""
        return np.bincount(self.targets[self.of(Split.TRAIN)], minlength=len(self.labels))


@dataclass(frozen=True, eq=False)
class RawRows:
    """Rows as a reader found them, before they are divided and encoded.

    Attributes:
        items: The N pictures, or texts.
        names: N class names.
        splits: N splits where the data gives them, else None.
        sensitive: N values of each declared sensitive feature.
        source: What the rows came from, for messages.
        notes: What the reader decided.
        together: (N,) int64, equal for rows that must not be divided, such as those of one text; None where each
            stands for itself. It binds where splits are drawn: those that the data gives are kept as they are.
        nuisances: What in the items was declared not to matter.
    """

    items: Items
    names: Sequence[str]
    splits: Sequence[Split] | None = None
    sensitive: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    source: str = "the data"
    notes: tuple[str, ...] = ()
    together: NDArray[np.int64] | None = None
    nuisances: Nuisances = field(default_factory=Nuisances)

    def choose(self, rows: NDArray[np.int64], note: str) -> RawRows:
        """Returns some of the rows, and a note that says so."""
        return RawRows(
            items=ChosenItems(self.items, rows),
            names=[self.names[row] for row in rows],
            splits=None if self.splits is None else [self.splits[row] for row in rows],
            sensitive={name: [values[row] for row in rows] for name, values in self.sensitive.items()},
            source=self.source,
            notes=(*self.notes, note),
            together=None if self.together is None else self.together[rows],
            nuisances=self.nuisances.choose(rows),
        )


def prepare_rows(raw: RawRows, plan: SplitPlan) -> Rows:
    """Divides the rows, takes the classes from train and encodes what is text.

    Raises:
        DataError: data from which nothing can be learned, or too little of it.
        LabelError: a class that no training row has.
    """
    if plan.most is not None and len(raw.names) > plan.most:
        raw = _thinned(raw, plan)
    _check_classes(raw)
    splits, notes = divide(raw.names, raw.splits, plan, raw.together)
    names = np.asarray(raw.names, dtype=object)
    labels = Labels.from_training(names[splits == Split.TRAIN.value])
    _check_training(labels, names, splits, raw.source)
    alone = singletons(raw.names)
    if alone:
        notes = (*notes, f"{len(alone)} classes have a single row and cannot be tested: {', '.join(alone[:5])}")
    codes = {name: code for code, name in enumerate(labels)}
    features = tuple(SensitiveFeature.declare(name, values) for name, values in raw.sensitive.items())
    for feature in features:
        _check_groups(feature, raw.sensitive[feature.name], raw.source)
    encoded = [feature.encode(raw.sensitive[feature.name]) for feature in features]
    return Rows(
        items=raw.items,
        labels=labels,
        targets=np.array([codes[name] for name in names], dtype=np.int64),
        splits=splits,
        sensitive=features,
        groups=np.stack(encoded, axis=1) if encoded else np.zeros((len(names), 0), dtype=np.int64),
        notes=(*raw.notes, *notes),
        nuisances=raw.nuisances,
    )


def _thinned(raw: RawRows, plan: SplitPlan) -> RawRows:
    most = plan.most or len(raw.names)
    keys = raw.names if raw.splits is None else [f"{s.value} {n}" for s, n in zip(raw.splits, raw.names, strict=True)]
    rows = thin(keys, most, plan.seed)
    return raw.choose(rows, f"only {len(rows)} of {len(raw.names)} rows are used")


def _check_classes(raw: RawRows) -> None:
    counts = Counter(raw.names)
    if len(counts) < 2:
        raise DataError(
            f"every row of {raw.source} is of the one class {next(iter(counts))!r}: nothing to tell apart; "
            "add rows of another class, or choose another label column"
        )
    if len(counts) * 2 > len(raw.names):
        raise DataError(
            f"{raw.source} has {len(counts)} classes for {len(raw.names)} rows: the label looks like an identifier; "
            "choose a label column whose values repeat, or add rows"
        )


def _check_training(labels: Labels, names: NDArray[np.object_], splits: NDArray[np.str_], source: str) -> None:
    for split in Split:
        unknown = sorted(set(names[splits == split.value]) - set(labels))
        if unknown:
            raise LabelError(
                f"the {split.value} split of {source} has classes that no training row has: "
                f"{', '.join(unknown[:5])}; add training rows of them, or take those rows out"
            )
    if len(labels) < 2:
        raise DataError(f"the training split of {source} has the one class {labels[0]!r}; add rows of another")


def _check_groups(feature: SensitiveFeature, values: Sequence[str | None], source: str) -> None:
    """Refuses, before anything is trained, a feature that no audit can take."""
    numbers = [number for value in values if value and (number := _number(value)) is not None]
    known = sum(1 for value in values if value)
    if len(feature.groups) > MOST_NUMBERS and len(numbers) == known:
        quarters = dict.fromkeys(f"{edge:.3g}" for edge in np.quantile(numbers, (0.25, 0.5, 0.75)))
        raise DataError(
            f"the sensitive column {feature.name!r} of {source} holds numbers, {len(feature.groups)} different ones, "
            f"which are no groups; add a column of bins, whose edges might be the quarters {', '.join(quarters)}, and "
            "name that one"
        )
    if len(feature.groups) > MOST_GROUPS:
        raise DataError(
            f"the sensitive column {feature.name!r} of {source} has {len(feature.groups)} groups, e.g. "
            f"{', '.join(feature.groups[:3])}; an audit takes at most {MOST_GROUPS}: name a coarser column, or add one"
        )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None
