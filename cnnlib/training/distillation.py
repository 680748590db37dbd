"""A small network learns what a large one thinks: `distill`, made of `cnnlib.losses` and the one training loop."""

import copy

import numpy as np
import torch

from ..checks import Positive, PositiveNumber, Seed, check_type, checked, require
from ..losses import distillation_loss
from ..modes import in_mode
from ..tensors import Net, check_dtype, move
from .classification import IGNORED
from .loop import train

__all__ = ["distill"]

ARRAYS = (np.ndarray, torch.Tensor, list, tuple)


@checked
def distill(student: Net, teacher: Net, x, y, epochs: Positive, lr: PositiveNumber = 1e-3, batch_size: Positive = 64,
            seed: Seed = 0, *, temperature=4.0, soft_weight=0.9, augment=None, optimizer=torch.optim.Adam, device=None,
            **options):
    """Train student, in place, on what teacher says of x and on the labels y (Hinton et al. 2015).

    loss = soft_weight · τ² KL(teacher ‖ student) + (1 − soft_weight) · cross-entropy(student, y)

    student, teacher: classifiers, (N, …) → (N, C); the teacher answers as in `eval()` and does not change.
    x: (N, …).  y: (N,) classes, −100 where there is no label, or None for no labels at all: then the teacher alone
    teaches. temperature, soft_weight: of `distillation_loss`.  augment: as in `fit`; the teacher then looks at what the
    student sees, in every step (Beyer et al. 2022), else once at the beginning.  epochs, lr, batch_size, seed,
    optimizer, device: as in `fit`; other options: as in `train`.  Returns the history of `train`.
    Raises TypeError or ValueError naming the argument.
    """
    if refused := {"loss", "validation", "patience"} & set(options):
        raise ValueError(f"distill: {', '.join(sorted(refused))} cannot be given; only `fit` takes it")
    if augment is not None and not callable(augment):
        raise TypeError(f"distill: augment must be None or a function, as in `fit`, got {augment!r}")
    check_type("distill", ARRAYS, "an array or a tensor", x=x)
    check_type("distill", (*ARRAYS, type(None)), "an array or a tensor", y=y)
    x = torch.as_tensor(x)
    y = torch.full((len(x),), IGNORED) if y is None else torch.as_tensor(y)
    require("distill", not y.is_floating_point() and y.dtype != torch.bool and y.shape == (len(x),) and len(x) > 0,
            f"y must be None or classes (N,) for x (N, …) with N ≥ 1, got {y.dtype} {tuple(y.shape)} for "
            f"{tuple(x.shape)}")
    teacher = copy.deepcopy(teacher).eval()
    for role, net in (("teacher", teacher), ("student", student)):
        check_dtype("distill", role, net, x)

    @torch.no_grad()
    def ask(images):
        """What the teacher thinks: logits (N, C)."""
        where = next((p.device for p in teacher.parameters()), images.device)
        return torch.cat([teacher(part.to(where)).cpu() for part in images.split(500)])

    def step(batch):
        images, labels, *logits = batch
        if augment is not None:
            images, labels = augment(images, labels, chance)
            logits = [ask(images)]
        outputs = student(images.to(device))
        return distillation_loss(outputs, *(part.to(device) for part in logits), temperature, labels.to(device).long(),
                                 soft_weight)

    device, chance = move("distill", student, device), torch.Generator().manual_seed(int(seed) + 1)
    if not isinstance(optimizer, torch.optim.Optimizer):
        optimizer = optimizer(student.parameters(), lr=float(lr))
    data = (x, y.long()) if augment is not None else (x, y.long(), ask(x))
    with in_mode(student, training=True):
        return train(step, data, optimizer, epochs=epochs, batch_size=batch_size, seed=seed, **options)
