"""A one-stage detector without anchors, FCOS (Tian et al. 2019), over a pyramid.

Every cell of every map of the pyramid asks at the point in its middle: which class is the object around me, how far is
it from here to its left, top, right and bottom edge, and how close am I to its middle? What is found twice is thinned
out in the end. Boxes are those of `cnnlib.boxes`; `cnnlib.losses.detection_loss` trains the network,
`cnnlib.metrics.detection_average_precision` says how good it is.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.boxes import box_area, boxes_to_distances, check_boxes, distances_to_boxes, nms
from cnnlib.checks import (
    Ints,
    Positive,
    PositiveNumber,
    Share,
    check_divisible,
    check_positive,
    check_type,
    checked,
    require,
)
from cnnlib.modes import in_mode
from cnnlib.tensors import check_input

from .fpn import PyramidBackbone, resnet50_fpn, small_pyramid

__all__ = ["FCOS", "detect", "encode_boxes", "fcos_resnet50_fpn", "grid_points", "small_detector"]


# ---- the network -----------------------------------------------------------------------------------------------------

@checked
class FCOS(nn.Module):
    """Class, edges and centreness at every point of a pyramid: FCOS (Tian et al. 2019).

    (N, in_channels, H, W)  →  logits (N, A, num_classes), distances (N, A, 4), centreness (N, A, 1)

    A: the points of all maps, the finest map first, each row by row, as in `grid_points`.  logits: of each class by
    itself, through a sigmoid.  distances: to the left, top, right and bottom edge, ≥ 0, in strides of the map.
    centreness: through a sigmoid 1 in the middle of an object and 0 at its edge.
    backbone: makes the maps, all of out_channels channels.  strides: pixels between the points of each map.
    regression_range: a map of stride s is for boxes whose furthest edge lies up to regression_range · s pixels from a
    point, and more than half of that; in the paper 8 strides.
    convs: 3×3 convolutions in each of the two towers, which all maps share.  groups: of their group normalisation.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and channels divide by groups.
    """

    def __init__(self, backbone, num_classes: Positive, strides: Ints, regression_range: PositiveNumber = 8,
                 convs: Positive = 4, groups=32):
        super().__init__()
        check_type(self, PyramidBackbone, "a PyramidBackbone", backbone=backbone)
        maps = len(backbone.pyramid.in_channels) + {None: 0, "pool": 1, "conv": 2}[backbone.extra_levels]
        require(self, len(strides) == maps, f"strides must be one number for each of {maps} maps, got {strides}")
        channels = backbone.out_channels
        check_divisible(self, channels=channels, groups=groups)
        self.backbone, self.num_classes = backbone, num_classes
        self.strides, self.regression_range = tuple(strides), regression_range
        self.classification_tower = _tower(channels, convs, groups)
        self.logits = _head(channels, num_classes)
        nn.init.constant_(self.logits.bias, -math.log(99))               # p = 0.01 at first: nearly all is background
        self.box_tower = _tower(channels, convs, groups)
        self.distances = _head(channels, 4)
        nn.init.ones_(self.distances.bias)                               # else half of the ReLUs start without gradient
        self.centreness = _head(channels, 1)

    def forward(self, x):
        logits, distances, centreness = [], [], []
        for features in self.backbone(x):
            logits.append(_in_rows(self.logits(self.classification_tower(features))))
            features = self.box_tower(features)
            distances.append(_in_rows(F.relu(self.distances(features))))
            centreness.append(_in_rows(self.centreness(features)))
        return torch.cat(logits, 1), torch.cat(distances, 1), torch.cat(centreness, 1)


def _tower(channels, convs, groups):
    layers = []
    for _ in range(convs):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(groups, channels), nn.ReLU()]
    return nn.Sequential(*layers)


def _head(in_channels, out_channels):
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
    return FCOS(small_pyramid(in_channels, levels=2), num_classes, (8, 16), regression_range=1.5, convs=2, groups=8)


# ---- from boxes to targets and back ----------------------------------------------------------------------------------

@checked
def grid_points(size, strides: Ints, device=None):
    """The middle of every cell of every map, in pixels of the image: points (A, 2) of (x, y), and stride (A,).

    size: (H, W) of the image; the map of stride s has ⌈H/s⌉ × ⌈W/s⌉ cells.  strides: of the maps, in their order.
    device: that of the points.
    Raises TypeError or ValueError unless sizes and strides are ints of at least 1.
    """
    if not isinstance(size, (tuple, list, torch.Size)) or len(size) != 2:
        raise ValueError(f"grid_points: size must be (H, W), got {size!r}")
    height, width = size
    check_positive("grid_points", height=height, width=width)
    points, stride = [], []
    for s in strides:
        y, x = torch.meshgrid(torch.arange(-(-height // s), device=device),
                              torch.arange(-(-width // s), device=device), indexing="ij")
        points.append((torch.stack([x, y], 2).reshape(-1, 2) + 0.5) * s)
        stride.append(torch.full((len(points[-1]),), float(s), device=device))
    return torch.cat(points), torch.cat(stride)


@checked
def encode_boxes(net, size, boxes, labels, radius: PositiveNumber = 1.5):
    """The targets of an `FCOS` for images of one size: (N, A, 5), the class, and the distances in strides.

    A point is to find a box when it lies in it, less than radius strides from its middle in x and in y, and when the
    furthest edge lies in the regression range of its map (see `FCOS`; the finest map also takes smaller boxes, the
    coarsest larger ones). Of several boxes it takes the smallest. All others have class −1, background, distances 0.
    net: the `FCOS`.  size: (H, W).  boxes: for each image (n, 4), labels: for each (n,) in 0 … num_classes − 1, arrays
    or tensors; the targets are on the device of the boxes.  A box much smaller than the finest stride may lie between
    the points, and is lost.
    Raises TypeError or ValueError for another net, for boxes of another shape or upside down, for lengths that differ,
    and for a radius not above 0.
    """
    check_type("encode_boxes", FCOS, "an FCOS", net=net)
    require("encode_boxes", len(boxes) == len(labels),
            f"boxes and labels must be for as many images, got {len(boxes)} and {len(labels)}")
    boxes = [torch.as_tensor(given) for given in boxes]
    device = boxes[0].device if boxes else None
    points, stride = grid_points(size, net.strides, device)
    smallest = torch.where(stride == min(net.strides), 0, net.regression_range * stride / 2)            # (A,)
    largest = torch.where(stride == max(net.strides), math.inf, net.regression_range * stride)
    targets = torch.zeros(len(boxes), len(points), 5, device=device)
    targets[..., 0] = -1
    for target, given, label in zip(targets, boxes, labels, strict=True):
        given, label = check_boxes("encode_boxes", "boxes", given), torch.as_tensor(label, device=device)
        require("encode_boxes", label.shape == given.shape[:1],
                f"labels must be ({len(given)},), one for each box, got {tuple(label.shape)}")
        if not len(given):
            continue
        if label.min() < 0 or label.max() >= net.num_classes:
            wrong = label[(label < 0) | (label >= net.num_classes)][0]
            raise ValueError(f"encode_boxes: labels must be from 0 to {net.num_classes - 1}, got {wrong}")
        distances = boxes_to_distances(points[:, None], given)                               # (A, n, 4)
        middle = (given[:, :2] + given[:, 2:]) / 2
        near = (points[:, None] - middle).abs().amax(2) < radius * stride[:, None]
        furthest = distances.amax(2)
        fits = (furthest > smallest[:, None]) & (furthest <= largest[:, None])
        mine = near & fits & (distances.amin(2) > 0)                                         # (A, n)
        area, which = torch.where(mine, box_area(given), math.inf).min(1)
        found = area < math.inf
        target[found, 0] = label[which[found]].float()
        target[found, 1:] = distances[found, which[found]] / stride[found, None]
    return targets


@torch.no_grad()
@checked
def detect(net, x, score_threshold: Share = 0.05, iou_threshold: Share = 0.5, max_detections: Positive = 100):
    """The objects an `FCOS` sees in each image: a list of (boxes (n, 4), scores (n,), labels (n,)), the best first.

    score = √(p(class) · centreness); below score_threshold nothing is reported, `nms` thins out each class by itself,
    boxes are cut at the border of the image, and at most max_detections are returned.  x: (N, in_channels, H, W).
    The network is in eval mode meanwhile; then each layer is again in the mode in which it was.
    Raises TypeError or ValueError for another net or x and thresholds outside of [0, 1].
    """
    check_type("detect", FCOS, "an FCOS", net=net)
    check_input("detect", x, net.backbone.in_channels)
    with in_mode(net, training=False):
        logits, distances, centreness = net(x)
    points, stride = grid_points(x.shape[2:], net.strides, logits.device)
    scores = (logits.sigmoid() * centreness.sigmoid()).sqrt()                                # (N, A, K)
    boxes = distances_to_boxes(points, distances * stride[:, None])                          # (N, A, 4)
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
