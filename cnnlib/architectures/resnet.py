"""Residual networks (He et al. 2016a), for large and small images; with pre-activation, with squeeze-and-excitation.

A stem, stages of residual blocks, the mean over the image, one linear layer. Each stage but the first begins with a
block of stride 2, and has more channels as it has fewer pixels.
"""

from functools import partial

from torch import nn

from cnnlib.blocks import BasicBlock, Bottleneck, ConvNormAct, PreActBlock, PreActBottleneck, zero_branch
from cnnlib.checks import Ints, Positive, checked, require
from cnnlib.tensors import check_input

__all__ = [
    "ResNet", "cifar_resnet", "imagenet_stem", "preact_resnet101", "preact_resnet18", "preact_resnet34",
    "preact_resnet50", "resnet101", "resnet18", "resnet34", "resnet50", "se_resnet18", "se_resnet50",
    "small_preact_resnet", "small_resnet", "small_se_resnet",
]


@checked
class ResNet(nn.Module):
    """A residual network for classification (He et al. 2016a): (N, in_channels, H, W)  →  (N, num_classes)

    block: makes a block of in_channels, out_channels and stride.  depths: how many blocks each stage has.
    widths: how many channels come out of each stage.  stem: makes of in_channels and stem_channels what comes first.
    first_block: makes the first block of all, where that is another one.
    last_norm: makes the norm of the last block's output, which pre-activation leaves as a sum; None for other blocks.
    zero_init: every block starts as its shortcut, see `zero_branch`.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and depths as many as widths, and for an input of
    another shape.
    """

    def __init__(self, block, depths: Ints, widths: Ints, num_classes: Positive, in_channels: Positive, stem=None,
                 stem_channels: Positive = 64, first_block=None, last_norm=None, zero_init=False):
        super().__init__()
        require(self, len(depths) == len(widths), f"depths and widths must be equally many, got {depths} and {widths}")
        self.in_channels = in_channels
        self.stem = (stem or imagenet_stem)(in_channels, stem_channels)
        channels, stages = stem_channels, []
        for number, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            first = (first_block or block)(channels, width) if number == 0 else block(channels, width, stride=2)
            stages.append(nn.Sequential(first, *(block(width, width) for _ in range(depth - 1))))
            channels = width
        self.stages = nn.Sequential(*stages)
        self.last = nn.Identity() if last_norm is None else nn.Sequential(last_norm(channels), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))

        for module in self.modules():
            if isinstance(module, nn.Conv2d):                            # He et al. 2015
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init:
            for stage in self.stages:
                for made in stage:
                    zero_branch(made)

    def forward(self, x):
        check_input(self, x, self.in_channels)
        return self.head(self.last(self.stages(self.stem(x))))


def imagenet_stem(in_channels, channels=64):
    """A quarter of the size at once: 7×7 with stride 2, then max pooling with stride 2 (He et al. 2016a).

    (N, in_channels, H, W)  →  (N, channels, ⌈H/4⌉, ⌈W/4⌉).  Raises what `ConvNormAct` raises.
    """
    return nn.Sequential(ConvNormAct(in_channels, channels, 7, 2), nn.MaxPool2d(3, 2, padding=1))


# ---- for ImageNet, 224 × 224 -----------------------------------------------------------------------------------------

def resnet18(num_classes=1000, in_channels=3):
    """ResNet-18 (He et al. 2016a): 11,689,512 parameters; torchvision's `resnet18`.  See `ResNet`, also for Raises."""
    return ResNet(BasicBlock, (2, 2, 2, 2), (64, 128, 256, 512), num_classes, in_channels)


def resnet34(num_classes=1000, in_channels=3):
    """ResNet-34 (He et al. 2016a): 21,797,672 parameters; torchvision's `resnet34`.  See `ResNet`, also for Raises."""
    return ResNet(BasicBlock, (3, 4, 6, 3), (64, 128, 256, 512), num_classes, in_channels)


def resnet50(num_classes=1000, in_channels=3):
    """ResNet-50 (He et al. 2016a): 25,557,032 parameters; torchvision's `resnet50`.  See `ResNet`, also for Raises."""
    return ResNet(Bottleneck, (3, 4, 6, 3), (256, 512, 1024, 2048), num_classes, in_channels)


def resnet101(num_classes=1000, in_channels=3):
    """ResNet-101 (He et al. 2016a): 44,549,160 parameters; torchvision's `resnet101`.

    See `ResNet`, also for Raises.
    """
    return ResNet(Bottleneck, (3, 4, 23, 3), (256, 512, 1024, 2048), num_classes, in_channels)


def se_resnet18(num_classes=1000, in_channels=3):
    """ResNet-18 with squeeze-and-excitation in every block (Hu et al. 2018).  See `ResNet`, also for Raises."""
    return ResNet(partial(BasicBlock, reduction_ratio=16), (2, 2, 2, 2), (64, 128, 256, 512), num_classes, in_channels)


