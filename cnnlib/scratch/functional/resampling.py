"""Change the size of an image: padding, pixel shuffle, interpolation, sampling anywhere; forward and backward."""

import math

import numpy as np

from cnnlib.checks import check_choice, check_float, check_grad_output, is_int

from ..fast.chunks import slices

__all__ = [
    "affine_grid", "affine_grid_backward", "channel_shuffle", "channel_shuffle_backward", "grid_sample",
    "grid_sample_backward", "interpolate", "interpolate_backward", "pad", "pad_backward", "pixel_shuffle",
    "pixel_shuffle_backward", "pixel_unshuffle", "pixel_unshuffle_backward",
]

_BLOCK = 2**18           # numbers of a result that are computed at a time, so that they stay in a core's cache
_BAND = 32               # rows in a dense block of an interpolation matrix: the fastest of 16, 32, 64 and 128
_FRAME = 4               # zeros around an image that is sampled: a cubic kernel reaches no further


def pad(input, pad, mode="constant", value=None):
    """Add samples at the ends of the last axes, or cut them with negative numbers.

    out[j] = input[j − before]   where that lies inside; at a position s = j − before outside of 0 … size − 1,
      "constant"    value, by default 0
      "reflect"     input[−s] or input[2 (size − 1) − s]: a mirror in the first and last sample, which stay single
      "replicate"   input[0] or input[size − 1]
      "circular"    input[s mod size]
    With negative numbers "constant" and "circular" cut first, "reflect" and "replicate" cut last, as in torch.

    pad: (last axis before, last axis after, second last before, after, …), torch's order: from the last axis back.
    input: (*, H, W)  →  (*, H + before + after, W + before + after).  In modes other than "constant" 1 to 3 axes are
    padded, and one or two stand before them.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.pad`.
    """
    input, = check_float("pad", input=input)
    added, cut = _pad_widths("pad", input.shape, pad, mode, value)
    if mode == "constant":
        return _add_constant(input[_inside(input.shape, cut)], added, value)
    if mode == "circular":
        return _add_copies(input[_inside(input.shape, cut)], added, mode)
    out = _add_copies(input, added, mode)
    return np.ascontiguousarray(out[_inside(out.shape, cut)])


def pad_backward(grad_output, input, pad, mode="constant", value=None):
    """Each sample gets the sum over its copies; adding zeros and cutting are each other's adjoints."""
    input, = check_float("pad_backward", input=input)
    added, cut = _pad_widths("pad_backward", input.shape, pad, mode, value)
    shape = [size + sum(a) - sum(c) for size, a, c in zip(input.shape, added, cut, strict=True)]
    grad = check_grad_output("pad_backward", grad_output, shape, input.dtype)
    if mode == "constant":
        return (_add_constant(grad[_inside(shape, added)], cut, 0),)
    if mode == "circular":
        return (_add_constant(_add_copies_adjoint(grad, added, mode), cut, 0),)
    return (_add_copies_adjoint(_add_constant(grad, cut, 0), added, mode),)


