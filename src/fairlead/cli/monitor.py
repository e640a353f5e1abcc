"""What a model's request log says: the same watch as in the service, over the records it left."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.cli.parser import Parser
from fairlead.errors import ConfigurationError, OutputFolderError
from fairlead.evidence import Verdict, WatchReport
from fairlead.records import Feedback, Observation, RunFolder

if TYPE_CHECKING:
    from fairlead.bundle import Bundle
    from fairlead.judgement import Policy
    from fairlead.monitoring import MergedWatch, Watch

ALARM = 1
REPORT = "watch.json"
_ON_LOGS = ("compact", "forget")
_PORTION = 1024


def run_monitor(arguments: Sequence[str]) -> int:
    """Replays request logs, or reads saved states, and tells; returns 1 where there is an alarm or a flagged finding.

    ``compact`` and ``forget`` as the first argument are verbs of their own, on logs.
    """
    if arguments and arguments[0] in _ON_LOGS:
        # Here, for what is done with logs needs a database that watching does without.
        from fairlead.cli.monitor_log import run_monitor_log

        return run_monitor_log(arguments)
    options = _parser().parse_args(list(arguments))
    logs, states = [Path(name) for name in options.logs], [Path(name) for name in options.state]
    if bool(logs) == bool(states):
        raise ConfigurationError("name either request logs or, with --state, saved states of a service; not both")
    target = None if options.output is None else _target(Path(options.output))

    from fairlead.bundle import Bundle
    from fairlead.cli.monitor_story import tell_watch
    from fairlead.judgement import Policy

    bundle = Bundle.open(options.bundle)
    policy = None if options.policy is None else Policy.from_file(Path(options.policy))
    watch = _merged(states, bundle, policy, options) if states else _replayed(logs, bundle, policy, options)
    report = watch.report()
    if not report.items:
        others = report.counts.get("other_model", 0)
        told = f": {others} answers are of other models; name the bundle that answered" if others else "; wait for some"
        raise ConfigurationError(f"{', '.join(map(str, logs or states))} holds no answer of {options.bundle}{told}")
    tell_watch(report, bundle.labels)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        RunFolder.write_json(target, report.to_dict())
        print(f"report: {target}")
    return ALARM if speaks_up(report) else 0


def speaks_up(report: WatchReport) -> bool:
    """Returns whether someone should look: an alarm was raised, or a live finding is flagged.

    Examples:
        >>> speaks_up(WatchReport("ab12", 0.05))
        False
    """
    return bool(report.alarms) or any(finding.verdict is Verdict.FLAGGED for finding in report.findings)


def _replayed(logs: Sequence[Path], bundle: Bundle, policy: Policy | None, options: Any) -> Watch:
    from rich.progress import Progress

    from fairlead.monitoring import DamagedLines, Watch, WatchSettings, read_log

    given = {"alpha": options.alpha, "bucket_seconds": options.bucket_seconds, "seed": options.seed}
    settings = WatchSettings(**{name: value for name, value in given.items() if value is not None})
    damaged = DamagedLines()
    # Looked at by itself, and read from its start again: a log of another bundle is not held in memory.
    watch = Watch.of(bundle, replace(settings, features=_watched_features(read_log(logs), bundle)), policy)
    with Progress(transient=True) as bar:
        task = bar.add_task("reading", total=None)
        for read in replay(watch, read_log(logs, damaged)):
            bar.update(task, advance=read)
    if damaged.count:
        print(f"{damaged.count} lines hold no record and were left out, the first of them {damaged.named[0]}")
    return watch


def _watched_features(records: Iterable[Observation | Feedback], bundle: Bundle) -> tuple[str, ...]:
    """Returns the features that the service watched, which every answer of the log names."""
    own = (record for record in records if isinstance(record, Observation) and record.model == bundle.digest)
    first, known = next(own, None), {tally.by.feature for tally in bundle.tallies}
    return tuple(name for name in (first.groups if first else ()) if name in known)


def replay(watch: Watch, records: Iterable[Observation | Feedback]) -> Iterator[int]:
    """Feeds a watch with records in their order; yields how many, portion by portion."""
    portion: list[Observation | Feedback] = []
    for record in records:
        if portion and (len(portion) == _PORTION or type(record) is not type(portion[-1])):
            yield _feed(watch, portion)
            portion = []
        portion.append(record)
    if portion:
        yield _feed(watch, portion)


def _feed(watch: Watch, portion: Sequence[Observation | Feedback]) -> int:
    watch.add([record for record in portion if isinstance(record, Observation)])
    watch.told([record for record in portion if isinstance(record, Feedback)])
    return len(portion)


def _merged(states: Sequence[Path], bundle: Bundle, policy: Policy | None, options: Any) -> Watch | MergedWatch:
    from fairlead.monitoring import load_watch, merged

    if any(value is not None for value in (options.alpha, options.bucket_seconds, options.seed)):
        raise ConfigurationError("a saved state has its own --alpha, --bucket-seconds and --seed; leave them out")
    whose = [path.resolve() for path in states]
    for path in whose:
        if whose.count(path) > 1:
            raise ConfigurationError(f"{path} is given twice, and would be counted twice; leave it out once")
    watches = [load_watch(path, bundle, policy=policy) for path in states]
    return watches[0] if len(watches) == 1 else merged(watches)


def _target(folder: Path) -> Path:
    """Returns where the report goes; refuses before anything is read what cannot be written after."""
    if folder.exists() and not folder.is_dir():
        raise OutputFolderError(f"{folder} is a file; name a folder with --output")
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise OutputFolderError(f"cannot write {folder}, for {there} is no folder of yours; name another with --output")
    return folder / REPORT


def _parser() -> Parser:
    parser = Parser(
        prog="fairlead monitor",
        description="Read what a service's request log says of its model: alarms of drift with a stated rate of false "
        "ones, what moved of late, quality estimated without labels, and the groups by the limits of the policy. The "
        "verdicts are those that the service itself gave. The exit code is 0 where nothing was raised or flagged, 1 "
        "where something was, 2 on misuse.\n\n"
        "fairlead monitor compact and fairlead monitor forget work on the logs themselves; see their --help.",
    )
    add = parser.add_argument
    add("logs", type=str, nargs="*", default=[], metavar="LOGS", help="request logs: folders of segments, or segments")
    add("--bundle", type=str, required=True, metavar="BUNDLE", help="the bundle that answered")
    add("--policy", type=str, default=None, metavar="FILE", help="limits; default: those the bundle was audited with")
    add(
        "--state",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="instead of logs: saved states of the service's replicas, which are added up",
    )
    add("--alpha", type=float, default=None, metavar="A", help="chance of any false alarm, for ever; default: 0.05")
    add("--seed", type=int, default=None, metavar="N", help="of the lots that break ties; default: 0, as in a service")
    add("--bucket-seconds", type=float, default=None, metavar="N", help="length of a bucket of time; default: 300")
    add("--output", type=str, default=None, metavar="DIR", help=f"where {REPORT} goes; default: it is not written")
    return parser
