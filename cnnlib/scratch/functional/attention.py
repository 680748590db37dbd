"""Attention, forward and backward: each query gets a mean of the values, weighted by how well their keys fit it."""

import math

import numpy as np

from cnnlib.checks import check_float, check_grad_output, is_int

from ..tensor.arithmetic import sum_to_shape
from .activation import dropout, dropout_backward, softmax

__all__ = ["scaled_dot_product_attention", "scaled_dot_product_attention_backward"]


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, *, scale=None,
                                 enable_gqa=False, rng=None, saved=None):
    """Attention (Vaswani et al. 2017).

    out = dropout(P) V      P = softmax of each row of scale · Q Kᵀ + mask

    query: (*, L, E)   key: (*, S, E)   value: (*, S, D)  →  (*, L, D).  P: (*, L, S).  The axes * broadcast.
    attn_mask: broadcasts to P; bool: True where the query may look; float: is added. A query that may look nowhere gets
    zeros. is_causal, in place of a mask: query i looks at the keys up to i. scale: None is 1/√E.
    enable_gqa: the heads of key and value (axis −3) are repeated, each several times in a row, until they are as many
    as those of query. dropout_p: 0 when not training. rng: a NumPy generator or an int seed; None:
    the course's own. saved: a dict in which the forward leaves P and what dropout kept.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.scaled_dot_product_attention`.
    """
    name = "scaled_dot_product_attention"
    query, key, value, attn_mask = _check(
        name, query, key, value, attn_mask, dropout_p, is_causal, enable_gqa, rng)
    weights = _weights(query, _repeat_heads(key, query, enable_gqa), attn_mask, is_causal, scale)
    if saved is not None:
        saved["weights"] = weights
    if dropout_p:
        weights = dropout(weights, dropout_p, rng=rng, saved=saved)
    return weights @ _repeat_heads(value, query, enable_gqa)


def scaled_dot_product_attention_backward(grad_output, query, key, value, attn_mask=None, dropout_p=0.0,
                                          is_causal=False, *, scale=None, enable_gqa=False, rng=None, saved=None):
    """dV = dropout(P)ᵀ dO and dP = dropout(dO Vᵀ); through the softmax dS = P · (dP − Σ_row dP·P).

    dQ = scale · dS K, dK = scale · dSᵀ Q, dmask = dS; each is summed over what was broadcast or repeated.
    """
    name = "scaled_dot_product_attention_backward"
    query, key, value, attn_mask = _check(
        name, query, key, value, attn_mask, dropout_p, is_causal, enable_gqa, rng)
    if 0 < dropout_p < 1 and not saved and not is_int(rng):
        raise ValueError(f"{name}: what dropout kept is needed: give what the forward saved, or the int seed that "
                         f"was its rng; got nothing saved and rng={rng!r}")
    keys, values = _repeat_heads(key, query, enable_gqa), _repeat_heads(value, query, enable_gqa)
    weights = saved["weights"] if saved else _weights(query, keys, attn_mask, is_causal, scale)
    batch = np.broadcast_shapes(weights.shape[:-2], values.shape[:-2])
    grad_output = check_grad_output(name, grad_output, (*batch, query.shape[-2], value.shape[-1]), query.dtype)

    kept = weights
    grad_scores = sum_to_shape(grad_output @ values.swapaxes(-1, -2), weights.shape)         # dP so far, (*, L, S)
    if dropout_p:                               # its backward multiplies by 0 or 1/(1 − p), and so did its forward
        kept, = dropout_backward(weights, weights, dropout_p, rng=rng, saved=saved)
        grad_scores, = dropout_backward(grad_scores, weights, dropout_p, rng=rng, saved=saved)
    grad_scores -= np.vecdot(grad_scores, weights)[..., None]
    grad_scores *= weights

    scale = _scale(scale, query)
    grad_query = sum_to_shape(grad_scores @ keys * scale, query.shape)
    grad_key = _sum_heads(grad_scores.swapaxes(-1, -2) @ (query * scale), key, keys)
    grad_value = _sum_heads(kept.swapaxes(-1, -2) @ grad_output, value, values)
    has_gradient = attn_mask is not None and attn_mask.dtype != bool
    return grad_query, grad_key, grad_value, sum_to_shape(grad_scores, attn_mask.shape) if has_gradient else None


