"""Week 5, `progressive_and_style`: breaks that leave the function as it was."""

SAME = {
    "demodulated_kernels": {
        "square = np.sum(own ** 2, axis=(3, 2, 4), keepdims=True)": "the axes of a sum are a set",
        "square = np.sum(own ** 2, axis=(2, 4, 3), keepdims=True)": "the axes of a sum are a set",
    },
    "truncated_styles": {
        "return np.where(h >= 0, h, 0.2 * h)": "at 0 both branches are 0",
    },
    "droplet": {
        "out[0, 0] = rest.mean() - n * np.sqrt(left / (n - 1))": "the other root of the quadratic equation: a spike "
                                                                 "downwards",
    },
}
