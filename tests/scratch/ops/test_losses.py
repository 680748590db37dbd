"""Focal, Dice, IoU, Tversky and distillation loss in NumPy give the numbers and gradients of cnnlib.losses."""

import numpy as np
import pytest
import torch

from cnnlib import losses
from cnnlib.scratch import Tensor, apply
from cnnlib.scratch.ops import losses as region_loss
from cnnlib.testing import assert_close
from tests.parity import assert_equals_torch

REDUCTIONS = ["none", "mean", "sum"]
x35, t35 = np.zeros((3, 5)), np.zeros(3, int)

BAD = [
    (region_loss.focal_loss, (x35, t35 + 5), {}, "focal_loss: target must hold classes from 0 to 4, got numbers"),
    (region_loss.focal_loss, (x35, x35), {"gamma": -1}, "gamma must be at least 0, got -1"),
    (region_loss.focal_loss, (x35, x35), {"alpha": 2}, "alpha of a binary target must be a number from 0 to 1, got 2"),
    (region_loss.focal_loss, (x35, t35), {"alpha": [1, 2]}, r"each of 5 classes, got shape \(2,\)"),
    (region_loss.focal_loss, (x35, t35.astype(float)), {}, "classes must be integers, got float64"),
    (region_loss.focal_loss, (x35, [0, 0, 0]), {}, "focal_loss: target must be a NumPy array, got list"),
    (region_loss.focal_loss, (x35, t35), {"reduction": "all"}, "reduction must be one of none, mean, sum"),
    (region_loss.dice_loss, (x35, x35[:2]), {}, r"target must have the shape of input \(3, 5\).*got \(2, 5\)"),
    (region_loss.dice_loss, (x35[:, None], np.zeros((3, 5), int)), {}, r"binary target must .* \(3, 1, 5\)"),
    (region_loss.dice_loss, (x35, x35), {"smooth": -1}, "smooth must be at least 0, got -1"),
    (region_loss.dice_loss, (x35[:0], x35[:0]), {}, r"at least one pixel, got shape \(0, 5\)"),
    (region_loss.focal_loss, (x35, x35), {"gamma": "two"}, "focal_loss: gamma must be a number, got 'two'"),
    (region_loss.focal_loss, (x35, x35), {"alpha": "a"}, "alpha of a binary target must be a number"),
    (region_loss.focal_loss, (x35, t35), {"alpha": "a"}, "alpha must be numbers, one for each class, got 'a'"),
    (region_loss.dice_loss, (x35, x35), {"smooth": None}, "dice_loss: smooth must be a number, got None"),
    (region_loss.dice_loss_backward, (1, x35, x35), {"smooth": "a"}, "dice_loss_backward: smooth must be a number"),
    (region_loss.tversky_loss, (x35, x35), {"alpha": None}, "tversky_loss: alpha must be a number, got None"),
    (region_loss.distillation_loss, (x35, x35, t35), {}, r"temperature must be a number, got array\(\[0, 0, 0\]\)"),
    (region_loss.distillation_loss, (x35, x35, 2, t35, "all"), {}, "soft_weight must be a number, got 'all'"),
    (region_loss.iou_loss, (x35, x35 + 2), {}, "a binary target must be from 0 to 1, got numbers from 2.0"),
    (region_loss.iou_loss, (x35.astype(int), x35), {}, "iou_loss: input must be float32 or float64, got int64"),
    (region_loss.tversky_loss, (x35, x35), {"beta": -1}, "alpha and beta must be at least 0, got 0.5 and -1"),
    (region_loss.distillation_loss, (x35, x35[:2]), {}, r"must both be \(N, C\), got \(3, 5\) and \(2, 5\)"),
    (region_loss.distillation_loss, (x35, None), {}, "got None"),
    (region_loss.distillation_loss, (x35, x35, 0), {}, "temperature must be above 0, got 0"),
    (region_loss.distillation_loss, (x35, x35, 2, t35, -1), {}, "soft_weight must be from 0 to 1, got -1"),
    (region_loss.distillation_loss, (x35, x35, 2, t35 + 5), {}, "target must hold classes from 0 to 4"),
]

OPTIONS = {
    "focal_loss": [{}, {"gamma": 0.5}, {"gamma": 0}, {"gamma": np.float64(1)}],
    "dice_loss": [{}, {"smooth": 0}, {"smooth": np.float64(0.3)}],
    "iou_loss": [{}, {"smooth": 0}, {"smooth": np.float64(0.3)}],
    "tversky_loss": [{}, {"alpha": 0.2, "beta": np.float64(0.9)}, {"alpha": 0, "beta": 1, "smooth": 0}],
}
CASES = [(name, options) for name, several in OPTIONS.items() for options in several]


def make(classes, dtype, shape=(3, 4, 5), soft=False):
    rng = np.random.default_rng(0)
    n, *size = shape
    if classes is None:
        t = rng.random(shape) if soft else rng.random(shape) < 0.4
        return 3 * rng.normal(size=shape).astype(dtype), t.astype(dtype)
    return 3 * rng.normal(size=(n, classes, *size)).astype(dtype), rng.integers(classes, size=shape)