def _weights(query, keys, attn_mask, is_causal, scale):
    """P: (*, L, S)"""
    scores = query * _scale(scale, query) @ keys.swapaxes(-1, -2)
    if is_causal:
        attn_mask = np.tri(*scores.shape[-2:], dtype=bool)               # True on the diagonal and below
    if attn_mask is None:
        return softmax(scores, -1)
    if attn_mask.dtype == bool:
        attn_mask = np.where(attn_mask, 0, -np.inf).astype(scores.dtype)                     # exp(−∞) = 0
    with np.errstate(invalid="ignore"):                                  # −∞ − (−∞), in rows without a key to look at
        scores += attn_mask
        weights = softmax(scores, -1)
    nowhere = np.max(attn_mask, axis=-1, keepdims=True, initial=-np.inf) == -np.inf
    if nowhere.any():                                                    # but NaN stays NaN
        np.copyto(weights, 0, where=nowhere & (np.max(scores, axis=-1, keepdims=True, initial=-np.inf) == -np.inf))
    return weights


def _scale(scale, query):
    """Products of E random numbers have a spread of √E; divided by it they do not drive the softmax to its ends."""
    return 1 / math.sqrt(max(1, query.shape[-1])) if scale is None else scale


def _repeat_heads(x, query, enable_gqa):
    """(*, H, S, E) → (*, H of query, S, E)"""
    return np.repeat(x, query.shape[-3] // x.shape[-3], axis=-3) if enable_gqa else x


def _sum_heads(grad, x, repeated):
    """The gradient for `repeated` → that for x, of which it was made."""
    grad = sum_to_shape(grad, repeated.shape)
    if x.shape == repeated.shape:
        return grad
    *batch, size, features = x.shape
    return grad.reshape(*batch, -1, size, features).sum(axis=-3)         # (*, H, repeats, S, E)


def _check(name, query, key, value, attn_mask, dropout_p, is_causal, enable_gqa, rng):
    query, key, value = check_float(name, query=query, key=key, value=value)
    for argument, array in {"query": query, "key": key, "value": value}.items():
        if array.ndim < 2 + bool(enable_gqa):
            raise ValueError(f"{name}: {argument} needs at least {2 + bool(enable_gqa)} axes, got shape {array.shape}")
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"{name}: query (*, L, E) and key (*, S, E) must agree in E, "
                         f"got {query.shape} and {key.shape}")
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"{name}: key (*, S, E) and value (*, S, D) must agree in S, "
                         f"got {key.shape} and {value.shape}")
    batch = [array.shape[:-2] for array in (query, key, value)]
    if enable_gqa:
        heads = [shape[-1] for shape in batch]
        if min(heads) < 1 or heads[0] % heads[1] or heads[0] % heads[2]:
            raise ValueError(f"{name}: with enable_gqa the heads of key and value (axis −3) must divide those of "
                             f"query, got {heads[1]} and {heads[2]} for {heads[0]}")
        batch = [(*shape[:-1], heads[0]) for shape in batch]
    try:
        scores = (*np.broadcast_shapes(*batch[:2]), query.shape[-2], key.shape[-2])
        np.broadcast_shapes(*batch)
    except ValueError:
        raise ValueError(f"{name}: the axes in front must broadcast, got query {query.shape}, key {key.shape}, "
                         f"value {value.shape}") from None

    if attn_mask is not None:
        if is_causal:
            raise ValueError(f"{name}: attn_mask must be None when is_causal is set")
        if not isinstance(attn_mask, np.ndarray) or attn_mask.dtype not in (bool, query.dtype):
            raise TypeError(f"{name}: attn_mask must be a NumPy array of bool or of {query.dtype}, "
                            f"got {getattr(attn_mask, 'dtype', type(attn_mask).__name__)}")
        sizes = zip(attn_mask.shape[::-1], scores[::-1], strict=False)
        if not 2 <= attn_mask.ndim <= len(scores) or any(m not in (1, s) for m, s in sizes):
            raise ValueError(f"{name}: attn_mask needs at least 2 axes and must broadcast to (*, L, S) = {scores}, "
                             f"got {attn_mask.shape}")
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"{name}: dropout_p must be from 0 to 1, got {dropout_p}")
    if not (rng is None or (is_int(rng) and rng >= 0) or isinstance(rng, np.random.Generator)):
        raise TypeError(f"{name}: rng must be None, a NumPy generator or an int seed from 0 on, got {rng!r}")
    return query, key, value, attn_mask
