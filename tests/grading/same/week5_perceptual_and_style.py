"""Week 5, `perceptual_and_style`: breaks that leave the function as it was."""

SAME = {
    "gaussian_distance": {
        "root = V * np.sqrt(np.maximum(0, values)) @ V.T": "the larger of two is the same in both orders",
        "overlap = np.sqrt(np.maximum(0, values)).sum()": "the larger of two is the same in both orders",
        "return np.sum((m2 - m1) ** 2) + np.trace(c1) + np.trace(c2) - 2 * overlap": "a square has no sign",
    },
    "shift_or_blur": {
        "far = len(kernel) // 2 - np.arange(len(kernel))": "a cosine has no sign, and the kernel is symmetric",
        "shifted = np.sum(amplitudes ** 2 @ (1 - np.cos(phase * t)))": "an inner product is the sum already",
        "blurred = np.sum(amplitudes ** 2 / 2 @ (1 - gain) ** 2)": "an inner product is the sum already",
        "blurred = np.sum(amplitudes ** 2 / 2 * (gain - 1) ** 2)": "a square has no sign",
        "return [shifted, blurred]": "a list of the same numbers",
    },
    "texture_loss": {
        "rows = x.reshape(len(x), x.shape[1], -2)": "NumPy takes any negative size as the one to find out",
        "difference = gram(target) - gram(f)": "a square has no sign",
    },
    "fewest_images": {
        "corners = 1 / (D + 1) - np.eye(D + 1)[:, 1:]": "the simplex mirrored is a simplex",
        "return mean - np.sqrt(D) * Q @ root.T": "the simplex mirrored is a simplex",
    },
}
