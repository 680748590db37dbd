"""Convolution with its company: shapes, counts, what the block is made of, and the NumPy twin."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnlib.blocks import ConvNormAct, DepthwiseSeparable, InvertedResidual, SqueezeExcitation, StochasticDepth
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy, count_parameters

BAD = [
    (ConvNormAct, (3, 0), {}, "ConvNormAct: out_channels must be at least 1, got 0"),
    (ConvNormAct, (3, 8, 3.0), {}, "ConvNormAct: kernel_size must be an int, got 3.0"),
    (ConvNormAct, (3, True), {}, "ConvNormAct: out_channels must be an int, got True"),
    (ConvNormAct, (3, 8, 4), {}, "ConvNormAct: kernel_size must be odd, got 4"),
    (ConvNormAct, (3, 8), {"norm": "batch"}, "must be None or a function or class that makes a layer, got 'batch'"),
    (ConvNormAct, (3, 8), {"activation": nn.ReLU()}, r"ConvNormAct: activation must be None or .* got ReLU\(\)"),
    (InvertedResidual, (8, 8), {"kernel_size": 2}, "InvertedResidual: kernel_size must be odd, got 2"),
    (InvertedResidual, (8, 8), {"norm": nn.BatchNorm2d(48)}, "InvertedResidual: norm must be .* got BatchNorm2d"),
    (ConvNormAct, (6, 8), {"groups": 4}, "in_channels must divide by groups, got in_channels 6 and groups 4"),
    (ConvNormAct, (8, 6), {"groups": 4}, "out_channels must divide by groups, got out_channels 6 and groups 4"),
    (InvertedResidual, (8, 8), {"expansion": 0}, "InvertedResidual: expansion must be at least 1, got 0"),
    (SqueezeExcitation, (0,), {}, "SqueezeExcitation: channels must be at least 1, got 0"),
    (SqueezeExcitation, (8, 0), {}, "SqueezeExcitation: hidden must be at least 1, got 0"),
    (StochasticDepth, (1.5,), {}, "p must be from 0 to 1, got 1.5"),
    (StochasticDepth, ("0.5",), {}, "p must be from 0 to 1, got '0.5'"),
]

BLOCKS = {
    "conv": (lambda: ConvNormAct(3, 6, (5), 2), (2, 3, 9, 7), (2, 6, 5, 4)),
    "dilated": (lambda: ConvNormAct(4, 6, 3, 1, 2, 2, norm=None, activation=None), (2, 4, 9, 7), (2, 6, 9, 7)),
    "separable": (lambda: DepthwiseSeparable(4, 6, 2), (2, 4, 9, 7), (2, 6, 5, 4)),
    "inverted": (lambda: InvertedResidual(4, 4), (2, 4, 9, 7), (2, 4, 9, 7)),
    "inverted, stride": (lambda: InvertedResidual(4, 6, 2, 1, 5), (2, 4, 9, 7), (2, 6, 5, 4)),
    "MBConv": (lambda: InvertedResidual(4, 4, 1, 3, 5, 2, activation=nn.SiLU), (2, 4, 9, 7), (2, 4, 9, 7)),
    "SE": (lambda: SqueezeExcitation(4, 3), (2, 4, 9, 7), (2, 4, 9, 7)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_shapes_and_the_twin_in_numpy(name):
    make, shape, out = BLOCKS[name]
    torch.manual_seed(0)
    block = make()
    assert block(torch.randn(shape)).shape == out
    assert_same_in_numpy(block, shape)


def test_separable_costs_what_the_chapter_says():
    full = nn.Conv2d(64, 256, 3, padding=1, bias=False).weight.numel()
    cheap = sum(conv.weight.numel() for conv in DepthwiseSeparable(64, 256).modules() if isinstance(conv, nn.Conv2d))
    assert cheap / full == pytest.approx(1 / 256 + 1 / 9)


def test_a_convolution_has_a_bias_only_without_a_norm():
    assert count_parameters(ConvNormAct(3, 8)) == 3 * 8 * 9 + 2 * 8
    assert count_parameters(ConvNormAct(3, 8, norm=None)) == 3 * 8 * 9 + 8


def test_the_residual_is_there_and_only_where_shapes_allow():
    x = torch.randn(2, 4, 5, 7)
    for stride, out_channels in [(1, 4), (2, 4), (1, 6)]:
        block = InvertedResidual(4, out_channels, stride).eval()
        branch = block.branch(x)
        assert_close(block(x), branch + x if (stride, out_channels) == (1, 4) else branch)


def test_the_narrow_ends_of_an_inverted_residual_are_linear():
    for expansion, activations in [(1, 1), (6, 2)]:
        block = InvertedResidual(4, 6, expansion=expansion)
        layers = [layer for layer in block.modules() if not list(layer.children())]
        assert [type(layer) for layer in layers[-3:]] == [nn.Conv2d, nn.BatchNorm2d, StochasticDepth]
        assert sum(isinstance(layer, nn.ReLU6) for layer in layers) == activations


def test_squeeze_excitation_is_its_formula():
    x, block = torch.randn(2, 6, 5, 7), SqueezeExcitation(6, 4)
    first, second = block.excite[0], block.excite[2]
    mean = x.mean((2, 3))
    scale = torch.sigmoid(torch.relu(mean @ first.weight[:, :, 0, 0].T + first.bias) @ second.weight[:, :, 0, 0].T
                          + second.bias)
    assert_close(block(x), x * scale[:, :, None, None])


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    x, block = torch.ones(4000, 2, 1, 3), StochasticDepth(0.3)
    out = block(x)
    first = out[:, :1, :1, :1]
    assert torch.equal(out, first.expand_as(out))
    assert set(first.unique().tolist()) == {0.0, x.new_tensor(1 / 0.7).item()}
    assert abs(out.mean().item() - 1) < 0.04             # 4000 draws: the spread of the mean is 0.01
    assert torch.equal(block.eval()(x), x)


def test_an_int_of_numpys_is_an_int():
    one, three, four = map(np.int64, (1, 3, 4))
    assert ConvNormAct(three, four, three, one)(torch.randn(2, 3, 5, 7)).shape == (2, 4, 5, 7)
    assert SqueezeExcitation(four)(torch.randn(2, 4, 5, 7)).shape == (2, 4, 5, 7)
