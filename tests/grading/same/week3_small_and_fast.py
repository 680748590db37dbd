"""Breaks of the answers of the notebook `small_and_fast` that are the same function, or a design as good."""

SAME = {
    "round_trip": {
        "low, high = (max(high, 0), min(low, 0))": "the step and the zero point change their signs, and the integers "
                                                   "run the other way",
        "low, high = (min(0, low), max(high, 0))": "the smaller of two has no order",
        "low, high = (min(low, 0), max(0, high))": "the larger of two has no order",
        "q = np.clip(0, np.round(x / scale) + zero, top)": "0 cut to [q, top] is q cut to [0, top]",
    },
    "soft_loss": {
        "z = np.exp(z + z.max(1, keepdims=True))": "softmax does not see what is added to all logits of an image",
        "z = np.exp(z)": "softmax does not see what is added to all logits of an image",
        "z = np.exp(z - 1)": "softmax does not see what is added to all logits of an image",
        "z = np.exp(z - z.min(1, keepdims=True))": "softmax does not see what is added to all logits of an image",
    },
    "fold_norm_before": {"return rows": "a list of rows is taken as an array"},
    "integer_layer": {
        "return np.clip(y_zero, q, 255)": "the zero point cut to [q, 255] is q cut to [zero point, 255]",
    },
    "design_scale": {
        "for scale in np.linspace(1, 0.05, 40) * widest:": "the same scales from the other end",
        "for scale in np.linspace(0.05, 1) * widest:": "more scales",
        "for scale in np.linspace(0.05, 2, 40) * widest:": "a coarser search that still is good enough",
        "for scale in np.linspace(0.05, 1, 41) * widest:": "more scales",
        "for scale in np.linspace(0.05, 1, 39) * widest:": "a little fewer scales",
        "for zero in range(top):": "a zero point at the top would leave nothing for positive numbers",
        "for zero in range(top + 2):": "a zero point beyond the top is never the best",
        "for zero in range(top + 0):": "a zero point at the top would leave nothing for positive numbers",
        "q = np.clip(0, np.round(x / scale) + zero, top)": "0 cut to [q, top] is q cut to [0, top]",
        "lost = np.sum((scale * (q - zero) - x) ** 2)": "the sum is the mean times a constant",
        "lost = np.mean((x - scale * (q - zero)) ** 2)": "a square has no sign",
        "if best is None or lost <= best[0]:": "of two equal pairs either will do",
        "return best[1:]": "a tuple is taken as an array",
    },
}
