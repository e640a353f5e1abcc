"""Features of a frozen backbone, computed once and kept."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich import get_console
from rich.progress import track
from torch import nn

from fairlead.backbones import Backbone
from fairlead.backbones.inference import prepare_for_inference
from fairlead.data.items import Items
from fairlead.data.picture_stream import PictureStream
from fairlead.data.text_stream import TextStream
from fairlead.errors import UnreadableFileError
from fairlead.preprocessing.text import TextPreprocessing
from fairlead.records import RunFolder

# Larger activations than those of a few pictures fall out of the processor's caches: four were fastest.
CHUNK = 4
DEVICE_BATCH = 64
TEXT_CHUNK = 8
TEXT_DEVICE_BATCH = 128

Part = slice | NDArray[np.int64]


class FeatureCache:
    """Keeps the features of whole datasets in files, by content.

    A file is named after the backbone's weights, the preprocessing and every item's bytes, so that a changed
    weight, crop, tokenizer, picture or text is another file, and a new split of the same items is the same.

    Args:
        folder: Where files are kept; None takes ``FAIRLEAD_CACHE`` or the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        self.folder = folder or Path(os.environ.get("FAIRLEAD_CACHE") or Path(home) / "fairlead") / "features"

    def features(
        self,
        backbone: Backbone,
        items: Items,
        *,
        device: torch.device,
        progress: bool = True,
    ) -> NDArray[np.float32]:
        """Returns (N, D) features of evaluation crops or texts, from the cache or computed and kept.

        Raises:
            UnreadableFileError: pictures that cannot be decoded; all of them are counted, the first named.
        """
        try:
            digests = _digests(items)
        except UnreadableFileError:  # what follows counts them all, the first of them is known already
            return compute_features(backbone, items, device=device, progress=progress)
        preprocessing = repr(sorted(backbone.preprocessing.to_dict().items()))
        key = hashlib.sha256(backbone.digest().encode() + preprocessing.encode() + digests)
        file = self.folder / f"{backbone.architecture}-{key.hexdigest()[:32]}.npy"
        kept = self._load(file, (len(items), backbone.features))
        if kept is not None:
            return kept
        computed = compute_features(backbone, items, device=device, progress=progress)
        self._keep(file, computed)
        return computed

    @staticmethod
    def _load(file: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
        try:
            kept: NDArray[np.float32] = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError):  # not there, or not whole
            return None
        return kept if kept.shape == shape and kept.dtype == np.float32 else None

    def _keep(self, file: Path, features: NDArray[np.float32]) -> None:
        content = io.BytesIO()
        np.save(content, features, allow_pickle=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            RunFolder.write_atomically(file, content.getvalue())
        except OSError:
            return  # a cache that cannot be written costs time on the next run, nothing else


def compute_features(
    backbone: Backbone, items: Items, *, device: torch.device, progress: bool = True
) -> NDArray[np.float32]:
    """Runs every picture through the frozen backbone, decoding beside it; or every text, those of a length together.

    Returns:
        (N, D) float32.

    Raises:
        UnreadableFileError: pictures that cannot be decoded; all of them are counted, the first named.
    """
    on_processors = device.type == "cpu"
    stream = _stream(items, backbone.preprocessing, on_processors=on_processors)
    features = np.empty((len(items), backbone.features), dtype=np.float32)
    modes = [(module, module.training) for module in backbone.modules()]  # a frozen layer has its own
    network = prepare_for_inference(backbone.eval().to(device), backbone.example(2).to(device))
    parts = _on_processors(network, stream) if on_processors else _on_device(network, stream, device)
    shown = progress and get_console().is_terminal  # a log or a pipe would get an empty line
    title = "Features of the frozen backbone"
    try:
        for rows, part in track(parts, title, total=len(stream), disable=not shown, transient=True):
            features[rows] = part
    finally:
        for module, mode in modes:
            module.training = mode
    stream.raise_unreadable()
    return features


def _stream(items: Items, preprocessing: Any, *, on_processors: bool) -> PictureStream | TextStream:
    if isinstance(preprocessing, TextPreprocessing):
        return TextStream(items, preprocessing, TEXT_CHUNK if on_processors else TEXT_DEVICE_BATCH)
    return PictureStream(items, preprocessing, CHUNK if on_processors else DEVICE_BATCH)


def _on_device(
    network: nn.Module, stream: PictureStream | TextStream, device: torch.device
) -> Iterator[tuple[Part, NDArray[np.float32]]]:
    for rows, inputs in stream:
        with torch.inference_mode():
            yield rows, network(inputs.to(device)).float().cpu().numpy()


def _on_processors(
    network: nn.Module, stream: PictureStream | TextStream
) -> Iterator[tuple[Part, NDArray[np.float32]]]:
    """Gives every core a worker that reads a few rows at a time and runs the network on them, in one thread.

    Workers that wait for no one beat threads that share each layer: as fast on a quiet machine, and several times
    faster on a busy one.
    """

    def embed(rows: Any) -> tuple[Part, NDArray[np.float32]]:  # a part of this stream
        inputs = stream.inputs(rows)
        with torch.inference_mode():  # it is of a thread, not of the process
            return rows, network(inputs).float().numpy()

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(os.cpu_count() or 1, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(embed, stream.parts)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def _digests(items: Items) -> bytes:
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return b"".join(pool.map(items.digest, range(len(items))))
