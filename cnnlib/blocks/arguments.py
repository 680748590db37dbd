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


def check_input(name, x, channels=None, least=(1, 1), multiple_of=1):
    """Raises ValueError unless x is a tensor (N, channels, H, W) of sizes that the network can take.

    channels: None allows any.  least: the smallest size of each axis behind the channels, (1, 1) for images of any
    size, (1,) for sequences, (1, 1, 1) for video.  multiple_of: what each of those sizes must divide by.
    While torch.fx writes a network down there are no sizes yet, and nothing is checked.
    """
    if isinstance(x, torch.fx.Proxy):
        return
    axes = {1: ("L",), 2: ("H", "W"), 3: ("T", "H", "W")}[len(least)]
    wanted = f"(N, {'C' if channels is None else channels}, {', '.join(axes)})"
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name}: input must be a tensor {wanted}, got {type(x).__name__}")
    shape = tuple(x.shape)
    if len(shape) != len(least) + 2 or channels not in (None, shape[1]):
        raise ValueError(f"{name}: input must be {wanted}, got shape {shape}")
    if any(size < low for size, low in zip(shape[2:], least, strict=True)):
        limits = ", ".join(f"{axis} ≥ {low}" for axis, low in zip(axes, least, strict=True))
        raise ValueError(f"{name}: input must be {wanted} with {limits}, got shape {shape}")
    if any(size % multiple_of for size in shape[2:]):
        raise ValueError(f"{name}: {' and '.join(axes)} of the input must be multiples of {multiple_of}, "
                         f"got shape {shape}")
