"""Which fast form computes a correlation of images, and which its gradients: the choice, measured.

All take two-dimensional images (N, C, H, W), tuples for the options and padding as ((top, bottom), (left, right)),
negative where something is cut off.
"""

import numpy as np

from . import depthwise, im2col, rows, winograd
from .im2col import cut

FEW_KERNELS = 32                                                         # per group; more pay for `im2col.py`'s copies


def correlate(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, H, W) ⋆ w (O, C/G, kH, kW) + bias (O,) → (N, O, H_out, W_out)."""
    x, padding = cut(x, padding)
    if _is_pointwise(w, padding):
        return _pointwise(x, w, bias, stride, groups)
    if _is_depthwise(w, stride, dilation, groups):
        return depthwise.correlate(x, w, bias, stride, padding, dilation)
    if winograd.suits(x, w, stride, dilation, groups):
        return winograd.correlate(x, w, bias, padding, groups)
    if len(w) // groups <= FEW_KERNELS and dilation[0] == dilation[1] == 1:
        return rows.correlate(x, w, bias, stride, padding, groups)
    return im2col.correlate(x, w, bias, stride, padding, dilation, groups)


def correlate_weight(x, w, grad_output, stride, padding, dilation, groups):
    """The gradient for w; only its shape matters.  → (O, C/G, kH, kW)"""
    x, padding = cut(x, padding)
    kernel = w.shape[2:]
    if _is_pointwise(w, padding):
        return _pointwise_weight(x, w, grad_output, stride, groups)
    if _is_depthwise(w, stride, dilation, groups):
        return depthwise.correlate_weight(x, grad_output, kernel, stride, padding, dilation)
    if winograd.suits(x, w, stride, dilation, groups):
        return winograd.correlate_weight(x, grad_output, padding, groups)
    if len(w) // groups <= FEW_KERNELS and dilation[0] == dilation[1] == 1:
        return rows.correlate_weight(x, grad_output, kernel, stride, padding, groups)
    return im2col.correlate_weight(x, grad_output, kernel, stride, padding, dilation, groups)


def correlate_input(grad_output, w, size, stride, padding, dilation, groups):
    """The gradient for x of size (H, W): what came back, spread by the kernel.  → (N, C, H, W)

    With stride 1 that is a correlation of grad_output with the kernels turned by 180°, inputs and outputs exchanged.
    """
    if _is_pointwise(w, padding):
        return _pointwise_input(grad_output, w, size, stride, groups)
    if _is_depthwise(w, stride, dilation, groups) and stride != (1, 1):
        return depthwise.correlate_input(grad_output, w, size, stride, padding)
    turned = w.reshape(groups, -1, *w.shape[1:])[..., ::-1, ::-1].swapaxes(1, 2)             # (G, C/G, O/G, kH, kW)
    turned = turned.reshape(-1, len(w) // groups, *w.shape[2:])
    if stride == (1, 1) and (groups > 1 or winograd.suits(grad_output, turned, stride, dilation, groups)):
        around = []
        for n, have, k, d, (before, _) in zip(size, grad_output.shape[2:], w.shape[2:], dilation, padding, strict=True):
            around.append((d * (k - 1) - before, n - have + before))
        return correlate(grad_output, turned, None, stride, tuple(around), dilation, groups)
    if w.shape[1] <= FEW_KERNELS and dilation == (1, 1):
        return rows.correlate_input(grad_output, w, size, stride, padding, groups)
    return im2col.correlate_input(grad_output, w, size, stride, padding, dilation, groups)


def _is_pointwise(w, padding):
    return w.shape[2:] == (1, 1) and padding == ((0, 0), (0, 0))


def _is_depthwise(w, stride, dilation, groups):
    return w.shape[1] == 1 and len(w) == groups and (stride == (1, 1) or dilation == (1, 1))


def _pointwise(x, w, bias, stride, groups):
    """A 1 × 1 kernel: a matrix for every pixel, and nothing to unfold."""
    x = np.ascontiguousarray(x[:, :, ::stride[0], ::stride[1]])
    pixels = x.reshape(len(x), groups, x.shape[1] // groups, -1)         # (N, G, C/G, H·W)
    out = (w.reshape(groups, len(w) // groups, -1) @ pixels).reshape(len(x), len(w), *x.shape[2:])
    if bias is not None:
        out += bias.reshape(-1, 1, 1)
    return out


def _pointwise_weight(x, w, grad_output, stride, groups):
    x = np.ascontiguousarray(x[:, :, ::stride[0], ::stride[1]])
    pixels = x.reshape(len(x), groups, x.shape[1] // groups, -1)
    back = grad_output.reshape(len(x), groups, len(w) // groups, -1)
    grad = np.zeros((groups, len(w) // groups, w.shape[1]), x.dtype)
    for n in range(len(x)):
        grad += back[n] @ pixels[n].swapaxes(1, 2)
    return grad.reshape(w.shape)


def _pointwise_input(grad_output, w, size, stride, groups):
    batch, out_channels = grad_output.shape[:2]
    back = grad_output.reshape(batch, groups, out_channels // groups, -1)
    grad = w.reshape(groups, out_channels // groups, -1).swapaxes(1, 2) @ back
    grad = grad.reshape(batch, w.shape[1] * groups, *grad_output.shape[2:])
    if grad.shape[2:] == tuple(size):
        return grad
    spread = np.zeros((*grad.shape[:2], *size), grad.dtype)              # pixels that no window saw get nothing
    rows, columns = (slice(0, (n - 1) * s + 1, s) for n, s in zip(grad.shape[2:], stride, strict=True))
    spread[:, :, rows, columns] = grad
    return spread
