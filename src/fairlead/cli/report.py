"""A run as one web page and a first model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fairlead.cli.parser import Parser
from fairlead.errors import ConfigurationError
from fairlead.records import RunFolder


def run_report(arguments: Sequence[str]) -> int:
    """Reads the files of a run or of an audit, and writes report.html and card.md."""
    parser = Parser(
        prog="fairlead report",
        description="Write a run, or what fairlead audit left, as one web page, report.html, and as a first model "
        "card, card.md: whether the release gate passes and why, the figures with their intervals, every verdict with "
        "what to do next, and what was not tested. The page needs no other file and makes no request, so it can be "
        "mailed or printed. Those that exist are written anew.",
    )
    parser.add_argument("run", type=str, metavar="RUN", help="a folder with evidence.json: a run's, or an audit's")
    parser.add_argument("--output", type=str, default=None, metavar="DIR", help="where both go; default: RUN")
    parser.add_argument(
        "--fewest-shown",
        type=int,
        default=None,
        metavar="N",
        help="rows from which a group is shown; default, and the least: as when it was judged",
    )
    options = parser.parse_args(list(arguments))
    if options.fewest_shown is not None and options.fewest_shown < 1:
        raise ConfigurationError("--fewest-shown is at least 1")

    from fairlead.report import write_report

    output = None if options.output is None else Path(options.output)
    target = write_report(RunFolder(Path(options.run)), output=output, fewest=options.fewest_shown)
    print(f"report: {target.report}\ncard: {target.card}")
    return 0
