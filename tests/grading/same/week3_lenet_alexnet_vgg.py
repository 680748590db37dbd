"""Breaks of the answers of the notebook `lenet_alexnet_vgg` that are the same function, or a design as good."""

_STRICT = "both have a number for each stage, so zip drops none"
_LIST = "a list of rows is taken as an array"
_SHIFT = "the softmax is the same whatever number is subtracted from a row, and the logits are small"
_ORDER = "the larger of two does not ask for their order"
_ENDS = "behind h, or w, stands at most one place, which the step of two does not reach"

SAME = {
    "count_vgg": {
        "for depth, out in zip(depths, widths):": _STRICT,
        "for depth, out in zip(depths, widths, strict=False):": _STRICT,
        "height, width = (width // 2, height // 2)": "only the product of the two sides is used",
    },
    "sparse_conv2d": {"return out": _LIST},
    "vgg_loss": {
        "e = np.exp(a + a.max(axis=1, keepdims=True))": _SHIFT,
        "e = np.exp(a)": _SHIFT,
        "e = np.exp(a - a.max(keepdims=True))": _SHIFT,
        "e = np.exp(a - a.min(axis=1, keepdims=True))": _SHIFT,
        "x = np.maximum(x[:, :, 1:h:2], x[:, :, 0:h:2])": _ORDER,
        "x = np.maximum(x[:, :, :h:2], x[:, :, 1:h:2])": "a slice begins at 0 by itself",
        "x = np.maximum(x[:, :, 0:h:2], x[:, :, 1::2])": _ENDS,
        "x = np.maximum(x[:, :, :, 1:w:2], x[:, :, :, 0:w:2])": _ORDER,
        "x = np.maximum(x[:, :, :, :w:2], x[:, :, :, 1:w:2])": "a slice begins at 0 by itself",
        "x = np.maximum(x[:, :, :, 0:w:2], x[:, :, :, 1::2])": _ENDS,
        "rows = np.maximum(0, x).reshape(len(x), -1)": _ORDER,
        "rows = np.maximum(x, 0).reshape(len(x), -2)": "NumPy takes any one negative size for the size that is left",
        "return -np.mean(np.log(p[np.arange(len(x)), target]))": "a tuple of numbers picks as a list of them does",
    },
    "design_vgg": {
        "return [(1, 8), (layers - 2, 8), (1, channels)]": _LIST,
        "return np.array([(1, 9), (layers - 2, 8), (1, channels)])": "one filter more is still within the budgets",
    },
}
