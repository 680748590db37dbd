"""Pooling, forward and backward: one number for each window of an image.

A window is a box, so its maximum or its sum is taken along one axis after the other. Along one axis all windows are
treated together: element u of every window is one strided slice of the input, so a window of k elements is k slices,
and what of a window lies in the padding is in no slice. `_sliding` and `_adaptive` find the slices, `_over_windows`
combines them.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnlib.checks import add_batch, check_float, check_grad_output, is_int, per_axis

from ..fast.chunks import slices
from .random import as_generator

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool1d_backward", "adaptive_avg_pool2d", "adaptive_avg_pool2d_backward",
    "adaptive_avg_pool3d", "adaptive_avg_pool3d_backward", "adaptive_max_pool1d", "adaptive_max_pool1d_backward",
    "adaptive_max_pool2d", "adaptive_max_pool2d_backward", "adaptive_max_pool3d", "adaptive_max_pool3d_backward",
    "avg_pool1d", "avg_pool1d_backward", "avg_pool2d", "avg_pool2d_backward", "avg_pool3d", "avg_pool3d_backward",
    "fractional_max_pool2d", "fractional_max_pool2d_backward", "lp_pool2d", "lp_pool2d_backward", "max_pool1d",
    "max_pool1d_backward", "max_pool2d", "max_pool2d_backward", "max_pool3d", "max_pool3d_backward",
]

BLOCK = 2**18           # numbers of the input worked on at a time, so that they and theirs stay in the second cache
# The windows of a plane are summed by one product of matrices if they are at most so many, and the matrix holds at most
# so many numbers. So 28 × 28 become 3 × 3 in 0.46 of the time that slices take, 14 × 14 become 4 × 4 in 0.45; with
# 7 × 7 windows of 28 × 28 both take the same.
MATRIX_WINDOWS, MATRIX_NUMBERS = 49, 2**18

# The largest value of each window

def max_pool2d_textbook(input, kernel_size, stride=None, padding=0):
    """max_pool2d as its definition reads: lay out all windows, take the largest value of each. Same numbers, slower.

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out).
    Raises TypeError or ValueError naming the argument.
    """
    axes = _check("max_pool2d_textbook", 2, input, kernel_size, stride, padding)
    _, _, kernel_size, stride, padding, _ = zip(*axes, strict=True)
    x = _pad(input, padding, -np.inf)
    windows = sliding_window_view(x, kernel_size, axis=(-2, -1))         # (N, C, H + 2p − kH + 1, …, kH, kW)
    return windows[..., ::stride[0], ::stride[1], :, :].max(axis=(-2, -1))


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False, *,
               saved=None):
    """The largest value of each window of a sequence.

    out[n, c, i] = max_u input[n, c, s·i + d·u − p]

    input: (N, C, L) or (C, L)  →  (N, C, L_out), and with return_indices where in 0 … L−1 it was (int64).
    The rest is as in max_pool2d.  Raises TypeError or ValueError naming the argument.
    Source: `torch.nn.functional.max_pool1d`.
    """
    windows = _sliding("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(input, windows, return_indices, saved)


def max_pool1d_backward(grad_output, input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                        return_indices=False, *, saved=None):
    """dx[m] = Σ dy[i] over the windows i whose maximum is x[m]."""
    if not saved:
        max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, saved=(saved := {}))
    return _max_pool_backward("max_pool1d_backward", grad_output, input, saved)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False, *,
               saved=None):
    """The largest value of each window of an image; padding counts as −∞.

    out[n, c, i, j] = max_{u, v} input[n, c, s·i + d·u − p, s·j + d·v − p]

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out), H_out = ⌊(H + 2p − d(kH − 1) − 1)/s⌋ + 1, W_out likewise.
    stride: default kernel_size.  padding: at most kernel_size/2; with padding, dilation is at most the input's size,
    else a window would hold nothing else (torch then returns a place outside of the input).
    ceil_mode: ⌈…⌉, so that a last window may reach beyond the padding; it must begin before the padding behind the
    input does.  return_indices: → (out, indices), indices int64: the maximum's place h·W + w in its plane. Of equal
    elements the first counts, row by row; a NaN is larger than anything, and of several the last counts, as in torch.
    saved: a dict in which the forward leaves the indices for the backward.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.max_pool2d`.
    """
    windows = _sliding("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(input, windows, return_indices, saved)


def max_pool2d_backward(grad_output, input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                        return_indices=False, *, saved=None):
    """dx[m] = Σ dy[i, j] over the windows (i, j) whose maximum is x[m]; windows may overlap."""
    if not saved:
        max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, saved=(saved := {}))
    return _max_pool_backward("max_pool2d_backward", grad_output, input, saved)


def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False, *,
               saved=None):
    """The largest value of each window of a volume.

    out[n, c, h, i, j] = max_{t, u, v} input[n, c, s·h + d·t − p, s·i + d·u − p, s·j + d·v − p]

    input: (N, C, D, H, W) or (C, D, H, W)  →  (N, C, D_out, H_out, W_out); an index is (d·H + h)·W + w.
    The rest is as in max_pool2d.  Raises TypeError or ValueError naming the argument.
    Source: `torch.nn.functional.max_pool3d`.
    """
    windows = _sliding("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(input, windows, return_indices, saved)


def max_pool3d_backward(grad_output, input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                        return_indices=False, *, saved=None):
    """dx[m] = Σ dy[h, i, j] over the windows (h, i, j) whose maximum is x[m]."""
    if not saved:
        max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, saved=(saved := {}))
    return _max_pool_backward("max_pool3d_backward", grad_output, input, saved)


def adaptive_max_pool1d(input, output_size, return_indices=False, *, saved=None):
    """The largest value of each of output_size windows that together cover the sequence.

    out[n, c, j] = max input[n, c, ⌊j·L/L_out⌋ : ⌈(j + 1)·L/L_out⌉]

    input: (N, C, L) or (C, L)  →  (N, C, L_out).  The rest is as in adaptive_max_pool2d.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.adaptive_max_pool1d`.
    """
    return _max_pool(input, _adaptive("adaptive_max_pool1d", 1, input, output_size), return_indices, saved)


def adaptive_max_pool1d_backward(grad_output, input, output_size, return_indices=False, *, saved=None):
    """dx[m] = Σ dy[j] over the windows j whose maximum is x[m]."""
    if not saved:
        adaptive_max_pool1d(input, output_size, saved=(saved := {}))
    return _max_pool_backward("adaptive_max_pool1d_backward", grad_output, input, saved)


def adaptive_max_pool2d(input, output_size, return_indices=False, *, saved=None):
    """The largest value of each of H_out × W_out windows that together cover the image, whatever its size.

    out[n, c, i, j] = max input[n, c, ⌊i·H/H_out⌋ : ⌈(i + 1)·H/H_out⌉, ⌊j·W/W_out⌋ : ⌈(j + 1)·W/W_out⌉]

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out).  output_size: int or (H_out, W_out), None in it keeps
    the input's.  return_indices, saved: as in max_pool2d.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.adaptive_max_pool2d`.
    """
    return _max_pool(input, _adaptive("adaptive_max_pool2d", 2, input, output_size), return_indices, saved)


def adaptive_max_pool2d_backward(grad_output, input, output_size, return_indices=False, *, saved=None):
    """dx[m] = Σ dy[i, j] over the windows (i, j) whose maximum is x[m]; windows may overlap by one row or column."""
    if not saved:
        adaptive_max_pool2d(input, output_size, saved=(saved := {}))
    return _max_pool_backward("adaptive_max_pool2d_backward", grad_output, input, saved)


def adaptive_max_pool3d(input, output_size, return_indices=False, *, saved=None):
    """The largest value of each of D_out × H_out × W_out windows that together cover the volume.

    out[n, c, h, i, j] = max input[n, c, ⌊h·D/D_out⌋ : ⌈(h + 1)·D/D_out⌉, likewise H, likewise W]

    input: (N, C, D, H, W) or (C, D, H, W)  →  (N, C, D_out, H_out, W_out).  The rest is as in adaptive_max_pool2d.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.adaptive_max_pool3d`.
    """
    return _max_pool(input, _adaptive("adaptive_max_pool3d", 3, input, output_size), return_indices, saved)


def adaptive_max_pool3d_backward(grad_output, input, output_size, return_indices=False, *, saved=None):
    """dx[m] = Σ dy[h, i, j] over the windows (h, i, j) whose maximum is x[m]."""
    if not saved:
        adaptive_max_pool3d(input, output_size, saved=(saved := {}))
    return _max_pool_backward("adaptive_max_pool3d_backward", grad_output, input, saved)


# The mean of each window

def avg_pool2d_textbook(input, kernel_size, stride=None, padding=0):
    """avg_pool2d as its definition reads: lay out all windows, take the mean of each. Same numbers, slower.

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out).
    Raises TypeError or ValueError naming the argument.
    """
    axes = _check("avg_pool2d_textbook", 2, input, kernel_size, stride, padding)
    _, _, kernel_size, stride, padding, _ = zip(*axes, strict=True)
    x = _pad(input, padding, 0)
    windows = sliding_window_view(x, kernel_size, axis=(-2, -1))         # (N, C, H + 2p − kH + 1, …, kH, kW)
    return windows[..., ::stride[0], ::stride[1], :, :].mean(axis=(-2, -1))


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of a sequence.

    out[n, c, i] = 1/k Σ_u input[n, c, s·i + u − p]

    input: (N, C, L) or (C, L)  →  (N, C, L_out).  The rest is as in avg_pool2d.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.avg_pool1d`.
    """
    windows = _sliding("avg_pool1d", 1, input, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, windows, _divisor("avg_pool1d", windows, count_include_pad))


def avg_pool1d_backward(grad_output, input, kernel_size, stride=None, padding=0, ceil_mode=False,
                        count_include_pad=True):
    """dx[m] = Σ dy[i]/divisor[i] over the windows i that hold x[m]."""
    windows = _sliding("avg_pool1d_backward", 1, input, kernel_size, stride, padding, 1, ceil_mode)
    divisor = _divisor("avg_pool1d_backward", windows, count_include_pad)
    return _avg_pool_backward("avg_pool1d_backward", grad_output, input, windows, divisor)


def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
               divisor_override=None):
    """The mean of each window of an image; padding counts as 0.

    out[n, c, i, j] = 1/(kH·kW) Σ_{u, v} input[n, c, s·i + u − p, s·j + v − p]

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out), H_out = ⌊(H + 2p − kH)/s⌋ + 1, W_out likewise.
    stride: default kernel_size.  padding: at most kernel_size/2.  ceil_mode: ⌈…⌉, so that a last window may reach
    beyond the padding; what is beyond is not counted.  count_include_pad: False divides by the number of elements that
    are not padding.  divisor_override: divide by this int instead.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.avg_pool2d`.
    """
    windows = _sliding("avg_pool2d", 2, input, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, windows, _divisor("avg_pool2d", windows, count_include_pad, divisor_override))


def avg_pool2d_backward(grad_output, input, kernel_size, stride=None, padding=0, ceil_mode=False,
                        count_include_pad=True, divisor_override=None):
    """dx[m] = Σ dy[i, j]/divisor[i, j] over the windows (i, j) that hold x[m]."""
    windows = _sliding("avg_pool2d_backward", 2, input, kernel_size, stride, padding, 1, ceil_mode)
    divisor = _divisor("avg_pool2d_backward", windows, count_include_pad, divisor_override)
    return _avg_pool_backward("avg_pool2d_backward", grad_output, input, windows, divisor)


def avg_pool3d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
               divisor_override=None):
    """The mean of each window of a volume.

    out[n, c, h, i, j] = 1/(kD·kH·kW) Σ_{t, u, v} input[n, c, s·h + t − p, s·i + u − p, s·j + v − p]

    input: (N, C, D, H, W) or (C, D, H, W)  →  (N, C, D_out, H_out, W_out).  The rest is as in avg_pool2d.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.avg_pool3d`.
    """
    windows = _sliding("avg_pool3d", 3, input, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, windows, _divisor("avg_pool3d", windows, count_include_pad, divisor_override))


def avg_pool3d_backward(grad_output, input, kernel_size, stride=None, padding=0, ceil_mode=False,
                        count_include_pad=True, divisor_override=None):
    """dx[m] = Σ dy[h, i, j]/divisor[h, i, j] over the windows (h, i, j) that hold x[m]."""
    windows = _sliding("avg_pool3d_backward", 3, input, kernel_size, stride, padding, 1, ceil_mode)
    divisor = _divisor("avg_pool3d_backward", windows, count_include_pad, divisor_override)
    return _avg_pool_backward("avg_pool3d_backward", grad_output, input, windows, divisor)


def adaptive_avg_pool1d(input, output_size):
    """The mean of each of output_size windows that together cover the sequence.

    out[n, c, j] = mean input[n, c, ⌊j·L/L_out⌋ : ⌈(j + 1)·L/L_out⌉]

    input: (N, C, L) or (C, L)  →  (N, C, L_out).  The rest is as in adaptive_avg_pool2d.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.adaptive_avg_pool1d`.
    """
    windows = _adaptive("adaptive_avg_pool1d", 1, input, output_size)
    return _avg_pool(input, windows, _divisor("adaptive_avg_pool1d", windows))


def adaptive_avg_pool1d_backward(grad_output, input, output_size):
    """dx[m] = Σ dy[j]/length[j] over the windows j that hold x[m]."""
    windows = _adaptive("adaptive_avg_pool1d_backward", 1, input, output_size)
    divisor = _divisor("adaptive_avg_pool1d_backward", windows)
    return _avg_pool_backward("adaptive_avg_pool1d_backward", grad_output, input, windows, divisor)


def adaptive_avg_pool2d(input, output_size):
    """The mean of each of H_out × W_out windows that together cover the image; 1 × 1 is global average pooling.

    out[n, c, i, j] = mean input[n, c, ⌊i·H/H_out⌋ : ⌈(i + 1)·H/H_out⌉, ⌊j·W/W_out⌋ : ⌈(j + 1)·W/W_out⌉]

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out).  output_size: int or (H_out, W_out), None in it keeps
    the input's.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.adaptive_avg_pool2d`.
    """
    windows = _adaptive("adaptive_avg_pool2d", 2, input, output_size)
    return _avg_pool(input, windows, _divisor("adaptive_avg_pool2d", windows))


def adaptive_avg_pool2d_backward(grad_output, input, output_size):
    """dx[m] = Σ dy[i, j]/area[i, j] over the windows (i, j) that hold x[m]."""
    windows = _adaptive("adaptive_avg_pool2d_backward", 2, input, output_size)
    divisor = _divisor("adaptive_avg_pool2d_backward", windows)
    return _avg_pool_backward("adaptive_avg_pool2d_backward", grad_output, input, windows, divisor)


def adaptive_avg_pool3d(input, output_size):
    """The mean of each of D_out × H_out × W_out windows that together cover the volume.

    out[n, c, h, i, j] = mean input[n, c, ⌊h·D/D_out⌋ : ⌈(h + 1)·D/D_out⌉, likewise H, likewise W]

    input: (N, C, D, H, W) or (C, D, H, W)  →  (N, C, D_out, H_out, W_out).  The rest is as in adaptive_avg_pool2d.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.adaptive_avg_pool3d`.
    """
    windows = _adaptive("adaptive_avg_pool3d", 3, input, output_size)
    return _avg_pool(input, windows, _divisor("adaptive_avg_pool3d", windows))


def adaptive_avg_pool3d_backward(grad_output, input, output_size):
    """dx[m] = Σ dy[h, i, j]/volume[h, i, j] over the windows (h, i, j) that hold x[m]."""
    windows = _adaptive("adaptive_avg_pool3d_backward", 3, input, output_size)
    divisor = _divisor("adaptive_avg_pool3d_backward", windows)
    return _avg_pool_backward("adaptive_avg_pool3d_backward", grad_output, input, windows, divisor)


# Between the mean and the maximum

def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False, *, saved=None):
    """The p-norm of each window: p = 1 is the sum, p → ∞ the largest absolute value.

    out[n, c, i, j] = (Σ_{u, v} input[n, c, s·i + u, s·j + v]^p)^(1/p)                    with p = norm_type

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out), as avg_pool2d.  norm_type: any number but 0, ±∞ too.
    As in torch there are no bars: an odd p of negative elements may give NaN. In ceil_mode a window that reaches beyond
    the input counts as if it were full: its sum is multiplied by kH·kW and divided by the elements it has.
    saved: a dict in which the forward leaves its output, or what max_pool2d keeps, for the backward.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.lp_pool2d`.
    """
    windows = _sliding("lp_pool2d", 2, input, kernel_size, stride, 0, 1, ceil_mode)
    if not isinstance(norm_type, (int, float, np.number)) or norm_type == 0:
        raise ValueError(f"lp_pool2d: norm_type must be a number other than 0, got {norm_type!r}")
    p = float(norm_type)
    if math.isinf(p):                                                    # the largest or the smallest |x|
        sign = math.copysign(1, p)
        return sign * _max_pool(sign * np.abs(input), windows, False, saved)
    full = math.prod(per_axis("lp_pool2d", "kernel_size", kernel_size, 2, minimum=1))
    with np.errstate(all="ignore"):
        out = (_avg_pool(input**p, windows, _divisor("lp_pool2d", windows)) * full)**(1 / p)
    if saved is not None:
        saved["out"] = out
    return out


def lp_pool2d_backward(grad_output, input, norm_type, kernel_size, stride=None, ceil_mode=False, *, saved=None):
    """dx[m] = x[m]^(p − 1) · Σ out[i, j]^(1 − p) · dy[i, j] over the windows (i, j) that hold x[m] and have out ≠ 0."""
    if not saved:
        lp_pool2d(input, norm_type, kernel_size, stride, ceil_mode, saved=(saved := {}))
    p = float(norm_type)
    if math.isinf(p):                                                    # d|x|/dx = sign(x)
        grad, = _max_pool_backward("lp_pool2d_backward", grad_output, input, saved)
        return (grad * np.sign(input),)
    out = saved["out"]
    grad_output = check_grad_output("lp_pool2d_backward", grad_output, out.shape, out.dtype)
    windows = _sliding("lp_pool2d_backward", 2, input, kernel_size, stride, 0, 1, ceil_mode)
    full = math.prod(per_axis("lp_pool2d_backward", "kernel_size", kernel_size, 2, minimum=1))
    divisor = _divisor("lp_pool2d_backward", windows)
    with np.errstate(all="ignore"):
        scaled = np.where(out == 0, 0, grad_output * out**(1 - p) * full)
        grad, = _avg_pool_backward("lp_pool2d_backward", scaled, input, windows, divisor)
        return (grad * input**(p - 1),)


# What all of them share: the windows

class _Axis(NamedTuple):
    """The windows along one axis of the input.

    size: of the input.  padding: on either side of it.
    starts, ends: window j is from starts[j] up to ends[j]; a start may lie in the padding, an end behind it.
    slices: (u, outputs, elements): what lies u behind the start of the windows `outputs` are the input's `elements`.
    """
    size: int
    padding: int
    starts: range | list
    ends: range | list
    slices: list


def _sliding(name, n, input, kernel_size, stride, padding, dilation, ceil_mode):
    """Windows of kernel_size elements, each stride behind the one before: → an _Axis for each of n axes."""
    windows = []
    for size, out, k, s, p, d in _check(name, n, input, kernel_size, stride, padding, dilation, ceil_mode):
        slices = []
        for u in range(0, d * k, d):                                     # window j has element s·j + u − p
            first = max(0, -((u - p) // s))                              # the first j for which that is ≥ 0
            last = min(out - 1, (size - 1 + p - u) // s)                 # the last j for which it is < size
            if first <= last:
                slices.append((u, slice(first, last + 1), slice(s * first + u - p, s * last + u - p + 1, s)))
        starts, ends = range(-p, s * out - p, s), range(k - p, s * out + k - p, s)
        windows.append(_Axis(size, p, starts, ends, slices))
    return windows


def _adaptive(name, n, input, output_size):
    """Windows from ⌊j·size/out⌋ up to ⌈(j + 1)·size/out⌉: → an _Axis for each of n axes.

    With g the greatest common divisor of size and out, window j + out/g is window j moved by size/g elements: element u
    of every (out/g)-th window is one slice. When out divides size this is plain pooling with kernel_size = stride.
    """
    input, = check_float(name, input=input)
    add_batch(name, input, n)
    sizes = input.shape[-n:]
    if 0 in sizes:
        raise ValueError(f"{name}: input must have at least one element along each of its last {n} axes, "
                         f"got shape {input.shape}")
    if isinstance(output_size, (tuple, list)) and len(output_size) == n:
        output_size = tuple(size if out is None else out for out, size in zip(output_size, sizes, strict=True))
    windows = []
    for size, out in zip(sizes, per_axis(name, "output_size", output_size, n, minimum=0), strict=True):
        starts = [j * size // out for j in range(out)]
        ends = [-(-(j + 1) * size // out) for j in range(out)]
        g = math.gcd(size, out)
        slices = [(a - starts[j], slice(j, None, out // g), slice(a, None, size // g))
                  for j in range(out // g) for a in range(starts[j], ends[j])]
        windows.append(_Axis(size, 0, starts, ends, slices))
    return windows


def _check(name, n, input, kernel_size, stride, padding, dilation=1, ceil_mode=False):
    """What a pooling's arguments say about each of n axes: → [(size, out, kernel_size, stride, padding, dilation)]."""
    input, = check_float(name, input=input)
    batch, _ = add_batch(name, input, n)
    if 0 in batch.shape[1:]:
        raise ValueError(f"{name}: of input only the batch may be empty, got shape {input.shape}")
    kernel_size = per_axis(name, "kernel_size", kernel_size, n, minimum=1)
    if stride is None or (isinstance(stride, (tuple, list)) and len(stride) == 0):
        stride = kernel_size
    stride = per_axis(name, "stride", stride, n, minimum=1)
    padding = per_axis(name, "padding", padding, n, minimum=0)
    dilation = per_axis(name, "dilation", dilation, n, minimum=1)
    axes = []
    for size, k, s, p, d in zip(input.shape[-n:], kernel_size, stride, padding, dilation, strict=True):
        if 2 * p > k:
            raise ValueError(f"{name}: padding must be at most half of kernel_size {kernel_size}, got {padding}")
        if p and d > size:                                               # torch's index then lies outside of the input
            raise ValueError(f"{name}: with padding {padding}, dilation must be at most the input's size "
                             f"{input.shape[-n:]}, got {dilation}: else a window would hold padding alone")
        room = size + 2 * p - d * (k - 1) - 1                            # that the first window leaves behind it
        out = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (out - 1) * s >= size + p:                      # the last window would begin in the padding
            out -= 1
        if out < 1:
            raise ValueError(f"{name}: kernel_size {kernel_size} with dilation {dilation} does not fit into the input "
                             f"{input.shape[-n:]} with padding {padding}")
        axes.append((size, out, k, s, p, d))
    return axes


