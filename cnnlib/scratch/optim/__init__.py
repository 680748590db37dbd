"""Optimisers, the clipping of gradients, and schedules, under the names of `torch.optim` and its `lr_scheduler`."""

from . import optimizers
from . import schedules as lr_scheduler
from .optimizers import *  # noqa: F403
from .schedules import *  # noqa: F403

__all__ = [*optimizers.__all__, "lr_scheduler", *lr_scheduler.__all__]
