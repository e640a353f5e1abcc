"""A bundle appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from fairlead.bundle.manifest import MANIFEST
from fairlead.errors import OutputFolderError


def write_bundle(
    target: Path, files: Mapping[str, bytes], manifest: bytes, *, check: Callable[[Path], object] | None = None
) -> Path:
    """Writes a bundle in a hidden folder beside the target, and moves it there when all of it is on the disk.

    Whatever stops the writing leaves the bundle that was there, or none: never half of one.

    Args:
        target: The folder; a bundle that is there is replaced, anything else is not.
        files: Content by path inside the bundle.
        manifest: Content of the manifest, written last.
        check: Is called with the hidden folder before the move, to sign what is in it or to refuse it.

    Returns:
        The target.

    Raises:
        OutputFolderError: the target holds something that is no bundle, or cannot be written.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_bundle(Path(folder) / "bundle", {"labels.json": b"[]"}, b"{}")
        ...     sorted(file.name for file in path.iterdir())
        ['labels.json', 'manifest.json']
    """
    check_target(target)
    token = secrets.token_hex(6)
    hidden, old = (target.with_name(f".{target.name}.{token}.{kind}") for kind in ("partial", "replaced"))
    try:
        for name, content in {**files, MANIFEST: manifest}.items():
            file = hidden / name
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, content)
        if check is not None:
            check(hidden)
        for folder in (hidden, *(path for path in hidden.rglob("*") if path.is_dir())):
            _flush(folder)
        if target.exists():
            target.rename(old)  # a folder that is not empty cannot be written over in one step
        hidden.rename(target)
        _flush(target.parent)
    except PermissionError as error:
        raise OutputFolderError(f"cannot write {target} ({error.strerror}); name another with --output") from error
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(hidden, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return target


def check_target(target: Path) -> None:
    """Refuses a place that holds something else than a bundle, before any work is done for it.

    Raises:
        OutputFolderError: it says what lies there.

    Examples:
        >>> check_target(Path("no-such-folder"))
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputFolderError(f"{target} is no folder; name another with --output")
    if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise OutputFolderError(f"{target} holds something that is no bundle; name a new or empty folder with --output")


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _flush(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
