"""A run's page and card, written."""

from __future__ import annotations

from errno import ENOSPC
from pathlib import Path

from fairlead.errors import OutputFolderError
from fairlead.records import RunFolder
from fairlead.report.card import write_card
from fairlead.report.document import write_document
from fairlead.report.run_record import RunRecord


def write_report(run: RunFolder, *, output: Path | None = None, fewest: int | None = None) -> RunFolder:
    """Writes report.html and card.md from what a run's folder holds; those that exist are written anew.

    Args:
        run: The folder with the evidence.
        output: The folder for both; None for the run's own.
        fewest: Rows from which a group is shown; None for as many as when it was judged.

    Returns:
        The folder that holds both.

    Raises:
        OutputFolderError: a folder that cannot be written.

    Examples:
        >>> write_report(RunFolder(Path("no/such")))
        Traceback (most recent call last):
        fairlead.errors.ConfigurationError: no/such holds no evidence.json; name a run, or an audit's folder
    """
    record = RunRecord.read(run, fewest)
    target = run if output is None else RunFolder(output)
    try:
        target.path.mkdir(parents=True, exist_ok=True)
        RunFolder.write_atomically(target.report, write_document(record).encode("utf-8"))
        RunFolder.write_atomically(target.card, write_card(record).encode("utf-8", "replace"))
    except OSError as error:
        if error.errno == ENOSPC:  # the command line has a word for a full disk, wherever it fills
            raise
        raise OutputFolderError(
            f"cannot write to {target.path} ({error.strerror or error}); name a folder of yours with --output"
        ) from error
    return target
