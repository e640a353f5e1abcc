"""One graph, run by either runtime."""

import threading

import numpy as np
import pytest

from fairlead.bundle import Bundle, Predictor, runtime
from fairlead.cli.main import main
from fairlead.errors import BundleError, ConfigurationError, UnknownNameError
from tests.fakes.bundles import graph, tiny_bundle
from tests.serving.conftest import encoded, picture, served


@pytest.fixture
def bundle(tmp_path):
    return tiny_bundle(tmp_path / "bundle")


def test_openvino_answers_as_onnx_runtime_does_from_many_threads(bundle):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    opened = Bundle.open(bundle)
    predictors = [Predictor.of(opened, runtime=name) for name in runtime.RUNTIMES]
    assert [predictor.runtime.name for predictor in predictors] == list(runtime.RUNTIMES)
    assert predictors[0].runtime.taken == predictors[1].runtime.taken
    assert predictors[0].runtime.given == predictors[1].runtime.given
    assert max(predictor.self_test(opened) for predictor in predictors) < 1e-5
    pixels = [np.random.default_rng(seed).integers(0, 256, (3, 3, 8, 8), dtype=np.uint8) for seed in range(40)]
    known = [predictors[0].run(one) for one in pixels]
    found = [None] * len(pixels)

    def ask(place):
        found[place] = predictors[1].run(pixels[place])

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(pixels))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, theirs in zip(known, found, strict=True):
        np.testing.assert_allclose(mine[0], theirs[0], atol=1e-5)
        np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-4)


def test_what_runs_it_is_told_by_the_model_page(bundle):
    with served(bundle) as client:
        assert client.get("/model").json()["runtime"] == "onnxruntime"
    with served(bundle, runtime="tensorrt") as client:
        error = client.get("/readyz").json()["error"]
        assert "tensorrt" in error["message"]
        assert client.post("/predict", json={"image": encoded(picture())}).status_code == 503


def test_a_runtime_that_is_not_there_is_said_before_anything_is_started(bundle, monkeypatch, capsys):
    monkeypatch.setattr(runtime, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'fairlead\[openvino\]'"):
        runtime.check_runtime("openvino")
    assert main(["serve", str(bundle), "--runtime", "openvino"]) == 2
    assert "not installed" in capsys.readouterr().err
    assert main(["serve", str(bundle), "--runtime", "openvin"]) == 2
    assert "openvino" in capsys.readouterr().err
    with pytest.raises(UnknownNameError):
        runtime.start_runtime("openvin", graph().SerializeToString(), 1)


def test_a_graph_that_cannot_be_run_is_refused_by_the_runtimes_name():
    with pytest.raises(BundleError, match="onnxruntime"):
        runtime.start_runtime("onnxruntime", b"no graph", 1)
