"""Breaks of the answers of the notebook `attention` that are the same function, or a design as good."""

_DESIGN = "another scale that has the properties too"
_ORDER = "a product of two rows does not ask for the order of their numbers, if it is the same in both"

SAME = {
    "squeeze_excitation": {
        "z = x.mean(axis=(3, 2))": "a mean over two axes does not ask for their order",
        "hidden = np.maximum(0, z @ w1.T + b1)": "the larger of two numbers does not know their order",
    },
    "window_partition": {
        "return grid.reshape(-2, h * w, c)": "NumPy takes any one negative size for the size that is left",
    },
    "linear_attention": {
        "q, k = (np.where(a >= 0, a + 1, np.exp(np.minimum(a, 0))) for a in (q, k))": "both branches are 1 at 0",
        "q, k = (np.where(a > 0, a + 1, np.exp(np.minimum(0, a))) for a in (q, k))":
            "the smaller of two numbers does not know their order",
        "q, k = (np.where(a > 0, a + 1, np.exp(np.minimum(a, 1))) for a in (q, k))":
            "what is above 0 is not taken from this branch",
    },
    "attention_as_convolution": {
        "angles = 2 * np.pi * np.stack([column / width, row / height], 1)": _ORDER,
        "circles = [np.sin(angles), np.cos(angles)]": _ORDER,
        "return [300 * codes(row, column + 1), codes(row, column)]": "a list of two equal arrays is an array",
        "return np.stack([301 * codes(row, column + 1), codes(row, column)])": _DESIGN,
        "return np.stack([299 * codes(row, column + 1), codes(row, column)])": _DESIGN,
    },
}
