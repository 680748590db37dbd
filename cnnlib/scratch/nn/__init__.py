"""Layers, losses and containers under the names of `torch.nn`; the first weights in `init`.

The files are the families of torch/nn/modules. Names, arguments, initial distributions and state_dict keys are torch's,
without `device`; dtype is float32 unless given. A layer holds parameters and options; what it does is the function of
its name in `functional`. Weights are drawn from `functional.random.generator()`.
"""

from . import (
    activation,
    attention,
    container,
    conv,
    dropout,
    flatten,
    fold,
    linear,
    losses,
    module,
    normalization,
    padding,
    pixelshuffle,
    pooling,
    sparse,
    upsampling,
)
from . import initialization as init  # noqa: F401
from .activation import *  # noqa: F403
from .attention import *  # noqa: F403
from .container import *  # noqa: F403
from .conv import *  # noqa: F403
from .dropout import *  # noqa: F403
from .flatten import *  # noqa: F403
from .fold import *  # noqa: F403
from .linear import *  # noqa: F403
from .losses import *  # noqa: F403
from .module import *  # noqa: F403
from .normalization import *  # noqa: F403
from .padding import *  # noqa: F403
from .pixelshuffle import *  # noqa: F403
from .pooling import *  # noqa: F403
from .sparse import *  # noqa: F403
from .upsampling import *  # noqa: F403

__all__ = [
    *activation.__all__, *attention.__all__, *container.__all__, *conv.__all__, *dropout.__all__, *flatten.__all__,
    *fold.__all__, *linear.__all__, *losses.__all__, *module.__all__, *normalization.__all__, *padding.__all__,
    *pixelshuffle.__all__, *pooling.__all__, *sparse.__all__, *upsampling.__all__,
]
