"""A model in 8 bits: judged by its own answers, or not written."""

import json

import numpy as np
import onnx
import pytest

from fairlead.bundle import Bundle, Predictor
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.cli.int8 import judge_int8, judged_in_int8
from fairlead.cli.main import main
from fairlead.cli.run_data import run_data
from fairlead.errors import BundleError, ConfigurationError, ExportError
from fairlead.export import ExportSettings, answers_of, export_run, quantise
from fairlead.export import int8 as int8_module
from fairlead.judgement import Policy
from fairlead.measures import GroupTally
from fairlead.records import Labels, Predictions, SensitiveFeature, Split
from tests.fakes.bundles import contents, manifest
from tests.fakes.runs import copied, probe_run


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return probe_run(tmp_path_factory.mktemp("int8") / "run")


@pytest.fixture(scope="module")
def rows(kept):
    return run_data(FinetuneOptions.parse(["--config", str(kept.config)], program="", description="")).rows


@pytest.fixture(scope="module")
def bundle(kept, rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "bundle"
    return export_run(kept, rows, judged_in_int8(ExportSettings(output=folder), kept, 0.2))


def predictions(right, groups=None):
    right = np.asarray(right, dtype=bool)
    positive = np.where(right, 0.9, 0.1)
    sensitive = (SensitiveFeature("sex", ("f", "m")),) if groups is not None else ()
    return Predictions(
        np.stack([1 - positive, positive], axis=1),
        np.ones(len(right), dtype=np.int64),
        np.arange(len(right)),
        Labels(("no", "yes")),
        np.zeros((len(right), 0), dtype=np.int64) if groups is None else np.asarray(groups)[:, None],
        sensitive,
    )


def test_the_backbone_computes_in_8_bits_and_the_head_does_not(kept, bundle):
    fp32, int8 = Bundle.open(kept.bundle), bundle
    assert (fp32.manifest.precision, int8.manifest.precision) == ("fp32", "int8")
    graph = onnx.load_from_string(int8.read("model.onnx")).graph
    makers = {output: node.op_type for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert convolutions
    assert {makers[node.input[1]] for node in convolutions} == {"DequantizeLinear"}
    for node in graph.node:
        if node.op_type in {"Gemm", "Softmax"}:
            assert all(makers.get(name) != "DequantizeLinear" for name in node.input)
    assert len(int8.read("model.onnx")) < 0.6 * len(fp32.read("model.onnx"))


def test_what_a_bundle_of_8_bits_says_is_of_its_own_model(kept, rows, bundle):
    predictor = Predictor.of(bundle, threads=1)
    assert predictor.self_test(bundle) < 1e-6
    (test,) = answers_of([predictor], rows, rows.of(Split.TEST))
    record = json.loads(bundle.read("evidence/int8.json"))
    right = int((test.predicted == test.targets).sum())
    assert record["accuracy"]["after"]["value"] == pytest.approx(right / len(test))
    evidence = json.loads(bundle.read("evidence/evidence.json"))
    assert [found for found in evidence["findings"] if found["split"] == "test"] == record["findings"]["after"]
    assert evidence["gate"] == bundle.manifest.gate
    (calibration,) = answers_of([predictor], rows, rows.of(Split.CALIBRATION))
    assert bundle.tallies == (GroupTally.of(calibration, ("tone",)),)
    before = json.loads(Bundle.open(kept.bundle).read("evidence/evidence.json"))["findings"]
    known = {(found["figure"], found["feature"]): found["estimate"] for found in before if found["split"] == "test"}
    for found in record["findings"]["before"]:
        assert found["estimate"] == known[found["figure"], found["feature"]]
    assert "## In 8 bits" in bundle.read("card.md").decode()
    assert "accuracy, all rows" in bundle.read("card.md").decode()


def test_no_test_row_has_a_part_in_the_ranges(kept, rows, monkeypatch):
    seen = []
    monkeypatch.setattr(
        int8_module, "quantise", lambda graph, pixels, kind: (seen.append(pixels), quantise(graph, pixels, kind))[1]
    )
    export_run(kept, rows, judged_in_int8(ExportSettings(output=kept.path.parent / "b"), kept, 0.2))
    predictor = Predictor.of(Bundle.open(kept.bundle), threads=1)
    calibration = {predictor.inputs(rows.items.content(int(i))).tobytes() for i in rows.of(Split.CALIBRATION)}
    (pixels,) = seen
    assert len(pixels) == len(calibration)
    assert {one.tobytes() for one in pixels} <= calibration


def test_a_broken_graph_is_not_written_and_the_bundle_that_was_there_stays(kept, rows, tmp_path, monkeypatch):
    run = copied(kept, tmp_path / "run")
    digest = Bundle.open(run.bundle).digest

    def broken(graph, pixels, modality):
        model = onnx.load_from_string(quantise(graph, pixels))
        for weight in model.graph.initializer:  # as if every range were read wrong
            if weight.name.endswith("_scale"):
                values = onnx.numpy_helper.to_array(weight)
                weight.CopyFrom(onnx.numpy_helper.from_array(np.asarray(values * 9, dtype=values.dtype), weight.name))
        return model.SerializeToString()

    monkeypatch.setattr(int8_module, "quantise", broken)
    with pytest.raises(ExportError, match="cannot be excluded; nothing was written"):
        export_run(run, rows, judged_in_int8(ExportSettings(), run, 0.02))
    assert Bundle.open(run.bundle).digest == digest


def test_a_loss_is_refused_unless_it_is_surely_within_the_margin():
    before = predictions([True] * 1000)
    policy = Policy.default()
    judge_int8(before, before, policy, margin=0.01)
    lost = predictions([False] * 5 + [True] * 995)
    with pytest.raises(ExportError, match=r"more than 0\.01 cannot be excluded"):
        judge_int8(before, lost, policy, margin=0.01)
    judged = judge_int8(before, lost, policy, margin=0.02)
    assert judged.record["decided_otherwise"] == 0.005
    few = predictions([True] * 30)
    with pytest.raises(ExportError, match="more test rows"):
        judge_int8(few, few, policy, margin=0.02)
    with pytest.raises(ExportError, match="truth"):
        judge_int8(predictions([]), predictions([]), policy, margin=0.02)


def test_the_gate_is_asked_of_the_model_in_8_bits():
    groups = np.arange(4000) % 2
    before = predictions(np.ones(4000), groups)
    after = predictions((groups == 1) | (np.arange(4000) % 5 > 0), groups)  # women are missed
    policy = Policy.default()
    assert judge_int8(before, before, policy, margin=0.5).gate.passes
    judged = judge_int8(before, after, policy, margin=0.5)
    assert not judged.gate.passes
    assert any("true_positive_rate_difference" in reason for reason in judged.gate.blocked_by)
    assert any("sex f" in line for line in judged.lines)


def test_an_answer_that_differs_between_kernels_is_not_shipped(kept, rows, monkeypatch):
    run = Predictor.run
    graph = Bundle.open(kept.bundle).read("model.onnx")
    predictor = Predictor.of(Bundle.open(kept.bundle))
    assert int8_module.tolerance(graph, predictor, predictor) == 0.005
    other = Predictor.of(Bundle.open(kept.bundle))
    other.run = lambda pixels: (predictor.run(pixels)[0] + 0.04, None)
    assert int8_module.tolerance(graph, predictor, other) == pytest.approx(0.02, abs=1e-4)
    monkeypatch.setattr(Predictor, "run", lambda self, pixels: (run(self, pixels)[0] + 0.03, None))
    with pytest.raises(ExportError, match="would not hold elsewhere"):
        int8_module.tolerance(graph, predictor, predictor)


def test_the_command_makes_one_and_verify_tells_of_it(kept, tmp_path, capsys):
    folder = tmp_path / "bundle"
    assert main(["bundle", str(kept.path), "--int8", "--int8-margin", "0.3", "--output", str(folder)]) in {0, 1}
    assert "in 8 bits" in capsys.readouterr().out
    assert main(["verify", str(folder)]) in {0, 1}
    said = capsys.readouterr().out
    assert "int8" in said
    assert "decided otherwise" in said
    assert main(["bundle", str(kept.path), "--int8", "--int8-margin", "2"]) == 2
    assert "between 0 and 1" in capsys.readouterr().err


def test_without_the_data_there_are_no_8_bits(kept, tmp_path):
    settings = judged_in_int8(ExportSettings(output=tmp_path / "b"), kept, 0.02)
    with pytest.raises(ConfigurationError, match="judged by the run's data"):
        export_run(kept, None, settings, gone="they are gone")
    with pytest.raises(ExportError, match="calibration split has none"):
        quantise(b"", np.empty((0, 3, 8, 8), dtype=np.uint8))
    with pytest.raises(ExportError, match="cannot be brought"):
        quantise(b"no graph", np.zeros((1, 3, 8, 8), dtype=np.uint8))


def test_a_manifest_of_before_is_of_32_bits_and_another_precision_is_refused():
    from fairlead.bundle.manifest import Manifest, _digest, _dumped

    written = json.loads(manifest(contents()).to_bytes())
    del written["precision"], written["sha256"]
    assert Manifest.parse(_dumped(written | {"sha256": _digest(written)})).precision == "fp32"
    with pytest.raises(BundleError, match="int4"):
        manifest(contents(), precision="int4")
