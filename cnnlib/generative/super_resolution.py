"""Super-resolution: what makes a picture smaller, the network that makes it larger, and the pairs it learns from."""

import torch
import torch.nn.functional as F
from torch import nn

from ..blocks import SubpixelUpsample
from ..checks import NonNegativeNumber, Positive, Seed, check_type, checked, require
from ..tensors import Floats, check_floats, check_input, check_shape

__all__ = ["ESPCN", "bicubic_downsample", "bicubic_upsample", "super_resolution_pairs"]

START = 0.1                                                              # how large the residual begins


@checked
def bicubic_downsample(images: Floats, scale: Positive = 2):
    """Pictures made smaller without aliasing: what a super-resolution network gets.

    images: (N, C, H, W) in [0, 1], H and W multiples of scale  →  (N, C, H/scale, W/scale) in [0, 1]; bicubic
    interpolation overshoots at edges, and what leaves the range is cut.
    Raises TypeError or ValueError naming the argument.
    """
    name = "bicubic_downsample"
    check_shape(name, images, "N", "C", "H", "W")
    require(name, all(side % scale == 0 for side in images.shape[2:]),
            f"H and W of images must be multiples of scale {scale}, got shape {tuple(images.shape)}")
    sides = [side // int(scale) for side in images.shape[2:]]
    return F.interpolate(images, sides, mode="bicubic", antialias=True).clamp(0, 1)


@checked
def bicubic_upsample(images: Floats, scale: Positive = 2):
    """Pictures made larger by piecewise cubic polynomials: what a super-resolution network is to beat.

    images: (N, C, H, W)  →  (N, C, scale·H, scale·W), which may leave the range of images a little at edges.
    Raises TypeError or ValueError naming the argument.  Source: Keys (1981); `torch.nn.functional.interpolate`.
    """
    check_shape("bicubic_upsample", images, "N", "C", "H", "W")
    return F.interpolate(images, scale_factor=int(scale), mode="bicubic")


@checked
class ESPCN(nn.Module):
    """Super-resolution that does all of its work at the low resolution (Shi et al. 2016).

    f(x) = bicubic(x) + shuffle(conv₃(… φ(conv₅(x))))        φ: LeakyReLU of slope 0.1

    (N, channels, H, W)  →  (N, channels, scale·H, scale·W).  width: channels between.  layers: convolutions, one of
    5×5 and then of 3×3, at least two; the last one is a `SubpixelUpsample`.
    The paper has three layers with tanh, and predicts the picture itself; here it is what bicubic interpolation lacks,
    and the head begins a tenth as large as ICNR makes it: the network starts near bicubic, without a checkerboard.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and layers at least 2, and for inputs of another
    shape.
    """

    def __init__(self, channels: Positive = 1, scale: Positive = 2, width: Positive = 32, layers: Positive = 4,
                 slope: NonNegativeNumber = 0.1):
        super().__init__()
        require(self, layers >= 2, f"layers must be at least 2, got {layers}")
        self.channels, self.scale = channels, scale
        body = [nn.Conv2d(channels, width, 5, padding=2), nn.LeakyReLU(slope)]
        for _ in range(layers - 2):
            body += [nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(slope)]
        self.body = nn.Sequential(*body)
        self.head = SubpixelUpsample(width, channels, scale)
        with torch.no_grad():
            self.head[0].weight.mul_(START)

    def forward(self, x):
        check_input(self, x, self.channels)
        return F.interpolate(x, scale_factor=self.scale, mode="bicubic") + self.head(self.body(x))


@checked
def super_resolution_pairs(pictures, count: Positive, size: Positive = 48, scale: Positive = 2, seed: Seed = 0):
    """Squares cut out of pictures at random, each mirrored and turned on its side half of the time, small and large.

    pictures: a list of tensors (C, H, W) in [0, 1], their sides at least size.  size: of the large squares, a multiple
    of scale.  seed: of all that is drawn; each picture is drawn equally often.
    → small (count, C, size/scale, size/scale) by `bicubic_downsample`, and large (count, C, size, size).
    Raises TypeError or ValueError naming the argument.
    """
    name = "super_resolution_pairs"
    check_type(name, (list, tuple), "a list of tensors", pictures=pictures)
    require(name, len(pictures), "pictures must hold at least one")
    for picture in pictures:
        check_floats(name, "a list of tensors of floats", pictures=picture)
        require(name, picture.ndim == 3 and min(picture.shape[1:]) >= size,
                f"pictures must be (C, H, W) with sides of at least size {size}, got shape {tuple(picture.shape)}")
    require(name, size % scale == 0, f"size must be a multiple of scale {scale}, got {size}")
    generator, large = torch.Generator().manual_seed(int(seed)), []

    def draw(below):
        return int(torch.randint(below, (), generator=generator))

    for _ in range(count):
        picture = pictures[draw(len(pictures))]
        top, left = (draw(side - size + 1) for side in picture.shape[1:])
        square = picture[:, top:top + size, left:left + size]
        square = square.flip(-1) if draw(2) else square
        large.append(square.mT if draw(2) else square)
    large = torch.stack(large)
    return bicubic_downsample(large, scale), large
