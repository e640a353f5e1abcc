"""A sensitive column of a table: what its values are, and which groups they make."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fairlead.errors import ConfigurationError, DataError
from fairlead.measures.feature_groups import MOST_GROUPS
from fairlead.records import MISSING, SensitiveFeature
from fairlead.tables.answers import Expression
from fairlead.tables.texts import in_order, is_number, text_of

MOST_NUMBERS = 20  # distinct numbers that may still be the names of groups


@dataclass(frozen=True, eq=False)
class FeatureColumn:
    """A sensitive column, as it is or in bins.

    Attributes:
        name: The column's name.
        key: What rows are grouped by, an expression of the table.
        edges: Of its bins; none where its values are the groups.
        where: The table, for messages.
    """

    name: str
    key: Expression
    edges: tuple[float, ...]
    where: str

    @classmethod
    def of(cls, table: Expression, name: str, edges: Sequence[float], where: str) -> FeatureColumn:
        """Takes a column of a table.

        Raises:
            ConfigurationError: bins of a column that holds no numbers, or a column whose values are no single ones.
        """
        import ibis

        column, edges = table[name], tuple(edges)
        kind = column.type()
        if kind.is_nested() or kind.is_binary():
            raise ConfigurationError(
                f"column {name!r} of {where} holds {kind}, which makes no groups; name a column of single values"
            )
        if not edges:
            return cls(name, column, (), where)
        if not kind.is_numeric():
            raise ConfigurationError(f"column {name!r} of {where} holds {kind}, not numbers; leave out its --bins")
        value = column.cast("float64")
        absent = value.isnull() | value.isnan()
        below = [(value < edge, code) for code, edge in enumerate(edges)]
        return cls(name, ibis.cases((absent, -1), *below, else_=len(edges)), edges, where)

    def text(self, value: object) -> str | None:
        """Returns the group of a value of ``key``; None where the row has none."""
        if not self.edges:
            return text_of(value)
        return self._bins[value] if isinstance(value, int) and value >= 0 else None

    def declare(self, values: Iterable[object]) -> SensitiveFeature:
        """Declares the groups that occur in the whole table, or all bins.

        Raises:
            DataError: no value in any row, too many groups, or a value that is the name of the slot for missing ones.
        """
        texts = {text for value in values if (text := self.text(value)) is not None}
        if not texts:
            raise DataError(
                f"the sensitive column {self.name!r} of {self.where} has no value in any row; name another column"
            )
        if MISSING in texts:
            raise DataError(
                f"column {self.name!r} of {self.where} has the value {MISSING!r}, which stands for no value; leave "
                "those cells empty"
            )
        return SensitiveFeature(self.name, self._bins if self.edges else in_order(texts))

    def too_many(self, values: Iterable[object]) -> bool:
        """Returns whether these are more values than can be groups, or more numbers than can be names of groups."""
        if self.edges:
            return False
        texts = {text for value in values if (text := self.text(value)) is not None}
        return len(texts) > MOST_GROUPS or (len(texts) > MOST_NUMBERS and all(is_number(text) for text in texts))

    def refuse(self, table: Expression) -> DataError:
        """Returns the error for too many values; that of a column of numbers has bins that can be used."""
        number = table[self.name].try_cast("float64")
        known = table.filter(number.notnull() & ~number.isnan())
        column = known[self.name].try_cast("float64")
        asked = {f"q{place}": column.approx_quantile(place / 4) for place in (1, 2, 3)}
        found = known.aggregate(numbers=known.count(), **asked).to_pyarrow().to_pylist()[0]
        values = table[self.name].notnull().sum().to_pyarrow().as_py() or 0
        if found["numbers"] < values or not found["numbers"]:
            return DataError(
                f"column {self.name!r} of {self.where} has more than {MOST_GROUPS} different values; an audit takes at "
                f"most {MOST_GROUPS} groups: name a coarser column with --sensitive, or write one"
            )
        quarters = sorted({float(f"{found[name]:.3g}") for name in asked})
        edges = ",".join(map(_number, quarters))
        return DataError(
            f"column {self.name!r} of {self.where} holds numbers, more than {MOST_NUMBERS} different ones, which are "
            f"no groups; put them into bins, such as its quarters: --bins {self.name}={edges}"
        )

    @property
    def _bins(self) -> tuple[str, ...]:
        inner = (f"{_number(low)} to under {_number(high)}" for low, high in itertools.pairwise(self.edges))
        return (f"under {_number(self.edges[0])}", *inner, f"{_number(self.edges[-1])} and over")


def _number(value: float) -> str:
    return format(value, ".15g")
