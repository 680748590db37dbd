"""Three ways to make an image larger without a checkerboard."""

from typing import Literal

import torch
from torch import nn

from ..checks import Odd, Positive, check_divisible, check_int, check_type, checked, kind, require
from ..tensors import check_input

__all__ = ["ResizeUpsample", "SubpixelUpsample", "TransposedUpsample", "icnr_"]


@checked
class TransposedUpsample(nn.Sequential):
    """Transposed convolution whose kernel_size divides by its stride: every pixel gets equally many taps.

    (N, in_channels, H, W)  →  (N, out_channels, stride·H, stride·W)

    Output pixel i takes the taps u with u ≡ i + padding modulo stride; those are kernel_size/stride for each i if
    kernel_size divides by stride, else they are more at some pixels than at others (Odena et al. 2016).
    kernel_size: default 2·stride.
    Raises TypeError or ValueError unless sizes are ints of at least 1, stride is at least 2 and divides kernel_size,
    and for inputs of another shape.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, stride: kind(int, check_int, 2) = 2,
                 kernel_size: Positive | None = None):
        kernel_size = 2 * stride if kernel_size is None else kernel_size
        check_divisible(self, kernel_size=kernel_size, stride=stride)
        surplus = kernel_size - stride                                   # of (H − 1)·stride + kernel_size
        super().__init__(nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride,
                                            padding=(surplus + 1) // 2, output_padding=surplus % 2))

    def forward(self, x):
        check_input(self, x, self[0].in_channels)
        return super().forward(x)


@checked
class ResizeUpsample(nn.Sequential):
    """Resize, then convolve (Odena et al. 2016).

    (N, in_channels, H, W)  →  (N, out_channels, scale·H, scale·W).  mode: "nearest" or "bilinear".
    Raises TypeError or ValueError unless sizes are ints of at least 1 and kernel_size is odd, for another mode, and for
    inputs of another shape.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, scale: Positive = 2, kernel_size: Odd = 3,
                 mode: Literal["nearest", "bilinear"] = "nearest"):
        super().__init__(nn.Upsample(scale_factor=scale, mode=mode),
                         nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2))

    def forward(self, x):
        check_input(self, x, self[1].in_channels)
        return super().forward(x)


@checked
class SubpixelUpsample(nn.Sequential):
    """Convolve at the low resolution into scale² images, and interleave their pixels (Shi et al. 2016).

    (N, in_channels, H, W)  →  (N, out_channels, scale·H, scale·W).  The weights begin as `icnr_` makes them, the biases
    at 0: so at first this is the convolution, resized to the nearest neighbour.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and kernel_size is odd, and for inputs of another
    shape.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, scale: Positive = 2, kernel_size: Odd = 3):
        conv = nn.Conv2d(in_channels, out_channels * scale**2, kernel_size, padding=kernel_size // 2)
        icnr_(conv.weight, scale)
        nn.init.zeros_(conv.bias)
        super().__init__(conv, nn.PixelShuffle(scale))

    def forward(self, x):
        check_input(self, x, self[0].in_channels)
        return super().forward(x)


@checked
@torch.no_grad()
def icnr_(weight, scale: Positive, initialise=nn.init.kaiming_normal_):
    """Initialise a sub-pixel convolution so that it begins without a checkerboard: ICNR (Aitken et al. 2017).

    weight: (C·scale², …), changed in place and returned: the scale² kernels whose outputs `pixel_shuffle` lays into one
    square are equal.  initialise: a function that fills a tensor (C, …) in place.
    Raises TypeError for anything but a tensor, ValueError when its channels do not divide by scale².
    """
    check_type("icnr_", torch.Tensor, "a tensor", weight=weight)
    require("icnr_", weight.ndim >= 2 and len(weight) % scale**2 == 0,
            f"weight must be (C·scale², in, …) with scale² = {scale**2}, got shape {tuple(weight.shape)}")
    kernels = weight.new_empty(len(weight) // scale**2, *weight.shape[1:])
    initialise(kernels)
    return weight.copy_(kernels.repeat_interleave(scale**2, dim=0))
