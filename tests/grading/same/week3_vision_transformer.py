"""Breaks of the answers of the notebook `vision_transformer` that are the same function."""

_LEFT = "NumPy takes any one negative size for the size that is left"
_PAIR = "two axes are exchanged, whichever is named first"
_SHIFT = "softmax stays the same when one number is added to a whole row; small scores do not overflow"
_DIVIDES = "the patch divides the image, so nothing is rounded"

SAME = {
    "vit_parameters": {
        "places = image[0] / patch[0] * (image[1] // patch[1]) + 1": _DIVIDES,
        "places = image[0] // patch[0] * (image[1] / patch[1]) + 1": _DIVIDES,
    },
    "resize_positions": {
        "grid = positions[1:].reshape(old[0], old[1], -2)": _LEFT,
        "patches = grid.reshape(new[0] * new[1], -2)": _LEFT,
        "for before, after in zip(old, new):": "both have two numbers",
        "for before, after in zip(old, new, strict=False):": "both have two numbers",
        "place = np.clip(0, place, before - 1)": "min(max(0, place), last) in the same order, for 0 is below the last",
        "apart = np.abs(np.arange(before) - place[:, None])": "a distance has no sign",
        "weights.append(np.maximum(0, 1 - apart))": "the larger of two numbers, in any order",
    },
    "attention_maps": {
        "q = (x @ w_q.T).reshape(n, t, heads, c // heads).swapaxes(2, 1)": _PAIR,
        "k = (x @ w_k.T).reshape(n, t, heads, c // heads).swapaxes(2, 1)": _PAIR,
        "scores = q @ k.swapaxes(3, 2) / np.sqrt(c // heads)": _PAIR,
        "scores = q @ k.swapaxes(2, 3) / np.sqrt(c / heads)": "C divides by the number of heads",
        "weights = np.exp(scores + scores.max(axis=3, keepdims=True))": _SHIFT,
        "weights = np.exp(scores)": _SHIFT,
        "weights = np.exp(scores - scores.max(keepdims=True))": _SHIFT,
        "weights = np.exp(scores - scores.min(axis=3, keepdims=True))": _SHIFT,
    },
}
