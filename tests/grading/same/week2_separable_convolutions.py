"""Breaks of the answers of the notebook `separable_convolutions` that are the same function."""

SAME = {
    "cost_ratio": {"depthwise, pointwise = (c_out, k * k)": "the two are added, in whichever order"},
    "depthwise_conv2d": {
        "y[:, i, j] = np.sum(w * window, axis=(2, 1))": "a sum over two axes does not ask for their order",
    },
}
