"""Correlation with few output channels: columns that are views, one matrix product for each output row.

With few kernels the copying of `im2col.py` costs more than its product. Unfold along the width alone, and lay the rows
of the image one after the other: then the windows of output row i, kH consecutive rows, already are a matrix.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .im2col import output_size, pad_rows

COLUMNS = 512                                                            # about so many in one product; measured
LARGEST = 1 << 20                                                        # numbers in an unfolded block


def correlate(x, w, bias, stride, padding, groups):
    """x (N, C, H, W) ⋆ w (O, C/G, kH, kW) + bias (O,) → (N, O, H_out, W_out)."""
    out_channels, kernel = len(w), w.shape[2:]
    size = output_size(x, kernel, stride, padding, (1, 1))
    rows = w.reshape(groups, 1, out_channels // groups, -1, *kernel).swapaxes(3, 4)
    rows = rows.reshape(groups, 1, out_channels // groups, -1)           # (G, 1, O/G, kH·C/G·kW)
    bias = 0 if bias is None else bias.reshape(groups, -1, 1, 1)
    out = np.empty((len(x), out_channels, *size), x.dtype)
    for images in _blocks(x, kernel, size):
        columns = _columns(x[images], kernel, size, stride, padding, groups)
        product = (rows @ columns).reshape(groups, size[0], out_channels // groups, -1, size[1])
        place = out[images].reshape(-1, groups, out_channels // groups, *size)
        np.add(product.transpose(3, 0, 2, 1, 4), bias, out=place)
    return out


def correlate_weight(x, grad_output, kernel, stride, padding, groups):
    """The gradient for w.  → (O, C/G, kH, kW)"""
    out_channels, size = grad_output.shape[1], grad_output.shape[2:]
    grad = 0
    for images in _blocks(x, kernel, size):
        columns = _columns(x[images], kernel, size, stride, padding, groups)
        back = grad_output[images].reshape(-1, groups, out_channels // groups, *size).transpose(1, 3, 2, 0, 4)
        back = back.reshape(groups, size[0], out_channels // groups, -1)                     # (G, H_out, O/G, N·W_out)
        grad += (back @ columns.swapaxes(2, 3)).sum(axis=1)
    grad = grad.reshape(out_channels, kernel[0], -1, kernel[1]).swapaxes(1, 2)
    return np.ascontiguousarray(grad)


def correlate_input(grad_output, w, size, stride, padding, groups):
    """The gradient for x of size (H, W): the transposed steps, adding where `_columns` looked.  → (N, C, H, W)"""
    batch, out_channels, height_out, width_out = grad_output.shape
    group_channels, *kernel = w.shape[1:]
    columns = w.reshape(groups, 1, out_channels // groups, -1, *kernel).transpose(0, 1, 4, 3, 5, 2)
    columns = columns.reshape(groups, 1, -1, out_channels // groups)                         # (G, 1, kH·C/G·kW, O/G)
    height, width = size[0] + sum(padding[0]), size[1] + sum(padding[1])
    grad = np.empty((batch, groups * group_channels, *size), grad_output.dtype)
    for images in _blocks(grad, kernel, (height_out, width_out)):
        back = grad_output[images].reshape(-1, groups, out_channels // groups, height_out, width_out)
        count = len(back)
        back = back.transpose(1, 3, 2, 0, 4).reshape(groups, height_out, out_channels // groups, -1)
        spread = (columns @ back).reshape(groups, height_out, kernel[0], group_channels, kernel[1], count, width_out)
        unfolded = np.zeros((groups, height, group_channels, kernel[1], count, width_out), grad.dtype)
        for u in range(kernel[0]):
            unfolded[:, u:u + (height_out - 1) * stride[0] + 1:stride[0]] += spread[:, :, u]
        padded = np.zeros((groups, height, group_channels, count, width), grad.dtype)
        for v in range(kernel[1]):
            padded[..., v:v + (width_out - 1) * stride[1] + 1:stride[1]] += unfolded[:, :, :, v]
        inner = padded[:, padding[0][0]:padding[0][0] + size[0], :, :, padding[1][0]:padding[1][0] + size[1]]
        grad[images] = inner.transpose(3, 0, 2, 1, 4).reshape(count, groups * group_channels, *size)
    return grad


def _blocks(x, kernel, size):
    """Slices of images."""
    numbers = x.shape[1] * (x.shape[2] + 2 * kernel[0]) * kernel[1] * size[1]                # of one unfolded image
    count = max(1, min(len(x), COLUMNS // size[1], LARGEST // numbers))
    count = -(-len(x) // -(-len(x) // count))
    return [slice(n, min(n + count, len(x))) for n in range(0, len(x), count)]


def _columns(x, kernel, size, stride, padding, groups):
    """The windows of each output row as a matrix, a view.  → (G, H_out, kH·C/G·kW, N·W_out)"""
    batch, channels, height, _ = x.shape
    x = pad_rows(x, -padding[0][0], height + sum(padding[0]), padding[1])
    height, depth = x.shape[2], channels // groups * kernel[1]
    n, c, h, w = x.strides
    unfolded = as_strided(x, (groups, height, channels // groups, kernel[1], batch, size[1]),
                          (channels // groups * c, h, c, w, n, stride[1] * w)).copy()        # (G, H, C/G, kW, N, W_out)
    row = unfolded.strides[1]
    return as_strided(unfolded, (groups, size[0], kernel[0] * depth, batch * size[1]),
                      (unfolded.strides[0], stride[0] * row, row // depth, x.itemsize))
