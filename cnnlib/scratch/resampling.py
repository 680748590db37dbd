"""Change the size of an image: padding, interpolation, sampling, pixel shuffle; forward and backward."""

import numpy as np

from .arguments import check_float

__all__ = ["pad"]

_NUMPY_PAD_MODE = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input, pad, mode="constant", value=None):
    """Add (or, in mode "constant", cut with negative numbers) samples at the ends of the last axes.

    pad: (last axis before, last axis after, second last before, after, …), torch's order: from the last axis back.
    mode: "constant" (with `value`, default 0), "reflect", "replicate" or "circular".
    input: (*, H, W)  →  (*, H + …, W + …).  Raises TypeError or ValueError naming the argument.
    Source: `torch.nn.functional.pad`.
    """
    input, = check_float("pad", input=input)
    if not isinstance(pad, (tuple, list)) or len(pad) % 2 or len(pad) > 2 * input.ndim or \
            not all(isinstance(p, (int, np.integer)) for p in pad):
        raise ValueError(f"pad: pad must hold (before, after) as ints for at most {input.ndim} axes, got {pad!r}")
    if mode not in _NUMPY_PAD_MODE:
        raise ValueError(f"pad: mode must be one of {', '.join(_NUMPY_PAD_MODE)}; got {mode!r}")
    if value is not None and mode != "constant":
        raise ValueError(f'pad: value goes with mode "constant", got mode {mode!r}')
    widths = [(0, 0)] * (input.ndim - len(pad) // 2) + [tuple(pad[i:i + 2]) for i in range(len(pad) - 2, -1, -2)]
    for axis, (width, size) in enumerate(zip(widths, input.shape, strict=True)):
        largest = {"reflect": size - 1, "circular": size}.get(mode)
        if mode != "constant" and min(width) < 0:
            raise ValueError(f'pad: only mode "constant" cuts; got {width} for axis {axis} in mode {mode!r}')
        if largest is not None and max(width) > largest:
            raise ValueError(f"pad: mode {mode!r} adds at most {largest} to axis {axis} of size {size}, got {width}")
        if mode == "replicate" and size == 0 and max(width) > 0:
            raise ValueError(f"pad: axis {axis} is empty, there is nothing to replicate")
        if size + sum(width) < 0 or (min(width) < 0 and -min(width) > size):
            raise ValueError(f"pad: {width} cuts more than axis {axis} of size {size} has")
    cut = tuple(slice(max(0, -before), size - max(0, -after))
                for (before, after), size in zip(widths, input.shape, strict=True))
    widths = [(max(0, before), max(0, after)) for before, after in widths]
    options = {"constant_values": 0 if value is None else value} if mode == "constant" else {}
    return np.pad(input[cut], widths, _NUMPY_PAD_MODE[mode], **options)
