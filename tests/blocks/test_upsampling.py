"""Upsampling: sizes, no checkerboard where the papers promise none, ICNR exactly, and the NumPy twin."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.blocks import ResizeUpsample, SubpixelUpsample, TransposedUpsample, icnr_
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy

BAD = [
    (TransposedUpsample, (3, 4, 2, 3), {}, "kernel_size must divide by stride, got kernel_size 3 and stride 2"),
    (TransposedUpsample, (3, 4, 1), {}, "TransposedUpsample: stride must be at least 2, got 1"),
    (TransposedUpsample, (3, 0), {}, "TransposedUpsample: out_channels must be at least 1, got 0"),
    (ResizeUpsample, (3, 4, 2, 4), {}, "ResizeUpsample: kernel_size must be odd, got 4"),
    (ResizeUpsample, (3, 4, 2, 3, "cubic"), {}, "mode must be \"nearest\" or \"bilinear\", got 'cubic'"),
    (ResizeUpsample, (3, 4, 1.5), {}, "ResizeUpsample: scale must be an int, got 1.5"),
    (SubpixelUpsample, (3, 4, 2, 2), {}, "SubpixelUpsample: kernel_size must be odd, got 2"),
    (SubpixelUpsample, (3, 4, 0), {}, "SubpixelUpsample: scale must be at least 1, got 0"),
    (TransposedUpsample(3, 4), (torch.zeros(2, 4, 5, 5),), {}, r"TransposedUpsample: input must be \(N, 3, H, W\)"),
    (ResizeUpsample(3, 4), (torch.zeros(3, 5, 5),), {}, r"ResizeUpsample: input must be \(N, 3, H, W\), got shape"),
    (SubpixelUpsample(3, 4), (torch.zeros(2, 4, 5, 5),), {}, r"SubpixelUpsample: input must be \(N, 3, H, W\)"),
    (icnr_, (torch.zeros(6, 3, 3, 3), 2), {}, r"icnr_: weight must be \(C·scale², in, …\) with scale² = 4, got shape"),
    (icnr_, (torch.zeros(4), 2), {}, r"icnr_: weight must be .* got shape \(4,\)"),
    (icnr_, ([1.0], 2), {}, "icnr_: weight must be a tensor, got list"),
]

BLOCKS = {
    "transposed": lambda: TransposedUpsample(3, 4),
    "transposed, 6 by 3": lambda: TransposedUpsample(3, 4, 3),
    "transposed, 3 by 3": lambda: TransposedUpsample(3, 4, 3, 3),
    "transposed, 6 by 2": lambda: TransposedUpsample(3, 4, 2, 6),
    "resized": lambda: ResizeUpsample(3, 4),
    "resized by 3, bilinear": lambda: ResizeUpsample(3, 4, 3, 5, "bilinear"),
    "sub-pixel": lambda: SubpixelUpsample(3, 4),
    "sub-pixel by 3": lambda: SubpixelUpsample(3, 4, 3, 5),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_shapes_and_the_twin_in_numpy(name):
    torch.manual_seed(0)
    block = BLOCKS[name]()
    scale = 3 if "3" in name else 2
    assert block(torch.randn(2, 3, 5, 4)).shape == (2, 4, 5 * scale, 4 * scale)
    assert_same_in_numpy(block, (2, 3, 5, 4))


def overlaps(conv):
    """How many taps reach each pixel: ones through a kernel of ones, away from the border."""
    with torch.no_grad():
        conv.weight.fill_(1)
        conv.bias.fill_(0)
        return conv(torch.ones(1, 1, 13, 12))[0, 0, 8:-8, 8:-8]


@pytest.mark.parametrize(("stride", "kernel_size"), [(2, 2), (2, 4), (2, 6), (3, 3), (3, 6), (4, 8)])
def test_every_pixel_gets_equally_many_taps(stride, kernel_size):
    counts = overlaps(TransposedUpsample(1, 1, stride, kernel_size)[0])
    assert counts.numel() > 0 and torch.equal(counts, torch.full_like(counts, (kernel_size // stride) ** 2))
    assert TransposedUpsample(1, 1, stride)[0].kernel_size == (2 * stride, 2 * stride)


def test_a_kernel_that_does_not_divide_makes_a_checkerboard():
    counts = overlaps(nn.ConvTranspose2d(1, 1, 3, 2, 1, 1))
    assert sorted(counts.unique().tolist()) == [1, 2, 4]


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_resize_is_resize_and_then_a_convolution(mode):
    torch.manual_seed(0)
    block, x = ResizeUpsample(3, 4, 3, 5, mode), torch.randn(2, 3, 5, 4)
    larger = F.interpolate(x, scale_factor=3, mode=mode)
    assert_close(block(x), F.conv2d(larger, block[1].weight, block[1].bias, padding=2))


@pytest.mark.parametrize("scale", [2, 3])
def test_sub_pixel_begins_as_the_low_resolution_convolution_resized(scale):
    """Aitken's promise, exactly: the convolution with every scale²-th kernel, to the nearest neighbour."""
    torch.manual_seed(0)
    block, x = SubpixelUpsample(3, 4, scale), torch.randn(2, 3, 5, 4)
    kernels = block[0].weight[::scale**2]
    assert kernels.shape == (4, 3, 3, 3) and kernels.std() > 0.05
    assert not torch.equal(kernels[0], kernels[1])
    want = F.interpolate(F.conv2d(x, kernels, padding=1), scale_factor=scale, mode="nearest")
    assert_close(block(x), want)
    with torch.no_grad():                        # as torch begins it, it has a checkerboard
        block[0].reset_parameters()
    out = block(x)
    assert not torch.allclose(out, out[..., ::scale, ::scale].repeat_interleave(scale, 2).repeat_interleave(scale, 3),
                              atol=0.1)


def test_icnr_initialises_each_kernel_as_it_is_asked_and_in_place():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(36, 5, 3, 2))
    calls = []

    def initialise(tensor):
        calls.append(tuple(tensor.shape))
        tensor.copy_(torch.arange(4.0)[:, None, None, None].expand_as(tensor))

    assert icnr_(weight, 3, initialise) is weight and weight.requires_grad
    assert calls == [(4, 5, 3, 2)]
    assert weight[:, 2, 1, 1].tolist() == [c for c in range(4) for _ in range(9)]
    icnr_(weight, 3)                             # He's: the fan of one kernel, 5·3·2, not of scale² of them
    assert weight.std().item() == pytest.approx((2 / 30) ** 0.5, rel=0.2)
