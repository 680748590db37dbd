"""Layers without weights, and losses: each holds the options of the function of its name in `functional`."""

from cnnlib.checks import is_int, per_axis

from .. import functional as F
from ..tensor.autograd import apply
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AvgPool1d", "AvgPool2d", "AvgPool3d", "BCELoss", "BCEWithLogitsLoss", "ChannelShuffle", "CircularPad2d",
    "ConstantPad2d", "CrossEntropyLoss", "Dropout", "Dropout2d", "ELU", "Flatten", "Fold", "GELU", "Hardsigmoid",
    "Hardswish", "Hardtanh", "HuberLoss", "KLDivLoss", "L1Loss", "LPPool2d", "LeakyReLU", "LocalResponseNorm",
    "LogSigmoid", "LogSoftmax", "MSELoss", "MaxPool1d", "MaxPool2d", "MaxPool3d", "Mish", "NLLLoss", "PixelShuffle",
    "PixelUnshuffle", "ReLU", "ReLU6", "ReflectionPad2d", "ReplicationPad2d", "SELU", "SiLU", "Sigmoid", "SmoothL1Loss",
    "Softmax", "Softplus", "Tanh", "Unflatten", "Unfold", "Upsample", "ZeroPad2d",
]


class _Options(Module):
    """A layer that holds nothing but options: its attributes, and what `options()` returns for the function."""

    def __init__(self, **options):
        super().__init__()
        self._names = tuple(options)
        for name, value in options.items():
            setattr(self, name, value)

    def options(self):
        """The options as keyword arguments."""
        return {name: getattr(self, name) for name in self._names}

    def extra_repr(self):
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items())


# ---- pooling ---------------------------------------------------------------------------------------------------------

class _MaxPool(_Options):
    """The options of max pooling."""

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        super().__init__(kernel_size=kernel_size, stride=kernel_size if stride is None else stride, padding=padding,
                         dilation=dilation, return_indices=return_indices, ceil_mode=ceil_mode)

    def extra_repr(self):
        return ", ".join(f"{name}={value}" for name, value in self.options().items() if name != "return_indices")


class MaxPool1d(_MaxPool):
    """The largest value of each window: (N, C, L)  →  (N, C, L_out), or both without N; see `functional.max_pool1d`."""

    def forward(self, input):
        return apply(F.max_pool1d, input, **self.options())


class MaxPool2d(_MaxPool):
    """The largest value of each window: (N, C, H, W)  →  (N, C, H_out, W_out); see `functional.max_pool2d`."""

    def forward(self, input):
        return apply(F.max_pool2d, input, **self.options())


class MaxPool3d(_MaxPool):
    """The largest value of each window: (N, C, D, H, W)  →  (N, C, D_out, …); see `functional.max_pool3d`."""

    def forward(self, input):
        return apply(F.max_pool3d, input, **self.options())


class _AvgPool(_Options):
    """How average pooling is printed."""

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window: (N, C, L)  →  (N, C, L_out), or both without N; see `functional.avg_pool1d`."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        kernel_size = per_axis("AvgPool1d", "kernel_size", kernel_size, 1, minimum=1)
        stride = kernel_size if stride is None else per_axis("AvgPool1d", "stride", stride, 1, minimum=1)
        padding = per_axis("AvgPool1d", "padding", padding, 1, minimum=0)
        super().__init__(kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
                         count_include_pad=count_include_pad)

    def forward(self, input):
        return apply(F.avg_pool1d, input, **self.options())


class AvgPool2d(_AvgPool):
    """The mean of each window: (N, C, H, W)  →  (N, C, H_out, W_out); see `functional.avg_pool2d`."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                 divisor_override=None):
        super().__init__(kernel_size=kernel_size, stride=kernel_size if stride is None else stride, padding=padding,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad, divisor_override=divisor_override)

    def forward(self, input):
        return apply(F.avg_pool2d, input, **self.options())


class AvgPool3d(_AvgPool):
    """The mean of each window: (N, C, D, H, W)  →  (N, C, D_out, …); see `functional.avg_pool3d`."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                 divisor_override=None):
        super().__init__(kernel_size=kernel_size, stride=kernel_size if stride is None else stride, padding=padding,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad, divisor_override=divisor_override)

    def forward(self, input):
        return apply(F.avg_pool3d, input, **self.options())


