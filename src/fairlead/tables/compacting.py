"""A request log as one table, each answer beside the truth that was told of it."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fairlead.errors import ConfigurationError, DataError, OutputFolderError
from fairlead.records import Feedback, Labels, Observation
from fairlead.tables.compacted import Compacted, CompactedColumns, literal, utf8_text

_PORTION = 20_000  # records that are handed to DuckDB at a time
_LATEST = 253_402_300_800.0  # the year 10000, in seconds since 1970
_TABLES = """
CREATE TABLE seen (place BIGINT, id VARCHAR, time DOUBLE, predicted VARCHAR, probabilities DOUBLE[], leads BOOLEAN,
    scores MAP(VARCHAR, DOUBLE), groups MAP(VARCHAR, VARCHAR));
CREATE TABLE told (place BIGINT, id VARCHAR, label VARCHAR);
CREATE TABLE classes (label VARCHAR);
"""
_JOINED = """
CREATE TABLE answers AS SELECT id, count(*) AS times FROM seen GROUP BY id;
CREATE TABLE truths AS SELECT id, arg_min(label, place) AS label, min(label) <> max(label) AS differ
    FROM told JOIN answers USING (id) WHERE label IN (SELECT label FROM classes) GROUP BY id;
"""
_COUNTS = """
SELECT (SELECT count(*) FROM seen),
    (SELECT count(*) FROM truths JOIN answers USING (id) WHERE times = 1),
    (SELECT count(*) FROM truths JOIN answers USING (id) WHERE times = 1 AND differ),
    (SELECT count(*) FROM answers WHERE times > 1),
    (SELECT count(*) FROM told WHERE id NOT IN (SELECT id FROM answers)),
    (SELECT count(*) FROM told JOIN answers USING (id) WHERE label NOT IN (SELECT label FROM classes))
