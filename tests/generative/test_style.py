"""Perceptual distance against cosine similarities, images against what they began as, the loops on a small network."""

from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.generative import style
from cnnlib.losses import feature_maps, gram_matrix
from cnnlib.testing import assert_close

chance = torch.Generator().manual_seed(0)
x, y = torch.rand(2, 3, 3, 20, 27, generator=chance)
square, other = torch.rand(1, 3, 24, 24, generator=chance), torch.rand(1, 3, 19, 26, generator=chance)
LAYERS = ("one", "two")


def small():
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(one=nn.Conv2d(3, 6, 3, padding=1), relu=nn.ReLU(),
                                     two=nn.Conv2d(6, 5, 3, stride=2, padding=1)))


net = small()
OPTIONS = {"style_layers": LAYERS, "content_layers": ("two",)}
BAD = [
    (style.perceptual_distance, (net, 2 * x - 1, y, LAYERS), {}, r"perceptual_distance: x must lie in \[0, 1\], got -"),
    (style.perceptual_distance, (net, x, 255 * y, LAYERS), {}, r"perceptual_distance: y must lie in \[0, 1\], got"),
    (style.perceptual_distance, (net, x, y[:2], LAYERS), {}, "perceptual_distance: x and y must have one shape, got"),
    (style.perceptual_distance, (net, x[:, :2], y[:, :2], LAYERS), {}, r"x must be \(N, 3, H, W\), got shape"),
    (style.perceptual_distance, (net, x, y, ["three"]), {}, "layers must be among one, relu, two; got 'three'"),
    (style.perceptual_distance, (net, x, y, LAYERS), {"prepare": 1}, "prepare must be None or a function, got 1"),
    (style.perceptual_distance, (net, x, y.byte()), {}, "perceptual_distance: y must be a tensor of floats, got torch"),
    (style.fourier_image, (other,), {}, "fourier_image: x must be square, got shape"),
    (style.fourier_image, (square + 1,), {}, r"fourier_image: x must lie in \[0, 1\]"),
    (style.style_transfer, (net, x, other), OPTIONS, "style_transfer: content must be one image"),
    (style.style_transfer, (net, square, other - 1), OPTIONS, r"style_transfer: style must lie in \[0, 1\], got -"),
    (style.style_transfer, (net, square, other, 0), OPTIONS, "style_transfer: steps must be at least 1, got 0"),
    (style.style_transfer, (net, square, other), OPTIONS | {"shift": -1}, "style_transfer: shift must be at least 0"),
    (style.style_transfer, (net, square, other), {"style_layers": "one"}, "style_layers must be a list of names, got"),
    (style.texture_synthesis, (net, x), {"layers": LAYERS}, "texture_synthesis: texture must be one image"),
    (style.texture_synthesis, (net, other, 0), {"layers": LAYERS}, "texture_synthesis: size must be at least 1, got 0"),
]


def test_the_distance_is_two_minus_twice_the_cosine():
    ours, theirs = feature_maps(net, 4 * x - 2, LAYERS), feature_maps(net, 4 * y - 2, LAYERS)
    wanted = sum((2 - 2 * F.cosine_similarity(ours[layer], theirs[layer], 1)).mean((1, 2)) for layer in LAYERS)
    found = style.perceptual_distance(net, x, y, LAYERS, prepare=lambda image: 4 * image - 2)
    assert found.shape == (3,)
    assert_close(found.detach(), wanted.detach(), 1e-5)


def test_it_is_a_distance_of_each_pair_and_has_gradients():
    one = style.perceptual_distance(net, x[1:2], y[1:2], LAYERS)
    assert_close(style.perceptual_distance(net, x, y, LAYERS)[1:2].detach(), one.detach(), 1e-5)
    assert_close(style.perceptual_distance(net, y[1:2], x[1:2], LAYERS).detach(), one.detach(), 1e-6)
    assert style.perceptual_distance(net, x, x, LAYERS).abs().max() == 0
    moved = x.clone().requires_grad_()
    style.perceptual_distance(net, moved, y, LAYERS).sum().backward()
    assert torch.isfinite(moved.grad).all() and moved.grad.abs().max() > 0


def test_channels_that_are_all_dead_give_no_nan():
    dead = nn.Sequential(OrderedDict(one=nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())))
    nn.init.constant_(dead.one[0].bias, -100.0)
    moved = x.clone().requires_grad_()
    style.perceptual_distance(dead, moved, y, ["one"]).sum().backward()
    assert moved.grad.abs().max() == 0


@pytest.mark.parametrize("size", [24, 25])
def test_an_image_begins_as_it_is(size):
    image = torch.rand(2, 3, size, size, generator=chance)
    assert_close(style.fourier_image(image)().detach(), image.clamp(0.02, 0.98), 1e-4)


def test_the_texture_comes_nearer_and_the_network_stays():
    before, seen = {key: value.clone() for key, value in net.state_dict().items()}, []
    net.train()
    net.zero_grad()
    image = style.texture_synthesis(net, other, 21, 80, layers=LAYERS, shift=3, seed=1,
                                    after_step=lambda *row: seen.append(row))
    assert image.shape == (1, 3, 21, 21) and 0 < image.min() and image.max() < 1
    assert [row[0] for row in seen] == list(range(1, 81)) and seen[-1][2] < seen[0][2] / 2
    assert seen[-1][3] == 0 and torch.equal(seen[-1][1], image)
    assert net.training and all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_losses_are_relative_gram_matrices_and_features():
    rows, begun = [], square.clamp(0.02, 0.98)
    image = style.style_transfer(net, square, other, 1, shift=0, after_step=lambda *row: rows.append(row), **OPTIONS)
    first, wanted = feature_maps(net, begun, LAYERS), feature_maps(net, other, LAYERS)
    pairs = [(gram_matrix(first[layer]), gram_matrix(wanted[layer])) for layer in LAYERS]
    textures = [(ours - theirs).norm()**2 / theirs.norm()**2 for ours, theirs in pairs]
    there = feature_maps(net, square, ["two"])["two"]
    assert_close(rows[0][2], float(sum(textures) / 2), 1e-4)
    assert_close(rows[0][3], float((first["two"] - there).norm()**2 / there.norm()**2), 1e-4)
    assert not torch.equal(image, begun)


def test_the_weight_of_the_content_holds_the_content():
    def content(weight):
        rows = []
        style.style_transfer(net, square, other, 30, content_weight=weight, seed=2,
                             after_step=lambda *row: rows.append(row), **OPTIONS)
        return rows[-1]
    strong, weak = content(10.0), content(0.01)
    assert strong[3] < weak[3] and weak[2] < strong[2]
    assert content(10.0)[2] == strong[2]                                 # the same again
