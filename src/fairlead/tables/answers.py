"""From the columns of a model's answers to what is counted of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from operator import add, and_, or_
from typing import Any

from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.measures.group_tally import BINS
from fairlead.tables.columns import AnswerColumns

_PROBABILITY = "probability_"  # as fairlead's own predictions name them
_ROUNDED = 0.01  # probabilities that were rounded to two digits still sum to 1 within this, for a few classes

Expression = Any  # an ibis value or table: its methods come from its type at run time


class Fault(IntEnum):
    """Why a row cannot be counted."""

    NONE = 0
    MISSING = 1
    NAN = 2
    RANGE = 3
    SUM = 4
    CLUSTER = 5


@dataclass(frozen=True, eq=False)
class Answers:
    """What is counted of each row, as expressions of the table.

    Attributes:
        predicted: The predicted class: a code where ``coded``, else as it stands.
        coded: Whether it is a code.
        labels: The classes in the order of their codes, where the columns' names tell them.
        fault: Why a row cannot be counted, a ``Fault``.
        score: The bin of the positive class's probability; None where the table has none.
        probabilities: Columns that must be probabilities.
    """

    predicted: Expression
    coded: bool
    labels: tuple[str, ...] | None
    fault: Expression
    score: Expression | None
    probabilities: tuple[str, ...]

    @classmethod
    def read(cls, table: Expression, columns: AnswerColumns, where: str) -> Answers:
        """Finds out what the prediction column holds.

        Raises:
            UnknownNameError: no such column.
            ConfigurationError: a threshold where there is no probability, or a positive class among more than two.
        """
        name = columns.prediction
        if name not in table.columns:
            several = _family(table, f"{name.removesuffix('_')}_")
            if not several:
                raise UnknownNameError("column", name, table.columns, where=where)
            return cls._of_several(table, columns, several)
        if table[name].type().is_floating() or table[name].type().is_decimal():
            score = table[name].cast("float64")
            threshold = 0.5 if columns.threshold is None else columns.threshold
            return cls(score >= threshold, True, None, _fault([score]), _bin(score), (name,))
        if columns.threshold is not None:
            raise ConfigurationError(
                f"column {name!r} of {where} holds classes ({table[name].type()}), and a threshold needs a "
                "probability; leave out --threshold, or name a column of probabilities with --prediction"
            )
        return cls._of_classes(table, columns, _family(table, _PROBABILITY))

    @classmethod
    def _of_classes(cls, table: Expression, columns: AnswerColumns, beside: dict[str, str]) -> Answers:
        """Reads predicted classes; of two classes, the score stands beside them as in fairlead's own predictions."""
        import ibis

        predicted = table[columns.prediction]
        if len(beside) != 2:
            labels = tuple(beside) or None
            return cls(predicted, False, labels, ibis.literal(int(Fault.NONE)), None, ())
        labels = _ordered(tuple(beside), columns.positive)
        names = tuple(beside[label] for label in labels)
        scores = [table[name].cast("float64") for name in names]
        return cls(predicted, False, labels, _fault(scores), _bin(scores[1]), names)

    @classmethod
    def _of_several(cls, table: Expression, columns: AnswerColumns, several: dict[str, str]) -> Answers:
        import ibis

        labels = _ordered(tuple(several), columns.positive)
        names = tuple(several[label] for label in labels)
        scores = [table[name].cast("float64") for name in names]
        score = _bin(scores[1]) if len(labels) == 2 else None
        if columns.threshold is not None:
            if score is None:
                raise ConfigurationError(
                    f"a threshold is for two classes, and there are {len(labels)} columns of probabilities "
                    f"({', '.join(names[:4])}); leave out --threshold"
                )
            return cls(scores[1] >= columns.threshold, True, labels, _fault(scores), score, names)
        best = ibis.greatest(*scores)  # the first of equals, as everywhere
        predicted = ibis.cases(*((value == best, code) for code, value in enumerate(scores)), else_=0)
        return cls(predicted, True, labels, _fault(scores), score, names)


def _family(table: Expression, beginning: str) -> dict[str, str]:
    """Returns the columns of numbers ``<beginning><class>`` by their class; two or more, or none."""
    found = {
        name.removeprefix(beginning): name
        for name in table.columns
        if name.startswith(beginning) and name != beginning and table[name].type().is_numeric()
    }
    return found if len(found) > 1 else {}


def _ordered(labels: tuple[str, ...], positive: str | None) -> tuple[str, ...]:
    if positive is None:
        return labels
    if positive not in labels:
        raise UnknownNameError("class", positive, labels, where="the columns of probabilities")
    if len(labels) > 2:
        raise ConfigurationError(f"a positive class is one of two, and there are {len(labels)}; leave out --positive")
    return (*(label for label in labels if label != positive), positive)


def _bin(score: Expression) -> Expression:
    """The same bin as in a tally counted from arrays: the same product of the same double, cut off."""
    import ibis

    inside = (score >= 0) & (score <= 1)
    # Without the condition a NaN, which is refused with its count later, would end the query here.
    return ibis.cases((inside & ~score.isnan(), ibis.least((score * BINS).floor().cast("int64"), BINS - 1)))


def _fault(scores: Sequence[Expression]) -> Expression:
    import ibis

    faults = [
        (reduce(or_, [score.isnull() for score in scores]), int(Fault.MISSING)),
        (reduce(or_, [score.isnan() for score in scores]), int(Fault.NAN)),
        (~reduce(and_, [(score >= 0) & (score <= 1) for score in scores]), int(Fault.RANGE)),
    ]
    if len(scores) > 1:
        faults.append(((reduce(add, scores) - 1).abs() > _ROUNDED, int(Fault.SUM)))
    return ibis.cases(*faults, else_=int(Fault.NONE))
