"""Pools beyond the maximum and the mean: against aliasing, by chance, between sum and maximum, by a fraction."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..checks import Positive, checked, pair, require
from ..tensors import check_floats, check_input, describe_shape

__all__ = ["BlurPool2d", "FractionalMaxPool2d", "LPPool2d", "MaxBlurPool2d", "StochasticPool2d"]


@checked
class BlurPool2d(nn.Module):
    """Blur, then take every stride-th pixel: downsampling that heeds the sampling theorem (Zhang 2019).

    out[n, c, i, j] = Σ_{u, v} b[u]·b[v] · input[n, c, s·i + u − p, s·j + v − p]      b: row of Pascal's triangle, sum 1

    (N, channels, H, W)  →  (N, channels, ⌈H/stride⌉, ⌈W/stride⌉); p = ⌊(kernel_size − 1)/2⌋, and the image is
    reflected at its border.  kernel_size: 3 is [1, 2, 1]/4, 5 is [1, 4, 6, 4, 1]/16.
    Raises TypeError or ValueError unless sizes are ints of at least 1, ValueError for images of at most ⌊kernel_size/2⌋
    rows or columns, which cannot be reflected.
    """

    def __init__(self, channels: Positive, kernel_size: Positive = 3, stride: Positive = 2):
        super().__init__()
        self.channels, self.stride = channels, stride
        row = torch.tensor([math.comb(kernel_size - 1, u) / 2**(kernel_size - 1) for u in range(kernel_size)])
        kernel = torch.outer(row, row).expand(channels, 1, -1, -1).clone()
        self.register_buffer("kernel", kernel, persistent=False)         # fixed, so it is no part of the state
        self.before, self.behind = (kernel_size - 1) // 2, kernel_size // 2

    def forward(self, x):
        check_input(self, x, self.channels, (self.behind + 1,) * 2)
        x = F.pad(x, (self.before, self.behind) * 2, mode="reflect")
        return F.conv2d(x, self.kernel, stride=self.stride, groups=self.channels)

    def extra_repr(self):
        return f"{self.channels}, kernel_size={self.before + self.behind + 1}, stride={self.stride}"


@checked
class MaxBlurPool2d(nn.Sequential):
    """Max pooling without its aliasing: the maximum at every pixel, then `BlurPool2d` (Zhang 2019).

    (N, channels, H, W)  →  the size that nn.MaxPool2d(pool_size, stride, (pool_size − 1) // 2) gives when
    pool_size is 2 or 3 and stride is 2.  blur_size: the kernel_size of the blur.
    Raises TypeError or ValueError unless sizes are ints of at least 1, and for inputs of another shape or too small.
    """

    def __init__(self, channels: Positive, pool_size: Positive = 2, blur_size: Positive = 3, stride: Positive = 2):
        super().__init__(nn.MaxPool2d(pool_size, 1, (pool_size - 1) // 2), BlurPool2d(channels, blur_size, stride))
        lost = (pool_size - 1) % 2                                       # an even pool takes a row and a column away
        self.least = blur_size // 2 + 1 + lost

    def forward(self, x):
        check_input(self, x, self[1].channels, (self.least, self.least))
        return super().forward(x)


@checked
class StochasticPool2d(nn.Module):
    """Draw one element of each window, by its share of the window's sum (Zeiler & Fergus 2013).

    in training   out = a_k, where k is drawn with probability p_k = a_k / Σ_i a_i
    in eval mode  out = Σ_k p_k a_k, what training gives on average

    (N, C, H, W), not negative, as behind a ReLU  →  (N, C, H_out, W_out), H_out = ⌊(H − kernel_size)/stride⌋ + 1.
    Negative elements are never drawn; where none is positive, as in a window of zeros, all are drawn alike.
    The gradient in training goes to the element that was drawn. stride: default kernel_size.
    Raises TypeError or ValueError unless sizes are ints of at least 1, ValueError for images smaller than a window.
    """

    def __init__(self, kernel_size: Positive, stride: Positive | None = None):
        super().__init__()
        stride = kernel_size if stride is None else stride
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x):
        check_input(self, x, least=(self.kernel_size,) * 2)
        k, s = self.kernel_size, self.stride
        windows = x.unfold(2, k, s).unfold(3, k, s).flatten(-2)          # (N, C, H_out, W_out, k²)
        shares = windows.clamp(min=0)
        shares = shares.masked_fill(shares.sum(-1, keepdim=True) == 0, 1)
        shares = shares / shares.sum(-1, keepdim=True)
        if not self.training:
            return (shares * windows).sum(-1)
        reached = shares.detach().double().cumsum(-1)                    # element k holds what lies up to reached[k]
        drawn = torch.rand_like(reached[..., :1]) * reached[..., -1:]
        return windows.gather(-1, (reached <= drawn).sum(-1, keepdim=True)).squeeze(-1)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


@checked
class LPPool2d(nn.Module):
    """The p-norm of each window, from the sum (p = 1) to the maximum (p → ∞) (Boureau et al. 2010).

    out[n, c, i, j] = (Σ_{u, v} input[n, c, s·i + u, s·j + v]^p)^(1/p)               with p = norm_type

    (N, C, H, W)  →  (N, C, H_out, W_out), H_out = ⌊(H − kernel_size)/stride⌋ + 1.  norm_type: a number > 0; ∞ gives the
    largest |input|.  As in `torch.nn.LPPool2d` there are no bars, so that negative elements are safe only with an even
    p: with an odd p they subtract, and a negative sum has no root and gives NaN (unless p = 1); with a p that is no
    whole number each negative element gives NaN.  Where the sum is 0 the root has no slope; its gradient is 0 there.
    stride: default kernel_size.  torch's also takes ceil_mode and a kernel_size (kH, kW).
    Raises TypeError or ValueError unless sizes are ints of at least 1, for another norm_type and for small images.
    """

    def __init__(self, norm_type, kernel_size: Positive, stride: Positive | None = None):
        super().__init__()
        fits = isinstance(norm_type, (int, float)) and norm_type is not True and norm_type > 0
        require(self, fits, f"norm_type must be a number above 0, got {norm_type!r}")
        stride = kernel_size if stride is None else stride
        self.norm_type, self.kernel_size, self.stride = norm_type, kernel_size, stride

    def forward(self, x):
        check_input(self, x, least=(self.kernel_size,) * 2)
        if self.norm_type == math.inf:
            return F.max_pool2d(x.abs(), self.kernel_size, self.stride)
        total = F.avg_pool2d(x.pow(self.norm_type), self.kernel_size, self.stride) * self.kernel_size**2
        empty = total == 0                                               # filled with 1 for the root, then with 0
        return total.masked_fill(empty, 1).pow(1 / self.norm_type).masked_fill(empty, 0)

    def extra_repr(self):
        return f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}"


@checked
class FractionalMaxPool2d(nn.Module):
    """Max pooling by any factor: windows whose distances are drawn, so that they fill the image (Graham 2014).

    out[n, c, i, j] = max_{u, v} input[n, c, a_i + u, b_j + v]
    a_i = ⌊(i + r)·α⌋ − ⌊r·α⌋ for i < H_out − 1, the last a_i = H − kernel_size,   α = (H − kernel_size)/(H_out − 1)

    (N, C, H, W)  →  (N, C, H_out, W_out).  b likewise along the width; r from 0 to 1 is drawn for each channel of each
    image and both axes, in eval mode too, as in `torch.nn.FractionalMaxPool2d`: the mean of several outputs is
    steadier.
    output_size: int or (H_out, W_out); or else output_ratio: a number or two between 0 and 1, H_out = ⌊ratio · H⌋.
    forward(x, samples): samples (N, C, 2) in [0, 1) are r along the width and along the height; None draws them.
    torch's also takes a kernel_size (kH, kW) and return_indices.
    Raises TypeError or ValueError naming the argument; ValueError unless the windows fit: kernel_size + H_out − 1 ≤ H.
    """

    def __init__(self, kernel_size: Positive, output_size=None, output_ratio=None):
        super().__init__()
        require(self, (output_size is None) != (output_ratio is None),
                f"give one of output_size and output_ratio, got {output_size} and {output_ratio}")
        self.kernel_size, self.output_size, self.output_ratio = kernel_size, output_size, output_ratio
        if output_size is not None:
            self.output_size = pair(self, "output_size", output_size)
        else:
            self.output_ratio = tuple(output_ratio) if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * 2
            fits = len(self.output_ratio) == 2 and all(isinstance(r, float) and 0 < r < 1 for r in self.output_ratio)
            require(self, fits, f"output_ratio must be a number or two between 0 and 1, got {output_ratio!r}")

    def forward(self, x, samples=None):
        check_input(self, x, least=(self.kernel_size,) * 2)
        batch, channels, height, width = x.shape
        size = self.output_size or [int(n * ratio) for n, ratio in zip((height, width), self.output_ratio, strict=True)]
        if samples is None:
            samples = torch.rand(batch, channels, 2, dtype=x.dtype, device=x.device)
        check_floats(self, samples=samples)
        require(self, samples.shape == (batch, channels, 2),
                f"samples must be {(batch, channels, 2)}, got {describe_shape(samples)}")
        rows = self._places(samples[..., 1], height, size[0])            # (N, C, H_out, k)
        columns = self._places(samples[..., 0], width, size[1])          # (N, C, W_out, k)
        places = rows[:, :, :, None, :, None] * width + columns[:, :, None, :, None, :]
        windows = x.flatten(2).gather(2, places.flatten(2)).unflatten(2, (*size, -1))        # (N, C, H_out, W_out, k²)
        return windows.max(-1).values

    def _places(self, r, size, out):
        """The rows (or columns) of each window.  r: (N, C)  →  (N, C, out, k) from 0 to size − 1"""
        k = self.kernel_size
        require(self, 1 <= out <= size - k + 1, f"{out} windows of kernel_size {k} do not fit into {size} pixels; "
                                                f"there may be from 1 to {size - k + 1}")
        alpha = r.new_tensor(size - k) / max(1, out - 1)
        r = r[..., None]
        starts = ((torch.arange(out - 1, device=r.device) + r) * alpha).long() - (r * alpha).long()
        starts = F.pad(starts, (0, 1), value=size - k)                   # the last window ends where the image does
        return starts[..., None] + torch.arange(k, device=r.device)

    def extra_repr(self):
        return f"{self.kernel_size}, output_size={self.output_size}, output_ratio={self.output_ratio}"
