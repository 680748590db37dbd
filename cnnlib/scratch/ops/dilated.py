"""Dilated convolutions side by side, so that a pixel is seen at several scales. Forward only."""

import numpy as np

from cnnlib.checks import check_float, is_int

from ..functional.activation import relu
from ..functional.convolution import conv2d

__all__ = ["aspp"]


def aspp(input, weights, biases, rates=(6, 12, 18)):
    """Atrous spatial pyramid pooling: the same pixels at several scales (Chen et al. 2017, DeepLab v3).

    out = project(concat(1×1(x), 3×3 with each rate(x), 1×1(mean_{H,W}(x)) at every pixel)), a ReLU behind each

    input: (N, C, H, W)  →  (N, O, H, W).  A 3×3 kernel with rate d covers 2d + 1 pixels.
    weights: a list of kernels in that order: (B, C, 1, 1), (B, C, 3, 3) for each rate, (B, C, 1, 1) for the mean, and
    (O, B·(len(rates) + 2), 1, 1) to project.  biases: a list of (B,), …, (O,). A batch norm in eval mode is within
    them: weight · γ/√(var + ε) and β − mean · γ/√(var + ε).
    Raises TypeError or ValueError naming the argument.
    """
    if not isinstance(rates, (tuple, list)) or not all(is_int(rate) and rate > 0 for rate in rates):
        raise ValueError(f"aspp: rates must be a tuple of ints from 1 on, got {rates!r}")
    for argument, arrays in (("weights", weights), ("biases", biases)):
        if not isinstance(arrays, (tuple, list)) or len(arrays) != len(rates) + 3:
            raise ValueError(f"aspp: {argument} must be a list of {len(rates) + 3} arrays for {len(rates)} rates, "
                             f"got {len(arrays) if isinstance(arrays, (tuple, list)) else type(arrays).__name__}")
    input, = check_float("aspp", input=input)
    if input.ndim != 4:
        raise ValueError(f"aspp: input must be (N, C, H, W), got shape {input.shape}")
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        check_float("aspp", input=input, **{f"weights[{i}]": weight, f"biases[{i}]": bias})
        sides = (3, 3) if 1 <= i <= len(rates) else (1, 1)
        if getattr(weight, "ndim", 0) != 4 or weight.shape[2:] != sides:
            raise ValueError(f"aspp: weights[{i}] must be a {sides[0]}×{sides[1]} kernel with 4 axes, "
                             f"got {getattr(weight, 'shape', None)}")

    mean = input.mean(axis=(2, 3), keepdims=True)                        # (N, C, 1, 1)
    local = [relu(conv2d(input, weights[0], biases[0]))]
    for rate, weight, bias in zip(rates, weights[1:], biases[1:], strict=False):
        local.append(relu(conv2d(input, weight, bias, padding=rate, dilation=rate)))
    mean = relu(conv2d(mean, weights[-2], biases[-2]))
    mean = np.broadcast_to(mean, (*mean.shape[:2], *input.shape[2:]))
    return relu(conv2d(np.concatenate([*local, mean], axis=1), weights[-1], biases[-1]))
