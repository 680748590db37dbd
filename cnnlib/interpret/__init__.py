"""What a network looks at, and what its parts want to see: attribution, visualization and inversion."""

from . import attribution, visualization
from .attribution import *  # noqa: F403
from .visualization import *  # noqa: F403

__all__ = [*attribution.__all__, *visualization.__all__]
