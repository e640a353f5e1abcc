"""Honest probabilities: one temperature, fitted on the calibration split."""

from __future__ import annotations

import lightning as L
import torch
from lightning.fabric.utilities.apply_func import move_data_to_device

from fairlead.measures import fit_temperature
from fairlead.modules import ImageClassifier, Outputs


class TemperatureScaling(L.Callback):
    """Fits the temperature of a classifier (Guo et al. 2017) on the calibration split, before testing.

    The temperature belongs to the weights it was fitted for: it is stored in the module, saved with it, and
    every figure uses it. Each process reads the whole calibration split, so that all find the same value.
    """

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Fits and stores the temperature."""
        if not isinstance(pl_module, ImageClassifier):
            return
        batches = trainer.datamodule.calibration_dataloader()  # type: ignore[attr-defined]
        with torch.inference_mode():
            parts = [pl_module.predict_step(move_data_to_device(batch, pl_module.device), 0) for batch in batches]
        outputs = Outputs.concatenate(parts)
        pl_module.calibrate(fit_temperature(outputs.logits.cpu().numpy(), outputs.target.cpu().numpy()))
