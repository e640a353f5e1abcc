"""The fairness audit of a table of predictions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.cli.parser import Parser
from fairlead.errors import ConfigurationError, OutputFolderError
from fairlead.evidence import Ledger, Override
from fairlead.judgement import GateDecision, Policy, ReleaseGate, judge
from fairlead.measures import written_tallies
from fairlead.records import RunFolder

if TYPE_CHECKING:
    from fairlead.tables import AuditColumns, TableTallies

BLOCKED = 1
EVIDENCE = "evidence.json"


def run_audit(arguments: Sequence[str]) -> int:
    """Counts a table, judges what was counted, and writes the evidence; returns 1 where the gate does not pass."""
    options = _parser().parse_args(list(arguments))
    columns, policy, override = _columns(options), _policy(options.policy), _override(options)
    if options.fewest_shown < 1 or (options.threads is not None and options.threads < 1):
        raise ConfigurationError("--fewest-shown and --threads are at least 1")
    evidence = _evidence_file(Path(options.output))

    from fairlead.cli.audit_story import tell_audit
    from fairlead.report import write_report
    from fairlead.tables import count_table, open_table

    path = Path(options.table).expanduser()
    with open_table(path, text=columns.texts, memory=options.memory, threads=options.threads) as table:
        counted = count_table(table, columns, where=path.name)
    ledger, decision = _decide(counted, policy, override, options.fewest_shown)
    evidence.parent.mkdir(parents=True, exist_ok=True)
    RunFolder.write_json(evidence, ledger.to_dict() | {"gate": decision.to_dict()})
    tell_audit(counted, columns, ledger, decision, evidence)
    run = RunFolder(evidence.parent)
    content = written_tallies({counted.split: counted.tallies}, options.fewest_shown)
    RunFolder.write_json(run.tallies, content, indent=None)
    _draw(counted, ledger, decision, run, options.fewest_shown)
    write_report(run)
    print(f"report: {run.report}")
    return 0 if decision.passes else BLOCKED


def _decide(
    counted: TableTallies, policy: Policy, override: Override | None, fewest_shown: int
) -> tuple[Ledger, GateDecision]:
    """Judges; an override is used, and becomes a finding, only where the gate does not pass without it."""
    ledger = judge(counted.tallies, policy, counted.split, fewest_shown=fewest_shown)
    decision = ReleaseGate.of(policy).decide(ledger)
    if decision.passes or override is None:
        return ledger, decision
    return ledger.add(override.finding()), ReleaseGate.of(policy).decide(ledger, override)


def _draw(counted: TableTallies, ledger: Ledger, decision: GateDecision, run: RunFolder, fewest_shown: int) -> None:
    """Draws the groups where matplotlib is at hand; an audit does without."""
    from fairlead.report import draw_groups, explain_gate

    if not counted.tallies:
        return
    title, note = f"Rows of the split {counted.split}, by group", f"Release gate: {explain_gate(decision)}"
    try:
        draw_groups(counted.tallies, run.groups, findings=ledger, title=title, note=note, fewest=fewest_shown)
    except ModuleNotFoundError as error:
        print(f"no {run.groups.name}, for {error.name or error} is not installed; pip install matplotlib for it")


def _parser() -> Parser:
    parser = Parser(
        prog="fairlead audit",
        description="Audit the predictions of any model, in any framework, from a table of them. Writes evidence.json, "
        "report.html, card.md, groups.png, and tallies.json, which holds small groups too and is not for publication. "
        "The exit code is 0 where the release gate passes, 1 where it does not, 2 on misuse.",
    )
    parser.add_argument("table", type=str, metavar="TABLE", help="CSV, TSV or Parquet, or a folder of Parquet files")
    _add_columns(parser)
    verdict = parser.add_argument_group("verdict")
    verdict.add_argument("--policy", type=str, default=None, metavar="FILE", help="limits; default: three of 0.1 each")
    verdict.add_argument("--output", type=str, required=True, metavar="DIR", help="where they go")
    verdict.add_argument(
        "--override", type=str, default=None, metavar="REASON", help="pass a gate that blocks, and why"
    )
    verdict.add_argument("--by", type=str, default=None, metavar="NAME", help="who answers for the override")
    verdict.add_argument("--fewest-shown", type=int, default=10, metavar="N", help="rows from which a group is quoted")
    engine = parser.add_argument_group("engine")
    engine.add_argument("--memory", type=str, default="2GB", metavar="SIZE", help="the most DuckDB takes")
    engine.add_argument("--threads", type=int, default=None, metavar="N", help="default: one a core")
    return parser


def _add_columns(parser: Parser) -> None:
    add = parser.add_argument_group("columns").add_argument
    add("--target", type=str, required=True, metavar="C", help="the true classes")
    add(
        "--prediction",
        type=str,
        required=True,
        metavar="C",
        help="predicted classes; or the positive class's probability; or, where columns C_<class> hold a probability "
        "each, the C they share",
    )
    add("--threshold", type=float, default=None, metavar="T", help="predicted positive from this on; default: 0.5")
    add("--positive", type=str, default=None, metavar="CLASS", help="of two classes; default: the larger, or the last")
    add(
        "--sensitive",
        nargs="+",
        action="extend",
        default=[],
        metavar="C",
        help="columns by whose groups the model must answer, e.g. sex age_group",
    )
    add(
        "--intersect",
        nargs="+",
        action="append",
        default=[],
        metavar="C",
        help="columns of which every combination of groups is a group; may be given again",
    )
    add(
        "--bins",
        nargs="+",
        action="extend",
        default=[],
        metavar="C=A,B",
        help="groups for a sensitive column of numbers: age=40,60 makes three",
    )
    add("--cluster", type=str, default=None, metavar="C", help="which rows belong together, e.g. patient")
    add("--split", type=str, default=None, metavar="NAME", help="the split to audit; the gate reads test alone")
    add("--split-column", type=str, default="split", metavar="C", help="the column of the splits")


def _columns(options: Any) -> AuditColumns:  # what jsonargparse parsed: attributes by flag
    from fairlead.tables import AnswerColumns, AuditColumns

    return AuditColumns(
        AnswerColumns(options.target, options.prediction, options.threshold, options.positive),
        tuple(dict.fromkeys(options.sensitive)),
        tuple(tuple(names) for names in options.intersect),
        dict(_edges(text) for text in options.bins),
        options.cluster,
        options.split,
        options.split_column,
    )


def _edges(text: str) -> tuple[str, tuple[float, ...]]:
    name, equals, edges = text.rpartition("=")
    try:
        numbers = tuple(float(edge) for edge in edges.split(","))
    except ValueError:
        equals = ""
    if not equals or not name:
        raise ConfigurationError(f"--bins takes a column and its edges, as in age=40,60; got {text!r}")
    return name, numbers


def _policy(file: str | None) -> Policy:
    return Policy.default() if file is None else Policy.from_file(Path(file))


def _override(options: Any) -> Override | None:
    if options.override is None and options.by is None:
        return None
    return Override(options.override or "", options.by or "", date.today().isoformat())


def _evidence_file(folder: Path) -> Path:
    """Returns where the evidence goes; refuses before anything is counted what cannot be written after."""
    if folder.exists() and not folder.is_dir():
        raise OutputFolderError(f"{folder} is a file; name a folder with --output")
    evidence = folder / EVIDENCE
    if evidence.exists():
        raise OutputFolderError(f"{evidence} exists, and evidence is never overwritten; name another folder")
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise OutputFolderError(f"cannot write {folder}, for {there} is no folder of yours; name another with --output")
    return evidence
