"""Breaks of week 1's answers in `why_convolution` that leave the function as it was."""

_DISTANCE = "the distance of two pixels is the same from either"
_SUM = "a sum over two axes does not ask for their order"

SAME = {
    "count_local_weights": {
        "return np.sum(np.abs(i - i[:, None]) <= k // 2)": _DISTANCE,
        "return np.sum(np.abs(i[:, None] - i) <= k / 2)": "k is odd and distances are whole numbers",
    },
    "match_template": {
        "a = windows - windows.mean(axis=(3, 2), keepdims=True)": _SUM,
        "lengths = np.sqrt(np.sum(a ** 2, axis=(3, 2)) * np.sum(w ** 2))": _SUM,
        "return np.sum(a * w, axis=(3, 2)) / lengths": _SUM,
    },
}
