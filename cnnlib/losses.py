"""Losses beyond `torch.nn.functional`: for rare classes, masks, boxes, learning from a teacher, pictures.

Those of classes and masks take logits, and read from the shape of the target which task it is:
    binary    input (N, *), target (N, *): 1 where the thing is, 0 elsewhere.  p = sigmoid(input)
    classes   input (N, C, *), target (N, *): an integer from 0 to C − 1.      p = softmax(input) along the C classes
The target is given: no gradient goes to it. reduction: "mean", "sum" or "none" of the single losses.
The NumPy twins, with their gradients derived by hand, stand in `cnnlib.scratch.ops.losses`.
"""

import math

import torch
import torch.nn.functional as F

from .boxes import distances_to_boxes, generalized_iou
from .checks import check_choice, check_type, checked, is_number
from .tensors import Floats, Net, NonNegativeScalar, Scalar, ShareScalar, as_number, describe

__all__ = ["detection_loss", "dice_loss", "distillation_loss", "feature_maps", "focal_loss", "gram_matrix", "iou_loss",
           "label_smoothing_cross_entropy", "perceptual_loss", "style_loss", "tversky_loss"]


# ---- rare classes ----------------------------------------------------------------------------------------------------

@checked
def focal_loss(input: Floats, target, *, alpha=None, gamma: NonNegativeScalar = 2.0, reduction="mean"):
    """Cross-entropy in which what is already right counts little (Lin et al. 2017, RetinaNet).

    loss = −α · (1 − p_t)^γ · log p_t          p_t: the probability of what is right

    input, target: see above  →  () or, for "none", the shape of target.  "mean" divides by the number of losses,
    also with α; detectors take "sum" and divide by the number of objects.
    alpha: None for 1; binary: a number in [0, 1] for target 1, and 1 − alpha for target 0; classes: (C,), one for each.
    gamma: ≥ 0, and 0 is cross-entropy.  A binary target between 0 and 1 mixes: p_t = t·p + (1 − t)·(1 − p), and
    −log p_t becomes the binary cross-entropy, as in `torchvision.ops.sigmoid_focal_loss`, whose alpha is 0.25.
    A target that is all 0 is no special case.  Raises ValueError or TypeError naming the argument.
    """
    name = "focal_loss"
    target, binary = _check_target(name, input, target)
    if binary:
        wrong = target * torch.sigmoid(-input) + (1 - target) * torch.sigmoid(input)         # 1 − p_t, not cancelled
        loss = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    else:
        log_p = torch.log_softmax(input, 1).gather(1, target[:, None])[:, 0]                 # log p_t
        wrong, loss = -torch.expm1(log_p), -log_p
    # Where nothing is wrong the slope of wrong^γ would be infinite for γ < 1, and ∞ · 0 is nan.
    loss = wrong.clamp_min(torch.finfo(input.dtype).tiny) ** gamma * loss
    if alpha is not None and binary:
        if not is_number(as_number(alpha)) or not 0 <= alpha <= 1:
            raise ValueError(f"{name}: alpha of a binary target must be a number from 0 to 1, got {alpha}")
        loss = loss * (alpha * target + (1 - alpha) * (1 - target))
    elif alpha is not None:
        try:
            alpha = torch.as_tensor(alpha, dtype=input.dtype, device=input.device)
        except (TypeError, ValueError, RuntimeError):
            raise TypeError(f"{name}: alpha must be numbers, one for each class, got {alpha!r}") from None
        if alpha.shape != (input.shape[1],):
            raise ValueError(f"{name}: alpha must hold one number for each of {input.shape[1]} classes, "
                             f"got shape {tuple(alpha.shape)}")
        loss = loss * alpha[target]
    return _reduce(name, loss, reduction)


