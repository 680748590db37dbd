"""Attacks that only ask: what they send is counted by the network itself, and nothing may want a gradient."""

import math

import pytest
import torch
from torch import nn

from cnnlib import adversarial as A
from cnnlib.testing import assert_close

ATTACKS = ["square", "nes", "boundary"]


class Counting(nn.Module):
    """A small network that counts its images, and fails if it is asked for gradients or trains."""

    def __init__(self, channels, height, width, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(channels, 4, 3, stride=2, padding=1)
        self.norm, self.drop = nn.BatchNorm2d(4), nn.Dropout(0.5)
        self.head = nn.Linear(4 * math.ceil(height / 2) * math.ceil(width / 2), 3)
        self.seen = 0
        self.eval()

    def forward(self, x):
        assert not torch.is_grad_enabled() and not x.requires_grad and not self.training
        assert x.min() >= 0 and x.max() <= 1
        self.seen += len(x)
        return self.head(self.drop(self.norm(self.conv(x)).relu()).flatten(1))


def setting(seed, n=4):
    """A network, images of odd sizes, and labels of which some are wrong before."""
    chance = torch.Generator().manual_seed(seed)
    channels, height, width = [(1, 5, 8), (3, 7, 4), (2, 9, 11)][seed % 3]
    net = Counting(channels, height, width, seed)
    x = torch.rand(n, channels, height, width, generator=chance)
    x[0, :, 0] = 0
    x[1, :, -1] = 1
    with torch.no_grad():
        labels = net(x).argmax(1)
    labels[0] = (labels[0] + 1) % 3
    net.seen = 0
    return net, x, labels


def attack(name, net, x, labels, eps, **options):
    if name == "square":
        return A.square_attack(net, x, labels, eps, **options)
    if name == "nes":
        return A.nes_attack(net, x, labels, eps, pairs=3, **options)
    return A.boundary_attack(net, x, labels, 1 - x, halvings=4, **options)


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("eps", [0, 0.07, 0.5])
@pytest.mark.parametrize("queries", [1, 2, 23])
def test_range_norm_queries_and_the_network_as_it_was(name, seed, eps, queries):
    net, x, labels = setting(seed)
    before = x.clone()
    net.norm.train(True)                                 # mixed modes must come back; within it evaluates
    modes = [module.training for module in net.modules()]
    net.conv.weight.grad = torch.full_like(net.conv.weight, 7.0)
    images, taken = attack(name, net, x, labels, eps, queries=queries, seed=seed)
    assert images.shape == x.shape and images.min() >= 0 and images.max() <= 1
    assert torch.equal(x, before) and [module.training for module in net.modules()] == modes
    assert net.conv.weight.grad.eq(7).all() and net.head.weight.grad is None
    assert taken.shape == (len(x),) and int(taken.sum()) == net.seen and taken.max() <= queries and taken.min() >= 1
    assert taken[0] == 1 and torch.equal(images[0], x[0])                            # wrong before
    if name == "boundary":
        assert ((images - x).flatten(1).norm(dim=1) <= (1 - 2 * x).flatten(1).norm(dim=1) + 1e-5).all()
    else:
        assert (images - x).abs().max() <= eps + 1e-6
    again = attack(name, net, x, labels, eps, queries=queries, seed=seed)
    assert torch.equal(again[0], images) and torch.equal(again[1], taken)


@pytest.mark.parametrize("name", ATTACKS)
def test_who_is_fooled_takes_fewer_queries_and_is_fooled(name):
    fooled = 0
    for seed in range(6):
        net, x, labels = setting(seed)
        images, taken = attack(name, net, x, labels, 0.5, queries=40, seed=1)
        with torch.no_grad():
            wrong = net.eval()(images).argmax(1) != labels
        if name == "boundary":
            assert wrong[taken == 40].all()                              # it ends where it began: outside
        else:
            assert wrong[taken < (36 if name == "nes" else 40)].all()
        fooled += int(wrong[1:].sum())
    assert fooled >= 3


@pytest.mark.parametrize("name", ATTACKS)
def test_an_image_fares_alike_among_others(name):
    """The others' answers are exchanged for wrong ones: they stop at once, and nothing changes for the rest."""
    net, x, labels = setting(1, 5)
    images, taken = attack(name, net, x, labels, 0.2, queries=30)
    other = labels.clone()
    other[2] = (other[2] + 1) % 3
    less, fewer = attack(name, net, x, other, 0.2, queries=30)
    keep = [0, 1, 3, 4]
    assert_close(less[keep], images[keep], 1e-6)
    assert torch.equal(fewer[keep], taken[keep]) and fewer[2] == 1


def test_square_lowers_the_margin_and_changes_are_plus_or_minus_eps():
    net, x, labels = setting(2)
    x = 0.4 + 0.2 * x                                                        # so that nothing is clipped
    with torch.no_grad():
        labels = net(x).argmax(1)
        before = A.margin(net(x), labels)
    images, _ = A.square_attack(net, x, labels, 0.05, queries=60)
    with torch.no_grad():
        assert (A.margin(net(images), labels) < before).all()
    assert_close((images - x).abs(), torch.full_like(x, 0.05), 1e-5)


def test_square_finds_the_best_corner_of_a_linear_network():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).eval()
    x = torch.full((3, 1, 3, 4), 0.5)
    with torch.no_grad():
        net[1].bias.copy_(torch.tensor([50.0, 0.0]))                         # never fooled
    images, taken = A.square_attack(net, x, torch.zeros(3, dtype=torch.long), 0.25, queries=400)
    slope = (net[1].weight[0] - net[1].weight[1]).detach().reshape(1, 1, 3, 4)
    assert_close(images, (x - 0.25 * slope.sign()).expand_as(x), 1e-6)
    assert taken.eq(400).all()


