"""The networks of the papers, made of `cnnlib.blocks`; `small_…` are their forms for 28×28 digits."""

from .alexnet import *  # noqa: F403
from .densenet import *  # noqa: F403
from .detector import *  # noqa: F403
from .efficientnet import *  # noqa: F403
from .fpn import *  # noqa: F403
from .googlenet import *  # noqa: F403
from .hrnet import *  # noqa: F403
from .lenet import *  # noqa: F403
from .mobilenet import *  # noqa: F403
from .resnet import *  # noqa: F403
from .unet import *  # noqa: F403
from .vgg import *  # noqa: F403
from .vit import *  # noqa: F403
from .weights import *  # noqa: F403
from .xception import *  # noqa: F403
