"""What report and card say of explanations and interventions, and what they do not give away."""

import base64
import json
import re

import numpy as np
import pytest
from explained import NASTY, UNRELIABLE, picture

from fairlead.evidence import Estimate, Finding, Ledger, Limit, Verdict
from fairlead.judgement import GateDecision, Policy, ReleaseGate, judge
from fairlead.measures import FeatureGroups, GroupTally, written_tallies
from fairlead.records import Labels, RunFolder
from fairlead.report import (
    RunRecord,
    draw_explanations,
    explanations_json,
    how_many_unsettled,
    summarise_findings,
    write_card,
    write_document,
    write_report,
)
from fairlead.report.small_groups import small_groups

LARGE = {"I": (400, 300), "V": (310, 290), "VI": (60, 61)}
SMALL = LARGE | {"VI": (4, 61)}
FIGURES = (("SHAP-101", "answer_change_rate"), ("SHAP-102", "selection_rate_change"), ("SHAP-103", "accuracy_change"))
NUMBERS = {None: 0.1234, "I": 0.1571, "V": 0.1613, "VI": 0.1719}  # none of them anywhere else in the page


def tally(cells):
    by = FeatureGroups("tone", tuple(cells))
    slots = np.repeat(np.arange(len(cells)), [sum(pair) for pair in cells.values()])
    truth = np.concatenate([np.repeat([1, 0], pair) for pair in cells.values()])
    return GroupTally.count(by, Labels(("no", "yes")), slots, truth, (truth + (np.arange(len(truth)) % 9 == 0)) % 2)


def estimate(value, rows):
    return Estimate(value, value - 0.02, value + 0.02, 0.95, rows, "exact")


def change(code, figure, group, rows, subject="ruler"):
    value = NUMBERS[group]
    remedy = f"look at {value:.4f}"
    feature = "tone" if group else None
    found = estimate(value, rows)
    return Finding(code, figure, "test", Verdict.FLAGGED, feature, group, found, Limit(0.05), None, remedy, subject)


def write(folder, cells, *, tallies=True, rows=(), fewest=10):
    run = RunFolder(folder / "model")
    run.path.mkdir()
    counts = {None: sum(map(sum, cells.values())), **{group: sum(pair) for group, pair in cells.items()}}
    counts |= dict(rows)
    changes = [change(code, figure, group, count) for code, figure in FIGURES for group, count in counts.items()]
    ledger = judge([tally(cells)], Policy.default(), "test", fewest_shown=fewest).add(*changes)
    decision = ReleaseGate.of(Policy.default()).decide(ledger)
    run.write_json(run.evidence, ledger.to_dict() | {"gate": decision.to_dict()})
    if tallies:
        run.write_json(run.tallies, written_tallies({"test": [tally(cells)]}, fewest))
    return run


def texts(run, **options):
    write_report(run, **options)
    return [file.read_text(encoding="utf-8") for file in (run.report, run.card)]


def shown(value):
    return f"{value:.3f} [{value - 0.02:.3f}, {value + 0.02:.3f}]"


def test_a_table_for_each_subject_with_interval_limit_and_verdict_overall_and_by_group(tmp_path):
    run = write(tmp_path, LARGE)
    for text in texts(run):
        section = text.split("What changed when ruler was masked or swapped")[1]
        for group, value in NUMBERS.items():
            told = f"{shown(value)}, {1421 if group is None else sum(LARGE[group])} rows, limit 0.05: flagged"
            assert section.count(told) == len(FIGURES)
        assert "all rows" in section
        assert "answer change rate" in section
    assert "<li><bdi>SHAP-101 answer_change_rate, ruler, tone, VI: flagged</bdi></li>" in run.report.read_text()
    assert "| SHAP-103 | accuracy change | ruler, tone, V | flagged |" in run.card.read_text()


@pytest.mark.parametrize(
    ("cells", "rows", "options"),
    [(SMALL, (), {}), (LARGE, (), {"fewest": 70}), (LARGE, (("VI", 6),), {})],
    ids=["small in the tallies", "more asked for", "small in the intervention alone"],
)
def test_a_small_group_and_what_gives_it_away_are_in_no_table(tmp_path, cells, rows, options):
    run = write(tmp_path, cells, rows=rows)
    for text in texts(run, **options):
        for group in ("V", "VI"):
            assert shown(NUMBERS[group]) not in text
            assert f"{NUMBERS[group]:.3f}" not in text
            assert f"{NUMBERS[group]:.4f}" not in text
        assert shown(NUMBERS["I"]) in text
        assert shown(NUMBERS[None]) in text
        assert "not shown" in text


def test_a_group_that_was_not_counted_is_not_had_from_the_others(tmp_path):
    run = write(tmp_path, LARGE)
    ledger = Ledger.from_dict(json.loads(run.evidence.read_text()))
    hushed = [
        Finding(one.code, one.figure, "test", Verdict.INSUFFICIENT, "tone", "VI", None, one.limit, subject="ruler")
        if one.subject and one.group == "VI"
        else one
        for one in ledger
    ]
    run.write_json(run.evidence, Ledger(tuple(hushed)).to_dict() | {"gate": GateDecision(False, ("x",)).to_dict()})
    for text in texts(run):
        assert shown(NUMBERS["V"]) not in text
        assert shown(NUMBERS["I"]) in text