# What all of them share: the work

def _laid_out(block, windows):
    """The block as it is, or with its planes last in memory if a slice holds fewer than 4 windows of a row.

    An operation runs along what is last: along a thousand planes is faster than along so few windows, by 2 times where
    13 × 13 become 6 × 6 and every slice holds one.
    """
    last = windows[-1]
    few = any(len(last.starts[outputs]) < 4 for _, outputs, _ in last.slices)
    return np.asfortranarray(block) if few else block


def _over_windows(ufunc, start, x, windows):
    """Combine the elements of each window by ufunc, beginning with start: (B, *size) → (B, *out)."""
    for n, axis in enumerate(windows, 1):
        before = (slice(None),) * n
        out = np.full_like(x, start, shape=(*x.shape[:n], len(axis.starts), *x.shape[n + 1:]))
        for _, outputs, elements in axis.slices:
            sofar = out[(*before, outputs)]
            ufunc(sofar, x[(*before, elements)], out=sofar)
        x = out                                                          # axis n has as many elements as windows now
    return x


def _max_pool(input, windows, return_indices, saved):
    """The maximum of each window; what that keeps in saved are the places in the input as a whole."""
    n = len(windows)
    planes = input.reshape(-1, *[axis.size for axis in windows])         # (N·C, *size)
    out = np.empty((len(planes), *[len(axis.starts) for axis in windows]), input.dtype)
    places = np.empty(out.shape, np.int64) if return_indices else None               # in each plane
    indices = np.empty(out.shape, np.int64) if saved is not None else None          # in the whole input
    first = np.arange(len(planes)).reshape(-1, *[1] * n) * math.prod(planes.shape[1:])
    for block in slices(planes.shape, BLOCK):
        x = _laid_out(planes[block], windows)
        if places is None and indices is None:
            out[block] = _over_windows(np.maximum, -np.inf, x, windows)
            continue
        out[block], place = _maximum_and_place(x, windows)
        if places is not None:
            places[block] = place
        if indices is not None:
            np.add(place, first[block], out=indices[block])
    shape = (*input.shape[:-n], *out.shape[1:])
    if saved is not None:
        saved["indices"] = indices.reshape(shape)
    return (out.reshape(shape), places.reshape(shape)) if return_indices else out.reshape(shape)


