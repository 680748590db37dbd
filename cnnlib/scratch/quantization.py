"""Numbers in few bits, value ≈ scale · (integer − zero_point), and layers that count in integers (Jacob et al. 2018).

With b bits there are the integers −2^(b−1) … 2^(b−1) − 1. A range that is not even about 0 gets a zero point (affine);
or it is taken even, zero_point = 0, and the lowest integer is left out (symmetric). An array has one scale (per tensor)
or one for each channel, along an axis; then scale and zero_point have length 1 along all other axes, and broadcast.
"""

import math
from typing import NamedTuple

import numpy as np

from ..checks import check_float, check_grad_output, is_int, per_axis
from .fast.windows import all_windows

__all__ = ["Quantized", "dequantize", "fake_quantize", "fake_quantize_backward", "integer_conv2d", "integer_linear",
           "quantization_scale", "quantize", "quantized_conv2d", "quantized_linear"]

MOST_PRODUCTS = (2**31 - 1) // 255**2      # 33,025 of two bytes, less their zero points, add up within int32


class Quantized(NamedTuple):
    """An array in integers: value ≈ scale · (q − zero_point); `quantize` makes it."""
    q: np.ndarray              # int8 for at most 8 bits, else int16
    scale: np.ndarray          # float64, () or one for each channel
    zero_point: np.ndarray     # int64, likewise


def quantization_scale(x, bits=8, axis=None, symmetric=False):
    """The scale and the zero point that just cover all of x: the min–max rule.

    affine     scale = (high − low) / (2^b − 1)      zero_point = −2^(b−1) − round(low / scale)
               low = min(x, 0), high = max(x, 0)
    symmetric  scale = max|x| / (2^(b−1) − 1)        zero_point = 0

    0 always lies in the range, since padding and ReLU make zeros: it is met exactly. Where x is all 0 the scale is 1.
    x: any shape, finite;  bits: 1 … 16, symmetric from 2 on;  axis: None, or that of the channels
    →  (scale, zero_point), float64 and int64, of shape () or with length 1 along every other axis.
    Raises TypeError or ValueError naming the argument.
    """
    return _scale("quantization_scale", x, bits, axis, symmetric)


def quantize(x, bits=8, axis=None, symmetric=False, *, scale=None, zero_point=None):
    """Real numbers → integers.

    q = clip(round(x / scale) + zero_point)          into −2^(b−1) … 2^(b−1) − 1, symmetric from −2^(b−1) + 1 on

    A half is rounded to the even integer, as everywhere in IEEE arithmetic.  Inside of the range, and with the min–max
    rule that is everywhere, |x − dequantize(q)| ≤ scale / 2.
    x: any shape, float32 or float64, finite  →  Quantized(q, scale, zero_point), q int8, above 8 bits int16.
    bits, axis, symmetric: as in quantization_scale, which gives scale and zero_point unless they are given.
    Raises TypeError or ValueError naming the argument.
    """
    whole, scale, zero_point, low, high = _round("quantize", x, bits, axis, symmetric, scale, zero_point)
    q = np.clip(whole, low, high).astype(np.int8 if bits <= 8 else np.int16)
    return Quantized(q, scale, zero_point)


def dequantize(q, scale, zero_point=0):
    """Integers → the real numbers they stand for: scale · (q − zero_point).

    q: integers of any shape; scale, zero_point: numbers, or arrays that broadcast with it  →  float64, as q.
    `dequantize(*quantize(x))` is x but for rounding.  Raises TypeError or ValueError naming the argument.
    """
    q = np.asarray(q)
    if q.dtype.kind not in "iu":
        raise TypeError(f"dequantize: q must hold integers, got {q.dtype}")
    scale, zero_point = _check_scale("dequantize", scale, zero_point, q.shape)
    return scale * (q.astype(np.int64) - zero_point)


