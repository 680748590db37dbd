"""The twin of a torch module: the same parts, with copies of the parameters and buffers, under the same names."""

import inspect

import numpy as np

from .. import nn
from ..nn.module import FunctionLayer, Module, Parameter
from ..tensor.autograd import Tensor

# Options that our layers of the same name do not have, and the value at which they do nothing.
WITHOUT = {"Embedding": {"max_norm": None, "scale_grad_by_freq": False},
           "MultiheadAttention": {"bias_k": None, "add_zero_attn": False}}


class Part(Module):
    """A module of torch's that is made of others: its parts, parameters and buffers under their names.

    What it does is a stretch of the steps of the whole network. Raises TypeError when it is called by itself.
    """

    def __init__(self, name):
        super().__init__()
        self._name = name

    def forward(self, *inputs):
        raise TypeError(f"{self._name}: from_torch knows what the whole network does; to run a part by itself, make a "
                        "network of that part")

    def __repr__(self):
        return super().__repr__().replace(type(self).__name__, self._name, 1)


def counterpart(module):
    """Our class for one of torch.nn: that of the same name. None for others.

    A class that only adds an `__init__` to one of torch.nn counts as that.
    """
    for cls in type(module).__mro__:
        if cls.__module__.startswith("torch.nn.modules.") and cls.__name__ in nn.__all__ and cls.__name__ != "Module":
            return getattr(nn, cls.__name__)
        if any(callable(value) or isinstance(value, property) for name, value in vars(cls).items()
               if not name.startswith("__")):
            return None
    return None


def build(module, kind, path="", seen=None):
    """A module of ours, of class kind, for one of torch's and all below it.

    seen: {id of a module or tensor of torch's: our twin of it}.  Raises ValueError for what a twin would not do.
    """
    seen = {} if seen is None else seen
    if id(module) in seen:
        return seen[id(module)]
    _check_layer(module, path, kind)
    if issubclass(kind, Part):
        twin = kind(type(module).__name__)
    elif issubclass(kind, FunctionLayer):                                # attributes are named like the arguments
        twin = kind(**{name: vars(module)[name] for name in inspect.signature(kind).parameters if name in vars(module)})
    else:                                                                # without __init__, which would draw weights
        twin = kind.__new__(kind)
        Module.__init__(twin)
        for name, value in vars(module).items():
            if not name.startswith("_") and isinstance(value, (int, float, str, tuple, list, type(None))):
                setattr(twin, name, value)
    seen[id(module)] = twin
    twin.training = module.training
    for name, tensor in module._parameters.items():
        twin.register_parameter(name, copy_tensor(Parameter, tensor, _below(path, name), seen))
    for name, tensor in module._buffers.items():
        twin.register_buffer(name, copy_tensor(Tensor, tensor, _below(path, name), seen),
                             persistent=name not in module._non_persistent_buffers_set)
    for name, child in module._modules.items():
        below = None if child is None else build(child, counterpart(child) or Part, _below(path, name), seen)
        twin.add_module(name, below)
    return twin


def _check_layer(module, path, kind):
    """Raises ValueError for what a twin would not do: hooks, options that ours lacks, a lone layer that we lack."""
    where = f"layer \"{path}\"" if path else "the module"
    if module._forward_hooks or module._forward_pre_hooks:
        raise ValueError(f"from_torch: {where} is a {class_name(module)} with hooks, which scratch does not have")
    for option, value in WITHOUT.get(kind.__name__, {}).items():
        if getattr(module, option) is not value:
            raise ValueError(f"from_torch: {where} is a {class_name(module)} with {option}, which scratch does not "
                             "have")
    if counterpart(module) is None and not path and type(module).__module__.startswith("torch.nn.modules."):
        raise ValueError(f"from_torch: {where} is a {class_name(module)}, which scratch does not have")


def copy_tensor(kind, tensor, path, seen):
    """A tensor of ours with a copy of the numbers; the same one for the same tensor of torch's.

    Raises ValueError for a dtype that scratch does not have.
    """
    if tensor is None or id(tensor) in seen:
        return seen.get(id(tensor))
    try:
        array = np.array(tensor.detach().cpu().numpy(), order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(f"from_torch: {path} does not become a NumPy array: {error}") from error
    if array.dtype.kind == "c" or (array.dtype.kind == "f" and array.dtype not in (np.float32, np.float64)):
        raise ValueError(f"from_torch: {path} is {array.dtype}; scratch has float32 and float64")
    seen[id(tensor)] = Parameter(array, tensor.requires_grad) if kind is Parameter else Tensor(array)
    return seen[id(tensor)]


def _below(path, name):
    return f"{path}.{name}" if path else name


def class_name(module):
    """The name of its class, for errors."""
    cls = type(module)
    return f"torch.nn.{cls.__name__}" if cls.__module__.startswith("torch.nn.modules.") else cls.__name__
