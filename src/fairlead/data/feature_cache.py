"""Features of a frozen backbone, computed once and kept."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairlead.backbones import Backbone
from fairlead.backbones.inference import prepare_for_inference
from fairlead.data.augmentation import pixels
from fairlead.data.pictures import Pictures
from fairlead.errors import UnreadableFileError
from fairlead.records import RunFolder

# Decoding runs ahead of the network by so many batches: enough to keep it busy, little memory.
AHEAD = 4


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
        digests = _digests(pictures)
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
        UnreadableFileError: pictures that cannot be decoded.
    """
    from rich.progress import track

    was_training = backbone.training
    network = prepare_for_inference(backbone.eval().to(device))
    features = np.empty((len(pictures), backbone.features), dtype=np.float32)
    batches = track(
        _batches(backbone, pictures, batch_size),
        description="Features of the frozen backbone",
        total=-(-len(pictures) // batch_size),
        disable=not progress,
        transient=True,
    )
    try:
        with torch.inference_mode():
            for rows, inputs in batches:
                features[rows] = network(inputs.to(device)).float().cpu().numpy()
    finally:
        backbone.train(was_training)
    return features


def _batches(backbone: Backbone, pictures: Pictures, size: int) -> Iterator[tuple[slice, Tensor]]:
    """Yields batches in order while threads decode the next ones; Pillow releases Python's lock."""
    unreadable: list[str] = []

    def read(index: int) -> Tensor:
        try:
            return pixels(pictures.read(index), backbone.preprocessing)
        except UnreadableFileError as error:
            unreadable.append(str(error))
            return torch.zeros((3, *backbone.preprocessing.size), dtype=torch.uint8)

    starts = range(0, len(pictures), size)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        pending: list[tuple[int, list[Future[Tensor]]]] = []
        for start in starts:
            pending.append((start, [pool.submit(read, i) for i in range(start, min(start + size, len(pictures)))]))
            if len(pending) > AHEAD:
                yield _gather(*pending.pop(0))
        while pending:
            yield _gather(*pending.pop(0))
    if unreadable:
        more = f" (and {len(unreadable) - 3} more)" if len(unreadable) > 3 else ""
        raise UnreadableFileError(
            f"{len(unreadable)} of {len(pictures)} pictures cannot be read: " + "; ".join(sorted(unreadable)[:3]) + more
        )


def _gather(start: int, futures: list[Future[Tensor]]) -> tuple[slice, Tensor]:
    return slice(start, start + len(futures)), torch.stack([future.result() for future in futures])


def _digests(pictures: Pictures) -> bytes:
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return b"".join(pool.map(pictures.digest, range(len(pictures))))
