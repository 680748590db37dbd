"""ResNets: torchvision's, the published counts, pre-activation written out, and NumPy's."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models

from cnnlib import architectures
from cnnlib.architectures import (
    ResNet,
    cifar_resnet,
    imagenet_stem,
    preact_resnet18,
    preact_resnet34,
    preact_resnet50,
    preact_resnet101,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    se_resnet18,
    se_resnet50,
    small_preact_resnet,
    small_resnet,
    small_se_resnet,
)
from cnnlib.blocks import BasicBlock, SqueezeExcitation
from cnnlib.data import digits
from cnnlib.testing import assert_close
from cnnlib.training import accuracy, fit
from tests.architectures.same import assert_same_as_torchvision, assert_same_in_numpy, count_parameters, unsettle

image = torch.zeros(1, 1, 28, 28)
BAD = [
    (ResNet, (BasicBlock, (1, 1), (8,), 10, 1), {}, r"depths and widths must be equally many, got \(1, 1\) and \(8,\)"),
    (ResNet, (BasicBlock, (1, 0), (8, 8), 10, 1), {}, r"ResNet: depths\[1\] must be at least 1, got 0"),
    (ResNet, (BasicBlock, (1,), (8.5,), 10, 1), {}, r"ResNet: widths\[0\] must be an int, got 8.5"),
    (ResNet, (BasicBlock, (), (), 10, 1), {}, "ResNet: depths must hold at least one int"),
    (ResNet, (BasicBlock, 3, (8,), 10, 1), {}, "ResNet: depths must be a tuple or list of ints, got 3"),
    (ResNet, (BasicBlock, (1,), 8, 10, 1), {}, "ResNet: widths must be a tuple or list of ints, got 8"),
    (imagenet_stem, (0,), {}, "in_channels must be at least 1, got 0"),
    *((net, (0,), {}, "ResNet: num_classes must be at least 1, got 0") for net in (
        resnet18, resnet34, resnet50, resnet101, preact_resnet18, preact_resnet34, preact_resnet50, preact_resnet101,
        se_resnet18, se_resnet50, small_resnet, small_preact_resnet, small_se_resnet)),
    (small_resnet, (10, "1"), {}, "ResNet: in_channels must be an int, got '1'"),
    (cifar_resnet, (18,), {}, r"cifar_resnet: depth must be 6n \+ 2 \(8, 14, 20, …\), got 18"),
    (cifar_resnet, (2,), {}, "depth must be 6n .* got 2"),
    (cifar_resnet, (20.0,), {}, "cifar_resnet: depth must be an int, got 20.0"),
    (cifar_resnet, (20,), {"width": 0}, "cifar_resnet: width must be at least 1, got 0"),
    (cifar_resnet, (20,), {"residual": False, "zero_init": True}, "zero_init needs residual=True"),
    (resnet18(), (image,), {}, r"ResNet: input must be \(N, 3, H, W\), got shape \(1, 1, 28, 28\)"),
    (small_resnet(), (image[0],), {}, r"ResNet: input must be \(N, 1, H, W\), got shape \(1, 28, 28\)"),
    (small_preact_resnet(), (image.numpy(),), {}, "ResNet: input must be a tensor .* got ndarray"),
]


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101"])
def test_tensors_are_those_of_torchvision(name):
    with torch.device("meta"):
        ours, theirs = getattr(architectures, name)(), getattr(models, name)(weights=None)
    assert [t.shape for t in ours.state_dict().values()] == [t.shape for t in theirs.state_dict().values()]
    assert f"{count_parameters(theirs):,} parameters" in getattr(architectures, name).__doc__


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101"])
def test_equal_to_torchvision(name):
    torch.manual_seed(0)
    ours, theirs = getattr(architectures, name)(10), getattr(models, name)(weights=None, num_classes=10)
    assert_same_as_torchvision(ours, theirs, (2, 3, 65, 97))


# Published: Hu et al. 2018; those of Big Transfer (Kolesnikov et al. 2020), whose group norms have as many parameters.
@pytest.mark.parametrize(("name", "parameters"), [("se_resnet50", 28_088_024), ("preact_resnet50", 25_549_352),
                                                  ("preact_resnet101", 44_541_480)])
def test_parameters_are_the_published_ones(name, parameters):
    with torch.device("meta"):
        assert count_parameters(getattr(architectures, name)()) == parameters


@pytest.mark.parametrize(("depth", "stem", "out"), [("18", 64, 512), ("34", 64, 512), ("50", 64, 2048),
                                                    ("101", 64, 2048)])
def test_pre_activation_moves_norms_and_nothing_else(depth, stem, out):
    """Each block's last norm, of its outputs, becomes a first, of its inputs: stem − out channels in all. The first
    block's is the stem's, where it was before. No norm behind the projections, one more at the end."""
    with torch.device("meta"):
        after, before = (getattr(architectures, f"{kind}resnet{depth}")() for kind in ("", "preact_"))
    norms = [[m.num_features for m in net.modules() if isinstance(m, nn.BatchNorm2d)] for net in (after, before)]
    convs = [sorted(tuple(m.weight.shape) for m in net.modules() if isinstance(m, nn.Conv2d))
             for net in (after, before)]
    assert convs[0] == convs[1]
    projections = [block.shortcut[1].num_features for stage in after.stages for block in stage
                   if not isinstance(block.shortcut, nn.Identity)]
    assert sum(norms[1]) - sum(norms[0]) == (stem - out) - stem - sum(projections) + out
    assert count_parameters(after) - count_parameters(before) == 2 * (sum(norms[0]) - sum(norms[1]))
    assert isinstance(before.last[0], nn.BatchNorm2d) and str(before.stem) == str(after.stem)


def pre_activation(net, x):
    """The network of He et al. 2016b, written out. What the stem gives is activated before it goes two ways."""
    def norm_relu(x, norm):
        return F.relu(F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias))

    conv, norm, *_ = [m for m in net.stem.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    x = norm_relu(F.conv2d(x, conv.weight, stride=2, padding=conv.kernel_size[0] // 2), norm)
    if conv.kernel_size == (7, 7):                       # the small one has neither this nor the pool
        x = F.max_pool2d(x, 3, 2, 1)
    for number, stage in enumerate(net.stages):
        for place, block in enumerate(stage):
            activated = x if number == place == 0 else norm_relu(x, block.activate[0])
            conv1, (norm, _, conv2) = block.branch
            changes = conv1.in_channels != conv1.out_channels
            shortcut = F.conv2d(activated, block.shortcut.weight, stride=conv1.stride) if changes else x
            middle = norm_relu(F.conv2d(activated, conv1.weight, stride=conv1.stride, padding=1), norm)
            x = shortcut + F.conv2d(middle, conv2.weight, padding=1)
    linear = net.head[2]
    return norm_relu(x, net.last[0]).mean((2, 3)) @ linear.weight.T + linear.bias


def test_pre_activation_is_its_formula():
    torch.manual_seed(0)
    for net, x in [(preact_resnet18(7), torch.randn(2, 3, 65, 97)), (small_preact_resnet(), torch.randn(2, 1, 27, 22))]:
        net, x = unsettle(net).double().eval(), x.double()
        assert_close(net(x), pre_activation(net, x))


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_cifar_nets_are_those_of_the_paper(depth, millions):
    with torch.device("meta"):
        net, plain = cifar_resnet(depth), cifar_resnet(depth, residual=False)
    assert round(count_parameters(net) / 1e6, 1 if depth == 110 else 2) == millions
    assert [p.shape for p in net.parameters()] == [p.shape for p in plain.parameters()]
    assert sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in net.modules()) == depth
    shapes = []
    for stage in net.stages:
        stage.register_forward_hook(lambda stage, x, out: shapes.append(tuple(out.shape)))
    net(torch.zeros(2, 3, 32, 32, device="meta"))
    assert shapes == [(2, 16, 32, 32), (2, 32, 16, 16), (2, 64, 8, 8)]


def test_the_plain_net_adds_nothing_and_the_other_adds_what_goes_in():
    """With all convolutions of the branches 0 nothing comes through a plain net; through the other its stem does."""
    torch.manual_seed(0)
    x = torch.randn(2, 1, 27, 22)
    for residual in (False, True):
        net = cifar_resnet(20, in_channels=1, residual=residual, stem_stride=2, width=4).eval()
        stem = net.stem(x)
        assert stem.shape == (2, 4, 14, 11)
        for stage in net.stages:
            for conv in stage.modules():
                if isinstance(conv, nn.Conv2d):
                    nn.init.zeros_(conv.weight)
        mean = F.pad(stem[:, :, ::4, ::4].mean((2, 3)), (0, 12)) if residual else torch.zeros(2, 16)
        assert_close(net(x), net.head[2](mean))


def test_cifar_nets_by_their_options():
    with torch.device("meta"):
        bare = cifar_resnet(8, norm=None)
        assert not any(isinstance(m, nn.BatchNorm2d) for m in bare.modules())
        assert all(m.bias is not None for m in bare.modules() if isinstance(m, nn.Conv2d))
    for norm in (nn.BatchNorm2d, None):
        torch.manual_seed(0)
        net, x = cifar_resnet(14, in_channels=2, norm=norm, zero_init=True), torch.rand(2, 2, 17, 13)
        stem = net.stem(x)
        assert_close(net.stages(stem), F.pad(stem[:, :, ::4, ::4], (0, 0, 0, 0, 0, 48)))
        torch.manual_seed(0)
        assert not torch.allclose(cifar_resnet(14, in_channels=2, norm=norm)(x), net(x))


@pytest.mark.parametrize(("name", "depth"), [("resnet18", 18), ("resnet34", 34), ("resnet50", 50), ("resnet101", 101),
                                             ("preact_resnet50", 50), ("small_resnet", 8)])
def test_the_depth_is_that_of_the_name(name, depth):
    with torch.device("meta"):
        net = getattr(architectures, name)()
    on_the_way = [net.stem, *(block.branch for stage in net.stages for block in stage), net.head]
    assert sum(isinstance(m, (nn.Conv2d, nn.Linear)) for part in on_the_way for m in part.modules()) == depth


def test_weights_start_as_he_et_al_say():
    """A convolution's weights have the variance 2 / (k² · out_channels), and zero_init leaves its zeros."""
    torch.manual_seed(0)
    for conv in cifar_resnet(8, width=32).modules():
        if isinstance(conv, nn.Conv2d) and conv.weight.numel() > 5000:
            assert conv.weight.var().item() == pytest.approx(2 / (9 * conv.out_channels), rel=0.1)


def test_squeeze_and_excitation_is_in_every_block():
    with torch.device("meta"):
        net = se_resnet50()
    hidden = [m.excite[0].out_channels for m in net.modules() if isinstance(m, SqueezeExcitation)]
    assert hidden == [16] * 3 + [32] * 4 + [64] * 6 + [128] * 3


@pytest.mark.parametrize("make", [small_resnet, small_preact_resnet, small_se_resnet,
                                  partial(cifar_resnet, 8, in_channels=1, width=4),
                                  partial(cifar_resnet, 8, in_channels=1, width=4, residual=False, norm=None)])
def test_the_twin_in_numpy(make):
    torch.manual_seed(0)
    assert_same_in_numpy(make(), (3, 1, 21, 18))


@pytest.mark.parametrize("make", [small_resnet, small_preact_resnet, small_se_resnet])
def test_the_small_ones_begin_to_read_digits(make):
    (x, y), (x_test, y_test) = digits()
    torch.manual_seed(0)
    net = make()
    fit(net, x[:1000], y[:1000], epochs=2, lr=3e-3, batch_size=32)
    assert accuracy(net, x_test, y_test) > 0.7
