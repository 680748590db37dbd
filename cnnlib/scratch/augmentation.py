"""What augmentation does to images, once its chances are drawn: the NumPy form of `cnnlib.augmentation`.

images: (N, C, H, W), float32 or float64 in [0, 1]. An argument is one number, or an array (N,) with one for each image.
"""

import numpy as np

from ..checks import check_choice, check_float, checked, is_int, kind
from .functional.resampling import affine_grid, grid_sample

__all__ = [
    "add_noise", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_saturation", "affine", "crop", "erase",
    "horizontal_flip", "mix", "rotate",
]


# ---- arguments -------------------------------------------------------------------------------------------------------

def _check_images(name, /, **values):
    for argument, images in values.items():
        check_float(name, **{argument: images})
        if images is None or images.ndim != 4 or 0 in images.shape:
            raise ValueError(f"{name}: {argument} must be (N, C, H, W), got shape {getattr(images, 'shape', None)}")


Images = kind(np.ndarray, _check_images)


# ---- geometry --------------------------------------------------------------------------------------------------------

@checked
def horizontal_flip(images: Images, flip=True):
    """out[n, c, i, j] = images[n, c, i, W − 1 − j] where flip[n].  flip: a bool or bools (N,).

    Raises TypeError or ValueError naming the argument.
    """
    return np.where(_each("horizontal_flip", "flip", flip, images) != 0, images[..., ::-1], images)


@checked
def crop(images: Images, top, left, height, width):
    """out[n, c, i, j] = images[n, c, top[n] + i, left[n] + j].  (N, C, H, W) → (N, C, height, width)

    top, left: ints or ints (N,); the window lies in the image.  Raises TypeError or ValueError naming the argument.
    """
    for name, value, most in [("height", height, images.shape[2]), ("width", width, images.shape[3])]:
        if not is_int(value) or not 1 <= value <= most:
            raise ValueError(f"crop: {name} must be an int from 1 to {most}, got {value!r}")
    for name, value in [("top", top), ("left", left)]:
        if np.asarray(value).dtype.kind not in "iu":
            raise TypeError(f"crop: {name} must be an int or ints, got {value!r}")
    top, left = _each("crop", "top", top, images).astype(int), _each("crop", "left", left, images).astype(int)
    if min(top.min(), left.min()) < 0 or top.max() + height > images.shape[2] or left.max() + width > images.shape[3]:
        raise ValueError(f"crop: a window of {height} × {width} must lie in the image {images.shape[2:]}; top is from "
                         f"{top.min()} to {top.max()}, left from {left.min()} to {left.max()}")
    rows, columns = top + np.arange(height)[:, None], left + np.arange(width)      # (N or 1, 1, height, 1), (…, width)
    batch, channels = np.arange(len(images))[:, None, None, None], np.arange(images.shape[1])[:, None, None]
    return images[batch, channels, rows, columns]


@checked
def affine(images: Images, angle=0.0, dy=0.0, dx=0.0, scale=1.0, shear=0.0, padding_mode="zeros"):
    """Shear, turn and resize about the image's centre, then move.

    Seen from the centre, x to the right and y down, what was at (x, y) comes to
        scale · R · S · (x, y) + (dx, dy)       R = [[cos a, sin a], [−sin a, cos a]],   S = [[1, −tan s], [0, 1]]

    angle, shear: in degrees, counter-clockwise and to the right.  dy, dx: in pixels.  scale > 0. Each a number or
    numbers (N,).  padding_mode: see `functional.grid_sample`.  Raises TypeError or ValueError naming the argument.
    Source: Jaderberg et al. (2015).
    """
    check_choice("affine", "padding_mode", padding_mode, ("zeros", "border", "reflection"))
    given = {"angle": angle, "dy": dy, "dx": dx, "scale": scale, "shear": shear}
    angle, dy, dx, scale, shear = (np.broadcast_to(_each("affine", name, value, images).ravel(), len(images))
                                   for name, value in given.items())
    if not (scale > 0).all():
        raise ValueError(f"affine: scale must be positive, got {scale.min()}")
    # For each place of the output, the place where it was: S⁻¹ R⁻¹ (p − d) / scale
    a, tangent = np.deg2rad(angle), np.tan(np.deg2rad(shear))
    cos, sin = np.cos(a) / scale, np.sin(a) / scale
    xx, xy, yx, yy = cos + tangent * sin, tangent * cos - sin, sin, cos
    # In the grid's units the image goes from −1 to 1 along both axes.
    height, width = images.shape[2:]
    theta = np.stack([xx, xy * height / width, -(xx * dx + xy * dy) * 2 / width,
                      yx * width / height, yy, -(yx * dx + yy * dy) * 2 / height], axis=1).reshape(-1, 2, 3)
    grid = affine_grid(theta.astype(images.dtype), images.shape, align_corners=False)
    return grid_sample(images, grid, padding_mode=padding_mode, align_corners=False)


def rotate(images, angle, padding_mode="zeros"):
    """Turn by degrees, counter-clockwise, about the centre; see `affine`."""
    return affine(images, angle, padding_mode=padding_mode)


# ---- light and colour ------------------------------------------------------------------------------------------------

