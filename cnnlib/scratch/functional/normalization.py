"""Normalisation, forward and backward: bring a group of numbers to mean 0 and spread 1, then scale and shift it anew.

batch_norm, group_norm, instance_norm and layer_norm are one formula. They differ in which numbers form a group:

    batch_norm     one channel over all images        group_norm   some channels of one image
    instance_norm  one channel of one image           layer_norm   the last axes of one image or token

    μ = Σx/M      σ² = Σ(x − μ)²/M      s = √(σ² + eps)      x̂ = (x − μ)/s      y = γ·x̂ + β      (M numbers in each)

Backward. With g = γ·dy, the gradient that arrives at x̂, every x_i acts on all x̂_j of its group, through μ and s too:

    ∂μ/∂x_i = 1/M
    ∂s²/∂x_i = 2(x_i − μ)/M − (2/M)·(1/M)·Σ_j (x_j − μ) = 2(x_i − μ)/M        since Σ_j (x_j − μ) = 0 drops out
    ∂x̂_j/∂x_i = ([i = j] − 1/M − x̂_i·x̂_j/M)/s
    dx_i = Σ_j g_j·∂x̂_j/∂x_i = (g_i − mean(g) − x̂_i·mean(g·x̂))/s

In words: dx is g without its part along the constant and without its part along x̂, divided by s. And dγ = Σ dy·x̂,
dβ = Σ dy.

σ² is computed from x − μ, in two passes. The one-pass mean(x²) − μ² is a difference of two large, rounded numbers: in
float32, with μ = 1000 and σ = 1, it is wrong by about 0.2.
"""

import math

import numpy as np

from cnnlib.checks import axes_of, check_float, check_grad_output, is_int

from ..fast.chunks import CHUNK, Outer, empty, slices

__all__ = [
    "batch_norm", "batch_norm_backward", "group_norm", "group_norm_backward", "instance_norm", "instance_norm_backward",
    "layer_norm", "layer_norm_backward", "local_response_norm", "local_response_norm_backward", "normalize",
    "normalize_backward", "rms_norm", "rms_norm_backward",
]

# Numbers in a block: that of x, of the output and two more stay together in a core's second cache.
BLOCK = CHUNK
# An operation of NumPy costs 25 ns more for every row. Rows shorter than this are copied into long ones where possible.
SHORT = 256
# group_norm has a weight and a bias for each channel of an image. If a channel is smaller than this, its weight is
# repeated along it, and images are multiplied as a whole: 0.6 of the time for channels of 4 × 4, 0.8 for 7 × 7.
TINY = 64
# Where each row has a number of its own, as its mean, and is shorter than this, the number is written out and then
# added, 0.3 ms for a million of them; added by broadcasting it takes 0.6 ms for rows of 96, 0.4 for 256, 0.2 for 768.
LONG = 320


# ---- the formula -----------------------------------------------------------------------------------------------------

def standardize_textbook(x, axes, weight, bias, eps=1e-5):
    """The formula as it stands above, for all four: same numbers, slower.

    x: (*)   axes: those along which a group lies   weight, bias: broadcast to (*)  →  (*)
    """
    mean = x.mean(axis=axes, keepdims=True)
    s = np.sqrt(((x - mean)**2).mean(axis=axes, keepdims=True) + eps)
    x_hat = (x - mean) / s
    return weight * x_hat + bias


def standardize_backward_textbook(dy, x, axes, weight, eps=1e-5):
    """→ dx (*), and dy·x̂ and dy (*), whose sums over what shares a weight and a bias are dγ and dβ."""
    mean = x.mean(axis=axes, keepdims=True)
    s = np.sqrt(((x - mean)**2).mean(axis=axes, keepdims=True) + eps)
    x_hat = (x - mean) / s
    g = weight * dy
    dx = (g - g.mean(axis=axes, keepdims=True) - x_hat * (g * x_hat).mean(axis=axes, keepdims=True)) / s
    return dx, dy * x_hat, dy


# ---- the same in blocks ----------------------------------------------------------------------------------------------

def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5, *,
               saved=None):
    """Normalise each channel over the batch and over space (Ioffe & Szegedy 2015).

    out[n, c, …] = weight[c] · (input[n, c, …] − μ[c]) / √(σ²[c] + eps) + bias[c]

    training: μ, σ² are the mean and the (biased) variance of this batch. Then, in place,
    running_mean ← (1 − momentum)·running_mean + momentum·μ, and running_var likewise with the unbiased variance.
    Not training: μ = running_mean, σ² = running_var.
    input: (N, C, *)   the others: (C,) or None, running_mean and running_var both or none  →  (N, C, *)
    saved: a dict in which the forward leaves μ and σ² for the backward.
    Raises TypeError or ValueError naming the argument; ValueError when training sees one value per channel.
    Source: `torch.nn.functional.batch_norm`.
    """
    name = "batch_norm"
    input, running_mean, running_var, weight, bias = _check_running(
        name, input, running_mean, running_var, weight, bias, needed=not training)
    if training and input.size == math.prod(input.shape[1:2]) > 0:
        raise ValueError(f"{name}: training needs more than 1 value per channel, got input of shape {input.shape}")
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"{name}: eps must be {'positive' if training else 'at least 0'}, got {eps}")
    if input.size == 0:
        return input.copy()

    x = _by_channel(input)                                               # (C, n, l)
    weight, bias = _column(weight), _column(bias)                        # (C, 1, 1) or None
    if training:
        out, mean, var = _standardize(x, weight, bias, eps)
        count = x[0].size
        _update(running_mean, mean[:, 0, 0], momentum)
        _update(running_var, var[:, 0, 0] * (count / (count - 1)), momentum)
        if saved is not None:
            saved["mean"], saved["var"] = mean, var
    else:
        out = _apply_running(x, running_mean, running_var, weight, bias, eps)
    return _from_channel(out, input.shape)


