"""Is the bias that was planted in the synthetic lesions found, and is none found where none was planted?

One model is trained in the world as it is, and one in a world without faint signs on the darker tones. Each answers
many test splits, every one drawn anew from its world, and each split is audited by tone under the default policy.

That nothing was planted does not make a model's gap 0: it may read one tone better than another. What its gaps truly
are is therefore had from the rows of all splits together, and *flagged* is a false alarm only where a figure's own
gap is within the limit.

Eight splits tell little: none of eight may still be a third. So the answers are also taken for a population of their
own, from which splits are drawn with replacement, thousands of them: its gaps are known exactly, and so is what a
verdict should be.

    python -m benchmarks.audit_lesions --keep answers/ --only planted    # minutes on one core; may be stopped
    python -m benchmarks.audit_lesions --keep answers/ --only none
    python -m benchmarks.audit_lesions --keep answers/                   # judges what was kept
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray

from fairlead.backbones import load_backbone
from fairlead.data import Augmentation, ImageDataModule, Loading
from fairlead.data.synthetic import LesionWorld, SplitSizes
from fairlead.data.synthetic.world import DARKER_TONES, TONES
from fairlead.evidence import Ledger, Verdict
from fairlead.judgement import Figure, Policy, judge
from fairlead.measures import FeatureGroups, GroupRates, GroupTally, binomial_interval
from fairlead.modules import ImageClassifier, OptimizationSettings
from fairlead.records import Labels

RESULT = Path(__file__).parent / "results" / "audit_lesions.md"
FAINT = {"planted": LesionWorld().faint_share, "none": 0.0}
LABELS = Labels(("benign", "malignant"))
TONE = FeatureGroups("tone", TONES)


@dataclass(frozen=True, eq=False)
class Answers:
    """What one model answered: each (D, N) of D splits of N rows."""

    tones: NDArray[np.int64]
    targets: NDArray[np.int64]
    predicted: NDArray[np.int64]

    def tally(self, rows: object) -> GroupTally:
        """Counts the rows that an index chooses."""
        return GroupTally.count(TONE, LABELS, *(c[rows].ravel() for c in (self.tones, self.targets, self.predicted)))

    @classmethod
    def load(cls, file: Path) -> Answers:
        """Reads what ``keep_answers`` wrote."""
        content = np.load(file)
        return cls(content["tones"], content["targets"], content["predicted"])


def train(faint_share: float, epochs: int) -> ImageClassifier:
    """The recipe's model from random weights, without the recipe's flags: the last epoch is kept."""
    L.seed_everything(0, verbose=False)
    world = LesionWorld(rows=SplitSizes(2400, 500, 500, 0), faint_share=faint_share)
    augmentation = Augmentation(scale=0.8, vertical_flip=0.5, jitter=0.1)
    data = ImageDataModule(world, augmentation=augmentation, loading=Loading(batch_size=32, workers=0))
    rates = OptimizationSettings(learning_rate=1e-3, layer_decay=1.0)
    module = ImageClassifier(LABELS, backbone=load_backbone("random:resnet18", image_size=64), optimization=rates)
    trainer = L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        limit_val_batches=0,
    )
    trainer.fit(module, data)
    return module.eval()


def answer(module: ImageClassifier, faint_share: float, rows: int, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Draws one test split and answers it."""
    world = LesionWorld(rows=SplitSizes(0, 0, 0, rows), faint_share=faint_share, seed=seed)
    lesions = world.draw()
    pixels = torch.from_numpy(lesions.images).permute(0, 3, 1, 2)
    with torch.inference_mode():
        predicted = torch.cat([module(part).argmax(dim=1) for part in pixels.split(250)])
    tones = np.array([TONES.index(tone) for tone in lesions.tone])
    return tones, np.array([LABELS.code(name) for name in lesions.diagnosis]), predicted.numpy()


def keep_answers(file: Path, faint_share: float, options: argparse.Namespace) -> None:
    """Trains, then writes the answers after every split."""
    started = time.perf_counter()
    module = train(faint_share, options.epochs)
    print(f"trained in {time.perf_counter() - started:.0f} s")
    kept: list[tuple[NDArray[np.int64], ...]] = []
    for draw in range(options.draws):
        kept.append(answer(module, faint_share, options.rows, 1000 + draw))
        columns = dict(zip(("tones", "targets", "predicted"), map(np.stack, zip(*kept, strict=True)), strict=True))
        np.savez_compressed(file.with_suffix(".part.npz"), **columns)
        file.with_suffix(".part.npz").replace(file)
    print(f"answered {options.draws} x {options.rows} rows after {time.perf_counter() - started:.0f} s")


# -- judging -------------------------------------------------------------------------------------------


