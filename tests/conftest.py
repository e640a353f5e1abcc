"""What every test may lean on: a cache of its own, no network, one thread, and a few small photos."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from fairlead.cli.threads import wait_passively

wait_passively()
os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports the hub's client, which reads it once

import numpy as np
import pytest
import torch
from PIL import Image

torch.set_num_threads(1)


def pytest_configure(config: pytest.Config) -> None:
    """Lets pass what Lightning 2.6 itself warns of in every run, whatever the run."""
    for warning in (
        "ignore:.*LeafSpec.*:FutureWarning",  # it uses a name torch has deprecated
        "ignore:.*does not have many workers",
        "ignore:.*number of training batches",  # fewer than the steps between two log lines
    ):
        config.addinivalue_line("filterwarnings", warning)


PHOTO_COLOURS = {"blue": (40, 60, 200), "green": (40, 170, 60), "red": (210, 40, 40)}
PHOTOS_A_CLASS = 12


@pytest.fixture(autouse=True)
def fairlead_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The feature cache of this test alone."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FAIRLEAD_CACHE", str(folder))
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three class folders, blue, green and red, each of 12 pictures in its own colour.

    Size and noise differ from picture to picture, so that no two have the same pixels.
    """
    folder = tmp_path / "photos"
    for code, (name, colour) in enumerate(PHOTO_COLOURS.items()):
        (folder / name).mkdir(parents=True)
        for number in range(PHOTOS_A_CLASS):
            generator = np.random.default_rng([code, number])
            height, width = 36 + number % 3, 48 - number % 5
            noise = generator.integers(-25, 26, (height, width, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{name}{number}.png")
    return folder


@pytest.fixture
def photo_table(photos: Path) -> Path:
    """A CSV over the photos with columns image (relative), label and sex (f, m, and two blank cells)."""
    table = photos.parent / "photos.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "sex"])
        for name in PHOTO_COLOURS:
            for number in range(PHOTOS_A_CLASS):
                sex = "" if number == 0 and name != "red" else "fm"[number % 2]
                writer.writerow([f"photos/{name}/{name}{number}.png", name, sex])
    return table
