"""VGG: torchvision's eight forms, their counts, the least image, the start of the weights, the NumPy twin."""

import re

import pytest
import torch
from torch import nn
from torchvision import models

from cnnlib import architectures
from cnnlib.architectures import VGG, small_vgg, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn
from tests.architectures.same import (
    assert_same_as_torchvision,
    assert_same_in_numpy,
    count_parameters,
    layers_of,
    narrow_pair,
    on_meta,
)

FORMS = [vgg11, vgg13, vgg16, vgg19, vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn]
BAD = [
    *((form, (0,), {}, "VGG: num_classes must be at least 1, got 0") for form in FORMS),
    (VGG, ((1, 1),), {}, r"VGG: depths and widths must be equally many, got \(1, 1\) and \(64, "),
    (VGG, ((1, 0),), {"widths": (4, 6)}, r"VGG: depths\[1\] must be at least 1, got 0"),
    (VGG, ((1, 1),), {"widths": (4, 6.0)}, r"VGG: widths\[1\] must be an int, got 6.0"),
    (VGG, (2,), {}, "VGG: depths must be a tuple or list of ints, got 2"),
    (VGG, ((2,),), {"widths": 16}, "VGG: widths must be a tuple or list of ints, got 16"),
    (VGG, ((1,),), {"widths": (4,), "grid": 0}, "VGG: grid must be at least 1, got 0"),
    (small_vgg, (10, 0), {}, "VGG: in_channels must be at least 1, got 0"),
    (small_vgg(), (torch.zeros(2, 3, 28, 28),), {}, r"VGG: input must be \(N, 1, H, W\), got shape \(2, 3, 28, 28\)"),
    (small_vgg(), (torch.zeros(2, 1, 28, 7),), {}, "with H ≥ 8, W ≥ 8, got shape"),
]


@pytest.mark.parametrize("form", FORMS)
def test_layers_and_counts_are_torchvisions(form):
    ours, theirs = on_meta(form), on_meta(getattr(models, form.__name__))
    assert layers_of(ours) == layers_of(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert count_parameters(ours) == count_parameters(theirs)
    assert f"{count_parameters(ours):,}" in re.findall(r"[\d,]+(?= parameters)", form.__doc__)
    assert count_parameters(on_meta(vgg16)) == 138_357_544


@pytest.mark.parametrize("form", FORMS)
def test_it_computes_what_torchvision_computes(form):
    torch.manual_seed(0)
    sizes = {0: (512 * 7 * 7, 9), 3: (9, 8), 6: (8, 7)}
    ours, theirs = narrow_pair(form, getattr(models, form.__name__), sizes)
    for layer in theirs.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)                        # or nothing would arrive at the end
    assert_same_as_torchvision(ours, theirs, (1, 3, 37, 70))


def test_a_signal_comes_through_nineteen_layers():
    """He's start keeps the mean square: through 16 convolutions it stays within a factor of ten, unlike torch's own."""
    torch.manual_seed(0)
    net = VGG((2, 2, 4, 4, 4), 5, 3, widths=(32, 48, 48, 64, 64), hidden=8)
    x = torch.randn(2, 3, 64, 64)
    assert 0.1 < net.features(x).square().mean() < 100
    for layer in net.features:
        if isinstance(layer, nn.Conv2d):
            assert not layer.bias.any()
            layer.reset_parameters()
            nn.init.zeros_(layer.bias)
    assert net.features(x).square().mean() < 1e-6


@pytest.mark.parametrize(("form", "least"), [*((form, 32) for form in FORMS), (lambda: small_vgg(in_channels=3), 8)])
def test_the_least_size_is_the_least(form, least):
    net = on_meta(form).eval()
    assert net(torch.zeros(1, 3, least, least + 5, device="meta")).shape[0] == 1
    for shape in [(1, 3, least - 1, least), (1, 3, least, least - 1)]:
        x = torch.zeros(shape, device="meta")
        with pytest.raises(ValueError, match=f"H ≥ {least}, W ≥ {least}, got shape"):
            net(x)
        with pytest.raises(RuntimeError):                                # it is no more careful than it must be
            net.features(x)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_twin_in_numpy(batch_norm):
    torch.manual_seed(0)
    net = VGG((1, 2, 1), 7, 2, batch_norm, widths=(3, 5, 4), grid=2, hidden=6)
    assert_same_in_numpy(net, (3, 2, 17, 26))


def test_the_small_one_is_of_the_same_class_and_has_a_twin():
    assert type(small_vgg()) is VGG
    assert small_vgg()(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert_same_in_numpy(small_vgg(7, 2), (3, 2, 17, 26))
    assert {form.__name__ for form in FORMS} <= set(dir(architectures))
