"""The check that ends each stretch of a notebook: ours and theirs agree."""

import numpy as np


def assert_close(ours, theirs, tolerance=None):
    """Raise AssertionError unless the two have the same shape and agree everywhere.

    |ours − theirs| ≤ tolerance·(1 + |theirs|)

    ours, theirs: NumPy arrays, torch tensors or numbers.
    tolerance: default 1e-10 when both have double precision, else 1e-5.
    The error names the first index that differs and both numbers there.
    """
    ours, theirs = _to_numpy("ours", ours), _to_numpy("theirs", theirs)
    if tolerance is None:
        double = {np.dtype(np.float64), np.dtype(np.complex128)}
        tolerance = 1e-10 if {ours.dtype, theirs.dtype} <= double else 1e-5
    if ours.shape != theirs.shape:
        raise AssertionError(f"shapes differ: ours {ours.shape}, theirs {theirs.shape}")
    wrong = ~np.isclose(ours, theirs, rtol=tolerance, atol=tolerance)
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise AssertionError(
            f"{wrong.sum()} of {wrong.size} numbers differ by more than {tolerance:g}; first at {list(index)}: "
            f"ours {ours[index]}, theirs {theirs[index]}"
        )


def _to_numpy(name, value):
    if hasattr(value, "detach"):                       # a torch tensor, without importing torch here
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"assert_close: {name} must be numbers, got {type(value).__name__} of dtype {array.dtype}")
    return array
