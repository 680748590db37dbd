"""Networks as objects: Parameter, Module, and the layer that is one function; names, order and printing are torch's."""

import numpy as np

from ..tensor.autograd import Tensor, apply

__all__ = ["Module", "Parameter"]


class Parameter(Tensor):
    """A tensor to be learned: a module that gets it as an attribute lists it among its parameters.

    data: an array (*).  Raises what `Tensor` raises.  Source: `torch.nn.Parameter`.
    """

    def __init__(self, data, requires_grad=True):
        super().__init__(data, requires_grad)

    def __repr__(self):
        return f"Parameter containing:\n{super().__repr__()}"


class Module:
    """A function with parameters. A subclass makes its parts in `__init__` and says what it does in `forward`.

    Parameters, buffers (tensors that are kept but not learned) and modules that become attributes are found again by
    their names, "conv.weight" for the weight of the part `conv`. Arrays given to a module come to `forward` as tensors.
    Raises TypeError for a part that is set before `super().__init__()`.  Source: `torch.nn.Module`.
    """

    def __init__(self):
        vars(self).update(training=True, _parameters={}, _buffers={}, _transient=set(), _modules={})

    def forward(self, *inputs):
        """What the module does; each subclass says it. Raises TypeError here."""
        raise TypeError(f"{type(self).__name__}: a subclass of Module must define forward")

    def __call__(self, *inputs, **options):
        inputs = [Tensor(value) if isinstance(value, np.ndarray) else value for value in inputs]
        return self.forward(*inputs, **options)

    # ---- attributes

    def __setattr__(self, name, value):
        if "_parameters" not in vars(self):
            raise TypeError(f"{type(self).__name__}: call super().__init__() before setting {name}")
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self.add_module(name, value)
        elif name in self._parameters:
            if value is not None:
                raise TypeError(f"{type(self).__name__}: {name} must be a Parameter or None, "
                                f"got {type(value).__name__}")
            self._parameters[name] = None
        elif name in self._buffers:
            self.register_buffer(name, value, persistent=name not in self._transient)
        elif name in self._modules and value is None:
            self._modules[name] = None
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name):                                         # only asked when there is no plain attribute
        for part in ("_parameters", "_buffers", "_modules"):
            if name in vars(self).get(part, {}):
                return vars(self)[part][name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name):
        for part in (self._parameters, self._buffers, self._modules):
            if name in part:
                del part[name]
                return
        super().__delattr__(name)

    def register_parameter(self, name, parameter):
        """Keep a Parameter, or None for one that is left out, under a name. Raises TypeError for anything else."""
        if not (parameter is None or isinstance(parameter, Parameter)):
            raise TypeError(f"register_parameter: {name} must be a Parameter or None, got {type(parameter).__name__}")
        self._register(self._parameters, name, parameter)

    def register_buffer(self, name, tensor, persistent=True):
        """Keep a tensor that is not learned, in the state if it is persistent. Raises TypeError for anything else."""
        if isinstance(tensor, np.ndarray):
            tensor = Tensor(tensor)
        if not (tensor is None or isinstance(tensor, Tensor)):
            raise TypeError(f"register_buffer: {name} must be a tensor, an array or None, got {type(tensor).__name__}")
        self._register(self._buffers, name, tensor)
        (self._transient.discard if persistent else self._transient.add)(name)

    def add_module(self, name, module):
        """Keep a module, or None, under a name. Raises TypeError for anything else."""
        if not (module is None or isinstance(module, Module)):
            raise TypeError(f"add_module: {name} must be a Module or None, got {type(module).__name__}")
        self._register(self._modules, name, module)

    def _register(self, part, name, value):
        """Under one name there is one thing."""
        for other in (vars(self), self._parameters, self._buffers, self._modules):
            if other is not part:
                other.pop(name, None)
        part[name] = value

    # ---- the parts

    def children(self):
        """The modules one step below."""
        return (child for _, child in self.named_children())

    def named_children(self):
        """(name, module) for the modules one step below."""
        return ((name, child) for name, child in self._modules.items() if child is not None)

    def modules(self):
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_modules(self, prefix="", seen=None):
        """(name, module) for this module, whose name is "", and all below it, each once."""
        seen = set() if seen is None else seen
        if self not in seen:
            seen.add(self)
            yield prefix, self
            for name, child in self.named_children():
                yield from child.named_modules(f"{prefix}.{name}" if prefix else name, seen)

    def parameters(self):
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_parameters(self):
        """(name, parameter) for all parameters, each once."""
        return self._named("_parameters")

    def buffers(self):
        """All buffers, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def named_buffers(self):
        """(name, buffer) for all buffers, each once."""
        return self._named("_buffers")

    def _named(self, part):
        seen = set()
        for path, module in self.named_modules():
            for name, tensor in vars(module)[part].items():
                if tensor is not None and tensor not in seen:
                    seen.add(tensor)
                    yield f"{path}.{name}" if path else name, tensor

    # ---- the state

    def state_dict(self):
        """name → array for all parameters and persistent buffers, in torch's order: the arrays, not copies."""
        return {name: tensor.data for name, tensor in self._state()}

    def load_state_dict(self, state, strict=True):
        """Copy numbers into the parameters and buffers of the same names. → (missing names, unexpected names)

        state: name → array, Tensor or torch tensor, e.g. the state_dict of the same network in torch.
        strict: every name here must be there, and no other.
        Raises ValueError naming missing and unexpected names (if strict) and all shapes that differ.
        """
        own = dict(self._state())
        arrays = {name: _to_array(value) for name, value in state.items()}
        missing, unexpected = [name for name in own if name not in arrays], [name for name in arrays if name not in own]
        wrong = [f"{name} has shape {tensor.shape}, given {arrays[name].shape}" for name, tensor in own.items()
                 if name in arrays and arrays[name].shape != tensor.shape]
        problems = [f"{what}: {', '.join(names)}" for what, names in (
            ("missing", missing if strict else []), ("unexpected", unexpected if strict else []), ("mismatch", wrong),
        ) if names]
        if problems:
            raise ValueError(f"load_state_dict: the state does not fit {type(self).__name__}: {'; '.join(problems)}")
        for name, tensor in own.items():
            if name in arrays:
                tensor.data[...] = arrays[name]
        return missing, unexpected

    def _state(self, prefix=""):
        for name, tensor in [*self._parameters.items(), *self._buffers.items()]:
            if tensor is not None and name not in self._transient:
                yield prefix + name, tensor
        for name, child in self.named_children():
            yield from child._state(f"{prefix}{name}.")

    # ---- what is done to all parts

    def apply(self, function):
        """Call function(module) for all modules below and then for this one. → self"""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def train(self, mode=True):
        """Training mode: dropout drops, batch normalisation looks at the batch. → self"""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        """Evaluation mode: no dropout, batch normalisation by its running statistics. → self"""
        return self.train(False)

    def zero_grad(self):
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self, requires_grad=True):
        """Ask for the gradients of all parameters, or freeze them. → self"""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def to(self, dtype):
        """All parameters, their gradients and the floating-point buffers in another dtype. → self

        Raises TypeError for a dtype that is neither float32 nor float64.
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"{type(self).__name__}: dtype must be float32 or float64, got {np.dtype(dtype)}")
        for tensor in [*self.parameters(), *self.buffers()]:
            if tensor.dtype.kind == "f":
                tensor.data = tensor.data.astype(dtype)
                tensor.grad = None if tensor.grad is None else tensor.grad.detach().to(dtype)
        return self

    def float(self):
        """Everything in float32. → self"""
        return self.to(np.float32)

    def double(self):
        """Everything in float64. → self"""
        return self.to(np.float64)

    # ---- printing

    def extra_repr(self):
        """What stands in the parentheses when the module is printed."""
        return ""

    def __repr__(self):
        return self._repr_of([(name, repr(child)) for name, child in self._modules.items()])

    def _repr_of(self, parts):
        """parts: pairs of a name and what is printed behind it."""
        options = self.extra_repr()
        if not parts:
            return f"{type(self).__name__}({options})"
        lines = [f"({name}): {text}".replace("\n", "\n  ") for name, text in parts]
        lines = [options, *lines] if options else lines
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"


class FunctionLayer(Module):
    """A layer that is a function with options, which are its attributes: a subclass says `function = F.relu`.

    One that is more than apply(function, input, **options) says its `forward`, too.  Raises what the function raises.
    """

    function = None

    def __init__(self, **options):
        super().__init__()
        self._names = tuple(options)
        for name, value in options.items():
            setattr(self, name, value)

    def options(self):
        """The options as keyword arguments."""
        return {name: getattr(self, name) for name in self._names}

    def forward(self, input):
        return apply(type(self).function, input, **self.options())       # self.function would be a method

    def extra_repr(self):
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items())


def _to_array(value):
    """An array from an array, from our tensors and from torch's."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
