"""The bundle of a finished run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.cli.parser import Parser
from fairlead.errors import ConfigurationError, FairleadError, UnreadableFileError
from fairlead.evidence import Override
from fairlead.records import RunFolder

if TYPE_CHECKING:
    from fairlead.data import Rows

BLOCKED = 1


def run_bundle(arguments: Sequence[str]) -> int:
    """Exports the model of a run, with its evidence; returns 1 where the gate in it does not pass."""
    parser = _parser()
    options = parser.parse_args(list(arguments))
    override, key = _override(options), None if options.sign is None else Path(options.sign)
    if not 0 < options.int8_margin < 1:
        raise ConfigurationError(f"--int8-margin is a share of the rows between 0 and 1, got {options.int8_margin}")
    if options.rows < 1:
        raise ConfigurationError(f"--rows is at least 1, got {options.rows}")
    if key is not None and not key.is_file():
        raise UnreadableFileError(f"there is no key {key}; name a PEM file with --sign")
    run = RunFolder(Path(options.run))
    if not run.model.is_file():
        raise ConfigurationError(f"{run.path} holds no model.ckpt; name the folder of a finished run")

    from fairlead.bundle import Predictor
    from fairlead.cli.bundle_story import next_step, tell_bundle
    from fairlead.cli.quiet import quieten_lightning

    try:
        from fairlead.export import ExportSettings, export_run
    except ModuleNotFoundError as error:  # where bundles are served, and not made
        raise ConfigurationError(
            f"a run is exported by what trained it, and {error.name} is not installed; pip install 'fairlead[train]'"
        ) from error

    quieten_lightning()
    rows, gone = _rows(run)
    output = None if options.output is None else Path(options.output)
    settings = ExportSettings(output, override, key, options.rows)
    if options.int8:
        from fairlead.cli.int8 import judged_in_int8

        settings = judged_in_int8(settings, run, options.int8_margin)
    bundle = export_run(run, rows, settings, gone=gone)
    signature = f"by {key}" if bundle.signed else "none; --sign KEY makes one"
    tell_bundle(bundle, apart=Predictor.of(bundle).self_test(bundle), signature=signature)
    if override is not None and bundle.manifest.gate["override"] is None:
        print(f"{'override':<12}not recorded: the gate passes by itself")
    print(f"{'next':<12}{next_step(bundle, run)}")
    return 0 if bundle.manifest.passes else BLOCKED


def _parser() -> Parser:
    parser = Parser(
        prog="fairlead bundle",
        description="Export the model of a finished run with its evidence, as a folder that is ready to serve. It is "
        "written whatever the release gate says, with the gate's verdict inside. The exit code is 0 where the gate "
        "passes or is overridden, 1 where it blocks, 2 where nothing was written.",
    )
    add = parser.add_argument
    add("run", type=str, metavar="RUN", help="a run folder")
    add(
        "--output",
        type=str,
        default=None,
        metavar="DIR",
        help="where it goes; default: RUN/bundle. A bundle is replaced",
    )
    add("--override", type=str, default=None, metavar="REASON", help="pass a gate that blocks, and why")
    add("--by", type=str, default=None, metavar="NAME", help="who answers for the override")
    add("--sign", type=str, default=None, metavar="KEY", help="private elliptic-curve key (PEM) to sign with")
    add(
        "--int8",
        action="store_true",
        help="compute in 8 bits: faster, and judged anew by the run's test rows",
    )
    add(
        "--int8-margin",
        type=float,
        default=0.02,
        metavar="SHARE",
        help="accuracy that 8 bits may cost; refused while a larger loss cannot be excluded",
    )
    add("--rows", type=int, default=64, metavar="N", help="held-out files to compare both models on, at most")
    return parser


def _override(options: Any) -> Override | None:  # what jsonargparse parsed: attributes by flag
    if options.override is None and options.by is None:
        return None
    return Override(options.override or "", options.by or "", date.today().isoformat())


def _rows(run: RunFolder) -> tuple[Rows | None, str]:
    """Returns the run's data by the options it kept, or why they are gone."""
    from fairlead.cli.finetune_options import FinetuneOptions
    from fairlead.cli.run_data import run_data

    if not run.config.is_file():
        return None, "the run kept no options, so its data are not known"
    options = FinetuneOptions.of_run(run)
    try:
        return run_data(options).rows, ""
    except FairleadError as error:
        del error  # its message names a place on this machine; the bundle travels
        return None, "the run's data could not be read when it was exported"