def _maximum_and_place(x, windows):
    """The maximum of each window, and where in its plane it is: of equals the first, of NaN the last.

    (B, *size)  →  (B, *out), and (B, *out) of int64.

    The elements of a window are numbered, the first has the largest number; so the largest number among the elements
    that equal the maximum is the first such element's. As in _over_windows this goes axis by axis, but the last axis
    first: the code of a row is the number of its maximum; the code of several rows is the number of the row that holds
    the maximum, followed by the code of that row. What does not equal the maximum is multiplied by 0. That is 7 times
    faster than to choose with a mask, as no processor foresees where in a window of data the maximum is.
    """
    spans = [1 + max((u for u, _, _ in axis.slices), default=0) for axis in windows]
    dtype = np.min_scalar_type(math.prod(span + 1 for span in spans))    # one byte for windows up to 14 × 14
    code, base = None, 1
    for n, axis, span in reversed(list(zip(range(1, x.ndim), windows, spans, strict=True))):
        before = (slice(None),) * n
        out = np.full_like(x, -np.inf, shape=(*x.shape[:n], len(axis.starts), *x.shape[n + 1:]))
        for _, outputs, elements in axis.slices:
            sofar = out[(*before, outputs)]
            np.maximum(sofar, x[(*before, elements)], out=sofar)
        winner = np.zeros_like(out, dtype)
        has_nan = np.isnan(out).any()
        for u, outputs, elements in axis.slices:
            candidate = x[(*before, elements)]
            number = dtype.type((span - u) * base)                       # u behind the start: span − u, at least 1
            if code is not None:
                number = number + code[(*before, elements)]
            sofar = winner[(*before, outputs)]
            np.maximum(sofar, np.multiply(candidate == out[(*before, outputs)], number, dtype=dtype), out=sofar)
            if has_nan:
                np.copyto(sofar, number, where=np.isnan(candidate))      # later ones replace earlier ones
        x, code, base = out, winner, base * (span + 1)

    behind, starts = np.zeros(1, np.int64), np.zeros(1, np.int64)        # row-major: (h, w) is at h·W + w
    for axis, span in zip(windows, spans, strict=True):
        behind = np.add.outer(behind * axis.size, np.arange(span, -1, -1)).reshape(-1)            # what a code means
        starts = np.add.outer(starts * axis.size, np.array(axis.starts, int)).reshape(-1)
    place = np.take(behind, code)
    place += starts.reshape(out.shape[1:])
    return out, place


