"""Layers, losses and containers under the names of `torch.nn`: modules, layers with weights, layers without."""

from . import module, weighted, weightless
from .module import *  # noqa: F403
from .weighted import *  # noqa: F403
from .weightless import *  # noqa: F403

__all__ = [*module.__all__, *weighted.__all__, *weightless.__all__]
