"""Breaks of the answers of the notebook `two_engines` that are the same function."""

_LEFT = "NumPy takes any one negative size for the size that is left"
_PAIR = "both are of one length"
_INNER = "of two rows of numbers, @ is the sum of their products"

SAME = {
    "my_conv2d": {
        "h, v = [(n - d * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:])]": _PAIR,
        "h, v = [(n - d * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=False)]": _PAIR,
    },
    "first_difference": {
        "for i, (a, b) in enumerate(zip(ours, theirs)):": _PAIR,
        "for i, (a, b) in enumerate(zip(ours, theirs, strict=False)):": _PAIR,
        "if np.linalg.norm(b - a) > tolerance * np.linalg.norm(b):": "a norm does not know the sign",
    },
    "eps_error": {
        "off = np.sum(variances @ (other - right) ** 2)": _INNER,
        "off = np.sum(variances * (right - other) ** 2)": "a square does not know the sign",
        "return np.sqrt(off / np.sum(variances @ right ** 2))": _INNER,
    },
    "dense_weight": {
        "w = weight.reshape(width, height, channels, -1)": "rows and columns stay side by side in the same order",
        "w = weight.reshape(height, width, channels, -2)": _LEFT,
        "return w.transpose(3, 2, 0, 1).reshape(weight.shape[1], -2)": _LEFT,
    },
}
