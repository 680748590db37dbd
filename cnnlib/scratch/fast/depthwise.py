"""Depthwise correlation: each channel has a kernel of its own, and there is no matrix to multiply.

The padded plane is laid out as one long line, so that a tap of the kernel is a shift of the line: multiply, add. The
last kW − 1 numbers of each row of the result are of no window and are dropped. A stride s splits image and kernel into
s × s phases (every s-th row and column); the result is the sum of the unstrided correlations of the phases.

Stride or dilation must be 1; `correlation.py` sends other cases elsewhere.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .im2col import cut, output_size

BLOCK = 1 << 16                                                          # numbers of a block of planes; measured


def correlate(x, w, bias, stride, padding, dilation):
    """x (N, C, H, W) ⋆ w (C, 1, kH, kW) + bias (C,) → (N, C, H_out, W_out)."""
    size = output_size(x, w.shape[2:], stride, padding, dilation)
    out = np.empty((*x.shape[:2], *size), x.dtype)
    for channels in _blocks(x):
        kernels = w[channels, 0]
        phases = _phases(kernels.shape, x, size, stride, padding, dilation)
        for n in range(len(x)):
            total = None
            for taps, pixels, place, shifted in phases:
                place[...] = x[(n, channels, *pixels)]
                kernel = kernels[(slice(None), *taps)]
                for v in range(kernel.shape[2]):
                    # Σ_u w[c, u, v] · line[c, l + d·u·width + d·v]: einsum multiplies and adds in one pass
                    part = np.einsum("cu,cul->cl", kernel[:, :, v], shifted[:, :, v])
                    total = part if total is None else np.add(total, part, out=total)
            total = total.reshape(len(kernels), size[0], -1)[:, :, :size[1]]
            if bias is None:
                out[n, channels] = total
            else:
                np.add(total, bias[channels, None, None], out=out[n, channels])
    return out


def correlate_weight(x, grad_output, kernel, stride, padding, dilation):
    """The gradient for w: for each tap the product of what came back with the shifted line.  → (C, 1, kH, kW)"""
    size = grad_output.shape[2:]
    grad = np.zeros((x.shape[1], 1, *kernel), x.dtype)
    for channels in _blocks(x):
        grads = grad[channels, 0]
        phases = _phases(grads.shape, x, size, stride, padding, dilation)
        back = np.zeros((len(grads), size[0], phases[0][3].shape[3] // size[0]), x.dtype)    # zero where no window is
        for n in range(len(x)):
            back[:, :, :size[1]] = grad_output[n, channels]
            for taps, pixels, place, shifted in phases:
                place[...] = x[(n, channels, *pixels)]
                grads[(slice(None), *taps)] += np.vecdot(back.reshape(len(back), 1, 1, -1), shifted)
    return grad


def correlate_input(grad_output, w, size, stride, padding):
    """The gradient for x of size (H, W), dilation 1.  → (N, C, H, W)

    A pixel of phase (a, b) was seen by the taps of the same phase alone: so each phase of the gradient is an unstrided
    correlation of grad_output with the taps of its phase, turned by 180°.
    """
    grad = np.zeros((*grad_output.shape[:2], *size), grad_output.dtype)
    for a, b in np.ndindex(*stride):
        kernel = np.flip(w[:, :, a::stride[0], b::stride[1]], (2, 3))
        first = [_first(phase, before, s) for phase, (before, _), s in zip((a, b), padding, stride, strict=True)]
        place = grad[:, :, first[0][1]::stride[0], first[1][1]::stride[1]]
        if kernel.size and place.size:
            around = [(k - 1 - skip, want - have + skip) for k, (skip, _), want, have in
                      zip(kernel.shape[2:], first, place.shape[2:], grad_output.shape[2:], strict=True)]
            inner, around = cut(grad_output, around)
            place[...] = correlate(inner, kernel, None, (1, 1), around, (1, 1))
    return grad


def _blocks(x):
    """Slices of channels, such that a block of planes stays in the cache."""
    count = max(1, BLOCK // (x.shape[2] * x.shape[3]))
    count = -(-x.shape[1] // -(-x.shape[1] // count))                    # blocks of equal size
    return [slice(c, min(c + count, x.shape[1])) for c in range(0, x.shape[1], count)]


def _phases(kernels, x, size, stride, padding, dilation):
    """For each phase: which taps of kernels (C, kH, kW) and which pixels of an image belong to it; the place of the
    pixels in a line, which is zero around them; and the line shifted for each tap, (C, kH', kW', H_out·width).
    """
    channels, *kernel = kernels
    height, width = (n + (d * (k - 1) if s == 1 else (k - 1) // s)       # of a phase
                     for n, k, s, d in zip(size, kernel, stride, dilation, strict=True))
    phases = []
    for a, b in np.ndindex(*(min(s, k) for s, k in zip(stride, kernel, strict=True))):
        (top, row), (left, column) = (_first(phase, before, s) for phase, (before, _), s in
                                      zip((a, b), padding, stride, strict=True))
        pixels = (slice(row, row + (height - top) * stride[0], stride[0]),
                  slice(column, column + (width - left) * stride[1], stride[1]))
        line = np.zeros((channels, height * width + kernel[1] * dilation[1]), x.dtype)       # the last shift ends later
        rows, columns = (len(range(*part.indices(n))) for part, n in zip(pixels, x.shape[2:], strict=True))
        place = line[:, :height * width].reshape(channels, height, width)[:, top:top + rows, left:left + columns]
        taps = (slice(a, None, stride[0]), slice(b, None, stride[1]))
        c, l = line.strides
        shape = (channels, len(range(a, kernel[0], stride[0])), len(range(b, kernel[1], stride[1])), size[0] * width)
        phases.append((taps, pixels, place, as_strided(line, shape, (c, dilation[0] * width * l, dilation[1] * l, l))))
    return phases


def _first(phase, pad, stride):
    """Where the first pixel of a phase of the padded axis lies: its place in the phase, and in the image."""
    place = max(0, -(-(pad - phase) // stride))
    return place, place * stride + phase - pad
