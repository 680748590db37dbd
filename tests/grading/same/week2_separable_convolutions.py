"""Breaks of the answers of the notebook `separable_convolutions` that are the same function."""

SAME = {
    "depthwise_conv2d": {
        "y[:, i, j] = np.sum(w * window, axis=(2, 1))": "a sum over two axes does not ask for their order",
    },
}
