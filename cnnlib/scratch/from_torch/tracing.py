"""A network of PyTorch's on this engine: torch.fx writes down what its forward does, and we do the same.

`from_torch` makes two things of a torch module: the same tree of parts with the same parameters (`_twin`), and a list
of steps for training and one for use (`_steps`), which `_Traced.forward` walks. torch is imported within functions, and
what they return holds nothing of torch.
"""

import difflib
import functools
import inspect
import math
import operator
from collections import namedtuple

import numpy as np

from cnnlib.checks import axes_of

from .. import functional as F
from .. import nn
from ..functional.random import generator
from ..nn.module import FunctionLayer, Module, Parameter
from ..ops.deformable import deform_conv2d
from ..tensor.autograd import Tensor, apply, cat, maximum, minimum, replacing, stack, where

__all__ = ["from_torch"]

CONTAINERS = (nn.Sequential, nn.ModuleList)


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
    Raises TypeError for what is no module or no function; ValueError for a name that `functional` does not have, and
    for a layer or an operation that torch.fx cannot follow or that has no counterpart here, naming it.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch: module must be a torch.nn.Module, got {type(module).__name__}")
    replaced = _replacements(functions)
    if all(map(_kind, module.modules())):                                # a layer, or layers one after the other
        twin = _twin(module, _kind(module), "", {})
        if replaced:
            twin.forward = functools.partial(_replacing, replaced, twin.forward)
        return twin
    twin = _twin(module, _Traced, "", {})
    twin._replaced = replaced
    before = {part: dict(vars(part)) for part in module.modules()}
    try:
        for mode in (True, False):
            twin._plans[mode] = _steps(_trace(module.train(mode)), module, twin)
    finally:
        for part, attributes in before.items():                          # its mode, and what tracing left in it
            vars(part).clear()
            vars(part).update(attributes)
    return twin


class _Part(Module):
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


class _Traced(_Part):
    """A network that takes one step after the other, as torch.fx saw them: (N, …)  →  what the torch module returns.

    Raises TypeError for another number of inputs, and what the steps raise.
    """

    def __init__(self, name):
        super().__init__(name)
        self._plans = {}                 # {True: in training, False: in use}: the names of the inputs, and the steps
        self._replaced = {}              # {function of `functional`: (the reader's own, its backward)}

    def forward(self, *inputs):
        names, steps = self._plans[self.training]
        if len(inputs) != len(names):
            raise TypeError(f"{self._name}: forward takes {len(names)} inputs ({', '.join(names)}), got {len(inputs)}")
        values = dict(zip(names, inputs, strict=True))
        with replacing(self._replaced):
            for step in steps:
                run = _at(self, step.run) if isinstance(step.run, str) else step.run
                values[step.name] = run(*_filled(step.args, values, self), **_filled(step.options, values, self))
                for name in step.done:
                    del values[name]
        return values[step.name]


# `run`, a function or the path of a layer, with `args` and `options` gives what is called `name` from here on; what is
# named in `done` is not needed again.
_Step = namedtuple("Step", "name run args options done")


class _Earlier(str):
    """Among the arguments of a step: the name of an input or an earlier step, whose result is meant."""


class _Path(str):
    """Among the arguments of a step: the path of a parameter or buffer, "layer1.0.weight"."""


def _at(module, path):
    """The layer, parameter or buffer at a path."""
    *above, name = path.split(".")
    for part in above:
        module = module._modules[part]
    return getattr(module, name)


def _filled(argument, values, network):
    """An argument with what the names and paths within it stand for."""
    if isinstance(argument, _Earlier):
        return values[argument]
    if isinstance(argument, _Path):
        return _at(network, argument)
    return _within(lambda item: _filled(item, values, network), argument)


def _within(function, argument):
    """The function of every item of a tuple, list, dict or slice; anything else as it is."""
    if isinstance(argument, (tuple, list)):
        return (tuple if isinstance(argument, tuple) else list)(map(function, argument))
    if isinstance(argument, dict):
        return {key: function(value) for key, value in argument.items()}
    if isinstance(argument, slice):
        return slice(*map(function, (argument.start, argument.stop, argument.step)))
    return argument


# ---- the parts -------------------------------------------------------------------------------------------------------

# Options that our layers of the same name do not have, and the value at which they do nothing.
WITHOUT = {"Embedding": {"max_norm": None, "scale_grad_by_freq": False},
           "MultiheadAttention": {"bias_k": None, "add_zero_attn": False}}


