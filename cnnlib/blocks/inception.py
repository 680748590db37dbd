"""Inception: convolutions of several sizes side by side, each behind a cheap 1×1 (Szegedy et al. 2015)."""

import torch
from torch import nn

from ..checks import Odd, Positive, checked
from ..tensors import Maker, check_input
from .conv import ConvNormAct

__all__ = ["Inception"]


@checked
class Inception(nn.Module):
    """Four views of the same pixels, their channels one after the other (Szegedy et al. 2015, Figure 2b).

    1×1  |  1×1 → 3×3  |  1×1 → 5×5  |  3×3 max pool → 1×1

    (N, in_channels, H, W)  →  (N, out1 + out3 + out5 + out_pool, H, W)
    out1, reduce3, out3, reduce5, out5, out_pool: channels of the convolutions in the order above, which is that of the
    paper's Table 1; the two reduce… are the 1×1 that make the larger kernels cheap.
    kernel5: the size of the third branch's kernel; torchvision has 3.
    norm: makes a layer of a number of channels; None, as in the paper, for none.
    Raises TypeError or ValueError unless sizes are ints of at least 1, and kernel5, which must not make its branch
    smaller, is odd, and for an input of other channels.
    """

    def __init__(self, in_channels: Positive, out1: Positive, reduce3: Positive, out3: Positive, reduce5: Positive,
                 out5: Positive, out_pool: Positive, kernel5: Odd = 5, norm: Maker | None = nn.BatchNorm2d):
        super().__init__()
        self.in_channels = in_channels
        self.branch1 = ConvNormAct(in_channels, out1, 1, norm=norm)
        self.branch3 = nn.Sequential(ConvNormAct(in_channels, reduce3, 1, norm=norm),
                                     ConvNormAct(reduce3, out3, 3, norm=norm))
        self.branch5 = nn.Sequential(ConvNormAct(in_channels, reduce5, 1, norm=norm),
                                     ConvNormAct(reduce5, out5, kernel5, norm=norm))
        self.branch_pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1),
                                         ConvNormAct(in_channels, out_pool, 1, norm=norm))

    def forward(self, x):
        check_input(self, x, self.in_channels)
        return torch.cat([self.branch1(x), self.branch3(x), self.branch5(x), self.branch_pool(x)], 1)
