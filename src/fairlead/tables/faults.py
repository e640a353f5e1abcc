"""Rows that cannot be counted, told with their number and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.errors import DataError
from fairlead.tables.answers import Answers, Expression, Fault
from fairlead.tables.columns import AuditColumns


def refuse_faults(
    faults: Mapping[Fault, int], rows: int, counted: Expression, answers: Answers, columns: AuditColumns, where: str
) -> None:
    """Refuses a table in which rows cannot be counted.

    Args:
        faults: Rows by what is wrong with them.
        rows: Rows of the split.
        counted: The table of these rows.
        answers: What was to be counted.
        columns: What the table's columns hold.
        where: The table's name.

    Raises:
        DataError: there is any such row.
    """
    names = ", ".join(answers.probabilities[:3]) + (", ..." if len(answers.probabilities) > 3 else "")
    names = names or columns.answers.prediction
    for fault in (Fault.MISSING, Fault.NAN, Fault.RANGE, Fault.SUM, Fault.CLUSTER):
        if not faults.get(fault):
            continue
        of_rows = f"{faults[fault]} of {rows} rows of {where}"
        if fault is Fault.MISSING:
            raise DataError(f"{of_rows} have no prediction in {names}; predict them again, or leave those rows out")
        if fault is Fault.NAN:
            raise DataError(
                f"{of_rows} have a prediction in {names} that is not a number (NaN); mend the model and predict again, "
                "or leave those rows out and say so"
            )
        if fault is Fault.RANGE:
            low, high = _range(counted, answers)
            raise DataError(
                f"{of_rows} have a prediction in {names} that is no probability from 0 to 1 (they reach from {low:g} "
                f"to {high:g}); apply the sigmoid or softmax, or save classes as text or whole numbers"
            )
        if fault is Fault.SUM:
            raise DataError(
                f"{of_rows} have probabilities in {names} that do not sum to 1; apply the softmax, or name one column"
            )
        raise DataError(
            f"{of_rows} have no value in {columns.cluster!r}; give each such row a value of its own, or leave "
            "out --cluster"
        )


def _range(counted: Expression, answers: Answers) -> tuple[float, float]:
    ends = []
    for name in answers.probabilities:
        score = counted[name].cast("float64")
        known = counted.filter(score.notnull() & ~score.isnan())[name].cast("float64")
        ends += [known.min().to_pyarrow().as_py(), known.max().to_pyarrow().as_py()]
    return min(ends), max(ends)
