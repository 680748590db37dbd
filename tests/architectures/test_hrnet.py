"""HRNet: the published count, its parts by hand, and the small forms."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib import data, training
from cnnlib.architectures import (
    HRNet,
    HRNetClassifier,
    HRNetSegmenter,
    hrnet_w18,
    small_hrnet,
    small_hrnet_segmenter,
)
from cnnlib.architectures.hrnet import HRModule
from cnnlib.blocks import ConvNormAct
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy, count_parameters, unsettle


def tiny():
    return HRNet(ConvNormAct(2, 6, stride=2), 2, 6, (3, 4, 5), modules=(1, 2), blocks=1)


BAD = [
    (HRModule, ((3, 4), 0), {}, "HRModule: blocks must be at least 1, got 0"),
    (HRNet, (nn.Identity(), 3, 3, (4, 5), (1, 1), 1), {}, "modules must be one number fewer than widths"),
    (HRNet, (nn.Identity(), 3, 3, (4,), (), 1), {}, "HRNet: modules must hold at least one int"),
    (HRNet, (nn.Identity(), 3, 3, 4, (1,), 1), {}, "HRNet: widths must be a tuple or list of ints, got 4"),
    (HRNet, (nn.Identity(), 3, 3, (4, 8), 1, 1), {}, "HRNet: modules must be a tuple or list of ints, got 1"),
    (HRNetClassifier, (tiny(), 8, 8, 10), {}, "HRNetClassifier: widths must be a tuple or list of ints, got 8"),
    (HRNet, (nn.Identity(), 3, 3, (4, 0), (1,), 1), {}, r"HRNet: widths\[1\] must be at least 1, got 0"),
    (tiny(), (torch.zeros(1, 1, 8, 8),), {}, r"HRNet: input must be \(N, 2, H, W\)"),
    (HRNetClassifier, (nn.Identity(), (4,), 8, 10), {}, "HRNetClassifier: net must be an HRNet, got Identity"),
    (HRNetClassifier, (tiny(), (4, 8), 8, 10), {}, "widths must be 3 numbers, one a map"),
    (HRNetClassifier, (tiny(), (4, 8, 10), 8, 10), {}, "Bottleneck: out_channels must divide by"),
    (HRNetSegmenter, (nn.Identity(), 2), {}, "HRNetSegmenter: net must be an HRNet"),
    (HRNetSegmenter, (tiny(), 0), {}, "HRNetSegmenter: num_classes must be at least 1, got 0"),
    (hrnet_w18, (0,), {}, "num_classes must be at least 1, got 0"),
    (small_hrnet, (10, 0), {}, "in_channels must be at least 1, got 0"),
    (small_hrnet_segmenter, (0,), {}, "num_classes must be at least 1, got 0"),
]


def test_w18_has_the_published_count_and_sizes():
    """21,299,004: timm's hrnet_w18 and the model zoo of the authors (HRNet-W18-C, 21.3 M)."""
    with torch.device("meta"):
        net = hrnet_w18()
        assert count_parameters(net) == 21_299_004
        maps = net.net(torch.zeros(1, 3, 224, 160))
        assert [tuple(y.shape) for y in maps] == [(1, 18, 56, 40), (1, 36, 28, 20), (1, 72, 14, 10), (1, 144, 7, 5)]
        assert net(torch.zeros(2, 3, 95, 64)).shape == (2, 1000)
        assert [len(stage) for stage in net.net.stages] == [1, 4, 3]
        assert all(len(branch) == 4 for stage in net.net.stages for module in stage for branch in module.branches)


def test_the_maps_are_the_figure_of_the_paper():
    """One resolution more with each stage, started from the coarsest; the first two from the stem."""
    torch.manual_seed(0)
    net = unsettle(tiny()).eval()
    x = torch.randn(2, 2, 22, 30)
    stem = net.stem(x)
    a, b = net.fine(stem), net.coarser[0](stem)
    first = net.stages[0][0]
    a, b = first.exchange([first.branches[0](a), first.branches[1](b)])
    maps = [a, b, net.coarser[1](b)]
    for module in net.stages[1]:
        maps = module.exchange([branch(y) for branch, y in zip(module.branches, maps, strict=True)])
    got = net(x)
    assert [tuple(y.shape) for y in got] == [(2, 3, 11, 15), (2, 4, 6, 8), (2, 5, 3, 4)]
    for here, there in zip(got, maps, strict=True):
        assert_close(here, there)


def test_the_classifier_adds_from_fine_to_coarse():
    torch.manual_seed(0)
    net = unsettle(HRNetClassifier(tiny(), (4, 8, 12), 9, 7)).eval()
    x = torch.randn(2, 2, 22, 30)
    a, b, c = (widen(y) for widen, y in zip(net.widen, net.net(x), strict=True))
    total = c + net.shrink[1](b + net.shrink[0](a))
    assert_close(net(x), net.head[3](net.head[0](total).mean((2, 3))))


def test_the_segmenter_lays_the_maps_upon_each_other():
    torch.manual_seed(0)
    net = unsettle(HRNetSegmenter(tiny(), 3)).eval()
    x = torch.randn(2, 2, 22, 30)
    a, b, c = net.net(x)
    both = torch.cat([a, *(F.interpolate(y, (11, 15), mode="bilinear", align_corners=False) for y in (b, c))], 1)
    assert both.shape[1] == 3 + 4 + 5
    want = F.interpolate(net.classify(both), (22, 30), mode="bilinear", align_corners=False)
    assert_close(net(x), want)
    assert want.shape == (2, 3, 22, 30)


@pytest.mark.parametrize("net", [lambda: HRNetClassifier(tiny(), (4, 8, 12), 9, 7), lambda: HRNetSegmenter(tiny(), 3)],
                         ids=["classes", "pixels"])
def test_the_twin_in_numpy(net):
    torch.manual_seed(0)
    assert_same_in_numpy(net(), (3, 2, 13, 22))


def test_small_forms_learn():
    torch.manual_seed(0)
    (x, y), _ = data.digits()
    net = small_hrnet()
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    training.fit(net, x[:64], y[:64], epochs=12, lr=3e-3, batch_size=32)
    with torch.no_grad():
        right = (net(torch.as_tensor(x[:64])).argmax(1).numpy() == y[:64]).mean()
    assert right > 0.8
    x, masks, _, _ = data.scenes(8, (24, 32), (1, 1), seed=0, gray=True, binary=True)
    net = small_hrnet_segmenter()
    history = training.fit(net, x, masks, epochs=40, lr=3e-3, batch_size=8)
    assert history.loss.iloc[-1] < 0.3 * history.loss.iloc[0]
    assert small_hrnet_segmenter(11)(torch.zeros(2, 1, 21, 35)).shape == (2, 11, 21, 35)