def _max_pool_backward(name, grad_output, input, saved):
    input, = check_float(name, input=input)
    indices = saved["indices"]
    grad_output = check_grad_output(name, grad_output, indices.shape, input.dtype)
    grad = np.zeros(input.size, input.dtype)
    np.add.at(grad, indices.reshape(-1), grad_output.reshape(-1))        # with one axis 8 times faster than with four
    return (grad.reshape(input.shape),)


def _divisor(name, windows, count_include_pad=True, divisor_override=None):
    """By what the sum of each window is divided: how many elements count, (*out), or one int."""
    if divisor_override is not None:
        if not is_int(divisor_override) or divisor_override == 0:
            raise ValueError(f"{name}: divisor_override must be an int other than 0, got {divisor_override!r}")
        return int(divisor_override)
    counts = []
    for axis in windows:
        padding = axis.padding if count_include_pad else 0
        counts.append([min(end, axis.size + padding) - max(start, -padding)
                       for start, end in zip(axis.starts, axis.ends, strict=True)])
    return functools.reduce(np.multiply.outer, counts)


def _avg_pool(input, windows, divisor):
    n = len(windows)
    planes = input.reshape(-1, *[axis.size for axis in windows])         # (N·C, *size)
    shape = (len(planes), *[len(axis.starts) for axis in windows])
    divisor = np.asarray(divisor, input.dtype)
    out = _sums(planes, windows)
    if out is not None:
        out /= divisor
    else:                                                                # in blocks, by slices
        out = np.empty(shape, input.dtype)
        for block in slices(planes.shape, BLOCK):
            x = _laid_out(planes[block], windows)
            np.divide(_over_windows(np.add, 0, x, windows), divisor, out=out[block])
    return out.reshape(*input.shape[:-n], *shape[1:])


