"""The model that a run kept."""

from __future__ import annotations

import pickle

import torch

from fairlead.errors import ConfigurationError
from fairlead.modules.classifier import Classifier
from fairlead.modules.image_classifier import ImageClassifier
from fairlead.modules.text_classifier import TextClassifier
from fairlead.records import RunFolder


def load_model(run: RunFolder) -> Classifier:
    """Loads the model that a run kept, on the CPU.

    Raises:
        ConfigurationError: no finished run, or a checkpoint that is not whole.

    Examples:
        >>> from pathlib import Path
        >>> load_model(RunFolder(Path("no/such")))
        Traceback (most recent call last):
        fairlead.errors.ConfigurationError: no/such holds no model.ckpt; name the folder of a finished run
    """
    if not run.model.is_file():
        raise ConfigurationError(f"{run.path} holds no model.ckpt; name the folder of a finished run")
    try:
        described = torch.load(run.model, map_location="cpu", weights_only=True, mmap=True)["hyper_parameters"]
        kind = described["backbone"]["preprocessing"].get("kind", "image")
        module = TextClassifier if kind == "text" else ImageClassifier
        return module.load_from_checkpoint(run.model, map_location="cpu", weights_only=True)
    except (EOFError, KeyError, RuntimeError, TypeError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(
            f"{run.model} is not a whole checkpoint of a classifier ({reason[:200]}); "
            "name another run, or copy it again"
        ) from error
