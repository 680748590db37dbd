"""Compare one of our functions with PyTorch's; a failure says which case, which index, what came, what was expected."""

import warnings

import numpy as np
import torch

from cnnlib.testing import assert_close


class Case:
    """A function's name, the shapes of its array arguments, and its other arguments. A new case is one line."""

    def __init__(self, name, shapes, **options):
        self.name, self.shapes, self.options = name, shapes, options

    def __str__(self):
        options = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}{self.shapes}{options}".replace(" ", "")

    def arrays(self, dtype, seed=0):
        rng = np.random.default_rng(seed)
        return [rng.normal(size=shape).astype(dtype) for shape in self.shapes]


def assert_equals_torch(case, ours, theirs, dtype):
    """ours, theirs: functions of NumPy arrays and of tensors."""
    arrays = case.arrays(dtype)
    before = [a.copy() for a in arrays]
    got = ours(*arrays, **case.options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using padding=.same. with even kernel")      # torch copies, no more
        want = theirs(*[torch.from_numpy(a) for a in arrays], **case.options)
    assert got.dtype == dtype, f"{case}: dtype {got.dtype}, expected {np.dtype(dtype)}"
    for array, original in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, original, err_msg=f"{case} changes its input")
    assert_close(got, want, tolerance=1e-10 if dtype == np.float64 else 2e-5)
