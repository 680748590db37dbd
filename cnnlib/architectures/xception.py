"""Xception: filter each channel by itself, mix channels by 1×1, and nothing else, with residuals (Chollet 2017)."""

from torch import nn

from cnnlib.blocks import ConvNormAct
from cnnlib.checks import Ints, Positive, check_count, checked
from cnnlib.tensors import check_input

__all__ = ["Xception", "small_xception", "xception"]


@checked
class Xception(nn.Module):
    """Entry flow, middle flow, exit flow (Chollet 2017, figure 5).

    (N, in_channels, H, W)  →  (N, num_classes), for H, W ≥ 3 + 2·stem_stride; made for 299 × 299.
    stem: channels of two full 3×3 convolutions, the first of stem_stride, both without padding.  entry: channels of
    the blocks of the entry flow, each of which halves the size.  middle: how many blocks of three convolutions follow.
    exit: channels of the four convolutions of the exit flow.
    Raises TypeError or ValueError unless sizes are ints of at least 1, and for an input of another shape.
    """

    def __init__(self, num_classes: Positive = 1000, in_channels: Positive = 3, stem: Ints = (32, 64),
                 entry: Ints = (128, 256, 728), middle: Positive = 8, exit: Ints = (728, 1024, 1536, 2048),
                 stem_stride: Positive = 2):
        super().__init__()
        check_count(self, 2, "2 numbers of channels", stem=stem)
        check_count(self, 4, "4 numbers of channels", exit=exit)
        self.in_channels, self.least = in_channels, 3 + 2 * stem_stride
        self.entry = nn.Sequential(
            nn.Conv2d(in_channels, stem[0], 3, stem_stride, bias=False), nn.BatchNorm2d(stem[0]), nn.ReLU(),
            nn.Conv2d(stem[0], stem[1], 3, bias=False), nn.BatchNorm2d(stem[1]), nn.ReLU())
        channels = stem[1]
        for i, width in enumerate(entry):
            self.entry.append(XceptionBlock(channels, (width, width), 2, first_relu=i > 0))
            channels = width
        self.middle = nn.Sequential(*[XceptionBlock(channels, [channels] * 3) for _ in range(middle)])
        self.exit = nn.Sequential(
            XceptionBlock(channels, exit[:2], 2),
            *_separable(exit[1], exit[2]), nn.ReLU(), *_separable(exit[2], exit[3]), nn.ReLU())
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(exit[3], num_classes))

    def forward(self, x):
        check_input(self, x, self.in_channels, (self.least, self.least))
        return self.classifier(self.exit(self.middle(self.entry(x))))


@checked
class XceptionBlock(nn.Module):
    """Separable convolutions with a ReLU before each, a max pool where stride is 2, and a residual (Chollet 2017).

    (N, in_channels, H, W)  →  (N, widths[-1], ⌈H/stride⌉, ⌈W/stride⌉).  widths: the channels of the convolutions.
    Where the shape changes a 1×1 convolution of that stride leads around.
    Raises TypeError or ValueError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels: Positive, widths: Ints, stride: Positive = 1, first_relu=True):
        super().__init__()
        layers, channels = [], in_channels
        for i, width in enumerate(widths):
            layers += [nn.ReLU()] if i > 0 or first_relu else []
            layers += _separable(channels, width)
            channels = width
        if stride > 1:
            layers.append(nn.MaxPool2d(3, stride, 1))
        self.branch = nn.Sequential(*layers)
        self.around = nn.Identity() if stride == 1 and channels == in_channels else \
            ConvNormAct(in_channels, channels, 1, stride, activation=None)

    def forward(self, x):
        return self.around(x) + self.branch(x)


def _separable(in_channels, out_channels):
    """Depthwise 3×3, then 1×1 and norm; nothing between the two, which works better (figure 10 of the paper)."""
    return [nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
            *ConvNormAct(in_channels, out_channels, 1, activation=None)]


def xception(num_classes=1000, in_channels=3):
    """Xception for 299 × 299: 22,855,952 parameters, as published; see `Xception`."""
    return Xception(num_classes, in_channels)


def small_xception(num_classes=10, in_channels=1):
    """For 28 × 28 digits; see `Xception`."""
    return Xception(num_classes, in_channels, (16, 24), (32, 48), 1, (48, 64, 64, 96), stem_stride=2)
