"""im2col and col2im: the windows of an image as columns, and their sum."""

from .. import functional as F
from .module import FunctionLayer

__all__ = ["Fold", "Unfold"]


class Unfold(FunctionLayer):
    """im2col: (N, C, H, W)  →  (N, C·kH·kW, H_out·W_out); see `functional.unfold`."""

    function = F.unfold

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)


class Fold(FunctionLayer):
    """col2im, the transpose of Unfold: (N, C·kH·kW, L)  →  (N, C, *output_size); see `functional.fold`."""

    function = F.fold

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__(output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding,
                         stride=stride)
