"""A classifier of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fairlead.backbones import Backbone, load_text_backbone
from fairlead.errors import ConfigurationError
from fairlead.modules.adapters import AdapterSettings
from fairlead.modules.classifier import Classifier
from fairlead.modules.heads import HeadSettings
from fairlead.modules.optimization import OptimizationSettings
from fairlead.modules.tasks import LossSettings
from fairlead.preprocessing import TextPreprocessing
from fairlead.records import Labels


class TextClassifier(Classifier):
    """Fine-tunes a pretrained encoder of texts for binary or multiclass classification, in any Trainer.

    Subclass it and override what you want to change, as ``Classifier`` says.

    Args:
        labels: The C class names, in order.
        backbone: Anything ``load_text_backbone`` takes, a ``TextBackbone``, or what its ``describe`` returned.
        head: Linear or MLP.
        loss: Label smoothing and class weights.
        optimization: Optimizer, rates by depth, schedule. AdamW corrects its bias, which few rows need (Zhang et al.
            2021, "Revisiting Few-sample BERT Fine-tuning").
        adapter: Adapters that learn in place of the backbone's weights, such as LoRA; None for all weights.

    Raises:
        LabelError: fewer than two classes.
        ConfigurationError: a backbone of images.
    """

    def __init__(
        self,
        labels: Sequence[str] | Labels,
        *,
        backbone: str | Mapping[str, Any] | Backbone = "embedded:minilm-l6",
        head: HeadSettings | None = None,
        loss: LossSettings | None = None,
        optimization: OptimizationSettings | None = None,
        adapter: AdapterSettings | Mapping[str, Any] | None = None,
    ) -> None:
        found = load_text_backbone(backbone) if isinstance(backbone, str) else backbone
        super().__init__(labels, backbone=found, head=head, loss=loss, optimization=optimization, adapter=adapter)

    @property
    def preprocessing(self) -> TextPreprocessing:
        """The tokenizer, and how many tokens are read; the data module reads it."""
        given = self.backbone.preprocessing
        if not isinstance(given, TextPreprocessing):
            raise ConfigurationError(
                f"{self.backbone.architecture} is no backbone of texts; name one, or use ImageClassifier"
            )
        return given
