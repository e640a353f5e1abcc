"""Running statistics, settled: equal to those computed by hand, and nothing else touched."""

import pytest
import torch
from torch import nn

from fairlead.tuning.batch_norm import settle_batch_norm


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=0.3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten())


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(rows, 3, 6, 6, generator=generator) * 3 + 1 for rows in (4, 7)]


def test_running_statistics_are_the_mean_over_the_batches():
    module = network()
    conv, norm = module[0], module[1]
    norm.running_mean.fill_(99)
    settle_batch_norm(module, batches())
    with torch.no_grad():
        seen = [conv(batch) for batch in batches()]
    mean = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in seen]).mean(0)
    variance = torch.stack([batch.transpose(0, 1).flatten(1).var(1, unbiased=True) for batch in seen]).mean(0)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)


def test_modes_and_momenta_and_weights_are_as_before():
    module = network().train()
    module[1].eval()  # a frozen norm in a network that trains
    modes = [part.training for part in module.modules()]
    weights = [parameter.detach().clone() for parameter in module.parameters()]
    settle_batch_norm(module, batches())
    assert [part.training for part in module.modules()] == modes
    assert module[1].momentum == 0.3
    assert all(torch.equal(a, b) for a, b in zip(weights, module.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_batch_that_fails_leaves_modes_and_momenta_as_before():
    module = network().eval()
    with pytest.raises(RuntimeError):
        settle_batch_norm(module, [torch.zeros(2, 5, 6, 6)])
    assert not any(part.training for part in module.modules())
    assert module[1].momentum == 0.3


@pytest.mark.parametrize("norm", [nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.BatchNorm1d(4, track_running_stats=False)])
def test_a_network_without_running_statistics_is_not_even_run(norm):
    module = nn.Sequential(nn.Linear(3, 4), norm)

    def unread():
        pytest.fail("no batch is needed")
        yield

    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    settle_batch_norm(module, unread())
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
