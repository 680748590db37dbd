"""A one-stage detector without anchors, FCOS (Tian et al. 2019), over a pyramid, with focal loss (Lin et al. 2017).

Every cell of every map of the pyramid asks at the point in its middle: which class is the object around me, how far is
it from here to its left, top, right and bottom edge, and how close am I to its middle? What is found twice is thinned
out in the end (`nms`). Boxes are (x1, y1, x2, y2) in pixels, with pixel i from i to i + 1, as `cnnlib.data.scenes`.
"""

import math
from numbers import Real

import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.blocks.arguments import check_divisible, check_factors, check_input, check_positive, check_sequence
from cnnlib.losses import focal_loss
from cnnlib.metrics import average_precision
from cnnlib.modes import in_mode

from .fpn import PyramidBackbone, resnet50_fpn, small_pyramid

__all__ = ["FCOS", "box_iou", "detect", "detection_average_precision", "detection_loss", "encode_boxes",
           "fcos_resnet50_fpn", "generalized_iou", "grid_points", "nms", "small_detector"]


# ---- boxes -----------------------------------------------------------------------------------------------------------

def box_iou(boxes, others):
    """Intersection over union of every box with every other: (n, 4), (m, 4)  →  (n, m) in [0, 1].

    boxes, others: (x1, y1, x2, y2). Two boxes of no area have IoU 0.
    Raises TypeError or ValueError for anything but tensors (n, 4) with x1 ≤ x2 and y1 ≤ y2.
    """
    boxes, others = _check_boxes("box_iou", "boxes", boxes), _check_boxes("box_iou", "others", others)
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])                             # (n, m, 2)
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    both = (high - low).clamp(min=0).prod(2)
    union = _area(boxes)[:, None] + _area(others) - both
    return both / union.clamp(min=1e-12)


