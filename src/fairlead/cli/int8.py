"""What 8 bits cost, on the test rows of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from rich.progress import track

from fairlead.audits import BeforeAfter
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.errors import ConfigurationError, ExportError
from fairlead.evidence import Estimate
from fairlead.export import ExportSettings, Judged
from fairlead.judgement import Policy, ReleaseGate
from fairlead.measures import log_loss
from fairlead.records import Predictions, RunFolder
from fairlead.report import compare_accuracy, compare_findings


def judged_in_int8(settings: ExportSettings, run: RunFolder, margin: float) -> ExportSettings:
    """Returns the settings of an export in 8 bits, judged by the policy and the intersections of the run.

    Args:
        settings: Of the export.
        run: Whose options say what is accepted.
        margin: Accuracy that may be lost.

    Raises:
        ConfigurationError: the run kept no options.
    """
    if not run.config.is_file():
        raise ConfigurationError(f"{run.path} kept no options, so its data are not known; export it without --int8")
    options = FinetuneOptions.of_run(run)
    policy = options.limits()

    def judge(before: Predictions, after: Predictions) -> Judged:
        return judge_int8(before, after, policy, intersections=options.intersect, margin=margin)

    def progress(starts: Iterable[int]) -> Iterable[int]:
        return track(list(starts), "Judging 8 bits by test rows", transient=True)

    return replace(settings, int8=judge, progress=progress)


def judge_int8(
    before: Predictions,
    after: Predictions,
    policy: Policy,
    *,
    intersections: tuple[tuple[str, ...], ...] = (),
    margin: float,
) -> Judged:
    """Compares a model in 32 and in 8 bits on the same test rows, and judges the latter by a policy.

    It is refused unless the loss of accuracy is surely at most the margin: a test of non-inferiority by the lower end
    of the exact interval of the paired change.

    Raises:
        ExportError: a larger loss cannot be excluded, or no test row has a truth.
    """
    cost = BeforeAfter.of(before, after, policy, intersections=intersections)
    change = cost.overall.change
    if change is None:
        raise ExportError("8 bits are judged by test rows, and there are none whose truth is known; leave out --int8")
    if change.low < -margin:
        raise ExportError(
            f"in 8 bits the accuracy on {change.rows} test rows changes by {change}, and a loss of more than "
            f"{margin:g} cannot be excluded; nothing was written. Give more test rows, accept more by --int8-margin, "
            "or leave out --int8"
        )
    known = before.targets >= 0
    losses = [log_loss(part.probabilities[known], part.targets[known]) for part in (before, after)]
    moved = float(np.mean(before.predicted != after.predicted))
    changes = [
        (f"{one.feature} {one.group}".strip() or "all rows", one.before, one.after, one.change)
        for one in (cost.overall, *cost.groups)
    ]
    lines = (
        *compare_accuracy(changes),
        f"log loss {losses[0]} -> {losses[1]}",
        f"decided otherwise: {moved:.2%} of {len(before)} rows",
        *compare_findings(cost.before.findings, cost.after.findings),
    )
    record = cost.to_dict() | {
        "log_loss": {"before": _plain(losses[0]), "after": _plain(losses[1])},
        "decided_otherwise": moved,
        "margin": margin,
    }
    return Judged(cost.after, ReleaseGate.of(policy).decide(cost.after), record, lines)


def _plain(estimate: Estimate | None) -> dict[str, object] | None:
    return None if estimate is None else estimate.to_dict()