@pytest.mark.parametrize(("d", "n"), [(100, 25), (400, 50), (60, 240)])
def test_the_cosine_of_the_estimate(d, n):
    """√(n / (n + d + 1)) for a linear function, the mean over 200 draws within 5 %; and no bias."""
    chance = torch.Generator().manual_seed(d)
    slope = torch.randn(d, generator=chance, dtype=torch.float64)
    x = torch.zeros(200, d, dtype=torch.float64)
    noise = torch.randn(n, 200, d, generator=chance, dtype=torch.float64)
    found = A.nes_gradient(lambda images: images @ slope + 3, x, noise, 0.3)
    assert_close(found, torch.einsum("nk,nkd->kd", noise @ slope, noise) / n, 1e-9)
    cosine = torch.cosine_similarity(found, slope[None]).mean()
    assert abs(cosine / math.sqrt(n / (n + d + 1)) - 1) < 0.05
    assert (found.mean(0) - slope).norm() < 3 * slope.norm() * math.sqrt((d + 1) / n / 200)


def test_antithetic_pairs_ignore_what_is_even():
    noise = torch.randn(7, 2, 5, dtype=torch.float64)
    found = A.nes_gradient(lambda x: x.square().sum(1) + 100, torch.zeros(2, 5, dtype=torch.float64), noise, 0.5)
    assert_close(found, torch.zeros(2, 5, dtype=torch.float64), 1e-9)


