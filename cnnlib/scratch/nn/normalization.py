"""Normalisation: over the batch, each image, groups of channels, the last axes, neighbouring channels."""

import numpy as np

from cnnlib.checks import per_axis

from .. import functional as F
from ..tensor.autograd import apply
from .module import FunctionLayer, Module, Parameter

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    "LayerNorm", "LocalResponseNorm", "RMSNorm",
]


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


class LocalResponseNorm(FunctionLayer):
    """Divide by the power of neighbouring channels: (N, C, *)  →  the same; see `functional.local_response_norm`."""

    function = F.local_response_norm

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__(size=size, alpha=alpha, beta=beta, k=k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _shape(name, normalized_shape):
    sizes = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    return per_axis(name, "normalized_shape", tuple(sizes), len(sizes), minimum=0)
