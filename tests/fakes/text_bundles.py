"""A whole bundle of texts in milliseconds: a graph written by hand, whose answers NumPy knows."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from fairlead.bundle import Goldens, Predictor, write_bundle
from fairlead.records import Labels
from tests.fakes.bundles import LABELS, PASSES, contents, manifest
from tests.fakes.texts import word_preprocessing

PREPROCESSING = word_preprocessing(max_tokens=64)
WORTH = np.random.default_rng(0).normal(size=(PREPROCESSING.vocabulary, 3)).astype(np.float32)


def text_graph(words: int = len(WORTH)) -> onnx.ModelProto:
    """The sum of what each token is worth to each class, padding left out, as features; softmax."""
    nodes = [
        *(helper.make_node("Gather", ["tokens", name], [f"{name}s"], axis=1) for name in ("id", "mask")),
        helper.make_node("Gather", ["worth", "ids"], ["each"]),
        helper.make_node("Cast", ["masks"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["floats", "last"], ["shown"]),
        helper.make_node("Mul", ["each", "shown"], ["counted"]),
        helper.make_node("ReduceSum", ["counted", "axes"], ["features"], keepdims=0),
        helper.make_node("Softmax", ["features"], ["probabilities"], axis=1),
    ]
    constants = [
        numpy_helper.from_array(np.array(0), "id"), numpy_helper.from_array(np.array(1), "mask"),
        numpy_helper.from_array(np.array([2]), "last"), numpy_helper.from_array(np.array([1]), "axes"),
        numpy_helper.from_array(WORTH[:words], "worth"),
    ]  # fmt: skip
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in ("probabilities", "features")
    ]
    taken = helper.make_tensor_value_info("tokens", TensorProto.INT32, ["N", 3, "T"])
    made = helper.make_graph(nodes, "tiny", [taken], outputs, constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def expected(text) -> np.ndarray:
    """The probabilities of a text or a pair, by NumPy."""
    ids, mask, _ = PREPROCESSING.tokens([text]).planes[0]
    raised = np.exp((WORTH[ids].astype(np.float64) * mask[:, None]).sum(axis=0))
    return raised / raised.sum()


def text_predictor() -> Predictor:
    return Predictor(text_graph().SerializeToString(), PREPROCESSING, Labels(tuple(LABELS)), threads=1)


def tiny_text_bundle(folder: Path, gate=PASSES) -> Path:
    """Writes a bundle of texts, whose goldens are three."""
    files = {name: content for name, content in contents(gate).items() if not name.endswith(".png")}
    texts = {"one": "good", "two": "the service was bad", "three": "he was \u4f60\u597d ?"}
    goldens = Goldens(texts, np.stack([expected(text) for text in texts.values()]))
    kept = PREPROCESSING.to_dict()
    files["tokenizer.json"] = kept.pop("tokenizer").encode()
    said = {"preprocessing.json": kept, "goldens/expected.json": goldens.to_dict()}
    files |= {name: json.dumps(content).encode() for name, content in said.items()}
    files |= {"model.onnx": text_graph().SerializeToString(), "weights.safetensors": save({"worth": WORTH})}
    return write_bundle(folder, files, manifest(files, gate).to_bytes())
