"""Our networks beside others: torchvision's with the same weights, and our NumPy twin."""

import numpy as np
import torch
from torch import nn

from cnnlib.architectures import load_torchvision_weights
from cnnlib.scratch import Tensor, from_torch
from cnnlib.testing import assert_close


def count_parameters(net):
    return sum(p.numel() for p in net.parameters())


def on_meta(make, *args, **kwargs):
    """The network without numbers: shapes and counts at no cost."""
    with torch.device("meta"):
        return make(*args, **kwargs)


def layers_of(net):
    """The layers without parts, in words, whether or not they work in place."""
    return [repr(part).replace(", inplace=True", "").replace("inplace=True", "")
            for part in net.modules() if not list(part.children())]


def narrow_pair(make, make_theirs, sizes):
    """Ours and theirs with narrow dense layers, since full ones take long to draw: {place: (inputs, outputs)}."""
    ours, theirs = on_meta(make), on_meta(make_theirs)
    for net in (ours, theirs):
        for place, size in sizes.items():
            assert isinstance(net.classifier[place], nn.Linear)
            net.classifier[place] = nn.Linear(*size)
        net.to_empty(device="cpu")
    for layer in theirs.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return ours, theirs


def unsettle(net, seed=0):
    """Give every norm statistics and scales of its own, and zeros a value: a net as made forgives too much."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    with torch.no_grad():
        for p in net.parameters():
            if p.ndim < 2:
                p.add_(torch.empty_like(p).normal_(0, 0.1, generator=generator))
    return net


def assert_same_as_torchvision(ours, theirs, shape, seed=0):
    """The same tensors in the same order, and with the same weights the same outputs, to 1e-5 of the largest."""
    theirs = unsettle(theirs, seed).eval()
    shapes = [[tuple(tensor.shape) for tensor in net.state_dict().values()] for net in (ours, theirs)]
    assert shapes[0] == shapes[1]
    names = load_torchvision_weights(ours, theirs.state_dict())
    copied, given = ours.state_dict(), theirs.state_dict()
    for here, there in names.items():
        assert torch.equal(copied[here], given[there])
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        got, want = ours.eval()(x), theirs(x)
    assert got.std() > 1e-3, "the outputs say nothing"
    scale = want.abs().max()
    assert_close(got / scale, want / scale, 1e-5)


def assert_same_in_numpy(net, shape, seed=0):
    """`scratch.from_torch` gives the same outputs and gradients in double precision, in training and in use."""
    net = unsettle(net, seed).double()
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    for training in (False, True):
        net.train(training)
        for module in net.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):        # their random numbers differ
                module.eval()
        twin = from_torch(net)
        twin.train(training)
        for module in twin.modules():
            if "Dropout" in type(module).__name__:
                module.eval()
        want = net(x)
        got = twin(Tensor(x.numpy()))
        assert_close(got.data, want, 1e-8)
        g = torch.randn(want.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + 1))
        net.zero_grad()
        want.backward(g)
        got.backward(np.asarray(g))
        theirs = dict(net.named_parameters())
        for name, p in twin.named_parameters():
            if theirs[name].grad is None:
                assert p.grad is None or not np.any(p.grad), f"{name}: torch has no gradient"
            else:
                scale = max(1.0, float(theirs[name].grad.abs().max()))
                assert_close(p.grad / scale, theirs[name].grad / scale, 1e-7)
