"""What a run keeps of its explanations: the values as an array, and all that was checked of them as JSON."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fairlead.evidence import Estimate
from fairlead.records import ExplainedRow, RunFolder

RegionMass = Mapping[str, Mapping[str, Mapping[str, Estimate | None]]]
"""By region, then feature, then group the mean share of the map on it; of all rows under the feature and group ""."""


def write_attributions(path: Path, rows: Sequence[ExplainedRow]) -> None:
    """Writes the values of N rows as one compressed array, which ``numpy.load`` reads without pickle.

    It holds ``index``, ``label``, ``method``, ``base``, ``full`` and ``reliable``, each (N,), ``shape`` (N, 2), and
    ``values`` (N, rows, columns) of the largest map, in which a smaller one fills the upper left corner and the rest
    is NaN.

    Args:
        path: The file to write, whole or not at all.
        rows: Reliable or not.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "attributions.npz"
        ...     write_attributions(path, [])
        ...     with np.load(path) as kept:
        ...         kept["values"].shape
        (0, 0, 0)
    """
    maps = [row.attribution for row in rows]
    shapes = np.array([found.values.shape for found in maps], dtype=np.int64).reshape(-1, 2)
    largest = shapes.max(axis=0, initial=0)
    values = np.full((len(maps), *largest), np.nan)
    for place, (found, (down, across)) in enumerate(zip(maps, shapes, strict=True)):
        values[place, :down, :across] = found.values
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        index=np.array([row.index for row in rows], dtype=np.int64),
        label=np.array([found.label for found in maps], dtype=np.str_),
        method=np.array([found.method for found in maps], dtype=np.str_),
        base=np.array([found.base for found in maps], dtype=np.float64),
        full=np.array([found.full for found in maps], dtype=np.float64),
        reliable=np.array([found.certificate.reliable for found in maps], dtype=np.bool_),
        shape=shapes,
        values=values,
    )
    RunFolder.write_atomically(path, stream.getvalue())


def explanations_json(
    rows: Sequence[ExplainedRow],
    *,
    mass: RegionMass | None = None,
    reliable: Mapping[str, Mapping[str, Estimate | None]] | None = None,
    seconds: float | None = None,
    stopped: str = "",
    fewest: int | None = None,
) -> dict[str, Any]:
    """Returns what explanations.json holds: plain JSON values, none of them infinite or NaN.

    Args:
        rows: Reliable or not.
        mass: By region, feature and group; see ``RegionMass``.
        reliable: By feature and group the share of explanations that are.
        seconds: What they took.
        stopped: Why no more was sampled.
        fewest: Rows from which a group is shown in report and card; None for as many as elsewhere in the run.

    Examples:
        >>> explanations_json([], stopped="tolerance")["summary"]["stopped"]
        'tolerance'
    """
    kept = {region: _estimates(features) for region, features in (mass or {}).items()}
    summary = {
        "explained": len(rows),
        "reliable": sum(row.attribution.certificate.reliable for row in rows),
        "reliable_by_group": _estimates(reliable or {}),
        "mass": kept,
        "seconds": seconds,
        "stopped": stopped,
        "fewest_shown": fewest,
    }
    each = [
        {"index": row.index, "name": row.name, "attribution": row.attribution.to_dict(), "mass": row.mass}
        for row in rows
    ]
    content: dict[str, Any] = _finite({"schema": 1, "summary": summary, "rows": each})
    return content


def _estimates(found: Mapping[str, Mapping[str, Estimate | None]]) -> dict[str, dict[str, Any]]:
    return {
        feature: {group: value.to_dict() if value else None for group, value in groups.items()}
        for feature, groups in found.items()
    }


def _finite(content: Any) -> Any:
    """Returns the same with null for what JSON has no number for; a map that failed may hold NaN."""
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
