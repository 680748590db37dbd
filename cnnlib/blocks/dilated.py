"""Dilated convolutions side by side: one layer that sees many sizes at once."""

import torch
from torch import nn

from ..checks import Positive, check_sequence, checked
from ..tensors import check_input
from .conv import ConvNormAct

__all__ = ["ASPP"]


@checked
class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: the same pixels at several scales (Chen et al. 2017, DeepLab v3).

    out = project(concat(1×1(x), 3×3 with each rate(x), 1×1(mean_{H,W}(x)) at every pixel))

    (N, in_channels, H, W)  →  (N, out_channels, H, W), for any H, W. A 3×3 kernel with rate d covers 2d + 1 pixels.
    rates: one branch for each, () for none; those of the paper are for features at 1/16 of the image's size.
    Each convolution has a norm and a ReLU; in training that of the mean needs N ≥ 2.
    Raises TypeError or ValueError unless sizes and rates are ints of at least 1, and for an input of another shape.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive = 256, rates=(6, 12, 18)):
        super().__init__()
        check_sequence(self, True, rates=rates)
        self.in_channels = in_channels
        self.branches = nn.ModuleList([
            ConvNormAct(in_channels, out_channels, 1),
            *(ConvNormAct(in_channels, out_channels, 3, dilation=rate) for rate in rates),
            nn.Sequential(nn.AdaptiveAvgPool2d(1), *ConvNormAct(in_channels, out_channels, 1)),
        ])
        self.project = ConvNormAct(len(self.branches) * out_channels, out_channels, 1)

    def forward(self, x):
        check_input(self, x, self.in_channels)
        *local, mean = [branch(x) for branch in self.branches]
        return self.project(torch.cat([*local, mean.expand_as(local[0])], 1))
