"""Augmentation: batches of images changed as the world might change them, so that a network learns what does not count.

images: (N, C, H, W), floats in [0, 1], changed into another tensor of that shape. The first half of the file does what
it is told: an argument is one number, or a tensor (N,) with one for each image. The second half draws those arguments,
from a torch.Generator or, with None, from torch's own. With `cnnlib.training.fit`:

    def augment(images, labels, generator):
        return cutout(random_crop(images, 2, generator=generator), 8, generator=generator), labels
"""

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F

from ..checks import (
    NonNegative,
    NonNegativeNumber,
    Number,
    Positive,
    Share,
    check_int,
    check_number,
    check_type,
    checked,
    is_number,
    kind,
)
from ..tensors import describe_shape

__all__ = [
    "add_noise", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_saturation", "affine", "color_jitter",
    "crop", "cutout", "erase", "gaussian_noise", "horizontal_flip", "mix", "mixup", "random_affine", "random_crop",
    "random_erasing", "random_horizontal_flip", "rotate",
]


# ---- arguments -------------------------------------------------------------------------------------------------------

def _check_images(name, /, **values):
    for argument, images in values.items():
        check_type(name, torch.Tensor, "a tensor (N, C, H, W)", **{argument: images})
        if images.ndim != 4 or not images.is_floating_point() or 0 in images.shape:
            raise ValueError(f"{name}: {argument} must be floats (N, C, H, W), got shape {tuple(images.shape)} "
                             f"of {images.dtype}")


def _check_interval(name, /, **values):
    for argument, ends in values.items():
        if not isinstance(ends, (tuple, list)) or len(ends) != 2 or not all(map(is_number, ends)) or \
                not 0 < ends[0] <= ends[1] < math.inf:
            raise ValueError(f"{name}: {argument} must be (smallest, largest), both positive, got {ends!r}")


Images = kind(torch.Tensor, _check_images)
Interval = kind(tuple, _check_interval)
Generator = kind(torch.Generator, check_type, torch.Generator, "None or a torch.Generator")


# ---- geometry --------------------------------------------------------------------------------------------------------

@checked
def horizontal_flip(images: Images, flip=True):
    """Mirror left and right.  flip: a bool or bools (N,), which images.  Raises TypeError or ValueError."""
    flip = _each("horizontal_flip", "flip", flip, images) != 0
    return torch.where(flip, images.flip(-1), images)


@checked
def crop(images: Images, top, left, height, width):
    """Cut out a window.  (N, C, H, W) → (N, C, height, width)

    top, left: ints or ints (N,), the window's first row and column; all of it lies in the image.
    Raises TypeError or ValueError.
    """
    check_int("crop", height=height, width=width)
    check_number("crop", 1, images.shape[2], height=height)
    check_number("crop", 1, images.shape[3], width=width)
    top, left = _each("crop", "top", top, images, whole=True), _each("crop", "left", left, images, whole=True)
    if min(top.min(), left.min()) < 0 or top.max() + height > images.shape[2] or left.max() + width > images.shape[3]:
        raise ValueError(f"crop: a window of {height} × {width} must lie in the image {tuple(images.shape[2:])}; top "
                         f"is from {top.min()} to {top.max()}, left from {left.min()} to {left.max()}")
    rows = top + torch.arange(height, device=images.device)[:, None]             # (N or 1, 1, height, 1)
    columns = left + torch.arange(width, device=images.device)                   # (N or 1, 1, 1, width)
    batch, channels = torch.arange(len(images))[:, None, None, None], torch.arange(images.shape[1])[:, None, None]
    return images[batch, channels, rows, columns]


@checked
def affine(images: Images, angle=0.0, dy=0.0, dx=0.0, scale=1.0, shear=0.0,
           padding_mode: Literal["zeros", "border", "reflection"] = "zeros"):
    """Shear, turn and resize about the image's centre, then move.

    Seen from the centre, x to the right and y down, what was at (x, y) comes to
        scale · R · S · (x, y) + (dx, dy)       R = [[cos a, sin a], [−sin a, cos a]],   S = [[1, −tan s], [0, 1]]

    angle: in degrees, counter-clockwise.  dy, dx: in pixels, down and right.  scale > 0.  shear: in degrees; above 0 it
    leans to the right, as italics do. Each a number or numbers (N,). Between pixels the image is interpolated linearly;
    what comes in from outside is 0, or with padding_mode "border" or "reflection" as `grid_sample` has it.
    Raises TypeError or ValueError.  Source: Jaderberg et al. (2015).
    """
    given = {"angle": angle, "dy": dy, "dx": dx, "scale": scale, "shear": shear}
    angle, dy, dx, scale, shear = (_each("affine", name, value, images).flatten().expand(len(images))
                                   for name, value in given.items())
    if not (scale > 0).all():
        raise ValueError(f"affine: scale must be positive, got {scale.min()}")
    # For each place of the output, the place where it was: S⁻¹ R⁻¹ (p − d) / scale
    a, tangent = torch.deg2rad(angle), torch.tan(torch.deg2rad(shear))
    cos, sin = torch.cos(a) / scale, torch.sin(a) / scale
    xx, xy, yx, yy = cos + tangent * sin, tangent * cos - sin, sin, cos
    # In the grid's units the image goes from −1 to 1 along both axes.
    height, width = images.shape[2:]
    theta = torch.stack([xx, xy * height / width, -(xx * dx + xy * dy) * 2 / width,
                         yx * width / height, yy, -(yx * dx + yy * dy) * 2 / height], dim=1).reshape(-1, 2, 3)
    grid = F.affine_grid(theta, images.shape, align_corners=False)
    return F.grid_sample(images, grid, padding_mode=padding_mode, align_corners=False)