@checked
def label_smoothing_cross_entropy(input: Floats, target, smoothing: ShareScalar = 0.1, reduction="mean"):
    """Cross-entropy that asks for 1 − ε + ε/C instead of 1, and for ε/C instead of 0 (Szegedy et al. 2016).

    loss = −(1 − ε) · log p[target] − ε/C · Σ_c log p[c]          ε: smoothing

    input: (N, C, *), target: classes (N, *)  →  () or, for "none", (N, *).  With one class it is 0.
    Raises ValueError or TypeError naming the argument.
    """
    name = "label_smoothing_cross_entropy"
    target, binary = _check_target(name, input, target, least_classes=1)
    if binary:
        raise ValueError(f"{name}: target must hold classes, one axis fewer than input {tuple(input.shape)}")
    log_p = torch.log_softmax(input, 1)
    right = log_p.gather(1, target[:, None])[:, 0]
    return _reduce(name, -(1 - smoothing) * right - smoothing * log_p.mean(1), reduction)


# ---- masks -----------------------------------------------------------------------------------------------------------

@checked
def dice_loss(input: Floats, target, *, smooth: NonNegativeScalar = 1.0, reduction="mean"):
    """One minus the Dice coefficient of the predicted and the true region (after Milletari et al. 2016, V-Net).

    loss = 1 − (2 Σ p·t + smooth) / (Σ p + Σ t + smooth)          sums over the pixels of one image, and one class

    input, target: see above; a binary image is one region, whatever its axes  →  () or, for "none", (N,), for classes
    (N, C).  t: 1 where the target is this class, else 0.
    Milletari et al. divide by Σ p² + Σ t² in place of Σ p + Σ t. Both are the Dice coefficient where p is 0 or 1.
    smooth: ≥ 0.  An empty mask costs 1 − smooth / (Σ p + smooth): 0 where nothing is predicted, and close to 1 as soon
    as Σ p ≫ smooth, so a class that an image lacks costs much when smooth is small. A full mask is no special case.
    With smooth = 0 the loss of an empty mask is 1 whatever is predicted, with no gradient; 0/0 counts as 1, no loss.
    Raises ValueError or TypeError naming the argument.
    """
    both, p, t = _overlap("dice_loss", input, target)
    return _reduce("dice_loss", 1 - _ratio(2 * both + smooth, p + t + smooth), reduction).to(input.dtype)


@checked
def iou_loss(input: Floats, target, *, smooth: NonNegativeScalar = 1.0, reduction="mean"):
    """One minus the intersection over union of the two regions, the soft Jaccard index (Rahman & Wang 2016).

    loss = 1 − (Σ p·t + smooth) / (Σ p + Σ t − Σ p·t + smooth)

    Shapes, smooth, empty masks and what is raised: as in dice_loss. With smooth = 0 both order the predictions of an
    image alike: J = D / (2 − D). Raises ValueError or TypeError naming the argument.
    """
    both, p, t = _overlap("iou_loss", input, target)
    return _reduce("iou_loss", 1 - _ratio(both + smooth, p + t - both + smooth), reduction).to(input.dtype)


@checked
def tversky_loss(input: Floats, target, *, alpha: Scalar = 0.5, beta: Scalar = 0.5, smooth: NonNegativeScalar = 1.0,
                 reduction="mean"):
    """Dice with a price for each kind of error (Salehi et al. 2017).

    loss = 1 − (TP + smooth) / (TP + α·FP + β·FN + smooth)
    TP = Σ p·t   FP = Σ p·(1 − t)   FN = Σ (1 − p)·t

    alpha, beta: ≥ 0; beta > alpha makes a missed pixel dearer than a false one. (1, 1) is iou_loss with this smooth,
    (0.5, 0.5) is dice_loss with twice this smooth.  Shapes and empty masks: as in dice_loss.
    Raises ValueError or TypeError naming the argument.
    """
    if not (alpha >= 0 and beta >= 0):
        raise ValueError(f"tversky_loss: alpha and beta must be at least 0, got {alpha} and {beta}")
    both, p, t = _overlap("tversky_loss", input, target)
    overlap = _ratio(both + smooth, both + alpha * (p - both) + beta * (t - both) + smooth)
    return _reduce("tversky_loss", 1 - overlap, reduction).to(input.dtype)


