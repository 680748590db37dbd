"""Attention for images, on arrays: the twins of `cnnlib.blocks.attention`, each step in full view.

A pixel is a token: an image (N, C, H, W) is read row by row as a sequence of T = H·W tokens (N, T, C). The weights of a
1×1 convolution are a matrix (C_out, C_in). One multi-head attention has four arrays, in the order of torch's
MultiheadAttention: qkv_weight (3·C, C), qkv_bias (3·C,), out_weight (C, C), out_bias (C,).
"""

import math

import numpy as np

from cnnlib.checks import check_float, per_axis

from ..functional.activation import elu, relu, sigmoid, softmax
from ..functional.convolution import conv2d

__all__ = [
    "attention_weights", "axial_attention", "linear_attention", "linear_attention_textbook",
    "multi_head_self_attention", "self_attention", "spatial_attention", "squeeze_excitation", "token_attention",
    "window_attention",
]


# ---- a number for each channel, a number for each pixel --------------------------------------------------------------

def squeeze_excitation(input, weight1, bias1, weight2, bias2):
    """Reweigh channels by what the whole image holds (Hu et al. 2018).

    out = input · σ(W₂ relu(W₁ mean_{H,W}(input) + b₁) + b₂)

    input: (N, C, H, W)   weight1: (hidden, C)   bias1: (hidden,)   weight2: (C, hidden)   bias2: (C,)  →  (N, C, H, W)
    Raises TypeError or ValueError naming the argument.
    """
    name = "squeeze_excitation"
    check_float(name, input=input, weight1=weight1, bias1=bias1, weight2=weight2, bias2=bias2)
    c = _check_image(name, input)
    _check_shapes(name, weight1=(weight1, ("hidden", c)), bias1=(bias1, ("hidden",)),
                  weight2=(weight2, (c, "hidden")), bias2=(bias2, (c,)))
    squeezed = input.mean(axis=(2, 3))                                   # (N, C)
    excited = relu(squeezed @ weight1.T + bias1)                         # (N, hidden)
    scale = sigmoid(excited @ weight2.T + bias2)                         # (N, C)
    return input * scale[:, :, None, None]


