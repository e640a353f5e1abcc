"""A classifier of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fairlead.backbones import Backbone
from fairlead.errors import ConfigurationError
from fairlead.modules.adapters import AdapterSettings
from fairlead.modules.classifier import Classifier
from fairlead.modules.heads import HeadSettings
from fairlead.modules.optimization import OptimizationSettings
from fairlead.modules.recurrent_head import RecurrentHead
from fairlead.modules.tasks import LossSettings
from fairlead.preprocessing import ImagePreprocessing
from fairlead.records import Labels


class ImageClassifier(Classifier):
    """Fine-tunes a pretrained image backbone for binary or multiclass classification, in any Trainer.

    Subclass it and override what you want to change, as ``Classifier`` says.

    Args:
        labels: The C class names, in order.
        backbone: Anything ``load_backbone`` takes, a ``Backbone``, or what ``Backbone.describe`` returned.
        head: Linear or MLP.
        loss: Label smoothing and class weights.
        optimization: Optimizer, rates by depth, schedule.
        adapter: Adapters that learn in place of the backbone's weights, such as LoRA; None for all weights.

    Raises:
        LabelError: fewer than two classes.
        ConfigurationError: a recurrent head.

    Examples:
        >>> import torch
        >>> module = ImageClassifier(["cat", "dog"], backbone="random:test_resnet")
        >>> module.probabilities(module(torch.zeros((2, 3, 64, 64), dtype=torch.uint8))).shape
        torch.Size([2, 2])
    """

    def __init__(
        self,
        labels: Sequence[str] | Labels,
        *,
        backbone: str | Mapping[str, Any] | Backbone = "resnet18.a1_in1k",
        head: HeadSettings | None = None,
        loss: LossSettings | None = None,
        optimization: OptimizationSettings | None = None,
        adapter: AdapterSettings | Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(labels, backbone=backbone, head=head, loss=loss, optimization=optimization, adapter=adapter)
        if isinstance(self.head, RecurrentHead):
            raise ConfigurationError(
                f"a head of kind {self.head_settings.kind} reads the tokens of a text, and a picture has none; use "
                'HeadSettings(kind="linear") or "mlp"'
            )

    @property
    def preprocessing(self) -> ImagePreprocessing:
        """What the backbone expects of its pictures; the data module reads it."""
        given = self.backbone.preprocessing
        if not isinstance(given, ImagePreprocessing):
            raise ConfigurationError(
                f"{self.backbone.architecture} is no backbone of images; name one, or use TextClassifier"
            )
        return given
