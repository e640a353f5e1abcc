"""A run folder is new, whole, and of one run alone."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fairlead.errors import OutputFolderError
from fairlead.records import RunFolder


@pytest.mark.parametrize("exists", [True, False])
def test_a_new_or_an_empty_folder_will_do(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "deep" / "run"
    if exists:
        path.mkdir(parents=True)
    run = RunFolder.create(str(path))
    assert run.path == path
    assert [item.name for item in path.iterdir()] == ["checkpoints"]


def test_a_run_never_overwrites_another(tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    with pytest.raises(OutputFolderError, match=r"is not empty, and a run never .*--output"):
        RunFolder.create(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == [".hidden"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("mine")
    with pytest.raises(OutputFolderError, match=r"out is a file; name a new"):
        RunFolder.create(file)
    with pytest.raises(
        OutputFolderError, match=r"cannot write the run folder .*out/run: Not a directory; name another"
    ):
        RunFolder.create(file / "run")
    assert file.read_text() == "mine"


def test_a_folder_that_takes_no_files_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputFolderError, match=r"cannot write .*No space left on device; name another"):
        RunFolder.create(tmp_path / "run")


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: RunFolder.create(), range(8)))
    assert len({run.path for run in runs}) == 8
    assert all(run.path.parent == Path("runs") and run.checkpoints.is_dir() for run in runs)


def test_no_folder_of_runs_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(OutputFolderError, match="cannot write the run folder runs/"):
        RunFolder.create()


def test_every_file_has_a_name_of_its_own() -> None:
    run = RunFolder(Path("run"))
    layout = [
        "model",
        "probe",
        "finetuned",
        "metrics",
        "predictions",
        "config",
        "environment",
        "confusion",
        "top_losses",
    ]
    assert len({getattr(run, name) for name in layout}) == len(layout)


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "metrics.json"
    RunFolder.write_json(file, {"accuracy": 0.5})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            RunFolder.write_json(file, {"accuracy": 0.9})
    with pytest.raises(ValueError, match="JSON"):
        RunFolder.write_json(file, {"accuracy": float("nan")})
    assert json.loads(file.read_text()) == {"accuracy": 0.5}
    assert [item.name for item in tmp_path.iterdir()] == ["metrics.json"]
    RunFolder.write_json(file, {"accuracy": 0.9})
    assert json.loads(file.read_text()) == {"accuracy": 0.9}


def test_many_writers_leave_one_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "features"
    contents = [bytes([code]) * 20_000 for code in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: RunFolder.write_atomically(file, content), contents * 3))
    assert file.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [file]
