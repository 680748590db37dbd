"""What the forward of a torch module does, as steps: torch.fx writes it down, `Traced` does the same on our tensors."""

import inspect
import operator
from collections import namedtuple

import numpy as np

from .. import nn
from ..tensor.autograd import Tensor, replacing
from .building import Part, build, class_name, copy_tensor, counterpart
from .operations import OPERATIONS, VIEWS, meaning, same

CONTAINERS = (nn.Sequential, nn.ModuleList)


class Traced(Part):
    """A network that takes one step after the other, as torch.fx saw them: (N, …)  →  what the torch module returns.

    Raises TypeError for another number of inputs, and what the steps raise.
    """

    def __init__(self, name):
        super().__init__(name)
        self._plans = {}                 # {mode, which is True in training: (the names of the inputs, the steps)}
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


# ---- from torch.fx to steps ------------------------------------------------------------------------------------------

def trace(module, replaced):
    """The twin of a torch module, with the steps that it takes in training mode and in evaluation mode.

    replaced: {function of `functional`: (the reader's own, its backward)}
    Raises ValueError for what torch.fx cannot follow and for what has no counterpart here.
    """
    twin = build(module, Traced)
    twin._replaced = replaced
    before = {part: dict(vars(part)) for part in module.modules()}
    try:
        for mode in (True, False):
            twin._plans[mode] = _steps(_graph(module.train(mode)), module, twin)
    finally:
        for part, attributes in before.items():                          # its mode, and what tracing left in it
            vars(part).clear()
            vars(part).update(attributes)
    return twin


def _graph(module):
    """The graph that torch.fx writes down; layers with a twin and those of torch.nn are one node each."""
    import torch.fx

    class Tracer(torch.fx.Tracer):
        proxy_buffer_attributes = True                                   # buffers are read when the network runs
        stuck = None

        def is_leaf_module(self, part, path):
            return counterpart(part) not in (None, *CONTAINERS) or super().is_leaf_module(part, path)

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
    except Exception as error:                                           # whatever forward does to what is not a tensor
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
            run = _what_runs(node, module, twin)
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
        setattr(owner, name, copy_tensor(Tensor, _at(module, path), path, {}))


# ---- what works in place ---------------------------------------------------------------------------------------------

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


# ---- what a node calls -----------------------------------------------------------------------------------------------

def _name(node):
    """The name of the function or method that a node calls."""
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _plain_name(node):
    """relu for relu_, which works in place; but operator.and_ is called so since `and` cannot be a name."""
    name = _name(node)
    return name if hasattr(operator, name) else name.removesuffix("_")


def _what_runs(node, module, twin):
    """What a node runs here: the path of a layer, or a function on our tensors. Raises ValueError if there is none."""
    if node.op == "output":
        return same
    if node.op == "call_module":
        if isinstance(_at(twin, node.target), Part):
            raise ValueError(f"from_torch: layer \"{node.target}\" is a {class_name(_at(module, node.target))}, which "
                             "scratch does not have")
        return node.target
    name = _plain_name(node)
    run = OPERATIONS.get(name) if node.op == "call_method" else meaning(node.target, name)
    if run is None:
        raise ValueError(f"from_torch: {_named(node)} has no counterpart in scratch")
    return run


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
