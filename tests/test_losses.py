"""Losses: equal to torchvision's and PyTorch's where those have them, else to loops over the formula; and gradients."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.losses import (
    detection_loss,
    dice_loss,
    distillation_loss,
    feature_maps,
    focal_loss,
    gram_matrix,
    iou_loss,
    label_smoothing_cross_entropy,
    perceptual_loss,
    style_loss,
    tversky_loss,
)
from cnnlib.testing import assert_close
from cnnlib.torchvision_compat import import_torchvision

torchvision = import_torchvision()
REDUCTIONS = ["none", "mean", "sum"]
REGION = [dice_loss, iou_loss, tversky_loss]
x35, t35 = torch.zeros(3, 5), torch.zeros(3, dtype=torch.long)
picture, conv = torch.zeros(1, 3, 8, 8), nn.Sequential(nn.Conv2d(3, 4, 3))
fcos = torch.zeros(1, 20, 3), torch.zeros(1, 20, 4), torch.zeros(1, 20, 1)               # logits, distances, centreness

BAD = [
    (focal_loss, (x35, torch.tensor([0, 5, 0])), {}, "focal_loss: target must hold classes from 0 to 4, got numbers"),
    (focal_loss, (x35, t35[:2]), {}, r"target must have the shape of input \(3, 5\), or .* \(3,\), got \(2,\)"),
    (focal_loss, (x35, t35.float()), {}, "focal_loss: classes must be integers, got torch.float32"),
    (focal_loss, (x35, x35 + 2), {}, "a binary target must be from 0 to 1, got numbers from 2.0"),
    (focal_loss, (x35, x35 * math.nan), {}, "a binary target must be from 0 to 1"),
    (focal_loss, (x35, t35), {"gamma": -1}, "gamma must be at least 0, got -1"),
    (focal_loss, (x35, x35), {"alpha": 1.5}, "alpha of a binary target must be a number from 0 to 1, got 1.5"),
    (focal_loss, (x35, x35), {"alpha": [0.5, 0.5]}, "alpha of a binary target must be a number"),
    (focal_loss, (x35, t35), {"alpha": 0.25}, r"alpha must hold one number for each of 5 classes, got shape \(\)"),
    (focal_loss, (x35, t35), {"reduction": "batchmean"}, "reduction must be one of none, mean, sum; got 'batchmean'"),
    (focal_loss, (np.zeros(3), t35), {}, "focal_loss: input must be a tensor of floats, got ndarray"),
    (focal_loss, (t35, t35), {}, "input must be a tensor of floats, got torch.int64"),
    (focal_loss, (x35, [0, 0, 0]), {}, "focal_loss: target must be a tensor, got list"),
    (label_smoothing_cross_entropy, (x35, x35), {}, "must hold classes, one axis fewer than input"),
    (label_smoothing_cross_entropy, (x35, t35, 1.5), {}, "smoothing must be from 0 to 1, got 1.5"),
    (label_smoothing_cross_entropy, (x35, t35, 0.1, "all"), {}, "reduction must be one of"),
    (dice_loss, (torch.zeros(2, 1, 4, 3), torch.zeros(2, 4, 3, dtype=torch.long)), {},
     r"dice_loss: input has 1 channels.*a binary target must have the shape of input, \(2, 1, 4, 3\)"),
    (dice_loss, (x35, x35), {"smooth": -1}, "dice_loss: smooth must be at least 0, got -1"),
    (dice_loss, (x35[:, :0], x35[:, :0]), {}, r"at least one pixel, got shape \(3, 0\)"),
    (dice_loss, (x35, x35[:2]), {}, r"dice_loss: target must have the shape of input \(3, 5\)"),
    (iou_loss, (x35, x35 - 1), {}, "iou_loss: a binary target must be from 0 to 1"),
    (tversky_loss, (x35, x35), {"alpha": -1}, "alpha and beta must be at least 0, got -1 and 0.5"),
    (distillation_loss, (x35, x35[:2]), {}, r"must both be \(N, C\), got \(3, 5\) and \(2, 5\)"),
    (distillation_loss, (x35, None), {}, "teacher_logits must be a tensor of floats, got NoneType"),
    (distillation_loss, (x35, x35, 0), {}, "temperature must be above 0, got 0"),
    (distillation_loss, (x35, x35, 2, t35 + 5), {}, "target must hold classes from 0 to 4 or −100"),
    (distillation_loss, (x35, x35, 2, t35[:2]), {}, r"target must be a tensor \(N,\) of classes or −100"),
    (distillation_loss, (x35, x35, 2, t35, 2), {}, "soft_weight must be from 0 to 1, got 2"),
    (focal_loss, (x35, t35), {"gamma": None}, "focal_loss: gamma must be a number, got None"),
    (focal_loss, (x35, x35), {"alpha": "balanced"}, "alpha of a binary target must be a number .* got balanced"),
    (focal_loss, (x35, t35), {"alpha": "balanced"}, "alpha must be numbers, one for each class, got 'balanced'"),
    (label_smoothing_cross_entropy, (x35, t35, "mean"), {}, "smoothing must be a number, got 'mean'"),
    (dice_loss, (x35, x35), {"smooth": None}, "dice_loss: smooth must be a number, got None"),
    (tversky_loss, (x35, x35), {"beta": "high"}, "tversky_loss: beta must be a number, got 'high'"),
    (distillation_loss, (x35, x35, t35), {}, r"temperature must be a number, got tensor\(\[0, 0, 0\]\)"),
    (distillation_loss, (x35, x35, 2, t35, None), {}, "soft_weight must be a number, got None"),
    (feature_maps, (torch.relu, picture, ["0"]), {}, "net must be an nn.Module, got builtin"),
    (feature_maps, (conv, picture, None), {}, "layers must be a name or a list of names, got None"),
    (feature_maps, (conv, picture, [["0"]]), {}, r"layers must be among 0; got \['0'\]"),
    (perceptual_loss, (None, picture, picture, ["0"]), {}, "net must be an nn.Module, got NoneType"),
    (style_loss, (None, picture, picture, ["0"]), {}, "net must be an nn.Module, got NoneType"),
    (gram_matrix, (x35,), {}, r"features must be \(N, C, H, W\), none of them 0, got \(3, 5\)"),
    (feature_maps, (conv, picture, ["conv"]), {}, "layers must be among 0; got 'conv'"),
    (feature_maps, (conv, picture, []), {}, "must name at least one layer"),
    (perceptual_loss, (conv, picture, picture[..., 1:], ["0"]), {}, r"one shape, got .*8, 8\) and \(1, 3, 8, 7\)"),
    (perceptual_loss, (conv, np.zeros((1, 3, 8, 8)), picture, ["0"]), {}, "input must be a tensor of floats"),
    (style_loss, (conv, picture, picture[0], ["0"]), {}, r"style_loss: input must be \(N, C, H, W\) and target too"),
    (style_loss, (conv, picture, picture.repeat(2, 1, 1, 1), ["0"]), {}, r"got \(1, 3, 8, 8\) and \(2, 3, 8, 8\)"),
    (detection_loss, (fcos, torch.zeros(1, 7, 5)), {}, r"targets must be \(1, 20, 5\)"),
    (detection_loss, (torch.zeros(1, 20, 3), torch.zeros(1, 20, 5)), {}, r"outputs must be \(logits, .* got Tensor"),
    (detection_loss, (fcos, None), {}, r"targets must be a tensor \(N, A, 5\), got None"),
]


def make(seed=0, classes=None, shape=(4, 5, 3), dtype=torch.float64):
    """Logits and a target, not square: input (4, 5, 3), or (4, C, 5, 3) with classes (4, 5, 3)."""
    generator = torch.Generator().manual_seed(seed)
    n, *size = shape
    if classes is None:
        return (3 * torch.randn(shape, generator=generator, dtype=dtype),
                (torch.rand(shape, generator=generator) < 0.4).to(dtype))
    return (3 * torch.randn(n, classes, *size, generator=generator, dtype=dtype),
            torch.randint(classes, shape, generator=generator))


# ---- focal -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("alpha", [None, 0.25, 0.0, 1.0])
@pytest.mark.parametrize("gamma", [0, 0.5, 2, 5])
@pytest.mark.parametrize("soft", [False, True])
def test_binary_focal_loss_is_torchvisions(reduction, alpha, gamma, soft):
    x, t = make()
    t = torch.rand(t.shape, dtype=t.dtype, generator=torch.Generator().manual_seed(1)) if soft else t
    both = [x.clone().requires_grad_() for _ in range(2)]
    ours = focal_loss(both[0], t, alpha=alpha, gamma=gamma, reduction=reduction)
    theirs = torchvision.ops.sigmoid_focal_loss(both[1], t, -1 if alpha is None else alpha, gamma, reduction)
    assert_close(ours, theirs)
    for value in (ours, theirs):
        value.sum().backward()
    assert_close(both[0].grad, both[1].grad)


@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_focal_loss_of_classes_is_its_formula(gamma):
    x, t = make(classes=4)
    alpha = torch.tensor([0.1, 1.0, 2.0, 0.5], dtype=x.dtype)
    p = torch.softmax(x, 1)
    want = torch.zeros(t.shape, dtype=x.dtype)
    for n, i, j in np.ndindex(*t.shape):
        c = t[n, i, j]
        want[n, i, j] = -alpha[c] * (1 - p[n, c, i, j]) ** gamma * torch.log(p[n, c, i, j])
    assert_close(focal_loss(x, t, alpha=alpha, gamma=gamma, reduction="none"), want)
    assert_close(focal_loss(x, t, alpha=alpha.tolist(), gamma=gamma), want.mean())
    assert_close(focal_loss(x, t.int(), alpha=alpha, gamma=gamma, reduction="sum"), want.sum())


def test_focal_loss_with_gamma_0_is_cross_entropy():
    x, t = make(classes=4)
    assert_close(focal_loss(x, t, gamma=0), F.cross_entropy(x, t))
    x, t = make()
    assert_close(focal_loss(x, t, gamma=0), F.binary_cross_entropy_with_logits(x, t))
    assert_close(focal_loss(x, t.bool(), gamma=0), focal_loss(x, t.long(), gamma=0))


def test_two_classes_are_one_binary_task():
    """softmax of (0, x) is sigmoid(x)."""
    x, t = make()
    pair = torch.stack([torch.zeros_like(x), x], 1)                      # (N, 2, H, W)
    assert_close(focal_loss(pair, t.long(), alpha=[0.7, 0.3]), focal_loss(x, t, alpha=0.3))
    for loss in REGION:
        assert_close(loss(pair, t.long(), reduction="none")[:, 1], loss(x, t, reduction="none"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_focal_loss_of_extreme_logits_is_finite(dtype, gamma):
    x = torch.tensor([-1e4, -100, -20, 0, 20, 100, 1e4], dtype=dtype, requires_grad=True)
    for target in (torch.zeros(7), torch.ones(7)):
        loss = focal_loss(x, target, gamma=gamma, reduction="none")
        grad, = torch.autograd.grad(loss.sum(), x)
        assert loss.isfinite().all() and grad.isfinite().all()
        right = x.detach() * (2 * target - 1)
        assert (loss[right <= -20] > 19).all() and (loss[right >= 20] < 1e-3).all()
    pair = torch.stack([x, -x], 1)
    loss = focal_loss(pair, torch.ones(7, dtype=torch.long), gamma=gamma, reduction="none")
    grad, = torch.autograd.grad(loss.sum(), x)
    assert loss.isfinite().all() and grad.isfinite().all()


# ---- label smoothing -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("classes", [1, 2, 5])
def test_label_smoothing_is_torchs(reduction, smoothing, classes):
    x, t = make(classes=classes)
    assert_close(label_smoothing_cross_entropy(x, t, smoothing, reduction),
                 F.cross_entropy(x, t, label_smoothing=smoothing, reduction=reduction))


# ---- regions ---------------------------------------------------------------------------------------------------------

def by_hand(loss, p, t, smooth, alpha=0.5, beta=0.5):
    """One region, counted pixel by pixel."""
    tp = fp = fn = 0.0
    for a, b in zip(p.flatten().tolist(), t.flatten().tolist(), strict=True):
        tp, fp, fn = tp + a * b, fp + a * (1 - b), fn + (1 - a) * b
    if loss is dice_loss:
        return 1 - (2 * tp + smooth) / (2 * tp + fp + fn + smooth)
    if loss is iou_loss:
        return 1 - (tp + smooth) / (tp + fp + fn + smooth)
    return 1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)


@pytest.mark.parametrize("smooth", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("loss", "options"), [(dice_loss, {}), (iou_loss, {}), (tversky_loss, {}),
                                               (tversky_loss, {"alpha": 0.3, "beta": 0.7})])
def test_region_losses_are_their_formulas(loss, options, smooth):
    x, t = make()
    want = [by_hand(loss, p, mask, smooth, **options) for p, mask in zip(torch.sigmoid(x), t, strict=True)]
    assert_close(loss(x, t, smooth=smooth, reduction="none", **options), torch.tensor(want, dtype=x.dtype))
    assert_close(loss(x[:, None], t[:, None], smooth=smooth, **options), np.mean(want))      # (N, 1, H, W)
    assert_close(loss(x, t.bool(), smooth=smooth, reduction="sum", **options), np.sum(want))
    x, t = make(classes=4)
    p = torch.softmax(x, 1)
    want = torch.tensor([[by_hand(loss, p[n, c], (t[n] == c).double(), smooth, **options) for c in range(4)]
                         for n in range(len(x))], dtype=x.dtype)
    assert_close(loss(x, t, smooth=smooth, reduction="none", **options), want)
    assert_close(loss(x, t.to(torch.uint8), smooth=smooth, **options), want.mean())


@pytest.mark.parametrize("classes", [None, 3])
@pytest.mark.parametrize("smooth", [0.0, 0.6])
def test_tversky_is_dice_and_jaccard(classes, smooth):
    x, t = make(classes=classes)
    one = {"reduction": "none"}
    assert_close(tversky_loss(x, t, smooth=smooth, **one), dice_loss(x, t, smooth=2 * smooth, **one))
    assert_close(tversky_loss(x, t, alpha=1, beta=1, smooth=smooth, **one), iou_loss(x, t, smooth=smooth, **one))
    if smooth == 0:
        d = 1 - dice_loss(x, t, smooth=0, **one)
        assert_close(iou_loss(x, t, smooth=0, **one), 1 - d / (2 - d))


def test_tversky_prices_what_is_missed_by_beta():
    mask = torch.tensor([[1.0, 1, 0, 0, 0]])
    missed, too_much = torch.tensor([[20.0, -20, -20, -20, -20]]), torch.tensor([[20.0, 20, 20, -20, -20]])
    for alpha, beta in [(0.3, 0.7), (0.7, 0.3)]:
        a, b = (tversky_loss(x, mask, alpha=alpha, beta=beta, smooth=0).item() for x in (missed, too_much))
        assert a == pytest.approx(beta / (1 + beta)) and b == pytest.approx(alpha / (2 + alpha))


@pytest.mark.parametrize("loss", REGION)
def test_empty_full_and_missing(loss):
    """What the docstring says of masks that are empty or full, and of classes that an image lacks."""
    none, all_, empty, full = (torch.full((1, 4, 3), value) for value in (-1e4, 1e4, 0.0, 1.0))
    for smooth in (0.0, 1.0):
        assert loss(none, empty, smooth=smooth) == 0                     # 0/0 counts as 1
        assert loss(all_, full, smooth=smooth) == 0
    share = {dice_loss: 1, iou_loss: 1, tversky_loss: 0.5}[loss]         # of Σ p, which is 12, in the denominator
    assert_close(loss(all_, empty, smooth=0.1), 1 - 0.1 / (12 * share + 0.1))
    assert loss(none, full, smooth=0) == 1
    x = torch.randn(1, 4, 3, requires_grad=True)
    value = loss(x, empty, smooth=0)
    grad, = torch.autograd.grad(value, x)
    assert value == 1 and not grad.any()
    grad, = torch.autograd.grad(loss(x, empty), x)
    assert (grad > 0).all()                                              # with smooth there is a way out
    only = torch.zeros(1, 4, 3, dtype=torch.long)                        # one class alone, of three
    logits = torch.zeros(1, 3, 4, 3)
    logits[:, 0] = 50.0
    assert_close(loss(logits, only, smooth=1e-3, reduction="none"), torch.zeros(1, 3), 1e-6)
    missing = loss(torch.zeros(1, 3, 4, 3), only, smooth=1e-3, reduction="none")[0, 1]       # p = 1/3 on 12 pixels
    assert_close(missing, 1 - 1e-3 / (4 * share + 1e-3), 1e-6)


@pytest.mark.parametrize("loss", REGION)
def test_no_gradient_is_nan_where_nothing_is_to_be_found(loss):
    x = torch.full((2, 4, 3), -1e4, requires_grad=True)
    grad, = torch.autograd.grad(loss(x, torch.zeros(2, 4, 3), smooth=0), x)
    assert not grad.any() and grad.isfinite().all()


@pytest.mark.parametrize("loss", [focal_loss, *REGION])
def test_the_target_gets_no_gradient(loss):
    x, t = make()
    t.requires_grad_()
    loss(x.requires_grad_(), t).backward()
    assert t.grad is None and x.grad.abs().sum() > 0


# ---- a teacher -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("temperature", [0.5, 1, 4])
def test_distillation_is_kl_of_torch_teacher_first(temperature):
    generator = torch.Generator().manual_seed(0)
    student, teacher = (3 * torch.randn(7, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    want = temperature**2 * F.kl_div(F.log_softmax(student / temperature, 1), F.softmax(teacher / temperature, 1),
                                     reduction="batchmean")
    assert_close(distillation_loss(student, teacher, temperature), want)
    assert not np.isclose(distillation_loss(teacher, student, temperature), want)
    assert abs(distillation_loss(student, student, temperature)) < 1e-14


def test_distillation_mixes_in_the_labels_there_are():
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(7, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    target = torch.tensor([0, 4, -100, 2, -100, -100, 1])
    soft, hard = distillation_loss(student, teacher, 3), F.cross_entropy(student, target)    # ignore_index is −100
    assert_close(distillation_loss(student, teacher, 3, target, 0.3), 0.3 * soft + 0.7 * hard)
    none = torch.full((7,), -100)
    assert_close(distillation_loss(student, teacher, 3, none, 0.3), 0.3 * soft)
    assert_close(distillation_loss(student, teacher, 3, target.abs() % 5, 0),
                 F.cross_entropy(student, target.abs() % 5))


def test_the_teacher_gets_no_gradient():
    student, teacher = (torch.randn(3, 5, requires_grad=True) for _ in range(2))
    distillation_loss(student, teacher, 2, torch.tensor([0, 1, 2])).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0


def test_the_gradient_keeps_its_size_at_high_temperature():
    """For large τ it tends to (z − v)/C, both without their means (Hinton et al. 2015, section 2.1)."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(1, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    student.requires_grad_()
    grad, = torch.autograd.grad(distillation_loss(student, teacher, 1e4), student)
    centred = [x.detach() - x.detach().mean() for x in (student, teacher)]
    assert_close(grad, (centred[0] - centred[1]) / 5, 1e-3)


