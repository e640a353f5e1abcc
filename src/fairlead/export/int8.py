"""A model in 8 bits, with what it is worth on rows it was not made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairlead.bundle import Predictor
from fairlead.data import Rows
from fairlead.errors import ExportError
from fairlead.evidence import Ledger
from fairlead.export.answers import Progress, answers_of
from fairlead.export.awkward import golden_files
from fairlead.export.awkward_texts import golden_texts
from fairlead.export.quantisation import quantise
from fairlead.judgement import GateDecision
from fairlead.measures import GroupTally
from fairlead.modules import Classifier
from fairlead.records import Modality, Predictions, Split

RANGES_FROM = 256  # calibration pictures
_LEAST_TOLERANCE, _MOST_TOLERANCE = 0.005, 0.1


@dataclass(frozen=True)
class Judged:
    """What the model in 8 bits is worth.

    Attributes:
        ledger: Its findings on test rows.
        gate: What the release gate says of them.
        record: Beside those of the model in 32 bits, as plain JSON values.
        lines: The same for a person.
    """

    ledger: Ledger
    gate: GateDecision
    record: dict[str, Any]
    lines: tuple[str, ...] = ()


# Test rows as the model in 32 bits answers them, and as the one in 8 does; it raises where too much is lost.
Judge = Callable[[Predictions, Predictions], Judged]


@dataclass(frozen=True, eq=False)
class Int8Model:
    """What goes into a bundle in place of the graph in 32 bits.

    Attributes:
        graph: An ONNX file.
        tolerance: The most by which a golden answer may differ elsewhere.
        tallies: Of calibration rows, as this model decides them.
        judged: What it is worth.
    """

    graph: bytes
    tolerance: float
    tallies: tuple[GroupTally, ...]
    judged: Judged


def int8_model(
    graph: bytes, module: Classifier, rows: Rows, judge: Judge, *, progress: Progress = lambda seen: seen
) -> Int8Model:
    """Brings a graph into 8 bits by calibration rows, and judges it by test rows.

    Args:
        graph: In 32 bits, as it was held against the module.
        module: What it came from.
        rows: The run's data.
        judge: Compares both models, and raises where too much is lost.
        progress: Is handed the starts of the batches of test rows.

    Raises:
        ExportError: no calibration rows, or a graph that does not answer alike wherever it runs.
    """
    calibration = rows.of(Split.CALIBRATION)
    places = np.unique(np.linspace(0, len(calibration) - 1, min(RANGES_FROM, len(calibration))).round().astype(int))
    fp32 = Predictor(graph, module.preprocessing, module.labels, decision=module.decision)
    read = [fp32.read(rows.items.content(int(index))) for index in calibration[places]]
    made = quantise(graph, [one.inputs for one in read if not isinstance(one, str)], fp32.reader.modality)
    int8 = Predictor(made, module.preprocessing, module.labels, decision=module.decision)
    before, after = answers_of([fp32, int8], rows, rows.of(Split.TEST), progress=progress)
    judged = judge(before, after)
    (counted,) = answers_of([int8], rows, calibration)
    tallies = tuple(GroupTally.of(counted, (feature.name,)) for feature in counted.sensitive)
    return Int8Model(made, tolerance(made, int8, fp32), tallies, judged)


def tolerance(graph: bytes, int8: Predictor, fp32: Predictor) -> float:
    """Returns by how much the goldens' answers may differ elsewhere, on another processor or by another runtime.

    It is four times what they differ by between two ways to compute here, or half of what the 8 bits themselves change,
    whichever is more: less than that tells no two models apart that were judged alike.

    The same graph is run as it is served, by integer kernels, and with every optimisation off, where the steps in 8
    bits are emulated in floats: as far apart as two processors may be, in sums whose rounding falls on another step.

    Raises:
        ExportError: they differ so much that a golden would prove nothing.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    emulated = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    goldens = golden_texts() if int8.reader.modality is Modality.TEXT else golden_files()
    inputs = int8.reader.stack([int8.inputs(item) for item in goldens.values()])
    answers = int8.run(inputs)[0]
    apart = float(np.abs(answers - emulated.run(None, {int8.reader.port: inputs})[0]).max())
    changed = float(np.abs(answers - fp32.run(inputs)[0]).max())
    found = min(max(_LEAST_TOLERANCE, 4 * apart, changed / 2), _MOST_TOLERANCE)
    if not 4 * apart <= _MOST_TOLERANCE:
        raise ExportError(
            f"in 8 bits an answer differs by {apart:.2g} between integer kernels and their emulation, so that what is "
            "measured here would not hold elsewhere; export it without --int8"
        )
    return found
