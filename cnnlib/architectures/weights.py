"""Weights that others have trained, put into the networks of this package."""

import torch

from cnnlib.checks import check_type, require

__all__ = ["load_torchvision_weights"]


def load_torchvision_weights(net, state_dict):
    """Copy the weights of torchvision's network into the same one here, in place.

    net: a network of `cnnlib.architectures`.  state_dict: that of torchvision's, name → tensor. The names differ, the
    order does not: the first tensor here takes the first there, and so on.  Returns {name here: name there}.
    Raises TypeError unless they are a network and a dict of tensors, ValueError where a shape or the number of tensors
    differs; then nothing has been copied.
    """
    name = "load_torchvision_weights"
    check_type(name, torch.nn.Module, "a torch.nn.Module", net=net)
    if not isinstance(state_dict, dict) or not all(isinstance(value, torch.Tensor) for value in state_dict.values()):
        raise TypeError(f"{name}: state_dict must map names to tensors, got {type(state_dict).__name__}")
    ours = net.state_dict()
    names = dict(zip(ours, state_dict, strict=False))
    for here, there in names.items():
        want, got = tuple(ours[here].shape), tuple(state_dict[there].shape)
        require(name, want == got, f"{there} of shape {got} does not fit into {here}, which has shape {want}")
    require(name, len(ours) == len(state_dict), f"net has {len(ours)} tensors, state_dict {len(state_dict)}")
    net.load_state_dict({here: state_dict[there] for here, there in names.items()})
    return names
