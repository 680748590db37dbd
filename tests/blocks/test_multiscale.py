"""The way down of FPN is torchvision's, and HRNet's exchange is its sum."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from cnnlib.architectures import load_torchvision_weights
from cnnlib.blocks import HRExchange, TopDownPyramid
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy, count_parameters, unsettle

maps_of = [torch.zeros(1, 4, 8, 9), torch.zeros(1, 6, 4, 5)]

BAD = [
    (TopDownPyramid, ((4, 0),), {}, r"TopDownPyramid: in_channels\[1\] must be at least 1, got 0"),
    (TopDownPyramid, ((),), {}, r"TopDownPyramid: in_channels must hold at least one int, got \(\)"),
    (TopDownPyramid, (8,), {}, "TopDownPyramid: in_channels must be a tuple or list of ints, got 8"),
    (TopDownPyramid, ((4, 6), 2.0), {}, "TopDownPyramid: out_channels must be an int, got 2.0"),
    (TopDownPyramid((4, 6), 5), (maps_of[:1],), {}, "input must be 2 feature maps, the finest first, got 1"),
    (TopDownPyramid((4, 6), 5), (maps_of[0],), {}, "input must be a list of 2 feature maps, got Tensor"),
    (TopDownPyramid((4, 6), 5), (maps_of[::-1],), {}, r"TopDownPyramid: input must be \(N, 4, H, W\)"),
    (TopDownPyramid((4, 6), 5), ([maps_of[0].expand(3, -1, -1, -1), maps_of[1]],), {},
     r"TopDownPyramid: input must be maps of the same N images, got shapes \[\(3, 4, 8, 9\), \(1, 6, 4, 5\)\]"),
    (HRExchange, (4,), {}, "HRExchange: channels must be a tuple or list of ints, got 4"),
    (HRExchange, ((4, "a"),), {}, r"HRExchange: channels\[1\] must be an int, got 'a'"),
    (HRExchange, ((),), {}, r"HRExchange: channels must hold at least one int, got \(\)"),
    (HRExchange, ((4, 6), 3), {}, "outputs must be at most 2, as many as channels, got 3"),
    (HRExchange((4, 6)), (maps_of[1:],), {}, "HRExchange: input must be 2 feature maps"),
    (HRExchange((4, 6)), ([maps_of[0], maps_of[1][..., :4]],), {},
     r"HRExchange: input must be maps of H, W = \[\(8, 9\), \(4, 5\)\], .*, got \[\(8, 9\), \(4, 4\)\]"),
    (HRExchange((4, 6)), ([maps_of[0], maps_of[1].expand(2, -1, -1, -1)],), {}, "HRExchange: .* the same N images"),
]


@pytest.mark.parametrize("sizes", [[(12, 20), (6, 10), (3, 5)], [(13, 19), (7, 10), (4, 5)]], ids=["even", "odd"])
def test_top_down_pyramid_is_torchvisions(sizes):
    theirs = torchvision.ops.FeaturePyramidNetwork([3, 5, 4], 6)
    unsettle(theirs)
    torch.manual_seed(0)
    ours = TopDownPyramid((3, 5, 4), 6)
    load_torchvision_weights(ours, theirs.state_dict())
    maps = [torch.randn(2, c, *size) for c, size in zip((3, 5, 4), sizes, strict=True)]
    want = theirs({str(i): x for i, x in enumerate(maps)})
    for got, there in zip(ours(maps), want.values(), strict=True):
        assert_close(got, there)


def test_the_pyramid_starts_as_torchvisions():
    ours, theirs = TopDownPyramid((300,), 200), torchvision.ops.FeaturePyramidNetwork([300], 200)
    for here, there in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert here.std(correction=0).item() == pytest.approx(there.std(correction=0).item(), rel=0.02)


def exchange_by_hand(block, maps):
    """Every way by itself, written as its formula: a coarser map's pixel is repeated 2^k times in both directions."""
    out = []
    for i in range(len(block.ways)):
        total = 0
        for j, x in enumerate(maps):
            if j > i:
                conv, norm = block.ways[i][j][0], block.ways[i][j][1]
                x = norm(F.conv2d(x, conv.weight))                       # no ReLU before the sum
                x = x.repeat_interleave(2 ** (j - i), 2).repeat_interleave(2 ** (j - i), 3)
            elif j < i:
                layers = list(block.ways[i][j])
                assert len(layers) == i - j
                for n, layer in enumerate(layers):
                    conv, norm = layer[0], layer[1]
                    x = norm(F.conv2d(x, conv.weight, None, stride=2, padding=1))
                    x = x if n == len(layers) - 1 else F.relu(x)
            total = total + x
        out.append(F.relu(total))
    return out


@pytest.mark.parametrize("outputs", [None, 1])
def test_exchange_is_its_formula(outputs):
    torch.manual_seed(0)
    block = unsettle(HRExchange((3, 5, 4), outputs)).eval()
    maps = [torch.randn(2, c, 12 // s, 20 // s) for c, s in zip((3, 5, 4), (1, 2, 4), strict=True)]
    want = exchange_by_hand(block, maps)
    got = block(maps)
    assert len(got) == (outputs or 3)
    for here, there, x in zip(got, want, maps, strict=False):
        assert here.shape == x.shape
        assert_close(here, there)


def test_exchange_counts_and_takes_odd_sizes():
    a, b, c = 3, 5, 4
    block = HRExchange((a, b, c))
    convs = (a * b + a * c + b * c) + 9 * (a * b + a * a + a * c + b * c)                # up by 1×1, down by 3×3
    norms = 2 * (a + a + b) + 2 * (b + a + c + c)
    assert count_parameters(block) == convs + norms
    maps = [torch.randn(2, channels, *size) for channels, size in [(a, (13, 19)), (b, (7, 10)), (c, (4, 5))]]
    assert [x.shape for x in block(maps)] == [x.shape for x in maps]


class OnPyramid(nn.Module):
    """Maps made of one input, and all outputs in one row: what the twin's test can follow."""

    def __init__(self, block, channels):
        super().__init__()
        self.make = nn.ModuleList(nn.Conv2d(2, c, 3, stride=2**i, padding=1) for i, c in enumerate(channels))
        self.block = block

    def forward(self, x):
        return torch.cat([y.flatten(1) for y in self.block([make(x) for make in self.make])], 1)


@pytest.mark.parametrize("block", [TopDownPyramid((3, 5, 4), 6), HRExchange((3, 5, 4)), HRExchange((3, 5, 4), 2)],
                         ids=["pyramid", "exchange", "two outputs"])
def test_the_twin_in_numpy(block):
    assert_same_in_numpy(OnPyramid(block, (3, 5, 4)), (2, 2, 9, 14))
