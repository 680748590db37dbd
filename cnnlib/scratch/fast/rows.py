"""Correlation with few output channels: columns that are views, one matrix product for each output row.

With few kernels the copying of `im2col.py` costs more than its product. Unfold along the width alone, and lay the rows
of the image one after the other: then the windows of output row i, kH consecutive rows, already are a matrix.

Dilation must be 1.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .windows import equal_slices, output_size, pad_rows

COLUMNS = 512                                                            # about so many in one product; measured
LARGEST = 1 << 20                                                        # numbers in an unfolded block
GROUPS = 1 << 17                                                         # of several groups, so many stay in the cache


def forward(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, H, W) ⋆ w (O, C/G, kH, kW) + bias (O,) → (N, O, H_out, W_out)."""
    kernel = w.shape[2:]
    size = output_size(x.shape[2:], kernel, stride, padding, dilation)
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    kernels = w.reshape(groups, 1, len(w) // groups, -1, *kernel).swapaxes(3, 4)
    kernels = kernels.reshape(groups, 1, len(w) // groups, -1)           # (G, 1, O/G, kH·C/G·kW)
    bias = np.zeros(len(w), w.dtype) if bias is None else bias
    bias = bias.reshape(groups, -1, 1, 1)
    out = np.empty((len(x), groups, len(w) // groups, *size), x.dtype)
    unfolded = None
    for images, some in _blocks(x.shape, kernel, size):
        unfolded = _unfold(x[images, some], kernel, size, stride, padding, unfolded)
        columns = _columns(unfolded, kernel, size, stride)
        product = kernels[some] @ columns                                # (G, H_out, O/G, N·W_out)
        product = product.reshape(*product.shape[:3], -1, size[1])
        np.add(product.transpose(3, 0, 2, 1, 4), bias[some], out=out[images, some])
    return out.reshape(len(x), len(w), *size)


def backward_weight(grad_output, x, kernel, stride, padding, dilation, groups):
    """The gradient of the weight.  → (O, C/G, kH, kW)"""
    size = grad_output.shape[2:]
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    grad_output = grad_output.reshape(len(x), groups, -1, *size)
    depth, out_channels = x.shape[2], grad_output.shape[2]
    grad = np.zeros((groups, kernel[0] * depth * kernel[1], out_channels), x.dtype)
    unfolded = None
    for images, some in _blocks(x.shape, kernel, size):
        unfolded = _unfold(x[images, some], kernel, size, stride, padding, unfolded)
        columns = _columns(unfolded, kernel, size, stride)
        back = _back(grad_output[images, some])
        grad[some] += (columns @ back.swapaxes(2, 3)).sum(axis=1)        # faster than back @ columnsᵀ, its transpose
    grad = grad.reshape(groups, kernel[0], depth, kernel[1], out_channels)
    return grad.transpose(0, 4, 2, 1, 3).reshape(groups * out_channels, depth, *kernel)


def backward_input(grad_output, w, size, stride, padding, dilation, groups):
    """The gradient of the input of size (H, W): the transposed steps, adding where windows looked.  → (N, C, H, W)"""
    batch, _, height_out, width_out = grad_output.shape
    depth, *kernel = w.shape[1:]
    kernels = w.reshape(groups, 1, len(w) // groups, -1, *kernel).transpose(0, 1, 4, 3, 5, 2)
    kernels = kernels.reshape(groups, 1, -1, len(w) // groups)           # (G, 1, kH·C/G·kW, O/G)
    height, width = size[0] + sum(padding[0]), size[1] + sum(padding[1])
    grad_output = grad_output.reshape(batch, groups, -1, height_out, width_out)
    grad = np.empty((batch, groups, depth, *size), grad_output.dtype)
    for images, some in _blocks(grad.shape, kernel, (height_out, width_out)):
        back = _back(grad_output[images, some])
        spread = (kernels[some] @ back).reshape(len(back), height_out, kernel[0], depth, kernel[1], -1, width_out)
        count = spread.shape[5]
        unfolded = np.zeros((len(back), height, depth, kernel[1], count, width_out), grad.dtype)
        for u in range(kernel[0]):
            unfolded[:, u:u + (height_out - 1) * stride[0] + 1:stride[0]] += spread[:, :, u]
        padded = np.zeros((len(back), height, depth, count, width), grad.dtype)
        for v in range(kernel[1]):
            padded[..., v:v + (width_out - 1) * stride[1] + 1:stride[1]] += unfolded[:, :, :, v]
        inner = padded[:, padding[0][0]:padding[0][0] + size[0], :, :, padding[1][0]:padding[1][0] + size[1]]
        grad[images, some] = inner.transpose(3, 0, 2, 1, 4)
    return grad.reshape(batch, groups * depth, *size)


def _blocks(shape, kernel, size):
    """Slices of the images and of the groups of x (N, G, C/G, H, W)."""
    batch, groups, depth, height, _ = shape
    numbers = depth * (height + 2 * kernel[0]) * kernel[1] * size[1]     # of one unfolded image, in one group
    images = equal_slices(batch, min(COLUMNS // size[1], LARGEST // numbers))
    some = equal_slices(groups, GROUPS // (images[0].stop * numbers))
    return [(n, g) for n in images for g in some]


def _unfold(x, kernel, size, stride, padding, unfolded):
    """The windows of each row along its width alone.  → (G, H, C/G, kW, N, W_out)

    unfolded: what the call before returned: written over, it stays in the cache.
    """
    batch, groups, depth, height, width = x.shape
    x = pad_rows(x.reshape(batch, -1, height, width), -padding[0][0], height + sum(padding[0]), padding[1])
    shape = (groups, depth, x.shape[2], kernel[1], batch, size[1])
    n, c, h, w = x.strides
    windows = as_strided(x, shape, (depth * c, c, h, w, n, stride[1] * w)).swapaxes(1, 2)
    if unfolded is None or unfolded.shape != windows.shape:
        unfolded = np.empty(windows.shape, x.dtype)
    unfolded[...] = windows
    return unfolded


def _columns(unfolded, kernel, size, stride):
    """The windows of each output row as a matrix, a view.  → (G, H_out, kH·C/G·kW, N·W_out)"""
    groups, _, depth, _, batch, width = unfolded.shape
    group, row, _, column, *_ = unfolded.strides
    return as_strided(unfolded, (groups, size[0], kernel[0] * depth * kernel[1], batch * width),
                      (group, stride[0] * row, column, unfolded.itemsize))


def _back(grad_output):
    """What came back (N, G, O/G, H_out, W_out) for each output row as a matrix.  → (G, H_out, O/G, N·W_out)"""
    back = grad_output.transpose(1, 3, 2, 0, 4)
    return back.reshape(*back.shape[:3], -1)
