"""The network alone, by torch, ONNX Runtime, and OpenVINO where it is installed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fairlead.cli.threads import wait_passively

wait_passively()

import torch  # noqa: E402  # after the setting, which it reads when it is imported

from fairlead.bundle import Predictor  # noqa: E402
from fairlead.export import export_graph  # noqa: E402
from fairlead.modules import ImageClassifier  # noqa: E402

BLOCK = 20


def inference(model: str, picture: bytes, rounds: int) -> Iterator[str]:
    """A table: milliseconds for one picture's pixels, and for decoding and cutting them, in turns."""
    module = ImageClassifier([f"class{code}" for code in range(10)], backbone=f"random:{model}").eval()
    graph = export_graph(module)
    predictor = Predictor(graph, module.preprocessing, module.labels)
    pixels = predictor.pixels(picture)[None]
    calls: dict[str, Callable[[], Any]] = {
        "torch eager": lambda: _torch(module, pixels),
        "ONNX Runtime, as the service has it": lambda: predictor.run(pixels),
    }
    if (compiled := _openvino(graph)) is not None:
        calls["OpenVINO"] = lambda: compiled(pixels)
    calls["decoding and cutting the picture"] = lambda: predictor.pixels(picture)
    taken = defaultdict(list)
    for number in range(rounds + 1):
        for name, call in calls.items():
            seconds = [_timed(call) for _ in range(BLOCK)]
            if number:  # the first one warms up
                taken[name].append(1000 * float(np.median(seconds)))
    yield "| what | ms | torch eager / this |"
    yield "|---|---|---|"
    for name, values in taken.items():
        ratios = [theirs / mine for theirs, mine in zip(taken["torch eager"], values, strict=True)]
        shown = [f"{np.median(row):.1f} ({min(row):.1f} to {max(row):.1f})" for row in (values, ratios)]
        yield f"| {name} | {shown[0]} | {shown[1] if name not in ('torch eager', list(calls)[-1]) else ''} |"


def _torch(module: ImageClassifier, pixels: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        return module.probabilities(module(torch.from_numpy(pixels)).float())


def _openvino(graph: bytes) -> Callable[[np.ndarray], Any] | None:
    try:
        import openvino
    except ImportError:
        return None
    core = openvino.Core()
    return core.compile_model(core.read_model(graph, b""), "CPU", {"PERFORMANCE_HINT": "LATENCY"})


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
