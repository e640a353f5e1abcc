"""Does the intervention test flag a model that reads the planted ruler, and none that does not?

In the synthetic lesions a ruler lies beside more of the malignant lesions than of the benign: a shortcut of known
size. Three models are trained in that world, and three in one where as many benign lesions have a ruler. The ruler of
every test picture that has one is then masked, and the answers before and after are compared under the default policy,
over all rows and by tone. The generator can also draw each picture again without its ruler: that is what masking stands
in for, and it is held against it.

Each model answers a pool of pictures of its own world; test splits are drawn from the pool with replacement, so that
what is true of the pool is known exactly, and so what a verdict should be.

    python -m benchmarks.intervention_truth --keep answers/ --only planted-0   # some minutes on one core; resumable
    python -m benchmarks.intervention_truth --keep answers/                    # does what is missing, and judges
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray

from fairlead.audits import FILLS, CroppedRegion, RegionMask
from fairlead.backbones import load_backbone
from fairlead.data import Augmentation, ImageDataModule, Loading
from fairlead.data.synthetic import LesionWorld, SplitSizes
from fairlead.data.synthetic.world import TONES
from fairlead.evidence import Ledger, Limit, Verdict
from fairlead.judgement import Policy, judge_interventions
from fairlead.measures import FeatureGroups, InterventionTally, binomial_interval
from fairlead.modules import ImageClassifier, OptimizationSettings
from fairlead.records import Labels

RESULT = Path(__file__).parent / "results" / "intervention_truth.md"
RULERS = {"planted": (0.25, 0.65), "none": (0.45, 0.45)}
TITLES = {"planted": "trained with the shortcut", "none": "trained without"}
SEEDS = (0, 1, 2)
LABELS = Labels(("benign", "malignant"))
TONE = FeatureGroups("tone", TONES)
ORACLE = "drawn without"
CHANGES = (*FILLS, ORACLE)
FORWARD = 250


@dataclass(frozen=True, eq=False)
class Pool:
    """What one model answered: (N,) columns, and (N,) answers after each change; rows without a ruler as before."""

    tones: NDArray[np.int64]
    targets: NDArray[np.int64]
    ruler: NDArray[np.bool_]
    before: NDArray[np.int64]
    after: dict[str, NDArray[np.int64]]
    off: dict[str, float]
    seconds: float

    def tally(self, change: str, rows: NDArray[np.int64]) -> InterventionTally:
        """Counts those of the chosen rows that have a ruler."""
        rows = rows[self.ruler[rows]]
        columns = {"targets": self.targets[rows], "before": self.before[rows], "after": self.after[change][rows]}
        return InterventionTally.count(TONE, LABELS, self.tones[rows], **columns)

    @property
    def whole(self) -> NDArray[np.int64]:
        """Every row."""
        return np.arange(len(self.targets))

    def save(self, file: Path) -> None:
        """Writes it whole or not at all."""
        part = file.with_suffix(".part.npz")
        columns = {"tones": self.tones, "targets": self.targets, "ruler": self.ruler, "before": self.before}
        after = np.stack([self.after[change] for change in CHANGES])
        off = np.array([self.off[fill] for fill in FILLS])
        np.savez_compressed(part, **columns, after=after, off=off, seconds=np.array(self.seconds))
        part.replace(file)

    @classmethod
    def load(cls, file: Path) -> Pool:
        """Reads what ``save`` wrote."""
        found = np.load(file)
        after = dict(zip(CHANGES, found["after"], strict=True))
        off = dict(zip(FILLS, found["off"].tolist(), strict=True))
        columns = (found[name] for name in ("tones", "targets", "ruler", "before"))
        return cls(*columns, after, off, float(found["seconds"]))


def train(condition: str, seed: int, epochs: int) -> ImageClassifier:
    """The recipe's model from random weights, without the recipe's flags: the last epoch is kept."""
    L.seed_everything(seed, verbose=False)
    world = LesionWorld(rows=SplitSizes(2400, 50, 50, 0), ruler=RULERS[condition], seed=seed)
    augmentation = Augmentation(scale=0.8, vertical_flip=0.5, jitter=0.1)
    data = ImageDataModule(world, augmentation=augmentation, loading=Loading(batch_size=32, workers=0))
    module = untrained()
    trainer = L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(module, data)
    return module


def untrained() -> ImageClassifier:
    """The same model before."""
    rates = OptimizationSettings(learning_rate=1e-3, layer_decay=1.0)
    return ImageClassifier(LABELS, backbone=load_backbone("random:resnet18", image_size=64), optimization=rates)


def answer(module: ImageClassifier, condition: str, rows: int, seed: int) -> Pool:
    """Draws a pool of the model's own world, and answers it before and after each change."""
    lesions = LesionWorld(rows=SplitSizes(0, 0, 0, rows), ruler=RULERS[condition], seed=1000 + seed).draw()
    pixels = torch.from_numpy(np.ascontiguousarray(lesions.images.transpose(0, 3, 1, 2)))
    ruler = np.array([row.ruler for row in lesions.rows])
    place = np.flatnonzero(ruler)
    region = CroppedRegion("ruler", lesions.ruler_mask, module.preprocessing)
    before = _predicted(module, pixels)
    changed = {ORACLE: torch.from_numpy(np.stack([lesions.without_ruler(int(i)).transpose(2, 0, 1) for i in place]))}
    masks = np.stack([region.of(int(i)) for i in place])
    after, off, seconds = {}, {}, 0.0
    for fill in FILLS:
        started = time.perf_counter()
        changed[fill] = RegionMask(region, fill).apply(pixels, np.arange(rows)).after
        seconds = seconds or (time.perf_counter() - started) / len(place)
        apart = np.abs(changed[fill].numpy().astype(np.int64) - changed[ORACLE].numpy())
        off[fill] = float(apart.transpose(0, 2, 3, 1)[masks].mean())
    for change, pictures in changed.items():
        after[change] = before.copy()
        after[change][place] = _predicted(module, pictures)
    tones = np.array([TONES.index(tone) for tone in lesions.tone])
    targets = np.array([LABELS.code(name) for name in lesions.diagnosis])
    return Pool(tones, targets, ruler, before, after, off, seconds)


