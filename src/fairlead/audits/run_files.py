"""What a run leaves behind, written so that nothing is ever half there."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fairlead.audits.evaluation import HeldOut, estimates
from fairlead.audits.group_audit import GroupAudit
from fairlead.audits.predictions_file import write_predictions
from fairlead.backbones import Backbone
from fairlead.data import Rows
from fairlead.evidence import Ledger
from fairlead.judgement import Policy
from fairlead.records import DecisionRule, Modality, RunFolder, Split
from fairlead.report import (
    draw_confusion,
    draw_groups,
    draw_text_losses,
    draw_top_losses,
    explain_gate,
    write_report,
)

_VERSIONS = (
    *("fairlead", "torch", "torchvision", "lightning", "timm", "transformers", "tokenizers"),
    *("numpy", "scipy", "pillow", "scikit-learn"),
)


@dataclass(frozen=True, eq=False)
class Results:
    """What was measured.

    Attributes:
        probe: Of the linear probe.
        finetuned: Of the fine-tuned model; None where there was no fine-tuning.
        rule: How the model that is kept decides; None for the most probable class.
    """

    probe: HeldOut
    finetuned: HeldOut | None = None
    rule: DecisionRule | None = None

    @property
    def won(self) -> str:
        """``"finetuned"`` where it beats the probe on validation, else ``"probe"``."""
        return "finetuned" if self.finetuned is not None and self.finetuned.beats(self.probe) else "probe"

    @cached_property
    def kept(self) -> HeldOut:
        """Of the model that is kept, deciding as it will."""
        return self.without_rule if self.rule is None else self.without_rule.decided_by(self.rule)

    @property
    def without_rule(self) -> HeldOut:
        """Of the same model, deciding for the most probable class."""
        return self.finetuned if self.finetuned is not None and self.won == "finetuned" else self.probe


def keep_run(
    run: RunFolder,
    rows: Rows,
    seconds: Callable[[], Mapping[str, float]],
    results: Results,
    *,
    model: Path,
    policy: Policy | None = None,
    intersections: Sequence[Sequence[str]] = (),
    besides: Ledger | None = None,
) -> GroupAudit:
    """Writes all that is known by now: the model that is kept, figures, evidence, then pictures, report and card.

    Called after the probe and again after fine-tuning, so that a run that is stopped has lost nothing. Each file
    appears whole.

    Args:
        run: Where.
        rows: What was predicted.
        seconds: Gives the seconds by stage at the moment of writing.
        results: What was measured.
        model: The checkpoint that is kept.
        policy: What is accepted of gaps between groups; None for the default.
        intersections: Names of sensitive features to be crossed.
        besides: Findings of other audits of the same model.

    Returns:
        The audit of the kept model's answers for validation and test rows, as ``evidence.json`` has it.
    """
    kept = results.kept
    judged = {split: kept.predictions[split] for split in (Split.VAL, Split.TEST)}
    # First: a feature it refuses leaves no file behind.
    audit = GroupAudit.of(judged, policy or Policy.default(), intersections).with_findings(besides or Ledger())
    write_predictions(run.predictions, kept.predictions, rows.items.name)
    RunFolder.write_atomically(run.model, model.read_bytes())
    content = {
        "schema": 1,
        "rows": rows.counts(),
        "probe": results.probe.to_dict(),
        "finetuned": results.finetuned.to_dict() if results.finetuned else None,
        "test": estimates(kept.figures[Split.TEST]),
        "won": results.won,
        "seconds": dict(seconds()),
    }
    RunFolder.write_json(run.metrics, content)
    RunFolder.write_json(run.evidence, audit.to_dict())
    RunFolder.write_json(run.tallies, audit.counts(), indent=None)
    _draw(run, rows, results, audit)
    write_report(run)
    return audit


def _draw(run: RunFolder, rows: Rows, results: Results, audit: GroupAudit) -> None:
    test = results.kept.predictions[Split.TEST]
    accuracy = results.kept.figures[Split.TEST]["accuracy"]
    name = "the fine-tuned model" if results.won == "finetuned" else "the linear probe"
    if results.rule is not None:
        name += f", thresholds by {results.rule.feature.name}" if results.rule.feature else ", a threshold of its own"
    note = f"95 % interval of the accuracy {accuracy.low:.3f} to {accuracy.high:.3f}" if accuracy else ""
    draw_confusion(test, run.confusion, title=f"Test rows, {name}", note=note)
    losses = f"Largest losses of {name}, test"
    if rows.items.modality is Modality.TEXT:
        draw_text_losses(test, rows.items.read, run.top_losses, names=rows.items.name, title=losses)
    else:
        draw_top_losses(test, _pixels(rows), run.top_losses, names=rows.items.name, title=losses)
    if rows.sensitive:
        draw_groups(
            audit.tallies[Split.TEST],
            run.groups,
            findings=Ledger(
                tuple(finding for finding in audit.ledger.on(Split.TEST) if finding.code.startswith("FAIR"))
            ),
            title=f"Test rows by group, {name}",
            note=f"Release gate: {explain_gate(audit.decision)}",
        )


def _pixels(rows: Rows) -> Callable[[int], NDArray[np.uint8]]:
    return lambda index: np.asarray(rows.items.read(index))


def write_environment(run: RunFolder, seed: int, backbone: Backbone) -> None:
    """Writes what a rerun needs to know: seed, backbone, versions, machine, command."""
    content = {
        "seed": seed,
        "backbone": {**backbone.describe(), "sha256": backbone.digest()},
        "command": sys.argv,
        "python": platform.python_version(),
        "machine": platform.platform(),
        "versions": {name: version(name) for name in _VERSIONS},
    }
    RunFolder.write_json(run.environment, content)
