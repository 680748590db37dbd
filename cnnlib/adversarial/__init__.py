"""Small changes of an image that change the answer, defences against them, and what can be proved.

Each kind stands in a file of its own and is exported from here.
"""

from . import attacks, black_box, certificates, defenses
from .attacks import *  # noqa: F403
from .black_box import *  # noqa: F403
from .certificates import *  # noqa: F403
from .defenses import *  # noqa: F403

__all__ = [*attacks.__all__, *black_box.__all__, *certificates.__all__, *defenses.__all__]
