"""Which columns of a prediction table hold what."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead.errors import ConfigurationError


@dataclass(frozen=True)
class AnswerColumns:
    """The truth, what a model said of it, and how its probability becomes a class.

    Attributes:
        target: Column of the true classes; rows without a value have no known truth.
        prediction: Column of predicted classes, or of the positive class's probability; or the common beginning of
            several columns ``<prediction>_<class>`` of probabilities.
        threshold: Probability from which a row is predicted positive; None for 0.5, and for the most probable class
            where each class has a column.
        positive: The positive one of two classes; None for the larger, or the last by name.

    Raises:
        ConfigurationError: a threshold that is no probability above 0, or one column for both.

    Examples:
        >>> AnswerColumns("y", "p", threshold=0.3).threshold
        0.3
    """

    target: str
    prediction: str
    threshold: float | None = None
    positive: str | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise ConfigurationError(f"a threshold is a probability above 0 and up to 1, got {self.threshold}")
        if self.target == self.prediction:
            raise ConfigurationError(f"target and prediction are both {self.target!r}; name the column of each")


@dataclass(frozen=True)
class AuditColumns:
    """What of a prediction table an audit counts.

    Attributes:
        answers: Truth and prediction.
        sensitive: Columns by whose groups the model must answer.
        intersections: Sets of columns of which every combination of groups is a group.
        bins: Edges by column, for a sensitive column of numbers: ``{"age": (40, 60)}`` makes three groups.
        cluster: Column that tells which rows belong together, e.g. a patient.
        split: The split to count; None where the table holds one alone.
        split_column: Column of the splits.

    Raises:
        ConfigurationError: no sensitive column, a column in two roles, an intersection of fewer than two columns, or
            edges that do not ascend.

    Examples:
        >>> columns = AuditColumns(AnswerColumns("y", "p"), ("sex",), intersections=(("sex", "age"),))
        >>> columns.features, columns.feature_sets
        (('sex', 'age'), (('sex',), ('sex', 'age')))
    """

    answers: AnswerColumns
    sensitive: tuple[str, ...]
    intersections: tuple[tuple[str, ...], ...] = ()
    bins: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    cluster: str | None = None
    split: str | None = None
    split_column: str = "split"

    def __post_init__(self) -> None:
        if not self.features:
            raise ConfigurationError("an audit needs a sensitive feature; name its column with --sensitive")
        for names in self.intersections:
            if len(names) < 2 or len(set(names)) < len(names):
                raise ConfigurationError(f"an intersection is of two or more different columns, got {' '.join(names)}")
        for name in self.features:
            if name in (self.answers.target, self.answers.prediction):
                raise ConfigurationError(f"{name!r} cannot be a sensitive feature and the target or prediction as well")
        for name, edges in self.bins.items():
            if name not in self.features:
                raise ConfigurationError(f"bins of {name!r} need it as a sensitive feature; add --sensitive {name}")
            pairs = itertools.pairwise(edges)
            if not edges or not all(map(math.isfinite, edges)) or any(low >= high for low, high in pairs):
                raise ConfigurationError(f"the edges of {name!r} are numbers that ascend, got {list(edges)}")

    @property
    def features(self) -> tuple[str, ...]:
        """Every column that is counted by, each once."""
        return tuple(dict.fromkeys((*self.sensitive, *itertools.chain.from_iterable(self.intersections))))

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns that name things: in a text file, what looks like a number there is none."""
        names = [name for name in self.features if name not in self.bins]
        return (self.answers.target, self.split_column, *names, *([self.cluster] if self.cluster else []))

    @property
    def feature_sets(self) -> tuple[tuple[str, ...], ...]:
        """Each sensitive column alone, and the intersections: one tally for each."""
        return tuple(dict.fromkeys((*((name,) for name in self.sensitive), *self.intersections)))
