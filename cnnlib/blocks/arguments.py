"""What blocks and networks ask of their arguments and inputs, and the words of the errors."""

import torch
import torch.fx


def check_positive(name, **values):
    """Raises TypeError unless each value is an int, ValueError unless it is at least 1; both name the argument."""
    for argument, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name}: {argument} must be an int, got {value!r}")
        if value < 1:
            raise ValueError(f"{name}: {argument} must be at least 1, got {value}")


def check_divisible(name, **pair):
    """check_divisible("WindowAttention", channels=64, heads=4): raises ValueError unless 64 divides by 4."""
    (whole, n), (part, divisor) = pair.items()
    check_positive(name, **pair)
    if n % divisor:
        raise ValueError(f"{name}: {whole} must divide by {part}, got {whole} {n} and {part} {divisor}")


def check_input(name, x, channels=None, least=(1, 1), multiple_of=1, exactly=None, remainder=0):
    """Raises ValueError unless x is a tensor (N, channels, H, W) of sizes that the network can take.

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


def check_shape(name, x, *axes):
    """check_shape("TokenAttention", x, "*", "T", 64): raises ValueError unless x is a tensor (*, T, 64), or TypeError.

    An int is the size an axis must have, a word stands for any size from 1 on, "*" in front for any number of axes.
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


def pair(name, argument, value):
    """An int for both axes, or (H, W): → (H, W).  Raises TypeError or ValueError unless they are ints ≥ 1."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name}: {argument} must be an int or (H, W), got {value!r}")
    for one in values:
        check_positive(name, **{argument: one})
    return values
