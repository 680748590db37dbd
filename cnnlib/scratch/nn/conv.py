"""Convolutions and their transposes, of sequences, images and volumes."""

import math

import numpy as np

from cnnlib.checks import check_choice, per_axis

from .. import functional as F
from ..fast.windows import input_size
from ..tensor.autograd import apply
from .initialization import uniform_
from .module import Module, Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _Conv(Module):
    """What the convolutions share: options, weight (O, C/groups, *kernel) and bias (O,).

    Both are uniform from −b to b, b = 1/√(numbers that one output sees).
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
        self.weight = Parameter(uniform_(np.empty(shape, dtype), -bound, bound))
        bias = Parameter(uniform_(np.empty(out_channels, dtype), -bound, bound)) if bias else None
        self.register_parameter("bias", bias)

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
        padding = [(p, p) for p in self.padding]
        smallest = list(input_size(input.shape[-n:], self.kernel_size, self.stride, padding, self.dilation))
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
