"""What does an audit cost?

*Judging*: all intervals, verdicts and rows needed for five figures, two features and their intersection, once the rows
are counted; beside it one bootstrap replicate of fairlearn's ``MetricFrame`` for the same five rates and three
groupings, which gives no verdict, and of which an interval takes some hundred. Peer and ours take turns.

*Counting*: the seconds a validation epoch spends within the hooks of ``FairnessAudit``, by a clock around each, as a
share of the epoch. The audit's own end of the epoch, where it judges, is told apart.

    python -m benchmarks.audit_cost            # some minutes on one core
    python -m benchmarks.audit_cost --quick
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.audit_peers import FIVE
from fairlead.audits import FairnessAudit
from fairlead.backbones import load_backbone
from fairlead.data import Columns, ImageDataModule, Loading
from fairlead.data.synthetic import LesionWorld, SplitSizes
from fairlead.judgement import Policy, judge
from fairlead.measures import FeatureGroups, GroupTally
from fairlead.modules import ImageClassifier
from fairlead.records import Labels

RESULT = Path(__file__).parent / "results" / "audit_cost.md"
POLICY = Policy.from_mapping({"limits": dict.fromkeys(FIVE, 0.1)})


def timed(call: Callable[[], Any]) -> float:
    """Returns milliseconds."""
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The median, and the smallest to the largest."""
    return f"{np.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


# -- judging -------------------------------------------------------------------------------------------


def judging(repeats: int, sizes: Sequence[int]) -> Iterator[str]:
    generator = np.random.default_rng(0)
    yield (
        "| rows | judge 5 figures x 3, ms of wall | ms of processor | one replicate of the peer, 5 metrics x 3, ms of "
        "wall | peer / ours, wall |"
    )
    yield "|---|---|---|---|---|"
    for rows in sizes:
        sex, age = generator.integers(0, 2, rows), generator.integers(0, 3, rows)
        targets = generator.integers(0, 2, rows)
        predicted = np.where(generator.random(rows) < 0.8, targets, 1 - targets)
        codes = {"sex": (sex, 2), "age": (age, 3), "sex x age": (sex * 3 + age, 6)}
        tallies = [_tally(name, code, groups, targets, predicted) for name, (code, groups) in codes.items()]
        judge(tallies, POLICY, "test")
        ours, processor, peer = [], [], []
        for _ in range(repeats):
            started = time.process_time()
            ours.append(timed(lambda: judge(tallies, POLICY, "test")))  # noqa: B023
            processor.append(1000 * (time.process_time() - started))
            peer.append(timed(lambda: _replicates(codes, targets, predicted, 2)) / 2)  # noqa: B023
        ratios = [theirs / mine for theirs, mine in zip(peer, ours, strict=True)]
        yield f"| {rows:,} | {spread(ours)} | {spread(processor)} | {spread(peer)} | {spread(ratios)} |"


def _tally(name: str, codes: NDArray[np.int64], groups: int, *columns: NDArray[np.int64]) -> GroupTally:
    by = FeatureGroups(name, tuple(f"g{code}" for code in range(groups)))
    return GroupTally.count(by, Labels(("no", "yes")), codes, *columns)


def _replicates(
    codes: dict[str, tuple[NDArray[np.int64], int]],
    targets: NDArray[np.int64],
    predicted: NDArray[np.int64],
    replicates: int,
) -> None:
    from fairlearn import metrics as fairlearn
    from sklearn.metrics import accuracy_score, precision_score

    chosen = {
        "selection_rate": fairlearn.selection_rate,
        "true_positive_rate": fairlearn.true_positive_rate,
        "false_positive_rate": fairlearn.false_positive_rate,
        "precision": precision_score,
        "accuracy": accuracy_score,
    }
    with warnings.catch_warnings(action="ignore"):
        for groups, _ in codes.values():
            fairlearn.MetricFrame(
                metrics=chosen, y_true=targets, y_pred=predicted, sensitive_features=groups,
                n_boot=replicates, ci_quantiles=[0.025, 0.975], random_state=0,
            )  # fmt: skip


