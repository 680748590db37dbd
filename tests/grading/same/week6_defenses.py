"""Week 6, `defenses`: breaks that leave the function as it was."""

SAME = {
    "robust_step": {
        "worst = np.clip(0, x - eps * sign * np.sign(w), 1)": "the middle one of three numbers, in any order",
        "margin = y * (np.sum(worst * w, axis=(2, 1)) + b)": "a sum over two axes in any order",
        "return np.append(new_w, b - lr * slope.sum())": "np.append makes both flat itself",
    },
    "defended_gradient": {
        "p = np.exp(logits + logits.max())": "a factor, which p / p.sum() takes out while nothing overflows",
        "p = np.exp(logits)": "a factor, which p / p.sum() takes out while nothing overflows",
        "p = np.exp(logits - logits.min())": "a factor, which p / p.sum() takes out while nothing overflows",
    },
    "train_robust": {
        "now = eps * min(t / warmup, 1)": "the smaller of two in any order",
        "attacked = np.clip(0, x + now * np.sign(slope_x), 1)": "the middle one of three numbers, in any order",
    },
    "break_it": {
        "trials = np.clip(0, x[n] + 0.2 * np.sign(toward), 1)": "the middle one of three numbers, in any order",
        "back = np.sum([np.roll(w, (-a, -c), axis=(1, 2)) for a, c in shifts], axis=0)": "only signs and order count",
        "gain = [np.mean(toward[k] * trials[k]) for k in range(len(w))]": "only the order counts",
        "return out": "a list of the same images",
    },
}
