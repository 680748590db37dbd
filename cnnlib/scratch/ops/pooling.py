"""Pooling by chance, forward and backward: which element of a window counts is drawn."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnlib.checks import add_batch, check_float, check_grad_output, is_int, per_axis

from ..functional.random import as_generator

__all__ = ["stochastic_pool2d", "stochastic_pool2d_backward"]


def stochastic_pool2d(input, kernel_size, stride=None, training=True, *, rng=None, saved=None):
    """Draw one element of each window, by its share of the window's sum (Zeiler & Fergus 2013).

    training:      out = a_k, where k is drawn with probability p_k = a_k / Σ_i a_i
    not training:  out = Σ_k p_k a_k, what training gives on average

    input: (N, C, H, W) or (C, H, W), not negative, as behind a ReLU  →  (N, C, H_out, W_out), H_out = ⌊(H − kH)/s⌋ + 1.
    Negative elements are never drawn; where none is positive, as in a window of zeros, all are drawn alike.
    stride: default kernel_size.  rng: a NumPy generator or an int seed; None: the course's own.
    saved: a dict in which the forward leaves what was drawn for the backward.
    Raises TypeError or ValueError naming the argument.
    """
    windows, _, _ = _windows("stochastic_pool2d", input, kernel_size, stride)
    shares, _ = _shares(windows)
    if not training:
        return (shares * windows).sum(axis=-1)
    drawn = _draw(shares, as_generator("stochastic_pool2d", rng))
    if saved is not None:
        saved["drawn"] = drawn
    return np.take_along_axis(windows, drawn, axis=-1)[..., 0]


def stochastic_pool2d_backward(grad_output, input, kernel_size, stride=None, training=True, *, rng=None, saved=None):
    """Training: da_k = dy for the element that was drawn, else 0; from what the forward saved, or its int seed again.

    Not training, with S = Σ_i a_i: da_m = dy · (p_m + (a_m − out)/S); the second term is 0 for negative elements and
    where no element is positive.
    """
    name = "stochastic_pool2d_backward"
    windows, kernel_size, stride = _windows(name, input, kernel_size, stride)
    grad_output = check_grad_output(name, grad_output, windows.shape[:-1], input.dtype)[..., None]
    shares, total = _shares(windows)
    if training:
        if not saved and not is_int(rng):
            raise ValueError(f"{name}: what the forward drew is needed: give what it saved, or the int seed that was "
                             f"its rng; got nothing saved and rng={rng!r}")
        drawn = saved["drawn"] if saved else _draw(shares, as_generator(name, rng))
        slope = np.zeros_like(windows)
        np.put_along_axis(slope, drawn, 1, axis=-1)
    else:
        out = (shares * windows).sum(axis=-1, keepdims=True)
        moves = (windows >= 0) & (total > 0)
        slope = shares + np.where(moves, windows - out, 0) / np.where(total > 0, total, 1)
    grad_windows = (slope * grad_output).reshape(*windows.shape[:-1], *kernel_size)
    grad = np.zeros_like(input)
    height, width = windows.shape[-3:-1]
    for u, v in np.ndindex(*kernel_size):                                # overlapping windows add up
        rows = slice(u, u + stride[0] * (height - 1) + 1, stride[0])
        columns = slice(v, v + stride[1] * (width - 1) + 1, stride[1])
        grad[..., rows, columns] += grad_windows[..., u, v]
    return (grad,)


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _windows(name, input, kernel_size, stride):
    """→ the windows (*, H_out, W_out, kH·kW), and kernel_size and stride as pairs."""
    input, = check_float(name, input=input)
    add_batch(name, input, 2)
    kernel_size = per_axis(name, "kernel_size", kernel_size, 2, minimum=1)
    stride = kernel_size if stride is None else per_axis(name, "stride", stride, 2, minimum=1)
    if any(size < k for size, k in zip(input.shape[-2:], kernel_size, strict=True)):
        raise ValueError(f"{name}: kernel_size {kernel_size} does not fit into the input {input.shape[-2:]}")
    windows = sliding_window_view(input, kernel_size, axis=(-2, -1))[..., ::stride[0], ::stride[1], :, :]
    return windows.reshape(*windows.shape[:-2], -1), kernel_size, stride


def _shares(windows):
    """p_k of every element, and the sum of each window's positive elements (*, 1)."""
    positive = np.maximum(windows, 0)
    total = positive.sum(axis=-1, keepdims=True)
    shares = np.where(total > 0, positive, 1)
    return shares / shares.sum(axis=-1, keepdims=True), total


def _draw(shares, rng):
    """The number of one element of each window: (*, k)  →  (*, 1).

    Laid side by side, the shares cut [0, 1) into pieces; a uniform number lies in one of them.
    """
    reached = shares.cumsum(axis=-1, dtype=np.float64)                   # element k holds what lies up to reached[k]
    drawn = rng.random(reached[..., :1].shape) * reached[..., -1:]
    return (reached <= drawn).sum(axis=-1, keepdims=True)
