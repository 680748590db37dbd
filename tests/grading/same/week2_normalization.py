"""Breaks of the answers of the notebook `normalization` that are the same function, or a design as good."""

_AXES = "a mean over several axes does not ask for their order"
_ROWS = "the rows of the groups are the same, whatever the axes in front are called, and are reshaped back"
_DESIGN = "other means or maps that have the properties too"

SAME = {
    "batch_norm": {
        "mean = x.mean(axis=(2, 0, 3), keepdims=True)": _AXES,
        "mean = x.mean(axis=(0, 3, 2), keepdims=True)": _AXES,
        "var = x.var(axis=(2, 0, 3), keepdims=True)": _AXES,
        "var = x.var(axis=(0, 3, 2), keepdims=True)": _AXES,
    },
    "group_norm": {
        "rows = x.reshape(groups, len(x), -1)": _ROWS,
        "rows = x.reshape(len(x), groups, -2)": "NumPy takes any one negative size for the size that is left",
    },
    "running_statistics": {
        "mean = batch.mean(axis=(2, 0, 3))": _AXES,
        "mean = batch.mean(axis=(0, 3, 2))": _AXES,
        "var = batch.var(axis=(2, 0, 3), ddof=1)": _AXES,
        "var = batch.var(axis=(0, 3, 2), ddof=1)": _AXES,
    },
    "adaptive_instance_norm": {
        "mean = x.mean(axis=(3, 2), keepdims=True)": _AXES,
        "return (mean, np.sqrt(x.var(axis=(3, 2), keepdims=True) + eps))": _AXES,
    },
    "layer_norm": {
        "mean = x.mean(axis=(2, 1, 3), keepdims=True)": _AXES,
        "mean = x.mean(axis=(1, 3, 2), keepdims=True)": _AXES,
        "var = x.var(axis=(2, 1, 3), keepdims=True)": _AXES,
        "var = x.var(axis=(1, 3, 2), keepdims=True)": _AXES,
    },
    "tell_norms_apart": {
        "means = np.outer(zero_sum(n), np.tile(zero_sum(c // groups), groups))": _DESIGN,
        "means = np.outer(zero_sum(n), np.tile(zero_sum(c // groups), groups)) / 3": _DESIGN,
        "means = np.outer(zero_sum(n), np.tile(zero_sum(c // groups), groups)) / 1": _DESIGN,
        "plane = np.arange(height * width).reshape(height, width)": "the division makes floats of the integers",
        "plane = (plane.mean() - plane) / plane.std()": _DESIGN,
        "return means[:, :, None, None] - spreads[:, :, None, None] * plane": _DESIGN,
    },
}
