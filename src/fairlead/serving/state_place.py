"""Where the state of a watch lies, for one service at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MOST = 100


@dataclass(eq=False)
class StatePlace:
    """The file of a state, and the lock that keeps replicas that share a folder out of each other's.

    Attributes:
        path: The file, which need not be there.
        lock: Handle of the lock; None where it cannot be had, on a disk that does not take it.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first, second = (StatePlace.take(Path(folder), "ab12" * 16) for _ in range(2))
        ...     names = first.path.name, second.path.name
        ...     first.free()
        ...     again = StatePlace.take(Path(folder), "ab12" * 16).path == first.path
        >>> names, again
        (('state-ab12ab12ab12-0.watch', 'state-ab12ab12ab12-1.watch'), True)
    """

    path: Path
    lock: int | None = None

    @classmethod
    def take(cls, folder: Path, model: str) -> StatePlace:
        """Takes the first place that no other service has: after a restart, the same.

        Args:
            folder: Made where it is not there.
            model: Digest of the bundle.
        """
        paths = [folder / f"state-{model[:12]}-{number}.watch" for number in range(_MOST)]
        for path in paths:
            handle = None
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(path, handle)
            except BlockingIOError:
                if handle is not None:
                    os.close(handle)
            except OSError:  # saving will fail as well, and say so
                if handle is not None:
                    os.close(handle)
                return cls(path)
        return cls(folder / f"state-{model[:12]}-{os.getpid()}.watch")

    def free(self) -> None:
        """Lets another have it."""
        handle, self.lock = self.lock, None
        if handle is not None:
            with suppress(OSError):
                os.close(handle)
