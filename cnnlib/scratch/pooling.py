"""Pooling, forward and backward."""

import numpy as np

from .arguments import add_batch, check_float, per_axis
from .convolution import _windows

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(input, kernel_size, stride=None, padding=0):
    """The largest value of each window; padding counts as −∞.

    out[n, c, i, j] = max_{u, v} input[n, c, s·i + u − p, s·j + v − p]

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out).  stride: default kernel_size; padding ≤ kernel_size/2.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.max_pool2d`.
    """
    windows, unbatched = _pool_windows("max_pool2d", input, kernel_size, stride, padding, fill=-np.inf)
    out = windows.max(axis=(-2, -1))
    return out[0] if unbatched else out


def avg_pool2d(input, kernel_size, stride=None, padding=0):
    """The mean of each window; padding counts as 0 and is counted.

    out[n, c, i, j] = 1/(kH·kW) Σ_{u, v} input[n, c, s·i + u − p, s·j + v − p]

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out).  stride: default kernel_size; padding ≤ kernel_size/2.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.avg_pool2d`.
    """
    windows, unbatched = _pool_windows("avg_pool2d", input, kernel_size, stride, padding, fill=0)
    out = windows.mean(axis=(-2, -1))
    return out[0] if unbatched else out


def _pool_windows(name, input, kernel_size, stride, padding, fill):
    input, = check_float(name, input=input)
    input, unbatched = add_batch(name, input, 2)
    kernel_size = per_axis(name, "kernel_size", kernel_size, 2, minimum=1)
    stride = kernel_size if stride is None else per_axis(name, "stride", stride, 2, minimum=1)
    padding = per_axis(name, "padding", padding, 2, minimum=0)
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ValueError(f"{name}: padding must be at most half of kernel_size {kernel_size}, got {padding}")
    x = np.pad(input, [(0, 0), (0, 0), *[(p, p) for p in padding]], constant_values=fill)
    return _windows(name, x, kernel_size, stride, (1, 1)), unbatched