class LPPool2d(_Options):
    """The p-norm of each window: (N, C, H, W)  →  (N, C, H_out, W_out); see `functional.lp_pool2d`."""

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__(norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode)

    def forward(self, input):
        return apply(F.lp_pool2d, input, **self.options())


class AdaptiveAvgPool1d(_Options):
    """Means of output_size stretches: (N, C, L)  →  (N, C, output_size); see `functional.adaptive_avg_pool1d`."""

    def __init__(self, output_size):
        super().__init__(output_size=output_size)

    def forward(self, input):
        return apply(F.adaptive_avg_pool1d, input, **self.options())


class AdaptiveAvgPool2d(_Options):
    """Means of a grid of regions: (N, C, H, W)  →  (N, C, *output_size); see `functional.adaptive_avg_pool2d`."""

    def __init__(self, output_size):
        super().__init__(output_size=output_size)

    def forward(self, input):
        return apply(F.adaptive_avg_pool2d, input, **self.options())


class AdaptiveAvgPool3d(_Options):
    """Means of a grid of regions: (N, C, D, H, W)  →  (N, C, *output_size); see `functional.adaptive_avg_pool3d`."""

    def __init__(self, output_size):
        super().__init__(output_size=output_size)

    def forward(self, input):
        return apply(F.adaptive_avg_pool3d, input, **self.options())


class _AdaptiveMaxPool(_Options):
    """The options of adaptive max pooling."""

    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size=output_size, return_indices=return_indices)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of output_size stretches: (N, C, L)  →  (N, C, output_size); see `functional.adaptive_max_pool1d`."""

    def forward(self, input):
        return apply(F.adaptive_max_pool1d, input, **self.options())


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of a grid of regions: (N, C, H, W)  →  (N, C, *output_size); see `functional.adaptive_max_pool2d`."""

    def forward(self, input):
        return apply(F.adaptive_max_pool2d, input, **self.options())


class LocalResponseNorm(_Options):
    """Divide by the power of neighbouring channels: (N, C, *)  →  the same; see `functional.local_response_norm`."""

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__(size=size, alpha=alpha, beta=beta, k=k)

    def forward(self, input):
        return apply(F.local_response_norm, input, **self.options())

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


# ---- activations: (*) → (*) ------------------------------------------------------------------------------------------

class _Activation(_Options):
    """How activations are printed: `inplace` only if it is set, which changes nothing here."""

    def extra_repr(self):
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items() if name != "inplace" or value)


class ReLU(_Activation):
    """max(0, x): (*)  →  (*); see `functional.relu`."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)

    def forward(self, input):
        return apply(F.relu, input, **self.options())


class ReLU6(_Activation):
    """min(max(0, x), 6): (*)  →  (*); see `functional.relu6`."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)

    def forward(self, input):
        return apply(F.relu6, input, **self.options())


class LeakyReLU(_Activation):
    """x, or negative_slope · x below 0: (*)  →  (*); see `functional.leaky_relu`."""

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__(negative_slope=negative_slope, inplace=inplace)

    def forward(self, input):
        return apply(F.leaky_relu, input, **self.options())


class ELU(_Activation):
    """x, or alpha (eˣ − 1) below 0: (*)  →  (*); see `functional.elu`."""

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__(alpha=alpha, inplace=inplace)

    def forward(self, input):
        return apply(F.elu, input, **self.options())


class SELU(_Activation):
    """ELU with the two constants that keep mean 0 and variance 1: (*)  →  (*); see `functional.selu`."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)

    def forward(self, input):
        return apply(F.selu, input, **self.options())


class GELU(_Activation):
    """x Φ(x), Φ the normal distribution: (*)  →  (*); see `functional.gelu`."""

    def __init__(self, approximate="none"):
        super().__init__(approximate=approximate)

    def forward(self, input):
        return apply(F.gelu, input, **self.options())


class SiLU(_Activation):
    """x σ(x): (*)  →  (*); see `functional.silu`."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)

    def forward(self, input):
        return apply(F.silu, input, **self.options())


class Mish(_Activation):
    """x tanh(ln(1 + eˣ)): (*)  →  (*); see `functional.mish`."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)

    def forward(self, input):
        return apply(F.mish, input, **self.options())


class Softplus(_Activation):
    """ln(1 + e^(beta x)) / beta: (*)  →  (*); see `functional.softplus`."""

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__(beta=beta, threshold=threshold)

    def forward(self, input):
        return apply(F.softplus, input, **self.options())


class Sigmoid(_Activation):
    """1 / (1 + e⁻ˣ): (*)  →  (*); see `functional.sigmoid`."""

    def forward(self, input):
        return apply(F.sigmoid, input)


class Tanh(_Activation):
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ): (*)  →  (*); see `functional.tanh`."""

    def forward(self, input):
        return apply(F.tanh, input)


