"""Fine-tune with fastai: ``vision_learner`` over a timm backbone, then ``fine_tune``.

The script follows fastai's own vision tutorial. ``fine_tune`` trains the new head for one epoch over the frozen body
and then everything, with its own schedule and discriminative learning rates; so ``--epochs 4`` is five passes.
"""

import time

import fastai.callback.schedule  # noqa: F401 - gives every Learner its fine_tune
import pandas as pd
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import ColReader, ColSplitter
from fastai.metrics import accuracy
from fastai.torch_core import set_seed
from fastai.vision.augment import Resize
from fastai.vision.data import ImageBlock
from fastai.vision.learner import vision_learner

from benchmarks.peers.timeline import Photos, Timeline, parse_arguments, read_photos

BATCH = 64  # fastai's default
BASE_RATE = 2e-3  # fastai's default


class TimelineCallback(Callback):
    """Writes the accuracy down after each validation; ordered after fastai's Recorder (50), which computes it."""

    order = 60

    def __init__(self, timeline: Timeline):
        self._timeline = timeline
        self._began = 0.0

    def before_validate(self) -> None:
        """Start the watch on this evaluation."""
        self._began = time.monotonic()

    def after_validate(self) -> None:
        """Note the one metric of the learner, as the Recorder left it."""
        self._timeline.add(float(self.learn.recorder.log[-1]), time.monotonic() - self._began)


def tabulate(photos: Photos) -> pd.DataFrame:
    """Lay the rows out as a data frame; fastai validates on the test rows, and only looks."""
    rows = [(file, photos.classes[label], False) for file, label in photos.train]
    rows += [(file, photos.classes[label], True) for file, label in photos.test]
    return pd.DataFrame(rows, columns=["file", "label", "is_test"])


def main() -> None:
    arguments = parse_arguments(__doc__, epochs=4)
    set_seed(arguments.seed)
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=ColReader("file"),
        get_y=ColReader("label"),
        splitter=ColSplitter("is_test"),
        item_tfms=Resize(224),
    )
    loaders = block.dataloaders(tabulate(read_photos(arguments.table)), bs=BATCH)
    learner = vision_learner(
        loaders,
        f"local-dir:{arguments.weights}",
        metrics=accuracy,
        cbs=TimelineCallback(Timeline(arguments.output)),
    )
    learner.remove_cb(ProgressCallback)
    learner.fine_tune(arguments.epochs, BASE_RATE)


if __name__ == "__main__":
    main()