# ---- boxes -----------------------------------------------------------------------------------------------------------

def detection_loss(outputs, targets):
    """Focal loss of the classes + 1 − GIoU of the boxes + cross-entropy of the centreness (Tian et al. 2019).

    centreness = √(min(l, r)/max(l, r) · min(t, b)/max(t, b))          l, t, r, b: the distances asked for

    Classes count at every point, boxes and centreness where there is an object; each sum is divided by the number of
    points with an object, of the whole batch (by 1 if there are none).
    outputs: of `architectures.FCOS`, logits (N, A, C), distances (N, A, 4) and centreness (N, A, 1).
    targets: of `architectures.encode_boxes`, (N, A, 5): the class, −1 for background, and l, t, r, b  →  ().
    Raises TypeError for anything but three outputs and a tensor, ValueError for targets of another shape.
    """
    if not (isinstance(outputs, (tuple, list)) and len(outputs) == 3):
        raise TypeError("detection_loss: outputs must be (logits, distances, centreness) of an FCOS, got "
                        f"{type(outputs).__name__}")
    check_type("detection_loss", torch.Tensor, "a tensor (N, A, 5)", targets=targets)
    logits, distances, centreness = outputs
    if targets.shape != (*distances.shape[:2], 5):
        raise ValueError(f"detection_loss: targets must be {(*distances.shape[:2], 5)}, got {tuple(targets.shape)}")
    label, wanted = targets[..., 0].long(), targets[..., 1:]
    found = label >= 0
    count = found.sum().clamp(min=1)

    one_hot = F.one_hot(label + 1, logits.shape[2] + 1)[..., 1:].to(logits)                  # background: all 0
    classes = focal_loss(logits, one_hot, alpha=0.25, reduction="sum")

    wanted = wanted[found]
    point = wanted.new_zeros(2)                                          # all around one point, in strides
    boxes = 1 - generalized_iou(distances_to_boxes(point, distances[found]), distances_to_boxes(point, wanted))

    across, down = wanted[:, [0, 2]], wanted[:, [1, 3]]
    middle = (across.amin(1) / across.amax(1) * down.amin(1) / down.amax(1)).sqrt()
    middles = F.binary_cross_entropy_with_logits(centreness[found][:, 0], middle, reduction="sum")
    return (classes + boxes.sum() + middles) / count


# ---- a teacher -------------------------------------------------------------------------------------------------------

@checked
def distillation_loss(student_logits: Floats, teacher_logits: Floats, temperature: Scalar = 4.0, target=None,
                      soft_weight: ShareScalar = 0.9):
    """What a student lacks of its teacher's opinion of all classes (Hinton et al. 2015).

    soft = τ² · KL(teacher ‖ student) = τ² Σ_c q[c] · (log q[c] − log p[c])      q, p = softmax(logits / τ)
    loss = soft_weight · soft + (1 − soft_weight) · cross-entropy(student, target)     soft alone without a target

    The mean over N; τ² keeps the gradient's size, which falls with 1/τ².  The teacher gets no gradient.
    student_logits, teacher_logits: (N, C)  →  ().  target: classes (N,); −100 says that an example has no label: the
    cross-entropy is the mean over those that have one, 0 if none has.  temperature > 0; soft_weight in [0, 1].
    Raises ValueError or TypeError naming the argument.
    """
    name = "distillation_loss"
    if student_logits.ndim != 2 or teacher_logits.shape != student_logits.shape:
        raise ValueError(f"{name}: student_logits and teacher_logits must both be (N, C), "
                         f"got {tuple(student_logits.shape)} and {tuple(teacher_logits.shape)}")
    if not temperature > 0:
        raise ValueError(f"{name}: temperature must be above 0, got {temperature}")
    log_p = torch.log_softmax(_wide(student_logits) / temperature, 1)
    log_q = torch.log_softmax(_wide(teacher_logits.detach()) / temperature, 1)
    soft = temperature**2 * (log_q.exp() * (log_q - log_p)).sum(1).mean()
    if target is None:
        return soft.to(student_logits.dtype)
    if not isinstance(target, torch.Tensor) or target.is_floating_point() or target.shape != log_p.shape[:1]:
        raise ValueError(f"{name}: target must be a tensor (N,) of classes or −100, got {describe(target)}")
    _check_classes(name, target[target != -100], log_p.shape[1], "or −100")
    labelled = (target != -100).sum().clamp_min(1)
    hard = F.cross_entropy(_wide(student_logits), target.long(), reduction="sum") / labelled
    return (soft_weight * soft + (1 - soft_weight) * hard).to(student_logits.dtype)


