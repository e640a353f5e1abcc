"""The picture of groups: what it says is what was counted, and small groups stay hidden."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, Rectangle
from PIL import Image

from fairlead.evidence import Ledger
from fairlead.judgement import Policy, group_table, judge
from fairlead.measures import FeatureGroups, GroupTally
from fairlead.records import Labels
from fairlead.report import draw_groups, groups_figure

LABELS = Labels(("benign", "malignant"))


def tally_of(sizes, rates, *, feature="tone", labels=LABELS):
    """As many positives as negatives; a share of the positives is found, of the negatives none is taken."""
    columns = []
    for code, (size, rate) in enumerate(zip(sizes, rates, strict=True)):
        found = (np.arange(size) < round(rate * size)).astype(np.int64)
        columns.append(np.stack([np.full(size, code), np.ones(size, np.int64), found]))
        columns.append(np.stack([np.full(size, code), np.zeros(size, np.int64), np.zeros(size, np.int64)]))
    groups, targets, predicted = np.concatenate(columns, axis=1).astype(np.int64)
    by = FeatureGroups(feature, tuple(["I", "II", "III", "IV", "V", "VI"][: len(sizes)]))
    return GroupTally.count(by, labels, groups, targets, predicted)


def said(figure):
    return [text.get_text() for text in figure.texts]


def judged(*tallies):
    return judge(tallies, Policy.default(), "test")


def test_every_rate_its_rows_and_the_verdicts_are_on_it():
    tally = tally_of([400, 300, 200], [0.91, 0.72, 0.5])
    texts = said(groups_figure([tally], findings=judged(tally), title="Test rows by group"))
    assert texts[0] == "Test rows by group"
    assert "'malignant'" in texts[1]
    for row in group_table(tally, "true_positive_rate"):
        assert f"{row.estimate.value:.2f}" in texts
        assert f"{row.rows:,}" in texts
    assert {"tone", "I", "II", "III", "flagged", "clear"} <= set(texts)
    assert any(text.startswith("gap 0.41 [") and text.endswith("limit 0.1") for text in texts)


def test_a_small_group_shows_no_number_and_neither_does_the_next_smallest_nor_a_gap():
    tally = tally_of([400, 37, 7], [0.9, 0.54, 3 / 7])
    texts = said(groups_figure([tally], findings=judged(tally)))
    assert texts.count("too few to show") == 4  # of true and of false positive rate; 14 rows in all are shown
    assert not {"0.43", "0.54", "7", "37"} & set(texts)
    assert texts.count("insufficient") == 3
    assert not any(text.startswith("gap") for text in texts)


def test_a_declared_group_without_rows_keeps_its_line():
    texts = said(groups_figure([tally_of([40, 0, 40], [0.9, 0, 0.9])]))
    assert texts.count("no rows") == 3
    assert "II" in texts


def test_of_many_classes_the_one_farthest_apart_is_drawn_and_named():
    by, labels = FeatureGroups("sex", ("f", "m")), Labels(("red", "green", "blue"))
    targets, groups = np.arange(600) % 3, np.arange(600) // 3 % 2
    predicted = np.where((targets == 1) & (groups == 0) & (np.arange(600) % 4 < 2), 0, targets)
    texts = said(groups_figure([GroupTally.count(by, labels, groups, targets, predicted)]))
    assert "of green" in texts


def test_no_feature_says_that_nothing_was_tested():
    assert "nothing was tested" in said(groups_figure([]))[1]


def test_more_groups_than_have_room_are_counted():
    by = FeatureGroups("site", tuple(f"site {number}" for number in range(30)))
    groups = np.repeat(np.arange(30), np.arange(30) + 20)
    ones = np.ones(len(groups), dtype=np.int64)
    texts = said(groups_figure([GroupTally.count(by, LABELS, groups, ones, ones)]))
    assert "6 smaller groups are not drawn" in texts
    assert "site 29" in texts
    assert "site 3" not in texts


def test_a_limit_widens_or_narrows_its_band():
    tally = tally_of([400, 300], [0.9, 0.8])

    def bands(findings):
        patches = groups_figure([tally], findings=findings).findobj(Rectangle)
        in_plot = [patch for patch in patches if patch.get_height() > 0.2]  # that of the legend is lower
        return [patch.get_width() for patch in in_plot if to_hex(patch.get_facecolor()) == "#e4eff7"]

    def limited(most):
        return judge([tally], Policy.from_mapping({"limits": {"true_positive_rate_difference": most}}), "test")

    assert bands(limited(0.2)) == [pytest.approx(2 * bands(limited(0.1))[0])]
    assert bands(Ledger()) == []


def test_the_band_ends_at_the_highest_rate_of_a_group_with_rows_enough():
    tally = tally_of([400, 300, 20], [0.6, 0.5, 1.0])  # of the third the limit asks for 50
    policy = Policy.from_mapping({"limits": {"true_positive_rate_difference": 0.1}})
    figure = groups_figure([tally], findings=judge([tally], policy, "test"))
    band = next(p for p in figure.findobj(Rectangle) if to_hex(p.get_facecolor()) == "#e4eff7" and p.get_height() > 0.2)
    first = figure.findobj(Circle)[0]  # of group I, at 0.6
    assert band.get_x() + band.get_width() == pytest.approx(first.get_center()[0])


def test_odd_names_are_drawn_and_the_file_is_a_picture_of_the_same_bytes_each_time(tmp_path):
    by = FeatureGroups("a_feature with $ and a very long name that no column could ever hold", ("日本", "naïve " * 12))
    rows = np.arange(200)
    tally = GroupTally.count(by, LABELS, rows % 2, rows // 2 % 2, rows // 4 % 2)
    for name in ("a.png", "b.png"):
        draw_groups([tally], tmp_path / name, findings=judged(tally), note="a note")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        width, height = picture.size
    assert 1200 < width < 2000
    assert 400 < height < 900
