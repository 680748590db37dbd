"""`fit`, the step of everyday: a network, images and what is to come out; and `accuracy`."""

import copy
import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..checks import Positive, PositiveNumber, Seed, check_type, checked, require
from ..modes import in_mode
from ..tensors import Net, check_dtype, describe_shape, move
from .loop import train

__all__ = ["accuracy", "fit"]

IGNORED = -100                                                           # torch's class number of what has no label


@checked
def fit(net: Net, x, y, epochs: Positive, lr: PositiveNumber = 1e-3, batch_size: Positive = 64, seed: Seed = 0, *,
        loss=F.cross_entropy, optimizer=torch.optim.Adam, schedule=None, accumulation_steps: Positive = 1,
        clip: PositiveNumber | None = None, augment=None, validation=None, patience: Positive | None = None,
        device=None, ema=None, progress=False):
    """Train a network in place: `train` with the step loss(net(x), y).  Returns its history.

    net: nn.Module from (N, …) to what `loss` takes.  x: (N, …) of the network's dtype, y: (N, …), class numbers or what
    else `loss` takes; NumPy arrays or tensors.  lr > 0.  seed: of the order of the images and of the augmentation; the
    weights and dropout draw from torch's own generator, see `set_seed`. Where the last batch is one image, batch norm
    on maps of 1×1 has nothing to average and torch raises "Expected more than 1 value per channel": take another
    batch_size.

    loss: loss(outputs, targets) → their mean, a scalar tensor. Of cross-entropy, `F.cross_entropy`, a
    `functools.partial` of it or `nn.CrossEntropyLoss(…)`, the weights of classes and the labels to ignore are known:
    where a batch is taken in parts, each counts as many labels as it has.
    optimizer: an optimiser, which keeps its own lr, or a function: optimizer(parameters, lr=lr) → an optimiser.
    augment: augment(images, targets, generator) → images, targets, drawn anew for every batch.
    validation: (x, y); measured after every epoch.
    patience: stop when the validation loss has not fallen for so many epochs; the best weights are put back.
    device: "cpu", "cuda", …: the network moves there; None: where it is.
    epochs, batch_size, schedule, accumulation_steps, clip, ema, progress: as in `train`.

    The history is that of `train`; with validation, the last row of each epoch has val_loss and, where y holds class
    numbers of outputs (N, classes, *), val_accuracy. The network is left in the mode, train or eval, in which it came.
    Raises TypeError or ValueError naming the argument; FloatingPointError when the loss is infinite or no number.
    """
    _check_functions(loss, optimizer, schedule, augment)
    device = move("fit", net, device)
    x, y = _pair("fit", net, x, y)
    if validation is not None:
        check_type("fit", (tuple, list), "(x, y)", validation=validation)
        require("fit", len(validation) == 2, f"validation must be (x, y), got {len(validation)} of them")
        validation = _pair("fit: validation", net, *validation)
    require("fit", patience is None or validation is not None, "patience needs validation data")
    require("fit", any(p.requires_grad for p in net.parameters()),
            "net has no parameter that can be trained (requires_grad)")
    if not isinstance(optimizer, torch.optim.Optimizer):
        optimizer = optimizer(net.parameters(), lr=float(lr))
    chance, best = torch.Generator().manual_seed(int(seed) + 1), _Best()

    def step(batch):
        images, targets = batch if augment is None else augment(*batch, chance)
        mean = loss(net(images.to(device)), targets.to(device))
        if not isinstance(mean, torch.Tensor) or mean.ndim:
            raise ValueError(f"fit: loss must give their mean, a scalar tensor, got {describe_shape(mean)}")
        return mean

    def after_epoch(row):
        row |= _measure(net, *validation, loss, batch_size)
        return patience is not None and best.is_over(row["val_loss"], net, patience)

    with in_mode(net, training=True):
        history = train(step, (x, y), optimizer, epochs=epochs, batch_size=batch_size, seed=seed, schedule=schedule,
                        accumulation_steps=accumulation_steps, clip=clip, ema=ema, weight=_labels(loss, y),
                        after_epoch=after_epoch if validation is not None else None, progress=progress)
    if best.weights is not None:
        net.load_state_dict(best.weights)
    return history