def _predicted(module: ImageClassifier, pixels: torch.Tensor) -> NDArray[np.int64]:
    with torch.inference_mode():
        return np.asarray(torch.cat([module(part).argmax(dim=1) for part in pixels.split(FORWARD)]).numpy())


def keep(folder: Path, name: str, options: argparse.Namespace) -> None:
    """Trains and answers what is not there yet."""
    condition, seed = name.rsplit("-", 1)
    weights, module = folder / f"{name}.pt", untrained()
    started = time.perf_counter()
    if not weights.exists():
        torch.save(train(condition, int(seed), options.epochs).state_dict(), weights)
    module.load_state_dict(torch.load(weights, weights_only=True))
    answer(module.eval(), condition, options.pool, int(seed)).save(folder / f"{name}.npz")
    print(f"{name}: {time.perf_counter() - started:.0f} s")


# -- judging -------------------------------------------------------------------------------------------


def report(pools: dict[str, list[Pool]], options: argparse.Namespace) -> Iterator[str]:
    """The whole of the result."""
    seconds = np.mean([pool.seconds for found in pools.values() for pool in found])
    yield "# Does the intervention test find the planted ruler?\n"
    yield (
        "Made by `python -m benchmarks.intervention_truth`, whose docstring says how: the default policy (at most one "
        "answer in ten\nchanged, and a selection rate moved by at most one in twenty), overall and by six tones. Three "
        f"models each, {options.draws} test\nsplits of each model. Shares with exact 99 % intervals. In-painting took "
        f"{1000 * seconds:.1f} ms a picture of 64 pixels on one busy core.\n"
    )
    yield from _models(pools)
    yield from _fills(pools)
    yield "\n## Verdicts\n"
    yield "*Flagged*: any of the 14 findings of a test split, overall or of a tone.\n"
    yield (
        "*Wrongly*: any that is within its limit in the pool, of the six models. *Clear*: both figures overall, of the "
        "models without the shortcut.\n"
    )
    yield "| rows of a split | with a ruler | fill | flagged, with the shortcut | flagged, without | wrongly | clear |"
    yield "|---|---|---|---|---|---|---|"
    yield from (_verdicts(pools, change, rows, options.draws) for rows in options.rows for change in CHANGES)
    yield "\nOther limits than the default ones, in-painted:\n"
    yield "| answers changed | selection rate moved | rows of a split | flagged, with the shortcut | flagged, without |"
    yield "|---|---|---|---|---|"
    for most in ((0.05, 0.05), (0.1, 0.05), (0.1, 0.1)):
        yield from (_with_limits(pools, most, rows, options.draws) for rows in options.rows[1:3])
    yield f"\nEach model, {options.rows[-1]} rows, in-painted, the default limits:\n"
    yield "| model | flagged | of them overall, SHAP-101 | overall, SHAP-102 | of a tone |"
    yield "|---|---|---|---|---|"
    for condition, found in pools.items():
        for seed, pool in enumerate(found):
            yield _of_model(f"{TITLES[condition]}, {seed}", pool, options.rows[-1], options.draws)


