"""The training loop that the chapters share, and what is often asked of it: seeds, schedules, a history, accuracy."""

import copy
import math
import random
from numbers import Integral, Real

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from ..modes import in_mode

__all__ = ["accuracy", "fit", "one_cycle", "set_seed", "warmup_cosine"]


def fit(net, x, y, epochs, lr=1e-3, batch_size=64, seed=0, *, loss=F.cross_entropy, optimizer=torch.optim.Adam,
        schedule=None, accumulation_steps=1, clip=None, augment=None, validation=None, patience=None,
        device=None, progress=False):
    """Train a network in place.  Returns its history, a table with a row for every step.

    net: nn.Module from (N, …) to what `loss` takes.  x: (N, …) of the network's dtype, y: (N, …), class numbers or what
    else `loss` takes; NumPy arrays or tensors.  epochs, batch_size, accumulation_steps: ints ≥ 1, lr > 0.  seed: of
    the order of the images and of the augmentation, an int from 0 to 2³² − 1; the weights and dropout draw from torch's
    own generator, see `set_seed`.  The last batch holds what is left over. Where that is one image, batch norm on maps
    of 1×1 has nothing to average and torch raises "Expected more than 1 value per channel": take another batch_size.

    loss: loss(outputs, targets) → their mean, a scalar tensor.
    optimizer: an optimiser, which keeps its own lr, or a function: optimizer(parameters, lr=lr) → an optimiser.
    schedule: schedule(optimizer, steps) → one of torch's lr_schedulers, e.g. `one_cycle`; it moves after every step.
    accumulation_steps: a step sums the gradients of so many batches, as if of one of batch_size·accumulation_steps.
    clip: how long all gradients together, as one vector, may be; a longer one is shortened (Pascanu et al. 2013).
    augment: augment(images, targets, generator) → images, targets, drawn anew for every batch.
    validation: (x, y); measured after every epoch.
    patience: stop when the validation loss has not fallen for so many epochs; the best weights are put back.
    device: "cpu", "cuda", …: the network moves there; None: where it is.  progress: show a bar with the loss.

    The history is a pandas.DataFrame of the columns epoch and step (from 1), lr and loss; with clip gradient_norm, the
    length before it is shortened; with validation, in the last row of each epoch, val_loss and, where y holds class
    numbers of outputs (N, classes, *), val_accuracy. The network is left in the mode, train or eval, in which it came.
    Raises TypeError or ValueError naming the argument; FloatingPointError when the loss is infinite or no number.
    """
    epochs, batch_size = _check_count("fit", "epochs", epochs), _check_count("fit", "batch_size", batch_size)
    accumulation_steps = _check_count("fit", "accumulation_steps", accumulation_steps)
    seed = _check_seed("fit", seed)
    for name, value in {"lr": lr, **({} if clip is None else {"clip": clip})}.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"fit: {name} must be a number, got {value!r}")
        if not value > 0:
            raise ValueError(f"fit: {name} must be positive, got {value}")
    lr, clip = float(lr), None if clip is None else float(clip)
    if isinstance(loss, type) or not callable(loss):
        raise TypeError(f"fit: loss must be a function, as F.mse_loss, or an object, as nn.MSELoss(), got {loss!r}")
    if not isinstance(optimizer, torch.optim.Optimizer) and not callable(optimizer):
        raise TypeError(f"fit: optimizer must be an optimiser or make one, as torch.optim.SGD, got {optimizer!r}")
    for name, value, example in [("schedule", schedule, "one_cycle"), ("augment", augment, "augment(x, y, generator)")]:
        if value is not None and not callable(value):
            raise TypeError(f"fit: {name} must be None or a function, as {example}, got {value!r}")
    device = _move("fit", net, device)
    x, y = _pair("fit", net, x, y)
    if validation is not None:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise TypeError(f"fit: validation must be (x, y), got {type(validation).__name__}")
        validation = _pair("fit: validation", net, *validation)
    if patience is not None:
        patience = _check_count("fit", "patience", patience)
        if validation is None:
            raise ValueError("fit: patience needs validation data")
    if not any(p.requires_grad for p in net.parameters()):
        raise ValueError("fit: net has no parameter that can be trained (requires_grad)")
    if not isinstance(optimizer, torch.optim.Optimizer):
        optimizer = optimizer(net.parameters(), lr=lr)

    steps = epochs * math.ceil(len(x) / (batch_size * accumulation_steps))
    scheduler = schedule(optimizer, steps) if schedule is not None else None
    order, chance = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
    rows, best = [], (math.inf, 0, None)                                     # loss, epoch, weights
    with in_mode(net, training=True), tqdm(total=steps, disable=not progress) as bar:
        for epoch in range(1, epochs + 1):
            for batch in torch.randperm(len(x), generator=order).split(batch_size * accumulation_steps):
                row = {"epoch": epoch, "step": len(rows) + 1, "lr": optimizer.param_groups[0]["lr"], "loss": 0.0}
                optimizer.zero_grad()
                for part in batch.split(batch_size):
                    images, targets = x[part], y[part]
                    if augment is not None:
                        images, targets = augment(images, targets, chance)
                    mean = loss(net(images.to(device)), targets.to(device))
                    if not isinstance(mean, torch.Tensor) or mean.ndim:
                        raise ValueError(f"fit: loss must give their mean, a scalar tensor, got {_describe(mean)}")
                    mean = mean * (len(part) / len(batch))                   # the last part may have fewer images
                    mean.backward()
                    row["loss"] += mean.item()
                if not math.isfinite(row["loss"]):
                    raise FloatingPointError(f"fit: the loss is {row['loss']} at step {row['step']} (epoch {epoch}, lr "
                                             f"{row['lr']:.3g}): try a smaller lr or clip, and look at the input")
                if clip is not None:
                    row["gradient_norm"] = nn.utils.clip_grad_norm_(net.parameters(), clip).item()
                optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                rows.append(row)
                bar.update()
                bar.set_postfix(epoch=epoch, loss=f"{row['loss']:.3f}", refresh=False)
            if validation is not None:
                row |= _measure(net, *validation, loss, batch_size)
                if patience is not None and row["val_loss"] < best[0]:
                    best = row["val_loss"], epoch, copy.deepcopy(net.state_dict())
                if patience is not None and epoch - best[1] >= patience:
                    break
    if best[2] is not None:
        net.load_state_dict(best[2])
    return pd.DataFrame(rows)


