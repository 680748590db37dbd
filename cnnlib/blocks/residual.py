"""Residual blocks: a branch of convolutions learns what to add to its input (He et al. 2016a, 2016b)."""

from typing import Literal

import torch.nn.functional as F
from torch import nn

from ..checks import Odd, Positive, check_multiple, checked, kind, require
from ..tensors import Maker
from .attention import SqueezeExcitation
from .conv import ConvNormAct

__all__ = ["BasicBlock", "Bottleneck", "NormActConv", "PadShortcut", "PreActBlock", "PreActBottleneck", "zero_branch"]

MultipleOf4 = kind(int, check_multiple, 4)
Shortcut = Literal["projection", "pad", None]


@checked
class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut around both (He et al. 2016a).

    out = ReLU(branch(x) + shortcut(x))

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    norm: makes a layer of a number of channels, or None, and then the convolutions have a bias.
    reduction_ratio: None, or the branch ends with squeeze-and-excitation of out_channels // reduction_ratio channels,
    16 in the paper (Hu et al. 2018).
    shortcut: x itself where the shapes allow it; elsewhere a 1×1 convolution for "projection", `PadShortcut` for "pad"
    (options B and A of the paper). None: nothing is added, a block of a plain network.
    Raises TypeError or ValueError unless sizes are ints of at least 1, for another norm, and for another shortcut.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, stride: Positive = 1,
                 norm: Maker | None = nn.BatchNorm2d, reduction_ratio: Positive | None = None,
                 shortcut: Shortcut = "projection"):
        super().__init__()
        self.branch = nn.Sequential(
            ConvNormAct(in_channels, out_channels, 3, stride, norm=norm),
            ConvNormAct(out_channels, out_channels, 3, norm=norm, activation=None),
            *_squeeze(out_channels, reduction_ratio),
        )
        self.shortcut = _shortcut(in_channels, out_channels, stride, norm, shortcut)
        self.activation = nn.ReLU()

    def forward(self, x):
        branch = self.branch(x)
        return self.activation(branch if self.shortcut is None else branch + self.shortcut(x))


@checked
class Bottleneck(nn.Module):
    """A 1×1 convolution narrows to a quarter, a 3×3 filters, a 1×1 widens; a shortcut around all (He et al. 2016a).

    out = ReLU(branch(x) + shortcut(x))

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉); the rest as in `BasicBlock`.
    Raises what `BasicBlock` raises, and ValueError unless out_channels divides by 4.
    """

    def __init__(self, in_channels: Positive, out_channels: MultipleOf4, stride: Positive = 1,
                 norm: Maker | None = nn.BatchNorm2d, reduction_ratio: Positive | None = None,
                 shortcut: Shortcut = "projection"):
        super().__init__()
        width = out_channels // 4
        self.branch = nn.Sequential(
            ConvNormAct(in_channels, width, 1, norm=norm),
            ConvNormAct(width, width, 3, stride, norm=norm),   # the paper strides in the 1×1 before: 3/4 is never seen
            ConvNormAct(width, out_channels, 1, norm=norm, activation=None),
            *_squeeze(out_channels, reduction_ratio),
        )
        self.shortcut = _shortcut(in_channels, out_channels, stride, norm, shortcut)
        self.activation = nn.ReLU()

    forward = BasicBlock.forward


@checked
class NormActConv(nn.Sequential):
    """Normalisation, ReLU, convolution: `ConvNormAct` in the order of pre-activation (He et al. 2016b).

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    norm: as in `BasicBlock`.  Raises TypeError or ValueError unless sizes are ints of at least 1 and kernel_size is
    odd, and for another norm.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, kernel_size: Odd = 3, stride: Positive = 1,
                 norm: Maker | None = nn.BatchNorm2d):
        super().__init__(*_norm_act(in_channels, norm),
                         _conv(in_channels, out_channels, kernel_size, stride, norm))


@checked
class PreActBlock(nn.Module):
    """`BasicBlock` with normalisation and ReLU before each convolution, none after the sum (He et al. 2016b).

    out = x + branch(ReLU(norm(x)))        nothing bends the way from the first block to the last, nor the gradient's

    Where shapes change the shortcut starts behind the first ReLU: shortcut(a) + branch(a) with a = ReLU(norm(x)).
    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉); the rest as in `BasicBlock`.
    activate: False where the input is normalised and activated already, as behind a stem: a = x.
    Raises what `BasicBlock` raises.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, stride: Positive = 1,
                 norm: Maker | None = nn.BatchNorm2d, reduction_ratio: Positive | None = None,
                 shortcut: Shortcut = "projection", activate=True):
        super().__init__()
        self.activate = nn.Sequential(*_norm_act(in_channels, norm)) if activate else nn.Identity()
        self.branch = nn.Sequential(
            _conv(in_channels, out_channels, 3, stride, norm),
            NormActConv(out_channels, out_channels, 3, norm=norm),
            *_squeeze(out_channels, reduction_ratio),
        )
        self.shortcut = _preact_shortcut(in_channels, out_channels, stride, norm, shortcut)
        self.keeps_shape = stride == 1 and in_channels == out_channels

    def forward(self, x):
        activated = self.activate(x)
        branch = self.branch(activated)
        if self.shortcut is None:
            return branch
        return branch + self.shortcut(x if self.keeps_shape else activated)


