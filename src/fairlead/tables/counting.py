"""Tallies of a prediction table, counted where it lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.measures import ClusterCounts, FeatureGroups, GroupTally
from fairlead.measures.group_tally import BINS
from fairlead.records import Labels, SensitiveFeature
from fairlead.tables.answers import Answers, Expression, Fault
from fairlead.tables.classes import Classes, check_classes
from fairlead.tables.columns import AuditColumns
from fairlead.tables.faults import refuse_faults
from fairlead.tables.features import MOST_NUMBERS, FeatureColumn
from fairlead.tables.folding import ROWS, ArrowTable, arrow_batches, encode, fold
from fairlead.tables.rows import ChosenRows, check_columns
from fairlead.tables.texts import class_text

_PEEK = 20_000  # rows that give most columns away that make no groups, before all rows are read
_COUNTED, _TRUTH, _SAID, _SCORE, _FAULT, _CLUSTER = "counted", "truth", "said", "score", "fault", "cluster"


@dataclass(frozen=True, eq=False)
class TableTallies:
    """What was counted of a prediction table.

    Attributes:
        tallies: One for each sensitive feature and intersection.
        labels: The classes; of two the second is the positive one.
        split: What the rows are of.
        rows: Rows of the split.
        unknown: Of these, rows without a known truth.
    """

    tallies: tuple[GroupTally, ...]
    labels: Labels
    split: str
    rows: int
    unknown: int


def count_table(table: Expression, columns: AuditColumns, where: str = "the table") -> TableTallies:
    """Counts predictions by the groups of every sensitive feature, in one pass of the table's own engine.

    Groups and classes are declared from the whole table, rows counted of the asked split alone: a group that the split
    lacks keeps its slot. A second pass counts by cluster, where rows are clustered.

    Args:
        table: An Ibis table, of whatever backend.
        columns: What its columns hold.
        where: The table's name, for messages.

    Raises:
        UnknownNameError: a column, split or class that is not there; the nearest is suggested.
        ConfigurationError: options that do not fit what the columns hold.
        DataError: predictions that are none, a sensitive column that makes no groups, or no row to count.

    Examples:
        >>> import ibis, pyarrow
        >>> from fairlead.tables import AnswerColumns
        >>> rows = {"y": ["no", "yes", "yes"], "p": [0.25, 0.75, 0.5], "sex": ["f", "m", None]}
        >>> counted = count_table(ibis.memtable(pyarrow.table(rows)), AuditColumns(AnswerColumns("y", "p"), ("sex",)))
        >>> counted.tallies[0].by.slots, counted.tallies[0].rows.tolist(), list(counted.labels)
        (('f', 'm', '(missing)'), [1, 1, 1], ['no', 'yes'])
    """
    return _Count(table, columns, where).run()


class _Count:
    """One count of one table: the expressions that its passes share."""

    def __init__(self, table: Expression, columns: AuditColumns, where: str) -> None:
        check_columns(table, columns, where)
        self.table, self.columns, self.where = table, columns, where
        self.chosen = ChosenRows.of(table, columns, where)
        self.answers = Answers.read(table, columns.answers, where)
        self.features = {
            name: FeatureColumn.of(table, name, columns.bins.get(name, ()), where) for name in columns.features
        }
        # Names of our own: a table may have a column called as ours are.
        self.keys = {name: f"feature{place}" for place, name in enumerate(self.features)}

    def run(self) -> TableTallies:
        self._peek()
        sums = self._first_pass()
        every = sums[_FAULT]
        truths, said = (every[name].unique().to_pylist() for name in (_TRUTH, _SAID))
        classes = Classes.of(truths, said, self.answers, self.columns.answers, self.where)
        rows, unknown = self._check_rows(every)
        declared = {name: column.declare(sums[name][key].unique().to_pylist()) for name, column, key in self._columns()}
        clusters = self._second_pass(classes, declared) if self.columns.cluster else {}
        tallies = tuple(
            self._tally(names, sums[names], classes, declared, clusters.get(names))
            for names in self.columns.feature_sets
        )
        return TableTallies(tallies, classes.labels, self.chosen.split, rows, unknown)

    def _columns(self) -> list[tuple[str, FeatureColumn, str]]:
        return [(name, column, self.keys[name]) for name, column in self.features.items()]

    def _keyed(self, *, clustered: bool) -> Expression:
        """Returns the table, reduced to what is grouped by."""
        import ibis

        answers, only, fault = self.answers, self.chosen.only, self.answers.fault
        cluster = self.table[self.columns.cluster] if self.columns.cluster else None
        if cluster is not None:
            absent = cluster.isnull()
            if cluster.type().is_string():
                absent |= cluster.strip() == ""
            elif cluster.type().is_floating():
                absent |= cluster.isnan()
            fault = ibis.cases((fault != int(Fault.NONE), fault), (absent, int(Fault.CLUSTER)), else_=fault)
        what = {_TRUTH: self.table[self.columns.answers.target], _SAID: answers.predicted}
        if clustered:
            what[_CLUSTER] = cluster
        else:
            what[_FAULT] = fault
            if answers.score is not None:
                what[_SCORE] = answers.score.cast("int16")
            if only is not None:  # rows of other splits declare groups and classes, and count for nothing else
                what = {name: what[name] if name == _TRUTH else ibis.cases((only, what[name])) for name in what}
            what[_COUNTED] = ibis.literal(True) if only is None else ibis.coalesce(only, False)
        keyed = {key: column.key for _, column, key in self._columns()}
        rows = self.table.filter(only) if clustered and only is not None else self.table
        return rows.select(**what, **keyed)

    def _peek(self) -> None:
        """Refuses at once what the first rows give away; the rest shows when all are counted."""
        first = self._keyed(clustered=False).limit(_PEEK).to_pyarrow()
        self._look(_FAULT, first)
        for name, _, key in self._columns():
            self._look(name, first.select([key]))

    def _look(self, key: Hashable, table: ArrowTable) -> None:
        if key == _FAULT:
            truths = {class_text(value) for value in table[_TRUTH].unique().to_pylist()}
            check_classes([text for text in truths if text], self.columns.answers.target, self.where)
        elif isinstance(key, str):
            values = table[self.keys[key]].unique()
            if len(values) > MOST_NUMBERS and self.features[key].too_many(values.to_pylist()):
                raise self.features[key].refuse(self.table)

    def _first_pass(self) -> dict[Hashable, ArrowTable]:
        """Counts all rows; the key is a feature's name for its values, a tuple of names for what is tallied."""
        keyed = self._keyed(clustered=False)
        score = [_SCORE] if self.answers.score is not None else []
        sets: dict[Hashable, list[str]] = {_FAULT: [_COUNTED, _TRUTH, _SAID, _FAULT]}
        sets |= {name: [key] for name, _, key in self._columns()}
        for names in self.columns.feature_sets:
            sets[names] = [_COUNTED, *(self.keys[name] for name in names), _TRUTH, _SAID, *score]
        grouped = keyed.group_by(list(keyed.columns)).aggregate(**{ROWS: keyed.count()})
        sums = fold(grouped, sets, self._look)
        if not sums:
            raise DataError(f"{self.where} has no rows; name a table of predictions")
        return sums

    def _check_rows(self, every: ArrowTable) -> tuple[int, int]:
        """Returns the rows to count, and those whose truth is not known; refuses any that cannot be counted."""
        faults: Counter[Fault] = Counter()
        rows = unknown = 0
        for row in every.to_pylist():
            if not row[_COUNTED]:
                continue
            rows += row[ROWS]
            unknown += row[ROWS] * (class_text(row[_TRUTH]) is None)
            fault = Fault(row[_FAULT])
            if fault is Fault.NONE and class_text(row[_SAID]) is None:
                fault = Fault.MISSING
            faults[fault] += row[ROWS]
        counted = self.table if self.chosen.only is None else self.table.filter(self.chosen.only)
        refuse_faults(faults, rows, counted, self.answers, self.columns, self.where)
        if rows == unknown:
            raise DataError(
                f"none of the {rows} rows to audit in {self.where} has a value in {self.columns.answers.target!r}; an "
                "audit needs the truth of some"
            )
        return rows, unknown

    def _second_pass(
        self, classes: Classes, declared: dict[str, SensitiveFeature]
    ) -> dict[tuple[str, ...], ClusterCounts]:
        """Counts the chosen rows by cluster. Clusters are coded by their order, where the table lies."""
        import ibis

        keyed = self._keyed(clustered=True)
        grouped = keyed.group_by(list(keyed.columns)).aggregate(**{ROWS: keyed.count()})
        coded = grouped.mutate(**{_CLUSTER: ibis.dense_rank().over(order_by=grouped[_CLUSTER])})
        parts: dict[tuple[str, ...], list[NDArray[np.int64]]] = {names: [] for names in self.columns.feature_sets}
        for batch in arrow_batches(coded):
            cluster, rows = (batch[name].to_numpy().astype(np.int64) for name in (_CLUSTER, ROWS))
            for names, found in parts.items():
                cells = self._truths(names, batch, classes, declared) * len(classes.labels)
                found.append(np.stack([cluster, cells + encode(batch[_SAID], classes.said_code), rows]))
        none = np.zeros(0, dtype=np.int64)
        together = {names: np.concatenate(found, axis=1) for names, found in parts.items()}
        # Adding sorts, and joins what came in several batches.
        return {names: ClusterCounts(*found) + ClusterCounts(none, none, none) for names, found in together.items()}

    def _truths(
        self, names: tuple[str, ...], table: ArrowTable, classes: Classes, declared: dict[str, SensitiveFeature]
    ) -> NDArray[np.int64]:
        """Returns the slot and true class of each row of counts as one flat position, as a tally has them."""
        slot = np.zeros(table.num_rows, dtype=np.int64)
        missing = np.zeros(table.num_rows, dtype=bool)
        for name in names:
            feature, column = declared[name], self.features[name]
            codes = {group: code for code, group in enumerate(feature.groups)}
            value = encode(
                table[self.keys[name]],
                lambda value, column=column, codes=codes: codes.get(column.text(value), -1),  # type: ignore[misc]
            )
            missing |= value < 0
            slot = slot * len(feature.groups) + value
        slot[missing] = FeatureGroups.of([declared[name] for name in names]).missing
        truth = encode(table[_TRUTH], classes.true_code)
        return slot * (len(classes.labels) + 1) + np.where(truth < 0, len(classes.labels), truth)

    def _tally(
        self,
        names: tuple[str, ...],
        table: ArrowTable,
        classes: Classes,
        declared: dict[str, SensitiveFeature],
        clusters: ClusterCounts | None,
    ) -> GroupTally:
        by = FeatureGroups.of([declared[name] for name in names])
        counted = table.filter(table[_COUNTED])
        truth, rows = self._truths(names, counted, classes, declared), counted[ROWS].to_numpy()
        said = encode(counted[_SAID], classes.said_code)
        shape = (len(by.slots), len(classes.labels) + 1, len(classes.labels))
        counts = np.zeros(shape, dtype=np.int64)
        np.add.at(counts.reshape(-1), truth * len(classes.labels) + said, rows)
        scores = None
        if self.answers.score is not None:
            scores = np.zeros((*shape[:2], BINS), dtype=np.int64)
            np.add.at(scores.reshape(-1), truth * BINS + counted[_SCORE].to_numpy(), rows)
        return GroupTally(by, classes.labels, counts, scores, clusters)
