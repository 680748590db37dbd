"""The table of a network: what each layer makes, costs and sees."""

import math
from dataclasses import dataclass

import pandas as pd
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..checks import check_type, require
from ..modes import in_mode
from .costs import is_view, memory, multiply_adds, new_parameters
from .receptive_field import Axis, receptive_field

__all__ = ["Summary", "summary"]

COLUMNS = ["layer", "kind", "output", "parameters", "multiply_adds", "receptive_field", "memory"]
TEXT = ["layer", "kind"]                         # the columns that hold no numbers


def summary(net, input_shape):
    """A table of a network: for each layer its output, parameters, multiply-adds, receptive field and memory.

    net: a torch.nn.Module of one input; it is run in eval mode without numbers (on torch's device "meta"), and left as
    it was.  input_shape: that of one image without the batch, (C, H, W); (C, L) for sequences, (C, T, H, W) for video.
    → a `Summary`, which shows itself as HTML in a notebook and as text elsewhere.

    Rows are layers in the order in which they run, and the operations between them ("add", "cat", "bmm"); views are
    left out. A layer that runs twice has its parameters counted once, one that never runs stands at the end.
    multiply-adds: of convolutions and matrix products, without bias: for each output C_in/groups · k_h · k_w.
    receptive field: the longest stretch of the input, along each axis, that one output may depend on; it may reach
    beyond the image. "whole": attention, global pooling and dense layers see all. The statistics of a normalisation
    are not counted, and windows of attention count as whole.
    memory: bytes of what the layer computes, in the dtype of the network; what works in place adds none.
    Raises TypeError for anything but a module and a tuple of ints, ValueError for an empty shape; what the network
    raises for that shape is passed on.
    """
    check_type("summary", nn.Module, "a torch.nn.Module", net=net)
    if not isinstance(input_shape, (tuple, list)) or not all(type(n) is int and n > 0 for n in input_shape):
        raise TypeError(f"summary: input_shape must be a tuple of ints of at least 1, got {input_shape!r}")
    require("summary", input_shape, "input_shape needs at least one axis, (C, H, W) for images")
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    dtype = next((t.dtype for t in tensors.values() if t.is_floating_point()), torch.float32)
    with torch.device("meta"):
        image = torch.empty(1, *input_shape, dtype=dtype)
    recorder = _Recorder(image)
    hooks = [hook for name, module in net.named_modules() for hook in (
        module.register_forward_pre_hook(lambda module, _, name=name: recorder.enter(name, module)),
        module.register_forward_hook(lambda *_: recorder.leave()))]
    try:
        with in_mode(net, training=False), torch.no_grad(), torch.device("meta"):
            empty = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
            with recorder:
                torch.func.functional_call(net, empty, (image,))
    finally:
        for hook in hooks:
            hook.remove()
    return Summary(_table(net, recorder.rows), type(net).__name__, tuple(input_shape))


@dataclass
class Summary:
    """What `summary` returns.

    table: a pandas.DataFrame, one row a layer: layer, kind, output (tuple), parameters, multiply_adds,
    receptive_field (tuple of ints, ∞ for "whole"), memory (bytes).  parameters, multiply_adds, memory: their sums.
    """

    table: pd.DataFrame
    name: str
    input_shape: tuple

    @property
    def parameters(self):
        return int(self.table["parameters"].sum())

    @property
    def multiply_adds(self):
        return int(self.table["multiply_adds"].sum())

    @property
    def memory(self):
        return int(self.table["memory"].sum())

    def __str__(self):
        shown = self._shown()
        for column in TEXT:                                              # left, numbers right
            width = shown[column].str.len().max()
            shown[column] = shown[column].str.ljust(width)
        return f"{shown.to_string(index=False)}\n{self._totals()}"

    def _repr_html_(self):
        shown = self._shown()
        style = shown.style.hide(axis="index").set_properties(**{"text-align": "right", "white-space": "nowrap"})
        style = style.set_properties(subset=TEXT, **{"text-align": "left"})
        return f'<div style="overflow-x: auto">{style.to_html()}</div><p>{self._totals()}</p>'

    def _totals(self):
        return (f"{self.name} on {_times(self.input_shape)}: {self.parameters:,} parameters, "
                f"{self.multiply_adds:,} multiply-adds, {self.memory / 2**20:.1f} MiB of activations")

    def _shown(self):
        """The table as strings that people read."""
        return pd.DataFrame({
            "layer": self.table["layer"].replace("", "–"), "kind": self.table["kind"],
            "output": self.table["output"].map(_times), "parameters": self.table["parameters"].map("{:,}".format),
            "multiply-adds": self.table["multiply_adds"].map("{:,}".format),
            "receptive field": self.table["receptive_field"].map(_field_text),
            "memory (KiB)": (self.table["memory"] / 1024).map("{:,.1f}".format),
        })


