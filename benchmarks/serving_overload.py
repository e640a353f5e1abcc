"""Ten times the rate that a service sustains, for half a minute: who is answered, how late, and what is left.

The service runs as a process of its own, signed bundle and API key and all. *Sustained* is what four clients that wait
for their answers get. Then ten times as much is offered in an open loop (``serving_crowd.py``), sent by the clock from
one thread with raw sockets; client and service share the machine's cores, so that what is admitted under load is less
than what was sustained, and the latencies have the client's own lateness in them. A refusal's latency counts from the
time its request was due. Rounds repeat the whole; a ratio is taken within a round.

    python -m benchmarks.serving_overload                    # three rounds, about three minutes on two cores
    python -m benchmarks.serving_overload --seconds 8 --rounds 1
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving_crowd import Crowd, offer
from benchmarks.serving_load import Seen, load, photo
from benchmarks.serving_process import Service, fairlead_service
from fairlead.bundle import usable_cores
from fairlead.serving import ServiceLimits

RESULT = Path(__file__).parent / "results" / "overload.md"
SIDE, TIMES = 448, 10


@dataclass(frozen=True)
class Round:
    """One overload, and the speed before and after it."""

    before: Seen
    crowd: Crowd
    after: Seen
    memory: tuple[float, float, float]


def overload(service: Service, seconds: float) -> Round:
    """Measures the rate, offers ten times as much, and measures again at once."""
    content = photo(SIDE)
    before = load(service.target, content, clients=4, seconds=4)
    warm = resident(service.target.port)
    crowd = offer(service.target, content, rate=TIMES * before.rate, seconds=seconds)
    after = load(service.target, content, clients=4, seconds=4)
    return Round(before, crowd, after, (warm, resident(service.target.port, "VmHWM"), resident(service.target.port)))


def resident(port: int, line: str = "VmRSS") -> float:
    """MiB of the process that listens at a port and its kin, by its command line."""
    total = 0.0
    for folder in Path("/proc").iterdir():
        try:
            session = os.getsid(int(folder.name)) if folder.name.isdigit() else 0
            if session and f"--port\0{port}".encode() in Path(f"/proc/{session}/cmdline").read_bytes():
                status = (folder / "status").read_text().splitlines()
                total += sum(int(row.split()[1]) for row in status if row.startswith(line + ":")) / 1024
        except OSError:  # it has just ended
            continue
    return total


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median, and the smallest to the largest."""
    return f"{np.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(rounds: Sequence[Round], model: str) -> Iterator[str]:
    """The result in Markdown."""
    crowds = [one.crowd for one in rounds]
    statuses = sum((Counter(status for status, *_ in crowd.rows) for crowd in crowds), Counter())
    told = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    reasons = Counter(after for crowd in crowds for status, _, after in crowd.rows if not status)
    without = sum(1 for crowd in crowds for status, _, after in crowd.rows if status in {429, 503, 504} and not after)
    yield f"## {model}, {SIDE} px JPEG, {len(rounds)} rounds\n"
    yield "| | median over the rounds (smallest to largest) |"
    yield "|---|---|"
    yield f"| sustained before, requests a second | {spread([one.before.rate for one in rounds], 1)} |"
    yield f"| offered, requests a second | {spread([crowd.sent / crowd.wall for crowd in crowds])} |"
    times = [one.crowd.sent / one.crowd.wall / one.before.rate for one in rounds]
    yield f"| times the rate sustained | {spread(times, 1)} |"
    yield f"| the clock missed by at most, ms | {spread([1000 * crowd.late for crowd in crowds])} |"
    yield f"| answers by status (0: broken connection), all rounds | {told} {dict(reasons) or ''} |"
    yield f"| 429, 503 and 504 without Retry-After | {without} |"
    yield f"| answered with 200, a second | {spread([crowd.count(200) / crowd.wall for crowd in crowds], 1)} |"
    for name, among in (("200", (200,)), ("429 and 503", (429, 503))):
        for share, called in ((0.5, "p50"), (0.99, "p99"), (1.0, "largest")):
            yield f"| {name}: {called}, ms | {spread([crowd.quantile(share, *among) for crowd in crowds])} |"
    yield f"| sustained right after, requests a second | {spread([one.after.rate for one in rounds], 1)} |"
    yield f"| after / before | {spread([one.after.rate / one.before.rate for one in rounds], 2)} |"
    for position, called in enumerate(("before", "at most", "after")):
        yield f"| memory of all its processes {called}, MiB | {spread([one.memory[position] for one in rounds])} |"


def broken(rounds: Sequence[Round]) -> Iterator[str]:
    """What was promised, and did not hold."""
    deadline = 1000 * ServiceLimits().deadline
    for one in rounds:
        others = {status for status, *_ in one.crowd.rows} - {200, 429, 503}
        if others:
            yield f"answers other than 200, 429 and 503: {sorted(others)}"
        if one.crowd.quantile(1, 200) > deadline:
            yield f"an admitted request took {one.crowd.quantile(1, 200):.0f} ms"
        if any(status in {429, 503} and not after for status, _, after in one.crowd.rows):
            yield "a refusal without Retry-After"
        if one.after.rate < 0.7 * one.before.rate:
            yield f"{one.after.rate:.1f} a second afterwards, {one.before.rate:.1f} before"


def main() -> None:
    parser = argparse.ArgumentParser(description="Ten times the rate that the service sustains.")
    parser.add_argument("--model", default="mobilenetv2_100", help="of timm, with random weights")
    parser.add_argument("--seconds", type=float, default=30.0, help="of overload in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        service = fairlead_service(options.model, Path(scratch))
        rounds = []
        for number in range(options.rounds):
            with service.running():  # anew, for the largest memory of each
                load(service.target, photo(SIDE), clients=4, seconds=1)
                rounds.append(overload(service, options.seconds))
                print(f"round {number + 1} of {options.rounds} is done", flush=True)
    lines = [
        "# Ten times too much\n",
        "Made by `python -m benchmarks.serving_overload`, whose docstring says how. The client had the same cores.",
        f"Load of the machine at the end: {os.getloadavg()[0]:.1f} on {usable_cores()} cores.\n",
        *table(rounds, options.model),
    ]
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    if failures := list(broken(rounds)):
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
