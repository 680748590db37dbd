"""Models that draw: their networks, their losses, how they are sampled, and numbers that say how good the samples are.

Each family stands in a file of its own and is exported from here.
"""

from ..weights import load_weights, save_weights
from . import diffusion, gan, scores, style, stylegan, super_resolution, translation, vae, wavenet
from .diffusion import *  # noqa: F403
from .gan import *  # noqa: F403
from .scores import *  # noqa: F403
from .style import *  # noqa: F403
from .stylegan import *  # noqa: F403
from .super_resolution import *  # noqa: F403
from .translation import *  # noqa: F403
from .vae import *  # noqa: F403
from .wavenet import *  # noqa: F403

__all__ = [*diffusion.__all__, *gan.__all__, *scores.__all__, *style.__all__, *stylegan.__all__,
           *super_resolution.__all__, *translation.__all__, *vae.__all__, *wavenet.__all__, "load_weights",
           "save_weights"]
