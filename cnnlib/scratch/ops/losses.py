"""Losses for rare classes, for masks and for learning from a teacher, forward and backward: `cnnlib.losses` in NumPy.

Those of classes and masks take logits, and read from the shape of the target which task it is:
    binary    input (N, *), target (N, *): 1 where the thing is, 0 elsewhere.  p = sigmoid(input)
    classes   input (N, C, *), target (N, *): an integer from 0 to C − 1.      p = softmax(input) along the C classes
Formulas, shapes and edge cases are those of `cnnlib.losses`. The target is given: its gradient is None. As in loss.py
dy is the gradient of what a function returns and g that of each single loss: for "mean", dy divided by their number.
"""

import numpy as np

from cnnlib.checks import check_choice, check_float, check_grad_output, check_number, check_type, is_number

from ..functional.activation import log_softmax, sigmoid, softmax
from ..functional.losses import (
    _reduce,
    _spread,
    binary_cross_entropy_with_logits,
    cross_entropy,
    cross_entropy_backward,
    kl_div,
)

__all__ = ["dice_loss", "dice_loss_backward", "distillation_loss", "distillation_loss_backward", "focal_loss",
           "focal_loss_backward", "iou_loss", "iou_loss_backward", "tversky_loss", "tversky_loss_backward"]


# ---- rare classes ----------------------------------------------------------------------------------------------------

def focal_loss(input, target, *, alpha=None, gamma=2.0, reduction="mean"):
    """Cross-entropy in which what is already right counts little (Lin et al. 2017, RetinaNet).

    loss = −α · q^γ · log p_t          p_t: the probability of what is right, q = 1 − p_t

    input, target: see above  →  () or, for "none", the shape of target.  "mean" divides by the number of losses.
    alpha: None for 1; binary: a number in [0, 1] for target 1, and 1 − alpha for target 0; classes: (C,), one for each.
    gamma ≥ 0.  Raises TypeError or ValueError naming the argument.
    """
    name = "focal_loss"
    target, binary = _check_target(name, input, target, reduction)
    weight, gamma = _weight(name, input, target, binary, alpha, gamma)
    if binary:
        loss = binary_cross_entropy_with_logits(input, target, reduction="none")
        wrong = target * sigmoid(-input) + (1 - target) * sigmoid(input)
    else:
        log_p = _of_target(log_softmax(input, 1), target)
        loss, wrong = -log_p, -np.expm1(log_p)
    return _reduce(weight * _above_zero(wrong) ** gamma * loss, reduction)


def focal_loss_backward(grad_output, input, target, *, alpha=None, gamma=2.0, reduction="mean"):
    """Binary: dx = g · α · (q^γ · (p − t) + γ · q^(γ−1) · (1 − 2t) · p · (1 − p) · ce), ce being the cross-entropy;

    classes: dx[c] = g · α · (q^γ − γ · q^(γ−1) · p_t · log p_t) · (p[c] − 1 where c is the target, else p[c]).
    """
    name = "focal_loss_backward"
    target, binary = _check_target(name, input, target, reduction)
    weight, gamma = _weight(name, input, target, binary, alpha, gamma)
    g = weight * _spread(name, grad_output, reduction, target.shape, input.dtype, target.size)
    if binary:
        p, not_p = sigmoid(input), sigmoid(-input)
        wrong = target * not_p + (1 - target) * p
        q = _above_zero(wrong)
        loss = binary_cross_entropy_with_logits(input, target, reduction="none")
        slope = np.where(wrong < q, 0, gamma * q ** (gamma - 1) * (1 - 2 * target) * p * not_p)
        return g * (q**gamma * (p - target) + slope * loss), None
    log_p = log_softmax(input, 1)
    of_target = _of_target(log_p, target)
    wrong = -np.expm1(of_target)
    q = _above_zero(wrong)
    slope = np.where(wrong < q, 0, gamma * q ** (gamma - 1) * np.exp(of_target))
    dx = np.exp(log_p)                                                   # p, (N, C, *)
    dx -= _one_hot(target, input.shape[1], input.dtype)
    return np.expand_dims(g * (q**gamma - slope * of_target), 1) * dx, None


# ---- masks -----------------------------------------------------------------------------------------------------------

