"""Temperature scaling in Trainer.test."""

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from fairlead.data import Batch
from fairlead.errors import ConfigurationError
from fairlead.measures import fit_temperature
from fairlead.modules import ImageClassifier, Outputs
from fairlead.tuning import LinearProbe, TemperatureScaling
from tests.fakes.training import SIZE, quiet_trainer, tiny_backbone, tiny_data


@pytest.fixture
def probed():
    data = tiny_data(train=60, val=9, calibration=41, test=17, batch_size=4)
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    quiet_trainer(max_epochs=0, callbacks=[LinearProbe()]).fit(module, data)
    return module, data


def test_testing_fits_the_temperature_on_every_calibration_row_and_on_no_other(probed):
    module, data = probed
    outputs = Outputs.concatenate(quiet_trainer().predict(module, data)[1])
    assert len(outputs.index) == 41
    expected = fit_temperature(outputs.logits.numpy(), outputs.target.numpy())
    # The truth of every other row is poisoned: it must not matter.
    data.rows.targets[data.rows.splits != "calibration"] = 0
    module.calibrate(3.0)  # that of other weights
    quiet_trainer(callbacks=[TemperatureScaling()]).test(module, data, verbose=False)
    assert module.temperature.item() == pytest.approx(expected, rel=1e-6)


def test_the_temperature_changes_probabilities_and_no_figure_of_the_first_choice(probed):
    module, data = probed

    class Seen(L.Callback):
        def on_test_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
            expected = (outputs["logits"] / pl_module.temperature).softmax(1)
            torch.testing.assert_close(outputs["probabilities"], expected)
            self.rows = getattr(self, "rows", 0) + len(outputs["index"])
            given = outputs["probabilities"].gather(1, outputs["target"][:, None])
            self.loss = getattr(self, "loss", 0.0) - given.log().sum().item()

    seen = Seen()
    module.calibrate(1.0)
    before = quiet_trainer().test(module, data, verbose=False)[0]
    after = quiet_trainer(callbacks=[TemperatureScaling(), seen]).test(module, data, verbose=False)[0]
    assert before["test_accuracy"] == after["test_accuracy"]
    # The loss is that of the probabilities as they are given out.
    assert after["test_loss"] == pytest.approx(seen.loss / seen.rows, rel=1e-5) != before["test_loss"]
    assert seen.rows == 17
    assert module.temperature.item() != 1.0


def test_weights_and_modes_and_statistics_are_left_alone(probed):
    module, data = probed
    before = {name: tensor.clone() for name, tensor in module.state_dict().items() if name != "temperature"}
    generator = torch.get_rng_state()
    quiet_trainer(callbacks=[TemperatureScaling()]).test(module, data, verbose=False)
    assert all(torch.equal(tensor, module.state_dict()[name]) for name, tensor in before.items())
    np.testing.assert_array_equal(generator.numpy(), torch.get_rng_state().numpy())


def test_what_it_cannot_calibrate_is_refused_and_not_passed_over():
    row = Batch(torch.zeros(3, SIZE, SIZE, dtype=torch.uint8), torch.tensor(0), torch.zeros(0).long(), torch.tensor(0))
    loader = DataLoader([row, row], batch_size=2, collate_fn=Batch.collate)
    module = ImageClassifier(["a", "b"], backbone=tiny_backbone())
    with pytest.raises(ConfigurationError, match="calibration split"):
        quiet_trainer(callbacks=[TemperatureScaling()]).test(module, loader, verbose=False)
