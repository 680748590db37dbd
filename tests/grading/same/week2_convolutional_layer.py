"""Breaks of the answers of the notebook `convolutional_layer` that are the same function."""

_STRICT = "both have two sides, so zip drops none"
_AXES = "a sum over three axes does not ask for their order"
_OTHER = "another design with the same properties"

SAME = {
    "conv2d": {
        "tops, lefts = [range(0, n - dilation * (k - 1), stride) for n, k in zip(x.shape[1:], w.shape[2:])]": _STRICT,
        "tops, lefts = [range(0, n - dilation * (k - 1), stride) for n, k in zip(x.shape[1:], w.shape[2:], "
        "strict=False)]": _STRICT,
        "y[:, i, j] = np.sum(w * window, axis=(2, 1, 3)) + b": _AXES,
        "y[:, i, j] = np.sum(w * window, axis=(1, 3, 2)) + b": _AXES,
    },
    "count_layer": {
        "weights = c_out * (c_in / groups) * k_h * k_w": "groups divides the channels",
    },
    "dilated_windows": {
        "return [x[i::dilation][:k] for i in starts]": "a list of rows is taken as an array",
    },
    "same_zeros": {
        "zeros = max(0, end - size)": "the larger of two does not ask for their order",
    },
    "design_stem": {
        "layers = [(9, 3, 2, 1), (8, 3, 2, 1)]": _OTHER,
        "layers = [(8, 3, 2, 0), (8, 3, 2, 1)]": _OTHER,
        "layers = [(8, 3, 2, 1), (9, 3, 2, 1)]": _OTHER,
        "return layers": "a list of rows is taken as an array",
    },
}
