"""Channels into space and back, and channels in another order."""

from .. import functional as F
from .module import FunctionLayer

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(FunctionLayer):
    """Channels into space: (*, C·r², H, W)  →  (*, C, H·r, W·r); see `functional.pixel_shuffle`."""

    function = F.pixel_shuffle

    def __init__(self, upscale_factor):
        super().__init__(upscale_factor=upscale_factor)


class PixelUnshuffle(FunctionLayer):
    """Space into channels: (*, C, H·r, W·r)  →  (*, C·r², H, W); see `functional.pixel_unshuffle`."""

    function = F.pixel_unshuffle

    def __init__(self, downscale_factor):
        super().__init__(downscale_factor=downscale_factor)


class ChannelShuffle(FunctionLayer):
    """Mix the channels of groups: (N, C, *)  →  (N, C, *); see `functional.channel_shuffle`."""

    function = F.channel_shuffle

    def __init__(self, groups):
        super().__init__(groups=groups)