class LogSigmoid(_Activation):
    """ln σ(x): (*)  →  (*); see `functional.logsigmoid`."""

    def forward(self, input):
        return apply(F.logsigmoid, input)


class Hardswish(_Activation):
    """x min(max(0, x + 3), 6) / 6: (*)  →  (*); see `functional.hardswish`."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)

    def forward(self, input):
        return apply(F.hardswish, input, **self.options())


class Hardsigmoid(_Activation):
    """min(max(0, x + 3), 6) / 6: (*)  →  (*); see `functional.hardsigmoid`."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)

    def forward(self, input):
        return apply(F.hardsigmoid, input, **self.options())


class Hardtanh(_Activation):
    """min(max(min_val, x), max_val): (*)  →  (*); see `functional.hardtanh`."""

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False):
        super().__init__(min_val=min_val, max_val=max_val, inplace=inplace)

    def forward(self, input):
        return apply(F.hardtanh, input, **self.options())


class Softmax(_Options):
    """eˣ divided by its sum along dim: (*)  →  (*); see `functional.softmax`."""

    def __init__(self, dim=None):
        super().__init__(dim=dim)

    def forward(self, input):
        return apply(F.softmax, input, **self.options())


class LogSoftmax(_Options):
    """x − ln Σ eˣ along dim: (*)  →  (*); see `functional.log_softmax`."""

    def __init__(self, dim=None):
        super().__init__(dim=dim)

    def forward(self, input):
        return apply(F.log_softmax, input, **self.options())


# ---- dropout ---------------------------------------------------------------------------------------------------------

class Dropout(_Options):
    """In training, 0 with probability p, else x / (1 − p): (*)  →  (*); see `functional.dropout`."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__(p=p, inplace=inplace)

    def forward(self, input):
        return apply(F.dropout, input, training=self.training, **self.options())


class Dropout2d(_Options):
    """Dropout of whole channels: (N, C, H, W)  →  (N, C, H, W); see `functional.dropout2d`."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__(p=p, inplace=inplace)

    def forward(self, input):
        return apply(F.dropout2d, input, training=self.training, **self.options())


# ---- shape -----------------------------------------------------------------------------------------------------------

