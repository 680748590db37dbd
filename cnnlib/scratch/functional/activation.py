"""Activations, forward and backward: functions of each element, softmax along an axis, and dropout.

dy stands for the gradient of the output, dx for that of the input. `inplace` is accepted as in torch, but the input is
never changed.

A large array is worked through in chunks that stay in the cache. `in_chunks` takes the formula as it is written. Where
that takes much longer than PyTorch, the formula is computed from the inside out in the place of its result, with no
arrays for the steps on the way, which spares up to a third of the time; a comment beside each step says what it gives.
"""

import math

import numpy as np

from cnnlib.checks import FLOATS, check_choice, check_float, check_grad_output, is_int

from ..fast.chunks import CHUNK, chunks, empty, in_chunks
from .random import generator

__all__ = [
    "dropout", "dropout2d", "dropout2d_backward", "dropout_backward", "elu", "elu_backward", "gelu", "gelu_backward",
    "hardsigmoid", "hardsigmoid_backward", "hardswish", "hardswish_backward", "hardtanh", "hardtanh_backward",
    "leaky_relu", "leaky_relu_backward", "log_softmax", "log_softmax_backward", "logsigmoid", "logsigmoid_backward",
    "mish", "mish_backward", "prelu", "prelu_backward", "relu", "relu6", "relu6_backward", "relu_backward", "selu",
    "selu_backward", "sigmoid", "sigmoid_backward", "silu", "silu_backward", "softmax", "softmax_backward", "softplus",
    "softplus_backward", "tanh", "tanh_backward",
]


# ---- the positive part and its kin -----------------------------------------------------------------------------------

def relu(input, inplace=False):
    """The positive part.

    out = max(0, x)

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.relu`.
    """
    input, = check_float("relu", input=input)
    return np.maximum(input, 0)


def relu_backward(grad_output, input, inplace=False):
    """dx = dy where x > 0, else 0."""
    input, grad_output = _with_gradient("relu_backward", input, grad_output)
    return (_gradient_where(lambda x: x > 0, input, grad_output),)


def relu6(input, inplace=False):
    """The positive part, up to 6 (Howard et al. 2017, MobileNets).

    out = min(max(0, x), 6)

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.relu6`.
    """
    input, = check_float("relu6", input=input)
    return np.clip(input, 0, 6)


