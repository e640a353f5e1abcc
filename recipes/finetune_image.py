"""Fine-tune a pretrained image backbone on a small dataset, and measure it honestly.

    python -m recipes.finetune_image                                    # embedded synthetic lesions, offline
    python -m recipes.finetune_image --data photos/                     # a folder of class folders
    python -m recipes.finetune_image --data photos.csv --label diagnosis --sensitive sex age_group
    python -m recipes.finetune_image --data photos.csv --sensitive sex --policy policy.yaml --strict
    python -m recipes.finetune_image --data photos.csv --sensitive sex --mitigate thresholds

A linear probe on the frozen backbone comes first; fine-tuning starts from its head, and is kept only if it
beats the probe on validation. The temperature is fitted on calibration rows; the figures are of test rows, which
had no say in anything, and so are the verdicts of the audit by --sensitive groups. The run folder holds it all, and in
bundle/ what can be served, with the gate's verdict inside.
"""

import sys
from collections.abc import Sequence

from fairlead.backbones import Backbone, check_weights, load_backbone
from fairlead.cli.boundary import clearly
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.cli.story import Story
from fairlead.data import RowsDataModule
from fairlead.errors import BackboneError
from fairlead.modules import Classifier, ImageClassifier
from recipes.stages import choose_rates, run_stages

DEFAULT_BACKBONE = "resnet18.a1_in1k"


@clearly
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs from raw photos to a measured model; returns the exit code."""
    options = FinetuneOptions.parse(arguments, program="python -m recipes.finetune_image", description=__doc__ or "")
    check_weights(options.backbone or DEFAULT_BACKBONE)  # a name that is misspelt is answered before data are read
    return run_stages(options, choose_backbone, build_classifier)


def choose_backbone(options: FinetuneOptions, story: Story) -> Backbone:
    """What the user named, or the default; random weights only where nothing was named and nothing can be had."""
    size = options.image_size or (None if options.data else 64)
    if options.backbone:
        return story.backbone(load_backbone(options.backbone, image_size=size))
    try:
        return story.backbone(load_backbone(DEFAULT_BACKBONE, image_size=size))
    except BackboneError as error:
        story.random_weights(error)
        return story.backbone(load_backbone("random:resnet18", image_size=size))


def build_classifier(options: FinetuneOptions, data: RowsDataModule, backbone: Backbone) -> Classifier:
    """A linear head on all of the backbone, or on a frozen one with adapters in it."""
    adapter, rates = choose_rates(options, backbone)
    return ImageClassifier(data.labels, backbone=backbone, optimization=rates, adapter=adapter)


if __name__ == "__main__":
    sys.exit(main())
