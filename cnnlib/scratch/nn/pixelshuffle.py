"""Channels into space and back, and channels in another order."""

from .. import functional as F
from ..tensor.autograd import apply
from .module import FunctionLayer

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(FunctionLayer):
    """Channels into space: (*, C·r², H, W)  →  (*, C, H·r, W·r); see `functional.pixel_shuffle`."""

    def __init__(self, upscale_factor):
        super().__init__(upscale_factor=upscale_factor)

    def forward(self, input):
        return apply(F.pixel_shuffle, input, **self.options())


class PixelUnshuffle(FunctionLayer):
    """Space into channels: (*, C, H·r, W·r)  →  (*, C·r², H, W); see `functional.pixel_unshuffle`."""

    def __init__(self, downscale_factor):
        super().__init__(downscale_factor=downscale_factor)

    def forward(self, input):
        return apply(F.pixel_unshuffle, input, **self.options())


class ChannelShuffle(FunctionLayer):
    """Mix the channels of groups: (N, C, *)  →  (N, C, *); see `functional.channel_shuffle`."""

    def __init__(self, groups):
        super().__init__(groups=groups)

    def forward(self, input):
        return apply(F.channel_shuffle, input, **self.options())
