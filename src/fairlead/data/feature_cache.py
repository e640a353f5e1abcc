"""Features of a frozen backbone, computed once and kept."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich import get_console
from rich.progress import track

from fairlead.backbones import Backbone
from fairlead.backbones.inference import prepare_for_inference
from fairlead.data.picture_stream import PictureStream
from fairlead.data.pictures import Pictures
from fairlead.errors import UnreadableFileError
from fairlead.records import RunFolder


class FeatureCache:
    """Keeps the features of whole datasets in files, by content.

    A file is named after the backbone's weights, the preprocessing and every picture's bytes, so that a
    changed weight, crop or picture is another file, and a new split of the same pictures is the same.

    Args:
        folder: Where files are kept; None takes ``FAIRLEAD_CACHE`` or the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        self.folder = folder or Path(os.environ.get("FAIRLEAD_CACHE") or Path(home) / "fairlead") / "features"

    def features(
        self,
        backbone: Backbone,
        pictures: Pictures,
        *,
        device: torch.device,
        batch_size: int = 32,
        progress: bool = True,
    ) -> NDArray[np.float32]:
        """Returns (N, D) features of the evaluation crops, from the cache or computed and kept.

        Raises:
            UnreadableFileError: pictures that cannot be decoded; all of them are counted, the first named.
        """
        try:
            digests = _digests(pictures)
        except UnreadableFileError:  # what follows counts them all, the first of them is known already
            return compute_features(backbone, pictures, device=device, batch_size=batch_size, progress=progress)
        key = hashlib.sha256(backbone.digest().encode() + repr(backbone.preprocessing).encode() + digests)
        file = self.folder / f"{backbone.architecture}-{key.hexdigest()[:32]}.npy"
        kept = self._load(file, (len(pictures), backbone.features))
        if kept is not None:
            return kept
        computed = compute_features(backbone, pictures, device=device, batch_size=batch_size, progress=progress)
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
    backbone: Backbone, pictures: Pictures, *, device: torch.device, batch_size: int = 32, progress: bool = True
) -> NDArray[np.float32]:
    """Runs every picture through the frozen backbone, decoding ahead in threads.

    Returns:
        (N, D) float32.

    Raises:
        UnreadableFileError: pictures that cannot be decoded; all of them are counted, the first named.
    """
    stream = PictureStream(pictures, backbone.preprocessing, batch_size)
    features = np.empty((len(pictures), backbone.features), dtype=np.float32)
    shown = progress and get_console().is_terminal  # a log or a pipe would get an empty line
    watched = track(
        stream, description="Features of the frozen backbone", total=len(stream), disable=not shown, transient=True
    )
    modes = [(module, module.training) for module in backbone.modules()]  # a frozen layer has its own
    network = prepare_for_inference(backbone.eval().to(device))
    try:
        with torch.inference_mode():
            for rows, inputs in watched:
                features[rows] = network(inputs.to(device)).float().cpu().numpy()
    finally:
        for module, mode in modes:
            module.training = mode
    stream.raise_unreadable()
    return features


def _digests(pictures: Pictures) -> bytes:
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return b"".join(pool.map(pictures.digest, range(len(pictures))))
