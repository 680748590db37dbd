"""The networks of this package in NumPy: the same outputs and the same gradients by the course's own engine."""

import numpy as np
import pytest
import torch

from cnnlib.generative import ESPCN, VAE, DCGANDiscriminator, DCGANGenerator
from cnnlib.scratch import Tensor, from_torch
from cnnlib.testing import assert_close

NETS = {
    "ESPCN": (lambda: ESPCN(3, 2, 6, 3), (2, 3, 7, 9)),
    "DCGANGenerator": (lambda: DCGANGenerator(8, 4), (3, 8)),
    "DCGANDiscriminator": (lambda: DCGANDiscriminator(4), (3, 1, 16, 16)),
    "VAE's encoder": (lambda: VAE(4, 3, 12).encoder, (3, 1, 12, 12)),
    "VAE's decoder": (lambda: VAE(4, 3, 12).decoder, (3, 4)),
}


@pytest.mark.parametrize("name", NETS)
def test_numpy_computes_the_same_forward_and_backward(name):
    torch.manual_seed(0)
    make, shape = NETS[name]
    net, x = make().double().eval(), torch.randn(shape, dtype=torch.float64)
    ours, theirs = Tensor(x.numpy(), requires_grad=True), x.clone().requires_grad_()
    out, want = from_torch(net)(ours), net(theirs)
    assert_close(out.data, want, 1e-10)
    upstream = np.random.default_rng(0).normal(size=out.shape)
    (out * upstream).sum().backward()
    (want * torch.as_tensor(upstream)).sum().backward()
    assert_close(ours.grad, theirs.grad, 1e-10)
