"""Pyramids on a backbone: torchvision's on ResNet-50, and a small one that segments."""

import pytest
import torch
import torchvision
from torch import nn

from cnnlib import data, training
from cnnlib.architectures import (
    FPNSegmenter,
    PyramidBackbone,
    load_torchvision_weights,
    resnet50_fpn,
    small_fpn,
    small_pyramid,
)
from cnnlib.blocks import ConvNormAct
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy, count_parameters, unsettle


def tiny(extra_levels=None):
    stages = [ConvNormAct(3, 4), ConvNormAct(4, 5, stride=2), ConvNormAct(5, 6, stride=2)]
    return PyramidBackbone(ConvNormAct(2, 3, stride=2), stages, (5, 6), 4, 2, extra_levels)


BAD = [
    (PyramidBackbone, (nn.Identity(), [nn.Identity()], (3, 4)), {}, "channels must be for 1 to 1 stages"),
    (PyramidBackbone, (nn.Identity(), [5], (3,)), {}, "stem and stages must be modules, got int"),
    (PyramidBackbone, (nn.Identity(), 5, (3,)), {}, "PyramidBackbone: stages must be a list of modules, got int"),
    (PyramidBackbone, (nn.Identity(), [nn.Identity()], 3), {}, "channels must be a tuple or list of ints, got 3"),
    (PyramidBackbone, (nn.Identity(), [nn.Identity()], (3,)), {"extra_levels": "p6"},
     'extra_levels must be None, "pool" or "conv"'),
    (tiny(), (torch.zeros(1, 3, 8, 8),), {}, r"PyramidBackbone: input must be \(N, 2, H, W\)"),
    (resnet50_fpn, (), {"levels": 5}, "resnet50_fpn: levels must be at most 4, got 5"),
    (small_pyramid, (), {"levels": 0}, "small_pyramid: levels must be at least 1, got 0"),
    (FPNSegmenter, (nn.Identity(), 2), {}, "FPNSegmenter: backbone must be a PyramidBackbone, got Identity"),
    (FPNSegmenter, (tiny("pool"), 2), {}, "FPNSegmenter: backbone must have extra_levels=None, got 'pool'"),
    (FPNSegmenter, (tiny(), 0), {}, "FPNSegmenter: num_classes must be at least 1, got 0"),
    (small_fpn, (-1,), {}, "FPNSegmenter: num_classes must be at least 1, got -1"),
    (small_fpn(), (torch.zeros(1, 3, 8, 8),), {}, r"input must be \(N, 1, H, W\)"),
]


def test_resnet50_fpn_is_torchvisions():
    utils = torchvision.models.detection.backbone_utils
    theirs = utils.resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=nn.BatchNorm2d,
                                       trainable_layers=5)
    ours = resnet50_fpn().eval()
    unsettle(theirs).eval()
    assert count_parameters(ours) == count_parameters(theirs)
    load_torchvision_weights(ours, theirs.state_dict())
    x = torch.randn(1, 3, 75, 101, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        got, want = ours(x), list(theirs(x).values())
    assert [tuple(y.shape[2:]) for y in got] == [(19, 26), (10, 13), (5, 7), (3, 4), (2, 2)]
    for here, there in zip(got, want, strict=True):
        scale = there.abs().max()
        assert_close(here / scale, there / scale)


class InOneRow(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return torch.cat([y.flatten(1) for y in self.net(x)], 1)


@pytest.mark.parametrize("extra_levels", [None, "pool", "conv"])
def test_a_pyramid_stands_on_the_last_stages(extra_levels):
    torch.manual_seed(0)
    net = tiny(extra_levels).eval()
    x = torch.randn(2, 2, 13, 22)
    got = net(x)
    stages = [net.stem(x)]
    for stage in net.stages:
        stages.append(stage(stages[-1]))
    want = net.pyramid(stages[2:])
    if extra_levels == "pool":
        want.append(want[-1][:, :, ::2, ::2])
    elif extra_levels == "conv":
        want.append(net.coarser[0](want[-1]))
        want.append(net.coarser[1](torch.relu(want[-1])))
    assert [y.shape for y in got] == [y.shape for y in want]
    for here, there in zip(got, want, strict=True):
        assert_close(here, there)
    assert_same_in_numpy(InOneRow(net), (2, 2, 13, 22))


def test_small_fpn_takes_any_size_and_has_a_twin():
    torch.manual_seed(0)
    net = small_fpn(3)
    assert net(torch.zeros(2, 1, 21, 35)).shape == (2, 3, 21, 35)
    assert [tuple(y.shape) for y in net.backbone(torch.zeros(2, 1, 21, 35))] == [
        (2, 32, 11, 18), (2, 32, 6, 9), (2, 32, 3, 5), (2, 32, 2, 3)]
    last = small_pyramid(levels=2)(torch.zeros(1, 1, 21, 35))
    assert [tuple(y.shape) for y in last] == [(1, 32, 3, 5), (1, 32, 2, 3)]
    assert_same_in_numpy(FPNSegmenter(tiny(), 3, width=5), (2, 2, 13, 22))


def test_every_level_counts():
    """The sum has a part of every map: without one the classes change."""
    torch.manual_seed(0)
    net = unsettle(small_fpn()).eval()
    x = torch.randn(1, 1, 24, 32)
    whole = net(x)
    for read in net.read:
        kept = read[0].weight.data.clone()
        read[0].weight.data.zero_()
        assert (net(x) - whole).abs().max() > 1e-4
        read[0].weight.data.copy_(kept)


def test_small_fpn_learns_where_digits_are():
    torch.manual_seed(0)
    x, masks, _, _ = data.scenes(8, (24, 32), (1, 1), seed=0, gray=True, binary=True)
    net = small_fpn()
    history = training.fit(net, x, masks, epochs=40, lr=3e-3, batch_size=8)
    with torch.no_grad():
        found = net(torch.as_tensor(x)).argmax(1).bool().numpy()
    iou = (found & (masks > 0)).sum() / (found | (masks > 0)).sum()
    assert history.loss.iloc[-1] < 0.3 * history.loss.iloc[0] and iou > 0.4