def dice_loss(input, target, *, smooth=1.0, reduction="mean"):
    """One minus the Dice coefficient of the predicted and the true region (after Milletari et al. 2016, V-Net).

    loss = 1 − (2 Σ p·t + smooth) / (Σ p + Σ t + smooth)          sums over the pixels of one image, and one class

    input, target: see above; a binary image is one region  →  () or, for "none", (N,), for classes (N, C).
    Milletari et al. divide by Σ p² + Σ t² in place of Σ p + Σ t. Both are the Dice coefficient where p is 0 or 1.
    smooth: ≥ 0; 0/0 counts as 1, no loss.  Raises TypeError or ValueError naming the argument.
    """
    p, t, sums = _overlap("dice_loss", input, target, smooth, reduction)
    return _reduce(1 - _ratio(*_dice(*sums, smooth)), reduction)


def dice_loss_backward(grad_output, input, target, *, smooth=1.0, reduction="mean"):
    """dp = −g · (2t · B − A) / B², A/B being the coefficient; then through the sigmoid or the softmax."""
    name = "dice_loss_backward"
    p, t, sums = _overlap(name, input, target, smooth, reduction)
    return _region_backward(name, grad_output, reduction, input, p, *_dice(*sums, smooth), 2 * t, 1)


def iou_loss(input, target, *, smooth=1.0, reduction="mean"):
    """One minus the intersection over union of the two regions, the soft Jaccard index (Rahman & Wang 2016).

    loss = 1 − (Σ p·t + smooth) / (Σ p + Σ t − Σ p·t + smooth)

    Shapes and smooth: as in dice_loss.  Raises TypeError or ValueError naming the argument.
    """
    p, t, sums = _overlap("iou_loss", input, target, smooth, reduction)
    return _reduce(1 - _ratio(*_tversky(*sums, 1, 1, smooth)), reduction)


def iou_loss_backward(grad_output, input, target, *, smooth=1.0, reduction="mean"):
    """dp = −g · (t · B − (1 − t) · A) / B², A/B being the index; then through the sigmoid or the softmax."""
    name = "iou_loss_backward"
    p, t, sums = _overlap(name, input, target, smooth, reduction)
    return _region_backward(name, grad_output, reduction, input, p, *_tversky(*sums, 1, 1, smooth), t, 1 - t)


def tversky_loss(input, target, *, alpha=0.5, beta=0.5, smooth=1.0, reduction="mean"):
    """Dice with a price for each kind of error (Salehi et al. 2017).

    loss = 1 − (TP + smooth) / (TP + α·FP + β·FN + smooth)
    TP = Σ p·t   FP = Σ p·(1 − t)   FN = Σ (1 − p)·t

    alpha, beta: ≥ 0.  (1, 1) is iou_loss with this smooth, (0.5, 0.5) is dice_loss with twice this smooth.
    Shapes and smooth: as in dice_loss.  Raises TypeError or ValueError naming the argument.
    """
    _check_prices("tversky_loss", alpha, beta)
    p, t, sums = _overlap("tversky_loss", input, target, smooth, reduction)
    return _reduce(1 - _ratio(*_tversky(*sums, alpha, beta, smooth)), reduction)


def tversky_loss_backward(grad_output, input, target, *, alpha=0.5, beta=0.5, smooth=1.0, reduction="mean"):
    """dp = −g · (t · B − (t + α · (1 − t) − β · t) · A) / B²; then through the sigmoid or the softmax."""
    name = "tversky_loss_backward"
    _check_prices(name, alpha, beta)
    p, t, sums = _overlap(name, input, target, smooth, reduction)
    return _region_backward(name, grad_output, reduction, input, p, *_tversky(*sums, alpha, beta, smooth),
                            t, t + float(alpha) * (1 - t) - float(beta) * t)


# ---- a teacher -------------------------------------------------------------------------------------------------------

