"""A finished run on the embedded data, made once for those who only read it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fairlead.records import RunFolder
from recipes.finetune_image import main


def probe_run(folder: Path, *arguments: str) -> RunFolder:
    """Runs the recipe as far as the probe, in a few seconds, with the smallest backbone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRLEAD_CACHE", str(folder.with_name(folder.name + "_cache")))
        small = ["--backbone", "random:test_resnet", "--image-size", "32", "--quick", "--epochs", "0"]
        if main([*small, "--output", str(folder), *arguments]) != 0:
            raise RuntimeError(f"the recipe did not end well in {folder}")
    return RunFolder(folder)


def copied(run: RunFolder, folder: Path) -> RunFolder:
    """Copies a run, for a test that changes it."""
    shutil.copytree(run.path, folder)
    return RunFolder(folder)
