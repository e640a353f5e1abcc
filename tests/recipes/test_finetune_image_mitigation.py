"""The recipe's --mitigate: a rule is chosen, kept, obeyed and held against what it cost."""

import json

import numpy as np
import pytest
import yaml
from pyarrow import parquet

from fairlead.bundle import Bundle, Predictor
from fairlead.errors import ConfigurationError
from fairlead.judgement import Policy
from fairlead.measures import GroupRates
from fairlead.modules import ImageClassifier
from fairlead.records import DecisionRule, Labels, Predictions, RunFolder, SensitiveFeature
from fairlead.tuning import ChosenRule
from recipes.finetune_image import main

QUICK = ("--backbone", "random:test_resnet", "--image-size", "32", "--quick", "--epochs", "0", "--sensitive", "tone")
NOTHING_BESIDES = ("--explain", "0")
POLICY = "limits: {true_positive_rate_difference: {most: 0.3, margin: 0.1, rows: 2}}\ninterventions: {}\n"


@pytest.fixture(scope="module")
def mitigated(tmp_path_factory):
    def run_with(method):
        folder = tmp_path_factory.mktemp(method)
        (folder / "policy.yaml").write_text(POLICY)
        flags = (
            "--mitigate",
            method,
            "--policy",
            str(folder / "policy.yaml"),
            "--explain",
            "0",
            "--output",
            str(folder / "run"),
        )
        assert main([*QUICK, *NOTHING_BESIDES, *flags]) == 0
        return RunFolder(folder / "run")

    return {method: run_with(method) for method in ("one-threshold", "thresholds", "randomised-thresholds")}


@pytest.mark.parametrize("method", ["one-threshold", "thresholds", "randomised-thresholds"])
def test_the_rule_is_kept_obeyed_and_told(method, mitigated):
    run = mitigated[method]
    told = json.loads(run.mitigation.read_text())
    rule = DecisionRule.from_dict(told["rule"])
    assert rule.needs_feature is (method != "one-threshold")
    assert ImageClassifier.load_from_checkpoint(run.model, weights_only=True).decision == rule
    table = parquet.read_table(run.predictions).to_pydict()
    probabilities = np.stack([table["probability_benign"], table["probability_malignant"]], axis=1)
    slots = None if rule.feature is None else rule.feature.encode(table["tone"])
    decided = rule.decide(probabilities, slots, np.array(table["index"]))
    assert table["predicted"] == [("benign", "malignant")[code] for code in decided]
    # What was chosen on calibration rows is told of test rows, by the same figures as the audit's.
    audited = [found for found in json.loads(run.evidence.read_text())["findings"] if found["split"] == "test"]
    assert told["findings"]["after"] == audited
    assert (told["chosen_on"], told["split"]) == ("calibration", "test")
    test = np.array(table["split"]) == "test"
    right = (np.array(table["predicted"]) == np.array(table["target"]))[test]
    plain = (probabilities.argmax(axis=1) == (np.array(table["target"]) == "malignant"))[test]
    assert told["accuracy"]["after"]["value"] == pytest.approx(right.mean())
    assert told["accuracy"]["before"]["value"] == pytest.approx(plain.mean())
    assert "before and after" in run.report.read_text()


@pytest.mark.parametrize("method", ["one-threshold", "thresholds", "randomised-thresholds"])
def test_the_rule_is_chosen_on_calibration_rows_alone(method, mitigated):
    run = mitigated[method]
    told = json.loads(run.mitigation.read_text())
    table = parquet.read_table(run.predictions).to_pydict()
    rows = [place for place, split in enumerate(table["split"]) if split == "calibration"]
    tone = SensitiveFeature("tone", ("I", "II", "III", "IV", "V", "VI"))
    calibration = Predictions(
        np.array([[table["probability_benign"][row], table["probability_malignant"][row]] for row in rows]),
        np.array([("benign", "malignant").index(table["target"][row]) for row in rows]),
        np.array([table["index"][row] for row in rows]),
        Labels(("benign", "malignant")),
        tone.encode([table["tone"][row] for row in rows])[:, None],
        (tone,),
    )
    policy = Policy.from_mapping(yaml.safe_load(POLICY))
    assert told["rows"] == len(rows) == 40
    assert ChosenRule.on(calibration, method, policy).rule.to_dict() == told["rule"]


def test_what_is_monitored_against_is_counted_as_the_model_decides(mitigated):
    run = mitigated["thresholds"]
    (tally,) = Bundle.open(run.bundle).tallies
    table = parquet.read_table(run.predictions).to_pydict()
    rows = [place for place, split in enumerate(table["split"]) if split == "calibration"]
    selected = [table["tone"][row] for row in rows if table["predicted"][row] == "malignant"]
    likely = [table["tone"][row] for row in rows if table["probability_malignant"][row] > 0.5]
    counted = GroupRates.of(tally, "selection_rate").successes[0]
    expected = [selected.count(group) for group in tally.by.groups]
    assert counted[: len(expected)].tolist() == expected
    assert expected != [likely.count(group) for group in tally.by.groups]  # else nothing was shown


def test_what_is_served_decides_by_the_same_rule(mitigated):
    run = mitigated["thresholds"]
    bundle = Bundle.open(run.bundle)
    assert bundle.decision is not None
    assert bundle.decision.to_dict() == json.loads(run.mitigation.read_text())["rule"]
    predictor = Predictor.of(bundle)
    picture = run.groups  # any picture will do
    with pytest.raises(ConfigurationError, match="give the group of each item, or null"):
        predictor.answer(picture)
    with pytest.raises(ConfigurationError, match="Name one of"):
        predictor.answer(picture, sensitive={"tone": "VII"})
    thresholds = dict(zip(bundle.decision.feature.slots, bundle.decision.thresholds, strict=True))
    tones = list(bundle.decision.feature.groups)
    answers = predictor.answer_all([picture] * len(tones), sensitive=[{"tone": tone} for tone in tones])
    for tone, answer in zip(tones, answers, strict=True):
        score = answer.probabilities["malignant"]
        assert answer.label == ("malignant" if score > thresholds[tone].at[0] else "benign")
        assert predictor.answer(picture, sensitive={"tone": tone}).label == answer.label


def test_a_rule_that_draws_is_not_served(mitigated):
    run = mitigated["randomised-thresholds"]
    assert DecisionRule.from_dict(json.loads(run.mitigation.read_text())["rule"]).randomised
    assert not run.bundle.exists()


def test_thresholds_without_groups_are_refused_before_anything_is_read(tmp_path, capsys):
    assert main([*QUICK[:-2], "--mitigate", "thresholds", "--output", str(tmp_path / "run")]) == 2
    assert "--sensitive" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