def _kind(module):
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


def _twin(module, kind, path, seen):
    """A module of ours, of class kind, for one of torch's and all below it.

    seen: {id of a module or tensor of torch's: our twin of it}
    """
    if id(module) in seen:
        return seen[id(module)]
    _check_layer(module, path, kind)
    if issubclass(kind, _Part):
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
        twin.register_parameter(name, _copy(Parameter, tensor, _below(path, name), seen))
    for name, tensor in module._buffers.items():
        twin.register_buffer(name, _copy(Tensor, tensor, _below(path, name), seen),
                             persistent=name not in module._non_persistent_buffers_set)
    for name, child in module._modules.items():
        below = None if child is None else _twin(child, _kind(child) or _Part, _below(path, name), seen)
        twin.add_module(name, below)
    return twin


def _check_layer(module, path, kind):
    """Raises ValueError for what a twin would not do: hooks, options that ours lacks, a lone layer that we lack."""
    where = f"layer \"{path}\"" if path else "the module"
    if module._forward_hooks or module._forward_pre_hooks:
        raise ValueError(f"from_torch: {where} is a {_class_name(module)} with hooks, which scratch does not have")
    for option, value in WITHOUT.get(kind.__name__, {}).items():
        if getattr(module, option) is not value:
            raise ValueError(f"from_torch: {where} is a {_class_name(module)} with {option}, which scratch does not "
                             "have")
    if _kind(module) is None and not path and type(module).__module__.startswith("torch.nn.modules."):
        raise ValueError(f"from_torch: {where} is a {_class_name(module)}, which scratch does not have")


def _copy(kind, tensor, path, seen):
    """A tensor of ours with a copy of the numbers; the same one for the same tensor of torch's."""
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


def _class_name(module):
    cls = type(module)
    return f"torch.nn.{cls.__name__}" if cls.__module__.startswith("torch.nn.modules.") else cls.__name__


# ---- the steps -------------------------------------------------------------------------------------------------------

def _trace(module):
    """The graph that torch.fx writes down; layers with a twin and those of torch.nn are one node each."""
    import torch.fx

    class Tracer(torch.fx.Tracer):
        proxy_buffer_attributes = True                                   # buffers are read when the network runs
        stuck = None

        def is_leaf_module(self, part, path):
            return _kind(part) not in (None, *CONTAINERS) or super().is_leaf_module(part, path)

        def call_module(self, part, forward, args, kwargs):
            try:
                return super().call_module(part, forward, args, kwargs)
            except Exception:
                self.stuck = self.stuck or f"layer \"{self.path_of_module(part)}\" ({type(part).__name__})"
                raise

        def create_args_for_root(self, forward, is_module, concrete_args=None):
            """Arguments with a default keep it, so that `if mask is None` can be followed."""
            positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            _, *names = (name for name, parameter in inspect.signature(forward).parameters.items()
                         if parameter.kind in positional and parameter.default is parameter.empty)
            return forward, [self.root, *(self.create_proxy("placeholder", name, (), {}) for name in names)]

    tracer = Tracer()
    try:
        return tracer.trace(module)
    except Exception as error:                                           # whatever forward does to what is no tensor
        where = tracer.stuck or f"the module ({type(module).__name__})"
        raise ValueError(f"from_torch: torch.fx cannot follow the forward of {where}: {error}") from error


def _steps(graph, module, twin):
    """A graph of torch.fx → the names of the inputs, the steps."""
    _follow_changes(graph, twin)
    inputs = [node.name for node in graph.nodes if node.op == "placeholder"]
    steps = []
    for node in graph.nodes:
        if node.op == "get_attr":
            _keep_constant(module, twin, node.target)
        elif node.op != "placeholder":
            run = _meaning(node, module, twin)
            args = _ours(node.args)
            options = {key: _ours(value) for key, value in node.kwargs.items()
                       if not (key == "_stacklevel" or (key in ("size_average", "reduce") and value is None))}
            if not _takes(_at(twin, run).forward if isinstance(run, str) else run, args, options):
                raise ValueError(f"from_torch: {_named(node)} is given arguments that scratch does not take: "
                                 f"{node.format_node()}")
            steps.append(_Step(node.name, run, args, options, []))
    later = {steps[-1].name}
    for step in reversed(steps):                                         # a name is done where it is used last
        used = {step.name, *_names((step.args, step.options))}
        step.done.extend(used - later)
        later |= used
    return inputs, steps


