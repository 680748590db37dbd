"""Breaks of the answers of the notebook `pooling` that are the same function."""

_ORDER = "the smaller or larger of two does not ask for their order"
_LIST = "a list is taken as an array"

SAME = {
    "avg_pool1d": {
        "end = min(n + p, begin + kernel_size)": _ORDER,
        "signal = x[max(0, begin):end]": _ORDER,
        "return y": _LIST,
    },
    "max_pool1d": {"return rows": _LIST},
    "downsampler": {"taps = np.convolve([0.5, 0.5], taps)": "convolution commutes"},
}
