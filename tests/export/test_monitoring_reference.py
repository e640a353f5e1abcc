"""The reference in a bundle: of rows as they are served, by the model that is served."""

import numpy as np
import pytest
from PIL import Image

from fairlead.bundle import Predictor, scores_of
from fairlead.data import Rows
from fairlead.errors import UnreadableFileError
from fairlead.export.monitoring_reference import monitoring_reference
from fairlead.records import DecisionRule, Labels, SensitiveFeature, Split, Thresholds
from tests.fakes.bundles import LABELS, PREPROCESSING, graph
from tests.fakes.images import as_bytes


class Pictures:
    """Pictures in memory, of which one is gone and one is no picture."""

    def __init__(self, rows):
        generator = np.random.default_rng(3)
        self.contents = [
            as_bytes(Image.fromarray(generator.integers(0, 256, (12, 9, 3), dtype=np.uint8)), "PNG")
            for _ in range(rows)
        ]
        self.contents[70] = b"none"

    def content(self, index):
        if index == 71:
            raise UnreadableFileError("row 71 is gone")
        return self.contents[index]


def rows_of(splits, classes=3):
    count = len(splits)
    sex = SensitiveFeature("sex", ("f", "m"))
    groups = (np.arange(count) % 3)[:, None]
    targets = np.arange(count) % (classes + 1) - 1
    labels = Labels(tuple(LABELS[:classes]))
    return Rows(Pictures(count), labels, targets, np.array(splits), (sex,), groups)


def predictor_of(classes=3, decision=None):
    labels = Labels(tuple(LABELS[:classes]))
    content = graph(classes=classes).SerializeToString()
    return Predictor(content, PREPROCESSING, labels, decision=decision, threads=1)


@pytest.fixture(scope="module")
def rows():
    return rows_of(["val"] * 60 + ["calibration"] * 40 + ["test"] * 20)


def test_a_row_counts_as_the_service_answers_it(rows):
    predictor, starts = predictor_of(), []

    def watched(found):
        starts.extend(found)
        return found

    reference = monitoring_reference(predictor, rows, progress=watched)
    assert (reference.rows, reference.note, starts) == (38, "", [0, 32, 0, 32])
    kept = [index for index in rows.of(Split.CALIBRATION) if index not in (70, 71)]
    tables = {score.name: np.zeros_like(score.counts) for score in reference.scores}
    for index in kept:
        seen = []
        predictor.answers([predictor.read(rows.items.content(index))], np.zeros(1, np.int64), observe=seen.append)
        values = scores_of(seen, reference.sketch) | {"confidence": seen[0].probabilities.max(keepdims=True)}
        assert set(values) == set(tables)
        for score in reference.scores:
            tables[score.name][rows.targets[index], score.bins_of(values[score.name])[0]] += 1  # -1: the last
    for score in reference.scores:
        assert score.counts.tolist() == tables[score.name].tolist(), score.name


def test_without_validation_rows_calibration_rows_are_halved():
    reference = monitoring_reference(predictor_of(), rows_of(["calibration"] * 69 + ["test"] * 3))
    assert reference.rows == 34
    assert "no validation rows" in reference.note
    assert reference.sketch is not None


def test_too_few_rows_for_a_sketch_are_said():
    reference = monitoring_reference(predictor_of(), rows_of(["val"] * 5 + ["calibration"] * 67))
    assert reference.sketch is None
    assert "at least 20 rows" in reference.note
    assert {score.family for score in reference.scores} == {"confidence", "input"}


@pytest.mark.parametrize("splits", [["test"], ["calibration"], ["val"] * 40])
def test_next_to_no_rows_make_a_reference_too(splits):
    reference = monitoring_reference(predictor_of(), rows_of(["test"] * 72 + splits))
    assert reference.rows == 0
    assert reference.score("confidence").totals.sum() == 0


def test_thresholds_of_each_group_are_obeyed():
    rule = DecisionRule(
        (Thresholds.single(0.0), Thresholds.single(1.0), Thresholds.single(1.0)), SensitiveFeature("sex", ("f", "m"))
    )
    rows = rows_of(["val"] * 30 + ["calibration"] * 42, classes=2)
    reference = monitoring_reference(predictor_of(2, rule), rows)
    kept = [index for index in rows.of(Split.CALIBRATION) if index not in (70, 71)]
    assert reference.decided[:, 1].sum() == sum(rows.groups[index, 0] == 0 for index in kept)


def test_fewer_rows_are_chosen_evenly(rows, monkeypatch):
    monkeypatch.setattr("fairlead.export.monitoring_reference._COUNTED_ROWS", 3)
    reference = monitoring_reference(predictor_of(), rows)
    assert reference.rows == 3
    expected = rows.targets[[60, 80, 99]]
    assert (
        reference.decided.sum(axis=1).tolist() == np.bincount(np.where(expected < 0, 3, expected), minlength=4).tolist()
    )
