"""HRNet: the fine map is never given up; coarser ones run beside it, and all exchange what they see."""

import torch.nn.functional as F
from torch import cat, nn

from cnnlib.blocks import BasicBlock, Bottleneck, ConvNormAct, HRExchange
from cnnlib.checks import Ints, Positive, check_count, check_type, checked
from cnnlib.tensors import check_input

__all__ = ["HRNet", "HRNetClassifier", "HRNetSegmenter", "hrnet_w18", "small_hrnet", "small_hrnet_segmenter"]


@checked
class HRModule(nn.Module):
    """Residual blocks on each resolution by itself, then the exchange (Sun et al. 2019).

    list of (N, channels[i], H/2^i, W/2^i)  →  the same shapes.  Raises what `HRExchange` raises.
    """

    def __init__(self, channels, blocks: Positive):
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(BasicBlock(width, width) for _ in range(blocks)))
                                      for width in channels)
        self.exchange = HRExchange(channels)

    def forward(self, maps):
        return self.exchange([branch(maps[i]) for i, branch in enumerate(self.branches)])


@checked
class HRNet(nn.Module):
    """The high-resolution network (Sun et al. 2019): maps of all resolutions, the finest first.

    (N, in_channels, H, W)  →  list of (N, widths[i], H/s, W/s) with s = stride of the stem · 2^i, rounded up

    stem: a module of in_channels to stem_channels that works on the fine map alone.  Then comes one stage for every
    further resolution: a convolution of stride 2 on the coarsest map starts it, `HRModule`s follow.
    widths: the channels of each resolution.  modules: how many modules each stage has, one number fewer than widths.
    blocks: how many residual blocks a branch has in a module.
    Raises TypeError or ValueError unless sizes are ints of at least 1, and for other than len(widths) − 1 modules.
    """

    def __init__(self, stem, in_channels: Positive, stem_channels: Positive, widths: Ints, modules: Ints,
                 blocks: Positive):
        super().__init__()
        check_count(self, len(widths) - 1, "one number fewer than widths", modules=modules)
        self.in_channels, self.widths = in_channels, tuple(widths)
        self.stem = stem
        self.fine = ConvNormAct(stem_channels, widths[0])
        before = (stem_channels, *widths[1:])                            # the second map too is made of the stem's
        self.coarser = nn.ModuleList(ConvNormAct(before[i], widths[i + 1], stride=2) for i in range(len(modules)))
        self.stages = nn.ModuleList(nn.Sequential(*(HRModule(widths[:i + 2], blocks) for _ in range(count)))
                                    for i, count in enumerate(modules))

    def forward(self, x):
        check_input(self, x, self.in_channels)
        coarsest = self.stem(x)
        maps = [self.fine(coarsest)]
        for coarser, stage in zip(self.coarser, self.stages, strict=True):
            maps = stage([*maps, coarser(coarsest)])
            coarsest = maps[-1]
        return maps


@checked
class HRNetClassifier(nn.Module):
    """One class for the image from all resolutions (Wang et al. 2020, HRNet-W-C).  (N, C, H, W) → (N, num_classes)

    Each map is widened by a bottleneck; from the finest on a convolution of stride 2 brings the sum so far to the next
    coarser one, where it is added. Then features channels, the mean over the image, and a linear layer.
    net: an `HRNet`.  widths: channels of each widened map, multiples of 4.
    Raises TypeError for another net, TypeError or ValueError unless sizes are ints of at least 1, one width a map.
    """

    def __init__(self, net, widths: Ints, features: Positive, num_classes: Positive):
        super().__init__()
        check_type(self, HRNet, "an HRNet", net=net)
        check_count(self, len(net.widths), f"{len(net.widths)} numbers, one a map", widths=widths)
        self.net = net
        self.widen = nn.ModuleList(Bottleneck(narrow, wide) for narrow, wide in zip(net.widths, widths, strict=True))
        self.shrink = nn.ModuleList(_conv(fine, coarse, 3, 2) for fine, coarse in zip(widths, widths[1:], strict=False))
        self.head = nn.Sequential(_conv(widths[-1], features, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                  nn.Linear(features, num_classes))

    def forward(self, x):
        maps = self.net(x)
        total = self.widen[0](maps[0])
        for widen, shrink, coarse in zip(self.widen[1:], self.shrink, maps[1:], strict=True):
            total = widen(coarse) + shrink(total)
        return self.head(total)


@checked
class HRNetSegmenter(nn.Module):
    """A class for every pixel from all resolutions (Wang et al. 2020, HRNetV2).  (N, C, H, W) → (N, num_classes, H, W)

    All maps are enlarged to the finest one's size (bilinear) and laid one upon the other; a 1×1 convolution mixes
    them, another one classifies, and the classes are enlarged to the size of the image.
    net: an `HRNet`.  Raises TypeError for another net, ValueError for num_classes below 1.
    """

    def __init__(self, net, num_classes: Positive):
        super().__init__()
        check_type(self, HRNet, "an HRNet", net=net)
        self.net = net
        channels = sum(net.widths)
        self.classify = nn.Sequential(_conv(channels, channels, 1), nn.Conv2d(channels, num_classes, 1))

    def forward(self, x):
        maps = self.net(x)
        finest = maps[0].shape[2:]
        enlarged = [maps[0], *(F.interpolate(coarse, size=finest, mode="bilinear") for coarse in maps[1:])]
        return F.interpolate(self.classify(cat(enlarged, 1)), size=x.shape[2:], mode="bilinear")


def _conv(in_channels, out_channels, kernel_size, stride=1):
    """`ConvNormAct` with a bias that its norm makes superfluous: the published networks have it in their heads."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2),
                         nn.BatchNorm2d(out_channels), nn.ReLU())


def hrnet_w18(num_classes=1000, in_channels=3):
    """HRNet-W18-C for ImageNet (Wang et al. 2020): 21,299,004 parameters.  (N, in_channels, H, W) → (N, num_classes)

    18, 36, 72 and 144 channels at 1/4, 1/8, 1/16 and 1/32 of the size.  Raises what `HRNetClassifier` raises.
    """
    stem = nn.Sequential(ConvNormAct(in_channels, 64, stride=2), ConvNormAct(64, 64, stride=2),
                         Bottleneck(64, 256), *(Bottleneck(256, 256) for _ in range(3)))
    net = HRNet(stem, in_channels, 256, (18, 36, 72, 144), modules=(1, 4, 3), blocks=4)
    return HRNetClassifier(net, (128, 256, 512, 1024), 2048, num_classes)


def _small(in_channels):
    return HRNet(ConvNormAct(in_channels, 16, stride=2), in_channels, 16, (12, 24, 48), modules=(1, 1), blocks=1)


def small_hrnet(num_classes=10, in_channels=1):
    """A small HRNet for 28×28 digits: 14×14, 7×7 and 4×4.  (N, in_channels, H, W) → (N, num_classes)

    Raises what `HRNetClassifier` raises.
    """
    return HRNetClassifier(_small(in_channels), (32, 64, 128), 128, num_classes)


def small_hrnet_segmenter(num_classes=2, in_channels=1):
    """The same maps, a class for every pixel of `cnnlib.data.scenes`.  (N, in_channels, H, W) → (N, num_classes, H, W)

    Raises what `HRNetSegmenter` raises.
    """
    return HRNetSegmenter(_small(in_channels), num_classes)
