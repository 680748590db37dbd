"""Pooling by chance, forward and backward: which element of a window counts is drawn, or where the windows lie.

stochastic_pool2d is not in PyTorch; fractional_max_pool2d is also in `functional`.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .arguments import add_batch, check_float, check_grad_output, is_int, per_axis
from .random import generator

__all__ = ["fractional_max_pool2d", "fractional_max_pool2d_backward", "stochastic_pool2d", "stochastic_pool2d_backward"]


def stochastic_pool2d(input, kernel_size, stride=None, training=True, *, rng=None, memory=None):
    """Draw one element of each window, by its share of the window's sum (Zeiler & Fergus 2013).

    training:      out = a_k, where k is drawn with probability p_k = a_k / Σ_i a_i
    not training:  out = Σ_k p_k a_k, what training gives on average

    input: (N, C, H, W) or (C, H, W), not negative, as behind a ReLU  →  (N, C, H_out, W_out), H_out = ⌊(H − kH)/s⌋ + 1.
    Negative elements are never drawn; where none is positive, as in a window of zeros, all are drawn alike.
    stride: default kernel_size.  rng: a NumPy generator or an int seed; None: `cnnlib.scratch.random.generator()`.
    memory: a dict in which the forward leaves what was drawn for the backward.
    Raises TypeError or ValueError naming the argument.
    """
    windows, _, _ = _windows("stochastic_pool2d", input, kernel_size, stride)
    shares, _ = _shares(windows)
    if not training:
        return (shares * windows).sum(axis=-1)
    drawn = _draw(shares, _generator("stochastic_pool2d", rng))
    if memory is not None:
        memory["drawn"] = drawn
    return np.take_along_axis(windows, drawn, axis=-1)[..., 0]


def stochastic_pool2d_backward(grad_output, input, kernel_size, stride=None, training=True, *, rng=None, memory=None):
    """Training: da_k = dy for the element that was drawn, else 0; from the forward's memory, or its int seed again.

    Not training, with S = Σ_i a_i: da_m = dy · (p_m + (a_m − out)/S); the second term is 0 for negative elements and
    where no element is positive.
    """
    name = "stochastic_pool2d_backward"
    windows, kernel_size, stride = _windows(name, input, kernel_size, stride)
    grad_output = check_grad_output(name, grad_output, windows.shape[:-1], input.dtype)[..., None]
    shares, total = _shares(windows)
    if training:
        if not memory and not is_int(rng):
            raise ValueError(f"{name}: what the forward drew is needed: give its memory, or the int seed that was its "
                             f"rng; got no memory and rng={rng!r}")
        drawn = memory["drawn"] if memory else _draw(shares, _generator(name, rng))
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


def fractional_max_pool2d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                          _random_samples=None, *, rng=None, memory=None):
    """Max pooling by any factor: windows whose distances are drawn, so that they fill the image (Graham 2014).

    out[n, c, i, j] = max_{u, v} input[n, c, a_i + u, b_j + v]
    a_i = ⌊(i + r)·α⌋ − ⌊r·α⌋ for i < H_out − 1, the last a_i = H − kH,       α = (H − kH)/(H_out − 1)

    input: (N, C, H, W) or (C, H, W)  →  (N, C, H_out, W_out); b likewise along the width.
    output_size: int or (H_out, W_out); or else output_ratio: a number or two between 0 and 1, H_out = ⌊ratio · H⌋.
    _random_samples: (N, C, 2) in [0, 1), r along the width and r along the height; None draws them.
    return_indices: → (out, indices), indices int64: the maximum's place h·W + w in its plane.
    rng: a NumPy generator or an int seed; None: `cnnlib.scratch.random.generator()`.  memory: a dict in which the
    forward leaves the indices for the backward.
    Raises TypeError or ValueError naming the argument; ValueError unless the windows fit: kH + H_out − 1 ≤ H.
    Source: `torch.nn.functional.fractional_max_pool2d`.
    """
    name = "fractional_max_pool2d"
    input, samples, kernel_size, output_size = _check_fractional(
        name, input, kernel_size, output_size, output_ratio, _random_samples, rng)
    *planes, height, width = input.shape
    rows = _places(samples[..., 1], height, output_size[0], kernel_size[0])                  # (N, C, H_out, kH)
    columns = _places(samples[..., 0], width, output_size[1], kernel_size[1])                # (N, C, W_out, kW)
    places = rows[:, :, :, None, :, None] * width + columns[:, :, None, :, None, :]          # (N, C, …, kH, kW)
    places = places.reshape(*planes, *output_size, -1)
    flat = input.reshape(*planes, 1, 1, height * width)
    windows = np.take_along_axis(flat, places, axis=-1)                  # (*, H_out, W_out, kH·kW)
    first = windows.argmax(axis=-1)[..., None]
    indices = np.take_along_axis(places, first, axis=-1)[..., 0]
    if memory is not None:
        memory["indices"] = indices
    out = np.take_along_axis(windows, first, axis=-1)[..., 0]
    return (out, indices) if return_indices else out


def fractional_max_pool2d_backward(grad_output, input, kernel_size, output_size=None, output_ratio=None,
                                   return_indices=False, _random_samples=None, *, rng=None, memory=None):
    """dx[m] = Σ dy[i, j] over the windows (i, j) whose maximum is x[m].

    Needs where the windows were: the forward's memory, its _random_samples, or the int seed that was its rng.
    """
    name = "fractional_max_pool2d_backward"
    if not memory:
        if _random_samples is None and not is_int(rng):
            raise ValueError(f"{name}: where the windows were is needed: give the memory of the forward, its "
                             f"_random_samples or the int seed that was its rng; got none of them and rng={rng!r}")
        fractional_max_pool2d(input, kernel_size, output_size, output_ratio, False, _random_samples, rng=rng,
                              memory=(memory := {}))
    input, = check_float(name, input=input)
    indices = memory["indices"]
    grad_output = check_grad_output(name, grad_output, indices.shape, input.dtype)
    *planes, height, width = input.shape
    grad = np.zeros((math.prod(planes), height * width), input.dtype)
    np.add.at(grad, (np.arange(len(grad))[:, None], indices.reshape(len(grad), -1)), grad_output.reshape(len(grad), -1))
    return (grad.reshape(input.shape),)


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


def _places(r, size, out, k):
    """The rows (or columns) of each window.  r: (N, C)  →  (N, C, out, k), int64 from 0 to size − 1"""
    alpha = r.dtype.type(size - k) / r.dtype.type(max(1, out - 1))
    r = r[..., None]
    starts = ((np.arange(out - 1, dtype=r.dtype) + r) * alpha).astype(np.int64) - (r * alpha).astype(np.int64)
    last = np.full((*starts.shape[:-1], 1), size - k)                    # the last window ends where the image does
    return np.concatenate([starts, last], axis=-1)[..., None] + np.arange(k)


def _check_fractional(name, input, kernel_size, output_size, output_ratio, samples, rng):
    """→ input, samples (N or 1, C, 2), kernel_size and output_size as pairs"""
    input, samples = check_float(name, input=input, _random_samples=samples)
    batch, _ = add_batch(name, input, 2)
    kernel_size = per_axis(name, "kernel_size", kernel_size, 2, minimum=1)
    if output_size is not None:
        output_size = per_axis(name, "output_size", output_size, 2, minimum=1)
    elif output_ratio is not None:
        ratio = tuple(output_ratio) if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * 2
        if len(ratio) != 2 or not all(isinstance(r, (float, np.floating)) and 0 < r < 1 for r in ratio):
            raise ValueError(f"{name}: output_ratio must be a number or two between 0 and 1, got {output_ratio!r}")
        output_size = tuple(int(size * r) for size, r in zip(input.shape[-2:], ratio, strict=True))
    else:
        raise ValueError(f"{name}: give output_size or output_ratio")
    for size, out, k in zip(input.shape[-2:], output_size, kernel_size, strict=True):
        if not 1 <= out <= size - k + 1:
            raise ValueError(f"{name}: {out} windows of kernel_size {k} do not fit into {size} pixels; there may be "
                             f"from 1 to {size - k + 1}")
    wanted = (*batch.shape[:2], 2)
    if samples is None:
        samples = _generator(name, rng).random(wanted, dtype=input.dtype)
    elif samples.shape != wanted:
        raise ValueError(f"{name}: _random_samples must be {wanted}, got shape {samples.shape}")
    return input, samples, kernel_size, output_size


def _generator(name, rng):
    """rng as a NumPy generator."""
    if rng is None:
        return generator()
    if is_int(rng) and rng >= 0:
        return np.random.default_rng(rng)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"{name}: rng must be None, a NumPy generator or an int seed from 0 on, got {rng!r}")
    return rng
