"""Breaks of the answers of the notebook `pooling` that are the same function."""

_AXES = "a maximum and a sum over two axes do not ask for their order"
_SQUARE = "the windows are square, and both their axes are reduced together"
_LESS = "the smaller of two numbers does not know their order"

SAME = {
    "max_pool2d": {
        "windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 1))": _SQUARE,
        "return windows[:, ::s, ::s].max(axis=(4, 3))": _AXES,
    },
    "lp_pool2d": {
        "return np.sum(windows[::s, ::s], axis=(3, 2)) ** (1 / norm)": _AXES,
    },
    "avg_pool2d": {
        "begin = np.arange(-p, min(n + p + beyond - k + 1, n), s)[:, None]": _LESS,
        "held = (place < begin + k) & (begin <= place)": "both conditions must hold, in any order",
        "count = np.minimum(n + p - begin, k)": _LESS,
    },
    "max_pool1d": {
        "out[i] = max(x[place], out[i])": "the larger of two numbers does not know their order",
    },
}
