"""A model's honest account of itself on the rows it has not learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import lightning as L

from fairlead.data import Rows, RowsDataModule
from fairlead.errors import ConfigurationError
from fairlead.evidence import Estimate
from fairlead.measures import fit_temperature, held_out_figures
from fairlead.modules import Classifier, Outputs
from fairlead.records import DecisionRule, Predictions, Split

HELD_OUT = (Split.VAL, Split.CALIBRATION, Split.TEST)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions for the splits that did not train the model, and their figures.

    Attributes:
        predictions: By split: val, calibration, test.
        figures: By split and name; None where a figure cannot be measured.
    """

    predictions: Mapping[Split, Predictions]
    figures: Mapping[Split, Mapping[str, Estimate | None]]

    @classmethod
    def of(cls, outputs: Mapping[Split, Outputs], rows: Rows) -> HeldOut:
        """Measures what a model answered."""
        predictions = {split: outputs[split].predictions(rows.labels, rows.sensitive) for split in HELD_OUT}
        return cls(predictions, {split: held_out_figures(predictions[split]) for split in (Split.VAL, Split.TEST)})

    def decided_by(self, rule: DecisionRule | None) -> HeldOut:
        """Returns the account of the same model with another way to decide, measured anew.

        Raises:
            FairleadError: a rule that does not fit the classes or the sensitive features.
        """
        predictions = {split: part.decided_by(rule) for split, part in self.predictions.items()}
        return HeldOut(predictions, {split: held_out_figures(predictions[split]) for split in self.figures})

    def beats(self, other: HeldOut) -> bool:
        """Whether its accuracy on validation is higher than another's; a tie keeps the other.

        The test rows have no say in it: what is chosen on them cannot be certified on them.
        """
        own, others = (held.figures[Split.VAL]["accuracy"] for held in (self, other))
        return own is not None and others is not None and own.value > others.value

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Returns the figures of val and test as plain JSON values."""
        return {split.value: estimates(self.figures[split]) for split in (Split.VAL, Split.TEST)}


def estimates(figures: Mapping[str, Estimate | None]) -> dict[str, Any]:
    """Returns figures as plain JSON values; what cannot be measured is null."""
    return {name: figure.to_dict() if figure else None for name, figure in figures.items()}


def evaluate(trainer: L.Trainer, module: Classifier, data: RowsDataModule) -> HeldOut:
    """Predicts every held-out row once, fits the temperature on calibration, and measures val and test.

    The temperature stays in the module: it belongs to these weights.

    Raises:
        ConfigurationError: a Trainer of several processes, each of which would see a part of the rows.
    """
    if trainer.world_size > 1:
        raise ConfigurationError(
            f"evaluate() measures all rows in one process, and this Trainer has {trainer.world_size}; "
            "give it a Trainer(devices=1)"
        )
    parts = cast("list[list[Outputs]]", trainer.predict(module, datamodule=data))
    raw = {split: Outputs.concatenate(batches) for split, batches in zip(HELD_OUT, parts, strict=True)}
    calibration = raw[Split.CALIBRATION]
    module.calibrate(fit_temperature(calibration.logits.numpy(), calibration.target.numpy()))
    module.cpu()
    scaled = {split: outputs.with_probabilities(module.probabilities(outputs.logits)) for split, outputs in raw.items()}
    held = HeldOut.of(scaled, data.rows)
    return held if module.decision is None else held.decided_by(module.decision)
