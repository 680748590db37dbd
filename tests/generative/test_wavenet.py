"""WaveNet: μ-law by its formula, a cache that changes nothing, and networks that see their past and nothing else."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import nn

from cnnlib.generative import TCN, TCNBlock, WaveNet, generate, mu_law_decode, mu_law_encode
from cnnlib.testing import assert_close
from tests.architectures.same import count_parameters

net, ints = WaveNet(8, 4, 2), torch.zeros(2, 5, dtype=torch.int64)
told = WaveNet(8, 4, 2, conditions=3)
BAD = [
    (mu_law_encode, (torch.tensor([1.5]),), {}, r"mu_law_encode: x must lie in \[−1, 1\]"),
    (mu_law_encode, (torch.tensor([math.nan]),), {}, r"mu_law_encode: x must lie in \[−1, 1\]"),
    (mu_law_encode, (torch.tensor([1]),), {}, "mu_law_encode: x must be a tensor of floats"),
    (mu_law_encode, (torch.zeros(3), 1), {}, "mu_law_encode: classes must be at least 2, got 1"),
    (mu_law_decode, (torch.tensor([64]), 64), {}, "mu_law_decode: y must be from 0 to 63"),
    (mu_law_decode, (torch.tensor([0.5]), 64), {}, "mu_law_decode: y must be a tensor of ints"),
    (mu_law_decode, (torch.tensor([0]), 1), {}, "mu_law_decode: classes must be at least 2, got 1"),
    (WaveNet, (0,), {}, "WaveNet: classes must be at least 1, got 0"),
    (net, (torch.zeros(2, 5),), {}, "WaveNet: x must be a tensor of ints"),
    (net, (ints[0],), {}, r"WaveNet: input must be \(N, T\), got shape \(5,\)"),
    (net, (ints + 8,), {}, "WaveNet: x must be from 0 to 7"),
    (net, (ints, torch.tensor([0, 1])), {}, "WaveNet: condition must be given exactly if the network has conditions"),
    (told, (ints,), {}, "WaveNet: condition must be given exactly if the network has conditions"),
    (told, (ints, torch.tensor([0, 3])), {}, "WaveNet: condition must be from 0 to 2"),
    (told, (ints, torch.tensor([0])), {}, r"WaveNet: input must be \(2,\), got shape \(1,\)"),
    (generate, (nn.Linear(2, 2), 5), {}, "generate: net must be a WaveNet, got Linear"),
    (generate, (net, 0), {}, "generate: length must be at least 1, got 0"),
    (generate, (net, 3), {"temperature": 0}, "generate: temperature must be a number above 0, got 0"),
    (TCNBlock, (3, 4, 0), {}, "TCNBlock: kernel_size must be at least 1, got 0"),
    (TCNBlock, (3, 4), {"dropout": 2}, "TCNBlock: dropout must be from 0 to 1, got 2"),
    (TCN, (3, 4, 0), {}, "TCN: levels must be at least 1, got 0"),
    (TCN(3, 4, 1), (torch.zeros(2, 4, 9),), {}, r"CausalConv1d: input must be \(N, 3, L\)"),
]


@pytest.mark.parametrize("classes", [2, 10, 64, 256])
def test_mu_law_is_its_formula_and_its_inverse(classes):
    x = torch.linspace(-1, 1, 1001, dtype=torch.float64)
    mu = classes - 1
    want = [math.floor((math.copysign(math.log(1 + mu * abs(v)) / math.log(1 + mu), v) + 1) / 2 * mu + 0.5)
            for v in x.tolist()]
    got = mu_law_encode(x, classes)
    assert np.abs(np.array(want) - got.numpy()).max() <= 1 and (np.array(want) == got.numpy()).mean() > 0.99
    y = torch.arange(classes)
    assert torch.equal(mu_law_encode(mu_law_decode(y, classes), classes), y)
    assert_close(mu_law_decode(y, classes)[[0, -1]], torch.tensor([-1.0, 1.0]))
    assert_close(mu_law_decode(y, classes), -mu_law_decode(y.flip(0), classes))


def test_silence_lies_in_the_middle():
    assert [int(mu_law_encode(torch.zeros(1), n)) for n in (256, 64)] == [128, 32]


def test_parameters_are_counted_by_the_paper():
    classes, c, layers, conditions = 64, 24, 8, 5
    block = 2 * c * (2 * c) + 2 * c + c * c + c                          # filter and gate, skip
    residual, head = c * c + c, c * c + c + c * classes + classes
    want = (classes + conditions) * c + layers * block + (layers - 1) * residual + head
    assert count_parameters(WaveNet(classes, c, layers, conditions)) == want


def test_the_logits_are_those_of_the_layers():
    torch.manual_seed(0)
    x, which = torch.randint(8, (2, 11)), torch.tensor([2, 0])
    h = told.embed.weight[x] + told.condition.weight[which][:, None]
    assert_close(told(x, which), told.head(told.stack(h.transpose(1, 2))))
    assert_close(net(x), net.head(net.stack(net.embed.weight[x].transpose(1, 2))))


@pytest.mark.parametrize("conditions", [None, 3])
def test_the_cache_changes_nothing(conditions):
    torch.manual_seed(0)
    net = WaveNet(8, 5, 4, conditions).double()
    x = torch.randint(8, (3, 41))
    which = None if conditions is None else torch.tensor([2, 0, 1])
    cache = net.start(3, which)
    assert_close(torch.stack([net.step(x[:, t], cache) for t in range(41)], 2), net(x, which))


def test_the_field_is_the_past_and_no_more():
    torch.manual_seed(0)
    net, x = WaveNet(8, 5, 3).double(), torch.randint(8, (1, 30))
    before = net(x)[0, :, 20]
    for t in range(30):
        other = x.clone()
        other[0, t] = (x[0, t] + 1) % 8
        assert torch.equal(net(other)[0, :, 20], before) != (20 - net.receptive_field < t <= 20)


def test_what_is_generated_follows_the_probabilities():
    """The first sample's classes, drawn 4,000 times, by a χ² test; and draws repeat with their seed."""
    torch.manual_seed(0)
    net = WaveNet(6, 4, 2)
    for temperature in (1.0, 0.5):
        with torch.no_grad():
            p = (net(torch.full((1, 1), 3))[0, :, 0].double() / temperature).softmax(0).numpy()
        y = generate(net, 1, count=4000, temperature=temperature)
        assert y.shape == (4000, 1)
        assert chisquare(np.bincount(y[:, 0], minlength=6), 4000 * p / p.sum()).pvalue > 1e-3
    assert torch.equal(generate(net, 9, count=2, seed=5), generate(net, 9, count=2, seed=5))
    assert not torch.equal(generate(net, 9, count=2, seed=5), generate(net, 9, count=2, seed=6))


