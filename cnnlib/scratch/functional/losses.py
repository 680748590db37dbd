"""Losses, forward and backward: of classes, of probabilities, of numbers.

torch's deprecated size_average and reduce are left out. The parameters that follow them there are keywords here, so
that no call means one thing here and another in torch. Each function returns the mean of its losses; reduction="sum"
returns their sum, "none" all of them. dy stands for the gradient of what it returns and g for that of each loss: dy for
"none" and "sum"; for "mean", dy divided by what the mean divides by.
"""

import math
import warnings

import numpy as np

from cnnlib.checks import check_choice, check_float, check_grad_output, is_int

from ..tensor.arithmetic import sum_to_shape
from .activation import log_softmax

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_backward", "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_backward", "cross_entropy", "cross_entropy_backward", "huber_loss",
    "huber_loss_backward", "kl_div", "kl_div_backward", "l1_loss", "l1_loss_backward", "mse_loss", "mse_loss_backward",
    "nll_loss", "nll_loss_backward", "smooth_l1_loss", "smooth_l1_loss_backward",
]

_REDUCTIONS = ("none", "mean", "sum")


# ---- classes ---------------------------------------------------------------------------------------------------------

def cross_entropy(input, target, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0, saved=None):
    """How unlikely softmax makes the right class: log_softmax, then nll_loss.

    loss[n] = −Σ_c q[n, c] · log p[n, c]      p = softmax(input) along the classes
    q[n, c] = weight[c] · (t[n, c] · (1 − label_smoothing) + label_smoothing / C)

    with t[n, c] = 1 for c = target[n], else 0, where target holds classes, and t = target where it holds probabilities.
    "mean" divides Σ loss by Σ weight[target[n]], for probabilities by the number of losses.

    input: (N, C, *) or (C); target: classes (N, *) or (), or probabilities in the shape of input; weight: (C)
    →  () or, for "none", (N, *) or ().  A class that is ignore_index counts nothing. saved: a dict in which the
    forward leaves log p for the backward.
    Raises TypeError or ValueError naming the argument, also for a class that is neither in [0, C) nor ignore_index.
    Source: `torch.nn.functional.cross_entropy`; Szegedy et al. 2015 for label smoothing.
    """
    name = "cross_entropy"
    x, target, weight = _classes(name, input, target, weight, ignore_index, reduction)
    label_smoothing = _check_smoothing(name, label_smoothing)
    log_p = log_softmax(x, 1)                                            # (N, C, M)
    if saved is not None:
        saved["log_p"] = log_p
    if target.ndim == 3:                                                 # probabilities
        q = _smoothed(target, weight, label_smoothing)
        return _reduce(-(q * log_p).sum(axis=1), reduction, _positions(input), x.size // max(1, x.shape[1]))
    kept, of_target = _weight_of_target(target, weight, ignore_index, x.dtype)               # (N, M) both
    loss = -of_target * _pick(log_p, target, kept)
    if label_smoothing:
        others = log_p.sum(axis=1) if weight is None else (weight[:, None] * log_p).sum(axis=1)
        loss = (1 - label_smoothing) * loss - np.where(kept, others, 0) * (label_smoothing / x.shape[1])
    return _reduce(loss, reduction, _positions(input), of_target.sum())


def cross_entropy_backward(grad_output, input, target, weight=None, *, ignore_index=-100, reduction="mean",
                           label_smoothing=0.0, saved=None):
    """dx[n, c] = g[n] · (p[n, c] · Σ_k q[n, k] − q[n, c]).

    For probabilities also dtarget = −g · weight · (1 − label_smoothing) · log p, and
    dweight[c] = −Σ_n g[n] · (t[n, c] · (1 − label_smoothing) + label_smoothing / C) · log p[n, c].
    """
    name = "cross_entropy_backward"
    x, target, weight = _classes(name, input, target, weight, ignore_index, reduction)
    label_smoothing = _check_smoothing(name, label_smoothing)
    log_p = saved["log_p"] if saved else log_softmax(x, 1)
    dx = np.exp(log_p)                                                   # p, (N, C, M)
    if target.ndim == 3:
        g = _spread(name, grad_output, reduction, _positions(input), x.dtype, x.size // max(1, x.shape[1]))
        g = g.reshape(-1, 1, x.shape[2]) if reduction == "none" else g   # (N, 1, M) or ()
        q = _smoothed(target, weight, label_smoothing)
        dx *= q.sum(axis=1, keepdims=True)
        dx -= q
        dx *= g
        dtarget = g * (label_smoothing - 1) * log_p
        dweight = None
        if weight is not None:
            dtarget *= weight[:, None]
            dweight = -(g * _smoothed(target, None, label_smoothing) * log_p).sum(axis=(0, 2))
        return dx.reshape(input.shape), dtarget.reshape(input.shape), dweight
    kept, of_target = _weight_of_target(target, weight, ignore_index, x.dtype)
    g = _spread(name, grad_output, reduction, _positions(input), x.dtype, of_target.sum())
    g = np.where(kept, g.reshape(target.shape) if reduction == "none" else g, 0)             # (N, M)
    share = label_smoothing / x.shape[1]                                 # of each class
    rest = share * (x.shape[1] if weight is None else weight.sum())
    dx *= (g * ((1 - label_smoothing) * of_target + rest))[:, None]
    if label_smoothing:
        dx -= g[:, None] * (share if weight is None else share * weight[:, None])
    n, m = np.ogrid[:len(x), :x.shape[2]]
    dx[n, np.where(kept, target, 0), m] -= g * (1 - label_smoothing) * of_target
    return dx.reshape(input.shape), None, None


def nll_loss(input, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """The negative log-likelihood of the right classes; input holds log-probabilities.

    loss[n] = −weight[target[n]] · input[n, target[n]];  "mean" divides Σ loss by Σ weight[target[n]]

    input: (N, C, *) or (C); target: classes (N, *) or (); weight: (C)  →  () or, for "none", (N, *) or ().
    A class that is ignore_index counts nothing; the mean of nothing is nan.
    Raises TypeError or ValueError naming the argument, also for a class that is neither in [0, C) nor ignore_index.
    Source: `torch.nn.functional.nll_loss`.
    """
    x, target, weight = _classes("nll_loss", input, target, weight, ignore_index, reduction, probabilities=False)
    kept, of_target = _weight_of_target(target, weight, ignore_index, x.dtype)               # (N, M) both
    return _reduce(-of_target * _pick(x, target, kept), reduction, _positions(input), of_target.sum())


def nll_loss_backward(grad_output, input, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """dx[n, c] = −g[n] · weight[c] for c = target[n], else 0."""
    name = "nll_loss_backward"
    x, target, weight = _classes(name, input, target, weight, ignore_index, reduction, probabilities=False)
    kept, of_target = _weight_of_target(target, weight, ignore_index, x.dtype)
    g = _spread(name, grad_output, reduction, _positions(input), x.dtype, of_target.sum())
    g = np.where(kept, g.reshape(target.shape) if reduction == "none" else g, 0)             # (N, M)
    dx = np.zeros_like(x)
    n, m = np.ogrid[:len(x), :x.shape[2]]
    dx[n, np.where(kept, target, 0), m] = -g * of_target
    return dx.reshape(input.shape), None, None


# ---- probabilities ---------------------------------------------------------------------------------------------------

def binary_cross_entropy(input, target, weight=None, *, reduction="mean"):
    """How unlikely probabilities make targets that are 0 or 1, or between.

    loss = −weight · (t · log x + (1 − t) · log(1 − x)), each logarithm at least −100

    input, target: (*), in [0, 1]; weight: broadcasts to (*)  →  () or, for "none", (*).
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.binary_cross_entropy`.
    """
    input, target, weight = _probabilities("binary_cross_entropy", input, target, weight, reduction)
    with np.errstate(divide="ignore"):
        loss = -target * np.maximum(np.log(input), -100) - (1 - target) * np.maximum(np.log1p(-input), -100)
    return _reduce(loss if weight is None else weight * loss, reduction)


def binary_cross_entropy_backward(grad_output, input, target, weight=None, *, reduction="mean"):
    """dx = g · weight · (x − t) / max(x · (1 − x), 10⁻¹²);  dtarget = g · weight · (log(1 − x) − log x)."""
    name = "binary_cross_entropy_backward"
    input, target, weight = _probabilities(name, input, target, weight, reduction)
    g = _spread(name, grad_output, reduction, input.shape, input.dtype, input.size)
    g = g if weight is None else g * weight
    dx = g * (input - target) / np.maximum(input * (1 - input), float(np.float32(1e-12)))    # torch's least number
    with np.errstate(divide="ignore"):
        dtarget = g * (np.log1p(-input) - np.log(input))
    return dx, dtarget, None


def binary_cross_entropy_with_logits(input, target, weight=None, *, reduction="mean", pos_weight=None):
    """Binary cross-entropy of sigmoid(input), without overflow.

    loss = −weight · (pos_weight · t · log σ(x) + (1 − t) · log(1 − σ(x)))
         = weight · ((1 − t) · x + (1 + (pos_weight − 1) · t) · s)
    s    = log(1 + exp(−x)) = max(0, −x) + log(1 + exp(−|x|))

    input, target: (*); weight, pos_weight: broadcast to (*)  →  () or, for "none", (*).
    Raises TypeError or ValueError naming the argument.
    Source: `torch.nn.functional.binary_cross_entropy_with_logits`.
    """
    name = "binary_cross_entropy_with_logits"
    input, target, weight, pos_weight = _logits(name, input, target, weight, pos_weight, reduction)
    loss = (1 - target) * input + _positive(target, pos_weight) * _softplus_of_minus(input)
    return _reduce(loss if weight is None else weight * loss, reduction)


def binary_cross_entropy_with_logits_backward(grad_output, input, target, weight=None, *, reduction="mean",
                                              pos_weight=None):
    """dx = g · weight · (1 − t − (1 + (pos_weight − 1) · t) · σ(−x)), dtarget = g · weight · ((pos_weight−1)·s − x)"""
    name = "binary_cross_entropy_with_logits_backward"
    input, target, weight, pos_weight = _logits(name, input, target, weight, pos_weight, reduction)
    g = _spread(name, grad_output, reduction, input.shape, input.dtype, input.size)
    g = g if weight is None else g * weight
    with np.errstate(over="ignore"):                                     # exp(x) = ∞ gives 1/∞ = 0, as it should
        dx = g * (1 - target - _positive(target, pos_weight) / (1 + np.exp(input)))
    dtarget = -g * input
    if pos_weight is not None:
        dtarget = dtarget + g * (pos_weight - 1) * _softplus_of_minus(input)
    return dx, dtarget, None, None


def kl_div(input, target, *, reduction="mean", log_target=False):
    """The Kullback-Leibler divergence from input, log-probabilities, to target, probabilities or their logarithms.

    loss = t · (log t − x), 0 · log 0 being 0;  log_target: exp(t) · (t − x)

    input, target: shapes that broadcast  →  () or, for "none", the shape they broadcast to. "batchmean" divides by the
    length of input's first axis, which makes it the divergence; "mean" divides by the number of elements.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.kl_div`.
    """
    input, target, _, shape = _numbers("kl_div", input, target, None, reduction, (*_REDUCTIONS, "batchmean"))
    if log_target:
        loss = np.exp(target) * (target - input)
    else:
        loss = target * np.log(np.where(target == 0, 1, target)) - target * input
    return _reduce(loss, reduction, divisor=_divisor(input, shape, reduction))


def kl_div_backward(grad_output, input, target, *, reduction="mean", log_target=False):
    """dx = −g · t, dtarget = g · (log t + 1 − x);  log_target: dx = −g · exp(t), dtarget = g · exp(t) · (t + 1 − x)."""
    name = "kl_div_backward"
    input, target, _, shape = _numbers(name, input, target, None, reduction, (*_REDUCTIONS, "batchmean"))
    g = _spread(name, grad_output, reduction, shape, input.dtype, _divisor(input, shape, reduction))
    x, t = np.broadcast_arrays(input, target)
    if log_target:
        dx = -g * np.exp(t)
        dtarget = -dx * (t + 1 - x)
    else:
        dx = -g * t
        with np.errstate(divide="ignore", invalid="ignore"):             # t/t is 1, but nan at 0, as in torch
            dtarget = g * (np.log(t) + t / t - x)
    return sum_to_shape(dx, input.shape), sum_to_shape(dtarget, target.shape)


# ---- numbers ---------------------------------------------------------------------------------------------------------

def mse_loss(input, target, *, reduction="mean", weight=None):
    """The squared error.

    loss = weight · (x − t)²;  "mean" divides Σ loss by Σ weight

    input, target: shapes that broadcast; weight: the shape of input  →  () or, for "none", what they broadcast to.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.mse_loss`.
    """
    _warn_of_shapes("mse_loss", input, target)
    input, target, weight, _ = _numbers("mse_loss", input, target, weight, reduction)
    return _weighted(np.square(input - target), weight, reduction)


def mse_loss_backward(grad_output, input, target, *, reduction="mean", weight=None):
    """dx = 2g · weight · (x − t), dtarget = −dx, dweight = Σ g · ((x − t)² − the mean, if it is one)."""
    name = "mse_loss_backward"
    input, target, weight, shape = _numbers(name, input, target, weight, reduction)
    difference = input - target
    loss = None if weight is None else np.square(difference)
    g, dweight = _weighted_backward(name, grad_output, loss, weight, reduction, shape, input.dtype)
    difference *= 2 * g
    return sum_to_shape(difference, input.shape), sum_to_shape(-difference, target.shape), dweight


def l1_loss(input, target, *, reduction="mean", weight=None):
    """The absolute error.

    loss = weight · |x − t|;  "mean" divides Σ loss by Σ weight

    input, target: shapes that broadcast; weight: the shape of input  →  () or, for "none", what they broadcast to.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.l1_loss`.
    """
    _warn_of_shapes("l1_loss", input, target)
    input, target, weight, _ = _numbers("l1_loss", input, target, weight, reduction)
    return _weighted(np.abs(input - target), weight, reduction)


def l1_loss_backward(grad_output, input, target, *, reduction="mean", weight=None):
    """dx = g · weight · sign(x − t), dtarget = −dx, dweight = Σ g · (|x − t| − the mean, if it is one)."""
    name = "l1_loss_backward"
    input, target, weight, shape = _numbers(name, input, target, weight, reduction)
    difference = input - target
    loss = None if weight is None else np.abs(difference)
    g, dweight = _weighted_backward(name, grad_output, loss, weight, reduction, shape, input.dtype)
    dx = np.sign(difference) * g
    return sum_to_shape(dx, input.shape), sum_to_shape(-dx, target.shape), dweight


def smooth_l1_loss(input, target, *, reduction="mean", beta=1.0):
    """The absolute error, but a parabola near 0 (Girshick 2015, Fast R-CNN).

    loss = (x − t)² / (2 beta) where |x − t| < beta, else |x − t| − beta/2;  beta = 0: l1_loss

    input, target: shapes that broadcast  →  () or, for "none", what they broadcast to.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.smooth_l1_loss`.
    """
    beta = _check_beta("smooth_l1_loss", beta)
    _warn_of_shapes("smooth_l1_loss", input, target)
    input, target, _, _ = _numbers("smooth_l1_loss", input, target, None, reduction)
    distance = np.abs(input - target)
    return _reduce(_huber(distance, beta) / beta if beta else distance, reduction)


def smooth_l1_loss_backward(grad_output, input, target, *, reduction="mean", beta=1.0):
    """dx = g · (x − t) / beta, kept between −g and g; dtarget = −dx."""
    name = "smooth_l1_loss_backward"
    beta = _check_beta(name, beta)
    input, target, _, shape = _numbers(name, input, target, None, reduction)
    g = _spread(name, grad_output, reduction, shape, input.dtype, math.prod(shape))
    difference = input - target
    dx = g * (np.clip(difference, -beta, beta) / beta if beta else np.sign(difference))
    return sum_to_shape(dx, input.shape), sum_to_shape(-dx, target.shape)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """The squared error, halved, but a straight line far from 0 (Huber 1964).

    loss = weight · (x − t)² / 2 where |x − t| ≤ delta, else weight · delta · (|x − t| − delta/2)

    input, target: shapes that broadcast; weight: the shape of input  →  () or, for "none", what they broadcast to.
    "mean" divides by the number of losses, with a weight too.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.huber_loss`.
    """
    delta = _check_delta("huber_loss", delta)
    input, target, weight, shape = _numbers("huber_loss", input, target, weight, reduction)
    loss = _huber(np.abs(input - target), delta)
    return _reduce(loss if weight is None else weight * loss, reduction)


def huber_loss_backward(grad_output, input, target, reduction="mean", delta=1.0, weight=None):
    """dx = g · weight · (x − t kept between −delta and delta), dtarget = −dx, dweight = Σ g · loss / weight."""
    name = "huber_loss_backward"
    delta = _check_delta(name, delta)
    input, target, weight, shape = _numbers(name, input, target, weight, reduction)
    g = _spread(name, grad_output, reduction, shape, input.dtype, math.prod(shape))
    difference = input - target
    dweight = None if weight is None else sum_to_shape(g * _huber(np.abs(difference), delta), weight.shape)
    dx = np.clip(difference, -delta, delta) * (g if weight is None else g * weight)
    return sum_to_shape(dx, input.shape), sum_to_shape(-dx, target.shape), dweight


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _reduce(loss, reduction, shape=None, divisor=None):
    """The losses in their shape, their sum, or it divided by divisor, which is their number unless given."""
    if reduction == "none":
        return loss if shape is None else loss.reshape(shape)
    total = loss.sum()
    if reduction == "sum":
        return total
    with np.errstate(divide="ignore", invalid="ignore"):                 # the mean of nothing is nan, as in torch
        return total / (loss.size if divisor is None else divisor)


def _spread(name, grad_output, reduction, shape, dtype, divisor):
    """The gradient of each single loss, from that of what `_reduce` made of them."""
    grad_output = check_grad_output(name, grad_output, shape if reduction == "none" else (), dtype)
    if reduction in ("none", "sum"):
        return grad_output
    with np.errstate(divide="ignore", invalid="ignore"):
        return grad_output / divisor


def _classes(name, input, target, weight, ignore_index, reduction, probabilities=True):
    """input as (N, C, M); target as (N, M) classes or, if probabilities are allowed, (N, C, M); weight. All checked."""
    input, weight = check_float(name, input=input, weight=weight)
    check_choice(name, "reduction", reduction, _REDUCTIONS)
    if not is_int(ignore_index):
        raise TypeError(f"{name}: ignore_index must be an int, got {ignore_index!r}")
    if input.ndim == 0:
        raise ValueError(f"{name}: input must have an axis of classes, got shape ()")
    batch, classes = (1, *input.shape) if input.ndim == 1 else input.shape[:2]
    x = input.reshape(batch, classes, math.prod(input.shape[2:]))
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"{name}: weight must hold one number for each of {classes} classes, got shape {weight.shape}")
    if isinstance(target, np.generic):
        target = np.asarray(target)
    if not isinstance(target, np.ndarray):
        raise TypeError(f"{name}: target must be a NumPy array, got {type(target).__name__}")
    if probabilities and target.shape == input.shape:
        if target.dtype != input.dtype:
            raise TypeError(f"{name}: target has input's shape, so it must hold probabilities of input's dtype "
                            f"{input.dtype}, got {target.dtype}")
        if ignore_index >= 0:
            raise ValueError(f"{name}: ignore_index must be negative for a target of probabilities, got {ignore_index}")
        return x, target.reshape(x.shape), weight
    if target.dtype.kind not in "iu":
        raise TypeError(f"{name}: target must hold classes, which are integers, got {target.dtype}")
    if target.shape != _positions(input) and not (input.ndim == 1 and target.shape == (1,)):
        raise ValueError(f"{name}: target must have shape {_positions(input)} for an input of shape {input.shape}, "
                         f"got {target.shape}")
    wrong = ((target < 0) | (target >= classes)) & (target != ignore_index)
    if wrong.any():
        raise ValueError(f"{name}: target must hold classes from 0 to {classes - 1} or ignore_index {ignore_index}, "
                         f"got {target[wrong][0]}")
    return x, target.reshape(batch, -1 if target.size else x.shape[2]).astype(np.intp), weight


def _positions(input):
    """The shape of the losses, one for each position: input's without the classes.  (N, C, *) → (N, *),  (C) → ()"""
    return input.shape[:1] + input.shape[2:] if input.ndim > 1 else ()


def _weight_of_target(target, weight, ignore_index, dtype):
    """Which targets count, and the weight of each, 0 for those that do not."""
    kept = target != ignore_index
    return kept, kept.astype(dtype) if weight is None else np.where(kept, weight[np.where(kept, target, 0)], 0)


def _pick(x, target, kept):
    """x[n, target[n, m], m], and 0 for targets that do not count.  (N, C, M) → (N, M)"""
    n, m = np.ogrid[:len(x), :x.shape[2]]
    return np.where(kept, x[n, np.where(kept, target, 0), m], 0)


def _smoothed(target, weight, label_smoothing):
    """weight · (t · (1 − label_smoothing) + label_smoothing / C)"""
    q = target * (1 - label_smoothing) + label_smoothing / max(1, target.shape[1])
    return q if weight is None else q * weight[:, None]


def _check_smoothing(name, label_smoothing):
    """label_smoothing, checked."""
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be from 0 to 1, got {label_smoothing}")
    return float(label_smoothing)


def _probabilities(name, input, target, weight, reduction):
    """The arguments of binary_cross_entropy, checked."""
    input, target, weight = check_float(name, input=input, target=target, weight=weight)
    check_choice(name, "reduction", reduction, _REDUCTIONS)
    _check_shapes(name, input, target=target, weight=weight)
    for argument, array in (("input", input), ("target", target)):
        if array.size and not (array.min() >= 0 and array.max() <= 1):   # nan is not either
            raise ValueError(f"{name}: {argument} must be from 0 to 1, got numbers from {array.min()} to {array.max()}")
    return input, target, weight


def _logits(name, input, target, weight, pos_weight, reduction):
    """The arguments of binary_cross_entropy_with_logits, checked."""
    input, target, weight, pos_weight = check_float(name, input=input, target=target, weight=weight,
                                                    pos_weight=pos_weight)
    check_choice(name, "reduction", reduction, _REDUCTIONS)
    _check_shapes(name, input, target=target, weight=weight, pos_weight=pos_weight)
    return input, target, weight, pos_weight


def _check_shapes(name, input, target, **weights):
    """target has input's shape, and the weights broadcast to it."""
    if target.shape != input.shape:
        raise ValueError(f"{name}: target must have the shape of input, {input.shape}, got {target.shape}")
    for argument, array in weights.items():
        if array is not None and _broadcast(name, argument, array, input) != input.shape:
            raise ValueError(f"{name}: {argument} must broadcast to the shape of input, {input.shape}, "
                             f"got {array.shape}")


def _broadcast(name, argument, array, input):
    """The shape to which array and input broadcast."""
    try:
        return np.broadcast_shapes(array.shape, input.shape)
    except ValueError:
        raise ValueError(f"{name}: {argument} must broadcast with input, whose shape is {input.shape}, "
                         f"got {array.shape}") from None


def _positive(target, pos_weight):
    """1 + (pos_weight − 1) · t"""
    return 1 if pos_weight is None else 1 + (pos_weight - 1) * target


def _softplus_of_minus(x):
    """log(1 + exp(−x)) = max(0, −x) + log(1 + exp(−|x|))"""
    return np.maximum(-x, 0) + np.log1p(np.exp(-np.abs(x)))


def _divisor(input, shape, reduction):
    """By what kl_div divides: as in torch "batchmean" by the first of input's axes, if it has one."""
    if reduction == "batchmean":
        return input.shape[0] if input.ndim else 1
    return math.prod(shape)


def _warn_of_shapes(name, input, target):
    """As torch does: (N, 1) beside (N,) becomes (N, N), which is seldom what was meant."""
    shapes = getattr(input, "shape", ()), getattr(target, "shape", ())
    if shapes[0] != shapes[1]:
        warnings.warn(f"{name}: target has shape {shapes[1]}, input {shapes[0]}: both are broadcast; is that meant?",
                      stacklevel=3)


def _numbers(name, input, target, weight, reduction, allowed=_REDUCTIONS):
    """The arguments of a loss of numbers, checked, and the shape they broadcast to."""
    input, target, weight = check_float(name, input=input, target=target, weight=weight)
    check_choice(name, "reduction", reduction, allowed)
    if weight is not None and weight.shape != input.shape:
        raise ValueError(f"{name}: weight must have the shape of input, {input.shape}, got {weight.shape}")
    return input, target, weight, _broadcast(name, "target", target, input)


def _weighted(loss, weight, reduction):
    """The weighted losses, their sum, or their weighted mean."""
    return _reduce(loss, reduction) if weight is None else _reduce(weight * loss, reduction, divisor=weight.sum())


def _weighted_backward(name, grad_output, loss, weight, reduction, shape, dtype):
    """The gradient of each single loss, times its weight; and that of the weight, None without one."""
    if weight is None:
        return _spread(name, grad_output, reduction, shape, dtype, math.prod(shape)), None
    g = _spread(name, grad_output, reduction, shape, dtype, weight.sum())
    dweight = sum_to_shape(g * loss, weight.shape)
    if reduction == "mean":                                              # the weight is also in what is divided by
        dweight = dweight - g * _weighted(loss, weight, "mean")
    return g * weight, dweight


def _huber(distance, delta):
    """d²/2 where d ≤ delta, else delta · (d − delta/2): m · (d − m/2) with m = min(d, delta)."""
    m = np.minimum(distance, delta)
    return m * (distance - m / 2)


def _check_beta(name, beta):
    """beta of smooth_l1_loss, checked."""
    if not beta >= 0:
        raise ValueError(f"{name}: beta must be at least 0, got {beta}")
    return float(beta)


def _check_delta(name, delta):
    """delta of huber_loss, checked."""
    if not delta > 0:
        raise ValueError(f"{name}: delta must be above 0, got {delta}")
    return float(delta)
