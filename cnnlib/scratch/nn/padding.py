"""Padding around images."""

from cnnlib.checks import is_int

from .. import functional as F
from ..tensor.autograd import apply
from .module import FunctionLayer

__all__ = ["CircularPad2d", "ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d"]


class _Pad(FunctionLayer):
    """Padding for the last two axes: an int, or (left, right, top, bottom)."""

    mode = "constant"

    def __init__(self, padding):
        padding = (padding,) * 4 if is_int(padding) else tuple(padding)
        if len(padding) != 4 or not all(map(is_int, padding)):
            raise TypeError(f"{type(self).__name__}: padding must be an int or 4 ints, got {padding}")
        super().__init__(padding=padding)

    def forward(self, input):
        return apply(F.pad, input, pad=self.padding, mode=self.mode)

    def extra_repr(self):
        return str(self.padding)


class ZeroPad2d(_Pad):
    """Zeros around: (*, H, W)  →  (*, H + top + bottom, W + left + right); see `functional.pad`."""


class ConstantPad2d(_Pad):
    """A number around: (*, H, W)  →  (*, H + top + bottom, W + left + right); see `functional.pad`."""

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return apply(F.pad, input, pad=self.padding, mode="constant", value=self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ReflectionPad2d(_Pad):
    """The mirrored image around: (*, H, W)  →  (*, H + top + bottom, W + left + right); see `functional.pad`."""

    mode = "reflect"


class ReplicationPad2d(_Pad):
    """The image's edge around: (*, H, W)  →  (*, H + top + bottom, W + left + right); see `functional.pad`."""

    mode = "replicate"


class CircularPad2d(_Pad):
    """The image's other end around: (*, H, W)  →  (*, H + top + bottom, W + left + right); see `functional.pad`."""

    mode = "circular"
