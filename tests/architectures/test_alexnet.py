"""AlexNet: torchvision's in one tower; the paper's counts, sizes, groups and norm in two."""

from importlib import import_module

import pytest
import torch
from torch import nn
from torchvision import models

from cnnlib.architectures import (
    AlexNet,
    AlexNetOf2012,
    alexnet,
    alexnet_two_towers,
    alexnet_ungrouped,
    small_alexnet,
)
from cnnlib.testing import assert_close
from tests.architectures.same import (
    assert_same_as_torchvision,
    assert_same_in_numpy,
    count_parameters,
    layers_of,
    narrow_pair,
    on_meta,
    unsettle,
)

SMALL = {"num_classes": 5, "in_channels": 2, "widths": (4, 6, 8, 6, 4), "hidden": 7}
BAD = [
    (AlexNet, (0,), {}, "AlexNet: num_classes must be at least 1, got 0"),
    (AlexNet, (), {"widths": (4, 6, 8, 6)}, r"AlexNet: widths must be five ints, got \(4, 6, 8, 6\)"),
    (AlexNet, (), {"widths": 64}, "AlexNet: widths must be five ints, got 64"),
    (AlexNet, (), {"grid": 2.0}, "AlexNet: grid must be an int, got 2.0"),
    (alexnet, (10, 0), {}, "AlexNet: in_channels must be at least 1, got 0"),
    (small_alexnet, (), {"num_classes": None}, "AlexNet: num_classes must be an int, got None"),
    (AlexNetOf2012, (), {"widths": (96, 256, 384, 383, 256)},
     "AlexNetOf2012: widths must divide by towers, got widths 383 and towers 2"),
    (AlexNetOf2012, (), {"towers": 0}, "AlexNetOf2012: towers must be at least 1, got 0"),
    (alexnet_two_towers, (), {"padding": 1}, "AlexNetOf2012: padding must be 0, for 227×227, or 2, .*got 1"),
    (alexnet_ungrouped, (-1,), {}, "AlexNetOf2012: num_classes must be at least 1, got -1"),
    (small_alexnet(), (torch.zeros(2, 3, 28, 28),), {}, r"AlexNet: input must be \(N, 1, H, W\), got shape"),
    (small_alexnet(), (torch.zeros(2, 1, 28, 16),), {}, "AlexNet: input must be .*with H ≥ 17, W ≥ 17, got shape"),
    (small_alexnet(), (torch.zeros(28, 28),), {}, r"AlexNet: input must be \(N, 1, H, W\), got shape \(28, 28\)"),
    (AlexNetOf2012(**SMALL), (torch.zeros(2, 2, 66, 67),), {}, "with H ≥ 67, W ≥ 67, got shape"),
    (AlexNetOf2012(**SMALL, padding=2), (torch.zeros(2, 2, 62, 63),), {}, "with H ≥ 63, W ≥ 63, got shape"),
]


def test_one_tower_is_torchvisions():
    ours, theirs = on_meta(alexnet), on_meta(models.alexnet)
    assert count_parameters(ours) == count_parameters(theirs) == 61_100_840
    assert layers_of(ours) == layers_of(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_one_tower_computes_what_torchvision_computes():
    torch.manual_seed(0)
    ours, theirs = narrow_pair(alexnet, models.alexnet, {1: (256 * 6 * 6, 9), 4: (9, 8), 6: (8, 7)})
    assert_same_as_torchvision(ours, theirs, (2, 3, 95, 131))


def test_the_counts_of_the_paper():
    assert count_parameters(on_meta(alexnet_two_towers)) == 60_965_224
    assert count_parameters(on_meta(alexnet_ungrouped)) == 62_378_344
    assert count_parameters(on_meta(alexnet_two_towers, padding=2)) == 60_965_224


@pytest.mark.parametrize(("padding", "size"), [(0, 227), (2, 224)])
@pytest.mark.parametrize("make", [alexnet_two_towers, alexnet_ungrouped])
def test_the_sizes_of_the_paper(make, padding, size):
    """Section 3.5: maps of 55×55, then 186,624, 64,896, 64,896 and 43,264 neurons, 4096, 4096, 1000; pools overlap."""
    net, x, sizes = on_meta(make, padding=padding), torch.zeros(1, 3, size, size, device="meta"), []
    for layer in net.features:
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            sizes.append(x.shape[1:].numel())
    assert sizes == [96 * 55 * 55, 186_624, 64_896, 64_896, 43_264]
    assert x.shape[1:] == (256, 6, 6)
    assert [layer.out_features for layer in net.classifier if isinstance(layer, nn.Linear)] == [4096, 4096, 1000]
    assert [(pool.kernel_size, pool.stride) for pool in net.features if isinstance(pool, nn.MaxPool2d)] == [(3, 2)] * 3
    kinds = [type(layer).__name__ for layer in net.features if not isinstance(layer, nn.Conv2d)]
    norm = ["ReLU", "LocalResponseNorm", "MaxPool2d"]
    assert kinds == norm + norm + ["ReLU", "ReLU", "ReLU", "MaxPool2d"]
    assert [type(layer).__name__ for layer in net.classifier] == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]


