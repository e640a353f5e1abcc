"""A run in a few lines that a person understands."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.evidence import Estimate

_SHOWN = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "F1 (macro)",
    "auroc_macro": "ROC-AUC",
    "log_loss": "log loss",
    "ece": "calibration error",
}


def summarise_figures(figures: Mapping[str, Estimate | None]) -> list[str]:
    """Returns a line a figure: name, value, interval and rows.

    Examples:
        >>> from fairlead.evidence import Estimate
        >>> summarise_figures({"accuracy": Estimate(0.9, 0.8, 0.95, 0.95, 60, "exact")})
        ['accuracy           0.900   95 % interval 0.800 to 0.950   60 rows']
    """
    lines = []
    for name, shown in _SHOWN.items():
        if name not in figures:
            continue
        figure = figures[name]
        if figure is None:
            lines.append(f"{shown:<17}  cannot be measured on these rows")
        else:
            level = f"{100 * figure.level:.0f} % interval"
            lines.append(
                f"{shown:<17}  {figure.value:.3f}   {level} {figure.low:.3f} to {figure.high:.3f}   {figure.rows} rows"
            )
    return lines


def explain_choice(probe: Estimate | None, finetuned: Estimate | None) -> str:
    """Says which model is kept, by its accuracy on validation, and why.

    Examples:
        >>> explain_choice(None, None)
        'the linear probe; there was no fine-tuning'
    """
    if probe is None or finetuned is None:
        return "the linear probe; there was no fine-tuning"
    if finetuned.value > probe.value:
        return (
            f"the fine-tuned model: {finetuned.value:.3f} of validation rows right, the linear probe {probe.value:.3f}"
        )
    return (
        f"the linear probe: {probe.value:.3f} of validation rows right, and fine-tuning "
        f"did not beat it ({finetuned.value:.3f})"
    )
