"""Models that draw: their networks, their losses, how they are sampled, and numbers that say how good the samples are.

Each family stands in a file of its own and is exported from here.
"""

from . import scores, weights
from .scores import *  # noqa: F403
from .weights import *  # noqa: F403

__all__ = [*scores.__all__, *weights.__all__]
