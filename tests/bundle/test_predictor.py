"""The predictor answers raw bytes as NumPy does, and one bad picture fails no other."""

import os

import numpy as np
import pytest

from fairlead.bundle import Answer, Bundle, Predictor, usable_cores
from fairlead.errors import BundleError, ConfigurationError, UnreadableFileError
from fairlead.export import awkward_files
from fairlead.records import DecisionRule, Labels, Thresholds
from tests.fakes.bundles import LABELS, expected, graph, tiny_bundle


@pytest.fixture
def bundle(tmp_path):
    return Bundle.open(tiny_bundle(tmp_path / "bundle"))


@pytest.fixture
def predictor(bundle):
    return Predictor.of(bundle, threads=1)


@pytest.mark.parametrize("name", awkward_files())
def test_every_kind_of_file_is_answered_as_by_numpy(predictor, name, tmp_path):
    content = awkward_files()[name]
    answer = predictor.answer(content)
    truth = expected(content)
    assert list(answer.probabilities) == LABELS
    assert np.allclose(list(answer.probabilities.values()), truth, atol=1e-5)
    assert answer.label == LABELS[int(truth.argmax())]
    (tmp_path / "file").write_bytes(content)
    assert predictor.answer(tmp_path / "file") == answer


def test_a_batch_is_answered_in_order_and_the_unreadable_get_their_reason(predictor):
    files = list(awkward_files().values())
    items = [files[0], b"", files[1], b"not a picture", files[2], files[0][:200]]
    for size in (1, 2, 32):
        answers = predictor.answer_all(items, batch_size=size)
        assert [bool(answer.error) for answer in answers] == [False, True, False, True, False, True]
        for item, answer in zip(items, answers, strict=True):
            if not answer.error:
                assert np.allclose(list(answer.probabilities.values()), expected(item), atol=1e-5)
    assert "is empty" in answers[1].error
    assert answers[1].to_dict() == {"error": answers[1].error}
    assert predictor.answer_all([]) == []
    assert all(answer.error for answer in predictor.answer_all([b"", b"x"]))


def test_a_single_unreadable_picture_raises(predictor):
    with pytest.raises(UnreadableFileError, match="is empty"):
        predictor.answer(b"")


def test_features_come_when_asked_for(predictor):
    content = awkward_files()["rgb.png"]
    assert predictor.answer(content).features is None
    found = predictor.answer(content, features=True).features
    assert np.allclose(found, predictor.inputs(content).mean(axis=(1, 2)), atol=1e-3)
    assert predictor.answer_all([content], features=True)[0].to_dict()["features"] == list(found)


def test_the_self_test_passes_and_a_wrong_golden_fails_it_by_name(tmp_path, bundle, predictor):
    assert predictor.self_test(bundle) <= 1e-5

    def change(files):
        files["goldens/expected.json"] = files["goldens/expected.json"].replace(b"[0.", b"[0.9")

    other = Bundle.open(tiny_bundle(tmp_path / "other", change=change))
    with pytest.raises(BundleError, match=r"goldens/.*\.png differs"):
        Predictor.of(other).self_test(other)


def test_goldens_that_are_no_numbers_fail(tmp_path):
    def change(files):
        files["goldens/expected.json"] = files["goldens/expected.json"].replace(b"[0.", b"[NaN, 0.", 1)

    folder = tiny_bundle(tmp_path / "bundle", change=change)
    with pytest.raises(BundleError, match="goldens"):
        _open_and_answer(folder)


def test_a_decision_rule_that_is_not_known_is_not_passed_over(tmp_path):
    def change(files):
        files["decision.json"] = b'{"threshold": 0.3}'

    with pytest.raises(BundleError, match=r"decision\.json"):
        Predictor.of(Bundle.open(tiny_bundle(tmp_path / "bundle", change=change)))


def test_a_rule_that_draws_is_not_answered_by(bundle):
    rule = DecisionRule((Thresholds((0.4,), (0.0, 0.5)),))
    with pytest.raises(ConfigurationError, match="draws its decisions"):
        Predictor(graph(classes=2).SerializeToString(), bundle.preprocessing, Labels(("a", "b")), decision=rule)


def test_a_model_of_another_shape_is_refused(bundle):
    with pytest.raises(BundleError, match="3 classes"):
        Predictor(graph(classes=2).SerializeToString(), bundle.preprocessing, bundle.labels)
    with pytest.raises(BundleError, match="16 x 16"):
        Predictor(graph().SerializeToString(), bundle.preprocessing.with_size(16), bundle.labels)


def test_a_batch_has_at_least_one_picture(predictor):
    with pytest.raises(ConfigurationError, match="batch_size"):
        predictor.answer_all([], batch_size=0)


def test_of_equals_the_first_class_is_named(bundle):
    assert Answer.of(np.array([0.4, 0.4, 0.2]), bundle.labels).label == LABELS[0]


@pytest.mark.parametrize(
    ("quota", "most"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 10**6), ("x", 10**6)]
)
def test_a_container_that_may_spend_two_cores_starts_two_threads(tmp_path, quota, most):
    (tmp_path / "cpu.max").write_text(quota)
    allowed = len(os.sched_getaffinity(0))
    assert usable_cores(tmp_path) == min(allowed, most)


def test_limits_of_the_older_kind_are_read_too(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == 1
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))


def _open_and_answer(folder):
    bundle = Bundle.open(folder)
    Predictor.of(bundle).self_test(bundle)
