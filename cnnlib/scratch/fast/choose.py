"""Which fast form computes a correlation of images, and which its gradients: the choice, measured.

Padding may be negative here, where something is cut off; the forms are given no negative padding.
"""

import numpy as np

from . import depthwise, im2col, pointwise, rows
from .transposed import depth_to_space, divides, kernel_phases, spread, turn
from .windows import cut, useful_taps

FEW_KERNELS = 32                                                         # per group; more pay for `im2col.py`'s copies
FEW_CHANNELS = 12                                                        # per group; more pay for turned kernels
MOST_WINDOWS = 1.5


def forward(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, H, W) ⋆ w (O, C/G, kH, kW) + bias (O,) → (N, O, H_out, W_out)."""
    taps, padding = useful_taps(x.shape[2:], w.shape[2:], stride, padding, dilation)
    w = w[:, :, *taps]
    x, padding = cut(x, padding)
    form = _form(x, len(w), w.shape[2:], stride, padding, dilation, groups)
    w = np.ascontiguousarray(w)                                          # if turned: BLAS takes no negative strides
    return form.forward(x, w, bias, stride, padding, dilation, groups)


def backward_weight(grad_output, x, kernel, stride, padding, dilation, groups):
    """The gradient of the weight.  → (O, C/G, kH, kW)"""
    taps, padding = useful_taps(x.shape[2:], kernel, stride, padding, dilation)
    useful = tuple(tap.stop - tap.start for tap in taps)
    x, padding = cut(x, padding)
    form = _form(x, grad_output.shape[1], useful, stride, padding, dilation, groups)
    grad = form.backward_weight(grad_output, x, useful, stride, padding, dilation, groups)
    if useful == tuple(kernel):
        return grad
    whole = np.zeros((*grad.shape[:2], *kernel), grad.dtype)             # the other taps saw nothing but padding
    whole[:, :, *taps] = grad
    return whole


def backward_input(grad_output, w, size, stride, padding, dilation, groups):
    """The gradient of the input of size (H, W): what came back, spread by the kernel.  → (N, C, H, W)

    With stride 1 that is a correlation too, of grad_output with turned kernels. `depthwise` knows no
    other way.
    """
    if min(*padding[0], *padding[1]) < 0:                                # what was cut off gets nothing
        grad = np.zeros((len(grad_output), w.shape[1] * groups, *size), w.dtype)
        inner, padding = cut(grad, padding)
        inner[...] = backward_input(grad_output, w, inner.shape[2:], stride, padding, dilation, groups)
        return grad
    taps, padding = useful_taps(size, w.shape[2:], stride, padding, dilation)
    w = w[:, :, *taps]
    kernel, channels = w.shape[2:], w.shape[1] * groups
    if pointwise.suits(kernel, padding):
        return pointwise.backward_input(grad_output, w, size, stride, padding, dilation, groups)
    is_depthwise = depthwise.suits(channels, len(w), stride, dilation, groups)
    if is_depthwise:
        grad_output, stride = spread(grad_output, stride), (1, 1)
    elif stride != (1, 1) and dilation == (1, 1) and divides(kernel, stride):
        kernels, inner = kernel_phases(w, grad_output.shape[2:], stride)
        grad = backward_input(grad_output, kernels, inner, (1, 1), ((0, 0), (0, 0)), (1, 1), groups)
        return depth_to_space(grad, stride, padding, size)
    few = groups == 1 and channels <= FEW_CHANNELS and dilation == (1, 1)
    windows = np.prod(size) / np.prod(grad_output.shape[2:])             # of the correlation, for each of the output
    if is_depthwise or (stride == (1, 1) and windows <= MOST_WINDOWS and not few):
        grad_output, w, around = turn(grad_output, w, size, padding, dilation, groups)
        return forward(grad_output, w, None, (1, 1), around, dilation, groups)
    form = rows if w.shape[1] <= FEW_KERNELS and dilation == (1, 1) else im2col
    return form.backward_input(grad_output, w, size, stride, padding, dilation, groups)


def _form(x, out_channels, kernel, stride, padding, dilation, groups):
    if pointwise.suits(kernel, padding):
        return pointwise
    if depthwise.suits(x.shape[1], out_channels, stride, dilation, groups):
        return depthwise
    if out_channels // groups <= FEW_KERNELS and dilation == (1, 1):
        return rows
    return im2col
