"""The training loop: `train` takes a step of any kind; what it keeps, a loop of one's own can keep too, as a GAN's.

    net, x = …
    def step(batch):
        images, = batch
        reconstruction, kl = net(images)
        return {"reconstruction": F.mse_loss(reconstruction, images), "kl": kl}
    history = train(step, x, torch.optim.Adam(net.parameters()), epochs=5, schedule=one_cycle)
"""

import math
import random

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from ..checks import Positive, PositiveNumber, Seed, Share, called, check_positive, check_type, checked, kind, require
from ..tensors import Net, describe_shape
from .schedules import Optimizer

__all__ = ["EMA", "History", "batches", "device", "set_seed", "train"]

COLUMNS = ("epoch", "step", "lr", "loss", "gradient_norm")               # of the history; no loss may have such a name


def _check_function(name, /, **values):
    for argument, value in values.items():
        if not callable(value):
            raise TypeError(f"{called(name)}: {argument} must be a function, got {value!r}")


Function = kind(object, _check_function)


@checked
def train(step: Function, data, optimizer: Optimizer, *, epochs: Positive | None = None, steps: Positive | None = None,
          batch_size: Positive = 64, seed: Seed = 0, schedule: Function | None = None, accumulation_steps: Positive = 1,
          clip: PositiveNumber | None = None, ema=None, weight=None, after_epoch: Function | None = None,
          progress=False):
    """Minimise what `step` returns.  Returns the history, a table with a row for every step of the optimiser.

    step: step(batch) → the loss, a scalar tensor, or losses by name, {"reconstruction": …, "kl": …}, whose sum is
    minimised and each of which has a column.  batch: a tuple, of each array in data those rows that are drawn.
    data: an array or tensor (N, …), or a tuple of them of one length N.  optimizer: one of torch's.
    epochs or steps: how long; every epoch takes all rows in a new order, drawn from seed; the last batch holds what is
    left over.  batch_size: rows of a batch.  accumulation_steps: a step of the optimiser sums the gradients of so many
    batches, as if of one of batch_size·accumulation_steps rows.  weight: (N,), how much each row counts in the mean
    that step returns, as the number of its labels; where a batch is taken in parts, they count so.  Default: all alike.
    schedule: schedule(optimizer, steps) → one of torch's lr_schedulers, e.g. `one_cycle`; it moves after every step.
    clip: how long all gradients together, as one vector, may be; a longer one is shortened (Pascanu et al. 2013).
    ema: an `EMA`, which follows.  after_epoch: after_epoch(row) is called with the last row of each epoch, a dict to
    which it may add; where it returns True, the training ends.  progress: show a bar with the losses.

    The history is a pandas.DataFrame of the columns epoch and step (from 1), lr, loss, the losses by name, with clip
    gradient_norm, the length before it is shortened, and what after_epoch adds. The modes of networks are the caller's.
    Raises TypeError or ValueError naming the argument; FloatingPointError when the loss is infinite or no number.
    """
    check_type("train", (EMA, type(None)), "None or an EMA", ema=ema)
    tensors = _tensors("train", "data", data)
    batch_size = int(batch_size)                                         # torch's split takes no int of NumPy's
    rows_of_a_step = batch_size * int(accumulation_steps)
    steps = _steps(epochs, steps, math.ceil(len(tensors[0]) / rows_of_a_step))
    weight = torch.ones(len(tensors[0]), dtype=torch.int64) if weight is None else torch.as_tensor(weight)
    require("train", weight.shape == tensors[0].shape[:1],
            f"weight must have one number for each row, {len(tensors[0])}, got {describe_shape(weight)}")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    scheduler = schedule(optimizer, steps) if schedule is not None else None
    with History(steps, progress) as history:
        for epoch, rows, last in _draw(len(tensors[0]), rows_of_a_step, steps, seed):
            lr, losses, whole = optimizer.param_groups[0]["lr"], {}, weight[rows].sum().item()
            optimizer.zero_grad()
            for part in rows.split(batch_size):
                share = weight[part].sum().item() / whole if whole else len(part) / len(rows)
                if share:                                                # else nothing in this part counts
                    scaled = {name: loss * share for name, loss in _named(step(_take(tensors, part))).items()}
                    sum(scaled.values()).backward()
                    losses = {name: losses.get(name, 0.0) + loss.item() for name, loss in scaled.items()}
            row = history.add(epoch=epoch, lr=lr, **_totalled(losses))
            if not math.isfinite(row["loss"]):
                raise FloatingPointError(f"train: the loss is {row['loss']} at step {row['step']} (epoch {epoch}, lr "
                                         f"{lr:.3g}): try a smaller lr or clip, and look at the input")
            if clip is not None:
                row["gradient_norm"] = nn.utils.clip_grad_norm_(parameters, clip).item()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            if ema is not None:
                ema.update()
            if last and after_epoch is not None and after_epoch(row):
                break
    return history.table()


