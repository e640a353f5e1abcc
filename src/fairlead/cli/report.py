"""A run as one web page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fairlead.cli.parser import Parser
from fairlead.errors import OutputFolderError
from fairlead.records import RunFolder


def run_report(arguments: Sequence[str]) -> int:
    """Reads the files of a run or of an audit, and writes report.html."""
    parser = Parser(
        prog="fairlead report",
        description="Write a run, or what fairlead audit left, as one web page: whether the release gate passes and "
        "why, the figures with their intervals, every verdict with what to do next, and what was not tested. It needs "
        "no other file and makes no request, so it can be mailed or printed. A report that exists is written anew.",
    )
    parser.add_argument("run", type=str, metavar="RUN", help="a folder with evidence.json: a run's, or an audit's")
    parser.add_argument("--output", type=str, default=None, metavar="DIR", help="where report.html goes; default: RUN")
    options = parser.parse_args(list(arguments))

    from fairlead.report import RunRecord, write_document

    page = write_document(RunRecord.read(RunFolder(Path(options.run))))
    target = RunFolder(Path(options.run if options.output is None else options.output))
    try:
        target.path.mkdir(parents=True, exist_ok=True)
        RunFolder.write_atomically(target.report, page.encode("utf-8"))
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise OutputFolderError(
            f"cannot write {target.report}: {error.strerror}; name a folder of yours with --output"
        ) from error
    print(f"report: {target.report}")
    return 0