def relu6_backward(grad_output, input, inplace=False):
    """dx = dy where 0 < x < 6, else 0."""
    input, grad_output = _with_gradient("relu6_backward", input, grad_output)
    return (_gradient_where(lambda x: (x > 0) & (x < 6), input, grad_output),)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x, kept between two numbers.

    out = min(max(min_val, x), max_val)

    input: (*)  →  (*).  min_val ≤ max_val.
    Raises TypeError for other dtypes, ValueError for min_val > max_val.  Source: `torch.nn.functional.hardtanh`.
    """
    input, = check_float("hardtanh", input=input)
    if not min_val <= max_val:
        raise ValueError(f"hardtanh: min_val must be at most max_val, got {min_val} and {max_val}")
    return np.clip(input, float(min_val), float(max_val))


def hardtanh_backward(grad_output, input, min_val=-1.0, max_val=1.0, inplace=False):
    """dx = dy where min_val < x < max_val, else 0."""
    input, grad_output = _with_gradient("hardtanh_backward", input, grad_output)
    return (_gradient_where(lambda x: (x > min_val) & (x < max_val), input, grad_output),)


def hardsigmoid(input, inplace=False):
    """A sigmoid of three straight pieces (Courbariaux et al. 2015, with torch's slope of 1/6).

    out = min(max(0, x + 3), 6) / 6

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.hardsigmoid`.
    """
    input, = check_float("hardsigmoid", input=input)
    out = np.empty(input.shape, input.dtype)
    for x, y in chunks(input, out):
        np.add(x, 3, out=y)                                              # x + 3
        np.clip(y, 0, 6, out=y)                                          # min(max(0, x + 3), 6)
        y *= 1 / 6
    return out


def hardsigmoid_backward(grad_output, input, inplace=False):
    """dx = dy / 6 where −3 < x < 3, else 0."""
    input, grad_output = _with_gradient("hardsigmoid_backward", input, grad_output)
    sixth = float(np.float32(1 / 6))                                     # torch has it in float32 for float64 too
    return (_gradient_where(lambda x: (x > -3) & (x < 3), input, grad_output, sixth),)


def hardswish(input, inplace=False):
    """x times its hard sigmoid: silu without an exponential (Howard et al. 2019, MobileNetV3).

    out = x · min(max(0, x + 3), 6) / 6

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.hardswish`.
    """
    input, = check_float("hardswish", input=input)
    out = np.empty(input.shape, input.dtype)
    for x, y in chunks(input, out):
        np.add(x, 3, out=y)                                              # x + 3
        np.clip(y, 0, 6, out=y)                                          # min(max(0, x + 3), 6)
        y *= 1 / 6
        y *= x                                                           # x · min(max(0, x + 3), 6) / 6
    return out


def hardswish_backward(grad_output, input, inplace=False):
    """dx = dy · (2x + 3) / 6 where −3 < x < 3; 0 below, dy above."""
    input, grad_output = _with_gradient("hardswish_backward", input, grad_output)
    dx = np.empty(input.shape, input.dtype)
    for x, dy, d in chunks(input, grad_output, dx):
        c = np.clip(x, -3, 3)
        _where(np.abs(c) < 3, c, out=d)                                  # x between, 0 outside
        d += c                                                           # 2x; −3 below, 3 above
        d += 3                                                           # 2x + 3; 0 below, 6 above
        d *= 1 / 6
        _where(x > -3, dy, out=c)                                        # 0 · ∞ is NaN
        d *= c                                                           # dy · (2x + 3) / 6; 0 below, dy above
    return (dx,)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """The positive part, and a little of the negative (Maas et al. 2013).

    out = x where x > 0, else negative_slope · x; that is the larger of both, or the smaller for a slope above 1

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.leaky_relu`.
    """
    input, = check_float("leaky_relu", input=input)
    larger = np.maximum if negative_slope <= 1 else np.minimum
    out = np.empty(input.shape, input.dtype)
    for x, y in chunks(input, out):
        np.multiply(x, negative_slope, out=y)                            # negative_slope · x
        larger(x, y, out=y)
    return out


def leaky_relu_backward(grad_output, input, negative_slope=0.01, inplace=False):
    """dx = dy where x > 0, else negative_slope · dy."""
    input, grad_output = _with_gradient("leaky_relu_backward", input, grad_output)
    dx = np.empty(input.shape, input.dtype)
    for x, dy, d in chunks(input, grad_output, dx):
        np.copyto(d, x > 0)                                              # 1 or 0
        d *= 1 - negative_slope
        d += negative_slope                                              # 1 or negative_slope
        d *= dy
    return (dx,)


def prelu(input, weight):
    """A leaky relu whose slope is learned, one for all channels or one for each (He et al. 2015).

    out = max(0, x) + weight[c] · min(0, x)

    input: (*) or (N, C, *); weight: () or (1), or (C)  →  the shape of input
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.prelu`.
    """
    input, weight = check_float("prelu", input=input, weight=weight)
    slope = _per_channel("prelu", input, weight)
    out = np.minimum(input, 0)
    out *= slope
    out += np.maximum(input, 0)
    return out


def prelu_backward(grad_output, input, weight):
    """dx = dy where x > 0, else weight[c] · dy.  dweight[c] = Σ dy · min(0, x) over what shares the weight."""
    input, weight = check_float("prelu_backward", input=input, weight=weight)
    slope = _per_channel("prelu_backward", input, weight)
    grad_output = check_grad_output("prelu_backward", grad_output, input.shape, input.dtype)
    dx = (input > 0) * (1 - slope)
    dx += slope                                                          # 1 or slope
    dx *= grad_output
    negative = np.minimum(input, 0)
    negative *= grad_output
    others = tuple(axis for axis in range(input.ndim) if axis != 1 or weight.size == 1)
    return dx, negative.sum(axis=others).reshape(weight.shape)


# ---- with an exponential ---------------------------------------------------------------------------------------------

def sigmoid(input, *, saved=None):
    """Squash to (0, 1).

    out = σ(x) = 1 / (1 + exp(−x))

    input: (*)  →  (*).  saved: a dict in which the forward leaves its output for the backward.
    Raises TypeError for other dtypes.  Source: `torch.sigmoid`.
    """
    input, = check_float("sigmoid", input=input)
    out = np.empty(input.shape, input.dtype)
    for x, y in chunks(input, out):
        _sigmoid(x, out=y)
    if saved is not None:
        saved["out"] = out
    return out


def sigmoid_backward(grad_output, input, *, saved=None):
    """dx = dy · σ(x) · (1 − σ(x))."""
    input, grad_output = _with_gradient("sigmoid_backward", input, grad_output)
    out = saved["out"] if saved else sigmoid(input)
    dx = np.empty(input.shape, input.dtype)
    for y, dy, d in chunks(out, grad_output, dx):
        np.subtract(1, y, out=d)                                         # 1 − y
        d *= y                                                           # y · (1 − y)
        d *= dy                                                          # dy · y · (1 − y)
    return (dx,)


def tanh(input, *, saved=None):
    """Squash to (−1, 1).

    out = tanh x = (exp(x) − exp(−x)) / (exp(x) + exp(−x)) = 2σ(2x) − 1

    input: (*)  →  (*).  saved: a dict in which the forward leaves its output for the backward.
    Raises TypeError for other dtypes.  Source: `torch.tanh`.
    """
    input, = check_float("tanh", input=input)
    out = np.tanh(input)
    if saved is not None:
        saved["out"] = out
    return out


def tanh_backward(grad_output, input, *, saved=None):
    """dx = dy · (1 − tanh² x)."""
    input, grad_output = _with_gradient("tanh_backward", input, grad_output)
    out = saved["out"] if saved else np.tanh(input)
    return (in_chunks(lambda y, dy: dy * (1 - y * y), out, grad_output),)


def logsigmoid(input):
    """The logarithm of the sigmoid, without overflow.

    out = log σ(x) = −log(1 + exp(−x)) = min(0, x) − log(1 + exp(−|x|))

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.logsigmoid`.
    """
    input, = check_float("logsigmoid", input=input)
    return in_chunks(lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), input)


def logsigmoid_backward(grad_output, input):
    """dx = dy · (1 − σ(x)) = dy / (1 + exp(x))."""
    input, grad_output = _with_gradient("logsigmoid_backward", input, grad_output)
    with np.errstate(over="ignore"):                                     # exp(x) = ∞ gives dy/∞ = 0, as it should
        return (in_chunks(lambda x, dy: dy / (1 + np.exp(x)), input, grad_output),)


def softplus(input, beta=1, threshold=20):
    """The positive part, rounded off at 0 (Dugas et al. 2000).

    out = log(1 + exp(beta · x)) / beta, and x itself where beta · x > threshold

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.softplus`.
    """
    input, = check_float("softplus", input=input)
    beta, threshold = float(beta), float(threshold)

    def formula(x):
        y = beta * x
        out = np.log1p(np.exp(np.minimum(y, threshold))) / beta          # minimum: so that exp(y) does not overflow
        return _or_straight(y > threshold, x, out)

    with np.errstate(divide="ignore", invalid="ignore"):                 # beta = 0 gives ∞, as in torch
        return in_chunks(formula, input)


def softplus_backward(grad_output, input, beta=1, threshold=20):
    """dx = dy · σ(beta · x) = dy / (1 + exp(−beta · x)), and dy where beta · x > threshold."""
    input, grad_output = _with_gradient("softplus_backward", input, grad_output)
    beta, threshold = float(beta), float(threshold)

    def formula(x, dy):
        y = beta * x
        return _or_straight(y > threshold, dy, dy / (1 + np.exp(-y)))

    with np.errstate(over="ignore"):                                     # exp(−y) = ∞ gives dy/∞ = 0, as it should
        return (in_chunks(formula, input, grad_output),)


def elu(input, alpha=1.0, inplace=False):
    """The positive part, and an exponential that levels off at −alpha (Clevert et al. 2015).

    out = max(0, x) + alpha · (exp(min(0, x)) − 1)

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.elu`.
    """
    input, = check_float("elu", input=input)
    return _elu(input, 1, float(alpha))


def elu_backward(grad_output, input, alpha=1.0, inplace=False):
    """dx = dy where x > 0, else alpha · exp(x) · dy."""
    input, grad_output = _with_gradient("elu_backward", input, grad_output)
    return _elu_backward(grad_output, input, 1, float(alpha))


def selu(input, inplace=False):
    """An elu, scaled so that deep networks keep mean 0 and variance 1 (Klambauer et al. 2017).

    out = λ · (max(0, x) + α · (exp(min(0, x)) − 1))      with α ≈ 1.6733, λ ≈ 1.0507

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.selu`.
    """
    input, = check_float("selu", input=input)
    return _elu(input, _SELU_SCALE, _SELU_SCALE * _SELU_ALPHA)


def selu_backward(grad_output, input, inplace=False):
    """dx = λ · dy where x > 0, else λ · α · exp(x) · dy."""
    input, grad_output = _with_gradient("selu_backward", input, grad_output)
    return _elu_backward(grad_output, input, _SELU_SCALE, _SELU_SCALE * _SELU_ALPHA)


def silu(input, inplace=False, *, saved=None):
    """x times its sigmoid, also called swish (Elfwing et al. 2017, Ramachandran et al. 2017).

    out = x · σ(x) = x / (1 + exp(−x))

    input: (*)  →  (*).  saved: a dict in which the forward leaves σ(x) for the backward.
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.silu`.
    """
    input, = check_float("silu", input=input)
    out = np.empty(input.shape, input.dtype)
    gate = out if saved is None else np.empty(input.shape, input.dtype)
    for x, s, y in chunks(input, gate, out):
        _sigmoid(x, out=s)
        np.multiply(x, s, out=y)                                         # x · σ(x)
    if saved is not None:
        saved["sigmoid"] = gate
    return out


def silu_backward(grad_output, input, inplace=False, *, saved=None):
    """dx = dy · σ(x) · (1 + x · (1 − σ(x)))."""
    input, grad_output = _with_gradient("silu_backward", input, grad_output)
    gate = saved["sigmoid"] if saved else sigmoid(input)
    dx = np.empty(input.shape, input.dtype)
    for x, s, dy, d in chunks(input, gate, grad_output, dx):
        np.subtract(1, s, out=d)                                         # 1 − s
        d *= x                                                           # x · (1 − s)
        d += 1                                                           # 1 + x · (1 − s)
        d *= s                                                           # s · (1 + x · (1 − s))
        d *= dy                                                          # dy · s · (1 + x · (1 − s))
    return (dx,)


def mish(input, inplace=False):
    """x times the tanh of its softplus (Misra 2019).

    out = x · tanh(log(1 + exp(x))) = x · n / (n + 2)      with n = e · (e + 2), e = exp(x)

    input: (*)  →  (*)
    Raises TypeError for other dtypes.  Source: `torch.nn.functional.mish`.
    """
    input, = check_float("mish", input=input)

    def formula(x):
        e, n = _mish_parts(x)
        return x * (n / (n + 2))

    return in_chunks(formula, input)


def mish_backward(grad_output, input, inplace=False):
    """dx = dy · (n + 4x · e · (e + 1) / (n + 2)) / (n + 2)      with n = e · (e + 2), e = exp(x)."""
    input, grad_output = _with_gradient("mish_backward", input, grad_output)

    def formula(x, dy):
        e, n = _mish_parts(x)
        return dy * ((n + 4 * np.minimum(x, 20) * e * (e + 1) / (n + 2)) / (n + 2))          # beyond 20 dx = dy

    return (in_chunks(formula, input, grad_output),)


# ---- gelu ------------------------------------------------------------------------------------------------------------

# 2Φ(x) − 1 = tanh(x · p(x²)) with a smooth p. Two terms of a polynomial are the approximation of Hendrycks and Gimpel.
# In float32 p = z + m₀ + m₁v + m₂v² + v³ with z = bx² + z₀ and v = k/z. The error of Φ(x) is below 4·10⁻⁸, with the
# rounding of float32 below 2·10⁻⁷, half that of torch. erf by ranges, as float64 has it below, takes NumPy four times
# as long, and a polynomial as exact, which is of degree 6, three steps more. The coefficients make the largest error
# for |x| < 6 as small as it gets (Lawson's algorithm: least squares, reweighted by the errors; scaled so that z and v³
# need no factor). Beyond 6 p grows, so that the tanh stays 1.
_GELU_TANH = (math.sqrt(2 / math.pi), math.sqrt(2 / math.pi) * 0.044715)
_GELU_FLOAT32 = np.array([0.014585677886283002, 0.17429885074108187, -0.09640842031292259, 1.3064559707882608,
                          2.305128668045755, 2.488595653246809], np.float32)              # b, z₀, k, m₀, m₁, m₂


def gelu(input, approximate="none", *, saved=None):
    """x times the probability that a normal variable is below x (Hendrycks and Gimpel 2016).

    out = x · Φ(x) = x · (1 + erf(x/√2)) / 2;  approximate="tanh": x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2

    input: (*)  →  (*).  saved: a dict in which the forward leaves the slope Φ(x) + x · Φ'(x) for the backward.
    Raises TypeError for other dtypes, ValueError for another approximate.  Source: `torch.nn.functional.gelu`.
    """
    input, = check_float("gelu", input=input)
    check_choice("gelu", "approximate", approximate, ("none", "tanh"))
    out = empty(input.shape, input.dtype)
    slope = out if saved is None else empty(input.shape, input.dtype)
    exact32 = approximate == "none" and input.dtype == np.float32
    room = empty((2, min(CHUNK, input.size)), input.dtype)
    with np.errstate(over="ignore"):                                     # x² or its powers at ∞: tanh makes 1 of it
        for x, y, d in chunks(input, out, slope):
            if exact32:
                z, t = room[:, :x.size]
                _normal_cdf_float32(x, z, t, d, out=y)                   # Φ(x), and z, linear in x²
            else:
                _normal_cdf(x, approximate, out=y)                       # Φ(x)
            if saved is not None:
                if exact32:
                    _gelu_slope_float32(x, z, y, out=d)
                else:
                    _gelu_slope(x, y, approximate, out=d)
            y *= x                                                       # x · Φ(x)
    if saved is not None:
        saved["slope"] = slope
    return out


def gelu_backward(grad_output, input, approximate="none", *, saved=None):
    """dx = dy · (Φ(x) + x · Φ'(x))      Φ'(x) = exp(−x²/2) / √(2π)

    approximate="tanh": Φ(x) = (1 + tanh a(x)) / 2, so Φ'(x) = 2 Φ(x) · (1 − Φ(x)) · a'(x) with a(x) = a₀x + a₁x³.
    """
    input, grad_output = _with_gradient("gelu_backward", input, grad_output)
    check_choice("gelu_backward", "approximate", approximate, ("none", "tanh"))
    if not saved:
        gelu(input, approximate, saved=(saved := {}))
    slope = saved.pop("slope")       # dx takes its place, 0.7 of the time; for a second backward it is computed anew
    return (np.multiply(grad_output, slope, out=slope),)


# ---- along an axis ---------------------------------------------------------------------------------------------------

def softmax(input, dim=None, *, dtype=None, saved=None):
    """Numbers to probabilities.

    out[c] = exp(x[c]) / Σ_k exp(x[k]) = exp(x[c] − m) / Σ_k exp(x[k] − m)      along dim; m = max x keeps exp finite

    input: (*)  →  (*).  dim: None means axis 0 of 0, 1 or 3 axes, else axis 1, as in torch. dtype: float32 or float64,
    what to compute in and return (a keyword, since torch has a private argument before it). saved: a dict in which the
    forward leaves its output for the backward.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.softmax`.
    """
    input, dim = _along("softmax", input, dim, dtype)
    out = np.empty(input.shape, input.dtype)
    for x, y in _columns(dim, input, out):                               # (n, C, m)
        if x.max() <= 32 and x.min() >= -32:                             # exp(±32) is harmless: no need of the shift,
            np.exp(x, out=y)                                             # which takes a third of the time
        else:
            np.subtract(x, _max(x), out=y)
            np.exp(y, out=y)
        y *= 1 / _sum(y)
    if saved is not None:
        saved["out"] = out
    return out


def softmax_backward(grad_output, input, dim=None, *, dtype=None, saved=None):
    """dx = out · (dy − Σ_k dy[k] · out[k])."""
    original, (input, dim) = input, _along("softmax_backward", input, dim, dtype)
    grad_output = check_grad_output("softmax_backward", grad_output, input.shape, input.dtype)
    out = saved["out"] if saved else softmax(input, dim)
    dx = np.empty(input.shape, input.dtype)
    for y, dy, d in _columns(dim, out, grad_output, dx):
        np.subtract(dy, np.einsum("ncm,ncm->nm", dy, y)[:, None], out=d)
        d *= y
    return (dx.astype(original.dtype, copy=False),)


def log_softmax(input, dim=None, *, dtype=None, saved=None):
    """The logarithm of softmax, without taking the logarithm of a number that may round to 0.

    out[c] = x[c] − log Σ_k exp(x[k]) = (x[c] − m) − log Σ_k exp(x[k] − m)      along dim, m = max x

    input: (*)  →  (*).  dim, dtype, saved, and what is raised: see `softmax`.
    Source: `torch.nn.functional.log_softmax`.
    """
    input, dim = _along("log_softmax", input, dim, dtype)
    out = np.empty(input.shape, input.dtype)
    for x, y in _columns(dim, input, out):                               # (n, C, m)
        np.subtract(x, _max(x), out=y)
        y -= np.log(_sum(np.exp(y)))
    if saved is not None:
        saved["out"] = out
    return out


def log_softmax_backward(grad_output, input, dim=None, *, dtype=None, saved=None):
    """dx = dy − softmax(x) · Σ_k dy[k]."""
    original, (input, dim) = input, _along("log_softmax_backward", input, dim, dtype)
    grad_output = check_grad_output("log_softmax_backward", grad_output, input.shape, input.dtype)
    out = saved["out"] if saved else log_softmax(input, dim)
    dx = np.empty(input.shape, input.dtype)
    for y, dy, d in _columns(dim, out, grad_output, dx):
        np.exp(y, out=d)
        d *= _sum(dy)
        np.subtract(dy, d, out=d)
    return (dx.astype(original.dtype, copy=False),)


# ---- dropout ---------------------------------------------------------------------------------------------------------

def dropout(input, p=0.5, training=True, inplace=False, *, rng=None, saved=None):
    """Set each element to 0 with probability p, and make up for it (Srivastava et al. 2014).

    out = x · mask / (1 − p)      mask = 0 with probability p, else 1; out = x if not training

    input: (*)  →  (*).  rng: a NumPy generator or an int seed; None: the course's own. saved: a
    dict in which the forward leaves the mask for the backward.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.dropout`.
    """
    input, = check_float("dropout", input=input)
    mask = _mask("dropout", input.shape, p, training, rng)
    if saved is not None and mask is not None:
        saved["mask"] = mask
    return _drop(input, mask, p)


def dropout_backward(grad_output, input, p=0.5, training=True, inplace=False, *, rng=None, saved=None):
    """dx = dy · mask / (1 − p), with the mask of the forward: saved, or drawn again from its int seed."""
    input, = check_float("dropout_backward", input=input)
    grad_output = check_grad_output("dropout_backward", grad_output, input.shape, input.dtype)
    mask = saved["mask"] if saved else _mask("dropout_backward", input.shape, p, training, rng, again=True)
    return (_drop(grad_output, mask, p),)


def dropout2d(input, p=0.5, training=True, inplace=False, *, rng=None, saved=None):
    """Dropout of whole channels, since neighbouring pixels say nearly the same (Tompson et al. 2015).

    out[n, c] = x[n, c] · mask[n, c] / (1 − p)

    input: (N, C, *); as in torch three axes are (N, C, L)  →  (N, C, *).  Everything else: see `dropout`.
    Source: `torch.nn.functional.dropout2d`.
    """
    input, = check_float("dropout2d", input=input)
    mask = _mask("dropout2d", _channels("dropout2d", input), p, training, rng)
    if saved is not None and mask is not None:
        saved["mask"] = mask
    return _drop(input, mask, p)


def dropout2d_backward(grad_output, input, p=0.5, training=True, inplace=False, *, rng=None, saved=None):
    """dx[n, c] = dy[n, c] · mask[n, c] / (1 − p), with the mask of the forward; see `dropout_backward`."""
    input, = check_float("dropout2d_backward", input=input)
    grad_output = check_grad_output("dropout2d_backward", grad_output, input.shape, input.dtype)
    shape = _channels("dropout2d_backward", input)
    mask = saved["mask"] if saved else _mask("dropout2d_backward", shape, p, training, rng, again=True)
    return (_drop(grad_output, mask, p),)


# ---- helpers ---------------------------------------------------------------------------------------------------------

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _columns(dim, *arrays):
    """Arrays of one shape, cut alike into blocks (n, C, m) with axis dim in the middle, whole.  → tuples of views"""
    shape = arrays[0].shape or (1,)
    outer, size, inner = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1:])
    arrays = [array.reshape(outer, size, inner) for array in arrays]
    columns = max(1, CHUNK // max(1, size))                              # at a time
    n, m = max(1, columns // max(1, inner)), max(16, columns)            # 16: at least a line of the cache
    for i in range(0, outer if size else 0, n):
        for j in range(0, inner, m):
            yield [array[i:i + n, :, j:j + m] for array in arrays]


def _max(x):
    """The largest along axis 1.  (n, C, m) → (n, 1, m)"""
    if x.shape[2] == 1 and x.shape[1] < 128:                             # NumPy takes 60 ns for each short row, and
        x = np.ascontiguousarray(x.transpose(2, 1, 0))                   # 0.5 ns for a number in a transposed copy
        return x.max(axis=1).reshape(-1, 1, 1)
    return x.max(axis=1, keepdims=True)


def _sum(x):
    """The sum along axis 1.  (n, C, m) → (n, 1, m)"""
    if x.shape[2] == 1:                                                  # a product with ones: 4 to 8 times as fast
        return (x[:, :, 0] @ np.ones(x.shape[1], x.dtype)).reshape(-1, 1, 1)
    return x.sum(axis=1, keepdims=True)


def _with_gradient(name, input, grad_output):
    """input and grad_output, checked."""
    input, = check_float(name, input=input)
    return input, check_grad_output(name, grad_output, input.shape, input.dtype)


def _where(condition, y, out):
    """np.where(condition, y, 0): the bits of y, read as an integer, times 1 or 0.

    As a number y times 0 would be NaN for an infinite y. np.where takes ten times as long, since no processor foresees
    which of two numbers it will be.
    """
    integer = np.int32 if y.itemsize == 4 else np.int64
    bits = out.view(integer)
    bits[:] = condition
    bits *= y.view(integer)


def _gradient_where(condition, input, grad_output, slope=1):
    """slope · dy where the condition of x is true, else 0"""
    dx = np.empty(input.shape, input.dtype)
    for x, dy, d in chunks(input, grad_output, dx):
        _where(condition(x), dy, out=d)
        if slope != 1:
            d *= slope
    return dx


def _or_straight(condition, x, y):
    """x where the condition is true, else y: that is rare, as a rule it is nowhere."""
    if condition.any():
        np.copyto(y, x, where=condition)
    return y


def _per_channel(name, input, weight):
    """prelu's weight in the shape that broadcasts over input (N, C, *)."""
    if weight is None:
        raise TypeError(f"{name}: weight must be a NumPy array, got None")
    if weight.ndim > 1:
        raise ValueError(f"{name}: weight must have one axis or none, got shape {weight.shape}")
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.size not in (1, channels) or weight.size != 1 and input.ndim == 0:
        raise ValueError(f"{name}: weight must hold 1 number or one for each of {channels} channels, "
                         f"got {weight.size} for an input of shape {input.shape}")
    return weight.reshape(()) if weight.size == 1 else weight.reshape(-1, *(1,) * (input.ndim - 2))


def _sigmoid(x, out):
    """1 / (1 + exp(−x))"""
    np.negative(x, out=out)                                              # −x
    with np.errstate(over="ignore"):                                     # exp(−x) = ∞ gives 1/∞ = 0, as it should
        np.exp(out, out=out)                                             # exp(−x)
    out += 1                                                             # 1 + exp(−x)
    np.divide(1, out, out=out)                                           # 1 / (1 + exp(−x))


def _elu(input, slope, height):
    """slope · max(0, x) + height · (exp(min(0, x)) − 1)"""
    out = np.empty(input.shape, input.dtype)
    for x, y in chunks(input, out):
        np.minimum(x, 0, out=y)                                          # min(0, x)
        np.expm1(y, out=y)                                               # exp(min(0, x)) − 1, exact near 0 too
        y *= height                                                      # height · (exp(min(0, x)) − 1)
        positive = np.maximum(x, 0)
        positive *= slope                                                # slope · max(0, x)
        y += positive
    return out


def _elu_backward(grad_output, input, slope, height):
    """slope · dy where x > 0, else height · exp(x) · dy"""
    dx = np.empty(input.shape, input.dtype)
    for x, dy, d in chunks(input, grad_output, dx):
        np.minimum(x, 0, out=d)
        np.exp(d, out=d)                                                 # 1 where x > 0, else exp(x)
        d *= height
        if slope != height:
            d += (x > 0) * x.dtype.type(slope - height)                  # slope where x > 0, else height · exp(x)
        d *= dy
    return (dx,)


def _mish_parts(x):
    """e = exp(x) and n = e · (e + 2), for which tanh(log(1 + e)) = n / (n + 2)."""
    e = np.exp(np.minimum(x, 20))                                        # beyond 20 the quotient is 1, but e² may be ∞
    return e, e * (e + 2)


def _normal_cdf_float32(x, z, t, v, out):
    """Φ(x) = (1 + tanh(x · p(x²))) / 2 with the p of _GELU_FLOAT32, and z.

    v and out, which may be the same, come from memory, where z and t stay in the cache. So it is the steps that compute
    longest which write there first, the division and tanh; that takes 0.9 of the time.
    """
    b, z0, k, m0, m1, m2 = _GELU_FLOAT32
    np.multiply(x, b, out=z)
    z *= x                                                               # bx²
    z += z0
    np.divide(k, z, out=v)
    np.add(v, m2, out=t)                                                 # m₂ + v
    t *= v
    t += m1                                                              # m₁ + m₂v + v²
    t *= v
    t += m0                                                              # m₀ + m₁v + m₂v² + v³
    t += z                                                               # p(x²)
    t *= x
    np.tanh(t, out=out)
    out += np.float32(1)
    out *= np.float32(0.5)


def _gelu_slope_float32(x, z, p, out):
    """Φ(x) + x · Φ'(x), with p = Φ(x), and z of which log Φ'(x) = −x²/2 − log √(2π) is a linear function."""
    b, z0 = _GELU_FLOAT32[:2].astype(float)
    z *= np.float32(-0.5 / b)
    z += np.float32(0.5 * z0 / b - 0.5 * math.log(2 * math.pi))          # log Φ'(x)
    np.exp(z, out=out)                                                   # Φ'(x)
    out *= x                                                             # x · Φ'(x)
    out += p                                                             # Φ(x) + x · Φ'(x)


def _normal_cdf(x, approximate, out):
    """Φ(x) = (1 + erf(x/√2)) / 2, or its approximation (1 + tanh(a₀x + a₁x³)) / 2"""
    if approximate == "none":
        np.multiply(x, math.sqrt(0.5), out=out)
        out[:] = _erf(out)
    else:
        _polynomial(_GELU_TANH, np.square(x), out)
        out *= x
        np.tanh(out, out=out)
    out += 1
    out *= 0.5


def _gelu_slope(x, p, approximate, out):
    """Φ(x) + x · Φ'(x), with p = Φ(x)"""
    np.square(x, out=out)                                                # x²
    if approximate == "none":
        out *= -0.5                                                      # −x²/2
        np.exp(out, out=out)                                             # exp(−x²/2)
        out *= 1 / math.sqrt(2 * math.pi)                                # Φ'(x)
    else:
        out *= 6 * _GELU_TANH[1]                                         # 6 a₁x²
        out += 2 * _GELU_TANH[0]                                         # 2 a'(x) = 2a₀ + 6 a₁x²
        out *= p                                                         # 2 a'(x) · Φ(x)
        out *= 1 - p                                                     # Φ'(x)
    out *= x                                                             # x · Φ'(x)
    out += p                                                             # Φ(x) + x · Φ'(x)


# Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969); coefficients of his CALERF.
_ERF_NEAR = ((3.20937758913846947e03, 3.77485237685302021e02, 1.13864154151050156e02, 3.16112374387056560e00,
              1.85777706184603153e-1),
             (2.84423683343917062e03, 1.28261652607737228e03, 2.44024637934444173e02, 2.36012909523441209e01, 1.0))
_ERF_FAR = ((1.23033935479799725e03, 2.05107837782607147e03, 1.71204761263407058e03, 8.81952221241769090e02,
             2.98635138197400131e02, 6.61191906371416295e01, 8.88314979438837594e00, 5.64188496988670089e-1,
             2.15311535474403846e-8),
            (1.23033935480374942e03, 3.43936767414372164e03, 4.36261909014324716e03, 3.29079923573345963e03,
             1.62138957456669019e03, 5.37181101862009858e02, 1.17693950891312499e02, 1.57449261107098347e01, 1.0))


def _erf(x):
    """The error function in float64, off by 2·10⁻¹⁶ at most.

    |x| ≤ 0.46875: x · R(x²);  above: 1 − exp(−x²) · R(|x|), with rational functions R. Cody has another R above 4, for
    the digits of 1 − erf(x); for erf itself the second will do, and from 6 on it is 1.
    """
    y = np.minimum(np.abs(x), 6)
    u = y * y
    near = x * _polynomial(_ERF_NEAR[0], u) / _polynomial(_ERF_NEAR[1], u)
    far = 1 - np.exp(-u) * _polynomial(_ERF_FAR[0], y) / _polynomial(_ERF_FAR[1], y)
    return np.where(y <= 0.46875, near, np.copysign(far, x))


def _polynomial(coefficients, u, out=None):
    """Σ_k coefficients[k] · u^k by Horner's rule."""
    out = np.multiply(u, coefficients[-1], out=out)
    for c in coefficients[-2:0:-1]:
        out += c
        out *= u
    out += coefficients[0]
    return out


def _along(name, input, dim, dtype):
    """input in the dtype to compute in, and dim as an axis from 0 on."""
    input, = check_float(name, input=input)
    if dim is None:
        dim = 0 if input.ndim in (0, 1, 3) else 1
    axes = max(1, input.ndim)
    if not is_int(dim):
        raise TypeError(f"{name}: dim must be None or an int, got {dim!r}")
    if not -axes <= dim < axes:
        raise ValueError(f"{name}: dim must be from {-axes} to {axes - 1}, got {dim}")
    if dtype is not None:
        if np.dtype(dtype) not in FLOATS:
            raise TypeError(f"{name}: dtype must be float32 or float64, got {np.dtype(dtype)}")
        input = input.astype(dtype, copy=False)
    return input, dim % axes


def _mask(name, shape, p, training, rng, again=False):
    """True where an element stays; None where all do. again: only a seed draws the same mask a second time."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be from 0 to 1, got {p}")
    if not training or p == 0:
        return None
    if p == 1:
        return np.zeros(shape, bool)
    if again and not is_int(rng):
        raise ValueError(f"{name}: the mask of the forward is needed: give what the forward saved, or the int seed "
                         f"that was its rng; got nothing saved and rng={rng!r}")
    if rng is None:
        rng = generator()
    elif is_int(rng) and rng >= 0:
        rng = np.random.default_rng(rng)
    elif not isinstance(rng, np.random.Generator):
        raise TypeError(f"{name}: rng must be None, a NumPy generator or an int seed from 0 on, got {rng!r}")
    return rng.random(shape, dtype=np.float32) >= p


def _channels(name, input):
    """The shape of a mask for whole channels."""
    if input.ndim < 2:
        raise ValueError(f"{name}: input must have at least 2 axes (N, C, *), got shape {input.shape}")
    return (*input.shape[:2], *(1,) * (input.ndim - 2))


def _drop(x, mask, p):
    """x · mask / (1 − p)"""
    if mask is None:
        return x.copy()
    return x * (mask * x.dtype.type(1 / (1 - p) if p < 1 else 0))