@torch.no_grad()
def accuracy(net, x, y, batch_size=500):
    """Share of x whose largest output is the right class, in [0, 1].

    net: (N, …) → (N, classes, *).  x: (N, …), y: (N, *) class numbers, as in `fit`; for images of class numbers the
    share of pixels.  batch_size: how many at a time. The network is left in the mode in which it came.
    Raises TypeError or ValueError for what is no network, lengths that differ, y that is no class numbers, and outputs
    that are not for such a y or of one class only, as from a single logit.
    """
    device = _move("accuracy", net, None)
    batch_size = _check_count("accuracy", "batch_size", batch_size)
    x, y = _pair("accuracy", net, x, y)
    if y.is_floating_point():
        raise ValueError(f"accuracy: y must be class numbers, got {y.dtype}")
    hits = 0
    with in_mode(net, training=False):
        for a, b in zip(x.split(batch_size), y.split(batch_size), strict=True):
            outputs = net(a.to(device))
            if not _are_classes(outputs, b):
                raise ValueError("accuracy: y must be (N, *) for outputs (N, classes, *) with at least 2 classes, "
                                 f"got {tuple(b.shape)} for {_describe(outputs)}")
            hits += (outputs.argmax(1) == b.to(device)).sum().item()
    return hits / y.numel()


def one_cycle(optimizer, steps):
    """For `fit`: the rate rises from lr/25 to lr in the first 30 % of the steps, then falls to nearly 0 (Smith 2018).

    optimizer: whose lr is the highest rate.  steps: how many there will be.
    → torch's OneCycleLR with its defaults; where there is a momentum it falls and rises against the rate.
    Raises TypeError or ValueError for other arguments.
    """
    steps = _check_schedule("one_cycle", optimizer, steps)
    momentum = all("betas" in group or group.get("momentum") for group in optimizer.param_groups)
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, [group["lr"] for group in optimizer.param_groups],
                                               total_steps=steps, cycle_momentum=momentum)


