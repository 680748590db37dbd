"""Breaks of the answers of `convolution_and_correlation` that leave the function as it was."""

BEHIND = "more zeros behind make full longer at its end, which is cut away"
ORDER = "a sum over two axes does not depend on their order"

SAME = {
    "output_sizes": {
        "valid, full = (max(0, n - k + 1), n + k - 1)": "max does not depend on the order of its arguments",
    },
    "correlate2d": {
        "return np.sum(windows * w, axis=(3, 2))": ORDER,
    },
    "convolve2d_same": {
        "zeros = [(k - 1, k + 1) for k in w.shape]": BEHIND,
        "zeros = [(k - 1, k) for k in w.shape]": BEHIND,
        "zeros = [(k - 1, k - 0) for k in w.shape]": BEHIND,
        "full = np.sum(windows * w[::-1, ::-1], axis=(3, 2))": ORDER,
    },
}