def _models(pools: dict[str, list[Pool]]) -> Iterator[str]:
    yield "\n## What masking does to each model\n"
    yield f"Over all rows that have a ruler, in a pool of {len(pools['planted'][0].targets)} pictures.\n"
    yield "| model | accuracy | what stands for the ruler | answers changed | selection rate moved | accuracy moved |"
    yield "|---|---|---|---|---|---|"
    for condition, found in pools.items():
        for seed, pool in enumerate(found):
            accuracy = f"{(pool.before == pool.targets).mean():.3f}"
            for change in CHANGES:
                yield f"| {TITLES[condition]}, {seed} | {accuracy} | {change} | {_effects(pool, change)} |"


def _fills(pools: dict[str, list[Pool]]) -> Iterator[str]:
    yield "\n## How near each fill comes to the picture drawn without its ruler\n"
    yield "| fill | levels (of 255) off inside the region | same answer, with the shortcut | same answer, without |"
    yield "|---|---|---|---|"
    for fill in FILLS:
        same = [np.mean([_agreement(pool, fill) for pool in pools[condition]]) for condition in RULERS]
        off = np.mean([pool.off[fill] for found in pools.values() for pool in found])
        yield f"| {fill} | {off:.1f} | {same[0]:.1%} | {same[1]:.1%} |"


def _effects(pool: Pool, change: str) -> str:
    whole = pool.tally(change, pool.whole).whole
    rows, net = int(whole.rows[0]), int(whole.gained[0, 1] - whole.lost[0, 1])
    right = int(whole.righted[0] - whole.wronged[0])
    return f"{whole.changed[0] / rows:.3f} | {net / rows:+.3f} | {right / rows:+.3f}"


def _agreement(pool: Pool, fill: str) -> float:
    return float((pool.after[fill] == pool.after[ORACLE])[pool.ruler].mean())


def _ledgers(
    pool: Pool, change: str, rows: int, draws: int, limits: Mapping[str, Limit] = Policy.default().interventions
) -> Iterator[Ledger]:
    generator = np.random.default_rng(rows)
    for _ in range(draws):
        tally = pool.tally(change, generator.integers(0, len(pool.targets), rows))
        yield judge_interventions({"ruler": [tally]}, limits, "test")


def _flagged(ledger: Ledger) -> bool:
    return any(finding.verdict is Verdict.FLAGGED for finding in ledger)


