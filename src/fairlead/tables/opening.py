"""From a file to a table that DuckDB reads row by row."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairlead.errors import ConfigurationError, DataError, UnknownNameError, UnreadableFileError
from fairlead.records import natural_order

_PARQUET = (".parquet", ".pq")
_TEXT = (".csv", ".tsv")


@contextmanager
def open_table(
    path: Path, *, text: Collection[str] = (), memory: str = "2GB", threads: int | None = None
) -> Iterator[Any]:  # an ibis.Table: its columns are attributes, known at run time only
    r"""Opens a CSV, TSV or Parquet file, or a folder of Parquet files, as an Ibis table; nothing is read into memory.

    Args:
        path: The file or folder.
        text: Columns of a CSV file to take as they stand though they look like numbers: "007" is not 7.
        memory: The most that DuckDB takes; beyond it, it writes to a temporary folder.
        threads: DuckDB's threads; None for one a core.

    Raises:
        ConfigurationError: the packages of the extra ``tables`` are not installed, or a memory limit that is none.
        DataError: no such file, or not one of the formats.
        UnreadableFileError: a file that is not what its name says; the message has DuckDB's reason.

    Examples:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "said.csv"
        ...     _ = file.write_text("sex,p\nf,0.25\n")
        ...     with open_table(file) as table:
        ...         table.columns
        ('sex', 'p')
    """
    try:
        import duckdb
        import ibis
        import pyarrow
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"an audit of a table needs {error.name}, which is not installed; install fairlead[tables]"
        ) from error
    files = _files(path)
    with tempfile.TemporaryDirectory(prefix="fairlead-tables-") as scratch:
        settings = {"memory_limit": memory, "temp_directory": scratch, "preserve_insertion_order": False}
        if threads is not None:
            settings["threads"] = threads
        try:
            connection = ibis.duckdb.connect(**settings)
        except duckdb.Error as error:
            raise ConfigurationError(f"DuckDB does not take these settings: {_reason(error)}; try 2GB") from error
        try:
            yield _read(connection, path, files, text)
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise DataError(f"{path} needs more than {memory} to be counted; raise it with --memory") from error
        except (duckdb.Error, pyarrow.ArrowException) as error:
            if "Out of Memory" in str(error):
                raise DataError(f"{path} needs more than {memory} to be counted; raise it with --memory") from error
            raise UnreadableFileError(
                f"{path} cannot be read as a table: {_reason(error)}; save it again as UTF-8 CSV or Parquet"
            ) from error
        finally:
            connection.disconnect()


def _read(connection: Any, path: Path, files: list[str], text: Collection[str]) -> Any:
    if Path(files[0]).suffix.lower() in _PARQUET:
        return connection.read_parquet(files)
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    guessed = connection.read_csv(files, header=True, delim=separator).schema()
    types = {name: "VARCHAR" for name, kind in guessed.items() if name in text or not kind.is_numeric()}
    return connection.read_csv(files, header=True, delim=separator, **({"types": types} if types else {}))


def _files(path: Path) -> list[str]:
    if path.is_dir():
        files = sorted(str(file) for file in path.rglob("*") if file.suffix.lower() in _PARQUET)
        if not files:
            raise DataError(f"the folder {path} holds no Parquet files; name a table")
        return files
    if not path.is_file():
        near = natural_order(item.name for item in path.parent.iterdir()) if path.parent.is_dir() else ()
        if near:
            raise UnknownNameError("file or folder", path.name, near, where=str(path.parent))
        raise DataError(f"there is no file or folder {path}; name a table of predictions")
    if path.suffix.lower() not in (*_PARQUET, *_TEXT):
        raise DataError(f"{path} is no table that can be read; its name must end in {', '.join((*_TEXT, *_PARQUET))}")
    return [str(path)]


def _reason(error: Exception) -> str:
    """Returns the first of what DuckDB says; of a broken CSV file, the second line is the row itself."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ", ".join(line.strip() for line in lines[:2])[:200].removesuffix(".")
