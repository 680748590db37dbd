"""The NumPy form of augmentation gives what the torch form gives, with the same arguments."""

import numpy as np
import pytest
import torch

from cnnlib.scratch import augmentation as A
from cnnlib.testing import assert_close
from cnnlib.training import augmentation as T

rng = np.random.default_rng(0)
images, noise = rng.random((3, 3, 9, 14)), rng.normal(size=(3, 3, 9, 14))
targets = rng.dirichlet(np.ones(4), 3)

CASES = {        # function: lists of arguments, an array is one number for each image
    "horizontal_flip": [(), (np.array([True, False, True]),)],
    "crop": [(2, 3, 5, 4), (np.array([0, 2, 4]), np.array([5, 0, 1]), 5, 4), (0, 0, 9, 14)],
    "affine": [(20.0,), (25, 2.5, -1.5, 0.8, 12), (5.0, 0, 1, 1.4, -30, "border"), (5.0, 0, 1, 0.5, -30, "reflection"),
               (np.array([10.0, -50, 80]), np.array([1.0, 0, -2]), 3.0, np.array([1.0, 1.5, 0.5]), 5.0)],
    "rotate": [(30,), (np.array([0.0, 90, -120]), "border")],
    "adjust_brightness": [(1.7,), (np.array([0.0, 0.6, 2]),)],
    "adjust_contrast": [(1.7,), (np.array([0.0, 0.6, 2]),)],
    "adjust_saturation": [(1.7,), (np.array([0.0, 0.6, 2]),)],
    "adjust_gamma": [(1.7,), (np.array([0.3, 0.6, 2]),)],
    "add_noise": [(noise,)],
    "erase": [(2, 3, 4, 5), (-2, 10, 5, 9, 0.5), (np.array([0, 2, 4]), 5, np.array([3, 0, 9]), 2, noise)],
    "mix": [(targets, 0.3, np.array([1, 2, 0])), (targets, np.array([0.2, 0.9, 1]), np.array([2, 2, 0]))],
}

BAD = [
    (A.horizontal_flip, ([1],), {}, "images must be a NumPy array, got list"),
    (A.horizontal_flip, (images, [True, False]), {}, r"flip must be a number or \(3,\).*got shape \(2,\)"),
    (A.crop, (images, 0, 0, 10, 3), {}, "height must be an int from 1 to 9, got 10"),
    (A.crop, (images, 1, 0, 9, 3), {}, r"a window of 9 × 3 must lie in the image \(9, 14\)"),
    (A.affine, (images,), {"scale": 0}, "scale must be positive, got 0"),
    (A.affine, (images,), {"padding_mode": "wrap"}, "padding_mode must be .*got 'wrap'"),
    (A.rotate, (images, "left"), {}, "angle must be a number or numbers, got 'left'"),
    (A.rotate, (images[0], 3), {}, r"images must be \(N, C, H, W\), got shape \(3, 9, 14\)"),
    (A.adjust_brightness, (images, -1), {}, "factor must be at least 0, got -1"),
    (A.adjust_contrast, (images, np.nan), {}, "factor must be at least 0, got nan"),
    (A.adjust_saturation, (images.astype(int), 1), {}, "images must be float32 or float64, got int64"),
    (A.adjust_gamma, (images, -0.5), {}, "gamma must be at least 0"),
    (A.add_noise, (images, noise[0]), {}, r"noise must have shape \(3, 3, 9, 14\), got \(3, 9, 14\)"),
    (A.crop, (images, 1.5, 0, 3, 3), {}, "crop: top must be an int or ints, got 1.5"),
    (A.crop, (images, 0, None, 3, 3), {}, "crop: left must be an int or ints, got None"),
    (A.crop, (images, 0, 0, 3.0, 3), {}, "crop: height must be an int from 1 to 9, got 3.0"),
    (A.rotate, (images, None), {}, "angle must be a number or numbers, got None"),
    (A.add_noise, (images, None), {}, r"noise must have shape \(3, 3, 9, 14\), got \(\)"),
    (A.mix, (images, None, 0.5, [1, 2, 0]), {}, r"mix: targets must be \(N, K\) with N = 3, got shape \(\)"),
    (A.erase, (images, 0, 0, 1, 2, "black"), {}, "value must be a number or numbers, got 'black'"),
    (A.erase, (images, 0, 0, 1, 2, None), {}, "value must be a number or numbers, got None"),
    (A.erase, (images, 0, 0, 1, 2, np.ones(5)), {}, r"value must fit the images \(3, 3, 9, 14\), got shape \(5,\)"),
    (A.erase, (images, 0, 0, -1, 2), {}, "height must be at least 0"),
    (A.mix, (images, targets[0], 0.5, [1, 2, 0]), {}, r"targets must be \(N, K\) with N = 3, got shape \(4,\)"),
    (A.mix, (images, targets, 0.5, [1, 2]), {}, "order must be 3 ints from 0 to 2"),
    (A.mix, (images, targets, 1.5, [1, 2, 0]), {}, "weight must be at most 1, got 1.5"),
]


def to_torch(value, dtype):
    if isinstance(value, np.ndarray):
        return torch.as_tensor(value.astype(dtype) if value.dtype.kind == "f" else value)
    return value


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_equal_to_torch(name, dtype):
    for channels in (3, 1):
        x = images[:, :channels].astype(dtype)
        for args in CASES[name]:
            args = [arg[:, :channels] if np.ndim(arg) == 4 else arg for arg in args]
            args = [arg.astype(dtype) if isinstance(arg, np.ndarray) and arg.dtype.kind == "f" else arg for arg in args]
            before = x.copy()
            got = getattr(A, name)(x, *args)
            want = getattr(T, name)(torch.as_tensor(x), *[to_torch(arg, dtype) for arg in args])
            for ours, theirs in zip(got, want, strict=True) if name == "mix" else [(got, want)]:
                assert ours.dtype == dtype
                assert_close(ours, theirs, 1e-10 if dtype == np.float64 else 2e-5)
            np.testing.assert_array_equal(x, before)


def test_every_function_is_compared():
    assert set(CASES) == set(A.__all__)
