"""What the course teaches and `torch.nn.functional` does not have, on NumPy arrays: the twins of `cnnlib.blocks`.

A file here has the name of that in `cnnlib.blocks`, and `losses` that of `cnnlib.losses`.
"""

from . import attention, conv, deformable, dilated, losses, normalization, pooling, residual
from .attention import *  # noqa: F403
from .conv import *  # noqa: F403
from .deformable import *  # noqa: F403
from .dilated import *  # noqa: F403
from .losses import *  # noqa: F403
from .normalization import *  # noqa: F403
from .pooling import *  # noqa: F403
from .residual import *  # noqa: F403

__all__ = [
    *attention.__all__, *conv.__all__, *deformable.__all__, *dilated.__all__, *losses.__all__,
    *normalization.__all__, *pooling.__all__, *residual.__all__,
]
