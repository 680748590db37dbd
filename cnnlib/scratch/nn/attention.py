"""Attention with the projections that belong to it."""

import math

import numpy as np

from cnnlib.checks import per_axis

from .. import functional as F
from ..tensor.autograd import Tensor, apply
from .initialization import xavier_uniform_
from .linear import Linear
from .module import Module, Parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Several attentions side by side, each in its own part of the channels (Vaswani et al. 2017).

    softmax(q kᵀ / √(E/h) + mask) v in each of h heads, with q = query · Wqᵀ + bq and so on; then out_proj
    query: (L, N, E), key: (S, N, kdim), value: (S, N, vdim), with batch_first (N, L, E) …, or all without N
    → out: shape of query; attention_weights: (N, L, S), the mean over heads, or (N, h, L, S); None unless need_weights
    Masks hold True for what must not be seen, or numbers to add.
    key_padding_mask: (N, S), attn_mask: (L, S) or (N·h, L, S)
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.MultiheadAttention`.
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, kdim=None, vdim=None, batch_first=False,
                 dtype=np.float32):
        super().__init__()
        self.embed_dim, = per_axis("MultiheadAttention", "embed_dim", embed_dim, 1, minimum=1)
        self.num_heads, = per_axis("MultiheadAttention", "num_heads", num_heads, 1, minimum=1)
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim = {embed_dim} must divide by num_heads = {num_heads}")
        self.dropout, self.batch_first = dropout, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        together = self.kdim == self.vdim == embed_dim
        shapes = {"in_proj_weight": (3 * embed_dim, embed_dim), "q_proj_weight": (embed_dim, embed_dim),
                  "k_proj_weight": (embed_dim, self.kdim), "v_proj_weight": (embed_dim, self.vdim)}
        for name, shape in shapes.items():
            used = (name == "in_proj_weight") == together
            self.register_parameter(name, Parameter(xavier_uniform_(np.empty(shape, dtype))) if used else None)
        self.register_parameter("in_proj_bias", Parameter(np.zeros(3 * embed_dim, dtype)) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype)
        if bias:
            self.out_proj.bias.data[:] = 0

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):
        if is_causal and attn_mask is None:
            raise ValueError("MultiheadAttention: is_causal needs attn_mask as well")
        batched = query.ndim == 3
        query, key, value = ((x if self.batch_first else x.transpose(0, 1)) if batched else x.unsqueeze(0)
                             for x in (query, key, value))               # (N, L, E), (N, S, kdim), (N, S, vdim)
        weights = self.in_proj_weight.chunk(3) if self.in_proj_weight is not None else (
            self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        biases = self.in_proj_bias.chunk(3) if self.in_proj_bias is not None else (None,) * 3
        q, k, v = (apply(F.linear, x, weight, bias).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
                   for x, weight, bias in zip((query, key, value), weights, biases, strict=True))
        mask = self._mask(q, k, key_padding_mask, attn_mask)             # q: (N, h, L, E/h), k and v: (N, h, S, E/h)
        dropout = self.dropout if self.training else 0.0
        if need_weights:
            scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)  # (N, h, L, S)
            attention = (scores if mask is None else scores + mask).softmax(-1)
            if dropout:
                attention = apply(F.dropout, attention, dropout)
            out = attention @ v
            attention = attention.mean(1) if average_attn_weights else attention
        else:
            attention, out = None, apply(F.scaled_dot_product_attention, q, k, v, mask, dropout_p=dropout)
        out = self.out_proj(out.transpose(1, 2).flatten(2))              # (N, L, E)
        if not batched:
            return out.squeeze(0), None if attention is None else attention.squeeze(0)
        return out if self.batch_first else out.transpose(0, 1), attention

    def _mask(self, q, k, key_padding_mask, attn_mask):
        """Both masks as one tensor (N, h, L, S), or one that broadcasts to it, to be added to the scores; or None."""
        batch, heads, length, source = (*q.shape[:3], k.shape[2])
        allowed = {"key_padding_mask": {(source,): (1, 1, 1, source), (batch, source): (batch, 1, 1, source)},
                   "attn_mask": {(length, source): (1, 1, length, source),
                                 (batch * heads, length, source): (batch, heads, length, source)}}
        total = None
        for name, mask in (("key_padding_mask", key_padding_mask), ("attn_mask", attn_mask)):
            if mask is None:
                continue
            mask = mask if isinstance(mask, Tensor) else Tensor(mask)
            if mask.shape not in allowed[name]:
                raise ValueError(f"MultiheadAttention: {name} must have shape "
                                 f"{' or '.join(map(str, allowed[name]))}, got {mask.shape}")
            if mask.dtype == bool:
                mask = Tensor(np.where(mask.data, q.dtype.type(-np.inf), q.dtype.type(0)))
            mask = mask.reshape(allowed[name][mask.shape])
            total = mask if total is None else total + mask
        return total
