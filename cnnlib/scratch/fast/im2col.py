"""Correlation as a matrix product, in blocks: the form for whatever no other suits.

The textbook form unfolds every window into a column and multiplies once. The columns are k² times as large as the
image; here they are made for a block at a time, so that they are still in the cache when the product reads them.
"""

import numpy as np

from .windows import output_size, pad_rows, under_tap

COLUMNS = 784                                                            # about so many in one product; measured
LARGEST = 1 << 21                                                        # and at most so many numbers in them


def forward(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, H, W) ⋆ w (O, C/G, kH, kW) + bias (O,) → (N, O, H_out, W_out)."""
    out_channels, depth = len(w), w[0].size
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    out = np.empty((len(x), out_channels, *size), x.dtype)
    rows = w.reshape(groups, out_channels // groups, depth)              # (G, O/G, C/G·kH·kW)
    ones = bias is not None and w.size < out.size                        # is it less to copy w than to add to out?
    if ones:                                                             # the bias is the weight of an input that is 1
        rows = np.concatenate([rows, bias.reshape(groups, -1, 1)], axis=2)
    columns = None
    for images, top, height in _blocks(out.shape, depth * groups):
        columns = _unfold(x, w.shape[2:], images, top, height, size[1], stride, padding, dilation, groups, ones,
                          columns)
        if images.stop - images.start == 1:                              # one image: the product has its place in `out`
            place = out[images].reshape(groups, out_channels // groups, -1)
            np.matmul(rows, columns, out=place[:, :, top * size[1]:(top + height) * size[1]])
        else:
            product = rows @ columns                                     # (G, O/G, N·rows·W_out)
            out[images] = product.reshape(out_channels, -1, *size).transpose(1, 0, 2, 3)
    if bias is not None and not ones:
        out += bias.reshape(-1, 1, 1)
    return out


def backward_weight(grad_output, x, kernel, stride, padding, dilation, groups):
    """The gradient of the weight: what each entry of the kernel saw, times what came back.

    Σ over blocks of columns @ grad_outputᵀ, which is faster than its transpose  →  (O, C/G, kH, kW)
    """
    out_channels, _, width_out = grad_output.shape[1:]
    depth = x.shape[1] // groups * kernel[0] * kernel[1]
    grad = columns = None
    for images, top, height in _blocks(grad_output.shape, depth * groups):
        columns = _unfold(x, kernel, images, top, height, width_out, stride, padding, dilation, groups, False, columns)
        part = columns @ _channels_first(grad_output, images, top, height, groups).transpose(0, 2, 1)
        grad = part if grad is None else np.add(grad, part, out=grad)
    return grad.transpose(0, 2, 1).reshape(out_channels, -1, *kernel)


def backward_input(grad_output, w, size, stride, padding, dilation, groups):
    """The gradient of the input of size (H, W): wᵀ times what came back is columns; each goes where it came from."""
    batch, out_channels, height_out, width_out = grad_output.shape
    channels, kernel = w.shape[1] * groups, w.shape[2:]
    rows = w.reshape(groups, out_channels // groups, -1)
    (pad_top, pad_bottom), (pad_left, pad_right) = padding
    padded_size = size[0] + pad_top + pad_bottom, size[1] + pad_left + pad_right
    grad = np.empty((batch, channels, *size), grad_output.dtype)
    padded = None
    for images, top, height in _blocks(grad_output.shape, rows.shape[2] * groups):
        if top == 0:
            padded = np.zeros((len(grad[images]), channels, *padded_size), grad.dtype)
        columns = rows.transpose(0, 2, 1) @ _channels_first(grad_output, images, top, height, groups)
        columns = columns.reshape(channels, *kernel, -1, height, width_out)
        _fold(columns, padded, top, stride, dilation)
        if top + height == height_out:
            grad[images] = padded[:, :, pad_top:pad_top + size[0], pad_left:pad_left + size[1]]
    return grad


def _blocks(out_shape, depth):
    """Cut the columns of `out_shape` (N, O, H_out, W_out), each `depth` long, into blocks.

    → images (a slice), the first output row, the number of output rows: several whole images, or rows of one
    """
    batch, _, height, width = out_shape
    columns = max(1, min(COLUMNS, LARGEST // depth))
    if height * width <= columns:
        count = columns // (height * width)
        count = -(-batch // -(-batch // count))                          # blocks of equal size
        for n in range(0, batch, count):
            yield slice(n, min(n + count, batch)), 0, height
    else:
        rows = max(1, columns // width)
        rows = -(-height // -(-height // rows))
        for n in range(batch):
            for top in range(0, height, rows):
                yield slice(n, n + 1), top, min(rows, height - top)


def _unfold(x, kernel, images, top, rows, width_out, stride, padding, dilation, groups, ones, columns):
    """The columns of output rows top … top + rows, with a row of ones at the end if asked for.

    In two steps, because long runs copy faster: first along the width, for every row that is needed; then along the
    height.  columns: what the call before returned: written over, it stays in the cache.
    → (G, C/G·kH·kW (+ 1), N·rows·W_out)
    """
    lines = _unfold_width(x[images], kernel, top, rows, width_out, stride, padding, dilation)
    channels, _, batch, *_ = lines.shape
    depth, length = channels // groups * kernel[0] * kernel[1], batch * rows * width_out
    if columns is None or columns.shape[2] != length:
        columns = np.ones((groups, depth + ones, length), x.dtype)
    lines = lines.reshape(groups, channels // groups, *lines.shape[1:])
    windows = columns[:, :depth].reshape(groups, channels // groups, *kernel, batch, rows, width_out)
    for u in range(kernel[0]):
        row, phase = divmod(u * dilation[0], stride[0])
        windows[:, :, u] = lines[..., phase, row:row + rows, :]
    return columns


def _unfold_width(x, kernel, top, rows, width_out, stride, padding, dilation):
    """The windows of all rows that output rows top … top + rows need.  → (C, kW, N, sH, rows of the input/sH, W_out)

    Rows that are a stride apart lie together: the second step takes them so.
    """
    count = rows + dilation[0] * (kernel[0] - 1) // stride[0]            # of each phase of the rows
    x = pad_rows(x, top * stride[0] - padding[0][0], count * stride[0], padding[1])
    x = x.reshape(*x.shape[:2], count, stride[0], -1).transpose(1, 0, 3, 2, 4)               # (C, N, sH, count, W)
    lines = np.empty((len(x), kernel[1], *x.shape[1:4], width_out), x.dtype)
    for v in range(kernel[1]):
        first = v * dilation[1]
        lines[:, v] = x[..., first:first + (width_out - 1) * stride[1] + 1:stride[1]]
    return lines


def _fold(columns, padded, top, stride, dilation):
    """Add columns (C, kH, kW, N, rows, W_out) to where `_unfold` took them from: the transpose of it."""
    columns = columns.transpose(1, 2, 3, 0, 4, 5)                        # (kH, kW, N, C, rows, W_out)
    *kernel, _, _, rows, width = columns.shape
    padded = padded[:, :, top * stride[0]:]
    for u, v in np.ndindex(*kernel):
        under_tap(padded, (u, v), (rows, width), stride, dilation)[...] += columns[u, v]


def _channels_first(grad_output, images, top, rows, groups):
    """grad_output[images, :, top:top + rows] as (G, O/G, N·rows·W_out); a view for one image."""
    block = grad_output[images, :, top:top + rows]
    return block.transpose(1, 0, 2, 3).reshape(groups, block.shape[1] // groups, -1)
