"""Which groups of a table are too small to be shown, and which would give those away."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def small_groups(feature: str, rows: Mapping[str, int], fewest: int, hidden: Collection[str] = ()) -> frozenset[str]:
    """Returns the groups that are not shown, by the rows each figure rests on.

    What all rows have less what is shown is what is not: those left out are at least two and have at least ``fewest``
    rows together, as long as there are groups to leave out. A group without a row has nothing to hide. Of an
    intersection all are left out or none: a feature's own table less the other combinations is what was left out.

    Args:
        feature: The sensitive feature, or intersection.
        rows: Of each group.
        fewest: From which a group is shown.
        hidden: Those that are not shown elsewhere.

    Examples:
        >>> sorted(small_groups("age", {"a": 30, "b": 3, "c": 27, "d": 0}, 10))
        ['b', 'c']
        >>> sorted(small_groups("age", {"a": 30, "b": 12}, 10, {"b"}))
        ['a', 'b']
    """
    left_out = {group for group, count in rows.items() if group in hidden or 0 < count < fewest}
    if left_out and " x " in feature:
        return frozenset(rows)
    while any(rows[group] for group in left_out):
        counted = [group for group in left_out if rows[group]]
        if len(counted) >= 2 and sum(rows[group] for group in counted) >= fewest:
            break
        others = sorted((group for group in rows if group not in left_out and rows[group]), key=rows.__getitem__)
        if not others:
            break
        left_out.add(others[0])
    return frozenset(left_out)