def rotate(images, angle, padding_mode="zeros"):
    """Turn by degrees, counter-clockwise, about the centre; see `affine`.  Raises TypeError or ValueError."""
    return affine(images, angle, padding_mode=padding_mode)


# ---- light and colour ------------------------------------------------------------------------------------------------

@checked
def adjust_brightness(images: Images, factor):
    """factor · x, within [0, 1].  factor ≥ 0, 1 changes nothing.  Raises TypeError or ValueError."""
    return (_each("adjust_brightness", "factor", factor, images, least=0) * images).clamp(0, 1)


@checked
def adjust_contrast(images: Images, factor):
    """factor · x + (1 − factor) · the mean grey of the image, within [0, 1].  factor ≥ 0.

    Grey is 0.2989 R + 0.587 G + 0.114 B of three channels, and the mean of any other number of them.
    Raises TypeError or ValueError.
    """
    factor = _each("adjust_contrast", "factor", factor, images, least=0)
    return (factor * images + (1 - factor) * _grey(images).mean((1, 2, 3), keepdim=True)).clamp(0, 1)


@checked
def adjust_saturation(images: Images, factor):
    """factor · x + (1 − factor) · grey, within [0, 1]; see `adjust_contrast`.  factor ≥ 0, 0 leaves no colour.

    Raises TypeError or ValueError.
    """
    factor = _each("adjust_saturation", "factor", factor, images, least=0)
    return (factor * images + (1 - factor) * _grey(images)).clamp(0, 1)


@checked
def adjust_gamma(images: Images, gamma):
    """x^gamma: above 1 the shadows get darker, below 1 lighter.  gamma ≥ 0.  Raises TypeError or ValueError."""
    return images ** _each("adjust_gamma", "gamma", gamma, images, least=0)


@checked
def add_noise(images: Images, noise):
    """x + noise, within [0, 1].  noise: a tensor of the images' shape.  Raises TypeError or ValueError."""
    if not isinstance(noise, torch.Tensor) or noise.shape != images.shape:
        raise ValueError(f"add_noise: noise must be a tensor of shape {tuple(images.shape)}, "
                         f"got {tuple(getattr(noise, 'shape', ()))}")
    return (images + noise).clamp(0, 1)


# ---- hiding and mixing -----------------------------------------------------------------------------------------------

@checked
def erase(images: Images, top, left, height, width, value=0.0):
    """Cover a rectangle of each image with a value.

    top, left, height, width: ints or ints (N,); what of the rectangle lies outside the image covers nothing.
    value: a number, or a tensor that fits (N, C, H, W).  Raises TypeError or ValueError.
    """
    top, left = _each("erase", "top", top, images), _each("erase", "left", left, images)
    height = _each("erase", "height", height, images, least=0)
    width = _each("erase", "width", width, images, least=0)
    rows = torch.arange(images.shape[2], device=images.device)[:, None]
    columns = torch.arange(images.shape[3], device=images.device)
    covered = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    try:
        value = torch.as_tensor(value, dtype=images.dtype, device=images.device).expand_as(images)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"erase: value must be a number or a tensor that fits {tuple(images.shape)}, "
                        f"got {describe_shape(value)}") from None
    return torch.where(covered, value, images)


