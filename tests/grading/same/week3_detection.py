"""Breaks of the answers of the notebook `detection` that are the same function."""

_ORDER = "the larger and the smaller of two do not ask for their order"

SAME = {
    "pairwise_iou": {
        "return np.prod(np.maximum(0, high - low), axis=-1)": _ORDER,
        "a, b = (others[None], boxes[:, None])": "what a pair shares does not ask which of the two is the first",
        "a, b = (boxes[:, None], others)": "NumPy puts the axis of length 1 in front by itself",
        "both = area(np.maximum(b[..., :2], a[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))": _ORDER,
        "both = area(np.maximum(a[..., :2], b[..., :2]), np.minimum(b[..., 2:], a[..., 2:]))": _ORDER,
    },
    "average_precision": {
        "return np.sum(precision @ hit) / objects": "an inner product, and the sum of one number",
    },
    "nms_per_class": {
        "if all((iou[j, i] <= threshold for j in rivals)):": "the matrix is symmetric",
    },
    "assign_points": {
        "y, x = ((np.arange(-(-side / stride)) + 0.5) * stride for side in size)": "arange itself rounds its end up",
        "areas = np.prod(boxes[:, :2] - boxes[:, 2:], axis=1)": "two signs change, and the product does not",
        "edges = np.dstack([boxes[n, 2:] - points, points - boxes[n, :2]])": _ORDER,
        "which[(furthest <= high) & ((nearest > 0) & (furthest > low))] = n": "three conditions, in whichever order",
        "which[(furthest > low) & (nearest > 0) & (furthest <= high)] = n": "three conditions, in whichever order",
    },
    "anchor_sides": {
        "count = np.ceil(np.log(high / low) / np.log(1 / iou))": "arange takes a whole number that is a float as well",
    },
}