def _avg_pool_backward(name, grad_output, input, windows, divisor):
    """The slices of the forward, the other way: each element takes from the windows that hold it."""
    input, = check_float(name, input=input)
    shape = (*input.shape[:-len(windows)], *[len(axis.starts) for axis in windows])
    grad_output = check_grad_output(name, grad_output, shape, input.dtype)
    grad = np.empty(input.shape, input.dtype)
    planes = grad.reshape(-1, *[axis.size for axis in windows])          # (N·C, *size)
    grad_output = grad_output.reshape(len(planes), *shape[-len(windows):])
    divisor = np.asarray(divisor, input.dtype)
    if _is_global(windows):
        planes[...] = grad_output / divisor
        return (grad,)
    matrix = _matrix(windows, input.dtype)
    if matrix is not None:
        dy = (grad_output / divisor).reshape(len(planes), matrix.shape[1])
        if np.isfinite(dy).all():                                        # else 0 · ∞ makes NaN in other places
            np.matmul(dy, matrix.T, out=planes.reshape(len(planes), len(matrix)))
            return (grad,)
    for block in slices(planes.shape, BLOCK):
        dy = _laid_out(grad_output[block] / divisor, windows)            # (B, *out)
        for n, axis in reversed(list(enumerate(windows, 1))):
            before = (slice(None),) * n
            dx = np.zeros_like(dy, shape=(*dy.shape[:n], axis.size, *dy.shape[n + 1:]))
            for _, outputs, elements in axis.slices:
                dx[(*before, elements)] += dy[(*before, outputs)]
            dy = dx                                                      # axis n has the input's size again
        planes[block] = dy
    return (grad,)


