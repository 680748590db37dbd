"""Training: the loop that the chapters share, schedules, augmentation, initialisers, distillation."""

from .loop import *  # noqa: F403
from .loop import __all__  # noqa: F401