def fake_quantize(x, bits=8, axis=None, symmetric=False, *, scale=None, zero_point=None):
    """What is left of x after quantize and dequantize, in the dtype of x.

    Arguments, shapes and what is raised: see `quantize`.  x: (*)  →  (*).
    Source: `torch.fake_quantize_per_tensor_affine` and `torch.fake_quantize_per_channel_affine`.
    """
    x, = check_float("fake_quantize", x=x)
    whole, scale, zero_point, low, high = _round("fake_quantize", x, bits, axis, symmetric, scale, zero_point)
    return (scale * (np.clip(whole, low, high) - zero_point)).astype(x.dtype)


def fake_quantize_backward(grad_output, x, bits=8, axis=None, symmetric=False, *, scale=None, zero_point=None):
    """The straight-through estimator (Bengio et al. 2013): dx = dy where nothing was clipped, else 0.

    The true slope of a rounding is 0 almost everywhere. The scale counts as a constant, as in torch. The min–max rule
    clips nothing when symmetric; when affine the rounded zero point may leave one end out, by at most half a step.
    """
    name = "fake_quantize_backward"
    x, = check_float(name, x=x)
    whole, _, _, low, high = _round(name, x, bits, axis, symmetric, scale, zero_point)
    grad_output = check_grad_output(name, grad_output, x.shape, x.dtype)
    return (np.where((whole >= low) & (whole <= high), grad_output, 0).astype(x.dtype),)


# ---- layers that count in integers -----------------------------------------------------------------------------------

def integer_linear(x, x_zero_point, weight, weight_zero_point=0):
    """The sums of a linear layer in integers, exact.

    out[n, o] = Σ_i (x[n, i] − x_zero_point) · (weight[o, i] − weight_zero_point)

    x: int8 (*, I);  weight: int8 (O, I);  x_zero_point: int;  weight_zero_point: int, or (O, 1)  →  int32 (*, O).
    Raises TypeError or ValueError naming the argument, also for I > 33,025, which int32 could not hold.
    """
    name = "integer_linear"
    _check_bytes(name, x=x, weight=weight)
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"{name}: x must be (*, I) and weight (O, I), got {x.shape} and {weight.shape}")
    x, weight = _without_zero_points(name, x, x_zero_point, weight, weight_zero_point)
    return x @ weight.T