def distillation_loss(student_logits, teacher_logits, temperature=4.0, target=None, soft_weight=0.9):
    """What a student lacks of its teacher's opinion of all classes (Hinton et al. 2015).

    soft = τ² · KL(teacher ‖ student) = τ² Σ_c q[c] · (log q[c] − log p[c])      q, p = softmax(logits / τ)
    loss = soft_weight · soft + (1 − soft_weight) · cross-entropy(student, target)     soft alone without a target

    student_logits, teacher_logits: (N, C)  →  ().  target: classes (N,), −100 for an example without a label; their
    cross-entropy is the mean over those that have one, 0 if none has.  temperature > 0; soft_weight in [0, 1].
    Raises TypeError or ValueError naming the argument.
    """
    name = "distillation_loss"
    tau, soft_weight, labelled = _check_distillation(
        name, student_logits, teacher_logits, temperature, target, soft_weight)
    log_p, q = log_softmax(student_logits / tau, 1), softmax(teacher_logits / tau, 1)
    soft = tau**2 * kl_div(log_p, q, reduction="batchmean")
    if target is None:
        return soft
    return soft_weight * soft + (1 - soft_weight) * cross_entropy(student_logits, target, reduction="sum") / labelled


def distillation_loss_backward(grad_output, student_logits, teacher_logits, temperature=4.0, target=None,
                               soft_weight=0.9):
    """dstudent = dy · (soft_weight · τ · (p − q) / N + (1 − soft_weight) · the gradient of the cross-entropy).

    The teacher's gradient is None, and so is that of target, if there is one.
    """
    name = "distillation_loss_backward"
    tau, soft_weight, labelled = _check_distillation(
        name, student_logits, teacher_logits, temperature, target, soft_weight)
    grad_output = check_grad_output(name, grad_output, (), student_logits.dtype)
    p, q = softmax(student_logits / tau, 1), softmax(teacher_logits / tau, 1)
    soft = grad_output * tau * (p - q) / len(p)
    if target is None:
        return soft, None
    hard, *_ = cross_entropy_backward(grad_output, student_logits, target, reduction="sum")
    return soft_weight * soft + (1 - soft_weight) * hard / labelled, None, None


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _dice(both, p, t, smooth):
    """What dice_loss divides by what.  both: Σ p·t, p: Σ p, t: Σ t"""
    smooth = float(smooth)                                               # NumPy's own numbers would make it float64
    return 2 * both + smooth, p + t + smooth


def _tversky(both, p, t, alpha, beta, smooth):
    alpha, beta, smooth = float(alpha), float(beta), float(smooth)
    return both + smooth, both + alpha * (p - both) + beta * (t - both) + smooth


def _ratio(numerator, denominator):
    """numerator / denominator, and 1 where both are 0: nothing was to be found, and nothing was."""
    nothing = denominator == 0
    return np.where(nothing, 1, numerator / np.where(nothing, 1, denominator)).astype(denominator.dtype)


def _region_backward(name, grad_output, reduction, input, p, numerator, denominator, slope, slope_below):
    """From 1 − A/B to the logits; slope is dA/dp and slope_below dB/dp of each pixel, like p (N, M) or (N, C, M)."""
    g = _spread(name, grad_output, reduction, denominator.shape, input.dtype, denominator.size)
    g = np.broadcast_to(g, denominator.shape)
    b = np.where(denominator == 0, 1, denominator)       # 0/0 was no loss; p is 0 there, so dx is too
    above, b, g = (array[..., None] for array in (numerator / b, b, g))  # (N, 1) or (N, C, 1)
    dp = -g * (slope - above * slope_below) / b
    if p.ndim == 3:
        dx = p * (dp - (dp * p).sum(axis=1, keepdims=True))              # softmax
    else:
        dx = dp * p * sigmoid(-input).reshape(p.shape)                   # sigmoid: 1 − p, not cancelled
    return dx.reshape(input.shape), None


def _overlap(name, input, target, smooth, reduction):
    """p and t as (N, M), or (N, C, M) for classes; and Σ p·t, Σ p, Σ t over the M pixels."""
    target, binary = _check_target(name, input, target, reduction)
    check_number(name, 0, smooth=_number(smooth))
    if binary:
        shape, p, t = (len(input), -1), sigmoid(input), target
    else:
        shape, p = (*input.shape[:2], -1), softmax(input, 1)
        t = _one_hot(target, input.shape[1], input.dtype)
    if input.size == 0:
        raise ValueError(f"{name}: input must hold at least one pixel, got shape {input.shape}")
    p, t = p.reshape(shape), t.reshape(shape)
    return p, t, ((p * t).sum(-1), p.sum(-1), t.sum(-1))


