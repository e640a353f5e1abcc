"""Linear probe, then fine-tune: the head is fitted before the first step."""

from __future__ import annotations

from typing import Protocol, cast

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairlead.backbones import Backbone, ImageBackbone
from fairlead.data import FeatureCache, Rows, pixels
from fairlead.errors import ConfigurationError
from fairlead.measures import fit_temperature
from fairlead.modules import LinearHead, Outputs
from fairlead.records import Labels, Split
from fairlead.tuning.batch_norm import settle_batch_norm
from fairlead.tuning.logistic import LogisticHead, fit_logistic

SETTLING_ROWS = 256


class Probeable(Protocol):
    """What a module must have to be probed: every ``Classifier`` does."""

    backbone: Backbone
    head: LinearHead
    labels: Labels

    def probabilities(self, logits: Tensor) -> Tensor:
        """Maps logits to probabilities, with the temperature."""
        ...

    def calibrate(self, temperature: float) -> None:
        """Sets the temperature."""
        ...


class LinearProbe(L.Callback):
    """Fits a logistic head on the frozen backbone's features, from which fine-tuning then starts.

    On a small dataset this is most of the accuracy for a hundredth of the time (Kumar et al. 2022 show that
    it also keeps fine-tuning from distorting the features), and a baseline that fine-tuning must beat.
    It runs when ``fit`` starts, in ``Trainer(max_epochs=0)`` too.

    Args:
        cache: Keeps features between runs; the default keeps them in the user's cache folder.
        folds: Of the cross-validation that chooses the penalty.
        seed: Of the folds.

    Attributes:
        fitted: The logistic head; None before ``fit``.
        outputs: What the probe answers for the held-out splits, with its own temperature.
    """

    def __init__(self, cache: FeatureCache | None = None, *, folds: int = 5, seed: int = 0) -> None:
        self.cache = cache or FeatureCache()
        self.folds = folds
        self.seed = seed
        self.fitted: LogisticHead | None = None
        self.outputs: dict[Split, Outputs] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Computes features once, fits the head, puts it in place and calibrates it."""
        if trainer.ckpt_path is not None:
            return  # a resumed run has its head already
        module = _probeable(pl_module)
        rows = getattr(getattr(trainer, "datamodule", None), "rows", None)  # Lightning does not declare it
        if not isinstance(rows, Rows):
            raise ConfigurationError(
                "LinearProbe reads the rows of ImageDataModule or TextDataModule; give one to fit()"
            )
        features = None
        if not module.backbone.pretrained and isinstance(module.backbone, ImageBackbone):  # others have no BatchNorm
            self._settle(module.backbone, rows, pl_module.device)
        if trainer.is_global_zero:
            features = self.cache.features(
                module.backbone,
                rows.items,
                device=pl_module.device,
                progress=trainer.progress_bar_callback is not None,
            )
            train = rows.of(Split.TRAIN)
            self.fitted = fit_logistic(
                features[train], rows.targets[train], len(rows.labels), folds=self.folds, seed=self.seed
            )
        features, self.fitted = trainer.strategy.broadcast((features, self.fitted), src=0)
        self._place(module, cast("LogisticHead", self.fitted))
        self._answer(module, rows, cast("NDArray[np.float32]", features))

    @staticmethod
    def _settle(backbone: Backbone, rows: Rows, device: torch.device) -> None:
        """Gives random weights the normalisation statistics of some training rows, of every class alike."""
        train = rows.of(Split.TRAIN)
        train = train[:: max(1, len(train) // SETTLING_ROWS)]  # rows often stand in the order of their classes
        batches = (
            torch.stack([pixels(rows.items.read(int(row)), backbone.preprocessing) for row in part]).to(device)
            for part in np.array_split(train, max(1, len(train) // 32))
        )
        settle_batch_norm(backbone, batches)

    @staticmethod
    def _place(module: Probeable, fitted: LogisticHead) -> None:
        with torch.no_grad():
            module.head.linear.weight.copy_(torch.from_numpy(fitted.weight))
            module.head.linear.bias.copy_(torch.from_numpy(fitted.bias))

    def _answer(self, module: Probeable, rows: Rows, features: NDArray[np.float32]) -> None:
        """Answers for the held-out splits from the features alone, calibration first."""
        linear = module.head.linear

        def logits_of(indices: NDArray[np.int64]) -> Tensor:
            with torch.no_grad():
                given = torch.from_numpy(features[indices]).to(linear.weight)
                return cast("Tensor", linear(given)).float().cpu()

        calibration = rows.of(Split.CALIBRATION)
        module.calibrate(fit_temperature(logits_of(calibration).numpy(), rows.targets[calibration]))
        for split in (Split.VAL, Split.CALIBRATION, Split.TEST):
            indices = rows.of(split)
            logits = logits_of(indices)
            self.outputs[split] = Outputs(
                logits=logits,
                probabilities=module.probabilities(logits.to(linear.weight.device)).cpu(),
                target=torch.from_numpy(rows.targets[indices]),
                groups=torch.from_numpy(rows.groups[indices]),
                index=torch.from_numpy(indices),
            )


def _probeable(module: L.LightningModule) -> Probeable:
    # Not by isinstance: from Python 3.12 on that does not see the submodules of a torch module.
    missing = [
        name for name in ("backbone", "head", "labels", "probabilities", "calibrate") if not hasattr(module, name)
    ]
    if missing:
        raise ConfigurationError(
            f"LinearProbe needs a module with {', '.join(missing)}, as ImageClassifier has; {type(module).__name__} "
            "has not: give it those, or leave the probe out"
        )
    if not isinstance(module.head, LinearHead):
        raise ConfigurationError(
            f"LinearProbe fits a linear head, and {type(module).__name__} has another; "
            'use HeadSettings(kind="linear"), or leave the probe out'
        )
    return cast("Probeable", module)
