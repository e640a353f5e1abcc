"""fairlearn and torchmetrics beside the audit, where each of them is installed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator

import numpy as np

from fairlead.evidence import Verdict
from fairlead.judgement import Policy, judge
from fairlead.measures import FeatureGroups, GroupRates, GroupTally
from fairlead.records import Labels

FIVE = (
    "selection_rate_difference",
    "true_positive_rate_difference",
    "false_positive_rate_difference",
    "precision_difference",
    "accuracy_difference",
)


def tally_of(groups: np.ndarray, targets: np.ndarray, predicted: np.ndarray, count: int) -> GroupTally:
    by = FeatureGroups("g", tuple(f"g{code}" for code in range(count)))
    return GroupTally.count(by, Labels(("no", "yes")), groups, targets, predicted)


def rare_group(generator: np.random.Generator) -> Iterator[str]:
    """Three groups, one of 2 % of the rows, seen in small batches: once with the first code, once with the last."""
    yield (
        "Equal-opportunity ratio of three groups, one of 2 % of the rows. The peer renumbers the groups of a "
        "batch, so it\n"
        "errs where a missing group is followed by others, and is right where the missing one is the last.\n"
    )
    yield "| rare group | batch | all rows at once | fairlead, batches added up | torchmetrics |"
    yield "|---|---|---|---|---|"
    rows = 20_000
    for place, rare in (("first", 0), ("last", 2)):
        groups = generator.choice(3, rows, p=np.where(np.arange(3) == rare, 0.02, 0.49))
        targets = generator.integers(0, 2, rows)
        rate = np.where(groups == rare, 0.15, 0.8)
        predicted = np.where(targets == 1, generator.random(rows) < rate, generator.random(rows) < 0.2).astype(np.int64)
        truth = _ratio(tally_of(groups, targets, predicted, 3))
        for batch in (16, 64, 256):
            parts = [slice(start, start + batch) for start in range(0, rows, batch)]
            total = tally_of(groups[:0], targets[:0], predicted[:0], 3)
            for part in parts:
                total = total + tally_of(groups[part], targets[part], predicted[part], 3)
            peer = _torchmetrics(parts, groups, targets, predicted)
            yield f"| {place} | {batch} | {truth:.3f} | {_ratio(total):.3f} | {peer} |"


def _ratio(tally: GroupTally) -> float:
    rates = GroupRates.of(tally, "true_positive_rate").values[0]
    return float(rates.min() / rates.max())


def _torchmetrics(parts: list[slice], groups: np.ndarray, targets: np.ndarray, predicted: np.ndarray) -> str:
    try:
        import torch
        import torchmetrics
        from torchmetrics.classification import BinaryFairness
    except ImportError:
        return "not installed"
    metric = BinaryFairness(num_groups=3, task="equal_opportunity")
    columns = [torch.from_numpy(np.asarray(column)) for column in (predicted, targets, groups)]
    with warnings.catch_warnings(action="ignore"):
        for part in parts:
            metric.update(*(column[part] for column in columns))
        values = metric.compute()
    return f"{float(next(iter(values.values()))):.3f} ({torchmetrics.__version__})"


def false_alarms(generator: np.random.Generator, samples: int) -> Iterator[str]:
    """How often each says that there is a gap when there is none."""
    yield "| groups, rows a group | fairlead: flagged at limit 0 | fairlearn: 95 % bootstrap interval leaves out 0 |"
    yield "|---|---|---|"
    policy = Policy.from_mapping({"limits": {"true_positive_rate_difference": 0.0}})
    for count, rows in ((2, 100), (4, 100), (8, 100)):
        groups, targets = np.repeat(np.arange(count), rows), np.ones(count * rows, dtype=np.int64)
        flagged, left_out, version = 0, 0, None
        for sample in range(samples):
            predicted = (generator.random(count * rows) < 0.8).astype(np.int64)
            (finding,) = judge([tally_of(groups, targets, predicted, count)], policy, "test")
            flagged += finding.verdict is Verdict.FLAGGED
            if sample < 20:
                version, low = _fairlearn_low(groups, targets, predicted)
                left_out += low > 0
        peer = f"{left_out} of {min(20, samples)} ({version})" if version else "not installed"
        yield f"| {count}, {rows} | {flagged} of {samples} | {peer} |"


def _fairlearn_low(groups: np.ndarray, targets: np.ndarray, predicted: np.ndarray) -> tuple[str | None, float]:
    try:
        import fairlearn
        from fairlearn.metrics import MetricFrame, true_positive_rate
    except ImportError:
        return None, 0.0
    frame = MetricFrame(
        metrics=true_positive_rate, y_true=targets, y_pred=predicted, sensitive_features=groups,
        n_boot=100, ci_quantiles=[0.025, 0.975], random_state=0,
    )  # fmt: skip
    return fairlearn.__version__, float(frame.difference_ci()[0])


def speed(generator: np.random.Generator) -> Iterator[str]:
    """All intervals for five figures, two features and their intersection, and one bootstrap replicate of a peer."""
    yield "| rows | count 3 tallies | judge 5 figures x 3 | one fairlearn replicate, 5 metrics, one feature |"
    yield "|---|---|---|---|"
    policy = Policy.from_mapping({"limits": dict.fromkeys(FIVE, 0.1)})
    for rows in (1000, 10_000, 100_000, 1_000_000):
        sex, age = generator.integers(0, 2, rows), generator.integers(0, 3, rows)
        targets, predicted = generator.integers(0, 2, rows), generator.integers(0, 2, rows)
        started = time.perf_counter()
        features = (("sex", sex, 2), ("age", age, 3), ("sex x age", sex * 3 + age, 6))
        tallies = [
            GroupTally.count(
                FeatureGroups(name, tuple(f"g{code}" for code in range(size))),
                Labels(("no", "yes")),
                codes,
                targets,
                predicted,
            )
            for name, codes, size in features
        ]
        counted = time.perf_counter() - started
        times = []
        for _ in range(5):
            started = time.perf_counter()
            judge(tallies, policy, "test")
            times.append(time.perf_counter() - started)
        peer = _fairlearn_replicate(age, targets, predicted) if rows <= 100_000 else "not run"
        yield f"| {rows:,} | {1000 * counted:.1f} ms | {1000 * min(times):.1f} ms | {peer} |"


def _fairlearn_replicate(groups: np.ndarray, targets: np.ndarray, predicted: np.ndarray) -> str:
    try:
        from fairlearn import metrics as fairlearn
        from sklearn.metrics import accuracy_score, precision_score
    except ImportError:
        return "not installed"
    chosen = {
        "selection_rate": fairlearn.selection_rate,
        "true_positive_rate": fairlearn.true_positive_rate,
        "false_positive_rate": fairlearn.false_positive_rate,
        "precision": precision_score,
        "accuracy": accuracy_score,
    }
    started = time.perf_counter()
    fairlearn.MetricFrame(
        metrics=chosen, y_true=targets, y_pred=predicted, sensitive_features=groups,
        n_boot=2, ci_quantiles=[0.025, 0.975], random_state=0,
    )  # fmt: skip
    return f"{500 * (time.perf_counter() - started):.0f} ms"
