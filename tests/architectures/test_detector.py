"""The detector beside torchvision's FCOS: network, targets, loss; and from its outputs back to boxes."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from cnnlib import data, training
from cnnlib.architectures import (
    FCOS,
    PyramidBackbone,
    detect,
    encode_boxes,
    fcos_resnet50_fpn,
    grid_points,
    load_torchvision_weights,
    small_detector,
    small_pyramid,
)
from cnnlib.blocks import ConvNormAct
from cnnlib.boxes import nms
from cnnlib.losses import detection_loss
from cnnlib.metrics import detection_average_precision
from cnnlib.testing import assert_close
from cnnlib.torchvision_compat import import_torchvision
from tests.architectures.same import assert_same_in_numpy, count_parameters, unsettle
from tests.random_boxes import random_boxes

torchvision = import_torchvision()


def tiny(regression_range=2, in_channels=1):
    backbone = PyramidBackbone(ConvNormAct(in_channels, 4, stride=2),
                               [ConvNormAct(4, 5, stride=2), ConvNormAct(5, 6, stride=2)], (5, 6), 8, in_channels)
    return FCOS(backbone, 3, (4, 8), regression_range=regression_range, convs=1, groups=2)


one = torch.tensor([[0.0, 0, 1, 1]])

BAD = [
    (FCOS, (nn.Identity(), 3, (4,)), {}, "FCOS: backbone must be a PyramidBackbone, got Identity"),
    (FCOS, (tiny().backbone, 3, (4, 8)), {"groups": 3}, "FCOS: channels must divide by groups"),
    (FCOS, (tiny().backbone, 3, (4,)), {"groups": 2}, r"strides must be one number for each of 2 maps, got \(4,\)"),
    (FCOS, (tiny().backbone, 3, (4, 8)), {"groups": 2, "regression_range": 0},
     "FCOS: regression_range must be a number above 0, got 0"),
    (FCOS, (tiny().backbone, 3, (4, 8)), {"groups": 2, "regression_range": "8"},
     "FCOS: regression_range must be a number above 0, got '8'"),
    (FCOS, (tiny().backbone, 3, 8), {"groups": 2}, "FCOS: strides must be a tuple or list of ints, got 8"),
    (fcos_resnet50_fpn, (0,), {}, "FCOS: num_classes must be at least 1, got 0"),
    (small_detector, (-1,), {}, "FCOS: num_classes must be at least 1, got -1"),
    (small_detector(), (torch.zeros(1, 3, 48, 64),), {}, r"input must be \(N, 1, H, W\)"),
    (grid_points, (48, (4,)), {}, r"grid_points: size must be \(H, W\), got 48"),
    (grid_points, ((0, 64), (4,)), {}, "grid_points: height must be at least 1, got 0"),
    (grid_points, ((48, 64), 8), {}, "grid_points: strides must be a tuple or list of ints, got 8"),
    (grid_points, ((48, 64), (4.0,)), {}, r"grid_points: strides\[0\] must be an int, got 4.0"),
    (encode_boxes, (nn.Identity(), (48, 64), [one], [torch.tensor([1])]), {}, "net must be an FCOS, got Identity"),
    (encode_boxes, (tiny(), (48, 64), [one], []), {}, "for as many images, got 1 and 0"),
    (encode_boxes, (tiny(), (48, 64), [one], [torch.tensor([1, 2])]), {}, r"labels must be \(1,\), one for each box"),
    (encode_boxes, (tiny(), (48, 64), [one], [torch.tensor([3])]), {}, "labels must be from 0 to 2, got 3"),
    (encode_boxes, (tiny(), (48, 64), [one], [torch.tensor([1])], None), {}, "radius must be a number above 0"),
    (detect, (tiny(), torch.zeros(1, 2, 16, 16)), {}, r"detect: input must be \(N, 1, H, W\)"),
    (detect, (tiny(), torch.zeros(1, 1, 16, 16), 2), {}, "detect: score_threshold must be from 0 to 1, got 2"),
    (detect, (tiny(), torch.zeros(1, 1, 16, 16), None), {}, "score_threshold must be a number, got None"),
    (detect, (tiny(), torch.zeros(1, 1, 16, 16), 0.5, "0.5"), {}, "iou_threshold must be a number, got '0.5'"),
    (detect, (tiny(), torch.zeros(1, 1, 16, 16)), {"max_detections": 0}, "max_detections must be at least 1, got 0"),
]


# ---- network, targets and loss, beside torchvision's -----------------------------------------------------------------

def test_fcos_resnet50_fpn_is_torchvisions():
    theirs = torchvision.models.detection.fcos_resnet50_fpn(weights=None, weights_backbone=None)
    ours = fcos_resnet50_fpn().eval()
    assert count_parameters(ours) == count_parameters(theirs) == 32_322_720
    for here, there in zip((ours.distances, ours.logits), (theirs.head.regression_head.bbox_reg,
                                                           theirs.head.classification_head.cls_logits), strict=True):
        assert here.weight.std().item() == pytest.approx(there.weight.std().item(), rel=0.05)
    assert_close(ours.logits.bias, theirs.head.classification_head.cls_logits.bias)
    unsettle(theirs).eval()
    load_torchvision_weights(ours, theirs.state_dict())
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        got = ours(x)
        want = theirs.head(list(theirs.backbone(x).values()))
    for here, name in zip(got, ("cls_logits", "bbox_regression", "bbox_ctrness"), strict=True):
        scale = want[name].abs().max()
        assert want[name].std() > 1e-3
        assert_close(here / scale, want[name] / scale)
    assert len(grid_points((64, 96), ours.strides)[0]) == got[0].shape[1]


def theirs_of(net, size, radius=1.5):
    """torchvision's FCOS with our points as the middles of its anchors."""
    points, stride = grid_points(size, net.strides)
    anchors = torch.cat([points - stride[:, None] / 2, points + stride[:, None] / 2], 1)
    counts = [int((stride == s).sum()) for s in net.strides]
    fcos = torchvision.models.detection.fcos
    model = fcos.FCOS.__new__(fcos.FCOS)
    nn.Module.__init__(model)
    model.head, model.center_sampling_radius = fcos.FCOSHead(32, 1, 3), radius
    return model, anchors, counts


