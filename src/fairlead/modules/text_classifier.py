"""A classifier of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from fairlead.backbones import Backbone, TextBackbone, load_text_backbone
from fairlead.errors import ConfigurationError
from fairlead.modules.adapters import AdapterSettings
from fairlead.modules.classifier import Classifier
from fairlead.modules.heads import HeadSettings
from fairlead.modules.optimization import OptimizationSettings
from fairlead.modules.recurrent_head import RecurrentHead
from fairlead.modules.tasks import LossSettings
from fairlead.preprocessing import TextPreprocessing
from fairlead.records import Labels


class TextClassifier(Classifier):
    """Fine-tunes a pretrained encoder of texts for binary or multiclass classification, in any Trainer.

    Subclass it and override what you want to change, as ``Classifier`` says.

    Args:
        labels: The C class names, in order.
        backbone: Anything ``load_text_backbone`` takes, a ``TextBackbone``, or what its ``describe`` returned.
        head: Linear, MLP, or a recurrent network over the tokens.
        loss: Label smoothing and class weights.
        optimization: Optimizer, rates by depth, schedule. AdamW corrects its bias, which few rows need (Zhang et al.
            2021, "Revisiting Few-sample BERT Fine-tuning").
        adapter: Adapters that learn in place of the backbone's weights, such as LoRA; None for all weights.
        reinitialised_layers: So many of the encoder's top layers forget what they learned and start anew, which makes
            fine-tuning on few rows steadier for encoders whose top is bound to what they were trained for (Zhang et
            al. 2021). They are of no use to a probe.

    Raises:
        LabelError: fewer than two classes.
        ConfigurationError: a backbone of images, more layers to start anew than there are, or those and adapters.
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
        reinitialised_layers: int = 0,
    ) -> None:
        if reinitialised_layers and adapter is not None:
            raise ConfigurationError(
                "layers that start anew have to learn, and adapters freeze them; leave out reinitialised_layers or the "
                "adapter"
            )
        found = load_text_backbone(backbone) if isinstance(backbone, str) else backbone
        if reinitialised_layers and isinstance(found, TextBackbone):  # a checkpoint brings its own weights
            found.reinitialise(reinitialised_layers)
        super().__init__(labels, backbone=found, head=head, loss=loss, optimization=optimization, adapter=adapter)
        self.save_hyperparameters({"reinitialised_layers": reinitialised_layers})
        if isinstance(self.head, RecurrentHead):
            self._of_texts.drop_pooler()

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps (N, 3, T) inputs as a batch holds them to (N, C) logits, before the temperature."""
        if isinstance(self.head, RecurrentHead):
            logits: Tensor = self.head(self._of_texts.tokens(inputs), inputs[:, 1])
            return logits
        return super().forward(inputs)

    @property
    def features_layer(self) -> nn.Module:
        """The layer that gives the (N, D) features: the backbone, or what a recurrent head keeps of the tokens."""
        return self.head.pooling if isinstance(self.head, RecurrentHead) else super().features_layer

    @property
    def preprocessing(self) -> TextPreprocessing:
        """The tokenizer, and how many tokens are read; the data module reads it."""
        return self._of_texts.preprocessing

    @property
    def _of_texts(self) -> TextBackbone:
        if not isinstance(self.backbone, TextBackbone):
            raise ConfigurationError(
                f"{self.backbone.architecture} is no backbone of texts; name one, or use ImageClassifier"
            )
        return self.backbone
