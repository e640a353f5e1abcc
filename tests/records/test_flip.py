"""An answer before and after an intervention."""

import dataclasses

import pytest

from fairlead.records import Flip, RunFolder


def test_another_probability_of_the_same_class_is_no_change_of_answer():
    flip = Flip("ruler", 0, "benign", "benign", 0.9, 0.6)
    assert not flip.changed
    assert dataclasses.replace(flip, after="malignant").changed
    with pytest.raises(dataclasses.FrozenInstanceError):
        flip.after = "malignant"


def test_the_files_of_explanations_have_names_of_their_own(tmp_path):
    run = RunFolder(tmp_path)
    files = [run.explanations, run.explanations_page, run.explanations_picture, run.attributions]
    assert [file.name for file in files] == [
        "explanations.json",
        "explanations.html",
        "explanations.png",
        "attributions.npz",
    ]
