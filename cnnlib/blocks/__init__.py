"""PyTorch building blocks: `nn.Module`s and functions, each with its paper and its shapes."""

from .attention import *  # noqa: F403
from .conv import *  # noqa: F403
from .deformable import *  # noqa: F403
from .dense import *  # noqa: F403
from .dilated import *  # noqa: F403
from .inception import *  # noqa: F403
from .multiscale import *  # noqa: F403
from .normalization import *  # noqa: F403
from .p4 import *  # noqa: F403
from .pooling import *  # noqa: F403
from .residual import *  # noqa: F403
from .sequence import *  # noqa: F403
from .transformer import *  # noqa: F403
from .upsampling import *  # noqa: F403
