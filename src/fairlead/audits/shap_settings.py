"""How ShapAudit works, where the defaults will not do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from fairlead.attribution import Effort, Scores
from fairlead.audits.evaluated_split import splits_of
from fairlead.audits.masking import FILLS
from fairlead.audits.step_outputs import Adapter
from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.preprocessing import ImagePreprocessing, Text, TextPreprocessing


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a module and a batch that are not fairlead's are read.

    Attributes:
        inputs: From a batch to its (N, ...) inputs; None for ``batch.inputs``, or the first of a tuple.
        outputs: From (step output, batch) to a mapping of tensors, as for ``FairnessAudit``.
        scores: From (module, inputs) to (N, C) logits; None for what the module returns when it is called.
        labels: The C classes, where neither module nor data have ``labels``.
        preprocessing: Of the module, where it has none: what the regions are cropped by, or the tokenizer of its texts.
        text_of: From a row's number to its text, where the data are not a ``TextDataModule``'s.
        name_of: From a row's number to what a person calls it.

    Examples:
        >>> Reading(inputs=lambda batch: batch["pixel_values"]).labels is None
        True
    """

    inputs: Callable[[Any], Tensor] | None = None
    outputs: Adapter | None = None
    scores: Scores | None = None
    labels: Sequence[str] | None = None
    preprocessing: ImagePreprocessing | TextPreprocessing | None = None
    text_of: Callable[[int], Text] | None = None
    name_of: Callable[[int], str] | None = None


@dataclass(frozen=True, kw_only=True)
class ShapSettings:
    """What is explained, how, and where it is kept.

    Attributes:
        on: ``"test"``, ``"validate"`` or both.
        epochs: Epochs whose validation is explained; None for each.
        method: ``layer``, ``pixels`` or ``grad-cam`` of a picture, ``tokens`` or ``words`` of a text, ``rollout``,
            ``owen``, ``lime`` or ``partition``; None for a layer of a large picture, pixels of a small one, and tokens.
        layer: Name of a layer in the module; None for the last one that lays its output out in 7 x 7 places or more.
        contrast: A class that the answer is compared with, where it is not the answer itself; None for all others.
        background: Rows that each is compared with.
        effort: How long is sampled.
        fill: What stands in a masked region's place: ``"inpaint"``, ``"blur"`` or ``"mean"``.
        output: The folder in which pictures, page and values are kept; None for none.
        seed: Of all lots.
        stop_on_failure: Whether an explanation that fails stops the run.
        reading: Of a module and batches that are not fairlead's.

    Raises:
        UnknownNameError: another part of a run, or another fill.
        ConfigurationError: no background.

    Examples:
        >>> ShapSettings(on=("validate",), epochs=(0, 9)).background
        16
    """

    on: Sequence[str] = ("test",)
    epochs: Sequence[int] | None = None
    method: str | None = None
    layer: str | None = None
    contrast: str | None = None
    background: int = 16
    effort: Effort = field(default_factory=Effort)
    fill: str = "inpaint"
    output: str | Path | None = None
    seed: int = 0
    stop_on_failure: bool = False
    reading: Reading = field(default_factory=Reading)

    def __post_init__(self) -> None:
        splits_of(self.on, "ShapSettings(on=...)")
        if self.fill not in FILLS:
            raise UnknownNameError("fill", self.fill, list(FILLS))
        if self.background < 1:
            raise ConfigurationError(f"a background holds one row or more, got {self.background}; 16 is usual")
