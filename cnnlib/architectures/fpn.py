"""Feature pyramids (Lin et al. 2017): a backbone's maps of several resolutions, each as knowing as the coarsest."""

from typing import Literal

import torch.nn.functional as F
from torch import nn

from cnnlib.blocks import BasicBlock, ConvNormAct, TopDownPyramid
from cnnlib.checks import Ints, Positive, check_int, check_type, checked, kind, require
from cnnlib.tensors import check_input

from .resnet import resnet50

__all__ = ["FPNSegmenter", "PyramidBackbone", "resnet50_fpn", "small_fpn", "small_pyramid"]

Levels = kind(int, check_int, 1, 4)                                      # as many as the backbones have stages


@checked
class PyramidBackbone(nn.Module):
    """Stages of a network, bottom up, and a pyramid over the last of them, top down (Lin et al. 2017).

    (N, in_channels, H, W)  →  list of (N, out_channels, H/s, W/s), the finest first, rounded up

    stem, stages: the parts of a classifier, each given what the one before it made.  channels: those of the stages the
    pyramid stands on, the last len(channels) of them.
    extra_levels: coarser maps above, made of the coarsest. "pool" adds one, every second pixel of it (Lin et al. 2017,
    for proposals); "conv" adds two by 3×3 convolutions of stride 2, ReLU between them (P6 and P7 of RetinaNet and
    FCOS).
    Raises TypeError unless stem and stages are modules, ValueError for more channels than stages and for another
    extra_levels.
    """

    def __init__(self, stem, stages, channels: Ints, out_channels: Positive = 256, in_channels: Positive = 3,
                 extra_levels: Literal[None, "pool", "conv"] = None):
        super().__init__()
        check_type(self, (tuple, list, nn.Sequential, nn.ModuleList), "a list of modules", stages=stages)
        for part in (stem, *stages):
            check_type(self, nn.Module, "modules", **{"stem and stages": part})
        require(self, len(channels) <= len(stages), f"channels must be for 1 to {len(stages)} stages, got {channels}")
        self.in_channels, self.out_channels, self.extra_levels = in_channels, out_channels, extra_levels
        self.unused = len(stages) - len(channels)
        self.stem, self.stages = stem, nn.ModuleList(stages)
        self.pyramid = TopDownPyramid(channels, out_channels)
        if extra_levels == "conv":
            self.coarser = nn.ModuleList(nn.Conv2d(out_channels, out_channels, 3, 2, 1) for _ in range(2))
            for conv in self.coarser:
                nn.init.kaiming_uniform_(conv.weight, a=1)
                nn.init.zeros_(conv.bias)

    def forward(self, x):
        check_input(self, x, self.in_channels)
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        maps = self.pyramid(maps[self.unused:])
        if self.extra_levels == "pool":
            maps.append(F.max_pool2d(maps[-1], 1, 2))
        elif self.extra_levels == "conv":
            maps.append(self.coarser[0](maps[-1]))
            maps.append(self.coarser[1](F.relu(maps[-1])))
        return maps


@checked
def resnet50_fpn(out_channels=256, in_channels=3, levels: Levels = 4, extra_levels="pool"):
    """ResNet-50 under a feature pyramid, the backbone of most detectors (Lin et al. 2017).

    (N, in_channels, H, W)  →  list of (N, out_channels, H/s, W/s) for s = 4, 8, 16, 32 and, of "pool", 64
    levels: how many stages the pyramid stands on, from the last. RetinaNet and FCOS take 3 and extra_levels="conv":
    s = 8, 16, 32, 64, 128.  With the defaults these are the tensors of torchvision's `resnet_fpn_backbone`.
    Raises what `PyramidBackbone` raises, and ValueError unless levels is from 1 to 4.
    """
    resnet = resnet50(in_channels=in_channels)
    return PyramidBackbone(resnet.stem, resnet.stages, (256, 512, 1024, 2048)[-levels:], out_channels, in_channels,
                           extra_levels)


@checked
class FPNSegmenter(nn.Module):
    """A class for every pixel, from all maps of a pyramid (Kirillov et al. 2019, Panoptic FPN).

    (N, in_channels, H, W)  →  (N, num_classes, H, W)

    backbone: a `PyramidBackbone` without extra_levels.  Each map is convolved and enlarged to the finest one's size;
    the sum of all gives the classes, enlarged to the size of the image (bilinear, which makes smooth borders).
    Raises TypeError for another backbone, ValueError for one with extra_levels and unless sizes are ints of at least 1.
    """

    def __init__(self, backbone, num_classes: Positive, width: Positive = 128):
        super().__init__()
        check_type(self, PyramidBackbone, "a PyramidBackbone", backbone=backbone)
        require(self, backbone.extra_levels is None,
                f"backbone must have extra_levels=None, got {backbone.extra_levels!r}")
        self.backbone = backbone
        self.read = nn.ModuleList(ConvNormAct(backbone.out_channels, width) for _ in backbone.pyramid.in_channels)
        self.classify = nn.Conv2d(width, num_classes, 1)

    def forward(self, x):
        maps = self.backbone(x)
        total = self.read[0](maps[0])
        for read, coarse in zip(self.read[1:], maps[1:], strict=True):
            total = total + F.interpolate(read(coarse), size=maps[0].shape[2:], mode="bilinear")
        return F.interpolate(self.classify(total), size=x.shape[2:], mode="bilinear")


@checked
def small_pyramid(in_channels=1, out_channels=32, levels: Levels = 4):
    """A small residual network under a pyramid, for `cnnlib.data.scenes`.

    (N, in_channels, H, W)  →  list of (N, out_channels, H/s, W/s) for the last of s = 2, 4, 8, 16, rounded up
    Raises what `PyramidBackbone` raises, and ValueError unless levels is from 1 to 4.
    """
    stages = [BasicBlock(16, 16), BasicBlock(16, 32, 2), BasicBlock(32, 64, 2), BasicBlock(64, 64, 2)]
    return PyramidBackbone(ConvNormAct(in_channels, 16, stride=2), stages, (16, 32, 64, 64)[-levels:], out_channels,
                           in_channels)


def small_fpn(num_classes=2, in_channels=1):
    """A segmenting pyramid for `cnnlib.data.scenes`.  (N, in_channels, H, W) → (N, num_classes, H, W), any sizes

    Raises what `FPNSegmenter` raises.
    """
    return FPNSegmenter(small_pyramid(in_channels), num_classes, width=32)
