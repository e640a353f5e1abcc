"""Explanations by Owen values beside shap's partition explainer, on drawn lesions whose place is known.

    uv run python -m benchmarks.explanations --run RUN

RUN is a finished run of ``recipes.finetune_image`` on its embedded data. It writes results/explanations.md.
"""

from __future__ import annotations

import argparse
import io
import os
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

os.environ["NUMBA_DISABLE_JIT"] = "1"  # shap's two compiled loops are short; compiling them would count against it

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fairlead.bundle import Bundle, Explainer, Predictor
from fairlead.bundle.parts import Cells
from fairlead.bundle.reader import Read
from fairlead.data.synthetic import Lesions, LesionWorld, SplitSizes
from fairlead.measures import PartitionTree, owen_values
from fairlead.measures.owen_values import Game
from fairlead.records import RunFolder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import shap

SIDE = 8  # at which the exact values can still be had: 2,732 evaluations
BUDGETS = (50, 100, 200, 400, 800)
RESULT = Path(__file__).parent / "results" / "explanations.md"


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=20)
    given = parser.parse_args()
    predictor = Predictor.of(Bundle.open(RunFolder(given.run).bundle))
    world = LesionWorld(rows=SplitSizes(1, 1, 1, given.pictures), seed=1001)
    lesions = world.draw()
    lines = [
        "# Explanations",
        "",
        f"`benchmarks/explanations.py`: {given.pictures} drawn lesions that the model has not seen, the class that it "
        "decides for, masked by blur.",
        "",
        *errors(predictor, lesions, given.pictures),
        "",
        *places(predictor, lesions, given.pictures),
    ]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def errors(predictor: Predictor, lesions: Lesions, pictures: int) -> list[str]:
    """How far from the exact values, at equal evaluations of the model."""
    tree = PartitionTree.of_grid(SIDE, SIDE)
    found: defaultdict[tuple[int, str], list[tuple[float, float]]] = defaultdict(list)
    for row in rows_of(lesions, pictures):
        game = game_of(predictor, lesions.images[row], SIDE)
        exact = owen_values(game, tree, evaluations=10**6, batch=32).values
        for budget in BUDGETS:
            for name, values in (
                ("fairlead", owen_values(game, tree, evaluations=budget, batch=8).values),
                ("shap", by_shap(game, tree, budget)),
            ):
                error = np.abs(values - exact).sum() / np.abs(exact).sum()
                found[budget, name].append((error, np.corrcoef(values, exact)[0, 1]))
    lines = [
        f"Error against the exact Owen values of {SIDE} x {SIDE} cells (sum of absolute differences over sum of "
        "absolute values; median, and quartiles), and correlation with them:",
        "",
        "| evaluations | fairlead | shap | ours over shap's, by picture | correlation | shap's |",
        "|---|---|---|---|---|---|",
    ]
    for budget in BUDGETS:
        ours, theirs = (np.array(found[budget, name]) for name in ("fairlead", "shap"))
        lines.append(
            f"| {budget} | {spread(ours[:, 0])} | {spread(theirs[:, 0])} | {spread(ours[:, 0] / theirs[:, 0])} | "
            f"{np.median(ours[:, 1]):.2f} | {np.median(theirs[:, 1]):.2f} |"
        )
    return lines


def places(predictor: Predictor, lesions: Lesions, pictures: int) -> list[str]:
    """Where the values lie, as the service gives them, and what it takes."""
    explainer = Explainer(predictor)
    shares, seconds, reliable = [], [], 0
    for row in rows_of(lesions, pictures):
        pixels = pixels_of(predictor, lesions.images[row])
        label = predictor.labels[int(predictor.run(pixels[None])[0].argmax())]
        begun = time.perf_counter()
        found = explainer.explain(Read(pixels), label)
        seconds.append(time.perf_counter() - begun)
        reliable += found.certificate.reliable
        weights = np.abs(found.values) / np.abs(found.values).sum()
        masks = [covered(predictor, mask(row), weights.shape) for mask in (lesions.lesion_mask, lesions.ruler_mask)]
        shares.append([value for mask in masks for value in ((weights * mask).sum(), mask.mean())])
    lesion, its_area, ruler, ruler_area = np.mean(shares, axis=0)
    return [
        "As the service gives them (14 x 14 cells, 400 evaluations and 84 for the check): "
        f"{lesion:.0%} of the absolute value lies on the lesion, which covers {its_area:.0%} of the picture; "
        f"{ruler:.0%} on the ruler, the planted shortcut, which covers {ruler_area:.0%}. "
        f"{reliable} of {pictures} were reliable by their certificate. "
        f"Seconds each, on two shared cores: {spread(np.array(seconds))}.",
    ]


def rows_of(lesions: Lesions, pictures: int) -> range:
    return range(len(lesions) - pictures, len(lesions))


def pixels_of(predictor: Predictor, image: NDArray[np.uint8]) -> Any:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return predictor.inputs(stream.getvalue())


def game_of(predictor: Predictor, image: NDArray[np.uint8], side: int) -> Game:
    pixels = pixels_of(predictor, image)
    code = int(predictor.run(pixels[None])[0].argmax())
    score = Explainer(predictor).score(Cells(Read(pixels), predictor.preprocessing), code)
    return lambda plays: score(plays.reshape(-1, side, side))


def by_shap(game: Game, tree: PartitionTree, budget: int) -> NDArray[np.float64]:
    masker = shap.maskers.Partition(np.zeros((1, tree.players)), clustering=linkage(tree))
    explainer = shap.explainers.Partition(lambda rows: game(rows > 0.5), masker)
    return np.asarray(explainer(np.ones((1, tree.players)), max_evals=budget, batch_size=8, silent=True).values[0])


def linkage(tree: PartitionTree) -> NDArray[np.float64]:
    """The tree as SciPy writes a hierarchy: leaves first, then each pair."""
    sizes, numbers, rows = tree.members.sum(axis=1), {}, []
    for node in reversed(range(len(tree.children))):
        left, right = tree.children[node]
        if left < 0:
            numbers[node] = int(tree.members[node].argmax())
        else:
            rows.append([numbers[left], numbers[right], len(rows) + 1, sizes[node]])
            numbers[node] = tree.players + len(rows) - 1
    return np.array(rows, dtype=np.float64)


def covered(predictor: Predictor, mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Share of each cell that a mask of the picture covers."""
    picture = Image.fromarray(mask.astype(np.uint8) * 255).convert("RGB")
    crop = predictor.preprocessing.evaluation_crop(picture)[..., 0] / 255
    return np.asarray(
        Image.fromarray(crop.astype(np.float32)).resize(shape[::-1], Image.Resampling.BOX), dtype=np.float64
    )


def spread(values: NDArray[np.float64]) -> str:
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