# ---- gradients -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("classes", [None, 3])
@pytest.mark.parametrize(("loss", "options"), [
    (focal_loss, {}), (focal_loss, {"gamma": 0.5}), (focal_loss, {"gamma": 1, "reduction": "none"}), (dice_loss, {}),
    (dice_loss, {"smooth": 0}), (iou_loss, {"reduction": "none"}), (tversky_loss, {"alpha": 0.2, "beta": 0.9})])
def test_gradcheck(loss, options, classes):
    x, t = make(classes=classes, shape=(2, 4, 3))
    assert torch.autograd.gradcheck(lambda x: loss(x, t, **options), x.requires_grad_())


def test_gradcheck_of_the_others():
    x, t = make(classes=4, shape=(3,))
    teacher = torch.randn(3, 4, dtype=torch.float64)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: label_smoothing_cross_entropy(x, t, 0.2), x)
    assert torch.autograd.gradcheck(lambda x: distillation_loss(x, teacher, 2.5, t, 0.6), x)
    features = torch.randn(2, 3, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gram_matrix, features)
    net, target = make_net().double(), torch.randn(2, 3, 6, 5, dtype=torch.float64)
    picture = torch.randn(2, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    for loss in (perceptual_loss, style_loss):
        assert torch.autograd.gradcheck(lambda x, loss=loss: loss(net, x, target, ["0", "2"]), picture)


# ---- pictures --------------------------------------------------------------------------------------------------------

def make_net():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 6, 2), nn.ReLU(inplace=True))
    return net.requires_grad_(False)