def pixel_shuffle(input, upscale_factor):
    """Rearrange channels into space: the sub-pixel convolution's last step (Shi et al. 2016).

    out[n, c, h·r + i, w·r + j] = input[n, c·r·r + i·r + j, h, w]      with r = upscale_factor

    input: (*, C·r·r, H, W)  →  (*, C, H·r, W·r)
    Raises TypeError or ValueError, also when the channels do not divide by r².
    Source: `torch.nn.functional.pixel_shuffle`.
    """
    input, = check_float("pixel_shuffle", input=input)
    r = _shuffle_factor("pixel_shuffle", input, "upscale_factor", upscale_factor)
    *batch, channels, height, width = input.shape
    if channels % r**2:
        raise ValueError(f"pixel_shuffle: the {channels} channels of input do not divide by upscale_factor² = {r**2}")
    n = len(batch)
    x = input.reshape(*batch, channels // r**2, r, r, height, width)       # (*, C, i, j, H, W)
    x = x.transpose(*range(n + 1), n + 3, n + 1, n + 4, n + 2)             # (*, C, H, i, W, j)
    return x.reshape(*batch, channels // r**2, height * r, width * r)


def pixel_shuffle_backward(grad_output, input, upscale_factor):
    """A permutation's gradient is the inverse permutation."""
    input, = check_float("pixel_shuffle_backward", input=input)
    r = _shuffle_factor("pixel_shuffle_backward", input, "upscale_factor", upscale_factor)
    *batch, channels, height, width = input.shape
    shape = (*batch, channels // r**2, height * r, width * r)
    return (pixel_unshuffle(check_grad_output("pixel_shuffle_backward", grad_output, shape, input.dtype), r),)


def pixel_unshuffle(input, downscale_factor):
    """Rearrange space into channels, the inverse of `pixel_shuffle`.

    out[n, c·r·r + i·r + j, h, w] = input[n, c, h·r + i, w·r + j]      with r = downscale_factor

    input: (*, C, H·r, W·r)  →  (*, C·r·r, H, W)
    Raises TypeError or ValueError, also when height or width do not divide by r.
    Source: `torch.nn.functional.pixel_unshuffle`.
    """
    input, = check_float("pixel_unshuffle", input=input)
    r = _shuffle_factor("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    *batch, channels, height, width = input.shape
    if height % r or width % r:
        raise ValueError(f"pixel_unshuffle: size {(height, width)} of input does not divide by downscale_factor = {r}")
    n = len(batch)
    x = input.reshape(*batch, channels, height // r, r, width // r, r)     # (*, C, H, i, W, j)
    x = x.transpose(*range(n + 1), n + 2, n + 4, n + 1, n + 3)             # (*, C, i, j, H, W)
    return x.reshape(*batch, channels * r**2, height // r, width // r)


def pixel_unshuffle_backward(grad_output, input, downscale_factor):
    """A permutation's gradient is the inverse permutation."""
    input, = check_float("pixel_unshuffle_backward", input=input)
    r = _shuffle_factor("pixel_unshuffle_backward", input, "downscale_factor", downscale_factor)
    *batch, channels, height, width = input.shape
    shape = (*batch, channels * r**2, height // r, width // r)
    return (pixel_shuffle(check_grad_output("pixel_unshuffle_backward", grad_output, shape, input.dtype), r),)


def channel_shuffle(input, groups):
    """Mix the channels of groups, so that the next grouped convolution sees all of them (ShuffleNet, Zhang 2018).

    out[n, i·groups + g] = input[n, g·(C/groups) + i]:   the (groups, C/groups) table of channels, transposed

    input: (N, C, *), at least 3 axes  →  the same shape.
    Raises TypeError or ValueError, also when the channels do not divide by groups.
    Source: `torch.nn.functional.channel_shuffle`.
    """
    input, = check_float("channel_shuffle", input=input)
    groups = _shuffle_factor("channel_shuffle", input, "groups", groups)
    batch, channels, *size = input.shape
    if channels % groups:
        raise ValueError(f"channel_shuffle: the {channels} channels of input do not divide by groups = {groups}")
    return input.reshape(batch, groups, channels // groups, *size).swapaxes(1, 2).reshape(input.shape)


def channel_shuffle_backward(grad_output, input, groups):
    """A permutation's gradient is the inverse permutation: the table is transposed back."""
    input, = check_float("channel_shuffle_backward", input=input)
    groups = _shuffle_factor("channel_shuffle_backward", input, "groups", groups)
    grad_output = check_grad_output("channel_shuffle_backward", grad_output, input.shape, input.dtype)
    batch, channels, *size = input.shape
    return (grad_output.reshape(batch, channels // groups, groups, *size).swapaxes(1, 2).reshape(input.shape),)


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
                antialias=False):
    """Resize the axes behind N and C.

    One axis after the other is multiplied by a matrix M (size after, size before), which has few numbers in a row:

      out = M @ input      and backward      grad_input = Mᵀ @ grad_output

    Row j weighs the samples i around the place p = (j + ½) / scale − ½ that output j has in the input; with
    align_corners it is p = j · (before − 1) / (after − 1), so that the first and last samples stay where they are.
      "nearest"         1 at sample ⌊j / scale⌋
      "nearest-exact"   1 at sample ⌊(j + ½) / scale⌋, which is the nearest to p
      "linear", "bilinear", "trilinear" (1, 2, 3 axes)   1 − |p − i| at the two samples around p; p < 0 counts as 0
      "bicubic" (2 axes)   Keys' cubic (1981) of p − i with a = −¾ at the four samples around p; the edges repeat
      "area"            equal weights from sample ⌊j · before/after⌋ to the one before ⌈(j + 1) · before/after⌉
    antialias ("bilinear", and "bicubic" with a = −½): where an axis shrinks, the kernel is stretched by 1 / scale, so
    that every sample counts, and each row is divided by its sum.

    input: (N, C, L), (N, C, H, W) or (N, C, D, H, W)  →  (N, C, *after).
    size: an int or one for each axis; or scale_factor: a number or one for each axis, after = ⌊before · scale_factor⌋.
    scale is scale_factor if that is given and recompute_scale_factor is not, else after / before.
    A NaN or ∞ meets zeros of M too and so reaches further than in torch; both nearest modes copy and keep it in place.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.interpolate`.
    """
    input, = check_float("interpolate", input=input)
    rows = _interpolation_rows("interpolate", input, size, scale_factor, mode, align_corners, recompute_scale_factor,
                               antialias)
    if mode in ("nearest", "nearest-exact"):
        for axis in reversed(range(2, input.ndim)):
            input = np.take(input, rows[axis - 2][0][:, 0], axis)
        return input
    bands = [_band(index, weight, before) for (index, weight), before in zip(rows, input.shape[2:], strict=True)]
    out = _times_bands(input, bands, [len(index) for index, _ in rows])
    return out if np.isfinite(out).all() else _times_rows(input, rows, antialias or mode == "area")


def interpolate_backward(grad_output, input, size=None, scale_factor=None, mode="nearest", align_corners=None,
                         recompute_scale_factor=None, antialias=False):
    """dx = Mᵀ @ dy along every axis."""
    name = "interpolate_backward"
    input, = check_float(name, input=input)
    rows = _interpolation_rows(name, input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    shape = (*input.shape[:2], *(len(index) for index, _ in rows))
    grad_output = check_grad_output(name, grad_output, shape, input.dtype)
    bands = [_band(index, weight, before, transpose=True)
             for (index, weight), before in zip(rows, input.shape[2:], strict=True)]
    grad = _times_bands(grad_output, bands, input.shape[2:])
    if not np.isfinite(grad).all():
        grad = _times_rows(grad_output, rows, antialias or mode == "area", input.shape[2:])
    return (grad,)


def affine_grid(theta, size, align_corners=None):
    """For every place of an output the place in the input that an affine map names, for `grid_sample` (Jaderberg 2015).

    grid[n, y, x] = theta[n] @ (x', y', 1)

    x', y' go from −1 to 1: with align_corners from the centre of the first sample to that of the last, else from edge
    to edge, so that the centres are at −1 + 1/size, …, 1 − 1/size.

    theta: (N, 2, 3) for size (N, C, H, W)  →  (N, H, W, 2);   (N, 3, 4) for (N, C, D, H, W)  →  (N, D, H, W, 3).
    The last axis of the result is x, y(, z): the axes of the image from the last back.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.affine_grid`.
    """
    theta, = check_float("affine_grid", theta=theta)
    batch, _, *size = _affine_size("affine_grid", theta, size)
    places = _homogeneous_places(size, align_corners, theta.dtype)         # (D·H·W, n + 1) for n axes
    return (places @ theta.swapaxes(1, 2)).reshape(batch, *size, len(size))


def affine_grid_backward(grad_output, theta, size, align_corners=None):
    """d theta[n] = Σ over places: d grid[n, y, x] ⊗ (x', y', 1)."""
    theta, = check_float("affine_grid_backward", theta=theta)
    batch, _, *size = _affine_size("affine_grid_backward", theta, size)
    grad_output = check_grad_output("affine_grid_backward", grad_output, (batch, *size, len(size)), theta.dtype)
    places = _homogeneous_places(size, align_corners, theta.dtype)         # (D·H·W, n + 1)
    return (grad_output.reshape(batch, len(places), len(size)).swapaxes(1, 2) @ places,)


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """The input at the places that grid names, between its samples too (Jaderberg et al. 2015).

    out[n, c, y, x] = Σ_k w_k · input[n, c, i_k]      over the samples i_k around the place grid[n, y, x]

    Along an axis, coordinate g from −1 to 1 is the place p = ((g + 1) · size − 1) / 2, with align_corners
    (g + 1) · (size − 1) / 2, and w is the product over the axes of
      "nearest"    1 at p rounded
      "bilinear"   1 − |p − i| at the two samples around p, also for three axes
      "bicubic"    Keys' cubic (1981) of p − i with a = −¾ at the four samples around p; for two axes only
    padding_mode: outside are "zeros"; or p moves to the "border", the centre of the outermost sample; or p comes back
    by "reflection", at that centre with align_corners, else at the sample's edge. In mode "bicubic" it is not p that
    moves but each of the four samples.

    input: (N, C, H, W), grid: (N, H_out, W_out, 2)  →  (N, C, H_out, W_out)
    input: (N, C, D, H, W), grid: (N, D_out, H_out, W_out, 3)  →  (N, C, D_out, H_out, W_out)
    The last axis of grid is x, y(, z): the axes of the image from the last back.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.grid_sample`.
    """
    input, grid = check_float("grid_sample", input=input, grid=grid)
    _check_grid("grid_sample", input, grid, mode, padding_mode)
    batch, channels, *size = input.shape
    images = _framed(input)                                                # (C, N·F), F samples in a framed image
    places = grid.reshape(batch * math.prod(grid.shape[1:-1]), len(size))  # (N·P, n), P places in one output image
    out = np.zeros((channels, len(places)), input.dtype)
    for some in slices((len(places), max(8, channels)), _BLOCK // 2):   # a few numbers and those of the channels
        for index, weights, _ in _corners(places, some, batch, size, mode, padding_mode, align_corners):
            out[:, some] += images.take(index, axis=1) * math.prod(weights[1:], start=weights[0])
    return np.ascontiguousarray(out.reshape(channels, *grid.shape[:-1]).swapaxes(0, 1))


def grid_sample_backward(grad_output, input, grid, mode="bilinear", padding_mode="zeros", align_corners=None, *,
                         needs_input_grad=None):
    """d input[i_k] += w_k · dy;   d grid = Σ_k (Σ_c input[i_k] · dy) · ∂w_k/∂p · ∂p/∂g.

    needs_input_grad: which of (input, grid) get a gradient; None: both.
    """
    name = "grid_sample_backward"
    input, grid = check_float(name, input=input, grid=grid)
    _check_grid(name, input, grid, mode, padding_mode)
    batch, channels, *size = input.shape
    grad = check_grad_output(name, grad_output, (batch, channels, *grid.shape[1:-1]), input.dtype)
    for_input, for_grid = (True, True) if needs_input_grad is None else needs_input_grad
    images = _framed(input)                                                # (C, N·F)
    places = grid.reshape(batch * math.prod(grid.shape[1:-1]), len(size))  # (N·P, n)
    grad = grad.swapaxes(0, 1).reshape(channels, len(places))              # (C, N·P)
    grad_images, grad_places = np.zeros_like(images), np.zeros_like(places)
    for some in slices((len(places), max(8, channels)), _BLOCK // 2):   # a few numbers and those of the channels
        dy = np.ascontiguousarray(grad[:, some])
        for index, weights, slopes in _corners(places, some, batch, size, mode, padding_mode, align_corners):
            if for_input:
                part = dy * math.prod(weights[1:], start=weights[0])
                for c in range(channels):                # places may share a sample; add.at is fast along one axis only
                    np.add.at(grad_images[c], index, part[c])
            if for_grid:
                grad_weight = np.einsum("cp,cp->p", images.take(index, axis=1), dy)
                for a, slope in enumerate(slopes):
                    grad_places[some, a] += grad_weight * math.prod(weights[:a] + weights[a + 1:], start=slope)
    return (_unframed(grad_images, input.shape) if for_input else None,
            grad_places.reshape(grid.shape) if for_grid else None)


# Padding

def _pad_widths(name, shape, pad, mode, value):
    """→ what is added and what is cut: for every axis (before, after), none below 0."""
    if not isinstance(pad, (tuple, list)) or len(pad) % 2 or len(pad) > 2 * len(shape) or not all(map(is_int, pad)):
        raise ValueError(f"{name}: pad must hold (before, after) as ints for at most {len(shape)} axes, got {pad!r}")
    check_choice(name, "mode", mode, ("constant", "reflect", "replicate", "circular"))
    unpadded = len(shape) - len(pad) // 2
    if mode == "constant":
        if not (value is None or isinstance(value, (int, float, np.number))):
            raise TypeError(f"{name}: value must be a number, got {value!r}")
    elif value:
        raise ValueError(f'{name}: value goes with mode "constant", got mode {mode!r}')
    elif len(pad) not in (2, 4, 6) or unpadded not in (1, 2):
        raise ValueError(f"{name}: mode {mode!r} pads 1, 2 or 3 axes with one or two axes before them, "
                         f"got pad={pad!r} for shape {shape}")
    elif mode != "circular" and 0 in shape[len(shape) - len(pad) // 2 - 1:]:
        raise ValueError(f"{name}: mode {mode!r} needs an input without empty axes but N, got shape {shape}")
    added, cut = [(0, 0)] * unpadded, [(0, 0)] * unpadded
    for axis in range(unpadded, len(shape)):
        size, before, after = shape[axis], pad[2 * (len(shape) - 1 - axis)], pad[2 * (len(shape) - 1 - axis) + 1]
        added.append((max(0, before), max(0, after)))
        cut.append((max(0, -before), max(0, -after)))
        kept = size - sum(cut[axis])
        if size + before + after < 0 or (kept < 0 and mode in ("constant", "circular")):
            raise ValueError(f"{name}: {(before, after)} cuts more than axis {axis} of size {size} has")
        largest = {"reflect": size - 1, "circular": kept}.get(mode)
        if largest is not None and max(before, after) > largest:
            raise ValueError(f"{name}: mode {mode!r} adds at most {largest} to axis {axis} of size {size}, "
                             f"got {(before, after)}")
    return added, cut


def _inside(shape, widths):
    """The slices that leave (before, after) away on every axis."""
    return tuple([slice(before, size - after) for size, (before, after) in zip(shape, widths, strict=True)])


def _add_constant(x, widths, value):
    shape = [size + before + after for size, (before, after) in zip(x.shape, widths, strict=True)]
    out = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    out[_inside(shape, widths)] = x
    return out


def _add_copies(x, widths, mode):
    out = np.empty([size + before + after for size, (before, after) in zip(x.shape, widths, strict=True)], x.dtype)
    out[_inside(out.shape, widths)] = x
    for axis, size in enumerate(x.shape):
        along = np.moveaxis(out, axis, 0)
        for outside, inside in _copies(mode, size, *widths[axis]):
            along[outside] = along[inside]
    return out


def _add_copies_adjoint(grad, widths, mode):
    """Where forward copies, this adds what the copy got to the original. The axes do not depend on each other."""
    grad = grad.copy()
    for axis in range(grad.ndim):
        along = np.moveaxis(grad, axis, 0)
        for outside, inside in _copies(mode, grad.shape[axis] - sum(widths[axis]), *widths[axis]):
            along[inside] += along[outside]
    return np.ascontiguousarray(grad[_inside(grad.shape, widths)])


def _copies(mode, size, before, after):
    """Pairs of places outside and the places inside that they copy, counted from the beginning of the padded axis."""
    end = before + size
    if mode == "reflect":
        return [(slice(0, before), slice(2 * before, before, -1)),
                (slice(end + after - 1, end - 1, -1), slice(end - 1 - after, end - 1))]
    if mode == "circular":
        return [(slice(0, before), slice(size, end)), (slice(end, end + after), slice(before, before + after))]
    return [(s, before) for s in range(before)] + [(s, end - 1) for s in range(end, end + after)]


# Shuffling

def _shuffle_factor(name, input, argument, factor):
    if not is_int(factor):
        raise TypeError(f"{name}: {argument} must be an int, got {factor!r}")
    if factor < 1:
        raise ValueError(f"{name}: {argument} must be at least 1, got {factor}")
    if input.ndim < 3:
        raise ValueError(f"{name}: input needs at least 3 axes, got shape {input.shape}")
    return int(factor)


# Interpolation

def _interpolation_rows(name, input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias):
    """Checks the arguments; → for every axis the rows of its matrix, see `_rows`."""
    check_choice(name, "mode", mode,
                 ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"))
    n, before = input.ndim - 2, input.shape[2:]
    axes = {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}.get(mode, (1, 2, 3))
    if n not in axes:
        raise ValueError(f"{name}: mode {mode!r} needs input with {' or '.join(str(a + 2) for a in axes)} axes, "
                         f"N and C first, got shape {input.shape}")
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(f"{name}: align_corners goes with the linear and cubic modes, got mode {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"{name}: antialias goes with modes bilinear and bicubic, got {mode!r}")
    if (size is None) == (scale_factor is None):
        raise ValueError(f"{name}: give either size or scale_factor, got {size!r} and {scale_factor!r}")
    argument, given = ("size", size) if scale_factor is None else ("scale_factor", scale_factor)
    values = tuple(given) if isinstance(given, (tuple, list)) else (given,) * n
    if len(values) != n:
        raise ValueError(f"{name}: {argument} must hold {n} values for input of shape {input.shape}, got {given!r}")
    if scale_factor is None:
        if recompute_scale_factor:
            raise ValueError(f"{name}: recompute_scale_factor goes with scale_factor, got size")
        if not all(map(is_int, values)):
            raise TypeError(f"{name}: size must be an int or {n} ints, got {size!r}")
        after, scales = values, (None,) * n
    else:
        if not all(isinstance(v, (int, float, np.number)) and math.isfinite(v) for v in values):
            raise TypeError(f"{name}: scale_factor must be a number or {n} numbers, got {scale_factor!r}")
        after = [int(b * v) for b, v in zip(before, values, strict=True)]
        scales = (None,) * n if recompute_scale_factor or mode == "area" else values
    if 0 in before or (input.shape[1] == 0 and mode != "area"):
        raise ValueError(f"{name}: input must have no empty axis but N, got shape {input.shape}")
    if min(after) < (0 if mode == "area" else 1):
        raise ValueError(f"{name}: {argument} = {given!r} leaves nothing of input with shape {input.shape}")
    return [_rows(mode, b, a, scale, align_corners, antialias, input.dtype.type)
            for b, a, scale in zip(before, after, scales, strict=True)]


def _rows(mode, before, after, scale, align_corners, antialias, dtype):
    """The matrix M of one axis, row by row:   (M @ x)[j] = Σ_k weight[j, k] · x[index[j, k]]

    → index (after, k), weight (after, k).  Computed in the input's dtype, as in torch.
    """
    if mode == "area":
        j = np.arange(after)[:, None]
        start, stop = j * before // after, -(-(j + 1) * before // after)                     # ⌊ ⌋, ⌈ ⌉
        index = start + np.arange(np.max(stop - start, initial=0))
        return np.minimum(index, before - 1), ((index < stop) / (stop - start)).astype(dtype)
    if mode in ("nearest", "nearest-exact"):                               # torch's rule: float32, and exact if doubled
        j = np.arange(after, dtype=np.float32)[:, None]
        step = np.float32(1 / scale) if scale else np.float32(before) / np.float32(after)
        if mode == "nearest" and after in (before, 2 * before):
            step = np.float32(before / after)
        index = (j * step if mode == "nearest" else (j + np.float32(0.5)) * step).astype(np.intp)
        return np.minimum(index, before - 1), np.ones((after, 1), dtype)
    if before == after and (antialias or mode != "bicubic"):               # torch copies then, whatever scale_factor is
        return np.arange(after)[:, None], np.ones((after, 1), dtype)
    j, half = np.arange(after, dtype=dtype)[:, None], dtype(0.5)
    if align_corners:
        step = dtype(before - 1) / dtype(after - 1) if after > 1 else dtype(0)
    else:
        step = dtype(1 / scale) if scale else dtype(before) / dtype(after)
    if antialias:
        centre, stretch = (j + half) * step, max(step, dtype(1))           # ½ further than p
        reach = stretch * (2 if mode == "bicubic" else 1)
        start = np.maximum((centre - reach + half).astype(np.intp), 0)
        stop = np.minimum((centre + reach + half).astype(np.intp), before)
        index = start + np.arange(np.max(stop - start))
        distance = (index.astype(dtype) + half - centre) / stretch
        weight = (index < stop) * (_cubic(distance, -0.5) if mode == "bicubic" else _triangle(distance))
        return np.minimum(index, before - 1), weight / weight.sum(axis=1, keepdims=True)
    p = j * step if align_corners else (j + half) * step - half
    if mode == "bicubic":
        low, around = np.floor(p), np.arange(-1, 3, dtype=dtype)
        weight = _cubic(p - low - around, -0.75)
    else:
        p = np.maximum(p, 0)
        low, around = np.floor(p), np.arange(2, dtype=dtype)
        weight = _triangle(p - low - around)
    return np.clip((low + around).astype(np.intp), 0, before - 1), weight


def _triangle(x):
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x, a):
    """Keys' kernel (1981): 1 at 0, 0 at the other integers and beyond ±2, with slope a at 1 and no kinks."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x <= 1, near, far) * (x < 2)                           # × keeps a NaN


def _cubic_slope(x, a):
    sign, x = np.sign(x), np.abs(x)
    near = (3 * (a + 2) * x - 2 * (a + 3)) * x
    far = ((3 * x - 10) * x + 8) * a
    return sign * np.where(x <= 1, near, far) * (x < 2)


def _band(index, weight, before, transpose=False):
    """M from its rows, or Mᵀ, as dense blocks along the diagonal; the rest of M is 0.

    → first (b,), blocks (b, _BAND, width): block b holds the rows from b · _BAND and the columns from first[b] on.
    """
    rows, columns, height, width = np.repeat(np.arange(len(index)), index.shape[1]), index.ravel(), len(index), before
    if transpose:
        rows, columns, height, width = columns, rows, width, height
    b = rows // _BAND
    first, last = np.full(-(-height // _BAND), width), np.full(-(-height // _BAND), -1)
    np.minimum.at(first, b, columns)
    np.maximum.at(last, b, columns)
    widest = np.max(last + 1 - first, initial=0)
    first = np.minimum(first, width - widest)
    blocks = np.zeros((len(first), _BAND, widest), weight.dtype)
    np.add.at(blocks.reshape(-1), rows * widest + columns - first[b], weight.ravel())        # at an edge several meet
    return first, blocks


def _times_rows(x, rows, filled, before=None):
    """out = M @ x along each axis as the definition reads; with the sizes before, Mᵀ @ x.

    In a product of matrices 0 · ∞ makes NaN of what no weight connects; here each number meets its own weights alone.
    filled: whether rows that are shorter than others are filled up with 0, which stands for nothing.
    """
    def times(weight, x):
        return np.where(weight == 0, 0, weight * x) if filled else weight * x

    with np.errstate(invalid="ignore"):
        for axis, (index, weight) in enumerate(rows, 2):
            x = np.moveaxis(x, axis, 0)
            weight = weight.astype(x.dtype).reshape(*weight.shape, *[1] * (x.ndim - 1))
            if before is None:
                out = sum(times(weight[:, k], x[index[:, k]]) for k in range(index.shape[1]))
            else:
                out = np.zeros((before[axis - 2], *x.shape[1:]), x.dtype)
                for k in range(index.shape[1]):
                    np.add.at(out, index[:, k], times(weight[:, k], x))
            x = np.moveaxis(out, 0, axis)
    return np.ascontiguousarray(x)


def _times_bands(x, bands, after):
    """x (N, C, *before) → (N, C, *after): each axis times its matrix."""
    planes = x.reshape(math.prod(x.shape[:2]), *x.shape[2:])
    out = np.empty((len(planes), *after), x.dtype)
    for some in slices((len(planes), max(math.prod(after), math.prod(x.shape[2:]))), _BLOCK):
        part = planes[some]
        for axis in reversed(range(1, part.ndim)):
            shape = (*part.shape[:axis], after[axis - 1], *part.shape[axis + 1:])
            product = out[some] if axis == 1 else np.empty(shape, x.dtype)
            _times_band(part, *bands[axis - 1], axis, product)
            part = product
    return out.reshape(*x.shape[:2], *after)


def _times_band(x, first, blocks, axis, out):
    """out = M @ x along one axis."""
    lead, trail = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1:])
    x, out = x.reshape(lead, x.shape[axis], trail), out.reshape(lead, out.shape[axis], trail)
    for b, column in enumerate(first):
        rows = slice(b * _BAND, min((b + 1) * _BAND, out.shape[1]))
        columns = slice(column, column + blocks.shape[2])
        block = blocks[b, :rows.stop - rows.start]
        if trail == 1:                                   # the last axis: one product instead of one for each of `lead`
            np.matmul(x[:, columns, 0], block.T, out=out[:, rows, 0])
        else:
            np.matmul(block, x[:, columns], out=out[:, rows])


# Sampling anywhere

def _affine_size(name, theta, size):
    if not isinstance(size, (tuple, list)) or len(size) not in (4, 5) or not all(map(is_int, size)):
        raise ValueError(f"{name}: size must be (N, C, H, W) or (N, C, D, H, W) in ints, got {size!r}")
    n = len(size) - 2
    if min(size) < 1:
        raise ValueError(f"{name}: size must be positive, got {size!r}")
    if theta.shape != (size[0], n, n + 1):
        raise ValueError(f"{name}: theta must have shape {(size[0], n, n + 1)} for size {size!r}, got {theta.shape}")
    return size


def _homogeneous_places(size, align_corners, dtype):
    """(x', y'(, z'), 1) for every place of an image of this size: (number of places, number of axes + 1)."""
    axes = []
    for length in size:
        places = np.linspace(-1, 1, length, dtype=dtype) if length > 1 else np.zeros(1, dtype)
        axes.append(places if align_corners else places * dtype.type((length - 1) / length))
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.stack([*(m.ravel() for m in reversed(mesh)), np.ones(mesh[0].size, dtype)], axis=1)


def _check_grid(name, input, grid, mode, padding_mode):
    n = input.ndim - 2
    check_choice(name, "mode", mode, ("bilinear", "nearest", "bicubic"))
    check_choice(name, "padding_mode", padding_mode, ("zeros", "border", "reflection"))
    if n not in ((2,) if mode == "bicubic" else (2, 3)):
        raise ValueError(f"{name}: input needs {'4' if mode == 'bicubic' else '4 or 5'} axes in mode {mode!r}, "
                         f"got shape {input.shape}")
    if grid.ndim != n + 2 or grid.shape[0] != input.shape[0] or grid.shape[-1] != n:
        raise ValueError(f"{name}: grid needs {n + 2} axes, the first of size {input.shape[0]} like that of input, the "
                         f"last of size {n}; got shape {grid.shape}")
    if 0 in input.shape[2:]:
        raise ValueError(f"{name}: input must have no empty axis but N and C, got shape {input.shape}")


def _framed(input):
    """(N, C, *size) → (C, N·F): the images, each in a frame of zeros for what lies outside; a row for each channel."""
    framed = np.zeros((input.shape[1], input.shape[0], *(s + 2 * _FRAME for s in input.shape[2:])), input.dtype)
    framed[:, :, *[slice(_FRAME, -_FRAME)] * (input.ndim - 2)] = input.swapaxes(0, 1)
    return framed.reshape(len(framed), math.prod(framed.shape[1:]))


def _unframed(framed, shape):
    """(C, N·F) → (N, C, *size), without the frames."""
    framed = framed.reshape(shape[1], shape[0], *(s + 2 * _FRAME for s in shape[2:]))
    return np.ascontiguousarray(framed[:, :, *[slice(_FRAME, -_FRAME)] * (len(shape) - 2)].swapaxes(0, 1))


def _corners(places, some, batch, size, mode, padding_mode, align_corners):
    """The 1, 2ⁿ or 4ⁿ samples that each of some places mixes.  places: (N·P, n)

    → a list of index (·,) into a row of the framed images, and for each axis x, y(, z) weight and ∂weight/∂g (·,).
    """
    frames = [s + 2 * _FRAME for s in reversed(size)]                      # width, height(, depth) of a framed image
    strides = [math.prod(frames[:a]) for a in range(len(frames))]
    image = np.repeat(np.arange(batch) * math.prod(frames), len(places) // max(1, batch))[some]
    corners = [(image + _FRAME * sum(strides), (), ())]                    # where the image of each place begins
    for a, stride in enumerate(strides):
        taps = _taps(np.ascontiguousarray(places[some, a]), size[-1 - a], mode, padding_mode, align_corners)
        taps = [(stride * index, weight, slope) for index, weight, slope in taps]
        corners = [(start + index, (*weights, weight), (*slopes, slope))
                   for start, weights, slopes in corners for index, weight, slope in taps]
    return corners


def _taps(g, size, mode, padding_mode, align_corners):
    """Along one axis the 1, 2 or 4 samples around the coordinates g (P,): a list of index, weight and ∂weight/∂g."""
    dtype = g.dtype.type
    slope = dtype((size - 1) / 2 if align_corners else size / 2)           # ∂p/∂g
    p = (g + 1) * slope if align_corners else (g + 1) * slope - dtype(0.5)
    if mode != "bicubic":
        p, turned = _move_inside(p, size, padding_mode, align_corners)
        slope = slope * turned
    if padding_mode == "zeros":
        p = np.minimum(np.maximum(p, -2), size + 1)                        # further out there are but zeros too
    if mode == "nearest":
        return [(_index(np.rint(p)), np.ones_like(p), np.zeros_like(p))]
    low = np.floor(p)
    t = p - low
    if mode == "bilinear":
        index = _index(low)
        return [(index, 1 - t, -slope), (index + 1, t, slope)]
    return [(_index(_move_inside(low + i, size, padding_mode, align_corners)[0]),
             _cubic(t - i, -0.75), slope * _cubic_slope(t - i, -0.75)) for i in range(-1, 3)]


def _index(p):
    return np.fmax(p, -_FRAME).astype(np.intp)                             # fmax: a NaN must not become an index


def _move_inside(p, size, padding_mode, align_corners):
    """Places moved as padding_mode says, and the derivative of that: 1, −1 where mirrored, 0 where held at a border."""
    turned = np.ones_like(p)
    if padding_mode == "zeros":
        return p, turned
    if padding_mode == "reflection":
        low, span = (0, size - 1) if align_corners else (-0.5, size)       # between the mirrors
        beyond = np.abs(p - low)
        turns = np.floor(beyond / max(span, 1))
        odd = np.floor(turns / 2) * 2 != turns                             # % takes 40 times as long
        turned = np.where(odd == (p < low), turned, -turned)
        beyond = beyond - turns * span
        p = np.where(odd, span - beyond, beyond) + p.dtype.type(low)
    turned = turned * ((p > 0) & (p < size - 1))
    return np.fmin(np.fmax(p, 0), size - 1), turned
