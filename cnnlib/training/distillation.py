"""A small network learns what a large one thinks: `distill`, made of `cnnlib.losses` and the one training loop."""

import copy

import numpy as np
import torch
from torch import nn

from ..losses import distillation_loss
from .loop import _check_dtype, fit

__all__ = ["distill"]


def distill(student, teacher, x, y, epochs, lr=1e-3, batch_size=64, seed=0, *, temperature=4.0, soft_weight=0.9,
            augment=None, **options):
    """Train student, in place, on what teacher says of x and on the labels y (Hinton et al. 2015).

    loss = soft_weight · τ² KL(teacher ‖ student) + (1 − soft_weight) · cross-entropy(student, y)

    student, teacher: classifiers, (N, …) → (N, C); the teacher answers as in `eval()` and does not change.
    x: (N, …).  y: (N,) classes, −100 where there is no label, or None for no labels at all: then the teacher alone
    teaches. temperature, soft_weight: of `distillation_loss`.  augment: as in `fit`; the teacher then looks at what the
    student sees, in every step (Beyer et al. 2022), else once at the beginning.  epochs, lr, batch_size, seed and all
    other options, but loss and validation: as in `fit`.  Returns the history of `fit`.
    Raises TypeError or ValueError naming the argument.
    """
    for argument, net in {"student": student, "teacher": teacher}.items():
        if not isinstance(net, nn.Module):
            raise TypeError(f"distill: {argument} must be an nn.Module, got {type(net).__name__}")
    if refused := {"loss", "validation", "patience"} & set(options):
        raise ValueError(f"distill: {', '.join(sorted(refused))} cannot be given; only `fit` takes it")
    if augment is not None and not callable(augment):
        raise TypeError(f"distill: augment must be None or a function, as in `fit`, got {augment!r}")
    for argument, value in {"x": x, "y": y}.items():
        if not isinstance(value, (np.ndarray, torch.Tensor, list, tuple)) and not (argument == "y" and y is None):
            raise TypeError(f"distill: {argument} must be an array or a tensor, got {type(value).__name__}")
    x = torch.as_tensor(x)
    y = torch.full((len(x),), -100) if y is None else torch.as_tensor(y)
    if y.is_floating_point() or y.dtype == torch.bool or y.shape != (len(x),) or len(x) == 0:
        raise ValueError(f"distill: y must be None or classes (N,) for x (N, …) with N ≥ 1, "
                         f"got {y.dtype} {tuple(y.shape)} for {tuple(x.shape)}")

    teacher = copy.deepcopy(teacher).eval()
    device = next((p.device for p in teacher.parameters()), x.device)
    _check_dtype("distill", "teacher", teacher, x)

    def ask(images, labels):
        """What `fit` hands to the loss: the teacher's logits and the label in one row, (N, C + 1)."""
        with torch.no_grad():
            logits = torch.cat([teacher(part.to(device)).cpu() for part in images.split(500)])
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))                 # class numbers are exact
        return torch.cat([logits, labels[:, None].to(logits)], 1)

    def augment_and_ask(images, labels, generator):
        images, labels = augment(images, labels, generator)
        return images, ask(images, labels)

    def loss(outputs, row):
        return distillation_loss(outputs, row[:, :-1], temperature, row[:, -1].long(), soft_weight)

    if augment is not None:
        return fit(student, x, y, epochs, lr, batch_size, seed, loss=loss, augment=augment_and_ask, **options)
    return fit(student, x, ask(x, y), epochs, lr, batch_size, seed, loss=loss, **options)
