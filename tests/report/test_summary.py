"""A run in a few lines."""

import pytest

from fairlead.evidence import Estimate
from fairlead.report import explain_choice, summarise_figures


def figure(value, level=0.95, rows=60):
    return Estimate(value, value - 0.125, value + 0.0625, level, rows, "by hand")


def test_each_line_has_name_value_interval_and_rows_in_one_order():
    lines = summarise_figures({"ece": figure(0.25), "brier": figure(0.5), "accuracy": figure(0.875, 0.9, 1234)})
    assert lines == [
        "accuracy           0.875   90 % interval 0.750 to 0.938   1234 rows",
        "calibration error  0.250   95 % interval 0.125 to 0.312   60 rows",
    ]


def test_what_cannot_be_measured_is_said_aloud():
    (line,) = summarise_figures({"auroc_macro": None})
    assert line.startswith("ROC-AUC")
    assert "cannot be measured" in line


def test_no_figures_give_no_lines():
    assert summarise_figures({}) == []


@pytest.mark.parametrize(
    ("probe", "finetuned", "kept", "reason"),
    [
        (figure(0.5), None, "the linear probe", "there was no fine-tuning"),
        (figure(0.5), figure(0.75), "the fine-tuned model", "0.750 of validation rows right, the linear probe 0.500"),
        (figure(0.75), figure(0.5), "the linear probe", "did not beat it (0.500)"),
        (figure(0.75), figure(0.75), "the linear probe", "did not beat it (0.750)"),
    ],
)
def test_the_choice_is_explained_with_both_figures(probe, finetuned, kept, reason):
    said = explain_choice(probe, finetuned)
    assert said.startswith(kept)
    assert reason in said
