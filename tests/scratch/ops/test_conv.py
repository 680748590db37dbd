"""Separable convolutions and ASPP on arrays: the torch blocks' numbers, and what they save."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnlib.blocks import ASPP, DepthwiseSeparable
from cnnlib.geometry import conv_macs, conv_output_size
from cnnlib.scratch.functional import conv2d
from cnnlib.scratch.ops import aspp, depthwise_separable_conv2d
from cnnlib.testing import assert_close

x4, deep, point = np.zeros((2, 4, 6, 5)), np.zeros((4, 1, 3, 3)), np.zeros((3, 4, 1, 1))
one, three, last = np.zeros((2, 4, 1, 1)), np.zeros((2, 4, 3, 3)), np.zeros((5, 6, 1, 1))
BAD = [
    (depthwise_separable_conv2d, ([1.0], deep, point), {}, "input must be a NumPy array, got list"),
    (depthwise_separable_conv2d, (x4, deep[:, 0], point), {}, r"depthwise must be \(C, 1, kH, kW\), got \(4, 3, 3\)"),
    (depthwise_separable_conv2d, (x4, three, point), {}, r"depthwise must be \(C, 1, kH, kW\), got \(2, 4, 3, 3\)"),
    (depthwise_separable_conv2d, (x4, None, point), {}, r"depthwise must be \(C, 1, kH, kW\), got None"),
    (depthwise_separable_conv2d, (x4, deep, three), {}, r"pointwise must be \(O, 4, 1, 1\) .* got \(2, 4, 3, 3\)"),
    (depthwise_separable_conv2d, (x4, deep, None), {}, r"pointwise must be \(O, 4, 1, 1\) .* got None"),
    (depthwise_separable_conv2d, (x4[:, :3], deep, point), {}, "input has 3 channels"),
    (depthwise_separable_conv2d, (x4, deep, point.astype(np.float32)), {}, "all arrays must have one dtype"),
    (aspp, (x4, [one, three, one, last], [None] * 4), {"rates": (0,)}, r"rates must be a tuple of ints from 1 on"),
    (aspp, (x4, [one, three, one, last], [None] * 4), {}, "weights must be a list of 6 arrays for 3 rates, got 4"),
    (aspp, (x4, [one, three, one, last], None), {"rates": (2,)}, "biases must be a list of 4 arrays .* got NoneType"),
    (aspp, (x4[0], [one, three, one, last], [None] * 4), {"rates": (2,)}, r"input must be \(N, C, H, W\)"),
    (aspp, (x4, [one, one, one, last], [None] * 4), {"rates": (2,)}, r"weights\[1\] must be a 3×3 kernel with 4 axes"),
    (aspp, (x4, [one, three, None, last], [None] * 4), {"rates": (2,)}, r"weights\[2\] must be a 1×1 kernel"),
    (aspp, (x4, [one, three, one, one], [None] * 4), {"rates": (2,)}, "input has 6 channels"),
]


def arrays(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("options", [{}, {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}], ids=str)
def test_separable_is_a_convolution_with_the_product_of_the_kernels(options):
    x, depthwise, pointwise, bias = arrays((2, 3, 7, 10), (3, 1, 3, 2), (5, 3, 1, 1), (5,))
    product = pointwise * depthwise[:, 0]                                # (O, C, kH, kW)
    assert_close(depthwise_separable_conv2d(x, depthwise, pointwise, bias, **options),
                 conv2d(x, product, bias, **options))


@pytest.mark.parametrize("stride", [1, 2])
def test_separable_equals_the_layers_of_the_torch_block(stride):
    torch.manual_seed(0)
    block = DepthwiseSeparable(4, 6, stride).double()
    depthwise, pointwise = (module for module in block.modules() if isinstance(module, nn.Conv2d))
    x, = arrays((2, 4, 9, 6))
    got = depthwise_separable_conv2d(x, depthwise.weight.detach().numpy(), pointwise.weight.detach().numpy(),
                                     stride=stride, padding=1)
    assert_close(got, pointwise(depthwise(torch.from_numpy(x))))


@pytest.mark.parametrize(("channels", "out_channels", "kernel"), [(64, 256, 3), (3, 32, 5), (128, 128, 7)])
def test_its_work_is_the_share_that_the_formula_says(channels, out_channels, kernel):
    size = (conv_output_size(57, kernel, 2, 1), conv_output_size(41, kernel, 2, 1))
    full = conv_macs(size, (kernel, kernel), channels, out_channels)
    depthwise = channels * conv_macs(size, (kernel, kernel))             # one channel to one, as often as there are
    pointwise = conv_macs(size, (1, 1), channels, out_channels)
    assert (depthwise + pointwise) / full == pytest.approx(1 / out_channels + 1 / kernel**2)
    if (out_channels, kernel) == (256, 3):
        assert round(full / (depthwise + pointwise), 1) == 8.7           # what the syllabus says


def folded(block):
    """The kernel and bias of a convolution with the norm behind it."""
    conv, norm, _ = block
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight, bias = conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
    return weight.detach().numpy(), bias.detach().numpy()


@pytest.mark.parametrize("rates", [(6, 12, 18), (1, 3), ()])
def test_aspp_equals_the_torch_block(rates):
    torch.manual_seed(0)
    block = ASPP(3, 4, rates).double()
    x, = arrays((2, 3, 11, 8))
    for _ in range(3):                                                   # statistics of its own for each norm
        block(torch.from_numpy(x) + 0.3)
    block.eval()
    parts = [*block.branches[:-1], block.branches[-1][1:], block.project]
    weights, biases = zip(*map(folded, parts), strict=True)
    assert_close(aspp(x, weights, biases, rates), block(torch.from_numpy(x)))
