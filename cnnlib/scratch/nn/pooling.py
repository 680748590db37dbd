"""Pooling: maxima, means and norms of windows, and of a grid of regions."""

from cnnlib.checks import per_axis

from .. import functional as F
from .module import FunctionLayer

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool2d", "MaxPool1d", "MaxPool2d", "MaxPool3d",
]


class _MaxPool(FunctionLayer):
    """The options of max pooling."""

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        super().__init__(kernel_size=kernel_size, stride=kernel_size if stride is None else stride, padding=padding,
                         dilation=dilation, return_indices=return_indices, ceil_mode=ceil_mode)

    def extra_repr(self):
        return ", ".join(f"{name}={value}" for name, value in self.options().items() if name != "return_indices")


class MaxPool1d(_MaxPool):
    """The largest value of each window: (N, C, L)  →  (N, C, L_out), or both without N; see `functional.max_pool1d`."""

    function = F.max_pool1d


class MaxPool2d(_MaxPool):
    """The largest value of each window: (N, C, H, W)  →  (N, C, H_out, W_out); see `functional.max_pool2d`."""

    function = F.max_pool2d


class MaxPool3d(_MaxPool):
    """The largest value of each window: (N, C, D, H, W)  →  (N, C, D_out, …); see `functional.max_pool3d`."""

    function = F.max_pool3d


class _AvgPool(FunctionLayer):
    """How average pooling is printed."""

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window: (N, C, L)  →  (N, C, L_out), or both without N; see `functional.avg_pool1d`."""

    function = F.avg_pool1d

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        kernel_size = per_axis("AvgPool1d", "kernel_size", kernel_size, 1, minimum=1)
        stride = kernel_size if stride is None else per_axis("AvgPool1d", "stride", stride, 1, minimum=1)
        padding = per_axis("AvgPool1d", "padding", padding, 1, minimum=0)
        super().__init__(kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
                         count_include_pad=count_include_pad)


class AvgPool2d(_AvgPool):
    """The mean of each window: (N, C, H, W)  →  (N, C, H_out, W_out); see `functional.avg_pool2d`."""

    function = F.avg_pool2d

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                 divisor_override=None):
        super().__init__(kernel_size=kernel_size, stride=kernel_size if stride is None else stride, padding=padding,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad, divisor_override=divisor_override)


class AvgPool3d(_AvgPool):
    """The mean of each window: (N, C, D, H, W)  →  (N, C, D_out, …); see `functional.avg_pool3d`."""

    function = F.avg_pool3d

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                 divisor_override=None):
        super().__init__(kernel_size=kernel_size, stride=kernel_size if stride is None else stride, padding=padding,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad, divisor_override=divisor_override)


class LPPool2d(FunctionLayer):
    """The p-norm of each window: (N, C, H, W)  →  (N, C, H_out, W_out); see `functional.lp_pool2d`."""

    function = F.lp_pool2d

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__(norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode)


class _AdaptiveAvgPool(FunctionLayer):
    """The option of adaptive average pooling."""

    def __init__(self, output_size):
        super().__init__(output_size=output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of output_size stretches: (N, C, L)  →  (N, C, output_size); see `functional.adaptive_avg_pool1d`."""

    function = F.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of a grid of regions: (N, C, H, W)  →  (N, C, *output_size); see `functional.adaptive_avg_pool2d`."""

    function = F.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of a grid of regions: (N, C, D, H, W)  →  (N, C, *output_size); see `functional.adaptive_avg_pool3d`."""

    function = F.adaptive_avg_pool3d


class _AdaptiveMaxPool(FunctionLayer):
    """The options of adaptive max pooling."""

    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size=output_size, return_indices=return_indices)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of output_size stretches: (N, C, L)  →  (N, C, output_size); see `functional.adaptive_max_pool1d`."""

    function = F.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of a grid of regions: (N, C, H, W)  →  (N, C, *output_size); see `functional.adaptive_max_pool2d`."""

    function = F.adaptive_max_pool2d
