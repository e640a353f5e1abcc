"""A crowd of clients in one thread: requests by the clock, whatever became of those before.

Open loop: a request is sent when it is due, over a connection that is idle, or over a new one; a client that waited for
its answer would ask less of a slow service, and hide how late it is. What a client costs,
the machine cannot give to the service: requests are written once, and of an answer nothing is read but status, length
and Retry-After.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np

from benchmarks.serving_load import Target

PATIENCE = 30.0


@dataclass
class Crowd:
    """What a crowd was answered.

    Attributes:
        rows: Each answer's status (0 for a broken connection), seconds from the time its request was due, and its
            Retry-After, or what broke.
        sent: Requests that were sent.
        wall: Seconds in which they were sent.
        late: Seconds by which the clock was missed at most.
    """

    rows: list[tuple[int, float, str]] = field(default_factory=list)
    sent: int = 0
    wall: float = 0.0
    late: float = 0.0

    def count(self, status: int) -> int:
        """Answers of a status."""
        return sum(1 for one, *_ in self.rows if one == status)

    def quantile(self, share: float, *statuses: int) -> float:
        """Milliseconds, of the answers of these statuses."""
        seconds = [seconds for status, seconds, _ in self.rows if status in statuses]
        return 1000 * float(np.quantile(seconds, share)) if seconds else float("nan")


def request(target: Target, content: bytes) -> bytes:
    """Writes a request with a picture."""
    body = target.body(content)
    lines = [
        "POST /predict HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {target.kind}",
        f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in target.headers.items()),
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def offer(target: Target, content: bytes, *, rate: float, seconds: float) -> Crowd:
    """Sends ``rate`` requests a second for some seconds, and waits for all answers."""
    return asyncio.run(_offer(target, request(target, content), rate, seconds))


async def _offer(target: Target, sent: bytes, rate: float, seconds: float) -> Crowd:
    crowd, idle, running = Crowd(), [], set()
    begun = time.perf_counter()
    while (due := begun + crowd.sent / rate) < begun + seconds:
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        crowd.late = max(crowd.late, time.perf_counter() - due)
        task = asyncio.create_task(_one(target.port, sent, idle, crowd, due))
        running.add(task)
        task.add_done_callback(running.discard)
        crowd.sent += 1
        if crowd.sent % 16 == 0:
            await asyncio.sleep(0)  # a clock that is behind must still read answers
    crowd.wall = time.perf_counter() - begun
    await asyncio.gather(*running)
    for _, connection in idle:
        connection[1].close()
    return crowd


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _one(port: int, sent: bytes, idle: list[tuple[float, Connection]], crowd: Crowd, due: float) -> None:
    status, after, connection = 0, "", None
    try:
        async with asyncio.timeout(PATIENCE):
            connection = _open(idle) or await asyncio.open_connection("127.0.0.1", port)
            connection[1].write(sent)
            status, after, kept = await _answer(connection[0])
            if kept:
                idle.append((time.perf_counter(), connection))
                connection = None
    except (OSError, asyncio.IncompleteReadError, ValueError, IndexError) as error:  # TimeoutError is an OSError
        after = type(error).__name__
    crowd.rows.append((status, time.perf_counter() - due, after))
    if connection is not None:
        connection[1].close()


def _open(idle: list[tuple[float, Connection]]) -> Connection | None:
    """The connection that was used last, unless the server is about to close it, as it does after five idle seconds."""
    while idle:
        since, connection = idle.pop()
        if time.perf_counter() - since < 3 and not connection[0].at_eof():
            return connection
        connection[1].close()
    return None


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    await reader.readexactly(int(fields.get("content-length", 0)))
    return int(head.split(" ", 2)[1]), fields.get("retry-after", ""), fields.get("connection") != "close"
