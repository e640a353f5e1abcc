"""What the peers said of the same streams, as their environment left it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fairlead.measures import binomial_interval

HALF = 0.5  # of the columns: evidently's default for saying that a batch drifted


def share(count: int, rows: int) -> str:
    """A share with its interval."""
    if not rows:
        return "-"
    low, high = (float(end) for end in binomial_interval(count, rows, 0.95))
    return f"{count / rows:.1%} [{low:.1%}, {high:.1%}]"


def false_alarms(keep: Path) -> Iterator[str]:
    """Unchanged streams at their defaults."""
    yield "\n### The same question to peers, at their defaults\n"
    yield "| peer | unchanged streams | items each | streams with an alarm | alarms per 1000 items |"
    yield "|---|---|---|---|---|"
    for source in ("rows", "pictures"):
        found = said_by_peers(keep, source)
        for name in ("ADWIN", "KSWIN"):
            if name in found:
                before, items = found[name]["before"], found[name]["items"]
                alarms, total = sum(map(bool, before)), sum(map(len, before))
                rate = 1000 * total / (items * len(before))
                cells = (f"river {name}, {source}", len(before), items, share(alarms, len(before)), f"{rate:.2f}")
                yield f"| {' | '.join(map(str, cells))} |"
        if "evidently" in found:
            yield from _evidently_false(found["evidently"], source)
    yield (
        "\nOne detector for each score; an alarm is that of any. Evidently judges batches of 500 against the reference."
    )


def _evidently_false(found: dict[str, Any], source: str) -> Iterator[str]:
    columns = found["columns"]
    for what, least in (("any column", 1), (f"half of {columns} columns", HALF * columns)):
        hits = [[count >= least for count in stream] for stream in found["before"]]
        streams, batches = sum(map(any, hits)), sum(map(len, hits))
        rate = 1000 * sum(map(sum, hits)) / (batches * found["batch"])
        items = found["batch"] * len(hits[0])
        yield f"| evidently, {what}, {source} | {len(hits)} | {items} | {share(streams, len(hits))} | {rate:.2f} |"


def said_by_peers(keep: Path, source: str) -> dict[str, Any]:
    """Returns what was kept of a source; nothing where nothing was."""
    file = keep / f"peers-{source}.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def delay_cells(peers: dict[str, Any], change: str) -> Iterator[str]:
    """Cells of one change: ADWIN, KSWIN, evidently."""
    for name in ("ADWIN", "KSWIN"):
        after = peers.get(name, {}).get("after", {}).get(change)
        if after is None:
            yield "-"
            continue
        seen = [delay for delay in after if delay is not None]
        middle = np.median([np.inf if delay is None else delay for delay in after])
        yield (
            f"{middle:.0f} ({len(seen)} of {len(after)})" if np.isfinite(middle) else f"- ({len(seen)} of {len(after)})"
        )
    found = peers.get("evidently")
    if found is None:
        yield "-"
        return
    counts = [count for stream in found["after"][change] for count in stream]
    half, any_one = (sum(count >= least for count in counts) for least in (HALF * found["columns"], 1))
    yield f"{half} / {any_one} of {len(counts)}"


def error_delays(keep: Path) -> Iterator[str]:
    """ADWIN on the errors of groups."""
    found = said_by_peers(keep, "errors").get("ADWIN")
    if found:
        alarms = share(sum(map(bool, found["before"])), len(found["before"]))
        (after,) = found["after"].values()
        middle = np.median([np.inf if delay is None else delay for delay in after])
        seen = sum(delay is not None for delay in after)
        yield (
            f"\nADWIN on the same {found['items']} and as many labels, one for each of the same six rates: an alarm "
            "before "
            f"the change in {alarms} of {len(after)} streams; after it in {seen}, after a median of {middle:.0f}."
        )