def _times(sizes):
    return " × ".join(map(str, sizes)) or "–"


def _field_text(sizes):
    if sizes and all(map(math.isinf, sizes)):
        return "whole"
    return _times("whole" if math.isinf(size) else size for size in sizes)


# ---- what runs -------------------------------------------------------------------------------------------------------

@dataclass
class _Row:
    layer: str
    kind: str
    module: nn.Module
    leaf: bool                                   # a layer with all that it does, not one operation of a module
    output: tuple = ()
    parameters: int = 0
    multiply_adds: int = 0
    receptive_field: tuple = ()
    memory: int = 0


class _Recorder(TorchDispatchMode):
    """Sees every operation of torch that runs, with the module in which it does."""

    def __init__(self, image):
        super().__init__()
        self.rows, self.stack, self.fields, self.kept = [], [], {}, []
        self.note(image, [Axis.of_input(dim, n) for dim, n in enumerate(image.shape[2:], 2)])

    def enter(self, name, module):
        if self.stack and self.stack[-1][2]:        # a part of a layer: the norm of its weight
            self.stack.append(self.stack[-1])
            return
        leaf = all(part == "parametrizations" for part, _ in module.named_children())
        self.stack.append((name, module, leaf))
        if leaf:
            self.rows.append(_Row(name, type(module).__name__.removeprefix("Parametrized"), module, leaf=True))

    def leave(self):
        self.stack.pop()

    def note(self, tensor, axes):
        self.fields[id(tensor)] = axes
        self.kept.append(tensor)                    # as long as it lives no other tensor has its id

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        arguments = _by_name(function, args, kwargs or {})
        inputs = [(tensor, self.fields[id(tensor)]) for tensor in _tensors(arguments) if id(tensor) in self.fields]
        outputs = _tensors(out)
        if not inputs or not outputs:               # a constant, or an operation on parameters alone
            return out
        for output in outputs:
            self.note(output, receptive_field(name, arguments, inputs, output))
        layer, module, leaf = self.stack[-1]
        if leaf:
            row = self.rows[-1]
        elif is_view(name):
            return out
        else:
            row = _Row(layer, name.strip("_"), module, leaf=False)
            self.rows.append(row)
        row.output = tuple(outputs[0].shape[1:])
        row.receptive_field = tuple(axis.size() for axis in self.fields[id(outputs[0])])
        row.multiply_adds += multiply_adds(name, arguments, outputs[0])
        row.memory += memory(name, outputs[0])
        return out


def _by_name(function, args, kwargs):
    """The arguments of an operation as a dict, with its defaults."""
    schema = function._schema.arguments
    defaults = {a.name: a.default_value for a in schema if a.has_default_value()}
    return defaults | dict(zip([a.name for a in schema], args, strict=False)) | kwargs


def _tensors(value):
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _table(net, rows):
    """The rows with their parameters, each tensor counted where its module first runs; what never runs at the end."""
    counted = set()
    for row in rows:
        row.parameters = new_parameters(row.module, counted, recurse=row.leaf)
    for name, module in net.named_modules():
        if new := new_parameters(module, counted, recurse=False):
            rows.append(_Row(name, f"{type(module).__name__} (does not run)", module, leaf=False, parameters=new))
    return pd.DataFrame([vars(row) for row in rows], columns=COLUMNS)
