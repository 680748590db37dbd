"""Training: the loop that the chapters share, schedules, augmentation, initialisers, distillation."""

from . import augmentation, classification, distillation, initialization, loop, schedules
from .classification import *  # noqa: F403
from .distillation import *  # noqa: F403
from .loop import *  # noqa: F403
from .schedules import *  # noqa: F403

__all__ = ["augmentation", "initialization", *classification.__all__, *distillation.__all__, *loop.__all__,
           *schedules.__all__]