def generalized_iou(boxes, others):
    """IoU less the empty share of the hull, pair by pair (Rezatofighi et al. 2019): (*, 4), (*, 4)  →  (*) in (−1, 1].

    GIoU = IoU − (hull − union) / hull          hull: the smallest box around both

    Boxes that do not touch have IoU 0 and no gradient; this one still says how far they are apart.
    Raises TypeError for anything but tensors, ValueError for shapes that differ or do not end in 4, and unless x1 ≤ x2
    and y1 ≤ y2.
    """
    for argument, given in (("boxes", boxes), ("others", others)):
        if not isinstance(given, torch.Tensor):
            raise TypeError(f"generalized_iou: {argument} must be a tensor (*, 4), got {type(given).__name__}")
    if boxes.shape != others.shape or boxes.shape[-1:] != (4,):
        raise ValueError("generalized_iou: boxes and others must have one shape (*, 4), "
                         f"got {tuple(boxes.shape)} and {tuple(others.shape)}")
    _check_corners("generalized_iou", "boxes", boxes)
    _check_corners("generalized_iou", "others", others)
    low, high = torch.maximum(boxes[..., :2], others[..., :2]), torch.minimum(boxes[..., 2:], others[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    union = _area(boxes) + _area(others) - both
    low, high = torch.minimum(boxes[..., :2], others[..., :2]), torch.maximum(boxes[..., 2:], others[..., 2:])
    hull = (high - low).prod(-1)
    return both / (union + 1e-7) - (hull - union) / (hull + 1e-7)        # boxes may be points


def nms(boxes, scores, iou_threshold=0.5):
    """Non-maximum suppression: of boxes that overlap much only the one of the highest score stays.

    From the highest score down a box is kept unless its IoU with one kept before is above iou_threshold. Of equal
    scores the first counts as higher.  boxes: (n, 4), scores: (n,)  →  int64 (k,), the places of those kept, the best
    first.  Raises TypeError or ValueError for other shapes, and ValueError unless 0 ≤ iou_threshold ≤ 1.
    """
    boxes = _check_boxes("nms", "boxes", boxes)
    if not isinstance(scores, torch.Tensor) or scores.shape != boxes.shape[:1]:
        raise ValueError(f"nms: scores must be a tensor ({len(boxes)},), one for each box, got "
                         f"{tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__}")
    _check_share("nms", "iou_threshold", iou_threshold)
    order = scores.argsort(descending=True, stable=True)
    close = box_iou(boxes[order], boxes[order]) > iou_threshold
    kept = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for i in range(len(boxes)):
        if kept[i]:
            kept[i + 1:] &= ~close[i, i + 1:]
    return order[kept]


def _area(boxes):
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _check_boxes(name, argument, boxes):
    if not isinstance(boxes, torch.Tensor):
        raise TypeError(f"{name}: {argument} must be a tensor (n, 4), got {type(boxes).__name__}")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name}: {argument} must be (n, 4), got shape {tuple(boxes.shape)}")
    _check_corners(name, argument, boxes)
    return boxes if boxes.is_floating_point() else boxes.float()


def _check_corners(name, argument, boxes):
    wrong = (boxes[..., :2] > boxes[..., 2:]).any(-1)
    if wrong.any():
        raise ValueError(f"{name}: {argument} must be (x1, y1, x2, y2) with x1 ≤ x2 and y1 ≤ y2, "
                         f"got {boxes[wrong][0].tolist()}")


def _check_share(name, argument, value):
    if not isinstance(value, Real):
        raise TypeError(f"{name}: {argument} must be a number from 0 to 1, got {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: {argument} must be from 0 to 1, got {value}")


# ---- the network -----------------------------------------------------------------------------------------------------

class FCOS(nn.Module):
    """Class, edges and centreness at every point of a pyramid: FCOS (Tian et al. 2019).

    (N, in_channels, H, W)  →  logits (N, A, num_classes), distances (N, A, 4), centreness (N, A, 1)

    A: the points of all maps, the finest map first, each row by row, as in `grid_points`.  logits: of each class by
    itself, through a sigmoid.  distances: to the left, top, right and bottom edge, ≥ 0, in strides of the map.
    centreness: through a sigmoid 1 in the middle of an object and 0 at its edge.
    backbone: makes the maps, all of out_channels channels.  strides: pixels between the points of each map.
    reach: a map of stride s finds what lies up to reach · s pixels around a point, and at least half of that.
    convs: 3×3 convolutions in front of each answer, the same for all maps.  groups: of their group normalisation.
    Raises TypeError or ValueError for sizes that are no ints ≥ 1, and for channels that do not divide by groups.
    """

    def __init__(self, backbone, num_classes, strides, reach=8, convs=4, groups=32):
        super().__init__()
        check_positive("FCOS", num_classes=num_classes, convs=convs)
        check_sequence("FCOS", strides=strides)
        check_factors("FCOS", reach=reach)
        if not isinstance(backbone, PyramidBackbone):
            raise TypeError(f"FCOS: backbone must be a PyramidBackbone, got {type(backbone).__name__}")
        maps = len(backbone.pyramid.in_channels) + {None: 0, "pool": 1, "conv": 2}[backbone.extra_levels]
        if len(strides) != maps:
            raise ValueError(f"FCOS: strides must be one number for each of {maps} maps, got {strides}")
        channels = backbone.out_channels
        check_divisible("FCOS", channels=channels, groups=groups)
        self.backbone, self.num_classes = backbone, num_classes
        self.strides, self.reach = tuple(strides), reach
        self.read_class = _tower(channels, convs, groups)
        self.logits = _answer(channels, num_classes)
        nn.init.constant_(self.logits.bias, -math.log(99))               # p = 0.01 at first: nearly all is background
        self.read_box = _tower(channels, convs, groups)
        self.distances = _answer(channels, 4)
        nn.init.ones_(self.distances.bias)                               # else half of the ReLUs start without gradient
        self.centreness = _answer(channels, 1)

    def forward(self, x):
        logits, distances, centreness = [], [], []
        for features in self.backbone(x):
            logits.append(_in_rows(self.logits(self.read_class(features))))
            features = self.read_box(features)
            distances.append(_in_rows(F.relu(self.distances(features))))
            centreness.append(_in_rows(self.centreness(features)))
        return torch.cat(logits, 1), torch.cat(distances, 1), torch.cat(centreness, 1)


def _tower(channels, convs, groups):
    layers = []
    for _ in range(convs):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(groups, channels), nn.ReLU()]
    return nn.Sequential(*layers)


