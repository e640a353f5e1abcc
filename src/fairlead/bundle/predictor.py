"""From raw bytes to an answer, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.answer import Answer
from fairlead.bundle.bundle import GOLDENS, MODEL, Bundle
from fairlead.bundle.contents import check_content, read_json
from fairlead.bundle.cores import usable_cores
from fairlead.bundle.goldens import Goldens
from fairlead.errors import BundleError, ConfigurationError, UnreadableFileError
from fairlead.preprocessing import ImagePreprocessing, decode_image
from fairlead.records import Labels

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
BATCH = 32


class Predictor:
    """Answers for pictures as they come: decoded, cut and judged by the code that training used.

    Safe to call from several threads.

    Args:
        model: Content of an ONNX file from (N, 3, H, W) uint8 pixels to (N, C) probabilities and (N, D) features.
        preprocessing: From a picture to its pixels.
        labels: The C classes.
        threads: Of ONNX Runtime and for decoding; None for as many as the process has cores.

    Raises:
        BundleError: a model that cannot be run, keeps tensors elsewhere, or does not fit the labels.
        ConfigurationError: no ONNX Runtime.
    """

    def __init__(
        self, model: bytes, preprocessing: ImagePreprocessing, labels: Labels, *, threads: int | None = None
    ) -> None:
        check_content(MODEL, model)
        self.preprocessing = preprocessing
        self.labels = labels
        self.threads = threads or usable_cores()
        self._session = _session(model, self.threads)
        height, width = preprocessing.size
        shapes = [port.shape for port in (*self._session.get_inputs(), *self._session.get_outputs())]
        if [shape[1:] for shape in shapes[:2]] != [[3, height, width], [len(labels)]] or len(shapes) != 3:
            raise BundleError(
                f"{MODEL} maps {shapes[0]} to {shapes[1:]}, which are not pixels of {height} x {width} to "
                f"{len(labels)} classes and features; export the bundle anew"
            )

    @classmethod
    def of(cls, bundle: Bundle, *, threads: int | None = None) -> Predictor:
        """Makes the predictor of a bundle.

        Raises:
            BundleError: a file that was altered, or a decision rule that this release does not know.
        """
        if bundle.decision is not None:
            raise BundleError(
                "decision.json holds a rule, and this release only takes the most probable class; use a newer release"
            )
        return cls(bundle.read(MODEL), bundle.preprocessing, bundle.labels, threads=threads)

    def pixels(self, item: bytes | Path) -> Pixels:
        """Returns (3, H, W) pixels of a picture.

        Raises:
            UnreadableFileError: it cannot be decoded.
        """
        crop = self.preprocessing.evaluation_crop(decode_image(item))
        return np.ascontiguousarray(crop.transpose(2, 0, 1))

    def run(self, pixels: Pixels) -> tuple[Floats, Floats]:
        """Maps (N, 3, H, W) pixels to (N, C) probabilities and (N, D) features."""
        probabilities, features = self._session.run(None, {self._session.get_inputs()[0].name: pixels})
        return probabilities, features

    def answer(self, item: bytes | Path, *, features: bool = False) -> Answer:
        """Answers for one picture.

        Args:
            item: The bytes of a picture, or its file.
            features: Whether the features are wanted too.

        Raises:
            UnreadableFileError: it cannot be decoded.
        """
        probabilities, found = self.run(self.pixels(item)[None])
        return Answer.of(probabilities[0], self.labels, found[0] if features else None)

    def answer_all(
        self, items: Sequence[bytes | Path], *, features: bool = False, batch_size: int = BATCH
    ) -> list[Answer]:
        """Answers for many pictures, in their order; one that cannot be read fails none of the others.

        Args:
            items: The bytes of pictures, or their files.
            features: Whether the features are wanted too.
            batch_size: Pictures at a time, which bounds the memory.
        """
        if batch_size < 1:
            raise ConfigurationError(f"batch_size is at least 1, got {batch_size}")
        answers: list[Answer] = []
        with ThreadPoolExecutor(self.threads) as pool:  # Pillow decodes without Python's lock
            for start in range(0, len(items), batch_size):
                answers += self._batch(list(pool.map(self._attempt, items[start : start + batch_size])), features)
        return answers

    def _attempt(self, item: bytes | Path) -> Pixels | str:
        try:
            return self.pixels(item)
        except UnreadableFileError as error:
            return str(error)

    def _batch(self, read: list[Pixels | str], wanted: bool) -> list[Answer]:
        good = [pixels for pixels in read if not isinstance(pixels, str)]
        rows = iter(zip(*self.run(np.stack(good)), strict=True) if good else ())
        answers = []
        for pixels in read:
            if isinstance(pixels, str):
                answers.append(Answer(error=pixels))
            else:
                probabilities, features = next(rows)
                answers.append(Answer.of(probabilities, self.labels, features if wanted else None))
        return answers

    def self_test(self, bundle: Bundle) -> float:
        """Answers the bundle's golden pictures; returns by how much a probability differs at most.

        Raises:
            BundleError: by more than the bundle tolerates; this processor or its libraries do not answer as the
                trained model did.
        """
        goldens = Goldens.from_dict(read_json(GOLDENS, bundle.read(GOLDENS)), bundle.read)
        found, _ = self.run(np.stack([self.pixels(picture) for picture in goldens.pictures.values()]))
        if found.shape != goldens.probabilities.shape:
            raise BundleError(f"{GOLDENS} has answers of another number of classes; export the bundle anew")
        apart = np.abs(found - goldens.probabilities).max(axis=1)
        worst = int(apart.argmax())  # a NaN is found too, and no comparison with one is true
        if not apart[worst] <= bundle.manifest.tolerance:
            raise BundleError(
                f"the answer for {list(goldens.pictures)[worst]} differs by {apart[worst]:.2g} from the trained "
                f"model's, and {bundle.manifest.tolerance:g} is tolerated; try another processor or ONNX Runtime"
            )
        return float(apart[worst])


def _session(model: bytes, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigurationError(
            "a bundle is answered by ONNX Runtime, which is not installed; pip install 'fairlead[serve]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; what it warns of, no caller can mend
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # what ONNX Runtime raises is not a closed list
        reason = str(error).partition("\n")[0]
        raise BundleError(f"{MODEL} cannot be run ({reason}); export the bundle anew") from error
