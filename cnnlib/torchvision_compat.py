"""Import torchvision where its compiled operators are missing.

torchvision ships a compiled extension that must match the build of torch. Beside a CPU-only torch of another build it
does not load, and `import torchvision` then fails with "operator torchvision::nms does not exist", although models,
data sets and transforms need no compiled operator. Declaring the schemas of the two operators that torchvision names
while it is imported is enough for those. Compiled operators themselves (`nms`, `deform_conv2d`, `roi_align`) stay
unavailable: calling one raises, as it must.
"""

import importlib
import sys

# The signatures of torchvision/csrc/ops/nms.cpp and quantized/cpu/qnms_kernel.cpp.
_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_library = None      # torch forgets the schemas when this object is collected


def import_torchvision():
    """Return the module torchvision; register its missing operator schemas first where the plain import fails.

    Does nothing beyond the import where the compiled operators exist. Raises ImportError when torchvision is not
    installed, and whatever torchvision raises for any other reason.
    """
    global _library
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    import torch

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]                                    # what the failed import left half-done
    _library = torch.library.Library("torchvision", "DEF")
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            _library.define(schema)
    return importlib.import_module("torchvision")
