"""MobileNet: convolutions split into depthwise and 1×1, then turned inside out."""

from torch import nn

from cnnlib.blocks import ConvNormAct, DepthwiseSeparable, InvertedResidual
from cnnlib.checks import Positive, PositiveNumber, check_rows, checked
from cnnlib.tensors import check_input

__all__ = ["MobileNetV1", "MobileNetV2", "make_divisible", "mobilenet_v1", "mobilenet_v2", "small_mobilenet_v1",
           "small_mobilenet_v2"]

# Channels and stride of each block. In Table 1 of the paper the last block too has stride 2, at a size that does not
# shrink, 7×7 → 7×7. That is a slip: all code has stride 1 there.
V1 = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]

# Expansion, channels, blocks, stride of the first block.
V2 = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


@checked
def make_divisible(channels: PositiveNumber, divisor: Positive = 8):
    """The multiple of divisor nearest to a number of channels, an int ≥ divisor; half a step goes up.

    One more step up where that is less than 0.9 · channels, so that a narrow network does not lose a tenth.
    channels: a number above 0.  Raises ValueError for others, TypeError or ValueError unless divisor is an int of at
    least 1.
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


@checked
class MobileNetV1(nn.Module):
    """Depthwise separable convolutions one after the other (Howard et al. 2017).

    (N, in_channels, H, W)  →  (N, num_classes), for any H, W.
    blocks: rows of (channels, stride).  width_mult: α of the paper, times all channels.  stem, stem_stride: channels
    and stride of the first convolution.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and width_mult is above 0, and for an input of
    another shape.
    """

    def __init__(self, blocks=V1, num_classes: Positive = 1000, in_channels: Positive = 3,
                 width_mult: PositiveNumber = 1.0, stem: Positive = 32, stem_stride=2):
        super().__init__()
        check_rows(self, "blocks", blocks, "channels", "stride")
        self.in_channels = in_channels
        channels = make_divisible(stem * width_mult)
        self.features = nn.Sequential(ConvNormAct(in_channels, channels, 3, stem_stride))
        for width, stride in blocks:
            width = make_divisible(width * width_mult)
            self.features.append(DepthwiseSeparable(channels, width, stride))
            channels = width
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))

    def forward(self, x):
        check_input(self, x, self.in_channels)
        return self.classifier(self.features(x))


@checked
class MobileNetV2(nn.Module):
    """Inverted residuals: the narrow ends are added, the filters work in the wide middle (Sandler et al. 2018).

    (N, in_channels, H, W)  →  (N, num_classes), for any H, W.
    stages: rows of (expansion, channels, blocks, stride of the first).  width_mult: times all channels; head, the
    channels before the classifier, only grows.  stem, stem_stride: channels and stride of the first convolution.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and width_mult is above 0, and for an input of
    another shape.
    """

    def __init__(self, stages=V2, num_classes: Positive = 1000, in_channels: Positive = 3,
                 width_mult: PositiveNumber = 1.0, stem: Positive = 32, stem_stride=2, head=1280, dropout=0.2):
        super().__init__()
        check_rows(self, "stages", stages, "expansion", "channels", "blocks", "stride")
        self.in_channels = in_channels
        channels = make_divisible(stem * width_mult)
        head = make_divisible(head * max(1.0, width_mult))
        self.features = nn.Sequential(ConvNormAct(in_channels, channels, 3, stem_stride, activation=nn.ReLU6))
        for expansion, width, count, first_stride in stages:
            width = make_divisible(width * width_mult)
            for i in range(count):
                self.features.append(InvertedResidual(channels, width, first_stride if i == 0 else 1, expansion))
                channels = width
        self.features.append(ConvNormAct(channels, head, 1, activation=nn.ReLU6))
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout),
                                        nn.Linear(head, num_classes))

    def forward(self, x):
        check_input(self, x, self.in_channels)
        return self.classifier(self.features(x))


def mobilenet_v1(num_classes=1000, in_channels=3, width_mult=1.0):
    """MobileNet for 224 × 224: 4,231,976 parameters, 569 million multiply-adds; see `MobileNetV1`."""
    return MobileNetV1(V1, num_classes, in_channels, width_mult)


def mobilenet_v2(num_classes=1000, in_channels=3, width_mult=1.0):
    """MobileNet v2 for 224 × 224: 3,504,872 parameters, 301 million multiply-adds; see `MobileNetV2`."""
    return MobileNetV2(V2, num_classes, in_channels, width_mult)


def small_mobilenet_v1(num_classes=10, in_channels=1):
    """For 28 × 28 digits; see `MobileNetV1`."""
    return MobileNetV1([(32, 1), (64, 2), (128, 1)], num_classes, in_channels, stem=16)


def small_mobilenet_v2(num_classes=10, in_channels=1):
    """For 28 × 28 digits; see `MobileNetV2`."""
    return MobileNetV2([(1, 16, 1, 1), (4, 24, 2, 2), (4, 32, 1, 1)], num_classes, in_channels, stem=16, head=128)
