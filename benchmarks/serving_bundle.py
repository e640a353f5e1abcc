"""A bundle of random weights: as fast as any other of its shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from fairlead import __version__
from fairlead.bundle import FileDigest, Goldens, Manifest, Predictor, Seen, scores_of, write_bundle
from fairlead.bundle import bundle as layout
from fairlead.bundle.predictor import BATCH
from fairlead.bundle.reader import Read
from fairlead.export import export_graph, export_weights, golden_files, golden_texts, quantise
from fairlead.export.graph import OPSET
from fairlead.measures import EmbeddingSketch, FeatureGroups, GroupTally, Reference
from fairlead.modules import ImageClassifier, TextClassifier
from fairlead.records import Modality

_REFERENCE = 256  # rows
GATE = {"passes": True, "blocked_by": [], "override": None}


def is_text(model: str) -> bool:
    """Whether a backbone reads texts."""
    return model.startswith("embedded:")


def untrained(model: str, classes: int) -> ImageClassifier | TextClassifier:
    """A classifier whose head, and of pictures whose backbone, has random weights."""
    torch.manual_seed(0)
    labels = [f"class{code}" for code in range(classes)]
    if is_text(model):
        return TextClassifier(labels, backbone=model).eval()
    return ImageClassifier(labels, backbone=f"random:{model}").eval()


def in_8_bits(module: ImageClassifier | TextClassifier, graph: bytes) -> bytes:
    """The graph in 8 bits, of pictures by ranges of noise."""
    if isinstance(module, TextClassifier):
        return quantise(graph, [], Modality.TEXT)
    crops = np.random.default_rng(0).integers(0, 256, (16, 3, *module.preprocessing.size), dtype=np.uint8)
    return quantise(graph, list(crops))


def with_reference(files: dict[str, bytes], predictor: Predictor) -> None:
    """Adds a reference for monitoring: answers to pictures of noise, half of them for the shape."""
    lots, height, width = np.random.default_rng(0), *predictor.preprocessing.size
    seen: list[Seen] = []
    for _ in range(0, _REFERENCE, BATCH):
        pixels = lots.integers(0, 256, (BATCH, 3, height, width), dtype=np.uint8)
        reads = [Read(one, original=(height, width)) for one in pixels]
        predictor.answers(reads, np.zeros(BATCH, dtype=np.int64), observe=seen.append)
    shape, counted = seen[: _REFERENCE // 2], seen[_REFERENCE // 2 :]
    sketch = EmbeddingSketch.of(np.stack([one.features for one in shape]))
    decided = np.array([one.code for one in counted])
    reference = Reference.of(
        predictor.labels,
        scores_of(shape, sketch) | {"confidence": np.array([one.probabilities.max() for one in shape])},
        scores_of(counted, sketch),
        probabilities=np.stack([one.probabilities for one in counted]),
        targets=lots.integers(len(predictor.labels), size=len(decided)),
        decided=decided,
        sketch=sketch,
    )
    files[layout.REFERENCE_SCORES] = json.dumps(reference.to_dict()).encode()


def random_bundle(
    folder: Path,
    model: str,
    classes: int,
    *,
    precision: str = "fp32",
    change: Callable[[dict[str, bytes], Predictor], None] | None = None,
) -> Path:
    """Writes it, with a gate that passes, goldens of its own answers, and a tally of made-up rows.

    ``change`` may add to its files before they are digested.
    """
    module = untrained(model, classes)
    graph, tolerated = export_graph(module), 1e-4
    if precision == "int8":
        graph, tolerated = in_8_bits(module, graph), 0.1
    predictor = Predictor(graph, module.preprocessing, module.labels)
    items: dict[str, bytes | str] = {f"goldens/{name}": content for name, content in golden_files().items()}
    if is_text(model):
        items = dict(golden_texts())
    expected, _ = predictor.run_all([predictor.inputs(item) for item in items.values()])
    goldens = Goldens(items, expected.astype(np.float64))
    kept = module.preprocessing.to_dict()
    tokenizer = {layout.TOKENIZER: kept.pop("tokenizer").encode()} if is_text(model) else {}
    rows = np.arange(200)
    tally = GroupTally.count(
        FeatureGroups("sex", ("f", "m")), module.labels, rows % 2, rows % classes, rows * 7 % classes
    )
    said = {
        layout.PREPROCESSING: kept,
        layout.LABELS: list(module.labels),
        layout.CALIBRATION: {"schema": 1, "temperature": 1.0},
        layout.DECISION: None,
        layout.REFERENCE: {"schema": 1, "split": "calibration", "tallies": [tally.to_dict()]},
        layout.GOLDENS: goldens.to_dict(),
        layout.EVIDENCE: {"schema": 1, "findings": [], "gate": GATE},
    }
    files = {
        **goldens.files,
        **tokenizer,
        **{name: json.dumps(content).encode() for name, content in said.items()},
        layout.MODEL: graph,
        layout.WEIGHTS: export_weights(module),
    }
    if change is not None:
        change(files, predictor)
    manifest = Manifest(
        task="multiclass",
        labels_sha256=FileDigest.of(files[layout.LABELS]).sha256,
        fairlead=__version__,
        opset=OPSET,
        tolerance=tolerated,
        precision=precision,
        gate=GATE,
        parity={"awkward": None, "held_out": None, "note": "random weights, for speed alone"},
        versions={},
        files={name: FileDigest.of(content) for name, content in files.items()},
    )
    return write_bundle(folder, files, manifest.to_bytes())
