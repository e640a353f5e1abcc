"""Recurrent heads: padding is not read, everything learns, checkpoint and ONNX answer alike."""

import pytest
import torch
from torch import nn

from fairlead.backbones import load_text_backbone
from fairlead.bundle import Predictor
from fairlead.errors import ConfigurationError
from fairlead.export import export_graph
from fairlead.modules import (
    AdapterSettings,
    HeadSettings,
    ImageClassifier,
    OptimizationSettings,
    RecurrentPooling,
    TextClassifier,
    load_model,
)
from fairlead.records import RunFolder
from fairlead.tuning import LinearProbe
from tests.fakes.encoders import text_folder
from tests.fakes.texts import order_data
from tests.fakes.training import quiet_trainer, tiny_backbone

KINDS = ["lstm", "gru"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(text_folder(tmp_path_factory.mktemp("bert")))


def classifier(folder, kind, pooling="mean", **settings):
    torch.manual_seed(0)
    return TextClassifier(
        ["blame", "praise"],
        backbone=load_text_backbone(folder, pooling=pooling),
        head=HeadSettings(kind=kind, hidden=7),
        optimization=OptimizationSettings(learning_rate=1e-2, layer_decay=1.0),
        **settings,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_bidirectional_network_over_each_text_alone(kind):
    """Torch's own, on packed sequences, with the same weights."""
    torch.manual_seed(0)
    pooling = RecurrentPooling(5, kind=kind, hidden=3)
    packed = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](5, 3, batch_first=True, bidirectional=True)
    weights = dict(pooling.forth.state_dict())
    weights |= {f"{name}_reverse": value for name, value in pooling.back.state_dict().items()}
    packed.load_state_dict(weights)
    tokens, lengths = torch.randn(4, 9, 5), [9, 1, 4, 6]
    mask = torch.zeros(4, 9, dtype=torch.long)
    for row, length in enumerate(lengths):
        mask[row, :length] = 1
    with torch.no_grad():
        found = pooling(tokens, mask)
        sequences = nn.utils.rnn.pack_padded_sequence(tokens, lengths, batch_first=True, enforce_sorted=False)
        read, _ = nn.utils.rnn.pad_packed_sequence(packed(sequences)[0], batch_first=True, padding_value=-9.0)
        assert torch.allclose(found, read.amax(dim=1), atol=1e-6)
        assert pooling(tokens, torch.zeros_like(mask)).abs().max() <= 1  # a text of nothing is read as one token


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind, folder):
    module = classifier(folder, kind).eval()
    one = torch.from_numpy(module.preprocessing.tokens(["good service"]).planes)
    many = torch.from_numpy(module.preprocessing.tokens(["good service", "bad a b c he she was very fine"]).planes)
    assert many.shape[2] > one.shape[2]
    with torch.no_grad():
        assert torch.allclose(module(many)[:1], module(one), atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls", "own"])
def test_every_weight_that_learns_has_a_gradient(pooling, folder):
    module = classifier(folder, "lstm", pooling)
    inputs = module.backbone.example(3)
    nn.functional.cross_entropy(module(inputs), torch.tensor([0, 1, 0])).backward()
    assert [name for name, parameter in module.named_parameters() if parameter.grad is None] == []
    head = [group for group in module.parameter_groups() if group["name"].startswith("head")]
    assert sum(len(group["params"]) for group in head) == len(list(module.head.parameters()))


@pytest.mark.parametrize("adapter", [None, AdapterSettings(rank=2)])
@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_an_order_of_words_and_its_checkpoint_answers_alike(kind, adapter, folder, tmp_path):
    data = order_data(tmp_path)
    module = classifier(folder, kind, "own", adapter=adapter)
    fitting = quiet_trainer(max_epochs=4, limit_val_batches=0)
    fitting.fit(module, data)
    assert fitting.test(module, data, verbose=False)[0]["test_accuracy"] > 0.9
    run = RunFolder.create(tmp_path / "run")
    fitting.save_checkpoint(run.model, weights_only=True)
    loaded, inputs = load_model(run).eval(), module.backbone.example(4)
    assert [name for name, _ in loaded.named_parameters() if "pooler" in name] == []
    with torch.no_grad():
        assert torch.allclose(loaded(inputs), module.eval()(inputs), atol=1e-6)


class Both(nn.Module):
    """An LSTM and a GRU side by side: one graph for both, since making one takes seconds."""

    def __init__(self):
        super().__init__()
        self.kinds = nn.ModuleList(RecurrentPooling(16, kind=kind, hidden=7) for kind in KINDS)

    def forward(self, tokens, mask):
        return torch.cat([pooling(tokens, mask) for pooling in self.kinds], dim=1)


def test_a_graph_takes_any_number_of_texts_of_any_length_and_gives_what_is_pooled(folder):
    module = classifier(folder, "lstm", "own").eval()
    module.head.pooling, module.head.linear = Both(), nn.Linear(28, 2)
    predictor = Predictor(export_graph(module), module.preprocessing, module.labels, threads=1)
    for texts in (["good"], ["good fine the", "bad", "a b c he she was very good bad service"]):
        inputs = torch.from_numpy(module.preprocessing.tokens(texts).planes)
        with torch.no_grad():
            expected = module.probabilities(module(inputs))
            kept = module.head.pooling(module.backbone.tokens(inputs), inputs[:, 1])
        probabilities, features = predictor.run_all([predictor.inputs(text) for text in texts])
        assert torch.allclose(torch.from_numpy(probabilities), expected, atol=1e-5)
        assert torch.allclose(torch.from_numpy(features), kept, atol=1e-5)


def test_where_there_are_no_tokens_it_is_refused():
    with pytest.raises(ConfigurationError, match=r"a picture has none; use HeadSettings\(kind="):
        ImageClassifier(["a", "b"], backbone=tiny_backbone(), head=HeadSettings(kind="gru"))
    with pytest.raises(ConfigurationError, match="no backbone of texts"):
        TextClassifier(["a", "b"], backbone=tiny_backbone(), head=HeadSettings(kind="lstm"))


def test_a_head_is_of_one_kind():
    with pytest.raises(ConfigurationError, match="an activation is of an MLP"):
        HeadSettings(kind="lstm", activation="relu")
    with pytest.raises(ConfigurationError, match="linear, mlp, lstm or gru, got 'rnn'"):
        HeadSettings(kind="rnn")


def test_a_probe_says_that_it_fits_a_linear_head(folder, tmp_path):
    with pytest.raises(ConfigurationError, match="LinearProbe fits a linear head"):
        quiet_trainer(max_epochs=0, callbacks=[LinearProbe()]).fit(classifier(folder, "gru"), order_data(tmp_path))
