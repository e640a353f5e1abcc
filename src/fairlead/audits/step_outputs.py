"""What a module's evaluation step returned, as Predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairlead.errors import ConfigurationError, DataError
from fairlead.records import Labels, Predictions, SensitiveFeature

NEEDED = ("probabilities", "target", "groups", "index")

Adapter = Callable[[Any, Any], Mapping[str, Tensor]]
"""From what a step returned and its batch to tensors: probabilities, target, groups, index, and clusters if any."""


class NotANumberError(DataError):
    """A model whose answers are not numbers; a run that diverges is not the audit's to stop."""


def as_is(output: Any, batch: Any) -> Mapping[str, Tensor]:
    """Takes what ``ImageClassifier`` returns: the mapping itself.

    Examples:
        >>> as_is({"index": 3}, None)
        {'index': 3}
    """
    del batch
    return output if isinstance(output, Mapping) else {}


def read_step(found: Mapping[str, Tensor], labels: Labels, sensitive: tuple[SensitiveFeature, ...]) -> Predictions:
    """Reads a batch; a row that it holds twice is taken once.

    Args:
        found: ``probabilities`` (N, C), or (N,) of the second of two classes; ``target`` (N,), -1 where unknown;
            ``groups`` (N, S), or (N,) of one feature; ``index`` (N,); where rows belong together, ``clusters`` (N,),
            codes that are the same in every batch and process; and, where the answer is not the most probable class,
            ``decided`` (N,) class codes.
        labels: The C classes.
        sensitive: The S features that the columns of ``groups`` stand for.

    Raises:
        ConfigurationError: something missing.
        DataError: shapes or values that cannot be.
        NotANumberError: a probability that is not a number.

    Examples:
        >>> import torch
        >>> row = {"probabilities": torch.tensor([0.9]), "target": torch.tensor([1]), "index": torch.tensor([7])}
        >>> sex = SensitiveFeature("sex", ("f", "m"))
        >>> read_step({**row, "groups": torch.tensor([0])}, Labels(("no", "yes")), (sex,)).predicted.tolist()
        [1]
    """
    lacking = [name for name in NEEDED if name not in found]
    if lacking:
        raise ConfigurationError(
            f"the step's outputs lack {', '.join(lacking)}; give FairnessAudit(outputs=...) a function of "
            f"(step output, batch) that returns a mapping of tensors with {', '.join(NEEDED)}"
        )
    index, target = _whole(found, "index"), _whole(found, "target")
    groups, probabilities = _whole(found, "groups"), _probabilities(found["probabilities"], len(labels))
    groups = groups[:, None] if groups.ndim == 1 and len(sensitive) == 1 else groups
    extra = {name: _whole(found, name) for name in ("clusters", "decided") if found.get(name) is not None}
    columns = {"probabilities": probabilities, "targets": target, "groups": groups, "indices": index, **extra}
    if len({len(column) for column in columns.values()}) > 1:
        told = ", ".join(f"{len(column)} {name}" for name, column in columns.items())
        raise DataError(f"a step's outputs hold {told}; give one of each for every row")
    once = np.unique(index, return_index=True)[1]
    bad = index[once][~np.isfinite(probabilities[once].reshape(len(once), -1)).all(axis=1)]
    if len(bad):
        raise NotANumberError(f"row {bad[0]} has a probability that is not a number: lower the learning rate")
    clusters, decided = (extra[name][once] if name in extra else None for name in ("clusters", "decided"))
    return Predictions(
        probabilities[once], target[once], index[once], labels, groups[once], sensitive, clusters, decided=decided
    )


def _probabilities(given: Tensor, classes: int) -> NDArray[np.float64]:
    probabilities = np.asarray(given.detach().double().cpu().numpy(), dtype=np.float64)
    if classes == 2 and (probabilities.ndim == 1 or probabilities.shape[1:] == (1,)):
        positive = probabilities.reshape(-1)
        return np.stack([1 - positive, positive], axis=1)
    if given.dtype in (torch.float16, torch.bfloat16) and probabilities.ndim == 2:
        probabilities /= probabilities.sum(axis=1, keepdims=True)  # rounded to three digits, they do not add up to 1
    return probabilities


def _whole(found: Mapping[str, Tensor], name: str) -> NDArray[np.int64]:
    tensor = found[name].detach()
    if tensor.is_floating_point() or tensor.ndim == 0:
        raise DataError(
            f"{name} holds integers, one or more for every row; got {tensor.dtype} of {tuple(tensor.shape)}"
        )
    return np.asarray(tensor.long().cpu().numpy(), dtype=np.int64)