def _sums(planes, windows):
    """The sum of each window by one product of matrices: (B, *size) → (B, *out); None where slices are to do it.

    A window that is the whole plane is summed so 6 times as fast as by sum. Of several windows each gets 0 times what
    lies outside of it; where that is ∞ or NaN, which the result shows, slices are to do it too.
    """
    if _is_global(windows):
        matrix = np.ones((math.prod(planes.shape[1:]), 1), planes.dtype)
    else:
        matrix = _matrix(windows, planes.dtype)
        if matrix is None:
            return None
    with np.errstate(invalid="ignore"):
        out = planes.reshape(len(planes), len(matrix)) @ matrix
    if matrix.shape[1] > 1 and not np.isfinite(out).all():
        return None
    return out.reshape(len(planes), *[len(axis.starts) for axis in windows])


def _matrix(windows, dtype):
    """1 where a window (column) holds an element of the plane (row), else 0; None if it would be too large."""
    rows, columns = math.prod(axis.size for axis in windows), math.prod(len(axis.starts) for axis in windows)
    if not 0 < columns <= MATRIX_WINDOWS or rows * columns > MATRIX_NUMBERS:
        return None
    matrix = np.ones((1, 1), dtype)
    for axis in windows:
        holds = np.zeros((axis.size, len(axis.starts)), dtype)
        for _, outputs, elements in axis.slices:
            holds[np.arange(axis.size)[elements], np.arange(len(axis.starts))[outputs]] = 1
        matrix = np.kron(matrix, holds)                                  # places and windows row by row
    return matrix