"""


def compact(
    records: Iterable[Observation | Feedback], target: Path, *, model: str, labels: Labels, memory: str = "1GB"
) -> Compacted:
    """Writes the answers of one model as a Parquet file, with the first class that was told of each.

    A label joins by the id of its answer, before or after it, however late. One answer of an id is joined: where an id
    was answered twice, nobody knows which of both a label means. DuckDB joins, on disk where memory does not do.

    Args:
        records: Of a log.
        target: The file; it appears once it is whole.
        model: The digest of the bundle whose answers are written.
        labels: Its C classes.
        memory: The most that DuckDB takes.

    Raises:
        ConfigurationError: the packages of the extra ``tables`` are not installed, or a memory limit that is none.
        OutputFolderError: the file is there already.
        DataError: no answer of this model, or names that no table can hold.

    Examples:
        >>> answers = [Observation("r1", 1.5, "ab12", "cat", (0.75, 0.25)), Feedback("r1", 9.0, "dog")]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     compact(answers, Path(folder) / "log.parquet", model="ab12", labels=Labels(("cat", "dog"))).labelled
        1
    """
    try:
        import duckdb
        import pyarrow
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"a log is compacted with {error.name}, which is not installed; install fairlead[tables]"
        ) from error
    if target.exists():
        raise OutputFolderError(f"{target} exists; name another file")
    with tempfile.TemporaryDirectory(prefix=".fairlead-compact-", dir=target.parent) as scratch:
        try:
            settings: dict[str, Any] = {"memory_limit": memory, "temp_directory": scratch}
            connection = duckdb.connect(str(Path(scratch) / "log.duckdb"), config=settings)
        except duckdb.Error as error:
            raise ConfigurationError(f"DuckDB does not take {memory} as a limit of memory; try 1GB") from error
        try:
            compacting = _Compacting(connection, pyarrow, model, labels)
            compacting.read(records)
            return compacting.write(target, Path(scratch))
        except duckdb.OutOfMemoryException as error:
            raise DataError(f"the log needs more than {memory} to be joined; raise it with --memory") from error
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0][:200]
            raise DataError(
                f"DuckDB cannot join the log: {reason}; see whether {target.parent} has room for twice the log"
            ) from error
        finally:
            connection.close()


class _Compacting:
    """From records to DuckDB, and from there to a file."""

    def __init__(self, connection: Any, arrow: Any, model: str, labels: Labels) -> None:
        self._connection, self._arrow = connection, arrow
        self._model, self._labels = model, labels
        self._columns = CompactedColumns(labels)
        self._place = itertools.count()
        self._others: dict[str, int] = {}
        self._unfit = 0
        connection.execute(_TABLES)
        connection.executemany("INSERT INTO classes VALUES (?)", [[utf8_text(label)] for label in labels])

    def read(self, records: Iterable[Observation | Feedback]) -> None:
        """Takes records, a portion at a time."""
        rest = iter(records)
        while portion := list(itertools.islice(rest, _PORTION)):
            told = [(next(self._place), record) for record in portion if isinstance(record, Feedback)]
            seen = [(next(self._place), record) for record in self._own(portion)]
            if told:
                places, labels = zip(*told, strict=True)
                self._insert("told", self._told(places, labels))
            if seen:
                places, answers = zip(*seen, strict=True)
                self._insert("seen", self._seen(places, answers))

    def write(self, target: Path, scratch: Path) -> Compacted:
        """Joins, writes beside the target, and moves it there in one step."""
        self._connection.execute(_JOINED)
        rows, labelled, conflicts, ambiguous, unmatched, unknown = self._connection.execute(_COUNTS).fetchone()
        if not rows:
            others = (
                f"; it has those of {', '.join(name[:12] for name in list(self._others)[:3])}" if self._others else ""
            )
            raise DataError(
                f"the log has no answer of the model {self._model[:12]}{others}; name the bundle that answered"
            )
        written = scratch / "written.parquet"  # in a folder that nobody else may look into
        query = f"{self._columns.query(self._model)} ORDER BY seen.place"
        self._connection.execute(f"COPY ({query}) TO {literal(str(written))} (FORMAT parquet, COMPRESSION zstd)")
        written.chmod(0o600)
        if target.exists():
            raise OutputFolderError(f"{target} exists; name another file")
        written.replace(target)
        return Compacted(
            rows=rows,
            labelled=labelled,
            conflicts=conflicts,
            ambiguous=ambiguous,
            unmatched=unmatched,
            unknown_classes=unknown,
            unfit=self._unfit,
            other_models=self._others,
            features=self._columns.features,
        )

    def _own(self, portion: Sequence[Observation | Feedback]) -> Iterator[Observation]:
        classes = frozenset(self._labels)
        for record in portion:
            if not isinstance(record, Observation):
                continue
            if record.model != self._model:
                self._others[record.model] = self._others.get(record.model, 0) + 1
            elif (
                record.predicted not in classes
                or len(record.probabilities) != len(self._labels)
                or not (math.isfinite(record.time) and 0 <= record.time < _LATEST)
            ):
                self._unfit += 1
            else:
                self._columns.add(record)
                yield record

    def _told(self, places: Sequence[int], told: Sequence[Feedback]) -> Any:
        return self._arrow.table(
            {
                "place": places,
                "id": [utf8_text(one.id) for one in told],
                "label": [utf8_text(one.label) for one in told],
            }
        )

    def _seen(self, places: Sequence[int], seen: Sequence[Observation]) -> Any:
        text, number = self._arrow.string(), self._arrow.float64()
        scores = [[(utf8_text(name), value) for name, value in one.scores.items()] for one in seen]
        groups = [
            [(utf8_text(name), None if value is None else utf8_text(value)) for name, value in one.groups.items()]
            for one in seen
        ]
        return self._arrow.table(
            {
                "place": places,
                "id": [utf8_text(one.id) for one in seen],
                "time": [one.time for one in seen],
                "predicted": [utf8_text(one.predicted) for one in seen],
                "probabilities": [list(one.probabilities) for one in seen],
                "leads": [one.leads for one in seen],
                "scores": self._arrow.array(scores, self._arrow.map_(text, number)),
                "groups": self._arrow.array(groups, self._arrow.map_(text, text)),
            }
        )

    def _insert(self, table: str, portion: Any) -> None:
        self._connection.register("portion", portion)
        self._connection.execute(f"INSERT INTO {table} SELECT * FROM portion")  # noqa: S608 - one of two names
        self._connection.unregister("portion")