def test_two_towers_are_one_network_without_weights_between_them():
    """All towers=1 has more are the weights from one half to the other in the second, fourth and fifth convolution."""
    torch.manual_seed(0)
    towers, whole = unsettle(AlexNetOf2012(**SMALL)).eval(), AlexNetOf2012(**SMALL, towers=1).eval()
    state = {}
    for name, want in whole.state_dict().items():
        value = towers.state_dict()[name]
        if value.shape != want.shape:
            out, half = value.shape[:2]
            assert want.shape[1] == 2 * half
            value = torch.cat([torch.cat([value[:out // 2], torch.zeros(out // 2, *value.shape[1:])], 1),
                               torch.cat([torch.zeros(out // 2, *value.shape[1:]), value[out // 2:]], 1)])
        state[name] = value
    grouped = [name for name in state if state[name].shape != towers.state_dict()[name].shape]
    convs = [f"features.{i}.weight" for i, layer in enumerate(whole.features) if isinstance(layer, nn.Conv2d)]
    assert grouped == [convs[1], convs[3], convs[4]]
    whole.load_state_dict(state)
    x = torch.randn(2, 2, 71, 103)
    assert towers(x).std() > 1e-3
    assert_close(towers(x), whole(x), 1e-5)


def test_the_norm_is_the_papers_formula():
    """b_i = a_i / (2 + 1e-4 · Σ a_j²)^0.75 over the maps j = i − 2 … i + 2 that there are."""
    torch.manual_seed(0)
    norms = [layer for layer in AlexNetOf2012(**SMALL).features if isinstance(layer, nn.LocalResponseNorm)]
    assert len(norms) == 2
    a = 100 * torch.rand(2, 7, 3, 5, dtype=torch.float64)
    for norm in norms:
        b = norm(a)
        for i in range(7):
            total = sum(a[:, j] ** 2 for j in range(max(0, i - 2), min(7, i + 3)))
            assert_close(b[:, i], a[:, i] / (2 + 1e-4 * total) ** 0.75, 1e-10)


@pytest.mark.parametrize(("make", "least"), [
    (alexnet, 63), (alexnet_two_towers, 67), (alexnet_ungrouped, 67),
    (lambda: alexnet_two_towers(padding=2), 63), (lambda: small_alexnet(in_channels=3), 17)])
def test_the_least_size_is_the_least(make, least):
    net = on_meta(make)
    assert net(torch.zeros(2, 3, least, least + 5, device="meta")).shape[0] == 2
    for shape in [(2, 3, least - 1, least), (2, 3, least, least - 1)]:
        x = torch.zeros(shape, device="meta")
        with pytest.raises(ValueError, match=f"H ≥ {least}, W ≥ {least}, got shape"):
            net(x)
        with pytest.raises(RuntimeError):                                # it is no more careful than it must be
            net.features(x)


@pytest.mark.parametrize("net", [
    lambda: small_alexnet(7, 2), lambda: AlexNetOf2012(**SMALL), lambda: AlexNetOf2012(**SMALL, padding=2, towers=1)])
def test_the_twin_in_numpy(net):
    torch.manual_seed(0)
    net = net()
    assert_same_in_numpy(net, (2, 2, net.least[0] + 2, net.least[1] + 10))


def test_the_small_one_is_of_the_same_class():
    assert type(small_alexnet()) is AlexNet is type(on_meta(alexnet))
    assert small_alexnet()(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert not hasattr(import_module("cnnlib.architectures"), "nn")     # the star imports bring names of __all__ only