def test_gram_matrix_is_its_formula():
    f = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    want = torch.zeros(2, 3, 3, dtype=torch.float64)
    for n, c, d, h, w in np.ndindex(2, 3, 3, 4, 5):
        want[n, c, d] += f[n, c, h, w] * f[n, d, h, w] / (3 * 4 * 5)
    assert_close(gram_matrix(f), want)
    assert_close(gram_matrix(f.flip(2).roll(1, 3)), want)                # where things are does not matter


def test_feature_maps_are_what_the_layers_gave_although_the_next_works_in_place():
    net, x = make_net(), torch.randn(2, 3, 7, 6, generator=torch.Generator().manual_seed(0))
    maps = feature_maps(net, x, ["2", "0"])
    assert list(maps) == ["2", "0"]
    first = net[0](x)
    assert (first < 0).any()
    assert torch.equal(maps["0"], first) and torch.equal(maps["2"], net[2](first.relu()))
    assert torch.equal(feature_maps(net, x, "1")["1"], first.relu())
    assert not any(module._forward_hooks for module in net.modules())
    with pytest.raises(RuntimeError):
        feature_maps(net, x[:, :2], ["0", "2"])
    assert not any(module._forward_hooks for module in net.modules())


def test_feature_maps_refuses_a_layer_that_was_not_called():
    net = make_net()
    net.spare = nn.Identity()
    net.forward = lambda x: net[0](x)
    with pytest.raises(ValueError, match="no tensor came out of spare"):
        feature_maps(net, torch.zeros(1, 3, 5, 5), ["0", "spare"])


