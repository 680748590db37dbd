"""What a layer costs: multiply-adds, parameters, bytes.

An operation is one of torch's, by its name in `torch.ops.aten`, with a dict of its arguments.
"""

import math

# They look at numbers that are there, in another order.
VIEWS = {"view", "unsafe_view", "reshape", "t", "transpose", "permute", "unsqueeze", "squeeze", "expand", "select",
         "slice", "split", "split_with_sizes", "unbind", "alias", "detach", "as_strided", "clone", "copy", "lift_fresh",
         "unfold"}


def is_view(name):
    """Whether an operation makes no numbers."""
    return name.strip("_") in VIEWS


def multiply_adds(name, arguments, output):
    """Those of a convolution or a matrix product, without bias: for each output C_in/groups · k_h · k_w."""
    if name == "convolution":
        per_position = math.prod(arguments["weight"].shape[1:])          # (C_out, C_in/groups, *k), or (C_in, …)
        return (arguments["input"] if arguments["transposed"] else output).numel() * per_position
    factor = {"mm": "self", "bmm": "self", "addmm": "mat1", "baddbmm": "batch1"}.get(name)   # (…, L, K) of (…, L, M)
    return output.numel() * arguments[factor].shape[-1] if factor else 0


def memory(name, output):
    """Bytes of an output; views take none, nor does what is computed in place, as `add_`."""
    return 0 if is_view(name) or name.endswith("_") else output.numel() * output.element_size()


def new_parameters(module, counted, recurse):
    """How many numbers of a module are learned that are not in the set `counted` yet; they are from now on.

    recurse: also those of the modules within it.
    """
    new = [p for p in module.parameters(recurse) if p not in counted]
    counted.update(new)
    return sum(p.numel() for p in new)
