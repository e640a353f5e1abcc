"""A bundle appears whole or not at all."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fairlead.bundle.manifest import MANIFEST, SIGNATURE
from fairlead.errors import OutputFolderError


def write_bundle(
    target: Path, files: Mapping[str, bytes], manifest: bytes, *, check: Callable[[Path], object] | None = None
) -> Path:
    """Writes a bundle in a hidden folder beside the target, and moves it there when all of it is on the disk.

    Whatever stops the writing leaves the bundle that was there, or none: never half of one. Of several writers of one
    target, each waits for the one before it.

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
    place = Path(os.path.abspath(target))  # "." has no name to hide beside
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _alone(place.parent) as alone:
            if alone:
                _clear(place)
            check_target(place)
            _place(place, {**files, MANIFEST: manifest}, check)
    except OSError as error:
        raise OutputFolderError(
            f"cannot write {target} ({error.strerror or error}); free some space, or name another with --output"
        ) from error
    return target


def check_target(target: Path) -> None:
    """Refuses a place that holds something else than a bundle, before any work is done for it.

    Raises:
        OutputFolderError: it says what lies there.

    Examples:
        >>> check_target(Path("no-such-folder"))
    """
    try:
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise OutputFolderError(f"{target} is no folder; name another with --output")
        found = {file.relative_to(target).as_posix() for file in target.rglob("*") if not file.is_dir()}
    except OSError as error:
        raise OutputFolderError(
            f"{target} cannot be looked into ({error.strerror}); name another with --output"
        ) from error
    if found and MANIFEST not in found:
        raise OutputFolderError(f"{target} holds something that is no bundle; name a new or empty folder with --output")
    # Replacing a bundle removes what lies in it: only what the one who wrote it put there.
    for name in sorted(found - {MANIFEST, SIGNATURE} - _listed(target / MANIFEST)):
        raise OutputFolderError(f"{target} holds {name}, which is no part of a bundle; move it, or name another folder")


def _listed(manifest: Path) -> set[str]:
    """Returns the files that a manifest lists, be it whole or not; none where it is no manifest."""
    try:
        return set(json.loads(manifest.read_bytes())["files"])
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return set()


def _place(target: Path, files: Mapping[str, bytes], check: Callable[[Path], object] | None) -> None:
    token = secrets.token_hex(6)
    hidden, old = (target.with_name(f".{target.name}.{token}.{kind}") for kind in ("partial", "replaced"))
    try:
        for name, content in files.items():
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
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(hidden, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _clear(target: Path) -> None:
    """Removes what a writer left that was killed; a bundle that it had moved aside is put back first."""
    ours = re.compile(re.escape(f".{target.name}.") + "[0-9a-f]{12}[.](partial|replaced)")
    for left in [path for path in target.parent.iterdir() if ours.fullmatch(path.name)]:
        if left.suffix == ".replaced" and not target.exists():
            left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Lets one writer at a time into a folder, and says whether it could; a lock goes with its process, if killed."""
    if os.name == "nt":  # Windows opens no folders
        yield False
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        locked = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # some network file systems lock no folders
            locked = False
        yield locked
    finally:
        os.close(handle)


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