@checked
def mix(images: Images, targets, weight, order):
    """Blend each image with another one, and their targets: weight · x + (1 − weight) · x[order].

    targets: (N, K), probabilities of the classes.  weight: a number or numbers (N,) from 0 to 1.  order: ints (N,),
    which image is the other one.  → images (N, C, H, W), targets (N, K).
    Raises TypeError or ValueError.  Source: Zhang et al. (2018).
    """
    if not isinstance(targets, torch.Tensor) or targets.ndim != 2 or len(targets) != len(images):
        raise ValueError(f"mix: targets must be (N, K) with N = {len(images)}, got {describe_shape(targets)}")
    if not isinstance(order, (torch.Tensor, np.ndarray, list, tuple)):
        raise TypeError(f"mix: order must be {len(images)} ints, got {order!r}")
    order = torch.as_tensor(order, device=images.device)
    if order.shape != (len(images),) or order.is_floating_point() or order.min() < 0 or order.max() >= len(images):
        raise ValueError(f"mix: order must be {len(images)} ints from 0 to {len(images) - 1}, got {order.tolist()}")
    weight = _each("mix", "weight", weight, images, least=0)
    if not (weight <= 1).all():
        raise ValueError(f"mix: weight must be at most 1, got {weight.max()}")
    share = weight[:, :, 0, 0].to(targets.dtype)
    return weight * images + (1 - weight) * images[order], share * targets + (1 - share) * targets[order]


# ---- by chance -------------------------------------------------------------------------------------------------------

@checked
def random_horizontal_flip(images: Images, p: Share = 0.5, *, generator: Generator | None = None):
    """Mirror each image with probability p.  Raises TypeError or ValueError."""
    return horizontal_flip(images, _uniform(0, 1, images, generator) < p)


@checked
def random_crop(images: Images, padding: NonNegative, *, generator: Generator | None = None):
    """Add zeros around and cut out a window of the old size: each image moves by up to `padding` pixels each way.

    padding: an int of at least 0, all its (2·padding + 1)² moves are equally likely.  Raises TypeError or ValueError.
    Source: He et al. (2016), where it is 4 pixels of 32.
    """
    top, left = (torch.randint(2 * padding + 1, (len(images),), generator=generator) for _ in range(2))
    return crop(F.pad(images, (padding,) * 4), top, left, *images.shape[2:])


@checked
def random_affine(images: Images, degrees: kind(float, check_number, 0, 360) = 0.0, translate: Share = 0.0,
                  scale: Interval = (1.0, 1.0), shear: kind(float, check_number, 0, 89) = 0.0, padding_mode="zeros", *,
                  generator: Generator | None = None):
    """Turn, move, resize and shear each image differently; see `affine`.

    degrees: the angle is from −degrees to degrees.  translate: moves are up to this share of the height and width.
    scale: (smallest, largest).  shear: from −shear to shear degrees. All are uniform.
    Raises TypeError or ValueError.
    """
    angle, dy, dx, factor, lean = (_uniform(*ends, images, generator) for ends in (
        (-degrees, degrees), (-translate, translate), (-translate, translate), scale, (-shear, shear)))
    return affine(images, angle, dy * images.shape[2], dx * images.shape[3], factor, lean, padding_mode)


@checked
def color_jitter(images: Images, brightness: NonNegativeNumber = 0.0, contrast: NonNegativeNumber = 0.0,
                 saturation: NonNegativeNumber = 0.0, gamma: NonNegativeNumber = 0.0, *,
                 generator: Generator | None = None):
    """Change brightness, contrast, saturation, then gamma, each by a factor from max(0, 1 − strength) to 1 + strength.

    Strengths are numbers ≥ 0; 0 changes nothing.  Raises TypeError or ValueError.
    """
    for adjust, strength in [(adjust_brightness, brightness), (adjust_contrast, contrast),
                             (adjust_saturation, saturation), (adjust_gamma, gamma)]:
        if strength:
            images = adjust(images, _uniform(max(0, 1 - strength), 1 + strength, images, generator))
    return images


@checked
def gaussian_noise(images: Images, std: NonNegativeNumber, *, generator: Generator | None = None):
    """Add normal noise of standard deviation std ≥ 0, and stay in [0, 1].  Raises TypeError or ValueError."""
    noise = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    return add_noise(images, std * noise.to(images.device))


