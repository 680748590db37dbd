"""The functions that torchvision keeps in one piece, with torch.fx.wrap: stochastic depth, and the parts of Swin."""

import math

import numpy as np

from .. import functional as F
from ..functional.random import generator
from ..tensor.autograd import Tensor, apply, cat


def _stochastic_depth(input, p, mode, training=True):
    """Leave out whole images ("row") or the batch with probability p, and make up for it (Huang et al. 2016)."""
    if not training or p == 0:
        return input
    shape = (input.shape[0] if mode == "row" else 1, *[1] * (input.ndim - 1))
    kept = generator().random(shape) >= p
    return input * Tensor((kept / max(1 - p, 1e-12)).astype(input.dtype))


def _patch_merging_pad(x):
    """Four neighbours side by side: (*, H, W, C)  →  (*, ⌈H/2⌉, ⌈W/2⌉, 4C)  (Liu et al. 2021)."""
    x = apply(F.pad, x, (0, 0, 0, x.shape[-2] % 2, 0, x.shape[-3] % 2))
    return cat([x[..., row::2, column::2, :] for column in (0, 1) for row in (0, 1)], -1)


def _relative_position_bias(table, index, window_size):
    """A number for each head and pair of pixels of a window, by their distance: (D, h)  →  (1, h, T, T)."""
    tokens = math.prod(window_size)
    return table[index].reshape(tokens, tokens, -1).permute(2, 0, 1).unsqueeze(0)


def _shifted_window_attention(input, qkv_weight, proj_weight, relative_position_bias, window_size, num_heads,
                              shift_size, attention_dropout=0.0, dropout=0.0, qkv_bias=None, proj_bias=None,
                              logit_scale=None, training=True):
    """Attention within windows, which a shift lays across those of the layer before (Liu et al. 2021, Swin).

    input: (N, H, W, C)  →  (N, H, W, C).  logit_scale (h, 1, 1): the scores are cosines times that (Swin V2).
    """
    batch, height, width, channels = input.shape
    x = apply(F.pad, input, (0, 0, 0, -width % window_size[1], 0, -height % window_size[0]))
    padded = x.shape[1:3]
    rows, columns = (size // window for size, window in zip(padded, window_size, strict=True))
    shift = [0 if count == 1 else by for count, by in zip((rows, columns), shift_size, strict=True)]
    x = x.roll([-by for by in shift], (1, 2))
    x = x.reshape(batch, rows, window_size[0], columns, window_size[1], channels)
    x = x.permute(0, 1, 3, 2, 4, 5).reshape(batch * rows * columns, math.prod(window_size), channels)  # (N·w, T, C)

    if logit_scale is not None and qkv_bias is not None:                 # keys have no bias
        q_bias, k_bias, v_bias = qkv_bias.chunk(3)
        qkv_bias = cat([q_bias, Tensor(np.zeros_like(k_bias.data)), v_bias])
    qkv = apply(F.linear, x, qkv_weight, qkv_bias).unflatten(-1, (3, num_heads, -1))
    q, k, v = qkv.permute(2, 0, 3, 1, 4)                                 # (N·w, h, T, C/h) each
    if logit_scale is None:
        scores = (q * (channels // num_heads) ** -0.5) @ k.transpose(-2, -1)
    else:
        cosines = apply(F.normalize, q, dim=-1) @ apply(F.normalize, k, dim=-1).transpose(-2, -1)
        scores = cosines * logit_scale.clamp(max=math.log(100)).exp()
    scores = scores + relative_position_bias                             # (N·w, h, T, T)
    if any(shift):
        apart = Tensor(_apart(padded, window_size, shift).astype(input.dtype) * -100)
        scores = (scores.unflatten(0, (batch, -1)) + apart).flatten(0, 1)
    attention = apply(F.dropout, scores.softmax(-1), attention_dropout, training)
    x = (attention @ v).transpose(1, 2).flatten(2)                       # (N·w, T, C)
    x = apply(F.dropout, apply(F.linear, x, proj_weight, proj_bias), dropout, training)

    x = x.reshape(batch, rows, columns, *window_size, channels).permute(0, 1, 3, 2, 4, 5)
    x = x.reshape(batch, *padded, channels).roll(shift, (1, 2))
    return x[:, :height, :width]


def _apart(size, window, shift):
    """True for two pixels of one window which only the shift around the edge has brought together: (w, 1, T, T)."""
    region = [(np.arange(n) >= n - by).astype(int) if by else np.zeros(n, int)
              for n, by in zip(size, shift, strict=True)]
    region = 2 * region[0][:, None] + region[1]                          # (H, W)
    region = region.reshape(size[0] // window[0], window[0], size[1] // window[1], window[1]).swapaxes(1, 2)
    region = region.reshape(-1, math.prod(window))                       # (w, T)
    return (region[:, :, None] != region[:, None, :])[:, None]


TORCHVISION = {"_get_relative_position_bias": _relative_position_bias, "_patch_merging_pad": _patch_merging_pad,
               "shifted_window_attention": _shifted_window_attention, "stochastic_depth": _stochastic_depth}
