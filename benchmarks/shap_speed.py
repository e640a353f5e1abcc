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
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # nothing that is timed here is compiled by it
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin take the core from others, for all contenders

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from fairlead.attribution import (
    Effort,
    ExpectedGradients,
    ExplainedModel,
    LayerSite,
    MaskedPicture,
    PixelSite,
    Question,
    TokenSite,
    deepest_map,
)
from fairlead.attribution.sites import summed
from fairlead.backbones.text_loading import load_text_backbone
from fairlead.measures import deletion_areas, insertion_areas

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import captum.attr
    import shap

RESULT = Path(__file__).parent / "results" / "shap_speed.md"
BACKGROUND, SAMPLES, TARGET = 20, 40, 0.1  # rows, samples a row and repeat, relative error to be reached
PEERS = ("shap", "captum")
Values = NDArray[np.float64]


class LogOdds(nn.Module):
    """What ours explains, as one output, so that all explain the same."""

    def __init__(self, network: nn.Module, code: int) -> None:
        super().__init__()
        self.network, self.code = network, code

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps N inputs to (N, 1)."""
        logits = self.network(inputs)
        return Question(torch.full((len(logits),), self.code)).score(logits)[:, None]


@dataclass
class Setting:
    """A network, rows and background, and what a contender does with them."""

    name: str
    network: nn.Module  # as peers call it: from points to logits
    points: Tensor
    others: Tensor
    codes: list[int]
    ours: Callable[[int, int], list[Values]]  # samples and seed to values
    parts: Callable[[Tensor], Tensor]
    peer_rows: int
    inputs: Tensor | None = None


def main() -> None:
    """Writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="a folder of mobilenetv2_100 in timm's layout")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--peer-rows", type=int, default=3)
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
    f"All explain the log-odds of the predicted class, one output, against the same {BACKGROUND} background rows, with "
    f"{SAMPLES} samples a row and repeat. Contenders run in turns, and ratios are of neighbours in time: median (least "
    "to most). `shap.GradientExplainer` has one output and so computes no class besides; captum is given as many rows "
    f"at a time as fit. Ours takes {BACKGROUND} samples a round, stratified."
)


def pictures(name: str, given: argparse.Namespace) -> Setting:
    """Crops of two photos that scikit-learn brings, in the layout of the network's own input."""
    pretrained = name == "mobilenetv2_100"
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=1000 if pretrained else 10)
    if pretrained:
        network.load_state_dict(load_file(given.weights / "model.safetensors"))
    network = network.to(given.device).eval()
    rows, others = crops(given.rows, 224, 0).to(given.device), crops(BACKGROUND, 224, 1).to(given.device)
    model = ExplainedModel(network, rows[:2])
    codes = model.logits(rows).argmax(dim=1)
    site = PixelSite(model)

    def ours(samples: int, seed: int) -> list[Values]:
        method = ExpectedGradients(model, site, others, effort=Effort(0.0, samples), seed=seed)
        return [shares.values for shares in method.explain(rows, Question(codes), range(len(rows)))]

    weights = "pretrained" if pretrained else "random weights"
    title = f"{name} at 224 ({weights})"
    points = site.points(rows)
    return Setting(title, network, points, others, codes.tolist(), ours, site.parts, given.peer_rows, rows)


def crops(count: int, side: int, seed: int) -> Tensor:
    drawn = np.random.default_rng(seed)
    found = []
    for number in range(count):
        photo = load_sample_image(("flower.jpg", "china.jpg")[number % 2])
        edge = int(drawn.integers(side, min(photo.shape[:2])))
        top, left = (int(drawn.integers(0, size - edge + 1)) for size in photo.shape[:2])
        crop = torch.from_numpy(photo[top : top + edge, left : left + edge].copy()).permute(2, 0, 1)[None].float()
        small = nn.functional.interpolate(crop, (side, side), mode="bilinear", antialias=True)[0] / 255
        found.append((small - 0.45) / 0.225)
    return torch.stack(found)


def texts(given: argparse.Namespace) -> Setting:
    """MiniLM at 64 tokens drawn by lot, with a head drawn by lot."""
    torch.manual_seed(0)
    backbone = load_text_backbone("embedded:minilm-l6").eval()
    network = nn.Sequential(backbone, nn.Linear(384, 2)).to(given.device).eval()
    ids = torch.randint(1000, 20000, (given.rows + BACKGROUND, 64))
    ids[:, 0], ids[:, -1] = 101, 102
    planes = torch.stack([ids, torch.ones_like(ids), torch.zeros_like(ids)], dim=1).to(given.device)
    rows, others = planes[: given.rows], planes[given.rows :]
    model = ExplainedModel(network, rows[:2])
    site = TokenSite(model, "module.0.encoder.embeddings.word_embeddings", rows[:2], torch.tensor([0, 101, 102]))
    codes = model.logits(rows).argmax(dim=1)

    def ours(samples: int, seed: int) -> list[Values]:
        method = ExpectedGradients(model, site, others, effort=Effort(0.0, samples), seed=seed)
        return [shares.values for shares in method.explain(rows, Question(codes), range(len(rows)))]

    class OfEmbeddings(nn.Module):
        def forward(self, embeddings: Tensor) -> Tensor:
            features = backbone.encoder(inputs_embeds=embeddings)[0].mean(dim=1)
            logits: Tensor = network[1](nn.functional.normalize(features, dim=-1))
            return logits

    embedded = [site.points(part).clone() for part in (rows, others)]
    name = "MiniLM-L6 at 64 tokens (pretrained, a head by lot)"
    return Setting(name, OfEmbeddings(), *embedded, codes.tolist(), ours, site.parts, given.peer_rows)


