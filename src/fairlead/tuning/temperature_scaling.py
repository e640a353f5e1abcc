"""Honest probabilities: one temperature, fitted on the calibration split."""

from __future__ import annotations

import lightning as L
import torch
from lightning.fabric.utilities.apply_func import move_data_to_device

from fairlead.data import RowsDataModule
from fairlead.errors import ConfigurationError
from fairlead.measures import fit_temperature
from fairlead.modules import Classifier, Outputs


class TemperatureScaling(L.Callback):
    """Fits the temperature of a classifier (Guo et al. 2017) on the calibration split, before testing.

    The temperature belongs to the weights it was fitted for: it is stored in the module, saved with it, and
    every figure uses it. Each process reads the whole calibration split, so that all find the same value.

    Raises:
        ConfigurationError: a module or data of another kind.
    """

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Fits and stores the temperature."""
        data = getattr(trainer, "datamodule", None)
        if not isinstance(pl_module, Classifier) or not isinstance(data, RowsDataModule):
            raise ConfigurationError(
                "TemperatureScaling needs a classifier and the calibration split of a data module of fairlead's; "
                "give both to the Trainer, or leave the callback out"
            )
        batches = data.calibration_dataloader()
        with torch.inference_mode():
            parts = [pl_module.predict_step(move_data_to_device(batch, pl_module.device), 0) for batch in batches]
        outputs = Outputs.concatenate(parts)
        pl_module.calibrate(fit_temperature(outputs.logits.cpu().numpy(), outputs.target.cpu().numpy()))
