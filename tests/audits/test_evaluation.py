"""What a model says of the rows it has not learned from, and which of two models is kept."""

import numpy as np
import pytest
import torch

from fairlead.audits import HELD_OUT, HeldOut, Results, estimates, evaluate
from fairlead.errors import ConfigurationError
from fairlead.evidence import Estimate
from fairlead.measures import fit_temperature, held_out_figures, softmax
from fairlead.modules import ImageClassifier, Outputs
from fairlead.records import Labels, Predictions, Split
from fairlead.tuning import LinearProbe
from tests.fakes.training import quiet_trainer, tiny_backbone, tiny_data

FIGURES = (
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "auroc_macro",
    "log_loss",
    "brier",
    "ece",
)


@pytest.fixture
def probed():
    data = tiny_data(train=60, val=23, calibration=41, test=17, batch_size=4)
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    quiet_trainer(max_epochs=0, callbacks=[LinearProbe()]).fit(module, data)
    module.calibrate(1.0)
    return module, data


def test_each_held_out_row_is_predicted_once_with_the_temperature_of_calibration(probed):
    module, data = probed
    held = evaluate(quiet_trainer(), module, data)
    raw = [Outputs.concatenate(batches) for batches in quiet_trainer().predict(module, data)]
    expected = fit_temperature(raw[1].logits.numpy(), raw[1].target.numpy())
    assert module.temperature.item() == pytest.approx(expected, rel=1e-6)
    assert expected not in (0.05, 1.0, 20.0)
    for split, outputs in zip(HELD_OUT, raw, strict=True):
        predictions = held.predictions[split]
        np.testing.assert_array_equal(predictions.index, data.rows.of(split))
        np.testing.assert_array_equal(predictions.targets, data.rows.targets[predictions.index])
        np.testing.assert_allclose(predictions.probabilities, softmax(outputs.logits.numpy(), expected), atol=1e-5)
        assert predictions.sensitive == data.rows.sensitive
    for split in (Split.VAL, Split.TEST):
        assert held.figures[split] == held_out_figures(held.predictions[split])
    assert list(held.to_dict()) == ["val", "test"]


@pytest.mark.parametrize("poisoned", [Split.TRAIN, Split.VAL, Split.TEST])
def test_no_row_outside_calibration_has_a_say_in_the_temperature(probed, poisoned):
    module, data = probed
    evaluate(quiet_trainer(), module, data)
    honest = module.temperature.item()
    data.rows.targets[data.rows.of(poisoned)] = 1 - data.rows.targets[data.rows.of(poisoned)]
    evaluate(quiet_trainer(), module, data)
    assert module.temperature.item() == honest
    data.rows.targets[data.rows.of(Split.CALIBRATION)] = 0
    evaluate(quiet_trainer(), module, data)
    assert module.temperature.item() != honest


def test_an_earlier_temperature_is_not_applied_twice(probed):
    module, data = probed
    first = evaluate(quiet_trainer(), module, data)
    again = evaluate(quiet_trainer(), module, data)
    for split in HELD_OUT:
        np.testing.assert_allclose(again.predictions[split].probabilities, first.predictions[split].probabilities)


def test_a_trainer_of_several_processes_is_refused(probed):
    module, data = probed

    class Two:
        world_size = 2

    with pytest.raises(ConfigurationError, match="devices=1"):
        evaluate(Two(), module, data)


# -- which model is kept -----------------------------------------------------------------------------------------


def held(val_right, test_right, rows=20):
    """Answers for ``rows`` rows a split, so many of them right, all with probability 0.9."""

    def answers(right):
        targets = np.arange(rows) % 2
        said = np.where(np.arange(rows) < right, targets, 1 - targets)
        probabilities = np.full((rows, 2), 0.1)
        probabilities[np.arange(rows), said] = 0.9
        return Predictions(probabilities, targets, np.arange(rows), Labels(("a", "b")))

    predictions = {Split.VAL: answers(val_right), Split.CALIBRATION: answers(rows), Split.TEST: answers(test_right)}
    return HeldOut(predictions, {split: held_out_figures(predictions[split]) for split in (Split.VAL, Split.TEST)})


@pytest.mark.parametrize(("probe", "finetuned", "won"), [(10, 11, "finetuned"), (11, 10, "probe"), (10, 10, "probe")])
@pytest.mark.parametrize("test_rows", [(0, 20), (20, 0)])
def test_validation_alone_decides_and_a_tie_keeps_the_probe(probe, finetuned, won, test_rows):
    results = Results(held(probe, test_rows[0]), held(finetuned, test_rows[1]))
    assert results.finetuned.beats(results.probe) is (won == "finetuned")
    assert results.won == won
    assert results.kept is (results.finetuned if won == "finetuned" else results.probe)


def test_without_fine_tuning_the_probe_is_kept():
    results = Results(held(3, 3))
    assert results.won == "probe"
    assert results.kept is results.probe


def test_a_model_that_cannot_be_measured_never_wins():
    known = held(1, 1)
    unmeasured = HeldOut(known.predictions, {split: dict.fromkeys(FIGURES) for split in (Split.VAL, Split.TEST)})
    assert not unmeasured.beats(known)
    assert not known.beats(unmeasured)


def test_figures_become_plain_values_and_what_cannot_be_measured_null():
    figure = Estimate(0.5, 0.25, 0.75, 0.95, 12, "by hand")
    assert estimates({"accuracy": figure, "auroc_macro": None}) == {
        "accuracy": {"value": 0.5, "low": 0.25, "high": 0.75, "level": 0.95, "rows": 12, "method": "by hand"},
        "auroc_macro": None,
    }


def test_measuring_leaves_the_weights_alone(probed):
    module, data = probed
    before = {name: tensor.clone() for name, tensor in module.state_dict().items() if name != "temperature"}
    evaluate(quiet_trainer(), module, data)
    assert all(torch.equal(tensor, module.state_dict()[name]) for name, tensor in before.items())
