"""A convolution with its company, and cheaper convolutions made of two: depthwise, then 1×1."""

import torch.nn.functional as F
from torch import nn

from ..checks import Odd, Positive, check_divisible, checked, require
from ..tensors import Maker
from .attention import SqueezeExcitation

__all__ = ["ConvNormAct", "DepthwiseSeparable", "InvertedResidual", "StochasticDepth"]


@checked
class ConvNormAct(nn.Sequential):
    """Convolution, normalisation, activation: what most networks since 2015 repeat (Ioffe & Szegedy 2015).

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    norm: makes a layer of a number of channels, or None, and then the convolution has a bias.  activation: makes a
    layer of nothing, or None.  Raises TypeError or ValueError unless sizes are ints of at least 1, kernel_size is odd,
    channels divide by groups, and norm and activation make layers.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, kernel_size: Odd = 3, stride: Positive = 1,
                 dilation: Positive = 1, groups: Positive = 1, norm: Maker | None = nn.BatchNorm2d,
                 activation: Maker | None = nn.ReLU):
        check_divisible(self, in_channels=in_channels, out_channels=out_channels, groups=groups)
        padding = dilation * (kernel_size - 1) // 2
        layers = [nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups,
                            bias=norm is None)]
        if norm is not None:
            layers.append(norm(out_channels))
        if activation is not None:
            layers.append(activation())
        super().__init__(*layers)


class DepthwiseSeparable(nn.Sequential):
    """Each channel is filtered by itself, then a 1×1 convolution mixes them: MobileNet's block (Howard et al. 2017).

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉), with 1/out_channels + 1/kernel_size² of the
    multiply-adds of a full convolution.  Raises ValueError or TypeError as `ConvNormAct` does.
    """

    def __init__(self, in_channels, out_channels, stride=1, kernel_size=3, activation=nn.ReLU):
        super().__init__(
            ConvNormAct(in_channels, in_channels, kernel_size, stride, groups=in_channels, activation=activation),
            ConvNormAct(in_channels, out_channels, 1, activation=activation),
        )


class StochasticDepth(nn.Module):
    """Leave the branch out for a share p of the images of a batch (Huang et al. 2016).  (N, C, H, W) → (N, C, H, W)

    In training each image's features are 0 with probability p, else divided by 1 − p; in eval mode nothing happens.
    The paper draws once for the whole batch and does not divide; it multiplies by 1 − p in eval mode. Drawn for each
    image and divided in training is what later networks do, EfficientNet among them (torchvision's mode "row").
    Raises ValueError unless 0 ≤ p ≤ 1.
    """

    def __init__(self, p):
        super().__init__()
        require(self, isinstance(p, (int, float)) and 0 <= p <= 1, f"p must be from 0 to 1, got {p!r}")
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        return x * F.dropout(x.new_ones(x.shape[0], 1, 1, 1), self.p, True)

    def extra_repr(self):
        return f"p={self.p}"


@checked
class InvertedResidual(nn.Module):
    """Widen by 1×1, filter each channel, narrow by 1×1 without activation: MobileNet v2 (Sandler et al. 2018).

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉).  The input is added where shapes allow it.
    expansion: how many times wider the inside is.  squeeze_channels: of the squeeze-and-excitation, None for none;
    with it and SiLU this is EfficientNet's block MBConv (Tan & Le 2019).  drop: how often `StochasticDepth` leaves the
    branch out.  Raises ValueError or TypeError as `ConvNormAct` does, and ValueError for another drop.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, stride: Positive = 1, expansion: Positive = 6,
                 kernel_size: Odd = 3, squeeze_channels: Positive | None = None, norm: Maker | None = nn.BatchNorm2d,
                 activation: Maker | None = nn.ReLU6, drop=0.0):
        super().__init__()
        width = expansion * in_channels
        layers = []
        if expansion > 1:
            layers.append(ConvNormAct(in_channels, width, 1, norm=norm, activation=activation))
        layers.append(ConvNormAct(width, width, kernel_size, stride, groups=width, norm=norm, activation=activation))
        if squeeze_channels is not None:
            layers.append(SqueezeExcitation(width, squeeze_channels, activation))
        layers.append(ConvNormAct(width, out_channels, 1, norm=norm, activation=None))       # linear: nothing is lost
        self.branch = nn.Sequential(*layers)
        self.adds = stride == 1 and in_channels == out_channels
        self.drop = StochasticDepth(drop)

    def forward(self, x):
        return x + self.drop(self.branch(x)) if self.adds else self.branch(x)
