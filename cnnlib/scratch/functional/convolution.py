"""Convolution and transposed convolution, unfold and fold; forward and backward.

Shapes follow PyTorch: N images of C channels, H rows and W columns are an array (N, C, H, W); the axis N may be left
out. What a deep-learning library calls convolution is cross-correlation: the kernel is laid on the image as it stands.

`conv2d_textbook` and its backward say in a few lines what is computed. `conv2d` computes the same numbers by the form
of `fast/` that `choose.py` takes; in one dimension and in three, `sequences.py` and `volumes.py` go by way of images.
"""

import numpy as np

from cnnlib.checks import add_batch, check_float, check_grad_output, per_axis

from ..fast import choose, sequences, volumes
from ..fast.windows import all_windows, input_size, output_size, under_tap

__all__ = [
    "conv1d", "conv1d_backward", "conv2d", "conv2d_backward", "conv2d_textbook", "conv2d_textbook_backward",
    "conv3d", "conv3d_backward", "conv_transpose1d", "conv_transpose1d_backward", "conv_transpose2d",
    "conv_transpose2d_backward", "conv_transpose3d", "conv_transpose3d_backward", "fold", "fold_backward", "unfold",
    "unfold_backward",
]

FAST = {1: sequences, 2: choose, 3: volumes}                             # by the number of axes; each has three verbs


# The textbook form ----------------------------------------------------------------------------------------------------

