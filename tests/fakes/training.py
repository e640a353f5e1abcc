"""A whole training run in a second: few synthetic rows, the smallest backbone, no files."""

import json
from pathlib import Path

import lightning as L
import timm
import torch
from safetensors.torch import save_file

from fairlead.backbones import Backbone, load_backbone
from fairlead.cli.quiet import quieten_lightning
from fairlead.data import Augmentation, ImageDataModule, Loading
from fairlead.data.synthetic import LesionWorld, SplitSizes

SIZE = 32


def tiny_data(train=24, val=9, calibration=12, test=11, *, batch_size=8, seed=0, **settings) -> ImageDataModule:
    """Rows that no batch size divides; evaluation takes batches of twice the size."""
    world = LesionWorld(rows=SplitSizes(train, val, calibration, test), size=SIZE, seed=seed)
    loading = Loading(batch_size=batch_size, workers=0)
    return ImageDataModule(world, loading=loading, augmentation=Augmentation.off(), seed=seed, **settings)


def tiny_backbone(seed=0) -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return load_backbone("random:test_resnet", image_size=SIZE)


def weights_folder(folder: Path, seed=0) -> Path:
    """Writes a pretrained backbone in timm's layout: weights that pass for learned ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = timm.create_model("test_resnet", num_classes=5)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.uniform_(-0.2, 0.2)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
    folder.mkdir(parents=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    config = {"input_size": [3, SIZE, SIZE], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 1.0, "classifier": "fc"}
    (folder / "config.json").write_text(json.dumps({"architecture": "test_resnet", "pretrained_cfg": config}))
    return folder


def quiet_trainer(**settings) -> L.Trainer:
    """Lightning's Trainer on one CPU, which writes nothing unless told to."""
    quieten_lightning()
    defaults = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return L.Trainer(**(defaults | settings))
