"""What a bundle says to the person who made or received it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.console import Console

from fairlead.bundle import Bundle
from fairlead.bundle.bundle import EVIDENCE, INT8
from fairlead.bundle.contents import read_json
from fairlead.cli.clock import Clock
from fairlead.errors import FairleadError
from fairlead.evidence import Estimate, Override
from fairlead.judgement import GateDecision
from fairlead.preprocessing import TextPreprocessing
from fairlead.records import RunFolder
from fairlead.report import explain_gate

if TYPE_CHECKING:
    from fairlead.data import Rows


def tell_bundle(bundle: Bundle, *, apart: float, signature: str) -> None:
    """Prints what was opened, how it was held against the trained model, and what the gate says.

    Args:
        bundle: An open one.
        apart: By how much a golden answer differs at most, here and now.
        signature: What is known of the signature.
    """
    console = Console(soft_wrap=True, highlight=False)
    manifest = bundle.manifest
    size = sum(digest.size for digest in manifest.files.values()) / 1e6
    passes = manifest.passes
    for name, text, style in (
        ("bundle", f"{bundle.path}  {len(manifest.files)} files, {size:.1f} MB, each as it was written", ""),
        ("digest", bundle.digest, ""),
        ("model", f"{manifest.task}: {_classes(bundle)}; {_made(bundle)}", ""),
        ("parity", _parity(bundle), ""),
        *([("in 8 bits", _int8(bundle), "")] if manifest.precision == "int8" else []),
        ("goldens", f"answered here; largest difference {apart:.1g}, and {manifest.tolerance:.2g} is tolerated", ""),
        ("reference", _reference(bundle), ""),
        ("signature", signature, ""),
        ("gate", explain_gate(decision_of(bundle)), "" if passes else "yellow"),
    ):
        console.print(f"[bold]{name:<12}[/bold]", end="")
        console.print(text, style=style or None, markup=False)


def bundle_up(run: RunFolder, rows: Rows, clock: Clock) -> Bundle | FairleadError:
    """Writes ``RUN/bundle``, or returns why there is none: a model that cannot be exported is no lost run."""
    from fairlead.export import export_run

    try:
        with clock.stage("export"):
            return export_run(run, rows)
    except FairleadError as error:
        return error


def decision_of(bundle: Bundle) -> GateDecision:
    """Returns the gate's decision that stands in a bundle."""
    gate = bundle.manifest.gate
    signed = Override(**gate["override"]) if gate["override"] else None
    return GateDecision(gate["passes"], tuple(gate["blocked_by"]), signed)


def next_step(bundle: Bundle, run: RunFolder) -> str:
    """Says how to serve the bundle of a run, or what to mend before it is served."""
    if bundle.manifest.passes:
        return f"fairlead serve {shlex.quote(str(bundle.path))}"
    return (
        f"mend what blocks the gate ({bundle.path / EVIDENCE} says how), or answer for it: "
        f"fairlead bundle {shlex.quote(str(run.path))}{' --int8' if bundle.manifest.precision == 'int8' else ''} "
        '--override "reason" --by NAME'
    )


def _made(bundle: Bundle) -> str:
    manifest = bundle.manifest
    return f"fairlead {manifest.fairlead}, opset {manifest.opset}, {manifest.precision}"


def _classes(bundle: Bundle) -> str:
    names = list(bundle.labels)
    return ", ".join(names[:6]) + (f", ... ({len(names)} in all)" if len(names) > 6 else "")


def _int8(bundle: Bundle) -> str:
    """Says what 8 bits cost on test rows; the whole of it stands in the bundle."""
    record = read_json(INT8, bundle.read(INT8))
    accuracy = {name: Estimate.from_dict(record["accuracy"][name]) for name in ("before", "after", "change")}
    return (
        f"accuracy {accuracy['before']} -> {accuracy['after']}, change {accuracy['change']}, on "
        f"{accuracy['change'].rows} test rows; decided otherwise {record['decided_otherwise']:.1%}; "
        f"more in {bundle.path / INT8}"
    )


def _reference(bundle: Bundle) -> str:
    """Says what the traffic of a service is compared with."""
    reference = bundle.reference
    if reference is None:
        return "none, so drift is not watched; export the run anew with this release"
    families = ", ".join(sorted({score.family for score in reference.scores}))
    return f"{reference.rows} rows: {families}" + (f"; {reference.note}" if reference.note else "")


def _parity(bundle: Bundle) -> str:
    parity = bundle.manifest.parity
    things = "texts" if isinstance(bundle.preprocessing, TextPreprocessing) else "files"
    parts = [
        f"{parity[kind]['files']} {name} {things}, largest difference {parity[kind]['largest_difference']:.1g}"
        for kind, name in (("held_out", "held-out"), ("awkward", "awkward"))
        if parity.get(kind)
    ]
    note = f"; {parity['note']}" if parity.get("note") else ""
    of = " (the graph in 32 bits)" if bundle.manifest.precision == "int8" else ""
    return "; ".join(parts) + of + note