@pytest.mark.parametrize("size", [(48, 64), (41, 75)])
def test_targets_and_loss_are_torchvisions(size):
    rng = np.random.default_rng(3)
    torch.manual_seed(0)
    net = tiny(regression_range=8)                                       # torchvision's, as in the paper
    boxes = [random_boxes(rng, n, size) for n in (5, 0, 1, 9)]
    labels = [torch.tensor(rng.integers(0, 3, len(b))) for b in boxes]
    targets = encode_boxes(net, size, boxes, labels)
    points = len(grid_points(size, net.strides)[0])
    outputs = [torch.randn(4, points, 3), torch.rand(4, points, 4) * 4, torch.randn(4, points, 1)]
    for out in outputs:
        out.requires_grad_()
    model, anchors, counts = theirs_of(net, size)
    want = sum(model.compute_loss([{"boxes": b, "labels": y} for b, y in zip(boxes, labels, strict=True)],
                                  dict(zip(("cls_logits", "bbox_regression", "bbox_ctrness"), outputs, strict=True)),
                                  [anchors] * 4, counts).values())
    got = detection_loss(outputs, targets)
    assert_close(got, want)
    for here, there in zip(torch.autograd.grad(got, outputs), torch.autograd.grad(want, outputs), strict=True):
        assert there.abs().max() > 1e-4
        assert_close(here, there, 1e-6)
    found = targets[..., 0] >= 0
    assert 10 < found.sum() < 0.5 * found.numel()
    coder = torchvision.models.detection._utils.BoxLinearCoder()
    back = coder.decode(targets[..., 1:], anchors.expand(4, -1, -1))
    for image, mine in enumerate(found):
        for box, label in zip(back[image, mine], targets[image, mine, 0], strict=True):
            near = (boxes[image] - box).abs().amax(1)
            assert near.min() < 1e-4 and labels[image][near.argmin()] == label


def test_maps_share_the_sizes():
    """Point by point in plain words, for another regression range than the paper's."""
    rng = np.random.default_rng(5)
    net, size = FCOS(small_pyramid(levels=3), 10, (4, 8, 16), regression_range=2, convs=1, groups=8), (70, 96)
    boxes, labels = random_boxes(rng, 12, size), torch.arange(12) % 10
    target = encode_boxes(net, size, [boxes], [labels], radius=1.2)[0]
    seen = {4: 0, 8: 0, 16: 0}
    for (x, y), stride, got in zip(*(t.tolist() for t in grid_points(size, net.strides)), target.tolist(), strict=True):
        best = None
        for (x1, y1, x2, y2), label in zip(boxes.tolist(), labels.tolist(), strict=True):
            edges = x - x1, y - y1, x2 - x, y2 - y
            near = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2)) < 1.2 * stride
            right_map = (stride == 4 or max(edges) > stride) and (stride == 16 or max(edges) <= 2 * stride)
            area = (x2 - x1) * (y2 - y1)
            if near and right_map and min(edges) > 0 and (best is None or area < best[0]):
                best = area, label, edges
        if best is None:
            assert got == [-1, 0, 0, 0, 0]
        else:
            assert got == pytest.approx([best[1], *(edge / stride for edge in best[2])], abs=1e-5)
            seen[int(stride)] += 1
    assert min(seen.values()) >= 2


