"""ASPP: torchvision's tensors and numbers, what its branches see, and the NumPy twin."""

import pytest
import torch
from torch import nn
from torchvision.models.segmentation import deeplabv3

from cnnlib.blocks import ASPP
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_as_torchvision, assert_same_in_numpy

BAD = [
    (ASPP, (0,), {}, "ASPP: in_channels must be at least 1, got 0"),
    (ASPP, (4, 2.0), {}, "ASPP: out_channels must be an int, got 2.0"),
    (ASPP, (4, 8, 6), {}, "ASPP: rates must be a tuple or list of ints, got 6"),
    (ASPP, (4, 8, (6, 0)), {}, r"ASPP: rates\[1\] must be at least 1, got 0"),
    (ASPP(4, 8), (torch.zeros(2, 3, 5, 5),), {}, r"ASPP: input must be \(N, 4, H, W\), got shape \(2, 3, 5, 5\)"),
    (ASPP(4, 8), (torch.zeros(4, 5, 5),), {}, r"got shape \(4, 5, 5\)"),
]


@pytest.mark.parametrize("rates", [(12, 24, 36), (2, 3)])
def test_equals_torchvision(rates):
    torch.manual_seed(0)
    assert_same_as_torchvision(ASPP(5, 8, rates), deeplabv3.ASPP(5, rates, 8), (2, 5, 13, 9))


def test_the_rates_are_those_of_the_paper():
    dilations = [conv.dilation for conv in ASPP(4).modules() if isinstance(conv, nn.Conv2d)]
    assert dilations == [(1, 1), (6, 6), (12, 12), (18, 18), (1, 1), (1, 1)]


@pytest.mark.parametrize("shape", [(2, 3, 7, 10), (3, 3, 4, 1)])
def test_the_twin_in_numpy(shape):
    torch.manual_seed(0)
    assert_same_in_numpy(ASPP(3, 4, (1, 2, 5)), shape)


def test_a_kernel_of_three_with_rate_d_sees_three_pixels_of_2d_plus_1():
    aspp = ASPP(1, 1, (2, 3)).eval()
    for branch, rate in zip(aspp.branches[1:3], (2, 3), strict=True):
        x = torch.zeros(1, 1, 11, 13, requires_grad=True)
        branch[0](x)[0, 0, 5, 6].backward()
        seen = x.grad[0, 0].nonzero()
        assert seen[:, 0].unique().tolist() == [5 - rate, 5, 5 + rate]
        assert seen[:, 1].unique().tolist() == [6 - rate, 6, 6 + rate]
        assert len(seen) == 9


def test_the_mean_reaches_every_pixel():
    torch.manual_seed(0)
    aspp, x = ASPP(2, 3, (1,)).eval(), torch.randn(1, 2, 30, 3)
    moved = x.clone()
    moved[:, :, 29] += 5                       # 27 rows further up only the mean can tell
    assert (aspp(moved) - aspp(x))[:, :, :2].abs().max() > 1e-3
    aspp.branches[-1][1].weight.data.zero_()
    assert_close(aspp(moved)[:, :, :2], aspp(x)[:, :, :2])
