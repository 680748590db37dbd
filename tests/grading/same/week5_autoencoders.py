"""Week 5, `autoencoders`: breaks that leave the function as it was."""

OTHER_WAY = "max is the same in both orders"
PIXELS = "all pixels are added up, in any order"

SAME = {
    "least_bce": {
        "for p in (1 - x, x):": "a sum is the same in both orders",
        "total += (-p * np.log(np.where(p > 0, p, 2))).sum(axis=(1, 2))": "what stands for 0 is multiplied by 0",
        "total += (-p * np.log(np.where(p > 0, p, 1))).sum(axis=(2, 1))": PIXELS,
    },
    "bottleneck_gradients": {
        "return [to_mean, to_log_variance]": "a list of two arrays is an array of two",
    },
    "vae_objective": {
        "error = np.sum((output - x) ** 2, axis=(1, 2)) / (2 * variance)": "a square has no sign",
        "error = np.sum((x - output) ** 2, axis=(2, 1)) / (2 * variance)": PIXELS,
    },
    "linear_rate": {
        "signal = np.maximum(noise, eigenvalues)": OTHER_WAY,
    },
}