def _answer(in_channels, out_channels):
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    nn.init.normal_(conv.weight, std=0.01)                               # Lin et al. 2017
    nn.init.zeros_(conv.bias)
    return conv


def _in_rows(x):
    """(N, C, H, W)  →  (N, H·W, C)"""
    return x.flatten(2).transpose(1, 2)


def fcos_resnet50_fpn(num_classes=91, in_channels=3):
    """FCOS on ResNet-50 (Tian et al. 2019): 32,322,720 parameters for COCO, torchvision's `fcos_resnet50_fpn`.

    (N, in_channels, H, W)  →  as `FCOS`, with maps of strides 8, 16, 32, 64 and 128.  Raises what `FCOS` raises.
    """
    backbone = resnet50_fpn(in_channels=in_channels, levels=3, extra_levels="conv")
    return FCOS(backbone, num_classes, (8, 16, 32, 64, 128))


def small_detector(num_classes=1, in_channels=1):
    """A small FCOS for `cnnlib.data.scenes`, with maps of strides 8 and 16.

    (N, in_channels, H, W)  →  as `FCOS`.  One class, a digit, is learned in half a minute; which digit takes longer.
    Raises what `FCOS` raises.
    """
    return FCOS(small_pyramid(in_channels, levels=2), num_classes, (8, 16), reach=1.5, convs=2, groups=8)


# ---- from boxes to targets and back ----------------------------------------------------------------------------------

