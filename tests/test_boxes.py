"""Boxes beside torchvision's, beside masks of pixels, and beside brute force."""

import numpy as np
import pytest
import torch

from cnnlib.boxes import (
    box_area,
    box_iou,
    boxes_to_distances,
    check_boxes,
    distances_to_boxes,
    generalized_iou,
    nms,
)
from cnnlib.testing import assert_close
from cnnlib.torchvision_compat import import_torchvision
from tests.random_boxes import random_boxes

torchvision = import_torchvision()

one, good = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[0, 0, 4, 6], [2, 3, 9, 9]])

BAD = [
    (box_area, ([0, 0, 1, 1],), {}, r"box_area: boxes must be a tensor \(\*, 4\), got list"),
    (boxes_to_distances, (one, one), {}, r"boxes_to_distances: points must be \(\*, 2\), got shape \(1, 4\)"),
    (boxes_to_distances, (one[:, :2], [0, 0, 1, 1]), {}, r"boxes must be a tensor \(\*, 4\), got list"),
    (distances_to_boxes, (None, one), {}, r"distances_to_boxes: points must be a tensor \(\*, 2\), got NoneType"),
    (distances_to_boxes, (one[:, :2], one[:, :2]), {}, r"distances must be \(\*, 4\), got shape \(1, 2\)"),
    (check_boxes, ("f", "boxes", torch.zeros(4)), {}, r"f: boxes must be \(n, 4\), got shape \(4,\)"),
    (box_iou, ([[0, 0, 1, 1]], one), {}, r"box_iou: boxes must be a tensor \(n, 4\), got list"),
    (box_iou, (one, torch.zeros(4)), {}, r"box_iou: others must be \(n, 4\), got shape \(4,\)"),
    (box_iou, (one, torch.tensor([[0, 5, 3, 4]])), {}, r"x1 ≤ x2 and y1 ≤ y2, got \[0, 5, 3, 4\]"),
    (generalized_iou, (one, torch.zeros(2, 4)), {}, r"one shape \(\*, 4\), got \(1, 4\) and \(2, 4\)"),
    (generalized_iou, ([0, 0, 1, 1], one), {}, r"generalized_iou: boxes must be a tensor \(\*, 4\), got list"),
    (generalized_iou, (one, None), {}, r"generalized_iou: others must be a tensor \(\*, 4\), got NoneType"),
    (generalized_iou, (torch.tensor([5, 5, 1, 1]), torch.tensor([0, 0, 4, 4])), {},
     r"generalized_iou: boxes must be .* x1 ≤ x2 and y1 ≤ y2, got \[5, 5, 1, 1\]"),
    (generalized_iou, (one, torch.tensor([[0, 5, 3, 4]])), {}, r"others must be .* y1 ≤ y2, got \[0, 5, 3, 4\]"),
    (nms, (good, torch.ones(2), "0.5"), {}, "nms: iou_threshold must be a number, got '0.5'"),
    (nms, (good, torch.ones(3)), {}, r"nms: scores must be a tensor \(2,\), one for each box, got \(3,\)"),
    (nms, (good, [1, 2]), {}, "nms: scores must be a tensor .* got list"),
    (nms, (good, torch.ones(2), 1.5), {}, "nms: iou_threshold must be from 0 to 1, got 1.5"),
]


def test_distances_and_back():
    rng = np.random.default_rng(7)
    points, boxes = torch.tensor(rng.uniform(0, 60, (11, 1, 2))).float(), random_boxes(rng, 5)
    distances = boxes_to_distances(points, boxes)
    for i, j in np.ndindex(11, 5):
        (x, y), (x1, y1, x2, y2) = points[i, 0].tolist(), boxes[j].tolist()
        assert distances[i, j].tolist() == pytest.approx([x - x1, y - y1, x2 - x, y2 - y], abs=1e-5)
    assert_close(distances_to_boxes(points, distances), boxes.expand(11, 5, 4), 1e-4)


def test_area_is_torchvisions():
    boxes = random_boxes(np.random.default_rng(8), 9)
    assert_close(box_area(boxes), torchvision.ops.box_area(boxes))


def test_iou_and_generalized_iou_are_torchvisions():
    rng = np.random.default_rng(0)
    a, b = random_boxes(rng, 30), random_boxes(rng, 20)
    assert_close(box_iou(a, b), torchvision.ops.box_iou(a, b))
    assert (box_iou(a, b) == 0).any() and (box_iou(a, b) > 0.3).any()
    c = random_boxes(rng, 30)
    assert_close(1 - generalized_iou(a, c), torchvision.ops.generalized_box_iou_loss(a, c))
    assert box_iou(one, one[:, [0, 1, 0, 1]]).item() == 0                # no area, and no nan
    assert box_iou(one[:0], a).shape == (0, 30)


def test_iou_counts_pixels_of_masks():
    rng = np.random.default_rng(1)
    boxes = torch.tensor([[x, y, x + w, y + h] for x, y, w, h in rng.integers(1, 9, (12, 4))])
    masks = np.zeros((12, 20, 20), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.tolist(), strict=True):
        mask[y1:y2, x1:x2] = True
    want = [[(a & b).sum() / (a | b).sum() for b in masks] for a in masks]
    assert_close(box_iou(boxes, boxes), np.float32(want))


def test_nms_is_brute_force():
    rng = np.random.default_rng(2)
    for threshold in (0.1, 0.3, 0.6):
        boxes = random_boxes(rng, 60)
        scores = torch.tensor(rng.integers(0, 20, 60) / 20).float()      # many equal ones
        left, want = sorted(range(60), key=lambda i: -scores[i].item()), []
        while left:
            best = left.pop(0)
            want.append(best)
            left = [i for i in left if torchvision.ops.box_iou(boxes[best:best + 1], boxes[i:i + 1]) <= threshold]
        assert nms(boxes, scores, threshold).tolist() == want
        assert 5 < len(want) < 60
    assert nms(boxes[:0], scores[:0]).shape == (0,)
    assert nms(boxes[[3, 3]], scores[[3, 3]], 1.0).tolist() == [0, 1]    # "above" the threshold
