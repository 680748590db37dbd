"""The Inception block: torchvision's with the same weights, the paper's 5×5, the NumPy twin."""

from functools import partial
from importlib import import_module

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.blocks import Inception
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_as_torchvision, assert_same_in_numpy, count_parameters

WIDTHS = (5, 2, 3, 4, 1, 6, 7)                           # all different: none can take the place of another
BAD = [
    (Inception, (0, *WIDTHS[1:]), {}, "Inception: in_channels must be at least 1, got 0"),
    (Inception, (5, 2, 3, 4, 1, 0, 7), {}, "Inception: out5 must be at least 1, got 0"),
    (Inception, (5, 2, 3, 4, 1, 6, 7.0), {}, "Inception: out_pool must be an int, got 7.0"),
    (Inception, WIDTHS, {"kernel5": 4}, "Inception: kernel5 must be odd, .*got 4"),
    (Inception, WIDTHS, {"norm": "batch"}, "Inception: norm must be None or a .* that makes a layer, got 'batch'"),
    (Inception(*WIDTHS), (torch.zeros(2, 4, 9, 7),), {}, r"Inception: input must be \(N, 5, H, W\), got shape \(2, 4"),
]


def test_it_is_torchvisions():
    theirs = import_module("torchvision.models.googlenet").Inception(*WIDTHS)
    ours = Inception(*WIDTHS, kernel5=3, norm=partial(nn.BatchNorm2d, eps=1e-3))
    assert_same_as_torchvision(ours, theirs, (2, 5, 9, 7))


@pytest.mark.parametrize("options", [{}, {"kernel5": 3}, {"norm": None}], ids=str)
def test_shapes_and_the_twin_in_numpy(options):
    torch.manual_seed(0)
    block = Inception(*WIDTHS, **options)
    assert block(torch.randn(2, 5, 9, 7)).shape == (2, 2 + 4 + 6 + 7, 9, 7)
    assert_same_in_numpy(block, (2, 5, 9, 7))


def test_the_form_of_the_paper():
    """No norm but biases, 5×5 in the third branch: what a pixel sees there, and the count of Table 1's row 3a."""
    block = Inception(192, 64, 96, 128, 16, 32, 32, norm=None)
    reduced = 192 * 96 + 192 * 16                                        # the 1×1 before the larger kernels
    assert count_parameters(block) == 192 * 64 + reduced + 9 * 96 * 128 + 25 * 16 * 32 + 192 * 32 + 368
    block = Inception(*WIDTHS, norm=None)
    for p in block.parameters():
        p.data.abs_()                                                    # so that no ReLU closes
    x = torch.rand(1, 5, 9, 11, requires_grad=True)
    seen = []
    for first, end in [(0, 2), (2, 6), (6, 12)]:
        grad, = torch.autograd.grad(block(x)[0, first:end, 4, 5].sum(), x)
        seen.append((grad[0].sum((0, 1)).count_nonzero(), grad[0].sum((0, 2)).count_nonzero()))
    assert seen == [(1, 1), (3, 3), (5, 5)]
    pooled = F.max_pool2d(x, 3, 1, 1)
    conv = block.branch_pool[1][0]
    assert_close(block(x)[:, 12:], F.conv2d(pooled, conv.weight, conv.bias).relu(), 1e-5)
