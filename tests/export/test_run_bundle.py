"""From a finished run to its bundle: what travels in it, and what is never written."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from fairlead.bundle import Bundle, Predictor, verify_signature
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.cli.run_data import run_data
from fairlead.errors import ConfigurationError, ExportError, OutputFolderError
from fairlead.evidence import Ledger, Override
from fairlead.export import ExportSettings, export_run, reference_tallies
from fairlead.measures import GroupTally
from fairlead.modules import load_model
from fairlead.records import DecisionRule, SensitiveFeature, Split, Thresholds
from tests.fakes.keys import key_pair
from tests.fakes.runs import copied, probe_run

SIGNED = Override("a pilot with ten users", "A. Person", "2026-01-31")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return probe_run(tmp_path_factory.mktemp("export") / "run")


@pytest.fixture(scope="module")
def rows(kept):
    options = FinetuneOptions.parse(["--config", str(kept.config)], program="", description="")
    return run_data(options).rows


@pytest.fixture
def run(kept, tmp_path):
    return copied(kept, tmp_path / "run")


def blocked(run):
    """Lets the gate of a run block."""
    content = json.loads(run.evidence.read_text())
    content["gate"] = {"passes": False, "blocked_by": ["FAIR-003 true_positive_rate_difference"], "override": None}
    run.evidence.write_text(json.dumps(content))
    return run


def decided_by(run, rule):
    """Gives the model of a run a decision rule."""
    content = torch.load(run.model, weights_only=True)
    torch.save(content | {"decision": rule.to_dict()}, run.model)
    return run


def test_the_recipe_s_bundle_answers_held_out_pictures_as_the_run_recorded(kept, rows):
    bundle = Bundle.open(kept.bundle)
    predictor = Predictor.of(bundle, threads=1)
    assert predictor.self_test(bundle) < 1e-5
    module = load_model(kept).eval()
    test = rows.of(Split.TEST)[:20]
    answers = predictor.answer_all([rows.items.content(int(index)) for index in test])
    pixels = torch.from_numpy(
        np.stack([module.preprocessing.evaluation_crop(rows.items.read(int(i))) for i in test]).transpose(0, 3, 1, 2)
    )
    with torch.inference_mode():
        expected = module.probabilities(module(pixels)).numpy()
    assert np.allclose([list(answer.probabilities.values()) for answer in answers], expected, atol=1e-5)
    assert [answer.label for answer in answers] == [module.labels[code] for code in expected.argmax(axis=1)]


def test_what_a_bundle_holds_is_what_the_run_kept(kept):
    bundle, module = Bundle.open(kept.bundle), load_model(kept)
    assert list(bundle.labels) == list(module.labels)
    assert bundle.preprocessing == module.preprocessing
    assert bundle.temperature == float(module.temperature)
    assert bundle.decision is None
    weights = load(bundle.read("weights.safetensors"))
    assert weights.keys() == module.state_dict().keys()
    assert all(np.array_equal(weights[name], tensor.numpy()) for name, tensor in module.state_dict().items())
    evidence = json.loads(bundle.read("evidence/evidence.json"))
    assert evidence == json.loads(kept.evidence.read_text())
    assert evidence["gate"] == bundle.manifest.gate
    parity = bundle.manifest.parity
    assert parity["held_out"]["files"] == 64
    assert parity["awkward"]["files"] >= 20
    assert "worst" not in parity["held_out"]  # a file's name may be a person's


def test_the_tallies_count_the_calibration_rows_of_every_declared_group(kept, rows):
    bundle = Bundle.open(kept.bundle)
    (tally,) = bundle.tallies
    assert isinstance(tally, GroupTally)
    assert reference_tallies(kept.predictions, bundle.labels, rows.sensitive) == bundle.tallies
    counted = json.loads(bundle.read("reference/tallies.json"))
    assert counted["split"] == "calibration"


def test_no_held_out_picture_travels(kept, rows):
    pictures = {rows.items.content(index) for index in range(len(rows.items))}
    for file in kept.bundle.rglob("*.png"):
        assert file.read_bytes() not in pictures
    assert {file.parent.name for file in kept.bundle.rglob("*.png")} == {"goldens"}


def test_a_blocked_gate_is_written_with_its_verdict(run):
    bundle = export_run(blocked(run), None, gone="gone")
    assert not bundle.manifest.passes
    assert bundle.manifest.gate["blocked_by"] == ["FAIR-003 true_positive_rate_difference"]
    assert bundle.manifest.parity["held_out"] is None
    assert bundle.manifest.parity["note"] == "gone"


def test_an_override_is_itself_a_finding_and_is_signed_for(run, tmp_path):
    key, public = key_pair(tmp_path)
    bundle = export_run(blocked(run), None, ExportSettings(override=SIGNED, key=key))
    assert bundle.manifest.passes
    assert bundle.manifest.gate["override"] == SIGNED.to_dict()
    verify_signature(bundle.path, public)
    content = json.loads(bundle.read("evidence/evidence.json"))
    said = [finding for finding in Ledger.from_dict(content).findings if finding.code == "FAIR-900"]
    assert [finding.remedy for finding in said] == [SIGNED.finding().remedy]
    assert "FAIR-900" not in run.evidence.read_text()  # of the bundle alone; the run found what it found


def test_an_override_of_a_gate_that_passes_is_not_recorded(run):
    bundle = export_run(run, None, ExportSettings(override=SIGNED))
    assert bundle.manifest.gate == {"passes": True, "blocked_by": [], "override": None}
    assert b"FAIR-900" not in bundle.read("evidence/evidence.json")


def test_a_card_is_taken_along(run):
    (run.path / "card.md").write_text("# A card\n")
    assert export_run(run, None).read("card.md") == b"# A card\n"


def test_one_threshold_for_all_travels_and_decides(run):
    bundle = export_run(decided_by(run, DecisionRule.single(1.0)), None)
    assert bundle.decision == DecisionRule.single(1.0)
    picture = bundle.read("goldens/rgb.png")
    assert Predictor.of(bundle).answer(picture).label == bundle.labels[0]
    bundle = export_run(decided_by(run, DecisionRule.single(0.0)), None)
    assert Predictor.of(bundle).answer(picture).label == bundle.labels[1]


def test_a_threshold_for_each_group_asks_for_the_group(run):
    rule = DecisionRule(tuple(map(Thresholds.single, (0.0, 1.0, 1.0))), SensitiveFeature("sex", ("f", "m")))
    bundle = export_run(decided_by(run, rule), None)
    predictor, picture = Predictor.of(bundle), bundle.read("goldens/rgb.png")
    labels = [predictor.answer(picture, sensitive={"sex": sex}).label for sex in ("f", "m", None)]
    assert labels == [bundle.labels[1], bundle.labels[0], bundle.labels[0]]
    many = predictor.answer_all([picture, b"", picture], sensitive=[{"sex": "m"}, {"sex": "f"}, {"sex": "f"}])
    assert [answer.label for answer in many] == [bundle.labels[0], None, bundle.labels[1]]
    for given in (None, {"tone": "I"}):
        with pytest.raises(ConfigurationError, match=r"'sex' \(f, m\)"):
            predictor.answer(picture, sensitive=given)
    with pytest.raises(ConfigurationError, match="one each"):
        predictor.answer_all([picture], sensitive=[])


def test_a_rule_that_draws_is_not_exported(run):
    before = Bundle.open(run.bundle).digest
    with pytest.raises(ExportError, match="draws its decisions"):
        export_run(decided_by(run, DecisionRule((Thresholds((0.3, 0.7), (0.0, 0.5, 1.0)),))), None)
    assert Bundle.open(run.bundle).digest == before


def test_what_is_no_finished_run_says_so(run, tmp_path):
    with pytest.raises(ConfigurationError, match=r"no model\.ckpt"):
        export_run(type(run)(tmp_path), None)
    run.evidence.write_text("{}")
    with pytest.raises(ConfigurationError, match="no bundle is made without evidence"):
        export_run(run, None)
    run.model.write_bytes(b"half")
    with pytest.raises(ConfigurationError, match="not a whole checkpoint"):
        export_run(run, None)


def test_a_place_that_holds_something_else_is_refused_before_any_work(run, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"mine")
    monkeypatch.setattr("fairlead.export.run_bundle.export_graph", lambda module: pytest.fail("worked first"))
    with pytest.raises(OutputFolderError, match="photos"):
        export_run(run, None, ExportSettings(output=tmp_path / "photos"))


def test_two_models_that_differ_leave_no_bundle(run, monkeypatch, tmp_path):
    from fairlead.export import run_bundle

    def other(module):
        module.calibrate(float(module.temperature) * 2)
        graph = run_bundle_export(module)
        module.calibrate(float(module.temperature) / 2)
        return graph

    run_bundle_export = run_bundle.export_graph
    monkeypatch.setattr(run_bundle, "export_graph", other)
    with pytest.raises(ExportError, match="nothing was written"):
        export_run(run, None, ExportSettings(output=tmp_path / "bundle"))
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_has_a_reference_of_the_rows_or_of_what_the_run_recorded(kept, rows, run):
    reference = Bundle.open(kept.bundle).reference
    assert (reference.rows, reference.note) == (len(rows.of(Split.CALIBRATION)), "")
    assert {score.family for score in reference.scores} == {"confidence", "embedding", "input"}
    assert reference.decided.sum(axis=1)[:-1].tolist() == [
        int((rows.targets[rows.of(Split.CALIBRATION)] == code).sum()) for code in range(len(rows.labels))
    ]
    gone = export_run(run, None, gone="the pictures were deleted").reference
    assert [score.name for score in gone.scores] == ["confidence"]
    assert "the pictures were deleted" in gone.note