def conv2d_textbook(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """What `conv2d` computes, as its formula says it: all windows, each multiplied with all kernels.

    Arguments, shapes and errors: see `conv2d`.
    """
    _, x, w, b, stride, padding, dilation, unbatched = _check("conv2d", 2, input, weight, bias, stride, padding,
                                                              dilation, groups)
    windows = all_windows(np.pad(x, [(0, 0), (0, 0), *padding]), w.shape[2:], stride, dilation)
    windows = windows.reshape(len(x), groups, w.shape[1], *windows.shape[2:])  # (N, G, C/G, H_out, W_out, kH, kW)
    kernels = w.reshape(groups, -1, *w.shape[1:])                        # (G, O/G, C/G, kH, kW)
    out = np.einsum("ngcijuv,gocuv->ngoij", windows, kernels, optimize=True)
    out = out.reshape(len(x), len(w), *windows.shape[3:5])
    if b is not None:
        out = out + b[:, None, None]
    return out[0] if unbatched else out


def conv2d_textbook_backward(grad_output, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The gradients of `conv2d`, as the chain rule gives them; → (d_input, d_weight, d_bias).

    d_weight[o, c, u, v] = Σ_n Σ_i Σ_j  d_out[n, o, i, j] · input[n, c, s·i + d·u − p, s·j + d·v − p]
    d_input[n, c, s·i + d·u − p, s·j + d·v − p]  gets from each (i, j, u, v) Σ_o  d_out[n, o, i, j] · weight[o, c, u, v]
    d_bias[o] = Σ_n Σ_i Σ_j  d_out[n, o, i, j]
    """
    size, x, w, b, stride, padding, dilation, unbatched = _check("conv2d", 2, input, weight, bias, stride, padding,
                                                                 dilation, groups)
    dy = grad_output[None] if unbatched else grad_output
    dy = dy.reshape(len(x), groups, len(w) // groups, *size)             # (N, G, O/G, H_out, W_out)
    padded = np.pad(x, [(0, 0), (0, 0), *padding])
    windows = all_windows(padded, w.shape[2:], stride, dilation)
    windows = windows.reshape(len(x), groups, w.shape[1], *size, *w.shape[2:])
    d_weight = np.einsum("ngoij,ngcijuv->gocuv", dy, windows, optimize=True).reshape(w.shape)
    kernels = w.reshape(groups, -1, *w.shape[1:])
    d_padded = np.zeros_like(padded)
    for u, v in np.ndindex(*w.shape[2:]):                                # each tap sends back where it took from
        back = np.einsum("ngoij,goc->ngcij", dy, kernels[..., u, v]).reshape(*x.shape[:2], *size)
        under_tap(d_padded, (u, v), size, stride, dilation)[...] += back
    d_input = d_padded[:, :, padding[0][0]:padding[0][0] + x.shape[2], padding[1][0]:padding[1][0] + x.shape[3]]
    return d_input[0] if unbatched else d_input, d_weight, None if b is None else dy.sum((0, 3, 4)).reshape(-1)


# Convolution ----------------------------------------------------------------------------------------------------------

def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlate sequences with a bank of kernels.

    out[n, o, i] = bias[o] + Σ_c Σ_u  input[n, c, s·i + d·u − p] · weight[o, c, u]

    input: (N, C, L) or (C, L)   weight: (O, C/groups, K)   bias: (O,)  →  (N, O, L_out) or (O, L_out)
    L_out = ⌊(L + 2p − d(K − 1) − 1)/s⌋ + 1.  padding: int, "valid", or "same" (stride 1; the odd zero goes behind).
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.conv1d`.
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv1d_backward(grad_output, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *,
                    needs_input_grad=None):
    """→ (d_input, d_weight, d_bias): the formulas of `conv2d_backward` with one index."""
    return _conv_backward("conv1d", 1, grad_output, input, weight, bias, stride, padding, dilation, groups,
                          needs_input_grad)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlate images with a bank of kernels.

    out[n, o, i, j] = bias[o] + Σ_c Σ_u Σ_v  input[n, c, s·i + d·u − p, s·j + d·v − p] · weight[o, c, u, v]

    input: (N, C, H, W) or (C, H, W)   weight: (O, C/groups, kH, kW)   bias: (O,)  →  (N, O, H_out, W_out)
    H_out = ⌊(H + 2p − d(kH − 1) − 1)/s⌋ + 1, W_out likewise; stride, padding, dilation: int or (for H, for W).
    Output channel o sees only the input channels of its group; o and c run through `groups` equal blocks.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.conv2d`.
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv2d_backward(grad_output, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *,
                    needs_input_grad=None):
    """→ (d_input, d_weight, d_bias): the formulas of `conv2d_textbook_backward`.

    d_weight is a correlation of input with grad_output, d_input a full convolution of grad_output with weight, d_bias a
    sum.  needs_input_grad: which of the three are wanted (the others are None); default all.
    """
    return _conv_backward("conv2d", 2, grad_output, input, weight, bias, stride, padding, dilation, groups,
                          needs_input_grad)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlate volumes or films with a bank of kernels.

    out[n, o, t, i, j] = bias[o] + Σ_c Σ_τ Σ_u Σ_v  input[n, c, s·t + d·τ − p, s·i + d·u − p, s·j + d·v − p]
                                                    · weight[o, c, τ, u, v]

    input: (N, C, D, H, W) or (C, D, H, W)   weight: (O, C/groups, kD, kH, kW)   bias: (O,)
    →  (N, O, D_out, H_out, W_out)
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.conv3d`.
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv3d_backward(grad_output, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *,
                    needs_input_grad=None):
    """→ (d_input, d_weight, d_bias): the formulas of `conv2d_backward` with one index more."""
    return _conv_backward("conv3d", 3, grad_output, input, weight, bias, stride, padding, dilation, groups,
                          needs_input_grad)


def _conv(name, n, input, weight, bias, stride, padding, dilation, groups):
    size, x, w, b, stride, padding, dilation, unbatched = _check(name, n, input, weight, bias, stride, padding,
                                                                 dilation, groups)
    if 0 in (*x.shape, *w.shape):                                        # a sum of nothing
        out = np.zeros((len(x), len(w), *size), x.dtype)
        if b is not None:
            out += b.reshape(-1, *[1] * n)
    else:
        out = FAST[n].forward(x, w, b, stride, padding, dilation, groups)
    return out[0] if unbatched else out


def _conv_backward(name, n, grad_output, input, weight, bias, stride, padding, dilation, groups, needs_input_grad):
    size, x, w, b, stride, padding, dilation, unbatched = _check(name, n, input, weight, bias, stride, padding,
                                                                 dilation, groups)
    need_input, need_weight, need_bias = needs_input_grad or (True, True, b is not None)
    shape = (len(w), *size) if unbatched else (len(x), len(w), *size)
    dy = check_grad_output(f"{name}_backward", grad_output, shape, x.dtype).reshape(len(x), len(w), *size)
    if 0 in (*x.shape, *w.shape):
        d_input, d_weight = np.zeros_like(x), np.zeros_like(w)
    else:
        options = stride, padding, dilation, groups
        d_input = FAST[n].backward_input(dy, w, x.shape[2:], *options) if need_input else None
        d_weight = FAST[n].backward_weight(dy, x, w.shape[2:], *options) if need_weight else None
    if d_input is not None and unbatched:
        d_input = d_input[0]
    return d_input, d_weight, _sum_channels(dy) if need_bias and b is not None else None


# Transposed convolution -----------------------------------------------------------------------------------------------

def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Upsample sequences: the transpose of `conv1d`.  See `conv_transpose2d`.

    input: (N, C, L) or (C, L)   weight: (C, O/groups, K)   bias: (O,)  →  (N, O, L_out)
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.conv_transpose1d`.
    """
    return _conv_transpose("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups,
                           dilation)


def conv_transpose1d_backward(grad_output, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                              dilation=1, *, needs_input_grad=None):
    """→ (d_input, d_weight, d_bias): see `conv_transpose2d_backward`."""
    return _conv_transpose_backward("conv_transpose1d", 1, grad_output, input, weight, bias, stride, padding,
                                    output_padding, groups, dilation, needs_input_grad)


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Upsample images: the transpose of `conv2d`, whose matrix is C, is Cᵀ (Dumoulin & Visin 2016).

    out[n, o, s·i + d·u − p, s·j + d·v − p]  gets  Σ_c  input[n, c, i, j] · weight[c, o, u, v]  from each (i, j, u, v)

    input: (N, C, H, W) or (C, H, W)   weight: (C, O/groups, kH, kW)   bias: (O,)  →  (N, O, H_out, W_out)
    H_out = (H − 1)s − 2p + d(kH − 1) + output_padding + 1: output_padding says which of the s sizes that `conv2d` maps
    to H is meant; it must be smaller than stride or dilation.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.conv_transpose2d`.
    """
    return _conv_transpose("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups,
                           dilation)


def conv_transpose2d_backward(grad_output, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                              dilation=1, *, needs_input_grad=None):
    """→ (d_input, d_weight, d_bias).  The transpose of Cᵀ is C: d_input is a `conv2d` of grad_output.

    d_weight is that of `conv2d` with input and grad_output exchanged, d_bias a sum.
    """
    return _conv_transpose_backward("conv_transpose2d", 2, grad_output, input, weight, bias, stride, padding,
                                    output_padding, groups, dilation, needs_input_grad)


def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Upsample volumes: the transpose of `conv3d`.  See `conv_transpose2d`.

    input: (N, C, D, H, W) or (C, D, H, W)   weight: (C, O/groups, kD, kH, kW)   bias: (O,)
    →  (N, O, D_out, H_out, W_out)
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.conv_transpose3d`.
    """
    return _conv_transpose("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups,
                           dilation)


def conv_transpose3d_backward(grad_output, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                              dilation=1, *, needs_input_grad=None):
    """→ (d_input, d_weight, d_bias): see `conv_transpose2d_backward`."""
    return _conv_transpose_backward("conv_transpose3d", 3, grad_output, input, weight, bias, stride, padding,
                                    output_padding, groups, dilation, needs_input_grad)


def _conv_transpose(name, n, input, weight, bias, stride, padding, output_padding, groups, dilation):
    size, x, w, b, stride, padding, dilation, _, unbatched = _check_transpose(
        name, n, input, weight, bias, stride, padding, output_padding, groups, dilation)
    channels = w.shape[1] * groups
    if 0 in (*x.shape, *w.shape, *size):
        out = np.zeros((len(x), channels, *size), x.dtype)
    else:
        out = FAST[n].backward_input(x, w, size, stride, padding, dilation, groups)
    if b is not None:
        out += b.reshape(-1, *[1] * n)
    return out[0] if unbatched else out


def _conv_transpose_backward(name, n, grad_output, input, weight, bias, stride, padding, output_padding, groups,
                             dilation, needs_input_grad):
    size, x, w, b, stride, padding, dilation, output_padding, unbatched = _check_transpose(
        name, n, input, weight, bias, stride, padding, output_padding, groups, dilation)
    need_input, need_weight, need_bias = needs_input_grad or (True, True, b is not None)
    channels = w.shape[1] * groups
    shape = (channels, *size) if unbatched else (len(x), channels, *size)
    dy = check_grad_output(f"{name}_backward", grad_output, shape, x.dtype).reshape(len(x), channels, *size)
    if 0 in (*x.shape, *w.shape, *size):
        d_input, d_weight = np.zeros_like(x), np.zeros_like(w)
    else:
        inner = tuple((before, after - more) for (before, after), more in zip(padding, output_padding, strict=True))
        options = stride, inner, dilation, groups
        d_input = FAST[n].forward(dy, w, None, *options) if need_input else None
        d_weight = FAST[n].backward_weight(x, dy, w.shape[2:], *options) if need_weight else None
    if d_input is not None and unbatched:
        d_input = d_input[0]
    return d_input, d_weight, _sum_channels(dy) if need_bias and b is not None else None


# Windows as columns ---------------------------------------------------------------------------------------------------

def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """im2col: every window of the image as a column.

    out[n, (c·kH + u)·kW + v, i·W_out + j] = input[n, c, s·i + d·u − p, s·j + d·v − p]

    input: (N, C, H, W) or (C, H, W)  →  (N, C·kH·kW, H_out·W_out) or without N
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.unfold`.
    """
    x, = check_float("unfold", input=input)
    x, unbatched = add_batch("unfold", x, 2)
    kernel, dilation, padding, stride = _unfold_options("unfold", kernel_size, dilation, padding, stride)
    _check_size("unfold", "input", x.shape[2:], kernel, stride, padding, dilation)
    windows = all_windows(np.pad(x, [(0, 0), (0, 0), *padding]), kernel, stride, dilation)
    columns = windows.transpose(0, 1, 4, 5, 2, 3)                        # (N, C, kH, kW, H_out, W_out)
    columns = columns.reshape(len(x), x.shape[1] * kernel[0] * kernel[1], columns.shape[4] * columns.shape[5])
    return columns[0] if unbatched else columns


def unfold_backward(grad_output, input, kernel_size, dilation=1, padding=0, stride=1):
    """Every column goes back to its window, and where windows overlap they add up: `fold`."""
    columns = unfold(input, kernel_size, dilation, padding, stride)
    check_grad_output("unfold_backward", grad_output, columns.shape, input.dtype)
    return (fold(grad_output, input.shape[-2:], kernel_size, dilation, padding, stride),)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """col2im: lay every column back as a window and add up; the transpose of `unfold`, not its inverse.

    out[n, c, s·i + d·u − p, s·j + d·v − p]  gets  input[n, (c·kH + u)·kW + v, i·W_out + j]  from each (i, j, u, v)

    input: (N, C·kH·kW, L) or (C·kH·kW, L), L the number of windows of output_size = (H, W)  →  (N, C, H, W)
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.fold`.
    """
    x, = check_float("fold", input=input)
    if x.ndim not in (2, 3):
        raise ValueError(f"fold: input needs 3 axes (N, C·kH·kW, L) or 2 without N, got shape {x.shape}")
    x, unbatched = (x[None], True) if x.ndim == 2 else (x, False)
    size = per_axis("fold", "output_size", output_size, 2, minimum=1)
    kernel, dilation, padding, stride = _unfold_options("fold", kernel_size, dilation, padding, stride)
    rows, columns = _check_size("fold", "output_size", size, kernel, stride, padding, dilation)
    if x.shape[1] % (kernel[0] * kernel[1]) or x.shape[1] == 0:
        raise ValueError(f"fold: the {x.shape[1]} rows of input are not a multiple of the kernel's "
                         f"{kernel[0]}·{kernel[1]} = {kernel[0] * kernel[1]} numbers")
    if x.shape[2] != rows * columns:
        raise ValueError(f"fold: output_size {size} has {rows}·{columns} = {rows * columns} windows, input has "
                         f"{x.shape[2]} columns")
    x = x.reshape(len(x), x.shape[1] // (kernel[0] * kernel[1]), *kernel, rows, columns)
    (top, _), (left, _) = padding
    out = np.zeros((*x.shape[:2], size[0] + 2 * top, size[1] + 2 * left), x.dtype)
    for u, v in np.ndindex(*kernel):
        under_tap(out, (u, v), (rows, columns), stride, dilation)[...] += x[:, :, u, v]
    out = out[:, :, top:top + size[0], left:left + size[1]]
    return out[0] if unbatched else out


def fold_backward(grad_output, input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """What a window's pixel gets back, its column gets: `unfold`."""
    out = fold(input, output_size, kernel_size, dilation, padding, stride)
    check_grad_output("fold_backward", grad_output, out.shape, input.dtype)
    return (unfold(grad_output, kernel_size, dilation, padding, stride),)


# Sums -----------------------------------------------------------------------------------------------------------------

def _sum_channels(dy):
    """Σ over all axes but that of the channels; einsum is several times as fast as `sum` over two separate axes."""
    return np.einsum("nol->o", dy.reshape(*dy.shape[:2], int(np.prod(dy.shape[2:]))))


# What the arguments must be -------------------------------------------------------------------------------------------

def _check(name, n, input, weight, bias, stride, padding, dilation, groups):
    """→ output size, input with N, weight, bias, stride, padding as pairs, dilation, whether N was missing."""
    x, w, b = check_float(name, input=input, weight=weight, bias=bias)
    if w.ndim != n + 2:
        raise ValueError(f"{name}: weight needs {n + 2} axes (O, C/groups, {n} of the kernel), got {w.shape}")
    x, unbatched = add_batch(name, x, n)
    stride = per_axis(name, "stride", stride, n, minimum=1)
    dilation = per_axis(name, "dilation", dilation, n, minimum=1)
    groups, = per_axis(name, "groups", groups, 1, minimum=1)
    if min(w.shape[2:]) < 1:
        raise ValueError(f"{name}: weight must have a kernel that is not empty, got shape {w.shape}")
    if x.shape[1] != w.shape[1] * groups:
        raise ValueError(f"{name}: input has {x.shape[1]} channels, weight of shape {w.shape} with groups = {groups} "
                         f"takes {w.shape[1] * groups}")
    if len(w) % groups:
        raise ValueError(f"{name}: {len(w)} output channels do not divide by groups = {groups}")
    if b is not None and b.shape != (len(w),):
        raise ValueError(f"{name}: bias must have shape ({len(w)},), got {b.shape}")
    padding = _padding(name, padding, w.shape[2:], stride, dilation)
    size = _check_size(name, "input", x.shape[2:], w.shape[2:], stride, padding, dilation)
    return size, x, w, b, stride, padding, dilation, unbatched


def _check_transpose(name, n, input, weight, bias, stride, padding, output_padding, groups, dilation):
    """→ what `_check` gives, and output_padding before the last."""
    x, w, b = check_float(name, input=input, weight=weight, bias=bias)
    if w.ndim != n + 2:
        raise ValueError(f"{name}: weight needs {n + 2} axes (C, O/groups, {n} of the kernel), got {w.shape}")
    x, unbatched = add_batch(name, x, n)
    stride = per_axis(name, "stride", stride, n, minimum=1)
    padding = per_axis(name, "padding", padding, n, minimum=0)
    output_padding = per_axis(name, "output_padding", output_padding, n, minimum=0)
    dilation = per_axis(name, "dilation", dilation, n, minimum=1)
    groups, = per_axis(name, "groups", groups, 1, minimum=1)
    if min(w.shape[2:]) < 1:
        raise ValueError(f"{name}: weight must have a kernel that is not empty, got shape {w.shape}")
    if x.shape[1] != len(w) or len(w) % groups:
        raise ValueError(f"{name}: input has {x.shape[1]} channels, weight of shape {w.shape} takes {len(w)}, which "
                         f"must divide by groups = {groups}")
    if b is not None and b.shape != (w.shape[1] * groups,):
        raise ValueError(f"{name}: bias must have shape ({w.shape[1] * groups},), got {b.shape}")
    if any(o >= max(s, d) for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise ValueError(f"{name}: output_padding must be smaller than stride {stride} or dilation {dilation}, got "
                         f"{output_padding}")
    pairs = tuple((p, p) for p in padding)
    smallest = input_size(x.shape[2:], w.shape[2:], stride, pairs, dilation)
    size = tuple(least + more for least, more in zip(smallest, output_padding, strict=True))
    if min(size) < 1 or min(x.shape[2:]) < 1:
        raise ValueError(f"{name}: input of size {x.shape[2:]} with padding {padding} gives an output of size {size}")
    return size, x, w, b, stride, pairs, dilation, output_padding, unbatched


def _unfold_options(name, kernel_size, dilation, padding, stride):
    padding = per_axis(name, "padding", padding, 2, minimum=0)
    return (per_axis(name, "kernel_size", kernel_size, 2, minimum=1),
            per_axis(name, "dilation", dilation, 2, minimum=1),
            tuple((p, p) for p in padding), per_axis(name, "stride", stride, 2, minimum=1))


def _check_size(name, argument, size, kernel, stride, padding, dilation):
    """The output's size, at least 1 in each axis."""
    out = output_size(size, kernel, stride, padding, dilation)
    if min(*out, *size) < 1:
        span = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
        padded = tuple(length + sum(pad) for length, pad in zip(size, padding, strict=True))
        raise ValueError(f"{name}: kernel {tuple(kernel)} with dilation {dilation} covers {span}, the padded "
                         f"{argument} has only {padded}")
    return out


def _padding(name, padding, kernel, stride, dilation):
    """→ (before, after) for each axis; an odd zero of "same" goes behind."""
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(kernel)
        if padding != "same":
            raise ValueError(f'{name}: padding must be ints, "valid" or "same", got {padding!r}')
        if max(stride) > 1:
            raise ValueError(f'{name}: padding="same" needs stride 1, got {stride}')
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((t // 2, t - t // 2) for t in total)
    return tuple((p, p) for p in per_axis(name, "padding", padding, len(kernel), minimum=0))
