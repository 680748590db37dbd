"""Breaks of the answers of the notebook `gradients_of_layers` that are the same function."""

_AXES = "a mean over several axes does not ask for their order"
_TWICE = "x̂ stands in the answer twice, as a product with itself, so its sign cancels"

SAME = {
    "gradient_error": {
        "largest = max(np.abs(numeric).max(), np.abs(grad).max())": "a maximum does not know the order",
        "return np.abs(numeric - grad).max() / largest": "a modulus does not know the sign",
    },
    "batch_norm_backward": {
        "axes = (2, 0, 3)": _AXES,
        "axes = (0, 3, 2)": _AXES,
        "hat = (mean - x) / spread": _TWICE,
    },
    "layer_norm_backward": {
        "axes = (2, 1, 3)": _AXES,
        "axes = (1, 3, 2)": _AXES,
        "hat = (mean - x) / spread": _TWICE,
    },
    "smooth_cross_entropy_backward": {
        "labelled[row] = 2": "the weights of the rows are divided by their sum",
    },
}
