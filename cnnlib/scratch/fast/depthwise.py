"""Depthwise correlation: each channel has a kernel of its own, a single row of weights for all its windows.

Short loops are slow in NumPy, and a row of an image is short. So row r of all images of a block is one line, padding
included, and the line is copied once for each of the kW shifts of the kernel. Then the windows of output row i, kH
consecutive rows of kW lines, already are a matrix, and a channel's output row is a vector times a matrix. The last
numbers of each image's row are of no window and are dropped.

In height, stride or dilation must be 1. Rows that are a dilation apart are laid one after the other: phases of rows.
The gradient of the input is a correlation too: `choose.py` asks for it.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .windows import equal_slices, output_size

BLOCK = 1 << 17                                                          # numbers in the copies of a line; measured


def suits(channels, out_channels, stride, dilation, groups):
    """Whether it applies."""
    return channels == groups == out_channels and 1 in (stride[0], dilation[0])


def forward(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, H, W) ⋆ w (C, 1, kH, kW) + bias (C,) → (N, C, H_out, W_out)."""
    kernel = w.shape[2:]
    size = output_size(x.shape[2:], kernel, stride, padding, dilation)
    out = np.empty((*x.shape[:2], *size), x.dtype)
    kernels = w.reshape(len(w), 1, 1, 1, -1)                             # (C, 1, 1, 1, kH·kW)
    lines = None
    for images, channels in _blocks(x, size, kernel):
        lines = _read(lines, x[images, channels], size, kernel, stride, padding, dilation)
        np.matmul(kernels[channels], lines.columns, out=lines.results)
        if bias is not None:
            lines.results += bias[channels].reshape(-1, 1, 1, 1, 1)
        out[images, channels] = lines.output
    return out


def backward_weight(grad_output, x, kernel, stride, padding, dilation, groups):
    """The gradient of the weight: what came back for each output row, times what each tap saw.  → (C, 1, kH, kW)"""
    size = grad_output.shape[2:]
    grad = np.zeros((groups, kernel[0] * kernel[1]), x.dtype)
    lines = None
    for images, channels in _blocks(x, size, kernel):
        lines = _read(lines, x[images, channels], size, kernel, stride, padding, dilation)
        lines.output[...] = grad_output[images, channels]
        grad[channels] += (lines.results @ lines.columns.swapaxes(3, 4)).sum(axis=(1, 2, 3))
    return grad.reshape(groups, 1, *kernel)


def _blocks(x, size, kernel):
    """Slices of images and of channels, of which the copied lines stay in the cache."""
    numbers = kernel[1] * (size[0] + kernel[0]) * (size[1] + kernel[1])  # of one channel of an image
    images = equal_slices(len(x), BLOCK // numbers)
    channels = equal_slices(x.shape[1], BLOCK // (numbers * images[0].stop))
    return [(n, c) for n in images for c in channels]


def _read(lines, x, *options):
    """The lines of the block x, in the memory of the block before if that was of the same shape."""
    if lines is None or lines.shape != x.shape:
        lines = _Lines(x, *options)
    lines.place[...] = x[:, :, :lines.place.shape[2], :lines.place.shape[3]]
    lines.copies[...] = lines.shifts
    return lines


class _Lines:
    """The memory of a block, and views of it; a phase has `rows` rows, and `steps` rows of the output.

    place     (N, C, H, W)               where the images lie in the lines; the rest is padding, zero
    shifts    (C, d, rows, kW, N·width)  the line of each row, shifted for each tap: a view
    copies    (C, d, rows, kW, N·width)  where that is copied to
    columns   (C, d, steps, kH·kW, N·width)  the windows of each output row: a view of the copies
    results   (C, d, steps, 1, N·width)  the output rows
    output    (N, C, H_out, W_out)       a view of the results
    """

    def __init__(self, x, size, kernel, stride, padding, dilation):
        self.shape = batch, channels, height, width = x.shape
        (top, _), (left, _) = padding
        d, steps = dilation[0], -(-size[0] // dilation[0])
        rows = steps * stride[0] + kernel[0] - 1
        width_out = size[1] + -(-dilation[1] * (kernel[1] - 1) // stride[1])
        lines = np.zeros((channels, d * rows + 1, batch, width_out * stride[1]), x.dtype)    # a shift ends a row later
        self.place = lines[:, top:d * rows, :, left:][:, :height, :, :width].transpose(2, 0, 1, 3)
        self.copies = np.empty((channels, d, rows, kernel[1], batch * width_out), x.dtype)
        channel, row, _, number = lines.strides
        self.shifts = as_strided(lines, self.copies.shape,
                                 (channel, row, d * row, dilation[1] * number, stride[1] * number))
        channel, phase, row, line, number = self.copies.strides
        self.columns = as_strided(self.copies, (channels, d, steps, kernel[0] * kernel[1], batch * width_out),
                                  (channel, phase, stride[0] * row, line, number))
        results = np.zeros((channels, steps, d, batch, width_out), x.dtype)
        self.results = results.reshape(channels, steps, d, 1, -1).swapaxes(1, 2)
        self.output = results.reshape(channels, -1, batch, width_out)[:, :size[0], :, :size[1]].transpose(2, 0, 1, 3)
