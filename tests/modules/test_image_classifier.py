"""ImageClassifier in a real Trainer: what may be overridden, what it answers, what it counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from fairlead.data import Batch
from fairlead.errors import ConfigurationError, LabelError
from fairlead.modules import HeadSettings, ImageClassifier, LossSettings, OptimizationSettings
from fairlead.records import Labels
from tests.fakes.training import SIZE, quiet_trainer, tiny_backbone, tiny_data

STILL = OptimizationSettings(weight_decay=0.0, warmup=0.0)


def fit_once(module, data=None, **settings):
    trainer = quiet_trainer(**({"max_epochs": 1} | settings))
    trainer.fit(module, data or tiny_data())
    return trainer


def snapshot(module):
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


# -- the four methods a subclass may override --------------------------------------------------------------------


def test_a_head_of_ones_own_is_built_trained_and_answers():
    class TwoLayers(ImageClassifier):
        def build_head(self, features, classes):
            return nn.Sequential(nn.Linear(features, 3), nn.Tanh(), nn.Linear(3, classes))

    module = TwoLayers(["benign", "malignant"], backbone=tiny_backbone())
    before = snapshot(module)
    fit_once(module)
    assert isinstance(module.head, nn.Sequential)
    assert module(torch.zeros(5, 3, SIZE, SIZE, dtype=torch.uint8)).shape == (5, 2)
    assert all(not torch.equal(before[name], module.state_dict()[name]) for name in ("head.0.weight", "head.2.weight"))


def test_a_loss_of_ones_own_is_what_training_minimises():
    class Flat(ImageClassifier):
        def loss(self, logits, target):
            return 0 * logits.sum() + 3

    module = Flat(["benign", "malignant"], backbone=tiny_backbone(), optimization=STILL)
    before = {name: tensor.clone() for name, tensor in module.named_parameters()}
    trainer = fit_once(module)
    assert trainer.callback_metrics["train_loss"].item() == 3
    assert all(torch.equal(before[name], tensor) for name, tensor in module.named_parameters())
    # Validation keeps the task's own measure, so that models with different losses can be compared.
    assert trainer.callback_metrics["val_loss"].item() != 3


def test_parameter_groups_of_ones_own_decide_what_moves():
    class HeadOnly(ImageClassifier):
        def parameter_groups(self):
            return [{"name": "head", "params": list(self.head.parameters()), "lr": 0.1, "weight_decay": 0.0}]

    module = HeadOnly(["benign", "malignant"], backbone=tiny_backbone())
    before = snapshot(module)
    trainer = fit_once(module)
    assert [group["name"] for group in trainer.optimizers[0].param_groups] == ["head"]
    assert not torch.equal(before["head.linear.weight"], module.head.linear.weight)
    assert all(torch.equal(before[f"backbone.{name}"], tensor) for name, tensor in module.backbone.named_parameters())


def test_a_transform_of_ones_own_changes_training_batches_alone():
    class Blind(ImageClassifier):
        def transform(self, batch):
            return replace(batch, inputs=torch.zeros_like(batch.inputs))

    module = Blind(["benign", "malignant"], backbone=tiny_backbone())
    seen = {True: [], False: []}
    module.backbone.register_forward_pre_hook(lambda part, given: seen[part.training].append(int(given[0].max())))
    fit_once(module, num_sanity_val_steps=0)
    assert seen[True] == [0, 0, 0]
    assert seen[False]
    assert all(brightest > 0 for brightest in seen[False])


# -- losses and weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_label_smoothing_is_torchs(smoothing):
    logits, target = torch.randn(7, 3, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 2, 1, 0, 0])
    module = ImageClassifier(list("abc"), backbone=tiny_backbone(), loss=LossSettings(label_smoothing=smoothing))
    expected = nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, target)
    torch.testing.assert_close(module.loss(logits, target), expected)
    # The same by hand: the share is spread over every class, the right one included.
    spread = (1 - smoothing) * nn.functional.one_hot(target, 3) + smoothing / 3
    torch.testing.assert_close(module.loss(logits, target), -(spread * logits.log_softmax(1)).sum(1).mean())


def test_automatic_class_weights_come_from_the_training_rows_and_weigh_the_loss():
    data = tiny_data(train=40)
    counts = data.rows.class_counts()
    assert counts[0] != counts[1]
    module = ImageClassifier(data.labels, backbone=tiny_backbone(), loss=LossSettings(class_weights="auto"))
    fit_once(module, data, limit_train_batches=1)
    expected = torch.from_numpy(counts.sum() / (2 * counts)).float()
    torch.testing.assert_close(module.class_weights, expected)
    logits, target = torch.randn(6, 2), torch.tensor([0, 0, 0, 0, 1, 1])
    torch.testing.assert_close(module.loss(logits, target), nn.CrossEntropyLoss(weight=expected)(logits, target))
    assert np.average(expected.numpy(), weights=counts) == pytest.approx(1)


def test_automatic_class_weights_without_rows_to_count_are_refused_instead_of_forgotten():
    row = Batch(torch.zeros(3, SIZE, SIZE, dtype=torch.uint8), torch.tensor(0), torch.zeros(0).long(), torch.tensor(0))
    loader = DataLoader([row, row], batch_size=2, collate_fn=Batch.collate)
    module = ImageClassifier(["a", "b"], backbone=tiny_backbone(), loss=LossSettings(class_weights="auto"))
    with pytest.raises(ConfigurationError, match="ImageDataModule"):
        quiet_trainer(max_epochs=1).fit(module, loader, loader)


# -- what it answers ---------------------------------------------------------------------------------------------


def test_the_temperature_divides_the_logits_and_is_saved():
    module = ImageClassifier(list("abc"), backbone=tiny_backbone())
    logits = torch.tensor([[3.0, 1.0, -2.0]])
    torch.testing.assert_close(module.probabilities(logits), logits.softmax(1))
    module.calibrate(2.5)
    torch.testing.assert_close(module.probabilities(logits), (logits / 2.5).softmax(1))
    assert module.state_dict()["temperature"].item() == 2.5


def test_half_precision_logits_still_sum_to_one():
    module = ImageClassifier(list("abcdefg"), backbone=tiny_backbone())
    probabilities = module.probabilities(torch.randn(50, 7).bfloat16())
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(1), torch.ones(50))


def test_training_forgets_the_temperature_of_other_weights():
    module = ImageClassifier(["benign", "malignant"], backbone=tiny_backbone())
    module.calibrate(7.0)
    fit_once(module, max_epochs=0)
    assert module.temperature.item() == 7.0
    fit_once(module, limit_train_batches=1)
    assert module.temperature.item() == 1.0


def test_bytes_and_floats_of_one_picture_give_one_answer():
    module = ImageClassifier(["a", "b"], backbone=tiny_backbone()).eval()
    pixels = torch.randint(0, 256, (4, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(module(pixels), module(pixels.float() / 255))


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
def test_an_mlp_head_has_one_hidden_layer(activation):
    head = HeadSettings(kind="mlp", hidden=6, dropout=0.25, activation=activation)
    module = ImageClassifier(list("abcde"), backbone=tiny_backbone(), head=head)
    shapes = [tuple(parameter.shape) for parameter in module.head.parameters()]
    assert shapes == [(6, module.backbone.features), (6,), (5, 6), (5,)]
    assert [type(part).__name__.lower() for part in module.head] == ["linear", activation, "dropout", "linear"]
    assert module.head[2].p == 0.25


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (lambda: HeadSettings(kind="lineal"), "lineal"),
        (lambda: HeadSettings(activation="swish"), "swish"),
        (lambda: HeadSettings(dropout=1.0), "dropout"),
        (lambda: HeadSettings(hidden=0), "at least one"),
        (lambda: LossSettings(label_smoothing=1.0), r"1\.0"),
        (lambda: LossSettings(class_weights="balanced"), "balanced"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_value(settings, match):
    with pytest.raises(ConfigurationError, match=match):
        settings()


def test_one_class_gives_no_classifier():
    with pytest.raises(LabelError, match="only"):
        ImageClassifier(["only"], backbone=tiny_backbone())


# -- what it counts ----------------------------------------------------------------------------------------------


def test_validation_counts_each_row_once_whatever_the_batch():
    data = tiny_data(val=23, batch_size=4)
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    figures = quiet_trainer().validate(module, data, verbose=False)[0]
    inputs = torch.stack([batch.inputs for batch in _rows_of(data)])
    target = torch.stack([batch.target for batch in _rows_of(data)])
    module.eval()
    with torch.no_grad():
        logits = module(inputs)
    assert len(target) == 23
    assert figures["val_loss"] == pytest.approx(nn.functional.cross_entropy(logits, target).item(), abs=1e-6)
    assert figures["val_accuracy"] == pytest.approx((logits.argmax(1) == target).float().mean().item(), abs=1e-6)


def _rows_of(data):
    dataset = data.val_dataloader().dataset
    return [dataset[draw] for draw in data.val_dataloader().sampler]


def test_predict_says_which_row_each_answer_belongs_to():
    data = tiny_data()
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    parts = quiet_trainer().predict(module, data)
    rows = data.rows
    for split, batches in zip(("val", "calibration", "test"), parts, strict=True):
        index = torch.cat([outputs.index for outputs in batches]).numpy()
        np.testing.assert_array_equal(index, np.flatnonzero(rows.splits == split))
        for outputs in batches:
            np.testing.assert_array_equal(outputs.target.numpy(), rows.targets[outputs.index.numpy()])
            np.testing.assert_array_equal(outputs.groups.numpy(), rows.groups[outputs.index.numpy()])


def test_outputs_become_predictions_in_the_order_of_the_rows():
    data = tiny_data()
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    batches = quiet_trainer().predict(module, data)[2]
    joined = type(batches[0]).concatenate(batches[::-1])
    predictions = joined.predictions(data.labels, data.rows.sensitive)
    assert predictions.labels == Labels(("benign", "malignant"))
    assert np.all(np.diff(predictions.index) > 0)
    assert predictions.probabilities.dtype == np.float64
    np.testing.assert_array_equal(predictions.targets, data.rows.targets[predictions.index])
