"""Schedules of the learning rate for `train`: functions of an optimiser and the number of steps."""

import math

import torch

from ..checks import Number, Positive, check_type, checked, kind, require

__all__ = ["one_cycle", "warmup_cosine"]

Optimizer = kind(torch.optim.Optimizer, check_type, torch.optim.Optimizer, "a torch optimiser")


@checked
def one_cycle(optimizer: Optimizer, steps: Positive):
    """The rate rises from lr/25 to lr in the first 30 % of the steps, then falls to nearly 0 (Smith 2018).

    optimizer: whose lr is the highest rate.  steps: how many there will be.
    → torch's OneCycleLR with its defaults; where there is a momentum it falls and rises against the rate.
    Raises TypeError or ValueError for other arguments.
    """
    momentum = all("betas" in group or group.get("momentum") for group in optimizer.param_groups)
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, [group["lr"] for group in optimizer.param_groups],
                                               total_steps=int(steps), cycle_momentum=momentum)


@checked
def warmup_cosine(optimizer: Optimizer, steps: Positive, warmup: Number = 0.1):
    """The rate rises evenly to lr, then falls to 0 along a cosine (Goyal et al., Loshchilov & Hutter 2017).

    lr · (t + 1)/w for t < w,   lr · (1 + cos(π·(t − w)/(steps − w)))/2 from there on     t = 0, …, steps − 1

    warmup: w as a share of the steps, from 0 up to 1; `functools.partial(warmup_cosine, warmup=0.2)` is a schedule too.
    → torch's LambdaLR.  Raises TypeError or ValueError for other arguments.
    """
    require("warmup_cosine", 0 <= warmup < 1, f"warmup must be from 0 up to 1, got {warmup}")
    w = int(warmup * steps)

    def factor(t):
        return (t + 1) / w if t < w else (1 + math.cos(math.pi * (t - w) / (steps - w))) / 2
    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
