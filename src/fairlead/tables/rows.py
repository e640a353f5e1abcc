"""Which rows of a table are counted."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.records import Split
from fairlead.tables.answers import Expression
from fairlead.tables.columns import AuditColumns
from fairlead.tables.texts import in_order, text_of

_MOST_SPLITS = 50


@dataclass(frozen=True, eq=False)
class ChosenRows:
    """The rows of one split, or all.

    Attributes:
        split: What findings call it.
        only: A condition on the table; None for all rows.
    """

    split: str
    only: Expression | None

    @classmethod
    def of(cls, table: Expression, columns: AuditColumns, where: str) -> ChosenRows:
        """Finds the rows of the asked split; a table without splits is one of test rows.

        Raises:
            ConfigurationError: several splits, and none is asked for.
            UnknownNameError: no such split, or no column of splits.
            DataError: more splits than can be.
        """
        column, asked = columns.split_column, columns.split
        if column not in table.columns:
            if asked is None and column == AuditColumns.split_column:
                return cls(Split.TEST.value, None)
            raise UnknownNameError("column of splits", column, table.columns, where=where)
        raw = table.select(column).distinct().limit(_MOST_SPLITS + 1).to_pyarrow()[column].to_pylist()
        if len(raw) > _MOST_SPLITS:
            raise DataError(
                f"column {column!r} of {where} has more than {_MOST_SPLITS} values, which are no splits; name another "
                "with --split-column"
            )
        texts = {value: text for value in raw if (text := text_of(value)) is not None}
        known = in_order(texts.values())
        if asked is None:
            if len(known) > 1:
                raise ConfigurationError(
                    f"{where} has the splits {', '.join(known)} in column {column!r}; say which to audit: --split test"
                )
            return cls(known[0] if known else Split.TEST.value, None)
        if asked not in known:
            raise UnknownNameError("split", asked, known, where=f"column {column!r} of {where}")
        return cls(asked, table[column].isin([value for value, text in texts.items() if text == asked]))


def check_columns(table: Expression, columns: AuditColumns, where: str) -> None:
    """Refuses columns that are not there, or that hold what cannot be grouped by.

    Raises:
        UnknownNameError: no such column; the nearest is suggested.
        ConfigurationError: a column of lists or bytes.
    """
    for name in (columns.answers.target, *columns.features, *([columns.cluster] if columns.cluster else [])):
        if name not in table.columns:
            raise UnknownNameError("column", name, table.columns, where=where)
        kind = table[name].type()
        if kind.is_nested() or kind.is_binary():
            raise ConfigurationError(f"column {name!r} of {where} holds {kind}; name a column of single values")
