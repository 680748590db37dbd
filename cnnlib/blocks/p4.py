"""Layers that commute with quarter turns (Cohen & Welling 2016); the NumPy twins are in `cnnlib.scratch.groups`."""

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["P4Conv2d", "P4Lift"]


class P4Lift(nn.Module):
    """From an image to a feature map on p4: each kernel in four orientations.  (N, C, H, W) → (N, O, 4, H', W')"""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int):
        super().__init__()
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False)      # for its usual initial values
        self.weight = nn.Parameter(conv.weight.detach().clone())                  # (O, C, k, k)

    def forward(self, x):
        return torch.stack([F.conv2d(x, self.weight.rot90(r, (-2, -1))) for r in range(4)], dim=2)


class P4Conv2d(nn.Module):
    """Correlation over positions and orientations.  (N, C, 4, H, W) → (N, O, 4, H', W')"""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int):
        super().__init__()
        conv = nn.Conv2d(4 * in_channels, out_channels, kernel_size, bias=False)
        shape = (out_channels, in_channels, 4, kernel_size, kernel_size)
        self.weight = nn.Parameter(conv.weight.detach().reshape(shape).clone())   # (O, C, 4, k, k)

    def forward(self, x):
        x = x.flatten(1, 2)                                                       # (N, C·4, H, W)
        turned = [self.weight.rot90(r, (-2, -1)).roll(r, dims=2).flatten(1, 2) for r in range(4)]
        return torch.stack([F.conv2d(x, w) for w in turned], dim=2)
