"""Interpolation to a larger or smaller grid."""

from .. import functional as F
from .module import FunctionLayer

__all__ = ["Upsample"]


class Upsample(FunctionLayer):
    """Interpolate to a size or by a factor: (N, C, *)  →  (N, C, *size); see `functional.interpolate`."""

    function = F.interpolate

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        if scale_factor is not None:
            many = isinstance(scale_factor, (tuple, list))
            scale_factor = tuple(map(float, scale_factor)) if many else float(scale_factor)
        super().__init__(size=size, scale_factor=scale_factor, mode=mode, align_corners=align_corners,
                         recompute_scale_factor=recompute_scale_factor)

    def extra_repr(self):
        given = "size" if self.scale_factor is None else "scale_factor"
        return f"{given}={getattr(self, given)}, mode={self.mode!r}"
