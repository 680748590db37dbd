"""A 1 × 1 kernel: the same matrix for every pixel, and nothing to unfold. A stride leaves pixels out."""

import numpy as np

from .windows import under_tap

FEW_PIXELS = 100                                                         # more pay for a product of their own


def suits(kernel, padding):
    """Whether it applies."""
    return kernel == (1, 1) and padding == ((0, 0), (0, 0))


def forward(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, H, W) ⋆ w (O, C/G, 1, 1) + bias (O,) → (N, O, H_out, W_out)."""
    x = x[:, :, ::stride[0], ::stride[1]]
    out = w.reshape(groups, len(w) // groups, -1) @ _pixels(x, groups)
    out = _images(out, (len(x), len(w), *x.shape[2:]))
    if bias is not None:
        out += bias.reshape(-1, 1, 1)
    return out


def backward_weight(grad_output, x, kernel, stride, padding, dilation, groups):
    """The gradient of the weight: what each channel was, times what came back.  → (O, C/G, 1, 1)"""
    pixels, back = _pixels(x[:, :, ::stride[0], ::stride[1]], groups), _pixels(grad_output, groups)
    grad = back[0] @ pixels[0].swapaxes(1, 2)
    for n in range(1, len(pixels)):
        grad += back[n] @ pixels[n].swapaxes(1, 2)
    return grad.reshape(grad_output.shape[1], -1, 1, 1)


def backward_input(grad_output, w, size, stride, padding, dilation, groups):
    """The gradient of the input of size (H, W): the transposed matrix; pixels left out get nothing.  → (N, C, H, W)"""
    grad = w.reshape(groups, len(w) // groups, -1).swapaxes(1, 2) @ _pixels(grad_output, groups)
    grad = _images(grad, (len(grad_output), w.shape[1] * groups, *grad_output.shape[2:]))
    if grad.shape[2:] == tuple(size):
        return grad
    spread = np.zeros((*grad.shape[:2], *size), grad.dtype)
    under_tap(spread, (0, 0), grad.shape[2:], stride, (1, 1))[...] = grad
    return spread


def _pixels(x, groups):
    """(N, C, H, W) → (N, G, C/G, H·W); where images have few pixels, all in one product: (1, G, C/G, N·H·W)."""
    batch, channels, height, width = x.shape
    if height * width < FEW_PIXELS:
        x, batch = x.transpose(1, 0, 2, 3), 1
    return np.ascontiguousarray(x).reshape(batch, groups, channels // groups, -1)


def _images(pixels, shape):
    """What `_pixels` made, as images of this shape."""
    batch, channels, height, width = shape
    if len(pixels) == batch:
        return pixels.reshape(shape)
    return np.ascontiguousarray(pixels.reshape(channels, batch, height, width).transpose(1, 0, 2, 3))