def integer_conv2d(x, x_zero_point, weight, weight_zero_point=0, stride=1, padding=0, dilation=1, groups=1):
    """The sums of a convolution in integers, exact; padding counts as the real number 0.

    out[n, o, i, j] = Σ_{c, u, v} (x[n, c, s·i + d·u − p, s·j + d·v − p] − x_zero_point) · (weight[o, c, u, v] − …)

    x: int8 (N, C, H, W);  weight: int8 (O, C/groups, kH, kW);  x_zero_point: int;  weight_zero_point: int, or
    (O, 1, 1, 1)  →  int32 (N, O, H_out, W_out).  stride, padding, dilation: an int or two; groups: an int.
    Raises TypeError or ValueError naming the argument.
    """
    name = "integer_conv2d"
    _check_bytes(name, x=x, weight=weight)
    stride, dilation = per_axis(name, "stride", stride, 2, 1), per_axis(name, "dilation", dilation, 2, 1)
    padding = per_axis(name, "padding", padding, 2, 0)
    if not is_int(groups) or groups < 1:
        raise ValueError(f"{name}: groups must be an int from 1 on, got {groups!r}")
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(f"{name}: x must be (N, C, H, W) and weight (O, C/groups, kH, kW), O a multiple of groups; "
                         f"got {x.shape}, {weight.shape} and groups {groups}")
    x, weight = _without_zero_points(name, x, x_zero_point, weight, weight_zero_point)
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])          # 0 is the real 0 now
    out_channels, channels, *kernel = weight.shape
    span = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    if any(size < s for size, s in zip(x.shape[2:], span, strict=True)):
        raise ValueError(f"{name}: the kernel covers {tuple(span)} pixels, the padded input has {x.shape[2:]}")
    windows = all_windows(x, kernel, stride, dilation)
    n, _, height, width, *_ = windows.shape
    columns = windows.reshape(n, groups, channels, height, width, *kernel).transpose(0, 1, 3, 4, 2, 5, 6)
    columns = columns.reshape(n, groups, height * width, -1)             # (N, G, H_out·W_out, C/G·kH·kW)
    rows = weight.reshape(groups, out_channels // groups, -1)            # (G, O/G, C/G·kH·kW)
    return (rows @ columns.swapaxes(-1, -2)).reshape(n, out_channels, height, width)


def quantized_linear(x, weight, bias=None):
    """A linear layer of quantised arrays: exact sums of integers, then one multiplication for each output.

    out = x.scale · weight.scale[o] · integer_linear(…) + bias[o]

    x: Quantized (*, I), per tensor;  weight: Quantized (O, I), per tensor or per channel along axis 0;  bias: (O), real
    →  float64 (*, O).  Raises TypeError or ValueError naming the argument.
    """
    name = "quantized_linear"
    scale, bias = _check_layer(name, x, weight, bias)
    return integer_linear(x.q, x.zero_point, weight.q, weight.zero_point) * scale + bias


def quantized_conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """A convolution of quantised arrays: exact sums of integers, then one multiplication for each output.

    out = x.scale · weight.scale[o] · integer_conv2d(…) + bias[o]

    x: Quantized (N, C, H, W), per tensor;  weight: Quantized (O, C/groups, kH, kW), per tensor or per channel along
    axis 0;  bias: (O), real  →  float64 (N, O, H_out, W_out).  Raises TypeError or ValueError naming the argument.
    """
    name = "quantized_conv2d"
    scale, bias = _check_layer(name, x, weight, bias)
    sums = integer_conv2d(x.q, x.zero_point, weight.q, weight.zero_point, stride, padding, dilation, groups)
    return sums * scale[:, None, None] + bias[:, None, None]


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _integers(name, bits, symmetric):
    """The lowest and the highest integer."""
    least = 2 if symmetric else 1
    if not is_int(bits) or not least <= bits <= 16:
        raise ValueError(f"{name}: bits must be an int from {least} to 16{', if symmetric' * bool(symmetric)}, "
                         f"got {bits!r}")
    return -2 ** (bits - 1) + bool(symmetric), 2 ** (bits - 1) - 1


def _scale(name, x, bits, axis, symmetric):
    x, = check_float(name, x=x)
    lowest, highest = _integers(name, bits, symmetric)
    _check_finite(name, x)
    if axis is not None and not (is_int(axis) and -x.ndim <= axis < x.ndim):
        raise ValueError(f"{name}: axis must be None or an axis of {x.shape}, got {axis!r}")
    others = tuple(i for i in range(x.ndim) if axis is None or i != axis % x.ndim)
    low = np.min(x, axis=others, keepdims=axis is not None, initial=0).astype(np.float64)
    high = np.max(x, axis=others, keepdims=axis is not None, initial=0).astype(np.float64)
    if symmetric:
        scale = np.maximum(-low, high) / highest
    else:
        scale = high / (highest - lowest) - low / (highest - lowest)     # high − low might overflow
    scale = np.where(high == low, 1, np.maximum(scale, np.finfo(np.float64).tiny))           # none would be 0
    zero_point = np.zeros_like(scale) if symmetric else np.clip(lowest - np.round(low / scale), lowest, highest)
    return scale, zero_point.astype(np.int64)


def _round(name, x, bits, axis, symmetric, scale, zero_point):
    """round(x / scale) + zero_point as float64, not yet clipped; scale, zero_point; the lowest and highest integer."""
    lowest, highest = _integers(name, bits, symmetric)
    if scale is None:
        if zero_point is not None:
            raise ValueError(f"{name}: zero_point must come with a scale")
        scale, zero_point = _scale(name, x, bits, axis, symmetric)
    x, = check_float(name, x=x)
    _check_finite(name, x)
    scale, zero_point = _check_scale(name, scale, 0 if zero_point is None else zero_point, np.shape(x))
    if zero_point.size and not (lowest <= zero_point.min() and zero_point.max() <= highest):
        raise ValueError(f"{name}: zero_point must be from {lowest} to {highest}, got {zero_point}")
    return np.round(x.astype(np.float64) / scale) + zero_point, scale, zero_point, lowest, highest


def _check_finite(name, x):
    if x is None or not np.isfinite(x).all():
        raise ValueError(f"{name}: x must be an array of finite numbers")


def _check_scale(name, scale, zero_point, shape):
    try:
        scale, zero_point = np.asarray(scale, np.float64), np.asarray(zero_point)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: scale must be a number or numbers, got {scale!r}") from None
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(f"{name}: scale must be above 0 and finite, got {scale}")
    if zero_point.dtype.kind not in "iu":
        raise TypeError(f"{name}: zero_point must be an integer, got {zero_point.dtype}")
    try:
        fits = np.broadcast_shapes(scale.shape, zero_point.shape, shape) == tuple(shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name}: scale and zero_point must broadcast to {tuple(shape)}, "
                         f"got {scale.shape} and {zero_point.shape}")
    return scale, zero_point.astype(np.int64)


