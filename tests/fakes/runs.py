"""A finished run on the embedded data, or on a few texts, made once for those who only read it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from fairlead.judgement import Policy
from fairlead.records import RunFolder
from recipes import finetune_image, finetune_text
from tests.fakes.encoders import text_folder
from tests.fakes.texts import reviews, write_csv


def probe_run(folder: Path, *arguments: str) -> RunFolder:
    """Runs the recipe as far as the probe, in a few seconds, with the smallest backbone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRLEAD_CACHE", str(folder.with_name(folder.name + "_cache")))
        small = ["--backbone", "random:test_resnet", "--image-size", "32", "--quick", "--epochs", "0"]
        small += groups_alone(folder, arguments)
        if finetune_image.main([*small, "--output", str(folder), *arguments]) != 0:
            raise RuntimeError(f"the recipe did not end well in {folder}")
    return RunFolder(folder)


def groups_alone(folder: Path, arguments: Sequence[str] = ()) -> list[str]:
    """Flags under which gaps between groups are judged by the default policy, and nothing else is audited."""
    if "--policy" in arguments or "--explain" in arguments:
        return []
    policy = folder.with_name(folder.name + "_policy.yaml")
    policy.write_text(yaml.safe_dump({**Policy.default().to_mapping(), "interventions": {}}), encoding="utf-8")
    return ["--policy", str(policy), "--explain", "0"]


def copied(run: RunFolder, folder: Path) -> RunFolder:
    """Copies a run, for a test that changes it."""
    shutil.copytree(run.path, folder)
    return RunFolder(folder)


def text_run(folder: Path, *arguments: str) -> RunFolder:
    """Runs the text recipe as far as the probe on a table of sixty reviews, with an encoder of a dozen words."""
    place = folder.parent
    encoder = text_folder(place / f"{folder.name}_encoder")
    table = write_csv(place / f"{folder.name}.csv", ("text", "label", "region"), reviews())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRLEAD_CACHE", str(place / f"{folder.name}_cache"))
        given = ["--data", str(table), "--backbone", str(encoder), "--sensitive", "region", "--epochs", "0"]
        given += groups_alone(folder, arguments)
        if finetune_text.main([*given, "--output", str(folder), *arguments]) != 0:
            raise RuntimeError(f"the recipe did not end well in {folder}")
    return RunFolder(folder)
