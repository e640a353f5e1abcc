"""Expected gradients beside shap and captum: time for a sample, time to an error, a layer's map, and memory.

    uv run --group benchmarks python -m benchmarks.shap_speed --weights path/to/mobilenetv2_100

It writes results/shap_speed.md. `--device cuda --rows 1000 --peer-rows 20 --only resnet18` gives the figures of a GPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # nothing that is timed here is compiled by it
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin take the core from others, for all contenders

import numpy as np
import timm
import torch
from numpy.typing import NDArray

from benchmarks.shap_settings import (
    BACKGROUND,
    PEERS,
    LogOdds,
    Setting,
    Values,
    by_captum,
    by_shap,
    crops,
    pictures,
    texts,
)
from fairlead.attribution import (
    Effort,
    ExpectedGradients,
    ExplainedModel,
    LayerSite,
    MaskedPicture,
    PixelSite,
    Question,
    deepest_map,
)
from fairlead.attribution.sites import summed
from fairlead.measures import deletion_areas, insertion_areas

RESULT = Path(__file__).parent / "results" / "shap_speed.md"
TARGET = 0.1  # relative error to be reached
FEWEST = (7, 14)  # cells a side of the layer that is explained


def main() -> None:
    """Writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="a folder of mobilenetv2_100 in timm's layout")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--peer-rows", type=int, default=3)
    parser.add_argument("--map-rows", type=int, default=8, help="of the pretrained network, whose maps are compared")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=("resnet18", "mobilenetv2_100", "minilm"))
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(2)
    if given.memory_of:
        print(memory_of(given.memory_of[0], int(given.memory_of[1]), given.device))
        return
    made: list[str] = []
    for name in (given.only,) if given.only else ("resnet18", "mobilenetv2_100", "minilm"):
        if name == "mobilenetv2_100" and given.weights is None:
            continue
        setting = texts(given) if name == "minilm" else pictures(name, given)
        made += [f"## {setting.name}", "", *speed(setting, given), ""]
        print("\n".join(made), flush=True)
    made += ["## Memory", "", *memory(given.device)]
    where = torch.cuda.get_device_name() if given.device == "cuda" else "two threads of a shared CPU"
    head = ["# Speed of explanations", "", f"`benchmarks/shap_speed.py` on {where}. {PREAMBLE}", ""]
    RESULT.write_text("\n".join([*head, *made]) + "\n", encoding="utf-8")
    print("\n".join(made))


PREAMBLE = (
    f"All explain the log-odds of the predicted class, one output, against the same {BACKGROUND} background rows. "
    "Contenders run in turns, and ratios are of neighbours in time: median (least to most). `shap.GradientExplainer` "
    "has one output and so computes no class besides; it and `captum.attr.GradientShap` (all samples at once) take row "
    f"after row. Ours takes {BACKGROUND} samples a round, stratified, and all rows together; its time includes what it "
    "needs for its certificate: the answers to the background. Errors are those of cells of 14 x 14, or of tokens: the "
    "spread of independent runs about their mean, as a share of the values' size."
)


