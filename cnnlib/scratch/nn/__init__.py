"""Layers, losses and containers under the names of `torch.nn`; the first weights in `init`."""

from . import initialization as init  # noqa: F401
from . import module, weighted, weightless
from .module import *  # noqa: F403
from .weighted import *  # noqa: F403
from .weightless import *  # noqa: F403

__all__ = [*module.__all__, *weighted.__all__, *weightless.__all__]
