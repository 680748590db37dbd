"""Deformable convolution, forward and backward: each tap of the kernel moves by an offset of its own.

What a window holds is sampled first, between the pixels; then it is an ordinary convolution, a matrix product. Places
stay in pixels, so that an offset of a whole number meets a pixel without rounding (`grid_sample` takes places from −1
to 1, which round).
"""

import numpy as np

from cnnlib.checks import check_float, check_grad_output, per_axis

from ..fast.windows import output_size

__all__ = ["deform_conv2d", "deform_conv2d_backward"]


def deform_conv2d(input, offset, weight, bias=None, stride=1, padding=0, dilation=1, mask=None):
    """A convolution whose taps each move by an offset of their own, at each pixel (Dai et al. 2017).

    out[n, o, i, j] = bias[o] + Σ_{c,u,v} weight[o, c, u, v] · m · input[n, c, s·i − p + d·u + Δy, s·j − p + d·v + Δx]

    with Δy, Δx, m for each n, u, v, i, j and each of D groups of channels.
    input: (N, C, H, W)  weight: (O, C/groups, kH, kW)  bias: (O,)  →  (N, O, H_out, W_out), as for conv2d.
    offset: (N, D·kH·kW·2, H_out, W_out), in pixels: for each group, for each tap row by row, Δy and then Δx.
    mask: m, (N, D·kH·kW, H_out, W_out), or None for 1 (Zhu et al. 2019).
    Between pixels the input is bilinear, outside it is 0; at a pixel its slope is the one towards the next pixel.
    groups follows from the channels of input and weight, D from those of offset.
    Raises TypeError or ValueError naming the argument.  Source: `torchvision.ops.deform_conv2d`.
    """
    geometry = _check("deform_conv2d", input, offset, weight, bias, stride, padding, dilation, mask)
    samples, _ = _sample(input, offset, geometry)                        # (N, D, C/D, T, P)
    kernels, windows = _as_matrices(weight, _masked(samples, mask))
    out = (kernels @ windows).reshape(len(input), len(weight), *offset.shape[2:])
    return out if bias is None else out + bias[:, None, None]


def deform_conv2d_backward(grad_output, input, offset, weight, bias=None, stride=1, padding=0, dilation=1, mask=None):
    """What each sample adds to the loss, ds = Σ_o weight[o] · dy[o], goes on along three ways:

    dmask = Σ_c ds · sample      dinput[pixel] += m · ds · its share      dΔy = Σ_c m · ds · ∂sample/∂y, dΔx likewise

    and ∂sample/∂y = (lower two pixels − upper two), each by its share along x.  → d input, offset, weight, bias, mask
    """
    name = "deform_conv2d_backward"
    geometry = _check(name, input, offset, weight, bias, stride, padding, dilation, mask)
    dy = check_grad_output(name, grad_output, (len(input), len(weight), *offset.shape[2:]), input.dtype)
    samples, corners = _sample(input, offset, geometry)                  # (N, D, C/D, T, P)
    kernels, windows = _as_matrices(weight, _masked(samples, mask))      # (g, O/g, C/g·T) and (N, g, C/g·T, P)
    dy = dy.reshape(len(input), *kernels.shape[:2], samples.shape[-1])   # (N, g, O/g, P)
    d_weight = (dy @ windows.swapaxes(-1, -2)).sum(axis=0).reshape(weight.shape)
    d_bias = None if bias is None else dy.sum(axis=(0, 3)).reshape(bias.shape)

    d_samples = (kernels.swapaxes(-1, -2) @ dy).reshape(samples.shape)
    d_mask = None if mask is None else (d_samples * samples).sum(axis=2).reshape(mask.shape)
    d_samples = _masked(d_samples, mask)

    images = input.reshape(*samples.shape[:3], input.shape[2] * input.shape[3])      # (N, D, C/D, H·W)
    d_images, d_y, d_x = np.zeros_like(images), 0, 0
    n, d, c, _, _ = np.ogrid[tuple(map(slice, samples.shape))]
    for pixel, share_y, share_x, slope_y, slope_x in corners:            # (N, D, 1, T, P) each
        np.add.at(d_images, (n, d, c, pixel), d_samples * share_y * share_x)     # windows share pixels: they add up
        d_corner = (d_samples * images[n, d, c, pixel]).sum(axis=2, keepdims=True)
        d_y = d_y + d_corner * slope_y * share_x
        d_x = d_x + d_corner * share_y * slope_x
    d_offset = np.stack([d_y, d_x], axis=4).reshape(offset.shape)        # (N, D, 1, T, 2, P)
    return d_images.reshape(input.shape), d_offset, d_weight, d_bias, d_mask