def _takes(function, args, options):
    """Whether a function can be called so; one that cannot be asked, like math.log, can."""
    try:
        inspect.signature(function).bind(*args, **options)
    except TypeError:
        return False
    except ValueError:
        pass
    return True


def _ours(argument):
    """An argument of a node, without anything of torch's."""
    import torch.fx

    if isinstance(argument, torch.fx.Node):
        return _Path(argument.target) if argument.op == "get_attr" else _Earlier(argument.name)
    if isinstance(argument, torch.dtype):
        return np.dtype(str(argument).removeprefix("torch."))
    return _within(_ours, argument)


def _names(argument):
    """The names of earlier steps within an argument."""
    if isinstance(argument, _Earlier):
        return [argument]
    found = []
    _within(lambda item: found.extend(_names(item)), argument)
    return found


def _keep_constant(module, twin, path):
    """A tensor that is neither parameter nor buffer of the torch module becomes an attribute of ours."""
    *above, name = path.split(".")
    owner = _at(twin, ".".join(above)) if above else twin
    if not hasattr(owner, name):
        setattr(owner, name, _copy(Tensor, _at(module, path), path, {}))


def _follow_changes(graph, twin):
    """Where an operation works in place, let all that later use its input use its result.

    Raises ValueError where other tensors may share those numbers: a view of them, or that of which they are a view.
    """
    order = {node: number for number, node in enumerate(graph.nodes)}
    alike = {node: {node} for node in graph.nodes}                       # nodes that may hold the same numbers
    for node in graph.nodes:
        changes = _changes(node, twin)
        if not (changes or _views(node, twin)):
            continue
        source = node.all_input_nodes[0]
        if changes:
            others = [other for other in alike[source] - {source}
                      if any(order[user] > order[node] for user in other.users)]
            if others or source.op == "get_attr":
                raise ValueError(f"from_torch: {_named(node)} changes in place what "
                                 f"\"{others[0].name if others else source.target}\" holds too")
            for user in [user for user in source.users if order[user] > order[node]]:
                user.replace_input_with(source, node)
        alike[node] = alike[source]
        alike[node].add(node)


def _changes(node, twin):
    """Whether a node works in place."""
    if node.op == "call_module":
        return getattr(_at(twin, node.target), "inplace", False)
    called = node.op in ("call_function", "call_method")
    return called and (node.kwargs.get("inplace") is True or _name(node) != _plain_name(node))


def _views(node, twin):
    """Whether the result of a node may be a view of its input, or its input itself."""
    if node.op == "call_module":
        return isinstance(_at(twin, node.target), (nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Identity, nn.Unflatten))
    if node.target is getattr:
        return node.args[1] in ("T", "mT", "data")
    return node.op != "placeholder" and _name(node) in VIEWS


def _name(node):
    """The name of the function or method that a node calls."""
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _plain_name(node):
    """relu for relu_, which works in place; but operator.and_ is called so since `and` cannot be a name."""
    name = _name(node)
    return name if hasattr(operator, name) else name.removesuffix("_")


def _meaning(node, module, twin):
    """What a node means here: the path of a layer, or a function on our tensors.

    Raises ValueError when there is none.
    """
    if node.op == "output":
        return _same
    if node.op == "call_module":
        if isinstance(_at(twin, node.target), _Part):
            raise ValueError(f"from_torch: layer \"{node.target}\" is a {_class_name(_at(module, node.target))}, which "
                             "scratch does not have")
        return node.target
    name = _plain_name(node)
    meaning = OPERATIONS.get(name) if node.op == "call_method" else _function(node.target, name)
    if meaning is None:
        raise ValueError(f"from_torch: {_named(node)} has no counterpart in scratch")
    return meaning


def _function(function, name):
    """What a function called by the network means on our tensors, or None."""
    import torch

    if isinstance(function, type) and issubclass(function, tuple):       # a namedtuple
        return function
    if function is getattr:
        return _attribute
    if function in (getattr(operator, name, None), getattr(math, name, None)):
        return function
    if (function.__module__ or "").startswith("torchvision."):
        return TORCHVISION.get(name)
    if (function.__module__ or "").startswith("cnnlib.blocks."):
        return BLOCKS.get(name)
    ours = {getattr(torch.nn.functional, name, None): name for name in F.__all__}
    if function in ours:
        return _functional(ours[function])
    known = (getattr(library, function.__name__, None) for library in (torch, torch.nn.functional))
    return OPERATIONS.get(name) if any(function is one for one in known) else None


