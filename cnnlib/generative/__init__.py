"""Models that draw: their networks, their losses, how they are sampled, and numbers that say how good the samples are.

Each family stands in a file of its own and is exported from here.
"""

from . import diffusion, gan, scores, super_resolution, vae, wavenet, weights
from .diffusion import *  # noqa: F403
from .gan import *  # noqa: F403
from .scores import *  # noqa: F403
from .super_resolution import *  # noqa: F403
from .vae import *  # noqa: F403
from .wavenet import *  # noqa: F403
from .weights import *  # noqa: F403

__all__ = [*diffusion.__all__, *gan.__all__, *scores.__all__, *super_resolution.__all__, *vae.__all__,
           *wavenet.__all__, *weights.__all__]
