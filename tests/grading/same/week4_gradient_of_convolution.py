"""Breaks of the answers of the notebook `gradient_of_convolution` that are the same function."""

_LEFT = "NumPy takes any one negative size for the size that is left"
_CUT = "what lies beyond the padded image is cut off at the end"

SAME = {
    "weight_gradient1d": {
        "dw = np.ones(k)": "every element is written later",
        "dw[u] = np.sum(dy @ read)": "an inner product, and the sum of one number",
    },
    "input_gradient": {
        "dx = np.zeros((channels, height + 3 * p, width + 2 * p))": _CUT,
        "dx = np.zeros((channels, height + 2 * p, width + 3 * p))": _CUT,
    },
    "grouped_weight_gradient": {
        "dy = dy.reshape(images, groups, -2, height, width)": _LEFT,
        "x = x.reshape(images, groups, -2, *x.shape[2:])": _LEFT,
        "return np.stack(taps, axis=-1).reshape(out, -2, k_h, k_w)": _LEFT,
    },
    "silent_samples": {
        "return n - len(set(range(n)) & read)": "what two sets share does not ask which of them is the first",
    },
    "input_gradient1d": {
        "padded = np.zeros(n + 3 * p)": _CUT,
        "full = np.convolve(kernel, apart)": "convolution commutes",
    },
}