def test_a_cold_generator_takes_the_likeliest_of_what_it_has_played():
    torch.manual_seed(0)
    y = generate(told, 12, torch.tensor([0, 2]), 2, temperature=1e-6)
    with torch.no_grad():
        x = torch.cat([torch.full((2, 1), 4), y[:, :-1]], 1)
        assert torch.equal(told(x, torch.tensor([0, 2])).argmax(1), y)


def seen(net, channels, length, t):
    x = torch.randn(1, channels, length, dtype=torch.float64, requires_grad=True)
    grad, = torch.autograd.grad(net.double()(x)[:, :, t].sum(), x)
    return grad.abs().sum((0, 1)).nonzero().ravel().tolist()


@pytest.mark.parametrize(("levels", "kernel_size", "field"), [(4, 3, 61), (1, 2, 3), (3, 4, 43)])
def test_a_tcn_sees_two_convolutions_a_level_and_none_of_the_future(levels, kernel_size, field):
    torch.manual_seed(0)
    net = TCN(3, 16, levels, kernel_size)
    assert net.receptive_field == field and net(torch.randn(2, 3, 9)).shape == (2, 16, 9)
    t = 2 * field
    assert seen(net, 3, t + 5, t) == list(range(t - field + 1, t + 1))


def test_a_tcn_block_is_its_formula():
    torch.manual_seed(0)
    for width in (3, 5):
        block, x = TCNBlock(width, 5, 3, 2), torch.randn(2, width, 13)
        first, second = block.layers[0], block.layers[3]
        want = block.shortcut(x) + second(first(x).relu()).relu()
        assert_close(block(x), want.relu())
        assert isinstance(block.shortcut, nn.Identity) == (width == 5)
        weight = first.conv.parametrizations.weight
        g, v = weight.original0, weight.original1
        assert_close(first.conv.weight, g * v / v.flatten(1).norm(dim=1)[:, None, None])


def test_dropout_is_off_in_evaluation_mode():
    torch.manual_seed(0)
    block, x = TCNBlock(3, 5, dropout=0.5), torch.randn(2, 3, 13)
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))
