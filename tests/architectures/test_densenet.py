"""DenseNets: torchvision's, the sizes they can take, and NumPy's."""

import pytest
import torch
from torch import nn
from torchvision import models

from cnnlib import architectures
from cnnlib.architectures import (
    DenseNet,
    densenet121,
    densenet161,
    densenet169,
    densenet201,
    small_densenet,
)
from cnnlib.blocks import DenseBlock, Transition
from cnnlib.data import digits
from cnnlib.training import accuracy, fit
from tests.architectures.same import assert_same_as_torchvision, assert_same_in_numpy, count_parameters

BAD = [
    (DenseNet, (0, (2, 2), 8, 10, 1), {}, "DenseNet: growth_rate must be at least 1, got 0"),
    (DenseNet, (8, (2, 0), 8, 10, 1), {}, r"DenseNet: depths\[1\] must be at least 1, got 0"),
    (DenseNet, (8, (), 8, 10, 1), {}, "DenseNet: depths must hold at least one int"),
    (DenseNet, (8, 3, 8, 10, 1), {}, "DenseNet: depths must be a tuple or list of ints, got 3"),
    (DenseNet, (8, (2, 2), 8, 10, 1, 2.0), {}, "DenseNet: stem_stride must be an int, got 2.0"),
    *((net, (0,), {}, "DenseNet: num_classes must be at least 1, got 0")
      for net in (densenet121, densenet161, densenet169, densenet201, small_densenet)),
    (small_densenet, (10, 0), {}, "DenseNet: in_channels must be at least 1, got 0"),
    (small_densenet(), (torch.zeros(1, 3, 28, 28),), {}, r"DenseNet: input must be \(N, 1, H, W\), got shape"),
    (small_densenet(), (torch.zeros(1, 1, 28, 6),), {}, r"with H ≥ 7, W ≥ 7, got shape \(1, 1, 28, 6\)"),
    (DenseNet(4, (1, 1, 1, 1), 8, 10, 3), (torch.zeros(1, 3, 28, 40),), {}, r"with H ≥ 29, W ≥ 29, got shape"),
]


@pytest.mark.parametrize("name", ["densenet121", "densenet161", "densenet169", "densenet201"])
def test_tensors_are_those_of_torchvision(name):
    with torch.device("meta"):
        ours, theirs = getattr(architectures, name)(), getattr(models, name)(weights=None)
    assert [t.shape for t in ours.state_dict().values()] == [t.shape for t in theirs.state_dict().values()]
    assert f"{count_parameters(theirs):,} parameters" in getattr(architectures, name).__doc__
    depth = sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in ours.modules())
    assert depth == int(name.removeprefix("densenet"))


@pytest.mark.parametrize("name", ["densenet121", "densenet161", "densenet169", "densenet201"])
def test_outputs_are_those_of_torchvision(name):
    torch.manual_seed(0)
    ours, theirs = getattr(architectures, name)(10), getattr(models, name)(weights=None, num_classes=10)
    assert_same_as_torchvision(ours, theirs, (1, 3, 65, 97))             # 2 × 3 pixels are left for the mean


@pytest.mark.parametrize(("stem_stride", "blocks"), [(4, 4), (4, 2), (2, 3), (1, 3), (3, 2)])
def test_the_least_size_is_the_least(stem_stride, blocks):
    net = DenseNet(2, (1,) * blocks, 4, 10, 1, stem_stride).eval()
    assert net(torch.randn(1, 1, net.least, net.least)).shape == (1, 10)
    x = net.stem(torch.randn(1, 1, net.least - 1, net.least))
    with pytest.raises(RuntimeError):                    # what torch would say, of a size that no student gave
        net.stages(x)


def test_transitions_halve_the_channels():
    with torch.device("meta"):
        net = densenet121()
    channels, seen = 64, []
    for part in net.stages:
        if isinstance(part, DenseBlock):
            channels += 32 * len(part)
        else:
            assert isinstance(part, Transition)
            seen.append(part[2].out_channels)
            assert part[2].in_channels == channels and seen[-1] == channels // 2
            channels //= 2
    assert seen == [128, 256, 512] and net.head[2].in_features == channels == 1024


@pytest.mark.parametrize("stem_stride", [2, 4])
def test_the_twin_in_numpy(stem_stride):
    torch.manual_seed(0)
    net = small_densenet() if stem_stride == 2 else DenseNet(3, (2, 1), 5, 10, 1)
    assert_same_in_numpy(net, (3, 1, 21, 18))


def test_the_small_one_begins_to_read_digits():
    (x, y), (x_test, y_test) = digits()
    torch.manual_seed(0)
    net = small_densenet()
    fit(net, x[:1000], y[:1000], epochs=2, lr=3e-3, batch_size=32)
    assert accuracy(net, x_test, y_test) > 0.7