def report(answers: dict[str, Answers], resamples: int) -> Iterator[str]:
    """The whole of the result."""
    policy = Policy.default()
    yield "# Is the planted bias of the synthetic lesions found?\n"
    yield (
        "Made by `python -m benchmarks.audit_lesions`, whose docstring says how; the default policy, by tone. "
        "*Pooled*: the gap over the\nrows of all splits. Shares with exact 95 % intervals. A verdict is wrong where a "
        "gap within the limit is flagged, or one beyond it\nis clear; at most 5 % is promised of each.\n"
    )
    for name, found in answers.items():
        draws, rows = found.targets.shape
        pooled = found.tally(...)
        gaps = {figure: _gap(pooled, figure) for figure in policy.limits}
        accuracy = (found.targets == found.predicted).mean()
        yield f"\n## {_TITLES[name]}\n"
        yield f"{draws} splits of {rows} rows; accuracy {accuracy:.3f}.\n"
        yield from _rates(pooled)
        yield "\nSplits drawn anew from the world:\n"
        ledgers = [judge([found.tally(draw)], policy, "test") for draw in range(draws)]
        yield from _shares(ledgers, gaps, policy)
        yield f"\n{resamples} splits of {rows} rows drawn from the pooled rows with replacement:\n"
        yield from _shares(list(_resampled(found, policy, resamples)), gaps, policy)
        yield "\nThe verdict on the true positive rate by the rows of a split, 300 splits each, drawn likewise:\n"
        yield from _by_rows(found, policy)
        yield "\nRows that the first split asks for:\n"
        for finding in ledgers[0]:
            needed = ", ".join(f"{count} {what}" for what, count in (finding.rows_needed or {}).items()) or "none"
            yield f"* `{finding.figure}` ({finding.verdict.value}, {finding.estimate}): {needed}"


_TITLES = {
    "planted": f"Planted: {FAINT['planted']:.0%} of the malignant lesions on V and VI are faint",
    "none": "Not planted: no faint lesions",
}


def _rates(pooled: GroupTally) -> Iterator[str]:
    yield "| pooled | " + " | ".join(TONES) + " |"
    yield "|---" * (1 + len(TONES)) + "|"
    for rate in ("true_positive_rate", "false_positive_rate", "selection_rate"):
        yield f"| {rate.replace('_', ' ')} | " + " | ".join(f"{v:.3f}" for v in _values(pooled, rate)) + " |"


def _values(tally: GroupTally, rate: str) -> NDArray[np.float64]:
    return GroupRates.of(tally, rate).values[0][: len(TONES)]


def _gap(pooled: GroupTally, figure: str) -> float:
    values = _values(pooled, Figure.named(figure).rates[0])
    return float(values.max() - values.min())


def _shares(ledgers: Sequence[Ledger], gaps: dict[str, float], policy: Policy) -> Iterator[str]:
    yield "| figure | pooled gap | flagged | undecided | insufficient | clear | wrong |"
    yield "|---|---|---|---|---|---|---|"
    told = (Verdict.FLAGGED, Verdict.UNDECIDED, Verdict.INSUFFICIENT, Verdict.CLEAR)
    for name, limit in policy.limits.items():
        verdicts = [f.verdict for ledger in ledgers for f in ledger if f.figure == name]
        wrong = Verdict.FLAGGED if gaps[name] <= limit.most else Verdict.CLEAR
        cells = [_share(sum(v is verdict for v in verdicts), len(verdicts)) for verdict in (*told, wrong)]
        yield f"| `{name}` | {gaps[name]:.3f} | " + " | ".join(cells) + " |"
    within = {name for name, limit in policy.limits.items() if gaps[name] <= limit.most}
    alarms = sum(any(f.figure in within and f.verdict is Verdict.FLAGGED for f in ledger) for ledger in ledgers)
    yield f"\nAny figure flagged that is within its limit: {_share(alarms, len(ledgers))}."


def _share(count: int, of: int) -> str:
    low, high = binomial_interval([count], [of], 0.95)
    return f"{count / of:.1%} [{float(low[0]):.1%}, {float(high[0]):.1%}]"


def _resampled(found: Answers, policy: Policy, resamples: int, rows: int | None = None) -> Iterator[Ledger]:
    generator = np.random.default_rng(0)
    flat = Answers(*(c.ravel() for c in (found.tones, found.targets, found.predicted)))
    for _ in range(resamples):
        chosen = generator.integers(0, flat.targets.size, rows or found.targets.shape[1])
        yield judge([flat.tally(chosen)], policy, "test")


def _by_rows(found: Answers, policy: Policy) -> Iterator[str]:
    name = "true_positive_rate_difference"
    yield "| rows | malignant on V or VI, about | flagged | undecided | clear |"
    yield "|---|---|---|---|---|"
    darker = np.isin(found.tones, [TONES.index(tone) for tone in DARKER_TONES]) & (found.targets == 1)
    for rows in (3000, 12_000, 24_000, 48_000):
        verdicts = [f.verdict for led in _resampled(found, policy, 300, rows) for f in led if f.figure == name]
        shares = [
            _share(sum(v is w for v in verdicts), 300) for w in (Verdict.FLAGGED, Verdict.UNDECIDED, Verdict.CLEAR)
        ]
        yield f"| {rows} | {rows * darker.mean():.0f} | " + " | ".join(shares) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of the answers; what is there is used")
    parser.add_argument("--only", choices=list(FAINT), help="train and answer one condition, and judge nothing")
    parser.add_argument("--draws", type=int, default=8, help="test splits of each condition")
    parser.add_argument("--rows", type=int, default=3000, help="of a test split")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.keep.mkdir(parents=True, exist_ok=True)
    files = {name: options.keep / f"{name}.npz" for name in ([options.only] if options.only else FAINT)}
    for name, file in files.items():
        if not file.exists():
            keep_answers(file, FAINT[name], options)
    if not options.only:
        text = "\n".join(report({name: Answers.load(file) for name, file in files.items()}, options.resamples))
        options.output.write_text(text + "\n", encoding="utf-8")
        print(text)


if __name__ == "__main__":
    main()