def speed(setting: Setting, given: argparse.Namespace) -> list[str]:
    """Time for a sample, error of the runs, and the layer's map where there is one."""
    each = setting.samples
    contenders: dict[str, Callable[[int, int], list[Values]]] = {
        "fairlead": setting.ours,
        "shap": lambda samples, seed: by_shap(setting, samples, seed),
        "captum": lambda samples, seed: by_captum(setting, samples, seed),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    values: dict[str, list[list[Values]]] = {name: [] for name in contenders}
    for run in contenders.values():  # once unseen: caches fill, and memory is had
        run(BACKGROUND, 99)
    layers: dict[int, list[tuple[float, list[Any]]]] = (
        {cells: [] for cells in FEWEST} if setting.inputs is not None else {}
    )
    for repeat in range(given.repeats):
        for name in np.roll(list(contenders), repeat):
            seconds, found = timed(lambda name=name, seed=repeat: contenders[str(name)](each, seed), given.device)
            times[str(name)].append(seconds / len(found) / each)
            values[str(name)].append([np.asarray(one) for one in found])
        for cells, seen in layers.items():
            seen.append(timed(lambda cells=cells: by_layer(setting, cells), given.device))
    errors = {name: error_of(runs, values) for name, runs in values.items()}
    lines = [
        f"| | ms a sample | fairlead is faster | error at {each} samples | samples to 10 % | seconds a row to 10 % "
        "| fairlead is faster to 10 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in contenders:
        ratios = np.array(times[name]) / np.array(times["fairlead"])
        needed = each * (errors[name] / TARGET) ** 2
        gain = ratios * needed / (each * (errors["fairlead"] / TARGET) ** 2)
        cells = [f"{1000 * np.median(times[name]):.1f}", spread(ratios), f"{errors[name]:.1%}", f"{needed:.0f}"]
        cells += [f"{needed * np.median(times[name]):.1f}", spread(gain)]
        if name == "fairlead":
            cells[1] = cells[-1] = ""
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, "", *(layer_lines(setting, layers, times, values) if layers else [])]


def timed(run: Callable[[], list[Any]], device: str) -> tuple[float, list[Any]]:
    begun = time.perf_counter()
    found = run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun, found


def error_of(runs: list[list[Values]], everybodys: dict[str, list[list[Values]]]) -> float:
    """Standard error of one run as a share of the values' size, by the spread of independent runs about their mean.

    Runs of all contenders have the same expectation, so that their size is taken from the mean of all.
    """
    shares = []
    for row in range(min(len(one[0]) for one in everybodys.values())):
        own = np.stack([run[row] for run in runs])
        every = np.stack([run[row] for contender in everybodys.values() for run in contender])
        size = (every.mean(axis=0) ** 2).sum() - (every.var(axis=0, ddof=1) / len(every)).sum()
        shares.append(own.var(axis=0, ddof=1).sum() / size)
    return float(np.sqrt(np.mean(shares)))


def by_layer(setting: Setting, fewest: int) -> list[Any]:
    """Of the deepest map of so many cells a side, until the error is a tenth; with the copy that it takes."""
    rows = setting.inputs
    model = ExplainedModel(setting.network, rows[:2])
    site = LayerSite(model, deepest_map(model.network, rows[:2], fewest), rows[:2])
    method = ExpectedGradients(model, site, setting.others)
    return method.explain(rows, Question(torch.tensor(setting.codes)), range(len(rows)))


def layer_lines(
    setting: Setting, layers: dict[int, list[Any]], times: dict[str, list[float]], values: Any
) -> list[str]:
    """How long a layer's map takes beside shap's 200 samples, and what the maps are worth."""
    lines = [
        "| layer | s a row | evaluations a row | error | times as fast as shap's 200 samples |",
        "|---|---|---|---|---|",
    ]
    for fewest, seen in layers.items():
        shown = seen[0][1]
        seconds = np.array([taken / len(shown) for taken, _ in seen])
        cells = f"{shown[0].values.shape[0]} x {shown[0].values.shape[1]}" + (", the default" if fewest == 7 else "")
        evaluations, error = (np.mean([getattr(one, of) for one in shown]) for of in ("evaluations", "error"))
        ratios = 200 * np.array(times["shap"]) / seconds
        lines.append(f"| {cells} | {np.median(seconds):.2f} | {evaluations:.0f} | {error:.1%} | {spread(ratios)} |")
    lines += ["", f"Until the error is a tenth, {len(shown)} rows together, with the copy of the network.", ""]
    if "pretrained" not in setting.name:
        return lines
    table = []
    for row in range(setting.peer_rows):
        maps = {f"fairlead, layer of {cells}": seen[0][1][row].values for cells, seen in layers.items()}
        maps |= {f"{name}, pixels": np.mean([run[row] for run in values[name]], axis=0) for name in values}
        table.append(areas(setting, row, maps))
    lines += ["| map, on 7 x 7 cells | deletion (lower is better) | insertion (higher is better) |", "|---|---|---|"]
    for name in table[0]:
        gone, come = np.mean([one[name] for one in table], axis=0)
        lines.append(f"| {name} | {gone:.2f} | {come:.2f} |")
    told = (
        f"Areas of the log-odds, from 0 (all out of focus) to 1 (the picture), mean over {len(table)} rows; at the "
        f"pixels, the mean of all repeats: {setting.samples * len(values['shap'])} samples."
    )
    for cells in layers:
        less = np.array([np.subtract(one[f"fairlead, layer of {cells}"], one["shap, pixels"]) for one in table])
        apart = [f"{part.mean():+.2f} (standard error {part.std(ddof=1) / np.sqrt(len(part)):.2f})" for part in less.T]
        told += f" The layer of {cells} less shap, by row: deletion {apart[0]}, insertion {apart[1]}."
    return [*lines, "", told]


def areas(setting: Setting, row: int, maps: dict[str, Values]) -> dict[str, tuple[float, float]]:
    picture = MaskedPicture(setting.inputs[row])
    target = LogOdds(setting.network, setting.codes[row])

    def game(plays: NDArray[np.bool_]) -> Values:
        with torch.no_grad():
            return target(picture.shown(plays.reshape(-1, 7, 7)))[:, 0].double().cpu().numpy()

    base, full = game(np.stack([np.zeros(49, bool), np.ones(49, bool)]))
    cells = [summed(torch.from_numpy(np.asarray(one))[None], 7)[0].numpy() for one in maps.values()]
    orders = np.stack([np.argsort(-one, axis=None) for one in cells])
    found = [run(game, orders, base=base, full=full) for run in (deletion_areas, insertion_areas)]
    return {name: tuple((one[number] - base) / (full - base) for one in found) for number, name in enumerate(maps)}


def memory(device: str) -> list[str]:
    """Each in a process of its own."""
    counts = (64, 512)
    lines = [
        "Peak above what was there before explaining, MB: ResNet-18, one row at 112, by samples.",
        "",
        "| | " + " | ".join(str(count) for count in counts) + " |",
        "|---|" + "---|" * len(counts),
    ]
    for name in ("fairlead", *PEERS):
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.shap_speed", "--device", device, "--memory-of"]
        found = [
            subprocess.run([*command, name, str(count)], check=True, capture_output=True, text=True).stdout.split()[-1]
            for count in counts
        ]
        lines.append(f"| {name} | " + " | ".join(found) + " |")
    return lines


def memory_of(contender: str, samples: int, device: str) -> int:
    torch.manual_seed(0)
    network = timm.create_model("resnet18", num_classes=10).to(device).eval()
    rows, others = crops(1, 112, 0).to(device), crops(BACKGROUND, 112, 1).to(device)
    peers = Setting("", network, rows, others, [0], lambda *_: [], lambda one: summed(one.sum(dim=1), 14), 1, samples)
    model = ExplainedModel(network, others[:2])
    method = ExpectedGradients(model, PixelSite(model), others, effort=Effort(0.0, samples))
    model.logits(rows)
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = resident("VmRSS")
    if contender == "fairlead":
        method.explain(rows, Question(torch.tensor([0])), [0])
    else:
        {"shap": by_shap, "captum": by_captum}[contender](peers, samples, 0)
    most = torch.cuda.max_memory_allocated() if device == "cuda" else resident("VmHWM")
    return round((most - before) / 2**20)


def resident(what: str) -> int:
    """Bytes of this process: at present (VmRSS), or at most since the mark was set back (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith(what))


def spread(values: NDArray[np.float64]) -> str:
    return f"{np.median(values):.2f} ({values.min():.2f} to {values.max():.2f})"


if __name__ == "__main__":
    main()
