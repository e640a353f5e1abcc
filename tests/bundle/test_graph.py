"""ONNX external data is found wherever it hides; onnx itself is the oracle."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import uses_external_data

from fairlead.bundle import check_content
from fairlead.errors import BundleError
from tests.fakes.bundles import graph


def outside(name="far") -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../secret")
    assert uses_external_data(tensor)
    return tensor


def initializer(model):
    model.graph.initializer.append(outside())


def attribute(model):
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=outside()))


def list_of_tensors(model):
    model.graph.node.append(helper.make_node("Mine", [], ["c"], values=[outside()]))


def branch(model):
    inner = helper.make_graph([], "inner", [], [], [outside()])
    outer = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=inner)], "outer", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], else_branch=outer))


def function(model):
    node = helper.make_node("Constant", [], ["c"], value=outside())
    model.functions.append(helper.make_function("mine", "F", [], ["c"], [node], [helper.make_opsetid("", 18)]))


def sparse(model):
    model.graph.sparse_initializer.add(values=outside(), indices=numpy_helper.from_array(np.array([0])), dims=[1])


def training(model):
    model.training_info.add().algorithm.initializer.append(outside())


def location_alone(model):
    model.graph.initializer.append(TensorProto(name="x", data_location=TensorProto.EXTERNAL))


def path_alone(model):
    model.graph.initializer.add(name="x").external_data.add(key="location", value="x")


@pytest.mark.parametrize(
    "hide",
    [initializer, attribute, list_of_tensors, branch, function, sparse, training, location_alone, path_alone],
)
def test_external_data_is_found_wherever_it_hides(hide):
    model = graph()
    check_content("model.onnx", model.SerializeToString())
    hide(model)
    with pytest.raises(BundleError, match="another file"):
        check_content("model.onnx", model.SerializeToString())


def test_a_model_saved_with_external_data_is_refused(tmp_path):
    onnx.save(graph(), tmp_path / "model.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(BundleError, match="another file"):
        check_content("model.onnx", (tmp_path / "model.onnx").read_bytes())


def test_cut_short_or_random_bytes_never_do_anything_but_refuse():
    content = graph().SerializeToString()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        broken = bytearray(content[: rng.integers(0, len(content))])
        for place in rng.integers(0, len(broken) + 1, 3):
            if place < len(broken):
                broken[place] = rng.integers(256)
        try:
            check_content("model.onnx", bytes(broken))
        except BundleError:
            refused += 1
    assert refused > 250


def test_two_graphs_are_not_one():
    content = graph().SerializeToString()
    with pytest.raises(BundleError, match="no ONNX model"):
        check_content("model.onnx", content + content)