def _check_bytes(name, **arrays):
    for argument, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype != np.int8:
            raise TypeError(f"{name}: {argument} must be an int8 array, "
                            f"got {getattr(array, 'dtype', type(array).__name__)}")


def _without_zero_points(name, x, x_zero_point, weight, weight_zero_point):
    """x − x_zero_point and weight − weight_zero_point as int32."""
    x_zero_point, weight_zero_point = np.asarray(x_zero_point), np.asarray(weight_zero_point)
    if x_zero_point.size != 1 or x_zero_point.dtype.kind not in "iu" or not -128 <= x_zero_point <= 127:
        raise ValueError(f"{name}: x_zero_point must be one int from −128 to 127, got {x_zero_point}")
    per_channel = (len(weight), *(1,) * (weight.ndim - 1))
    if weight_zero_point.dtype.kind not in "iu" or weight_zero_point.shape not in ((), per_channel) or \
            weight_zero_point.size and not (weight_zero_point.min() >= -128 and weight_zero_point.max() <= 127):
        raise ValueError(f"{name}: weight_zero_point must be an int from −128 to 127 or such of shape {per_channel}, "
                         f"got shape {weight_zero_point.shape}")
    if (products := math.prod(weight.shape[1:])) > MOST_PRODUCTS:
        raise ValueError(f"{name}: weight must have at most {MOST_PRODUCTS} numbers for an output, got {products}")
    return (x.astype(np.int32) - np.int32(x_zero_point.item()),
            weight.astype(np.int32) - weight_zero_point.astype(np.int32))


def _check_layer(name, x, weight, bias):
    """The factor of each output channel, and the bias, both (O)."""
    for argument, array in {"x": x, "weight": weight}.items():
        if not isinstance(array, Quantized):
            raise TypeError(f"{name}: {argument} must be Quantized, as `quantize` gives it, got {type(array).__name__}")
    out_channels = len(weight.q)
    if np.size(x.scale) != 1 or np.shape(weight.scale) not in ((), (out_channels, *(1,) * (weight.q.ndim - 1))):
        raise ValueError(f"{name}: x must have one scale, weight one or one for each of its {out_channels} rows "
                         f"(axis=0), got scales of shape {np.shape(x.scale)} and {np.shape(weight.scale)}")
    bias = np.zeros(out_channels) if bias is None else np.asarray(bias, np.float64)
    if bias.shape != (out_channels,):
        raise ValueError(f"{name}: bias must be ({out_channels},), got {bias.shape}")
    return np.broadcast_to(np.ravel(x.scale) * np.ravel(weight.scale), out_channels), bias