def warmup_cosine(optimizer, steps, warmup=0.1):
    """For `fit`: the rate rises evenly to lr, then falls to 0 along a cosine (Goyal et al., Loshchilov & Hutter 2017).

    lr · (t + 1)/w for t < w,   lr · (1 + cos(π·(t − w)/(steps − w)))/2 from there on     t = 0, …, steps − 1

    warmup: w as a share of the steps, from 0 up to 1; `functools.partial(warmup_cosine, warmup=0.2)` is a schedule too.
    → torch's LambdaLR.  Raises TypeError or ValueError for other arguments.
    """
    steps = _check_schedule("warmup_cosine", optimizer, steps)
    if isinstance(warmup, bool) or not isinstance(warmup, Real):
        raise TypeError(f"warmup_cosine: warmup must be a number, got {warmup!r}")
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup_cosine: warmup must be from 0 up to 1, got {warmup}")
    w = int(warmup * steps)

    def factor(t):
        return (t + 1) / w if t < w else (1 + math.cos(math.pi * (t - w) / (steps - w))) / 2
    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def set_seed(seed):
    """Start the generators of Python, NumPy and torch, on every device, from one seed.

    What is drawn after that repeats itself: a network's first weights, dropout.
    Raises TypeError or ValueError unless seed is an int from 0 to 2³² − 1, the largest that NumPy takes.
    """
    seed = _check_seed("set_seed", seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


# ---- helpers ---------------------------------------------------------------------------------------------------------

@torch.no_grad()
def _measure(net, x, y, loss, batch_size):
    """What validation adds to a row: val_loss and, where there are classes, val_accuracy."""
    device, total, hits, classes = _move("fit", net, None), 0.0, 0, not y.is_floating_point()
    with in_mode(net, training=False):
        for a, b in zip(x.split(batch_size), y.split(batch_size), strict=True):
            outputs, b = net(a.to(device)), b.to(device)
            total += loss(outputs, b).item() * len(a)
            classes = classes and _are_classes(outputs, b)
            if classes:
                hits += (outputs.argmax(1) == b).sum().item()
    return {"val_loss": total / len(x)} | ({"val_accuracy": hits / y.numel()} if classes else {})


def _are_classes(outputs, y):
    """Whether outputs are (N, at least 2 classes, *) for y (N, *)."""
    return isinstance(outputs, torch.Tensor) and outputs.ndim >= 2 and outputs.shape[1] >= 2 and \
        outputs.shape[:1] + outputs.shape[2:] == y.shape


def _move(function, net, device):
    """Move the network, if it is told where; → the device of its first parameter."""
    if not isinstance(net, nn.Module):
        raise TypeError(f"{function}: net must be a torch.nn.Module, got {type(net).__name__}")
    try:
        if device is not None:
            net.to(device)
    except (RuntimeError, AssertionError, TypeError) as error:               # each is what torch raises for some device
        raise ValueError(f"{function}: device {device!r} cannot be used: {error}") from None
    return next((p.device for p in net.parameters()), torch.device("cpu"))


def _pair(function, net, x, y):
    """x and y as tensors of one length, class numbers as int64."""
    if not all(isinstance(value, (np.ndarray, torch.Tensor, list, tuple)) for value in (x, y)):
        raise TypeError(f"{function}: x and y must be arrays or tensors, got {type(x).__name__} and {type(y).__name__}")
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise ValueError(f"{function}: x and y must have the same length ≥ 1, "
                         f"got {' and '.join(str(len(value) if value.ndim else value.item()) for value in (x, y))}")
    _check_dtype(function, "network", net, x)
    return x, y if y.is_floating_point() else y.long()


def _check_dtype(function, role, net, x):
    dtype = next((p.dtype for p in net.parameters() if p.is_floating_point()), x.dtype)
    words = any(isinstance(module, (nn.Embedding, nn.EmbeddingBag)) for module in net.modules())         # take ints
    if x.dtype != dtype and (x.is_floating_point() or not words):
        hint = "" if x.is_floating_point() else "; of bytes make floats, as x / 255"
        raise ValueError(f"{function}: x must have the dtype of the {role}, {dtype}, got {x.dtype}{hint}")


def _describe(value):
    return f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__


def _check_seed(function, seed):
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise TypeError(f"{function}: seed must be an int, got {seed!r}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"{function}: seed must be from 0 to 2³² − 1, got {seed}")
    return int(seed)


def _check_count(function, name, value):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{function}: {name} must be an int, got {value!r}")
    if value < 1:
        raise ValueError(f"{function}: {name} must be positive, got {value}")
    return int(value)


def _check_schedule(function, optimizer, steps):
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"{function}: optimizer must be a torch optimiser, got {type(optimizer).__name__}")
    return _check_count(function, "steps", steps)
