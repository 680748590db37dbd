"""AlexNet: the network on two GPUs that won ImageNet's contest of 2012, and its later form on one."""

from torch import nn

from cnnlib.checks import Positive, check_count, check_divisible, checked, require
from cnnlib.tensors import check_input

__all__ = ["AlexNet", "AlexNetOf2012", "alexnet", "alexnet_two_towers", "alexnet_ungrouped", "small_alexnet"]


@checked
class AlexNetOf2012(nn.Module):
    """Five convolutions and three dense layers (Krizhevsky, Sutskever & Hinton 2012).

    (N, in_channels, H, W)  →  (N, num_classes).  The sizes in the comments are those of 227×227 without padding.
    padding: of the first convolution, 0 or 2. The paper says 224×224, but its 55×55 come from 227×227, or from 224×224
    padded by 2. Other sizes do as well, from 67×67 on, or from 63×63 with padding=2: an average
    brings the last maps to the 6×6 of the dense layers, and leaves 6×6 as it is.
    towers: 2, as there: each GPU holds half of the maps, and only the third convolution and the dense layers see both
    halves, which is a convolution with groups=2 elsewhere. 1: no groups.  Here the norm looks across the border.
    widths: channels of the convolutions.  hidden: units of the dense layers.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and five widths divide by towers, for another
    padding, and for smaller images.
    """

    def __init__(self, num_classes: Positive = 1000, in_channels: Positive = 3, padding=0, towers=2,
                 widths=(96, 256, 384, 384, 256), hidden: Positive = 4096):
        super().__init__()
        _check_widths(self, widths, towers)
        require(self, padding in (0, 2), f"padding must be 0, for 227×227, or 2, for 224×224; got {padding!r}")
        w1, w2, w3, w4, w5 = widths
        self.in_channels, self.least = in_channels, _least_size(11, 4, padding)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, w1, 11, stride=4, padding=padding), nn.ReLU(),            # (N, 96, 55, 55)
            _brightness_norm(), nn.MaxPool2d(3, stride=2),                                   # (N, 96, 27, 27)
            nn.Conv2d(w1, w2, 5, padding=2, groups=towers), nn.ReLU(),                       # (N, 256, 27, 27)
            _brightness_norm(), nn.MaxPool2d(3, stride=2),                                   # (N, 256, 13, 13)
            nn.Conv2d(w2, w3, 3, padding=1), nn.ReLU(),                                      # (N, 384, 13, 13)
            nn.Conv2d(w3, w4, 3, padding=1, groups=towers), nn.ReLU(),                       # (N, 384, 13, 13)
            nn.Conv2d(w4, w5, 3, padding=1, groups=towers), nn.ReLU(),                       # (N, 256, 13, 13)
            nn.MaxPool2d(3, stride=2),                                                       # (N, 256, 6, 6)
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Linear(w5 * 6 * 6, hidden), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x):
        check_input(self, x, self.in_channels, least=self.least)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


@checked
class AlexNet(nn.Module):
    """AlexNet on one GPU (Krizhevsky 2014), as torchvision has it: fewer maps in one tower, no norm.

    (N, in_channels, H, W)  →  (N, num_classes).  The sizes in the comments are those of 224×224.
    kernel_size, stride: of the first convolution.  widths: channels of the convolutions.  grid: to how many rows and
    columns an average brings the last maps.  hidden: units of the dense layers.
    H and W must be at least 63, in general 14·stride + kernel_size − 2·⌊kernel_size/4⌋: then one pixel is left.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and widths are five, and for smaller images.
    """

    def __init__(self, num_classes: Positive = 1000, in_channels: Positive = 3, kernel_size: Positive = 11,
                 stride: Positive = 4, widths=(64, 192, 384, 256, 256), grid: Positive = 6, hidden: Positive = 4096):
        super().__init__()
        _check_widths(self, widths)
        w1, w2, w3, w4, w5 = widths
        padding = kernel_size // 4                                       # 2 of the 11: 55 pixels and no more
        self.in_channels, self.least = in_channels, _least_size(kernel_size, stride, padding)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, w1, kernel_size, stride, padding), nn.ReLU(),             # (N, 64, 55, 55)
            nn.MaxPool2d(3, stride=2),                                                       # (N, 64, 27, 27)
            nn.Conv2d(w1, w2, 5, padding=2), nn.ReLU(),                                      # (N, 192, 27, 27)
            nn.MaxPool2d(3, stride=2),                                                       # (N, 192, 13, 13)
            nn.Conv2d(w2, w3, 3, padding=1), nn.ReLU(),                                      # (N, 384, 13, 13)
            nn.Conv2d(w3, w4, 3, padding=1), nn.ReLU(),                                      # (N, 256, 13, 13)
            nn.Conv2d(w4, w5, 3, padding=1), nn.ReLU(),                                      # (N, 256, 13, 13)
            nn.MaxPool2d(3, stride=2),                                                       # (N, 256, 6, 6)
        )
        self.avgpool = nn.AdaptiveAvgPool2d((grid, grid))
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(w5 * grid * grid, hidden), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x):
        check_input(self, x, self.in_channels, least=self.least)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(num_classes=1000, in_channels=3):
    """AlexNet in one tower, 61,100,840 parameters: (N, 3, 224, 224) → (N, 1000), or from 63×63 on.

    Raises: see `AlexNet`.
    """
    return AlexNet(num_classes, in_channels)


def alexnet_two_towers(num_classes=1000, in_channels=3, padding=0):
    """AlexNet of the paper, 60,965,224 parameters: (N, 3, 227, 227) → (N, 1000), or 224×224 with padding=2.

    Raises: see `AlexNetOf2012`.
    """
    return AlexNetOf2012(num_classes, in_channels, padding)


def alexnet_ungrouped(num_classes=1000, in_channels=3, padding=0):
    """AlexNet of the paper without groups, 62,378,344 parameters: (N, 3, 227, 227) → (N, 1000).

    padding=2 for 224×224.  Raises: see `AlexNetOf2012`.
    """
    return AlexNetOf2012(num_classes, in_channels, padding, towers=1)


def small_alexnet(num_classes=10, in_channels=1):
    """`alexnet` for 28×28 digits: a first convolution of 5×5 without stride, an eighth of the maps or so.

    (N, 1, 28, 28) → (N, 10), or from 17×17 on.  Raises: see `AlexNet`.
    """
    return AlexNet(num_classes, in_channels, 5, 1, widths=(16, 32, 48, 32, 32), grid=2, hidden=128)


def _brightness_norm():
    """Divide by (2 + 1e-4 · Σ of the squares of 5 neighbouring maps)^0.75; torch divides its alpha by the 5."""
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)


def _check_widths(name, widths, towers=1):
    check_count(name, 5, "five ints", widths=widths)
    for width in widths:
        check_divisible(name, widths=width, towers=towers)


def _least_size(kernel_size, stride, padding):
    """From behind: three poolings of 3×3 and stride 2 leave one pixel of 3, of 7, of 15."""
    return (14 * stride + kernel_size - 2 * padding,) * 2
