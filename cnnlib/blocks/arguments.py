"""What blocks and networks ask of their arguments and inputs, and the words of the errors."""

from numbers import Integral, Real

import torch
import torch.fx
from torch import nn


def check_positive(name, least=1, **values):
    """Raises TypeError unless each value is an int, ValueError unless it is at least `least`; both name the argument.

    NumPy's ints are ints, True and False are none.
    """
    for argument, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{name}: {argument} must be an int, got {value!r}")
        if value < least:
            raise ValueError(f"{name}: {argument} must be at least {least}, got {value}")


def check_sequence(name, empty=False, **sequences):
    """check_sequence("ResNet", widths=(64, 128)): raises TypeError unless each is a tuple or list of ints.

    Raises ValueError for one that is empty, unless empty=True, or holds an int below 1, which it names: widths[1].
    """
    for argument, values in sequences.items():
        if not isinstance(values, (tuple, list)):
            raise TypeError(f"{name}: {argument} must be a tuple or list of ints, got {values!r}")
        if not values and not empty:
            raise ValueError(f"{name}: {argument} must hold at least one int, got {values!r}")
        check_positive(name, **{f"{argument}[{i}]": value for i, value in enumerate(values)})


def check_factors(name, **factors):
    """Raises ValueError unless each is a number above 0, NumPy's too; names function and argument."""
    for argument, value in factors.items():
        if not (isinstance(value, Real) and 0 < value < float("inf")):
            raise ValueError(f"{name}: {argument} must be a number above 0, got {value!r}")


def check_rows(name, argument, rows, *columns):
    """Raises TypeError or ValueError unless rows are tuples of ints ≥ 1, one for each column; names what is wrong."""
    wanted = f"{name}: {argument} must be a tuple or list of rows ({', '.join(columns)})"
    if not isinstance(rows, (tuple, list)):
        raise TypeError(f"{wanted}, got {rows!r}")
    if not rows:
        raise ValueError(f"{wanted}, got none")
    for i, row in enumerate(rows):
        if not isinstance(row, (tuple, list)) or len(row) != len(columns):
            raise ValueError(f"{wanted}, got {row!r} as {argument}[{i}]")
        check_positive(name, **{f"{column} of {argument}[{i}]": value
                                for column, value in zip(columns, row, strict=True)})


def check_odd(name, **values):
    """Raises TypeError unless each value is an int, ValueError unless it is at least 1 and odd, as kernels are."""
    check_positive(name, **values)
    for argument, value in values.items():
        if value % 2 == 0:
            raise ValueError(f"{name}: {argument} must be odd, got {value}")


def check_makers(name, **makers):
    """Raises TypeError unless each is None or makes a layer: nn.ReLU, and neither nn.ReLU() nor "relu"."""
    for argument, make in makers.items():
        if make is not None and (not callable(make) or isinstance(make, nn.Module)):
            raise TypeError(f"{name}: {argument} must be None or a function or class that makes a layer, got {make!r}")


def check_divisible(name, **pair):
    """check_divisible("WindowAttention", channels=64, heads=4): raises ValueError unless 64 divides by 4."""
    (whole, n), (part, divisor) = pair.items()
    check_positive(name, **pair)
    if n % divisor:
        raise ValueError(f"{name}: {whole} must divide by {part}, got {whole} {n} and {part} {divisor}")


def check_input(name, x, channels=None, least=(1, 1), multiple_of=1, exactly=None, remainder=0):
    """Raises TypeError or ValueError unless x is a tensor of floats (N, channels, H, W), of sizes that fit the network.

    channels: None allows any.  least: the smallest size of each axis behind the channels, (1, 1) for images of any
    size, (1,) for sequences, (1, 1, 1) for video.  multiple_of: what each of those sizes must divide by, an int or one
    for each axis.
    remainder: what is left over from that division, 0 unless given.
    exactly: the only sizes there are, (28, 28), for a network whose dense layers fit no others.
    While torch.fx writes a network down there are no sizes yet, and nothing is checked.
    """
    if isinstance(x, torch.fx.Proxy):
        return
    axes = {1: ("L",), 2: ("H", "W"), 3: ("T", "H", "W")}[len(least)]
    wanted = f"(N, {'C' if channels is None else channels}, {', '.join(map(str, exactly or axes))})"
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name}: input must be a tensor {wanted}, got {type(x).__name__}")
    shape = tuple(x.shape)
    if len(shape) != len(least) + 2 or channels not in (None, shape[1]) or exactly not in (None, shape[2:]):
        raise ValueError(f"{name}: input must be {wanted}, got shape {shape}")
    if any(size < low for size, low in zip(shape[2:], least, strict=True)):
        limits = ", ".join(f"{axis} ≥ {low}" for axis, low in zip(axes, least, strict=True))
        raise ValueError(f"{name}: input must be {wanted} with {limits}, got shape {shape}")
    multiples = multiple_of if isinstance(multiple_of, tuple) else (multiple_of,) * len(least)
    if any(size % multiple != remainder for size, multiple in zip(shape[2:], multiples, strict=True)):
        above = f", plus {remainder}" if remainder else ""
        raise ValueError(f"{name}: {' and '.join(axes)} of the input must be multiples of {multiple_of}{above}, "
                         f"got shape {shape}")
    _check_floats(name, x)


def check_shape(name, x, *axes, floats=True):
    """check_shape("TokenAttention", x, "*", "T", 64): raises ValueError unless x is a tensor (*, T, 64), or TypeError.

    An int is the size an axis must have, a word stands for any size from 1 on, "*" in front for any number of axes.
    floats: False lets ints pass too.
    While torch.fx writes a network down nothing is checked.
    """
    if isinstance(x, torch.fx.Proxy):
        return
    wanted = f"({', '.join(map(str, axes))}{',' * (len(axes) == 1)})"
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name}: input must be a tensor {wanted}, got {type(x).__name__}")
    shape, ends = tuple(x.shape), [axis for axis in axes if axis != "*"]
    wrong_rank = len(shape) < len(ends) or (len(shape) > len(ends) and "*" not in axes)
    pairs = zip(shape[::-1], ends[::-1], strict=False)
    if wrong_rank or any(size < 1 or (isinstance(axis, int) and size != axis) for size, axis in pairs):
        raise ValueError(f"{name}: input must be {wanted}, got shape {shape}")
    if floats:
        _check_floats(name, x)


def _check_floats(name, x):
    if not x.is_floating_point():
        hint = " (images of bytes: divide by 255)" if x.dtype == torch.uint8 else ""
        raise TypeError(f"{name}: input must be floats, got {x.dtype}{hint}")


def pair(name, argument, value, least=1):
    """An int for both axes, or (H, W): → (H, W).  Raises TypeError or ValueError unless they are ints ≥ least."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name}: {argument} must be an int or (H, W), got {value!r}")
    for one in values:
        check_positive(name, least, **{argument: one})
    return values