def test_feature_maps_equal_torchvisions_extractor():
    from torchvision.models.feature_extraction import create_feature_extractor

    torch.manual_seed(0)
    net = torchvision.models.squeezenet1_1(weights=None).eval().requires_grad_(False)        # its ReLUs are in place
    x, layers = torch.randn(1, 3, 64, 96), ["features.0", "features.3.squeeze", "features.3"]
    got = feature_maps(net, x, layers)
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False                                       # the extractor keeps no copies
    want = create_feature_extractor(net, layers)(x)
    for layer in layers:
        assert_close(got[layer], want[layer])


def test_perceptual_and_style_losses_are_their_formulas():
    net = make_net().double()
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(2, 3, 7, 6, dtype=torch.float64, generator=generator) for _ in range(2))
    content = style = 0
    for depth in (1, 3):
        a, b = net[:depth](x.clone()), net[:depth](y.clone())
        content += sum(float(d) ** 2 for d in (a - b).flatten()) / a.numel()
        difference = torch.einsum("nchw,ndhw->ncd", a, a) - torch.einsum("nchw,ndhw->ncd", b, b)
        gatys = difference.square().sum((1, 2)) / (4 * a.shape[1] ** 2 * (a.shape[2] * a.shape[3]) ** 2)
        style += 4 * gatys.mean()
    assert_close(perceptual_loss(net, x, y, ["0", "2"]), content)
    assert_close(style_loss(net, x, y, ["0", "2"]), style)
    assert perceptual_loss(net, x, x, "2") == style_loss(net, x, x, "2") == 0


def test_style_may_come_from_one_picture_of_another_size():
    net = make_net()
    x, y = torch.randn(3, 3, 7, 6), torch.randn(1, 3, 12, 9)
    each = [style_loss(net, picture[None], y, ["2"]) for picture in x]
    assert_close(style_loss(net, x, y, ["2"]), torch.stack(each).mean())


def test_pictures_that_are_given_get_no_gradient():
    net = make_net()
    for loss in (perceptual_loss, style_loss):
        x, y = (torch.randn(1, 3, 7, 6, requires_grad=True) for _ in range(2))
        loss(net, x, y, ["2"]).backward()
        assert y.grad is None and x.grad.abs().sum() > 0
