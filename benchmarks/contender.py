"""One contender of a race: how it is started, and how its clock is read from outside."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.timeline import STARTED_VARIABLE

OURS = "fairlead"
PEERS = {
    "hf_trainer": "Hugging Face Trainer (timm wrapper)",
    "fastai_fine_tune": "fastai vision_learner.fine_tune",
    "lightning_backbone_finetuning": "Lightning BackboneFinetuning",
}
POLL_SECONDS = 0.02
LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Point:
    """An accuracy on the test rows and the seconds since the process was started when it was known."""

    seconds: float
    accuracy: float


def run_fairlead(table: Path, weights: Path, folder: Path) -> list[Point]:
    """Run our recipe with nothing in its cache; wait for the probe's test accuracy to be written, not for the end."""
    output = folder / "run"
    command = ["-m", "recipes.finetune_image", "--data", str(table), "--label", "label", "--image-column", "file"]
    command += ["--backbone", str(weights), "--epochs", "0", "--output", str(output)]
    started, process = _start(command, folder, {"FAIRLEAD_CACHE": str(folder / "cache")})
    try:
        while time.monotonic() - started < LIMIT_SECONDS:
            accuracy = _written_accuracy(output / "metrics.json")
            if accuracy is not None:
                return [Point(time.monotonic() - started, accuracy)]
            if process.poll() is not None and _written_accuracy(output / "metrics.json") is None:
                break
            time.sleep(POLL_SECONDS)
        raise SystemExit(f"{OURS} wrote no probe.test.accuracy:\n{_tail(folder)}")
    finally:
        _wait(process, started)


def run_peer(name: str, table: Path, weights: Path, folder: Path, *, epochs: int | None, seed: int) -> list[Point]:
    """Run a peer through all its epochs; each accuracy is charged one evaluation, its own."""
    output = folder / "timeline.json"
    command = ["-m", f"benchmarks.peers.{name}", "--table", str(table), "--weights", str(weights)]
    command += ["--output", str(output), "--seed", str(seed)]
    if epochs is not None:
        command += ["--epochs", str(epochs)]
    started, process = _start(command, folder, {})
    _wait(process, started)
    if not output.exists():
        raise SystemExit(f"{name} wrote no timeline:\n{_tail(folder)}")
    return charge_one_evaluation(json.loads(output.read_text(encoding="utf-8")))


def charge_one_evaluation(timeline: list[dict[str, float]]) -> list[Point]:
    """Take the evaluations of earlier epochs off each stamp: a peer would not need them to get there.

    >>> epochs = [{"seconds": 10, "evaluation_seconds": 2, "accuracy": 0.5}]
    >>> epochs += [{"seconds": 20, "evaluation_seconds": 2, "accuracy": 0.6}]
    >>> charge_one_evaluation(epochs)
    [Point(seconds=10.0, accuracy=0.5), Point(seconds=18.0, accuracy=0.6)]
    """
    points, earlier = [], 0.0
    for epoch in timeline:
        points.append(Point(epoch["seconds"] - earlier, epoch["accuracy"]))
        earlier += epoch["evaluation_seconds"]
    return points


def _start(command: list[str], folder: Path, extra: dict[str, str]) -> tuple[float, subprocess.Popen[bytes]]:
    folder.mkdir(parents=True)
    started = time.monotonic()
    # Threads that spin while they wait take the core from the one they wait for, where other work runs beside it.
    shared = {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", STARTED_VARIABLE: repr(started)}
    environment = os.environ | shared | extra
    log = (folder / "log.txt").open("wb")
    return started, subprocess.Popen([sys.executable, *command], env=environment, stdout=log, stderr=log)


def _wait(process: subprocess.Popen[bytes], started: float) -> None:
    """Let it finish, so that it disturbs nobody; end it at the limit."""
    try:
        process.wait(max(0.1, LIMIT_SECONDS - (time.monotonic() - started)))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _written_accuracy(path: Path) -> float | None:
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):  # not there yet, or half of it
        return None
    return metrics.get("probe", {}).get("test", {}).get("accuracy", {}).get("value")


def _tail(folder: Path) -> str:
    return "\n".join((folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
