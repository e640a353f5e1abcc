"""From what masking or swapping did to the answers, to what can be said of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fairlead.errors import ConfigurationError
from fairlead.evidence import OPEN, Estimate, Finding, Ledger, Limit, Verdict
from fairlead.judgement.group_table import FEWEST_SHOWN, hidden_groups
from fairlead.judgement.paired_figures import PairedFigure, paired_figure
from fairlead.judgement.registry import InterventionFigure
from fairlead.measures import InterventionTally, TailShares, net_change_rows, worst_rate_rows

_ROUND_TO = 10  # as in row planning: an exact number would give away how many rows a small group has
_HALVINGS = 3
_LEFT_OUT: dict[str, Any] = {"verdict": Verdict.INSUFFICIENT, "estimate": None, "rows_needed": None}


def judge_interventions(
    tallies: Mapping[str, Sequence[InterventionTally]],
    limits: Mapping[str, Limit],
    split: str,
    *,
    level: float = 0.95,
    fewest_shown: int = FEWEST_SHOWN,
) -> Ledger:
    """Holds what each intervention did to the answers against every limit, overall and in each declared group.

    Only rows that have what was masked or swapped are counted, and each is compared with itself. *Flagged*, *clear*
    and *undecided* are read off an exact interval; *insufficient* is a group of fewer rows than the limit asks for.
    Over all figures of all subjects that are judged together, the chance that any is flagged though within its limit
    is at most 5 %; that one beyond its limit is called clear, at most 5 %. Both hold for rows that are independent.

    Args:
        tallies: By what was masked or swapped, one tally for each feature or intersection; at least one of them.
        limits: A limit for each figure by its name, as ``Policy.interventions`` holds them.
        split: What the rows are of.
        level: Coverage of each interval.
        fewest_shown: Rows that a group must have for its figure to be told. Beside an only smaller one, the next
            smallest that is not flagged is left out as well, lest the smaller be worked out from the whole.

    Raises:
        ConfigurationError: a subject without a tally, or tallies of one subject that are not of the same rows.
        UnknownNameError: a limit of a figure that is not known.

    Examples:
        >>> import numpy as np
        >>> from fairlead.measures import EVERY_ROW
        >>> from fairlead.records import Labels
        >>> rows, labels = np.zeros(600, dtype=np.int64), Labels(("benign", "malignant"))
        >>> after = (np.arange(600) % 4 == 0).astype(np.int64)  # a quarter is answered otherwise
        >>> tally = InterventionTally.count(EVERY_ROW, labels, rows, targets=rows - 1, before=rows, after=after)
        >>> for finding in judge_interventions({"ruler": [tally]}, {"answer_change_rate": Limit(0.1)}, "test"):
        ...     print(finding.code, finding.subject, finding.verdict.value, finding.estimate)
        SHAP-101 ruler flagged 0.250 [0.216, 0.287]
    """
    cases = [case for subject, given in tallies.items() for case in _cases(subject, given, limits, fewest_shown)]
    speaking = sum(case.figure is not None and case.figure.rows >= case.limit.rows for case in cases)
    shares = TailShares.of(level, max(1, speaking))
    judged = [case.finding(split, shares) for case in cases]
    hidden = [place for cases_of in _families(cases) for place in _companions(cases, judged, cases_of, fewest_shown)]
    for place in hidden:
        judged[place] = replace(judged[place], **_LEFT_OUT, remedy=_left_out(cases[place], fewest_shown))
    return Ledger(tuple(judged))


def failed_interventions(subjects: Iterable[str], limits: Mapping[str, Limit], split: str, reason: str) -> Ledger:
    """Returns the findings of interventions that broke, one for each subject and figure.

    Args:
        subjects: What was to be masked or swapped.
        limits: By figure.
        split: What the rows are of.
        reason: Why, as an error says it.

    Examples:
        >>> ledger = failed_interventions(["ruler"], {"accuracy_change": Limit(0.1)}, "test", "row 3 is not a number")
        >>> [(finding.code, finding.verdict.value, finding.remedy) for finding in ledger]
        [('SHAP-103', 'failed', 'Not judged: row 3 is not a number.')]
    """
    return Ledger(
        tuple(
            Finding(
                InterventionFigure.named(name).code,
                name,
                split,
                Verdict.FAILED,
                limit=limit,
                subject=subject,
                remedy=f"Not judged: {reason}.",
            )
            for subject in subjects
            for name, limit in limits.items()
        )
    )


@dataclass(frozen=True, eq=False)
class _Case:
    """One figure of one subject, over all rows that have it or over those of one group."""

    subject: str
    name: InterventionFigure
    limit: Limit
    figure: PairedFigure | None  # None where nothing can be counted at all
    feature: str | None = None
    group: str | None = None
    small: bool = False

    def finding(self, split: str, shares: TailShares) -> Finding:
        verdict, estimate, remedy, needed = self._said(split, shares)
        return Finding(
            self.name.code,
            self.name.name,
            split,
            verdict,
            feature=self.feature,
            group=self.group,
            estimate=estimate,
            limit=self.limit,
            rows_needed=needed or None,
            remedy=remedy,
            subject=self.subject,
        )

    def _said(self, split: str, shares: TailShares) -> tuple[Verdict, Estimate | None, str, dict[str, int]]:
        figure, limit = self.figure, self.limit
        if figure is None:
            which = "" if self.name.rows == "rows" else " of known truth"
            remedy = f"No row{which} of the {split} split has {self.subject}, so nothing could be changed in it."
            return Verdict.NOT_APPLICABLE, None, remedy, {}
        estimate = None if self.small or not figure.rows else figure.estimate(shares)
        verdict = _verdict(estimate, figure.rows, limit)
        needed = self._rows_needed(figure, shares) if verdict in OPEN else {}
        return verdict, estimate, self._remedy(verdict, needed), needed

    def _remedy(self, verdict: Verdict, needed: Mapping[str, int]) -> str:
        rows = "; ".join(f"{count} more {name}" for name, count in needed.items())
        if verdict is Verdict.FLAGGED:
            return (
                f"The answers hang on {self.subject} beyond the limit: look at the answers that changed most, take it "
                f"out of the training data or see that no class goes with it, and audit again; {self.name.anchor} "
                "says how."
            )
        if verdict is Verdict.CLEAR:
            return "Within its limit; nothing to do."
        if verdict is Verdict.INSUFFICIENT:
            return f"Fewer than {self.limit.rows} {self._rows()}: gather {rows}."
        return f"The interval holds the limit: gather {rows}, or accept that it is not settled."

    def _rows(self) -> str:
        rows = f"{self.name.rows} that have {self.subject}"
        return rows if self.group is None else f"{rows}, {self.feature}={self.group}"

    def _rows_needed(self, figure: PairedFigure, shares: TailShares) -> dict[str, int]:
        limit, rows = self.limit, figure.rows
        short = 0
        for halving in range(_HALVINGS):
            closer = replace(limit, margin=limit.margin / 2**halving)
            wanted = (
                worst_rate_rows(closer, 1, shares)
                if figure.is_rate
                else net_change_rows(figure.most_churn(), closer, shares, classes=len(figure.counts))
            )
            short = max(limit.rows, rows, wanted or 0) - rows
            if short or wanted is None:
                break
        tens = -(-short // _ROUND_TO) * _ROUND_TO
        return {self._rows(): tens} if tens else {}


def _cases(
    subject: str, tallies: Sequence[InterventionTally], limits: Mapping[str, Limit], fewest: int
) -> Iterator[_Case]:
    if not tallies:
        raise ConfigurationError(f"{subject} has no tally; count its rows, if only under EVERY_ROW")
    whole = tallies[0].whole
    if any(tally.whole != whole for tally in tallies):
        raise ConfigurationError(f"the tallies of {subject} are of different rows; count the same rows by each feature")
    for name, limit in limits.items():
        kind = InterventionFigure.named(name)
        overall = paired_figure(name, whole, 0)
        small = _is_small(overall, limit, fewest)
        yield _Case(subject, kind, limit, overall if overall.rows else None, small=small)
        if not overall.rows:
            continue
        for tally in tallies:
            for slot, group in enumerate(tally.by.groups):
                figure = paired_figure(name, tally, slot)
                small = _is_small(figure, limit, fewest)
                yield _Case(subject, kind, limit, figure, tally.by.feature, group, small)


def _is_small(figure: PairedFigure, limit: Limit, fewest: int) -> bool:
    """Whether there are too few rows to show; where a limit's own fewest rows are fewer, that is what counts."""
    return figure.rows < min(fewest, limit.rows)