# ---- pictures --------------------------------------------------------------------------------------------------------

@checked
def gram_matrix(features: Floats):
    """Which channels light up together, wherever that is (Gatys et al. 2016).

    G[n, c, d] = 1/(C·H·W) · Σ_{h, w} f[n, c, h, w] · f[n, d, h, w]

    features: (N, C, H, W)  →  (N, C, C).  The division by C·H·W is Johnson et al. (2016)'s; Gatys et al. have none here
    but divide the loss by 4·(C·H·W)², so theirs is a quarter of `style_loss`.  Raises ValueError for another rank.
    """
    if features.ndim != 4 or 0 in features.shape[1:]:
        raise ValueError(f"gram_matrix: features must be (N, C, H, W), none of them 0, got {tuple(features.shape)}")
    f = features.flatten(2) / math.sqrt(features[0].numel())             # (N, C, H·W); the sum itself overflows float16
    return f @ f.transpose(1, 2)


@checked
def feature_maps(net: Net, x, layers):
    """What the named layers give for x: a dict from name to tensor.

    net: any module, in the mode it is in.  layers: names as in `net.named_modules()`, such as "features.3"; of a layer
    that is called several times the last output.  Gradients reach x; `net.requires_grad_(False)` spares the weights'.
    Raises TypeError unless net is a network, ValueError for a name of no layer, and when a layer gave no tensor.
    """
    check_type("feature_maps", (str, list, tuple), "a name or a list of names", layers=layers)
    known = dict(net.named_modules())
    layers = [layers] if isinstance(layers, str) else list(layers)
    if not layers:
        raise ValueError("feature_maps: layers must name at least one layer")
    for layer in layers:
        if not isinstance(layer, str) or not layer or layer not in known:
            raise ValueError(f"feature_maps: layers must be among {', '.join(filter(None, known))}; got {layer!r}")
    kept = {}

    def keep(layer):
        def hook(module, inputs, output):
            if isinstance(output, torch.Tensor):
                kept[layer] = output.clone()                             # a ReLU behind it may work in place
        return hook
    handles = [known[layer].register_forward_hook(keep(layer)) for layer in layers]
    try:
        net(x)
    finally:
        for handle in handles:
            handle.remove()
    if missing := [layer for layer in layers if layer not in kept]:
        raise ValueError(f"feature_maps: no tensor came out of {', '.join(missing)}")
    return {layer: kept[layer] for layer in layers}


@checked
def perceptual_loss(net: Net, input: Floats, target: Floats, layers):
    """How different two pictures are to a network that knows pictures (Johnson et al. 2016).

    loss = Σ_l mean((φ_l(input) − φ_l(target))²)          φ_l: the output of layer l of net

    input, target: (N, C, H, W) that net takes  →  ().  Target and net are given: use a trained net in `eval()`, its
    weights frozen; no gradient goes to target.
    Raises TypeError unless they are a network and tensors, ValueError for shapes that differ or for other layers.
    """
    if input.shape != target.shape:
        raise ValueError(f"perceptual_loss: input and target must have one shape, "
                         f"got {tuple(input.shape)} and {tuple(target.shape)}")
    with torch.no_grad():
        theirs = feature_maps(net, target, layers)
    ours = feature_maps(net, input, layers)
    return sum(F.mse_loss(ours[layer], theirs[layer]) for layer in ours)


