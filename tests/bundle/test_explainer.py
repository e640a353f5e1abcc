"""Explanations of graphs whose truth is known."""

import time

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from fairlead.bundle import Explainer, Predictor
from fairlead.bundle.parts import Cells
from fairlead.bundle.reader import Read
from fairlead.errors import UnknownNameError
from fairlead.measures import map_curves
from fairlead.preprocessing import ImagePreprocessing
from fairlead.records import AttributionCertificate, Labels

SIZE = 56
PREPROCESSING = ImagePreprocessing.from_timm({"input_size": (3, SIZE, SIZE), "crop_pct": 1.0})


def linear(weights):
    """A predictor whose log-odds of "yes" are the sum of (3, H, W) weights times pixels: additive in the cells."""
    both = np.stack([np.zeros_like(weights), weights]).reshape(2, -1).T.astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["features"]),
        helper.make_node("MatMul", ["features", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3 * SIZE * SIZE]),
        ],
        [numpy_helper.from_array(both, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return Predictor(model.SerializeToString(), PREPROCESSING, Labels(("no", "yes")), threads=1)


@pytest.fixture(scope="module")
def scene():
    """Pixels, and weights that look at one corner only."""
    rng = np.random.default_rng(0)
    weights = np.zeros((3, SIZE, SIZE))
    weights[:, 4:20, 36:52] = rng.normal(size=(3, 16, 16)) / 2000
    pixels = rng.integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8)
    return linear(weights), pixels, weights


@pytest.mark.parametrize("mask", ["mean", "blur"])
def test_values_of_an_additive_model_are_what_each_cell_adds(scene, mask):
    predictor, pixels, weights = scene
    explainer = Explainer(predictor)
    found = explainer.explain(Read(pixels), "yes", mask=mask, evaluations=2000)
    hidden = Cells(Read(pixels), PREPROCESSING, mask).shown(np.zeros((1, 14, 14), dtype=np.bool_))[0]
    added = weights * (pixels.astype(float) - hidden)
    truth = added.sum(axis=0).reshape(14, 4, 14, 4).sum(axis=(1, 3))
    np.testing.assert_allclose(found.values, truth, atol=2e-5)  # float32 in the graph
    assert found.values.sum() == pytest.approx(found.full - found.base, abs=1e-9)
    assert found.certificate.reliable, found.certificate.reason
    other = explainer.explain(Read(pixels), "no", mask=mask, evaluations=2000)
    np.testing.assert_allclose(other.values, -found.values, atol=2e-5)


def test_a_model_that_sees_nothing_has_no_reliable_explanation(scene):
    _, pixels, weights = scene
    found = Explainer(linear(np.zeros_like(weights))).explain(Read(pixels), "yes", evaluations=60)
    assert np.abs(found.values).max() == 0
    assert found.certificate.p_value == 1
    assert "no faster" in found.certificate.reason


def test_a_map_that_knows_nothing_passes_its_check_once_in_twenty(scene):
    predictor, pixels, _ = scene
    score = Explainer(predictor).score(Cells(Read(pixels), PREPROCESSING, "mean"), 1)

    def game(plays):
        return score(plays.reshape(-1, 14, 14))

    base, full = (float(game(np.full((1, 196), shown))[0]) for shown in (False, True))
    prior = Cells(Read(pixels), PREPROCESSING).prior()
    passed = 0
    for seed in range(40):
        values = np.random.default_rng(seed).normal(size=(14, 14))
        passed += (
            AttributionCertificate(0.0, 1.0, 0.0, **map_curves(game, values, prior, base=base, full=full)).p_value
            <= 0.05
        )
    assert passed <= 6  # 2 expected; more than 6 by chance once in 200 times


def test_the_same_picture_is_explained_the_same_way(scene):
    predictor, pixels, _ = scene
    one, two = (Explainer(predictor).explain(Read(pixels), "yes", evaluations=80) for _ in range(2))
    assert one.to_dict() == two.to_dict()


def test_it_ends_in_time_with_values_that_add_up(scene, monkeypatch):
    predictor, pixels, _ = scene
    now = [100.0]  # a clock of its own: what else the machine does is no matter
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    run = predictor.run

    class Slow:
        labels, preprocessing = predictor.labels, predictor.preprocessing

        def run(self, pixels):
            now[0] += 0.005 * len(pixels)
            return run(pixels)

    found = Explainer(Slow()).explain(Read(pixels), "yes", evaluations=5000, until=101.0)
    assert now[0] < 101.0
    assert found.values.sum() == pytest.approx(found.full - found.base, abs=1e-9)
    assert found.evaluations < 5000
    assert found.certificate.area is not None  # time was kept back for the check
    late = Explainer(Slow()).explain(Read(pixels), "yes", until=now[0])
    assert late.evaluations == 2
    assert late.certificate.reason == "there was no time to check it"


def test_names_that_are_not_known_are_refused(scene):
    predictor, pixels, _ = scene
    with pytest.raises(UnknownNameError, match="blur"):
        Explainer(predictor).explain(Read(pixels), "yes", mask="blurr")
    with pytest.raises(UnknownNameError, match="maybe"):
        Explainer(predictor).explain(Read(pixels), "maybe")
