"""Operations on NumPy arrays with the names, arguments and meaning of `torch.nn.functional`.

Shapes follow PyTorch: N images of C channels, H rows and W columns are an array (N, C, H, W); the axis N may be left
out. What a deep-learning library calls convolution is cross-correlation: the kernel is laid on the image as it stands.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


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
    input, weight = _check_float(name, input=input, weight=weight)
    if weight.ndim != n + 2:
        raise ValueError(f"{name}: weight needs {n + 2} axes (O, C/groups, {n} of the kernel), got {weight.shape}")
    input, unbatched = _add_batch(name, input, n)
    stride = _per_axis(name, "stride", stride, n, minimum=1)
    dilation = _per_axis(name, "dilation", dilation, n, minimum=1)
    groups, = _per_axis(name, "groups", groups, 1, minimum=1)
    out_channels, group_channels, *kernel = weight.shape
    if min(weight.shape) < 1:
        raise ValueError(f"{name}: weight must not be empty, got shape {weight.shape}")
    if input.shape[1] != group_channels * groups:
        raise ValueError(f"{name}: input has {input.shape[1]} channels, weight of shape {weight.shape} with "
                         f"groups = {groups} takes {group_channels * groups}")
    if out_channels % groups:
        raise ValueError(f"{name}: {out_channels} output channels do not divide by groups = {groups}")
    if bias is not None:
        _, bias = _check_float(name, input=input, bias=bias)
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
    input, = _check_float("unfold", input=input)
    input, unbatched = _add_batch("unfold", input, 2)
    kernel_size = _per_axis("unfold", "kernel_size", kernel_size, 2, minimum=1)
    dilation = _per_axis("unfold", "dilation", dilation, 2, minimum=1)
    padding = _per_axis("unfold", "padding", padding, 2, minimum=0)
    stride = _per_axis("unfold", "stride", stride, 2, minimum=1)
    x = np.pad(input, [(0, 0), (0, 0), *[(p, p) for p in padding]])
    windows = _windows("unfold", x, kernel_size, stride, dilation)       # (N, C, H_out, W_out, kH, kW)
    batch, channels, out_height, out_width = windows.shape[:4]
    columns = windows.transpose(0, 1, 4, 5, 2, 3)                        # (N, C, kH, kW, H_out, W_out)
    columns = columns.reshape(batch, channels * kernel_size[0] * kernel_size[1], out_height * out_width)
    return columns[0] if unbatched else columns


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


_NUMPY_PAD_MODE = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input, pad, mode="constant", value=None):
    """Add (or, in mode "constant", cut with negative numbers) samples at the ends of the last axes.

    pad: (last axis before, last axis after, second last before, after, …), torch's order: from the last axis back.
    mode: "constant" (with `value`, default 0), "reflect", "replicate" or "circular".
    input: (*, H, W)  →  (*, H + …, W + …).  Raises TypeError or ValueError naming the argument.
    Source: `torch.nn.functional.pad`.
    """
    input, = _check_float("pad", input=input)
    if not isinstance(pad, (tuple, list)) or len(pad) % 2 or len(pad) > 2 * input.ndim or \
            not all(isinstance(p, (int, np.integer)) for p in pad):
        raise ValueError(f"pad: pad must hold (before, after) as ints for at most {input.ndim} axes, got {pad!r}")
    if mode not in _NUMPY_PAD_MODE:
        raise ValueError(f"pad: mode must be one of {', '.join(_NUMPY_PAD_MODE)}; got {mode!r}")
    if value is not None and mode != "constant":
        raise ValueError(f'pad: value goes with mode "constant", got mode {mode!r}')
    widths = [(0, 0)] * (input.ndim - len(pad) // 2) + [tuple(pad[i:i + 2]) for i in range(len(pad) - 2, -1, -2)]
    for axis, (width, size) in enumerate(zip(widths, input.shape, strict=True)):
        largest = {"reflect": size - 1, "circular": size}.get(mode)
        if mode != "constant" and min(width) < 0:
            raise ValueError(f'pad: only mode "constant" cuts; got {width} for axis {axis} in mode {mode!r}')
        if largest is not None and max(width) > largest:
            raise ValueError(f"pad: mode {mode!r} adds at most {largest} to axis {axis} of size {size}, got {width}")
        if mode == "replicate" and size == 0 and max(width) > 0:
            raise ValueError(f"pad: axis {axis} is empty, there is nothing to replicate")
        if size + sum(width) < 0 or (min(width) < 0 and -min(width) > size):
            raise ValueError(f"pad: {width} cuts more than axis {axis} of size {size} has")
    cut = tuple(slice(max(0, -before), size - max(0, -after))
                for (before, after), size in zip(widths, input.shape, strict=True))
    widths = [(max(0, before), max(0, after)) for before, after in widths]
    options = {"constant_values": 0 if value is None else value} if mode == "constant" else {}
    return np.pad(input[cut], widths, _NUMPY_PAD_MODE[mode], **options)


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


def _pool_windows(name, input, kernel_size, stride, padding, fill):
    input, = _check_float(name, input=input)
    input, unbatched = _add_batch(name, input, 2)
    kernel_size = _per_axis(name, "kernel_size", kernel_size, 2, minimum=1)
    stride = kernel_size if stride is None else _per_axis(name, "stride", stride, 2, minimum=1)
    padding = _per_axis(name, "padding", padding, 2, minimum=0)
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ValueError(f"{name}: padding must be at most half of kernel_size {kernel_size}, got {padding}")
    x = np.pad(input, [(0, 0), (0, 0), *[(p, p) for p in padding]], constant_values=fill)
    return _windows(name, x, kernel_size, stride, (1, 1)), unbatched


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
    return [(p, p) for p in _per_axis(name, "padding", padding, len(kernel_size), minimum=0)]


def _per_axis(name, argument, value, n, minimum):
    """An int for every axis, or one for each: → a tuple of n ints."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(values) != n or not all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values):
        raise TypeError(f"{name}: {argument} must be an int or {n} ints, got {value!r}")
    if min(values) < minimum:
        raise ValueError(f"{name}: {argument} must be at least {minimum}, got {value!r}")
    return tuple(int(v) for v in values)


def _check_float(name, **arrays):
    for argument, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name}: {argument} must be a NumPy array, got {type(array).__name__}")
        if array.dtype not in (np.float32, np.float64):
            raise TypeError(f"{name}: {argument} must be float32 or float64, got {array.dtype}")
    dtypes = {array.dtype.name for array in arrays.values()}
    if len(dtypes) > 1:
        listed = ", ".join(f"{argument} {array.dtype}" for argument, array in arrays.items())
        raise TypeError(f"{name}: all arrays must have one dtype, got {listed}")
    return tuple(arrays.values())


def _add_batch(name, input, n):
    """(C, *size) → (1, C, *size), and whether that was needed."""
    if input.ndim not in (n + 1, n + 2):
        raise ValueError(f"{name}: input needs {n + 2} axes (N, C, {n} of size) or {n + 1} without N, "
                         f"got shape {input.shape}")
    return (input[None], True) if input.ndim == n + 1 else (input, False)
