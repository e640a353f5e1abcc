"""The service as a process of its own, and the memory of its tree."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

START = "import sys; from fairlead.cli.main import main; sys.exit(main())"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass(frozen=True)
class Service:
    """A service that runs.

    Attributes:
        port: On loopback.
        process: Its first process.
        log: What it prints.
    """

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ready(self) -> bool:
        """Whether it says so."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def pids(self) -> list[int]:
        """Its process and all below it."""
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    found += map(int, (thread / "children").read_text().split())
        return found

    def resident(self, line: str = "VmRSS") -> float:
        """MiB of memory of the whole tree; ``VmHWM`` for the sum of what each of them held at most."""
        return sum(_status(pid, line) for pid in self.pids())

    def descriptors(self) -> int:
        """Files and sockets that the tree holds open."""
        count = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                count += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return count


def _status(pid: int, line: str) -> float:
    try:
        for row in Path(f"/proc/{pid}/status").read_text().splitlines():
            if row.startswith(line + ":"):
                return int(row.split()[1]) / 1024
    except OSError:  # it has just ended
        pass
    return 0.0


@contextlib.contextmanager
def running(bundle: Path, log: Path, **environment: str) -> Iterator[Service]:
    """Starts ``fairlead serve``, waits until it is ready, and stops it.

    Args:
        bundle: What to serve.
        log: Where its output goes.
        environment: Settings, by the names of their variables.
    """
    port = free_port()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", START, "serve", str(bundle), "--port", str(port)],
            stdout=stream, stderr=subprocess.STDOUT, env=os.environ | environment, start_new_session=True,
        )  # fmt: skip
    service = Service(port, process, log)
    try:
        for _ in range(1200):
            if service.ready():
                break
            if process.poll() is not None:
                raise RuntimeError(f"the service did not start: {log.read_text()}")
            time.sleep(0.05)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            for pid in service.pids():
                os.kill(pid, signal.SIGKILL)
            process.wait()


@dataclass
class Canary:
    """Listens where hostile addresses point to; nothing may come."""

    calls: list[str] = field(default_factory=list)
    port: int = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[Canary]:
        """Listens on loopback, for the block."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = int(server.getsockname()[1])
            threading.Thread(target=self._listen, args=(server,), daemon=True).start()
            yield self

    def _listen(self, server: socket.socket) -> None:
        while True:
            try:
                caller, address = server.accept()
            except OSError:
                return
            self.calls.append(str(address))
            caller.close()
