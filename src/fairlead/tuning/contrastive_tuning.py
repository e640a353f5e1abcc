"""Few-shot: the encoder is tuned contrastively before the probe is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from rich import get_console
from rich.progress import track
from torch import Tensor

from fairlead.backbones import Backbone
from fairlead.data import ImageDataModule, Rows
from fairlead.data.data_module import RowsDataModule
from fairlead.data.sampling import Draw
from fairlead.errors import ConfigurationError
from fairlead.records import Split
from fairlead.tuning.contrastive import ContrastiveSettings, tune_contrastively


class ContrastiveTuning(L.Callback):
    """Tunes the backbone on pairs of the training rows when ``fit`` starts; stands before ``LinearProbe``.

    For a handful of rows of each class; ``docs/decisions/0012-few-shot.md`` says what is known of it, and what is not.
    It runs in ``Trainer(max_epochs=0)`` too. Weights are left in the module; the probe's features are then of those.

    Args:
        settings: How.

    Attributes:
        losses: Of each step; empty before ``fit``.
    """

    def __init__(self, settings: ContrastiveSettings | None = None) -> None:
        self.settings = settings or ContrastiveSettings()
        self.losses: list[float] = []

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Tunes the backbone, unless the run is resumed.

        Raises:
            ConfigurationError: a module without a backbone, or data without rows.
        """
        if trainer.ckpt_path is not None:
            return  # a resumed run has its weights already
        data: Any = getattr(trainer, "datamodule", None)  # Lightning does not declare it
        backbone = getattr(pl_module, "backbone", None)
        if not isinstance(data, RowsDataModule) or not isinstance(data.rows, Rows):
            raise ConfigurationError(
                "ContrastiveTuning reads the rows of a TextDataModule or ImageDataModule; give one"
            )
        if not isinstance(backbone, Backbone):
            raise ConfigurationError(
                f"ContrastiveTuning tunes the backbone of a module, and {type(pl_module).__name__} has none: give it "
                "one, or leave the callback out"
            )
        if trainer.is_global_zero:
            shown = trainer.progress_bar_callback is not None and get_console().is_terminal
            self._tune(backbone, data, shown=shown)
        state = trainer.strategy.broadcast({name: value.cpu() for name, value in backbone.state_dict().items()}, src=0)
        if not trainer.is_global_zero:
            backbone.load_state_dict(state)

    def _tune(self, backbone: Backbone, data: RowsDataModule, *, shown: bool) -> None:
        train = data.rows.of(Split.TRAIN)
        dataset = data.dataset(training=False)

        def inputs(places: NDArray[np.int64]) -> Tensor:
            return data.collate([dataset[Draw(int(row), 0)] for row in train[places]]).inputs

        bar = partial(
            track,
            description="Contrastive tuning of the backbone",
            total=self.settings.steps,
            disable=not shown,
            transient=True,
        )

        def progress(batches: Iterator[NDArray[np.int64]]) -> Iterator[NDArray[np.int64]]:
            return iter(bar(batches))

        lengths = _lengths(data, train)
        with torch.inference_mode(mode=False):
            self.losses = tune_contrastively(
                backbone, inputs, data.rows.targets[train], self.settings, lengths=lengths, progress=progress
            )


def _lengths(data: RowsDataModule, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns how many characters each text has, as a stand-in for tokens; 0 for pictures, which are of one size."""
    if isinstance(data, ImageDataModule):
        return np.zeros(len(chosen), dtype=np.int64)
    texts = (data.rows.items.read(int(row)) for row in chosen)
    return np.array([len(text) if isinstance(text, str) else sum(map(len, text)) for text in texts], dtype=np.int64)
