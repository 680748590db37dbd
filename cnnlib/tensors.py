"""The checks of `cnnlib.checks` that need torch: of tensors, networks, and what makes a layer."""

import torch
import torch.fx
from torch import nn

from .checks import called, check_number, check_type, kind, require


def check_maker(name, /, **makers):
    """Raises TypeError unless each makes a layer: nn.ReLU, and neither nn.ReLU() nor "relu"."""
    for argument, make in makers.items():
        if not callable(make) or isinstance(make, nn.Module):
            raise TypeError(f"{called(name)}: {argument} must be None or a function or class that makes a layer, "
                            f"got {make!r}")


def check_floats(name, wanted="a tensor of floats", /, **tensors):
    """Raises TypeError unless each is a tensor of floats."""
    for argument, x in tensors.items():
        if not isinstance(x, torch.Tensor) or not x.is_floating_point():
            hint = " (images of bytes: divide by 255)" if getattr(x, "dtype", None) == torch.uint8 else ""
            raise TypeError(f"{called(name)}: {argument} must be {wanted}, got {describe(x)}{hint}")


def as_number(value):
    """The number in a tensor without axes; anything else as it is."""
    return value.item() if isinstance(value, torch.Tensor) and value.ndim == 0 else value


def check_scalar(name, least=None, most=None, /, **values):
    """`check_number` for numbers that may also be tensors without axes."""
    check_number(name, least, most, **{argument: as_number(value) for argument, value in values.items()})


def describe(value):
    """What came, for an error: dtype and shape of a tensor, the type of anything else."""
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__


def describe_shape(value):
    """The same without the dtype."""
    return f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__


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
        raise TypeError(f"{called(name)}: input must be a tensor {wanted}, got {type(x).__name__}")
    shape = tuple(x.shape)
    if len(shape) != len(least) + 2 or channels not in (None, shape[1]) or exactly not in (None, shape[2:]):
        raise ValueError(f"{called(name)}: input must be {wanted}, got shape {shape}")
    if any(size < low for size, low in zip(shape[2:], least, strict=True)):
        limits = ", ".join(f"{axis} ≥ {low}" for axis, low in zip(axes, least, strict=True))
        raise ValueError(f"{called(name)}: input must be {wanted} with {limits}, got shape {shape}")
    multiples = multiple_of if isinstance(multiple_of, tuple) else (multiple_of,) * len(least)
    if any(size % multiple != remainder for size, multiple in zip(shape[2:], multiples, strict=True)):
        above = f", plus {remainder}" if remainder else ""
        raise ValueError(f"{called(name)}: {' and '.join(axes)} of the input must be multiples of {multiple_of}{above}"
                         f", got shape {shape}")
    check_floats(name, "floats", input=x)


def check_shape(name, x, *axes, floats=True):
    """check_shape(self, x, "*", "T", 64): raises ValueError unless x is a tensor (*, T, 64), or TypeError.

    An int is the size an axis must have, a word stands for any size from 1 on, "*" in front for any number of axes.
    floats: False lets ints pass too.
    While torch.fx writes a network down nothing is checked.
    """
    if isinstance(x, torch.fx.Proxy):
        return
    wanted = f"({', '.join(map(str, axes))}{',' * (len(axes) == 1)})"
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{called(name)}: input must be a tensor {wanted}, got {type(x).__name__}")
    shape, ends = tuple(x.shape), [axis for axis in axes if axis != "*"]
    wrong_rank = len(shape) < len(ends) or (len(shape) > len(ends) and "*" not in axes)
    pairs = zip(shape[::-1], ends[::-1], strict=False)
    if wrong_rank or any(size < 1 or (isinstance(axis, int) and size != axis) for size, axis in pairs):
        raise ValueError(f"{called(name)}: input must be {wanted}, got shape {shape}")
    if floats:
        check_floats(name, "floats", input=x)


def check_range(name, least, most, /, **tensors):
    """Raises ValueError unless all numbers of each tensor lie in [least, most]."""
    for argument, tensor in tensors.items():
        require(name, least <= tensor.min() and tensor.max() <= most,
                f"{argument} must lie in [{least}, {most}], got {tensor.min():.3g} … {tensor.max():.3g}")


# ---- networks --------------------------------------------------------------------------------------------------------

def move(name, net, device):
    """Move the network, if it is told where; → the device of its first parameter."""
    try:
        if device is not None:
            net.to(device)
    except (RuntimeError, AssertionError, TypeError) as error:               # each is what torch raises for some device
        raise ValueError(f"{name}: device {device!r} cannot be used: {error}") from None
    return next((p.device for p in net.parameters()), torch.device("cpu"))


def check_dtype(name, role, net, x):
    """Raises ValueError unless x has the dtype of the network's parameters, or is of ints for an embedding."""
    dtype = next((p.dtype for p in net.parameters() if p.is_floating_point()), x.dtype)
    words = any(isinstance(module, (nn.Embedding, nn.EmbeddingBag)) for module in net.modules())         # take ints
    hint = "" if x.is_floating_point() else "; of bytes make floats, as x / 255"
    require(name, x.dtype == dtype or (words and not x.is_floating_point()),
            f"x must have the dtype of the {role}, {dtype}, got {x.dtype}{hint}")


# ---- kinds, for signatures -------------------------------------------------------------------------------------------

Floats = kind(torch.Tensor, check_floats)
Maker = kind(object, check_maker)                                        # with | None, as the error says
Net = kind(nn.Module, check_type, nn.Module, "an nn.Module")
Scalar = kind(float, check_scalar)
NonNegativeScalar = kind(float, check_scalar, 0)
ShareScalar = kind(float, check_scalar, 0, 1)