def batch_norm_backward(grad_output, input, running_mean, running_var, weight=None, bias=None, training=False,
                        momentum=0.1, eps=1e-5, *, saved=None):
    """Training: dx = (g − mean(g) − x̂·mean(g·x̂))/s with g = γ·dy. Else μ and s are constants, so dx = g/s.

    dγ = Σ dy·x̂, dβ = Σ dy.  → (dx, None, None, dγ, dβ). The running statistics stay as they are.
    """
    name = "batch_norm_backward"
    input, running_mean, running_var, weight, bias = _check_running(
        name, input, running_mean, running_var, weight, bias, needed=not training)
    grad_output = check_grad_output(name, grad_output, input.shape, input.dtype)
    if input.size == 0:
        return np.zeros_like(input), None, None, _zeros_like(weight), _zeros_like(bias)

    x, dy, column = _by_channel(input), _by_channel(grad_output), _column(weight)
    if training:
        mean, var = (saved["mean"], saved["var"]) if saved else _standardize(x, None, None, eps)[1:]
        dx, dweight, dbias = _standardize_backward(dy, x, column, mean, var, eps)            # (C, n, l), (C, n), (C, n)
    else:
        dx, dweight, dbias = _apply_running_backward(dy, x, running_mean, running_var, column, eps)
    dx = _from_channel(dx, input.shape)
    return dx, None, None, *_where_given(weight, dweight.sum(axis=1), bias, dbias.sum(axis=1))


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
                  momentum=0.1, eps=1e-5, *, saved=None):
    """Normalise each channel of each image over space (Ulyanov, Vedaldi & Lempitsky 2016).

    out[n, c, …] = weight[c] · (input[n, c, …] − μ[n, c]) / √(σ²[n, c] + eps) + bias[c]

    use_input_stats: μ, σ² are those of this channel of this image; running_mean and running_var, if given, move in
    place towards their means over the batch as in `batch_norm`. Otherwise both are needed and are μ and σ².
    input: (N, C, *)   the others: (C,) or None  →  (N, C, *)
    saved: a dict in which the forward leaves μ and σ² for the backward.
    Raises TypeError or ValueError naming the argument; ValueError when an image has one value per channel.
    Source: `torch.nn.functional.instance_norm`.
    """
    name = "instance_norm"
    input, running_mean, running_var, weight, bias = _check_running(
        name, input, running_mean, running_var, weight, bias, needed=not use_input_stats)
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(f"{name}: needs more than 1 value per channel of an image, got input of shape {input.shape}")
    if input.size == 0:
        return input.copy()

    if not use_input_stats:
        out = _apply_running(_by_channel(input), running_mean, running_var, _column(weight), _column(bias), eps)
        return _from_channel(out, input.shape)
    batch, channels = input.shape[:2]
    x = input.reshape(batch * channels, 1, -1)
    out, mean, var = _standardize(x, _column(weight, batch), _column(bias, batch), eps)
    count = x[0].size
    _update(running_mean, mean.reshape(batch, channels).mean(axis=0), momentum)
    _update(running_var, var.reshape(batch, channels).mean(axis=0) * (count / (count - 1)), momentum)
    if saved is not None:
        saved["mean"], saved["var"] = mean, var
    return out.reshape(input.shape)