def _is_global(windows):
    """Whether there is one window, which is the whole plane."""
    return all(len(axis.starts) == 1 and len(axis.slices) == axis.size for axis in windows)


def _pad(input, padding, value):
    sides = [(0, 0)] * (input.ndim - len(padding)) + [(p, p) for p in padding]
    return np.pad(input, sides, constant_values=value)


# Windows whose places are drawn

def fractional_max_pool2d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                          _random_samples=None, *, rng=None, saved=None):
    """Max pooling by any factor: windows whose distances are drawn, so that they fill the image (Graham 2014).

    out[n, c, i, j] = max_{u, v} input[n, c, a_i + u, b_j + v]
    a_i = ⌊(i + r)·α⌋ − ⌊r·α⌋ for i < H_out − 1, the last a_i = H − kH,       α = (H − kH)/(H_out − 1)

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out); b likewise along the width.
    output_size: int or (H_out, W_out); or else output_ratio: a number or two between 0 and 1, H_out = ⌊ratio · H⌋.
    _random_samples: (N, C, 2) in [0, 1), r along the width and r along the height; None draws them.
    return_indices: → (out, indices), indices int64: the maximum's place h·W + w in its plane.
    rng: a NumPy generator or an int seed; None: the course's own.  saved: a dict in which the
    forward leaves the indices for the backward.
    Raises TypeError or ValueError naming the argument; ValueError unless the windows fit: kH + H_out − 1 ≤ H.
    Source: `torch.nn.functional.fractional_max_pool2d`.
    """
    name = "fractional_max_pool2d"
    input, samples, kernel_size, output_size = _check_fractional(
        name, input, kernel_size, output_size, output_ratio, _random_samples, rng)
    *planes, height, width = input.shape
    rows = _places(samples[..., 1], height, output_size[0], kernel_size[0])                  # (N, C, H_out, kH)
    columns = _places(samples[..., 0], width, output_size[1], kernel_size[1])                # (N, C, W_out, kW)
    places = rows[:, :, :, None, :, None] * width + columns[:, :, None, :, None, :]          # (N, C, …, kH, kW)
    places = places.reshape(*planes, *output_size, -1)
    flat = input.reshape(*planes, 1, 1, height * width)
    windows = np.take_along_axis(flat, places, axis=-1)                  # (*, H_out, W_out, kH·kW)
    first = windows.argmax(axis=-1)[..., None]
    indices = np.take_along_axis(places, first, axis=-1)[..., 0]
    if saved is not None:
        saved["indices"] = indices
    out = np.take_along_axis(windows, first, axis=-1)[..., 0]
    return (out, indices) if return_indices else out


