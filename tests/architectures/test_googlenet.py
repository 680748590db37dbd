"""GoogLeNet: torchvision's with and without the auxiliary classifiers, in training too; the least image; the twin."""

import inspect

import pytest
import torch
from torch import nn
from torchvision import models

from cnnlib.architectures import (
    AuxiliaryClassifier,
    GoogLeNet,
    GoogLeNetOutputs,
    googlenet,
    load_torchvision_weights,
    small_googlenet,
)
from cnnlib.scratch import Tensor, from_torch
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_as_torchvision, assert_same_in_numpy, count_parameters, unsettle

BAD = [
    (GoogLeNet, (0,), {}, "GoogLeNet: num_classes must be at least 1, got 0"),
    (GoogLeNet, (), {"thinner": 3}, "GoogLeNet: widths must divide by thinner, got widths 8 and thinner 3"),
    (GoogLeNet, (), {"kernel_size": 4}, "GoogLeNet: kernel_size must be odd, got 4"),
    (GoogLeNet, (), {"stride": 0.5}, "GoogLeNet: stride must be an int, got 0.5"),
    (googlenet, (10, 0), {}, "GoogLeNet: in_channels must be at least 1, got 0"),
    (small_googlenet, ("10",), {}, "GoogLeNet: num_classes must be an int, got '10'"),
    (AuxiliaryClassifier, (0, 10), {}, "AuxiliaryClassifier: in_channels must be at least 1, got 0"),
    (small_googlenet(), (torch.zeros(2, 3, 28, 28),), {}, r"GoogLeNet: input must be \(N, 1, H, W\), got shape"),
    (small_googlenet(), (torch.zeros(2, 1, 7, 28),), {}, "with H ≥ 8, W ≥ 8, got shape"),
    (small_googlenet(), (torch.zeros(1, 28, 28),), {}, "GoogLeNet: input must be"),
    (GoogLeNetOutputs, (1,), {}, "missing 2 required positional arguments: 'aux_logits2' and 'aux_logits1'"),
]


def theirs(aux_logits=True, num_classes=7):
    """torchvision's, without its slow start of the weights."""
    torch.manual_seed(0)
    return models.googlenet(num_classes=num_classes, aux_logits=aux_logits, init_weights=False)


def test_the_counts():
    with torch.device("meta"):
        for aux_logits, count in [(True, 13_004_888), (False, 6_624_904)]:
            ours, other = googlenet(aux_logits=aux_logits), theirs(aux_logits, 1000)
            assert count_parameters(ours) == count_parameters(other) == count
            assert f"{count:,}" in googlenet.__doc__


def layers_of(net):
    """The layers without parts, in words; torchvision has no ReLU as a layer, and a pool of stride 1 rounds nothing."""
    return [repr(part).replace("stride=1, padding=1, dilation=1, ceil_mode=True", "stride=1, padding=1, dilation=1, "
            "ceil_mode=False") for part in net.modules()
            if not list(part.children()) and not isinstance(part, (nn.ReLU, nn.Flatten, nn.AdaptiveAvgPool2d))]


@pytest.mark.parametrize("aux_logits", [True, False])
def test_the_layers_are_torchvisions(aux_logits):
    with torch.device("meta"):
        ours, other = layers_of(googlenet(aux_logits=aux_logits)), layers_of(theirs(aux_logits, 1000))
    assert [layer for layer in ours if "Dropout" not in layer] == [layer for layer in other if "Dropout" not in layer]
    assert sorted(ours) == sorted(other)                                 # torchvision's dropout is written down later


@pytest.mark.parametrize("aux_logits", [True, False])
def test_in_use_it_is_torchvisions(aux_logits):
    assert_same_as_torchvision(googlenet(7, aux_logits=aux_logits), theirs(aux_logits), (2, 3, 49, 82))


def test_in_training_it_is_torchvisions_three_outputs_in_their_order():
    """In double precision, since batch norm over few pixels makes much of little; dropout is off, its draws differ."""
    ours, other = googlenet(7).double(), unsettle(theirs()).double()
    load_torchvision_weights(ours, other.state_dict())
    for net in (ours, other):
        net.train()
        for part in net.modules():
            if isinstance(part, nn.Dropout):
                part.eval()
    x = torch.randn(3, 3, 65, 98, dtype=torch.float64)
    got, want = ours(x), other(x)
    assert isinstance(got, GoogLeNetOutputs) and got._fields == want._fields == GoogLeNetOutputs._fields
    for a, b in zip(got, want, strict=True):
        assert a.shape == (3, 7) and a.std() > 1e-3
        assert_close(a, b, 1e-8)
    assert not torch.allclose(got.aux_logits1, got.aux_logits2)
    for a, b in zip(ours.buffers(), other.buffers(), strict=True):       # what batch norm has seen
        assert_close(a, b, 1e-8)


def test_what_comes_out_when():
    x = torch.zeros(2, 1, 28, 28)
    with_aux = GoogLeNet(10, 1, thinner=8)
    assert isinstance(with_aux.train()(x), GoogLeNetOutputs)
    assert with_aux.eval()(x).shape == (2, 10)
    without = GoogLeNet(10, 1, aux_logits=False, thinner=8)
    assert without.train()(x).shape == without.eval()(x).shape == (2, 10)


@pytest.mark.parametrize(("make", "least"), [(googlenet, 15), (lambda: small_googlenet(in_channels=3), 8),
                                             (lambda: GoogLeNet(kernel_size=5, stride=3), 22)])
def test_the_least_size_is_the_least(make, least):
    with torch.device("meta"):
        net = make()
    for mode in (True, False):
        net.train(mode)(torch.zeros(2, 3, least, least + 5, device="meta"))
    for shape in [(1, 3, least - 1, least), (1, 3, least, least - 1)]:
        x = torch.zeros(shape, device="meta")
        with pytest.raises(ValueError, match=f"H ≥ {least}, W ≥ {least}, got shape"):
            net(x)
        with pytest.raises(RuntimeError):                                # it is no more careful than it must be
            net.to_5b(net.to_4d(net.to_4a(x)))


def test_the_sizes_in_the_comments():
    """At 224×224, where the paper's Table 1 gives them: the comments of the source are read and compared."""
    with torch.device("meta"):
        net = googlenet()
    x, sizes = torch.zeros(1, 3, 224, 224, device="meta"), []
    for part in (net.to_4a, net.to_4d, net.to_5b):
        for layer in part:
            x = layer(x)
            sizes.append("(N, {}, {}, {})".format(*x.shape[1:]))
    comments = [line.split("#")[1].split(":")[-1].strip() for line in inspect.getsource(GoogLeNet).splitlines()
                if "# " in line and "(N, " in line]
    del sizes[2]                                                         # the 1×1 between has none
    assert comments == sizes


def test_the_twin_in_numpy():
    torch.manual_seed(0)
    assert_same_in_numpy(small_googlenet(7, 2), (3, 2, 19, 26))


def test_the_twin_has_three_outputs_in_training_too():
    torch.manual_seed(0)
    net = unsettle(GoogLeNet(7, 2, thinner=8, stride=1, kernel_size=3)).double().train()
    for part in net.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    x = torch.randn(3, 2, 19, 26, dtype=torch.float64)
    for got, want in zip(from_torch(net).train()(Tensor(x.numpy())), net(x), strict=True):
        assert_close(got.data, want, 1e-8)


def test_the_small_one_is_of_the_same_class():
    assert type(small_googlenet()) is GoogLeNet
    assert small_googlenet()(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