def test_a_step_of_nes_by_hand():
    net, x, labels = setting(0)
    images, taken = A.nes_attack(net, x, labels, 0.01, queries=1 + 5, pairs=2, sigma=0.1, step_size=0.01, seed=3)
    noise = torch.randn((2, *x.shape), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        slope = A.nes_gradient(lambda at: A.margin(net(at.clamp(0, 1)), labels), x, noise, 0.1)
    assert_close(images[1:], A.project(x - 0.01 * slope.sign(), x, 0.01)[1:], 1e-6)
    assert taken.tolist() == [1, 6, 6, 6]


def test_the_boundary_is_found_by_halving_and_then_kept():
    """A linear network in two classes: the nearest wrong point is known, and no point of the walk is right again."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 2)).eval()
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[1.0, 2, 0, 1, -1, 0.5], [0, 0, 0, 0, 0, 0]]))
        net[1].bias.copy_(torch.tensor([-1.0, 0]))
    x, start = torch.full((2, 1, 2, 3), 0.5), torch.zeros(2, 1, 2, 3)
    start[1] = 1                                                             # not wrong: it leads nowhere
    seen = []
    images, taken = A.boundary_attack(net, x, [0, 0], start, queries=800, after_query=lambda at, n: seen.append(at))
    walk = torch.stack(seen)[:, 0]
    distance = (walk - x[0]).flatten(1).norm(dim=1)
    with torch.no_grad():
        assert (net(walk).argmax(1) == 1).all()
    assert (distance[1:] <= distance[:-1] + 1e-6).all() and len(seen) == 799
    nearest = 0.75 / math.sqrt(7.25)
    assert nearest - 1e-5 <= distance[-1] < 1.1 * nearest
    assert taken.tolist() == [800, 2] and torch.equal(images[1], x[1])


def test_blocks_are_constant():
    net = nn.Sequential(nn.Flatten(), nn.Linear(35, 2)).eval()
    with torch.no_grad():
        net[1].weight.zero_()[0].fill_(1)
        net[1].bias.copy_(torch.tensor([-10.0, 0]))
    x, start = torch.full((1, 1, 5, 7), 0.5), torch.full((1, 1, 5, 7), 0.2)
    images, _ = A.boundary_attack(net, x, [0], start, queries=100, block=2, halvings=3)
    delta = (images - x)[0, 0]
    assert_close(delta[:4, :6:2], delta[:4, 1::2], 1e-5)
    assert_close(delta[:4:2], delta[1::2], 1e-5)
    assert delta.unique().numel() > 3


images, labels = torch.full((2, 1, 5, 4), 0.5), torch.tensor([0, 1])
net = Counting(1, 5, 4, 0)
noise = torch.zeros(3, 2, 1, 5, 4)
BAD = [
    (A.square_attack, (len, images, labels, 0.1), {}, "square_attack: net must be an nn.Module, got builtin"),
    (A.square_attack, (net, images + 1, labels, 0.1), {}, r"square_attack: x must lie in \[0, 1\], got 1.5 … 1.5"),
    (A.square_attack, (net, images[0], labels, 0.1), {}, "labels must be|input must be"),
    (A.square_attack, (net, images[:, 0], labels, 0.1), {}, r"input must be \(N, C, H, W\), got shape \(2, 5, 4\)"),
    (A.square_attack, (net, images, labels[:1], 0.1), {}, r"labels must be \(2,\) class numbers"),
    (A.square_attack, (net, images, labels, -0.1), {}, "eps must be at least 0, got -0.1"),
    (A.square_attack, (net, images, labels, 0.1), {"queries": 0}, "queries must be at least 1, got 0"),
    (A.square_attack, (net, images, labels, 0.1), {"share": 1.5}, "share must be from 0 to 1, got 1.5"),
    (A.square_attack, (net, images, labels, 0.1), {"seed": -1}, "seed must be at least 0, got -1"),
    (A.nes_attack, (net, images.long(), labels, 0.1), {}, "nes_attack: x must be a tensor of floats, got torch.int64"),
    (A.nes_attack, (net, images, labels, 0.1), {"pairs": 0}, "pairs must be at least 1, got 0"),
    (A.nes_attack, (net, images, labels, 0.1), {"sigma": 0}, "sigma must be a number above 0, got 0"),
    (A.nes_attack, (net, images, labels, 0.1), {"step_size": 0.0}, "step_size must be a number above 0, got 0.0"),
    (A.nes_attack, (net, images, labels, 0.1), {"momentum": 2}, "momentum must be from 0 to 1, got 2"),
    (A.nes_gradient, (len, images, noise[:, :1], 0.1), {}, r"noise must be \(n, 2, 1, 5, 4\), as x with an axis in"),
    (A.nes_gradient, (len, images, noise[:0], 0.1), {}, r"got \(0, 2, 1, 5, 4\)"),
    (A.nes_gradient, (len, images, noise, -1.0), {}, "sigma must be a number above 0, got -1.0"),
    (A.boundary_attack, (net, images, labels, images[:1]), {}, r"start must have the shape of x, \(2, 1, 5, 4\), got"),
    (A.boundary_attack, (net, images, labels, images - 1), {}, r"start must lie in \[0, 1\], got -0.5 … -0.5"),
    (A.boundary_attack, (net, images, labels, images), {"halvings": -1}, "halvings must be at least 0, got -1"),
    (A.boundary_attack, (net, images, labels, images), {"block": 0}, "block must be at least 1, got 0"),
]


@pytest.mark.parametrize(("function", "args", "options", "message"), BAD)
def test_bad_input(function, args, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        function(*args, **options)
