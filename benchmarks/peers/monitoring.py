"""River, evidently and nannyml on streams that a file holds, each with its defaults.

They need another pandas than fairlead's other peers, so this is run by itself, in an environment of its own::

    uv run --no-project --with-requirements benchmarks/peers/monitoring.txt \
        python benchmarks/peers/monitoring.py drift KEEP/streams.npz KEEP/peers.json

``drift`` reads ``prefix`` (R, T, S) of R unchanged streams, under ``changed/NAME`` (R, U, S) how they go on, and, for
evidently, ``reference`` (R, N, S). ``cbpe`` reads ``reference`` and ``stream``, each (N, 3): probability of the second
class, decided, true.
"""

import copy
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np

os.environ |= {"DO_NOT_TRACK": "1", "EVIDENTLY_DISABLE_TELEMETRY": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
warnings.filterwarnings("ignore")

BATCH = 500
SLOW = (6, 3000)  # streams and unchanged items of KSWIN, which takes a third of a millisecond for an item and score
REPORTED = 3  # streams that evidently reads: a report takes more than a second


def main() -> None:
    kind, source, target = sys.argv[1:]
    content = dict(np.load(source))
    found = {"drift": drift, "cbpe": cbpe}[kind](content)
    Path(target).write_text(json.dumps(found))


def drift(content):
    from river.drift import ADWIN, KSWIN

    changes = {name.removeprefix("changed/"): rows for name, rows in content.items() if name.startswith("changed/")}
    prefix = content["prefix"]
    found = {
        "ADWIN": sequential(lambda _: ADWIN(), prefix, changes),
        "KSWIN": sequential(lambda seed: KSWIN(seed=seed), prefix[: SLOW[0], -SLOW[1] :], changes),
    }
    return found | ({"evidently": batches(content["reference"], prefix, changes)} if "reference" in content else {})


def sequential(make, prefix, changes):
    """One detector a score: places of the alarms of any, in each stream before the change, and the first after it."""
    before, after = [], {name: [] for name in changes}
    for stream, rows in enumerate(prefix):
        detectors = [make(1000 * stream + score) for score in range(rows.shape[1])]
        before.append([place for place, row in enumerate(rows) if raised(detectors, row)])
        for name, changed in changes.items():
            going_on = copy.deepcopy(detectors)
            first = next((place for place, row in enumerate(changed[stream]) if raised(going_on, row)), None)
            after[name].append(None if first is None else first + 1)
    return {"items": int(prefix.shape[1]), "before": before, "after": after}


def raised(detectors, row):
    found = False
    for detector, value in zip(detectors, row.tolist(), strict=True):
        if value == value:  # noqa: PLR0124 - one that is not a number is not known
            detector.update(value)
            found |= detector.drift_detected
    return bool(found)


def batches(reference, prefix, changes):
    """Of each batch of some streams, how many columns drifted, before the change and after it."""
    before = [[drifted(reference[run], part) for part in parts(prefix[run])] for run in range(REPORTED)]
    after = {
        name: [[drifted(reference[run], part) for part in parts(rows[run])[:2]] for run in range(REPORTED)]
        for name, rows in changes.items()
    }
    return {"batch": BATCH, "columns": int(prefix.shape[-1]), "before": before, "after": after}


def parts(rows):
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


def drifted(reference, batch):
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    names = [f"s{place}" for place in range(reference.shape[1])]
    frames = (pd.DataFrame(rows, columns=names) for rows in (batch, reference))
    report = Report([DataDriftPreset()]).run(*frames).dict()
    count = next(one["value"]["count"] for one in report["metrics"] if "DriftedColumnsCount" in one["metric_name"])
    return int(count)


def cbpe(content):
    import pandas as pd
    from nannyml import CBPE

    frames = [
        pd.DataFrame(content[name], columns=["probability", "decided", "true"]) for name in ("reference", "stream")
    ]
    for frame in frames:
        frame[["decided", "true"]] = frame[["decided", "true"]].astype(int)
    estimator = CBPE(
        y_pred_proba="probability", y_pred="decided", y_true="true", problem_type="classification_binary",
        metrics=["accuracy"], chunk_size=BATCH,
    )  # fmt: skip
    estimator.fit(frames[0])
    found = estimator.estimate(frames[1].drop(columns="true")).filter(period="analysis").to_df()["accuracy"]
    names = ("value", "sampling_error", "lower_confidence_boundary", "upper_confidence_boundary")
    calibrated = bool(estimator.needs_calibration)
    estimator.needs_calibration = False  # as the probabilities are
    plain = estimator.estimate(frames[1].drop(columns="true")).filter(period="analysis").to_df()["accuracy"]["value"]
    return {"calibrated": calibrated, "plain": plain.tolist()} | {name: found[name].tolist() for name in names}


if __name__ == "__main__":
    main()