# -- counting ------------------------------------------------------------------------------------------


class Clocked(FairnessAudit):
    """Remembers the seconds spent in each of its hooks."""

    seconds: dict[str, float]

    def on_validation_epoch_start(self, *given: Any) -> None:
        """Clocked as counting."""
        self._clock("count", super().on_validation_epoch_start, *given)

    def on_validation_batch_end(self, *given: Any, **named: Any) -> None:
        """Clocked as counting."""
        self._clock("count", super().on_validation_batch_end, *given, **named)

    def on_validation_epoch_end(self, *given: Any) -> None:
        """Clocked as judging."""
        self._clock("judge", super().on_validation_epoch_end, *given)

    def _clock(self, name: str, hook: Callable[..., None], *given: Any, **named: Any) -> None:
        started = time.perf_counter()
        hook(*given, **named)
        self.seconds[name] += time.perf_counter() - started


class Epoch(L.Callback):
    """Remembers the seconds of a validation, from before its first batch to after its last hook."""

    seconds = 0.0

    def on_validation_start(self, *given: Any) -> None:  # noqa: ARG002
        """Starts the clock."""
        self.seconds = time.perf_counter()

    def on_validation_end(self, *given: Any) -> None:  # noqa: ARG002
        """Stops the clock."""
        self.seconds = time.perf_counter() - self.seconds


def counting(repeats: int, cases: Sequence[tuple[int, int]]) -> Iterator[str]:
    yield "| pixels | rows | epoch, s | counting, ms | share | judging, ms | share |"
    yield "|---|---|---|---|---|---|---|"
    for size, rows in cases:
        world = LesionWorld(rows=SplitSizes(40, rows, 0, 0), size=size)
        data = ImageDataModule(world, columns=Columns(sensitive=("tone", "ruler")), loading=Loading(32, workers=0))
        module = ImageClassifier(data.labels, backbone=load_backbone("random:resnet18", image_size=size))
        epochs, counts, judged = [], [], []
        for repeat in range(repeats + 1):
            audit = Clocked(policy=POLICY, intersections=[("tone", "ruler")])
            audit.seconds, epoch = {"count": 0.0, "judge": 0.0}, Epoch()
            trainer = L.Trainer(
                accelerator="cpu", devices=1, logger=False, enable_progress_bar=False, callbacks=[epoch, audit],
                enable_checkpointing=False, enable_model_summary=False,
            )  # fmt: skip
            trainer.validate(module, data, verbose=False)
            if repeat:  # the first one warms up
                epochs.append(epoch.seconds)
                counts.append(audit.seconds["count"])
                judged.append(audit.seconds["judge"])
        shares = [
            spread([100 * part / whole for part, whole in zip(parts, epochs, strict=True)], 2) + " %"
            for parts in (counts, judged)
        ]
        told = [spread([1000 * part for part in parts]) for parts in (counts, judged)]
        yield (f"| {size} | {rows} | {spread(epochs, 2)} | {told[0]} | {shares[0]} | {told[1]} | {shares[1]} |")


def report(quick: bool) -> Iterator[str]:
    """The whole of the result."""
    repeats = 3 if quick else 5
    yield "# What does an audit cost?\n"
    yield (
        f"Made by `python -m benchmarks.audit_cost{' --quick' if quick else ''}`, whose docstring says how. Medians of "
        f"{repeats} repeats, smallest to largest in brackets.\nOther work ran on the machine at the same time (load "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores when this was started): read the ratios and shares, not "
        "the seconds.\n"
    )
    yield "## Judging\n"
    yield from judging(repeats, (1000, 10_000) if quick else (1000, 10_000, 100_000))
    yield "\n## Counting, as a share of a validation epoch\n"
    yield (
        "ResNet-18 on one thread, float32; five figures by tone (6 groups), ruler (2) and both (12). Judging is once "
        "an epoch, however many rows.\n"
    )
    yield from counting(repeats, ((64, 200),) if quick else ((64, 600), (224, 200)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and repeats")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    text = "\n".join(report(options.quick))
    options.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
