"""Week 4, `feature_visualization`: breaks that leave the function as it was."""

OTHER_WAY = "max is the same in both orders"
ANY_NEGATIVE = "NumPy takes any negative number for the axis that is left over"
LAST = "NumPy takes differences along the last axis if none is named"
TWICE = "the slope enters twice: both signs cancel, in the first row as in the second"

SAME = {
    "largest_logits": {
        "positive = np.sum(np.maximum(0, w))": OTHER_WAY,
    },
    "variation_gradient": {
        "right = np.diff(x, append=x[:, -1:])": LAST,
        "size = np.hypot(down, right)": "the length is the same in both orders",
        "factor = beta * np.maximum(1e-09, size) ** (beta - 2)": OTHER_WAY,
        "return -np.diff(a, prepend=0) - np.diff(b, axis=0, prepend=0)": LAST,
    },
    "pixel_steps": {
        "x = 1 / (1 + np.exp(M @ w))": "x and 1 − x are exchanged, and only their product enters",
        "jacobian = (x * (x - 1))[:, None] * M": TWICE,
    },
    "drive_one": {
        "flat = kernels.reshape(len(kernels), -2)": ANY_NEGATIVE,
    },
}