def _weight(name, input, target, binary, alpha, gamma):
    """α of each loss, or 1; and gamma."""
    check_number(name, 0, gamma=_number(gamma))
    if alpha is None:
        return 1, float(gamma)
    if binary:
        if not is_number(_number(alpha)) or not 0 <= alpha <= 1:
            raise ValueError(f"{name}: alpha of a binary target must be a number from 0 to 1, got {alpha}")
        return float(alpha) * target + (1 - float(alpha)) * (1 - target), float(gamma)
    try:
        alpha = np.asarray(alpha, input.dtype)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: alpha must be numbers, one for each class, got {alpha!r}") from None
    if alpha.shape != (input.shape[1],):
        raise ValueError(f"{name}: alpha must hold one number for each of {input.shape[1]} classes, "
                         f"got shape {alpha.shape}")
    return alpha[target], float(gamma)


def _above_zero(wrong):
    """Where nothing is wrong the slope of q^γ would be infinite for γ < 1, and ∞ · 0 is nan."""
    return np.maximum(wrong, np.finfo(wrong.dtype).tiny)


def _of_target(log_p, target):
    """log_p[n, target[n, *], *]: (N, C, *) → (N, *)"""
    return np.take_along_axis(log_p, target[:, None], axis=1)[:, 0]


def _one_hot(target, classes, dtype):
    """(N, *) → (N, C, *)"""
    return np.moveaxis(np.eye(classes, dtype=dtype)[target], -1, 1)


def _check_target(name, input, target, reduction):
    """The target, in input's dtype for a binary one, as int64 for classes; and whether it is binary."""
    input, = check_float(name, input=input)
    check_choice(name, "reduction", reduction, ("none", "mean", "sum"))
    check_type(name, np.ndarray, "a NumPy array", target=target)
    if input.ndim >= 1 and target.shape == input.shape:
        if target.dtype.kind not in "biuf":
            raise TypeError(f"{name}: target must hold numbers, got {target.dtype}")
        if target.size and not (target.min() >= 0 and target.max() <= 1):                    # nan is not either
            raise ValueError(f"{name}: a binary target must be from 0 to 1, "
                             f"got numbers from {target.min()} to {target.max()}")
        return target.astype(input.dtype), True
    if input.ndim < 2 or target.shape != input.shape[:1] + input.shape[2:]:
        raise ValueError(f"{name}: target must have the shape of input {input.shape}, or it without the axis of "
                         f"classes {input.shape[:1] + input.shape[2:]}, got {target.shape}")
    if target.dtype.kind not in "iu":
        raise TypeError(f"{name}: classes must be integers, got {target.dtype}")
    classes = input.shape[1]
    if classes < 2:
        raise ValueError(f"{name}: input has {classes} channels, but classes must be at least 2; "
                         f"a binary target must have the shape of input, {input.shape}")
    if target.size and not (target.min() >= 0 and target.max() < classes):
        raise ValueError(f"{name}: target must hold classes from 0 to {classes - 1}, "
                         f"got numbers from {target.min()} to {target.max()}")
    return target.astype(np.int64), False


def _number(value):
    """The number in an array without axes; anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def _check_prices(name, alpha, beta):
    check_number(name, alpha=_number(alpha), beta=_number(beta))
    if not (alpha >= 0 and beta >= 0):
        raise ValueError(f"{name}: alpha and beta must be at least 0, got {alpha} and {beta}")


def _check_distillation(name, student_logits, teacher_logits, temperature, target, soft_weight):
    """temperature and soft_weight as floats, and how many examples have a label, at least 1 to divide by."""
    check_float(name, student_logits=student_logits, teacher_logits=teacher_logits)
    if student_logits is None or teacher_logits is None:
        raise TypeError(f"{name}: student_logits and teacher_logits must be NumPy arrays, got None")
    if student_logits.ndim != 2 or student_logits.shape != teacher_logits.shape:
        raise ValueError(f"{name}: student_logits and teacher_logits must both be (N, C), "
                         f"got {student_logits.shape} and {teacher_logits.shape}")
    check_number(name, temperature=_number(temperature))
    check_number(name, 0, 1, soft_weight=_number(soft_weight))
    if not temperature > 0:
        raise ValueError(f"{name}: temperature must be above 0, got {temperature}")
    labelled = 1 if target is None else max(1, int(np.count_nonzero(np.asarray(target) != -100)))
    return float(temperature), float(soft_weight), labelled