def _sample(input, offset, geometry):
    """What T taps see at P pixels of the output → (N, D, C/D, T, P), and the corners around each place."""
    kernel, stride, padding, dilation = geometry
    size = offset.shape[2:]
    parts = offset.shape[1] // (2 * kernel[0] * kernel[1])
    # where a convolution looks: start of the window + tap
    dtype = input.dtype
    row, column = (np.arange(n, dtype=dtype) * s - p for n, s, p in zip(size, stride, padding, strict=True))
    u, v = (np.arange(k, dtype=dtype) * d for k, d in zip(kernel, dilation, strict=True))
    moves = offset.reshape(len(input), parts, *kernel, 2, *size)
    y = moves[:, :, :, :, 0] + (u[:, None, None, None] + row[:, None])   # (N, D, kH, kW, H_out, W_out)
    x = moves[:, :, :, :, 1] + (v[:, None, None] + column)

    shape = (len(input), parts, 1, kernel[0] * kernel[1], size[0] * size[1])
    corners = list(_corners(y.reshape(shape), x.reshape(shape), input.shape[2:]))
    images = input.reshape(len(input), parts, input.shape[1] // parts, 1, input.shape[2] * input.shape[3])
    samples = sum(np.take_along_axis(images, pixel, axis=-1) * (share_y * share_x)
                  for pixel, share_y, share_x, _, _ in corners)
    return samples, corners


def _corners(y, x, size):
    """The four pixels around each place: where in the image, their shares along y and x, and the slopes of those.

    Shares are 0 outside of the image.
    """
    top, left = np.floor(y), np.floor(x)
    for i, share_y, slope_y in ((top, 1 - (y - top), -1), (top + 1, y - top, 1)):
        for j, share_x, slope_x in ((left, 1 - (x - left), -1), (left + 1, x - left, 1)):
            inside = (i >= 0) & (i < size[0]) & (j >= 0) & (j < size[1])                     # never, for NaN
            pixel = np.where(inside, i, 0).astype(int) * size[1] + np.where(inside, j, 0).astype(int)
            inside = inside.astype(y.dtype)
            yield pixel, share_y * inside, share_x * inside, slope_y, slope_x


def _masked(samples, mask):
    """(N, D, C/D, T, P), each tap times its m"""
    return samples if mask is None else samples * mask.reshape(*samples.shape[:2], 1, *samples.shape[3:])


def _as_matrices(weight, samples):
    """→ kernels (g, O/g, C/g·T) and windows (N, g, C/g·T, P), g groups, whose product is the convolution."""
    batch, parts, per_part, taps, pixels = samples.shape
    groups = parts * per_part // weight.shape[1]
    window = weight.shape[1] * taps
    return (weight.reshape(groups, len(weight) // groups, window), samples.reshape(batch, groups, window, pixels))


def _check(name, input, offset, weight, bias, stride, padding, dilation, mask):
    """→ kernel, stride, padding and dilation as pairs."""
    arrays = dict(zip(("input", "offset", "weight", "bias", "mask"),
                      check_float(name, input=input, offset=offset, weight=weight, bias=bias, mask=mask), strict=True))
    for argument, array in arrays.items():
        axes = 1 if argument == "bias" else 4
        if array is None and argument in ("offset", "weight"):
            raise TypeError(f"{name}: {argument} must be a NumPy array, got None")
        if array is not None and (array.ndim != axes or 0 in array.shape[1:]):
            raise ValueError(f"{name}: {argument} must have {axes} axes, not empty, got shape {array.shape}")
    stride = per_axis(name, "stride", stride, 2, minimum=1)
    padding = per_axis(name, "padding", padding, 2, minimum=0)
    dilation = per_axis(name, "dilation", dilation, 2, minimum=1)
    channels, kernel = input.shape[1], weight.shape[2:]
    if channels % weight.shape[1] or len(weight) % (channels // weight.shape[1]):
        raise ValueError(f"{name}: input of {channels} channels does not fit weight (O, C/groups, kH, kW) = "
                         f"{weight.shape}")
    if bias is not None and bias.shape != (len(weight),):
        raise ValueError(f"{name}: bias must have shape ({len(weight)},), got {bias.shape}")
    size = output_size(input.shape[2:], kernel, stride, [(p, p) for p in padding], dilation)
    if min(size) < 1:
        raise ValueError(f"{name}: kernel {kernel} with dilation {dilation} is larger than the input "
                         f"{input.shape[2:]} with padding {padding}")
    taps = kernel[0] * kernel[1]
    parts = offset.shape[1] // (2 * taps)
    if offset.shape[1] % (2 * taps) or parts == 0 or channels % parts:
        raise ValueError(f"{name}: offset must have D·{2 * taps} channels, where D divides the {channels} channels of "
                         f"input, got {offset.shape[1]}")
    for argument, array, count in (("offset", offset, offset.shape[1]), ("mask", mask, parts * taps)):
        if array is not None and array.shape != (len(input), count, *size):
            raise ValueError(f"{name}: {argument} must have shape {(len(input), count, *size)}, got {array.shape}")
    return kernel, stride, padding, dilation
