"""Layers that commute with quarter turns (Cohen & Welling 2016); the NumPy twins are in `cnnlib.scratch.groups`."""

import torch
import torch.nn.functional as F
from torch import nn

from ..checks import Positive, checked
from ..tensors import check_input, check_shape

__all__ = ["P4Conv2d", "P4Lift", "P4Pool"]


@checked
class P4Lift(nn.Module):
    """From an image to a feature map on p4: each kernel in four orientations.  (N, C, H, W) → (N, O, 4, H', W')

    H' = H − kernel_size + 1, W' likewise.  Raises TypeError or ValueError unless sizes are ints of at least 1, and for
    inputs of another shape or smaller than the kernel.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, kernel_size: Positive):
        super().__init__()
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False)      # for its usual initial values
        self.weight = nn.Parameter(conv.weight.detach().clone())                  # (O, C, k, k)

    def forward(self, x):
        check_input(self, x, self.weight.shape[1], self.weight.shape[-2:])
        return torch.stack([F.conv2d(x, self.weight.rot90(r, (-2, -1))) for r in range(4)], dim=2)


@checked
class P4Conv2d(nn.Module):
    """Correlation over positions and orientations.  (N, C, 4, H, W) → (N, O, 4, H', W')

    H' = H − kernel_size + 1, W' likewise.  Raises TypeError or ValueError unless sizes are ints of at least 1, and for
    inputs of another shape or smaller than the kernel.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, kernel_size: Positive):
        super().__init__()
        conv = nn.Conv2d(4 * in_channels, out_channels, kernel_size, bias=False)
        shape = (out_channels, in_channels, 4, kernel_size, kernel_size)
        self.weight = nn.Parameter(conv.weight.detach().reshape(shape).clone())   # (O, C, 4, k, k)

    def forward(self, x):
        channels, size = self.weight.shape[1], self.weight.shape[-2:]
        check_shape(self, x, "N", channels, 4, "H", "W")
        x = x.flatten(1, 2)                                                       # (N, C·4, H, W)
        check_input(self, x, 4 * channels, size)
        turned = [self.weight.rot90(r, (-2, -1)).roll(r, dims=2).flatten(1, 2) for r in range(4)]
        return torch.stack([F.conv2d(x, w) for w in turned], dim=2)


class P4Pool(nn.Module):
    """The largest of the four orientations.  (N, C, 4, H, W) → (N, C, H, W)

    A turn of the image then only turns the map; with the mean over all positions behind it, nothing depends on a
    quarter turn.
    Raises TypeError or ValueError for inputs of another shape.
    """

    def forward(self, x):
        check_shape(self, x, "N", "C", 4, "H", "W")
        return x.amax(2)
