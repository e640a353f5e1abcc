"""Every figure fairlead judges, each with a code that never changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fairlead.errors import UnknownNameError
from fairlead.records import TaskKind

_CLASSES = frozenset({TaskKind.BINARY, TaskKind.MULTICLASS})
_BINARY = frozenset({TaskKind.BINARY})
_REGRESSION = frozenset({TaskKind.REGRESSION})


class FigureKind(StrEnum):
    """How a figure is made of the groups' rates. Of each kind, less is better.

    Attributes:
        DIFFERENCE: The largest rate minus the smallest.
        SHORTFALL: One minus the smallest rate over the largest.
        WORST: The largest rate, of something bad.
    """

    DIFFERENCE = "difference"
    SHORTFALL = "shortfall"
    WORST = "worst"


ADVISORY = "SHAP-0"
"""What the codes of findings begin with that a person may read and the gate does not: attribution alone never gates."""

UNRELIABLE_EXPLANATIONS = "SHAP-001"


@dataclass(frozen=True)
class InterventionFigure:
    """One way in which answers may hang on a part of the input, as masking or swapping it shows.

    Attributes:
        code: Stable; documentation and muting go by it.
        name: As in a policy.
        rows: What the rows of its denominator are called.
        what: What it says, in a sentence.

    Examples:
        >>> figure = InterventionFigure.named("answer_change_rate")
        >>> figure.code, figure.anchor
        ('SHAP-101', 'docs/figures.md#shap-101')
    """

    code: str
    name: str
    rows: str
    what: str

    @property
    def anchor(self) -> str:
        """Where the figure is explained."""
        return f"docs/figures.md#{self.code.lower()}"

    @classmethod
    def named(cls, name: str) -> InterventionFigure:
        """Returns a figure by its name.

        Raises:
            UnknownNameError: no such figure; the known are listed.
        """
        for figure in INTERVENTION_FIGURES:
            if figure.name == name:
                return figure
        raise UnknownNameError("intervention figure", name, [figure.name for figure in INTERVENTION_FIGURES])


@dataclass(frozen=True)
class Figure:
    """One way in which groups may be treated differently.

    Every figure is the better the smaller it is, so that a limit is always the *most* that is accepted: a ratio is
    judged by how much it falls short of 1, and an accuracy by its errors.

    Attributes:
        code: Stable; documentation and muting go by it.
        name: As in a policy.
        kind: How it is made of rates.
        rates: The rates it is made of; of several, the worst counts.
        tasks: What a model must be asked for.
        what: What it says, in a sentence.
        also: What else the field calls it.

    Examples:
        >>> figure = Figure.named("true_positive_rate_difference")
        >>> figure.code, figure.also, figure.anchor
        ('FAIR-003', 'equal opportunity', 'docs/figures.md#fair-003')
    """

    code: str
    name: str
    kind: FigureKind
    rates: tuple[str, ...]
    tasks: frozenset[TaskKind]
    what: str
    also: str = ""

    @property
    def anchor(self) -> str:
        """Where the figure is explained."""
        return f"docs/figures.md#{self.code.lower()}"

    @property
    def is_share(self) -> bool:
        """Whether the figure lies between 0 and 1 whatever the data; a loss has its own unit."""
        return self.rates != ("loss",)

    @classmethod
    def named(cls, name: str) -> Figure:
        """Returns a figure by its name.

        Raises:
            UnknownNameError: no such figure; the known are listed.
        """
        for figure in FIGURES:
            if figure.name == name:
                return figure
        raise UnknownNameError("figure", name, [figure.name for figure in FIGURES])


FIGURES: tuple[Figure, ...] = (
    Figure(
        "FAIR-001",
        "selection_rate_difference",
        FigureKind.DIFFERENCE,
        ("selection_rate",),
        _CLASSES,
        "How much more often one group's rows are predicted positive than another's.",
        "demographic parity, statistical parity",
    ),
    Figure(
        "FAIR-002",
        "selection_rate_ratio_shortfall",
        FigureKind.SHORTFALL,
        ("selection_rate",),
        _CLASSES,
        "How far the smallest selection rate over the largest falls short of 1; 0.2 is the four-fifths rule.",
        "disparate impact",
    ),
    Figure(
        "FAIR-003",
        "true_positive_rate_difference",
        FigureKind.DIFFERENCE,
        ("true_positive_rate",),
        _CLASSES,
        "How many more of one group's positives are found than of another's.",
        "equal opportunity",
    ),
    Figure(
        "FAIR-004",
        "true_positive_rate_ratio_shortfall",
        FigureKind.SHORTFALL,
        ("true_positive_rate",),
        _CLASSES,
        "How far the smallest true positive rate over the largest falls short of 1.",
        "equal opportunity ratio",
    ),
    Figure(
        "FAIR-005",
        "false_positive_rate_difference",
        FigureKind.DIFFERENCE,
        ("false_positive_rate",),
        _CLASSES,
        "How many more of one group's negatives are taken for positive than of another's.",
        "predictive equality",
    ),
    Figure(
        "FAIR-006",
        "equalized_odds_difference",
        FigureKind.DIFFERENCE,
        ("true_positive_rate", "false_positive_rate"),
        _CLASSES,
        "The larger of the differences of the true and of the false positive rate.",
        "equalized odds",
    ),
    Figure(
        "FAIR-007",
        "precision_difference",
        FigureKind.DIFFERENCE,
        ("precision",),
        _CLASSES,
        "How much more often a positive prediction is right in one group than in another.",
        "predictive parity",
    ),
    Figure(
        "FAIR-008",
        "accuracy_difference",
        FigureKind.DIFFERENCE,
        ("accuracy",),
        _CLASSES,
        "How much more often one group's rows are right than another's.",
        "overall accuracy equality",
    ),
    Figure(
        "FAIR-009",
        "worst_group_error_rate",
        FigureKind.WORST,
        ("error_rate",),
        _CLASSES,
        "How often the group that fares worst is wrong.",
        "one minus the worst-group accuracy",
    ),
    Figure(
        "FAIR-010",
        "worst_group_false_negative_rate",
        FigureKind.WORST,
        ("false_negative_rate",),
        _CLASSES,
        "How many positives are missed in the group that fares worst.",
        "one minus the worst-group recall",
    ),
    Figure(
        "FAIR-011",
        "worst_group_false_positive_rate",
        FigureKind.WORST,
        ("false_positive_rate",),
        _CLASSES,
        "How many negatives are taken for positive in the group that fares worst.",
    ),
    Figure(
        "FAIR-012",
        "auc_difference",
        FigureKind.DIFFERENCE,
        ("auc",),
        _BINARY,
        "How much better the score ranks one group's rows than another's.",
    ),
    Figure(
        "FAIR-013",
        "worst_group_loss",
        FigureKind.WORST,
        ("loss",),
        _REGRESSION,
        "The mean loss, up to a declared bound, of the group that fares worst.",
        "bounded group loss",
    ),
    Figure(
        "FAIR-014",
        "loss_difference",
        FigureKind.DIFFERENCE,
        ("loss",),
        _REGRESSION,
        "How much larger one group's mean loss, up to a declared bound, is than another's.",
    ),
)
"""In the order of their codes. A code is never used again for another figure."""

INTERVENTION_FIGURES: tuple[InterventionFigure, ...] = (
    InterventionFigure(
        "SHAP-101",
        "answer_change_rate",
        "rows",
        "How many of the rows that have it are answered otherwise once it is masked or swapped.",
    ),
    InterventionFigure(
        "SHAP-102",
        "selection_rate_change",
        "rows",
        "By how much masking or swapping it moves the share of rows that are answered with a class, up or down: the "
        "positive one of two classes, the worst of several.",
    ),
    InterventionFigure(
        "SHAP-103",
        "accuracy_change",
        "rows of known truth",
        "How much accuracy masking or swapping it costs, on the same rows.",
    ),
)
"""In the order of their codes, which are never used again for another figure."""
