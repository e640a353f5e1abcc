"""The data of a run, as its options name them."""

from __future__ import annotations

from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.data import (
    Augmentation,
    Columns,
    ImageDataModule,
    Loading,
    RowsDataModule,
    SplitPlan,
    TextDataModule,
)
from fairlead.data.synthetic import ApplicationWorld, LesionWorld, SplitSizes
from fairlead.records import Modality

BORDER = "border"  # a region that needs no masks
QUICK_ROWS = 240
QUICK_SIZES = SplitSizes(160, 40, 40, 120)


def run_data(options: FinetuneOptions) -> RowsDataModule:
    """Returns the user's data, or the embedded synthetic ones: the same rows for a run and for its export.

    Raises:
        FairleadError: data that cannot be read, or are of no use.
    """
    return _texts(options) if options.modality is Modality.TEXT else _images(options)


def _images(options: FinetuneOptions) -> ImageDataModule:
    world = LesionWorld(
        rows=QUICK_SIZES if options.quick else SplitSizes(),
        size=options.image_size or 64,
        seed=options.seed,
    )
    return ImageDataModule(
        options.data or world,
        columns=Columns(
            image=options.image_column,
            label=options.label,
            sensitive=options.sensitive,
            regions=tuple(name for name in options.region if name != BORDER),
        ),
        splits=_plan(options),
        augmentation=Augmentation() if options.data else Augmentation(scale=0.8, vertical_flip=0.5, jitter=0.1),
        loading=Loading(batch_size=options.batch_size),
        seed=options.seed,
    )


def _texts(options: FinetuneOptions) -> TextDataModule:
    world = ApplicationWorld(seed=options.seed)
    if options.quick:
        world = ApplicationWorld(rows=QUICK_SIZES, seed=options.seed)
    return TextDataModule(
        options.data or world,
        columns=Columns(
            text=options.text_column,
            text_pair=options.text_pair_column,
            label=options.label,
            sensitive=options.sensitive,
        ),
        splits=_plan(options),
        loading=Loading(batch_size=options.batch_size),
        fewshot=options.fewshot,
        seed=options.seed,
    )


def _plan(options: FinetuneOptions) -> SplitPlan:
    return SplitPlan(seed=options.seed, most=QUICK_ROWS if options.quick and options.data else None)