def batches(*arrays, batch_size=64, generator=None):
    """The rows of arrays in a new random order, for a loop of one's own:  for images, labels in batches(x, y): …

    arrays: (N, …) of one length N, NumPy's or tensors.  generator: torch's, of the order; None: torch's own.
    → tuples of tensors (batch_size, …), once through; the last holds what is left over.
    Raises TypeError or ValueError naming the argument.
    """
    check_positive("batches", batch_size=batch_size)
    tensors = _tensors("batches", "arrays", arrays)
    order = torch.randperm(len(tensors[0]), generator=generator)
    return (_take(tensors, rows) for rows in order.split(int(batch_size)))


def device():
    """Where to train: torch.device("cuda"), a GPU, if torch finds one, else the CPU.

    Move network and data there:  net.to(device()). (Not to Apple's "mps", which has no float64.)
    """
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class History:
    """What happens in a training: rows of a table, and the bar that shows the last one.

        with History(steps, progress=True) as history:
            for …: history.add(generator=loss_g, discriminator=loss_d)
        history.table()

    steps: how many rows there will be, for the bar; None where that is not known.
    """

    def __init__(self, steps=None, progress=False):
        self.rows = []
        self.bar = tqdm(total=steps, disable=not progress)

    def add(self, **row):
        """A row of numbers, Python's or tensors of one element; it gets the number of its step.  → the row, a dict."""
        numbers = {name: value.item() if isinstance(value, torch.Tensor) else value for name, value in row.items()}
        epoch = {"epoch": numbers.pop("epoch")} if "epoch" in numbers else {}
        self.rows.append({**epoch, "step": len(self.rows) + 1, **numbers})
        self.bar.update()
        shown = {name: f"{value:.3f}" for name, value in numbers.items() if name != "lr"}
        self.bar.set_postfix({**epoch, **shown}, refresh=False)
        return self.rows[-1]

    def table(self):
        """→ a pandas.DataFrame with a row for every `add`."""
        return pd.DataFrame(self.rows)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.bar.close()


@checked
class EMA(AveragedModel):
    """A copy of a network whose weights follow slowly: θ̄ ← decay · θ̄ + (1 − decay) · θ  (Polyak & Juditsky 1992).

    net: an nn.Module.  decay: from 0 to 1.  It is called as the network is, and starts as a copy of its first weights
    after a step. torch's AveragedModel, with its buffers averaged too.  Raises TypeError or ValueError naming the
    argument.
    """

    def __init__(self, net: Net, decay: Share = 0.999):
        super().__init__(net, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
        self._followed = [net]                                           # in a list it is no part of this module

    def update(self):
        """Follow: called by `train` after every step."""
        self.update_parameters(*self._followed)


@checked
def set_seed(seed: Seed):
    """Start the generators of Python, NumPy and torch, on every device, from one seed.

    What is drawn after that repeats itself: a network's first weights, dropout.
    Raises TypeError or ValueError unless seed is an int from 0 to 2³² − 1, the largest that NumPy takes.
    """
    random.seed(int(seed))
    np.random.seed(seed)
    torch.manual_seed(int(seed))


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _tensors(name, argument, arrays):
    arrays = arrays if isinstance(arrays, (tuple, list)) else (arrays,)
    check_type(name, (np.ndarray, torch.Tensor, tuple, list), "an array or a tensor",
               **{f"{argument}[{i}]": array for i, array in enumerate(arrays)})
    tensors = tuple(map(torch.as_tensor, arrays))
    sizes = [len(tensor) if tensor.ndim else 0 for tensor in tensors]
    require(name, len(set(sizes)) == 1 and sizes[0], f"{argument} must have one length of at least 1, got {sizes}")
    return tensors


def _steps(epochs, steps, steps_of_an_epoch):
    require("train", (epochs is None) != (steps is None), f"give epochs or steps, got {epochs} and {steps}")
    return int(steps) if epochs is None else int(epochs) * steps_of_an_epoch               # NumPy's ints would overflow


def _draw(n, size, steps, seed):
    """The rows of each step, all of them once in an epoch.  → the epoch, the rows, whether they end the epoch"""
    generator, epoch = torch.Generator().manual_seed(int(seed)), 0
    while steps > 0:
        epoch += 1
        parts = torch.randperm(n, generator=generator).split(size)[:steps]
        steps -= len(parts)
        for number, rows in enumerate(parts, 1):
            yield epoch, rows, number == len(parts)


def _take(tensors, rows):
    return tuple(tensor[rows] for tensor in tensors)


def _named(loss):
    """A loss, or losses by name, as a dict of scalar tensors."""
    if isinstance(loss, dict):
        require("train", loss, "step must return a scalar tensor or a dict of them, got an empty dict")
        taken = ", ".join(name for name in COLUMNS if name in loss)
        require("train", not taken, f"step must not name a loss as a column of the history is named: {taken}")
    losses = loss if isinstance(loss, dict) else {"loss": loss}
    for name, value in losses.items():
        if not isinstance(value, torch.Tensor) or value.ndim:
            got = describe_shape(value)
            raise ValueError(f"train: step must return a scalar tensor or a dict of them, got {got} as {name}")
    return losses


def _totalled(losses):
    return losses if "loss" in losses else {"loss": sum(losses.values()), **losses}
