"""Ten thousand attacks on a service that runs as a process of its own: ``make hostile-check``.

    python -m tests.hostile.check --cases 10000 --seed 0
    python -m tests.hostile.check --seed 0 --only 1234      # one case again, with what was sent and answered

Four cases in five are of the corpus (``corpus.py``), sent by four clients at a time over raw sockets; the rest are made
by schemathesis from the service's own OpenAPI document, half of them against it. Every answer is held to ``laws.py``.
Memory is that of all processes of the service. What it may hold at most follows from its limits: a picture of
``FAIRLEAD_PIXELS`` in each thread at 16 bytes a pixel (RGBA, a white ground, the composite, the picture turned), and in
each slot three times ``FAIRLEAD_BODY_BYTES`` (as received, as text, decoded). Afterwards the service has to answer
known pictures as it did, at the speed that it had, with no more open files, and to have given back most of the memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from fairlead.bundle import Bundle, usable_cores
from fairlead.bundle.reader import reader_of
from fairlead.records import Modality
from fairlead.serving import ServiceLimits
from tests.hostile.case import Case
from tests.hostile.corpus import case
from tests.hostile.exchange import Answer, exchange
from tests.hostile.laws import broken
from tests.hostile.service import Canary, Service, running
from tests.hostile.speed import answers, rates, shown

CLIENTS = 4
KEPT = 500.0  # MiB that allocators may keep of what decoders gave back: several arenas of pictures of 100 MB
SLOWEST = 0.7  # of the speed before; other work on the machine is in it
_MIB = 1024 * 1024


@dataclass
class Result:
    """What was seen.

    Attributes:
        statuses: By family.
        laws: What was broken, and how to see it again.
        memory: MiB after the warm-up, at most (by ``VmHWM``), and two seconds after the last case.
        files: Open before and after.
        speed: Requests a second before and after, by round.
        seconds: For all cases.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    laws: list[str] = field(default_factory=list)
    memory: tuple[float, float, float] = (0.0, 0.0, 0.0)
    files: tuple[int, int] = (0, 0)
    speed: tuple[list[float], list[float]] = ([], [])
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """Cases."""
        return sum(counts.total() for counts in self.statuses.values())


def most_memory(limits: ServiceLimits | None = None) -> float:
    """MiB that the work admitted by the limits may take at most, above what the service takes idle."""
    held = limits or ServiceLimits()
    return (usable_cores() * 16 * held.pixels + 3 * held.slots * held.body_bytes) / _MIB


def attack(
    service: Service,
    numbers: range,
    seed: int,
    canary: Canary,
    *,
    tick: Callable[[], None] = lambda: None,
    modality: Modality = Modality.IMAGE,
) -> Iterator[tuple[int, Case, Answer]]:
    """Sends the cases of the corpus from several clients, and gives each with its answer."""

    def one(number: int) -> tuple[int, Case, Answer]:
        made = case(seed, number, modality)
        return number, made, exchange(service.port, made, canary=canary.port)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for found in pool.map(one, numbers):
            tick()
            yield found


