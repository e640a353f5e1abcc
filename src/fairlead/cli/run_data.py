"""The data of a run, as its options name them."""

from __future__ import annotations

from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.data import Augmentation, Columns, ImageDataModule, Loading, SplitPlan
from fairlead.data.synthetic import LesionWorld, SplitSizes

QUICK_ROWS = 240
QUICK_SIZES = SplitSizes(160, 40, 40, 120)


def run_data(options: FinetuneOptions) -> ImageDataModule:
    """Returns the user's pictures, or the embedded synthetic ones: the same rows for a run and for its export.

    Raises:
        FairleadError: data that cannot be read, or are of no use.
    """
    world = LesionWorld(
        rows=QUICK_SIZES if options.quick else SplitSizes(),
        size=options.image_size or 64,
        seed=options.seed,
    )
    return ImageDataModule(
        options.data or world,
        columns=Columns(options.image_column, options.label, options.sensitive),
        splits=SplitPlan(seed=options.seed, most=QUICK_ROWS if options.quick and options.data else None),
        augmentation=Augmentation() if options.data else Augmentation(scale=0.8, vertical_flip=0.5, jitter=0.1),
        loading=Loading(batch_size=options.batch_size),
        seed=options.seed,
    )
