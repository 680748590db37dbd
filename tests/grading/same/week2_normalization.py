"""Breaks of the answers of the notebook `normalization` that are the same function."""

_AXES = "an average over several axes does not ask for their order"

SAME = {
    "batch_norm": {
        "mean = np.mean(x, axis=(2, 0, 3), keepdims=True)": _AXES,
        "mean = np.mean(x, axis=(0, 3, 2), keepdims=True)": _AXES,
        "variance = np.var(x, axis=(2, 0, 3), keepdims=True)": _AXES,
        "variance = np.var(x, axis=(0, 3, 2), keepdims=True)": _AXES,
    },
    "group_norm": {
        "parts = x.reshape(groups, len(x), -1)": "the rows are the same N · groups rows in the same order",
        "parts = x.reshape(len(x), groups, -2)": "NumPy takes any negative size for the one that is left",
    },
    "adaptive_instance_norm": {
        "mean = np.mean(x, axis=(2, 1), keepdims=True)": _AXES,
        "return (mean, np.sqrt(np.var(x, axis=(2, 1), keepdims=True) + eps))": _AXES,
    },
}
