"""Fine-tune with the Hugging Face Trainer and transformers' wrapper of timm models.

The script follows transformers' own image classification example: the wrapper's training and validation transforms,
cross-entropy from the model, AdamW with linear decay, evaluation after every epoch.
"""

import tempfile
from typing import Any

from PIL import Image
from torch.utils.data import Dataset
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from benchmarks.peers.timeline import Photos, Timeline, parse_arguments, read_photos

# The documentation's 5e-5 is meant for vision transformers and thousands of steps; a small CNN would hardly move in the
# hundred or so steps there are here, so the peer gets twenty times that.
LEARNING_RATE = 1e-3
BATCH = 16  # the documentation's


class PhotoRows(Dataset):
    """Photos decoded when asked for, as the documentation's ``with_transform`` does."""

    def __init__(self, rows: list[tuple[str, int]], transform: Any):
        self._rows = rows
        self._transform = transform

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Decode and transform one photo."""
        file, label = self._rows[index]
        with Image.open(file) as image:
            return {"pixel_values": self._transform(image.convert("RGB")), "labels": label}


class TimelineCallback(TrainerCallback):
    """Writes the accuracy down after each evaluation."""

    def __init__(self, timeline: Timeline):
        self._timeline = timeline

    def on_evaluate(self, args, state, control, metrics, **kwargs) -> None:  # noqa: ARG002 - the Trainer's signature
        """Note what the Trainer measured and how long that took it."""
        self._timeline.add(metrics["eval_accuracy"], metrics["eval_runtime"])


def load(weights: str, photos: Photos) -> Any:
    """Load the local folder, and stop unless every weight but the classifier's came from it."""
    model, report = AutoModelForImageClassification.from_pretrained(
        weights,
        num_labels=len(photos.classes),
        id2label=dict(enumerate(photos.classes)),
        label2id={name: index for index, name in enumerate(photos.classes)},
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    fresh = len(report["missing_keys"]) + len(report["mismatched_keys"])
    if fresh > 2:  # the classifier's weight and bias
        raise SystemExit(f"{weights}: {fresh} weights were not taken from there, the classifier's two are expected")
    return model


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    """Share of test rows whose top class is the label."""
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def main() -> None:
    arguments = parse_arguments(__doc__, epochs=5)
    photos = read_photos(arguments.table)
    processor = AutoImageProcessor.from_pretrained(str(arguments.weights))
    with tempfile.TemporaryDirectory() as scratch:
        settings = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=arguments.epochs,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=64,
            learning_rate=LEARNING_RATE,
            warmup_steps=0.1,
            eval_strategy="epoch",
            save_strategy="no",
            report_to="none",
            remove_unused_columns=False,
            disable_tqdm=True,
            seed=arguments.seed,
        )
        trainer = Trainer(
            model=load(str(arguments.weights), photos),
            args=settings,
            train_dataset=PhotoRows(photos.train, processor.train_transforms),
            eval_dataset=PhotoRows(photos.test, processor.val_transforms),
            compute_metrics=accuracy,
            callbacks=[TimelineCallback(Timeline(arguments.output))],
        )
        trainer.train()


if __name__ == "__main__":
    main()
