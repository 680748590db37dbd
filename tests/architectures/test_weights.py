"""Weights are put where they belong, or nowhere."""

import pytest
import torch
from torch import nn
from torchvision import models

from cnnlib.architectures import load_torchvision_weights

BAD = [
    (load_torchvision_weights, (5, {}), {}, "net must be a torch.nn.Module, got int"),
    (load_torchvision_weights, (nn.Linear(2, 3), nn.Linear(2, 3)), {}, "must map names to tensors, got Linear"),
    (load_torchvision_weights, (nn.Linear(2, 3), {"weight": [1.0]}), {}, "must map names to tensors, got dict"),
    (load_torchvision_weights, (nn.Linear(2, 3), nn.Linear(2, 4).state_dict()), {},
     r"weight of shape \(4, 2\) does not fit into weight, which has shape \(3, 2\)"),
    (load_torchvision_weights, (nn.Linear(2, 3), nn.Linear(2, 3, bias=False).state_dict()), {},
     "net has 2 tensors, state_dict 1"),
]


def test_they_are_copied_in_order_whatever_the_names():
    source = models.resnet18(num_classes=4).state_dict()
    net = models.resnet18(num_classes=4)
    renamed = {f"other.{i}": tensor for i, tensor in enumerate(source.values())}
    names = load_torchvision_weights(net, renamed)
    assert list(names) == list(source) and list(names.values()) == list(renamed)
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in source.items())


def test_nothing_is_copied_when_something_does_not_fit():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    before = [p.clone() for p in net.parameters()]
    with pytest.raises(ValueError, match="does not fit"):
        load_torchvision_weights(net, nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5)).state_dict())
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
