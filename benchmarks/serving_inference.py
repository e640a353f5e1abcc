"""The network alone, by torch, ONNX Runtime and OpenVINO, in 32 and in 8 bits."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from fairlead.cli.threads import wait_passively

wait_passively()

import torch  # noqa: E402  # after the setting, which it reads when it is imported

from fairlead.bundle import Predictor  # noqa: E402
from fairlead.errors import ConfigurationError  # noqa: E402
from fairlead.export import export_graph, quantise  # noqa: E402
from fairlead.modules import ImageClassifier  # noqa: E402

BLOCK = 10
SIZES = (1, 8)
DECODING = "decoding and cutting the picture"


def inference(model: str, picture: bytes, rounds: int) -> Iterator[str]:
    """A table: milliseconds for one picture's pixels, and for decoding and cutting them, in turns."""
    module = ImageClassifier([f"class{code}" for code in range(10)], backbone=f"random:{model}").eval()
    graph = export_graph(module)
    predictor = Predictor(graph, module.preprocessing, module.labels)
    crop = predictor.inputs(picture)
    crops = np.random.default_rng(0).integers(0, 256, (16, *crop.shape), dtype=np.uint8)
    graphs = {"": graph, ", int8": quantise(graph, crops)}
    calls: dict[str, Callable[[], Any]] = {}
    for size in SIZES:
        pixels = np.stack([crop] * size)
        calls[f"torch eager, {size}"] = partial(_torch, module, pixels)
        for runtime, name in (("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO")):
            for precision, content in graphs.items():
                with contextlib.suppress(ConfigurationError):  # OpenVINO need not be there
                    made = Predictor(content, module.preprocessing, module.labels, runtime=runtime)
                    calls[f"{name}{precision}, {size}"] = partial(made.run, pixels)
    calls[DECODING] = lambda: predictor.inputs(picture)
    taken = defaultdict(list)
    for number in range(rounds + 1):
        for name, call in calls.items():
            seconds = [_timed(call) for _ in range(BLOCK)]
            if number:  # the first one warms up
                taken[name].append(1000 * float(np.median(seconds)))
    yield "| what, pictures at a time | ms | torch eager / this |"
    yield "|---|---|---|"
    for name, values in taken.items():
        eager = taken.get(f"torch eager, {name.rpartition(', ')[2]}", values)
        ratios = [theirs / mine for theirs, mine in zip(eager, values, strict=True)]
        shown = [f"{np.median(row):.1f} ({min(row):.1f} to {max(row):.1f})" for row in (values, ratios)]
        yield f"| {name} | {shown[0]} | {shown[1] if eager is not values else ''} |"


def _torch(module: ImageClassifier, pixels: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        return module.probabilities(module(torch.from_numpy(pixels)).float())


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
