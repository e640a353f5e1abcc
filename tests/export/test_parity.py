"""What is exported answers raw files as what was trained, or it is not exported."""

import os
import random
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from fairlead.bundle import Predictor, check_content
from fairlead.errors import ExportError
from fairlead.export import (
    Parity,
    awkward_files,
    check_parity,
    export_graph,
    export_weights,
    golden_files,
    measure_parity,
)
from fairlead.modules import ImageClassifier
from fairlead.preprocessing import ImagePreprocessing
from tests.fakes.training import tiny_backbone

LABELS = ["benign", "malignant", "other"]


def classifier():
    """Its answers differ from picture to picture, and its temperature is not 1."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = ImageClassifier(LABELS, backbone=tiny_backbone())
        nn.init.normal_(made.head.linear.weight, std=3.0)
    made.calibrate(0.7)
    return made


@pytest.fixture
def module():
    return classifier()


@pytest.fixture(scope="module")
def graph():
    """Of the same module, exported once."""
    return export_graph(classifier())


def predictor_of(module, graph):
    return Predictor(graph, module.preprocessing, module.labels, threads=1)


def test_every_awkward_file_is_answered_as_by_torch(module, graph):
    predictor = predictor_of(module, graph)
    parity = check_parity(module, predictor, awkward_files().items())
    assert parity.files == len(awkward_files())
    assert parity.largest_difference < 1e-5
    spread = np.stack([list(predictor.answer(item).probabilities.values()) for item in awkward_files().values()])
    assert np.ptp(spread, axis=0).max() > 0.05  # a model that says the same of all would agree with anything


def test_one_picture_and_many_are_answered_alike(module, graph):
    predictor = predictor_of(module, graph)
    items = list(awkward_files().values())
    together = predictor.answer_all(items)
    for item, answer in zip(items, together, strict=True):
        alone = predictor.answer(item)
        assert np.allclose(list(alone.probabilities.values()), list(answer.probabilities.values()), atol=1e-6)


def with_other(graph, name_part, change):
    """Returns the graph with one stored tensor changed."""
    model = onnx.load_from_string(graph)
    found = [tensor for tensor in model.graph.initializer if name_part in tensor.name]
    assert found, [tensor.name for tensor in model.graph.initializer]
    for tensor in found:
        tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)).astype(np.float32), tensor.name))
    return model.SerializeToString()


def test_a_graph_without_the_right_normalisation_is_refused_by_file_and_difference(module, graph):
    broken = with_other(graph, "mean", lambda mean: mean + 0.1)
    with pytest.raises(ExportError, match=r"on \S+\.(png|jpg|gif|tif|bmp) a probability differs by [\d.e-]+, and"):
        check_parity(module, predictor_of(module, broken), awkward_files().items())


def test_another_temperature_is_refused(module, graph):
    module.calibrate(0.71)
    with pytest.raises(ExportError, match="differs by"):
        check_parity(module, predictor_of(module, graph), awkward_files().items())


@pytest.mark.parametrize("change", ["interpolation", "crop"])
def test_another_way_to_cut_pictures_is_refused(module, graph, change):
    right = module.preprocessing
    said = {"input_size": (3, *right.size), "mean": right.mean, "std": right.std}
    said |= {"crop_pct": 0.8} if change == "crop" else {"crop_pct": 1.0, "interpolation": "nearest"}
    other = ImagePreprocessing.from_timm(said)
    assert other != right
    with pytest.raises(ExportError, match="differs by"):
        check_parity(module, Predictor(graph, other, module.labels), awkward_files().items())


def test_an_answer_that_is_no_number_never_passes(module, graph):
    silent = predictor_of(module, with_other(graph, "head", lambda weights: weights * np.nan))
    assert np.isnan(measure_parity(module, silent, awkward_files().items()).largest_difference)
    with pytest.raises(ExportError, match="nan"):
        check_parity(module, silent, awkward_files().items())


def test_nothing_to_compare_on_is_no_agreement(module, graph):
    with pytest.raises(ExportError, match="nothing on which"):
        check_parity(module, predictor_of(module, graph), [])
    assert not Parity(1, 2e-4, "a").passes(1e-4)


def test_onnx_s_own_evaluator_agrees_and_a_batch_of_any_size_is_taken(module, graph):
    model = onnx.load_from_string(graph)
    predictor = predictor_of(module, graph)
    for rows in (1, 2, 5):
        pixels = np.random.default_rng(rows).integers(0, 256, (rows, 3, 32, 32), dtype=np.uint8)
        expected, features = ReferenceEvaluator(model).run(None, {"pixels": pixels})
        found = predictor.run(pixels)
        assert np.allclose(found[0], expected, atol=1e-5)
        assert np.allclose(found[1], features, atol=1e-3)
        assert np.allclose(found[0].sum(axis=1), 1, atol=1e-6)


def test_exporting_leaves_the_module_and_the_generators_as_they_were(module):
    module.train()
    module.backbone.eval()
    modes = [child.training for child in module.modules()]
    weights = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    export_graph(module)
    assert [child.training for child in module.modules()] == modes
    assert all(torch.equal(tensor, weights[name]) for name, tensor in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]
    assert not any(child._forward_hooks for child in module.modules())


def test_what_a_subclass_answers_is_what_is_exported(module, graph):
    class Sharper(ImageClassifier):
        def forward(self, pixels):
            return super().forward(pixels) * 2

    sharper = Sharper(LABELS, backbone=tiny_backbone())
    sharper.load_state_dict(module.state_dict())
    check_parity(sharper, predictor_of(sharper, export_graph(sharper)), awkward_files().items())
    with pytest.raises(ExportError, match="differs by"):
        check_parity(sharper, predictor_of(sharper, graph), awkward_files().items())


def test_the_graph_and_the_weights_are_what_a_bundle_may_hold_and_name_no_folder(module, graph):
    weights = export_weights(module)
    check_content("model.onnx", graph)
    check_content("weights.safetensors", weights)
    assert str(Path(__file__).parents[2]).encode() not in graph
    assert b".py" not in graph


def test_what_onnx_has_no_words_for_is_an_export_error(module):
    class Counting(ImageClassifier):
        def forward(self, pixels):
            return super().forward(pixels) * float(pixels.sum().item() > 3)

    with pytest.raises(ExportError, match=r"test_resnet cannot be exported to ONNX .*choose another"):
        export_graph(Counting(LABELS, backbone=tiny_backbone()))


def test_goldens_are_drawn_and_the_same_each_time():
    assert golden_files() == golden_files()
    assert golden_files(1) != golden_files()
    assert len(golden_files()) >= 10


def real_weights():
    root = os.environ.get("FAIRLEAD_SHARED")
    return (Path(root) if root else Path(__file__).parents[3] / "shared") / "weights" / "mobilenetv2_100"


@pytest.mark.skipif(not real_weights().is_dir(), reason="needs real weights: name their folder in FAIRLEAD_SHARED")
def test_pretrained_weights_agree_on_every_awkward_file():
    module = ImageClassifier(LABELS, backbone=f"local-dir:{real_weights()}")
    parity = check_parity(module, predictor_of(module, export_graph(module)), awkward_files().items())
    assert 0 <= parity.largest_difference < 1e-4
