"""What explanations.json says, read without the program that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.errors import EvidenceError
from fairlead.evidence import Estimate
from fairlead.report.small_groups import small_groups


@dataclass(frozen=True)
class ExplanationRecord:
    """How many rows were explained, and on what their maps lie.

    Attributes:
        explained: Rows.
        reliable: Rows whose certificate holds.
        mass: Region, feature, group and mean share of the map on the region; the feature and group of all rows are "".
        seconds: What they took; None where the file does not say.
        stopped: Why no more was sampled.
        fewest: Rows from which a group is shown; None where the file does not say.
        picture: The sheet as a PNG in base64; empty where there is none.

    Examples:
        >>> record = ExplanationRecord.of({"schema": 1, "summary": {"explained": 8, "reliable": 6}})
        >>> record.reliable, record.mass
        (6, ())
    """

    explained: int
    reliable: int
    mass: tuple[tuple[str, str, str, Estimate | None], ...] = ()
    seconds: float | None = None
    stopped: str = ""
    fewest: int | None = None
    picture: str = ""

    @classmethod
    def of(cls, content: Mapping[str, Any], picture: str = "") -> ExplanationRecord:
        """Reads the content of the file.

        Raises:
            EvidenceError: a schema this release does not know.
        """
        if content.get("schema") != 1:
            raise EvidenceError(f"explanations of schema {content.get('schema')!r} are not known; this release reads 1")
        told = content["summary"]
        mass = tuple(
            (region, feature, group, Estimate.from_dict(found) if found else None)
            for region, features in told.get("mass", {}).items()
            for feature, groups in features.items()
            for group, found in groups.items()
        )
        seconds, fewest = told.get("seconds"), told.get("fewest_shown")
        return cls(
            int(told["explained"]),
            int(told["reliable"]),
            mass,
            None if seconds is None else float(seconds),
            str(told.get("stopped") or ""),
            None if fewest is None else int(fewest),
            picture,
        )

    def hidden(self, fewest: int | None, groups: Mapping[str, frozenset[str]]) -> frozenset[tuple[str, str, str]]:
        """Returns the region, feature and group of the shares that are not shown.

        Args:
            fewest: Rows from which a group is shown; None for the file's own.
            groups: By feature, those that are not shown elsewhere.
        """
        least = max(fewest or 0, self.fewest or 0)
        concealed = set[tuple[str, str, str]]()
        for region, feature in {(region, feature) for region, feature, *_ in self.mass if feature}:
            rows = {
                group: found.rows if found else 0
                for where, whose, group, found in self.mass
                if (where, whose) == (region, feature)
            }
            small = small_groups(feature, rows, least, groups.get(feature, frozenset()))
            concealed |= {(region, feature, group) for group in small}
        return frozenset(concealed)
