"""Week 5, `image_translation`: breaks that leave the function as it was."""

SAME = {
    "window_logits": {
        "total += np.where(h > 0, h, 0.2 * h) @ v[:, a, c]": "an inner product is the same in both orders",
        "total += v[:, a, c] @ np.where(h >= 0, h, 0.2 * h)": "no input of the leaky ReLU is exactly 0",
        "return [[judge(x[:, top:top + f_h, left:left + f_w]) for left in range(0, x.shape[2] - f_w + "
        "1, stride)] for top in range(0, x.shape[1] - f_h + 1, stride)]":
            "a list of the same numbers",
        "return np.array([[judge(x[:, top:, left:left + f_w]) for left in range(0, x.shape[2] - f_w + "
        "1, stride)] for top in range(0, x.shape[1] - f_h + 1, stride)])":
            "the judge reads no pixel outside of its window",
        "return np.array([[judge(x[:, top:top + f_h, left:]) for left in range(0, x.shape[2] - f_w + 1, "
        "stride)] for top in range(0, x.shape[1] - f_h + 1, stride)])":
            "the judge reads no pixel outside of its window",
    },
    "best_pictures": {
        "place = np.argmax(summed >= 0.5, axis=0)": "no group of answers has exactly half",
        "median = np.take_along_axis(ordered, place[None], axis=0)[-1]": "the axis has length 1",
        "return [mean, median]": "a list of the same numbers",
    },
    "times_judged": {
        "sees = np.eye(size)": "counts as floats",
        "after = np.zeros((length, size))": "counts as floats",
        "after = np.ones((length, size), int)": "every row is written over",
        "after[t] = sees[max(0, first):last + 1].any(0)": "a maximum is the same in both orders",
    },
    "cycle_terms": {
        "return np.maximum(0, x @ p)": "a maximum is the same in both orders",
        "return np.maximum(0, x @ q)": "a maximum is the same in both orders",
        "adversarial = np.mean((1 - made_b @ u_b) ** 2) + np.mean((made_a @ u_a - 1) ** 2)": "a square has no sign",
        "adversarial = np.mean((made_b @ u_b - 1) ** 2) + np.mean((1 - made_a @ u_a) ** 2)": "a square has no sign",
        "cycle = np.mean(np.abs(a - to_a(made_b))) + np.mean(np.abs(to_b(made_a) - b))":
            "an absolute value has no sign",
        "cycle = np.mean(np.abs(to_a(made_b) - a)) + np.mean(np.abs(b - to_b(made_a)))":
            "an absolute value has no sign",
        "identity = np.mean(np.abs(b - to_b(b))) + np.mean(np.abs(to_a(a) - a))": "an absolute value has no sign",
        "identity = np.mean(np.abs(to_b(b) - b)) + np.mean(np.abs(a - to_a(a)))": "an absolute value has no sign",
        "return [adversarial, cycle, identity]": "a list of the same numbers",
    },
    "shown_images": {
        "for image, coin, place in zip(images, coins, places):": "all have the same length",
        "for image, coin, place in zip(images, coins, places, strict=False):": "all have the same length",
        "elif coin >= 0.5:": "no coin is exactly ½",
        "return out": "a list of the same images",
    },
    "same_windows": {
        "pictures[:, -1, 0] = 1": "another pair of dots that no window sees together",
        "pictures[:, 0, -1] = 1": "another pair of dots that no window sees together",
        "pictures[0, 1, k] = 1": "another pair of dots that no window sees together",
        "pictures[0, -1, k] = 1": "another pair of dots that no window sees together",
        "pictures[1, k, 1] = 1": "another pair of dots that no window sees together",
        "pictures[1, k, -1] = 1": "another pair of dots that no window sees together",
    },
}
