"""Fine-tune with Lightning's own ``BackboneFinetuning`` callback over a timm backbone with a linear head.

The module and the callback's settings follow the example in the callback's documentation, the transforms Lightning's
computer vision fine-tuning example.
"""

import logging
import time
import warnings
from typing import Any

import lightning
import timm
import torch
from lightning.pytorch.callbacks import BackboneFinetuning, Callback
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.peers.timeline import Timeline, parse_arguments, read_photos

BATCH = 16
HEAD_RATE = 1e-3  # the documentation's
BACKBONE_SHARE = 0.1  # the documentation's: the backbone starts at a tenth of the head's rate ...
BACKBONE_GROWTH = 1.5  # ... and grows by half every epoch until they meet
FROZEN_EPOCHS = 2  # the documentation's 10 would keep it frozen to the end here

NORMALIZE = transforms.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
TEST = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor(), NORMALIZE])
TRAIN = transforms.Compose(
    [transforms.Resize((224, 224)), transforms.RandomHorizontalFlip(), transforms.ToTensor(), NORMALIZE]
)


class PhotoRows(Dataset):
    """Photos decoded when asked for."""

    def __init__(self, rows: list[tuple[str, int]], transform: Any):
        self._rows = rows
        self._transform = transform

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Decode and transform one photo."""
        file, label = self._rows[index]
        with Image.open(file) as image:
            return self._transform(image.convert("RGB")), label


class TransferModule(lightning.LightningModule):
    """A backbone under the name the callback asks for, and a linear head."""

    def __init__(self, weights: str, classes: int):
        super().__init__()
        self.backbone = timm.create_model(f"local-dir:{weights}", pretrained=True, num_classes=0)
        self.head = nn.Linear(self.backbone.num_features, classes)
        self.train()  # timm has it in train mode already; said because Lightning no longer does

    def forward(self, photos: Tensor) -> Tensor:
        """Score a batch of photos."""
        return self.head(self.backbone(photos))

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        """Cross-entropy of one batch."""
        photos, labels = batch
        return nn.functional.cross_entropy(self(photos), labels)

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        """Count the rows whose top class is the label."""
        photos, labels = batch
        right = (self(photos).argmax(-1) == labels).float()
        self.log("accuracy", right.mean(), batch_size=len(labels), on_epoch=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Only the head: the callback adds the backbone when it thaws it."""
        return torch.optim.Adam(self.head.parameters(), lr=HEAD_RATE)


class TimelineCallback(Callback):
    """Writes the accuracy down after each validation."""

    def __init__(self, timeline: Timeline):
        self._timeline = timeline
        self._began = 0.0

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Start the watch on this evaluation."""
        self._began = time.monotonic()

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Note the accuracy over all test rows."""
        self._timeline.add(float(trainer.callback_metrics["accuracy"]), time.monotonic() - self._began)


def main() -> None:
    arguments = parse_arguments(__doc__, epochs=5)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    lightning.seed_everything(arguments.seed, verbose=False)
    photos = read_photos(arguments.table)
    trainer = lightning.Trainer(
        max_epochs=arguments.epochs,
        callbacks=[
            BackboneFinetuning(FROZEN_EPOCHS, lambda _epoch: BACKBONE_GROWTH, BACKBONE_SHARE),
            TimelineCallback(Timeline(arguments.output)),
        ],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(
        TransferModule(str(arguments.weights), len(photos.classes)),
        DataLoader(PhotoRows(photos.train, TRAIN), batch_size=BATCH, shuffle=True, drop_last=False),
        DataLoader(PhotoRows(photos.test, TEST), batch_size=64),
    )


if __name__ == "__main__":
    main()
