"""What does monitoring cost a service?

``fairlead serve`` over one model with random weights and a reference, twice: with monitoring on, request log and state
on a disk included, and with it off. Both are up at once and are asked in turns, in an order that rotates from round to
round; a ratio is taken within a round, so what else the machine did falls on both sides of it. What monitoring dropped
and what failed in it is read from the service at the end: speed that is bought by dropping is none.

*Memory*: observations through the recorder and the watch, in process, without a network; resident memory at each tenth.

    python -m benchmarks.monitor_cost            # a quarter of an hour on two cores; writes results/monitor_cost.md
    python -m benchmarks.monitor_cost --quick
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.serving import spread
from benchmarks.serving_bundle import random_bundle, with_reference
from benchmarks.serving_load import Seen as Load
from benchmarks.serving_load import load, photo
from benchmarks.serving_process import CLASSES, Service, fairlead_service
from fairlead.bundle import Bundle, Seen, usable_cores
from fairlead.serving.answered_request import AnsweredRequest
from fairlead.serving.monitor_settings import MonitorSettings
from fairlead.serving.recording import Recorder
from fairlead.serving.watching import Watching

RESULT = Path(__file__).parent / "results" / "monitor_cost.md"
CLIENTS = (1, 4)
SIDE = 448
GOAL = 0.97


def services(model: str, folder: Path) -> tuple[Service, Service]:
    """With monitoring on, and off."""
    made = []
    for name, environment in (
        ("on", {"FAIRLEAD_MONITOR_FOLDER": str(folder / "monitor")}),
        ("off", {"FAIRLEAD_MONITOR": "false"}),
    ):
        service = fairlead_service(model, folder / name, reference=True)
        made.append(replace(service, name=f"monitoring {name}", environment=environment))
    return made[0], made[1]


def speed(pair: Sequence[Service], rounds: int, seconds: float) -> dict[tuple[str, int], list[Load]]:
    """What the clients of each saw, by round."""
    content, seen = photo(SIDE), {(one.name, clients): [] for one in pair for clients in CLIENTS}
    for service in pair:
        load(service.target, content, clients=4, seconds=2)  # warms up
    for number in range(rounds):
        for clients in CLIENTS:
            for service in pair if number % 2 else reversed(pair):
                asked = load(service.target, content, clients=clients, seconds=seconds)
                if len(asked.seconds(200)) < len(asked.rows):
                    raise SystemExit(f"{service.name} failed: {sorted({status for status, *_ in asked.rows})}")
                seen[service.name, clients].append(asked)
    return seen


def speed_table(seen: dict[tuple[str, int], list[Load]]) -> Iterator[str]:
    yield "| clients | monitoring | requests a second | p50, ms | p99, ms | rate, on over off | p99, on over off |"
    yield "|---|---|---|---|---|---|---|"
    for clients in CLIENTS:
        on, off = (seen[f"monitoring {name}", clients] for name in ("on", "off"))
        rates = [mine.rate / theirs.rate for mine, theirs in zip(on, off, strict=True)]
        tails = [mine.quantile(0.99) / theirs.quantile(0.99) for mine, theirs in zip(on, off, strict=True)]
        for name, rounds in (("on", on), ("off", off)):
            ratios = f"{spread(rates, 3)} | {spread(tails, 2)}" if name == "on" else "|"
            yield (
                f"| {clients} | {name} | {spread([one.rate for one in rounds])} "
                f"| {spread([one.quantile(0.5) for one in rounds])} | {spread([one.quantile(0.99) for one in rounds])} "
                f"| {ratios} |"
            )


def counted(service: Service) -> dict[str, float]:
    """What monitoring read, dropped and failed at, by the service's own figures."""
    with urllib.request.urlopen(f"http://127.0.0.1:{service.target.port}/metrics", timeout=10):
        time.sleep(1)  # the first scrape asks for a new snapshot
    with urllib.request.urlopen(f"http://127.0.0.1:{service.target.port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(r"^fairlead_(observed|monitor_dropped|monitor_errors)_total(?:\{.*\})? (\S+)$", text, re.M)
    return {name: sum(float(value) for one, value in found if one == name) for name, _ in found}


def memory(bundle: Bundle, items: int) -> list[tuple[int, float]]:
    """Items read and MiB resident, at the start and at each tenth; it waits where the queue is full."""
    settings = MonitorSettings(queue=1000)
    recorder, width = Recorder(settings), 0 if bundle.reference is None else len(bundle.reference.sketch.mean)
    recorder.start(lambda: Watching.of(bundle, settings))
    lots = np.random.default_rng(0)
    pool = [
        Seen(0, code, row, lots.normal(size=width).astype(np.float32), {"input.brightness": float(lots.random())})
        for row in lots.dirichlet(np.ones(CLASSES), 1000).astype(np.float32)
        for code in (int(row.argmax()),)
    ]
    while not recorder.alive:
        time.sleep(0.05)
    seen = []
    for number in range(items + 1):
        if number % (items // 10) == 0:
            while recorder._queue:
                time.sleep(0.05)
            seen.append((number, resident()))
        while len(recorder._queue) >= settings.queue:
            time.sleep(0.01)
        recorder.offer(AnsweredRequest(f"r{number}", 1e9 + number * 0.1, 1, (pool[number % len(pool)],)))
    recorder.close()
    if recorder.dropped or recorder.errors:
        raise SystemExit(f"dropped {recorder.dropped}, failed {dict(recorder.errors)}")
    return seen


def resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds of each, and print")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each, in each round")
    parser.add_argument("--items", type=int, default=1_000_000, help="read in process, for the memory")
    options = parser.parse_args()
    asked = (options.rounds, options.seconds, options.items)
    rounds, seconds, items = (2, 2.0, 20_000) if options.quick else asked
    with tempfile.TemporaryDirectory() as folder:
        on, off = services(options.model, Path(folder))
        with on.running(), off.running():
            seen, told = speed((on, off), rounds, seconds), counted(on)
        bundle = random_bundle(Path(folder) / "small", options.model, CLASSES, change=with_reference)
        grown = memory(Bundle.open(bundle), items)
    lines = [
        "# What monitoring costs a service",
        "",
        f"`python -m benchmarks.monitor_cost`: {options.model} with random weights, a {SIDE} px JPEG, {rounds} rounds "
        f"of {seconds:g} s, {usable_cores()} cores that the clients share; medians (smallest to largest) over rounds. "
        f"The goal is a throughput of at least {GOAL}.",
        "",
        *speed_table(seen),
        "",
        f"Monitoring read {told['observed']:.0f} items, dropped {told['monitor_dropped']:.0f} and failed "
        f"{told['monitor_errors']:.0f} times.",
        "",
        "## Memory",
        "",
        "| items read | MiB resident |",
        "|---|---|",
        *(f"| {count} | {size:.0f} |" for count, size in grown),
        "",
    ]
    print("\n".join(lines))
    if not options.quick:
        RESULT.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
