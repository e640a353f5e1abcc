"""The intervention test: are rows answered otherwise once what should not matter is masked or swapped?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from fairlead.audits.intervened import Intervened, Intervention
from fairlead.audits.intervention_rows import InterventionRows
from fairlead.audits.step_outputs import NotANumberError, read_step
from fairlead.errors import ConfigurationError
from fairlead.evidence import Ledger
from fairlead.judgement import Policy, failed_interventions, judge_interventions
from fairlead.measures import InterventionTally
from fairlead.preprocessing import Text
from fairlead.records import Flip, Labels, Predictions, SensitiveFeature, Split

Answer = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""From n inputs and the (n,) places in the batch of the rows they are of, to probabilities (n, C) and the (n,) class
codes of a decision rule, or None for the most probable class. The places are for a rule that goes by group or row."""


class Interventions:
    """Runs interventions batch by batch, and judges what they did to the answers.

    Only rows that have what is masked or swapped are run, once as they are and once changed, through the same function
    and in parts of the same size, so that nothing but the intervention differs. Each counts once, by its number. It
    needs forward passes alone: gradients are off, and no mode, generator or weight is touched.

    Args:
        labels: The C classes.
        sensitive: The declared features, one for each column of ``groups``.
        asked: Names of features, one or several to be crossed; none for the whole alone.
        interventions: What is masked and swapped.
        rows_at_once: Rows of a forward pass at most; None for as many as the batch has.
        flips: How many of each intervention's worst flips are kept.

    Raises:
        ConfigurationError: no intervention, or two of one subject.
        UnknownNameError: a feature that is not declared.
        DataError: an intersection of more than 256 groups.

    Examples:
        >>> from fairlead.audits.regions import CroppedRegion, RegionMask, border
        >>> from fairlead.preprocessing import ImagePreprocessing
        >>> preprocessing = ImagePreprocessing.from_timm({"input_size": (3, 4, 4), "crop_pct": 1.0})
        >>> mask = RegionMask(CroppedRegion("border", border(0.25), preprocessing), fill="mean")
        >>> def bright_corner(inputs, rows):
        ...     chance = inputs[:, 0, 0, 0].double() / 255
        ...     return torch.stack([1 - chance, chance], dim=1), None
        >>> test = Interventions(Labels(("no", "yes")), (), [], [mask])
        >>> pictures, index = torch.zeros(60, 3, 4, 4, dtype=torch.uint8), torch.arange(60)
        >>> pictures[:, :, 0] = 255
        >>> test.add(pictures, index, groups=torch.zeros(60, 0, dtype=torch.int64), target=index % 2,
        ...     answer=bright_corner)
        >>> [(finding.figure, finding.verdict.value) for finding in test.ledger(Policy.default(), Split.TEST)]
        [('answer_change_rate', 'flagged'), ('selection_rate_change', 'flagged')]
    """

    def __init__(
        self,
        labels: Labels,
        sensitive: tuple[SensitiveFeature, ...],
        asked: Sequence[Sequence[str]],
        interventions: Sequence[Intervention],
        *,
        rows_at_once: int | None = None,
        flips: int = 8,
    ) -> None:
        subjects = [intervention.subject for intervention in interventions]
        if not subjects or len(set(subjects)) < len(subjects):
            raise ConfigurationError(
                f"interventions are one or more, each of another region or other terms, got {subjects}; name another"
            )
        if rows_at_once is not None and rows_at_once < 1:
            raise ConfigurationError(f"rows_at_once is {rows_at_once}; give at least 1, or None for a batch's")
        self.labels = labels
        self.sensitive = sensitive
        self.interventions = tuple(interventions)
        self._rows_at_once = rows_at_once
        self._rows = {subject: InterventionRows(subject, labels, sensitive, asked, flips=flips) for subject in subjects}

    def clear(self) -> None:
        """Forgets all rows."""
        for rows in self._rows.values():
            rows.clear()

    def add(self, inputs: Tensor, index: Tensor, groups: Tensor, target: Tensor, answer: Answer) -> None:
        """Intervenes on a batch and counts what came of it.

        An answer that is not a number fails its intervention and no other; a run that diverges is not stopped.

        Args:
            inputs: N of them, as a batch holds them: (N, 3, H, W) uint8 crops, or (N, 3, T) tokens.
            index: (N,) each row's number.
            groups: (N, S) codes.
            target: (N,) class codes, -1 where unknown.
            answer: Runs the model on inputs; it is called with gradients off.

        Raises:
            DataError: a region that is not of its picture, or answers of another shape than the rows.
        """
        numbers = np.asarray(index.long().cpu().numpy(), dtype=np.int64)
        columns = {"index": index, "groups": groups, "target": target}
        with torch.no_grad():
            for intervention in self.interventions:
                rows = self._rows[intervention.subject]
                try:
                    self._run(rows.add, intervention.apply(inputs, numbers), columns, answer)
                    for other in intervention.others(inputs, numbers):
                        self._run(rows.search, other, columns, answer)
                except NotANumberError as error:
                    rows.fail(str(error))

    def fail(self, reason: str) -> None:
        """Remembers why no intervention can be judged; the first reason stands."""
        for rows in self._rows.values():
            rows.fail(reason)

    def gather(self) -> None:
        """Takes the rows of all processes, so that each holds all. Every process must call it."""
        for rows in self._rows.values():
            rows.gather()

    def tallies(self) -> dict[str, tuple[InterventionTally, ...]]:
        """Returns by subject the tallies of all rows so far, one for each feature or intersection."""
        return {subject: rows.tallies() for subject, rows in self._rows.items()}

    def ledger(self, policy: Policy, split: Split) -> Ledger:
        """Judges all rows so far, all subjects together; one that failed has its reason in place of a verdict."""
        sound = {subject: rows.tallies() for subject, rows in self._rows.items() if not rows.failure}
        ledger = judge_interventions(sound, policy.interventions, split.value)
        for subject, rows in self._rows.items():
            if rows.failure:
                ledger = ledger.add(*failed_interventions([subject], policy.interventions, split.value, rows.failure))
        return ledger

    def flips(self) -> dict[str, tuple[Flip, ...]]:
        """Returns by subject the rows whose answered class lost most of its probability, the worst first."""
        return {subject: rows.flips() for subject, rows in self._rows.items()}

    def _run(
        self,
        take: Callable[[Predictions, Predictions, Sequence[tuple[Text, Text]]], None],
        changed: Intervened,
        columns: Mapping[str, Tensor],
        answer: Answer,
    ) -> None:
        """Answers rows before and after, and hands both on."""
        if not len(changed.rows):
            return
        places = torch.from_numpy(changed.rows).to(columns["index"].device)
        of_rows = {name: column[places.to(column.device)] for name, column in columns.items()}
        step = self._rows_at_once or len(columns["index"])
        before, after = (
            read_step({**_answered(inputs, places, answer, step), **of_rows}, self.labels, self.sensitive)
            for inputs in (changed.before, changed.after)
        )
        # A row that the batch holds twice is read once, and rows are read in the order of their numbers.
        once = np.unique(of_rows["index"].cpu().numpy(), return_index=True)[1].tolist()
        take(before, after, [changed.texts[row] for row in once] if changed.texts else ())


def _answered(inputs: Tensor, places: Tensor, answer: Answer, step: int) -> dict[str, Tensor]:
    ends = [*range(0, len(inputs), step), len(inputs)]
    found = [answer(inputs[start:end], places[start:end]) for start, end in pairwise(ends)]
    outputs = {"probabilities": torch.cat([probabilities for probabilities, _ in found])}
    decided = [codes for _, codes in found if codes is not None]
    if decided:
        outputs["decided"] = torch.cat(decided)
    return outputs
