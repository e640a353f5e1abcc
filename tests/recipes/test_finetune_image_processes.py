"""The image recipe through the real command line: two runs at once, and a run that is interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from fairlead.modules import ImageClassifier
from fairlead.records import RunFolder

ROOT = Path(__file__).parents[2]
SMALL = ("--backbone", "random:test_resnet", "--image-size", "32", "--batch-size", "8")


def start(folder, *arguments):
    """Starts the recipe as a user does, in a working folder of its own; Ctrl-C reaches it and its workers."""
    return subprocess.Popen(
        [sys.executable, "-m", "recipes.finetune_image", *SMALL, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What runs in the background of a shell ignores Ctrl-C, and so would all that it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def figures(run):
    content = json.loads(run.metrics.read_text())
    content.pop("seconds")
    return content


def weights(file):
    return torch.load(file, weights_only=True)["state_dict"]


@pytest.mark.slow
def test_two_runs_at_once_with_one_cache_and_one_seed_agree_to_the_bit(photos, tmp_path):
    runs = [RunFolder(tmp_path / name) for name in ("first", "second")]
    started = [start(tmp_path, "--data", photos, "--epochs", 2, "--output", run.path) for run in runs]
    for process in started:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
        assert "Warning" not in errors
    assert figures(runs[0]) == figures(runs[1])
    first, second = (weights(run.finetuned) for run in runs)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    kept = list(Path(os.environ["FAIRLEAD_CACHE"]).rglob("*"))
    assert not [file for file in kept if file.name.endswith(".partial")]
    assert len([file for file in kept if file.suffix == ".npy"]) == 1


@pytest.mark.slow
def test_ctrl_c_in_fine_tuning_leaves_the_probe_whole(photos, tmp_path):
    run = RunFolder(tmp_path / "run")
    process = start(tmp_path, "--data", photos, "--epochs", 5000, "--output", run.path)
    # One core, so that no workers are forked: Python loses a Ctrl-C that comes in the middle of a fork.
    os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    deadline = time.monotonic() + 240
    while not (run.checkpoints / "last.ckpt").is_file():  # an epoch of fine-tuning is done
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 130, (said[-2000:], errors)
    assert "Traceback" not in errors + said
    assert "interrupted" in errors
    content = json.loads(run.metrics.read_text())
    assert content["won"] == "probe"
    assert content["finetuned"] is None
    assert content["probe"]["test"]["accuracy"]["rows"] == content["rows"]["test"]
    assert run.model.read_bytes() == run.probe.read_bytes()
    module = ImageClassifier.load_from_checkpoint(run.model, weights_only=True)
    assert list(module.labels) == ["blue", "green", "red"]
    for picture in (run.confusion, run.top_losses):
        Image.open(picture).verify()
    assert weights(run.checkpoints / "best.ckpt")
    assert not list(run.path.rglob("*.partial"))