@checked
def cutout(images: Images, size: Positive, *, generator: Generator | None = None):
    """Cover a square of size × size pixels around a pixel of each image with 0 (DeVries & Taylor 2017).

    Every pixel is as likely to be the centre, so a part of the square may lie outside.  size: an int of at least 1.
    Raises TypeError or ValueError.
    """
    row, column = (torch.randint(length, (len(images),), generator=generator) for length in images.shape[2:])
    return erase(images, row - size // 2, column - size // 2, size, size)


@checked
def random_erasing(images: Images, p: Share = 0.5, scale: Interval = (0.02, 0.33), ratio: Interval = (0.3, 1 / 0.3),
                   value=0.0, *, generator: Generator | None = None):
    """With probability p cover a rectangle that lies in the image (Zhong et al. 2020).

    scale: (smallest, largest) share of the image's area, uniform.  ratio: (smallest, largest) height/width; its
    logarithm is uniform, so that high and wide are as likely. A rectangle that does not fit is drawn again, ten
    times at most; then the image stays.  value: what covers, a number, or "noise" for other normal noise at each pixel.
    Raises TypeError or ValueError.
    """
    if isinstance(value, str) and value != "noise":
        raise ValueError(f'random_erasing: value must be a number or "noise", got {value!r}')
    n, (rows, columns) = len(images), images.shape[2:]
    area = rows * columns * _uniform(*scale, images, generator, 10)
    ratio = _uniform(*map(math.log, ratio), images, generator, 10).exp()
    height, width = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()               # (N, 10)
    fits = (height >= 1) & (width >= 1) & (height <= rows) & (width <= columns)
    first = fits.int().argmax(1)                                                               # 0 where none fits
    height, width = height[range(n), first], width[range(n), first]
    top = (_uniform(0, 1, images, generator) * (rows - height + 1)).floor()
    left = (_uniform(0, 1, images, generator) * (columns - width + 1)).floor()
    chosen = fits.any(1) & (_uniform(0, 1, images, generator) < p)
    if value == "noise":
        value = torch.randn(images.shape, generator=generator, dtype=images.dtype).to(images.device)
    return erase(images, top, left, height * chosen, width * chosen, value)


@checked
def mixup(images: Images, labels, classes: Positive, alpha: Number = 0.2, *, generator: Generator | None = None):
    """Blend each image with another one of the batch, and their labels as much (Zhang et al. 2018).

    λ · x + (1 − λ) · x[order]      λ ~ Beta(alpha, alpha) for each image, order a permutation

    labels: ints (N,) below `classes`, or already probabilities (N, classes).  alpha > 0; smaller mixes less.
    → images (N, C, H, W), targets (N, classes) of the images' dtype, which cross_entropy takes in place of labels.
    Raises TypeError or ValueError.
    """
    if not 0 < alpha < math.inf:
        raise ValueError(f"mixup: alpha must be positive and finite, got {alpha}")
    if not isinstance(labels, torch.Tensor) or labels.shape[:1] != images.shape[:1]:
        raise ValueError(f"mixup: labels must be a tensor of {len(images)} labels, got {describe_shape(labels)}")
    if not labels.is_floating_point():
        if labels.ndim != 1 or labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"mixup: labels must be (N,) and from 0 to {classes - 1}, got {describe_shape(labels)} "
                             f"from {labels.min()} to {labels.max()}")
        labels = F.one_hot(labels.long(), classes).to(images.dtype)
    if labels.shape[1:] != (classes,):
        raise ValueError(f"mixup: labels that are probabilities must be (N, {classes}), got {describe_shape(labels)}")
    # torch draws from no Beta distribution with a generator of ours; NumPy does, from a seed that this one gives.
    seed = int(torch.randint(2**62, (1,), generator=generator))
    weight = torch.as_tensor(np.random.default_rng(seed).beta(alpha, alpha, len(images)))
    return mix(images, labels, weight, torch.randperm(len(images), generator=generator))


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _each(function, argument, value, images, least=-math.inf, whole=False):
    """A number, or numbers (N,), as a tensor (1 or N, 1, 1, 1) of the images' dtype, or of ints, on their device."""
    try:
        value = torch.as_tensor(value, dtype=None if whole else images.dtype, device=images.device)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{function}: {argument} must be a number or numbers, got {value!r}") from None
    if whole and (value.is_floating_point() or value.dtype == torch.bool):
        raise TypeError(f"{function}: {argument} must be an int or ints, got numbers of {value.dtype}")
    if value.shape not in ((), (1,), (len(images),)):
        raise ValueError(f"{function}: {argument} must be a number or ({len(images)},), one for each image, "
                         f"got shape {tuple(value.shape)}")
    if not (value >= least).all():
        raise ValueError(f"{function}: {argument} must be at least {least}, got {value.min()}")
    return value.reshape(-1, 1, 1, 1)


def _grey(images):
    """(N, C, H, W) → (N, 1, H, W)"""
    if images.shape[1] != 3:
        return images.mean(1, keepdim=True)
    weights = images.new_tensor([0.2989, 0.587, 0.114])[:, None, None]           # of ITU-R BT.601
    return (weights * images).sum(1, keepdim=True)


def _uniform(low, high, images, generator, *more):
    """(N, *more) numbers from low to high, of the images' dtype and device."""
    draws = torch.rand(len(images), *more, generator=generator, dtype=images.dtype)
    return (low + (high - low) * draws).to(images.device)
