"""Residual and dense blocks on the tape: torch's blocks of the same names, with the same names of their parameters.

Nothing here has a backward of its own: the shortcut is an addition, and an addition hands its gradient to both sides.
"""

from cnnlib.checks import per_axis

from .. import nn
from ..tensor.autograd import cat

__all__ = ["BasicBlock", "Bottleneck", "DenseBlock", "DenseLayer", "PreActBlock", "PreActBottleneck", "Transition"]


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut around both (He et al. 2016a).

    out = ReLU(branch(x) + shortcut(x))        shortcut: x itself, or a 1×1 convolution where shapes change

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        _check("BasicBlock", in_channels=in_channels, out_channels=out_channels, stride=stride)
        self.branch = nn.Sequential(_conv_norm_relu(in_channels, out_channels, 3, stride),
                                    _conv_norm(out_channels, out_channels, 3))
        self.shortcut = _shortcut(in_channels, out_channels, stride)
        self.activation = nn.ReLU()

    def forward(self, x):
        return self.activation(self.branch(x) + self.shortcut(x))


class Bottleneck(nn.Module):
    """A 1×1 convolution narrows to a quarter, a 3×3 filters, a 1×1 widens; a shortcut around all (He et al. 2016a).

    out = ReLU(branch(x) + shortcut(x))

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    Raises TypeError or ValueError unless sizes are ints of at least 1, ValueError unless out_channels divides by 4.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        _check("Bottleneck", in_channels=in_channels, out_channels=out_channels, stride=stride)
        width = _quarter("Bottleneck", out_channels)
        self.branch = nn.Sequential(_conv_norm_relu(in_channels, width, 1),
                                    _conv_norm_relu(width, width, 3, stride),
                                    _conv_norm(width, out_channels, 1))
        self.shortcut = _shortcut(in_channels, out_channels, stride)
        self.activation = nn.ReLU()

    forward = BasicBlock.forward


class PreActBlock(nn.Module):
    """Normalisation and ReLU before each convolution, none after the sum (He et al. 2016b).

    out = x + branch(a)        a = ReLU(norm(x));  where shapes change, shortcut(a) in place of x

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        _check("PreActBlock", in_channels=in_channels, out_channels=out_channels, stride=stride)
        self.activate = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU())
        self.branch = nn.Sequential(_conv(in_channels, out_channels, 3, stride),
                                    _norm_relu_conv(out_channels, out_channels, 3))
        self.keeps_shape = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if self.keeps_shape else _conv(in_channels, out_channels, 1, stride)

    def forward(self, x):
        activated = self.activate(x)
        return self.branch(activated) + self.shortcut(x if self.keeps_shape else activated)


class PreActBottleneck(nn.Module):
    """`Bottleneck` with normalisation and ReLU before each convolution, none after the sum (He et al. 2016b).

    out = x + branch(a)        a = ReLU(norm(x));  where shapes change, shortcut(a) in place of x

    (N, in_channels, H, W)  →  (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    Raises TypeError or ValueError unless sizes are ints of at least 1, ValueError unless out_channels divides by 4.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        _check("PreActBottleneck", in_channels=in_channels, out_channels=out_channels, stride=stride)
        width = _quarter("PreActBottleneck", out_channels)
        self.activate = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU())
        self.branch = nn.Sequential(_conv(in_channels, width, 1),
                                    _norm_relu_conv(width, width, 3, stride),
                                    _norm_relu_conv(width, out_channels, 1))
        self.keeps_shape = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if self.keeps_shape else _conv(in_channels, out_channels, 1, stride)

    forward = PreActBlock.forward


class DenseLayer(nn.Module):
    """growth_rate new channels beside those that come in (Huang et al. 2017).

    out = [x, H(x)]        H: norm, ReLU, 1×1 to bottleneck · growth_rate channels, norm, ReLU, 3×3 to growth_rate

    (N, in_channels, H, W)  →  (N, in_channels + growth_rate, H, W)
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels, growth_rate, bottleneck=4):
        super().__init__()
        _check("DenseLayer", in_channels=in_channels, growth_rate=growth_rate, bottleneck=bottleneck)
        width = bottleneck * growth_rate
        self.branch = nn.Sequential(_norm_relu_conv(in_channels, width, 1), _norm_relu_conv(width, growth_rate, 3))

    def forward(self, x):
        return cat([x, self.branch(x)], 1)


class DenseBlock(nn.Sequential):
    """layers times `DenseLayer`: layer l sees in_channels + l · growth_rate channels, l = 0, 1, … (Huang et al. 2017).

    (N, in_channels, H, W)  →  (N, in_channels + layers · growth_rate, H, W)
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels, growth_rate, layers, bottleneck=4):
        _check("DenseBlock", in_channels=in_channels, growth_rate=growth_rate, layers=layers)
        super().__init__(*(DenseLayer(in_channels + l * growth_rate, growth_rate, bottleneck) for l in range(layers)))


class Transition(nn.Sequential):
    """Fewer channels and half the size between dense blocks: norm, ReLU, 1×1, mean of 2×2 (Huang et al. 2017).

    (N, in_channels, H, W)  →  (N, out_channels, ⌊H/2⌋, ⌊W/2⌋)
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels, out_channels):
        _check("Transition", in_channels=in_channels, out_channels=out_channels)
        super().__init__(*_norm_relu_conv(in_channels, out_channels, 1), nn.AvgPool2d(2))


def _conv(in_channels, out_channels, kernel_size, stride=1):
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False)


def _conv_norm(in_channels, out_channels, kernel_size, stride=1):
    return nn.Sequential(_conv(in_channels, out_channels, kernel_size, stride), nn.BatchNorm2d(out_channels))


def _conv_norm_relu(in_channels, out_channels, kernel_size, stride=1):
    return _conv_norm(in_channels, out_channels, kernel_size, stride).append(nn.ReLU())


def _norm_relu_conv(in_channels, out_channels, kernel_size, stride=1):
    return nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(), _conv(in_channels, out_channels, kernel_size, stride))


def _shortcut(in_channels, out_channels, stride):
    same = stride == 1 and in_channels == out_channels
    return nn.Identity() if same else _conv_norm(in_channels, out_channels, 1, stride)


def _quarter(name, out_channels):
    if out_channels % 4:
        raise ValueError(f"{name}: out_channels must divide by 4, got {out_channels}")
    return out_channels // 4


def _check(name, **sizes):
    for argument, value in sizes.items():
        per_axis(name, argument, value, 1, minimum=1)
