"""Attacks that know the network: the small change δ of an image that makes the loss large, found by gradients.

A network here takes images in [0, 1] and gives logits; what normalises the images belongs into the network. Every
attack returns images in [0, 1] that lie within ε of those given, and leaves the network in its mode and with its
gradients.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F

from ..checks import NonNegativeNumber, Positive, PositiveNumber, Seed, checked, require
from ..modes import in_mode
from ..tensors import Floats, Net, check_range

__all__ = ["carlini_wagner", "fgsm", "margin", "pgd", "project", "random_start", "robust_accuracy"]

Norm = Literal["inf", "2"]
Loss = Literal["cross_entropy", "margin"]


# ---- the ball --------------------------------------------------------------------------------------------------------

@checked
def project(x: Floats, center: Floats, eps: NonNegativeNumber, norm: Norm = "inf"):
    """Bring images back into the ball of radius ε around others, and into [0, 1].

    "inf": |x − center| ≤ ε for each number;  "2": ‖x − center‖₂ ≤ ε for each image by itself.

    x, center: (N, …) of one shape, center in [0, 1].  → tensor of that shape.  For "inf" it is the nearest point of
    both sets; for "2" the ball first, then the range: clipping brings no number farther from center.
    Raises TypeError or ValueError naming the argument.
    """
    require("project", x.shape == center.shape and x.ndim > 1,
            f"x and center must have one shape (N, …), got {tuple(x.shape)} and {tuple(center.shape)}")
    if norm == "inf":
        return torch.clamp(x, center - eps, center + eps).clamp(0, 1)
    delta = x - center
    length = delta.flatten(1).norm(dim=1).clamp(min=1e-12)
    return (center + delta * _per_image((eps / length).clamp(max=1), x)).clamp(0, 1)


def _per_image(values, x):
    """(N,) → (N, 1, …, 1), with as many axes as x."""
    return values.reshape(-1, *[1] * (x.ndim - 1))


@checked
def random_start(x: Floats, eps: NonNegativeNumber, norm: Norm = "inf", seed: Seed = 0):
    """Images drawn at random from the ball of radius ε around those given, then brought into [0, 1].

    "inf": uniform in the ball.  "2": a direction uniform on the sphere, and a length uniform in [0, ε]. Points uniform
    in a ball of 784 dimensions would nearly all lie within 1 % of its surface, a long way from the image.
    x: (N, …) in [0, 1].  → tensor of that shape.  Raises TypeError or ValueError naming the argument.
    """
    chance = torch.Generator().manual_seed(int(seed))
    if norm == "inf":
        delta = (2 * torch.rand(x.shape, generator=chance, dtype=x.dtype) - 1) * eps
    else:
        direction = torch.randn(x.shape, generator=chance, dtype=x.dtype).flatten(1)
        length = eps * torch.rand(len(x), 1, generator=chance, dtype=x.dtype)
        delta = (direction / direction.norm(dim=1, keepdim=True) * length).reshape(x.shape)
    return project(x + delta.to(x.device), x, eps, norm)


# ---- what is made large ----------------------------------------------------------------------------------------------

@checked
def margin(logits: Floats, labels):
    """How far the logit of the label lies above the best other:  m = z_y − max_{j≠y} z_j;  below 0: another class wins.

    logits: (N, classes ≥ 2).  labels: (N,) class numbers.  → (N,).  Raises TypeError or ValueError.
    """
    labels = _labels("margin", logits, labels)
    _check_logits("margin", logits, labels)
    own = logits.gather(1, labels[:, None])[:, 0]
    return own - logits.scatter(1, labels[:, None], -math.inf).amax(1)


def _labels(name, images, labels):
    """The labels as a tensor beside the images, one for each."""
    labels = torch.as_tensor(labels, device=images.device)
    require(name, labels.ndim == 1 and len(labels) == len(images) and not labels.is_floating_point(),
            f"labels must be ({len(images)},) class numbers, one for each image, got {labels.dtype} of shape "
            f"{tuple(labels.shape)}")
    return labels.long()


def _check_logits(name, logits, labels):
    require(name, logits.ndim == 2 and logits.shape[1] > 1,
            f"logits must be (N, classes) of at least 2 classes, got shape {tuple(logits.shape)}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        require(name, False, f"labels must be from 0 to {logits.shape[1] - 1}, got {labels.min()} … {labels.max()}")


def _loss(logits, labels, loss, targeted):
    """What the attack makes large, (N,): away from the labels, or, where they are targets, towards them."""
    away = F.cross_entropy(logits, labels, reduction="none") if loss == "cross_entropy" else -margin(logits, labels)
    return -away if targeted else away


def _gradient(name, net, x, labels, loss, targeted):
    """→ ∂loss/∂x of each image, the shape of x, and the logits; nothing is added to the gradients of net."""
    x = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        logits = net(x)
        _check_logits(name, logits, labels)
        slope, = torch.autograd.grad(_loss(logits, labels, loss, targeted).sum(), x)
    return slope, logits.detach()


def _check(name, net, x, labels):
    require(name, x.ndim > 1 and len(x), f"x must be (N, …) with N ≥ 1, got shape {tuple(x.shape)}")
    check_range(name, 0, 1, x=x)
    return _labels(name, x, labels)


# ---- attacks ---------------------------------------------------------------------------------------------------------

@checked
def fgsm(net: Net, x: Floats, labels, eps: NonNegativeNumber, *, targeted=False, loss: Loss = "cross_entropy"):
    """One step of length ε in the direction that a linear model could not do worse in.

    x' = clip(x + ε sign ∂L/∂x, 0, 1)

    net: (N, …) → logits (N, classes).  x: (N, …) in [0, 1].  labels: (N,), of the images, or, targeted, of what they
    shall be taken for; then the step goes down the loss.  eps: in units of x, 8/255 or 0.2.
    loss: "cross_entropy", or "margin", −`margin`, whose gradient does not vanish where softmax is sure.
    → tensor of the shape of x.  net runs in eval mode; its mode and its gradients stay as they were.
    Raises TypeError or ValueError naming the argument.  Source: Goodfellow, Shlens & Szegedy (2015).
    """
    labels, x = _check("fgsm", net, x, labels), x.detach()
    with in_mode(net, training=False):
        return project(x + eps * _gradient("fgsm", net, x, labels, loss, targeted)[0].sign(), x, eps)


@checked
def pgd(net: Net, x: Floats, labels, eps: NonNegativeNumber, *, norm: Norm = "inf", steps: Positive = 20,
        step_size: PositiveNumber | None = None, start: Literal["random", "image"] = "random", restarts: Positive = 1,
        keep: Literal["best", "last"] = "best", targeted=False, loss: Loss = "cross_entropy", seed: Seed = 0):
    """Many small steps up the loss, each brought back into the ball: projected gradient descent.

    x_{k+1} = project(x_k + α s_k),    s_k = sign g_k for "inf",  g_k / ‖g_k‖₂ for "2",    g_k = ∂L/∂x at x_k

    norm: of the ball of radius eps.  step_size: α; None: 2.5 ε / steps, so that every point can be reached.
    start: "random", from the ball, or "image".  restarts: how often.  seed: of the starts.
    keep: what is returned of each image: "best", of all that it became on its ways that with the smallest `margin` of
    its label, targeted the largest, so that what has crossed the boundary is not lost by a later step; or "last", the
    end of its last way, for training.
    net, x, labels, targeted, loss and what stays as it was: as in `fgsm`.  → tensor of the shape of x.
    Raises TypeError or ValueError naming the argument.  Source: Madry et al. (2018).
    """
    labels, x = _check("pgd", net, x, labels), x.detach()
    step_size = 2.5 * eps / steps if step_size is None else step_size
    best, smallest = x, torch.full((len(x),), math.inf, dtype=x.dtype, device=x.device)

    def look(at, logits):
        nonlocal best, smallest
        found = margin(logits, labels) * (-1 if targeted else 1)
        best = torch.where(_per_image(found < smallest, x), at, best)
        smallest = torch.minimum(found, smallest)

    with in_mode(net, training=False):
        for restart in range(restarts):
            at = random_start(x, eps, norm, (int(seed) + restart) % 2**32) if start == "random" else x
            for _ in range(steps):
                slope, logits = _gradient("pgd", net, at, labels, loss, targeted)
                look(at, logits)
                if norm == "2":
                    step = slope / _per_image(slope.flatten(1).norm(dim=1).clamp(min=1e-12), x)
                else:
                    step = slope.sign()
                at = project(at + step_size * step, x, eps, norm)
            if keep == "best":
                with torch.no_grad():
                    look(at, net(at))
    return best if keep == "best" else at


@checked
def carlini_wagner(net: Net, x: Floats, labels, *, confidence: NonNegativeNumber = 0, c: PositiveNumber = 1.0,
                   searches: Positive = 5, steps: Positive = 100, lr: PositiveNumber = 0.05, targeted=False):
    """The nearest image, by ‖·‖₂, that another class wins: no ε is given, a distance is found.

    min over w  of  ‖x' − x‖₂² + c max(m(x') + κ, 0),    x' = (1 + tanh w) / 2,    m: `margin`, targeted −`margin`

    tanh keeps x' in [0, 1], so that nothing needs to be clipped. c is searched for each image by itself: halfway to the
    largest that failed where it has succeeded, else ten times larger, or halfway to the smallest that succeeded.
    confidence: κ, by which the other class has to win.  c: where the search begins.  searches: how many c are tried.
    steps, lr: of Adam for each c.
    → tensor of the shape of x, of each image the nearest that was met; where none was met, the image as it came, as
    also where it is won by another class already.
    net, x, labels, targeted and what stays as it was: as in `fgsm`.
    Raises TypeError or ValueError naming the argument.  Source: Carlini & Wagner (2017).
    """
    labels, x = _check("carlini_wagner", net, x, labels), x.detach()
    begin = torch.atanh((2 * x - 1) * (1 - 1e-3))              # where tanh still has a slope, at black and white too
    best, nearest = x.clone(), torch.full_like(x.flatten(1)[:, 0], math.inf)
    low, high, c = torch.zeros_like(nearest), torch.full_like(nearest, math.inf), torch.full_like(nearest, float(c))
    sign = -1 if targeted else 1

    def look(at):
        """Margin, square of the distance, and whether the image is one that was looked for."""
        logits = net(at)
        _check_logits("carlini_wagner", logits, labels)
        m = sign * margin(logits, labels)
        return m, (at - x).square().flatten(1).sum(1), (m < 0) & (m <= -confidence)

    with in_mode(net, training=False), torch.enable_grad():
        nearest[look(x)[2]] = 0
        for _ in range(searches):
            w = begin.clone().requires_grad_()
            adam, met = torch.optim.Adam([w], lr), torch.zeros_like(nearest, dtype=torch.bool)
            for step in range(steps + 1):
                at = (1 + torch.tanh(w)) / 2
                m, square, found = look(at)
                met |= found
                better = found & (square.detach() < nearest)
                nearest = torch.where(better, square.detach(), nearest)
                best = torch.where(_per_image(better, x), at.detach(), best)
                if step < steps:
                    w.grad, = torch.autograd.grad((square + c * (m + confidence).clamp(min=0)).sum(), w)
                    adam.step()
            high, low = torch.where(met, c, high), torch.where(met, low, c)
            c = torch.where(high.isinf(), 10 * c, (low + high) / 2)
    return best


@checked
def robust_accuracy(net: Net, x: Floats, labels, attack=None):
    """The share of images that are still given their label when attacked: of all images, those already wrong too.

    attack: attack(net, x, labels) → images; None: none.  net, x, labels: as in `fgsm`.  → float in [0, 1].
    net runs in eval mode, and its mode and its gradients stay as they were.
    Raises TypeError or ValueError naming the argument.
    """
    labels = _check("robust_accuracy", net, x, labels)
    with in_mode(net, training=False):
        images = x if attack is None else attack(net, x, labels)
        require("robust_accuracy", images.shape == x.shape,
                f"attack must return images of shape {tuple(x.shape)}, got {tuple(images.shape)}")
        with torch.no_grad():
            return float((net(images).argmax(1) == labels).double().mean())
