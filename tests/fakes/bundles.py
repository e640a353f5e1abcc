"""A whole bundle in milliseconds: a graph written by hand, whose answers NumPy knows."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from fairlead.bundle import FileDigest, Goldens, Manifest, Predictor, scores_of, write_bundle
from fairlead.bundle.reader import Read
from fairlead.export import golden_files
from fairlead.measures import EmbeddingSketch, Reference
from fairlead.preprocessing import ImagePreprocessing, decode_image
from fairlead.records import Labels

SIZE = 8
LABELS = ["benign", "malignant", "other"]
WEIGHTS = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32) / 40
PREPROCESSING = ImagePreprocessing.from_timm({"input_size": (3, SIZE, SIZE), "crop_pct": 1.0})
PASSES = {"passes": True, "blocked_by": [], "override": None}
BLOCKED = {"passes": False, "blocked_by": ["FAIR-003 true_positive_rate_difference, sex: flagged"], "override": None}


def graph(extra=(), classes=3) -> onnx.ModelProto:
    """Mean colour as features, a linear layer, softmax."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["features"], keepdims=0),
        helper.make_node("MatMul", ["features", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        *extra,
    ]
    constants = [
        numpy_helper.from_array(np.array([2, 3]), "axes"),
        numpy_helper.from_array(WEIGHTS[:, :classes], "weights"),
    ]
    made = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3]),
        ],
        constants,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def expected(content: bytes) -> np.ndarray:
    """The probabilities of a picture, by NumPy."""
    mean = PREPROCESSING.evaluation_crop(decode_image(content)).astype(np.float64).mean(axis=(0, 1))
    raised = np.exp(mean @ WEIGHTS)
    return raised / raised.sum()


def contents(gate=PASSES) -> dict[str, bytes]:
    pictures = {f"goldens/{name}": content for name, content in list(golden_files().items())[:3]}
    goldens = Goldens(pictures, np.stack([expected(content) for content in pictures.values()]))
    said = {
        "preprocessing.json": PREPROCESSING.to_dict(),
        "labels.json": LABELS,
        "calibration.json": {"schema": 1, "temperature": 1.25},
        "decision.json": None,
        "reference/tallies.json": {"schema": 1, "split": "calibration", "tallies": []},
        "goldens/expected.json": goldens.to_dict(),
        "evidence/evidence.json": {"schema": 1, "findings": [], "gate": gate},
    }
    return {
        "model.onnx": graph().SerializeToString(),
        "weights.safetensors": save({"weights": WEIGHTS}),
        "card.md": b"# A card\n",
        **pictures,
        **{name: json.dumps(content).encode() for name, content in said.items()},
    }


def manifest(files: dict[str, bytes], gate=PASSES, **changes) -> Manifest:
    facts = {
        "task": "multiclass",
        "labels_sha256": FileDigest.of(files["labels.json"]).sha256,
        "fairlead": "0.1.0",
        "opset": 18,
        "tolerance": 1e-4,
        "gate": gate,
        "parity": {"awkward": {"files": 3, "largest_difference": 1e-7, "worst": "a.png"}, "held_out": None, "note": ""},
        "versions": {},
        "files": {name: FileDigest.of(content) for name, content in files.items()},
    }
    return Manifest(**facts | changes)


def tiny_bundle(folder: Path, gate=PASSES, change=lambda files: None, **changes) -> Path:
    """Writes a bundle; ``change`` may alter its files before they are digested."""
    files = contents(gate)
    change(files)
    return write_bundle(folder, files, manifest(files, gate, **changes).to_bytes())


def tiny_reference(rows=400) -> Reference:
    """What the graph above makes of noise of many colours; truth is what it decides, one in five at random."""
    generator = np.random.default_rng(7)
    predictor = Predictor(graph().SerializeToString(), PREPROCESSING, Labels(tuple(LABELS)), threads=1)
    shape, counted = (_seen(predictor, generator, rows) for _ in range(2))
    sketch = EmbeddingSketch.of(np.stack([one.features for one in shape]))
    decided = np.array([one.code for one in counted])
    drawn = generator.integers(3, size=rows)
    return Reference.of(
        Labels(tuple(LABELS)),
        scores_of(shape, sketch) | {"confidence": np.array([one.probabilities.max() for one in shape])},
        scores_of(counted, sketch),
        probabilities=np.stack([one.probabilities for one in counted]),
        targets=np.where(generator.random(rows) < 0.2, drawn, decided),
        decided=decided,
        sketch=sketch,
    )


def tiny_picture(generator) -> np.ndarray:
    """(SIZE, SIZE, 3) of a colour with noise on it, as the reference of ``referenced_bundle`` was counted from."""
    noisy = generator.integers(40, 216, size=3) + generator.integers(-40, 40, size=(SIZE, SIZE, 3))
    return noisy.astype(np.uint8)


def referenced_bundle(folder: Path, gate=PASSES, rows=400, **changes) -> Path:
    """Writes a bundle with a reference for monitoring."""
    content = json.dumps(tiny_reference(rows).to_dict()).encode()
    return tiny_bundle(folder, gate, lambda files: files.update({"reference/scores.json": content}), **changes)


def _seen(predictor, generator, rows):
    seen = []
    reads = [
        Read(np.ascontiguousarray(tiny_picture(generator).transpose(2, 0, 1)), original=(SIZE, SIZE))
        for _ in range(rows)
    ]
    predictor.answers(reads, np.zeros(rows, dtype=np.int64), observe=seen.append)
    return seen
