"""Convolution and im2col, forward and backward.

Shapes follow PyTorch: N images of C channels, H rows and W columns are an array (N, C, H, W); the axis N may be left
out. What a deep-learning library calls convolution is cross-correlation: the kernel is laid on the image as it stands.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .arguments import add_batch, check_float, per_axis

__all__ = ["conv1d", "conv2d", "unfold"]


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlate sequences with a bank of kernels.

    out[n, o, i] = bias[o] + Σ_c Σ_u  input[n, c, s·i + d·u − p] · weight[o, c, u]

    input: (N, C, L) or (C, L)   weight: (O, C/groups, K)   bias: (O,)  →  (N, O, L_out) or (O, L_out)
    L_out = ⌊(L + 2p − d(K − 1) − 1)/s⌋ + 1.  padding: int, "valid", or "same" (stride 1; the odd zero goes behind).
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.conv1d`.
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlate images with a bank of kernels.

    out[n, o, i, j] = bias[o] + Σ_c Σ_u Σ_v  input[n, c, s·i + d·u − p, s·j + d·v − p] · weight[o, c, u, v]

    input: (N, C, H, W) or (C, H, W)   weight: (O, C/groups, kH, kW)   bias: (O,)  →  (N, O, H_out, W_out)
    H_out = ⌊(H + 2p − d(kH − 1) − 1)/s⌋ + 1, W_out likewise; stride, padding, dilation: int or (for H, for W).
    Output channel o sees only the input channels of its group; o and c run through `groups` equal blocks.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.conv2d`.
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def _conv(name, n, input, weight, bias, stride, padding, dilation, groups):
    input, weight = check_float(name, input=input, weight=weight)
    if weight.ndim != n + 2:
        raise ValueError(f"{name}: weight needs {n + 2} axes (O, C/groups, {n} of the kernel), got {weight.shape}")
    input, unbatched = add_batch(name, input, n)
    stride = per_axis(name, "stride", stride, n, minimum=1)
    dilation = per_axis(name, "dilation", dilation, n, minimum=1)
    groups, = per_axis(name, "groups", groups, 1, minimum=1)
    out_channels, group_channels, *kernel = weight.shape
    if min(weight.shape) < 1:
        raise ValueError(f"{name}: weight must not be empty, got shape {weight.shape}")
    if input.shape[1] != group_channels * groups:
        raise ValueError(f"{name}: input has {input.shape[1]} channels, weight of shape {weight.shape} with "
                         f"groups = {groups} takes {group_channels * groups}")
    if out_channels % groups:
        raise ValueError(f"{name}: {out_channels} output channels do not divide by groups = {groups}")
    if bias is not None:
        _, bias = check_float(name, input=input, bias=bias)
        if bias.shape != (out_channels,):
            raise ValueError(f"{name}: bias must have shape ({out_channels},), got {bias.shape}")

    x = np.pad(input, [(0, 0), (0, 0), *_conv_padding(name, padding, kernel, stride, dilation)])
    windows = _windows(name, x, kernel, stride, dilation)                # (N, C, *out, *kernel)
    batch, out_size = len(x), windows.shape[2:2 + n]
    columns = windows.reshape(batch, groups, group_channels, *windows.shape[2:])
    columns = np.moveaxis(columns, range(3, 3 + n), range(-n, 0))        # (N, G, C/G, *kernel, *out)
    columns = columns.reshape(batch, groups, group_channels * int(np.prod(kernel)), int(np.prod(out_size)))
    rows = weight.reshape(groups, out_channels // groups, -1)            # (G, O/G, C/G·kernel)
    out = (rows @ columns).reshape(batch, out_channels, *out_size)       # a matrix product per image and group
    if bias is not None:
        out += bias.reshape(-1, *[1] * n)
    return out[0] if unbatched else out


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """im2col: every window of the image as a column.

    out[n, (c·kH + u)·kW + v, i·W_out + j] = input[n, c, s·i + d·u − p, s·j + d·v − p]

    input: (N, C, H, W) or (C, H, W)  →  (N, C·kH·kW, H_out·W_out)
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.unfold`.
    """
    input, = check_float("unfold", input=input)
    input, unbatched = add_batch("unfold", input, 2)
    kernel_size = per_axis("unfold", "kernel_size", kernel_size, 2, minimum=1)
    dilation = per_axis("unfold", "dilation", dilation, 2, minimum=1)
    padding = per_axis("unfold", "padding", padding, 2, minimum=0)
    stride = per_axis("unfold", "stride", stride, 2, minimum=1)
    x = np.pad(input, [(0, 0), (0, 0), *[(p, p) for p in padding]])
    windows = _windows("unfold", x, kernel_size, stride, dilation)       # (N, C, H_out, W_out, kH, kW)
    batch, channels, out_height, out_width = windows.shape[:4]
    columns = windows.transpose(0, 1, 4, 5, 2, 3)                        # (N, C, kH, kW, H_out, W_out)
    columns = columns.reshape(batch, channels * kernel_size[0] * kernel_size[1], out_height * out_width)
    return columns[0] if unbatched else columns


def _windows(name, x, kernel_size, stride, dilation):
    """(N, C, *size) → a view (N, C, *out, *kernel) of all windows."""
    n = len(kernel_size)
    span = [d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    if any(s > size for s, size in zip(span, x.shape[2:], strict=True)):
        raise ValueError(f"{name}: kernel {tuple(kernel_size)} with dilation {dilation} covers {tuple(span)}, "
                         f"the padded input has only {x.shape[2:]}")
    windows = sliding_window_view(x, span, axis=tuple(range(2, 2 + n)))
    steps = [slice(None, None, s) for s in (*stride, *dilation)]
    return windows[(slice(None), slice(None), *steps)]


def _conv_padding(name, padding, kernel_size, stride, dilation):
    if isinstance(padding, str):
        if padding == "valid":
            return [(0, 0)] * len(kernel_size)
        if padding != "same":
            raise ValueError(f'{name}: padding must be ints, "valid" or "same", got {padding!r}')
        if max(stride) > 1:
            raise ValueError(f'{name}: padding="same" needs stride 1, got {stride}')
        total = [d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True)]
        return [(t // 2, t - t // 2) for t in total]
    return [(p, p) for p in per_axis(name, "padding", padding, len(kernel_size), minimum=0)]