def _verdicts(pools: dict[str, list[Pool]], change: str, rows: int, draws: int) -> str:
    cells, wrong, clear = [], 0, 0
    for condition, found in pools.items():
        flagged = 0
        for pool in found:
            within = _within(pool, change)
            for ledger in _ledgers(pool, change, rows, draws):
                alarms = {(f.figure, f.group) for f in ledger if f.verdict is Verdict.FLAGGED}
                flagged, wrong = flagged + bool(alarms), wrong + bool(alarms & within)
                overall = [finding.verdict is Verdict.CLEAR for finding in ledger if finding.feature is None]
                clear += condition == "none" and all(overall)
        cells.append(_share(flagged, draws * len(found)))
    of = [draws * len(found) for found in pools.values()]
    with_ruler = round(rows * float(np.mean([pool.ruler.mean() for found in pools.values() for pool in found])))
    cells += [_share(wrong, sum(of)), _share(clear, of[-1])]
    return f"| {rows} | about {with_ruler} | {change} | " + " | ".join(cells) + " |"


def _within(pool: Pool, change: str) -> set[tuple[str, str | None]]:
    """The figures, by group, that are within their limits in the pool itself."""
    by_tone = pool.tally(change, pool.whole)
    cells: list[tuple[InterventionTally, int, str | None]] = [(by_tone.whole, 0, None)]
    cells += [(by_tone, slot, tone) for slot, tone in enumerate(TONES)]
    limits, within = Policy.default().interventions, set()
    for tally, slot, tone in cells:
        rows = int(tally.rows[slot])
        truth = {
            "answer_change_rate": int(tally.changed[slot]) / rows,
            "selection_rate_change": abs(int(tally.gained[slot, 1] - tally.lost[slot, 1])) / rows,
        }
        within |= {(name, tone) for name, value in truth.items() if value <= limits[name].most}
    return within


def _with_limits(pools: dict[str, list[Pool]], most: tuple[float, float], rows: int, draws: int) -> str:
    limits = {name: Limit(share) for name, share in zip(Policy.default().interventions, most, strict=True)}
    cells = []
    for found in pools.values():
        flagged = [_flagged(ledger) for pool in found for ledger in _ledgers(pool, "inpaint", rows, draws, limits)]
        cells.append(_share(sum(flagged), len(flagged)))
    return f"| {most[0]:g} | {most[1]:g} | {rows} | " + " | ".join(cells) + " |"


def _of_model(name: str, pool: Pool, rows: int, draws: int) -> str:
    ledgers = list(_ledgers(pool, "inpaint", rows, draws))
    flagged = [[f for f in ledger if f.verdict is Verdict.FLAGGED] for ledger in ledgers]
    overall = [
        sum(any(f.feature is None and f.code == code for f in found) for found in flagged)
        for code in ("SHAP-101", "SHAP-102")
    ]
    tone = sum(any(f.feature is not None for f in found) for found in flagged)
    return f"| {name} | " + " | ".join(_share(n, draws) for n in (sum(map(bool, flagged)), *overall, tone)) + " |"


def _share(count: int, of: int) -> str:
    low, high = binomial_interval([count], [of], 0.99)
    return f"{count / of:.1%} [{float(low[0]):.1%}, {float(high[0]):.1%}]"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of weights and answers; what is there is used")
    names = [f"{condition}-{seed}" for condition in RULERS for seed in SEEDS]
    parser.add_argument("--only", choices=names, help="train and answer one model, and judge nothing")
    parser.add_argument("--pool", type=int, default=4000, help="pictures that each model answers")
    parser.add_argument("--draws", type=int, default=200, help="test splits of each model")
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 600, 1200, 3000], help="of a test split")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.keep.mkdir(parents=True, exist_ok=True)
    for name in [options.only] if options.only else names:
        if not (options.keep / f"{name}.npz").exists():
            keep(options.keep, name, options)
    if not options.only:
        pools = {
            condition: [Pool.load(options.keep / f"{condition}-{seed}.npz") for seed in SEEDS] for condition in RULERS
        }
        text = "\n".join(report(pools, options))
        options.output.write_text(text + "\n", encoding="utf-8")
        print(text)


if __name__ == "__main__":
    main()
