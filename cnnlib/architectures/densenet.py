"""DenseNet (Huang et al. 2017): every layer of a block sees the outputs of all before it, so each may be thin."""

from torch import nn

from cnnlib.blocks import ConvNormAct, DenseBlock, Transition
from cnnlib.checks import Ints, Positive, checked
from cnnlib.tensors import check_input

from .resnet import imagenet_stem

__all__ = ["DenseNet", "densenet121", "densenet161", "densenet169", "densenet201", "small_densenet"]


@checked
class DenseNet(nn.Module):
    """DenseNet-BC (Huang et al. 2017): (N, in_channels, H, W)  →  (N, num_classes)

    A stem, dense blocks with a transition between each two, norm and ReLU, the mean over the image, one linear layer.
    growth_rate: channels that each layer adds.  depths: layers of each dense block.  stem_channels: k₀ of the first.
    stem_stride: 4 is ImageNet's stem, 7×7 and a max pool; else a 3×3 convolution of that stride.
    Each transition halves the channels and the size, so H and W must be at least stem_stride · (2^transitions − 1) + 1.
    Raises TypeError or ValueError unless sizes are ints of at least 1, and for an input of another shape or too small.
    """

    def __init__(self, growth_rate: Positive, depths: Ints, stem_channels: Positive, num_classes: Positive,
                 in_channels: Positive, stem_stride: Positive = 4):
        super().__init__()
        self.in_channels = in_channels
        self.least = stem_stride * (2 ** (len(depths) - 1) - 1) + 1
        self.stem = (imagenet_stem(in_channels, stem_channels) if stem_stride == 4 else
                     ConvNormAct(in_channels, stem_channels, 3, stem_stride))
        channels, stages = stem_channels, []
        for number, layers in enumerate(depths):
            if number > 0:
                stages.append(Transition(channels, channels // 2))
                channels //= 2
            stages.append(DenseBlock(channels, growth_rate, layers))
            channels += layers * growth_rate
        self.stages = nn.Sequential(*stages)
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))

        for module in self.modules():
            if isinstance(module, nn.Conv2d):                            # He et al. 2015
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x):
        check_input(self, x, self.in_channels, (self.least, self.least))
        return self.head(self.last(self.stages(self.stem(x))))


def densenet121(num_classes=1000, in_channels=3):
    """DenseNet-121: 7,978,856 parameters; torchvision's `densenet121`.  See `DenseNet`, also for Raises."""
    return DenseNet(32, (6, 12, 24, 16), 64, num_classes, in_channels)


def densenet161(num_classes=1000, in_channels=3):
    """DenseNet-161: 28,681,000 parameters; torchvision's `densenet161`.  See `DenseNet`, also for Raises."""
    return DenseNet(48, (6, 12, 36, 24), 96, num_classes, in_channels)


def densenet169(num_classes=1000, in_channels=3):
    """DenseNet-169: 14,149,480 parameters; torchvision's `densenet169`.  See `DenseNet`, also for Raises."""
    return DenseNet(32, (6, 12, 32, 32), 64, num_classes, in_channels)


def densenet201(num_classes=1000, in_channels=3):
    """DenseNet-201: 20,013,928 parameters; torchvision's `densenet201`.  See `DenseNet`, also for Raises."""
    return DenseNet(32, (6, 12, 48, 32), 64, num_classes, in_channels)


def small_densenet(num_classes=10, in_channels=1):
    """Three dense blocks of 4 layers, growth rate 8, for 28 × 28 digits.  See `DenseNet`, also for Raises."""
    return DenseNet(8, (4, 4, 4), 16, num_classes, in_channels, stem_stride=2)