def check(service: Service, cases: int, seed: int, tick: Callable[[], None], modality: Modality) -> Result:
    """Attacks the service, and looks at what is left of it."""
    from tests.hostile.contract import conform

    result, before = Result(), answers(service.port, modality)
    first_rates, again_by = rates(service.port, modality), f"--seed {seed}{' --texts' * (modality is Modality.TEXT)}"
    warm, files = service.resident(), service.descriptors()
    begun = time.perf_counter()
    with Canary().listening() as canary:
        own = range(cases * 4 // 5)
        for number, made, answer in attack(service, own, seed, canary, tick=tick, modality=modality):
            result.statuses[made.family][answer.status] += 1
            result.laws += [
                f"{made.family}, {made.name}: {law}; again by {again_by} --only {number}"
                for law in broken(made, answer)
            ]
        seen = conform(f"http://127.0.0.1:{service.port}", cases - cases * 4 // 5, seed, tick)
        for label, counts in seen.statuses.items():
            result.statuses[f"schemathesis, {label}"] += counts
        result.laws += [f"{failure}; again by {command}" for failure, command in seen.failures.items()]
        result.laws += [f"{len(canary.calls)} addresses were fetched"] if canary.calls else []
    result.seconds = time.perf_counter() - begun
    time.sleep(2)
    result.memory = (warm, service.resident("VmHWM"), service.resident())
    result.speed = (first_rates, rates(service.port, modality))
    result.files = (files, service.descriptors())
    result.laws += _afterwards(service, result, before, modality)
    return result


def _afterwards(service: Service, result: Result, before: list[object], modality: Modality) -> Iterator[str]:
    warm, peak, left = result.memory
    if not service.ready():
        yield "the service is not ready any more"
    if answers(service.port, modality) != before:
        yield "known pictures or texts are answered otherwise than before"
    if peak > warm + most_memory():
        yield f"{peak:.0f} MiB at most, and its limits allow {warm + most_memory():.0f}"
    if left > warm + KEPT:
        yield f"{left:.0f} MiB are left, {left - warm:.0f} more than before"
    if result.files[1] > result.files[0] + 5:
        yield f"{result.files[1]} open files, {result.files[0]} before"
    ratio = statistics.median(result.speed[1]) / statistics.median(result.speed[0])
    if ratio < SLOWEST:
        yield f"speed is {ratio:.2f} of what it was"
    if b"Traceback" in (log := service.log.read_bytes()):
        yield f"a traceback in the log: {log[log.index(b'Traceback') :][:1500].decode(errors='replace')}"


def table(result: Result) -> Iterator[str]:
    """The result in Markdown."""
    yield "| what | cases | answers by status (0: the connection ended without one) |"
    yield "|---|---|---|"
    for family, counts in sorted(result.statuses.items()):
        told = ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
        yield f"| {family} | {counts.total()} | {told} |"
    warm, peak, left = result.memory
    before, after = result.speed
    ratios = [late / early for early, late in zip(sorted(before), sorted(after), strict=True)]
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| cases | {result.count} in {result.seconds:.0f} s |"
    yield f"| laws broken | {len(result.laws)} |"
    yield f"| memory after warm-up, at most, and afterwards, MiB | {warm:.0f}, {peak:.0f}, {left:.0f} |"
    yield f"| memory that its limits allow on {usable_cores()} cores, MiB | {warm + most_memory():.0f} |"
    yield f"| open files before and after | {result.files[0]}, {result.files[1]} |"
    yield f"| requests a second of one client before | {shown(before)} |"
    yield f"| and after | {shown(after)}, {statistics.median(ratios):.2f} times as many |"


def again(service: Service, seed: int, number: int, modality: Modality) -> int:
    """Sends one case again, and shows it; 1 where it breaks a law."""
    made = case(seed, number, modality)
    answer = exchange(service.port, made)
    print(f"{made.family}, {made.name}\nsent      {[segment[:1500] for segment in made.segments]}")
    print(f"answered  {answer.status} in {answer.seconds:.2f} s {answer.trouble}\n{answer.headers}")
    print(repr(answer.body[:1500]))
    laws = broken(made, answer)
    print(f"broken    {laws or 'nothing'}")
    return int(bool(laws))


def main() -> int:
    """Attacks, prints, and writes; 1 where a law was broken."""
    parser = argparse.ArgumentParser(description="Attack the service, and hold its answers to their laws.")
    parser.add_argument("--cases", type=int, default=10_000, help="how many in all")
    parser.add_argument("--seed", type=int, default=0, help="of the cases")
    parser.add_argument("--only", type=int, default=None, metavar="INDEX", help="send one case again")
    parser.add_argument("--bundle", type=Path, default=None, help="what to serve; if left out, two tiny ones are made")
    parser.add_argument("--texts", action="store_true", help="the tiny bundle of texts alone")
    parser.add_argument("--output", type=Path, default=None, help="where to write the result in Markdown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, lines, laws = Path(scratch), [], []
        for modality, bundle, share in _bundles(folder, options):
            with running(bundle, folder / "log") as service:
                if options.only is not None:
                    return again(service, options.seed, options.only, modality)
                result = _with_progress(service, round(share * options.cases), options.seed, modality)
            lines += [f"## A bundle of {modality}s", "", *table(result), ""]
            laws += result.laws
    print("\n".join(lines))
    for law in laws[:30]:
        print(f"\nBROKEN {law}", file=sys.stderr)
    if options.output is not None:
        options.output.write_text(_page(lines, options.seed), encoding="utf-8")
    return int(bool(laws))


def _bundles(folder: Path, options: argparse.Namespace) -> list[tuple[Modality, Path, float]]:
    """What is attacked, and its share of the cases."""
    from tests.fakes.bundles import tiny_bundle
    from tests.fakes.text_bundles import tiny_text_bundle

    if options.bundle is not None:
        return [(reader_of(Bundle.open(options.bundle).preprocessing).modality, options.bundle, 1.0)]
    texts, pictures = tiny_text_bundle(folder / "texts"), tiny_bundle(folder / "pictures")
    if options.texts:
        return [(Modality.TEXT, texts, 1.0)]
    if options.only is not None:
        return [(Modality.IMAGE, pictures, 1.0)]
    return [(Modality.IMAGE, pictures, 0.75), (Modality.TEXT, texts, 0.25)]


def _with_progress(service: Service, cases: int, seed: int, modality: Modality) -> Result:
    from rich.progress import Progress

    with Progress(transient=True) as progress:
        task = progress.add_task(f"attacking a bundle of {modality}s", total=cases)
        return check(service, cases, seed, lambda: progress.advance(task), modality)


def _page(lines: list[str], seed: int) -> str:
    head = (
        "# What the service was attacked with\n\nMade by `make hostile-check`, whose module "
        "(`tests/hostile/check.py`) says how; `docs/serving.md` says what was attacked, and what was mended.\n"
        f"Seed {seed}; load of the machine at the end {os.getloadavg()[0]:.1f} on {usable_cores()} cores.\n\n"
    )
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
