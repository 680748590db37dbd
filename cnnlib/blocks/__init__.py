"""PyTorch building blocks: `nn.Module`s and functions, each with its paper and its shapes."""

from .attention import *  # noqa: F403
from .conv import *  # noqa: F403
from .p4 import *  # noqa: F403
