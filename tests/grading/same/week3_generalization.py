"""Breaks of the answers of the notebook `generalization` that are the same function, or a design as good."""

_ORDER = "the product over the two axes has no order"
_SIGNS = "both lengths change their sign, and their product does not"

SAME = {
    "macro_f1": {
        "f1 = 2 * hits / np.where(both > 1, both, 1)": "where predicted and actual add up to 1 there is no hit",
        "f1 = 2 * hits / np.where(both > 0, both, 2)": "what is divided there is 0",
    },
    "top_k_share": {
        "own = scores[np.arange(len(scores)), labels][:, None]": "a tuple of ints indexes as a list does",
        "return np.clip(0, (k - above) / tied, 1).mean()": "the larger of 0 and the quotient, whichever comes first",
    },
    "hidden_share": {
        "for length in (width, height):": _ORDER,
        "last = np.minimum(length, first + size)": "the smaller of two has no order",
        "share *= np.mean(last - np.maximum(0, first)) / length": "the larger of two has no order",
        "share *= np.mean(np.maximum(first, 0) - last) / length": _SIGNS,
    },
    "cutmix_targets": {
        "for length, centre in ((width, column), (height, row)):": _ORDER,
        "last = min(length, first + side)": "the smaller of two has no order",
        "box *= (last - max(0, first)) / length": "the larger of two has no order",
        "box *= (max(first, 0) - last) / length": _SIGNS,
    },
}
