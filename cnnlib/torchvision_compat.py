"""Let `import torchvision` work where its compiled operators are missing.

torchvision has a compiled extension that must match the build of torch. Beside another build, as a CPU-only torch, it
does not load, and `import torchvision` fails with "operator torchvision::nms does not exist", although models, data
sets and transforms need no compiled operator. It suffices to declare the two operators that torchvision names while it
is imported. The compiled ones (`nms`, `deform_conv2d`, `roi_align`) stay unavailable: calling one raises, as it must.
"""

# The signatures of torchvision/csrc/ops/nms.cpp and quantized/cpu/qnms_kernel.cpp.
OPERATORS = ["nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
             "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"]


class OperatorFinder:
    """A finder for `sys.meta_path` that finds nothing, but sees that torchvision is about to name its operators.

    That happens in torchvision._meta_registrations, which torchvision imports after it has tried to load its extension:
    only then can be known whether operators are missing. Nothing happens where they are not, or without torchvision.
    """

    def __init__(self):
        self.library = None                      # torch forgets what is declared when this object is collected

    def find_spec(self, name, path=None, target=None):
        """None: the finders behind this one go on. Raises nothing."""
        if name == "torchvision._meta_registrations":
            import torch

            if not hasattr(torch.ops.torchvision, "nms"):
                self.library = torch.library.Library("torchvision", "DEF")
                for signature in OPERATORS:
                    self.library.define(signature)
