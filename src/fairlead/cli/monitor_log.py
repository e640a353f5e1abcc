"""What is done with a service's request logs: one table of them, and deletion by id."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fairlead.cli.parser import Parser
from fairlead.errors import ConfigurationError, OutputFolderError, UnknownNameError

if TYPE_CHECKING:
    from fairlead.bundle import Bundle
    from fairlead.monitoring import DamagedLines
    from fairlead.tables import Compacted

_Record = TypeVar("_Record")
_FORGOTTEN_NONE = 1


def run_monitor_log(arguments: Sequence[str]) -> int:
    """Runs ``compact`` or ``forget``, the first argument."""
    verb = arguments[0] if arguments else ""
    if verb not in _VERBS:
        raise UnknownNameError("verb", verb, _VERBS, where="fairlead monitor")
    return _VERBS[verb](arguments[1:])


def run_compact(arguments: Sequence[str]) -> int:
    """Writes the answers of a bundle, each beside its truth, as a Parquet file; prints the command that audits it."""
    options = _compact_parser().parse_args(list(arguments))
    target = _target(Path(options.output))

    from fairlead.bundle import Bundle
    from fairlead.monitoring import DamagedLines, read_log
    from fairlead.tables import compact

    bundle, damaged = Bundle.open(options.bundle), DamagedLines()
    records = _counted(read_log([Path(name) for name in options.logs], damaged))
    done = compact(records, target, model=bundle.digest, labels=bundle.labels, memory=options.memory)
    _tell(done, damaged, target, bundle)
    return 0


def run_forget(arguments: Sequence[str]) -> int:
    """Deletes requests from logs; returns 1 where one was not found."""
    options = _forget_parser().parse_args(list(arguments))
    if not options.id or not all(options.id):
        raise ConfigurationError("name the requests to forget with --id, once or more")

    from fairlead.monitoring import forget

    found = forget([Path(name) for name in options.logs], options.id)
    print(f"{found.lines} lines and {found.inputs} inputs deleted, {len(found.segments)} segments written anew")
    for segment in found.segments:
        print(f"  {segment}")
    if found.lines or found.inputs:
        print("Parquet files that were made of these logs before hold them still: delete those, and compact anew")
    missing = [request for request in options.id if request not in found.requests]
    if missing:
        print(f"not found: {', '.join(map(repr, missing))}", file=sys.stderr)
    return _FORGOTTEN_NONE if missing else 0


_VERBS: dict[str, Callable[[Sequence[str]], int]] = {"compact": run_compact, "forget": run_forget}


def _tell(done: Compacted, damaged: DamagedLines, target: Path, bundle: Bundle) -> None:
    print(f"{done.rows} answers of {bundle.digest[:12]}, {done.labelled} with a label: {target}")
    told = [
        (done.conflicts, "answers were told different labels; the first is kept"),
        (done.ambiguous, "ids were answered more than once; their rows have no target"),
        (done.unmatched, "labels are of no answer of this model in these logs"),
        (done.unknown_classes, f"labels are no class of this model ({_few(bundle.labels)})"),
        (done.unfit, "records are not such as this model answers, and were left out"),
        (sum(done.other_models.values()), f"answers of other models were left out ({_few(done.other_models, 12)})"),
        (damaged.count, "lines hold no record, and were left out"),
    ]
    for number, what in told:
        if number:
            print(f"  {number} {what}", file=sys.stderr)
    for line in damaged.named:
        print(f"    {line}", file=sys.stderr)
    for feature, column in done.features.items():
        if column != feature:
            print(f"  the feature {feature!r} is the column {column!r}", file=sys.stderr)
    print(_next_step(done, target, bundle))


def _next_step(done: Compacted, target: Path, bundle: Bundle) -> str:
    if not done.features:
        return "audit       it has no sensitive feature to audit by; let the service keep some"
    if not done.labelled:
        return "audit       it has no label yet; send some to the service's /feedback"
    command = ["fairlead", "audit", str(target), "--target", "target", "--prediction", "predicted"]
    command += ["--sensitive", *done.features.values()]
    if len(bundle.labels) == 2:
        command += ["--positive", bundle.labels[1]]
    return f"audit       {shlex.join([*command, '--output', str(target.with_suffix('')) + '-audit'])}"


def _few(names: Iterable[str], most: int | None = None) -> str:
    listed = [name[:most] for name in names]
    return ", ".join(listed[:4]) + (", ..." if len(listed) > 4 else "")


def _counted(records: Iterable[_Record]) -> Iterator[_Record]:
    """Shows how far it is, where someone looks on."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    shown = Console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("records", total=None)
        read = 0
        for record in records:
            yield record
            read += 1
            if read % 1000 == 0:
                bar.update(task, completed=read)
        bar.update(task, completed=read, description="joining")


def _target(file: Path) -> Path:
    """Refuses before anything is read what cannot be written after."""
    if file.suffix.lower() not in (".parquet", ".pq"):
        raise ConfigurationError(f"--output {file} is a Parquet file; let its name end in .parquet")
    if file.exists():
        raise OutputFolderError(f"{file} exists; name another file with --output")
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise OutputFolderError(f"there is no folder {file.parent} of yours; make it, or name another file")
    return file


def _compact_parser() -> Parser:
    parser = Parser(
        prog="fairlead monitor compact",
        description="Write a service's request logs as one Parquet file, a row for each answer of one bundle: id, time "
        "(UTC), model, predicted, a calibrated probability for each class, target (the first label that was told, "
        "empty where none was), leads, properties of the input, and the sensitive features that were sent. A label "
        "joins by id, however late. It prints the command that audits the file like a test set. Nothing is "
        "overwritten; small groups and ids are in it: it is not for publication.",
    )
    add = parser.add_argument
    add("logs", type=str, nargs="+", metavar="LOGS", help="request logs: folders of segments, or segments")
    add("--bundle", type=str, required=True, metavar="BUNDLE", help="the bundle whose answers are written")
    add("--output", type=str, required=True, metavar="FILE", help="the file to write, FILE.parquet")
    add("--memory", type=str, default="1GB", metavar="M", help="the most that DuckDB takes before it uses the disk")
    return parser


def _forget_parser() -> Parser:
    parser = Parser(
        prog="fairlead monitor forget",
        description="Delete requests from request logs: answers, labels told of them, and inputs where they are kept. "
        "The segments that hold one are written anew, each in one step; the service may go on running. An id stands "
        "for all items of its request, ID/3 for one of them. What a state file or a tally counted stays counted: it "
        "holds no ids to be read, and no inputs. The exit code is 1 where an id was not found.",
    )
    add = parser.add_argument
    add("logs", type=str, nargs="+", metavar="LOGS", help="request logs: folders of segments, or segments")
    add("--id", type=str, action="append", default=[], metavar="ID", help="a request to forget; may be given again")
    return parser
