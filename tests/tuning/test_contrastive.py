"""Contrastive tuning: what it draws, what it moves, what it leaves alone."""

import tracemalloc

import numpy as np
import pytest
import torch
from torch import nn

from fairlead.errors import ConfigurationError
from fairlead.modules import ImageClassifier
from fairlead.tuning import (
    ContrastiveSettings,
    ContrastiveTuning,
    LinearProbe,
    class_balanced_batches,
    contrastive,
    pair_loss,
    tune_contrastively,
)
from tests.fakes.training import quiet_trainer, tiny_backbone, tiny_data


class TinyEncoder(nn.Module):
    """Bags of token ids to features, padding left out, with dropout so that generators matter."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.table = nn.Embedding(40, 16, padding_idx=0)
            self.last = nn.Linear(16, 8)
        self.drop = nn.Dropout(0.1)
        self.seen = []

    def forward(self, planes):
        self.seen.append(tuple(planes.shape))
        summed = (self.table(planes[:, 0].long()) * planes[:, 1, :, None]).sum(1)
        return self.last(self.drop(summed / planes[:, 1].sum(1, keepdim=True)))


def corpus(rows=24, seed=0):
    """Texts of 2 to 30 tokens; a class shares a few tokens among much noise."""
    rng = np.random.default_rng(seed)
    targets = np.arange(rows) % 3
    texts = [np.r_[rng.integers(1, 5, 1) + 10 * target, rng.integers(1, 40, rng.integers(1, 30))] for target in targets]
    return texts, targets.astype(np.int64)


def planes_of(texts):
    def inputs(places):
        longest = max(len(texts[place]) for place in places)
        planes = torch.zeros((len(places), 3, longest), dtype=torch.int32)
        for row, place in enumerate(places):
            planes[row, 0, : len(texts[place])] = torch.from_numpy(texts[place])
            planes[row, 1, : len(texts[place])] = 1
        return planes

    return inputs


def tuned(encoder, **settings):
    texts, targets = corpus()
    chosen = ContrastiveSettings(**({"steps": 30, "learning_rate": 1e-2, "batch_size": 12, "part": 4} | settings))
    return tune_contrastively(encoder, planes_of(texts), targets, chosen, lengths=[len(text) for text in texts])


def test_classes_lie_further_apart_afterwards():
    texts, targets = corpus()
    encoder = TinyEncoder()
    every = planes_of(texts)(np.arange(len(texts)))
    with torch.no_grad():
        before = pair_loss(encoder.eval()(every), torch.from_numpy(targets)).item()
    losses = tuned(encoder, steps=60, learning_rate=3e-2, batch_size=24)
    with torch.no_grad():
        after = pair_loss(encoder.eval()(every), torch.from_numpy(targets)).item()
    assert len(losses) == 60
    assert after < 0.5 * before


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    states = []
    for seed in (0, 0, 1):
        torch.rand(seed + 5)  # the run's own generator stands elsewhere each time
        encoder = TinyEncoder()
        tuned(encoder, seed=seed)
        states.append(encoder.last.weight.detach())
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_the_runs_generator_and_the_modes_of_layers_are_left_as_they_were():
    encoder = TinyEncoder()
    encoder.eval()
    encoder.last.train()
    state = torch.random.get_rng_state()
    tuned(encoder, steps=2)
    assert torch.equal(state, torch.random.get_rng_state())
    assert (encoder.training, encoder.drop.training, encoder.last.training) == (False, False, True)
    assert all(weight.grad is None for weight in encoder.parameters())


def test_frozen_weights_stay():
    encoder = TinyEncoder()
    encoder.table.requires_grad_(False)
    before = encoder.table.weight.clone()
    tuned(encoder, steps=3)
    assert torch.equal(before, encoder.table.weight)


def test_rows_of_similar_length_are_encoded_together():
    encoder = TinyEncoder()
    tuned(encoder, steps=10, batch_size=24, part=4)
    rows, widths = (np.array([shape[axis] for shape in encoder.seen]) for axis in (0, 2))
    starts = np.flatnonzero(np.diff(widths, prepend=np.inf) < 0)  # of each step, which begins with the shortest
    assert np.add.reduceat(rows, starts).tolist() == [24] * 10
    assert rows.max() <= 16
    ends = np.append(starts[1:], len(widths)) - 1
    assert widths[starts].max() < widths[ends].min() / 2


def test_a_hundred_thousand_rows_need_memory_linear_in_rows_and_no_list_of_pairs():
    targets = np.random.default_rng(0).integers(0, 4, 100_000)
    tracemalloc.start()
    try:
        batches = list(class_balanced_batches(targets, 64, steps=50, seed=0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * len(targets)  # 5e9 pairs would be gigabytes
    assert all(np.bincount(targets[batch]).tolist() == [16] * 4 for batch in batches)


def test_every_row_of_a_class_is_drawn_before_one_is_drawn_again():
    targets = np.array([0] * 16 + [1] * 2)
    batches = list(class_balanced_batches(targets, 8, steps=4, seed=1))
    first = np.concatenate([batch[targets[batch] == 0] for batch in batches])
    assert sorted(first.tolist()) == list(range(16))
    assert all(len(np.unique(batch)) == len(batch) for batch in batches)


def test_with_more_classes_than_half_a_batch_each_step_holds_pairs_of_some():
    targets = np.repeat(np.arange(50), 3)
    batches = list(class_balanced_batches(targets, 10, steps=40, seed=0))
    assert all(sorted(np.unique(targets[batch], return_counts=True)[1]) == [2] * 5 for batch in batches)
    assert len(np.unique(targets[np.concatenate(batches)])) > 45


def test_one_kind_of_pair_alone_is_no_division_by_nothing():
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    for targets, expected in (([0, 0], 1.0), ([0, 1], 0.0)):
        loss = pair_loss(features, torch.tensor(targets))
        loss.backward()
        assert loss.item() == pytest.approx(expected)
        assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch_size": 1}, {"learning_rate": 0.0}, {"warmup": 1.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigurationError, match="contrastive tuning needs"):
        ContrastiveSettings(**wrong)


def test_a_single_class_and_a_loss_that_is_no_number_are_refused_with_the_remedy():
    settings = ContrastiveSettings(steps=1)
    inputs = planes_of(corpus()[0])
    with pytest.raises(ConfigurationError, match="add rows of another class"):
        tune_contrastively(TinyEncoder(), inputs, np.zeros(4, dtype=np.int64), settings, lengths=[1] * 4)
    broken = TinyEncoder()
    with torch.no_grad():
        broken.last.bias.fill_(float("nan"))
    with pytest.raises(ConfigurationError, match="lower learning_rate"):
        tune_contrastively(broken, inputs, np.array([0, 1]), settings, lengths=[1] * 2)


def test_before_the_probe_it_tunes_the_modules_backbone_and_the_probe_reads_what_it_left():
    data = tiny_data()
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    before = {name: weight.detach().clone() for name, weight in module.backbone.named_parameters()}
    tuning, probe = ContrastiveTuning(ContrastiveSettings(steps=2, batch_size=8)), LinearProbe()
    quiet_trainer(max_epochs=0, callbacks=[tuning, probe]).fit(module, data)
    assert len(tuning.losses) == 2
    assert any(not torch.equal(before[name], weight) for name, weight in module.backbone.named_parameters())
    np.testing.assert_allclose(module.head.linear.weight.detach().numpy(), probe.fitted.weight, rtol=1e-6)


def test_a_module_without_a_backbone_is_refused():
    data = tiny_data()
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    module.backbone = nn.Identity()
    trainer = quiet_trainer(max_epochs=0)
    trainer.datamodule = data
    with pytest.raises(ConfigurationError, match="leave the callback out"):
        ContrastiveTuning().on_fit_start(trainer, module)


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [
        ([10] * 16, [16]),
        ([10] * 64, [32, 32]),
        ([0] * 33, [32, 1]),  # pictures
        (list(range(10, 1000, 60)), [8, 8, 1]),  # no two alike
        ([10] * 20 + [500] * 4, [20, 4]),
        ([7], [1]),
    ],
)
def test_rows_are_encoded_with_those_of_their_length(lengths, sizes):
    parts = np.split(np.arange(len(lengths)), contrastive._ends(np.array(lengths), 8))
    assert [len(part) for part in parts] == sizes
