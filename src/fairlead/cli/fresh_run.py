"""A run folder that is only there if the run came to something."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fairlead.records import RunFolder


@contextmanager
def removed_on_failure(run: RunFolder) -> Iterator[None]:
    """Takes a new run folder away again where the block, which makes its first results, does not end.

    Some mistakes show only when every picture is read. Once they are mended, the same ``--output`` works again.

    Args:
        run: A folder that holds no result yet; nothing is removed that a run does not make before its first.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = RunFolder.create(Path(folder) / "run")
        ...     with suppress(ValueError), removed_on_failure(run):
        ...         raise ValueError
        ...     run.path.exists()
        False
    """
    try:
        yield
    except BaseException:
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        with suppress(OSError):  # the folder stays where something else lies in it
            run.config.unlink(missing_ok=True)
            run.environment.unlink(missing_ok=True)
            run.path.rmdir()
        raise
