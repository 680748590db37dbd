"""Operations on NumPy arrays with the names, arguments and meaning of `torch.nn.functional`.

Each operation NAME stands beside its derivative NAME_backward(grad_output, …what NAME took…), which returns a tuple:
the gradient for each array argument, in order, None where there is none. The families are files of their own.
"""

from . import activation, attention, convolution, losses, normalization, pooling, resampling
from .activation import *  # noqa: F403
from .attention import *  # noqa: F403
from .convolution import *  # noqa: F403
from .linear import *  # noqa: F403
from .linear import __all__ as linear_names  # F.linear is the function and hides its file
from .losses import *  # noqa: F403
from .normalization import *  # noqa: F403
from .pooling import *  # noqa: F403
from .resampling import *  # noqa: F403

__all__ = [
    *activation.__all__, *attention.__all__, *convolution.__all__, *linear_names, *losses.__all__,
    *normalization.__all__, *pooling.__all__, *resampling.__all__,
]