@checked
class PreActBottleneck(nn.Module):
    """`Bottleneck` with normalisation and ReLU before each convolution, none after the sum (He et al. 2016b).

    out = x + branch(ReLU(norm(x)))

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉); the rest as in `PreActBlock`.
    Raises what `Bottleneck` raises.
    """

    def __init__(self, in_channels: Positive, out_channels: MultipleOf4, stride: Positive = 1,
                 norm: Maker | None = nn.BatchNorm2d, reduction_ratio: Positive | None = None,
                 shortcut: Shortcut = "projection", activate=True):
        super().__init__()
        width = out_channels // 4
        self.activate = nn.Sequential(*_norm_act(in_channels, norm)) if activate else nn.Identity()
        self.branch = nn.Sequential(
            _conv(in_channels, width, 1, 1, norm),
            NormActConv(width, width, 3, stride, norm),
            NormActConv(width, out_channels, 1, norm=norm),
            *_squeeze(out_channels, reduction_ratio),
        )
        self.shortcut = _preact_shortcut(in_channels, out_channels, stride, norm, shortcut)
        self.keeps_shape = stride == 1 and in_channels == out_channels

    forward = PreActBlock.forward


@checked
class PadShortcut(nn.Module):
    """A shortcut without parameters: every stride-th pixel, and zeros for new channels (option A of He et al. 2016a).

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    Raises TypeError or ValueError unless sizes are ints of at least 1, ValueError when out_channels < in_channels.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, stride: Positive = 1):
        super().__init__()
        require(self, out_channels >= in_channels,
                f"out_channels must be at least in_channels = {in_channels}, got {out_channels}")
        self.new_channels, self.stride = out_channels - in_channels, stride

    def forward(self, x):
        x = x[:, :, ::self.stride, ::self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels))

    def extra_repr(self):
        return f"new_channels={self.new_channels}, stride={self.stride}"


def zero_branch(block):
    """Let a residual block start as its shortcut alone: the last norm of its branch gets scale 0 (Goyal et al. 2017).

    Where a convolution comes last (pre-activation, norm=None) it starts with weights 0: a norm of scale 0 before a
    ReLU would get no gradient.  block: one of the four residual blocks, changed in place.  → block
    Raises TypeError for anything else, ValueError for a block without shortcut, which would pass nothing on.
    """
    if not isinstance(block, (BasicBlock, Bottleneck, PreActBlock, PreActBottleneck)):
        raise TypeError(f"zero_branch: block must be a residual block, got {type(block).__name__}")
    if block.shortcut is None:
        raise ValueError("zero_branch: block must have a shortcut, got shortcut=None: its output would be 0")
    parts = [part for part in block.branch if not isinstance(part, SqueezeExcitation)]
    last = [layer for layer in parts[-1].modules() if list(layer.parameters(recurse=False))][-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return block


def _norm_act(channels, norm):
    return [nn.ReLU()] if norm is None else [norm(channels), nn.ReLU()]


def _conv(in_channels, out_channels, kernel_size, stride, norm):
    """A convolution alone; what a norm would do to its bias makes the bias superfluous."""
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=norm is None)


def _squeeze(channels, reduction_ratio):
    return [] if reduction_ratio is None else [SqueezeExcitation(channels, max(1, channels // reduction_ratio))]


def _shortcut(in_channels, out_channels, stride, norm, shortcut):
    if shortcut is None:
        return None
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if shortcut == "pad":
        return PadShortcut(in_channels, out_channels, stride)
    return ConvNormAct(in_channels, out_channels, 1, stride, norm=norm, activation=None)


def _preact_shortcut(in_channels, out_channels, stride, norm, shortcut):
    """The same, but what it projects is normalised already."""
    found = _shortcut(in_channels, out_channels, stride, norm, shortcut)
    return _conv(in_channels, out_channels, 1, stride, norm) if isinstance(found, ConvNormAct) else found
