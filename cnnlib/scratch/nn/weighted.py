"""Layers with weights: names, arguments, initial distributions and state_dict keys are torch's.

A layer holds parameters and options; what it does is the function of its name in `functional`. Arguments are those of
torch without `device`; dtype is float32 unless given. Weights are drawn from `random.generator()`.
"""

import math

import numpy as np

from cnnlib.checks import check_choice, per_axis

from .. import functional as F
from ..tensor.autograd import Tensor, apply
from .initialization import normal_, uniform_, xavier_uniform_
from .module import Module, Parameter

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d",
    "ConvTranspose3d", "Embedding", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm",
    "Linear", "MultiheadAttention", "PReLU", "RMSNorm",
]


# ---- convolution -----------------------------------------------------------------------------------------------------

class _Conv(Module):
    """What the convolutions share: options, weight (O, C/groups, *kernel) and bias (O,).

    Both are drawn evenly from ±1/√(numbers that one output sees).
    """

    def __init__(self, n, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                 dtype, transposed=False):
        super().__init__()
        name = type(self).__name__
        self.in_channels, = per_axis(name, "in_channels", in_channels, 1, minimum=0)
        self.out_channels, = per_axis(name, "out_channels", out_channels, 1, minimum=0)
        self.groups, = per_axis(name, "groups", groups, 1, minimum=1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{name}: in_channels = {in_channels} and out_channels = {out_channels} must divide by "
                             f"groups = {groups}")
        check_choice(name, "padding_mode", padding_mode, ("zeros", "reflect", "replicate", "circular"))
        if isinstance(padding, str):
            check_choice(name, "padding", padding, ("valid", "same"))
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, n, minimum=1)
        self.stride = per_axis(name, "stride", stride, n, minimum=1)
        self.padding = padding if isinstance(padding, str) else per_axis(name, "padding", padding, n, minimum=0)
        self.dilation = per_axis(name, "dilation", dilation, n, minimum=1)
        self.padding_mode, self.output_padding = padding_mode, (0,) * n
        channels = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        shape = (*channels, *self.kernel_size)
        bound = 1 / math.sqrt(max(1, math.prod(shape[1:])))
        self.weight = Parameter(_even(shape, bound, dtype))
        self.register_parameter("bias", Parameter(_even((out_channels,), bound, dtype)) if bias else None)

    def _convolve(self, function, input):
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = apply(F.pad, input, pad=self._around(), mode=self.padding_mode), 0
        return apply(function, input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _around(self):
        """The padding as `functional.pad` wants it: (before, after) from the last axis back."""
        if self.padding == "same":
            added = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            widths = [(total // 2, total - total // 2) for total in added]
        else:
            widths = [(p, p) for p in ((0,) * len(self.stride) if self.padding == "valid" else self.padding)]
        return tuple(width for pair in reversed(widths) for width in pair)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        zeros, ones = (0,) * len(self.stride), (1,) * len(self.stride)
        shown = [("padding", self.padding, zeros), ("dilation", self.dilation, ones),
                 ("output_padding", self.output_padding, zeros), ("groups", self.groups, 1),
                 ("bias", self.bias is not None, True)]
        text += "".join(f", {name}={value}" for name, value, default in shown if value != default)
        return text + (f", padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "")


class Conv1d(_Conv):
    """Correlate sequences with a bank of kernels: (N, C, L) or (C, L)  →  (N, O, L_out) or (O, L_out).

    Raises TypeError or ValueError naming the argument, and what `functional.conv1d` raises.  Source: `torch.nn.Conv1d`.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros", dtype=np.float32):
        super().__init__(1, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
                         padding_mode, dtype)

    def forward(self, input):
        return self._convolve(F.conv1d, input)


class Conv2d(_Conv):
    """Correlate images with a bank of kernels: (N, C, H, W) or (C, H, W)  →  (N, O, H_out, W_out) or without N.

    Raises TypeError or ValueError naming the argument, and what `functional.conv2d` raises.  Source: `torch.nn.Conv2d`.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros", dtype=np.float32):
        super().__init__(2, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
                         padding_mode, dtype)

    def forward(self, input):
        return self._convolve(F.conv2d, input)


class Conv3d(_Conv):
    """Correlate volumes with a bank of kernels: (N, C, D, H, W)  →  (N, O, D_out, H_out, W_out), or both without N.

    Raises TypeError or ValueError naming the argument, and what `functional.conv3d` raises.  Source: `torch.nn.Conv3d`.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros", dtype=np.float32):
        super().__init__(3, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
                         padding_mode, dtype)

    def forward(self, input):
        return self._convolve(F.conv3d, input)


class _ConvTranspose(_Conv):
    """What the transposed convolutions share: weight (C, O/groups, *kernel), and the choice of the output's size."""

    def __init__(self, n, in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias,
                 dilation, padding_mode, dtype):
        name = type(self).__name__
        check_choice(name, "padding_mode", padding_mode, ("zeros",))
        super().__init__(n, in_channels, out_channels, kernel_size, stride, per_axis(name, "padding", padding, n, 0),
                         dilation, groups, bias, padding_mode, dtype, transposed=True)
        self.output_padding = per_axis(name, "output_padding", output_padding, n, minimum=0)

    def _transpose(self, function, input, output_size):
        output_padding = self.output_padding if output_size is None else self._missing(input, output_size)
        return apply(function, input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups,
                     self.dilation)

    def _missing(self, input, output_size):
        """How much output_size is more than the smallest size: a stride s leaves s − 1 sizes to choose from."""
        n = len(self.kernel_size)
        size = tuple(output_size)[-n:]
        smallest = [(length - 1) * s - 2 * p + d * (k - 1) + 1 for length, s, p, d, k in zip(
            input.shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)]
        largest = [least + s - 1 for least, s in zip(smallest, self.stride, strict=True)]
        if len(output_size) not in (n, input.ndim) or not all(
                least <= wanted <= most for least, wanted, most in zip(smallest, size, largest, strict=True)):
            raise ValueError(f"{type(self).__name__}: output_size must be from {smallest} to {largest} for an input of "
                             f"shape {input.shape}, got {output_size}")
        return tuple(wanted - least for wanted, least in zip(size, smallest, strict=True))


class ConvTranspose1d(_ConvTranspose):
    """The transpose of Conv1d: (N, C, L) or (C, L)  →  (N, O, L_out) or (O, L_out), L_out = output_size if given.

    Raises TypeError or ValueError naming the argument, and what `functional.conv_transpose1d` raises.
    Source: `torch.nn.ConvTranspose1d`.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1,
                 bias=True, dilation=1, padding_mode="zeros", dtype=np.float32):
        super().__init__(1, in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias,
                         dilation, padding_mode, dtype)

    def forward(self, input, output_size=None):
        return self._transpose(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_ConvTranspose):
    """The transpose of Conv2d: (N, C, H, W)  →  (N, O, H_out, W_out), the last two being output_size if given.

    Raises TypeError or ValueError naming the argument, and what `functional.conv_transpose2d` raises.
    Source: `torch.nn.ConvTranspose2d`.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1,
                 bias=True, dilation=1, padding_mode="zeros", dtype=np.float32):
        super().__init__(2, in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias,
                         dilation, padding_mode, dtype)

    def forward(self, input, output_size=None):
        return self._transpose(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(_ConvTranspose):
    """The transpose of Conv3d: (N, C, D, H, W)  →  (N, O, D_out, H_out, W_out), the last three output_size if given.

    Raises TypeError or ValueError naming the argument, and what `functional.conv_transpose3d` raises.
    Source: `torch.nn.ConvTranspose3d`.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1,
                 bias=True, dilation=1, padding_mode="zeros", dtype=np.float32):
        super().__init__(3, in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias,
                         dilation, padding_mode, dtype)

    def forward(self, input, output_size=None):
        return self._transpose(F.conv_transpose3d, input, output_size)


# ---- matrices, tables and slopes -------------------------------------------------------------------------------------

class Linear(Module):
    """out = x · weightᵀ + bias: (*, in_features)  →  (*, out_features).

    weight (out, in) and bias (out,) are drawn evenly from ±1/√in.
    Raises TypeError or ValueError naming the argument; else see `functional.linear`.  Source: `torch.nn.Linear`.
    """

    def __init__(self, in_features, out_features, bias=True, dtype=np.float32):
        super().__init__()
        self.in_features, = per_axis("Linear", "in_features", in_features, 1, minimum=0)
        self.out_features, = per_axis("Linear", "out_features", out_features, 1, minimum=0)
        bound = 1 / math.sqrt(max(1, in_features))
        self.weight = Parameter(_even((out_features, in_features), bound, dtype))
        self.register_parameter("bias", Parameter(_even((out_features,), bound, dtype)) if bias else None)

    def forward(self, input):
        return apply(F.linear, input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """A row of the table for each number: integers (*) from 0 to num_embeddings − 1  →  (*, embedding_dim).

    The table (num_embeddings, embedding_dim) is drawn from a normal distribution; row padding_idx is 0 and learns not.
    Raises TypeError or ValueError naming the argument; else see `functional.embedding`.  Source: `torch.nn.Embedding`.
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, dtype=np.float32):
        super().__init__()
        self.num_embeddings, = per_axis("Embedding", "num_embeddings", num_embeddings, 1, minimum=0)
        self.embedding_dim, = per_axis("Embedding", "embedding_dim", embedding_dim, 1, minimum=0)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx must be from {-num_embeddings} to {num_embeddings - 1}, "
                             f"got {padding_idx}")
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        table = normal_(np.empty((num_embeddings, embedding_dim), dtype))
        if padding_idx is not None:
            table[padding_idx] = 0
        self.weight = Parameter(table)

    def forward(self, input):
        return apply(F.embedding, input, self.weight, padding_idx=self.padding_idx)

    def extra_repr(self):
        padding = f", padding_idx={self.padding_idx}" if self.padding_idx is not None else ""
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class PReLU(Module):
    """ReLU whose slope below 0 is learned, one for all or one for each channel: (N, C, *)  →  (N, C, *).

    Raises TypeError or ValueError naming the argument; else see `functional.prelu`.  Source: `torch.nn.PReLU`.
    """

    def __init__(self, num_parameters=1, init=0.25, dtype=np.float32):
        super().__init__()
        self.num_parameters, = per_axis("PReLU", "num_parameters", num_parameters, 1, minimum=1)
        self.weight = Parameter(np.full(num_parameters, init, dtype))

    def forward(self, input):
        return apply(F.prelu, input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


# ---- normalisation ---------------------------------------------------------------------------------------------------

class _ChannelNorm(Module):
    """What batch and instance normalisation share: weight and bias (C,), running mean and variance (C,)."""

    def __init__(self, num_features, eps, momentum, affine, track_running_stats, dtype, bias):
        super().__init__()
        self.num_features, = per_axis(type(self).__name__, "num_features", num_features, 1, minimum=0)
        self.eps, self.momentum, self.affine, self.track_running_stats = eps, momentum, affine, track_running_stats
        ones, zeros = np.ones(num_features, dtype), np.zeros(num_features, dtype)
        self.register_parameter("weight", Parameter(ones) if affine else None)
        self.register_parameter("bias", Parameter(zeros) if affine and bias else None)
        self.register_buffer("running_mean", zeros.copy() if track_running_stats else None)
        self.register_buffer("running_var", ones.copy() if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.array(0) if track_running_stats else None)

    def _check_axes(self, input, *allowed):
        if input.ndim not in allowed:
            raise ValueError(f"{type(self).__name__}: input must have {' or '.join(map(str, allowed))} axes, "
                             f"got shape {input.shape}")

    def extra_repr(self):
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}")


class _BatchNorm(_ChannelNorm):
    """What batch normalisation does for any number of axes."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, dtype=np.float32, *,
                 bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype, bias)

    def _normalize(self, input):
        momentum = self.momentum
        if self.training and self.track_running_stats:
            self.num_batches_tracked.data += 1
            if momentum is None:                                         # the mean of all batches so far
                momentum = 1 / self.num_batches_tracked.item()
        keep = not self.training or self.track_running_stats
        return apply(F.batch_norm, input, self.running_mean if keep else None, self.running_var if keep else None,
                     self.weight, self.bias, self.training or self.running_mean is None,
                     0.0 if momentum is None else momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Normalise each channel over the batch: (N, C) or (N, C, L)  →  the same.

    In training by the batch's mean and variance, of which running means are kept (momentum None: the plain mean), in
    eval by those.  Raises ValueError for other axes; else see `functional.batch_norm`.  Source: `torch.nn.BatchNorm1d`.
    """

    def forward(self, input):
        self._check_axes(input, 2, 3)
        return self._normalize(input)


class BatchNorm2d(_BatchNorm):
    """Normalise each channel over the batch: (N, C, H, W)  →  the same; see `BatchNorm1d`.

    Raises ValueError for other axes; else see `functional.batch_norm`.  Source: `torch.nn.BatchNorm2d`.
    """

    def forward(self, input):
        self._check_axes(input, 4)
        return self._normalize(input)


class BatchNorm3d(_BatchNorm):
    """Normalise each channel over the batch: (N, C, D, H, W)  →  the same; see `BatchNorm1d`.

    Raises ValueError for other axes; else see `functional.batch_norm`.  Source: `torch.nn.BatchNorm3d`.
    """

    def forward(self, input):
        self._check_axes(input, 5)
        return self._normalize(input)


class _InstanceNorm(_ChannelNorm):
    """What instance normalisation does for any number of axes."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False, dtype=np.float32,
                 *, bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype, bias)

    def _normalize(self, input, n):
        self._check_axes(input, n + 1, n + 2)
        if input.ndim == n + 1:
            return self._normalize(input.unsqueeze(0), n).squeeze(0)
        return apply(F.instance_norm, input, self.running_mean, self.running_var, self.weight, self.bias,
                     self.training or not self.track_running_stats, self.momentum or 0.0, self.eps)


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each image by itself: (N, C, L) or (C, L)  →  the same.

    Raises ValueError for other axes; else see `functional.instance_norm`.  Source: `torch.nn.InstanceNorm1d`.
    """

    def forward(self, input):
        return self._normalize(input, 1)


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each image by itself: (N, C, H, W) or (C, H, W)  →  the same.

    Raises ValueError for other axes; else see `functional.instance_norm`.  Source: `torch.nn.InstanceNorm2d`.
    """

    def forward(self, input):
        return self._normalize(input, 2)


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each volume by itself: (N, C, D, H, W) or (C, D, H, W)  →  the same.

    Raises ValueError for other axes; else see `functional.instance_norm`.  Source: `torch.nn.InstanceNorm3d`.
    """

    def forward(self, input):
        return self._normalize(input, 3)


class LayerNorm(Module):
    """Normalise over the last axes: (*, *normalized_shape)  →  the same.

    weight (1 at first) and bias (0) have shape normalized_shape.
    Raises TypeError or ValueError naming the argument; else see `functional.layer_norm`.  Source: `torch.nn.LayerNorm`.
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, dtype=np.float32):
        super().__init__()
        self.normalized_shape = _shape("LayerNorm", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        ones, zeros = np.ones(self.normalized_shape, dtype), np.zeros(self.normalized_shape, dtype)
        self.register_parameter("weight", Parameter(ones) if elementwise_affine else None)
        self.register_parameter("bias", Parameter(zeros) if elementwise_affine and bias else None)

    def forward(self, input):
        return apply(F.layer_norm, input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
                f"bias={self.bias is not None}")


class GroupNorm(Module):
    """Normalise groups of channels of each image: (N, C, *)  →  the same; weight and bias (C,).

    Raises ValueError when the channels do not divide; else see `functional.group_norm`.  Source: `torch.nn.GroupNorm`.
    """

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, dtype=np.float32, *, bias=True):
        super().__init__()
        self.num_groups, = per_axis("GroupNorm", "num_groups", num_groups, 1, minimum=1)
        self.num_channels, = per_axis("GroupNorm", "num_channels", num_channels, 1, minimum=0)
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_channels = {num_channels} must divide by num_groups = {num_groups}")
        self.eps, self.affine = eps, affine
        self.register_parameter("weight", Parameter(np.ones(num_channels, dtype)) if affine else None)
        self.register_parameter("bias", Parameter(np.zeros(num_channels, dtype)) if affine and bias else None)

    def forward(self, input):
        return apply(F.group_norm, input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
                f"bias={self.bias is not None}")


class RMSNorm(Module):
    """Divide by the root of the mean square over the last axes: (*, *normalized_shape)  →  the same.

    Raises TypeError or ValueError naming the argument; else see `functional.rms_norm`.  Source: `torch.nn.RMSNorm`.
    """

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, dtype=np.float32):
        super().__init__()
        self.normalized_shape = _shape("RMSNorm", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        ones = np.ones(self.normalized_shape, dtype)
        self.register_parameter("weight", Parameter(ones) if elementwise_affine else None)

    def forward(self, input):
        return apply(F.rms_norm, input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


# ---- attention -------------------------------------------------------------------------------------------------------

class MultiheadAttention(Module):
    """Several attentions side by side, each in its own part of the channels (Vaswani et al. 2017).

    softmax(q kᵀ / √(E/h) + mask) v in each of h heads, with q = query · Wqᵀ + bq and so on; then out_proj
    query: (L, N, E), key: (S, N, kdim), value: (S, N, vdim), with batch_first (N, L, E) …, or all without N
    → out: shape of query; weights: (N, L, S), the mean over heads, or (N, h, L, S), or None unless need_weights
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


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _even(shape, bound, dtype):
    """Random numbers from −bound to bound, all equally likely."""
    return uniform_(np.empty(shape, dtype), -bound, bound)


def _shape(name, normalized_shape):
    sizes = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    return per_axis(name, "normalized_shape", tuple(sizes), len(sizes), minimum=0)
