"""The three verbs for volumes (N, C, D, H, W): for each tap of the kernel along the depth, images; their sum."""

import numpy as np

from . import choose
from .windows import output_size


def forward(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, D, H, W) ⋆ w (O, C/G, kD, kH, kW) + bias (O,) → (N, O, D_out, H_out, W_out)."""
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    out = np.zeros((len(x), len(w), *size), x.dtype)
    for tap, outputs, inputs in _depths(x.shape[2], w.shape[2], size[0], stride[0], padding[0][0], dilation[0]):
        images = choose.forward(_images(x[:, :, inputs]), w[:, :, tap], None, stride[1:], padding[1:], dilation[1:],
                                groups)
        out[:, :, outputs] += _volumes(images, len(x))
    return out if bias is None else np.add(out, bias.reshape(-1, 1, 1, 1), out=out)


def backward_weight(grad_output, x, kernel, stride, padding, dilation, groups):
    """The gradient of the weight.  → (O, C/G, kD, kH, kW)"""
    grad = np.zeros((grad_output.shape[1], x.shape[1] // groups, *kernel), x.dtype)
    depth_out = grad_output.shape[2]
    for tap, outputs, inputs in _depths(x.shape[2], kernel[0], depth_out, stride[0], padding[0][0], dilation[0]):
        grad[:, :, tap] = choose.backward_weight(_images(grad_output[:, :, outputs]), _images(x[:, :, inputs]),
                                                 kernel[1:], stride[1:], padding[1:], dilation[1:], groups)
    return grad


def backward_input(grad_output, w, size, stride, padding, dilation, groups):
    """The gradient of the input of size (D, H, W).  → (N, C, D, H, W)"""
    grad = np.zeros((len(grad_output), w.shape[1] * groups, *size), w.dtype)
    depth_out = grad_output.shape[2]
    for tap, outputs, inputs in _depths(size[0], w.shape[2], depth_out, stride[0], padding[0][0], dilation[0]):
        images = choose.backward_input(_images(grad_output[:, :, outputs]), w[:, :, tap], size[1:], stride[1:],
                                       padding[1:], dilation[1:], groups)
        grad[:, :, inputs] += _volumes(images, len(grad))
    return grad


def _depths(depth, taps, depth_out, stride, pad, dilation):
    """For each tap along the depth: which outputs it adds to, and which inputs it sees: slices of equal length."""
    for tap in range(taps):
        offset = dilation * tap - pad                                    # input = stride · output + offset
        first = max(0, -(offset // stride))
        last = min(depth_out - 1, (depth - 1 - offset) // stride)
        if first <= last:
            low = stride * first + offset
            yield tap, slice(first, last + 1), slice(low, stride * last + offset + 1, stride)


def _images(x):
    """(N, C, D, H, W) → (N·D, C, H, W)"""
    x = x.transpose(0, 2, 1, 3, 4)
    return x.reshape(-1, *x.shape[2:])


def _volumes(images, batch):
    """(N·D, C, H, W) → (N, C, D, H, W)"""
    return images.reshape(batch, -1, *images.shape[1:]).transpose(0, 2, 1, 3, 4)