@checked
def style_loss(net: Net, input: Floats, target: Floats, layers):
    """How different the textures of two pictures are: the same with Gram matrices (Gatys et al. 2016).

    loss = Σ_l ‖G(φ_l(input)) − G(φ_l(target))‖²_F, the mean over the batch          G: `gram_matrix`

    input: (N, C, H, W), target: (N or 1, C, H', W'), since a Gram matrix forgets the size  →  ().
    As in perceptual_loss no gradient goes to target.
    Raises TypeError unless they are a network and tensors, ValueError for batches that differ or for other layers.
    """
    if target.ndim != 4 or input.ndim != 4 or target.shape[0] not in (1, input.shape[0]):
        raise ValueError(f"style_loss: input must be (N, C, H, W) and target too, or one picture, "
                         f"got {tuple(input.shape)} and {tuple(target.shape)}")
    with torch.no_grad():
        theirs = feature_maps(net, target, layers)
    ours = feature_maps(net, input, layers)
    return sum((gram_matrix(ours[layer]) - gram_matrix(theirs[layer])).square().sum((1, 2)).mean() for layer in ours)


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _overlap(name, input, target):
    """Σ p·t, Σ p, Σ t over the pixels, at least in float32: each (N,), for classes (N, C).

    float16 ends at 65,504, which is fewer than the pixels of an image of 256 × 256.
    """
    target, binary = _check_target(name, input, target)
    if input.numel() == 0:
        raise ValueError(f"{name}: input must hold at least one pixel, got shape {tuple(input.shape)}")
    if binary:
        p, t = (x.reshape(len(x), -1) for x in (torch.sigmoid(_wide(input)), _wide(target)))  # (N, M)
    else:
        p = torch.softmax(_wide(input), 1).reshape(*input.shape[:2], -1)                     # (N, C, M)
        t = F.one_hot(target.reshape(len(p), -1), p.shape[1]).transpose(1, 2).to(p.dtype)
    return (p * t).sum(-1), p.sum(-1), t.sum(-1)


def _wide(x):
    """x in a dtype in which many numbers can be added: float32 for half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _ratio(numerator, denominator):
    """numerator / denominator, and 1 where both are 0: nothing was to be found, and nothing was."""
    nothing = denominator == 0
    return torch.where(nothing, 1.0, numerator / torch.where(nothing, 1.0, denominator))


def _reduce(name, loss, reduction):
    check_choice(name, "reduction", reduction, ("none", "mean", "sum"))
    return {"none": lambda x: x, "sum": torch.sum, "mean": torch.mean}[reduction](loss)


def _check_target(name, input, target, least_classes=2):
    """The target, as floats for a binary one, as int64 for classes; and whether it is binary."""
    check_type(name, torch.Tensor, "a tensor", target=target)
    target, shape = target.detach(), tuple(input.shape)
    if input.ndim >= 1 and target.shape == input.shape:
        target = target.to(input.dtype)
        if target.numel() and not (target.min() >= 0 and target.max() <= 1):                 # nan is not either
            raise ValueError(f"{name}: a binary target must be from 0 to 1, "
                             f"got numbers from {target.min()} to {target.max()}")
        return target, True
    if input.ndim < 2 or target.shape != input.shape[:1] + input.shape[2:]:
        raise ValueError(f"{name}: target must have the shape of input {shape}, or it without the axis of classes "
                         f"{shape[:1] + shape[2:]}, got {tuple(target.shape)}")
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"{name}: classes must be integers, got {target.dtype}")
    if input.shape[1] < least_classes:
        raise ValueError(f"{name}: input has {input.shape[1]} channels, but classes must be at least {least_classes}; "
                         f"a binary target must have the shape of input, {shape}")
    _check_classes(name, target, input.shape[1])
    return target.long(), False


def _check_classes(name, target, classes, besides=""):
    if target.numel() and not (0 <= target.min() and target.max() < classes):
        raise ValueError(f"{name}: target must hold classes from 0 to {classes - 1}{besides and ' ' + besides}, "
                         f"got numbers from {target.min()} to {target.max()}")