def grid_points(size, strides, device=None):
    """The middle of every cell of every map, in pixels of the image: points (A, 2) of (x, y), and stride (A,).

    size: (H, W) of the image; the map of stride s has ⌈H/s⌉ × ⌈W/s⌉ cells.  strides: of the maps, in their order.
    device: where the points shall be.
    Raises TypeError or ValueError for sizes that are no ints ≥ 1.
    """
    if not isinstance(size, (tuple, list, torch.Size)) or len(size) != 2:
        raise ValueError(f"grid_points: size must be (H, W), got {size!r}")
    height, width = size
    check_positive("grid_points", height=height, width=width)
    check_sequence("grid_points", strides=strides)
    points, stride = [], []
    for s in strides:
        y, x = torch.meshgrid(torch.arange(-(-height // s), device=device),
                              torch.arange(-(-width // s), device=device), indexing="ij")
        points.append((torch.stack([x, y], 2).reshape(-1, 2) + 0.5) * s)
        stride.append(torch.full((len(points[-1]),), float(s), device=device))
    return torch.cat(points), torch.cat(stride)


def encode_boxes(net, size, boxes, labels, radius=1.5):
    """What an `FCOS` should answer for images of one size: (N, A, 5), the class, and the distances in strides.

    A point is to find a box when it lies in it, less than radius strides from its middle in x and in y, and when the
    box reaches from it as far as its map is for (see reach of `FCOS`; the finest map also takes smaller boxes, the
    coarsest larger ones). Of several boxes it takes the smallest. All others have class −1, background, distances 0.
    net: the `FCOS`.  size: (H, W).  boxes: for each image (n, 4), labels: for each (n,) in 0 … num_classes − 1, arrays
    or tensors; the targets are on the device of the boxes.  A box much smaller than the finest stride may lie between
    the points, and is lost.
    Raises TypeError or ValueError for another net, for boxes of another shape or upside down, for lengths that differ,
    and for a radius not above 0.
    """
    _check_net("encode_boxes", net)
    check_factors("encode_boxes", radius=radius)
    if len(boxes) != len(labels):
        raise ValueError(f"encode_boxes: boxes and labels must be for as many images, got {len(boxes)} "
                         f"and {len(labels)}")
    boxes = [torch.as_tensor(given) for given in boxes]
    device = boxes[0].device if boxes else None
    points, stride = grid_points(size, net.strides, device)
    smallest = torch.where(stride == min(net.strides), 0, net.reach * stride / 2)            # (A,)
    largest = torch.where(stride == max(net.strides), math.inf, net.reach * stride)
    targets = torch.zeros(len(boxes), len(points), 5, device=device)
    targets[..., 0] = -1
    for target, given, label in zip(targets, boxes, labels, strict=True):
        given, label = _check_boxes("encode_boxes", "boxes", given), torch.as_tensor(label, device=device)
        if label.shape != given.shape[:1]:
            raise ValueError(f"encode_boxes: labels must be ({len(given)},), one for each box, "
                             f"got {tuple(label.shape)}")
        if not len(given):
            continue
        if label.min() < 0 or label.max() >= net.num_classes:
            wrong = label[(label < 0) | (label >= net.num_classes)][0]
            raise ValueError(f"encode_boxes: labels must be from 0 to {net.num_classes - 1}, got {wrong}")
        distances = torch.cat([points[:, None] - given[:, :2], given[:, 2:] - points[:, None]], 2)       # (A, n, 4)
        middle = (given[:, :2] + given[:, 2:]) / 2
        near = (points[:, None] - middle).abs().amax(2) < radius * stride[:, None]
        furthest = distances.amax(2)
        fits = (furthest > smallest[:, None]) & (furthest <= largest[:, None])
        mine = near & fits & (distances.amin(2) > 0)                                         # (A, n)
        area, which = torch.where(mine, _area(given), math.inf).min(1)
        found = area < math.inf
        target[found, 0] = label[which[found]].float()
        target[found, 1:] = distances[found, which[found]] / stride[found, None]
    return targets


def detection_loss(outputs, targets):
    """Focal loss of the classes + 1 − GIoU of the boxes + cross-entropy of the centreness (Tian et al. 2019).

    centreness = √(min(l, r)/max(l, r) · min(t, b)/max(t, b))          l, t, r, b: the distances asked for

    Classes count at every point, boxes and centreness where there is an object; each sum is divided by the number of
    points with an object, of the whole batch (by 1 if there are none).
    outputs: of `FCOS`;  targets: (N, A, 5) of `encode_boxes`  →  ().
    Raises TypeError for anything but three outputs and a tensor, ValueError for targets of another shape.
    """
    if not (isinstance(outputs, (tuple, list)) and len(outputs) == 3):
        raise TypeError("detection_loss: outputs must be (logits, distances, centreness) of an FCOS, got "
                        f"{type(outputs).__name__}")
    if not isinstance(targets, torch.Tensor):
        raise TypeError(f"detection_loss: targets must be a tensor (N, A, 5), got {type(targets).__name__}")
    logits, distances, centreness = outputs
    if targets.shape != (*distances.shape[:2], 5):
        raise ValueError(f"detection_loss: targets must be {(*distances.shape[:2], 5)}, got {tuple(targets.shape)}")
    label, wanted = targets[..., 0].long(), targets[..., 1:]
    found = label >= 0
    count = found.sum().clamp(min=1)

    one_hot = F.one_hot(label + 1, logits.shape[2] + 1)[..., 1:].to(logits)                  # background: all 0
    classes = focal_loss(logits, one_hot, alpha=0.25, reduction="sum")

    wanted = wanted[found]
    sign = wanted.new_tensor([-1, -1, 1, 1])                             # a box around the point, in strides
    boxes = (1 - generalized_iou(distances[found] * sign, wanted * sign)).sum()

    across, down = wanted[:, [0, 2]], wanted[:, [1, 3]]
    middle = (across.amin(1) / across.amax(1) * down.amin(1) / down.amax(1)).sqrt()
    middles = F.binary_cross_entropy_with_logits(centreness[found][:, 0], middle, reduction="sum")
    return (classes + boxes + middles) / count


@torch.no_grad()
def detect(net, x, score_threshold=0.05, iou_threshold=0.5, max_detections=100):
    """The objects an `FCOS` sees in each image: a list of (boxes (n, 4), scores (n,), labels (n,)), the best first.

    score = √(p(class) · centreness); below score_threshold nothing is reported, `nms` thins out each class by itself,
    boxes are cut at the border of the image, and at most max_detections are returned.  x: (N, in_channels, H, W).
    The network is in use mode meanwhile; then each layer is again in the mode in which it was.
    Raises TypeError or ValueError for another net or x and thresholds outside of [0, 1].
    """
    _check_net("detect", net)
    check_input("detect", x, net.backbone.in_channels)
    check_positive("detect", max_detections=max_detections)
    _check_share("detect", "score_threshold", score_threshold)
    _check_share("detect", "iou_threshold", iou_threshold)
    with in_mode(net, training=False):
        logits, distances, centreness = net(x)
    points, stride = grid_points(x.shape[2:], net.strides, logits.device)
    scores = (logits.sigmoid() * centreness.sigmoid()).sqrt()                                # (N, A, K)
    distances = distances * stride[:, None]
    boxes = torch.cat([points - distances[..., :2], points + distances[..., 2:]], 2)
    boxes = boxes.clamp(min=0).minimum(boxes.new_tensor([x.shape[3], x.shape[2]] * 2))

    found = []
    for box, score in zip(boxes, scores, strict=True):
        kept = []                                                        # (k, 2): point and class
        for label in range(score.shape[1]):
            sure = (score[:, label] > score_threshold).nonzero()[:, 0]
            best = sure[nms(box[sure], score[sure, label], iou_threshold)]
            kept.append(torch.stack([best, torch.full_like(best, label)], 1))
        point, label = torch.cat(kept).T
        order = score[point, label].argsort(descending=True, stable=True)[:max_detections]
        point, label = point[order], label[order]
        found.append((box[point], score[point, label], label))
    return found


def _check_net(name, net):
    if not isinstance(net, FCOS):
        raise TypeError(f"{name}: net must be an FCOS, got {type(net).__name__}")


# ---- how good it is --------------------------------------------------------------------------------------------------

def detection_average_precision(found, boxes, labels, iou_threshold=0.5):
    """Average precision of a detector, the mean over the classes that occur, in [0, 1] (Everingham et al. 2010).

    From the highest score down, over all images, a found box is right when its IoU with an object of its class that no
    better one has taken is at least iou_threshold; it takes the object of the largest IoU among those left. Each
    object counts in the recall, also one that was never found:

    AP = average_precision(right, scores) · right ones / objects          without the factor recall would end at 1

    found: for each image (boxes, scores, labels), as of `detect`;  boxes, labels: for each image the true ones, (n, 4)
    and (n,), arrays or tensors  →  float.  No interpolation. Without a single object it is nan.
    Raises TypeError or ValueError for lists of other lengths, boxes of another shape, iou_threshold outside of [0, 1].
    """
    name = "detection_average_precision"
    _check_share(name, "iou_threshold", iou_threshold)
    if not len(found) == len(boxes) == len(labels):
        raise ValueError(f"{name}: found, boxes and labels must be for as many images, got {len(found)}, {len(boxes)} "
                         f"and {len(labels)}")
    found = [[torch.as_tensor(part).cpu() for part in parts] for parts in found]
    boxes = [_check_boxes(name, "boxes", torch.as_tensor(given).cpu()) for given in boxes]
    labels = [torch.as_tensor(given).cpu() for given in labels]
    precisions = []
    for label in sorted({int(c) for given in labels for c in given}):
        objects = [given[label_ == label] for given, label_ in zip(boxes, labels, strict=True)]
        right, scores = [], []
        for (found_boxes, found_scores, found_labels), true in zip(found, objects, strict=True):
            mine = (found_labels == label).nonzero()[:, 0]
            mine = mine[found_scores[mine].argsort(descending=True, stable=True)]
            overlap = box_iou(found_boxes[mine], true)                   # (found, objects)
            for row in overlap:
                best = row.max(0) if len(row) else None
                hit = best is not None and bool(best.values >= iou_threshold)
                if hit:
                    overlap[:, best.indices] = -1                        # taken
                right.append(hit)
            scores.extend(found_scores[mine].tolist())
        total = sum(map(len, objects))
        precisions.append(average_precision(right, scores) * sum(right) / total if right else 0.0)
    return sum(precisions) / len(precisions) if precisions else math.nan
