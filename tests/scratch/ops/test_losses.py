"""Focal, Dice, IoU, Tversky and distillation loss in NumPy give the numbers and gradients of cnnlib.losses."""

import numpy as np
import pytest
import torch

import cnnlib.losses
from cnnlib.scratch import Tensor, apply
from cnnlib.scratch.ops import losses
from cnnlib.testing import assert_close
from tests.parity import Case, assert_equals_torch, classes

REDUCTIONS = ["none", "mean", "sum"]
x35, t35 = np.zeros((3, 5)), np.zeros(3, int)

BAD = [
    (losses.focal_loss, (x35, t35 + 5), {}, "focal_loss: target must hold classes from 0 to 4, got numbers"),
    (losses.focal_loss, (x35, x35), {"gamma": -1}, "gamma must be at least 0, got -1"),
    (losses.focal_loss, (x35, x35), {"alpha": 2}, "alpha of a binary target must be a number from 0 to 1, got 2"),
    (losses.focal_loss, (x35, t35), {"alpha": [1, 2]}, r"each of 5 classes, got shape \(2,\)"),
    (losses.focal_loss, (x35, t35.astype(float)), {}, "classes must be integers, got float64"),
    (losses.focal_loss, (x35, [0, 0, 0]), {}, "focal_loss: target must be a NumPy array, got list"),
    (losses.focal_loss, (x35, t35), {"reduction": "all"}, "reduction must be one of none, mean, sum"),
    (losses.dice_loss, (x35, x35[:2]), {}, r"target must have the shape of input \(3, 5\).*got \(2, 5\)"),
    (losses.dice_loss, (x35[:, None], np.zeros((3, 5), int)), {}, r"binary target must .* \(3, 1, 5\)"),
    (losses.dice_loss, (x35, x35), {"smooth": -1}, "smooth must be at least 0, got -1"),
    (losses.dice_loss, (x35[:0], x35[:0]), {}, r"at least one pixel, got shape \(0, 5\)"),
    (losses.focal_loss, (x35, x35), {"gamma": "two"}, "focal_loss: gamma must be a number, got 'two'"),
    (losses.focal_loss, (x35, x35), {"alpha": "a"}, "alpha of a binary target must be a number"),
    (losses.focal_loss, (x35, t35), {"alpha": "a"}, "alpha must be numbers, one for each class, got 'a'"),
    (losses.dice_loss, (x35, x35), {"smooth": None}, "dice_loss: smooth must be a number, got None"),
    (losses.dice_loss_backward, (1, x35, x35), {"smooth": "a"}, "dice_loss_backward: smooth must be a number"),
    (losses.tversky_loss, (x35, x35), {"alpha": None}, "tversky_loss: alpha must be a number, got None"),
    (losses.distillation_loss, (x35, x35, t35), {}, r"temperature must be a number, got array\(\[0, 0, 0\]\)"),
    (losses.distillation_loss, (x35, x35, 2, t35, "all"), {}, "soft_weight must be a number, got 'all'"),
    (losses.iou_loss, (x35, x35 + 2), {}, "a binary target must be from 0 to 1, got numbers from 2.0"),
    (losses.iou_loss, (x35.astype(int), x35), {}, "iou_loss: input must be float32 or float64, got int64"),
    (losses.tversky_loss, (x35, x35), {"beta": -1}, "alpha and beta must be at least 0, got 0.5 and -1"),
    (losses.distillation_loss, (x35, x35[:2]), {}, r"must both be \(N, C\), got \(3, 5\) and \(2, 5\)"),
    (losses.distillation_loss, (x35, None), {}, "got None"),
    (losses.distillation_loss, (x35, x35, 0), {}, "temperature must be above 0, got 0"),
    (losses.distillation_loss, (x35, x35, 2, t35, -1), {}, "soft_weight must be from 0 to 1, got -1"),
    (losses.distillation_loss, (x35, x35, 2, t35 + 5), {}, "target must hold classes from 0 to 4"),
]

OPTIONS = {
    "focal_loss": [{}, {"gamma": 0.5}, {"gamma": 0}, {"gamma": np.float64(1)}],
    "dice_loss": [{}, {"smooth": 0}, {"smooth": np.float64(0.3)}],
    "iou_loss": [{}, {"smooth": 0}, {"smooth": np.float64(0.3)}],
    "tversky_loss": [{}, {"alpha": 0.2, "beta": np.float64(0.9)}, {"alpha": 0, "beta": 1, "smooth": 0}],
}


def logits(*shape):
    def logits(rng, dtype):
        return 3 * rng.normal(size=shape).astype(dtype)
    return logits


def mask(*shape):
    """Zeros and ones."""
    def mask(rng, dtype):
        return (rng.random(shape) < 0.4).astype(dtype)
    return mask


def shares(*shape):
    """A soft mask."""
    def shares(rng, dtype):
        return rng.random(shape).astype(dtype)
    return shares


def case(name, arrays, **options):
    return Case(name, arrays, within=losses, reference=getattr(cnnlib.losses, name), **options)


