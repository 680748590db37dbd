"""Week 5, `gans`: breaks that leave the function as it was."""

SAME = {
    "tracked_norms": {
        "M = weight.reshape(len(weight), -2)": "NumPy takes any negative size as the one to find out",
        "found.append(v @ (u @ M))": "an inner product is the same in both orders",
        "return found": "a list of the same numbers",
    },
    "critic_penalty": {
        "if np.sum(w[k] * x) >= 0:": "no ReLU has exactly 0 as its input",
        "if np.mean(w[k] * x) > 0:": "a mean has the sign of its sum",
        "slope -= v[k] * w[k]": "only the length of the slope counts",
        "total += (1 - np.sqrt(np.sum(slope ** 2))) ** 2": "a square has no sign",
    },
    "loud_kernel": {
        "board = (-1.0) ** (rows - columns)": "sum and difference are even together",
    },
}
