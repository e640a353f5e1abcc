"""What a backbone says of itself: depth, width, digest, and a description to rebuild it from."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
import timm
import torch

from fairlead.backbones import ImageBackbone, Normalise, load_backbone, rebuild_backbone
from fairlead.errors import ConfigurationError

SMALL = (
    "test_byobnet",
    "test_convnext",
    "test_efficientnet",
    "test_maxvit",
    "test_nfnet",
    "test_resnet",
    "test_vit",
    "test_vit2",
    "mobilenetv2_100",
    "mobilenetv3_small_050",
    "resnet18",
    "convnext_atto",
)


def random_backbone(architecture: str, seed: int = 0) -> ImageBackbone:
    torch.manual_seed(seed)
    fixed = timm.get_pretrained_cfg(architecture).fixed_input_size
    return load_backbone(f"random:{architecture}", image_size=None if fixed else 32)


@pytest.mark.parametrize("architecture", SMALL)
def test_every_parameter_has_one_depth_and_the_width_is_as_said(architecture: str) -> None:
    backbone = random_backbone(architecture).eval()
    groups = backbone.parameter_groups()
    names = [name for group in groups.values() for name in group]
    assert sorted(names) == sorted(name for name, _ in backbone.named_parameters())
    assert list(groups) == [f"depth{depth}" for depth in range(len(groups))]
    assert len(groups) > 3
    assert backbone.undecayed() <= set(names)
    with torch.inference_mode():
        features = backbone(torch.zeros((2, 3, *backbone.preprocessing.size), dtype=torch.uint8))
    assert features.shape == (2, backbone.features)


@pytest.mark.parametrize(
    ("architecture", "first", "last"),
    [
        ("resnet18", "conv1.weight", "layer4.1.conv2.weight"),
        ("mobilenetv2_100", "conv_stem.weight", "conv_head.weight"),
        ("test_vit", "patch_embed.proj.weight", "norm.weight"),
        ("convnext_atto", "stem.0.weight", "head.norm.weight"),
    ],
)
def test_depth_runs_from_the_input_to_the_features(architecture: str, first: str, last: str) -> None:
    groups = list(random_backbone(architecture).parameter_groups().values())
    assert f"encoder.{first}" in groups[0]
    assert f"encoder.{last}" in groups[-1]


def test_depth_follows_the_way_of_the_data() -> None:
    """A layer's depth never falls along the order in which the modules of a plain network are called."""
    backbone = random_backbone("mobilenetv2_100").eval()
    depth = {
        name.rpartition(".")[0]: number
        for number, group in enumerate(backbone.parameter_groups().values())
        for name in group
    }
    called: list[int] = []
    for name, module in backbone.named_modules():
        if name in depth:
            module.register_forward_pre_hook(lambda *_, at=depth[name]: called.append(at))
    with torch.inference_mode():
        backbone(torch.zeros((1, 3, 32, 32), dtype=torch.uint8))
    assert called == sorted(called)
    assert set(called) == set(depth.values())


def test_frozen_parameters_keep_their_depth() -> None:
    backbone = random_backbone("test_resnet")
    before = backbone.parameter_groups()
    backbone.requires_grad_(False)
    assert backbone.parameter_groups() == before


def test_an_encoder_that_knows_no_depth_has_one() -> None:
    class Plain(torch.nn.Module):
        num_features = 3

        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(3))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs.mean(dim=(2, 3)) * self.scale

    backbone = ImageBackbone("plain", Plain(), random_backbone("test_resnet").preprocessing, origin="a colleague")
    assert backbone.parameter_groups() == {"depth0": ["encoder.scale"]}
    assert backbone.undecayed() == set()
    assert backbone.features == 3


def test_position_embeddings_are_not_decayed() -> None:
    assert random_backbone("test_vit").undecayed() == {"encoder.pos_embed", "encoder.cls_token"}
    assert random_backbone("test_resnet").undecayed() == set()


def test_a_vision_transformer_takes_the_size_it_is_given() -> None:
    backbone = load_backbone("random:test_vit", image_size=64)
    assert backbone.encoder.pos_embed.shape[1] == (64 // 16) ** 2 + 1
    assert backbone(torch.zeros((1, 3, 64, 64), dtype=torch.uint8)).shape == (1, 64)
    with pytest.raises(ConfigurationError, match="size is"):
        load_backbone("random:test_vit", image_size=0)


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "test_convnext"])
def test_a_description_rebuilds_the_architecture_from_json_alone(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*address: object, **options: object) -> socket.socket:
        raise AssertionError(f"the network was asked for {address}")

    original = load_backbone(f"random:{architecture}", image_size=64).eval()
    original.origin = "hub timm/something"
    described = json.loads(json.dumps(original.describe()))
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    rebuilt = rebuild_backbone(described).eval()
    assert rebuilt.describe() == original.describe()
    assert rebuilt.pretrained
    assert rebuilt.preprocessing == original.preprocessing
    rebuilt.load_state_dict(original.state_dict())  # strict
    inputs = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(rebuilt(inputs), original(inputs))
    assert rebuilt.digest() == original.digest()


def test_the_digest_changes_with_any_weight_or_buffer() -> None:
    backbone = random_backbone("test_resnet")
    digests = {backbone.digest()}
    assert random_backbone("test_resnet").digest() in digests
    digests.add(random_backbone("test_resnet", seed=1).digest())
    for name in ("encoder.conv1.0.weight", "encoder.bn1.running_var", "encoder.bn1.num_batches_tracked"):
        backbone.state_dict()[name].view(-1)[-1] += 1
        digests.add(backbone.digest())
    assert len(digests) == 5
    half = random_backbone("test_resnet").to(torch.bfloat16)
    assert half.digest() not in digests
    strided = random_backbone("test_resnet").to(memory_format=torch.channels_last)
    assert strided.digest() == random_backbone("test_resnet").digest()


def test_pixels_are_normalised_once_whatever_their_type() -> None:
    layer = Normalise((0.5, 0.25, 0.0), (0.5, 0.25, 1.0))
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    expected = torch.tensor([[-1.0, -0.6, 1.0], [-1.0, -0.2, 3.0], [0.0, 0.2, 1.0]])
    torch.testing.assert_close(layer(pixels)[0, :, 0], expected)
    torch.testing.assert_close(layer(pixels / 255)[0, :, 0], expected)
    assert layer.state_dict() == {}
    assert layer.to(torch.bfloat16)(pixels).dtype == torch.bfloat16


def shared_weights() -> Path:
    root = os.environ.get("FAIRLEAD_SHARED")
    return (Path(root) if root else Path(__file__).parents[3] / "shared") / "weights" / "mobilenetv2_100"


@pytest.mark.skipif(not shared_weights().is_dir(), reason="needs real weights: name their folder in FAIRLEAD_SHARED")
def test_real_weights_load_whole_and_answer_as_timms_own_model() -> None:
    backbone = load_backbone(str(shared_weights()), image_size=64).eval()
    own = timm.create_model(f"local-dir:{shared_weights()}", pretrained=True).eval()
    tensors = len(own.state_dict())
    assert backbone.matched == f"{tensors - 2} of {tensors} tensors (the classifier left out)"
    inputs = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = (
        torch.tensor(value).view(1, 3, 1, 1) for value in (own.pretrained_cfg["mean"], own.pretrained_cfg["std"])
    )
    with torch.inference_mode():
        expected = own.forward_head(own.forward_features((inputs / 255 - mean) / std), pre_logits=True)
        assert torch.equal(backbone(inputs), expected)
    assert backbone.digest() != load_backbone("random:mobilenetv2_100").digest()