def se_resnet50(num_classes=1000, in_channels=3):
    """SE-ResNet-50 (Hu et al. 2018): 28,088,024 parameters, 2.5 million of them squeeze-and-excitation.

    See `ResNet`, also for Raises.
    """
    block = partial(Bottleneck, reduction_ratio=16)
    return ResNet(block, (3, 4, 6, 3), (256, 512, 1024, 2048), num_classes, in_channels)


def preact_resnet18(num_classes=1000, in_channels=3):
    """ResNet-18 with pre-activation (He et al. 2016b).  See `ResNet`, also for Raises."""
    return _preact(PreActBlock, (2, 2, 2, 2), (64, 128, 256, 512), num_classes, in_channels)


def preact_resnet34(num_classes=1000, in_channels=3):
    """ResNet-34 with pre-activation (He et al. 2016b).  See `ResNet`, also for Raises."""
    return _preact(PreActBlock, (3, 4, 6, 3), (64, 128, 256, 512), num_classes, in_channels)


def preact_resnet50(num_classes=1000, in_channels=3):
    """ResNet-50 with pre-activation (He et al. 2016b).  See `ResNet`, also for Raises."""
    return _preact(PreActBottleneck, (3, 4, 6, 3), (256, 512, 1024, 2048), num_classes, in_channels)


def preact_resnet101(num_classes=1000, in_channels=3):
    """ResNet-101 with pre-activation (He et al. 2016b).  See `ResNet`, also for Raises."""
    return _preact(PreActBottleneck, (3, 4, 23, 3), (256, 512, 1024, 2048), num_classes, in_channels)


def _preact(block, depths, widths, num_classes, in_channels, stem=None, stem_channels=64):
    """The first activation stands in the stem, "right after conv1 and before splitting into two paths" (appendix).

    So the first block has none of its own. The last block's sum gets one behind it.
    """
    return ResNet(block, depths, widths, num_classes, in_channels, stem, stem_channels,
                  first_block=partial(block, activate=False), last_norm=nn.BatchNorm2d)


# ---- for small images ------------------------------------------------------------------------------------------------

@checked
def cifar_resnet(depth: Positive, num_classes=10, in_channels=3, residual=True, width: Positive = 16,
                 stem_stride: Positive = 1, norm=nn.BatchNorm2d, zero_init=False):
    """The networks of He et al. 2016a, section 4.2, for images of 32 × 32: (N, in_channels, H, W)  →  (N, num_classes)

    depth 6n + 2: a 3×3 convolution, three stages of n blocks with width, 2 · width and 4 · width channels, a linear
    layer. With depth 20, 32, 44, 56, 110: 0.27, 0.46, 0.66, 0.85, 1.7 million parameters.
    residual: whether the shortcuts (option A, without parameters) are there; the plain network has the same parameters.
    stem_stride: 2 halves the image at once.  norm: None for none.  zero_init: every block starts as its shortcut.
    Raises TypeError or ValueError naming the argument; ValueError for another depth.
    """
    require("cifar_resnet", depth >= 8 and depth % 6 == 2, f"depth must be 6n + 2 (8, 14, 20, …), got {depth}")
    if zero_init and not residual:
        raise ValueError("cifar_resnet: zero_init needs residual=True, else every block passes on 0")
    n = (depth - 2) // 6
    block = partial(BasicBlock, norm=norm, shortcut="pad" if residual else None)
    return ResNet(block, (n, n, n), (width, 2 * width, 4 * width), num_classes, in_channels,
                  partial(ConvNormAct, stride=stem_stride, norm=norm), width, zero_init=zero_init)


def small_resnet(num_classes=10, in_channels=1):
    """A ResNet of depth 8 for 28 × 28 digits, 14 × 14 behind the stem.  See `ResNet`, also for Raises."""
    return ResNet(BasicBlock, (1, 1, 1), (16, 32, 64), num_classes, in_channels, partial(ConvNormAct, stride=2), 16)


def small_preact_resnet(num_classes=10, in_channels=1):
    """`small_resnet` with pre-activation (He et al. 2016b).  See `ResNet`, also for Raises."""
    return _preact(PreActBlock, (1, 1, 1), (16, 32, 64), num_classes, in_channels, partial(ConvNormAct, stride=2), 16)


def small_se_resnet(num_classes=10, in_channels=1):
    """`small_resnet` with squeeze-and-excitation (Hu et al. 2018).  See `ResNet`, also for Raises."""
    block = partial(BasicBlock, reduction_ratio=4)
    return ResNet(block, (1, 1, 1), (16, 32, 64), num_classes, in_channels, partial(ConvNormAct, stride=2), 16)
