"""A network of PyTorch's on this engine: torch.fx writes down what its forward does, and we do the same.

`from_torch` makes two things of a torch module: the same tree of parts with the same parameters (`building`), and a
list of steps for training mode and one for evaluation mode (`tracing`). What torch's functions mean on our tensors is
said in `operations` and `torchvision_parts`; the reader's own functions come in by `replacement`. torch is imported
within functions, and what they return holds nothing of torch.
"""

import functools

from .building import build, counterpart
from .replacement import replacements, run_with
from .tracing import trace

__all__ = ["from_torch"]


def from_torch(module, /, **functions):
    """The twin of a torch module: the same parts, parameters, buffers and outputs, on NumPy.

    module: a torch.nn.Module that torch.fx can follow: what forward does may not depend on the numbers it meets. It
    reads x += y as x = x + y: another name of x keeps the old numbers.
    functions: the reader's own, in place of those of their names in `functional`: with conv2d=mine the network runs
    `mine` wherever it convolves. It takes arrays as `functional.conv2d` does. What has its default is left out, so that
    `mine` need not know of it, and what is the same for all axes comes as one number. The backward is
    `functional.conv2d_backward` unless conv2d_backward=… is given too.
    → a Module with torch's names, copies of the parameters, and train() and eval(). Arguments of forward that have a
    default keep it. The torch module stays as it was.
    Raises TypeError for anything but a module or a function; ValueError for a name that `functional` does not have, and
    for a layer or an operation that torch.fx cannot follow or that has no counterpart here, naming it.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch: module must be a torch.nn.Module, got {type(module).__name__}")
    replaced = replacements(functions)
    if not all(map(counterpart, module.modules())):
        return trace(module, replaced)
    twin = build(module, counterpart(module))                            # a layer, or layers one after the other
    if replaced:
        twin.forward = functools.partial(run_with, replaced, twin.forward)
    return twin
