"""Three ways to make an image larger without a checkerboard."""

import torch
from torch import nn

from .arguments import check_divisible, check_input, check_odd, check_positive

__all__ = ["ResizeUpsample", "SubpixelUpsample", "TransposedUpsample", "icnr_"]


class TransposedUpsample(nn.Sequential):
    """Transposed convolution whose kernel_size divides by its stride: every pixel gets equally many taps.

    (N, in_channels, H, W)  →  (N, out_channels, stride·H, stride·W)

    Output pixel i takes the taps u with u ≡ i + padding modulo stride; those are kernel_size/stride for each i if
    kernel_size divides by stride, else they are more at some pixels than at others (Odena et al. 2016).
    kernel_size: default 2·stride.
    Raises TypeError or ValueError for sizes that are no ints ≥ 1, stride 1, a kernel_size that does not divide, and for
    inputs of another shape.
    """

    def __init__(self, in_channels, out_channels, stride=2, kernel_size=None):
        check_positive("TransposedUpsample", in_channels=in_channels, out_channels=out_channels, stride=stride)
        if stride < 2:
            raise ValueError(f"TransposedUpsample: stride must be at least 2, got {stride}")
        kernel_size = 2 * stride if kernel_size is None else kernel_size
        check_divisible("TransposedUpsample", kernel_size=kernel_size, stride=stride)
        surplus = kernel_size - stride                                   # of (H − 1)·stride + kernel_size
        super().__init__(nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride,
                                            padding=(surplus + 1) // 2, output_padding=surplus % 2))

    def forward(self, x):
        check_input("TransposedUpsample", x, self[0].in_channels)
        return super().forward(x)


class ResizeUpsample(nn.Sequential):
    """Resize, then convolve (Odena et al. 2016).

    (N, in_channels, H, W)  →  (N, out_channels, scale·H, scale·W).  mode: "nearest" or "bilinear".
    Raises TypeError or ValueError for sizes that are no ints ≥ 1, an even kernel_size, another mode, inputs of another
    shape.
    """

    def __init__(self, in_channels, out_channels, scale=2, kernel_size=3, mode="nearest"):
        check_positive("ResizeUpsample", in_channels=in_channels, out_channels=out_channels, scale=scale)
        check_odd("ResizeUpsample", kernel_size=kernel_size)
        if mode not in ("nearest", "bilinear"):
            raise ValueError(f"ResizeUpsample: mode must be \"nearest\" or \"bilinear\", got {mode!r}")
        super().__init__(nn.Upsample(scale_factor=scale, mode=mode),
                         nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2))

    def forward(self, x):
        check_input("ResizeUpsample", x, self[1].in_channels)
        return super().forward(x)


class SubpixelUpsample(nn.Sequential):
    """Convolve at the low resolution into scale² images, and interleave their pixels (Shi et al. 2016).

    (N, in_channels, H, W)  →  (N, out_channels, scale·H, scale·W).  The weights begin as `icnr_` makes them, the biases
    at 0: so at first this is the convolution, resized to the nearest neighbour.
    Raises TypeError or ValueError for sizes that are no ints ≥ 1, an even kernel_size, inputs of another shape.
    """

    def __init__(self, in_channels, out_channels, scale=2, kernel_size=3):
        check_positive("SubpixelUpsample", in_channels=in_channels, out_channels=out_channels, scale=scale)
        check_odd("SubpixelUpsample", kernel_size=kernel_size)
        conv = nn.Conv2d(in_channels, out_channels * scale**2, kernel_size, padding=kernel_size // 2)
        icnr_(conv.weight, scale)
        nn.init.zeros_(conv.bias)
        super().__init__(conv, nn.PixelShuffle(scale))

    def forward(self, x):
        check_input("SubpixelUpsample", x, self[0].in_channels)
        return super().forward(x)


@torch.no_grad()
def icnr_(weight, scale, initialise=nn.init.kaiming_normal_):
    """Initialise a sub-pixel convolution so that it begins without a checkerboard: ICNR (Aitken et al. 2017).

    weight: (C·scale², …), changed in place and returned: the scale² kernels whose outputs `pixel_shuffle` lays into one
    square are equal.  initialise: a function that fills a tensor (C, …) in place.
    Raises TypeError for what is no tensor, ValueError when its channels do not divide by scale².
    """
    check_positive("icnr_", scale=scale)
    if not isinstance(weight, torch.Tensor):
        raise TypeError(f"icnr_: weight must be a tensor, got {type(weight).__name__}")
    if weight.ndim < 2 or len(weight) % scale**2:
        raise ValueError(f"icnr_: weight must be (C·scale², in, …) with scale² = {scale**2}, "
                         f"got shape {tuple(weight.shape)}")
    kernels = weight.new_empty(len(weight) // scale**2, *weight.shape[1:])
    initialise(kernels)
    return weight.copy_(kernels.repeat_interleave(scale**2, dim=0))
