"""Fine-tune a pretrained text backbone on a small dataset, and measure it honestly.

    python -m recipes.finetune_text                                     # embedded synthetic applications, offline
    python -m recipes.finetune_text --data posts.csv --text-column body --label topic --sensitive region
    python -m recipes.finetune_text --data posts.csv --fewshot 8 --seed 3
    python -m recipes.finetune_text --data posts.csv --backbone distilbert/distilbert-base-uncased
    python -m recipes.finetune_text --data posts.csv --sensitive region --policy policy.yaml --strict

A linear probe on the frozen backbone comes first; fine-tuning starts from its head, and is kept only if it
beats the probe on validation. With --fewshot the backbone is tuned contrastively before the probe. The temperature is
fitted on calibration rows; the figures are of test rows, which had no say in anything, and so are the verdicts of the
audit by --sensitive groups. The run folder holds it all, and in bundle/ what can be served, with the gate's verdict
inside.
"""

import sys
from collections.abc import Sequence

import lightning as L

from fairlead.backbones import Backbone, load_text_backbone
from fairlead.cli.boundary import clearly
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.cli.story import Story
from fairlead.data import RowsDataModule
from fairlead.errors import BackboneError
from fairlead.modules import Classifier, TextClassifier
from fairlead.records import Modality
from fairlead.tuning import ContrastiveSettings, ContrastiveTuning
from recipes.stages import choose_rates, run_stages

EMBEDDED = "embedded:minilm-l6"
HUB = "sentence-transformers/all-MiniLM-L6-v2"  # the same weights, where the package that brings them is not installed


@clearly
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs from raw texts to a measured model; returns the exit code."""
    options = FinetuneOptions.parse(
        arguments, program="python -m recipes.finetune_text", description=__doc__ or "", modality=Modality.TEXT
    )
    tuning: list[L.Callback] = []
    if options.fewshot:
        tuning = [ContrastiveTuning(ContrastiveSettings(seed=options.seed))]
    return run_stages(options, choose_backbone, build_classifier, before_probe=tuning)


def choose_backbone(options: FinetuneOptions, story: Story) -> Backbone:
    """What the user named, or all-MiniLM-L6-v2: the embedded file, else the hub's."""
    if options.backbone:
        return story.backbone(load_text_backbone(options.backbone, max_tokens=options.max_tokens))
    try:
        return story.backbone(load_text_backbone(EMBEDDED, max_tokens=options.max_tokens))
    except BackboneError as missing:
        try:
            return story.backbone(load_text_backbone(HUB, max_tokens=options.max_tokens))
        except BackboneError as error:
            raise BackboneError(f"{missing}; or, as {HUB}: {error}") from error


def build_classifier(options: FinetuneOptions, data: RowsDataModule, backbone: Backbone) -> Classifier:
    """A linear head on all of the backbone, or on a frozen one with adapters in it."""
    adapter, rates = choose_rates(options, backbone)
    return TextClassifier(data.labels, backbone=backbone, optimization=rates, adapter=adapter)


if __name__ == "__main__":
    sys.exit(main())
