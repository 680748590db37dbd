"""Sizes and positions: what a convolution does to the shape of an image, and what it costs."""

import numpy as np


def conv_output_size(size, kernel_size, stride=1, padding=0, dilation=1):
    """Length of a convolution's output along one axis.

    ⌊(size + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1

    All arguments are ints: size, kernel_size, stride, dilation ≥ 1, padding ≥ 0.  Returns an int ≥ 1.
    Raises TypeError for what is no int, ValueError for an int out of range or a kernel that does not fit.
    Source: Dumoulin & Visin (2016).
    """
    _check_int("conv_output_size", minimum=1, size=size, kernel_size=kernel_size, stride=stride, dilation=dilation)
    _check_int("conv_output_size", minimum=0, padding=padding)
    span = dilation * (kernel_size - 1) + 1
    if span > size + 2 * padding:
        raise ValueError(
            f"conv_output_size: the kernel covers {span} samples, the padded input has only {size + 2 * padding}"
        )
    return (size + 2 * padding - span) // stride + 1


def same_padding(kernel_size, dilation=1):
    """Zeros before and after an axis that keep its length at stride 1; an even kernel needs one more behind.

    before + after = dilation·(kernel_size − 1),  before = ⌊that / 2⌋

    Returns (before, after). Raises TypeError or ValueError for arguments that are not ints ≥ 1.
    Source: the rule of `torch.nn.Conv2d(padding="same")`.
    """
    _check_int("same_padding", minimum=1, kernel_size=kernel_size, dilation=dilation)
    total = dilation * (kernel_size - 1)
    return total // 2, total - total // 2


def conv_macs(image_size, kernel_size, in_channels=1, out_channels=1):
    """Multiply-adds of a "same" convolution: one kernel per output channel at every pixel.

    H·W·C_out·C_in·k_h·k_w.  image_size: (H, W), kernel_size: (k_h, k_w), all ints ≥ 1.  Returns an int.
    Raises TypeError or ValueError for sizes that are not two ints ≥ 1.
    """
    height, width = _check_pair("conv_macs", "image_size", image_size)
    kernel_height, kernel_width = _check_pair("conv_macs", "kernel_size", kernel_size)
    _check_int("conv_macs", minimum=1, in_channels=in_channels, out_channels=out_channels)
    return height * width * out_channels * in_channels * kernel_height * kernel_width


def shift(image, dy, dx, mode="zero"):
    """Move an image down by dy and right by dx pixels; negative numbers move it up and left.

    out[..., i, j] = image[..., i − dy, j − dx]

    image: (*, H, W).  mode: "zero" fills what comes in with zeros, "circular" brings in what went out.
    Returns an array of the same shape and dtype. Raises ValueError for another mode or fewer than two axes.
    """
    image = np.asarray(image)
    if image.ndim < 2:
        raise ValueError(f"shift: image needs at least two axes (*, H, W), got shape {image.shape}")
    _check_int("shift", minimum=None, dy=dy, dx=dx)
    if mode == "circular":
        return np.roll(image, (dy, dx), axis=(-2, -1))
    if mode != "zero":
        raise ValueError(f'shift: mode must be "zero" or "circular", got {mode!r}')
    out = np.zeros_like(image)
    height, width = image.shape[-2:]
    if abs(dy) < height and abs(dx) < width:
        source = image[..., max(0, -dy):height - max(0, dy), max(0, -dx):width - max(0, dx)]
        out[..., max(0, dy):height - max(0, -dy), max(0, dx):width - max(0, -dx)] = source
    return out


def _check_int(function, minimum, **values):
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{function}: {name} must be an int, got {value!r}")
        if minimum is not None and value < minimum:
            raise ValueError(f"{function}: {name} must be at least {minimum}, got {value}")


def _check_pair(function, name, value):
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{function}: {name} must be two ints, got {value!r}")
    _check_int(function, minimum=1, **{f"{name}[0]": value[0], f"{name}[1]": value[1]})
    return tuple(value)