def test_the_maps_are_told_by_region_and_group_and_the_sheet_is_on_the_page(tmp_path):
    run = write(tmp_path, LARGE)
    rows = [picture(0), picture(1, certificate=UNRELIABLE)]
    draw_explanations(rows, run.explanations_picture)
    groups = {"I": estimate(0.3331, 90), "V": estimate(0.4441, 40), "VI": estimate(0.5551, 4)}
    mass = {"ruler": {"": {"": estimate(0.2221, 134)}, "tone": groups}}
    run.write_json(run.explanations, explanations_json(rows, mass=mass, seconds=12.0, stopped="the budget is spent"))
    page, card = texts(run)
    for text in (page, card):
        assert "2 rows were explained in 12 s; 1 of 2 explanations is reliable" in text
        assert "Sampling ended: the budget is spent." in text
        assert f"{shown(0.2221)}, 134 rows" in text
        assert f"{shown(0.3331)}, 90 rows" in text
        assert shown(0.4441) not in text
        assert shown(0.5551) not in text
        assert "What it looks at in rows other than the 1 with a reliable explanation." in text
        assert "no audit of them is in this evidence" not in text
    assert base64.b64encode(run.explanations_picture.read_bytes()).decode() in page
    assert page.count("<img") == 1


def test_explanations_alone_hide_small_groups_by_their_own_number(tmp_path):
    run = write(tmp_path, LARGE, tallies=False)
    mass = {"ruler": {"tone": {"I": estimate(0.3331, 90), "V": estimate(0.4441, 40), "VI": estimate(0.5551, 4)}}}
    run.write_json(run.explanations, explanations_json([picture()], mass=mass, fewest=5))
    for text in texts(run):
        assert shown(0.3331) in text
        assert shown(0.4441) not in text
        assert shown(0.5551) not in text


def test_what_was_and_was_not_audited_is_told_truly(tmp_path):
    run = write(tmp_path, LARGE)
    intervened = RunRecord.read(run)
    run.write_json(run.explanations, explanations_json([picture(certificate=UNRELIABLE)]))
    both = write_card(RunRecord.read(run))
    only = write_card(intervened)
    assert "Explanations: no audit of them" in only
    assert "other changes of the inputs than masking or swapping ruler" in only
    assert "What it looks at in" not in only
    assert "none of the 1 explanations is reliable" in both
    assert "Drift once in use: no audit" in both
    plain = Ledger(tuple(one for one in intervened.ledger if not one.subject))
    run.write_json(run.evidence, plain.to_dict() | {"gate": GateDecision(True).to_dict()})
    assert "nothing was masked or swapped" in write_card(RunRecord.read(run))


def test_a_run_without_explanations_says_what_it_said(tmp_path):
    run = write(tmp_path, LARGE)
    plain = Ledger(tuple(one for one in RunRecord.read(run).ledger if not one.subject))
    run.write_json(run.evidence, plain.to_dict() | {"gate": GateDecision(True).to_dict()})
    for text in texts(run):
        assert "Explanations, robustness to changed inputs, and drift once in use: no audit of them" in text
        assert "What it looks at" not in text
        assert "masked or swapped" not in text


def test_what_is_advisory_is_shown_as_such_and_settles_nothing():
    found = Estimate(0.25, 0.15, 0.35, 0.95, 8, "exact")
    doubt = Finding("SHAP-001", "unreliable_explanations", "test", Verdict.UNDECIDED, None, None, found, Limit(0.2))
    record = RunRecord("a", Ledger((doubt,)), GateDecision(True), {}, {}, {}, {})
    for text in (write_document(record), write_card(record)):
        assert "SHAP-001, advisory" in text
        assert "would take more rows to settle" not in text
    assert how_many_unsettled([doubt]) == 0
    assert how_many_unsettled([change("SHAP-101", "answer_change_rate", None, 9)]) == 0


def test_a_line_in_the_terminal_names_the_subject_and_the_group():
    lines = summarise_findings([change("SHAP-101", "answer_change_rate", group, 99) for group in (None, "V")])
    assert re.match(r"flagged  ruler +answer change rate", lines[0])
    assert "ruler, tone, V" in lines[1]


def test_hostile_subjects_stay_text():
    found = change("SHAP-101", "answer_change_rate", "V", 99, subject=NASTY.replace("\ud800", ""))
    ledger = Ledger((found,))
    record = RunRecord("a", ledger, ReleaseGate.of(Policy.default()).decide(ledger), {}, {}, {}, {})
    assert "<script" not in write_document(record)
    assert "<script" not in write_card(record)


def test_an_intersection_with_a_small_group_is_hidden_whole():
    assert small_groups("sex x age", {"a": 90, "b": 80, "c": 3}, 10) == {"a", "b", "c"}
    assert small_groups("age", {"a": 90, "b": 80, "c": 3}, 10) == {"b", "c"}
    assert small_groups("age", {"a": 90, "b": 0}, 10) == frozenset()
