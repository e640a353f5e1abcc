"""Prediction tables of any model, counted where they lie: Ibis, with DuckDB by default. No torch."""

from fairlead.tables.columns import AnswerColumns, AuditColumns
from fairlead.tables.compacted import Compacted
from fairlead.tables.compacting import compact
from fairlead.tables.counting import TableTallies, count_table
from fairlead.tables.opening import open_table

__all__ = ["AnswerColumns", "AuditColumns", "Compacted", "TableTallies", "compact", "count_table", "open_table"]