def fractional_max_pool2d_backward(grad_output, input, kernel_size, output_size=None, output_ratio=None,
                                   return_indices=False, _random_samples=None, *, rng=None, saved=None):
    """dx[m] = Σ dy[i, j] over the windows (i, j) whose maximum is x[m].

    Needs where the windows were: what the forward saved, its _random_samples, or the int seed that was its rng.
    """
    name = "fractional_max_pool2d_backward"
    if not saved:
        if _random_samples is None and not is_int(rng):
            raise ValueError(f"{name}: where the windows were is needed: give what the forward saved, its "
                             f"_random_samples or the int seed that was its rng; got none of them and rng={rng!r}")
        fractional_max_pool2d(input, kernel_size, output_size, output_ratio, False, _random_samples, rng=rng,
                              saved=(saved := {}))
    input, = check_float(name, input=input)
    indices = saved["indices"]
    grad_output = check_grad_output(name, grad_output, indices.shape, input.dtype)
    *planes, height, width = input.shape
    grad = np.zeros((math.prod(planes), height * width), input.dtype)
    np.add.at(grad, (np.arange(len(grad))[:, None], indices.reshape(len(grad), -1)), grad_output.reshape(len(grad), -1))
    return (grad.reshape(input.shape),)


def _places(r, size, out, k):
    """The rows (or columns) of each window.  r: (N, C)  →  (N, C, out, k), int64 from 0 to size − 1"""
    alpha = r.dtype.type(size - k) / r.dtype.type(max(1, out - 1))
    r = r[..., None]
    starts = ((np.arange(out - 1, dtype=r.dtype) + r) * alpha).astype(np.int64) - (r * alpha).astype(np.int64)
    last = np.full((*starts.shape[:-1], 1), size - k)                    # the last window ends where the image does
    return np.concatenate([starts, last], axis=-1)[..., None] + np.arange(k)


def _check_fractional(name, input, kernel_size, output_size, output_ratio, samples, rng):
    """→ input, samples (N or 1, C, 2), kernel_size and output_size as pairs"""
    input, samples = check_float(name, input=input, _random_samples=samples)
    batch, _ = add_batch(name, input, 2)
    kernel_size = per_axis(name, "kernel_size", kernel_size, 2, minimum=1)
    if output_size is not None:
        output_size = per_axis(name, "output_size", output_size, 2, minimum=1)
    elif output_ratio is not None:
        ratio = tuple(output_ratio) if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * 2
        if len(ratio) != 2 or not all(isinstance(r, (float, np.floating)) and 0 < r < 1 for r in ratio):
            raise ValueError(f"{name}: output_ratio must be a number or two between 0 and 1, got {output_ratio!r}")
        output_size = tuple(int(size * r) for size, r in zip(input.shape[-2:], ratio, strict=True))
    else:
        raise ValueError(f"{name}: give output_size or output_ratio")
    for size, out, k in zip(input.shape[-2:], output_size, kernel_size, strict=True):
        if not 1 <= out <= size - k + 1:
            raise ValueError(f"{name}: {out} windows of kernel_size {k} do not fit into {size} pixels; there may be "
                             f"from 1 to {size - k + 1}")
    wanted = (*batch.shape[:2], 2)
    if samples is None:
        samples = as_generator(name, rng).random(wanted, dtype=input.dtype)
    elif samples.shape != wanted:
        raise ValueError(f"{name}: _random_samples must be {wanted}, got shape {samples.shape}")
    return input, samples, kernel_size, output_size
