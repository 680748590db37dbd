"""VGG: nothing but 3×3 convolutions, more and more of them (Simonyan & Zisserman 2015)."""

from torch import nn

from cnnlib.checks import Ints, Positive, checked, require
from cnnlib.tensors import check_input

__all__ = ["VGG", "small_vgg", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"]


@checked
class VGG(nn.Module):
    """Stages of 3×3 convolutions, each of which ends by halving the image, then three dense layers.

    (N, in_channels, H, W)  →  (N, num_classes)                                           Simonyan & Zisserman (2015)
    depths: convolutions of each stage.  widths: their channels.  batch_norm: one after each convolution; the paper was
    a year too early for it.  grid: to how many rows and columns an average brings the last maps; 224×224 has become
    7×7 by then.  hidden: units of the dense layers.  Convolutions start as He et al. (2015) say, since as torch makes
    them the signal dies within a dozen layers.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and widths as many as depths, and for images
    below 2^stages.
    """

    def __init__(self, depths: Ints, num_classes: Positive = 1000, in_channels: Positive = 3, batch_norm=False,
                 widths: Ints = (64, 128, 256, 512, 512), grid: Positive = 7, hidden: Positive = 4096):
        super().__init__()
        require(self, len(depths) == len(widths), f"depths and widths must be equally many, got {depths} and {widths}")
        self.in_channels, self.least = in_channels, (2 ** len(depths),) * 2
        layers, channels = [], in_channels
        for depth, width in zip(depths, widths, strict=True):
            for _ in range(depth):
                layers.append(nn.Conv2d(channels, width, 3, padding=1))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU())
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((grid, grid))
        self.classifier = nn.Sequential(
            nn.Linear(channels * grid * grid, hidden), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(hidden, num_classes),
        )
        for layer in self.features:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        check_input(self, x, self.in_channels, least=self.least)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


# The columns A, B, D and E of the paper's Table 1. In C some convolutions are 1×1.

def vgg11(num_classes=1000, in_channels=3):
    """VGG-11, 132,863,336 parameters: (N, 3, H, W) → (N, 1000), H and W from 32 on.  Raises: see `VGG`."""
    return VGG((1, 1, 2, 2, 2), num_classes, in_channels)


def vgg13(num_classes=1000, in_channels=3):
    """VGG-13, 133,047,848 parameters: (N, 3, H, W) → (N, 1000), H and W from 32 on.  Raises: see `VGG`."""
    return VGG((2, 2, 2, 2, 2), num_classes, in_channels)


def vgg16(num_classes=1000, in_channels=3):
    """VGG-16, 138,357,544 parameters: (N, 3, H, W) → (N, 1000), H and W from 32 on.  Raises: see `VGG`."""
    return VGG((2, 2, 3, 3, 3), num_classes, in_channels)


def vgg19(num_classes=1000, in_channels=3):
    """VGG-19, 143,667,240 parameters: (N, 3, H, W) → (N, 1000), H and W from 32 on.  Raises: see `VGG`."""
    return VGG((2, 2, 4, 4, 4), num_classes, in_channels)


def vgg11_bn(num_classes=1000, in_channels=3):
    """VGG-11 with batch norm, 132,868,840 parameters.  Shapes as `vgg11`.  Raises: see `VGG`."""
    return VGG((1, 1, 2, 2, 2), num_classes, in_channels, batch_norm=True)


def vgg13_bn(num_classes=1000, in_channels=3):
    """VGG-13 with batch norm, 133,053,736 parameters.  Shapes as `vgg13`.  Raises: see `VGG`."""
    return VGG((2, 2, 2, 2, 2), num_classes, in_channels, batch_norm=True)


def vgg16_bn(num_classes=1000, in_channels=3):
    """VGG-16 with batch norm, 138,365,992 parameters.  Shapes as `vgg16`.  Raises: see `VGG`."""
    return VGG((2, 2, 3, 3, 3), num_classes, in_channels, batch_norm=True)


def vgg19_bn(num_classes=1000, in_channels=3):
    """VGG-19 with batch norm, 143,678,248 parameters.  Shapes as `vgg19`.  Raises: see `VGG`."""
    return VGG((2, 2, 4, 4, 4), num_classes, in_channels, batch_norm=True)


def small_vgg(num_classes=10, in_channels=1):
    """VGG for 28×28 digits: three stages of two convolutions, with batch norm.

    (N, 1, 28, 28) → (N, 10), or from 8×8 on.  Raises: see `VGG`.
    """
    return VGG((2, 2, 2), num_classes, in_channels, batch_norm=True, widths=(16, 32, 64), grid=3, hidden=128)