def _verdict(estimate: Estimate | None, rows: int, limit: Limit) -> Verdict:
    if estimate is None or rows < limit.rows:
        return Verdict.INSUFFICIENT
    if estimate.low > limit.most:
        return Verdict.FLAGGED
    return Verdict.CLEAR if estimate.high < limit.most else Verdict.UNDECIDED


def _left_out(case: _Case, fewest: int) -> str:
    return (
        f"Not told: from this group and the whole, the answers of the only group of {case.feature} with fewer than "
        f"{fewest} rows could be worked out. Gather rows of that group, or ask for fewest_shown=1."
    )


def _families(cases: Sequence[_Case]) -> list[list[int]]:
    """Returns the places of the groups that add up to one whole: of one subject, figure and feature."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for place, case in enumerate(cases):
        if case.feature is not None:
            found.setdefault((case.subject, case.name.name, case.feature), []).append(place)
    return list(found.values())


def _companions(cases: Sequence[_Case], judged: Sequence[Finding], places: Sequence[int], fewest: int) -> list[int]:
    """Returns which findings are left out with an only small group: the next smallest that is not flagged."""
    told = [place for place in places if judged[place].verdict is not Verdict.FLAGGED]
    rows = [figure.rows for place in told if (figure := cases[place].figure) is not None]
    if not any(cases[place].small and rows[i] for i, place in enumerate(told)):
        return []
    hidden = hidden_groups(np.array(rows, dtype=np.int64), min(fewest, cases[places[0]].limit.rows))
    return [place for place, hide in zip(told, hidden, strict=True) if hide and not cases[place].small]