MASKS, CLASSES = [logits(3, 4, 5), mask(3, 4, 5)], [logits(3, 3, 4, 5), classes(3, 3, 4, 5)]
CASES = SMOOTH = [
    *[case(name, arrays, **options, reduction=reduction)
      for name, several in OPTIONS.items() for options in several for reduction in REDUCTIONS
      for arrays in (MASKS, CLASSES, [logits(3, 2, 4, 5), classes(2, 3, 4, 5)],
                     [logits(3, 4, 4, 5), classes(4, 3, 4, 5)], [logits(3, 4, 5), shares(3, 4, 5)],
                     [logits(4, 3), classes(3, 4)], [logits(4), mask(4)])],
    *[case("focal_loss", arrays, **options, reduction=reduction) for reduction in REDUCTIONS for arrays, options in
      [(MASKS, {"alpha": 0}), (MASKS, {"alpha": 0.25}), (MASKS, {"alpha": 1}),
       (CLASSES, {"alpha": [0.2, 1.0, 0.7], "gamma": 1.5})]],
]


def compare(name, x, t, **options):
    forward, backward = getattr(losses, name), getattr(losses, f"{name}_backward")
    assert_equals_torch(f"{name} {x.shape} {options}", forward, backward, getattr(cnnlib.losses, name), (x, t), options)


def arrays_of(makers, dtype):
    return Case("focal_loss", makers, within=losses).arrays(dtype)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int32])
def test_targets_of_any_kind(kind):
    for name in OPTIONS:
        for x, t in [arrays_of(MASKS, np.float32)] + [arrays_of(CLASSES, np.float32)] * (kind is not bool):
            compare(name, x, t.astype(kind))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["dice_loss", "iou_loss", "tversky_loss"])
def test_empty_and_full_masks_equal_torch(name, dtype):
    x, _ = arrays_of(MASKS, dtype)
    for logits in (x, np.full_like(x, -1e4), np.full_like(x, 1e4)):
        for mask in (np.zeros_like(x), np.ones_like(x)):
            for smooth in (0, 1):
                compare(name, logits, mask, smooth=smooth)
    x, _ = arrays_of(CLASSES, dtype)
    compare(name, x, np.full((3, 4, 5), 1), smooth=0)                    # two of three classes are missing


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_focal_loss_of_extreme_logits_equals_torch(gamma, dtype):
    x = np.array([-1e4, -100, -20, 0, 20, 100, 1e4], dtype)
    for t in (np.zeros(7, dtype), np.ones(7, dtype)):
        compare("focal_loss", x, t, gamma=gamma)
    compare("focal_loss", np.stack([x, -x], 1), np.ones(7, int), gamma=gamma)
    for t in (np.zeros(7, dtype), np.ones(7, dtype)):
        dx, _ = losses.focal_loss_backward(np.asarray(1, dtype), x, t, gamma=gamma)
        assert np.isfinite(dx).all()


@pytest.mark.parametrize("name", OPTIONS)
def test_the_target_has_no_gradient(name):
    for x, t in (arrays_of(MASKS, np.float64), arrays_of(CLASSES, np.float64)):
        _, dt = getattr(losses, f"{name}_backward")(np.array(1.0), x, t)
        assert dt is None


def central_difference(f, x, g, step=1e-6):
    """Σ g · df/dx[i] for every i, one element moved at a time."""
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][i] += step
        moved[1][i] -= step
        out[i] = np.sum(g * (f(moved[0]) - f(moved[1]))) / (2 * step)
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", [None, [0, 4, -100, 2, -100], [-100] * 5, [1, 2, 3, 4, 0]])
def test_distillation_equals_torch_and_finite_differences(target, dtype):
    rng = np.random.default_rng(0)
    student, teacher = (3 * rng.normal(size=(5, 6)).astype(dtype) for _ in range(2))
    target = None if target is None else np.array(target)
    leaf = torch.tensor(student, requires_grad=True)
    for temperature, soft_weight in [(1, 0.5), (np.float64(4), np.float64(0.9)), (0.5, 0)]:
        options = (temperature, target, soft_weight)
        want = cnnlib.losses.distillation_loss(leaf, torch.tensor(teacher), float(temperature),
                                        None if target is None else torch.tensor(target), float(soft_weight))
        got = losses.distillation_loss(student, teacher, *options)
        assert_close(got, want)
        grad, = torch.autograd.grad(want, leaf)
        dx, *others = losses.distillation_loss_backward(np.asarray(1.5, dtype), student, teacher, *options)
        assert dx.dtype == dtype and others == [None] * (1 if target is None else 2)
        assert_close(dx, 1.5 * grad)
        if dtype == np.float64:
            assert_close(dx, central_difference(lambda x: losses.distillation_loss(x, teacher, *options), student,  # noqa: B023
                                                1.5), 1e-6)
    with pytest.raises(ValueError, match="distillation_loss_backward: grad_output must have"):
        losses.distillation_loss_backward(np.ones(5, dtype), student, teacher)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_tape_takes_them(name):
    x, t = arrays_of(CLASSES, np.float64)
    tensor = Tensor(x, requires_grad=True)
    apply(getattr(losses, name), tensor, t).backward()
    want, _ = getattr(losses, f"{name}_backward")(np.array(1.0), x, t)
    assert_close(tensor.grad.data, want)
