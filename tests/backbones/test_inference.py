"""The prepared network answers as the original does, whatever it is built of."""

import pytest
import torch
from torch import nn

from fairlead.backbones import load_backbone
from fairlead.backbones.inference import prepare_for_inference


def pixels(size=32, rows=3, seed=1):
    return torch.randint(0, 256, (rows, 3, size, size), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def with_statistics(module):
    """Statistics as a trained network has them: folding does something to every weight."""
    generator = torch.Generator().manual_seed(2)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.3, 0.3, generator=generator)
            layer.running_var.uniform_(0.5, 2.0, generator=generator)
            nn.init.uniform_(layer.weight, 0.5, 1.5, generator=generator)
    return module.eval()


@pytest.mark.parametrize(
    ("name", "norms_left"),
    [("test_resnet", 0), ("mobilenetv2_050", 0), ("test_efficientnet", 0), ("test_vit", 0), ("test_convnext", 0)],
)
def test_it_answers_as_the_original(name, norms_left):
    size = 160 if "vit" in name else 32
    backbone = with_statistics(load_backbone(f"random:{name}", image_size=size))
    prepared = prepare_for_inference(backbone, pixels(size, 2, seed=9))
    with torch.inference_mode():
        expected, found = backbone(pixels(size)), prepared(pixels(size))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in prepared.modules()) == norms_left
    assert not any(parameter.requires_grad for parameter in prepared.parameters())
    assert all(parameter.requires_grad for parameter in backbone.parameters())


def test_a_convolution_that_others_read_too_is_not_believed_folded():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, inputs):
            out = self.conv(inputs)
            return self.norm(out) + out

    module = with_statistics(Shared())
    inputs = torch.randn(2, 3, 5, 5)
    assert prepare_for_inference(module, inputs) is module


def test_a_norm_that_is_used_twice_stays():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.norm = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, inputs):
            return self.norm(self.two(self.norm(self.one(inputs))))

    module = with_statistics(Twice())
    prepared = prepare_for_inference(module, torch.randn(2, 3, 5, 5))
    inputs = torch.randn(2, 3, 5, 5)
    with torch.inference_mode():
        torch.testing.assert_close(prepared(inputs), module(inputs))
    assert isinstance(prepared.norm, nn.BatchNorm2d)