def test_a_batch_without_objects_has_a_loss_and_a_gradient():
    net = tiny()
    targets = encode_boxes(net, (16, 24), [np.zeros((0, 4), np.int64)] * 2, [np.zeros(0, np.int64)] * 2)
    loss = detection_loss(net(torch.randn(2, 1, 16, 24)), targets)
    loss.backward()
    assert loss > 0 and all(torch.isfinite(p.grad).all() for p in net.parameters())


class InOneRow(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return torch.cat(self.net(x), 2)


def test_the_twin_in_numpy():
    torch.manual_seed(0)
    net = tiny(in_channels=2)
    assert_same_in_numpy(InOneRow(net), (2, 2, 13, 22))
    assert net.float()(torch.zeros(1, 2, 13, 22))[0].shape == (1, 4 * 6 + 2 * 3, 3)


# ---- from outputs to boxes -------------------------------------------------------------------------------------------

class Answers(FCOS):
    """A detector that gives the answers it is told."""

    def forward(self, x):
        return self.told


def perfect(net, size, boxes, labels, logit=6.0):
    """The answers that the targets ask for."""
    net.__class__ = Answers
    targets = encode_boxes(net, size, boxes, labels)
    found = targets[..., 0] >= 0
    one_hot = torch.nn.functional.one_hot(targets[..., 0].long() + 1, 4)[..., 1:].float()
    net.told = logit * (2 * one_hot - 1), targets[..., 1:], torch.where(found, 3.0, -3.0)[..., None]
    return net


def test_detect_undoes_encode():
    size = (48, 64)
    boxes = [np.array([[3, 5, 15, 22], [30, 8, 44, 30], [50, 30, 64, 48]]), np.array([[10, 10, 21, 23]])]
    labels = [np.array([2, 0, 2]), np.array([1])]
    found = detect(perfect(tiny(), size, boxes, labels), torch.zeros(2, 1, *size))
    for (got, scores, classes), want, label in zip(found, boxes, labels, strict=True):
        assert (scores[:-1] >= scores[1:]).all()
        order = [int((got - torch.as_tensor(box)).abs().sum(1).argmin()) for box in want]
        assert sorted(order) == list(range(len(want))) == list(range(len(got)))
        assert_close(got[order], np.float32(want), 1e-4)
        assert classes[order].tolist() == label.tolist()
        assert scores[0].item() == pytest.approx(math.sqrt(1 / (1 + math.exp(-6)) / (1 + math.exp(-3))), rel=1e-5)
    assert detection_average_precision(found, boxes, labels) == 1
    assert len(detect(perfect(tiny(), size, boxes, labels), torch.zeros(2, 1, *size), max_detections=1)[0][0]) == 1
    assert len(detect(perfect(tiny(), size, boxes, labels), torch.zeros(2, 1, *size), score_threshold=0.99)[0][0]) == 0


def test_detect_cuts_at_the_border_and_keeps_classes_apart():
    net, size = tiny(), (16, 24)
    perfect(net, size, [np.zeros((0, 4))], [np.zeros(0, np.int64)])
    logits, distances, centreness = net.told
    logits[0, 9], distances[0, 9], centreness[0, 9] = torch.tensor([2.0, 5, -9]), torch.tensor([9.0, 1, 9, 0.5]), 5.0
    boxes, scores, labels = detect(net, torch.zeros(1, 1, *size))[0]
    assert boxes.tolist() == [[0, 2, 24, 8], [0, 2, 24, 8]] and labels.tolist() == [1, 0]      # the best first
    assert scores[0] > scores[1]
    assert detect(net, torch.zeros(1, 1, *size), max_detections=1)[0][2].tolist() == [1]


def test_detect_leaves_each_layer_in_its_mode():
    net, seen = tiny(), []
    net.backbone.stem.eval()                                             # frozen, the rest trains
    before = [module.training for module in net.modules()]
    assert True in before and False in before

    def look(module, inputs):
        seen.append([m.training for m in net.modules()])
        if len(seen) == 2:
            raise ArithmeticError

    net.register_forward_pre_hook(look)
    detect(net, torch.zeros(1, 1, 16, 24))
    assert [module.training for module in net.modules()] == before
    with pytest.raises(ArithmeticError):
        detect(net, torch.zeros(1, 1, 16, 24))
    assert [module.training for module in net.modules()] == before
    assert len(seen) == 2 and not any(map(any, seen))


class There(torch.Tensor):
    """A tensor of another device, as far as `OtherDevice` knows."""


class OtherDevice(TorchFunctionMode):
    """Plays a device "there" on the CPU: its tensors do not meet those of the CPU, but for single numbers."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        there = [t for t in tensors if isinstance(t, There)]
        if func == torch.Tensor.device.__get__:
            return "there" if there else torch.device("cpu")
        if func is torch.Tensor.cpu:
            return args[0].as_subclass(torch.Tensor)
        wanted = kwargs.get("device") or ("there" if func is torch.Tensor.to and "there" in args[1:] else None)
        moves = func in (torch.as_tensor, torch.tensor, torch.Tensor.to) and wanted
        if there and not moves and any(t.ndim and not isinstance(t, There) for t in tensors):
            raise RuntimeError(f"{func.__name__}: tensors of two devices")
        kwargs = {name: value for name, value in kwargs.items() if name != "device"}
        plain = [arg for arg in args if not (isinstance(arg, str) and arg == "there")]
        with torch._C.DisableTorchFunctionSubclass():
            out = func(*plain, **kwargs)
        home = wanted == "there" or (there and wanted is None)
        return tree_map(lambda t: t.as_subclass(There if home else torch.Tensor) if isinstance(t, torch.Tensor) else t,
                        out)


def test_detection_works_on_another_device():
    """Whatever is made on the way is made where the boxes or the outputs are."""
    rng = np.random.default_rng(6)
    size, boxes = (48, 64), [random_boxes(rng, 3), random_boxes(rng, 0), random_boxes(rng, 2)]
    labels = [torch.tensor(rng.integers(0, 3, len(b))) for b in boxes]
    net = perfect(tiny(), size, boxes, labels)
    want, targets = detect(net, torch.zeros(3, 1, *size)), encode_boxes(net, size, boxes, labels)
    loss = detection_loss(net.told, targets)
    with OtherDevice():
        boxes_there = [b.as_subclass(There) for b in boxes]
        with pytest.raises(RuntimeError, match="two devices"):
            boxes_there[0] + boxes[0]
        kept = nms(boxes_there[0], torch.ones(3).as_subclass(There))
        targets_there = encode_boxes(net, size, boxes_there, labels)
        net.told = tuple(out.as_subclass(There) for out in net.told)
        found = detect(net, torch.zeros(3, 1, *size).as_subclass(There))
        loss_there = detection_loss(net.told, targets_there)
        precision = detection_average_precision(found, boxes, labels)
    assert all(isinstance(t, There) for t in (kept, targets_there, loss_there, *found[0], *found[1], *found[2]))
    assert torch.equal(targets_there.as_subclass(torch.Tensor), targets) and loss_there.item() == loss.item()
    for here, there in zip(want, found, strict=True):
        for a, b in zip(here, there, strict=True):
            assert torch.equal(a, b.as_subclass(torch.Tensor))
    assert precision == detection_average_precision(want, boxes, labels) > 0.5
    points, stride = grid_points(size, net.strides, "meta")
    assert points.device.type == stride.device.type == "meta"


def test_small_detector_learns():
    torch.manual_seed(0)
    net, size = small_detector(), (32, 40)
    x, _, boxes, labels = data.scenes(8, size, (1, 1), seed=0, gray=True)
    targets = encode_boxes(net, size, boxes, [0 * label for label in labels])
    history = training.fit(net, x, targets, epochs=40, lr=5e-3, batch_size=8, loss=detection_loss)
    assert history.loss.iloc[-1] < 0.6 * history.loss.iloc[0]
    with torch.no_grad():
        outputs = net(torch.as_tensor(x))                                # as in training: the norms lag behind
    assert outputs[0].shape == (8, 4 * 5 + 2 * 3, 1)
    sure, objects = outputs[0].sigmoid()[..., 0], targets[..., 0] >= 0
    assert sure[objects].mean() > 3 * sure[~objects].mean()
    assert small_detector(10)(torch.zeros(1, 1, 48, 64))[0].shape == (1, 6 * 8 + 3 * 4, 10)
