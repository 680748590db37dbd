"""Boxes (x1, y1, x2, y2) in pixels, with pixel i from i to i + 1, as `cnnlib.data.scenes` has them.

How much they overlap, which of several to keep, and how a point sees one: as distances to its four edges.
"""

import torch

from .checks import Share, check_type, checked, require

__all__ = ["box_area", "box_iou", "boxes_to_distances", "distances_to_boxes", "generalized_iou", "nms"]


# ---- from points to edges --------------------------------------------------------------------------------------------

def boxes_to_distances(points, boxes):
    """How far the edges of a box lie from a point: left, top, right and bottom (Tian et al. 2019, equation 1).

    l = x − x1,  t = y − y1,  r = x2 − x,  b = y2 − y          all above 0 within the box

    points: (*, 2) of (x, y), boxes: (*, 4), which broadcast  →  (*, 4).
    Raises TypeError for anything but tensors, ValueError for shapes that do not end in 2 and 4.
    """
    _check_last("boxes_to_distances", 2, points=points)
    _check_last("boxes_to_distances", 4, boxes=boxes)
    return torch.cat([points - boxes[..., :2], boxes[..., 2:] - points], -1)


def distances_to_boxes(points, distances):
    """The boxes of which `boxes_to_distances` gives these distances: (*, 2), (*, 4)  →  (*, 4), which broadcast.

    Raises TypeError for anything but tensors, ValueError for shapes that do not end in 2 and 4.
    """
    _check_last("distances_to_boxes", 2, points=points)
    _check_last("distances_to_boxes", 4, distances=distances)
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], -1)


# ---- overlap ---------------------------------------------------------------------------------------------------------

def box_area(boxes):
    """Width times height: (*, 4)  →  (*).  Raises TypeError or ValueError for anything but a tensor (*, 4)."""
    _check_last("box_area", 4, boxes=boxes)
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def box_iou(boxes, others):
    """Intersection over union of every box with every other: (n, 4), (m, 4)  →  (n, m) in [0, 1].

    boxes, others: (x1, y1, x2, y2). Two boxes of no area have IoU 0.
    Raises TypeError or ValueError for anything but tensors (n, 4) with x1 ≤ x2 and y1 ≤ y2.
    """
    boxes, others = check_boxes("box_iou", "boxes", boxes), check_boxes("box_iou", "others", others)
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])                             # (n, m, 2)
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    both = (high - low).clamp(min=0).prod(2)
    union = box_area(boxes)[:, None] + box_area(others) - both
    return both / union.clamp(min=1e-12)


def generalized_iou(boxes, others):
    """IoU less the empty share of the hull, pair by pair (Rezatofighi et al. 2019): (*, 4), (*, 4)  →  (*) in (−1, 1].

    GIoU = IoU − (hull − union) / hull          hull: the smallest box around both

    Boxes that do not touch have IoU 0 and no gradient; this one still says how far they are apart.
    Raises TypeError for anything but tensors, ValueError for shapes that differ or do not end in 4, and unless x1 ≤ x2
    and y1 ≤ y2.
    """
    check_type("generalized_iou", torch.Tensor, "a tensor (*, 4)", boxes=boxes, others=others)
    if boxes.shape != others.shape or boxes.shape[-1:] != (4,):
        raise ValueError("generalized_iou: boxes and others must have one shape (*, 4), "
                         f"got {tuple(boxes.shape)} and {tuple(others.shape)}")
    _check_corners("generalized_iou", "boxes", boxes)
    _check_corners("generalized_iou", "others", others)
    low, high = torch.maximum(boxes[..., :2], others[..., :2]), torch.minimum(boxes[..., 2:], others[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    union = box_area(boxes) + box_area(others) - both
    low, high = torch.minimum(boxes[..., :2], others[..., :2]), torch.maximum(boxes[..., 2:], others[..., 2:])
    hull = (high - low).prod(-1)
    return both / (union + 1e-7) - (hull - union) / (hull + 1e-7)        # boxes may be points


@checked
def nms(boxes, scores, iou_threshold: Share = 0.5):
    """Non-maximum suppression: of boxes that overlap much only the one of the highest score stays.

    From the highest score down a box is kept unless its IoU with one kept before is above iou_threshold. Of equal
    scores the first counts as higher.  boxes: (n, 4), scores: (n,)  →  int64 (k,), the places of those kept, the best
    first.  Raises TypeError or ValueError for other shapes, and ValueError unless 0 ≤ iou_threshold ≤ 1.
    """
    boxes = check_boxes("nms", "boxes", boxes)
    if not isinstance(scores, torch.Tensor) or scores.shape != boxes.shape[:1]:
        raise ValueError(f"nms: scores must be a tensor ({len(boxes)},), one for each box, got "
                         f"{tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__}")
    order = scores.argsort(descending=True, stable=True)
    close = box_iou(boxes[order], boxes[order]) > iou_threshold
    kept = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for i in range(len(boxes)):
        if kept[i]:
            kept[i + 1:] &= ~close[i, i + 1:]
    return order[kept]


# ---- helpers ---------------------------------------------------------------------------------------------------------

def check_boxes(name, argument, boxes):
    """The boxes as floats.  Raises TypeError or ValueError for anything but a tensor (n, 4) with x1 ≤ x2, y1 ≤ y2."""
    check_type(name, torch.Tensor, "a tensor (n, 4)", **{argument: boxes})
    require(name, boxes.ndim == 2 and boxes.shape[1] == 4, f"{argument} must be (n, 4), got shape {tuple(boxes.shape)}")
    _check_corners(name, argument, boxes)
    return boxes if boxes.is_floating_point() else boxes.float()


def _check_last(name, size, **tensors):
    check_type(name, torch.Tensor, f"a tensor (*, {size})", **tensors)
    for argument, given in tensors.items():
        require(name, given.shape[-1:] == (size,), f"{argument} must be (*, {size}), got shape {tuple(given.shape)}")


def _check_corners(name, argument, boxes):
    wrong = (boxes[..., :2] > boxes[..., 2:]).any(-1)
    if wrong.any():
        raise ValueError(f"{name}: {argument} must be (x1, y1, x2, y2) with x1 ≤ x2 and y1 ≤ y2, "
                         f"got {boxes[wrong][0].tolist()}")
