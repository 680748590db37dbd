"""Schedules of the learning rate, with the names, arguments and counting of `torch.optim.lr_scheduler`.

Each says in `factor` what the first learning rate of a group is multiplied by at step t. A new schedule sets the rate
of step 0; `step()`, called after the optimiser's step, sets the next one.
"""

import bisect
import math
from typing import Literal

from cnnlib.checks import Share, check_number, checked, kind, require

__all__ = [
    "ConstantLR", "CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR",
    "OneCycleLR", "SequentialLR", "StepLR",
]

Steps = kind(float, check_number, 1)


class LRScheduler:
    """What schedules share: lr(t) = base_lr · factor(t), with base_lr the rate that a group had at first.

    The rate is computed anew from t at each step, so an optimiser follows one schedule; `SequentialLR` joins several.
    last_epoch: the t to go on from; −1 to start. A group keeps its first rate as "initial_lr".
    Raises ValueError for another last_epoch on an optimiser that has no "initial_lr" yet.
    Source: `torch.optim.lr_scheduler.LRScheduler`.
    """

    def __init__(self, optimizer, last_epoch=-1):
        self.optimizer, self.last_epoch = optimizer, last_epoch
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])              # an earlier schedule may have changed "lr"
            elif "initial_lr" not in group:
                raise ValueError(f'{type(self).__name__}: last_epoch = {last_epoch} needs "initial_lr" in the groups')
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.step()

    def factor(self, t):
        """What the first rate is multiplied by at step t; each schedule says it. Raises TypeError here."""
        raise TypeError(f"{type(self).__name__}: a subclass of LRScheduler must define factor")

    def step(self, epoch=None):
        """Go to the next t, or to t = epoch, and set the rates."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(base_lr, self.last_epoch)

    def rate(self, base_lr, t):
        """The learning rate at step t of a group that began with base_lr."""
        return base_lr * self.factor(t)

    def get_last_lr(self):
        """The rates in force, one for each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self):
        """Everything but the optimiser."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state):
        """Go on from a state_dict."""
        vars(self).update(state)


class LambdaLR(LRScheduler):
    """factor(t) = lr_lambda(t), a function.  Raises what `LRScheduler` raises."""

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.lr_lambda = lr_lambda
        super().__init__(optimizer, last_epoch)

    def factor(self, t):
        return self.lr_lambda(t)


@checked
class StepLR(LRScheduler):
    """factor(t) = gamma^⌊t / step_size⌋.  Raises ValueError for step_size < 1; else see `LRScheduler`."""

    def __init__(self, optimizer, step_size: Steps, gamma=0.1, last_epoch=-1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, t):
        return self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """factor(t) = gamma^(how many milestones are ≤ t).  Raises what `LRScheduler` raises."""

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, t):
        return self.gamma ** bisect.bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """factor(t) = gammaᵗ.  Raises what `LRScheduler` raises."""

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, t):
        return self.gamma ** t


@checked
class ConstantLR(LRScheduler):
    """factor(t) = factor for t < total_iters, then 1.

    Raises ValueError for a factor that is not from 0 to 1; else see `LRScheduler`.
    """

    def __init__(self, optimizer, factor: Share = 1 / 3, total_iters=5, last_epoch=-1):
        self.start_factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, t):
        return self.start_factor if t < self.total_iters else 1.0


@checked
class LinearLR(LRScheduler):
    """factor(t) = from start_factor to end_factor in total_iters even steps, then end_factor: a warm-up.

    Raises ValueError for factors that are not from 0 to 1; else see `LRScheduler`.
    """

    def __init__(self, optimizer, start_factor: Share = 1 / 3, end_factor: Share = 1.0, total_iters=5, last_epoch=-1):
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, t):
        done = min(t, self.total_iters) / self.total_iters if self.total_iters else 1.0
        return self.start_factor + (self.end_factor - self.start_factor) * done


@checked
class CosineAnnealingLR(LRScheduler):
    """lr(t) = eta_min + (base_lr − eta_min)(1 + cos(π t / T_max))/2 (Loshchilov & Hutter 2017, without restarts).

    Raises ValueError for T_max < 1; else see `LRScheduler`.
    """

    def __init__(self, optimizer, T_max: Steps, eta_min=0.0, last_epoch=-1):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr, t):
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


@checked
class OneCycleLR(LRScheduler):
    """Up to max_lr and down to almost nothing, once; momentum goes the other way (Smith & Topin 2018).

    lr: max_lr/div_factor → max_lr at step pct_start · T − 1 → max_lr/div_factor/final_div_factor at step T − 1
    with three_phase as far down as up, → max_lr/div_factor at step 2 pct_start · T − 2, and then the rest
    max_lr: a number, or one for each group.  T = total_steps or epochs · steps_per_epoch; "cos" or "linear" between.
    cycle_momentum: SGD's momentum or Adam's β₁ goes max_momentum → base_momentum → max_momentum.
    Raises ValueError for what does not give T, for other options, and for a step behind T; else see `LRScheduler`.
    """

    def __init__(self, optimizer, max_lr, total_steps=None, epochs=None, steps_per_epoch=None, pct_start: Share = 0.3,
                 anneal_strategy: Literal["cos", "linear"] = "cos", cycle_momentum=True, base_momentum=0.85,
                 max_momentum=0.95, div_factor=25.0, final_div_factor=1e4, three_phase=False, last_epoch=-1):
        if total_steps is None and epochs is not None and steps_per_epoch is not None:
            total_steps = epochs * steps_per_epoch
        require(self, total_steps is not None and total_steps >= 1,
                f"total_steps, or epochs · steps_per_epoch, must be at least 1, got {total_steps}")
        groups = optimizer.param_groups
        if cycle_momentum and not {"momentum", "betas"} & set(groups[0]):
            raise ValueError("OneCycleLR: cycle_momentum needs an optimiser with momentum or betas")
        max_lrs = list(max_lr) if isinstance(max_lr, (tuple, list)) else [max_lr] * len(groups)
        if len(max_lrs) != len(groups):
            raise ValueError(f"OneCycleLR: max_lr must be a number or {len(groups)} numbers, got {max_lr}")
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        top, last = pct_start * total_steps - 1, total_steps - 1
        bottom = 1 / final_div_factor
        if three_phase:
            self.ends, self.factors = [top, 2 * top, last], [1, div_factor, 1, bottom]
            self.momenta = [max_momentum, base_momentum, max_momentum, max_momentum]
        else:
            self.ends, self.factors = [top, last], [1, div_factor, bottom]
            self.momenta = [max_momentum, base_momentum, max_momentum]
        if last_epoch == -1:
            for group, highest in zip(groups, max_lrs, strict=True):
                group["initial_lr"] = highest / div_factor
        super().__init__(optimizer, last_epoch)

    def factor(self, t):
        return self._between(self.factors, t)

    def step(self, epoch=None):
        if self.last_epoch >= self.total_steps and epoch is None:
            raise ValueError(f"OneCycleLR: there are {self.total_steps} steps, and all have been made")
        super().step(epoch)
        if self.cycle_momentum:
            momentum = self._between(self.momenta, self.last_epoch)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def _between(self, values, t):
        """The value at step t on the way through values, which are reached at step 0 and at the ends of the phases."""
        phase = min(bisect.bisect_left(self.ends, t), len(self.ends) - 1)
        begin, end = ([0, *self.ends])[phase], self.ends[phase]
        done = (t - begin) / (end - begin) if end != begin else 1.0
        if self.anneal_strategy == "cos":
            done = (1 - math.cos(math.pi * done)) / 2
        return values[phase] + (values[phase + 1] - values[phase]) * done


class SequentialLR(LRScheduler):
    """One schedule after the other: schedulers[i + 1] begins, at its t = 0, at step milestones[i].

    Raises ValueError for no schedulers, another number of milestones, and schedulers of another optimiser.
    """

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise ValueError(f"SequentialLR: {len(schedulers)} schedulers need one milestone less, got {milestones}")
        if any(scheduler.optimizer is not optimizer for scheduler in schedulers):
            raise ValueError("SequentialLR: all schedulers must be of the same optimizer")
        self.optimizer, self.schedulers, self.milestones = optimizer, list(schedulers), list(milestones)
        self.last_epoch = last_epoch + 1
        schedulers[bisect.bisect_right(self.milestones, 0)].step(0)

    def step(self):
        """Go to the next t, and let the schedule whose turn it is set the rates."""
        self.last_epoch += 1
        turn = bisect.bisect_right(self.milestones, self.last_epoch)
        begins = turn > 0 and self.milestones[turn - 1] == self.last_epoch
        self.schedulers[turn].step(0 if begins else None)

    def state_dict(self):
        """Everything but the optimiser, with the states of the schedules."""
        return {"last_epoch": self.last_epoch, "milestones": self.milestones,
                "schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state):
        """Go on from a state_dict."""
        self.last_epoch, self.milestones = state["last_epoch"], list(state["milestones"])
        for scheduler, part in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(part)