def _named(node):
    """What a node calls and where, for errors."""
    if node.op == "call_method":
        called = f"the method {node.target} of a tensor"
    elif node.op == "call_module":
        called = "the module"
    else:
        library = (getattr(node.target, "__module__", None) or "torch").split("._C")[0]
        called = f"{library.removeprefix('_')}.{_name(node)}"
    stack = list((node.meta.get("nn_module_stack") or {}).values())      # (path, class), from the outside in
    layer = node.target if node.op == "call_module" else stack[-1][0] if stack else ""
    return f"{called} in layer \"{layer}\"" if layer else called


# ---- the reader's own functions --------------------------------------------------------------------------------------

ONE_FOR_ALL_AXES = {"kernel_size", "stride", "padding", "dilation", "output_padding"}


def _replacements(functions):
    """{name: function} → {function of `functional`: (the reader's, its backward)}"""
    for name, function in functions.items():
        if name not in F.__all__:
            near = difflib.get_close_matches(name, F.__all__, n=5)
            raise ValueError(f"from_torch: functional has no {name}{'; near it are ' * bool(near)}{', '.join(near)}")
        if not callable(function):
            raise TypeError(f"from_torch: {name} must be a function, got {type(function).__name__}")
    own = {name: _plainly(name, function) for name, function in functions.items()}
    names = {name.removesuffix("_backward") for name in functions}
    return {getattr(F, name): tuple(own.get(key, getattr(F, key)) for key in (name, f"{name}_backward"))
            for name in names}


def _plainly(name, function):
    """The reader's function, called with (3, 3) as 3 and without arguments that have their default."""
    signature = inspect.signature(getattr(F, name))

    @functools.wraps(function)
    def call(*args, **options):
        named = {key: value for key, value in options.items() if key not in signature.parameters}    # saved, perhaps
        given = signature.bind(*args, **{key: value for key, value in options.items() if key not in named})
        given.apply_defaults()
        positional, plain = [], True
        for key, parameter in reversed(signature.parameters.items()):
            value = given.arguments[key]
            if key in ONE_FOR_ALL_AXES and isinstance(value, (tuple, list)) and len(set(value)) == 1:
                value = value[0]
            default = key == "inplace" or (not isinstance(value, np.ndarray) and value == parameter.default)
            if parameter.kind is parameter.KEYWORD_ONLY:
                named |= {} if default else {key: value}
            elif not (default and plain):                                # only the last ones can be left out
                positional.insert(0, value)
                plain = False
        return function(*positional, **named)

    return call


def _replacing(replaced, forward, *inputs, **options):
    with replacing(replaced):
        return forward(*inputs, **options)


# ---- what the functions and methods of torch mean on our tensors -----------------------------------------------------

def _functional(name):
    """F.NAME on tensors, which may also be given by name."""
    function = getattr(F, name)
    signature = inspect.signature(function)

    def call(*args, **options):
        given = signature.bind(*args, **options)
        given.apply_defaults()
        return apply(function, *given.args, **given.kwargs)

    call.__signature__ = signature
    return call


def _same(value): return value
def _add(input, other, alpha=1): return input + (other if alpha == 1 else other * alpha)
def _sub(input, other, alpha=1): return input - (other if alpha == 1 else other * alpha)
def _div(input, other): return input / other
def _square(input): return input * input
def _rsqrt(input): return 1 / input.sqrt()
def _reciprocal(input): return 1 / input
def _t(input): return input.T
def _permute(input, *axes, dims=()): return input.permute(*(axes or dims))
def _flip(input, *axes, dims=()): return input.flip(*(axes or dims))
def _reshape(input, *sizes, shape=()): return input.reshape(*(sizes or shape))
def _expand_as(input, other): return input.expand(*other.shape)
def _reshape_as(input, other): return input.reshape(*other.shape)
def _unbind(input, dim=0): return tuple(part.squeeze(dim) for part in input.split(1, dim))
def _full(input, size, value): return Tensor(np.full(size, value, input.dtype))
def _zeros_like(input): return _full(input, input.shape, 0)
def _ones_like(input): return _full(input, input.shape, 1)
def _new_zeros(input, *size): return _full(input, size[0] if isinstance(size[0], (tuple, list)) else size, 0)
def _new_ones(input, *size): return _full(input, size[0] if isinstance(size[0], (tuple, list)) else size, 1)


