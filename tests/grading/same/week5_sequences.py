"""Week 5, `sequences`: breaks that leave the function as it was."""

SAME = {
    "mu_law": {
        "return ((f + 1) / 2 * mu + 0.5).astype(int)": "what is cut off behind the point is never negative",
    },
    "one_by_one": {
        "y = np.ones(len(x))": "every number of y is written",
        "for ring, (old, new) in zip(rings, w):": "there are as many rings as rows of w",
        "for ring, (old, new) in zip(rings, w, strict=False):": "there are as many rings as rows of w",
    },
    "drawn_class": {
        "return np.sum(ends < u[:, None], axis=1)": "no u is exactly an end",
    },
    "tone_predictor": {
        "return np.linalg.pinv(equations) @ np.array(wanted)": "NumPy makes an array of the list",
        "return np.linalg.pinv(np.array(equations)) @ wanted": "NumPy makes an array of the list",
    },
}