def spatial_attention(input, weight):
    """Reweigh pixels by what lies around them: the second half of CBAM (Woo et al. 2018).

    out = input · σ(k×k correlation of [max over channels, mean over channels])

    input: (N, C, H, W)   weight: (1, 2, k, k), for the maximum, then the mean; k odd  →  (N, C, H, W)
    Raises TypeError or ValueError naming the argument.
    """
    name = "spatial_attention"
    check_float(name, input=input, weight=weight)
    _check_image(name, input)
    _check_shapes(name, weight=(weight, (1, 2, "k", "k")))
    k = weight.shape[-1]
    if k % 2 == 0:
        raise ValueError(f"{name}: weight must have shape (1, 2, k, k) with an odd k, got {weight.shape}")
    summary = np.stack([input.max(axis=1), input.mean(axis=1)], axis=1)                       # (N, 2, H, W)
    return input * sigmoid(conv2d(summary, weight, padding=k // 2))      # the map (N, 1, H, W) serves all channels


# ---- every pixel looks at every pixel --------------------------------------------------------------------------------

def self_attention(input, f, g, h, v, gamma):
    """Self-attention over pixels as in SAGAN (Zhang et al. 2019).

    out = x + γ · v(o)      o_j = Σ_i β_ji h(x_i)      β_j = softmax over i of f(x_i)·g(x_j)

    input: (N, C, H, W)   f, g: (D, C)   h: (E, C)   v: (C, E)   gamma: a number  →  (N, C, H, W)
    It costs (H·W)²·(D + E) multiply-adds for the pairs of pixels.  Raises TypeError or ValueError naming the argument.
    """
    name = "self_attention"
    check_float(name, input=input, f=f, g=g, h=h, v=v)
    c = _check_image(name, input)
    _check_shapes(name, f=(f, ("D", c)), g=(g, ("D", c)), h=(h, ("E", c)), v=(v, (c, "E")))
    if not isinstance(gamma, (int, float, np.number)):
        raise TypeError(f"{name}: gamma must be a number, got {type(gamma).__name__}")
    x = _to_tokens(input)                                                # (N, T, C)
    keys, queries, values = x @ f.T, x @ g.T, x @ h.T                    # (N, T, D), (N, T, D), (N, T, E)
    beta = softmax(queries @ keys.swapaxes(1, 2), dim=-1)                # (N, T, T): row j is what pixel j looks at
    o = beta @ values                                                    # (N, T, E)
    return input + float(gamma) * _to_image(o @ v.T, input)


def attention_weights(query, key):
    """How much each query looks at each key (Vaswani et al. 2017): a row for each query, which sums to 1.

    P = softmax of each row of Q Kᵀ / √E

    query: (*, L, E)   key: (*, S, E)  →  (*, L, S).  Raises TypeError or ValueError naming the argument.
    """
    name = "attention_weights"
    check_float(name, query=query, key=key)
    if query.ndim < 2 or key.shape[:-2] + key.shape[-1:] != query.shape[:-2] + query.shape[-1:]:
        raise ValueError(f"{name}: query must be (*, L, E) and key (*, S, E), got {query.shape} and {key.shape}")
    return softmax(query @ key.swapaxes(-2, -1) / math.sqrt(query.shape[-1]), dim=-1)


def token_attention(input, qkv_weight, qkv_bias, out_weight, out_bias, heads):
    """Multi-head self-attention: each token looks at all tokens (Vaswani et al. 2017).

    out = [P₁V₁, …, P_hV_h] W_outᵀ + b_out      P = softmax(Q Kᵀ / √(C/h))      [Q, K, V] = x W_qkvᵀ + b_qkv

    input: (*, T, C), the arrays of an attention (see the top of the file), heads: an int that divides C  →  (*, T, C)
    It costs 4·T·C² + 2·T²·C multiply-adds.  Raises TypeError or ValueError naming the argument.
    """
    _check_attention("token_attention", input, (qkv_weight, qkv_bias, out_weight, out_bias), heads, image=False)
    q, k, v = _split_heads(input @ qkv_weight.T + qkv_bias, heads)       # (*, heads, T, C/heads) each
    mixed = attention_weights(q, k) @ v                                  # each head for itself
    return _join_heads(mixed) @ out_weight.T + out_bias


def multi_head_self_attention(input, qkv_weight, qkv_bias, out_weight, out_bias, heads):
    """`token_attention` whose tokens are all pixels of an image.

    input: (N, C, H, W), the arrays of an attention, heads: an int that divides C  →  (N, C, H, W)
    It costs 4·T·C² + 2·T²·C multiply-adds, T = H·W.  Raises TypeError or ValueError naming the argument.
    """
    arrays = qkv_weight, qkv_bias, out_weight, out_bias
    _check_attention("multi_head_self_attention", input, arrays, heads)
    return _to_image(token_attention(_to_tokens(input), *arrays, heads), input)


# ---- cheaper: fewer pairs of pixels, or none -------------------------------------------------------------------------

def window_attention(input, qkv_weight, qkv_bias, out_weight, out_bias, heads, window_size):
    """`token_attention` within each window of a grid of windows (Liu et al. 2021, without shifts and position biases).

    input: (N, C, H, W), the arrays of an attention, heads: an int that divides C, window_size: an int or (h, w) that
    divides H and W  →  (N, C, H, W)
    It costs 4·T·C² + 2·T·(h·w)·C multiply-adds, T = H·W.  Raises TypeError or ValueError naming the argument.
    """
    name, arrays = "window_attention", (qkv_weight, qkv_bias, out_weight, out_bias)
    _check_attention(name, input, arrays, heads)
    h, w = per_axis(name, "window_size", window_size, 2, minimum=1)
    batch, channels, height, width = input.shape
    if height % h or width % w:
        raise ValueError(f"{name}: H and W of input must be multiples of window_size ({h}, {w}), got {input.shape}")
    grid = input.reshape(batch, channels, height // h, h, width // w, w)
    windows = grid.transpose(0, 2, 4, 3, 5, 1)                           # (N, H/h, W/w, h, w, C)
    tokens = windows.reshape(*windows.shape[:3], h * w, channels)
    out = token_attention(tokens, *arrays, heads).reshape(windows.shape)
    return out.transpose(0, 5, 1, 3, 2, 4).reshape(input.shape)


def axial_attention(input, rows, columns, heads):
    """`token_attention` within each row, then within each column (Ho et al. 2019, Wang et al. 2020).

    input: (N, C, H, W), rows, columns: the four arrays of an attention each, heads: an int that divides C
    →  (N, C, H, W).  It costs 8·T·C² + 2·T·(H + W)·C multiply-adds, T = H·W.
    Raises TypeError or ValueError naming the argument.
    """
    for argument, arrays in {"rows": rows, "columns": columns}.items():
        if not isinstance(arrays, (tuple, list)) or len(arrays) != 4:
            raise TypeError(f"axial_attention: {argument} must be the four arrays of an attention, got {arrays!r:.60}")
        _check_attention("axial_attention", input, arrays, heads)
    x = token_attention(input.transpose(0, 2, 3, 1), *rows, heads)       # (N, H, W, C): the tokens of a row
    x = token_attention(x.transpose(0, 2, 1, 3), *columns, heads)        # (N, W, H, C): the tokens of a column
    return x.transpose(0, 3, 2, 1)


def linear_attention(input, qkv_weight, qkv_bias, out_weight, out_bias, heads):
    """Self-attention over pixels without softmax, linear in their number (Katharopoulos et al. 2020).

    o_i = φ(q_i)·(Σ_j φ(k_j) v_jᵀ) / φ(q_i)·(Σ_j φ(k_j))      φ(x) = elu(x) + 1, in each head

    input: (N, C, H, W), the arrays of an attention, heads: an int that divides C  →  (N, C, H, W)
    It costs 4·T·C² + 2·T·C²/heads + T·C multiply-adds, T = H·W.  Raises TypeError or ValueError naming the argument.
    """
    arrays = qkv_weight, qkv_bias, out_weight, out_bias
    _check_attention("linear_attention", input, arrays, heads)
    q, k, v = _split_heads(_to_tokens(input) @ qkv_weight.T + qkv_bias, heads)                # (N, heads, T, D)
    q, k = elu(q) + 1, elu(k) + 1
    context = k.swapaxes(-2, -1) @ v                                     # (N, heads, D, D): the sum over all pixels
    total = q @ k.sum(axis=-2)[..., None]                                # (N, heads, T, 1)
    mixed = q @ context / np.maximum(total, 1e-12)                       # elu(x) + 1 rounds to 0 below −17 in float32
    return _to_image(_join_heads(mixed) @ out_weight.T + out_bias, input)


def linear_attention_textbook(input, qkv_weight, qkv_bias, out_weight, out_bias, heads):
    """linear_attention with all pairs of pixels: (φ(Q) φ(K)ᵀ) V, rows divided by their sums. Same numbers, T² cost.

    Arguments and output as in linear_attention.  Raises TypeError or ValueError naming the argument.
    """
    arrays = qkv_weight, qkv_bias, out_weight, out_bias
    _check_attention("linear_attention_textbook", input, arrays, heads)
    q, k, v = _split_heads(_to_tokens(input) @ qkv_weight.T + qkv_bias, heads)
    scores = (elu(q) + 1) @ (elu(k) + 1).swapaxes(-2, -1)                # (N, heads, T, T)
    weights = scores / np.maximum(scores.sum(axis=-1, keepdims=True), 1e-12)
    return _to_image(_join_heads(weights @ v) @ out_weight.T + out_bias, input)


# ---- images as tokens, and heads -------------------------------------------------------------------------------------

def _to_tokens(image):
    """The pixels row by row: (N, C, H, W) → (N, T, C)"""
    return image.reshape(*image.shape[:2], -1).swapaxes(1, 2)


def _to_image(tokens, image):
    """The pixels back in their places, of the size of an image: (N, T, C) → (N, C, H, W)"""
    return tokens.swapaxes(1, 2).reshape(image.shape)


def _split_heads(qkv, heads):
    """Q, K and V beside each other → each by itself, in heads: (*, T, 3·C) → 3 × (*, heads, T, C/heads)"""
    parts = np.split(qkv, 3, axis=-1)
    return [part.reshape(*part.shape[:-1], heads, -1).swapaxes(-3, -2) for part in parts]


def _join_heads(x):
    """(*, heads, T, C/heads) → (*, T, C)"""
    x = x.swapaxes(-3, -2)
    return x.reshape(*x.shape[:-2], -1)


def _check_image(name, input):
    if input.ndim != 4 or 0 in input.shape[1:]:
        raise ValueError(f"{name}: input must be (N, C, H, W) with C, H, W ≥ 1, got shape {input.shape}")
    return input.shape[1]


def _check_shapes(name, **arrays):
    """Raises ValueError unless each array has the shape beside it; a word stands for one size wherever it is."""
    sizes = {}
    for argument, (array, wanted) in arrays.items():
        shape = getattr(array, "shape", None)
        fits = shape is not None and len(shape) == len(wanted) and all(
            size == (sizes.setdefault(axis, size) if isinstance(axis, str) else axis)
            for size, axis in zip(shape, wanted, strict=True))
        if not fits:
            text = ", ".join(str(sizes.get(axis, axis)) for axis in wanted)
            raise ValueError(f"{name}: {argument} must have shape ({text}), got {shape}")


def _check_attention(name, input, arrays, heads, image=True):
    """Raises TypeError or ValueError unless the four arrays of an attention, and heads, fit the input's channels."""
    qkv_weight, qkv_bias, out_weight, out_bias = arrays
    check_float(name, input=input, qkv_weight=qkv_weight, qkv_bias=qkv_bias, out_weight=out_weight, out_bias=out_bias)
    if not image and (input.ndim < 2 or 0 in input.shape[-2:]):
        raise ValueError(f"{name}: input must be (*, T, C) with T, C ≥ 1, got shape {input.shape}")
    c = _check_image(name, input) if image else input.shape[-1]
    _check_shapes(name, qkv_weight=(qkv_weight, (3 * c, c)), qkv_bias=(qkv_bias, (3 * c,)),
                  out_weight=(out_weight, (c, c)), out_bias=(out_bias, (c,)))
    heads, = per_axis(name, "heads", heads, 1, minimum=1)
    if c % heads:
        raise ValueError(f"{name}: channels must divide by heads, got channels {c} and heads {heads}")