def _attribute(input, name):
    if isinstance(input, Tensor) and name in ("data", "mT", "device"):
        return input.detach() if name == "data" else input.transpose(-2, -1) if name == "mT" else "cpu"
    return getattr(input, name)


def _to(input, *args, dtype=None, **ignored):
    """Another dtype, given by itself or by a tensor that has it; there is one device."""
    dtypes = [getattr(arg, "dtype", arg) for arg in (dtype, *args) if isinstance(arg, (np.dtype, Tensor))]
    return input.to(dtypes[0]) if dtypes else input


def _spread(function):
    """var or std: `unbiased`, which is torch's older word for correction=1, may come second."""
    def call(input, dim=None, unbiased=None, *, correction=1, keepdim=False):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        return function(input, dim, correction if unbiased is None else int(unbiased), keepdim)
    return call


_Extreme = namedtuple("_Extreme", "values indices")


def _extreme(pairwise, overall, places):
    """max or min: of two tensors, of all numbers, or along an axis, with the places."""
    def call(input, dim=None, keepdim=False):
        if isinstance(dim, Tensor):
            return pairwise(input, dim)
        if dim is None:
            return overall(input)
        axis, = axes_of("max", dim, input.ndim)
        indices = places(input, axis, keepdim=True)
        grid = list(np.ogrid[tuple(map(slice, input.shape))])
        grid[axis] = indices.data
        values = input[tuple(grid)]                                      # the gradient goes to the first of equals
        return _Extreme(*(value if keepdim else value.squeeze(axis) for value in (values, indices)))
    return call


def _assert(condition, message=""):
    if not condition:
        raise ValueError(f"from_torch: the network expects: {message}")


# torch.NAME(x, …) and x.NAME(…), also with an underscore behind: nothing is done in place, but see `_follow_changes`
OPERATIONS = {
    **{name: getattr(Tensor, name) for name in """
        abs amax amin argmax argmin chunk clamp clip contiguous cos cpu detach dim double exp expand flatten float item
        log masked_fill matmul mean numel pow relu repeat roll sigmoid sin size split sqrt squeeze sum tanh transpose
        unflatten unsqueeze view
    """.split()},
    **{name: getattr(operator, name) for name in ("eq", "ge", "gt", "le", "lt", "mul", "ne", "neg")},
    **{name: _functional(name) for name in ("log_softmax", "softmax")},
    "_assert": _assert, "add": _add, "bmm": Tensor.matmul, "cat": cat, "clone": _same, "concat": cat,
    "concatenate": cat, "div": _div, "divide": _div, "expand_as": _expand_as, "flip": _flip,
    "max": _extreme(maximum, Tensor.max, Tensor.argmax), "maximum": maximum,
    "min": _extreme(minimum, Tensor.min, Tensor.argmin), "minimum": minimum, "mm": Tensor.matmul,
    "multiply": operator.mul, "new_ones": _new_ones, "new_zeros": _new_zeros, "ones_like": _ones_like,
    "permute": _permute, "reciprocal": _reciprocal, "reshape": _reshape, "reshape_as": _reshape_as, "rsqrt": _rsqrt,
    "square": _square, "stack": stack, "std": _spread(Tensor.std), "sub": _sub, "subtract": _sub,
    "swapaxes": Tensor.transpose, "swapdims": Tensor.transpose, "t": _t, "to": _to, "true_divide": _div,
    "type_as": _to, "unbind": _unbind, "var": _spread(Tensor.var), "view_as": _reshape_as, "where": where,
    "zeros_like": _zeros_like,
}
# Those whose result may be a view of their input in torch, or the input itself.
VIEWS = set("""
    chunk contiguous cpu detach double dropout dropout2d expand expand_as flatten float getattr getitem permute reshape
    reshape_as split squeeze stochastic_depth swapaxes swapdims t to transpose type_as unbind unflatten unsqueeze view
    view_as
""".split())


# ---- the functions that torchvision keeps in one piece ---------------------------------------------------------------

def _stochastic_depth(input, p, mode, training=True):
    """Leave out whole images ("row") or the batch with probability p, and make up for it (Huang et al. 2016)."""
    if not training or p == 0:
        return input
    shape = (input.shape[0] if mode == "row" else 1, *[1] * (input.ndim - 1))
    kept = generator().random(shape) >= p
    return input * Tensor((kept / max(1 - p, 1e-12)).astype(input.dtype))


