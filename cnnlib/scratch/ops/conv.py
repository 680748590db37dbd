"""A convolution made of two cheaper ones: depthwise separable. Forward only."""


from cnnlib.checks import check_float

from ..functional.convolution import conv2d

__all__ = ["depthwise_separable_conv2d"]


def depthwise_separable_conv2d(input, depthwise, pointwise, bias=None, stride=1, padding=0, dilation=1):
    """Filter each channel by itself, then mix the channels at each pixel (Howard et al. 2017; Chollet 2017).

    out[n, o, i, j] = bias[o] + Σ_c pointwise[o, c] · (depthwise[c] ⋆ input[n, c])[i, j]

    input: (N, C, H, W) or (C, H, W)  depthwise: (C, 1, kH, kW)  pointwise: (O, C, 1, 1)  bias: (O,)
    →  (N, O, H_out, W_out).  stride, padding, dilation: of the depthwise convolution, as in conv2d.
    Multiply-adds at each pixel: C·kH·kW + C·O in place of C·O·kH·kW, a share of 1/O + 1/(kH·kW).
    The same numbers as conv2d with the kernel depthwise[c] · pointwise[o, c].
    Raises TypeError or ValueError naming the argument.
    """
    name = "depthwise_separable_conv2d"
    input, depthwise, pointwise, bias = check_float(name, input=input, depthwise=depthwise, pointwise=pointwise,
                                                    bias=bias)
    if depthwise is None or depthwise.ndim != 4 or depthwise.shape[1] != 1:
        raise ValueError(f"{name}: depthwise must be (C, 1, kH, kW), got {_shape(depthwise)}")
    if pointwise is None or pointwise.ndim != 4 or pointwise.shape[1:] != (len(depthwise), 1, 1):
        raise ValueError(f"{name}: pointwise must be (O, {len(depthwise)}, 1, 1) for depthwise {depthwise.shape}, "
                         f"got {_shape(pointwise)}")
    filtered = conv2d(input, depthwise, None, stride, padding, dilation, groups=len(depthwise))
    return conv2d(filtered, pointwise, bias)


def _shape(array):
    return None if array is None else array.shape
