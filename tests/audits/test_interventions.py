"""A model that reads what is masked is flagged, one that does not is clear, and nothing else is touched."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
import torch

from fairlead.audits import CroppedRegion, Interventions, RegionMask, border
from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.evidence import Verdict
from fairlead.judgement import Policy
from fairlead.preprocessing import ImagePreprocessing
from fairlead.records import Labels, SensitiveFeature, Split

LABELS = Labels(("benign", "malignant"))
TONE = SensitiveFeature("tone", ("light", "dark"))
SIZE = 8
CROP = ImagePreprocessing.from_timm({"input_size": (3, SIZE, SIZE), "crop_pct": 1.0})
ROWS = 240


def ruler(index):
    """Every third picture has a ruler in its upper left corner; the picture is twice as large as its crop."""
    region = np.zeros((2 * SIZE, 2 * SIZE), dtype=bool)
    region[:4, :4] = index % 3 == 0
    return region


def pictures():
    pixels = torch.full((ROWS, 3, SIZE, SIZE), 40, dtype=torch.uint8)
    pixels[::3, :, :2, :2] = 250
    pixels[::2, :, 4:, 4:] = 200  # the lesion
    index = torch.arange(ROWS)
    return {"inputs": pixels, "index": index, "groups": (index % 4 // 2)[:, None], "target": (index + 1) % 2}


def reader(place, calls=None):
    """A model that reads one pixel."""

    def answer(inputs, rows):
        if calls is not None:
            calls.append((len(inputs), rows.tolist(), torch.is_grad_enabled()))
        chance = (inputs[:, 0, place, place].double() / 255).clamp(0.1, 0.9)
        return torch.stack([1 - chance, chance], dim=1), None

    return answer


def ruler_test(asked=(("tone",),), **options):
    masks = [RegionMask(CroppedRegion("ruler", ruler, CROP), fill) for fill in options.pop("fills", ["inpaint"])]
    return Interventions(LABELS, (TONE,), asked, masks, **options)


def verdicts(test):
    return {(f.figure, f.group): f.verdict for f in test.ledger(Policy.default(), Split.TEST)}


def test_a_model_that_reads_the_ruler_is_flagged_and_one_that_reads_the_lesion_is_clear():
    cheat, honest = ruler_test(), ruler_test()
    cheat.add(**pictures(), answer=reader(0))
    honest.add(**pictures(), answer=reader(6))
    assert verdicts(cheat) == {
        (figure, group): Verdict.FLAGGED if group is None else Verdict.INSUFFICIENT
        for figure in ("answer_change_rate", "selection_rate_change")
        for group in (None, "light", "dark")
    }
    (found, *_) = cheat.ledger(Policy.default(), Split.TEST)
    assert (found.subject, found.split, found.estimate.value, found.estimate.rows) == ("ruler", "test", 1.0, 80)
    (tally,) = honest.tallies()["ruler"]
    assert (int(tally.changed.sum()), tally.rows.tolist()) == (0, [40, 40, 0])
    assert verdicts(honest)["answer_change_rate", None] is Verdict.CLEAR


def test_only_rows_that_have_the_region_are_run_and_as_often_before_as_after():
    calls = []
    test = ruler_test(rows_at_once=30)
    test.add(**pictures(), answer=reader(0, calls))
    assert [length for length, _, _ in calls] == [30, 30, 20] * 2
    assert [row for _, rows, _ in calls[:3] for row in rows] == list(range(0, ROWS, 3))
    assert not any(gradients for _, _, gradients in calls)
    calls.clear()
    batch = {name: column[1:3] for name, column in pictures().items()}
    ruler_test().add(**batch, answer=reader(0, calls))
    assert calls == []


@pytest.mark.parametrize("size", [1, 7, 64, ROWS])
def test_batches_order_and_padding_change_nothing(size):
    whole = ruler_test()
    whole.add(**pictures(), answer=reader(0))
    parts = ruler_test()
    order = torch.from_numpy(np.random.default_rng(size).permutation(ROWS))
    for rows in [*order.split(size), order[: min(size, 40)], torch.tensor([3, 3, 0, 3])]:
        parts.add(**{name: column[rows] for name, column in pictures().items()}, answer=reader(0))
    assert parts.tallies() == whole.tallies()
    assert parts.flips() == whole.flips()
    assert parts.ledger(Policy.default(), Split.TEST) == whole.ledger(Policy.default(), Split.TEST)


def test_two_processes_find_what_one_does(monkeypatch):
    whole = ruler_test()
    whole.add(**pictures(), answer=reader(0))
    halves = [ruler_test(), ruler_test()]
    for half, rows in zip(halves, (torch.arange(0, 130), torch.arange(120, ROWS)), strict=True):
        half.add(**{name: column[rows] for name, column in pictures().items()}, answer=reader(0))
    sent = []
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_gather_object", lambda found, held: sent.append(pickle.dumps(held)))
    halves[1].gather()

    def gathered(found, held):
        found[:] = [pickle.loads(sent[0]), held]  # noqa: S301

    monkeypatch.setattr(torch.distributed, "all_gather_object", gathered)
    halves[0].gather()
    assert halves[0].tallies() == whole.tallies()
    assert halves[0].flips() == whole.flips()


def test_the_worst_flips_are_kept_and_come_first():
    test = ruler_test(flips=3)
    batch = pictures()
    batch["inputs"][9, :, 1, 1] = 255

    def answer(inputs, rows):
        chance = inputs[:, 0, 1, 1].double() / 256
        return torch.stack([1 - chance, chance], dim=1), None

    test.add(**batch, answer=answer)
    flips = test.flips()["ruler"]
    assert [flip.index for flip in flips] == [9, 0, 3]
    worst = flips[0]
    assert (worst.before, worst.after, worst.texts, worst.changed) == ("malignant", "benign", (), True)
    assert worst.probability_before == 255 / 256
    assert worst.fall > flips[1].fall == flips[2].fall


def test_what_was_decided_counts_and_not_the_most_probable_class():
    batch = pictures()

    def strict(inputs, rows):
        probabilities, _ = reader(0)(inputs, rows)
        slots = batch["groups"][rows, 0]  # a rule by group: those of the second are always answered the same
        return probabilities, ((probabilities[:, 1] > 0.5) & (slots == 0)).long()

    test = ruler_test()
    test.add(**batch, answer=strict)
    (tally,) = test.tallies()["ruler"]
    assert tally.changed.tolist() == [40, 0, 0]


def test_a_probability_that_is_none_fails_its_own_intervention_alone():
    lesion = CroppedRegion("border", border(), CROP)
    masks = [RegionMask(CroppedRegion("ruler", ruler, CROP)), RegionMask(lesion)]
    test = Interventions(LABELS, (TONE,), [], masks)

    def broken(inputs, rows):
        probabilities, decided = reader(6)(inputs, rows)
        spoilt = (len(inputs) == 80) & (inputs[:, 0, 0, 0] < 250)  # the ruler's rows, masked
        return torch.where(spoilt[:, None], torch.nan, probabilities), decided

    test.add(**pictures(), answer=broken)
    found = {f.subject: (f.verdict, f.remedy) for f in test.ledger(Policy.default(), Split.TEST)}
    assert found["ruler"][0] is Verdict.FAILED
    assert "row 0 has a probability that is not a number" in found["ruler"][1]
    assert found["border"][0] is Verdict.CLEAR
    test.clear()
    test.add(**pictures(), answer=reader(6))
    assert verdicts(test)["answer_change_rate", None] is Verdict.CLEAR


def test_no_row_with_the_region_is_said():
    mask = RegionMask(CroppedRegion("ruler", lambda index: np.zeros((16, 16), dtype=bool), CROP))
    test = Interventions(LABELS, (TONE,), [("tone",)], [mask])
    test.add(**pictures(), answer=reader(0))
    ledger = test.ledger(Policy.default(), Split.VAL)
    assert {(f.verdict, f.remedy) for f in ledger} == {
        (Verdict.NOT_APPLICABLE, "No row of the val split has ruler, so nothing could be changed in it.")
    }
    assert test.flips() == {"ruler": ()}


def test_nothing_of_the_run_is_touched():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(3 * SIZE * SIZE, 2)).eval()
    model[1].train()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    batch = pictures()
    kept = {name: column.clone() for name, column in batch.items()}
    states = (torch.get_rng_state(), pickle.dumps(np.random.get_state()), random.getstate())
    modes = [module.training for module in model.modules()]

    def answer(inputs, rows):
        assert not torch.is_grad_enabled()
        return model[2](model[0](inputs.float() / 255)).softmax(dim=1), None

    ruler_test(fills=["blur"]).add(**batch, answer=answer)
    assert (torch.get_rng_state() == states[0]).all()
    assert (pickle.dumps(np.random.get_state()), random.getstate()) == states[1:]
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all((value == weights[name]).all() for name, value in model.state_dict().items())
    assert all((column == kept[name]).all() for name, column in batch.items())
    assert torch.is_grad_enabled()


def test_a_border_needs_no_mask():
    region = CroppedRegion("border", border(0.25), CROP).of(5)
    assert region.sum() == 64 - 16
    assert not region[2:6, 2:6].any()
    assert CroppedRegion("border", border(0.01), CROP).of(5).sum() == 64 - 36  # at least a pixel
    for share in (0, 0.5, -1):
        with pytest.raises(ConfigurationError, match="a tenth of the side"):
            border(share)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (
            lambda index: np.zeros((16, 15), dtype=bool),
            r"row 7: the region 'ruler' is \(16, 15\) and its picture \(16, 16\)",
        ),
        (lambda index: np.zeros((16, 16)), "row 7, region 'ruler': a region is .* true and false, got float64"),
    ],
)
def test_a_region_that_is_not_of_its_picture_is_named_with_its_row(region, message):
    with pytest.raises(DataError, match=message):
        CroppedRegion("ruler", region, CROP, size_of=lambda index: (16, 16)).of(7)


def test_what_cannot_be_run_is_refused():
    mask = RegionMask(CroppedRegion("ruler", ruler, CROP))
    for interventions in ([], [mask, mask]):
        with pytest.raises(ConfigurationError, match="each of another region"):
            Interventions(LABELS, (), [], interventions)
    with pytest.raises(ConfigurationError, match="rows_at_once is 0"):
        ruler_test(rows_at_once=0)
    with pytest.raises(UnknownNameError, match="did you mean 'tone'"):
        ruler_test(asked=[("tome",)])
    with pytest.raises(UnknownNameError, match="no fill 'grey'"):
        RegionMask(CroppedRegion("ruler", ruler, CROP), "grey")
    for inputs in (torch.zeros(2, 3, SIZE, SIZE), torch.zeros(2, 3, 9, SIZE, dtype=torch.uint8)):
        with pytest.raises(DataError, match="before they are normalised"):
            mask.apply(inputs, np.arange(2))
