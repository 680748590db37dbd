"""Convolution on the group p4: translations and quarter turns (Cohen & Welling 2016).

A feature map on p4 has an axis of four orientations r before its rows and columns: (N, C, 4, H, W). All turns are
counter-clockwise, as `numpy.rot90` counts them.
"""

import numpy as np

from .functional import conv2d


def p4_lift(input, weight):
    """The first layer of a p4 network: correlate the image with each kernel in its four orientations.

    out[n, o, r] = Σ_c input[n, c] ⋆ rot90(weight[o, c], r)

    input: (N, C, H, W)   weight: (O, C, k, k)  →  (N, O, 4, H − k + 1, W − k + 1)
    Raises ValueError for other ranks, channels that differ and kernels that are not square.
    Source: Cohen & Welling (2016), eq. 10.
    """
    _check_square("p4_lift", weight, 4)
    return np.stack([conv2d(input, _turn(weight, r)) for r in range(4)], axis=2)


def p4_conv2d(input, weight):
    """A later layer of a p4 network: correlate over positions and orientations.

    out[n, o, r] = Σ_c Σ_s input[n, c, s] ⋆ rot90(weight[o, c, (s − r) mod 4], r)

    input: (N, C, 4, H, W)   weight: (O, C, 4, k, k)  →  (N, O, 4, H − k + 1, W − k + 1)
    Raises ValueError for other ranks, channels that differ and kernels that are not square.
    Source: Cohen & Welling (2016), eq. 11.
    """
    _check_square("p4_conv2d", weight, 5)
    if input.ndim != 5 or input.shape[2] != 4 or weight.shape[2] != 4:
        raise ValueError(f"p4_conv2d: input must be (N, C, 4, H, W) and weight (O, C, 4, k, k), "
                         f"got {input.shape} and {weight.shape}")
    batch, channels, _, height, width = input.shape
    stacked = input.reshape(batch, channels * 4, height, width)
    outs = []
    for r in range(4):
        turned = np.roll(_turn(weight, r), r, axis=2)                    # [o, c, s] ← [o, c, s − r], turned by r
        outs.append(conv2d(stacked, turned.reshape(len(weight), -1, *weight.shape[-2:])))
    return np.stack(outs, axis=2)


def p4_rotate(feature_map, turns=1):
    """Turn a feature map on p4: the pictures turn, and the orientations move on by as many places.

    out[n, c, r] = rot90(feature_map[n, c, r − turns], turns)

    feature_map: (N, C, 4, H, W)  →  the same, H and W exchanged for an odd number of turns.
    Raises ValueError for another shape.  Source: Cohen & Welling (2016), §4.3.
    """
    if feature_map.ndim != 5 or feature_map.shape[2] != 4:
        raise ValueError(f"p4_rotate: feature_map must be (N, C, 4, H, W), got shape {feature_map.shape}")
    return np.roll(_turn(feature_map, turns), turns, axis=2)


def _turn(array, turns):
    return np.ascontiguousarray(np.rot90(array, turns, axes=(-2, -1)))


def _check_square(function, weight, axes):
    if weight.ndim != axes or weight.shape[-1] != weight.shape[-2]:
        shape = "(O, C, k, k)" if axes == 4 else "(O, C, 4, k, k)"
        raise ValueError(f"{function}: weight must be {shape} with square kernels, got shape {weight.shape}")
