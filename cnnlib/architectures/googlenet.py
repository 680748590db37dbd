"""GoogLeNet: nine Inception blocks, which won ImageNet's contest of 2014 with a ninth of AlexNet's parameters."""

from collections import namedtuple
from functools import partial

from torch import nn

from cnnlib.blocks import ConvNormAct, Inception
from cnnlib.checks import Odd, Positive, check_divisible, checked
from cnnlib.tensors import check_input

__all__ = ["AuxiliaryClassifier", "GoogLeNet", "GoogLeNetOutputs", "googlenet", "small_googlenet"]

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", "logits aux_logits2 aux_logits1")
NORM = partial(nn.BatchNorm2d, eps=1e-3)                                 # as torchvision


@checked
class GoogLeNet(nn.Module):
    """The first network of Inception blocks (Szegedy et al. 2015), in the form of torchvision.

    (N, in_channels, H, W)  →  (N, num_classes)
    With aux_logits in training  →  GoogLeNetOutputs(logits, aux_logits2, aux_logits1), each (N, num_classes), in
    torchvision's order. The two auxiliary classifiers, behind 4d and 4a, bring gradients to the lower layers; the loss
    of the paper is CE(logits) + 0.3 · (CE(aux_logits2) + CE(aux_logits1)).

    Where this form departs from the paper: each convolution has batch norm and no bias; the branches of 5×5 are 3×3; no
    local response norm; the pool before 5a is 2×2, not 3×3; auxiliary classifiers average into 4×4 cells, where the
    paper pools 5×5 with stride 3; dropout before the last layer is 0.2, not 0.4.  torchvision's transform_input, which
    adapts images to weights trained elsewhere, is False and left out.

    kernel_size, stride: of the first convolution.  thinner: 1, 2, 4 or 8, which divides all channels
    but those inside the auxiliary classifiers.
    H and W must be at least 7·stride + 1, which is 15.  The sizes in the comments are those of 224×224.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and kernel_size is odd, for another thinner, and
    for smaller images.
    """

    def __init__(self, num_classes: Positive = 1000, in_channels: Positive = 3, aux_logits=True, kernel_size: Odd = 7,
                 stride: Positive = 2, thinner=1):
        super().__init__()
        check_divisible(self, widths=8, thinner=thinner)          # what all widths below divide by
        self.in_channels, self.aux_logits = in_channels, aux_logits
        self.least = (7 * stride + 1,) * 2                               # the first convolution must leave 8 pixels

        def conv(in_channels, out_channels, kernel_size, stride=1):
            return ConvNormAct(in_channels, out_channels // thinner, kernel_size, stride, norm=NORM)

        def inception(*widths):                                          # a row of the paper's Table 1
            return Inception(*(width // thinner for width in widths), kernel5=3, norm=NORM)

        self.to_4a = nn.Sequential(
            conv(in_channels, 64, kernel_size, stride),                  # (N, 64, 112, 112)
            nn.MaxPool2d(3, 2, ceil_mode=True),                          # (N, 64, 56, 56)
            conv(64 // thinner, 64, 1),
            conv(64 // thinner, 192, 3),                                 # (N, 192, 56, 56)
            nn.MaxPool2d(3, 2, ceil_mode=True),                          # (N, 192, 28, 28)
            inception(192, 64, 96, 128, 16, 32, 32),                     # 3a: (N, 256, 28, 28)
            inception(256, 128, 128, 192, 32, 96, 64),                   # 3b: (N, 480, 28, 28)
            nn.MaxPool2d(3, 2, ceil_mode=True),                          # (N, 480, 14, 14)
            inception(480, 192, 96, 208, 16, 48, 64),                    # 4a: (N, 512, 14, 14)
        )
        self.to_4d = nn.Sequential(
            inception(512, 160, 112, 224, 24, 64, 64),                   # 4b: (N, 512, 14, 14)
            inception(512, 128, 128, 256, 24, 64, 64),                   # 4c: (N, 512, 14, 14)
            inception(512, 112, 144, 288, 32, 64, 64),                   # 4d: (N, 528, 14, 14)
        )
        self.to_5b = nn.Sequential(
            inception(528, 256, 160, 320, 32, 128, 128),                 # 4e: (N, 832, 14, 14)
            nn.MaxPool2d(2, 2, ceil_mode=True),                          # (N, 832, 7, 7)
            inception(832, 256, 160, 320, 32, 128, 128),                 # 5a: (N, 832, 7, 7)
            inception(832, 384, 192, 384, 48, 128, 128),                 # 5b: (N, 1024, 7, 7)
        )
        if aux_logits:
            self.aux1 = AuxiliaryClassifier(512 // thinner, num_classes)
            self.aux2 = AuxiliaryClassifier(528 // thinner, num_classes)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1024 // thinner, num_classes),
        )

    def forward(self, x):
        check_input(self, x, self.in_channels, least=self.least)
        at_4a = self.to_4a(x)
        at_4d = self.to_4d(at_4a)
        logits = self.classifier(self.to_5b(at_4d))
        if self.training and self.aux_logits:
            return GoogLeNetOutputs(logits, self.aux2(at_4d), self.aux1(at_4a))
        return logits


@checked
class AuxiliaryClassifier(nn.Sequential):
    """A classifier half-way up, of use in training only (Szegedy et al. 2015).

    (N, in_channels, H, W)  →  (N, num_classes).  Raises ValueError or TypeError unless sizes are ints of at least 1.
    """

    def __init__(self, in_channels: Positive, num_classes: Positive):
        super().__init__(
            nn.AdaptiveAvgPool2d(4), ConvNormAct(in_channels, 128, 1, norm=NORM),            # (N, 128, 4, 4)
            nn.Flatten(), nn.Linear(128 * 4 * 4, 1024), nn.ReLU(), nn.Dropout(0.7),
            nn.Linear(1024, num_classes),
        )


def googlenet(num_classes=1000, in_channels=3, aux_logits=True):
    """GoogLeNet, 13,004,888 parameters, of which 6,624,904 without aux_logits: (N, 3, H, W) → (N, 1000), from 15×15 on.

    Raises: see `GoogLeNet`, also for what comes out in training.
    """
    return GoogLeNet(num_classes, in_channels, aux_logits)


def small_googlenet(num_classes=10, in_channels=1):
    """GoogLeNet for 28×28 digits: an eighth of the channels, a first convolution of 3×3 without stride, no auxiliaries.

    (N, 1, 28, 28) → (N, 10), or from 8×8 on.  Raises: see `GoogLeNet`.
    """
    return GoogLeNet(num_classes, in_channels, aux_logits=False, kernel_size=3, stride=1, thinner=8)
