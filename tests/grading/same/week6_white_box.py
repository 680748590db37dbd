"""Week 6, `white_box`: breaks that leave the function as it was."""

SAME = {
    "margins_left": {
        "return [margin - eps * largest, margin - eps * length]": "a list of the same rows",
    },
    "into_the_ball": {
        "length = np.sqrt(np.sum(delta ** 2, axis=(2, 1, 3), keepdims=True))": "a sum over the same axes",
        "length = np.sqrt(np.sum(delta ** 2, axis=(1, 3, 2), keepdims=True))": "a sum over the same axes",
        "delta = delta * np.minimum(eps / length, 1)": "a minimum is the same in both orders",
        "return np.clip(0, center + delta, 1)": "the middle one of three numbers, in any order",
    },
    "smallest_eps": {
        "m = np.dot(x, w) + b": "an inner product is the same in both orders",
        "room = np.where(w * m >= 0, x, 1 - x)": "no weight is 0, and neither is the answer",
        "low, high = (-1.0, 1.0)": "the interval holds the ε either way",
        "low, high = (0.0, 2.0)": "the interval holds the ε either way",
        "for _ in range(61):": "halved once more, far below six digits",
        "for _ in range(59):": "halved once less, far below six digits",
        "if np.sum(np.abs(w) * np.minimum(room, eps)) <= abs(m):": "equal at one ε only",
        "if np.sum(np.abs(w) @ np.minimum(room, eps)) < abs(m):": "the sum is the inner product",
        "if np.sum(np.abs(w) * np.minimum(eps, room)) < abs(m):": "a minimum is the same in both orders",
    },
    "towards_target": {
        "attacked = np.clip(x - eps, attacked, x + eps)": "the middle one of three numbers, in any order",
        "attacked = np.clip(0, attacked, 1)": "the middle one of three numbers, in any order",
    },
    "best_within": {
        "low, high = (-1.0, 1000000.0)": "the interval holds the t either way",
        "low, high = (0.0, 1000001.0)": "the interval holds the t either way",
        "low, high = (0.0, 999999.0)": "the interval holds the t either way",
        "for _ in range(101):": "halved once more, far below the tolerance",
        "for _ in range(99):": "halved once less, far below the tolerance",
        "attacked = np.clip(0, x - t * w, 1)": "the middle one of three numbers, in any order",
        "if np.sqrt(np.sum((attacked - x) ** 2)) >= eps:": "equal at one t only",
        "if np.sqrt(np.sum((x - attacked) ** 2)) > eps:": "a square has no sign",
        "return np.clip(0, x - low * w, 1)": "the middle one of three numbers, in any order",
    },
}
