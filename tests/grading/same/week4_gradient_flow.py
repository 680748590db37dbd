"""Week 4, `gradient_flow`: breaks that leave the function as it was."""

OTHER_WAY = "max is the same in both orders"
ARRAY = "a list of the same numbers is as good"

SAME = {
    "chain_gradients": {
        "gradients = np.ones(len(w))": "every number is written over",
    },
    "clip_factor": {
        "return limit / total if total >= limit else 1.0": "limit / length is 1 where they are equal",
    },
    "gradient_sizes": {
        "n, half = (widths, std ** 2 / 2)": "a slice of the list times an array is the same array",
        "return found": ARRAY,
    },
    "jacobian_norm": {
        "mask = w @ x >= 0": "no number of W x is 0",
    },
    "gains": {
        "z = np.maximum(0, matrix @ a)": OTHER_WAY,
        "return found": ARRAY,
    },
}
"""Breaks of answers that leave the function as it was, and why."""
