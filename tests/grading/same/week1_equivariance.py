"""Breaks of the answers of the notebook `equivariance` that are the same function."""

_AXES = "a sum over two axes does not ask for their order"
_LIST = "np.asarray stacks a list of arrays as np.stack does"

SAME = {
    "equivariance_gap": {
        "return np.sum(windows * w, axis=(3, 2))": _AXES,
        "return np.abs(moved_after - moved_before).max()": "the absolute value does not ask for the sign",
    },
    "p4_lift": {
        "maps.append(np.sum(windows * np.rot90(w, r), axis=(3, 2)))": _AXES,
        "return maps": _LIST,
    },
    "p4_correlate": {
        "turned = np.rot90(w[m - r], r)": "an index from −3 to −1 counts from the end, which is the remainder",
        "total = total + np.sum(windows[m] * turned, axis=(3, 2))": _AXES,
        "return maps": _LIST,
    },
    "blur_subsample": {
        "return np.sum(windows * np.outer(taps, taps), axis=(3, 2))[::s, ::s]": _AXES,
    },
}