def instance_norm_backward(grad_output, input, running_mean=None, running_var=None, weight=None, bias=None,
                           use_input_stats=True, momentum=0.1, eps=1e-5, *, saved=None):
    """As batch_norm_backward, with a group for each image and channel; dγ, dβ are summed over the images too."""
    name = "instance_norm_backward"
    input, running_mean, running_var, weight, bias = _check_running(
        name, input, running_mean, running_var, weight, bias, needed=not use_input_stats)
    grad_output = check_grad_output(name, grad_output, input.shape, input.dtype)
    if input.size == 0:
        return np.zeros_like(input), None, None, _zeros_like(weight), _zeros_like(bias)

    if use_input_stats:
        batch, channels = input.shape[:2]
        x, dy = input.reshape(batch * channels, 1, -1), grad_output.reshape(batch * channels, 1, -1)
        mean, var = (saved["mean"], saved["var"]) if saved else _standardize(x, None, None, eps)[1:]
        dx, dweight, dbias = _standardize_backward(dy, x, _column(weight, batch), mean, var, eps)
        dx = dx.reshape(input.shape)
        dweight, dbias = (d.reshape(batch, channels).sum(axis=0) for d in (dweight, dbias))
    else:
        dx, dweight, dbias = _apply_running_backward(
            _by_channel(grad_output), _by_channel(input), running_mean, running_var, _column(weight), eps)
        dx, dweight, dbias = _from_channel(dx, input.shape), dweight.sum(axis=1), dbias.sum(axis=1)
    return dx, None, None, *_where_given(weight, dweight, bias, dbias)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5, *, saved=None):
    """Normalise groups of channels of each image over the group and over space (Wu & He 2018).

    out[n, c, …] = weight[c] · (input[n, c, …] − μ[n, k]) / √(σ²[n, k] + eps) + bias[c]

    where channel c lies in group k, one of num_groups equal stretches of channels.
    input: (N, C, *)   weight, bias: (C,) or None  →  (N, C, *)
    saved: a dict in which the forward leaves μ and σ², or 1/s, for the backward.
    Raises TypeError or ValueError naming the argument, ValueError when C does not divide by num_groups.
    Source: `torch.nn.functional.group_norm`.
    """
    input, weight, bias = _check_group_norm("group_norm", input, num_groups, weight, bias)
    if input.size == 0:
        return input.copy()
    batch, channels = input.shape[:2]
    length = math.prod(input.shape[2:])
    if length < TINY:
        weight, bias = (None if p is None else np.repeat(p, length) for p in (weight, bias))
        return _standardize_images(input.reshape(batch, num_groups, -1), weight, bias, eps, saved).reshape(input.shape)
    groups = (batch * num_groups, channels // num_groups, -1)
    weight, bias = _column(weight, batch, groups), _column(bias, batch, groups)              # (N·num_groups, m, 1)
    out, mean, var = _standardize(input.reshape(groups), weight, bias, eps)
    if saved is not None:
        saved["mean"], saved["var"] = mean, var
    return out.reshape(input.shape)


def group_norm_backward(grad_output, input, num_groups, weight=None, bias=None, eps=1e-5, *, saved=None):
    """dx = (g − mean(g) − x̂·mean(g·x̂))/s with g = γ·dy; dγ = Σ dy·x̂ and dβ = Σ dy over images and space."""
    name = "group_norm_backward"
    input, weight, bias = _check_group_norm(name, input, num_groups, weight, bias)
    grad_output = check_grad_output(name, grad_output, input.shape, input.dtype)
    if input.size == 0:
        return np.zeros_like(input), _zeros_like(weight), _zeros_like(bias)
    if not saved:
        group_norm(input, num_groups, eps=eps, saved=(saved := {}))
    batch, channels = input.shape[:2]
    length = math.prod(input.shape[2:])
    if length < TINY:
        x, dy = (array.reshape(batch, num_groups, -1) for array in (input, grad_output))
        gamma = None if weight is None else np.repeat(weight, length)
        dx, dgamma, dbeta = _standardize_images_backward(dy, x, gamma, **saved)
        dweight, dbias = (d.reshape(channels, length).sum(axis=1) for d in (dgamma, dbeta))
    else:
        groups = (batch * num_groups, channels // num_groups, -1)
        x, dy = input.reshape(groups), grad_output.reshape(groups)
        dx, dweight, dbias = _standardize_backward(dy, x, _column(weight, batch, groups), **saved, eps=eps)
        dweight, dbias = (d.reshape(batch, channels).sum(axis=0) for d in (dweight, dbias))
    return dx.reshape(input.shape), *_where_given(weight, dweight, bias, dbias)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, *, saved=None):
    """Normalise the last axes, with a scale and a shift for every place in them (Ba, Kiros & Hinton 2016).

    out[r, i] = weight[i] · (input[r, i] − μ[r]) / √(σ²[r] + eps) + bias[i]       i runs through normalized_shape

    input: (*, *normalized_shape)   weight, bias: normalized_shape or None  →  as input.
    saved: a dict in which the forward leaves μ and 1/s for the backward.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.layer_norm`.
    """
    input, weight, bias = _check_layer_norm("layer_norm", input, normalized_shape, weight, bias)
    if input.size == 0:
        return input.copy()
    x = input.reshape(-1, math.prod(normalized_shape))                   # (R, M)
    out = empty(x.shape, x.dtype)
    mean, scale = np.empty((2, len(x), 1), x.dtype)
    blocks = slices(x.shape, BLOCK)
    room, ones = empty(x[blocks[0]].shape, x.dtype), np.ones(x.shape[1], x.dtype)
    spread, gamma = Outer(ones, len(room)), Outer(ones if weight is None else weight.reshape(-1), len(room))
    # bias repeated for every row of a block: arrays of one size are added three times as fast
    bias = None if bias is None else np.tile(bias.reshape(-1), (len(room), 1))
    with np.errstate(all="ignore"):                                      # eps < 0: the root of a negative number is NaN
        _set_buffer(ones.size)
        for rows in blocks:
            mean[rows, 0] = x[rows] @ ones / ones.size                   # a product with ones: 4 times as fast as sum
            d = np.subtract(x[rows], _along_rows(mean[rows], spread, room), out=out[rows])     # x − μ
            scale[rows, 0] = 1 / np.sqrt(np.vecdot(d, d) / ones.size + eps)                  # 1/s
            _scale(d, scale[rows], gamma, room, out=d)                   # (x − μ) · γ/s + β
            if bias is not None:
                d += bias[:len(d)]
    if saved is not None:
        saved["mean"], saved["scale"] = mean, scale
    return out.reshape(input.shape)


def layer_norm_backward(grad_output, input, normalized_shape, weight=None, bias=None, eps=1e-5, *, saved=None):
    """dx = (g − mean(g) − x̂·mean(g·x̂))/s with g = γ·dy; dγ = Σ dy·x̂ and dβ = Σ dy over the rows."""
    name = "layer_norm_backward"
    input, weight, bias = _check_layer_norm(name, input, normalized_shape, weight, bias)
    grad_output = check_grad_output(name, grad_output, input.shape, input.dtype)
    if input.size == 0:
        return np.zeros_like(input), _zeros_like(weight), _zeros_like(bias)
    if not saved:
        layer_norm(input, normalized_shape, eps=eps, saved=(saved := {}))
    mean, scale = saved["mean"], saved["scale"]
    size = math.prod(normalized_shape)
    x, dy = input.reshape(-1, size), grad_output.reshape(-1, size)       # (R, M)
    dx, dgamma, dbeta = empty(x.shape, x.dtype), np.zeros(size, x.dtype), np.zeros(size, x.dtype)
    blocks = slices(x.shape, BLOCK)
    room, centred = empty((2, *x[blocks[0]].shape), x.dtype)
    ones, column = np.ones(size, x.dtype), np.ones(len(room), x.dtype)
    gamma = ones if weight is None else weight.reshape(size)
    spread, scaled = Outer(ones, len(room)), Outer(gamma, len(room))
    with np.errstate(all="ignore"):
        _set_buffer(size)
        r_size = scale / size
        for rows in blocks:
            r = scale[rows]                                              # 1/s, (rows, 1)
            d = np.subtract(x[rows], _along_rows(mean[rows], spread, room), out=centred[:len(r)])          # x − μ
            product = np.multiply(dy[rows], d, out=dx[rows])             # s · dy·x̂, until dx takes its place
            dgamma += r[:, 0] @ product
            dbeta += column[:len(r)] @ dy[rows]
            # g is never formed: Σ g = Σ dy·γ is a product
            mean_g = (dy[rows] @ gamma)[:, None] * r_size[rows]          # mean(g)/s
            mean_gx = (product @ gamma)[:, None] * r_size[rows] * r * r  # mean(g·x̂)/s²; r³ could overflow
            # dx = γ/s·dy − (x − μ)·mean(g·x̂)/s² − mean(g)/s
            out = _scale(dy[rows], r, scaled, room, out=dx[rows])
            d *= _along_rows(mean_gx, spread, room)
            out -= d
            out -= _along_rows(mean_g, spread, room)
    dweight, dbias = dgamma.reshape(normalized_shape), dbeta.reshape(normalized_shape)
    return dx.reshape(input.shape), *_where_given(weight, dweight, bias, dbias)


def rms_norm(input, normalized_shape, weight=None, eps=None, *, saved=None):
    """Divide the last axes by their root mean square (Zhang & Sennrich 2019).

    out[r, i] = weight[i] · input[r, i] / √(mean_i(input[r, i]²) + eps)           i runs through normalized_shape

    input: (*, *normalized_shape)   weight: normalized_shape or None  →  as input.  eps: None is the dtype's own.
    saved: a dict in which the forward leaves the factor of each row for the backward.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.rms_norm`.
    """
    input, weight, _ = _check_layer_norm("rms_norm", input, normalized_shape, weight, None)
    if input.size == 0:
        return input.copy()
    eps = np.finfo(input.dtype).eps if eps is None else eps
    x = input.reshape(-1, math.prod(normalized_shape))                   # (R, M)
    out, scale = empty(x.shape, x.dtype), np.empty((len(x), 1), x.dtype)
    gamma = np.ones(x.shape[1], x.dtype) if weight is None else weight.reshape(-1)
    blocks = slices(x.shape, BLOCK)
    room = empty(x[blocks[0]].shape, x.dtype)
    scaled = Outer(gamma, len(room))
    with np.errstate(all="ignore"):
        for rows in blocks:
            scale[rows, 0] = 1 / np.sqrt(np.vecdot(x[rows], x[rows]) / gamma.size + eps)
            _scale(x[rows], scale[rows], scaled, room, out=out[rows])
    if saved is not None:
        saved["scale"] = scale
    return out.reshape(input.shape)


def rms_norm_backward(grad_output, input, normalized_shape, weight=None, eps=None, *, saved=None):
    """dx = (g − x̂·mean(g·x̂))·r with g = γ·dy, r the factor of the row, x̂ = x·r; dγ = Σ dy·x̂ over the rows."""
    name = "rms_norm_backward"
    input, weight, _ = _check_layer_norm(name, input, normalized_shape, weight, None)
    grad_output = check_grad_output(name, grad_output, input.shape, input.dtype)
    if input.size == 0:
        return np.zeros_like(input), _zeros_like(weight)
    if not saved:
        rms_norm(input, normalized_shape, eps=eps, saved=(saved := {}))
    scale = saved["scale"]
    size = math.prod(normalized_shape)
    x, dy = input.reshape(-1, size), grad_output.reshape(-1, size)       # (R, M)
    dx, dgamma = empty(x.shape, x.dtype), np.zeros(size, x.dtype)
    blocks = slices(x.shape, BLOCK)
    room, ones = empty(x[blocks[0]].shape, x.dtype), np.ones(size, x.dtype)
    gamma = ones if weight is None else weight.reshape(size)
    spread, scaled = Outer(ones, len(room)), Outer(gamma, len(room))
    with np.errstate(all="ignore"):
        _set_buffer(size)
        for rows in blocks:
            r = scale[rows]                                              # (rows, 1)
            product = np.multiply(dy[rows], x[rows], out=dx[rows])       # dy·x̂/r, until dx takes its place
            dgamma += r[:, 0] @ product
            mean_gx = (product @ gamma / size)[:, None] * r
            # dx = γ·r·dy − x·mean(g·x̂)·r²
            out = _scale(dy[rows], r, scaled, room, out=dx[rows])
            out -= np.multiply(x[rows], _along_rows(mean_gx * r * r, spread, room), out=room[:len(r)])
    return dx.reshape(input.shape), (None if weight is None else dgamma.reshape(normalized_shape))


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """Divide by the energy of neighbouring channels (Krizhevsky, Sutskever & Hinton 2012).

    out[n, c, …] = input[n, c, …] · D[n, c, …]^(−beta)       D[n, c, …] = k + (alpha/size) · Σ_j input[n, j, …]²

    j runs through the `size` channels from c − ⌊size/2⌋ on, as far as there are any.
    input: (N, C, *), at least three axes  →  (N, C, *).
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.local_response_norm`.
    """
    input = _check_local_response_norm("local_response_norm", input, size)
    out = np.empty_like(input)
    with np.errstate(all="ignore"):                                      # a negative D has no root: NaN, as in torch
        for images in slices(input.shape, BLOCK):
            x = input[images]
            np.multiply(x, _response(x, size, alpha, k) ** -beta, out=out[images])
    return out


def local_response_norm_backward(grad_output, input, size, alpha=1e-4, beta=0.75, k=1.0):
    """dx = dy·D^(−β) − (2αβ/size) · x · Σ_c dy[c]·x[c]·D[c]^(−β−1), over the channels c in whose sum x takes part."""
    name = "local_response_norm_backward"
    input = _check_local_response_norm(name, input, size)
    grad_output = check_grad_output(name, grad_output, input.shape, input.dtype)
    dx = np.empty_like(input)
    with np.errstate(all="ignore"):
        for images in slices(input.shape, BLOCK):
            x, response = input[images], _response(input[images], size, alpha, k)
            through = np.multiply(grad_output[images], response ** -beta, out=dx[images])
            # j is in the sum of c if −⌊size/2⌋ ≤ j − c ≤ ⌊(size − 1)/2⌋; seen from j the two reaches change places
            fan = _sum_of_neighbours(through * x / response, before=(size - 1) // 2, after=size // 2)
            fan *= x
            fan *= 2 * alpha * beta / size
            through -= fan
    return (dx,)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """Divide vectors by their length, measured by the p-norm.

    out = input / max(‖input‖_p, eps)       ‖v‖_p = (Σ_i |v_i|^p)^(1/p), the sum along dim

    p: any number; 0 counts the non-zeros, ±inf takes the largest or smallest.  dim: int or several; None or () is all.
    input: (*)  →  (*).  out: an array in which the result is written.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.functional.normalize`.
    """
    input, dim = _check_normalize("normalize", input, p, dim)
    with np.errstate(all="ignore"):
        return np.divide(input, np.maximum(_norm(input, p, dim), eps), out=np.empty_like(input) if out is None else out)


def normalize_backward(grad_output, input, p=2.0, dim=1, eps=1e-12, out=None):
    """dx = dy/ℓ − (Σ dy·x)/ℓ² · ∂ℓ/∂x with ℓ = max(‖x‖_p, eps).

    ∂‖x‖_p/∂x = sign(x)·(|x|/‖x‖_p)^(p−1); below eps ℓ is constant.
    """
    name = "normalize_backward"
    input, dim = _check_normalize(name, input, p, dim)
    grad_output = check_grad_output(name, grad_output, input.shape, input.dtype)
    with np.errstate(all="ignore"):
        norm = _norm(input, p, dim)
        length = np.maximum(norm, eps)
        dlength = -np.sum(grad_output * input, axis=dim, keepdims=True) / length**2
        return (grad_output / length + _norm_backward(np.where(norm >= eps, dlength, 0), input, norm, p, dim),)


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _standardize(x, weight, bias, eps):
    """Each x[r] to mean 0 and variance 1, times weight, plus bias.

    x: (R, m, l)   weight, bias: (R, 1, 1), (R, m, 1) or None  →  out (R, m, l), mean (R, 1, 1), var (R, 1, 1)
    """
    count, ones = x[0].size, np.ones(x.shape[-1], x.dtype)
    out = np.empty_like(x)                                               # with the strides of x
    mean, var = np.empty((2, len(x), 1, 1), x.dtype)
    with np.errstate(all="ignore"):                                      # eps < 0: the root of a negative number is NaN
        _set_buffer(x.shape[-1])
        for rows in slices(x.shape, BLOCK):
            mean[rows, 0, 0] = (x[rows] @ ones).sum(axis=1) / count      # BLAS adds in many parts, einsum in one
            d = np.subtract(x[rows], mean[rows], out=out[rows])          # x − μ
            var[rows, 0, 0] = _sum_of_squares(d) / count
            scale = 1 / np.sqrt(var[rows] + eps)                         # 1/s, (r, 1, 1)
            d *= scale if weight is None else scale * weight[rows]       # (x − μ) · γ/s + β
            if bias is not None:
                d += bias[rows]
    return out, mean, var


def _standardize_backward(dy, x, weight, mean, var, eps):
    """→ dx (R, m, l), Σ_l dy·x̂ (R, m) and Σ_l dy (R, m), of which dγ and dβ are sums."""
    count = x[0].size
    if weight is None:
        weight = np.ones_like(mean)
    dx = np.empty_like(x)
    sum_dyx, sum_dy = np.empty((2, *x.shape[:2]), x.dtype)
    blocks = slices(x.shape, BLOCK)
    centred = np.empty_like(x[blocks[0]])
    with np.errstate(all="ignore"):
        _set_buffer(x.shape[-1])
        for rows in blocks:
            d = np.subtract(x[rows], mean[rows], out=centred[:len(x[rows])])                 # x − μ
            scale, gamma = 1 / np.sqrt(var[rows] + eps), weight[rows]    # (r, 1, 1), (r, 1 or m, 1)
            sum_dy[rows] = np.einsum("rml->rm", dy[rows])
            sum_dyx[rows] = np.vecdot(dy[rows], d) * scale[:, 0]
            mean_g = (gamma[:, :, 0] * sum_dy[rows]).sum(axis=1)[:, None, None] / count
            mean_gx = (gamma[:, :, 0] * sum_dyx[rows]).sum(axis=1)[:, None, None] / count
            # dx = γ/s·dy − (x − μ)·mean(g·x̂)/s² − mean(g)/s
            out = np.multiply(dy[rows], gamma * scale, out=dx[rows])
            d *= mean_gx * scale * scale
            d += mean_g * scale
            out -= d
    return dx, sum_dyx, sum_dy


def _standardize_images(x, weight, bias, eps, saved):
    """Each x[n, k] to mean 0 and variance 1, times weight, plus bias: numbers for each place in x[n].

    x: (N, K, M)   weight, bias: (K·M,) or None  →  (N, K, M).  saved gets the mean and scale 1/s of each row (N, K, 1).
    """
    out = empty(x.shape, x.dtype)
    mean, scale = np.empty((2, *x.shape[:2], 1), x.dtype)
    blocks = slices(x.shape, BLOCK)
    ones = np.ones(x.shape[2], x.dtype)
    room = empty((x[blocks[0]].size // ones.size, ones.size), x.dtype)
    spread = Outer(ones, len(room))
    with np.errstate(all="ignore"):
        _set_buffer(ones.size)
        for some in blocks:
            rows, d = x[some].reshape(-1, ones.size), out[some].reshape(-1, ones.size)       # (n·K, M)
            m, r = mean[some].reshape(-1, 1), scale[some].reshape(-1, 1)                     # μ and 1/s
            m[:, 0] = rows @ ones / ones.size
            np.subtract(rows, _along_rows(m, spread, room), out=d)         # x − μ
            r[:, 0] = 1 / np.sqrt(np.vecdot(d, d) / ones.size + eps)     # 1/s
            d *= _along_rows(r, spread, room)                              # x̂
            images = out[some].reshape(-1, x[0].size)                    # (n, K·M)
            if weight is not None:
                images *= weight
            if bias is not None:
                images += bias
    if saved is not None:
        saved["mean"], saved["scale"] = mean, scale
    return out


def _standardize_images_backward(dy, x, weight, mean, scale):
    """→ dx (N, K, M), dγ and dβ (K·M,)"""
    size = x.shape[2]
    dx, dgamma, dbeta = empty(x.shape, x.dtype), np.zeros(x[0].size, x.dtype), np.zeros(x[0].size, x.dtype)
    blocks = slices(x.shape, BLOCK)
    room, x_hat, product = empty((3, x[blocks[0]].size // size, size), x.dtype)
    ones, column = np.ones(size, x.dtype), np.ones(len(x[blocks[0]]), x.dtype)
    spread = Outer(ones, len(room))
    with np.errstate(all="ignore"):
        _set_buffer(size)
        for some in blocks:
            rows, g = x[some].reshape(-1, size), dx[some].reshape(-1, size)                  # (n·K, M)
            m, r = mean[some].reshape(-1, 1), scale[some].reshape(-1, 1)
            images = dy[some].reshape(-1, x[0].size)                     # (n, K·M)
            h, p = x_hat[:len(rows)], product[:len(rows)]
            np.subtract(rows, _along_rows(m, spread, room), out=h)
            h *= _along_rows(r, spread, room)                              # x̂
            np.multiply(images.reshape(p.shape), h, out=p)               # dy·x̂
            dgamma += column[:len(images)] @ p.reshape(images.shape)
            dbeta += column[:len(images)] @ images
            if weight is None:
                g[:] = images.reshape(g.shape)
            else:
                np.multiply(images, weight, out=dx[some].reshape(images.shape))
            mean_g = (g @ ones / size)[:, None]
            h *= _along_rows((np.vecdot(g, h) / size)[:, None], spread, room)
            g -= h                                                       # g − x̂·mean(g·x̂)
            g -= _along_rows(mean_g, spread, room)                         # g − mean(g) − x̂·mean(g·x̂)
            g *= _along_rows(r, spread, room)                              # dx
    return dx, dgamma, dbeta


def _apply_running(x, mean, var, weight, bias, eps):
    """With μ and σ² given, one scale and one shift for each channel.  x (C, n, l)  →  (C, n, l)"""
    out = np.empty_like(x)
    with np.errstate(all="ignore"):
        _set_buffer(x.shape[-1])
        scale = 1 / np.sqrt(_column(var) + eps)                          # (C, 1, 1)
        scale = scale if weight is None else scale * weight
        shift = -_column(mean) * scale if bias is None else bias - _column(mean) * scale
        for rows in slices(x.shape, BLOCK):
            np.multiply(x[rows], scale[rows], out=out[rows])
            out[rows] += shift[rows]
    return out


def _apply_running_backward(dy, x, mean, var, weight, eps):
    """→ dx (C, n, l), Σ_l dy·x̂ (C, n) and Σ_l dy (C, n)."""
    with np.errstate(all="ignore"):
        _set_buffer(x.shape[-1])
        scale = 1 / np.sqrt(_column(var) + eps)                          # (C, 1, 1)
        dx = dy * (scale if weight is None else scale * weight)
        return dx, np.vecdot(dy, x - _column(mean)) * scale[:, 0], np.einsum("rml->rm", dy)


def _by_channel(x):
    """(N, C, *) → (C, N, S), a view; or (C, 1, N·S), a copy, where S is short."""
    x = x.reshape(*x.shape[:2], -1).swapaxes(0, 1)
    return x if x.shape[2] >= SHORT else np.ascontiguousarray(x).reshape(len(x), 1, -1)


def _from_channel(out, shape):
    """What _by_channel gave, back to (N, C, *)."""
    return out.reshape(shape[1], shape[0], -1).swapaxes(0, 1).reshape(shape)


def _column(parameter, batch=1, shape=(-1, 1)):
    """(C,) → (C, 1, 1), repeated for each image of the batch; or as the groups of `shape` have it: (R, m, 1)."""
    if parameter is None:
        return None
    repeated = parameter if batch == 1 else np.tile(parameter, batch)
    return repeated.reshape(*shape[:2], 1)


def _scale(x, column, outer, room, out):
    """A block x (r, l) times column (r, 1) times the row (l,) of outer, in out."""
    if outer.row.size >= LONG:
        np.multiply(x, column, out=out)
        out *= outer.row
    else:
        np.multiply(x, outer(column[:, 0], out=room[:len(x)]), out=out)
    return out


def _along_rows(column, outer, room):
    """column (r, 1), to be added to a block (r, l) or multiplied with it: written out in room where rows are short.

    outer: that of a row of ones
    """
    return column if outer.row.size >= LONG else outer(column[:, 0], out=room[:len(column)])


def _sum_of_squares(x):
    """(r, m, l) → (r,)"""
    rows = x.reshape(len(x), 1, -1) if x.flags.c_contiguous else x
    return np.vecdot(rows, rows).sum(axis=1)                             # twice as fast as einsum


def _set_buffer(row):
    """For numbers broadcast along rows of this length; within `with np.errstate`, which brings the old buffer back.

    NumPy first fills a buffer of 8192 with copies of such a number, which takes three times as long as the operation
    itself. With the smallest buffer it does not. For short rows, copies of many numbers in one buffer are faster.
    """
    if row >= 128:
        np.setbufsize(16)


def _update(running, new, momentum):
    if running is not None:
        running *= 1 - momentum
        running += momentum * new


def _zeros_like(parameter):
    return None if parameter is None else np.zeros_like(parameter)


def _where_given(weight, dweight, bias, dbias):
    return None if weight is None else dweight, None if bias is None else dbias


def _response(x, size, alpha, k):
    """D of local_response_norm."""
    response = _sum_of_neighbours(x * x, before=size // 2, after=(size - 1) // 2)
    response *= alpha / size
    response += k
    return response


def _sum_of_neighbours(x, before, after):
    """total[:, c] = Σ_j x[:, j] for c − before ≤ j ≤ c + after, as far as there are such channels."""
    total = x.copy()
    for shift in range(1, before + 1):
        total[:, shift:] += x[:, :-shift]
    for shift in range(1, after + 1):
        total[:, :-shift] += x[:, shift:]
    return total


def _norm(x, p, dim):
    """‖x‖_p along dim, which stays as an axis of 1."""
    if p == 2:
        return np.sqrt(np.sum(x * x, axis=dim, keepdims=True))
    if p == 0:
        return np.count_nonzero(x, axis=dim, keepdims=True).astype(x.dtype)
    if math.isinf(p):
        return (np.max if p > 0 else np.min)(np.abs(x), axis=dim, keepdims=True)
    return np.sum(np.abs(x)**p, axis=dim, keepdims=True) ** (1 / p)


def _norm_backward(dnorm, x, norm, p, dim):
    """Where the norm or x_i is 0 there is a kink or a pole; torch takes the gradient 0 there, and so do we."""
    if p == 0:
        return np.zeros_like(x)
    if p == 2:
        return x * np.where(norm == 0, 0, dnorm / norm)
    if math.isinf(p):                                                    # those that reach the norm share its gradient
        reach = np.abs(x) == norm
        return np.sign(x) * reach * (dnorm / np.sum(reach, axis=dim, keepdims=True, dtype=x.dtype))
    slope = np.sign(x) * (np.abs(x) / norm)**(p - 1)
    return np.where((x == 0) | (norm == 0), 0, dnorm * slope)


def _check_running(name, input, running_mean, running_var, weight, bias, needed):
    input, running_mean, running_var, weight, bias = check_float(
        name, input=input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if input.ndim < 2 and input.size:
        raise ValueError(f"{name}: input needs at least 2 axes (N, C, *), got shape {input.shape}")
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{name}: running_mean and running_var must both be arrays or both None")
    if needed and running_mean is None and input.size:
        raise ValueError(f"{name}: running_mean and running_var must be given where the input's own are not used")
    _check_per_channel(name, input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    return input, running_mean, running_var, weight, bias


def _check_per_channel(name, input, **parameters):
    for argument, array in parameters.items():
        if array is not None and array.shape != input.shape[1:2] and input.ndim > 1:
            raise ValueError(f"{name}: {argument} must have shape {input.shape[1:2]}, a number for each channel, "
                             f"got {array.shape}")


def _check_group_norm(name, input, num_groups, weight, bias):
    input, weight, bias = check_float(name, input=input, weight=weight, bias=bias)
    if input.ndim < 2:
        raise ValueError(f"{name}: input needs at least 2 axes (N, C, *), got shape {input.shape}")
    if not is_int(num_groups):
        raise TypeError(f"{name}: num_groups must be an int, got {num_groups!r}")
    if num_groups < 1 or input.shape[1] % num_groups:
        raise ValueError(f"{name}: num_groups must be positive and divide the {input.shape[1]} channels of input of "
                         f"shape {input.shape}, got {num_groups}")
    if input.size == num_groups:
        raise ValueError(f"{name}: needs more than 1 value per group, got input of shape {input.shape} with "
                         f"num_groups = {num_groups}")
    _check_per_channel(name, input, weight=weight, bias=bias)
    return input, weight, bias


def _check_layer_norm(name, input, normalized_shape, weight, bias):
    input, weight, bias = check_float(name, input=input, weight=weight, bias=bias)
    if not isinstance(normalized_shape, (tuple, list)) or not all(map(is_int, normalized_shape)):
        raise TypeError(f"{name}: normalized_shape must be a tuple of ints, got {normalized_shape!r}")
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape):] != shape:
        raise ValueError(f"{name}: normalized_shape must be the last axes of input, at least one, got {shape} for "
                         f"input of shape {input.shape}")
    for argument, array in {"weight": weight, "bias": bias}.items():
        if array is not None and array.shape != shape:
            raise ValueError(f"{name}: {argument} must have shape normalized_shape = {shape}, got {array.shape}")
    return input, weight, bias


def _check_local_response_norm(name, input, size):
    input, = check_float(name, input=input)
    if input.ndim < 3:
        raise ValueError(f"{name}: input needs at least 3 axes (N, C, *), got shape {input.shape}")
    if not is_int(size):
        raise TypeError(f"{name}: size must be an int, got {size!r}")
    if size < 1:
        raise ValueError(f"{name}: size must be at least 1, got {size}")
    return input


def _check_normalize(name, input, p, dim):
    """→ input, dim as NumPy's axis"""
    input, = check_float(name, input=input)
    if isinstance(p, bool) or not isinstance(p, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: p must be a number, got {p!r}")
    axis = axes_of(name, dim, input.ndim)
    if math.isinf(p) and any(input.shape[d] == 0 for d in axis):
        raise ValueError(f"{name}: no largest or smallest along an empty axis, input has shape {input.shape}")
    return input, axis
