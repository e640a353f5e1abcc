"""Whether what is exported answers as what was trained: from raw files or texts, on both sides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairlead.bundle import Predictor
from fairlead.data.augmentation import pixels
from fairlead.errors import ExportError
from fairlead.export.graph import answering
from fairlead.modules import Classifier
from fairlead.preprocessing import Text, TextPreprocessing, decode_image

TOLERANCE = 1e-4
Named = tuple[str, bytes | Text]
_AT_A_TIME = 16


@dataclass(frozen=True)
class Parity:
    """How far two models are apart on the same files or texts.

    Attributes:
        files: How many both answered.
        largest_difference: The most a probability differs.
        worst: What it differs the most on.

    Examples:
        >>> Parity(40, 2e-6, "photo.jpg").passes(1e-4), Parity(40, float("nan"), "photo.jpg").passes(1e-4)
        (True, False)
    """

    files: int
    largest_difference: float
    worst: str

    def passes(self, tolerance: float) -> bool:
        """Whether no probability differs by more; a difference that is no number does not pass."""
        return self.largest_difference <= tolerance

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return asdict(self)


def measure_parity(module: Classifier, predictor: Predictor, items: Iterable[Named]) -> Parity:
    """Holds the module against the predictor, each from the same raw items.

    Args:
        module: The trained one, on whatever device.
        predictor: Of the exported one.
        items: Names, and bytes of pictures or texts; read as they are needed.

    Raises:
        ExportError: there is nothing to compare on.
    """
    remaining, answered, apart, worst = iter(items), 0, -1.0, ""
    with answering(module), torch.inference_mode():
        while part := list(islice(remaining, _AT_A_TIME)):
            differences = np.abs(_trained(module, part) - _exported(predictor, part)).max(axis=1)
            row = int(differences.argmax())  # the first that is no number, where there is one
            answered += len(part)
            if not differences[row] <= apart:
                apart, worst = float(differences[row]), part[row][0]
            if np.isnan(apart):
                break
    if not answered:
        raise ExportError("there is nothing on which the exported model could be compared; give it at least one item")
    return Parity(answered, apart, worst)


def check_parity(
    module: Classifier, predictor: Predictor, items: Iterable[Named], tolerance: float = TOLERANCE
) -> Parity:
    """Measures the parity, and lets nothing pass that is over the tolerance.

    Raises:
        ExportError: it names the item with the largest difference, and the difference.
    """
    parity = measure_parity(module, predictor, items)
    if not parity.passes(tolerance):
        raise ExportError(
            f"the exported model does not answer as the trained one: on {parity.worst} a probability differs by "
            f"{parity.largest_difference:.3g}, and {tolerance:g} is tolerated; nothing was written. Update torch and "
            "onnxruntime, or choose another backbone"
        )
    return parity


def _trained(module: Classifier, part: list[Named]) -> NDArray[np.float64]:
    logits = module(trained_inputs(module, part).to(module.device)).float()
    found: NDArray[np.float64] = module.probabilities(logits).double().cpu().numpy()
    return found


def trained_inputs(module: Classifier, part: list[Named]) -> Tensor:
    """Returns raw items as the module in training would be given them."""
    if isinstance(module.preprocessing, TextPreprocessing):
        texts = [item for _, item in part if not isinstance(item, bytes)]
        return torch.from_numpy(module.preprocessing.tokens(texts).planes)
    pictures = [decode_image(item, name=name) for name, item in part if isinstance(item, bytes)]
    return torch.stack([pixels(picture, module.preprocessing) for picture in pictures])


def _exported(predictor: Predictor, part: list[Named]) -> NDArray[np.float64]:
    probabilities, _ = predictor.run_all([predictor.inputs(item) for _, item in part])
    return probabilities.astype(np.float64)