class Flatten(_Options):
    """One axis in place of those from start_dim to end_dim: (N, *)  →  (N, product of *); see `Tensor.flatten`."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__(start_dim=start_dim, end_dim=end_dim)

    def forward(self, input):
        return input.flatten(self.start_dim, self.end_dim)


class Unflatten(_Options):
    """Several axes in place of one: (*, n, *)  →  (*, *unflattened_size, *); see `Tensor.unflatten`."""

    def __init__(self, dim, unflattened_size):
        super().__init__(dim=dim, unflattened_size=unflattened_size)

    def forward(self, input):
        return input.unflatten(self.dim, self.unflattened_size)


class Unfold(_Options):
    """im2col: (N, C, H, W)  →  (N, C·kH·kW, H_out·W_out); see `functional.unfold`."""

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)

    def forward(self, input):
        return apply(F.unfold, input, **self.options())


class Fold(_Options):
    """col2im, the transpose of Unfold: (N, C·kH·kW, L)  →  (N, C, *output_size); see `functional.fold`."""

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__(output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding,
                         stride=stride)

    def forward(self, input):
        return apply(F.fold, input, **self.options())


class Upsample(_Options):
    """Interpolate to a size or by a factor: (N, C, *)  →  (N, C, *size); see `functional.interpolate`."""

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        if scale_factor is not None:
            many = isinstance(scale_factor, (tuple, list))
            scale_factor = tuple(map(float, scale_factor)) if many else float(scale_factor)
        super().__init__(size=size, scale_factor=scale_factor, mode=mode, align_corners=align_corners,
                         recompute_scale_factor=recompute_scale_factor)

    def forward(self, input):
        return apply(F.interpolate, input, **self.options())

    def extra_repr(self):
        given = "size" if self.scale_factor is None else "scale_factor"
        return f"{given}={getattr(self, given)}, mode={self.mode!r}"


class PixelShuffle(_Options):
    """Channels into space: (*, C·r², H, W)  →  (*, C, H·r, W·r); see `functional.pixel_shuffle`."""

    def __init__(self, upscale_factor):
        super().__init__(upscale_factor=upscale_factor)

    def forward(self, input):
        return apply(F.pixel_shuffle, input, **self.options())


class PixelUnshuffle(_Options):
    """Space into channels: (*, C, H·r, W·r)  →  (*, C·r², H, W); see `functional.pixel_unshuffle`."""

    def __init__(self, downscale_factor):
        super().__init__(downscale_factor=downscale_factor)

    def forward(self, input):
        return apply(F.pixel_unshuffle, input, **self.options())


class ChannelShuffle(_Options):
    """Mix the channels of groups: (N, C, *)  →  (N, C, *); see `functional.channel_shuffle`."""

    def __init__(self, groups):
        super().__init__(groups=groups)

    def forward(self, input):
        return apply(F.channel_shuffle, input, **self.options())


class _Pad(_Options):
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


# ---- losses: by default the mean over the batch, () ------------------------------------------------------------------

class _Loss(_Options):
    """A loss, perhaps with weights for classes or elements, which are part of the state as in torch.

    torch's deprecated size_average and reduce are left out; what follows them there is a keyword here.
    """

    def __init__(self, weight=None, **options):
        super().__init__(**options)
        self.register_buffer("weight", weight)

    def extra_repr(self):
        return ""


class CrossEntropyLoss(_Loss):
    """−ln softmax(input)[target]: (N, C, *), classes (N, *) or probabilities (N, C, *)  →  ()

    See `functional.cross_entropy`.
    """

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)

    def forward(self, input, target):
        return apply(F.cross_entropy, input, target, self.weight, **self.options())


class NLLLoss(_Loss):
    """−input[target]: log-probabilities (N, C, *), classes (N, *)  →  (); see `functional.nll_loss`."""

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean"):
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction)

    def forward(self, input, target):
        return apply(F.nll_loss, input, target, self.weight, **self.options())


class BCELoss(_Loss):
    """−t ln x − (1 − t) ln(1 − x): probabilities (*), targets (*)  →  (); see `functional.binary_cross_entropy`."""

    def __init__(self, weight=None, *, reduction="mean"):
        super().__init__(weight, reduction=reduction)

    def forward(self, input, target):
        return apply(F.binary_cross_entropy, input, target, self.weight, **self.options())


class BCEWithLogitsLoss(_Loss):
    """BCELoss of σ(x): (*), targets (*)  →  (); see `functional.binary_cross_entropy_with_logits`."""

    def __init__(self, weight=None, *, reduction="mean", pos_weight=None):
        super().__init__(weight, reduction=reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        pos_weight = None if self.pos_weight is None else self.pos_weight.data
        return apply(F.binary_cross_entropy_with_logits, input, target, self.weight, pos_weight=pos_weight,
                     **self.options())


class MSELoss(_Loss):
    """(x − t)²: (*), targets (*)  →  (); see `functional.mse_loss`."""

    def __init__(self, *, reduction="mean"):
        super().__init__(reduction=reduction)

    def forward(self, input, target):
        return apply(F.mse_loss, input, target, **self.options())


class L1Loss(_Loss):
    """|x − t|: (*), targets (*)  →  (); see `functional.l1_loss`."""

    def __init__(self, *, reduction="mean"):
        super().__init__(reduction=reduction)

    def forward(self, input, target):
        return apply(F.l1_loss, input, target, **self.options())


class SmoothL1Loss(_Loss):
    """|x − t|, but (x − t)²/(2 beta) + beta/2 near 0: (*), targets (*)  →  (); see `functional.smooth_l1_loss`."""

    def __init__(self, *, reduction="mean", beta=1.0):
        super().__init__(reduction=reduction, beta=beta)

    def forward(self, input, target):
        return apply(F.smooth_l1_loss, input, target, **self.options())


class HuberLoss(_Loss):
    """delta times SmoothL1Loss with beta = delta: (*), targets (*)  →  (); see `functional.huber_loss`."""

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction=reduction, delta=delta)

    def forward(self, input, target):
        return apply(F.huber_loss, input, target, **self.options())


class KLDivLoss(_Loss):
    """t (ln t − x): log-probabilities (*), probabilities (*)  →  (); see `functional.kl_div`."""

    def __init__(self, *, reduction="mean", log_target=False):
        super().__init__(reduction=reduction, log_target=log_target)

    def forward(self, input, target):
        return apply(F.kl_div, input, target, **self.options())