def compare(name, x, t, **options):
    forward, backward = getattr(region_loss, name), getattr(region_loss, f"{name}_backward")
    assert_equals_torch(f"{name} {x.shape} {options}", forward, backward, getattr(losses, name), (x, t), options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_equals_torch(name, options, reduction, dtype):
    for classes in (None, 2, 4):
        compare(name, *make(classes, dtype), reduction=reduction, **options)
    compare(name, *make(None, dtype, soft=True), reduction=reduction, **options)
    compare(name, *make(3, dtype, (4,)), reduction=reduction, **options)                     # (N, C) and (N,)
    compare(name, *make(None, dtype, (4,)), reduction=reduction, **options)                  # (N,) and (N,)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_focal_weights_equal_torch(reduction):
    for alpha in (0, 0.25, 1):
        compare("focal_loss", *make(None, np.float64), alpha=alpha, reduction=reduction)
    compare("focal_loss", *make(3, np.float64), alpha=[0.2, 1.0, 0.7], gamma=1.5, reduction=reduction)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int32])
def test_targets_of_any_kind(kind):
    x, t = make(None, np.float32)
    for name in OPTIONS:
        compare(name, x, t.astype(kind))
        if kind is not bool:
            compare(name, make(3, np.float32)[0], make(3, np.float32)[1].astype(kind))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["dice_loss", "iou_loss", "tversky_loss"])
def test_empty_and_full_masks_equal_torch(name, dtype):
    x, _ = make(None, dtype)
    for logits in (x, np.full_like(x, -1e4), np.full_like(x, 1e4)):
        for mask in (np.zeros_like(x), np.ones_like(x)):
            for smooth in (0, 1):
                compare(name, logits, mask, smooth=smooth)
    x, _ = make(3, dtype)
    compare(name, x, np.full((3, 4, 5), 1), smooth=0)                    # two of three classes are missing


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_focal_loss_of_extreme_logits_equals_torch(gamma, dtype):
    x = np.array([-1e4, -100, -20, 0, 20, 100, 1e4], dtype)
    for t in (np.zeros(7, dtype), np.ones(7, dtype)):
        compare("focal_loss", x, t, gamma=gamma)
    compare("focal_loss", np.stack([x, -x], 1), np.ones(7, int), gamma=gamma)
    for t in (np.zeros(7, dtype), np.ones(7, dtype)):
        dx, _ = region_loss.focal_loss_backward(np.asarray(1, dtype), x, t, gamma=gamma)
        assert np.isfinite(dx).all()


def central_difference(f, x, g, step=1e-6):
    """Σ g · df/dx[i] for every i, one element moved at a time."""
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][i] += step
        moved[1][i] -= step
        out[i] = np.sum(g * (f(moved[0]) - f(moved[1]))) / (2 * step)
    return out


@pytest.mark.parametrize("classes", [None, 3])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_backward_agrees_with_finite_differences(name, options, reduction, classes):
    x, t = make(classes, np.float64, (2, 3, 2))
    options = {**options, "reduction": reduction}
    forward, backward = getattr(region_loss, name), getattr(region_loss, f"{name}_backward")
    g = np.random.default_rng(1).normal(size=np.shape(forward(x, t, **options)))
    dx, dt = backward(np.asarray(g), x, t, **options)
    assert dt is None
    assert_close(dx, central_difference(lambda x: forward(x, t, **options), x, g), 1e-6)
    with pytest.raises(ValueError, match=f"{name}_backward: grad_output must have the output's shape"):
        backward(np.ones((*g.shape, 2)), x, t, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", [None, [0, 4, -100, 2, -100], [-100] * 5, [1, 2, 3, 4, 0]])
def test_distillation_equals_torch_and_finite_differences(target, dtype):
    rng = np.random.default_rng(0)
    student, teacher = (3 * rng.normal(size=(5, 6)).astype(dtype) for _ in range(2))
    target = None if target is None else np.array(target)
    leaf = torch.tensor(student, requires_grad=True)
    for temperature, soft_weight in [(1, 0.5), (np.float64(4), np.float64(0.9)), (0.5, 0)]:
        options = (temperature, target, soft_weight)
        want = losses.distillation_loss(leaf, torch.tensor(teacher), float(temperature),
                                        None if target is None else torch.tensor(target), float(soft_weight))
        got = region_loss.distillation_loss(student, teacher, *options)
        assert_close(got, want)
        grad, = torch.autograd.grad(want, leaf)
        dx, *others = region_loss.distillation_loss_backward(np.asarray(1.5, dtype), student, teacher, *options)
        assert dx.dtype == dtype and others == [None] * (1 if target is None else 2)
        assert_close(dx, 1.5 * grad)
        if dtype == np.float64:
            assert_close(dx, central_difference(lambda x: region_loss.distillation_loss(x, teacher, *options), student,  # noqa: B023
                                                1.5), 1e-6)
    with pytest.raises(ValueError, match="distillation_loss_backward: grad_output must have"):
        region_loss.distillation_loss_backward(np.ones(5, dtype), student, teacher)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_tape_takes_them(name):
    x, t = make(3, np.float64)
    tensor = Tensor(x, requires_grad=True)
    apply(getattr(region_loss, name), tensor, t).backward()
    want, _ = getattr(region_loss, f"{name}_backward")(np.array(1.0), x, t)
    assert_close(tensor.grad.data, want)