def _patch_merging_pad(x):
    """Four neighbours side by side: (*, H, W, C)  →  (*, ⌈H/2⌉, ⌈W/2⌉, 4C)  (Liu et al. 2021)."""
    x = apply(F.pad, x, (0, 0, 0, x.shape[-2] % 2, 0, x.shape[-3] % 2))
    return cat([x[..., row::2, column::2, :] for column in (0, 1) for row in (0, 1)], -1)


def _relative_position_bias(table, index, window_size):
    """A number for each head and pair of pixels of a window, by their distance: (D, h)  →  (1, h, T, T)."""
    tokens = math.prod(window_size)
    return table[index].reshape(tokens, tokens, -1).permute(2, 0, 1).unsqueeze(0)


def _shifted_window_attention(input, qkv_weight, proj_weight, relative_position_bias, window_size, num_heads,
                              shift_size, attention_dropout=0.0, dropout=0.0, qkv_bias=None, proj_bias=None,
                              logit_scale=None, training=True):
    """Attention within windows, which a shift lays across those of the layer before (Liu et al. 2021, Swin).

    input: (N, H, W, C)  →  (N, H, W, C).  logit_scale (h, 1, 1): the scores are cosines times that (Swin V2).
    """
    batch, height, width, channels = input.shape
    x = apply(F.pad, input, (0, 0, 0, -width % window_size[1], 0, -height % window_size[0]))
    padded = x.shape[1:3]
    rows, columns = (size // window for size, window in zip(padded, window_size, strict=True))
    shift = [0 if count == 1 else by for count, by in zip((rows, columns), shift_size, strict=True)]
    x = x.roll([-by for by in shift], (1, 2))
    x = x.reshape(batch, rows, window_size[0], columns, window_size[1], channels)
    x = x.permute(0, 1, 3, 2, 4, 5).reshape(batch * rows * columns, math.prod(window_size), channels)  # (N·w, T, C)

    if logit_scale is not None and qkv_bias is not None:                 # keys have no bias
        q_bias, k_bias, v_bias = qkv_bias.chunk(3)
        qkv_bias = cat([q_bias, _zeros_like(k_bias), v_bias])
    qkv = apply(F.linear, x, qkv_weight, qkv_bias).unflatten(-1, (3, num_heads, -1))
    q, k, v = qkv.permute(2, 0, 3, 1, 4)                                 # (N·w, h, T, C/h) each
    if logit_scale is None:
        scores = (q * (channels // num_heads) ** -0.5) @ k.transpose(-2, -1)
    else:
        cosines = apply(F.normalize, q, dim=-1) @ apply(F.normalize, k, dim=-1).transpose(-2, -1)
        scores = cosines * logit_scale.clamp(max=math.log(100)).exp()
    scores = scores + relative_position_bias                             # (N·w, h, T, T)
    if any(shift):
        apart = Tensor(_apart(padded, window_size, shift).astype(input.dtype) * -100)
        scores = (scores.unflatten(0, (batch, -1)) + apart).flatten(0, 1)
    attention = apply(F.dropout, scores.softmax(-1), attention_dropout, training)
    x = (attention @ v).transpose(1, 2).flatten(2)                       # (N·w, T, C)
    x = apply(F.dropout, apply(F.linear, x, proj_weight, proj_bias), dropout, training)

    x = x.reshape(batch, rows, columns, *window_size, channels).permute(0, 1, 3, 2, 4, 5)
    x = x.reshape(batch, *padded, channels).roll(shift, (1, 2))
    return x[:, :height, :width]


def _apart(size, window, shift):
    """True for two pixels of one window which only the shift around the edge has brought together: (w, 1, T, T)."""
    region = [(np.arange(n) >= n - by).astype(int) if by else np.zeros(n, int)
              for n, by in zip(size, shift, strict=True)]
    region = 2 * region[0][:, None] + region[1]                          # (H, W)
    region = region.reshape(size[0] // window[0], window[0], size[1] // window[1], window[1]).swapaxes(1, 2)
    region = region.reshape(-1, math.prod(window))                       # (w, T)
    return (region[:, :, None] != region[:, None, :])[:, None]


TORCHVISION = {"_get_relative_position_bias": _relative_position_bias, "_patch_merging_pad": _patch_merging_pad,
               "shifted_window_attention": _shifted_window_attention, "stochastic_depth": _stochastic_depth}

# ---- the functions that `cnnlib.blocks` keeps in one piece, with torch.fx.wrap ---------------------------------------

BLOCKS = {"deform_conv2d": functools.partial(apply, deform_conv2d)}
