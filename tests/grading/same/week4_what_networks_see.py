"""Week 4, `what_networks_see`: breaks that leave the function as it was."""

OTHER_WAY = "max is the same in both orders"
AT_ZERO = "no ReLU has exactly 0 as its input"

SAME = {
    "cam_map": {
        "weights = g.mean(axis=(2, 1))": "both axes are averaged, in any order",
        "return np.maximum(0, total)": OTHER_WAY,
    },
    "forward_passes": {
        "for length in (width, height):": "a product is the same in both orders",
    },
    "guided": {
        "second = u @ np.maximum(0, first)": OTHER_WAY,
        "g = weight.T @ (np.maximum(0, g) * (f > 0))": OTHER_WAY,
    },
    "path_gradient": {
        "total += w.T @ (v * (w @ point >= 0))": AT_ZERO,
    },
}