def by_shap(setting: Setting, samples: int, seed: int) -> list[Values]:
    found = []
    for row, code in zip(setting.points[: setting.peer_rows], setting.codes, strict=False):
        explainer = shap.GradientExplainer(LogOdds(setting.network, code), setting.others)
        values = explainer.shap_values(row[None], nsamples=samples, rseed=seed).reshape(1, *row.shape)
        found.append(setting.parts(torch.from_numpy(values))[0].numpy())
    return found


def by_captum(setting: Setting, samples: int, seed: int) -> list[Values]:
    np.random.seed(seed)
    found = []
    for row, code in zip(setting.points[: setting.peer_rows], setting.codes, strict=False):
        explainer = captum.attr.GradientShap(LogOdds(setting.network, code))
        values = explainer.attribute(row[None], setting.others, n_samples=samples, stdevs=0.0, target=0)
        found.append(setting.parts(values.detach().cpu())[0].numpy())
    return found


def speed(setting: Setting, given: argparse.Namespace) -> list[str]:
    """Time for a sample, error of the runs, and the layer's map where there is one."""
    contenders: dict[str, Callable[[int, int], list[Values]]] = {
        "fairlead": setting.ours,
        "shap": lambda samples, seed: by_shap(setting, samples, seed),
        "captum": lambda samples, seed: by_captum(setting, samples, seed),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    values: dict[str, list[list[Values]]] = {name: [] for name in contenders}
    for run in contenders.values():  # once unseen: caches fill, and memory is had
        run(BACKGROUND, 99)
    layers: list[tuple[float, list[Any]]] = []
    for repeat in range(given.repeats):
        for name in np.roll(list(contenders), repeat):
            seconds, found = timed(lambda name=name, seed=repeat: contenders[str(name)](SAMPLES, seed), given.device)
            times[str(name)].append(seconds / len(found) / SAMPLES)
            values[str(name)].append([np.asarray(one) for one in found])
        if setting.inputs is not None:
            layers.append(timed(lambda: by_layer(setting), given.device))
    errors = {name: error_of(runs, values) for name, runs in values.items()}
    lines = [
        f"| | ms a sample | fairlead is faster | error at {SAMPLES} samples | samples to 10 % | seconds a row to 10 % "
        "| fairlead is faster to 10 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in contenders:
        ratios = np.array(times[name]) / np.array(times["fairlead"])
        needed = SAMPLES * (errors[name] / TARGET) ** 2
        gain = ratios * needed / (SAMPLES * (errors["fairlead"] / TARGET) ** 2)
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


def by_layer(setting: Setting) -> list[Any]:
    """The default: of the deepest map, until the error is a tenth; with the copy of the network that it takes."""
    rows = setting.inputs
    model = ExplainedModel(setting.network, rows[:2])
    site = LayerSite(model, deepest_map(model.network, rows[:2]), rows[:2])
    method = ExpectedGradients(model, site, setting.others)
    return method.explain(rows, Question(torch.tensor(setting.codes)), range(len(rows)))


def layer_lines(setting: Setting, layers: list[Any], times: dict[str, list[float]], values: Any) -> list[str]:
    """How long the layer's map takes beside shap's 200 samples, and what the maps are worth."""
    rows = len(layers[0][1])
    seconds = np.array([taken / rows for taken, _ in layers])
    ratios = 200 * np.array(times["shap"]) / seconds
    shown = layers[0][1][0]
    lines = [
        f"At the layer, by default, {np.median(seconds):.2f} s a row of {rows} with the copy of the network "
        f"({shown.values.shape[0]} x {shown.values.shape[1]} cells, {shown.evaluations} evaluations, error "
        f"{shown.error:.1%}): {spread(ratios)} times as fast as shap's 200 samples at the pixels.",
        "",
    ]
    if "pretrained" not in setting.name:
        return lines
    table = []
    for row in range(min(setting.peer_rows, rows)):
        maps = {
            "fairlead, layer": layers[0][1][row].values,
            **{f"{name}, pixels, 200 samples": np.mean([run[row] for run in values[name]], axis=0) for name in values},
        }
        table.append(areas(setting, row, maps))
    lines += ["| map, on 7 x 7 cells | deletion (lower is better) | insertion (higher is better) |", "|---|---|---|"]
    for name in table[0]:
        gone, come = np.mean([one[name] for one in table], axis=0)
        lines.append(f"| {name} | {gone:.2f} | {come:.2f} |")
    return [*lines, "", "Areas of the log-odds, from 0 (all out of focus) to 1 (the picture), mean over rows."]


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
    peers = Setting("", network, rows, others, [0], lambda *_: [], lambda one: summed(one.sum(dim=1), 14), 1)
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
