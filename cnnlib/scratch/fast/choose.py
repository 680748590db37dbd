"""Which fast form computes a correlation of images, and which its gradients: the choice, measured.

All take two-dimensional images (N, C, H, W), tuples for the options and padding as ((top, bottom), (left, right)),
negative where something is cut off.
"""

import numpy as np

from . import depthwise, im2col, rows, winograd
from .im2col import cut

FEW_KERNELS = 32                                                         # per group; more pay for `im2col.py`'s copies
FEW_PIXELS = 100                                                         # more pay for a product of their own


def correlate(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, H, W) ⋆ w (O, C/G, kH, kW) + bias (O,) → (N, O, H_out, W_out)."""
    taps, padding = _useful_taps(x.shape[2:], w, stride, padding, dilation)
    w = w[taps]
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
    taps, padding = _useful_taps(x.shape[2:], w, stride, padding, dilation)
    if w[taps].shape != w.shape:
        grad = np.zeros(w.shape, x.dtype)
        grad[taps] = correlate_weight(x, w[taps], grad_output, stride, padding, dilation, groups)
        return grad
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
    taps, padding = _useful_taps(size, w, stride, padding, dilation)
    w = w[taps]
    if _is_pointwise(w, padding):
        return _pointwise_input(grad_output, w, size, stride, groups)
    if _is_depthwise(w, stride, dilation, groups) and stride != (1, 1):
        return depthwise.correlate_input(grad_output, w, size, stride, padding)
    if stride == (1, 1) and (groups > 1 or winograd.suits(grad_output, w, stride, dilation, groups)):
        turned = w.reshape(groups, -1, *w.shape[1:])[..., ::-1, ::-1].swapaxes(1, 2)  # (G, C/G, O/G, kH, kW)
        turned = turned.reshape(-1, len(w) // groups, *w.shape[2:])
        around = []
        for n, have, k, d, (before, _) in zip(size, grad_output.shape[2:], w.shape[2:], dilation, padding, strict=True):
            around.append((d * (k - 1) - before, n - have + before))
        return correlate(grad_output, turned, None, stride, tuple(around), dilation, groups)
    if w.shape[1] <= FEW_KERNELS and dilation == (1, 1):
        return rows.correlate_input(grad_output, w, size, stride, padding, groups)
    return im2col.correlate_input(grad_output, w, size, stride, padding, dilation, groups)


def _useful_taps(size, w, stride, padding, dilation):
    """Which part of the kernels ever lies on the image of this size, and the padding that goes with it.

    At the end of a deep network images are as small as the kernels: of a 3 × 3 kernel on one pixel, with a padding of
    1, eight of nine taps see nothing but padding.  → an index for w, padding
    """
    index, left = [slice(None), slice(None)], []
    for n, k, s, (before, after), d in zip(size, w.shape[2:], stride, padding, dilation, strict=True):
        last_start = (n + before + after - d * (k - 1) - 1) // s * s     # where the last window begins
        first = min(k - 1, max(0, (before - last_start) // d))           # earlier taps lie before the image
        end = min(k, max(first + 1, (n - 1 + before) // d + 1, k - max(0, after) // d))      # later ones behind it
        index.append(slice(first, end))
        left.append((before - d * first, after - d * (k - end)))
    return tuple(index), tuple(left)


def _is_pointwise(w, padding):
    return w.shape[2:] == (1, 1) and padding == ((0, 0), (0, 0))


def _is_depthwise(w, stride, dilation, groups):
    return w.shape[1] == 1 and len(w) == groups and (stride == (1, 1) or dilation == (1, 1))


def _pointwise(x, w, bias, stride, groups):
    """A 1 × 1 kernel: a matrix for every pixel, and nothing to unfold."""
    x = x[:, :, ::stride[0], ::stride[1]]
    out = w.reshape(groups, len(w) // groups, -1) @ _pixels(x, groups)
    out = _images(out, (len(x), len(w), *x.shape[2:]))
    if bias is not None:
        out += bias.reshape(-1, 1, 1)
    return out


def _pointwise_weight(x, w, grad_output, stride, groups):
    pixels, back = _pixels(x[:, :, ::stride[0], ::stride[1]], groups), _pixels(grad_output, groups)
    grad = back[0] @ pixels[0].swapaxes(1, 2)
    for n in range(1, len(pixels)):
        grad += back[n] @ pixels[n].swapaxes(1, 2)
    return grad.reshape(w.shape)


def _pointwise_input(grad_output, w, size, stride, groups):
    grad = w.reshape(groups, len(w) // groups, -1).swapaxes(1, 2) @ _pixels(grad_output, groups)
    grad = _images(grad, (len(grad_output), w.shape[1] * groups, *grad_output.shape[2:]))
    if grad.shape[2:] == tuple(size):
        return grad
    spread = np.zeros((*grad.shape[:2], *size), grad.dtype)              # pixels that no window saw get nothing
    rows, columns = (slice(0, (n - 1) * s + 1, s) for n, s in zip(grad.shape[2:], stride, strict=True))
    spread[:, :, rows, columns] = grad
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
