"""explanations.json and attributions.npz."""

import json

import numpy as np
import pytest
from explained import NASTY, RELIABLE, UNRELIABLE, picture, text

from fairlead.errors import EvidenceError
from fairlead.evidence import Estimate
from fairlead.records import AttributionCertificate, RunFolder
from fairlead.report import explanations_json, write_attributions
from fairlead.report.explanation_record import ExplanationRecord


def test_an_array_of_maps_of_any_size_comes_back_without_pickle(tmp_path):
    rows = [picture(7, np.arange(6).reshape(2, 3)), text(9, certificate=UNRELIABLE), picture(11, [[np.nan]])]
    path = tmp_path / "attributions.npz"
    write_attributions(path, rows)
    with np.load(path, allow_pickle=False) as kept:
        assert kept["index"].tolist() == [7, 9, 11]
        assert kept["label"].tolist() == ["malignant", "praise", "malignant"]
        assert kept["method"].tolist() == ["planted", "Owen values", "planted"]
        assert kept["reliable"].tolist() == [True, False, True]
        assert (kept["base"].tolist(), kept["full"].tolist()) == ([-1.25, 0.0, -1.25], [2.5, 1.0, 2.5])
        assert kept["values"].shape == (3, 2, 3)
        for row, shape, values in zip(rows, kept["shape"], kept["values"], strict=True):
            down, across = shape
            np.testing.assert_array_equal(values[:down, :across], row.attribution.values)
            assert np.isnan(values).sum() >= 6 - down * across
    assert list(tmp_path.iterdir()) == [path]
    write_attributions(path, [])
    with np.load(path) as kept:
        assert (len(kept["label"]), kept["shape"].shape) == (0, (0, 2))


def test_the_file_is_finite_whatever_the_maps_hold(tmp_path):
    broken = AttributionCertificate(float("inf"), 1.0, 0.0, error=float("nan"))
    rows = [picture(0, [[np.nan, np.inf]], name=NASTY, certificate=broken, mass={"ruler": float("nan")}), text(1)]
    path = tmp_path / "explanations.json"
    share = Estimate(0.25, 0.2, 0.3, 0.95, 40, "bounded mean")
    mass = {"ruler": {"": {"": share}, "tone": {"V": share, "VI": None}}}
    RunFolder.write_json(path, explanations_json(rows, mass=mass, seconds=2.5, stopped="budget", fewest=10))
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["schema"] == 1
    assert content["rows"][0]["attribution"]["values"] == [[None, None]]
    assert content["rows"][0]["mass"] == {"ruler": None}
    assert content["rows"][1]["attribution"]["values"] == [[2.0, -2.0, 0.0]]
    record = ExplanationRecord.of(content)
    assert (record.explained, record.reliable, record.seconds, record.stopped, record.fewest) == (
        2,
        1,
        2.5,
        "budget",
        10,
    )
    assert record.mass == (("ruler", "", "", share), ("ruler", "tone", "V", share), ("ruler", "tone", "VI", None))
    with pytest.raises(EvidenceError, match="reads 1"):
        ExplanationRecord.of(content | {"schema": 2})


def test_nothing_but_the_reliable_is_counted_as_reliable():
    rows = [picture(0, certificate=RELIABLE), picture(1, certificate=UNRELIABLE)]
    told = explanations_json(rows)
    assert (told["summary"]["explained"], told["summary"]["reliable"]) == (2, 1)
    assert [row["attribution"]["certificate"]["reliable"] for row in told["rows"]] == [True, False]
