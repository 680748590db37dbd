"""The code of the course: convolutional networks from scratch (`cnnlib.scratch`, NumPy only) and in PyTorch.

No part is imported here, so that `import cnnlib.scratch` loads neither torch nor matplotlib.
"""

import sys

from .torchvision_compat import OperatorFinder

__version__ = "0.1.0"

sys.meta_path.insert(0, OperatorFinder())        # `import torchvision` works from here on
