"""Operations on NumPy arrays with the names, arguments and meaning of `torch.nn.functional`.

Each operation NAME stands beside its derivative NAME_backward(grad_output, …what NAME took…), which returns a tuple:
the gradient for each array argument, in order, None where there is none. The families are files of their own.
"""

from . import activation, attention, convolution, loss, normalization, pooling, resampling
from . import linear as linear_maps
from .activation import *  # noqa: F403
from .attention import *  # noqa: F403
from .convolution import *  # noqa: F403
from .linear import *  # noqa: F403
from .loss import *  # noqa: F403
from .normalization import *  # noqa: F403
from .pooling import *  # noqa: F403
from .random_pooling import fractional_max_pool2d, fractional_max_pool2d_backward
from .resampling import *  # noqa: F403

# The family `linear` has another name here, since F.linear is the function.
__all__ = [
    *activation.__all__, *attention.__all__, *convolution.__all__, *linear_maps.__all__, *loss.__all__,
    *normalization.__all__, *pooling.__all__, *resampling.__all__,
    "fractional_max_pool2d", "fractional_max_pool2d_backward",           # its file also holds what torch does not have
]