@checked
@torch.no_grad()
def accuracy(net: Net, x, y, batch_size: Positive = 500):
    """Share of x whose largest output is the right class, in [0, 1]; a class number of −100 is no label and counts not.

    net: (N, …) → (N, classes, *).  x: (N, …), y: (N, *) class numbers, as in `fit`; for images of class numbers the
    share of pixels.  batch_size: how many at a time. The network is left in the mode in which it came.
    Raises TypeError or ValueError for anything but a network, lengths that differ, y that holds no class numbers or
    not one label, and outputs that are not for such a y or of one class only, as from a single logit.
    """
    device = move("accuracy", net, None)
    x, y = _pair("accuracy", net, x, y)
    require("accuracy", not y.is_floating_point(), f"y must be class numbers, got {y.dtype}")
    labels = (y != IGNORED).sum().item()
    require("accuracy", labels, f"y must hold a label, got {IGNORED} only")
    hits = 0
    with in_mode(net, training=False):
        for a, b in zip(x.split(int(batch_size)), y.split(int(batch_size)), strict=True):
            outputs = net(a.to(device))
            require("accuracy", _are_classes(outputs, b), "y must be (N, *) for outputs (N, classes, *) with at least "
                    f"2 classes, got {tuple(b.shape)} for {describe_shape(outputs)}")
            hits += (outputs.argmax(1) == b.to(device)).sum().item()
    return hits / labels


# ---- helpers ---------------------------------------------------------------------------------------------------------

class _Best:
    """The weights of the epoch with the least validation loss, and how long ago that was."""

    def __init__(self):
        self.loss, self.age, self.weights = math.inf, 0, None

    def is_over(self, loss, net, patience):
        """Whether the loss has not fallen for `patience` epochs."""
        self.age += 1
        if loss < self.loss:
            self.loss, self.age, self.weights = loss, 0, copy.deepcopy(net.state_dict())
        return self.age >= patience


@torch.no_grad()
def _measure(net, x, y, loss, batch_size):
    """What validation adds to a row: val_loss and, where there are classes, val_accuracy."""
    device, weight, total, hits, classes = move("fit", net, None), _labels(loss, y), 0.0, 0, not y.is_floating_point()
    with in_mode(net, training=False):
        for a, b, w in zip(*(tensor.split(int(batch_size)) for tensor in (x, y, weight)), strict=True):
            outputs, b, counts = net(a.to(device)), b.to(device), w.sum().item()
            if counts:                                                   # else nothing in this part has a label
                total += loss(outputs, b).item() * counts
            classes = classes and _are_classes(outputs, b)
            if classes:
                hits += (outputs.argmax(1) == b).sum().item()
    found = (y != IGNORED).sum().item()
    mean = total / weight.sum().item() if weight.any() else math.nan
    return {"val_loss": mean} | ({"val_accuracy": hits / found if found else math.nan} if classes else {})


def _labels(loss, y):
    """How much each row of y counts in the mean that a loss gives: for cross-entropy Σ of the weights of its labels."""
    function = loss.func if isinstance(loss, functools.partial) else loss
    if y.is_floating_point() or not (function is F.cross_entropy or isinstance(function, nn.CrossEntropyLoss)):
        return torch.ones(len(y), dtype=torch.int64)
    options = loss.keywords if isinstance(loss, functools.partial) else vars(function)
    weight = options.get("weight")
    if weight is None and isinstance(function, nn.Module):
        weight = function.weight                                         # a buffer
    given = y != options.get("ignore_index", IGNORED)
    counts = given.long() if weight is None else torch.where(given, weight.detach().cpu().double()[y * given], 0.0)
    return counts.reshape(len(y), -1).sum(1)


def _are_classes(outputs, y):
    """Whether outputs are (N, at least 2 classes, *) for y (N, *)."""
    return isinstance(outputs, torch.Tensor) and outputs.ndim >= 2 and outputs.shape[1] >= 2 and \
        outputs.shape[:1] + outputs.shape[2:] == y.shape


def _pair(function, net, x, y):
    """x and y as tensors of one length, class numbers as int64."""
    if not all(isinstance(value, (np.ndarray, torch.Tensor, list, tuple)) for value in (x, y)):
        raise TypeError(f"{function}: x and y must be arrays or tensors, got {type(x).__name__} and {type(y).__name__}")
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    got = " and ".join(str(len(value) if value.ndim else value.item()) for value in (x, y))
    require(function, x.ndim and y.ndim and len(x) == len(y) > 0, f"x and y must have the same length ≥ 1, got {got}")
    check_dtype(function, "network", net, x)
    return x, y if y.is_floating_point() else y.long()


def _check_functions(loss, optimizer, schedule, augment):
    if isinstance(loss, type) or not callable(loss):
        raise TypeError(f"fit: loss must be a function, as F.mse_loss, or an object, as nn.MSELoss(), got {loss!r}")
    if not isinstance(optimizer, torch.optim.Optimizer) and not callable(optimizer):
        raise TypeError(f"fit: optimizer must be an optimiser or make one, as torch.optim.SGD, got {optimizer!r}")
    for name, value, example in [("schedule", schedule, "one_cycle"), ("augment", augment, "augment(x, y, generator)")]:
        if value is not None and not callable(value):
            raise TypeError(f"fit: {name} must be None or a function, as {example}, got {value!r}")