@checked
def adjust_brightness(images: Images, factor):
    """factor · x, within [0, 1].  factor ≥ 0.  Raises TypeError or ValueError naming the argument."""
    return np.clip(_each("adjust_brightness", "factor", factor, images, least=0) * images, 0, 1)


@checked
def adjust_contrast(images: Images, factor):
    """factor · x + (1 − factor) · the mean grey of the image, within [0, 1].  factor ≥ 0.

    Grey is 0.2989 R + 0.587 G + 0.114 B of three channels, and the mean of any other number of them.
    Raises TypeError or ValueError naming the argument.
    """
    factor = _each("adjust_contrast", "factor", factor, images, least=0)
    return np.clip(factor * images + (1 - factor) * _grey(images).mean(axis=(1, 2, 3), keepdims=True), 0, 1)


@checked
def adjust_saturation(images: Images, factor):
    """factor · x + (1 − factor) · grey, within [0, 1]; see `adjust_contrast`.  factor ≥ 0.

    Raises TypeError or ValueError naming the argument.
    """
    factor = _each("adjust_saturation", "factor", factor, images, least=0)
    return np.clip(factor * images + (1 - factor) * _grey(images), 0, 1)


@checked
def adjust_gamma(images: Images, gamma):
    """x^gamma.  gamma ≥ 0.  Raises TypeError or ValueError naming the argument."""
    return images ** _each("adjust_gamma", "gamma", gamma, images, least=0)


@checked
def add_noise(images: Images, noise):
    """x + noise, within [0, 1].  noise: as images.  Raises TypeError or ValueError naming the argument."""
    images, noise = check_float("add_noise", images=images, noise=noise)
    if noise is None or noise.shape != images.shape:
        raise ValueError(f"add_noise: noise must have shape {images.shape}, got {np.shape(noise)}")
    return np.clip(images + noise, 0, 1)


# ---- hiding and mixing -----------------------------------------------------------------------------------------------

@checked
def erase(images: Images, top, left, height, width, value=0.0):
    """Cover a rectangle of each image with a value: cutout, random erasing (DeVries & Taylor 2017; Zhong et al. 2020).

    top, left, height, width: ints or ints (N,); what of the rectangle lies outside the image covers nothing.
    value: a number, or an array that fits (N, C, H, W).  Raises TypeError or ValueError naming the argument.
    """
    top, left = _each("erase", "top", top, images), _each("erase", "left", left, images)
    height = _each("erase", "height", height, images, least=0)
    width = _each("erase", "width", width, images, least=0)
    rows, columns = np.arange(images.shape[2])[:, None], np.arange(images.shape[3])
    covered = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"erase: value must be a number or numbers, got {value!r}")
    try:
        return np.where(covered, np.broadcast_to(array.astype(images.dtype), images.shape), images)
    except ValueError:
        raise ValueError(f"erase: value must fit the images {images.shape}, got shape {array.shape}") from None


@checked
def mix(images: Images, targets, weight, order):
    """mixup's blend: weight · x + (1 − weight) · x[order], and of the targets the same (Zhang et al. 2018).

    targets: (N, K), probabilities, of the images' dtype.  weight: a number or numbers (N,) from 0 to 1.  order: ints
    (N,), which image is the other one.  → images (N, C, H, W), targets (N, K).
    Raises TypeError or ValueError naming the argument.
    """
    images, targets = check_float("mix", images=images, targets=targets)
    if targets is None or targets.ndim != 2 or len(targets) != len(images):
        raise ValueError(f"mix: targets must be (N, K) with N = {len(images)}, got shape {np.shape(targets)}")
    order = np.asarray(order)
    if order.shape != (len(images),) or order.dtype.kind not in "iu" or order.min() < 0 or order.max() >= len(images):
        raise ValueError(f"mix: order must be {len(images)} ints from 0 to {len(images) - 1}, got {order.tolist()}")
    weight = _each("mix", "weight", weight, images, least=0)
    if not (weight <= 1).all():
        raise ValueError(f"mix: weight must be at most 1, got {weight.max()}")
    share = weight[:, :, 0, 0]
    return weight * images + (1 - weight) * images[order], share * targets + (1 - share) * targets[order]


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _each(function, argument, value, images, least=-np.inf):
    """A number, or numbers (N,), as an array (1 or N, 1, 1, 1) of the images' dtype."""
    try:
        if value is None:                                                # NumPy would make nan of it
            raise TypeError
        value = np.asarray(value, images.dtype)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: {argument} must be a number or numbers, got {value!r}") from None
    if value.shape not in ((), (1,), (len(images),)):
        raise ValueError(f"{function}: {argument} must be a number or ({len(images)},), one for each image, "
                         f"got shape {value.shape}")
    if not (value >= least).all():
        raise ValueError(f"{function}: {argument} must be at least {least}, got {value.min()}")
    return value.reshape(-1, 1, 1, 1)


def _grey(images):
    """(N, C, H, W) → (N, 1, H, W)"""
    if images.shape[1] != 3:
        return images.mean(axis=1, keepdims=True)
    weights = np.array([0.2989, 0.587, 0.114], images.dtype)[:, None, None]          # of ITU-R BT.601
    return (weights * images).sum(axis=1, keepdims=True)
