"""Maps of several resolutions that tell each other what they see: FPN's way down, HRNet's exchange.

Both take and give a list of feature maps, the finest first, each about half the size of the one before it.
"""

import math

import torch.fx
import torch.nn.functional as F
from torch import nn

from ..checks import Ints, Positive, check_type, checked, require
from ..tensors import check_input
from .conv import ConvNormAct

__all__ = ["HRExchange", "TopDownPyramid"]


def _check_maps(name, maps, channels):
    """Raises TypeError or ValueError unless maps is a list of tensors (N, C, H, W), one for each of channels."""
    if isinstance(maps, torch.fx.Proxy):
        return
    check_type(name, (list, tuple), f"a list of {len(channels)} feature maps", input=maps)
    require(name, len(maps) == len(channels),
            f"input must be {len(channels)} feature maps, the finest first, got {len(maps)}")
    for x, number in zip(maps, channels, strict=True):
        check_input(name, x, number)
    shapes = [tuple(x.shape) for x in maps if not isinstance(x, torch.fx.Proxy)]
    require(name, len({shape[0] for shape in shapes}) <= 1,
            f"input must be maps of the same N images, got shapes {shapes}")


def _check_halves(name, maps):
    """Raises ValueError unless each map is half the size of the one before it, rounded up."""
    if isinstance(maps, torch.fx.Proxy) or isinstance(maps[0], torch.fx.Proxy):
        return
    sizes = [tuple(x.shape[2:]) for x in maps]
    wanted = [tuple(math.ceil(n / 2**i) for n in sizes[0]) for i in range(len(sizes))]
    require(name, sizes == wanted,
            f"input must be maps of H, W = {wanted}, each half the one before it, rounded up, got {sizes}")


@checked
class TopDownPyramid(nn.Module):
    """Carry what the coarse maps know down to the fine ones: the feature pyramid network (Lin et al. 2017).

    inner_i = 1×1 convolution of x_i + enlarged inner_{i+1}            out_i = 3×3 convolution of inner_i

    list of (N, in_channels[i], H_i, W_i)  →  list of (N, out_channels, H_i, W_i), the finest first. Maps are enlarged
    to the next finer one's size by repeating pixels (nearest), so any sizes fit.
    Raises TypeError or ValueError unless channels are ints of at least 1, and for maps of another number, other
    channels or different N.
    """

    def __init__(self, in_channels: Ints, out_channels: Positive = 256):
        super().__init__()
        self.in_channels = tuple(in_channels)
        self.inner = nn.ModuleList(nn.Conv2d(channels, out_channels, 1) for channels in in_channels)
        self.outer = nn.ModuleList(nn.Conv2d(out_channels, out_channels, 3, padding=1) for _ in in_channels)
        for conv in (*self.inner, *self.outer):
            nn.init.kaiming_uniform_(conv.weight, a=1)                   # as torchvision: no ReLU follows
            nn.init.zeros_(conv.bias)

    def forward(self, maps):
        _check_maps(self, maps, self.in_channels)
        coarser, out = None, []
        for i in reversed(range(len(self.in_channels))):
            x = self.inner[i](maps[i])
            if coarser is not None:
                x = x + F.interpolate(coarser, size=x.shape[2:], mode="nearest")
            out.append(self.outer[i](x))
            coarser = x
        return out[::-1]


@checked
class HRExchange(nn.Module):
    """Every resolution gets the sum of all, each brought to its size: the exchange of HRNet (Sun et al. 2019).

    out_i = ReLU(Σ_j f_ji(x_j))     f_ji: x_i itself for j = i;  a 1×1 convolution, enlarged, for j > i (coarser);
                                    i − j convolutions 3×3 of stride 2 for j < i (finer), ReLU between them

    list of (N, channels[i], ⌈H/2^i⌉, ⌈W/2^i⌉)  →  the same shapes; with outputs given only the first ones of them.
    Maps are enlarged to the finer one's size by repeating pixels. Every convolution has batch normalisation.
    Raises TypeError or ValueError unless channels are ints of at least 1 and outputs at most as many, and for maps of
    other channels, sizes or numbers of images.
    """

    def __init__(self, channels: Ints, outputs: Positive | None = None):
        super().__init__()
        outputs = len(channels) if outputs is None else outputs
        require(self, outputs <= len(channels),
                f"outputs must be at most {len(channels)}, as many as channels, got {outputs}")
        self.channels = tuple(channels)
        self.ways = nn.ModuleList(nn.ModuleList(self._way(j, i) for j in range(len(channels))) for i in range(outputs))
        self.activation = nn.ReLU()

    def _way(self, j, i):
        """From resolution j to resolution i."""
        if j == i:
            return nn.Identity()
        if j > i:
            return ConvNormAct(self.channels[j], self.channels[i], 1, activation=None)
        halvings = [ConvNormAct(self.channels[j], self.channels[j], 3, stride=2) for _ in range(i - j - 1)]
        return nn.Sequential(*halvings, ConvNormAct(self.channels[j], self.channels[i], 3, stride=2, activation=None))

    def forward(self, maps):
        _check_maps(self, maps, self.channels)
        _check_halves(self, maps)
        out = []
        for i, ways in enumerate(self.ways):
            total = maps[i]
            for j, way in enumerate(ways):
                if j < i:
                    total = total + way(maps[j])
                elif j > i:
                    total = total + F.interpolate(way(maps[j]), size=maps[i].shape[2:], mode="nearest")
            out.append(self.activation(total))
        return out
